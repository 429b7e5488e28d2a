/* sqltext.h - values as MySQL's own clients show them, for the formats that copy those: maxwell and canal. */
#ifndef LEAT_MODEL_SQLTEXT_H
#define LEAT_MODEL_SQLTEXT_H

#include <base/buffer.h>
#include <leat/record.h>
#include <model/iso.h>

/* DATE, TIME, DATETIME and TIMESTAMP (in UTC) with the fraction digits of the column: "2026-01-02 03:04:05.600",
 * "-12:34:56", "0000-00-00". Without a terminator; returns the length. */
size_t leat_sql_time(char out[LEAT_ISO_MAX], const struct leat_value *value, const struct leat_field *field);

/* BINARY(n) as the binary log has it: without the zeros that fill it up to n. Other bytes as they are. */
uint32_t leat_sql_binary_len(const struct leat_value *value, const struct leat_field *field);

/* GEOMETRY (SRID, WKB) as well-known text, spelt as JTS does: "POINT (1 2.5)", "POLYGON ((0 0, 1 0, 1 1, 0 0))",
 * "LINESTRING EMPTY". False: it is no such bytes, and `out` is as it was. */
bool leat_sql_wkt(struct leat_bytes *out, const uint8_t *bytes, size_t len);

/* An ENUM's place among its labels, from 1; 0: it is none of them, the server's ''. A SET's labels as bits. */
uint64_t leat_sql_enum_index(const struct leat_value *value, const struct leat_field *field);
uint64_t leat_sql_set_bits(const struct leat_value *value, const struct leat_field *field);

#endif
