/* sink.h - what a sink is, and the mark that it keeps in its target.
 *
 *   check*   open   ( put | settle )*   flush   close
 *
 * put() takes what it needs of a batch and keeps nothing of it; an empty batch moves the mark alone.
 * settle() says up to which batch the effect *and* its mark are in the target, in one transaction of the
 * target where it has any (I3). A sink that has no settle() is synchronous: put() returning LEAT_OK means
 * done.
 */
#ifndef LEAT_SINK_H
#define LEAT_SINK_H

#include <leat/source.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_sink_trait {
    LEAT_TRANSACTIONAL = 1, /* effect and mark in one transaction */
    LEAT_IDEMPOTENT = 2,    /* the same record twice leaves the same state */
    LEAT_WANTS_CONTROL = 4, /* put() gets g, s and m records too; otherwise the host leaves them out */
    LEAT_KEEPS_MARK = 8,    /* the target stores the mark; without it the host's own copy is the truth */
    LEAT_ONE_WRITER = 16,   /* the target takes one task: `parallel` is refused */
    LEAT_ORDER_BY_KEY = 32, /* records of different keys may overtake each other */
    LEAT_SINK_OF_MACHINE = 64, /* what it writes stays on the machine it runs on: it cannot move to another */
    LEAT_BARRIERS = 128,    /* lanes: put() of each gets every `t` record, alone in its batch, and lets the lanes meet there;
                             * without it one lane gets it, and the others overtake it */
    LEAT_REFUSES_EARLY = 256, /* it refuses records in put() alone, or opens again to do so, and never by settle(): what put()
                               * took is forgotten at once. put() bounds what the sink holds, by LEAT_AGAIN */
    LEAT_WANTS_SCHEMA = 512,   /* put() gets s records: to it they are messages as others are */
};

#define LEAT_MARK_LAYOUT 1
#define LEAT_ORIGIN_MAX 4096

/* A place in one split, as the target stores it. leat_mark_encode() gives the bytes to store. */
struct leat_mark {
    uint32_t layout; /* LEAT_MARK_LAYOUT; 0: there is no mark */
    uint8_t log_uuid[16];
    uint8_t incarnation[16];
    uint64_t owner_epoch; /* raised by the target when a sink claims the split (I4) */
    uint64_t sequence;    /* +1 with every update */
    uint64_t generation;  /* raised by `leat replay` */
    struct leat_cursor cursor;
    char origin[LEAT_ORIGIN_MAX + 1]; /* source position as JSON, "" where unknown */
};

#define LEAT_MARK_BYTES_MAX (LEAT_ORIGIN_MAX + 160)

/* Versioned bytes with a CRC, and back; decode answers false for anything that is not a whole mark. */
size_t leat_mark_encode(const struct leat_mark *mark, uint8_t bytes[LEAT_MARK_BYTES_MAX]);
bool leat_mark_decode(const void *bytes, size_t len, struct leat_mark *mark);

/* The splits that this task claims: names that are stable over restarts ("shop/0"). */
struct leat_splits {
    uint32_t count;
    const char *const *names;
};

/* One mark for each claimed split; open() fills in what the target holds. */
#define LEAT_OWNER_MAX 200
struct leat_marks {
    uint32_t count;
    struct leat_mark *items;
    char (*owners)[LEAT_OWNER_MAX]; /* optional: which daemon wrote each; "": not known */
};

/* For open(): the target holds the marks of `lanes` other lanes, from a time when there were more of them or fewer. What
 * stood before `cursors[key_hash % lanes]` (a `t` record: before cursors[0]) they have written: put() will not see it. The
 * marks of the claim are then the earliest of those. Cursors of lanes are ordered as their bytes; one of length 0: nothing
 * was written. May be called for several such times. */
void leat_task_written(struct leat_task *task, uint32_t split, uint32_t lanes, const struct leat_cursor *cursors);
int leat_cursor_compare(const struct leat_cursor *a, const struct leat_cursor *b); /* < 0: a is earlier */

/* For open(), with a mark that was found, before it claims the split: FENCED or STOP where the host would not go on from there,
 * as the mark is ahead of its log or of another one. Who would stop anyway must not stop the one who writes there first. `owner`:
 * who wrote the mark; "": not known. */
enum leat_status leat_task_accepts(struct leat_task *task, uint32_t split, const struct leat_mark *mark, const char *owner,
                                   struct leat_error *err);

/* The mark to store once everything up to the end of this batch is done: complete but for owner_epoch
 * and sequence, which the sink knows and which are left as they are. A batch belongs to one split. */
void leat_batch_mark(const struct leat_batch *batch, struct leat_mark *mark);
uint32_t leat_batch_split(const struct leat_batch *batch); /* index into the claim */
/* After leat_batch_mark(): the mark of a batch that is done up to its first `end` records, 1 at least, and no further. */
void leat_batch_mark_within(const struct leat_batch *batch, uint32_t end, struct leat_mark *mark);

/* Records that a sink refused after put() (a target without rollback): filled by settle(). */
struct leat_rejects;
void leat_rejects_add(struct leat_rejects *rejects, uint64_t batch, uint32_t index, const char *fmt, ...)
    LEAT_PRINTF(4, 5);

struct leat_sink_type {
    uint32_t struct_size;
    uint32_t traits;
    const char *name, *about;
    size_t size;
    const struct leat_option *options;

    enum leat_status (*validate)(void *self, struct leat_error *err);
    enum leat_status (*check)(void *self, struct leat_report *report, struct leat_error *err);
    /* Claims the splits in the target and reads their marks. `guarantee` is set to what it gives. */
    enum leat_status (*open)(void *self, struct leat_task *task, const struct leat_splits *claim,
                             struct leat_marks *stored, enum leat_guarantee *guarantee,
                             struct leat_error *err);
    /* LEAT_AGAIN: nothing was taken, offer the same batch after settle() made room. */
    enum leat_status (*put)(void *self, struct leat_task *task, const struct leat_batch *batch,
                            struct leat_error *err);
    /* Optional. *done = number of the last batch whose effect and mark are in the target; *next = when to
     * be called again at the latest. Called after every put, and whenever the task wakes. */
    enum leat_status (*settle)(void *self, struct leat_task *task, uint64_t *done,
                               struct leat_rejects *rejects, struct leat_time *next,
                               struct leat_error *err);
    /* Optional: settles everything; LEAT_AGAIN when the deadline came first. */
    enum leat_status (*flush)(void *self, struct leat_task *task, struct leat_time deadline,
                              struct leat_error *err);
    void (*close)(void *self, struct leat_task *task);
    /* Optional: the best that open() may say with these options; no connection. Without it: exactly-once where the target
     * keeps the mark, at-least-once elsewhere. *why (may be left alone): what makes it less. Any thread. */
    enum leat_guarantee (*promise)(void *self, const char **why);
    /* Optional, of a sink that keeps marks: those of the connector's splits, as open() would find them, but without a claim: the
     * target stays as it is, and nobody is fenced. Not there: layout 0. STOP: marks of other lanes stand there, or what it holds
     * is not where its mark says. Without a task; `found->owners` is there. */
    enum leat_status (*marks)(void *self, const char *connector, const struct leat_splits *splits, struct leat_marks *found,
                              struct leat_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
