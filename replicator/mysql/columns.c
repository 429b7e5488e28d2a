#include <mysql/columns.h>

#include <base/memory.h>
#include <base/number.h>
#include <mysql/record.h>
#include <stdlib.h>

/* ---- the type's text ---- */

enum kind { INTEGER, DECIMAL, FLOAT, DOUBLE, BIT, YEAR, DATE, TIME, DATETIME, TIMESTAMP, TEXT, BINARY, BLOB, ENUM, SET,
            JSON, UUID, INET6, INET4, GEOMETRY, VECTOR };

static const struct type {
    const char *name;
    enum kind kind;
    uint8_t meaning;
    uint8_t logged[3]; /* enum leat_mysql_type; 0: no more */
} types[] = {
    {"tinyint", INTEGER, LEAT_INT8, {LEAT_MYSQL_TINY}},
    {"smallint", INTEGER, LEAT_INT16, {LEAT_MYSQL_SHORT}},
    {"mediumint", INTEGER, LEAT_INT24, {LEAT_MYSQL_INT24}},
    {"int", INTEGER, LEAT_INT32, {LEAT_MYSQL_LONG}},
    {"bigint", INTEGER, LEAT_PLAIN, {LEAT_MYSQL_LONGLONG}},
    {"decimal", DECIMAL, LEAT_PLAIN, {LEAT_MYSQL_NEWDECIMAL}},
    {"float", FLOAT, LEAT_PLAIN, {LEAT_MYSQL_FLOAT}},
    {"double", DOUBLE, LEAT_PLAIN, {LEAT_MYSQL_DOUBLE}},
    {"bit", BIT, LEAT_BIT, {LEAT_MYSQL_BIT}},
    {"year", YEAR, LEAT_YEAR, {LEAT_MYSQL_YEAR}},
    {"date", DATE, LEAT_PLAIN, {LEAT_MYSQL_DATE, LEAT_MYSQL_NEWDATE}},
    {"time", TIME, LEAT_PLAIN, {LEAT_MYSQL_TIME2, LEAT_MYSQL_TIME}},
    {"datetime", DATETIME, LEAT_PLAIN, {LEAT_MYSQL_DATETIME2, LEAT_MYSQL_DATETIME}},
    {"timestamp", TIMESTAMP, LEAT_PLAIN, {LEAT_MYSQL_TIMESTAMP2, LEAT_MYSQL_TIMESTAMP}},
    {"char", TEXT, LEAT_PLAIN, {LEAT_MYSQL_STRING}},
    {"varchar", TEXT, LEAT_PLAIN, {LEAT_MYSQL_VARCHAR, LEAT_MYSQL_VARCHAR_COMPRESSED, LEAT_MYSQL_VAR_STRING}},
    {"tinytext", TEXT, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_TINY_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"text", TEXT, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"mediumtext", TEXT, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_MEDIUM_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"longtext", TEXT, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_LONG_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"binary", BINARY, LEAT_PLAIN, {LEAT_MYSQL_STRING}},
    {"varbinary", BINARY, LEAT_PLAIN, {LEAT_MYSQL_VARCHAR, LEAT_MYSQL_VARCHAR_COMPRESSED, LEAT_MYSQL_VAR_STRING}},
    {"tinyblob", BLOB, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_TINY_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"blob", BLOB, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"mediumblob", BLOB, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_MEDIUM_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"longblob", BLOB, LEAT_PLAIN, {LEAT_MYSQL_BLOB, LEAT_MYSQL_LONG_BLOB, LEAT_MYSQL_BLOB_COMPRESSED}},
    {"enum", ENUM, LEAT_ENUM, {LEAT_MYSQL_ENUM}},
    {"set", SET, LEAT_SET, {LEAT_MYSQL_SET}},
    {"json", JSON, LEAT_PLAIN, {LEAT_MYSQL_JSON, LEAT_MYSQL_BLOB}},
    {"uuid", UUID, LEAT_UUID, {LEAT_MYSQL_STRING}},
    {"inet6", INET6, LEAT_INET, {LEAT_MYSQL_STRING}},
    {"inet4", INET4, LEAT_INET, {LEAT_MYSQL_STRING}},
    {"vector", VECTOR, LEAT_VECTOR, {LEAT_MYSQL_VECTOR, LEAT_MYSQL_VARCHAR}},
    {"geometry", GEOMETRY, LEAT_GEOMETRY, {LEAT_MYSQL_GEOMETRY}}, /* and all others: point, polygon ... */
};

