/* mysql.h - changes of MySQL and MariaDB: rows as of known places, then the binary log; and their tables as a target.
 *
 *   client.c     a connection: settings, queries, errors as statuses
 *   dump.c       the binary log as a stream of events: a side thread reads, the owner takes
 *   table.c      what a table looks like: information_schema, schemas, table maps
 *   tables.c     the tables that are captured, their definitions kept with the position
 *   follow.c     definitions follow the statements of the log (definition.c: one of them); ahead.c   whether one changes a table later
 *   park.c       tables whose rows cannot be read        schema_change.c   statements as records
 *   position.c   where the source is          gtids.c       the transactions before it, of either server
 *   origin.c     where it was, as a target tells        guard.c     how much of a transaction is in the topic
 *   hosts.c      which of several servers        history.c   whether it can go on (verdict.c)        reader.c     as whom
 *   record.c     rows to records        stream.c   events to records and positions (stream_parts.h: its files)
 *   forms.c      rules for columns and keys        form.c      what they make of a table (form_hide.c); which mean nothing (forms_idle.c)
 *   transaction.c   what records tell of theirs
 *   xa.c         transactions that are prepared, not committed        detour.c   their events once more
 *   snapshots.h  tables are read while the stream goes on: which (snapshots_open.c), who reads what next (snapshots_order.c), what goes
 *                out (snapshots.c), one table (snapshot_job.c), what of it is read (extent.c); side threads (chunk.c, chunk_read.c) with
 *                views of known places (view.c), mended where these are not exact (window.c)
 *   statement.c  what a QUERY event says        preflight.c   settings and grants (cascades.c)        source.c   the calls
 *
 *   log_files.c  recorded log files as a stream of events      recorded.c   the source over them
 *
 * The sink: sink.c the calls, ledger.c the marks, dest.c tables, stage.c and apply.c (effects.h) records to statements,
 * bulk.c many rows as bound arrays, literal.c values, sink_check.c settings and grants.
 *
 * Positions of the source:
 *   "binlog"              -> {file, pos, gtid, server, done, within, since_us}: all before `pos`, or before `gtid`, is in the
 *                            topic, and of the transaction that begins there what `done` and `within` tell (position.h)
 *   ["xa", "X'61',..."]   -> {file, pos, gtid, own}: where a transaction lies that is prepared and not committed
 *   "transaction"         -> {order, tables}: the counts of one that has begun (transaction.h)
 *   ["snapshot", "db.t"]  -> {done: true}; or what is still to be read of it: snapshots.h
 *   "tables"              -> the patterns that the config had: a table that none of them named is new
 *   ["table", "db.t"]     -> {charset, columns}: what the table looks like at the position
 *   ["parked", "db.t"]    -> {why, file, pos}: its rows are passed over from there on
 */
#ifndef LEAT_MYSQL_MYSQL_H
#define LEAT_MYSQL_MYSQL_H

#include <leat/sink.h>

extern const struct leat_source_type leat_source_mysql;
extern const struct leat_sink_type leat_sink_mysql;

#endif
