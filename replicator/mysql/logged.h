/* logged.h - a column's definition from a TABLE_MAP event alone, as the server logs it with binlog_row_metadata=FULL: for
 * rows of a table that is gone, renamed, or altered since, where information_schema tells nothing or something else. */
#ifndef LEAT_MYSQL_LOGGED_H
#define LEAT_MYSQL_LOGGED_H

#include <mysql/table.h>

/* True where the event tells names, and all else that a definition is made of. */
bool logged_is_full(const struct leat_table_map *map);

/* Writes the column as information_schema would have told it, texts into the arena. What the event does not tell is not
 * there: that text is JSON on MariaDB; that bytes are a UUID, INET6, INET4 or VECTOR there; ZEROFILL. False: what the event
 * tells is not enough to read the column. */
bool logged_column(const struct leat_column *logged, bool is_mariadb, struct column *column, struct leat_arena *arena);

#endif
