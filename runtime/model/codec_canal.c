/* codec_canal.c - canal's flat messages:
 *
 *   {"id":0,"database":"shop","table":"t","pkNames":["id"],"isDdl":false,"type":"UPDATE","es":...,"ts":...,"sql":"",
 *    "sqlType":{"id":4},"mysqlType":{"id":"int(11)"},"data":[{"id":"1","name":"b"}],"old":[{"name":"a"}],"gtid":"0-1-7"}
 *
 * Canal puts all rows of an event into `data`; here each row is a message of its own, as a record is one message everywhere.
 * `es` and `ts` are the event's time, `id` is 0: a replay must give the same bytes. Values: canal_value.h.
 *
 *   type       INSERT (a row of a snapshot, too), UPDATE, DELETE; TRUNCATE with isDdl true and without rows
 *   data       of a delete the row that was. Columns that the row image does not have are in none of the maps
 *   old        of an update the columns that have changed; else null
 *
 * Keys (canal sends none): {"id":"1"}.
 *
 * Decoding takes messages of one row; statements become markers.
 */
#include <model/codecs.h>

#include <base/arena.h>
#include <model/canal_value.h>
#include <model/json.h>
#include <model/names.h>

struct canal {
    struct leat_names_cache names;
    struct leat_arena scratch; /* of decode */
};

#define PUT(out, literal) leat_bytes_add(out, literal, sizeof(literal) - 1)

static void put_string(struct leat_bytes *out, const char *text)
{
    leat_json_string(out, text, strlen(text));
}

/* ---- maps over the columns that are there ---- */

typedef void column_f(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field);

static void put_sql_type(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    leat_bytes_printf(out, "%d", leat_canal_sql_type(value, field));
}

static void put_mysql_type(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    (void)value;
    leat_canal_mysql_type(out, field);
}

static void put_columns(struct canal *self, const struct leat_schema *schema, const struct leat_value *row, column_f *put,
                        struct leat_bytes *out)
{
    const struct leat_names *names = leat_names_of(&self->names, schema);
    bool is_first = true;
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; row->type == LEAT_STRUCT && i < schema->field_count && i < row->len; i++) {
        if (row->as.items[i].type == LEAT_ABSENT)
            continue;
        leat_name_put(out, &names->fields[i], is_first);
        put(out, &row->as.items[i], &schema->fields[i]);
        is_first = false;
    }
    leat_bytes_put(out, '}');
}

static void put_old(struct canal *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_names *names = leat_names_of(&self->names, rec->schema);
    bool is_first = true;
    if (rec->op != LEAT_UPDATE || rec->before.type != LEAT_STRUCT || rec->value.type != LEAT_STRUCT) {
        PUT(out, "null");
        return;
    }
    PUT(out, "[{");
    for (uint32_t i = 0; i < rec->schema->field_count && i < rec->before.len && i < rec->value.len; i++) {
        const struct leat_value *old = &rec->before.as.items[i], *now = &rec->value.as.items[i];
        if (old->type == LEAT_ABSENT || now->type == LEAT_ABSENT || leat_value_equal(old, now))
            continue;
        leat_name_put(out, &names->fields[i], is_first);
        leat_canal_value(out, old, &rec->schema->fields[i]);
        is_first = false;
    }
    PUT(out, "}]");
}

/* ---- messages ---- */

static const char *type_of(uint8_t op)
{
    switch (op) {
    case LEAT_UPDATE:
        return "UPDATE";
    case LEAT_DELETE:
        return "DELETE";
    case LEAT_TRUNCATE:
        return "TRUNCATE";
    default:
        return "INSERT";
    }
}

static void put_head(const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    int64_t ms = rec->time_us / 1000 - (rec->time_us % 1000 < 0);
    bool is_ddl = rec->op == LEAT_TRUNCATE;
    PUT(out, "{\"id\":0,\"database\":");
    put_string(out, schema->space);
    PUT(out, ",\"table\":");
    put_string(out, schema->name);
    leat_bytes_text(out, schema->key_count ? ",\"pkNames\":[" : ",\"pkNames\":null");
    for (uint32_t i = 0; i < schema->key_count; i++) {
        leat_bytes_text(out, i ? "," : "");
        put_string(out, schema->fields[schema->keys[i]].name);
    }
    leat_bytes_printf(out, "%s,\"isDdl\":%s,\"type\":\"%s\",\"es\":%lld,\"ts\":%lld,\"sql\":", schema->key_count ? "]" : "",
                      is_ddl ? "true" : "false", type_of(rec->op), (long long)ms, (long long)ms);
}

