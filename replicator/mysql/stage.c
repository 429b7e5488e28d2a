/* stage.c - records as rows of a table: the first half of effects.h. */
#include <mysql/effects.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

struct binding_key {
    const struct leat_schema *schema;
    const struct dest *dest;
};

void effects_init(struct effects *effects, bool is_append, size_t packet_max)
{
    *effects = (struct effects){.is_append = is_append, .packet_max = packet_max};
    leat_arena_init(&effects->arena, (size_t)4 << 20);
    leat_table_init(&effects->keys);
    leat_table_init(&effects->bindings);
    leat_bytes_init(&effects->sql, (size_t)3 << 30);
}

void effects_fini(struct effects *effects)
{
    leat_arena_fini(&effects->arena);
    leat_table_fini(&effects->keys, NULL);
    leat_table_fini(&effects->bindings, free);
    leat_bytes_fini(&effects->sql);
    free(effects->items);
    free(effects->groups);
    effects->items = NULL;
    effects->groups = NULL;
}

void effects_clear(struct effects *effects)
{
    leat_arena_reset(&effects->arena);
    leat_bytes_clear(&effects->sql);
    leat_bytes_shrink(&effects->sql, (size_t)4 << 20);
    effects->count = 0;
    effects->has_linked = false;
}

void effects_forget(struct effects *effects)
{
    leat_table_fini(&effects->bindings, free);
    leat_table_init(&effects->bindings);
}

/* ---- fields and columns ---- */

/* Column of each field; -1: the table has none. */
static const int32_t *bind(struct effects *effects, const struct dest *dest, const struct leat_schema *schema)
{
    struct binding_key key = {schema, dest};
    int32_t *columns = leat_table_get(&effects->bindings, &key, sizeof key);
    if (columns)
        return columns;
    columns = leat_malloc((schema->field_count + 1) * sizeof *columns);
    for (uint32_t i = 0; i < schema->field_count; i++)
        columns[i] = dest_find(dest, schema->fields[i].name, strlen(schema->fields[i].name));
    leat_table_set(&effects->bindings, &key, sizeof key, columns);
    return columns;
}

static bool struct_fits(const int32_t *columns, const struct leat_value *row)
{
    for (uint32_t i = 0; i < row->len; i++)
        if (columns[i] < 0 && row->as.items[i].type != LEAT_ABSENT)
            return false;
    return true;
}

bool effects_fits(struct effects *effects, const struct dest *dest, const struct leat_record *rec)
{
    const struct leat_value *row = rec->value.type == LEAT_STRUCT || rec->value.type == LEAT_MAP ? &rec->value : &rec->before;
    if (row->type == LEAT_STRUCT && rec->schema)
        return struct_fits(bind(effects, dest, rec->schema), row);
    for (uint32_t i = 0; row->type == LEAT_MAP && i < row->len; i++) {
        const struct leat_value *name = &row->as.items[2 * i];
        if (name->type == LEAT_TEXT && name[1].type != LEAT_NULL && dest_find(dest, name->as.text, name->len) < 0)
            return false;
    }
    return true;
}

static const struct leat_value **new_row(struct effects *effects, const struct dest *dest)
{
    return leat_arena_zeroed(&effects->arena, (dest->count + 1) * sizeof(struct leat_value *));
}

static void set_cell(const struct dest *dest, const struct leat_value **row, int32_t column, const struct leat_value *value)
{
    if (column >= 0 && value->type != LEAT_ABSENT && !dest->columns[column].is_generated)
        row[column] = value;
}

/* The record's value or before into a row. False: it is neither an object nor, for a column of that name, a `value`. */
static bool fill(struct effects *effects, const struct dest *dest, const struct leat_record *rec,
                 const struct leat_value *from, const struct leat_value **row)
{
    if (from->type == LEAT_STRUCT && rec->schema) {
        const int32_t *columns = bind(effects, dest, rec->schema);
        leat_assert(from->len <= rec->schema->field_count);
        for (uint32_t i = 0; i < from->len; i++)
            set_cell(dest, row, columns[i], &from->as.items[i]);
        return true;
    }
    if (from->type == LEAT_MAP) {
        for (uint32_t i = 0; i < from->len; i++) {
            const struct leat_value *name = &from->as.items[2 * i];
            if (name->type == LEAT_TEXT)
                set_cell(dest, row, dest_find(dest, name->as.text, name->len), name + 1);
        }
        return true;
    }
    int32_t column = from->type == LEAT_ABSENT || from->type == LEAT_NULL ? -1 : dest_find(dest, "value", 5);
    set_cell(dest, row, column, from);
    return column >= 0;
}

