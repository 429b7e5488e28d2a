/* sink_check.h - what a target must be and allow, with the statement that mends it. */
#ifndef LEAT_MYSQL_SINK_CHECK_H
#define LEAT_MYSQL_SINK_CHECK_H

#include <mysql/client.h>

struct sink_settings {
    struct client_options client;
    const char *database, *table, *marks_table;
    int64_t mode;
};

enum leat_status sink_check(const struct sink_settings *settings, bool create, struct leat_report *report,
                            struct leat_error *err);

#endif
