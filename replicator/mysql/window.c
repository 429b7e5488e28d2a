#include <mysql/window.h>

#include <base/hash.h>
#include <base/memory.h>
#include <model/batch.h>
#include <mysql/record.h>
#include <stdlib.h>

#define BYTES_MOST ((size_t)4 << 20)
#define KEY_MOST   4096

struct row {                        /* the last of its images */
    const struct leat_value *cells; /* in the arena; its key, where it is gone */
    bool is_gone, is_given;
};

struct touched {
    struct leat_table by_key; /* -> struct row, in the arena */
    struct leat_arena arena;
};

void window_free(struct chunk *chunk)
{
    if (!chunk->touched)
        return;
    leat_table_fini(&chunk->touched->by_key, NULL);
    leat_arena_fini(&chunk->touched->arena);
    free(chunk->touched);
    chunk->touched = NULL;
}

/* Bytes that are equal where the values are. False: too long for one. */
static bool write_key(const struct extent *extent, const struct leat_value *cells,
                      struct leat_bytes *out)
{
    leat_bytes_clear(out);
    for (uint32_t i = 0; i < extent->key_count; i++) {
        const struct leat_value *value = &cells[extent->keys[i]];
        bool has_bytes = value->type == LEAT_TEXT || value->type == LEAT_BYTES ||
                         value->type == LEAT_DECIMAL || value->type == LEAT_JSON;
        leat_bytes_add(out, &value->type, sizeof value->type);
        leat_bytes_add(out, &value->flags, sizeof value->flags);
        leat_bytes_add(out, &value->len, sizeof value->len);
        leat_bytes_add(out, has_bytes ? value->as.text : (const char *)&value->as.u,
                       has_bytes ? value->len : sizeof value->as.u);
    }
    return !out->is_over;
}

static bool is_partial(const struct leat_value *cells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (cells[i].type == LEAT_ABSENT)
            return true;
    return false;
}

static const struct leat_value *keep(struct touched *touched, const struct leat_value *cells,
                                     uint32_t count)
{
    struct leat_value *kept = leat_arena_alloc(&touched->arena, (count + 1) * sizeof *kept);
    for (uint32_t i = 0; i < count; i++)
        kept[i] = leat_value_copy(&touched->arena, &cells[i]);
    return kept;
}

static void note_row(struct chunk *chunk, const struct leat_value *cells, bool is_gone)
{
    struct touched *touched = chunk->touched;
    const struct extent *shape = &chunk->definition->shape;
    uint32_t count = chunk->definition->table->schema->field_count;
    struct leat_bytes key;
    leat_bytes_init(&key, KEY_MOST);
    chunk->is_spoiled = chunk->is_spoiled || !write_key(shape, cells, &key) ||
                        touched->arena.used_bytes > BYTES_MOST ||
                        (!is_gone && is_partial(cells, count));
    if (!chunk->is_spoiled) {
        struct row *row = leat_table_get(&touched->by_key, key.data, key.len);
        if (!row) {
            row = leat_arena_zeroed(&touched->arena, sizeof *row);
            leat_table_set(&touched->by_key, key.data, key.len, row);
        }
        row->cells = keep(touched, cells, count);
        row->is_gone = is_gone;
    }
    leat_bytes_fini(&key);
}

void window_note(struct chunk *chunk, const struct stream *stream, const struct leat_value *before,
                 const struct leat_value *after)
{
    if (chunk->is_void || chunk->is_spoiled ||
        (stream->has_gtid && gtids_has(&chunk->view.seen, &stream->gtid)))
        return;
    if (chunk->of->schema != chunk->definition->table->schema) { /* another layout of cells */
        chunk->is_spoiled = true;
        return;
    }
    if (!chunk->touched) {
        chunk->touched = leat_calloc(1, sizeof *chunk->touched);
        leat_table_init(&chunk->touched->by_key);
        leat_arena_init(&chunk->touched->arena, 0);
    }
    if (before)
        note_row(chunk, before, true);
    if (after)
        note_row(chunk, after, false);
}

/* ---- at P ---- */

static struct row *find(const struct chunk *chunk, const struct leat_record *rec,
                        struct leat_bytes *key)
{
    if (rec->value.type != LEAT_STRUCT ||
        !write_key(&chunk->definition->shape, rec->value.as.items, key))
        return NULL;
    return leat_table_get(&chunk->touched->by_key, key->data, key->len);
}

static void mend_rows(struct chunk *chunk, struct leat_batch *batch, bool is_exact,
                      struct leat_bytes *key)
{
    const struct leat_schema *schema = chunk->definition->table->schema;
    for (uint32_t i = batch->count; i > 0; i--) {
        struct leat_record *rec = &batch->records[i - 1];
        struct row *row = find(chunk, rec, key);
        if (!row)
            continue;
        if (row->is_gone || !is_exact) {
            leat_batch_remove(batch, i - 1);
        } else {
            struct leat_value now = leat_value_items(LEAT_STRUCT, row->cells, schema->field_count);
            rec->value = leat_batch_copy_value(batch, &now);
        }
        row->is_given = true;
    }
}

/* New rows that belong to what this parcel tells of: up to its last key. */
static void add_rows(struct chunk *chunk, const struct parcel *parcel)
{
    const struct table *table = chunk->definition->table;
    const struct extent_part until = {.from = chunk->part->from,
                                      .to = parcel->is_last ? chunk->part->to : parcel->last};
    struct record_reads reads;
    size_t at = 0, len;
    const void *key;
    void *value;
    record_begin_reads(&reads, parcel->batch, chunk->view.place.file, chunk->view.place.pos);
    while (leat_table_next(&chunk->touched->by_key, &at, &key, &len, &value)) {
        struct row *row = value;
        if (row->is_gone || row->is_given ||
            !extent_part_has(&chunk->definition->shape, &until, row->cells))
            continue;
        struct leat_value cells =
            leat_value_items(LEAT_STRUCT, row->cells, table->schema->field_count);
        cells = leat_batch_copy_value(parcel->batch, &cells);
        record_add_read(parcel->batch, table, &reads, cells.as.items);
        row->is_given = true;
    }
}

void window_mend(struct chunk *chunk, struct parcel *parcel, bool is_exact)
{
    struct leat_bytes key;
    if (!chunk->touched)
        return;
    leat_bytes_init(&key, KEY_MOST);
    mend_rows(chunk, parcel->batch, is_exact, &key);
    if (is_exact && (parcel->last || parcel->is_last))
        add_rows(chunk, parcel);
    leat_bytes_fini(&key);
}
