#include <base/assert.h>
#include <base/memory.h>
#include <model/consumed.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS_FIRST 64
#define RECENT_DELTAS 16 /* how far back a key is looked for before it is written once more */
#define REASON_MAX 1024

struct leat_batch *leat_batch_new(size_t max_bytes, uint32_t max_records)
{
    leat_assert(max_bytes > 0 && max_records > 0);
    struct leat_batch *batch = leat_calloc(1, sizeof *batch);
    leat_arena_init(&batch->arena, max_bytes);
    batch->max_bytes = max_bytes;
    batch->max_records = max_records;
    return batch;
}

static void free_records(struct leat_batch *batch)
{
    free(batch->records);
    free(batch->reads);
    batch->records = NULL;
    batch->reads = NULL;
    batch->cap = batch->read_cap = 0;
}

void leat_batch_free(struct leat_batch *batch)
{
    if (!batch)
        return;
    free_records(batch);
    free(batch->positions);
    free(batch->states);
    free(batch->refusals);
    leat_arena_fini(&batch->arena);
    free(batch);
}

void leat_batch_reset(struct leat_batch *batch)
{
    leat_arena_reset(&batch->arena);
    batch->count = 0;
    if (batch->cap * sizeof *batch->records > batch->max_bytes)
        free_records(batch);
    batch->position_count = batch->state_count = batch->refusal_count = 0;
    batch->originals = NULL;
    batch->original_count = 0;
    batch->number = 0;
    batch->split = 0;
    batch->mark.layout = 0;
    batch->mark.origin[0] = '\0';
    batch->is_at_end = false;
    batch->next = NULL;
}

/* What is handed out, not the chunks that it comes from: a batch is full when its content is large. */
size_t leat_batch_bytes(const struct leat_batch *batch)
{
    size_t unused = (size_t)(batch->arena.end - batch->arena.next);
    return batch->arena.used_bytes - unused + batch->count * sizeof *batch->records;
}

uint64_t leat_batch_number(const struct leat_batch *batch)
{
    return batch->number;
}

uint32_t leat_batch_count(const struct leat_batch *batch)
{
    return batch->count;
}

bool leat_batch_is_full(const struct leat_batch *batch)
{
    return batch->count >= batch->max_records || leat_batch_bytes(batch) >= batch->max_bytes;
}

const struct leat_record *leat_batch_get(const struct leat_batch *batch, uint32_t index)
{
    leat_assert(index < batch->count);
    return &batch->records[index];
}

struct leat_record *leat_batch_edit(struct leat_batch *batch, uint32_t index)
{
    leat_assert(index < batch->count);
    return &batch->records[index];
}

/* Grows an array of `size` bytes an item so that one more fits. */
static void *grow_array(void *items, size_t size, uint32_t count, uint32_t *cap, uint32_t first)
{
    if (count < *cap)
        return items;
    leat_assert(*cap <= UINT32_MAX / 2);
    *cap = *cap ? *cap * 2 : first;
    return leat_realloc(items, *cap * size);
}

static void make_room(struct leat_batch *batch)
{
    batch->records = grow_array(batch->records, sizeof *batch->records, batch->count, &batch->cap,
                                RECORDS_FIRST);
    if (batch->reads)
        batch->reads = grow_array(batch->reads, sizeof *batch->reads, batch->count, &batch->read_cap,
                                  RECORDS_FIRST);
}

struct leat_record *leat_batch_insert(struct leat_batch *batch, uint32_t index)
{
    leat_assert(index <= batch->count);
    if (batch->count == batch->cap || (batch->reads && batch->count == batch->read_cap))
        make_room(batch);
    struct leat_record *rec = &batch->records[index];
    uint32_t after = batch->count - index;
    if (after > 0)
        memmove(rec + 1, rec, after * sizeof *rec);
    memset(rec, 0, sizeof *rec);
    if (batch->reads) {
        /* Who goes on after a record that a transform put in goes on before the one that follows it: at the
         * place of the one before, and where there is none, before everything (all zero bytes). */
        struct leat_read *read = &batch->reads[index];
        if (after > 0)
            memmove(read + 1, read, after * sizeof *read);
        *read = index > 0 ? read[-1]
                          : (struct leat_read){.cursor = {.len = batch->mark.cursor.len},
                                               .commit_us = after > 0 ? read[1].commit_us : 0};
    }
    for (uint32_t i = batch->refusal_count; i-- > 0 && batch->refusals[i].index >= index;)
        batch->refusals[i].index++;
    batch->count++;
    return rec;
}

struct leat_record *leat_batch_add(struct leat_batch *batch)
{
    return leat_batch_insert(batch, batch->count);
}

struct leat_record *leat_batch_add_read(struct leat_batch *batch, struct leat_read read)
{
    leat_assert(read.cursor.len <= sizeof read.cursor.bytes);
    if (!batch->reads) {
        leat_assert(batch->count == 0);
        batch->read_cap = RECORDS_FIRST;
        batch->reads = leat_malloc(batch->read_cap * sizeof *batch->reads);
    }
    struct leat_record *rec = leat_batch_insert(batch, batch->count);
    batch->reads[batch->count - 1] = read;
    return rec;
}

int64_t leat_batch_commit_us(const struct leat_batch *batch, const struct leat_record *rec)
{
    size_t index = (size_t)(rec - batch->records);
    leat_assert(batch->reads && index < batch->count);
    return batch->reads[index].commit_us;
}

void *leat_batch_alloc(struct leat_batch *batch, size_t size_bytes)
{
    return leat_arena_alloc(&batch->arena, size_bytes ? size_bytes : 1);
}

