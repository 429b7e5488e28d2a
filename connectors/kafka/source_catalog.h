/* source_catalog.h - what topics and partitions there are, and from which offset to which they reach.
 *
 * Waits for the brokers, in slices, at most as long as `patience_us` says, and a quarter of it where none can be reached.
 * `task`: whose stop ends the waiting; NULL: nobody's. Thread: any.
 */
#ifndef LEAT_KAFKA_SOURCE_CATALOG_H
#define LEAT_KAFKA_SOURCE_CATALOG_H

#include <kafka/client.h>

struct source_topic {
    char *name;
    int32_t partitions; /* 0: the brokers know none of that name */
};
struct source_topics { /* begin as {0} */
    struct source_topic *items;
    size_t count;
};

/* All topics that `wanted` names, there or not, and with patterns all others too. RETRY: the brokers do not answer. */
enum leat_status source_topics_look(struct kafka_client *client, struct leat_task *task, const struct leat_list *wanted,
                                    int64_t patience_us, struct source_topics *topics, struct leat_error *err);
void source_topics_free(struct source_topics *topics);
const struct source_topic *source_topics_find(const struct source_topics *topics, const char *name);

#define SOURCE_AT_FIRST (-2) /* as the protocol says it; milliseconds since 1970 else: the first record that is not older */
#define SOURCE_AT_END   (-1) /* of what is committed */
#define SOURCE_UNKNOWN  INT64_MIN
struct source_ask {
    const char *topic;
    int32_t partition;
    int64_t offset; /* the answer; SOURCE_UNKNOWN: none for this one; SOURCE_AT_END: no record is so young */
};
enum leat_status source_offsets(struct kafka_client *client, struct leat_task *task, int64_t at, struct source_ask *asks,
                                size_t count, int64_t patience_us, struct leat_error *err);

#endif
