/* codec_maxwell.c - Maxwell's daemon's JSON:
 *
 *   {"database":"shop","table":"t","type":"update","ts":1477053234,"xid":23396,"commit":true,
 *    "data":{...the row...},"old":{...what was different before...}}
 *
 *   type       insert, update, delete, bootstrap-insert (a row of a snapshot), truncate (Maxwell has none)
 *   xid        the number in the transaction's GTID; left out where it has none. The server's own stands behind the rows
 *   commit     on the last row of a transaction
 *   data       of a delete the row that was. Columns that the row image does not have are left out
 *   old        changed columns alone; left out where the image before does not have them, or nothing has changed
 *
 *   numbers, DECIMAL, BIT, YEAR   numbers                 DATE, TIME, DATETIME, TIMESTAMP   "2026-01-02 03:04:05.600", in UTC
 *   BINARY, BLOB                  base64                  JSON   inlined     ENUM   label, null for ''     SET   array of labels
 *   GEOMETRY                      well-known text         VECTOR array of numbers
 *
 * Keys: {"database":"shop","table":"t","pk.id":1}.
 *
 * Decoding: data and old become MAPs by the rules of json.h, the rest `source`; types that tell of no row become markers.
 */
#include <model/codecs.h>

#include <base/arena.h>
#include <base/number.h>
#include <base/text.h>
#include <model/debezium_value.h>
#include <model/json.h>
#include <model/names.h>
#include <model/sqltext.h>
#include <stdio.h>

struct maxwell {
    bool position, gtid, server_id, thread_id, primary_keys, primary_key_columns, omits_commit_info, omits_nulls;
    /* open */
    struct leat_names_cache names;
    struct leat_arena scratch; /* of decode */
};

#define PUT(out, literal) leat_bytes_add(out, literal, sizeof(literal) - 1)

static void put_string(struct leat_bytes *out, const char *text)
{
    leat_json_string(out, text, strlen(text));
}

/* ---- values ---- */

static void put_labels(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '[');
    for (const char *at = value->as.text, *end = at + value->len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma ? comma : end) - at);
        leat_json_string(out, at, len);
        at += len + 1;
        if (comma)
            leat_bytes_put(out, ',');
    }
    leat_bytes_put(out, ']');
}

static void put_text(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    if (field->meaning == LEAT_SET)
        put_labels(out, value);
    else if (field->meaning == LEAT_ENUM && value->len == 0 && leat_sql_enum_index(value, field) == 0)
        PUT(out, "null");
    else
        leat_json_string(out, value->as.text, value->len);
}

static void put_bytes(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    static const struct leat_debezium_modes plain = {0};
    if (field->meaning == LEAT_VECTOR) {
        leat_debezium_value(out, value, field, &plain);
        return;
    }
    leat_bytes_put(out, '"');
    bool is_shape = field->meaning == LEAT_GEOMETRY && leat_sql_wkt(out, value->as.bytes, value->len);
    if (!is_shape)
        leat_base64_encode(out, value->as.bytes, leat_sql_binary_len(value, field));
    leat_bytes_put(out, '"');
}

static void put_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    char text[LEAT_ISO_MAX];
    switch (value->type) {
    case LEAT_TEXT:
        put_text(out, value, field);
        break;
    case LEAT_BYTES:
        put_bytes(out, value, field);
        break;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        leat_json_string(out, text, leat_sql_time(text, value, field));
        break;
    default:
        leat_json_value(out, value);
    }
}

/* ---- rows ---- */

static bool is_shown(const struct maxwell *self, const struct leat_value *value)
{
    return value->type > LEAT_NULL || (value->type == LEAT_NULL && !self->omits_nulls);
}

static void put_row(struct maxwell *self, const struct leat_schema *schema, const struct leat_value *row, struct leat_bytes *out)
{
    const struct leat_names *names = leat_names_of(&self->names, schema);
    bool is_first = true;
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; row->type == LEAT_STRUCT && i < schema->field_count && i < row->len; i++) {
        if (!is_shown(self, &row->as.items[i]))
            continue;
        leat_name_put(out, &names->fields[i], is_first);
        put_value(out, &row->as.items[i], &schema->fields[i]);
        is_first = false;
    }
    leat_bytes_put(out, '}');
}

