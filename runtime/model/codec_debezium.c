/* codec_debezium.c - Debezium's JSON with schemas.enable=false, values as debezium_value.h says:
 *
 *   {"before":...,"after":...,"source":{...},"transaction":null,"op":"c","ts_ms":...,"ts_us":...,"ts_ns":...}
 *
 * The outer ts_* are the event's time too: a replay must give the same bytes. Keys: {"id":1}; a delete's tombstone is
 * a null message.
 *
 * Decoding takes that envelope, with or without a schema around it: rows, key and source become MAPs of what stands
 * there, by the rules of json.h.
 */
#include <model/codecs.h>

#include <base/arena.h>
#include <base/memory.h>
#include <base/number.h>
#include <model/debezium_value.h>
#include <model/json.h>
#include <model/names.h>
#include <stdlib.h>

struct table { /* what is the same in all messages of a schema */
    const struct leat_schema *schema;
    const struct leat_names *names;
    struct leat_bytes text; /* [0, head): up to source.ts_ms; [head, db): up to source.ts_us; the rest: source.table */
    size_t head, db;
};

struct debezium {
    struct leat_names_cache names;
    struct leat_table tables; /* schema -> struct table */
    struct table *last;
    char *connector;
    struct leat_arena scratch; /* of decode */
    const struct leat_field *misfit; /* whose value cannot be written */
};

static enum leat_status open_debezium(void *arg, const char *connector, struct leat_error *err)
{
    struct debezium *self = arg;
    (void)err;
    self->connector = leat_strdup(connector ? connector : "");
    leat_arena_init(&self->scratch, 256 << 10);
    return LEAT_OK;
}

static void free_table(void *value)
{
    struct table *table = value;
    leat_bytes_fini(&table->text);
    free(table);
}

static void close_debezium(void *arg)
{
    struct debezium *self = arg;
    leat_table_fini(&self->tables, free_table);
    leat_names_fini(&self->names);
    leat_arena_fini(&self->scratch);
    free(self->connector);
}

#define PUT(out, literal) leat_bytes_add(out, literal, sizeof(literal) - 1)

static void put_string(struct leat_bytes *out, const char *text)
{
    leat_json_string(out, text, strlen(text));
}

static struct table *make_table(struct debezium *self, const struct leat_schema *schema)
{
    struct table *table = leat_calloc(1, sizeof *table);
    struct leat_bytes *text = &table->text;
    leat_bytes_init(text, SIZE_MAX);
    PUT(text, ",\"source\":{\"version\":\"" LEAT_VERSION "\",\"connector\":");
    put_string(text, schema->connector);
    PUT(text, ",\"name\":");
    put_string(text, self->connector);
    PUT(text, ",\"ts_ms\":");
    table->head = text->len;
    PUT(text, ",\"db\":");
    put_string(text, schema->space);
    PUT(text, ",\"sequence\":null,\"ts_us\":");
    table->db = text->len;
    PUT(text, ",\"table\":");
    put_string(text, schema->name);
    table->schema = schema;
    table->names = leat_names_of(&self->names, schema);
    return table;
}

static const struct table *table_of(struct debezium *self, const struct leat_schema *schema)
{
    if (self->last && self->last->schema == schema)
        return self->last;
    struct table *table = leat_table_get(&self->tables, &schema, sizeof schema);
    if (!table) {
        table = make_table(self, schema);
        leat_table_set(&self->tables, &schema, sizeof schema, table);
    }
    self->last = table;
    return table;
}

/* ---- rows and keys ---- */

static void put_value(struct debezium *self, struct leat_bytes *out, const struct leat_value *value,
                      const struct leat_field *field)
{
    if (!leat_debezium_value(out, value, field))
        self->misfit = field;
}

