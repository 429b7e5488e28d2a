/* json_binary.c - MySQL's binary JSON to text.
 *
 *   document  type u8, value
 *   object    count, size; per key: offset, length u16; per value: type u8, offset or the value itself; the rest
 *   array     count, size; per value: type u8, offset or the value itself; the rest
 *             count, size and offsets have 2 bytes (small) or 4 (large); offsets count from `count`
 *   inside an entry lie: literals, 16-bit integers; in large ones 32-bit integers as well
 *   string    length (7 bits a byte, low first, at most 5 bytes), UTF-8
 *   opaque    column type u8, length, bytes: DECIMAL, dates and times, anything else as base64
 *
 * Partial updates in place leave holes in documents: offsets rule, not order. Source: MySQL's json_binary.h
 * comment, in the server's documentation.
 */
#include <mysql_protocol/internal.h>

#include <base/number.h>
#include <base/text.h>

enum json_type {
    SMALL_OBJECT = LEAT_JSONB_SMALL_OBJECT,
    LARGE_OBJECT = LEAT_JSONB_LARGE_OBJECT,
    SMALL_ARRAY = LEAT_JSONB_SMALL_ARRAY,
    LARGE_ARRAY = LEAT_JSONB_LARGE_ARRAY,
    LITERAL = LEAT_JSONB_LITERAL,
    INT16 = 5,
    UINT16 = 6,
    INT32 = 7,
    UINT32 = 8,
    INT64 = 9,
    UINT64 = 10,
    DOUBLE = 11,
    STRING = 12,
    OPAQUE = 15,
};

static void put_escape(struct leat_bytes *out, uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        leat_bytes_put(out, '\\');
        leat_bytes_put(out, c);
        break;
    case '\b':
        leat_bytes_text(out, "\\b");
        break;
    case '\f':
        leat_bytes_text(out, "\\f");
        break;
    case '\n':
        leat_bytes_text(out, "\\n");
        break;
    case '\r':
        leat_bytes_text(out, "\\r");
        break;
    case '\t':
        leat_bytes_text(out, "\\t");
        break;
    default:
        leat_bytes_printf(out, "\\u%04x", c);
        break;
    }
}

void leat_json_put_string(struct leat_bytes *out, const uint8_t *text, size_t len)
{
    leat_bytes_put(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
            continue;
        leat_bytes_add(out, text + start, i - start);
        put_escape(out, text[i]);
        start = i + 1;
    }
    leat_bytes_add(out, text + start, len - start);
    leat_bytes_put(out, '"');
}

static uint64_t cut_length(struct leat_cut *cut)
{
    uint64_t len = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = leat_cut_u8(cut);
        len |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return len;
    }
    cut->is_bad = true;
    return 0;
}

static bool print_decimal(struct leat_bytes *out, struct leat_cut *cut)
{
    struct leat_column column = {.type = LEAT_MYSQL_NEWDECIMAL};
    column.precision = leat_cut_u8(cut);
    column.digits = leat_cut_u8(cut);
    if (cut->is_bad || column.precision < 1 || column.precision > 65 || column.digits > column.precision)
        return false;
    char text[LEAT_DECIMAL_TEXT_MAX];
    size_t len;
    if (!leat_decimal_text(&column, cut->at, cut->end, text, &len))
        return false;
    leat_bytes_add(out, text, len);
    return true;
}

/* Packed as in the server's memory: the parts of DATETIME2 or TIME2 << 24 | microseconds. */
static bool print_time(struct leat_bytes *out, uint8_t type, struct leat_cut *cut)
{
    int64_t packed = (int64_t)leat_cut_u64(cut);
    uint64_t v = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    unsigned us = (unsigned)(v & 0xffffff), whole = (unsigned)(v >> 24 & 0x1ffff);
    unsigned months = (unsigned)(v >> 46 & 0x1ffff), day = (unsigned)(v >> 41 & 31);
    if (cut->is_bad)
        return false;
    if (type == LEAT_MYSQL_TIME)
        leat_bytes_printf(out, "\"%s%02u:%02u:%02u.%06u\"", packed < 0 ? "-" : "",
                          (unsigned)(v >> 36 & 0x3ff), whole >> 6 & 63, whole & 63, us);
    else if (type == LEAT_MYSQL_DATE)
        leat_bytes_printf(out, "\"%04u-%02u-%02u\"", months / 13, months % 13, day);
    else
        leat_bytes_printf(out, "\"%04u-%02u-%02u %02u:%02u:%02u.%06u\"", months / 13, months % 13, day,
                          whole >> 12 & 31, whole >> 6 & 63, whole & 63, us);
    return true;
}

