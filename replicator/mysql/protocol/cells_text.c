/* cells_text.c - cells of strings and what is stored as strings.
 *
 *   CHAR, VARCHAR, BLOB, TEXT, JSON, GEOMETRY   length in 1..4 bytes little-endian, bytes
 *   ENUM   index in 1..2 bytes little-endian; 0 is the error value ''      SET   bits in 1..8 bytes
 *   MariaDB COMPRESSED columns   the same length and bytes, which are: nothing ('') or a head byte, then as it
 *          says; head's upper half 0: the plain bytes; 8: zlib, with head & 7 bytes of length (big-endian)
 *          before a stream that is raw where head & 8
 *   MariaDB UUID   16 bytes; versions 1 to 5 with their segments in order of significance (node first)
 */
#include <mysql_protocol/internal.h>

#include <base/number.h>
#include <zlib.h>

#define FITS(n) ((size_t)(end - at) >= (size_t)(n))
#define MAX_INFLATED (1u << 30)

static inline uint64_t get_le(const uint8_t *at, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | at[i];
    return v;
}

struct leat_value leat_string_value(const struct leat_column *column, const uint8_t *bytes, size_t len,
                                    struct leat_arena *arena)
{
    struct leat_value value = leat_charset_text(column->collation, arena, bytes, len);
    if (column->hint == LEAT_COLUMN_JSON)
        value.type = LEAT_JSON;
    return value;
}

/* The bytes behind a length; NULL: they do not fit. */
static inline const uint8_t *string_at(const struct leat_column *column, const uint8_t *at,
                                       const uint8_t *end, size_t *len)
{
    unsigned prefix = column->prefix_bytes;
    if (!FITS(prefix))
        return NULL;
    *len = (size_t)get_le(at, prefix);
    at += prefix;
    return FITS(*len) ? at : NULL;
}

const uint8_t *leat_cell_string(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                struct leat_cell_room *room, struct leat_value *cell)
{
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    if (!bytes)
        return NULL;
    *cell = leat_string_value(column, bytes, len, room->arena);
    return bytes + len;
}

const uint8_t *leat_cell_text1(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                               struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(1) || !FITS(1 + (size_t)*at))
        return NULL;
    *cell = leat_value_text((const char *)at + 1, *at);
    return at + 1 + *at;
}

const uint8_t *leat_cell_text2(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                               struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(2) || !FITS(2 + (size_t)leat_get_u16(at)))
        return NULL;
    size_t len = leat_get_u16(at);
    *cell = leat_value_text((const char *)at + 2, len);
    return at + 2 + len;
}

/* `len` bytes at `bytes`, with zeros up to max_bytes: the log leaves out zeros at the end. */
static const uint8_t *padded(const struct leat_column *column, const uint8_t *bytes, size_t len,
                             struct leat_arena *arena)
{
    if (len >= column->max_bytes)
        return bytes;
    uint8_t *copy = leat_arena_zeroed(arena, column->max_bytes);
    memcpy(copy, bytes, len);
    return copy;
}

const uint8_t *leat_cell_binary(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                struct leat_cell_room *room, struct leat_value *cell)
{
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    if (!bytes || len > column->max_bytes)
        return NULL;
    *cell = leat_value_bytes(padded(column, bytes, len, room->arena), column->max_bytes);
    return bytes + len;
}

/* ---- ENUM and SET ---- */

const uint8_t *leat_cell_enum(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                              struct leat_cell_room *room, struct leat_value *cell)
{
    (void)room;
    unsigned bytes = column->prefix_bytes;
    if (!FITS(bytes))
        return NULL;
    uint64_t index = get_le(at, bytes);
    if (!column->labels)
        *cell = leat_value_uint(index);
    else if (index == 0)
        *cell = leat_value_text("", 0);
    else if (index <= column->label_count)
        *cell = column->labels[index - 1];
    else
        return NULL;
    return at + bytes;
}

/* Labels of the bits in `mask` with commas between. */
static struct leat_value set_text(const struct leat_column *column, uint64_t mask, struct leat_arena *arena)
{
    if (mask == 0)
        return leat_value_text("", 0);
    if ((mask & (mask - 1)) == 0)
        return column->labels[__builtin_ctzll(mask)];
    size_t len = 0;
    for (uint64_t rest = mask; rest; rest &= rest - 1)
        len += column->labels[__builtin_ctzll(rest)].len + 1;
    char *text = leat_arena_alloc(arena, len), *out = text;
    for (uint64_t rest = mask; rest; rest &= rest - 1) {
        const struct leat_value *label = &column->labels[__builtin_ctzll(rest)];
        memcpy(out, label->as.text, label->len);
        out += label->len;
        *out++ = ',';
    }
    return leat_value_text(text, len - 1);
}

const uint8_t *leat_cell_set(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                             struct leat_cell_room *room, struct leat_value *cell)
{
    unsigned bytes = column->prefix_bytes;
    if (!FITS(bytes))
        return NULL;
    uint64_t mask = get_le(at, bytes);
    if (!column->labels)
        *cell = leat_value_uint(mask);
    else if (column->label_count < 64 && mask >> column->label_count)
        return NULL;
    else
        *cell = set_text(column, mask, room->arena);
    return at + bytes;
}

/* ---- MariaDB's own ---- */

static char *put_hex(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
}

