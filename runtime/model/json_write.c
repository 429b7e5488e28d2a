#include <model/json.h>

#include <base/number.h>
#include <base/text.h>
#include <math.h>
#include <model/iso.h>
#include <model/json_scan.h>

/* ---- strings ---- */

static void put_escape(struct leat_bytes *out, unsigned char c)
{
    static const char short_forms[] = "btn fr"; /* 0x08 .. 0x0d */
    leat_bytes_put(out, '\\');
    if (c == '"' || c == '\\')
        leat_bytes_put(out, c);
    else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        leat_bytes_put(out, (uint8_t)short_forms[c - 0x08]);
    else
        leat_bytes_printf(out, "u%04x", c);
}

/* Escapes in text that is UTF-8: runs of plain bytes, each followed by bytes that are looked at one by one. */
static void put_escaped(struct leat_bytes *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t from = at;
        at += leat_json_plain_run(text + at, len - at);
        while (at < len && (unsigned char)text[at] >= 0x80)
            at++;
        leat_bytes_add(out, text + from, at - from);
        if (at < len && !leat_json_is_plain((unsigned char)text[at]))
            put_escape(out, (unsigned char)text[at++]);
    }
}

static void put_mended(struct leat_bytes *out, const char *text, size_t len)
{
    struct leat_bytes mended;
    leat_bytes_init(&mended, SIZE_MAX);
    leat_text_utf8(&mended, text, len);
    put_escaped(out, (const char *)mended.data, mended.len);
    leat_bytes_fini(&mended);
}

void leat_json_string(struct leat_bytes *out, const char *text, size_t len)
{
    if (!leat_bytes_reserve(out, len + 2))
        return;
    size_t plain = leat_json_plain_run(text, len);
    uint8_t *to = out->data + out->len;
    *to++ = '"';
    if (plain > 0)
        memcpy(to, text, plain);
    if (plain == len) {
        to[len] = '"';
        out->len += len + 2;
        return;
    }
    out->len += plain + 1;
    if (leat_is_utf8(text + plain, len - plain))
        put_escaped(out, text + plain, len - plain);
    else
        put_mended(out, text + plain, len - plain);
    leat_bytes_put(out, '"');
}

/* ---- values ---- */

static void put_double(struct leat_bytes *out, const struct leat_value *value)
{
    if (!isfinite(value->as.f)) {
        leat_bytes_text(out, "null"); /* JSON has no word for it */
        return;
    }
    if (!leat_bytes_reserve(out, LEAT_NUMBER_MAX))
        return;
    char *to = (char *)out->data + out->len;
    out->len += value->flags & LEAT_VALUE_SINGLE ? leat_print_float(to, (float)value->as.f)
                                                 : leat_print_double(to, value->as.f);
}

static void put_integer(struct leat_bytes *out, const struct leat_value *value)
{
    if (!leat_bytes_reserve(out, LEAT_NUMBER_MAX))
        return;
    char *to = (char *)out->data + out->len;
    out->len += value->type == LEAT_UINT64 ? leat_print_u64(to, value->as.u) : leat_print_i64(to, value->as.i);
}

static void put_base64(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '"');
    leat_base64_encode(out, value->as.bytes, value->len);
    leat_bytes_put(out, '"');
}

/* A document stands in the message as it is, but on one line: a line break can only be white space between tokens.
 * What is no document after all (a column whose check was off) becomes a string. */
static void put_document(struct leat_bytes *out, const struct leat_value *value)
{
    if (!leat_json_is_valid(value->as.text, value->len)) {
        leat_json_string(out, value->as.text, value->len);
        return;
    }
    size_t from = out->len;
    leat_bytes_add(out, value->as.text, value->len);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}

static void put_iso(struct leat_bytes *out, const struct leat_value *value)
{
    char text[LEAT_ISO_MAX];
    leat_bytes_put(out, '"');
    leat_bytes_add(out, text, leat_iso_print(text, value));
    leat_bytes_put(out, '"');
}

static void put_array(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '[');
    for (uint32_t i = 0; i < value->len; i++) {
        if (i > 0)
            leat_bytes_put(out, ',');
        leat_json_value(out, &value->as.items[i]);
    }
    leat_bytes_put(out, ']');
}

static void put_name(struct leat_bytes *out, const struct leat_value *key)
{
    struct leat_bytes text;
    if (key->type == LEAT_TEXT) {
        leat_json_string(out, key->as.text, key->len);
        return;
    }
    leat_bytes_init(&text, SIZE_MAX); /* a key of another type: its JSON as text */
    leat_json_value(&text, key);
    leat_json_string(out, (const char *)text.data, text.len);
    leat_bytes_fini(&text);
}

static void put_map(struct leat_bytes *out, const struct leat_value *value)
{
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < value->len; i++) {
        if (i > 0)
            leat_bytes_put(out, ',');
        put_name(out, &value->as.items[2 * i]);
        leat_bytes_put(out, ':');
        leat_json_value(out, &value->as.items[2 * i + 1]);
    }
    leat_bytes_put(out, '}');
}

void leat_json_value(struct leat_bytes *out, const struct leat_value *value)
{
    switch ((enum leat_type)value->type) {
    case LEAT_ABSENT:
    case LEAT_NULL:
    case LEAT_TYPE_COUNT:
        leat_bytes_add(out, "null", 4);
        break;
    case LEAT_BOOL:
        leat_bytes_text(out, value->as.b ? "true" : "false");
        break;
    case LEAT_INT64:
    case LEAT_UINT64:
        put_integer(out, value);
        break;
    case LEAT_FLOAT64:
        put_double(out, value);
        break;
    case LEAT_DECIMAL:
        leat_bytes_add(out, value->as.text, value->len);
        break;
    case LEAT_JSON:
        put_document(out, value);
        break;
    case LEAT_TEXT:
        leat_json_string(out, value->as.text, value->len);
        break;
    case LEAT_BYTES:
        put_base64(out, value);
        break;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        put_iso(out, value);
        break;
    case LEAT_ARRAY:
    case LEAT_STRUCT:
        put_array(out, value);
        break;
    case LEAT_MAP:
        put_map(out, value);
        break;
    }
}

void leat_json_struct(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *fields,
                      uint32_t count)
{
    bool is_first = true;
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < count && i < value->len; i++) {
        if (value->as.items[i].type == LEAT_ABSENT)
            continue;
        if (!is_first)
            leat_bytes_put(out, ',');
        is_first = false;
        leat_json_string(out, fields[i].name, strlen(fields[i].name));
        leat_bytes_put(out, ':');
        leat_json_value(out, &value->as.items[i]);
    }
    leat_bytes_put(out, '}');
}
