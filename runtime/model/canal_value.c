#include <model/canal_value.h>

#include <base/number.h>
#include <math.h>
#include <model/json.h>
#include <model/sqltext.h>
#include <stdio.h>

enum java_type { JAVA_BIT = -7, JAVA_TINYINT = -6, JAVA_BIGINT = -5, JAVA_CHAR = 1, JAVA_DECIMAL = 3, JAVA_INTEGER = 4,
                 JAVA_SMALLINT = 5, JAVA_REAL = 7, JAVA_DOUBLE = 8, JAVA_VARCHAR = 12, JAVA_DATE = 91, JAVA_TIME = 92,
                 JAVA_TIMESTAMP = 93, JAVA_BLOB = 2004, JAVA_CLOB = 2005 };

/* ---- values ---- */

/* Double.toString(): plain from 1e-3 up to 1e7, else one digit before the point and an exponent, "1.0E10". */
static size_t print_java(char out[LEAT_NUMBER_MAX + 8], double v, bool is_single)
{
    char shortest[LEAT_NUMBER_MAX + 1], digits[LEAT_NUMBER_MAX];
    size_t len = is_single ? leat_print_float(shortest, (float)v) : leat_print_double(shortest, v);
    double size = fabs(v);
    if (!isfinite(v) || v == 0 || (size >= 1e-3 && size < 1e7)) {
        memcpy(out, shortest, len);
        return len;
    }
    shortest[len] = 0;
    int count = 0, point = 0, exponent = 0; /* 0.d1d2d3... times ten to `point` */
    bool is_behind = false;
    const char *at = shortest + (*shortest == '-');
    for (; *at && *at != 'e'; at++) {
        is_behind = is_behind || *at == '.';
        if (*at == '.' || (count == 0 && *at == '0' && !is_behind))
            continue;
        if (count == 0 && *at == '0')
            point--;
        else
            digits[count++] = *at;
        point += !is_behind && count > 0;
    }
    if (*at == 'e')
        sscanf(at + 1, "%d", &exponent);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    int written = snprintf(out, LEAT_NUMBER_MAX + 8, "%s%c.%.*sE%d", v < 0 ? "-" : "", digits[0], count > 1 ? count - 1 : 1,
                           count > 1 ? digits + 1 : "0", point + exponent - 1);
    return (size_t)written;
}

/* Bytes as characters: the lower half by JSON's rules, the upper half as two bytes of UTF-8. */
static void put_latin(struct leat_bytes *out, const uint8_t *bytes, size_t len)
{
    struct leat_bytes text;
    leat_bytes_init(&text, SIZE_MAX);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] >= 0x80)
            leat_bytes_put(&text, (uint8_t)(0xc0 | bytes[i] >> 6));
        leat_bytes_put(&text, bytes[i] >= 0x80 ? (uint8_t)(0x80 | (bytes[i] & 0x3f)) : bytes[i]);
    }
    leat_json_string(out, text.data ? (const char *)text.data : "", text.len);
    leat_bytes_fini(&text);
}

static void put_number(struct leat_bytes *out, uint64_t v)
{
    leat_bytes_printf(out, "\"%llu\"", (unsigned long long)v);
}

static void put_text(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    if (field->meaning == LEAT_ENUM)
        put_number(out, leat_sql_enum_index(value, field));
    else if (field->meaning == LEAT_SET)
        put_number(out, leat_sql_set_bits(value, field));
    else
        leat_json_string(out, value->as.text, value->len);
}

