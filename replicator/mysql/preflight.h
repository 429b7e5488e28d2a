/* preflight.h - is the server ready to be read from? Each finding names the statement that mends it. */
#ifndef LEAT_MYSQL_PREFLIGHT_H
#define LEAT_MYSQL_PREFLIGHT_H

#include <mysql/client.h>

/* `is_one_of_many`: a replica that is still being brought the tables need not have them. */
enum leat_status preflight_check(const struct client_options *options, const struct leat_list *patterns, bool is_one_of_many,
                                 struct leat_report *report, struct leat_error *err);

#endif
