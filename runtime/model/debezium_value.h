/* debezium_value.h - values as Debezium writes them, in its modes; the first of each is the default:
 *
 *   DECIMAL      precise: base64 of the unscaled value, big-endian two's complement; the scale is the column's. In a field
 *                that declares no type nobody could tell the scale: there it is a string, "12.50"
 *                double: a number, rounded to 53 bits; string: "12.50"; numeric: 12.50
 *   BIGINT UNSIGNED   exact: the integer; long: wraps above 2^63-1; precise: as a DECIMAL of scale 0
 *
 *                adaptive                connect   microseconds   nanoseconds   isostring
 *   DATE         days since 1970         days      days           days          "2020-07-17Z"
 *   TIME         us                      ms        us             ns            "18:00:22.5Z"
 *   DATETIME     ms, from 4 digits us    ms        us             ns            "2020-07-17T18:00:22.5Z" as if UTC
 *   TIMESTAMP    in all: "2020-07-17T18:00:22Z", fraction trimmed
 *
 *   dates that are none (zeros, 31 February): null, or the epoch in a column that is NOT NULL
 *   BIT(1)       boolean; BIT(n): base64 of little-endian bytes
 *   BYTES        bytes, base64: base64; base64-url-safe; hex
 *   JSON         a string; ENUM and SET: strings
 *   GEOMETRY     {"wkb":base64,"srid":n or null}, POINT with "x" and "y" before them; VECTOR: an array of numbers
 */
#ifndef LEAT_MODEL_DEBEZIUM_VALUE_H
#define LEAT_MODEL_DEBEZIUM_VALUE_H

#include <base/buffer.h>
#include <leat/record.h>

enum leat_debezium_decimals { LEAT_DECIMALS_PRECISE, LEAT_DECIMALS_DOUBLE, LEAT_DECIMALS_STRING, LEAT_DECIMALS_NUMERIC };
enum leat_debezium_bigints { LEAT_BIGINTS_EXACT, LEAT_BIGINTS_LONG, LEAT_BIGINTS_PRECISE };
enum leat_debezium_times { LEAT_TIMES_ADAPTIVE, LEAT_TIMES_CONNECT, LEAT_TIMES_ISO, LEAT_TIMES_MICRO, LEAT_TIMES_NANO };
enum leat_debezium_binary { LEAT_BINARY_BYTES, LEAT_BINARY_BASE64, LEAT_BINARY_URL_SAFE, LEAT_BINARY_HEX };

struct leat_debezium_modes { /* all zero: the defaults */
    int64_t decimals, bigints, times, binary;
};

/* True for a column of 64 bits without a sign. */
static inline bool leat_is_bigint_unsigned(const struct leat_field *field)
{
    return field->type == LEAT_UINT64 && field->meaning == LEAT_PLAIN;
}

/* Appends the value. False, and nothing that can be used, for a decimal that its field cannot hold: more digits behind
 * the point than the scale, or more than 77 in all. */
bool leat_debezium_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field,
                         const struct leat_debezium_modes *modes);

#endif
