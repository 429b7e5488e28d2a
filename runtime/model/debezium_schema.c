#include <model/debezium_schema.h>

#include <model/json.h>
#include <stdio.h>

struct kind { /* of a field: literal type, name of what it means, version, parameters as JSON */
    const char *type, *name;
    char parameters[96];
};

static void text(struct leat_bytes *out, const char *more)
{
    leat_bytes_text(out, more);
}

static void string(struct leat_bytes *out, const char *content)
{
    leat_json_string(out, content, strlen(content));
}

/* "prefix.db.table.Value" */
static void put_name(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix, const char *what)
{
    struct leat_bytes name;
    leat_bytes_init(&name, 4096);
    leat_bytes_printf(&name, "%s.%s%s%s.%s", prefix, schema->space, *schema->space ? "." : "", schema->name, what);
    leat_json_string(out, (const char *)name.data, name.len);
    leat_bytes_fini(&name);
}

/* ---- one field ---- */

static const char *integer_type(const struct leat_field *field)
{
    bool is_unsigned = field->type == LEAT_UINT64;
    switch (field->meaning) {
    case LEAT_INT8:
        return "int16";
    case LEAT_INT16:
        return is_unsigned ? "int32" : "int16";
    case LEAT_INT24:
        return "int32";
    case LEAT_INT32:
        return is_unsigned ? "int64" : "int32";
    default:
        return "int64";
    }
}

static struct kind decimal_kind(unsigned scale, uint32_t precision)
{
    struct kind kind = {"bytes", "org.apache.kafka.connect.data.Decimal", ""};
    if (precision > 0)
        snprintf(kind.parameters, sizeof kind.parameters, "{\"scale\":\"%u\",\"connect.decimal.precision\":\"%u\"}", scale,
                 precision);
    else
        snprintf(kind.parameters, sizeof kind.parameters, "{\"scale\":\"%u\"}", scale);
    return kind;
}

static struct kind number_kind(const struct leat_field *field, const struct leat_debezium_modes *modes)
{
    struct kind bits = {"bytes", "io.debezium.data.Bits", ""};
    if (field->meaning == LEAT_YEAR)
        return (struct kind){"int32", "io.debezium.time.Year", ""};
    if (leat_is_bigint_unsigned(field) && modes->bigints == LEAT_BIGINTS_PRECISE)
        return decimal_kind(0, 0);
    if (field->meaning != LEAT_BIT)
        return (struct kind){integer_type(field), NULL, ""};
    if (field->width == 1)
        return (struct kind){"boolean", NULL, ""};
    snprintf(bits.parameters, sizeof bits.parameters, "{\"length\":\"%u\"}", field->width);
    return bits;
}

static struct kind of_decimal(const struct leat_field *field, const struct leat_debezium_modes *modes)
{
    if (modes->decimals == LEAT_DECIMALS_DOUBLE)
        return (struct kind){"double", NULL, ""};
    if (modes->decimals == LEAT_DECIMALS_STRING)
        return (struct kind){"string", NULL, ""};
    return decimal_kind(field->scale, field->width);
}

static struct kind time_kind(const struct leat_field *field, const struct leat_debezium_modes *modes)
{
    static const char *const names[][3] = { /* DATE, TIME, DATETIME; the last of adaptive goes by its digits */
        [LEAT_TIMES_ADAPTIVE] = {"io.debezium.time.Date", "io.debezium.time.MicroTime", "io.debezium.time.MicroTimestamp"},
        [LEAT_TIMES_CONNECT] = {"org.apache.kafka.connect.data.Date", "org.apache.kafka.connect.data.Time",
                                "org.apache.kafka.connect.data.Timestamp"},
        [LEAT_TIMES_ISO] = {"io.debezium.time.IsoDate", "io.debezium.time.IsoTime", "io.debezium.time.IsoTimestamp"},
        [LEAT_TIMES_MICRO] = {"io.debezium.time.Date", "io.debezium.time.MicroTime", "io.debezium.time.MicroTimestamp"},
        [LEAT_TIMES_NANO] = {"io.debezium.time.Date", "io.debezium.time.NanoTime", "io.debezium.time.NanoTimestamp"},
    };
    int which = field->type == LEAT_DATE ? 0 : field->type == LEAT_TIME ? 1 : 2;
    bool is_iso = modes->times == LEAT_TIMES_ISO, is_small = which == 0 || (which == 1 && modes->times == LEAT_TIMES_CONNECT);
    struct kind kind = {is_iso ? "string" : is_small ? "int32" : "int64", names[modes->times][which], ""};
    if (which == 2 && modes->times == LEAT_TIMES_ADAPTIVE && field->scale <= 3)
        kind.name = "io.debezium.time.Timestamp";
    return kind;
}