static void put_row(struct debezium *self, const struct table *table, struct leat_bytes *out,
                    const struct leat_value *row)
{
    const struct leat_schema *schema = table->schema;
    bool is_first = true;
    if (row->type != LEAT_STRUCT) {
        leat_json_value(out, row);
        return;
    }
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->field_count && i < row->len; i++) {
        const struct leat_value *value = &row->as.items[i];
        if (value->type == LEAT_ABSENT)
            continue;
        leat_name_put(out, &table->names->fields[i], is_first);
        put_value(self, out, value, &schema->fields[i]);
        is_first = false;
    }
    leat_bytes_put(out, '}');
}

static void put_key(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    if (!schema || rec->key.type != LEAT_STRUCT) {
        leat_json_value(out, &rec->key);
        return;
    }
    const struct table *table = table_of(self, schema);
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < rec->key.len; i++) {
        leat_name_put(out, &table->names->fields[schema->keys[i]], i == 0);
        put_value(self, out, &rec->key.as.items[i], &schema->fields[schema->keys[i]]);
    }
    leat_bytes_put(out, '}');
}

/* ---- the envelope ---- */

struct times { /* the three of Debezium, as text; made once, written twice */
    char ms[LEAT_NUMBER_MAX], us[LEAT_NUMBER_MAX], ns[LEAT_NUMBER_MAX];
    size_t ms_len, us_len, ns_len;
};

static void print_times(struct times *times, int64_t time_us)
{
    int64_t below = time_us % 1000;
    times->us_len = leat_print_i64(times->us, time_us);
    times->ms_len = leat_print_i64(times->ms, time_us / 1000 - (below < 0));
    memcpy(times->ns, times->us, times->us_len); /* as digits, for nanoseconds may be more than 64 bits hold */
    memcpy(times->ns + times->us_len, "000", 3);
    times->ns_len = time_us == 0 ? 1 : times->us_len + 3;
}

