#include <control/builtin.h>

#include <console/console.h>
#include <control/share.h>
#include <file/file.h>
#include <http/http.h>
#include <kafka/kafka.h>
#include <mysql/mysql.h>
#include <redis/redis.h>
#include <script/script.h>
#include <stdin/stdin.h>
#include <tail/tail.h>
#include <string.h>
#include <toy/toy.h>

const struct leat_source_type *const leat_builtin_sources[] = {
    &leat_source_http, &leat_source_kafka, &leat_source_mysql, &leat_source_redis, &leat_source_stdin, &leat_source_tail, &leat_source_toy, NULL};

const struct leat_sink_type *const leat_builtin_sinks[] = {
    &leat_sink_console, &leat_sink_file, &leat_sink_http, &leat_sink_kafka, &leat_sink_mysql, &leat_sink_redis, &leat_sink_toy, NULL};

const struct leat_transform_type *const leat_builtin_transforms[] = {&leat_transform_filter, &leat_transform_lua,
                                                                     NULL};

const struct leat_coordinator_type *const leat_builtin_coordinators[] = {&leat_coordinator_kafka, &leat_coordinator_single,
                                                                         NULL};

const struct leat_coordinator_type *leat_coordinator_find(const char *name)
{
    for (const struct leat_coordinator_type *const *type = leat_builtin_coordinators; *type; type++)
        if (strcmp((*type)->name, name) == 0)
            return *type;
    return NULL;
}