/* `,"old":{...}` of the columns that both images have and that differ; nothing where there is none. */
static void put_old(struct maxwell *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_names *names = leat_names_of(&self->names, rec->schema);
    bool is_first = true;
    if (rec->before.type != LEAT_STRUCT || rec->value.type != LEAT_STRUCT)
        return;
    for (uint32_t i = 0; i < rec->schema->field_count && i < rec->before.len && i < rec->value.len; i++) {
        const struct leat_value *old = &rec->before.as.items[i], *now = &rec->value.as.items[i];
        if (old->type == LEAT_ABSENT || now->type == LEAT_ABSENT || leat_value_equal(old, now))
            continue;
        if (is_first)
            PUT(out, ",\"old\":{");
        leat_name_put(out, &names->fields[i], is_first);
        put_value(out, old, &rec->schema->fields[i]);
        is_first = false;
    }
    if (!is_first)
        leat_bytes_put(out, '}');
}

/* ---- what stands before them ---- */

static const char *type_of(const struct leat_record *rec)
{
    switch (rec->op) {
    case LEAT_CREATE:
        return "insert";
    case LEAT_UPDATE:
        return "update";
    case LEAT_DELETE:
        return "delete";
    case LEAT_READ:
        return "bootstrap-insert";
    default:
        return "truncate";
    }
}

static const struct leat_value *source_of(const struct leat_record *rec, const char *name)
{
    for (uint32_t i = 0; rec->source.type == LEAT_STRUCT && i < rec->schema->source_count && i < rec->source.len; i++)
        if (strcmp(rec->schema->source_fields[i].name, name) == 0)
            return rec->source.as.items[i].type > LEAT_NULL ? &rec->source.as.items[i] : NULL;
    return NULL;
}

/* The number at the end of "0-1-48210" and of "uuid:7"; 0: none. */
static size_t gtid_digits(const struct leat_value *gtid)
{
    size_t count = 0;
    while (gtid->type == LEAT_TEXT && count < gtid->len && count < 19 && gtid->as.text[gtid->len - 1 - count] >= '0' &&
           gtid->as.text[gtid->len - 1 - count] <= '9')
        count++;
    return count;
}

static void put_commit_info(const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_value *gtid = source_of(rec, "gtid");
    size_t digits = gtid ? gtid_digits(gtid) : 0;
    if (rec->flags & LEAT_SNAPSHOT)
        return;
    if (digits > 0) {
        PUT(out, ",\"xid\":");
        leat_bytes_add(out, gtid->as.text + gtid->len - digits, digits);
    }
    if (rec->flags & LEAT_ENDS_TRANSACTION)
        PUT(out, ",\"commit\":true");
}

static void put_source(const struct leat_record *rec, const char *from, const char *name, struct leat_bytes *out)
{
    const struct leat_value *value = source_of(rec, from);
    if (!value)
        return;
    leat_bytes_printf(out, ",\"%s\":", name);
    leat_json_value(out, value);
}

static void put_position(const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_value *file = source_of(rec, "file"), *pos = source_of(rec, "pos");
    if (!file || !pos || file->type != LEAT_TEXT || pos->type != LEAT_INT64)
        return;
    leat_bytes_printf(out, ",\"position\":\"%.*s:%lld\"", (int)file->len, file->as.text, (long long)pos->as.i);
}

static void put_primary_key(const struct maxwell *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    if (self->primary_keys && rec->key.type == LEAT_STRUCT) {
        PUT(out, ",\"primary_key\":[");
        for (uint32_t i = 0; i < schema->key_count && i < rec->key.len; i++) {
            leat_bytes_text(out, i ? "," : "");
            put_value(out, &rec->key.as.items[i], &schema->fields[schema->keys[i]]);
        }
        leat_bytes_put(out, ']');
    }
    if (self->primary_key_columns) {
        PUT(out, ",\"primary_key_columns\":[");
        for (uint32_t i = 0; i < schema->key_count; i++) {
            leat_bytes_text(out, i ? "," : "");
            put_string(out, schema->fields[schema->keys[i]].name);
        }
        leat_bytes_put(out, ']');
    }
}

static void put_head(const struct maxwell *self, const struct leat_record *rec, struct leat_bytes *out)
{
    int64_t s = rec->time_us / 1000000 - (rec->time_us % 1000000 < 0);
    PUT(out, "{\"database\":");
    put_string(out, rec->schema->space);
    PUT(out, ",\"table\":");
    put_string(out, rec->schema->name);
    leat_bytes_printf(out, ",\"type\":\"%s\",\"ts\":%lld", type_of(rec), (long long)s);
    if (!self->omits_commit_info)
        put_commit_info(rec, out);
    if (self->position)
        put_position(rec, out);
    if (self->gtid)
        put_source(rec, "gtid", "gtid", out);
    if (self->server_id)
        put_source(rec, "server_id", "server_id", out);
    if (self->thread_id)
        put_source(rec, "thread", "thread_id", out);
    put_primary_key(self, rec, out);
}

