/* source.h - what a source is: a table of functions over its private state.
 *
 *   check*   open   ( poll | durable )*   close
 *
 * `self` is `size` zeroed bytes into which the host has written the options. Every call but check() is
 * made by the task's owner thread. After any error the host settles what is in flight (durable() may come
 * once more), calls close(), reads the positions again and calls open() with them.
 */
#ifndef LEAT_SOURCE_H
#define LEAT_SOURCE_H

#include <leat/option.h>
#include <leat/task.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_source_trait {
    LEAT_REPLAYABLE = 1,  /* can be read again from any position it gave */
    LEAT_PUSH = 2,        /* others send to it; it has no end: --once refuses it */
    LEAT_TOTAL_ORDER = 4, /* its records have one order over all topics */
    LEAT_SOURCE_OF_MACHINE = 8, /* what it reads is of the machine it runs on: it cannot move to another */
};

/* The guarantee that a part gives; a pipeline prints its weakest link. Best first. */
enum leat_guarantee {
    LEAT_EXACTLY_ONCE,
    LEAT_EXACTLY_ONCE_COMMITTED, /* readers of committed data */
    LEAT_EXACTLY_ONCE_CLOSED,    /* readers of closed files */
    LEAT_EFFECTIVELY_ONCE,       /* receiver de-duplicates */
    LEAT_AT_LEAST_ONCE,
    LEAT_AT_MOST_ONCE,
};

/* Findings of a preflight: `leat check --connect` prints them all, a run stops at the first error. */
struct leat_report;
void leat_report_error(struct leat_report *report, const char *fmt, ...) LEAT_PRINTF(2, 3);
void leat_report_warning(struct leat_report *report, const char *fmt, ...) LEAT_PRINTF(2, 3);
void leat_report_note(struct leat_report *report, const char *fmt, ...) LEAT_PRINTF(2, 3);
/* This part gives no better than `guarantee`, because of `why` (copied). */
void leat_report_guarantee(struct leat_report *report, enum leat_guarantee guarantee, const char *why);

#define LEAT_NO_ORDER INT32_MIN

struct leat_origin_found {
    bool begins_anew;  /* by a new snapshot: the targets get all again, each table behind a truncate record */
    bool is_behind;    /* the first record is the one behind the origin, not the origin itself */
    char text[500];    /* what is to be said of it: "from bin.000001:4, passing over what lies before 1234" */
};

struct leat_source_type {
    uint32_t struct_size; /* sizeof(struct leat_source_type); members beyond it count as NULL */
    uint32_t traits;
    const char *name;  /* the key in the pipeline file */
    const char *about; /* one sentence */
    size_t size;       /* of self */
    const struct leat_option *options;
    const char *topic; /* default topic template, "{database}.{table}"; NULL: the pipeline's name */

    /* Optional: checks options that a table cannot express. No connection. Any thread. */
    enum leat_status (*validate)(void *self, struct leat_error *err);
    /* Optional: tries the server, grants, settings (`leat check --connect`). Any thread. */
    enum leat_status (*check)(void *self, struct leat_report *report, struct leat_error *err);
    /* Starts reading at `from` (empty: a new source). `from` lives until close(). */
    enum leat_status (*open)(void *self, struct leat_task *task, const struct leat_positions *from,
                             struct leat_error *err);
    /* Hands out a batch (the host takes it, *out). Returns as soon as reading more would block; waits,
     * when it has nothing, through leat_wait(), and returns LEAT_AGAIN on TIMEOUT, STOPPING or WAKE.
     * An empty batch with positions is fine: it moves the position alone. */
    enum leat_status (*poll)(void *self, struct leat_task *task, struct leat_batch **out,
                             struct leat_error *err);
    /* Optional: all batches up to this number are durable; only now tell the other side. */
    void (*durable)(void *self, struct leat_task *task, uint64_t up_to_batch);
    /* Optional: an order of an operator (ad-hoc snapshot ...). */
    enum leat_status (*command)(void *self, struct leat_task *task, const struct leat_value *ask,
                                struct leat_error *err);
    /* Releases everything; what is still open is answered as not durable. Also after a failed open. */
    void (*close)(void *self, struct leat_task *task);
    /* Optional, while it is open: record `index`, of a dead letter, is one that this source could not decode, as it handed it out
     * then; decodes it in place. LEAT_REJECT: it cannot now either. */
    enum leat_status (*decode_again)(void *self, struct leat_task *task, struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err);
    /* Optional, both or none: `leat recover --from-sinks`, where the log is lost and the targets are not. An origin is a MAP: the
     * source struct of a record, "op", "ts_ms" and, of a row of a snapshot, "snapshot": true, or "last" of the last one, or "pending" of
     * a change while rows are still to come. Of several targets one that stands within a snapshot is asked for.
     * origin_order: < 0: `a` came first; 0: the same record; LEAT_NO_ORDER: they cannot be compared. No connection; any thread. */
    int (*origin_order)(const struct leat_value *a, const struct leat_value *b);
    /* Puts into the batch the positions from which open() brings `origin` again, and all behind it; some before it may come too.
     * May ask the server. STOP: it cannot, and why: what was behind the origin is not there any more. */
    enum leat_status (*origin_position)(void *self, const struct leat_value *origin, struct leat_batch *positions,
                                        struct leat_origin_found *found, struct leat_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
