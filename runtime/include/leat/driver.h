/* driver.h - what implements an OpenMessaging access point.
 *
 *   oms:DRIVER:...  --open-->  access point  --writer_open-->  writer   append -> ticket, durable
 *                                            --reader_open-->  reader   judge, seek, read, hint
 *
 * Writer and reader are each used by one task's owner thread. Both show an fd that becomes readable when
 * there is news, so that a task waits for records, its target and its stop in one leat_wait().
 */
#ifndef LEAT_DRIVER_H
#define LEAT_DRIVER_H

#include <leat/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_access; /* an open access point; the driver's own struct */
struct leat_writer;
struct leat_reader;

/* How durable an append is before it counts. */
enum leat_fsync { LEAT_FSYNC_EVERY_COMMIT, LEAT_FSYNC_EVERY, LEAT_FSYNC_NEVER };

struct leat_log_settings { /* of one pipeline's log; ignored by drivers that have no log */
    enum leat_fsync fsync;
    int64_t fsync_every_us;
    int64_t retain_age_us;   /* 0: for ever */
    int64_t retain_bytes;    /* 0: unbounded */
    int64_t rewind_us;       /* margin kept behind every consumer */
    bool releases_slowest;   /* on_full: what a consumer has not read goes, beyond retain_bytes and where the disk is full;
                              * otherwise who brings records waits for it */
    int64_t min_free_bytes;  /* left free on the disk: without it no new segment is begun, and sources pause */
};

struct leat_access_config {
    const char *url;      /* "oms:commitlog:", as the user wrote it */
    const char *data_dir; /* absolute */
    bool is_read_only;    /* beside a running daemon: no lock, nothing is written */
    const struct leat_driver_type *type;
};

struct leat_writer_config {
    const char *log;       /* name of the pipeline's log */
    const char *connector; /* owner of the positions, "shop" */
    struct leat_log_settings settings;
    uint32_t task;         /* its number among the connector's: each claims for itself */
    int64_t batch_bytes;   /* byte budget of the task: bounds what is queued and not durable */
    bool takes_over;       /* it begins here because somebody wants it to: whoever of another process holds the positions loses
                            * them. Otherwise one that was ours, and was taken over meanwhile, is FENCED. */
    bool brings_new;       /* append() says AGAIN while a consumer is behind by more than retain_bytes */
};

struct leat_subscription {
    const char *const *logs; /* names of logs to read, NULL-terminated; NULL: all */
    const struct leat_list *patterns; /* topics; NULL: all but dead letters */
    const char *consumer;    /* connector name: registers a retention floor; NULL: a passing reader */
    uint32_t lane, lanes;    /* parallel sinks; 0 of 1. Lane of a record: key_hash % lanes. A lane that long finds nothing
                              * of its own is given batches without records, so that its mark moves on */
    bool barriers;           /* lanes: `t` records come to each of them, and alone */
};

/* What judge() says of a stored mark. */
enum leat_verdict {
    LEAT_MARK_INSIDE,  /* go on there */
    LEAT_MARK_REWOUND, /* behind our hint: the target lost its tail; go on there, replaying */
    LEAT_MARK_AHEAD,   /* beyond what the log holds: the log was restored from a backup */
    LEAT_MARK_CUT,     /* beyond the end of what this very log wrote: acknowledged records are gone from it */
    LEAT_MARK_GONE,    /* before the oldest record kept */
    LEAT_MARK_FOREIGN, /* another log, or an incarnation that is not in our lineage */
    LEAT_MARK_NONE,    /* the target has none, and we have no hint either: a new sink */
    LEAT_MARK_LOST,    /* the target has none, but we have a hint: wiped, or the wrong target */
};

struct leat_place { /* where a reader starts */
    enum { LEAT_AT_FIRST, LEAT_AT_END, LEAT_AT_TIME, LEAT_AT_OFFSET, LEAT_AT_CURSOR } kind;
    int64_t time_us;
    const char *topic;
    int32_t partition;
    uint64_t offset;
    struct leat_cursor cursor;
};

struct leat_topic_info {
    const char *name;
    const char *log;
    int32_t partition;
    uint64_t first, next; /* offsets: [first, next) */
    uint64_t bytes;       /* about */
    int64_t first_us, last_us;
};
typedef void leat_topic_f(void *arg, const struct leat_topic_info *info);

