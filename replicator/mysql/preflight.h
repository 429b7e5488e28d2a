/* preflight.h - is the server ready to be read from? Each finding names the statement that mends it. */
#ifndef LEAT_MYSQL_PREFLIGHT_H
#define LEAT_MYSQL_PREFLIGHT_H

#include <mysql/client.h>

enum leat_status preflight_check(const struct client_options *options, const struct leat_list *patterns,
                                 struct leat_report *report, struct leat_error *err);

#endif
