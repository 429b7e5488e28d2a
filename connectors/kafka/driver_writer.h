/* driver_writer.h - the writing half of the driver.
 *
 *   driver_unit.c    append: a batch becomes frames and state of the round that is filled
 *   driver_writer.c  claims, the thread that commits rounds, open and close
 */
#ifndef LEAT_KAFKA_DRIVER_WRITER_H
#define LEAT_KAFKA_DRIVER_WRITER_H

#include <kafka/driver.h>

#define KFRAME_BYTES ((size_t)248 << 10) /* a stream that reached this is a frame */
#define HEAD_MOST    ((size_t)1 << 20)   /* of a frame's tables */
#define OWNER_ROOM   256

struct kmessage {
    bool is_state, is_removal;
    size_t key_at, key_len, value_at, value_len;
    int64_t time_ms;
};

struct kround {
    struct leat_bytes bytes;
    struct kmessage *messages;
    uint32_t count, cap;
    struct leat_table keys; /* of state -> its message: 1 + index */
    uint64_t ticket;        /* of the last unit; 0: empty */
};

struct written { /* a topic, as this writer writes it: it alone counts the offsets of this partition */
    const struct leat_topic *topic;
    int32_t partition;
    uint64_t next, bytes;
    int64_t first_us, last_us;
    uint64_t unit_next, unit_bytes; /* with the unit at hand */
    uint64_t unit, frame;           /* numbers of those that it is in */
    uint32_t slot;                  /* in the frame */
};

struct leat_writer {
    struct klog *log;
    char *connector, *key_of_claim;
    uint32_t task;
    uint64_t epoch, most_bytes;
    struct leat_positions *positions;
    /* the owner thread's */
    struct written **topics; /* by number of the process's topic */
    uint32_t topic_cap;
    struct written **in_unit;
    uint32_t in_unit_count, in_unit_cap;
    struct leat_table sent_schemas; /* that earlier units hold, or this one */
    const struct leat_schema **new_schemas;
    uint32_t new_schema_count, new_schema_cap;
    struct kframe frame;
    struct leat_bytes stream, key, value;
    uint64_t unit, frame_number;
    /* the thread's */
    struct kafka_writer producer;
    rd_kafka_topic_t *data, *state;
    int64_t last_data, last_state;
    atomic_bool is_stopping; /* of the producer's waits */
    pthread_t thread;
    bool has_thread;
    /* both */
    struct leat_lock lock;
    struct leat_cond news;
    struct leat_bell bell;
    struct kround rounds[2], *filling;
    bool is_ending, is_over; /* the thread is to end, has ended */
    uint64_t last_ticket, durable;
    enum leat_status status; /* not OK: the writer is over */
    struct leat_error err;
};

struct kmessage *kround_add(struct kround *round);
/* `value` NULL removes the key. */
void kround_put_state(struct kround *round, const struct leat_bytes *key, const void *value, size_t len);
/* A topic that this writer wrote in an earlier life. */
void kwriter_load_topic(struct leat_writer *writer, const uint8_t *name, size_t len, const struct kentry *entry);
/* The epoch of the newest claim that is known. */
uint64_t kwriter_claimed_epoch(struct leat_writer *writer, char owner[OWNER_ROOM]);

#endif
