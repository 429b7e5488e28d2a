/* cells_time.c - cells of dates and times.
 *
 *   DATE        u24 little-endian: year << 9 | month << 5 | day
 *   TIME2       u24 big-endian, + 0x800000: hour << 12 | minute << 6 | second; then the fraction
 *   DATETIME2   u40 big-endian, + 0x8000000000: (year * 13 + month) << 22 | day << 17 | hour << 12 |
 *               minute << 6 | second; then the fraction
 *   TIMESTAMP2  u32 big-endian: seconds since 1970 UTC; then the fraction; 0 with no fraction: 0000-00-00
 *   fraction    (digits + 1) / 2 bytes big-endian, in hundredths, ten-thousandths, millionths
 * TIME2 and its fraction are one number: a negative one borrows from the whole part.
 *
 * Before MySQL 5.6, and in MariaDB with mysql56_temporal_format=OFF:
 *   TIME        i24 little-endian, decimal hhmmss      TIMESTAMP  u32 little-endian
 *   DATETIME    u64 little-endian, decimal YYYYMMDDhhmmss
 * MariaDB's own with a fraction ("hires"), of which the log says no digits; all big-endian:
 *   TIME        3..6 bytes: units of the last digit, + 838:59:59 and one second
 *   DATETIME    5..8 bytes: ((((year * 13 + month) * 32 + day) * 24 + hour) * 60 + minute) * 60 + second,
 *               in units of the last digit
 *   TIMESTAMP   u32, then 0..3 bytes of fraction in units of the last digit
 */
#include <mysql_protocol/internal.h>

#define FITS(n) ((size_t)(end - at) >= (size_t)(n))
#define SECOND INT64_C(1000000)

static const uint32_t power_of_ten[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static inline uint64_t get_be(const uint8_t *at, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

static inline struct leat_value time_value(enum leat_type type, int64_t i, uint8_t digits)
{
    struct leat_value v = leat_value_int(i);
    v.type = (uint8_t)type;
    v.aux = digits;
    return v;
}

/* A fraction of `digits` at `at` in microseconds. */
static inline uint32_t fraction_us(const uint8_t *at, unsigned digits)
{
    unsigned bytes = (digits + 1) / 2;
    return (uint32_t)get_be(at, bytes) * power_of_ten[6 - 2 * bytes];
}

const uint8_t *leat_cell_date(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                              struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(3))
        return NULL;
    *cell = time_value(LEAT_DATE, at[0] | at[1] << 8 | at[2] << 16, 0);
    return at + 3;
}

const uint8_t *leat_cell_datetime2(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                   struct leat_cell_room *room, struct leat_value *cell)
{
    (void)room;
    unsigned bytes = 5 + (column->digits + 1u) / 2;
    if (!FITS(bytes))
        return NULL;
    uint64_t v = get_be(at, 5) & UINT64_C(0x7fffffffff); /* a negative one is not in use */
    uint64_t month = v >> 22;
    int64_t i = LEAT_DATETIME(month / 13, month % 13, v >> 17 & 31, v >> 12 & 31, v >> 6 & 63, v & 63,
                              fraction_us(at + 5, column->digits));
    *cell = time_value(LEAT_DATETIME, i, column->digits);
    return at + bytes;
}

const uint8_t *leat_cell_timestamp2(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                    struct leat_cell_room *room, struct leat_value *cell)
{
    (void)room;
    unsigned bytes = 4 + (column->digits + 1u) / 2;
    if (!FITS(bytes))
        return NULL;
    int64_t us = (int64_t)get_be(at, 4) * SECOND + fraction_us(at + 4, column->digits);
    *cell = time_value(LEAT_TIMESTAMP, us, column->digits);
    cell->flags = us == 0 ? LEAT_VALUE_ZERO : 0;
    return at + bytes;
}

const uint8_t *leat_cell_time2(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                               struct leat_cell_room *room, struct leat_value *cell)
{
    (void)room;
    unsigned fraction_bytes = (column->digits + 1u) / 2;
    if (!FITS(3 + fraction_bytes))
        return NULL;
    unsigned shift = 8 * fraction_bytes;
    int64_t v = (int64_t)get_be(at, 3 + fraction_bytes) - (INT64_C(0x800000) << shift);
    uint64_t size = (uint64_t)(v < 0 ? -v : v);
    uint64_t fraction = (size & ((UINT64_C(1) << shift) - 1)) * power_of_ten[6 - 2 * fraction_bytes];
    uint64_t whole = size >> shift;
    int64_t us = (int64_t)((whole >> 12 & 1023) * 3600 + (whole >> 6 & 63) * 60 + (whole & 63)) * SECOND +
                 (int64_t)fraction;
    *cell = time_value(LEAT_TIME, v < 0 ? -us : us, column->digits);
    return at + 3 + fraction_bytes;
}

/* ---- the older ones ---- */

const uint8_t *leat_cell_time_old(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                  struct leat_cell_room *room, struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(3))
        return NULL;
    int32_t v = (int32_t)((uint32_t)(at[0] | at[1] << 8 | at[2] << 16) << 8) >> 8;
    int32_t size = v < 0 ? -v : v;
    int64_t us = (size / 10000 * 3600 + size / 100 % 100 * 60 + size % 100) * SECOND;
    *cell = time_value(LEAT_TIME, v < 0 ? -us : us, 0);
    return at + 3;
}