static struct kind text_kind(const struct leat_field *field)
{
    if (field->meaning == LEAT_ENUM)
        return (struct kind){"string", "io.debezium.data.Enum", ""};
    if (field->meaning == LEAT_SET)
        return (struct kind){"string", "io.debezium.data.EnumSet", ""};
    return (struct kind){"string", NULL, ""};
}

static struct kind kind_of(const struct leat_field *field, const struct leat_debezium_modes *modes)
{
    switch (field->type) {
    case LEAT_BOOL:
        return (struct kind){"boolean", NULL, ""};
    case LEAT_INT64:
    case LEAT_UINT64:
        return number_kind(field, modes);
    case LEAT_FLOAT64: /* "float(7,3)" and "double" */
        return (struct kind){strncmp(field->native, "float", 5) == 0 ? "float" : "double", NULL, ""};
    case LEAT_DECIMAL:
        return of_decimal(field, modes);
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
        return time_kind(field, modes);
    case LEAT_TIMESTAMP:
        return (struct kind){"string", "io.debezium.time.ZonedTimestamp", ""};
    case LEAT_JSON:
        return (struct kind){"string", "io.debezium.data.Json", ""};
    case LEAT_BYTES:
        return (struct kind){modes->binary == LEAT_BINARY_BYTES ? "bytes" : "string", NULL, ""};
    default:
        return text_kind(field);
    }
}

/* {"allowed":"red,green"} of labels that each end with a line feed. */
static void put_allowed(struct leat_bytes *out, const char *labels)
{
    struct leat_bytes joined;
    leat_bytes_init(&joined, 1 << 20);
    leat_bytes_text(&joined, labels);
    for (size_t i = 0; i < joined.len; i++)
        if (joined.data[i] == '\n')
            joined.data[i] = ',';
    text(out, ",\"parameters\":{\"allowed\":");
    leat_json_string(out, (const char *)joined.data, joined.len ? joined.len - 1 : 0);
    text(out, "}");
    leat_bytes_fini(&joined);
}

static void put_geometry(struct leat_bytes *out, bool is_point, bool is_optional)
{
    text(out, "{\"type\":\"struct\",\"fields\":[");
    if (is_point)
        text(out, "{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},"
                  "{\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},");
    else
        text(out, "{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},");
    leat_bytes_printf(out, "{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}],\"optional\":%s,\"name\":\"io.debezium.data."
                           "geometry.%s\",\"version\":1,\"doc\":\"Geometry%s\"",
                      is_optional ? "true" : "false", is_point ? "Point" : "Geometry", is_point ? " (POINT)" : "");
}

static void put_vector(struct leat_bytes *out, bool is_optional)
{
    leat_bytes_printf(out, "{\"type\":\"array\",\"items\":{\"type\":\"float\",\"optional\":false},\"optional\":%s,\"name\":"
                           "\"io.debezium.data.FloatVector\",\"version\":1",
                      is_optional ? "true" : "false");
}

static void put_plain(struct leat_bytes *out, const struct leat_field *field, const struct leat_debezium_modes *modes,
                      bool is_optional)
{
    struct kind kind = kind_of(field, modes);
    leat_bytes_printf(out, "{\"type\":\"%s\",\"optional\":%s", kind.type, is_optional ? "true" : "false");
    if (kind.name)
        leat_bytes_printf(out, ",\"name\":\"%s\",\"version\":1", kind.name);
    if (*kind.parameters)
        leat_bytes_printf(out, ",\"parameters\":%s", kind.parameters);
    if (field->type == LEAT_TEXT && (field->meaning == LEAT_ENUM || field->meaning == LEAT_SET))
        put_allowed(out, field->labels);
}

