/* inside.h - the log's inside, for the files of this folder.
 *
 *   log.c       open, close, info, topics, state, consumers, lineage
 *   segment.c   segment files and what is known of them
 *   index.h     what is in a segment: notes.c takes it down, index.c is its file, hold.c finds that of any segment
 *   trailer.c   what a unit changes beside its records: encode, decode, apply; the fold
 *   unit.c      units: building, queueing
 *   flusher.c   the queue to the disk
 *   roll.c      the next segment; a full disk
 *   scan.c      frames one after the other, checked
 *   recover.c   the state at a start; the torn tail
 *   reader.c    leat_log_next();  skip.c  of few topics;  seek.c  from another place
 *   damage.c    what a damaged range held, for the message
 *   gap.c       holes that salvage left
 *   visit.c     a trailer, item by item;  remains.c  a directory as it is found, whatever is wrong with it
 *   salvage.c   a new log of what is whole;  survey.c  what that is;  losses.c  what is lost;  dump.c  all of it as text
 *   retain.c    letting segments go;  verify.c  a look at everything
 *
 * Locks: log->lock guards all but the flusher's own fields and `durable`, which is atomic. The flusher writes without
 * it: units that were taken from the queue are its own.
 */
#ifndef LEAT_COMMITLOG_INSIDE_H
#define LEAT_COMMITLOG_INSIDE_H

#include <base/hash.h>
#include <commitlog/index.h>

#define QUICK_LOOK ((uint64_t)64 << 20) /* how far after zeros later frames are looked for */

/* ---- what is known of a segment ---- */

enum head_state { HEAD_GOOD, HEAD_DAMAGED, HEAD_FOREIGN, HEAD_NEWER }; /* of a segment's header */

struct segment {
    uint64_t base, end; /* of what was appended, [base, end) */
    uint64_t size;      /* of the file */
    uint32_t salt;
    enum head_state head;
    uint32_t version; /* of a NEWER one */
    uint64_t fold_lsn;
    int64_t first_us, last_us; /* commit times; 0: none */
    struct segment_index *notes; /* of one that is not sealed yet */
};

/* ---- units ---- */

struct unit_part {
    uint32_t topic_id, count;
};

struct unit_frame {
    struct leat_bytes stream, trailer; /* the trailer is made at append */
    uint32_t stream_crc;
    struct unit_part *parts;
    uint32_t part_count, part_cap;
    struct frame_head head;
    uint8_t head_bytes[FRAME_HEADER];
    uint8_t padding;
};

struct leat_log_unit {
    struct leat_log_unit *next;
    struct unit_frame *frames;
    uint32_t frame_count, frame_cap; /* frame_count: in use; memory is kept for all frame_cap */
    struct leat_bytes state;         /* klen, key, vlen + 1, value */
    uint32_t state_count;
    char *audience;
    enum frame_kind kind;
    bool is_small;
    bool starts_segment;
    uint64_t lsn, end_lsn, bytes;
};

/* ---- the log ---- */

struct topic {
    struct leat_log_topic info; /* next, bytes...: of what was appended */
    uint64_t durable_next;      /* what others are told */
    uint64_t ever_bytes;        /* of its records since ever, also those that were released */
};

struct consumer {
    char *name;
    uint64_t lsn;
    bool is_changed; /* the next unit tells of it */
};

struct incarnation {
    struct leat_uuid uuid;
    uint64_t first_lsn;
    bool has_records; /* else no mark can be of it */
};

struct leat_log_watch {
    struct leat_log *log;
    struct leat_log_watch *next;
    struct leat_bell bell;
    bool is_armed; /* atomic */
};

struct leat_log {
    struct leat_log_config config;
    char *dir, *name;
    const struct leat_os *os;
    struct leat_flusher *flusher;
    struct leat_log *next_log; /* of the flusher's */
    struct leat_uuid uuid;
    int lock_fd;

