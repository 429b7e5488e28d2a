#include <mysql/literal.h>

#include <base/number.h>
#include <math.h>
#include <model/iso.h>
#include <model/json.h>

/* ---- quoting ---- */

/* What a byte becomes behind a backslash; 0: it stays as it is. UTF-8 has none of these inside a character. */
static const char escapes[256] = {['\0'] = '0', ['\''] = '\'', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', [26] = 'Z'};

static void add_escaped(struct leat_bytes *sql, const char *text, size_t len)
{
    if (!leat_bytes_reserve(sql, 2 * len + 2))
        return;
    uint8_t *out = sql->data + sql->len;
    *out++ = '\'';
    for (size_t i = 0; i < len; i++) {
        char escape = escapes[(uint8_t)text[i]];
        if (escape)
            *out++ = '\\';
        *out++ = (uint8_t)(escape ? escape : text[i]);
    }
    *out++ = '\'';
    sql->len = (size_t)(out - sql->data);
}

void literal_text(struct leat_bytes *sql, const char *text, size_t len)
{
    add_escaped(sql, text, len);
}

void literal_bytes(struct leat_bytes *sql, const void *bytes, size_t len)
{
    leat_bytes_text(sql, "_binary");
    add_escaped(sql, bytes, len);
}

void literal_name(struct leat_bytes *sql, const char *name)
{
    leat_bytes_put(sql, '`');
    for (; *name; name++) {
        if (*name == '`')
            leat_bytes_put(sql, '`');
        leat_bytes_put(sql, (uint8_t)*name);
    }
    leat_bytes_put(sql, '`');
}

/* ---- values ---- */

static void add_number(struct leat_bytes *sql, const struct leat_value *value)
{
    if (!leat_bytes_reserve(sql, LEAT_NUMBER_MAX))
        return;
    char *out = (char *)sql->data + sql->len;
    sql->len += value->type == LEAT_INT64 ? leat_print_i64(out, value->as.i) : leat_print_u64(out, value->as.u);
}

/* The shortest text that reads back as this double, with an exponent: without one it would be a DECIMAL, which has no -0 and
 * fewer digits. A FLOAT's value is a double too, and the server rounds it back to the same FLOAT. */
static enum leat_status add_double(struct leat_bytes *sql, double v, struct leat_error *err)
{
    char text[LEAT_NUMBER_MAX];
    if (!isfinite(v))
        return leat_fail(err, LEAT_REJECT, "%s is no number that SQL has", isnan(v) ? "NaN" : "an infinity");
    size_t len = leat_print_double(text, v);
    leat_bytes_add(sql, text, len);
    if (!memchr(text, 'e', len))
        leat_bytes_text(sql, "e0");
    return LEAT_OK;
}

/* 'YYYY-MM-DD hh:mm:ss.ffffff' without T and Z; TIMESTAMP in UTC, which is the session's time zone. */
static void add_time(struct leat_bytes *sql, const struct leat_value *value)
{
    char text[LEAT_ISO_MAX];
    size_t len = leat_iso_print(text, value);
    char *between = memchr(text, 'T', len);
    if (between)
        *between = ' ';
    if (value->type == LEAT_TIMESTAMP && len > 0 && text[len - 1] == 'Z')
        len--;
    literal_text(sql, text, len);
}

static void add_json(struct leat_bytes *sql, const struct leat_value *value)
{
    struct leat_bytes json;
    leat_bytes_init(&json, sql->max);
    leat_json_value(&json, value);
    literal_text(sql, (const char *)json.data, json.len);
    sql->is_over = sql->is_over || json.is_over;
    leat_bytes_fini(&json);
}

enum leat_status literal_add(struct leat_bytes *sql, const struct leat_value *value, struct leat_error *err)
{
    switch ((enum leat_type)value->type) {
    case LEAT_BOOL:
        leat_bytes_put(sql, value->as.b ? '1' : '0');
        break;
    case LEAT_INT64:
    case LEAT_UINT64:
        add_number(sql, value);
        break;
    case LEAT_FLOAT64:
        return add_double(sql, value->as.f, err);
    case LEAT_DECIMAL:
    case LEAT_TEXT:
    case LEAT_JSON:
        literal_text(sql, value->as.text, value->len);
        break;
    case LEAT_BYTES:
        literal_bytes(sql, value->as.bytes, value->len);
        break;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        add_time(sql, value);
        break;
    case LEAT_ARRAY:
    case LEAT_STRUCT:
    case LEAT_MAP:
        add_json(sql, value);
        break;
    case LEAT_ABSENT:
    case LEAT_NULL:
    case LEAT_TYPE_COUNT:
        leat_bytes_text(sql, "NULL");
        break;
    }
    return LEAT_OK;
}