static void put_key(const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    PUT(out, "{\"database\":");
    put_string(out, schema->space);
    PUT(out, ",\"table\":");
    put_string(out, schema->name);
    for (uint32_t i = 0; rec->key.type == LEAT_STRUCT && i < schema->key_count && i < rec->key.len; i++) {
        char name[512];
        const struct leat_field *field = &schema->fields[schema->keys[i]];
        int len = snprintf(name, sizeof name, "pk.%s", field->name);
        leat_bytes_put(out, ',');
        leat_json_string(out, name, (size_t)len < sizeof name ? (size_t)len : sizeof name - 1);
        leat_bytes_put(out, ':');
        put_value(out, &rec->key.as.items[i], field);
    }
    leat_bytes_put(out, '}');
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct maxwell *self = arg;
    bool is_key = part == LEAT_PART_KEY, is_flat = rec->flags & LEAT_FLAT;
    *is_null = is_key ? rec->key.type <= LEAT_NULL : rec->flags & LEAT_TOMBSTONE || (is_flat && rec->value.type <= LEAT_NULL);
    if (rec->op == LEAT_SCHEMA && !*is_null) {
        leat_json_value(out, is_key ? &rec->key : &rec->value);
        return LEAT_OK;
    }
    if (!rec->schema)
        return leat_fail(err, LEAT_REJECT, "format maxwell is for rows of tables, and this record has no schema; use json");
    if (*is_null)
        return LEAT_OK;
    if (is_key) {
        put_key(rec, out);
    } else if (is_flat) {
        put_row(self, rec->schema, &rec->value, out);
    } else {
        put_head(self, rec, out);
        PUT(out, ",\"data\":");
        put_row(self, rec->schema, rec->op == LEAT_DELETE ? &rec->before : &rec->value, out);
        if (rec->op == LEAT_UPDATE)
            put_old(self, rec, out);
        leat_bytes_put(out, '}');
    }
    return LEAT_OK;
}

/* ---- decoding ---- */

static uint8_t op_of(const struct leat_value *type)
{
    static const struct { const char *name; uint8_t op; } types[] = {
        {"insert", LEAT_CREATE}, {"update", LEAT_UPDATE}, {"delete", LEAT_DELETE}, {"bootstrap-insert", LEAT_READ},
        {"truncate", LEAT_TRUNCATE}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == type->len && memcmp(types[i].name, type->as.text, type->len) == 0)
            return types[i].op;
    return LEAT_MARKER; /* bootstrap-start, table-alter ... */
}

/* The row before an update: the row with what `old` says. */
static struct leat_value row_before(const struct leat_value *data, const struct leat_value *old, struct leat_batch *batch)
{
    struct leat_value row = leat_batch_copy_value(batch, data);
    struct leat_value *items = (struct leat_value *)(uintptr_t)row.as.items;
    for (uint32_t i = 0; i < row.len; i++) {
        const struct leat_value *was = NULL;
        for (uint32_t k = 0; k < old->len; k++)
            if (leat_value_equal(&old->as.items[2 * k], &items[2 * i]))
                was = &old->as.items[2 * k + 1];
        if (was)
            items[2 * i + 1] = leat_batch_copy_value(batch, was);
    }
    return row;
}

/* All but the rows: database, table, xid ... */
static struct leat_value rest_of(const struct leat_value *message, struct leat_batch *batch)
{
    struct leat_value *items = leat_batch_alloc(batch, (2 * (size_t)message->len + 1) * sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->len; i++) {
        const struct leat_value *name = &message->as.items[2 * i];
        bool is_row = name->len == 4 && memcmp(name->as.text, "data", 4) == 0;
        is_row = is_row || (name->len == 3 && memcmp(name->as.text, "old", 3) == 0);
        if (is_row)
            continue;
        items[2 * count] = leat_batch_copy_value(batch, name);
        items[2 * count + 1] = leat_batch_copy_value(batch, name + 1);
        count++;
    }
    return leat_value_items(LEAT_MAP, items, count);
}

