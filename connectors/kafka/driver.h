/* driver.h - oms:kafka: topics in Kafka instead of in the data directory.
 *
 *   oms:kafka://HOST:PORT,HOST:PORT/NAMESPACE[?PROPERTY=VALUE&...]
 *
 *   NAMESPACE.log.LOG     one partition: the records of a log in the order written, as frames (driver_frame.c). So a log
 *                         has here the same total order as in the embedded driver, and a sink one split and one mark of it
 *   NAMESPACE.state.LOG   one partition, compacted: the newest record of a key counts. Keys:
 *
 *     'p' 't' 'h' 'i' | connector | 0 | native value         positions, transform state, hints, intents
 *     'f' | consumer | 0 | lane name                         how far a consumer has come, u64: Kafka offset
 *     'n' | connector | 0 | task, u32 big-endian | topic     what a writer has written to a topic
 *     'w' | connector | 0 | task, u32 big-endian             who claimed it: epoch u64, end of the log u64, owner text
 *     's' | hash, u64 big-endian                             a schema
 *     'l' | 16 bytes                                         an identity of the log: the first one ever written counts
 *
 * The commit unit is a Kafka transaction of the task's own transactional id, "leat.NAMESPACE.CONNECTOR.TASK", with frames
 * and state in it; one transaction takes all units that came while the one before was committed. Hints are written outside.
 *
 *   task's thread   append() encodes into a round         read() takes frames that have been fetched
 *   "leat-kwriter"  begin -> round -> commit, for each writer (driver_writer.c)
 *   "leat-kstate"   follows the state topics of all logs, writes hints: one for each access point (driver_state.c)
 *
 * Reading order: driver_state.c, driver_frame.c, driver_writer.c, driver_reader.c,
 * driver_marks.c, driver_lag.c, driver.c.
 */
#ifndef LEAT_KAFKA_DRIVER_H
#define LEAT_KAFKA_DRIVER_H

#include <base/hash.h>
#include <base/os.h>
#include <base/thread.h>
#include <base/wire.h>
#include <kafka/writer.h>
#include <model/batch.h>
#include <model/native.h>
#include <model/positions.h>

#define STATE_FLOOR  'f'
#define STATE_TOPIC  'n'
#define STATE_CLAIM  'w'
#define STATE_SCHEMA 's'
#define STATE_LOG    'l'

#define MESSAGE_MOST 67108864 /* bytes of a frame: the log's topic is made so that it takes as much */

struct kuuid {
    uint8_t bytes[16];
};

struct kentry { /* the newest value of a key of state */
    size_t len;
    uint8_t bytes[];
};

struct klog { /* lives as long as the access point; `name` to `follow` do not change */
    struct leat_access *access;
    char *name, *data_topic, *state_topic;
    rd_kafka_topic_t *follow; /* the state's topic, of the follower's handle */
    /* under the access point's lock */
    struct leat_table state;  /* key -> struct kentry */
    struct leat_table hints;  /* of those not written yet */
    int64_t state_at;         /* the follower has taken all before this offset */
    int64_t state_end;        /* what this process committed ends here */
    int64_t data_end;         /* the same of the data */
    struct kuuid uuid;
    bool has_uuid;
};

struct leat_access {
    char *url, *namespace;
    struct kafka_access how;
    char **property_texts; /* what `how` and the rest point to */
    size_t property_count;
    const char *retention_ms, *retention_bytes, *min_insync;
    int64_t replication; /* 0: three, or as many as there are brokers */
    bool is_read_only;
    struct leat_lock opening;         /* held while logs are opened, and of `silent_at`, `silence` */
    struct leat_time silent_at;       /* when somebody last asked in vain ... */
    struct leat_error silence;        /* ... and what came of it */
    struct kafka_client asker;        /* reads uncommitted: says where a topic really ends */
    struct kafka_client follower;     /* reads committed */
    rd_kafka_queue_t *follow_queue;
    struct kafka_writer hinter;       /* outside of transactions; the thread's */
    pthread_t thread;
    bool has_thread;
    atomic_bool is_closing;
    struct leat_lock lock; /* of what follows, and of the logs */
    struct leat_cond news;
    struct klog **logs;
    size_t log_count;
    struct leat_reader *readers; /* who wants to hear of new schemas */
    bool has_unknown_log;        /* another process has made one since they were opened */
    struct leat_table troubled;  /* writers of this process that ended with RETRY: "LOG connector task" */
    struct leat_table clear;     /* ... of which it is known how the last commit ended, that of an earlier process, too */
    struct leat_table given;     /* partitions that its writers took: u32, topic -> "LOG connector task" */
    bool wants_hints_now;
    uint64_t hint_rounds; /* that were written, or given up */
};

