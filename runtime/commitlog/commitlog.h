/* commitlog.h - one log of segments: bytes, durable in units, in one order.
 *
 *        append                         flusher (one thread for all logs)             readers
 *   unit: frames + state  -> queue ->  LSN, chain, header CRC -> pwritev -> fdatasync -> durable -> next()
 *
 * This folder knows no record. A unit is one or more frames of opaque streams, each with a table of the topics
 * that it holds records of, and keyed state. It becomes durable as one (I1); nothing above `durable` is shown (I2).
 * The format on disk is the opening comment of format.h. LSN = byte position in the log, for ever.
 *
 * Threads: append, state and reader functions from any thread (a unit and a reader belong to one thread at a
 * time). After a failed write or sync the log has *failed*: nothing more becomes durable, every call says so.
 */
#ifndef LEAT_COMMITLOG_H
#define LEAT_COMMITLOG_H

#include <base/buffer.h>
#include <base/os.h>
#include <base/thread.h>
#include <leat/driver.h>

struct leat_log;
struct leat_flusher;

struct leat_uuid {
    uint8_t bytes[16];
};

struct leat_log_config {
    const char *dir;  /* DATA/logs/NAME; made when missing (not when read-only) */
    const char *name; /* for messages */
    const struct leat_os *os;
    bool is_read_only; /* beside the daemon: no lock, nothing written; sees what is durable by the frames */
    struct leat_log_settings settings;
    uint64_t segment_min, segment_max; /* bytes; 0: 1 MiB, 256 MiB */
    uint64_t fold_bytes;               /* least growth between folds; 0: 64 MiB */
    uint64_t queue_bytes;              /* append says AGAIN beyond this; 0: 4 MiB */
};

/* ---- the flusher: gathers while the previous sync runs; no timer ---- */

enum leat_status leat_flusher_start(struct leat_flusher **flusher, struct leat_error *err);
void leat_flusher_stop(struct leat_flusher *flusher);
/* Without its thread, for the simulator: one round over all logs. True when it did something. */
struct leat_flusher *leat_flusher_manual(void);
bool leat_flusher_step(struct leat_flusher *flusher);

/* ---- life ---- */

/* Recovers: cuts a torn tail (saved in quarantine/), refuses rotten acknowledged data (LEAT_STOP, cause DAMAGED),
 * draws a new incarnation. `flusher` NULL when read-only. */
enum leat_status leat_log_open(struct leat_log **log, const struct leat_log_config *config,
                               struct leat_flusher *flusher, struct leat_error *err);
/* Clean stop: what is queued is written, then a fold, then the end is marked clean. */
void leat_log_close(struct leat_log *log);

struct leat_log_info {
    struct leat_uuid uuid, incarnation;
    uint64_t first_lsn, durable_lsn, end_lsn; /* end: appended, perhaps not durable */
    uint64_t disk_bytes;
    uint64_t cut_bytes; /* torn tail that this start cut */
    bool is_failed, is_full; /* full: ENOSPC; drains, takes no data */
};
void leat_log_info(struct leat_log *log, struct leat_log_info *info);
/* Other settings from now on: a log may be opened by a reader before its writer says them. */
void leat_log_set(struct leat_log *log, const struct leat_log_settings *settings);

/* ---- topics: one partition each, numbered by the log; known for ever once used ---- */

struct leat_log_topic {
    uint32_t id;
    int32_t partition;
    const char *name; /* lives as long as the log */
    uint64_t first, next; /* offsets kept: [first, next), durable ones */
    uint64_t bytes;       /* with what was appended since, as the times are */
    int64_t first_us, last_us; /* first: of the oldest record kept, or some time before it */
};
/* The topic's id; a new one becomes part of the next unit that uses it. */
uint32_t leat_log_topic(struct leat_log *log, const char *name, int32_t partition);
typedef void leat_log_topic_f(void *arg, const struct leat_log_topic *topic);
void leat_log_topics(struct leat_log *log, leat_log_topic_f *each, void *arg);

/* ---- writing ---- */

enum leat_log_kind { LEAT_LOG_DATA = 1 }; /* other kinds are the log's own: see format.h */

struct leat_log_unit; /* under construction, then queued; recycled by the log */

/* An empty unit. LEAT_AGAIN: too much is queued, or the disk is full, which err->text says then (else ""); watches are rung
 * later. is_small: hints and intents, which may use the reserve of a full disk. */
