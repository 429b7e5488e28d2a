/* cells_number.c - cells of numbers.
 *
 *   integers   little-endian, 1, 2, 3, 4, 8 bytes             YEAR   u8, + 1900; 0 is the year 0000
 *   FLOAT      IEEE 754, little-endian, 4 or 8 bytes          BIT    (n + 7) / 8 bytes, big-endian
 *   DECIMAL    nine digits in four bytes, big-endian; what is left over on either side of the point in
 *              1..4 bytes; the first bit inverted; all bits inverted where negative
 */
#include <mysql_protocol/internal.h>

#define FITS(n) ((size_t)(end - at) >= (size_t)(n))

#define INTEGER_CELL(name, bytes, make, expression)                                             \
    const uint8_t *name(const struct leat_column *column, const uint8_t *at, const uint8_t *end, \
                        struct leat_cell_room *room, struct leat_value *cell)                   \
    {                                                                                           \
        (void)column;                                                                           \
        (void)room;                                                                             \
        if (!FITS(bytes))                                                                       \
            return NULL;                                                                        \
        *cell = make(expression);                                                               \
        return at + (bytes);                                                                    \
    }

static inline uint32_t get_u24(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}
static inline int32_t get_i24(const uint8_t *p)
{
    return (int32_t)(get_u24(p) << 8) >> 8;
}

INTEGER_CELL(leat_cell_tiny, 1, leat_value_int, (int8_t)*at)
INTEGER_CELL(leat_cell_utiny, 1, leat_value_uint, *at)
INTEGER_CELL(leat_cell_short, 2, leat_value_int, (int16_t)leat_get_u16(at))
INTEGER_CELL(leat_cell_ushort, 2, leat_value_uint, leat_get_u16(at))
INTEGER_CELL(leat_cell_int24, 3, leat_value_int, get_i24(at))
INTEGER_CELL(leat_cell_uint24, 3, leat_value_uint, get_u24(at))
INTEGER_CELL(leat_cell_long, 4, leat_value_int, (int32_t)leat_get_u32(at))
INTEGER_CELL(leat_cell_ulong, 4, leat_value_uint, leat_get_u32(at))
INTEGER_CELL(leat_cell_longlong, 8, leat_value_int, (int64_t)leat_get_u64(at))
INTEGER_CELL(leat_cell_ulonglong, 8, leat_value_uint, leat_get_u64(at))
INTEGER_CELL(leat_cell_year, 1, leat_value_int, *at ? 1900 + *at : 0)

const uint8_t *leat_cell_float(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                               struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    float f;
    if (!FITS(sizeof f))
        return NULL;
    memcpy(&f, at, sizeof f);
    *cell = leat_value_double((double)f);
    cell->flags = LEAT_VALUE_SINGLE;
    return at + sizeof f;
}

const uint8_t *leat_cell_double(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    double f;
    if (!FITS(sizeof f))
        return NULL;
    memcpy(&f, at, sizeof f);
    *cell = leat_value_double(f);
    return at + sizeof f;
}

const uint8_t *leat_cell_bit(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                             struct leat_cell_room *room, struct leat_value *cell)
{
    (void)room;
    unsigned bytes = (column->bits + 7u) / 8;
    if (!FITS(bytes))
        return NULL;
    uint64_t bits = 0;
    for (unsigned i = 0; i < bytes; i++)
        bits = bits << 8 | at[i];
    *cell = leat_value_uint(bits);
    return at + bytes;
}

/* ---- DECIMAL ---- */

static const uint8_t bytes_of_digits[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

struct decimal_reader {
    const uint8_t *at;
    uint8_t mask;  /* 0xff: negative, all bits are inverted */
    uint8_t first; /* what the first byte is xor-ed with besides: its top bit */
    bool is_bad;   /* a group with more digits than it may have */
};

/* The next group: `digits` of them, 1..9. */
static uint32_t next_group(struct decimal_reader *reader, unsigned digits)
{
    static const uint32_t limits[10] = {1,      10,      100,      1000,      10000,
                                        100000, 1000000, 10000000, 100000000, 1000000000};
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes_of_digits[digits]; i++) {
        v = v << 8 | (uint8_t)(*reader->at++ ^ reader->mask ^ reader->first);
        reader->first = 0;
    }
    reader->is_bad |= v >= limits[digits];
    return v;
}

static char *put_digits(char *out, uint32_t v, unsigned width)
{
    for (unsigned i = width; i-- > 0; v /= 10)
        out[i] = (char)('0' + v % 10);
    return out + width;
}

/* Text of `precision` digits at most, sign and point: no leading zeros but the one before the point. */
static size_t decimal_text(char *text, struct decimal_reader *reader, unsigned whole, unsigned fraction)
{
    char *out = text + 1; /* room for the sign */
    uint32_t any = 0;
    for (unsigned left = whole; left > 0;) {
        unsigned digits = left % 9 ? left % 9 : 9;
        uint32_t group = next_group(reader, digits);
        out = put_digits(out, group, digits);
        any |= group;
        left -= digits;
    }
    char *start = text + 1;
    while (start < out && *start == '0')
        start++;
    if (start == out) { /* "0" before the point; there is room for it where no digit is */
        start = text + 1;
        *start = '0';
        out = start + 1;
    }
    if (fraction > 0)
        *out++ = '.';
    while (fraction > 0) {
        unsigned digits = fraction < 9 ? fraction : 9;
        uint32_t group = next_group(reader, digits);
        out = put_digits(out, group, digits);
        any |= group;
        fraction -= digits;
    }
    if (reader->mask && any)
        *--start = '-';
    size_t len = (size_t)(out - start);
    memmove(text, start, len);
    return len;
}

const uint8_t *leat_decimal_text(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                 char text[LEAT_DECIMAL_TEXT_MAX], size_t *len)
{
    unsigned fraction = column->digits, whole = column->precision - fraction;
    unsigned bytes = whole / 9 * 4 + bytes_of_digits[whole % 9] + fraction / 9 * 4 +
                     bytes_of_digits[fraction % 9];
    if (!FITS(bytes))
        return NULL;
    struct decimal_reader reader = {.at = at, .mask = *at & 0x80 ? 0 : 0xff, .first = 0x80};
    *len = decimal_text(text, &reader, whole, fraction);
    return reader.is_bad ? NULL : at + bytes;
}

const uint8_t *leat_cell_decimal(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                 struct leat_cell_room *room, struct leat_value *cell)
{
    char text[LEAT_DECIMAL_TEXT_MAX];
    size_t len;
    const uint8_t *after = leat_decimal_text(column, at, end, text, &len);
    if (!after)
        return NULL;
    char *copy = leat_arena_alloc(room->arena, len);
    memcpy(copy, text, len);
    *cell = leat_value_text(copy, len);
    cell->type = LEAT_DECIMAL;
    cell->aux = column->digits;
    return after;
}