static const struct type *type_of(const struct column *column)
{
    size_t count = sizeof types / sizeof *types;
    for (size_t i = 0; i + 1 < count; i++)
        if (strcmp(types[i].name, column->data_type) == 0)
            return &types[i];
    return &types[count - 1];
}

static enum kind kind_of(const struct column *column)
{
    enum kind kind = type_of(column)->kind;
    return kind == TEXT && column->is_json ? JSON : kind;
}

static bool is_unsigned(const struct column *column)
{
    return strstr(column->type, "unsigned") != NULL;
}

/* The `n`th number in the parentheses, or 0. */
static uint32_t type_number(const struct column *column, int n)
{
    const char *at = strchr(column->type, '(');
    while (at && n-- > 0)
        at = strchr(at + 1, ',');
    return at ? (uint32_t)strtoul(at + 1, NULL, 10) : 0;
}

static bool is_logged_as(const struct type *type, uint8_t logged)
{
    for (size_t i = 0; i < sizeof type->logged && type->logged[i]; i++)
        if (type->logged[i] == logged)
            return true;
    return false;
}

bool columns_type_fits(const struct column *column, const struct leat_column *logged, bool has_signedness)
{
    if (!is_logged_as(type_of(column), logged->type))
        return false;
    switch (logged->type) {
    case LEAT_MYSQL_TINY:
    case LEAT_MYSQL_SHORT:
    case LEAT_MYSQL_INT24:
    case LEAT_MYSQL_LONG:
    case LEAT_MYSQL_LONGLONG:
        return !has_signedness || logged->is_unsigned == is_unsigned(column);
    case LEAT_MYSQL_NEWDECIMAL:
        return logged->precision == type_number(column, 0) && logged->digits == type_number(column, 1);
    case LEAT_MYSQL_TIME2:
    case LEAT_MYSQL_DATETIME2:
    case LEAT_MYSQL_TIMESTAMP2:
        return logged->digits == type_number(column, 0);
    default:
        return true;
    }
}

/* Behind a backslash in a label: the servers escape backslashes, \n, \r and \0. Line feed and NUL stay as they are written:
 * labels stand in a field one a line, and end with a NUL. */
static void put_escaped(struct leat_bytes *label, char c)
{
    if (c == 'n' || c == '0')
        leat_bytes_put(label, '\\');
    leat_bytes_put(label, (uint8_t)(c == 'r' ? '\r' : c));
}

/* Labels of enum('a','b''c'): each unquoted one is given to `each`. */
typedef void label_f(void *arg, const char *label, size_t len);

static void each_label(const struct column *column, label_f *each, void *arg)
{
    struct leat_bytes label;
    const char *at = strchr(column->type, '\'');
    leat_bytes_init(&label, 1 << 20);
    while (at && *at == '\'') {
        leat_bytes_clear(&label);
        for (at++; *at && (*at != '\'' || at[1] == '\''); at++) {
            bool is_escape = *at == '\\' && at[1];
            if (*at == '\'' || is_escape)
                at++;
            if (is_escape)
                put_escaped(&label, *at);
            else
                leat_bytes_put(&label, (uint8_t)*at);
        }
        each(arg, (const char *)label.data, label.len);
        at = strchr(at + (*at ? 1 : 0), '\'');
    }
    leat_bytes_fini(&label);
}

static void add_label_line(void *arg, const char *label, size_t len)
{
    leat_bytes_add(arg, label, len);
    leat_bytes_put(arg, '\n');
}

static bool has_same_labels(const struct column *column, const struct column *other)
{
    struct leat_bytes mine, its;
    leat_bytes_init(&mine, 1 << 20);
    leat_bytes_init(&its, 1 << 20);
    each_label(column, add_label_line, &mine);
    each_label(other, add_label_line, &its);
    bool is_same = mine.len == its.len && (mine.len == 0 || memcmp(mine.data, its.data, mine.len) == 0);
    leat_bytes_fini(&mine);
    leat_bytes_fini(&its);
    return is_same;
}