enum leat_status leat_log_unit_begin(struct leat_log *log, bool is_small, struct leat_log_unit **unit,
                                     struct leat_error *err);
/* The stream of the current frame: append record bytes here, then say what they were. */
struct leat_bytes *leat_log_unit_stream(struct leat_log_unit *unit);
/* `count` records of topic `id` were appended; returns nothing, slot numbers come from _slot(). */
uint32_t leat_log_unit_slot(struct leat_log_unit *unit, uint32_t topic_id); /* slot in the current frame */
void leat_log_unit_count(struct leat_log_unit *unit, uint32_t slot, uint32_t count);
/* Ends the current frame (when its stream reached ~256 KiB) and begins the next. */
void leat_log_unit_cut(struct leat_log_unit *unit);
/* Keyed state: value NULL (len 0 and data NULL) removes. */
void leat_log_unit_state(struct leat_log_unit *unit, const void *key, size_t key_len, const void *value,
                         size_t value_len);
/* Only this consumer reads the unit's records. */
void leat_log_unit_audience(struct leat_log_unit *unit, const char *consumer);
/* Queues the unit (base offsets are given now). *end_lsn: durable once durable_lsn >= it. The unit is the log's
 * again, also on errors. `record_format` goes into the frame headers. */
enum leat_status leat_log_unit_append(struct leat_log *log, struct leat_log_unit *unit, uint16_t record_format,
                                      uint64_t *end_lsn, struct leat_error *err);
void leat_log_unit_drop(struct leat_log *log, struct leat_log_unit *unit);

uint64_t leat_log_durable(struct leat_log *log); /* the watermark: lock-free read */
/* LEAT_OK, or how the log failed (LEAT_STOP, cause DISK). */
enum leat_status leat_log_health(struct leat_log *log, struct leat_error *err);

/* A bell that is rung when the watermark moves, room comes back or the log fails. Only sleepers are rung:
 * arm before sleeping, and check once more after arming. */
struct leat_log_watch;
struct leat_log_watch *leat_log_watch_open(struct leat_log *log, struct leat_error *err);
int leat_log_watch_fd(struct leat_log_watch *watch);
void leat_log_watch_arm(struct leat_log_watch *watch); /* clears and arms */
void leat_log_watch_close(struct leat_log_watch *watch);

/* ---- keyed state as it is now (of appended units; I1 makes it durable with them) ---- */

/* Copies the value into `out` (cleared first); false where there is none. */
bool leat_log_state_get(struct leat_log *log, const void *key, size_t len, struct leat_bytes *out);
typedef void leat_log_state_f(void *arg, const void *key, size_t key_len, const void *value, size_t value_len);
/* All keys that begin with `prefix`, in key order. */
void leat_log_state_each(struct leat_log *log, const void *prefix, size_t len, leat_log_state_f *each, void *arg);

/* ---- consumers: retention floors ---- */

/* Registers (durable with the next unit) or moves a floor: nothing at or above `lsn` is released. */
void leat_log_consumer_set(struct leat_log *log, const char *name, uint64_t lsn);
bool leat_log_consumer_forget(struct leat_log *log, const char *name);
typedef void leat_log_consumer_f(void *arg, const char *name, uint64_t lsn);
void leat_log_consumers(struct leat_log *log, leat_log_consumer_f *each, void *arg);

/* ---- lineage (I6) ---- */

/* True when `incarnation` is in our lineage and wrote `lsn` (up to and including its end). */
bool leat_log_wrote(struct leat_log *log, const struct leat_uuid *incarnation, uint64_t lsn);
/* The range that an incarnation of our lineage wrote, as far as it is there and durable. False: it is none of ours. */
bool leat_log_lineage(struct leat_log *log, const struct leat_uuid *incarnation, uint64_t *first_lsn, uint64_t *end_lsn);

/* ---- reading ---- */

struct leat_log_reader;

struct leat_log_part { /* one entry of a frame's topic table */
    uint32_t topic_id;
    uint32_t count;
    uint64_t base_offset;
};

#define LEAT_LOG_UNKNOWN UINT64_MAX
struct leat_log_lost { /* offsets of a topic that salvage found nothing of */
    uint32_t topic_id;
    uint64_t first, count; /* count: LEAT_LOG_UNKNOWN where nothing tells how many, if any */
};