/* What the record's key says of key columns that `row` lacks. */
static void fill_key(const struct dest *dest, const struct leat_record *rec, const struct leat_value **row)
{
    const struct leat_value *key = &rec->key;
    for (uint32_t i = 0; i < dest->key_count; i++) {
        uint32_t column = dest->keys[i];
        const char *name = dest->columns[column].name;
        if (row[column])
            continue;
        if (key->type == LEAT_MAP && leat_map_get(key, name))
            row[column] = leat_map_get(key, name);
        for (uint32_t k = 0; key->type == LEAT_STRUCT && rec->schema && k < key->len && k < rec->schema->key_count; k++)
            if (dest_find(dest, rec->schema->fields[rec->schema->keys[k]].name,
                          strlen(rec->schema->fields[rec->schema->keys[k]].name)) == (int32_t)column)
                row[column] = &key->as.items[k];
        if (dest->key_count == 1 && (key->type == LEAT_INT64 || key->type == LEAT_UINT64 || key->type == LEAT_TEXT ||
                                     key->type == LEAT_BYTES))
            row[column] = key;
    }
}

static enum leat_status check_key(const struct dest *dest, const struct leat_value *const *row, struct leat_error *err)
{
    for (uint32_t i = 0; i < dest->key_count; i++)
        if (!row[dest->keys[i]])
            return leat_fail(err, LEAT_REJECT, "it has no value for %s, which is in the primary key of table %s",
                             dest->columns[dest->keys[i]].name, dest->name);
    return LEAT_OK;
}

/* Digits behind the point that are not zero at the end; of other types than these the server itself refuses what does not fit. */
static uint32_t digits_of(const struct leat_value *value)
{
    struct leat_parts parts;
    uint32_t digits = 6, len = value->len;
    if (value->type == LEAT_DECIMAL) {
        const char *point = memchr(value->as.text, '.', len);
        while (point && len > 0 && value->as.text[len - 1] == '0')
            len--;
        return point ? (uint32_t)(value->as.text + len - point) - 1 : 0;
    }
    bool has_time = value->type == LEAT_TIME || value->type == LEAT_DATETIME || value->type == LEAT_TIMESTAMP;
    if (!has_time || !leat_value_parts(value, &parts) || parts.us == 0)
        return 0;
    for (int64_t us = parts.us; us % 10 == 0; us /= 10)
        digits--;
    return digits;
}

/* A server rounds digits away, also where it is strict. */
static enum leat_status check_digits(const struct dest *dest, const struct leat_value *const *row, struct leat_error *err)
{
    for (uint32_t i = 0; i < dest->count; i++) {
        uint32_t most = dest->columns[i].digits, digits = most < UINT8_MAX && row[i] ? digits_of(row[i]) : 0;
        if (digits > most)
            return leat_fail(err, LEAT_REJECT, "%s has %u digits behind the point, and that column of table %s keeps %u",
                             dest->columns[i].name, digits, dest->name, most);
    }
    return LEAT_OK;
}

/* ---- effects ---- */

static struct effect *add_effect(struct effects *effects, struct dest *dest, enum effect_kind kind, uint32_t index,
                                 const struct leat_value **values, const struct leat_value **where)
{
    if (effects->count == effects->cap) {
        effects->cap = effects->cap ? 2 * effects->cap : 1024;
        effects->items = leat_realloc(effects->items, effects->cap * sizeof *effects->items);
    }
    struct effect *effect = &effects->items[effects->count++];
    *effect = (struct effect){.dest = dest, .kind = (uint8_t)kind, .record = index, .values = values, .where = where};
    return effect;
}

static void add_note(struct effects *effects, const struct dest *dest, const char *name, const struct leat_value **row,
                     struct leat_value value)
{
    int32_t column = dest_find(dest, name, strlen(name));
    if (column < 0)
        return;
    struct leat_value *copy = leat_arena_alloc(&effects->arena, sizeof *copy);
    *copy = value;
    row[column] = copy;
}

/* One row for each record: its value, of a delete what was there before; and `_op`, `_topic`, `_offset`, `_time` where the
 * table has such columns. */
static enum leat_status stage_append(struct effects *effects, struct dest *dest, const struct leat_record *rec,
                                     uint32_t index, struct leat_error *err)
{
    const struct leat_value **row = new_row(effects, dest);
    bool is_row = fill(effects, dest, rec, rec->op == LEAT_DELETE ? &rec->before : &rec->value, row);
    if (!is_row && rec->op == LEAT_DELETE) {
        fill_key(dest, rec, row);
        is_row = fill(effects, dest, rec, &rec->key, row) || rec->key.type == LEAT_STRUCT;
    }
    if (!is_row && rec->op != LEAT_TRUNCATE)
        return leat_fail(err, LEAT_REJECT, "it is no row, and table %s has no column named value", dest->name);
    enum leat_status status = check_digits(dest, row, err);
    if (status != LEAT_OK)
        return status;
    char *op = leat_arena_copy(&effects->arena, &rec->op, 1);
    struct leat_value time = {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = rec->time_us};
    add_note(effects, dest, "_op", row, leat_value_text(op, 1));
    add_note(effects, dest, "_topic", row, leat_value_text(rec->topic->name, rec->topic->name_len));
    add_note(effects, dest, "_offset", row, leat_value_uint(rec->offset));
    add_note(effects, dest, "_time", row, time);
    add_effect(effects, dest, EFFECT_INSERT, index, row, NULL);
    return LEAT_OK;
}

