/* mysql.h - changes of MySQL and MariaDB: a consistent snapshot, then the binary log.
 *
 *   client.c     a connection: settings, queries, errors as statuses
 *   dump.c       the binary log as a stream of events: a side thread reads, the owner takes
 *   table.c      what a table looks like: information_schema, schemas, table maps
 *   tables.c     the tables that are captured, their definitions kept with the position
 *   position.c   where the source is
 *   snapshot.c   all rows as of one position, in a side thread
 *   record.c     rows to records        stream.c   events to records and positions
 *   statement.c  what a QUERY event says        preflight.c   settings and grants        source.c   the calls
 *
 * Positions:
 *   "binlog"              -> {file, pos, gtid, rows}: all before `pos` is in the topic, and of the transaction that begins
 *                            there the first `rows` row images
 *   ["snapshot", "db.t"]  -> {done}: false: rows of it are in the topic, and no "binlog" yet: it begins again, with a
 *                            truncate record first
 *   ["table", "db.t"]     -> columns: what the table looked like at the position
 */
#ifndef LEAT_MYSQL_MYSQL_H
#define LEAT_MYSQL_MYSQL_H

#include <leat/source.h>

extern const struct leat_source_type leat_source_mysql;

#endif
