/* source_group.h - tells a consumer group how far the source has come, for lag tools alone: nothing reads it back.
 *
 * What is durable here is told; the newest of each partition, now and then. Thread: the owner's. */
#ifndef LEAT_KAFKA_SOURCE_GROUP_H
#define LEAT_KAFKA_SOURCE_GROUP_H

#include <kafka/source_parts.h>

struct source_owed { /* an offset that is durable when the batch is */
    uint64_t batch;
    struct source_part *part;
    int64_t offset;
};

struct source_group { /* begin as {0} */
    struct source_owed *owed; /* in the order of batches */
    size_t first, count, cap;
    struct leat_time next_at;
};

/* The positions of a batch that is handed out. */
void source_group_owe(struct source_group *group, struct source_parts *parts, const struct leat_batch *batch);
void source_group_durable(struct source_group *group, uint64_t up_to_batch);
/* Tells what is due; with `wait_ms` waits for the answer. A refusal is said, and changes nothing. */
void source_group_tell(struct source_group *group, const struct source_parts *parts, int wait_ms);
void source_group_close(struct source_group *group);

#endif