/* The row that a record names: by the key, of a table without one by all that was there before. */
static enum leat_status find_row(struct effects *effects, const struct dest *dest, const struct leat_record *rec,
                                 const struct leat_value **where, struct leat_error *err)
{
    bool has_before = fill(effects, dest, rec, &rec->before, where);
    if (dest->key_count == 0)
        return has_before ? LEAT_OK
                          : leat_fail(err, LEAT_REJECT, "table %s has no primary key, and the record does not say what the row "
                                                        "was before; give the table one, or use mode: append", dest->name);
    fill_key(dest, rec, where);
    return check_key(dest, where, err);
}

static bool is_other_key(const struct dest *dest, const struct leat_value *const *a, const struct leat_value *const *b)
{
    for (uint32_t i = 0; i < dest->key_count; i++)
        if (a[dest->keys[i]] && b[dest->keys[i]] && !leat_value_equal(a[dest->keys[i]], b[dest->keys[i]]))
            return true;
    return false;
}

static bool is_partial(const struct leat_record *rec)
{
    for (uint32_t i = 0; rec->value.type == LEAT_STRUCT && i < rec->value.len; i++)
        if (rec->value.as.items[i].type == LEAT_ABSENT)
            return true;
    return false;
}

static enum leat_status stage_update(struct effects *effects, struct dest *dest, const struct leat_record *rec,
                                     uint32_t index, const struct leat_value **values, struct leat_error *err)
{
    bool is_part = is_partial(rec);
    if (dest->key_count > 0 && !is_part && rec->before.type != LEAT_STRUCT && rec->before.type != LEAT_MAP) {
        add_effect(effects, dest, EFFECT_UPSERT, index, values, NULL);
        return LEAT_OK;
    }
    const struct leat_value **where = new_row(effects, dest);
    enum leat_status status = find_row(effects, dest, rec, where, err);
    if (status != LEAT_OK)
        return status;
    if (dest->key_count == 0 || is_part) {
        add_effect(effects, dest, EFFECT_UPDATE, index, values, where);
        return LEAT_OK;
    }
    if (is_other_key(dest, where, values)) /* of the target's key: the source's own is split by the source */
        add_effect(effects, dest, EFFECT_DELETE, index, NULL, where);
    add_effect(effects, dest, EFFECT_UPSERT, index, values, NULL);
    return LEAT_OK;
}

static enum leat_status stage_row(struct effects *effects, struct dest *dest, const struct leat_record *rec,
                                  uint32_t index, struct leat_error *err)
{
    const struct leat_value **values = new_row(effects, dest);
    if (!fill(effects, dest, rec, &rec->value, values))
        return leat_fail(err, LEAT_REJECT, "it is no row, and table %s has no column named value", dest->name);
    if (dest->key_count > 0)
        fill_key(dest, rec, values);
    enum leat_status status = check_key(dest, values, err);
    if (status == LEAT_OK)
        status = check_digits(dest, values, err);
    if (status != LEAT_OK)
        return status;
    if (rec->op == LEAT_UPDATE)
        return stage_update(effects, dest, rec, index, values, err);
    add_effect(effects, dest, dest->key_count > 0 ? EFFECT_UPSERT : EFFECT_INSERT, index, values, NULL);
    return LEAT_OK;
}

enum leat_status effects_stage(struct effects *effects, struct dest *dest, const struct leat_record *rec, uint32_t index,
                               struct leat_error *err)
{
    effects->has_linked = effects->has_linked || dest->is_linked;
    if (rec->flags & LEAT_TOMBSTONE)
        return LEAT_OK; /* the delete before it said so */
    if (effects->is_append)
        return stage_append(effects, dest, rec, index, err);
    if (rec->op == LEAT_TRUNCATE) {
        add_effect(effects, dest, EFFECT_TRUNCATE, index, NULL, NULL);
        return LEAT_OK;
    }
    if (rec->op != LEAT_DELETE)
        return stage_row(effects, dest, rec, index, err);
    const struct leat_value **where = new_row(effects, dest);
    enum leat_status status = find_row(effects, dest, rec, where, err);
    if (status == LEAT_OK)
        add_effect(effects, dest, EFFECT_DELETE, index, NULL, where);
    return status;
}
