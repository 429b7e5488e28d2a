/* batch.h - the inside of a batch, for the host: tasks, drivers, transforms. Plug-ins see leat/record.h.
 *
 *   source side   taken from the pool -> filled by the plug-in -> transformed -> appended -> reset
 *   sink side     taken -> filled by a reader (cursor of each record, mark at the end) -> put -> reset
 */
#ifndef LEAT_MODEL_BATCH_H
#define LEAT_MODEL_BATCH_H

#include <base/arena.h>
#include <leat/driver.h>
#include <leat/transform.h>

struct leat_refusal { /* one leat_batch_reject() */
    uint32_t index;
    const char *reason; /* in the arena */
};

struct leat_delta { /* one changed key of a position or of transform state */
    struct leat_value key, value; /* value NULL: remove; deep copies in the arena */
};

struct leat_read { /* what the reader knows of a record */
    struct leat_cursor cursor;
    int64_t commit_us; /* wall time of its commit unit: what now() says to sink-side scripts, in a replay too */
    uint32_t part;     /* of what transforms made of one record: 0, 1 ...; the task sets it */
};

struct leat_read_size {
    uint32_t records;
    uint64_t bytes;
};

struct leat_original { /* a record as it was before the transforms: a dead letter tells of that one */
    struct leat_record record;
    struct leat_cursor cursor; /* sink side */
    bool is_undecoded;         /* the source itself refused it */
};

struct leat_batch {
    uint64_t number;
    struct leat_arena arena;
    struct leat_record *records;
    uint32_t count, cap;
    uint32_t max_records;
    size_t max_bytes; /* leat_batch_is_full(): arena use or records reach their limit */
    struct leat_delta *positions, *states; /* in the order of the calls: of one key the later counts */
    uint32_t position_count, position_cap, state_count, state_cap;
    struct leat_refusal *refusals; /* in the order of their records, one for each */
    uint32_t refusal_count, refusal_cap;
    struct leat_original *originals; /* in the arena; NULL: the records are as they were, or nobody will ask */
    uint32_t original_count;
    /* Sink side, set by the reader. */
    struct leat_read *reads; /* of each record; NULL on the source side */
    uint32_t read_cap;
    uint32_t split;
    struct leat_read_size as_read; /* before transforms: what a task's lag counts */
    struct leat_mark mark; /* after the last record; owner_epoch and sequence are the sink's */
    bool is_last;          /* asked of the reader: the task ends at the end of what is durable, so a lane says now where it is */
    bool is_at_end;        /* the reader reached the end of what is durable */
    struct leat_batch *next; /* for lists of whoever holds it */
};

struct leat_batch *leat_batch_new(size_t max_bytes, uint32_t max_records);
void leat_batch_free(struct leat_batch *batch);
void leat_batch_reset(struct leat_batch *batch); /* empty again; memory up to max_bytes is kept */
size_t leat_batch_bytes(const struct leat_batch *batch); /* memory in use */

/* Deep copy into any arena. */
struct leat_value leat_value_copy(struct leat_arena *arena, const struct leat_value *value);

/* Reader: appends a record with what is known of it. */
struct leat_record *leat_batch_add_read(struct leat_batch *batch, struct leat_read read);
/* The time of the commit of `rec`, which is one of the batch's. */
int64_t leat_batch_commit_us(const struct leat_batch *batch, const struct leat_record *rec);

/* Refuses record `index`, which no log can hold; always LEAT_REJECT. */
enum leat_status leat_batch_reject_unfit(const struct leat_batch *batch, uint32_t index, const char *log, struct leat_error *err);

/* Forgets the refusals; or removes record `index` for good (order kept). */
void leat_batch_clear_refusals(struct leat_batch *batch);
void leat_batch_remove(struct leat_batch *batch, uint32_t index);
/* Cuts to the first `count` records (sink side: at least one, and the mark follows the last one kept). */
void leat_batch_truncate(struct leat_batch *batch, uint32_t count);

#endif
