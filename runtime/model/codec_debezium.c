/* codec_debezium.c - Debezium's JSON, values as debezium_value.h says; with schemas: true in {"schema":...,"payload":...}
 * as debezium_schema.h says:
 *
 *   {"before":...,"after":...,"source":{...},"transaction":null,"op":"c","ts_ms":...,"ts_us":...,"ts_ns":...}
 *
 * Columns that the source's row image does not have (MINIMAL, NOBLOB) are left out.
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
#include <model/debezium_schema.h>
#include <model/json.h>
#include <model/names.h>
#include <stdlib.h>

enum part { PART_ENVELOPE, PART_KEY, PART_ROW, PARTS };

struct table { /* what is the same in all messages of a schema */
    const struct leat_schema *schema;
    struct leat_bytes openings[PARTS]; /* {"schema":...,"payload": of each part; empty without schemas */
    int32_t transaction[3];            /* source fields: id, order, order within the table; -1: none */
    const struct leat_names *names;
    struct leat_bytes text; /* [0, head): up to source.ts_ms; [head, db): up to source.ts_us; the rest: source.table */
    size_t head, db;
};

struct debezium {
    struct leat_debezium_modes modes;
    bool schemas;
    /* open */
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
    for (int part = 0; part < PARTS; part++)
        leat_bytes_fini(&table->openings[part]);
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

typedef void schema_f(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                      const struct leat_debezium_modes *modes);

static void make_openings(const struct debezium *self, struct table *table)
{
    static schema_f *const schemas[PARTS] = {leat_debezium_envelope_schema, leat_debezium_key_schema, leat_debezium_row_schema};
    for (int part = 0; part < PARTS; part++) {
        struct leat_bytes *opening = &table->openings[part];
        leat_bytes_init(opening, SIZE_MAX);
        if (!self->schemas)
            continue;
        PUT(opening, "{\"schema\":");
        schemas[part](opening, table->schema, self->connector, &self->modes);
        PUT(opening, ",\"payload\":");
    }
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
    static const char *const block[] = {LEAT_TRANSACTION_ID, LEAT_TRANSACTION_ORDER, LEAT_TRANSACTION_TABLE_ORDER};
    for (int i = 0; i < 3; i++) {
        table->transaction[i] = -1;
        for (uint32_t k = 0; k < schema->source_count; k++)
            if (strcmp(schema->source_fields[k].name, block[i]) == 0)
                table->transaction[i] = (int32_t)k;
    }
    make_openings(self, table);
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

/* What stands around the part where there are schemas. */
static void open_part(const struct table *table, enum part part, struct leat_bytes *out)
{
    leat_bytes_add(out, table->openings[part].data, table->openings[part].len);
}

static void close_part(const struct debezium *self, struct leat_bytes *out)
{
    if (self->schemas)
        leat_bytes_put(out, '}');
}


static void put_value(struct debezium *self, struct leat_bytes *out, const struct leat_value *value,
                      const struct leat_field *field)
{
    if (!leat_debezium_value(out, value, field, &self->modes))
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

static void put_flat(struct debezium *self, const struct table *table, struct leat_bytes *out, const struct leat_value *row)
{
    open_part(table, PART_ROW, out);
    put_row(self, table, out, row);
    close_part(self, out);
}

static void put_key(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    if (!schema || rec->key.type != LEAT_STRUCT) {
        leat_json_value(out, &rec->key);
        return;
    }
    const struct table *table = table_of(self, schema);
    open_part(table, PART_KEY, out);
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < rec->key.len; i++) {
        leat_name_put(out, &table->names->fields[schema->keys[i]], i == 0);
        put_value(self, out, &rec->key.as.items[i], &schema->fields[schema->keys[i]]);
    }
    leat_bytes_put(out, '}');
    close_part(self, out);
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
        if (!leat_debezium_is_source_field(&table->schema->source_fields[i]))
            continue;
        leat_name_put(out, &table->names->source[i], false);
        leat_json_value(out, &source->as.items[i]);
    }
    leat_bytes_put(out, '}');
}

/* "transaction": null where the source does not count, and in a snapshot. */
static void put_transaction(const struct table *table, const struct leat_value *source, struct leat_bytes *out)
{
    static const char *const names[] = {"{\"id\":", ",\"total_order\":", ",\"data_collection_order\":"};
    bool has_block = table->transaction[0] >= 0 && source->type == LEAT_STRUCT;
    PUT(out, ",\"transaction\":");
    if (!has_block || source->as.items[table->transaction[0]].type <= LEAT_NULL) {
        PUT(out, "null");
        return;
    }
    for (int i = 0; i < 3 && table->transaction[i] >= 0; i++) {
        leat_bytes_text(out, names[i]);
        leat_json_value(out, &source->as.items[table->transaction[i]]);
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
    open_part(table, PART_ENVELOPE, out);
    PUT(out, "{\"before\":");
    put_row(self, table, out, rec->before.type == LEAT_ABSENT ? &null : &rec->before);
    PUT(out, ",\"after\":");
    put_row(self, table, out, is_gone ? &null : &rec->value);
    put_source(table, rec, &times, out);
    put_transaction(table, &rec->source, out);
    PUT(out, ",\"op\":\"");
    leat_bytes_put(out, rec->op);
    PUT(out, "\",\"ts_ms\":");
    leat_bytes_add(out, times.ms, times.ms_len);
    PUT(out, ",\"ts_us\":");
    leat_bytes_add(out, times.us, times.us_len);
    PUT(out, ",\"ts_ns\":");
    leat_bytes_add(out, times.ns, times.ns_len);
    leat_bytes_put(out, '}');
    close_part(self, out);
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
        put_flat(self, table_of(self, rec->schema), out, value);
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

#define AT(member) offsetof(struct debezium, member)
static const char *const decimals[] = {"precise", "double", "string", "numeric", NULL};
static const char *const bigints[] = {"exact", "long", "precise", NULL};
static const char *const times[] = {"adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds", NULL};
static const char *const binaries[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
static const struct leat_option options[] = {
    {.name = "decimals", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_BY_ALIAS, .offset = AT(modes.decimals), .preset = "precise",
     .choices = decimals, .alias = "decimal.handling.mode", .example = "string",
     .about = "DECIMAL as bytes of the unscaled number, a rounded number, a text, or an exact number."},
    {.name = "bigint_unsigned", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_BY_ALIAS, .offset = AT(modes.bigints),
     .preset = "exact", .choices = bigints, .alias = "bigint.unsigned.handling.mode",
     .about = "BIGINT UNSIGNED as the number that it is; long: negative above 2^63-1, as Debezium by default; precise: as a "
              "decimal's bytes."},
    {.name = "times", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_BY_ALIAS, .offset = AT(modes.times),
     .preset = "adaptive_time_microseconds", .choices = times, .alias = "time.precision.mode",
     .about = "Units of DATE, TIME and DATETIME."},
    {.name = "binary", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_BY_ALIAS, .offset = AT(modes.binary), .preset = "bytes",
     .choices = binaries, .alias = "binary.handling.mode",
     .about = "BINARY, VARBINARY and BLOB; bytes and base64 differ in the schema alone."},
    {.name = "schemas", .type = LEAT_OPT_BOOL, .flags = LEAT_OPT_BY_ALIAS, .offset = AT(schemas), .preset = "false",
     .alias = "schemas.enable", .about = "Key and value with their schema, {\"schema\":...,\"payload\":...}."},
    {0}};

const struct leat_codec_type leat_codec_debezium = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_OF_ROWS,
    .name = "debezium",
    .about = "Debezium's JSON envelope: before, after, source, op.",
    .size = sizeof(struct debezium),
    .options = options,
    .open = open_debezium,
    .encode = encode,
    .decode = decode,
    .close = close_debezium,
};
