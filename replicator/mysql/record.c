#include <mysql/record.h>

#include <leat/task.h>
#include <mysql/forms.h>
#include <mysql/table.h>
#include <mysql/transaction.h>

#define FIELD(field_name, field_type) {.name = field_name, .type = field_type, .native = "", .labels = ""}

const struct leat_field record_source_fields[RECORD_SOURCE_FIELDS] = {
    [SOURCE_SERVER_ID] = FIELD("server_id", LEAT_INT64), [SOURCE_GTID] = FIELD("gtid", LEAT_TEXT),
    [SOURCE_FILE] = FIELD("file", LEAT_TEXT),            [SOURCE_POS] = FIELD("pos", LEAT_INT64),
    [SOURCE_ROW] = FIELD("row", LEAT_INT64),             [SOURCE_THREAD] = FIELD("thread", LEAT_INT64),
    [SOURCE_QUERY] = FIELD("query", LEAT_TEXT),
};

/* What all records of one row share. */
struct making {
    struct leat_batch *batch;
    const struct table *table;
    const struct leat_schema *schema; /* of the records: the table's, or what its form makes of it */
    const struct record_origin *origin;
    uint64_t row;
};

static struct making begin(struct leat_batch *batch, const struct table *table, const struct record_origin *origin, uint64_t row)
{
    const struct form *form = form_of(table);
    return (struct making){batch, table, form ? form->schema : table->schema, origin, row};
}

/* The cells that the record has; NULL of NULL. */
static const struct leat_value *shown(const struct making *making, const struct leat_value *cells)
{
    const struct form *form = form_of(making->table);
    return form ? form_row(making->table->forms, form, making->batch, cells) : cells;
}

static struct leat_value make_source(struct leat_batch *batch, const struct record_origin *origin, uint64_t row, uint32_t count)
{
    struct leat_value *items = leat_batch_alloc(batch, count * sizeof *items);
    items[SOURCE_SERVER_ID] = leat_value_int(origin->server_id);
    items[SOURCE_GTID] = origin->gtid;
    items[SOURCE_FILE] = origin->file;
    items[SOURCE_POS] = leat_value_int((int64_t)origin->pos);
    items[SOURCE_ROW] = leat_value_int((int64_t)row);
    items[SOURCE_THREAD] = leat_value_null();
    items[SOURCE_QUERY] = leat_value_null();
    for (uint32_t i = RECORD_SOURCE_FIELDS; i < count; i++)
        items[i] = leat_value_null();
    return leat_value_items(LEAT_STRUCT, items, count);
}

static struct leat_record *add(const struct making *making, uint8_t op)
{
    const struct record_origin *origin = making->origin;
    if (origin->transaction && !transaction_has_begun(origin->transaction))
        transaction_add_begin(origin->transaction, making->batch, &origin->transaction_id, origin->time_us);
    struct leat_record *rec = leat_batch_add(making->batch);
    rec->topic = making->table->topic;
    rec->schema = making->schema;
    rec->time_us = origin->time_us;
    rec->op = op;
    rec->key = rec->value = rec->before = leat_value_null();
    rec->source = make_source(making->batch, origin, making->row, making->schema->source_count);
    if (origin->transaction)
        transaction_number(origin->transaction, &origin->transaction_id, making->table,
                           (struct leat_value *)(uintptr_t)rec->source.as.items + RECORD_SOURCE_FIELDS);
    return rec;
}

static struct leat_value make_key(struct leat_batch *batch, const struct leat_schema *schema, const struct leat_value *row)
{
    if (schema->key_count == 0)
        return leat_value_null();
    struct leat_value *items = leat_batch_alloc(batch, schema->key_count * sizeof *items);
    for (uint32_t i = 0; i < schema->key_count; i++)
        items[i] = row[schema->keys[i]];
    return leat_value_items(LEAT_STRUCT, items, schema->key_count);
}

/* A key column that is not in an image has not changed. */
static bool changes_key(const struct leat_schema *schema, const struct leat_value *before, const struct leat_value *after)
{
    for (uint32_t i = 0; i < schema->key_count; i++) {
        const struct leat_value *a = &before[schema->keys[i]], *b = &after[schema->keys[i]];
        if (a->type != LEAT_ABSENT && b->type != LEAT_ABSENT && !leat_value_equal(a, b))
            return true;
    }
    return false;
}

static struct leat_value row_of(const struct making *making, const struct leat_value *cells)
{
    return leat_value_items(LEAT_STRUCT, cells, making->schema->field_count);
}

