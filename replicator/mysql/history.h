/* history.h - is the server's binary log still the one that was read? RESET MASTER, a restored backup or another server make
 * another one under the same names, and going on in it would leave changes out without a word (I7). */
#ifndef LEAT_MYSQL_HISTORY_H
#define LEAT_MYSQL_HISTORY_H

#include <mysql/client.h>
#include <mysql/position.h>

/* STOP: it is not. A file that is gone altogether is left to the dump, which says what was purged. */
enum leat_status history_check(struct client *client, const struct position *position, const char *connector,
                               struct leat_error *err);

#endif
