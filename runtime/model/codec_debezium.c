/* codec_debezium.c - Debezium's JSON with schemas.enable=false, values in Debezium's default modes:
 *
 *   {"before":...,"after":...,"source":{...},"transaction":null,"op":"c","ts_ms":...,"ts_us":...,"ts_ns":...}
 *
 *   DECIMAL      base64 of the unscaled value, big-endian two's complement
 *   DATE         days since 1970                     TIME       microseconds
 *   DATETIME     milliseconds (up to 3 fraction digits) or microseconds, as if UTC
 *   TIMESTAMP    "2020-07-17T18:00:22Z", fraction trimmed
 *   BIT(1)       boolean; BIT(n): base64 of little-endian bytes
 *   BYTES        base64; JSON: a string; ENUM and SET: strings
 *   zero dates   null, or the epoch in a column that is NOT NULL
 *   UINT64       the positive integer (Debezium wraps above 2^63-1)
 *
 * The outer ts_* are the event's time too: a replay must give the same bytes. Keys: {"id":1}; a delete's tombstone is
 * a null message.
 */
#include <model/codecs.h>

#include <base/arena.h>
#include <base/number.h>
#include <base/text.h>
#include <model/iso.h>
#include <model/json.h>
#include <model/names.h>

struct debezium {
    struct leat_names_cache names;
    struct leat_bytes head; /* {"version":"...","connector": ... "name":"shop","ts_ms": */
    const char *connector;
    const struct leat_schema *head_schema;
};

static enum leat_status open_debezium(void *arg, const char *connector, struct leat_error *err)
{
    struct debezium *self = arg;
    (void)err;
    leat_bytes_init(&self->head, 64 << 10);
    self->connector = connector;
    return LEAT_OK;
}

static void close_debezium(void *arg)
{
    struct debezium *self = arg;
    leat_names_fini(&self->names);
    leat_bytes_fini(&self->head);
}

/* ---- values ---- */

static void put(struct leat_bytes *out, const char *text)
{
    leat_bytes_add(out, text, strlen(text));
}

static void put_i64(struct leat_bytes *out, int64_t v)
{
    if (leat_bytes_reserve(out, LEAT_NUMBER_MAX))
        out->len += leat_print_i64((char *)out->data + out->len, v);
}

static void put_quoted_base64(struct leat_bytes *out, const void *bytes, size_t len)
{
    leat_bytes_put(out, '"');
    leat_base64_encode(out, bytes, len);
    leat_bytes_put(out, '"');
}

#define LIMBS 8 /* of 32 bits: 77 digits; MySQL's longest DECIMAL has 65 */

/* The digits of a decimal, as if it had `scale` of them after the point; false: too many. */
static bool unscaled(const struct leat_value *value, unsigned scale, uint32_t limbs[LIMBS])
{
    unsigned seen = 0;
    bool is_fraction = false;
    memset(limbs, 0, LIMBS * sizeof *limbs);
    for (uint32_t i = 0; i < value->len + scale; i++) {
        unsigned digit = 0;
        if (i < value->len) {
            char c = value->as.text[i];
            is_fraction = is_fraction || c == '.';
            if (c < '0' || c > '9')
                continue;
            digit = (unsigned)(c - '0');
        }
        if (i >= value->len || is_fraction)
            if (seen++ >= scale)
                break;
        uint64_t carry = digit;
        for (int k = 0; k < LIMBS; k++) {
            carry += (uint64_t)limbs[k] * 10;
            limbs[k] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry)
            return false;
    }
    return true;
}