bool columns_is_text(const struct column *column)
{
    return kind_of(column) == TEXT;
}

bool columns_agree(const struct column *column, const struct column *logged)
{
    switch (kind_of(column)) {
    case TEXT:
    case JSON:
    case BINARY:
    case BLOB:
        return strcmp(column->data_type, logged->data_type) == 0 && type_number(column, 0) == type_number(logged, 0) &&
               leat_charset_collation(column->charset, strlen(column->charset)) ==
                   leat_charset_collation(logged->charset, strlen(logged->charset));
    case BIT:
        return type_number(column, 0) == type_number(logged, 0);
    case ENUM:
    case SET:
        return has_same_labels(column, logged);
    case UUID:
    case INET6:
        return strcmp(logged->type, "binary(16)") == 0;
    case INET4:
        return strcmp(logged->type, "binary(4)") == 0;
    default:
        return true;
    }
}

/* ---- the schema ---- */

static uint8_t field_type(const struct column *column)
{
    switch (kind_of(column)) {
    case INTEGER:
        return is_unsigned(column) ? LEAT_UINT64 : LEAT_INT64;
    case DECIMAL:
        return LEAT_DECIMAL;
    case FLOAT:
    case DOUBLE:
        return LEAT_FLOAT64;
    case BIT:
        return LEAT_UINT64;
    case YEAR:
        return LEAT_INT64;
    case DATE:
        return LEAT_DATE;
    case TIME:
        return LEAT_TIME;
    case DATETIME:
        return LEAT_DATETIME;
    case TIMESTAMP:
        return LEAT_TIMESTAMP;
    case JSON:
        return LEAT_JSON;
    case BINARY:
    case BLOB:
    case GEOMETRY:
    case VECTOR:
        return LEAT_BYTES;
    default:
        return LEAT_TEXT;
    }
}

static void make_field(const struct column *column, struct leat_field *field, struct leat_bytes *labels)
{
    enum kind kind = kind_of(column);
    *field = (struct leat_field){
        .name = column->name,
        .type = field_type(column),
        .meaning = kind == JSON ? LEAT_PLAIN : type_of(column)->meaning,
        .flags = column->is_nullable ? 0 : LEAT_FIELD_REQUIRED,
        .native = column->type,
        .labels = "",
    };
    if (kind == DECIMAL) {
        field->width = type_number(column, 0);
        field->scale = (uint8_t)type_number(column, 1);
    } else if (kind == TIME || kind == DATETIME || kind == TIMESTAMP) {
        field->scale = (uint8_t)type_number(column, 0);
    } else if (kind == BIT || kind == TEXT || kind == BINARY) {
        field->width = type_number(column, 0);
    } else if (kind == ENUM || kind == SET) {
        field->native = column->data_type;
        leat_bytes_clear(labels);
        each_label(column, add_label_line, labels);
        leat_bytes_put(labels, 0);
    }
}

const struct leat_schema *columns_schema(const struct column *columns, uint32_t count, const char *connector,
                                         const char *database, const char *table)
{
    struct leat_field *fields = leat_calloc(count + 1, sizeof *fields);
    struct leat_bytes *labels = leat_calloc(count + 1, sizeof *labels);
    uint32_t *keys = leat_calloc(count + 1, sizeof *keys), key_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        leat_bytes_init(&labels[i], 1 << 20);
        make_field(&columns[i], &fields[i], &labels[i]);
        if (labels[i].len > 0)
            fields[i].labels = (const char *)labels[i].data;
        if (columns[i].key_place > 0 && columns[i].key_place <= count) {
            keys[columns[i].key_place - 1] = i;
            key_count++;
        }
    }
    const struct leat_schema *schema = leat_schema(&(struct leat_schema){
        .connector = connector,
        .space = database,
        .name = table,
        .fields = fields,
        .field_count = count,
        .keys = keys,
        .key_count = key_count,
        .source_fields = record_source_fields,
        .source_count = RECORD_SOURCE_FIELDS,
    });
    for (uint32_t i = 0; i < count; i++)
        leat_bytes_fini(&labels[i]);
    free(labels);
    free(fields);
    free(keys);
    return schema;
}

