/* debezium_value.h - values in Debezium's default modes:
 *
 *   DECIMAL      base64 of the unscaled value, big-endian two's complement; the scale is the column's. In a field
 *                that declares no type nobody could tell the scale: there it is a string, "12.50"
 *   DATE         days since 1970                     TIME       microseconds
 *   DATETIME     milliseconds (up to 3 fraction digits) or microseconds, as if UTC
 *   TIMESTAMP    "2020-07-17T18:00:22Z", fraction trimmed
 *   BIT(1)       boolean; BIT(n): base64 of little-endian bytes
 *   BYTES        base64; JSON: a string; ENUM and SET: strings
 *   GEOMETRY     {"wkb":base64,"srid":n or null}, POINT with "x" and "y" before them; VECTOR: an array of numbers
 *   dates that are none (zeros, 31 February): null, or the epoch in a column that is NOT NULL
 *   UINT64       the positive integer (Debezium wraps above 2^63-1)
 */
#ifndef LEAT_MODEL_DEBEZIUM_VALUE_H
#define LEAT_MODEL_DEBEZIUM_VALUE_H

#include <base/buffer.h>
#include <leat/record.h>

/* Appends the value. False, and nothing that can be used, for a decimal that its field cannot hold: more digits behind
 * the point than the scale, or more than 77 in all. */
bool leat_debezium_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field);

#endif