    struct leat_lock lock;
    struct segment *segments; /* oldest first; the last one is written to */
    size_t segment_count;
    struct segment_index *indexes; /* kept of sealed segments */
    uint64_t index_uses;
    struct topic *topics; /* id = index + 1 */
    uint32_t topic_count, defined_count; /* units that were queued tell of the first `defined_count` */
    struct leat_table topic_ids; /* name, 0, partition -> id */
    struct leat_table state;     /* key -> struct blob */
    uint64_t state_bytes;
    struct consumer *consumers;
    size_t consumer_count;
    struct incarnation *lineage;
    size_t lineage_count;
    struct leat_log_unit *queue, **queue_last, *spare;
    uint64_t queued_bytes;
    uint64_t next_lsn, next_unit;
    uint64_t fold_lsn; /* of the newest fold that was queued */
    uint64_t fold_size;
    uint64_t largest_unit; /* that was queued */
    int64_t last_us; /* time of the newest unit */
    struct leat_log_watch *watches;
    bool is_failed, is_full, is_closing;
    bool is_held; /* a consumer is further behind than retain_bytes */
    struct leat_error failure;
    struct leat_error shortage; /* when full: of what, for who has to wait */
    uint64_t cut_bytes;
    uint64_t found_end; /* at the start: of the last unit; headers of segments may follow */
    bool has_torn; /* at the start: a newest segment without a whole header, hence without content */
    uint64_t torn_base;

    uint64_t durable; /* atomic */

    /* The flusher's alone while the log is open for writing. */
    struct leat_log_unit *pending, **pending_last; /* taken, not durable yet */
    struct leat_log_settings settings;             /* as they were when this round began */
    struct leat_log_unit *written;                 /* first one of `pending` that is not written */
    int fd;            /* of the segment that is written to; -1 */
    uint64_t fd_base;
    uint32_t fd_salt;
    uint64_t written_lsn;
    uint32_t previous_crc;
    uint64_t durable_fold;
    struct leat_time synced_at, hinted_at, retry_at, retained_at, room_at;
    uint64_t reserve_bytes; /* of segments/reserve; 0: there is none */
    uint64_t hinted_lsn, hint_sequence;
    bool has_released; /* a segment that is forgotten, and perhaps still on the disk */
    uint64_t released_base;
    int hint_fd;
};

struct blob {
    size_t len;
    uint8_t bytes[];
};

/* segment.c */
char *segment_path(const struct leat_log *log, uint64_t base, const char *ext); /* to be freed */
struct segment *segment_add(struct leat_log *log, uint64_t base);
void segment_clear(struct segment *segment);
struct segment *segment_of(struct leat_log *log, uint64_t lsn); /* NULL: before the first */
/* Size, and what the header says; fails where it cannot be read. LEAT_AGAIN: retention has released it meanwhile. */
enum leat_status segment_head_read(struct leat_log *log, struct segment *segment, struct leat_error *err);
enum leat_status segments_name(struct leat_log *log, struct leat_error *err); /* their bases alone */
/* Files and their headers; fails where they cannot be read. What is wrong with them stands in `head`. */
enum leat_status segments_list(struct leat_log *log, struct leat_error *err);
/* LEAT_STOP for a header that is not ours, or a file that is shorter than what it held. */
enum leat_status segments_judge(struct leat_log *log, struct leat_error *err);
/* Its file ends before the next one begins: it was cut short, or it is whole and a file after it is gone. Returns where its
 * frames end. */
bool segment_is_short(const struct leat_log *log, const struct segment *segment);
uint64_t segment_why_short(struct leat_log *log, const struct segment *segment, char *what, size_t size);
/* The time of its first frame; 0: it cannot be read. Takes the lock by itself. */
int64_t segment_time(struct leat_log *log, uint64_t base);

/* trailer.c */
struct trailer_part_list {
    struct leat_log_part *items;
    uint32_t count, cap;
};
/* What part of a frame's stream a topic is said to have: by its records. */
static inline uint64_t trailer_share(uint64_t stream_len, uint32_t count, uint64_t records)
{
    return records ? stream_len * count / records : 0;
}
/* Numbers of topics are foreign bytes: each was defined in at least three bytes of what stands up to this frame's end. */
static inline bool topic_is_possible(uint32_t id, const struct frame_head *head)
{
    return id > 0 && id <= (head->lsn + head->body_len) / 3 && id < (uint32_t)1 << 24;
}
void trailer_make(struct leat_log *log, const struct leat_log_unit *unit, struct unit_frame *frame,
                  const struct segment *segment, bool is_last);
/* Applies a frame's trailer: topics, offsets, consumers, state, lineage. False: bad bytes. */
bool trailer_apply(struct leat_log *log, const struct frame_head *head, const uint8_t *body);
/* Topics' definitions, as every trailer has them. */
void trailer_definitions(struct leat_log *log, struct leat_cut *cut);
void trailer_skip_definitions(struct leat_cut *cut);
/* Reads parts and audience alone. */
bool trailer_read(const struct frame_head *head, const uint8_t *body, struct trailer_part_list *parts,
                  const uint8_t **audience, size_t *audience_len);