static bool print_opaque(struct leat_bytes *out, const uint8_t *at, const uint8_t *end)
{
    struct leat_cut cut = {at, end, false};
    uint8_t type = leat_cut_u8(&cut);
    uint64_t len = cut_length(&cut);
    const uint8_t *bytes = leat_cut_bytes(&cut, len);
    if (!bytes)
        return false;
    struct leat_cut value = leat_cut(bytes, len);
    switch (type) {
    case LEAT_MYSQL_NEWDECIMAL:
        return print_decimal(out, &value);
    case LEAT_MYSQL_DATE:
    case LEAT_MYSQL_TIME:
    case LEAT_MYSQL_DATETIME:
    case LEAT_MYSQL_TIMESTAMP:
        return print_time(out, type, &value);
    default:
        leat_bytes_printf(out, "\"base64:type%u:", type);
        leat_base64_encode(out, bytes, len);
        leat_bytes_put(out, '"');
        return true;
    }
}

static uint32_t get_offset(const struct leat_json_box *box, const uint8_t *at)
{
    return box->is_large ? leat_get_u32(at) : leat_get_u16(at);
}

bool leat_json_open(struct leat_json_box *box, uint8_t type, const uint8_t *at, const uint8_t *end)
{
    size_t word = type == LARGE_OBJECT || type == LARGE_ARRAY ? 4 : 2;
    *box = (struct leat_json_box){.start = at, .is_large = word == 4, .is_object = type <= LARGE_OBJECT};
    if ((size_t)(end - at) < 2 * word)
        return false;
    box->count = get_offset(box, at);
    uint64_t size = get_offset(box, at + word);
    if (size > (size_t)(end - at))
        return false;
    box->end = at + size;
    uint64_t keys = box->is_object ? (uint64_t)box->count * (word + 2) : 0;
    if (2 * word + keys + (uint64_t)box->count * (word + 1) > size)
        return false;
    box->keys = at + 2 * word;
    box->values = box->keys + keys;
    return true;
}

bool leat_json_key(const struct leat_json_box *box, uint32_t i, const uint8_t **key, size_t *len)
{
    size_t word = box->is_large ? 4 : 2;
    const uint8_t *entry = box->keys + i * (word + 2);
    uint64_t offset = get_offset(box, entry);
    *len = leat_get_u16(entry + word);
    if (offset + *len > (size_t)(box->end - box->start))
        return false;
    *key = box->start + offset;
    return true;
}

static bool is_inside_entry(const struct leat_json_box *box, uint8_t type)
{
    return type == LITERAL || type == INT16 || type == UINT16 ||
           (box->is_large && (type == INT32 || type == UINT32));
}

bool leat_json_member(const struct leat_json_box *box, uint32_t i, struct leat_json_place *place)
{
    size_t word = box->is_large ? 4 : 2;
    const uint8_t *entry = box->values + i * (word + 1);
    uint8_t type = *entry++;
    *place = (struct leat_json_place){.type = type, .at = entry, .end = entry + word};
    if (is_inside_entry(box, type))
        return true;
    uint64_t offset = get_offset(box, entry);
    if (offset >= (size_t)(box->end - box->start))
        return false;
    *place = (struct leat_json_place){.type = type, .at = box->start + offset, .end = box->end};
    return true;
}