/* As BigInteger.toByteArray(): the fewest bytes that hold the sign. */
static void put_decimal(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    uint32_t limbs[LIMBS];
    uint8_t bytes[LIMBS * 4 + 1];
    unsigned scale = field->type == LEAT_DECIMAL ? field->scale : value->aux;
    bool is_negative = value->len > 0 && value->as.text[0] == '-';
    if (!unscaled(value, scale, limbs)) {
        leat_json_string(out, value->as.text, value->len);
        return;
    }
    uint64_t carry = is_negative;
    for (int k = 0; k < LIMBS; k++) {
        uint64_t limb = is_negative ? (uint64_t)(uint32_t)~limbs[k] + carry : limbs[k];
        carry = is_negative ? limb >> 32 : 0;
        for (int b = 0; b < 4; b++)
            bytes[LIMBS * 4 - (4 * k + b)] = (uint8_t)(limb >> (8 * b));
    }
    bytes[0] = bytes[1] & 0x80 ? 0xff : 0;
    size_t from = 0;
    while (from + 1 < sizeof bytes && ((bytes[from] == 0 && !(bytes[from + 1] & 0x80)) ||
                                       (bytes[from] == 0xff && (bytes[from + 1] & 0x80))))
        from++;
    put_quoted_base64(out, bytes + from, sizeof bytes - from);
}

static void put_bits(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    if (field->width == 1)
        put(out, value->as.u ? "true" : "false");
    else
        put_quoted_base64(out, &value->as.u, (field->width + 7) / 8);
}

static void put_zero(struct leat_bytes *out, const struct leat_field *field, const char *epoch)
{
    put(out, field->flags & LEAT_FIELD_REQUIRED ? epoch : "null");
}

static void put_date(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    struct leat_parts parts;
    leat_value_parts(value, &parts);
    if (parts.month == 0 || parts.day == 0)
        put_zero(out, field, "0");
    else
        put_i64(out, leat_days_from_date(parts.year, parts.month, parts.day));
}

static void put_datetime(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    struct leat_parts parts;
    unsigned digits = field->type == LEAT_DATETIME ? field->scale : value->aux;
    leat_value_parts(value, &parts);
    if (parts.month == 0 || parts.day == 0) {
        put_zero(out, field, "0");
        return;
    }
    int64_t us = leat_parts_to_us(&parts);
    put_i64(out, digits > 3 ? us : (us - (us % 1000 + 1000) % 1000) / 1000);
}

static void put_timestamp(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    char text[LEAT_ISO_MAX + 2];
    if (value->flags & LEAT_VALUE_ZERO) {
        put_zero(out, field, "\"1970-01-01T00:00:00Z\"");
        return;
    }
    text[0] = '"';
    size_t len = 1 + leat_iso_print_short(text + 1, value);
    text[len++] = '"';
    leat_bytes_add(out, text, len);
}

static void put_geometry(struct leat_bytes *out, const struct leat_value *value)
{
    uint32_t srid = 0;
    if (value->len >= 4)
        memcpy(&srid, value->as.bytes, 4);
    put(out, "{\"wkb\":");
    put_quoted_base64(out, value->as.bytes + (value->len >= 4 ? 4 : 0), value->len >= 4 ? value->len - 4 : value->len);
    put(out, ",\"srid\":");
    if (srid)
        put_i64(out, srid);
    else
        put(out, "null");
    leat_bytes_put(out, '}');
}

static void put_vector(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '[');
    for (uint32_t at = 0; at + 4 <= value->len; at += 4) {
        float f;
        memcpy(&f, value->as.bytes + at, 4);
        struct leat_value number = leat_value_double((double)f);
        number.flags = LEAT_VALUE_SINGLE;
        if (at > 0)
            leat_bytes_put(out, ',');
        leat_json_value(out, &number);
    }
    leat_bytes_put(out, ']');
}

static void put_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    switch (value->type) {
    case LEAT_DECIMAL:
        put_decimal(out, value, field);
        break;
    case LEAT_UINT64:
        if (field->meaning == LEAT_BIT)
            put_bits(out, value, field);
        else
            leat_json_value(out, value);
        break;
    case LEAT_DATE:
        put_date(out, value, field);
        break;
    case LEAT_TIME:
        put_i64(out, value->as.i);
        break;
    case LEAT_DATETIME:
        put_datetime(out, value, field);
        break;
    case LEAT_TIMESTAMP:
        put_timestamp(out, value, field);
        break;
    case LEAT_JSON:
        leat_json_string(out, value->as.text, value->len);
        break;
    case LEAT_BYTES:
        if (field->meaning == LEAT_GEOMETRY)
            put_geometry(out, value);
        else if (field->meaning == LEAT_VECTOR)
            put_vector(out, value);
        else
            put_quoted_base64(out, value->as.bytes, value->len);
        break;
    default:
        leat_json_value(out, value);
    }
}

