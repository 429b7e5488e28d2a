/* memory.h - what this process remembers of a sink while it is closed and opened again. Any thread. */
#ifndef LEAT_KAFKA_MEMORY_H
#define LEAT_KAFKA_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct kafka_memory {
    bool has_claimed;    /* the marks are ours, unless another has taken them since */
    int64_t batch_bytes; /* most bytes of a batch of messages; 0: librdkafka's */
};

struct kafka_memory kafka_recall(const char *id);
void kafka_remember(const char *id, struct kafka_memory memory);

/* "leat on HOST, pid PID, since TIME (ID)": the same for the life of the process, different from all others. */
const char *kafka_owner(void);

#endif