void leat_canal_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field)
{
    char text[LEAT_ISO_MAX > LEAT_NUMBER_MAX + 8 ? LEAT_ISO_MAX : LEAT_NUMBER_MAX + 8];
    switch (value->type) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        leat_bytes_text(out, "null");
        break;
    case LEAT_BOOL:
        put_number(out, value->as.b);
        break;
    case LEAT_INT64:
        leat_bytes_printf(out, "\"%lld\"", (long long)value->as.i);
        break;
    case LEAT_UINT64:
        put_number(out, value->as.u);
        break;
    case LEAT_FLOAT64:
        leat_json_string(out, text, print_java(text, value->as.f, value->flags & LEAT_VALUE_SINGLE));
        break;
    case LEAT_TEXT:
        put_text(out, value, field);
        break;
    case LEAT_DECIMAL:
    case LEAT_JSON:
        leat_json_string(out, value->as.text, value->len);
        break;
    case LEAT_BYTES:
        put_latin(out, value->as.bytes, leat_sql_binary_len(value, field));
        break;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        leat_json_string(out, text, leat_sql_time(text, value, field));
        break;
    default: { /* what a transform put there: as JSON, in a string */
        struct leat_bytes json;
        leat_bytes_init(&json, SIZE_MAX);
        leat_json_value(&json, value);
        leat_json_string(out, (const char *)json.data, json.len);
        leat_bytes_fini(&json);
    }
    }
}

/* ---- types ---- */

static int integer_type(const struct leat_value *value, const struct leat_field *field)
{
    static const struct { uint8_t meaning; int type, wider; uint64_t most; } types[] = {
        {LEAT_INT8, JAVA_TINYINT, JAVA_SMALLINT, INT8_MAX},
        {LEAT_INT16, JAVA_SMALLINT, JAVA_INTEGER, INT16_MAX},
        {LEAT_INT24, JAVA_INTEGER, JAVA_INTEGER, 8388607},
        {LEAT_INT32, JAVA_INTEGER, JAVA_BIGINT, INT32_MAX},
        {LEAT_PLAIN, JAVA_BIGINT, JAVA_DECIMAL, INT64_MAX},
    };
    if (strncmp(field->native, "tinyint(1)", 10) == 0)
        return JAVA_BIT;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].meaning == field->meaning)
            return value->type == LEAT_UINT64 && value->as.u > types[i].most ? types[i].wider : types[i].type;
    return field->meaning == LEAT_YEAR ? JAVA_VARCHAR : JAVA_BIT;
}

static int text_type(const struct leat_field *field)
{
    if (field->meaning == LEAT_ENUM)
        return JAVA_INTEGER;
    if (field->meaning == LEAT_SET)
        return JAVA_BIT;
    if (strncmp(field->native, "char", 4) == 0)
        return JAVA_CHAR;
    return strstr(field->native, "text") ? JAVA_CLOB : JAVA_VARCHAR;
}

int leat_canal_sql_type(const struct leat_value *value, const struct leat_field *field)
{
    switch (field->type) {
    case LEAT_INT64:
    case LEAT_UINT64:
        return integer_type(value, field);
    case LEAT_FLOAT64:
        return strncmp(field->native, "float", 5) == 0 ? JAVA_REAL : JAVA_DOUBLE;
    case LEAT_DECIMAL:
        return JAVA_DECIMAL;
    case LEAT_BYTES:
        return JAVA_BLOB;
    case LEAT_DATE:
        return JAVA_DATE;
    case LEAT_TIME:
        return JAVA_TIME;
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return JAVA_TIMESTAMP;
    case LEAT_BOOL:
        return JAVA_BIT;
    default:
        return text_type(field);
    }
}

/* enum('it''s','b') of labels that each end with a line feed. */
static void put_labels(struct leat_bytes *out, const struct leat_field *field)
{
    leat_bytes_text(out, field->meaning == LEAT_ENUM ? "enum(" : "set(");
    for (const char *at = field->labels; *at; at++) {
        leat_bytes_text(out, at == field->labels ? "'" : ",'");
        for (; *at && *at != '\n'; at++) {
            if (*at == '\'')
                leat_bytes_put(out, '\'');
            leat_bytes_put(out, (uint8_t)*at);
        }
        leat_bytes_put(out, '\'');
    }
    leat_bytes_put(out, ')');
}

void leat_canal_mysql_type(struct leat_bytes *out, const struct leat_field *field)
{
    struct leat_bytes text;
    leat_bytes_init(&text, 1 << 20);
    if (field->meaning == LEAT_ENUM || field->meaning == LEAT_SET)
        put_labels(&text, field);
    else
        leat_bytes_text(&text, field->native);
    leat_json_string(out, text.data ? (const char *)text.data : "", text.len);
    leat_bytes_fini(&text);
}