/* ---- rows ---- */

static void put_row(const struct leat_names *names, struct leat_bytes *out, const struct leat_value *row)
{
    const struct leat_schema *schema = names->schema;
    if (row->type != LEAT_STRUCT) {
        leat_json_value(out, row);
        return;
    }
    leat_bytes_put(out, '{');
    bool is_first = true;
    for (uint32_t i = 0; i < schema->field_count && i < row->len; i++) {
        const struct leat_value *value = &row->as.items[i];
        if (value->type == LEAT_ABSENT)
            continue;
        if (!is_first)
            leat_bytes_put(out, ',');
        is_first = false;
        leat_bytes_add(out, names->fields[i].text, names->fields[i].len);
        put_value(out, value, &schema->fields[i]);
    }
    leat_bytes_put(out, '}');
}

static void put_key(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out, bool *is_null)
{
    const struct leat_schema *schema = rec->schema;
    if (rec->key.type <= LEAT_NULL) {
        *is_null = true;
        return;
    }
    if (!schema || rec->key.type != LEAT_STRUCT) {
        leat_json_value(out, &rec->key);
        return;
    }
    const struct leat_names *names = leat_names_of(&self->names, schema);
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < rec->key.len; i++) {
        if (i > 0)
            leat_bytes_put(out, ',');
        leat_bytes_add(out, names->fields[schema->keys[i]].text, names->fields[schema->keys[i]].len);
        put_value(out, &rec->key.as.items[i], &schema->fields[schema->keys[i]]);
    }
    leat_bytes_put(out, '}');
}

/* ---- the envelope ---- */

static void make_head(struct debezium *self, const struct leat_schema *schema)
{
    self->head_schema = schema;
    leat_bytes_clear(&self->head);
    put(&self->head, "\"source\":{\"version\":\"" LEAT_VERSION "\",\"connector\":");
    leat_json_string(&self->head, schema->connector, strlen(schema->connector));
    put(&self->head, ",\"name\":");
    leat_json_string(&self->head, self->connector, strlen(self->connector));
    put(&self->head, ",\"ts_ms\":");
}

static void put_times(struct leat_bytes *out, int64_t time_us)
{
    put_i64(out, time_us / 1000);
    put(out, ",\"ts_us\":");
    put_i64(out, time_us);
    put(out, ",\"ts_ns\":");
    put_i64(out, time_us * 1000);
}