static bool print_member(struct leat_json_printer *printer, const struct leat_json_box *box, uint32_t i, unsigned depth)
{
    struct leat_json_place place;
    const uint8_t *key;
    size_t len;
    if (box->is_object) {
        if (!leat_json_key(box, i, &key, &len))
            return false;
        leat_json_put_string(printer->out, key, len);
        leat_bytes_text(printer->out, ": ");
    }
    return leat_json_member(box, i, &place) && leat_json_print(printer, &place, depth);
}

static bool print_container(struct leat_json_printer *printer, uint8_t type, const uint8_t *at, const uint8_t *end,
                            unsigned depth)
{
    struct leat_json_box box;
    if (depth >= LEAT_JSON_MAX_DEPTH || !leat_json_open(&box, type, at, end))
        return false;
    leat_bytes_put(printer->out, box.is_object ? '{' : '[');
    for (uint32_t i = 0; i < box.count; i++) {
        if (i > 0)
            leat_bytes_text(printer->out, ", ");
        if (!print_member(printer, &box, i, depth + 1))
            return false;
    }
    leat_bytes_put(printer->out, box.is_object ? '}' : ']');
    return true;
}

static bool print_literal(struct leat_bytes *out, uint8_t literal)
{
    static const char *const names[] = {"null", "true", "false"};
    if (literal > 2)
        return false;
    leat_bytes_text(out, names[literal]);
    return true;
}

static bool print_number(struct leat_bytes *out, uint8_t type, struct leat_cut cut)
{
    char text[LEAT_NUMBER_MAX];
    size_t len;
    if (type == INT16) {
        len = leat_print_i64(text, (int16_t)leat_cut_u16(&cut));
    } else if (type == INT32) {
        len = leat_print_i64(text, (int32_t)leat_cut_u32(&cut));
    } else if (type == INT64) {
        len = leat_print_i64(text, (int64_t)leat_cut_u64(&cut));
    } else if (type == UINT16) {
        len = leat_print_u64(text, leat_cut_u16(&cut));
    } else if (type == UINT32) {
        len = leat_print_u64(text, leat_cut_u32(&cut));
    } else if (type == UINT64) {
        len = leat_print_u64(text, leat_cut_u64(&cut));
    } else {
        uint64_t bits = leat_cut_u64(&cut);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (!__builtin_isfinite(number)) /* JSON has none; the server lets none in */
            return false;
        leat_json_double(out, number);
        return !cut.is_bad;
    }
    leat_bytes_add(out, text, len);
    return !cut.is_bad;
}

bool leat_json_print(struct leat_json_printer *printer, const struct leat_json_place *place, unsigned depth)
{
    const uint8_t *at = place->at, *end = place->end;
    struct leat_cut cut = {at, end, false};
    uint8_t type = place->type;
    if (printer->values_left-- == 0 || printer->out->len > printer->out_limit)
        return false;
    switch (type) {
    case SMALL_OBJECT:
    case LARGE_OBJECT:
    case SMALL_ARRAY:
    case LARGE_ARRAY:
        return print_container(printer, type, at, end, depth);
    case LITERAL: {
        uint8_t literal = leat_cut_u8(&cut);
        return !cut.is_bad && print_literal(printer->out, literal);
    }
    case STRING: {
        uint64_t len = cut_length(&cut);
        const uint8_t *text = leat_cut_bytes(&cut, len);
        if (text)
            leat_json_put_string(printer->out, text, len);
        return text != NULL;
    }
    case OPAQUE:
        return print_opaque(printer->out, at, end);
    default:
        return type >= INT16 && type <= DOUBLE && print_number(printer->out, type, cut);
    }
}

bool leat_json_binary_text(struct leat_bytes *out, const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        leat_bytes_text(out, "null");
        return !out->is_over;
    }
    struct leat_json_printer printer = {.out = out, .out_limit = out->len + 32 * len + 64, .values_left = len};
    struct leat_json_place place = {.type = bytes[0], .at = bytes + 1, .end = bytes + len};
    return leat_json_print(&printer, &place, 0) && !out->is_over;
}
