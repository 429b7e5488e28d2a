/* snapshot.h - all rows of all captured tables as of one position of the binary log.
 *
 *   owner         opens: transaction with a consistent snapshot and its position; no lock is held longer than reading it
 *   side thread   reads table by table, in chunks by primary key; fills batches and posts them
 *
 * The last batch carries the position "binlog": from there on the stream goes on. A snapshot that was interrupted
 * begins again, and each table that had begun with a truncate record.
 */
#ifndef LEAT_MYSQL_SNAPSHOT_H
#define LEAT_MYSQL_SNAPSHOT_H

#include <mysql/position.h>
#include <mysql/tables.h>

struct snapshot;

/* Says of each captured table that no snapshot has read and no row was seen of: its older rows are not in the topic. */
enum leat_status snapshot_say_missing(struct tables *tables, struct client *client, const struct leat_positions *from,
                                      struct leat_error *err);

/* `place` receives the position that the snapshot is of. `from` tells which tables had begun. */
enum leat_status snapshot_open(struct snapshot **snapshot, struct tables *tables, const struct leat_positions *from,
                               int64_t chunk_rows, struct position *place, struct leat_task *task, struct leat_error *err);

/* The next posted batch. AGAIN: none yet, the task is woken when there is one; EOF: it is complete; else why it failed. */
enum leat_status snapshot_next(struct snapshot *snapshot, struct leat_batch **batch, struct leat_error *err);

/* Waits for the side thread to let go of the tables. */
void snapshot_close(struct snapshot *snapshot);

#endif
