/* charset_text.c - text of any charset in UTF-8, as the server's own CONVERT(... USING utf8mb4) gives it.
 *
 *   ascii         nothing above 0x7f
 *   single byte   a table of 128 characters
 *   two bytes     big5, euckr, gb2312, gbk: a lead byte from 0x81 on, a trail byte from 0x40 on
 *   gb18030       the same, and four bytes: 81..fe 30..39 81..fe 30..39, a number in mixed radix
 *   Shift-JIS     sjis, cp932: a1..df alone; else pairs: two rows of 94 cells per lead byte
 *   EUC           ujis, eucjpms: pairs from a1a1 on; 8e and a half-width kana; 8f and a pair of the second plane
 *   UTF-16, -32   big-endian, utf16le little-endian; ucs2 has no pairs of surrogates
 *
 * What has no character becomes '?', as with the server: one for a code that is a hole, one for a byte that begins none.
 */
#include <mysql_protocol/charset_text.h>

#include <base/assert.h>
#include <mysql_protocol/charset_tables.h>

#define EXACT_FROM 4096 /* from this length on room is counted first, below it there is room for the worst case */
#define FITS(n) ((size_t)(end - at) >= (size_t)(n))

/* ---- one character ---- */

static inline uint32_t known(char16_t c)
{
    return c == LEAT_CHARSET_HOLE ? '?' : c;
}

static inline bool is_between(uint8_t c, uint8_t low, uint8_t high)
{
    return c >= low && c <= high;
}

/* ASCII: MariaDB lets others in. */
unsigned leat_take_none(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)table;
    (void)at;
    (void)end;
    *code = '?';
    return 1;
}

unsigned leat_take_single(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)end;
    *code = known(((const char16_t *)table)[*at - 0x80]);
    return 1;
}

unsigned leat_take_swe7(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)end;
    *code = *at < 0x80 ? leat_charset_swe7[*at] : known(((const char16_t *)table)[*at - 0x80]);
    return 1;
}

unsigned leat_take_pair(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    const struct leat_pairs *pairs = table;
    *code = '?';
    if (!FITS(2) || !is_between(at[0], 0x81, 0xfe) || !is_between(at[1], 0x40, 0xfe))
        return 1;
    unsigned row = at[0] - 0x81u;
    *code = known(at[1] <= 0xa0 ? leat_charset_low[pairs->low[row]][at[1] - 0x40]
                                : leat_charset_high[pairs->high[row]][at[1] - 0xa1]);
    return 2;
}

static uint32_t gb18030_code(uint32_t number)
{
    size_t low = 0, high = LEAT_GB18030_RUNS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct leat_charset_run *run = &leat_gb18030_runs[middle];
        if (number < run->first)
            high = middle;
        else if (number > run->last)
            low = middle + 1;
        else
            return run->code + number - run->first;
    }
    return '?';
}

unsigned leat_take_gb18030(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    if (!FITS(4) || !is_between(at[1], 0x30, 0x39))
        return leat_take_pair(table, at, end, code);
    *code = '?';
    if (!is_between(at[0], 0x81, 0xfe) || !is_between(at[2], 0x81, 0xfe) || !is_between(at[3], 0x30, 0x39))
        return 1;
    *code = gb18030_code(((at[0] - 0x81u) * 10 + at[1] - 0x30u) * 1260 + (at[2] - 0x81u) * 10 + at[3] - 0x30u);
    return 4;
}

unsigned leat_take_sjis(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    const uint16_t *rows = table;
    if (is_between(*at, 0xa1, 0xdf)) {
        *code = 0xff61u + *at - 0xa1u;
        return 1;
    }
    *code = '?';
    bool is_lead = is_between(at[0], 0x81, 0x9f) || is_between(at[0], 0xe0, 0xfc);
    if (!is_lead || !FITS(2) || !is_between(at[1], 0x40, 0xfc) || at[1] == 0x7f)
        return 1;
    unsigned row = (at[0] < 0xa0 ? at[0] - 0x81u : at[0] - 0xc1u) * 2 + (at[1] >= 0x9f);
    unsigned cell = at[1] >= 0x9f ? at[1] - 0x9fu : at[1] - 0x40u - (at[1] > 0x7f);
    *code = known(leat_charset_high[rows[row]][cell]);
    return 2;
}