/* ---- decoding ---- */

/* Records hold labels while the table's definition may be replaced: they point into the interned schema. */
static void set_labels(const struct leat_field *field, struct leat_column *plan, struct leat_arena *arena)
{
    uint16_t count = 0;
    for (const char *at = field->labels; *at; at++)
        count = (uint16_t)(count + (*at == '\n'));
    struct leat_value *labels = leat_arena_alloc(arena, (size_t)(count + 1) * sizeof *labels);
    const char *at = field->labels;
    for (uint16_t i = 0; i < count; i++) {
        size_t len = strcspn(at, "\n");
        labels[i] = leat_value_text(at, len);
        at += len + 1;
    }
    plan->labels = labels;
    plan->label_count = count;
}

void columns_hint(const struct column *column, const struct leat_field *field, struct leat_column *plan,
                  struct leat_arena *arena)
{
    enum kind kind = kind_of(column);
    plan->is_unsigned = is_unsigned(column);
    plan->name = column->name;
    plan->name_len = (uint16_t)strlen(column->name);
    plan->key_place = (uint16_t)column->key_place;
    if (kind == TIME || kind == DATETIME || kind == TIMESTAMP)
        plan->digits = (uint8_t)type_number(column, 0);
    if (kind == TEXT || kind == JSON || kind == ENUM || kind == SET)
        plan->collation = leat_charset_collation(column->charset, strlen(column->charset));
    if (kind == BINARY || kind == BLOB)
        plan->collation = LEAT_COLLATION_BINARY;
    if (kind == JSON && plan->type != LEAT_MYSQL_JSON)
        plan->hint = LEAT_COLUMN_JSON;
    if (kind == UUID)
        plan->hint = LEAT_COLUMN_UUID;
    if (kind == INET6)
        plan->hint = LEAT_COLUMN_INET6;
    if (kind == INET4)
        plan->hint = LEAT_COLUMN_INET4;
    if (kind == ENUM || kind == SET)
        set_labels(field, plan, arena);
}

/* ---- snapshots ---- */

void columns_select(const struct column *column, struct leat_bytes *out)
{
    char name[CLIENT_NAME_MAX];
    client_quote(name, sizeof name, column->name);
    enum kind kind = kind_of(column);
    bool is_rounded = kind == FLOAT || (kind == DOUBLE && strchr(column->type, '('));
    leat_bytes_printf(out, "%s%s", name, is_rounded ? " * 1e0" : "");
}

bool columns_orders_by_text(const struct column *column)
{
    switch (kind_of(column)) {
    case INTEGER:
    case DECIMAL:
    case DATE:
    case TIME:
    case DATETIME:
    case TIMESTAMP:
    case TEXT:
    case BINARY:
    case BLOB:
    case UUID:
        return true;
    default: /* ENUM, SET, BIT, YEAR: ordered by number; FLOAT, DOUBLE: not every text comes back as the same number */
        return false;
    }
}

void columns_literal(const struct column *column, const struct leat_value *text, MYSQL *mysql, struct leat_bytes *out)
{
    bool is_bytes = kind_of(column) == BINARY || kind_of(column) == BLOB;
    char *quoted = leat_malloc(2 * (size_t)text->len + 1);
    if (is_bytes)
        mysql_hex_string(quoted, text->as.text, text->len);
    else
        mysql_real_escape_string(mysql, quoted, text->as.text, text->len);
    leat_bytes_printf(out, "%s'%s'", is_bytes ? "X" : "", quoted);
    free(quoted);
}

static bool take_digits(const char **at, const char *end, int32_t *v)
{
    const char *from = *at;
    for (*v = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++)
        *v = *v * 10 + (**at - '0');
    return *at > from;
}

static bool take_char(const char **at, const char *end, char c)
{
    if (*at >= end || **at != c)
        return false;
    (*at)++;
    return true;
}

