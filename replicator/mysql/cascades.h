/* cascades.h - foreign keys by which the server changes rows without a word in its log. */
#ifndef LEAT_MYSQL_CASCADES_H
#define LEAT_MYSQL_CASCADES_H

#include <leat/source.h>
#include <mysql/client.h>

/* Warns where a foreign key deletes or changes rows of the table: InnoDB does it below the log. MySQL from 9.6 on logs such
 * rows. RETRY: the connection is lost. */
enum leat_status cascades_report(struct client *client, const char *database, const char *table, struct leat_report *report,
                                 struct leat_error *err);

#endif