/* With what follows it in a compacted topic, where the source was asked for it. */
static void add_delete(const struct making *making, const struct leat_value *before, uint8_t flags)
{
    struct leat_record *rec = add(making, LEAT_DELETE);
    struct leat_value key = make_key(making->batch, making->schema, before);
    rec->flags |= flags;
    rec->key = key;
    rec->before = row_of(making, before);
    if (!forms_have_tombstones(making->table->forms) || key.type <= LEAT_NULL)
        return;
    struct leat_value source = rec->source;
    rec = leat_batch_add(making->batch);
    rec->topic = making->table->topic;
    rec->schema = making->schema;
    rec->time_us = making->origin->time_us;
    rec->op = LEAT_DELETE;
    rec->flags = LEAT_TOMBSTONE;
    rec->key = key;
    rec->value = rec->before = leat_value_null();
    rec->source = source;
}

static void add_create(const struct making *making, const struct leat_value *after, uint8_t flags)
{
    struct leat_record *rec = add(making, LEAT_CREATE);
    rec->flags |= flags;
    rec->key = make_key(making->batch, making->schema, after);
    rec->value = row_of(making, after);
}

static void add_update(const struct making *making, const struct leat_value *before, const struct leat_value *after)
{
    if (changes_key(making->schema, before, after)) {
        add_delete(making, before, LEAT_KEY_CHANGED);
        add_create(making, after, LEAT_KEY_CHANGED);
        return;
    }
    struct leat_record *rec = add(making, LEAT_UPDATE);
    rec->key = make_key(making->batch, making->schema, before);
    rec->value = row_of(making, after);
    rec->before = row_of(making, before);
}

void record_add(struct leat_batch *batch, const struct table *table, const struct record_origin *origin, uint64_t row,
                const struct leat_value *before, const struct leat_value *after)
{
    const struct making making = begin(batch, table, origin, row);
    before = shown(&making, before);
    after = shown(&making, after);
    if (before && after)
        add_update(&making, before, after);
    else if (after)
        add_create(&making, after, 0);
    else
        add_delete(&making, before, 0);
}

void record_begin_reads(struct record_reads *reads, struct leat_batch *batch, const char *file, uint64_t pos)
{
    size_t len = strlen(file);
    struct record_origin origin = {
        .gtid = leat_value_null(), .file = leat_value_text(leat_batch_copy(batch, file, len), len), .pos = pos};
    reads->time_us = leat_wall_us();
    reads->source = make_source(batch, &origin, 0, RECORD_SOURCE_FIELDS);
}

static struct leat_record *add_of_snapshot(struct leat_batch *batch, const struct table *table, const struct record_reads *reads,
                                           uint8_t op)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = table->topic;
    rec->schema = table->schema;
    rec->time_us = reads->time_us;
    rec->op = op;
    rec->flags = LEAT_SNAPSHOT;
    rec->key = rec->value = rec->before = leat_value_null();
    rec->source = reads->source;
    return rec;
}

void record_add_read(struct leat_batch *batch, const struct table *table, const struct record_reads *reads,
                     const struct leat_value *row)
{
    struct leat_record *rec = add_of_snapshot(batch, table, reads, LEAT_READ);
    rec->key = make_key(batch, table->schema, row);
    rec->value = leat_value_items(LEAT_STRUCT, row, table->schema->field_count);
}

void record_add_emptied(struct leat_batch *batch, const struct table *table, const struct record_reads *reads)
{
    add_of_snapshot(batch, table, reads, LEAT_TRUNCATE);
}

/* The same source, with NULL where a transaction's numbers would stand. */
static struct leat_value longer_source(struct leat_batch *batch, const struct leat_value *source, uint32_t count)
{
    struct leat_value *items = leat_batch_alloc(batch, count * sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = i < source->len ? source->as.items[i] : leat_value_null();
    return leat_value_items(LEAT_STRUCT, items, count);
}

void record_form_reads(struct leat_batch *batch, struct forms *forms)
{
    const struct leat_value *raw = NULL; /* what rows share, and what becomes of it */
    struct leat_value source = leat_value_null();
    const struct form *form = NULL;
    for (uint32_t i = 0; forms && i < leat_batch_count(batch); i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        if (!form || form->of != rec->schema)
            form = form_of_schema(forms, rec->schema);
        if (rec->source.as.items != raw)
            source = longer_source(batch, &rec->source, form->schema->source_count);
        raw = rec->source.as.items;
        rec->source = source;
        rec->schema = form->schema;
        if (rec->value.type != LEAT_STRUCT)
            continue;
        const struct leat_value *row = form_row(forms, form, batch, rec->value.as.items);
        rec->key = make_key(batch, form->schema, row);
        rec->value = leat_value_items(LEAT_STRUCT, row, form->schema->field_count);
    }
}

void record_add_truncate(struct leat_batch *batch, const struct table *table, const struct record_origin *origin)
{
    const struct making making = begin(batch, table, origin, 0);
    add(&making, LEAT_TRUNCATE);
}