static bool take_clock(const char **at, const char *end, struct leat_parts *parts)
{
    if (!take_digits(at, end, &parts->hour) || !take_char(at, end, ':') || !take_digits(at, end, &parts->minute) ||
        !take_char(at, end, ':') || !take_digits(at, end, &parts->second))
        return false;
    if (!take_char(at, end, '.'))
        return true;
    int32_t scale = 100000;
    for (parts->us = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        parts->us += (**at - '0') * scale;
    return true;
}

static bool take_date(const char **at, const char *end, struct leat_parts *parts)
{
    return take_digits(at, end, &parts->year) && take_char(at, end, '-') && take_digits(at, end, &parts->month) &&
           take_char(at, end, '-') && take_digits(at, end, &parts->day);
}

static bool read_date(const char *at, const char *end, struct leat_value *value)
{
    struct leat_parts parts = {0};
    bool is_good = take_date(&at, end, &parts) && at == end;
    *value = (struct leat_value){.type = LEAT_DATE, .as.i = LEAT_DATE(parts.year, parts.month, parts.day)};
    return is_good;
}

static bool read_time(const char *at, const char *end, uint8_t digits, struct leat_value *value)
{
    struct leat_parts parts = {0};
    bool is_negative = take_char(&at, end, '-');
    bool is_good = take_clock(&at, end, &parts) && at == end;
    int64_t us = (((int64_t)parts.hour * 60 + parts.minute) * 60 + parts.second) * 1000000 + parts.us;
    *value = (struct leat_value){.type = LEAT_TIME, .aux = digits, .as.i = is_negative ? -us : us};
    return is_good;
}

static bool read_datetime(const char *at, const char *end, const struct leat_field *field, struct leat_value *value)
{
    struct leat_parts parts = {0};
    bool is_good = take_date(&at, end, &parts) && take_char(&at, end, ' ') && take_clock(&at, end, &parts) && at == end;
    *value = (struct leat_value){.type = field->type, .aux = field->scale};
    if (field->type == LEAT_DATETIME) {
        value->as.i = LEAT_DATETIME(parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second, parts.us);
    } else if (parts.month == 0) {
        value->flags = LEAT_VALUE_ZERO;
    } else if (is_good) {
        value->as.i = leat_parts_to_us(&parts);
    }
    return is_good;
}

static bool read_double(const struct leat_field *field, const char *text, size_t len, struct leat_value *value)
{
    double v;
    if (!leat_parse_double(text, len, &v))
        return false;
    *value = leat_value_double(v);
    if (strncmp(field->native, "float", 5) == 0)
        value->flags = LEAT_VALUE_SINGLE;
    return true;
}

static bool read_unsigned(const struct leat_field *field, const char *text, size_t len, struct leat_value *value)
{
    uint64_t v = 0;
    bool is_good = true;
    if (field->meaning == LEAT_BIT)
        for (size_t i = 0; i < len; i++)
            v = v << 8 | (uint8_t)text[i];
    else
        is_good = leat_parse_u64(text, len, &v);
    *value = leat_value_uint(v);
    return is_good;
}

/* ZEROFILL shows zeros that the value does not have. */
static void read_decimal(const struct leat_field *field, const char *text, size_t len, struct leat_batch *batch,
                         struct leat_value *value)
{
    while (len > 1 && text[0] == '0' && text[1] != '.') {
        text++;
        len--;
    }
    *value = leat_value_text(leat_batch_copy(batch, text, len), len);
    value->type = LEAT_DECIMAL;
    value->aux = field->scale;
}

bool columns_value(const struct leat_field *field, const char *text, size_t len, struct leat_batch *batch,
                   struct leat_value *value)
{
    int64_t i;
    if (!text) {
        *value = leat_value_null();
        return true;
    }
    switch (field->type) {
    case LEAT_INT64:
        if (!leat_parse_i64(text, len, &i))
            return false;
        *value = leat_value_int(i);
        return true;
    case LEAT_UINT64:
        return read_unsigned(field, text, len, value);
    case LEAT_FLOAT64:
        return read_double(field, text, len, value);
    case LEAT_DATE:
        return read_date(text, text + len, value);
    case LEAT_TIME:
        return read_time(text, text + len, field->scale, value);
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return read_datetime(text, text + len, field, value);
    case LEAT_DECIMAL:
        read_decimal(field, text, len, batch, value);
        return true;
    default:
        *value = leat_value_text(leat_batch_copy(batch, text, len), len);
        value->type = field->type;
        return true;
    }
}