static enum leat_status take_message(const struct leat_value *message, struct leat_batch *batch, struct leat_record *rec,
                                     struct leat_error *err)
{
    const struct leat_value *type = leat_map_get(message, "type"), *data = leat_map_get(message, "data");
    const struct leat_value *ts = leat_map_get(message, "ts"), *old = leat_map_get(message, "old");
    if (message->type != LEAT_MAP || !type || type->type != LEAT_TEXT)
        return leat_fail(err, LEAT_REJECT, "no message of Maxwell: it has no \"type\"");
    rec->op = op_of(type);
    bool has_row = data && data->type == LEAT_MAP, is_delete = rec->op == LEAT_DELETE;
    bool needs_row = !is_delete && !leat_op_is_control(rec->op) && rec->op != LEAT_TRUNCATE;
    if (!has_row && (needs_row || is_delete))
        return leat_fail(err, LEAT_REJECT, "no message of Maxwell: it has no row in \"data\"");
    rec->value = needs_row ? leat_batch_copy_value(batch, data) : leat_value_null();
    rec->before = is_delete ? leat_batch_copy_value(batch, data) : leat_value_null();
    if (rec->op == LEAT_UPDATE)
        rec->before = old && old->type == LEAT_MAP ? row_before(data, old, batch) : leat_batch_copy_value(batch, data);
    rec->source = rest_of(message, batch);
    bool is_s = ts && ts->type == LEAT_INT64 && ts->as.i > -10000000000 && ts->as.i < 10000000000; /* of DDL: ms */
    rec->time_us = is_s ? ts->as.i * 1000000 : 0;
    return LEAT_OK;
}

/* {"database","table","pk.id":1} -> {id: 1} */
static struct leat_value take_key(const struct leat_value *key, struct leat_batch *batch)
{
    struct leat_value *items = leat_batch_alloc(batch, (2 * (size_t)key->len + 1) * sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < key->len; i++) {
        const struct leat_value *name = &key->as.items[2 * i];
        if (name->len <= 3 || memcmp(name->as.text, "pk.", 3) != 0)
            continue;
        items[2 * count] = leat_value_text(leat_batch_copy(batch, name->as.text + 3, name->len - 3), name->len - 3);
        items[2 * count + 1] = leat_batch_copy_value(batch, name + 1);
        count++;
    }
    return count ? leat_value_items(LEAT_MAP, items, count) : leat_value_null();
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct maxwell *self = arg;
    struct leat_value message;
    enum leat_status status = leat_json_read(bytes, len, true, &self->scratch, &message, err);
    bool is_key = part == LEAT_PART_KEY;
    if (status == LEAT_OK && is_key)
        rec->key = message.type == LEAT_MAP ? take_key(&message, batch) : leat_batch_copy_value(batch, &message);
    else if (status == LEAT_OK)
        status = take_message(&message, batch, rec, err);
    leat_arena_reset(&self->scratch);
    return status;
}

static enum leat_status open_maxwell(void *arg, const char *connector, struct leat_error *err)
{
    struct maxwell *self = arg;
    (void)connector, (void)err;
    leat_arena_init(&self->scratch, 256 << 10);
    return LEAT_OK;
}

static void close_maxwell(void *arg)
{
    struct maxwell *self = arg;
    leat_names_fini(&self->names);
    leat_arena_fini(&self->scratch);
}

#define FLAG(option, member, other, text)                                                                          \
    {.name = option, .type = LEAT_OPT_BOOL, .flags = LEAT_OPT_BY_ALIAS, .offset = offsetof(struct maxwell, member), \
     .preset = "false", .alias = other, .about = text}
static const struct leat_option options[] = {
    FLAG("position", position, "output_binlog_position", "With \"position\", file:pos."),
    FLAG("gtid", gtid, "output_gtid_position", "With \"gtid\"."),
    FLAG("server_id", server_id, "output_server_id", "With \"server_id\"."),
    FLAG("thread_id", thread_id, "output_thread_id", "With \"thread_id\", where the source knows it."),
    FLAG("primary_keys", primary_keys, "output_primary_keys", "With \"primary_key\", the key's values."),
    FLAG("primary_key_columns", primary_key_columns, "output_primary_key_columns", "With \"primary_key_columns\", their names."),
    FLAG("omit_commit_info", omits_commit_info, NULL, "Without \"xid\" and \"commit\"."),
    FLAG("omit_nulls", omits_nulls, NULL, "Without columns that are NULL."),
    {0}};

const struct leat_codec_type leat_codec_maxwell = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_OF_ROWS,
    .name = "maxwell",
    .about = "Maxwell's JSON: database, table, type, data, old.",
    .size = sizeof(struct maxwell),
    .options = options,
    .open = open_maxwell,
    .encode = encode,
    .decode = decode,
    .close = close_maxwell,
};