/* Of a fold: where each topic stands. False: bad bytes. */
typedef void trailer_topic_f(void *arg, uint32_t id, uint64_t next_offset, uint64_t ever_bytes);
bool trailer_each_topic(const struct frame_head *head, const uint8_t *body, trailer_topic_f *each, void *arg);
void state_apply(struct leat_log *log, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set);

/* gap.c */
struct gap {
    uint64_t length; /* of the hole, from the gap's own LSN on */
    bool is_partial; /* more may be lost than the list says */
    struct leat_log_lost *lost;
    uint32_t lost_count, lost_cap;
};
/* The hole's length alone, without a look at the rest; 0: bad bytes. */
uint64_t gap_length(const struct frame_head *head, const uint8_t *body);
/* Into lists that grow. False: bad bytes. */
bool gap_read(const struct frame_head *head, const uint8_t *body, struct gap *gap);
/* Topics that it defines, and offsets that are gone. False: bad bytes. */
bool gap_apply(struct leat_log *log, const struct frame_head *head, const uint8_t *body);
/* The LSN of the gap whose hole `lsn` is in; false: it is in none. */
bool gap_around(struct leat_log *log, uint64_t lsn, uint64_t *gap_lsn);

/* unit.c */
void unit_free(struct leat_log_unit *unit);
void unit_recycle(struct leat_log *log, struct leat_log_unit *unit); /* lock held */
struct leat_log_unit *unit_of_kind(struct leat_log *log, enum frame_kind kind);
/* Gives offsets and LSNs, queues. Lock held. */
void unit_queue(struct leat_log *log, struct leat_log_unit *unit, uint16_t record_format);
bool fold_is_due(const struct leat_log *log);
uint64_t fold_most(const struct leat_log *log); /* bytes that a fold takes at most. Lock held */

/* flusher.c */
void flusher_add(struct leat_flusher *flusher, struct leat_log *log);
void flusher_remove(struct leat_flusher *flusher, struct leat_log *log); /* returns when it is done with it */
void flusher_wake(struct leat_flusher *flusher);
/* Writes and syncs all that is queued, on this thread: for open and close. LEAT_AGAIN: there is no room for it. */
enum leat_status flusher_drain(struct leat_log *log, struct leat_error *err);
void log_fail(struct leat_log *log, const char *path, const char *what, int error);
void log_fail_at(struct leat_log *log, const char *what, int error); /* at the segment that is written to */
void watches_ring(struct leat_log *log);                             /* lock held */
void hint_write(struct leat_log *log);
/* There is none: *sequence 0. LEAT_STOP: it cannot be read, so nobody knows what was durable. */
enum leat_status hint_load(const struct leat_log *log, uint64_t *durable, uint64_t *fold, uint64_t *sequence, struct leat_error *err);
/* A new one, synced: of a log that is not open. */
bool hint_make(struct leat_log *log, uint64_t durable, uint64_t fold);
/* The same for who goes on without. */
bool hint_read(const struct leat_log *log, uint64_t *durable, uint64_t *fold, uint64_t *sequence);

/* roll.c */
enum outcome { DONE, FULL, FAILED };
/* The segment that `unit` begins is there, durable with its header, and the one before is sealed. */
enum outcome segment_begin(struct leat_log *log, const struct leat_log_unit *unit);
void room_set_full(struct leat_log *log, bool is_full);
#define ROOM_LOOK_US 200000 /* how often a full disk is looked at again */
void room_look(struct leat_log *log);              /* when full: is there room again? */
uint64_t room_free(const struct leat_log *log);    /* UINT64_MAX: nobody knows */
uint64_t room_small(const struct leat_log *log);   /* what small units get at a time when there is no room. Lock held */
uint64_t queue_most(const struct leat_log *log);   /* beyond this no data is queued. Lock held */
void reserve_find(struct leat_log *log);           /* at the start */
void reserve_keep(struct leat_log *log);           /* makes it as large as it must be, or the log is full */

