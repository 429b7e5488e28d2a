/* canal_value.h - values, types and type numbers as canal's flat messages have them: every value is a string, or null.
 *
 *   integers, DECIMAL, YEAR   digits           BIT         the number in decimal
 *   FLOAT, DOUBLE             as Java prints: "1.5", "1.0E10"
 *   BINARY, BLOB, GEOMETRY    one character U+0000 .. U+00FF for each byte (ISO-8859-1)
 *   ENUM   the label's place from 1, "0" for ''            SET   the labels' bits as a number
 *   JSON   its text                                        times "2026-01-02 03:04:05.600", in UTC
 */
#ifndef LEAT_MODEL_CANAL_VALUE_H
#define LEAT_MODEL_CANAL_VALUE_H

#include <base/buffer.h>
#include <leat/record.h>

void leat_canal_value(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *field);
/* The number in java.sql.Types that canal gives; of unsigned integers that their signed type cannot hold the next wider. */
int leat_canal_sql_type(const struct leat_value *value, const struct leat_field *field);
/* "int(11)", "enum('a','b')", as a JSON string. */
void leat_canal_mysql_type(struct leat_bytes *out, const struct leat_field *field);

#endif