struct leat_log_frame { /* lives until the next call on this reader */
    uint64_t lsn, next_lsn;
    uint64_t unit_id;
    bool is_first, is_last; /* in its unit */
    uint16_t record_format;
    int64_t time_us; /* commit time, never goes back */
    const struct leat_log_part *parts;
    uint32_t part_count;
    const uint8_t *stream;
    size_t stream_len;
    const char *audience; /* NULL: everyone */
    struct leat_uuid incarnation;
    bool is_gap; /* no records: what stood up to next_lsn is lost, of these topics as far as is known */
    const struct leat_log_lost *lost;
    uint32_t lost_count;
};

/* `wants[topic id]` may be asked to leave whole frames out; NULL: all data frames. */
typedef bool leat_log_wants_f(void *arg, uint32_t topic_id);
enum leat_status leat_log_reader_open(struct leat_log *log, leat_log_wants_f *wants, void *arg,
                                      struct leat_log_reader **reader, struct leat_error *err);
void leat_log_reader_close(struct leat_log_reader *reader);

/* Where to go on: `lsn` must be the start of a frame, the end, or first_lsn; one that is lost leads to its gap. Below first: LEAT_STOP. */
enum leat_status leat_log_seek_lsn(struct leat_log_reader *reader, uint64_t lsn, struct leat_error *err);
enum leat_status leat_log_seek_first(struct leat_log_reader *reader, struct leat_error *err);
enum leat_status leat_log_seek_end(struct leat_log_reader *reader, struct leat_error *err);
enum leat_status leat_log_seek_time(struct leat_log_reader *reader, int64_t time_us, struct leat_error *err);
/* The frame that holds this offset of the topic (or the first after it). */
enum leat_status leat_log_seek_offset(struct leat_log_reader *reader, uint32_t topic_id, uint64_t offset,
                                      struct leat_error *err);

/* The offset that the topic is at where `lsn` is, from tables in memory: exact but where the topic has records before and
 * behind it in one segment; there it is about. */
uint64_t leat_log_offset_near(struct leat_log *log, uint32_t topic_id, uint64_t lsn, bool *is_exact);

/* The next data frame, or gap, below the watermark. LEAT_AGAIN: at the end of what is durable. LEAT_STOP: damaged, or
 * released by retention while reading (says which). */
enum leat_status leat_log_next(struct leat_log_reader *reader, struct leat_log_frame *frame,
                               struct leat_error *err);
uint64_t leat_log_reader_lsn(const struct leat_log_reader *reader); /* of the next frame to read */

/* ---- looking after ---- */

/* Releases what retention allows; the flusher calls it from time to time. Returns segments released. */
uint32_t leat_log_retain(struct leat_log *log);
/* True while a consumer has more to read than `retain_bytes`, from there until it has less than half of that, unless
 * `releases_slowest`: who brings new records is to wait for it. Said when it begins, and when it is over. */
bool leat_log_is_held(struct leat_log *log);

struct leat_log_finding {
    const char *segment;      /* its file's name; "": none */
    uint64_t lsn, end_lsn;    /* where; end_lsn == lsn: a place, or the whole log */
    uint64_t begin_lsn;       /* of the segment: lsn - begin_lsn is the place in the file */
    bool is_damage;           /* else a note */
    const char *text;
    const char *topics; /* what stood there: "shop.orders 5 to 8, ..."; "": not known, or no damage */
};
typedef void leat_log_finding_f(void *arg, const struct leat_log_finding *finding);
struct leat_log_visitor { /* each may be NULL */
    leat_log_finding_f *finding;
    void (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes */
    void *arg;
};
struct leat_log_summary {
    uint64_t segments, frames, units, records, bytes, topics; /* that are whole */
    uint64_t damages, notes;
    uint64_t first_lsn, end_lsn;
};
/* Reads everything under `dir` without a lock, beside a daemon too, and checks every byte that was acknowledged. LEAT_STOP
 * with cause DAMAGED when there is damage. */
enum leat_status leat_log_look(const char *dir, const struct leat_os *os, const struct leat_log_visitor *visitor,
                               struct leat_log_summary *summary, struct leat_error *err);
/* The same for who wants no summary. */
enum leat_status leat_log_verify(const char *dir, const struct leat_os *os, leat_log_finding_f *each,
                                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                                 struct leat_error *err);

#endif