/* ---- driver_check.c ---- */
enum leat_status kdriver_check(struct leat_access *access, const char *const *logs, struct leat_report *report,
                               struct leat_error *err);

/* ---- driver_state.c ---- */
enum leat_status kaccess_connect(struct leat_access *access, struct leat_error *err);
void kaccess_disconnect(struct leat_access *access);
/* Opens or finds; makes it where it is not there, unless the access point is read-only. */
enum leat_status klog_open(struct leat_access *access, const char *name, struct klog **log, struct leat_error *err);
enum leat_status klogs_open(struct leat_access *access, struct leat_error *err); /* all of the namespace */
struct klog *klog_at(struct leat_access *access, size_t index);                 /* NULL behind the last one */
/* Waits until the state holds all that is in Kafka now: transactions that are open in it have to end first, unless what
 * is_committed before them is enough. */
enum leat_status klog_sync(struct klog *log, bool is_committed, struct leat_error *err);
/* First and end offset of the data; is_committed: the end is before all open transactions. */
enum leat_status klog_range(struct klog *log, bool is_committed, int64_t *low, int64_t *end, struct leat_error *err);
/* Under the access point's lock; NULL where there is none. */
const struct kentry *klog_get(const struct klog *log, const void *key, size_t len);
void klog_take_topic(struct klog *log, const void *key, size_t key_len, const void *value, size_t len);
void klog_key(struct leat_bytes *out, char kind, const char *connector, const void *rest, size_t len);
void klog_state_key(struct leat_bytes *out, const struct leat_state *state);
void klog_put_hint(struct klog *log, const void *key, size_t key_len, const void *value, size_t len);
void kaccess_write_hints(struct leat_access *access); /* waits a moment for it */
const struct leat_schema *klog_schema(struct klog *log, uint64_t hash); /* NULL: not seen yet */

/* ---- driver_frame.c ---- */
struct ktopic { /* what a writer has written to a topic: value of a 'n' key */
    int32_t partition;
    uint64_t next, bytes;
    int64_t first_us, last_us;
};
void ktopic_write(struct leat_bytes *out, const struct ktopic *topic); /* cleared before */
bool ktopic_read(struct ktopic *topic, const struct kentry *entry);
bool ktopic_key(const void *key, size_t len, const char **name, size_t *name_len); /* false: of another kind */

struct kpart { /* a topic in a frame */
    const struct leat_topic *topic;
    int32_t partition;
    uint64_t base; /* offset of its first record here */
    uint32_t count;
};
struct kframe { /* decoded head; points into the message */
    int64_t time_us;
    const char *audience; /* not terminated; len 0: all */
    size_t audience_len;
    struct kpart *parts;
    uint32_t part_count, part_cap;
    uint64_t *schemas; /* hashes; id 1 is the first */
    uint32_t schema_count, schema_cap;
    struct leat_cut stream;
};
bool kframe_read(struct kframe *frame, const void *bytes, size_t len);
void kframe_fini(struct kframe *frame);
void kframe_write(struct leat_bytes *out, const struct kframe *frame);

/* ---- driver_writer.c ---- */
enum leat_status kwriter_open(struct leat_access *access, const struct leat_writer_config *config,
                              struct leat_writer **writer, const struct leat_positions **from, struct leat_error *err);
enum leat_status kwriter_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                                size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err);
enum leat_status kwriter_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err);
int kwriter_fd(struct leat_writer *writer);
void kwriter_close(struct leat_writer *writer);
/* Ends the transaction that an earlier life of this task may have left open: nobody reads beyond it before. */
enum leat_status kwriter_end_open(struct klog *log, const char *connector, uint32_t task, struct leat_error *err);

/* ---- driver_reader.c, driver_marks.c ---- */
enum leat_status kreader_open(struct leat_access *access, const struct leat_subscription *what,
                              struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err);
enum leat_verdict kreader_judge(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark);
enum leat_status kreader_seek(struct leat_reader *reader, uint32_t split, const struct leat_place *place,
                              struct leat_error *err);
enum leat_status kreader_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err);
enum leat_status kreader_hint(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark,
                              struct leat_error *err);
void kreader_lag(struct leat_reader *reader, struct leat_lag *lag);
int kreader_fd(struct leat_reader *reader);
void kreader_close(struct leat_reader *reader);
void kreader_wake_all(struct leat_access *access);    /* under the access point's lock */
bool kreader_follows_all(struct leat_access *access); /* the same; does any reader? */
enum leat_status kdriver_forget(struct leat_access *access, const char *consumer, uint32_t *count, struct leat_error *err);

#endif