static void put_source(struct debezium *self, const struct leat_record *rec, const struct leat_names *names,
                       struct leat_bytes *out)
{
    const struct leat_schema *schema = rec->schema;
    if (self->head_schema != schema)
        make_head(self, schema);
    leat_bytes_add(out, self->head.data, self->head.len);
    put_i64(out, rec->time_us / 1000);
    put(out, rec->flags & LEAT_SNAPSHOT ? ",\"snapshot\":\"true\",\"db\":" : ",\"snapshot\":\"false\",\"db\":");
    leat_json_string(out, schema->space, strlen(schema->space));
    put(out, ",\"sequence\":null,\"ts_us\":");
    put_i64(out, rec->time_us);
    put(out, ",\"ts_ns\":");
    put_i64(out, rec->time_us * 1000);
    put(out, ",\"table\":");
    leat_json_string(out, schema->name, strlen(schema->name));
    for (uint32_t i = 0; rec->source.type == LEAT_STRUCT && i < schema->source_count && i < rec->source.len; i++) {
        leat_bytes_put(out, ',');
        leat_bytes_add(out, names->source[i].text, names->source[i].len);
        leat_json_value(out, &rec->source.as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static enum leat_status encode_envelope(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out,
                                        struct leat_error *err)
{
    static const struct leat_value null = {.type = LEAT_NULL};
    if (!rec->schema)
        return leat_fail(err, LEAT_REJECT, "format debezium is for rows of tables, and this record has no schema; use json");
    const struct leat_names *names = leat_names_of(&self->names, rec->schema);
    bool is_delete = rec->op == LEAT_DELETE;
    put(out, "{\"before\":");
    put_row(names, out, rec->before.type == LEAT_ABSENT ? &null : &rec->before);
    put(out, ",\"after\":");
    put_row(names, out, is_delete || rec->value.type == LEAT_ABSENT ? &null : &rec->value);
    leat_bytes_put(out, ',');
    put_source(self, rec, names, out);
    put(out, ",\"transaction\":null,\"op\":\"");
    leat_bytes_put(out, rec->op);
    put(out, "\",\"ts_ms\":");
    put_times(out, rec->time_us);
    leat_bytes_put(out, '}');
    return LEAT_OK;
}

static enum leat_status encode_flat(struct debezium *self, const struct leat_record *rec, struct leat_bytes *out,
                                    bool *is_null)
{
    if (rec->value.type <= LEAT_NULL)
        *is_null = true;
    else if (rec->schema)
        put_row(leat_names_of(&self->names, rec->schema), out, &rec->value);
    else
        leat_json_value(out, &rec->value);
    return LEAT_OK;
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct debezium *self = arg;
    *is_null = false;
    if (part == LEAT_PART_KEY) {
        put_key(self, rec, out, is_null);
        return LEAT_OK;
    }
    if (rec->flags & LEAT_TOMBSTONE) {
        *is_null = true;
        return LEAT_OK;
    }
    return rec->flags & LEAT_FLAT ? encode_flat(self, rec, out, is_null) : encode_envelope(self, rec, out, err);
}

/* ---- decoding: the envelope's rows as they stand in it ---- */

static uint8_t op_of(const struct leat_value *op)
{
    return op && op->type == LEAT_TEXT && op->len == 1 && strchr("crudt", op->as.text[0]) ? (uint8_t)op->as.text[0] : 0;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct leat_arena arena;
    struct leat_value value;
    (void)arg;
    leat_arena_init(&arena, 0);
    enum leat_status status = leat_json_read(bytes, len, true, &arena, &value, err);
    if (status == LEAT_OK && part == LEAT_PART_KEY) {
        rec->key = leat_batch_copy_value(batch, &value);
    } else if (status == LEAT_OK) {
        const struct leat_value *before = leat_map_get(&value, "before"), *after = leat_map_get(&value, "after");
        const struct leat_value *time = leat_map_get(&value, "ts_us"), *time_ms = leat_map_get(&value, "ts_ms");
        uint8_t op = value.type == LEAT_MAP ? op_of(leat_map_get(&value, "op")) : 0;
        if (op == 0)
            status = leat_fail(err, LEAT_REJECT, "no envelope of Debezium: it has no \"op\" of c, r, u, d, t");
        rec->op = op;
        if (time && time->type == LEAT_INT64)
            rec->time_us = time->as.i;
        else if (time_ms && time_ms->type == LEAT_INT64)
            rec->time_us = time_ms->as.i * 1000;
        if (status == LEAT_OK && after)
            rec->value = leat_batch_copy_value(batch, after);
        if (status == LEAT_OK && before)
            rec->before = leat_batch_copy_value(batch, before);
    }
    leat_arena_fini(&arena);
    return status;
}

const struct leat_codec_type leat_codec_debezium = {
    .struct_size = sizeof(struct leat_codec_type),
    .name = "debezium",
    .about = "Debezium's JSON envelope, without schemas.",
    .size = sizeof(struct debezium),
    .open = open_debezium,
    .encode = encode,
    .decode = decode,
    .close = close_debezium,
};
