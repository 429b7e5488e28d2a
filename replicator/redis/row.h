/* row.h - a row as names and values, whether a schema names them or the row itself; and values as Redis keeps them. */
#ifndef LEAT_REDIS_ROW_H
#define LEAT_REDIS_ROW_H

#include <base/buffer.h>
#include <leat/record.h>

struct row {
    const struct leat_schema *schema; /* NULL: a MAP */
    const struct leat_value *value;
    uint32_t count;
};
struct column {
    const char *name;
    uint32_t len;
    const struct leat_value *value;
};

/* False: the value is no row. */
bool row_of(struct row *row, const struct leat_record *rec, const struct leat_value *value);
struct column row_at(const struct row *row, uint32_t index);

/* The record with its row before the change as its row: for what an update leaves behind. */
struct leat_record row_before(const struct leat_record *rec);

/* Text of a scalar, bytes as they are, JSON of what has members. */
void row_text(struct leat_bytes *out, const struct leat_value *value);

#endif