char *leat_batch_copy(struct leat_batch *batch, const void *bytes, size_t len)
{
    return leat_arena_copy(&batch->arena, bytes, len);
}

struct leat_value leat_batch_copy_value(struct leat_batch *batch, const struct leat_value *value)
{
    return leat_value_copy(&batch->arena, value);
}

/* ---- positions and state ---- */

static struct leat_delta *recent_delta(struct leat_delta *deltas, uint32_t count,
                                       const struct leat_value *key)
{
    for (uint32_t i = count; i-- > 0 && count - i <= RECENT_DELTAS;)
        if (leat_value_equal(&deltas[i].key, key))
            return &deltas[i];
    return NULL;
}

static struct leat_delta *set_delta(struct leat_batch *batch, struct leat_delta *deltas,
                                    uint32_t *count, uint32_t *cap, const struct leat_value *key,
                                    const struct leat_value *value)
{
    leat_assert(key->type != LEAT_ABSENT);
    struct leat_delta *delta = recent_delta(deltas, *count, key);
    if (!delta) {
        deltas = grow_array(deltas, sizeof *deltas, *count, cap, 8);
        delta = &deltas[(*count)++];
        delta->key = leat_batch_copy_value(batch, key);
    }
    delta->value = value ? leat_batch_copy_value(batch, value) : leat_value_null();
    return deltas;
}

void leat_batch_position(struct leat_batch *batch, const struct leat_value *key,
                         const struct leat_value *value)
{
    batch->positions = set_delta(batch, batch->positions, &batch->position_count,
                                 &batch->position_cap, key, value);
}

void leat_batch_state(struct leat_batch *batch, const struct leat_value *key,
                      const struct leat_value *value)
{
    batch->states =
        set_delta(batch, batch->states, &batch->state_count, &batch->state_cap, key, value);
}

/* ---- refusals: in the order of their records, one for each ---- */

static uint32_t refusal_place(const struct leat_batch *batch, uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = batch->refusal_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (batch->refusals[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void leat_batch_reject(const struct leat_batch *refusing, uint32_t index, const char *fmt, ...)
{
    struct leat_batch *batch = (struct leat_batch *)refusing; /* a sink may not change records, but refuse them */
    leat_assert(index < batch->count);
    uint32_t place = refusal_place(batch, index);
    if (place < batch->refusal_count && batch->refusals[place].index == index)
        return; /* the first reason is the cause */
    char reason[REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    batch->refusals = grow_array(batch->refusals, sizeof *batch->refusals, batch->refusal_count,
                                 &batch->refusal_cap, 8);
    struct leat_refusal *refusal = &batch->refusals[place];
    memmove(refusal + 1, refusal, (batch->refusal_count - place) * sizeof *refusal);
    *refusal = (struct leat_refusal){index, leat_arena_strdup(&batch->arena, reason)};
    batch->refusal_count++;
}

enum leat_status leat_batch_reject_unfit(const struct leat_batch *batch, uint32_t index, const char *log, struct leat_error *err)
{
    leat_batch_reject(batch, index, "a record of topic %s is larger than a log can hold, or nested too deeply",
                      batch->records[index].topic->name);
    return leat_fail(err, LEAT_REJECT, "log %s: records that no log can hold", log);
}

void leat_batch_clear_refusals(struct leat_batch *batch)
{
    batch->refusal_count = 0;
}

void leat_batch_remove(struct leat_batch *batch, uint32_t index)
{
    leat_assert(index < batch->count);
    uint32_t after = batch->count - index - 1;
    memmove(&batch->records[index], &batch->records[index + 1], after * sizeof *batch->records);
    if (batch->reads)
        memmove(&batch->reads[index], &batch->reads[index + 1], after * sizeof *batch->reads);
    uint32_t place = refusal_place(batch, index);
    uint32_t kept = place;
    for (uint32_t i = place; i < batch->refusal_count; i++) {
        if (batch->refusals[i].index == index)
            continue;
        batch->refusals[kept] = batch->refusals[i];
        batch->refusals[kept++].index--;
    }
    batch->refusal_count = kept;
    batch->count--;
}

void leat_batch_truncate(struct leat_batch *batch, uint32_t count)
{
    leat_assert(count <= batch->count);
    if (count == batch->count)
        return;
    if (batch->reads) {
        leat_assert(count > 0); /* the mark of nothing is not known */
        leat_batch_mark_within(batch, count, &batch->mark);
        batch->is_at_end = false;
    }
    batch->count = count;
    batch->refusal_count = refusal_place(batch, count);
}

/* ---- the sink side ---- */

void leat_batch_mark(const struct leat_batch *batch, struct leat_mark *mark)
{
    uint64_t owner_epoch = mark->owner_epoch;
    uint64_t sequence = mark->sequence;
    *mark = batch->mark;
    mark->owner_epoch = owner_epoch;
    mark->sequence = sequence;
}

void leat_batch_mark_within(const struct leat_batch *batch, uint32_t end, struct leat_mark *mark)
{
    leat_assert(end > 0 && end <= batch->count);
    mark->cursor = batch->reads[end - 1].cursor;
    mark->origin[0] = '\0';
    for (uint32_t i = end; i-- > 0 && !leat_origin_write(&batch->records[i], mark->origin);)
        ; /* letters and control records have none */
}

uint32_t leat_batch_split(const struct leat_batch *batch)
{
    return batch->split;
}

struct leat_cursor leat_batch_cursor(const struct leat_batch *batch, uint32_t index)
{
    leat_assert(batch->reads && index < batch->count);
    return batch->reads[index].cursor;
}