static void put_source(const struct table *table, const struct leat_record *rec, const struct times *times,
                       struct leat_bytes *out)
{
    const struct leat_value *source = &rec->source;
    leat_bytes_add(out, table->text.data, table->head);
    leat_bytes_add(out, times->ms, times->ms_len);
    if (rec->flags & LEAT_SNAPSHOT)
        PUT(out, ",\"snapshot\":\"true\"");
    else
        PUT(out, ",\"snapshot\":\"false\"");
    leat_bytes_add(out, table->text.data + table->head, table->db - table->head);
    leat_bytes_add(out, times->us, times->us_len);
    PUT(out, ",\"ts_ns\":");
    leat_bytes_add(out, times->ns, times->ns_len);
    leat_bytes_add(out, table->text.data + table->db, table->text.len - table->db);
    for (uint32_t i = 0; source->type == LEAT_STRUCT && i < table->schema->source_count && i < source->len; i++) {
        leat_name_put(out, &table->names->source[i], false);
        leat_json_value(out, &source->as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static enum leat_status encode_envelope(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out,
                                        struct leat_error *err)
{
    static const struct leat_value null = {.type = LEAT_NULL};
    struct times times;
    if (!rec->schema)
        return leat_fail(err, LEAT_REJECT,
                         "format debezium is for rows of tables, and this record has no schema; use json");
    const struct table *table = table_of(self, rec->schema);
    bool is_gone = rec->op == LEAT_DELETE || rec->value.type == LEAT_ABSENT;
    print_times(&times, rec->time_us);
    PUT(out, "{\"before\":");
    put_row(self, table, out, rec->before.type == LEAT_ABSENT ? &null : &rec->before);
    PUT(out, ",\"after\":");
    put_row(self, table, out, is_gone ? &null : &rec->value);
    put_source(table, rec, &times, out);
    PUT(out, ",\"transaction\":null,\"op\":\"");
    leat_bytes_put(out, rec->op);
    PUT(out, "\",\"ts_ms\":");
    leat_bytes_add(out, times.ms, times.ms_len);
    PUT(out, ",\"ts_us\":");
    leat_bytes_add(out, times.us, times.us_len);
    PUT(out, ",\"ts_ns\":");
    leat_bytes_add(out, times.ns, times.ns_len);
    leat_bytes_put(out, '}');
    return LEAT_OK;
}

static enum leat_status encode_part(struct debezium *self, const struct leat_record *rec, enum leat_part part,
                                    struct leat_bytes *out, bool *is_null, struct leat_error *err)
{
    bool is_flat = rec->flags & LEAT_FLAT;
    const struct leat_value *value = part == LEAT_PART_KEY ? &rec->key : &rec->value;
    *is_null = part == LEAT_PART_VALUE && (rec->flags & LEAT_TOMBSTONE);
    if (part == LEAT_PART_KEY || is_flat)
        *is_null = *is_null || value->type <= LEAT_NULL;
    if (*is_null)
        return LEAT_OK;
    if (part == LEAT_PART_VALUE && !is_flat)
        return encode_envelope(self, rec, out, err);
    if (part == LEAT_PART_KEY)
        put_key(self, rec, out);
    else if (rec->schema)
        put_row(self, table_of(self, rec->schema), out, value);
    else
        leat_json_value(out, value);
    return LEAT_OK;
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct debezium *self = arg;
    self->misfit = NULL;
    enum leat_status status = encode_part(self, rec, part, out, is_null, err);
    if (status == LEAT_OK && self->misfit)
        return leat_fail(err, LEAT_REJECT, "column %s: a decimal has more digits than its type DECIMAL(%u,%u) holds",
                         self->misfit->name, self->misfit->width, self->misfit->scale);
    return status;
}

/* ---- decoding ---- */

static uint8_t op_of(const struct leat_value *envelope)
{
    const struct leat_value *op = leat_map_get(envelope, "op");
    bool is_op = op && op->type == LEAT_TEXT && op->len == 1 && memchr("crudt", op->as.text[0], 5);
    return is_op ? (uint8_t)op->as.text[0] : 0;
}

static int64_t time_of(const struct leat_value *envelope)
{
    const struct leat_value *us = leat_map_get(envelope, "ts_us"), *ms = leat_map_get(envelope, "ts_ms");
    int64_t time = 0;
    if (us && us->type == LEAT_INT64)
        return us->as.i;
    if (ms && ms->type == LEAT_INT64 && !__builtin_mul_overflow(ms->as.i, 1000, &time))
        return time;
    return 0;
}

static void take(const struct leat_value *envelope, const char *name, struct leat_batch *batch,
                 struct leat_value *into)
{
    const struct leat_value *value = leat_map_get(envelope, name);
    if (value)
        *into = leat_batch_copy_value(batch, value);
}

static enum leat_status decode_envelope(const struct leat_value *envelope, struct leat_batch *batch,
                                        struct leat_record *rec, struct leat_error *err)
{
    uint8_t op = op_of(envelope);
    if (op == 0)
        return leat_fail(err, LEAT_REJECT, "no envelope of Debezium: it has no \"op\" of c, r, u, d, t");
    rec->op = op;
    rec->time_us = time_of(envelope);
    take(envelope, "before", batch, &rec->before);
    take(envelope, "after", batch, &rec->value);
    take(envelope, "source", batch, &rec->source);
    return LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct debezium *self = arg;
    struct leat_value value;
    enum leat_status status = leat_json_read(bytes, len, true, &self->scratch, &value, err);
    const struct leat_value *payload = status == LEAT_OK ? leat_map_get(&value, "payload") : NULL;
    if (!payload || !leat_map_get(&value, "schema"))
        payload = &value;
    if (status == LEAT_OK && part == LEAT_PART_KEY)
        rec->key = leat_batch_copy_value(batch, payload);
    else if (status == LEAT_OK)
        status = decode_envelope(payload, batch, rec, err);
    leat_arena_reset(&self->scratch);
    return status;
}

const struct leat_codec_type leat_codec_debezium = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_OF_ROWS,
    .name = "debezium",
    .about = "Debezium's JSON envelope, without schemas.",
    .size = sizeof(struct debezium),
    .open = open_debezium,
    .encode = encode,
    .decode = decode,
    .close = close_debezium,
};