static void put_gtid(const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_value *gtid = NULL;
    for (uint32_t i = 0; rec->source.type == LEAT_STRUCT && i < rec->schema->source_count && i < rec->source.len; i++)
        if (strcmp(rec->schema->source_fields[i].name, "gtid") == 0)
            gtid = &rec->source.as.items[i];
    PUT(out, ",\"gtid\":");
    if (gtid && gtid->type == LEAT_TEXT)
        leat_json_string(out, gtid->as.text, gtid->len);
    else
        PUT(out, "\"\"");
}

static void put_truncate(const struct leat_record *rec, struct leat_bytes *out)
{
    struct leat_bytes sql;
    leat_bytes_init(&sql, 4096);
    leat_bytes_printf(&sql, "TRUNCATE TABLE `%s`.`%s`", rec->schema->space, rec->schema->name);
    leat_json_string(out, (const char *)sql.data, sql.len);
    leat_bytes_fini(&sql);
    PUT(out, ",\"sqlType\":null,\"mysqlType\":null,\"data\":null,\"old\":null");
}

static void put_message(struct canal *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_value *row = rec->op == LEAT_DELETE ? &rec->before : &rec->value;
    put_head(rec, out);
    if (rec->op == LEAT_TRUNCATE) {
        put_truncate(rec, out);
    } else {
        PUT(out, "\"\",\"sqlType\":");
        put_columns(self, rec->schema, row, put_sql_type, out);
        PUT(out, ",\"mysqlType\":");
        put_columns(self, rec->schema, row, put_mysql_type, out);
        PUT(out, ",\"data\":[");
        put_columns(self, rec->schema, row, leat_canal_value, out);
        PUT(out, "],\"old\":");
        put_old(self, rec, out);
    }
    put_gtid(rec, out);
    leat_bytes_put(out, '}');
}

static void put_key(struct canal *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    const struct leat_names *names = leat_names_of(&self->names, schema);
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; rec->key.type == LEAT_STRUCT && i < schema->key_count && i < rec->key.len; i++) {
        leat_name_put(out, &names->fields[schema->keys[i]], i == 0);
        leat_canal_value(out, &rec->key.as.items[i], &schema->fields[schema->keys[i]]);
    }
    leat_bytes_put(out, '}');
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct canal *self = arg;
    bool is_key = part == LEAT_PART_KEY, is_flat = rec->flags & LEAT_FLAT;
    *is_null = is_key ? rec->key.type <= LEAT_NULL : rec->flags & LEAT_TOMBSTONE || (is_flat && rec->value.type <= LEAT_NULL);
    if (rec->op == LEAT_SCHEMA && !*is_null) {
        leat_json_value(out, is_key ? &rec->key : &rec->value);
        return LEAT_OK;
    }
    if (!rec->schema)
        return leat_fail(err, LEAT_REJECT, "format canal is for rows of tables, and this record has no schema; use json");
    if (*is_null)
        return LEAT_OK;
    if (is_key)
        put_key(self, rec, out);
    else if (is_flat)
        put_columns(self, rec->schema, &rec->value, leat_canal_value, out);
    else
        put_message(self, rec, out);
    return LEAT_OK;
}

/* ---- decoding ---- */

static bool is_text(const struct leat_value *value, const char *text)
{
    return value && value->type == LEAT_TEXT && value->len == strlen(text) && memcmp(value->as.text, text, value->len) == 0;
}

/* The one row in it; NULL: none, or not one. */
static const struct leat_value *only_row(const struct leat_value *rows)
{
    bool is_one = rows && rows->type == LEAT_ARRAY && rows->len == 1 && rows->as.items[0].type == LEAT_MAP;
    return is_one ? &rows->as.items[0] : NULL;
}