const uint8_t *leat_cell_uuid(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                              struct leat_cell_room *room, struct leat_value *cell)
{
    struct segment { uint8_t at, len; };
    /* Where the five groups of the text lie in the record. */
    static const struct segment swapped[5] = {{12, 4}, {10, 2}, {8, 2}, {6, 2}, {0, 6}};
    static const struct segment straight[5] = {{0, 4}, {4, 2}, {6, 2}, {8, 2}, {10, 6}};
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    if (!bytes || len > 16)
        return NULL;
    const uint8_t *uuid = padded(column, bytes, len, room->arena);
    /* Swapped records have their version in byte 8 and the variant's bit in byte 6. */
    bool is_swapped = uuid[8] > 0 && uuid[8] < 0x60 && (uuid[6] & 0x80);
    const struct segment *segments = is_swapped ? swapped : straight;
    char *text = leat_arena_alloc(room->arena, 40), *out = text;
    for (int i = 0; i < 5; i++) {
        if (i > 0)
            *out++ = '-';
        out = put_hex(out, uuid + segments[i].at, segments[i].len);
    }
    *cell = leat_value_text(text, (size_t)(out - text));
    return bytes + len;
}

static char *put_inet4(char *out, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out += leat_print_u64(out, bytes[i]);
    }
    return out;
}

struct gap {
    unsigned at, len;
};

/* The longest run of zero groups, the first of several. Unlike inet_ntop, the server shortens one alone, too. */
static struct gap find_gap(const uint16_t groups[8])
{
    struct gap gap = {8, 0};
    for (unsigned i = 0; i < 8;) {
        unsigned from = i;
        while (i < 8 && groups[i] == 0)
            i++;
        if (i - from > gap.len)
            gap = (struct gap){from, i - from};
        i += i < 8;
    }
    return gap;
}

static char *put_group(char *out, uint16_t group)
{
    unsigned shift = 12;
    while (shift > 0 && group >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        *out++ = "0123456789abcdef"[group >> shift & 15];
        if (shift == 0)
            return out;
    }
}

static char *put_inet6(char *out, const uint8_t *bytes)
{
    uint16_t groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    struct gap gap = find_gap(groups);
    bool has_inet4 = gap.at == 0 && (gap.len == 6 || (gap.len == 5 && groups[5] == 0xffff));
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap.at) {
            *out++ = ':';
            if (i == 0)
                *out++ = ':';
            i += gap.len - 1;
            continue;
        }
        if (has_inet4 && i == 6)
            return put_inet4(out, bytes + 12);
        out = put_group(out, groups[i]);
        if (i < 7)
            *out++ = ':';
    }
    return out;
}

const uint8_t *leat_cell_inet(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                              struct leat_cell_room *room, struct leat_value *cell)
{
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    if (!bytes || len > column->max_bytes)
        return NULL;
    const uint8_t *address = padded(column, bytes, len, room->arena);
    char *text = leat_arena_alloc(room->arena, 48);
    char *stop = column->hint == LEAT_COLUMN_INET4 ? put_inet4(text, address) : put_inet6(text, address);
    *cell = leat_value_text(text, (size_t)(stop - text));
    return bytes + len;
}

static bool inflate_into(uint8_t *out, size_t out_len, const uint8_t *bytes, size_t len, bool is_raw)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len,
                       .next_out = out, .avail_out = (uInt)out_len};
    if (inflateInit2(&stream, is_raw ? -MAX_WBITS : MAX_WBITS) != Z_OK)
        return false;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.avail_out == 0;
}

const uint8_t *leat_cell_compressed(const struct leat_column *column, const uint8_t *at,
                                    const uint8_t *end, struct leat_cell_room *room,
                                    struct leat_value *cell)
{
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    if (!bytes)
        return NULL;
    const uint8_t *after = bytes + len;
    uint8_t head = len > 0 ? *bytes++ : 0;
    if (head >> 4 == 0) {
        *cell = leat_string_value(column, bytes, len > 0 ? len - 1 : 0, room->arena);
        return after;
    }
    len--;
    unsigned length_bytes = head & 7;
    if (head >> 4 != 8 || length_bytes < 1 || length_bytes > 4 || len < length_bytes)
        return NULL;
    size_t plain_len = 0;
    for (unsigned i = 0; i < length_bytes; i++)
        plain_len = plain_len << 8 | bytes[i];
    /* Deflate never does better than 1032 to 1: a length beyond that is damage, not data. */
    if (plain_len > MAX_INFLATED || plain_len / 1032 > len)
        return NULL;
    uint8_t *plain = leat_arena_alloc(room->arena, plain_len);
    if (!inflate_into(plain, plain_len, bytes + length_bytes, len - length_bytes, head & 8))
        return NULL;
    *cell = leat_string_value(column, plain, plain_len, room->arena);
    return after;
}

/* ---- MySQL's JSON ---- */

const uint8_t *leat_cell_json_binary(const struct leat_column *column, const uint8_t *at,
                                     const uint8_t *end, struct leat_cell_room *room,
                                     struct leat_value *cell)
{
    size_t len;
    const uint8_t *bytes = string_at(column, at, end, &len);
    leat_bytes_clear(room->scratch);
    if (!bytes || !leat_json_binary_text(room->scratch, bytes, len))
        return NULL;
    *cell = leat_value_text(leat_arena_copy(room->arena, room->scratch->data, room->scratch->len),
                            room->scratch->len);
    cell->type = LEAT_JSON;
    return bytes + len;
}
