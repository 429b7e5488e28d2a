/* value.h - one value of any type, exact.
 *
 * 16 bytes that are copied freely; what a value points to lives in the arena of its batch (or in static
 * storage) and is never freed by itself. Text is UTF-8 without a terminator: use `len`.
 *
 *   type       union  len             aux               meaning
 *   ABSENT     -      -               -                 not in the row image; not the same as NULL
 *   NULL       -      -               -                 SQL NULL, JSON null
 *   BOOL       b
 *   INT64      i
 *   UINT64     u                                        also BIT(n), little end = bit 0
 *   FLOAT64    f                                        flag SINGLE: prints as the shortest float
 *   DECIMAL    text   bytes           scale             canonical digits: "-12.50", never an exponent
 *   TEXT       text   bytes
 *   BYTES      bytes  bytes
 *   DATE       i                                        LEAT_DATE(): parts, zero parts allowed
 *   TIME       i                      fraction digits   microseconds, signed, may exceed a day
 *   DATETIME   i                      fraction digits   LEAT_DATETIME(): parts, zero parts allowed, no zone
 *   TIMESTAMP  i                      fraction digits   microseconds since 1970 UTC; flag ZERO: 0000-00-00
 *   JSON       text   bytes                             a JSON document as text, as the source spelt it
 *   ARRAY      items  members
 *   STRUCT     items  members                           names come from a schema
 *   MAP        items  members (pairs)                   2 * len items: key (TEXT), value, key, value ...
 */
#ifndef LEAT_VALUE_H
#define LEAT_VALUE_H

#include <leat/error.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_type {
    LEAT_ABSENT = 0,
    LEAT_NULL,
    LEAT_BOOL,
    LEAT_INT64,
    LEAT_UINT64,
    LEAT_FLOAT64,
    LEAT_DECIMAL,
    LEAT_TEXT,
    LEAT_BYTES,
    LEAT_DATE,
    LEAT_TIME,
    LEAT_DATETIME,
    LEAT_TIMESTAMP,
    LEAT_JSON,
    LEAT_ARRAY,
    LEAT_STRUCT,
    LEAT_MAP,
    LEAT_TYPE_COUNT
};

enum leat_value_flag {
    LEAT_VALUE_SINGLE = 1, /* FLOAT64 that came from a 32-bit float */
    LEAT_VALUE_ZERO = 2,   /* TIMESTAMP '0000-00-00 00:00:00' */
};

struct leat_value {
    uint8_t type; /* enum leat_type */
    uint8_t flags;
    uint16_t aux;
    uint32_t len;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        const char *text;
        const uint8_t *bytes;
        const struct leat_value *items;
    } as;
};

/* DATE: year << 9 | month << 5 | day. Orders as dates do. */
#define LEAT_DATE(year, month, day) \
    ((int64_t)(year) << 9 | (int64_t)(month) << 5 | (int64_t)(day))

/* DATETIME: date << 37 | hour << 32 | minute << 26 | second << 20 | microsecond. */
#define LEAT_DATETIME(year, month, day, hour, minute, second, us)                      \
    (LEAT_DATE(year, month, day) << 37 | (int64_t)(hour) << 32 | (int64_t)(minute) << 26 | \
     (int64_t)(second) << 20 | (int64_t)(us))

/* The parts of a DATE, DATETIME, TIMESTAMP (in UTC) or TIME (then hour may reach 838). */
struct leat_parts {
    bool is_negative; /* TIME only */
    int32_t year;
    int32_t month, day, hour, minute, second, us;
};

static inline struct leat_value leat_value_null(void)
{
    struct leat_value v = {LEAT_NULL, 0, 0, 0, {0}};
    return v;
}
static inline struct leat_value leat_value_bool(bool b)
{
    struct leat_value v = {LEAT_BOOL, 0, 0, 0, {0}};
    v.as.b = b;
    return v;
}
static inline struct leat_value leat_value_int(int64_t i)
{
    struct leat_value v = {LEAT_INT64, 0, 0, 0, {0}};
    v.as.i = i;
    return v;
}
static inline struct leat_value leat_value_uint(uint64_t u)
{
    struct leat_value v = {LEAT_UINT64, 0, 0, 0, {0}};
    v.as.u = u;
    return v;
}
static inline struct leat_value leat_value_double(double f)
{
    struct leat_value v = {LEAT_FLOAT64, 0, 0, 0, {0}};
    v.as.f = f;
    return v;
}
static inline struct leat_value leat_value_text(const char *text, size_t len)
{
    struct leat_value v = {LEAT_TEXT, 0, 0, (uint32_t)len, {0}};
    v.as.text = text;
    return v;
}
static inline struct leat_value leat_value_string(const char *text)
{
    return leat_value_text(text, strlen(text));
}
static inline struct leat_value leat_value_bytes(const void *bytes, size_t len)
{
    struct leat_value v = {LEAT_BYTES, 0, 0, (uint32_t)len, {0}};
    v.as.bytes = (const uint8_t *)bytes;
    return v;
}
/* ARRAY, STRUCT or MAP over `items`; for MAP `members` counts pairs. */
static inline struct leat_value leat_value_items(enum leat_type type, const struct leat_value *items,
                                                 size_t members)
{
    struct leat_value v = {(uint8_t)type, 0, 0, (uint32_t)members, {0}};
    v.as.items = items;
    return v;
}

/* Same type and same content, deeply; -0.0 differs from 0.0 and NaN equals itself. */
bool leat_value_equal(const struct leat_value *a, const struct leat_value *b);

/* The value under TEXT `key` of a MAP, or NULL. */
const struct leat_value *leat_map_get(const struct leat_value *map, const char *key);

/* Parts of a DATE, DATETIME, TIMESTAMP or TIME; false for any other type. */
bool leat_value_parts(const struct leat_value *value, struct leat_parts *parts);

/* Microseconds since 1970 of UTC parts (a valid date), and back. */
int64_t leat_parts_to_us(const struct leat_parts *parts);
struct leat_parts leat_us_to_parts(int64_t us);

/* Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t leat_days_from_date(int32_t year, int32_t month, int32_t day);

/* "INT64", ... */
const char *leat_type_name(enum leat_type type);

#ifdef __cplusplus
}
#endif
#endif