static void put_field(struct leat_bytes *out, const struct leat_field *field, const struct leat_debezium_modes *modes)
{
    bool is_optional = !(field->flags & LEAT_FIELD_REQUIRED);
    if (field->type == LEAT_BYTES && field->meaning == LEAT_GEOMETRY)
        put_geometry(out, strncmp(field->native, "point", 5) == 0, is_optional);
    else if (field->type == LEAT_BYTES && field->meaning == LEAT_VECTOR)
        put_vector(out, is_optional);
    else
        put_plain(out, field, modes, is_optional);
    text(out, ",\"field\":");
    string(out, field->name);
    text(out, "}");
}

/* ---- rows, keys, source, envelope: each {"type":"struct","fields":[...] without the closing brace ---- */

static void put_row(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                    const struct leat_debezium_modes *modes, bool is_optional)
{
    text(out, "{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; i < schema->field_count; i++) {
        text(out, i ? "," : "");
        put_field(out, &schema->fields[i], modes);
    }
    leat_bytes_printf(out, "],\"optional\":%s,\"name\":", is_optional ? "true" : "false");
    put_name(out, schema, prefix, "Value");
}

bool leat_debezium_is_source_field(const struct leat_field *field)
{
    return strncmp(field->name, "transaction_", 12) != 0;
}

/* What the connector cannot do without. */
static bool is_required(const char *name)
{
    static const char *const names[] = {"server_id", "file", "pos", "row"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void put_source(struct leat_bytes *out, const struct leat_schema *schema)
{
    static const char head[] =
        "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"version\"},"
        "{\"type\":\"string\",\"optional\":false,\"field\":\"connector\"},{\"type\":\"string\",\"optional\":false,\"field\":\"name\"},"
        "{\"type\":\"int64\",\"optional\":false,\"field\":\"ts_ms\"},{\"type\":\"string\",\"optional\":true,\"name\":"
        "\"io.debezium.data.Enum\",\"version\":1,\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,"
        "last_in_data_collection,last,false,incremental\"},\"default\":\"false\",\"field\":\"snapshot\"},"
        "{\"type\":\"string\",\"optional\":false,\"field\":\"db\"},{\"type\":\"string\",\"optional\":true,\"field\":\"sequence\"},"
        "{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"},"
        "{\"type\":\"string\",\"optional\":true,\"field\":\"table\"}";
    static const struct leat_debezium_modes plain = {0};
    text(out, head);
    for (uint32_t i = 0; i < schema->source_count; i++) {
        struct leat_field field = schema->source_fields[i];
        if (!leat_debezium_is_source_field(&field))
            continue;
        field.flags = is_required(field.name) ? LEAT_FIELD_REQUIRED : 0;
        if (strcmp(field.name, "row") == 0)
            field.meaning = LEAT_INT32;
        text(out, ",");
        put_field(out, &field, &plain);
    }
    leat_bytes_printf(out, "],\"optional\":false,\"name\":\"io.debezium.connector.%s.Source\",\"version\":1", schema->connector);
}

void leat_debezium_envelope_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                                   const struct leat_debezium_modes *modes)
{
    text(out, "{\"type\":\"struct\",\"fields\":[");
    put_row(out, schema, prefix, modes, true);
    text(out, ",\"field\":\"before\"},");
    put_row(out, schema, prefix, modes, true);
    text(out, ",\"field\":\"after\"},");
    put_source(out, schema);
    text(out, ",\"field\":\"source\"},{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},"
              "{\"type\":\"int64\",\"optional\":false,\"field\":\"total_order\"},{\"type\":\"int64\",\"optional\":false,\"field\":"
              "\"data_collection_order\"}],\"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"},"
              "{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ms\"},"
              "{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"}],"
              "\"optional\":false,\"name\":");
    put_name(out, schema, prefix, "Envelope");
    text(out, ",\"version\":2}");
}

void leat_debezium_key_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                              const struct leat_debezium_modes *modes)
{
    text(out, "{\"type\":\"struct\",\"fields\":[");
    for (uint32_t i = 0; i < schema->key_count; i++) {
        text(out, i ? "," : "");
        put_field(out, &schema->fields[schema->keys[i]], modes);
    }
    text(out, "],\"optional\":false,\"name\":");
    put_name(out, schema, prefix, "Key");
    text(out, "}");
}

void leat_debezium_row_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                              const struct leat_debezium_modes *modes)
{
    put_row(out, schema, prefix, modes, false);
    text(out, "}");
}