/* scan.c */
#define SCAN_AHEAD ((uint64_t)256 << 10)
struct scan {
    struct leat_log *log;
    int fd;
    uint64_t base, room; /* of the segment that fd is: no frame ends beyond base + room */
    uint32_t salt;
    struct leat_bytes buffer; /* of bytes from buffer_lsn on */
    uint64_t buffer_lsn;
    uint64_t lsn; /* of the next frame */
    uint64_t limit;     /* reads ahead up to here, */
    uint64_t ahead;     /* and so many bytes at a time */
    uint64_t chain_lsn; /* where the last frame that was seen ended: a frame that stands there must follow it */
    uint32_t chain_crc; /* as the header of that frame has it; before the log's first frame: 0 */
    const char *why;    /* BAD: what is wrong */
    bool is_unchained;  /* BAD for the chain alone */
};
#define SCAN_WHOLE ((uint64_t)1 << 20) /* `ahead` of who reads whole segments */
enum scan_result { SCAN_FRAME, SCAN_END, SCAN_BAD, SCAN_FAILED };
void scan_init(struct scan *scan, struct leat_log *log);
void scan_fini(struct scan *scan);
void scan_seek(struct scan *scan, uint64_t lsn);
void scan_forget(struct scan *scan); /* reads again what it has read */
/* The frame at scan->lsn; moves on. END: zeros, or the end of the file; BAD: bytes that are no frame, or one that does not
 * follow the frame before, over the borders of segments too; FAILED: err. `body` lives until the next call. */
enum scan_result scan_next(struct scan *scan, struct frame_head *head, const uint8_t **body, struct leat_error *err);
/* The next good frame header at or after `from`, in the segment that is open, beyond bytes that are no frame: of those that
 * knew at least `knows` to be durable. FRAME, END: there is none; FAILED: err. */
enum scan_result scan_look(struct scan *scan, uint64_t from, uint64_t to, uint64_t knows, struct frame_head *head,
                           struct leat_error *err);
/* The same for who goes on without. */
bool scan_find(struct scan *scan, uint64_t from, uint64_t to, uint64_t knows, struct frame_head *head);

/* damage.c */
/* Acknowledged bytes from `from` up to `to` (0: to the next good frame of the segment) are not what was written; `what` says
 * why. LEAT_STOP, cause DAMAGED; the text names segment, bytes, places, topics and offsets, and what to do. */
enum leat_status damage_fail(struct leat_log *log, uint64_t from, uint64_t to, const char *what, struct leat_error *err);
/* Where the next good frame header of the segment stands, or its end; of the newest: what was known to be durable. */
uint64_t damage_end(struct leat_log *log, uint64_t from, uint64_t durable);
/* "shop.orders 5 to 8, shop.items from 7 on": what stood between the two. */
void damage_topics(struct leat_log *log, uint64_t from, uint64_t to, char *text, size_t size);

/* recover.c */
enum leat_status log_recover(struct leat_log *log, struct leat_error *err);
/* Read-only: takes in what became durable meanwhile. */
enum leat_status log_refresh(struct leat_log *log, struct leat_error *err);

/* log.c */
/* The struct with its identity, and nothing of its segments yet. */
enum leat_status log_open_bare(struct leat_log **log, const struct leat_log_config *config, struct leat_error *err);
/* The same of a log whose IDENTITY is damaged or missing: who it is stands in its segments, too. Read-only. */
enum leat_status log_open_broken(struct leat_log **log, const struct leat_log_config *config, struct leat_error *err);
/* IDENTITY, of log->uuid. */
bool identity_write(struct leat_log *log);
struct leat_log *log_make(const struct leat_log_config *config);
void log_free(struct leat_log *log);
uint32_t topic_define(struct leat_log *log, uint32_t id, const char *name, size_t len, int32_t partition);
struct consumer *consumer_find(struct leat_log *log, const char *name, size_t len, bool make);
void consumer_remove(struct leat_log *log, struct consumer *consumer);
/* What is kept of each topic, as the oldest segment tells; when the log opens, and when a segment went. */
enum leat_status log_settle_topics(struct leat_log *log, struct leat_error *err);
void log_settle_by(struct leat_log *log, const struct segment_index *index); /* of the oldest segment; lock held */
void lineage_add(struct leat_log *log, const struct leat_uuid *uuid, uint64_t first_lsn);
void lineage_wrote(struct leat_log *log, bool has_records); /* the newest incarnation */
struct leat_uuid uuid_new(const struct leat_os *os);

#endif
