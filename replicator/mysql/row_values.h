/* row_values.h - rows of a SELECT by the binary protocol: numbers and times arrive as such, half the server's work and ours.
 *
 *   row_values_open()   prepares; its columns may be looked at        row_values_execute()
 *   row_values_fetch()  one row after the other; row_values_take()    row_values_close()
 *
 * A value is what columns_value() makes of its text. Thread: one at a time. */
#ifndef LEAT_MYSQL_ROW_VALUES_H
#define LEAT_MYSQL_ROW_VALUES_H

#include <mysql/client.h>
#include <mysql/table.h>

struct row_values {
    MYSQL_STMT *stmt;
    MYSQL_RES *columns; /* what the statement gives */
    uint32_t count;
    MYSQL_BIND *binds;
    union row_room *room;   /* of numbers and times */
    unsigned long *lengths;
    my_bool *nulls;
    struct leat_arena arena; /* of them */
};

/* REJECT: the server prepares no such statement, or has types that the client library does not know: the text protocol will do.
 * Otherwise the connection's error is that of the statement. */
enum leat_status row_values_open(struct row_values *values, struct client *client, const struct leat_schema *schema,
                                 const struct leat_bytes *sql);
bool row_values_execute(struct row_values *values);
/* EOF: the last one was there; RETRY: it failed. */
enum leat_status row_values_fetch(struct row_values *values);
/* The cells of the row, in the batch's memory. False: that of `*column` cannot be read. */
bool row_values_take(struct row_values *values, const struct leat_schema *schema, struct leat_batch *batch, struct leat_value *cells,
                     uint32_t *column);
/* The text of one column of the row before, as the text protocol spells it; in `arena`. */
struct leat_value row_values_text(struct row_values *values, uint32_t column, struct leat_arena *arena);
void row_values_close(struct row_values *values);

#endif