/* Keyed state of a log as others see it: positions, hints, intents. */
enum leat_state_kind {
    LEAT_STATE_POSITION = 'p', /* connector -> source position key -> value */
    LEAT_STATE_TRANSFORM = 't',
    LEAT_STATE_HINT = 'h',   /* sink connector -> split -> encoded mark */
    LEAT_STATE_INTENT = 'i', /* sink connector -> identity of a dead letter; "generation" of a replay; "began N": when
                              * its task N began at the end of what there was */
};
struct leat_state { /* one entry; key and value are native values */
    enum leat_state_kind kind;
    const char *connector;
    struct leat_value key, value; /* value NULL: remove */
};
typedef void leat_state_f(void *arg, const char *log, const struct leat_state *state);

struct leat_consumer_info { /* who has a place in retention */
    const char *name, *log;
    uint64_t kept; /* bytes of the log from that place on: they stay for it */
};
typedef void leat_consumer_f(void *arg, const struct leat_consumer_info *info);

struct leat_lag {
    int64_t records, bytes, us; /* -1: unknown */
};

struct leat_driver_type {
    uint32_t struct_size;
    uint32_t traits;
    const char *name, *about; /* "commitlog" */

    enum leat_status (*open)(const struct leat_access_config *config, struct leat_access **access,
                             struct leat_error *err);
    void (*close)(struct leat_access *access);
    enum leat_status (*describe)(struct leat_access *access, leat_topic_f *topic, leat_state_f *state,
                                 void *arg, struct leat_error *err); /* topic or state may be NULL */

    /* Claims the connector's positions for this task (epoch + 1: who held them is fenced) and returns them, durable;
     * they live until writer_close. */
    enum leat_status (*writer_open)(struct leat_access *access, const struct leat_writer_config *config,
                                    struct leat_writer **writer, const struct leat_positions **from,
                                    struct leat_error *err);
    /* One commit unit: records not dropped + positions + state. The batch is free again on return.
     * LEAT_AGAIN: too much is queued, or the disk is full; wait for the fd; err->text may say why that may last. `audience`: only this consumer
     * reads it; NULL: all. */
    enum leat_status (*append)(struct leat_writer *writer, struct leat_batch *batch,
                               const struct leat_state *states, size_t state_count,
                               const char *audience, uint64_t *ticket, struct leat_error *err);
    /* Highest durable ticket. LEAT_RETRY: all above it is void. */
    enum leat_status (*durable)(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err);
    int (*writer_fd)(struct leat_writer *writer);
    void (*writer_close)(struct leat_writer *writer);

    enum leat_status (*reader_open)(struct leat_access *access, const struct leat_subscription *what,
                                    struct leat_reader **reader, struct leat_splits *splits,
                                    struct leat_error *err); /* splits live until reader_close */
    enum leat_verdict (*judge)(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark);
    enum leat_status (*seek)(struct leat_reader *reader, uint32_t split, const struct leat_place *place,
                             struct leat_error *err);
    /* Fills an empty batch from one split, at most up to its limits, never above the durable watermark.
     * LEAT_AGAIN: nothing now; *end tells whether the end of what is durable was reached. */
    enum leat_status (*read)(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err);
    /* Our copy of a mark: a hint and a retention floor, never the truth (I3). Lazy. */
    enum leat_status (*hint)(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark,
                             struct leat_error *err);
    void (*lag)(struct leat_reader *reader, struct leat_lag *lag);
    int (*reader_fd)(struct leat_reader *reader);
    void (*reader_close)(struct leat_reader *reader);

    /* Optional. Gives up the consumer's place in retention, in all logs: what only it needed may go. Durable with the next
     * unit, and with close(). *count: places that it had. */
    enum leat_status (*forget)(struct leat_access *access, const char *consumer, uint32_t *count,
                               struct leat_error *err);
    /* Optional, as a connector's: servers, rights and settings for these logs (NULL-terminated), of which none may be there. */
    enum leat_status (*check)(struct leat_access *access, const char *const *logs, struct leat_report *report,
                              struct leat_error *err);
    /* Optional. All consumers of the logs that are open (describe() opens all); the lanes of one are one. */
    void (*consumers)(struct leat_access *access, leat_consumer_f *each, void *arg);
};

#ifdef __cplusplus
}
#endif
#endif
