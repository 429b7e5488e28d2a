/* bulk.h - many rows as one execute of a prepared INSERT, by MariaDB's array binds: the server parses nothing. */
#ifndef LEAT_MYSQL_BULK_H
#define LEAT_MYSQL_BULK_H

#include <base/arena.h>
#include <leat/value.h>
#include <mysql/client.h>

#define BULK_LEAST 16 /* rows: for fewer a statement of text is as fast */

struct bulk_rows {
    uint32_t columns, count;
    const struct leat_value *const *const *rows; /* each: values by column, NULL where the column is not written */
};

/* Can these rows be bound? Each column needs one kind of value, and no row may fill half of a packet. */
bool bulk_can(const struct bulk_rows *rows, size_t packet_max);

/* Runs `sql`, which has a ? for each column that is written. False: the server refused; the connection holds its error. */
bool bulk_run(const struct bulk_rows *rows, struct client *client, const char *sql, size_t len, size_t packet_max,
              struct leat_arena *arena);

#endif
