/* columns.h - what a column's type text means: for records, for decoding, for reading rows as text. */
#ifndef LEAT_MYSQL_COLUMNS_H
#define LEAT_MYSQL_COLUMNS_H

#include <mysql/client.h>
#include <mysql/table.h>

/* The schema of the table's records; source fields are those of record.c. NULL: too many schemas. */
const struct leat_schema *columns_schema(const struct column *columns, uint32_t count, const char *connector,
                                         const char *database, const char *table);
/* May a column of this definition be logged like this? Compares what a TABLE_MAP event always says: type, digits. And
 * whether it is unsigned, where `has_signedness`. */
bool columns_type_fits(const struct column *column, const struct leat_column *logged, bool has_signedness);
/* Where `columns_type_fits`: may it be the column that the event tells in full (logged.h)? Compares charsets, widths,
 * labels. */
bool columns_agree(const struct column *column, const struct column *logged);
/* CHAR, VARCHAR, TEXT. */
bool columns_is_text(const struct column *column);
/* Tells the plan what only the definition knows. */
void columns_hint(const struct column *column, const struct leat_field *field, struct leat_column *plan,
                  struct leat_arena *arena);
/* How the column stands in a SELECT of a snapshot: `name`; or `name` * 1e0 for FLOAT and DOUBLE(n,m), whose own text is
 * rounded. */
void columns_select(const struct column *column, struct leat_bytes *out);
/* True where `name` > 'text of a value' is in the order of ORDER BY `name`: not so where text is a label or bits. */
bool columns_orders_by_text(const struct column *column);
/* A value of a key, as such a SELECT gives it, for a WHERE. */
void columns_literal(const struct column *column, const struct leat_value *text, MYSQL *mysql, struct leat_bytes *out);
/* A cell of such a SELECT (text protocol) as the value that the binary log would give. False: it cannot be read. */
bool columns_value(const struct leat_field *field, const char *text, size_t len, struct leat_batch *batch,
                   struct leat_value *value);

#endif
