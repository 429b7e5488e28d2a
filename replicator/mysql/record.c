#include <mysql/record.h>

#include <leat/task.h>
#include <mysql/table.h>

#define FIELD(field_name, field_type) {.name = field_name, .type = field_type, .native = "", .labels = ""}

const struct leat_field record_source_fields[RECORD_SOURCE_FIELDS] = {
    [SOURCE_SERVER_ID] = FIELD("server_id", LEAT_INT64), [SOURCE_GTID] = FIELD("gtid", LEAT_TEXT),
    [SOURCE_FILE] = FIELD("file", LEAT_TEXT),            [SOURCE_POS] = FIELD("pos", LEAT_INT64),
    [SOURCE_ROW] = FIELD("row", LEAT_INT64),             [SOURCE_THREAD] = FIELD("thread", LEAT_INT64),
    [SOURCE_QUERY] = FIELD("query", LEAT_TEXT),
};

static struct leat_value make_source(struct leat_batch *batch, const struct record_origin *origin, uint64_t row)
{
    struct leat_value *items = leat_batch_alloc(batch, RECORD_SOURCE_FIELDS * sizeof *items);
    items[SOURCE_SERVER_ID] = leat_value_int(origin->server_id);
    items[SOURCE_GTID] = origin->gtid;
    items[SOURCE_FILE] = origin->file;
    items[SOURCE_POS] = leat_value_int((int64_t)origin->pos);
    items[SOURCE_ROW] = leat_value_int((int64_t)row);
    items[SOURCE_THREAD] = leat_value_null();
    items[SOURCE_QUERY] = leat_value_null();
    return leat_value_items(LEAT_STRUCT, items, RECORD_SOURCE_FIELDS);
}

static struct leat_record *add(struct leat_batch *batch, const struct table *table, const struct record_origin *origin,
                               uint8_t op, uint64_t row)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = table->topic;
    rec->schema = table->schema;
    rec->time_us = origin->time_us;
    rec->op = op;
    rec->key = rec->value = rec->before = leat_value_null();
    rec->source = make_source(batch, origin, row);
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

static struct leat_value row_of(const struct table *table, const struct leat_value *cells)
{
    return leat_value_items(LEAT_STRUCT, cells, table->schema->field_count);
}

static void add_delete(struct leat_batch *batch, const struct table *table, const struct record_origin *origin,
                       uint64_t row, const struct leat_value *before, uint8_t flags)
{
    struct leat_record *rec = add(batch, table, origin, LEAT_DELETE, row);
    rec->flags |= flags;
    rec->key = make_key(batch, table->schema, before);
    rec->before = row_of(table, before);
}

static void add_create(struct leat_batch *batch, const struct table *table, const struct record_origin *origin,
                       uint64_t row, const struct leat_value *after, uint8_t flags)
{
    struct leat_record *rec = add(batch, table, origin, LEAT_CREATE, row);
    rec->flags |= flags;
    rec->key = make_key(batch, table->schema, after);
    rec->value = row_of(table, after);
}

static void add_update(struct leat_batch *batch, const struct table *table, const struct record_origin *origin,
                       uint64_t row, const struct leat_value *before, const struct leat_value *after)
{
    if (changes_key(table->schema, before, after)) {
        add_delete(batch, table, origin, row, before, LEAT_KEY_CHANGED);
        add_create(batch, table, origin, row, after, LEAT_KEY_CHANGED);
        return;
    }
    struct leat_record *rec = add(batch, table, origin, LEAT_UPDATE, row);
    rec->key = make_key(batch, table->schema, before);
    rec->value = row_of(table, after);
    rec->before = row_of(table, before);
}

void record_add(struct leat_batch *batch, const struct table *table, const struct record_origin *origin, uint64_t row,
                const struct leat_value *before, const struct leat_value *after)
{
    if (before && after)
        add_update(batch, table, origin, row, before, after);
    else if (after)
        add_create(batch, table, origin, row, after, 0);
    else
        add_delete(batch, table, origin, row, before, 0);
}

void record_begin_reads(struct record_reads *reads, struct leat_batch *batch, const char *file, uint64_t pos)
{
    size_t len = strlen(file);
    struct record_origin origin = {
        .gtid = leat_value_null(), .file = leat_value_text(leat_batch_copy(batch, file, len), len), .pos = pos};
    reads->time_us = leat_wall_us();
    reads->source = make_source(batch, &origin, 0);
}

void record_add_read(struct leat_batch *batch, const struct table *table, const struct record_reads *reads,
                     const struct leat_value *row)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = table->topic;
    rec->schema = table->schema;
    rec->time_us = reads->time_us;
    rec->op = LEAT_READ;
    rec->flags = LEAT_SNAPSHOT;
    rec->before = leat_value_null();
    rec->source = reads->source;
    rec->key = make_key(batch, table->schema, row);
    rec->value = row_of(table, row);
}

void record_add_emptied(struct leat_batch *batch, const struct table *table, const struct record_reads *reads)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = table->topic;
    rec->schema = table->schema;
    rec->time_us = reads->time_us;
    rec->op = LEAT_TRUNCATE;
    rec->flags = LEAT_SNAPSHOT;
    rec->key = rec->value = rec->before = leat_value_null();
    rec->source = reads->source;
}

void record_add_truncate(struct leat_batch *batch, const struct table *table, const struct record_origin *origin)
{
    add(batch, table, origin, LEAT_TRUNCATE, 0);
}