/* The row with what `old` says of it. */
static struct leat_value row_before(const struct leat_value *data, const struct leat_value *old, struct leat_batch *batch)
{
    struct leat_value row = leat_batch_copy_value(batch, data);
    struct leat_value *items = (struct leat_value *)(uintptr_t)row.as.items;
    for (uint32_t i = 0; old && i < row.len; i++)
        for (uint32_t k = 0; k < old->len; k++)
            if (leat_value_equal(&old->as.items[2 * k], &items[2 * i]))
                items[2 * i + 1] = leat_batch_copy_value(batch, &old->as.items[2 * k + 1]);
    return row;
}

static enum leat_status take_rows(const struct leat_value *message, struct leat_batch *batch, struct leat_record *rec,
                                  struct leat_error *err)
{
    const struct leat_value *data = leat_map_get(message, "data"), *row = only_row(data);
    if (!row)
        return leat_fail(err, LEAT_REJECT, "a message of canal with %u rows in \"data\": here a message is one record",
                         data && data->type == LEAT_ARRAY ? data->len : 0);
    if (rec->op != LEAT_DELETE)
        rec->value = leat_batch_copy_value(batch, row);
    if (rec->op == LEAT_DELETE)
        rec->before = leat_batch_copy_value(batch, row);
    if (rec->op == LEAT_UPDATE)
        rec->before = row_before(row, only_row(leat_map_get(message, "old")), batch);
    return LEAT_OK;
}

static struct leat_value source_of(const struct leat_value *message, struct leat_batch *batch)
{
    static const char *const names[] = {"database", "table", "gtid", "sql"};
    struct leat_value *items = leat_batch_alloc(batch, 8 * sizeof *items);
    uint32_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        const struct leat_value *value = leat_map_get(message, names[i]);
        if (!value)
            continue;
        items[2 * count] = leat_value_string(names[i]);
        items[2 * count + 1] = leat_batch_copy_value(batch, value);
        count++;
    }
    return leat_value_items(LEAT_MAP, items, count);
}

static enum leat_status take_message(const struct leat_value *message, struct leat_batch *batch, struct leat_record *rec,
                                     struct leat_error *err)
{
    static const struct { const char *name; uint8_t op; } types[] = {
        {"INSERT", LEAT_CREATE}, {"UPDATE", LEAT_UPDATE}, {"DELETE", LEAT_DELETE}, {"TRUNCATE", LEAT_TRUNCATE}};
    const struct leat_value *type = leat_map_get(message, "type"), *es = leat_map_get(message, "es");
    int64_t time_us = 0;
    if (message->type != LEAT_MAP || !type || type->type != LEAT_TEXT)
        return leat_fail(err, LEAT_REJECT, "no flat message of canal: it has no \"type\"");
    rec->op = LEAT_MARKER; /* statements */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is_text(type, types[i].name))
            rec->op = types[i].op;
    rec->value = rec->before = leat_value_null();
    rec->source = source_of(message, batch);
    if (es && es->type == LEAT_INT64 && !__builtin_mul_overflow(es->as.i, 1000, &time_us))
        rec->time_us = time_us;
    bool has_rows = rec->op != LEAT_MARKER && rec->op != LEAT_TRUNCATE;
    return has_rows ? take_rows(message, batch, rec, err) : LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct canal *self = arg;
    struct leat_value message;
    enum leat_status status = leat_json_read(bytes, len, true, &self->scratch, &message, err);
    if (status == LEAT_OK && part == LEAT_PART_KEY)
        rec->key = leat_batch_copy_value(batch, &message);
    else if (status == LEAT_OK)
        status = take_message(&message, batch, rec, err);
    leat_arena_reset(&self->scratch);
    return status;
}

static enum leat_status open_canal(void *arg, const char *connector, struct leat_error *err)
{
    struct canal *self = arg;
    (void)connector, (void)err;
    leat_arena_init(&self->scratch, 256 << 10);
    return LEAT_OK;
}

static void close_canal(void *arg)
{
    struct canal *self = arg;
    leat_names_fini(&self->names);
    leat_arena_fini(&self->scratch);
}

const struct leat_codec_type leat_codec_canal = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_OF_ROWS,
    .name = "canal",
    .about = "Canal's flat JSON, one message a row: every value a string.",
    .size = sizeof(struct canal),
    .open = open_canal,
    .encode = encode,
    .decode = decode,
    .close = close_canal,
};