unsigned leat_take_euc(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    const struct leat_euc *euc = table;
    *code = '?';
    if (at[0] == 0x8e && FITS(2) && is_between(at[1], 0xa1, 0xdf)) {
        *code = 0xff61u + at[1] - 0xa1u;
        return 2;
    }
    unsigned shift = at[0] == 0x8f;
    if (!FITS(2 + shift) || !is_between(at[shift], 0xa1, 0xfe) || !is_between(at[shift + 1], 0xa1, 0xfe))
        return 1;
    const uint16_t *rows = shift ? euc->second : euc->rows;
    *code = known(leat_charset_high[rows[at[shift] - 0xa1]][at[shift + 1] - 0xa1]);
    return 2 + shift;
}

unsigned leat_take_ucs2(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)table;
    *code = '?';
    if (!FITS(2))
        return (unsigned)(end - at);
    uint32_t unit = (uint32_t)at[0] << 8 | at[1];
    if (unit >> 11 != 0xd800 >> 11)
        *code = unit;
    return 2;
}

static unsigned take_utf16_units(const uint8_t *at, const uint8_t *end, unsigned first, uint32_t *code)
{
    *code = '?';
    if (!FITS(2))
        return (unsigned)(end - at);
    uint32_t unit = (uint32_t)at[first] << 8 | at[1 - first];
    if (unit >> 11 != 0xd800 >> 11) {
        *code = unit;
        return 2;
    }
    uint32_t next = FITS(4) ? (uint32_t)at[2 + first] << 8 | at[3 - first] : 0;
    if (unit >= 0xdc00 || next >> 10 != 0xdc00 >> 10)
        return 2;
    *code = 0x10000 + ((unit & 0x3ff) << 10 | (next & 0x3ff));
    return 4;
}

unsigned leat_take_utf16(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)table;
    return take_utf16_units(at, end, 0, code);
}

unsigned leat_take_utf16le(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)table;
    return take_utf16_units(at, end, 1, code);
}

unsigned leat_take_utf32(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    (void)table;
    *code = '?';
    if (!FITS(4))
        return (unsigned)(end - at);
    uint32_t v = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (v <= 0x10ffff && v >> 11 != 0xd800 >> 11)
        *code = v;
    return 4;
}

/* ---- text ---- */

static size_t ascii_prefix(const uint8_t *bytes, size_t len)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= len; i += 8) {
        memcpy(&word, bytes + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < len && bytes[i] < 0x80)
        i++;
    return i;
}

static inline unsigned utf8_len(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static inline char *put_utf8(char *out, uint32_t code)
{
    unsigned len = utf8_len(code);
    if (len == 1) {
        *out = (char)code;
        return out + 1;
    }
    for (unsigned i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    *out = (char)(0xff00u >> len | code);
    return out + len;
}

static inline unsigned take(const struct leat_coding *coding, const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    if (!coding->has_ascii || *at >= 0x80)
        return coding->take(coding->table, at, end, code);
    *code = *at;
    return 1;
}

/* The most that `len` bytes may become: a byte three, two bytes of UTF-16 three, four bytes four. */
static size_t room_for(const struct leat_coding *coding, const uint8_t *bytes, size_t len)
{
    const uint8_t *end = bytes + len;
    size_t room = 0;
    uint32_t code;
    if (len < EXACT_FROM)
        return 3 * len;
    for (const uint8_t *at = bytes; at < end; room += utf8_len(code))
        at += take(coding, at, end, &code);
    return room;
}

struct leat_value leat_coding_text(const struct leat_coding *coding, struct leat_arena *arena, const uint8_t *bytes,
                                   size_t len)
{
    size_t plain = coding->has_ascii ? ascii_prefix(bytes, len) : 0;
    if (plain == len)
        return leat_value_text((const char *)bytes, len);
    size_t room = plain + room_for(coding, bytes + plain, len - plain);
    char *start = leat_arena_alloc(arena, room), *out = start + plain;
    memcpy(start, bytes, plain);
    const uint8_t *end = bytes + len;
    uint32_t code;
    for (const uint8_t *at = bytes + plain; at < end; out = put_utf8(out, code))
        at += take(coding, at, end, &code);
    leat_assert((size_t)(out - start) <= room && room <= UINT32_MAX);
    return leat_value_text(start, (size_t)(out - start));
}
