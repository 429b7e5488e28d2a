/* json.h - JSON in and out, exact: 64-bit integers of both signs, decimals as they are spelt, doubles as the
 * shortest text.
 *
 * Reader: RFC 8259, strict UTF-8, depth at most 512. Numbers: integers that fit become INT64 (or UINT64 above
 * 2^63-1), others with a fraction or exponent become FLOAT64 where that reads back to the same digits, else
 * DECIMAL; exponents beyond 400 are refused. Objects become MAP in the order written;
 * duplicate names are kept, leat_map_get() finds the last.
 */
#ifndef LEAT_MODEL_JSON_H
#define LEAT_MODEL_JSON_H

#include <base/arena.h>
#include <base/buffer.h>
#include <leat/record.h>

/* The whole text must be one value (white space around it is fine). On failure `err` says what and at which
 * byte. Text points into `arena`, or into `text` where nothing had to be unescaped and `borrow` is true. */
enum leat_status leat_json_read(const char *text, size_t len, bool borrow, struct leat_arena *arena,
                                struct leat_value *value, struct leat_error *err);

/* Whether the reader would take it; numbers of any size are fine. */
bool leat_json_is_valid(const char *text, size_t len);

/* Appends a quoted, escaped string; bytes that are no UTF-8 become U+FFFD. */
void leat_json_string(struct leat_bytes *out, const char *text, size_t len);

/* Appends any value by plain rules: BYTES base64, DECIMAL as a number, DATE.. as ISO text, JSON inlined (its line
 * breaks as spaces; as a string where it is no JSON), STRUCT as an array, what is no finite number null.
 * `leat_json_struct` names the members by a schema's fields and leaves out absent ones. */
void leat_json_value(struct leat_bytes *out, const struct leat_value *value);
void leat_json_struct(struct leat_bytes *out, const struct leat_value *value,
                      const struct leat_field *fields, uint32_t count);

#endif