const uint8_t *leat_cell_datetime_old(const struct leat_column *column, const uint8_t *at,
                                      const uint8_t *end, struct leat_cell_room *room,
                                      struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(8))
        return NULL;
    uint64_t v = leat_get_u64(at);
    uint64_t date = v / 1000000, time = v % 1000000;
    if (date > 99991231 || time / 100 % 100 > 59 || time % 100 > 59 || time / 10000 > 23)
        return NULL;
    int64_t i = LEAT_DATETIME(date / 10000, date / 100 % 100, date % 100, time / 10000, time / 100 % 100,
                              time % 100, 0);
    *cell = time_value(LEAT_DATETIME, i, 0);
    return at + 8;
}

const uint8_t *leat_cell_timestamp_old(const struct leat_column *column, const uint8_t *at,
                                       const uint8_t *end, struct leat_cell_room *room,
                                       struct leat_value *cell)
{
    (void)column;
    (void)room;
    if (!FITS(4))
        return NULL;
    *cell = time_value(LEAT_TIMESTAMP, leat_get_u32(at) * SECOND, 0);
    cell->flags = cell->as.i == 0 ? LEAT_VALUE_ZERO : 0;
    return at + 4;
}

const uint8_t *leat_cell_time_hires(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                    struct leat_cell_room *room, struct leat_value *cell)
{
    static const uint8_t bytes[7] = {3, 4, 4, 5, 5, 5, 6};
    (void)room;
    uint8_t digits = column->digits;
    if (!FITS(bytes[digits]))
        return NULL;
    int64_t zero = (int64_t)(838 * 3600 + 59 * 60 + 59 + 1) * power_of_ten[digits];
    int64_t units = (int64_t)get_be(at, bytes[digits]) - zero;
    *cell = time_value(LEAT_TIME, units * power_of_ten[6 - digits], digits);
    return at + bytes[digits];
}

const uint8_t *leat_cell_datetime_hires(const struct leat_column *column, const uint8_t *at,
                                        const uint8_t *end, struct leat_cell_room *room,
                                        struct leat_value *cell)
{
    static const uint8_t bytes[7] = {5, 6, 6, 7, 7, 7, 8};
    (void)room;
    uint8_t digits = column->digits;
    if (!FITS(bytes[digits]))
        return NULL;
    uint64_t units = get_be(at, bytes[digits]);
    uint64_t us = units % power_of_ten[digits] * power_of_ten[6 - digits];
    uint64_t v = units / power_of_ten[digits]; /* seconds, mixed radix */
    uint64_t minutes = v / 60, hours = minutes / 60, days = hours / 24, months = days / 32;
    if (months / 13 > 9999)
        return NULL;
    int64_t i = LEAT_DATETIME(months / 13, months % 13, days % 32, hours % 24, minutes % 60, v % 60, us);
    *cell = time_value(LEAT_DATETIME, i, digits);
    return at + bytes[digits];
}

const uint8_t *leat_cell_timestamp_hires(const struct leat_column *column, const uint8_t *at,
                                         const uint8_t *end, struct leat_cell_room *room,
                                         struct leat_value *cell)
{
    static const uint8_t bytes[7] = {0, 1, 1, 2, 2, 3, 3};
    (void)room;
    uint8_t digits = column->digits;
    if (!FITS(4 + bytes[digits]))
        return NULL;
    int64_t us = (int64_t)get_be(at, 4) * SECOND +
                 (int64_t)(get_be(at + 4, bytes[digits]) * power_of_ten[6 - digits]);
    *cell = time_value(LEAT_TIMESTAMP, us, digits);
    cell->flags = us == 0 ? LEAT_VALUE_ZERO : 0;
    return at + 4 + bytes[digits];
}
