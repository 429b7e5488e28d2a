/* snapshots.h - the tables whose rows are read, while the stream goes on.
 *
 *   owner     gives a reader a part of a table (a range of its primary key) and a place; lets the stream stand, or go on;
 *             hands out what was read, and the events that belong behind it
 *   readers   side threads: open a view of the server, say which place it is of, read the part, fill batches (chunk.h)
 *
 *        stream   ---e---e---S           e---e---P . . . . . . . . . . e---e---   records: e = events, r = rows
 *        reader              | asked     |       | r r r r r r r r r r |
 *                            +-> a view, of P >= S                     +-> the part is read
 *
 * What holds, for each row of a table that is read:
 *
 *   (1) Its part is not read yet: events of it are left out. The row comes, as it is then, when its part is read.
 *   (2) Its part is read as of one place P, between two transactions, and its rows go out when the stream stands exactly at P.
 *   (3) Its part is read: events go out as ever.
 *
 * So what the topic tells of a row is its state at some P and then each change behind P: as if it had been read by one lock. Which
 * rows are of a part that was read is judged by comparing keys (extent.h). Where that cannot be done as the server does it (texts
 * and their collations), (1) does not hold: events always go out, a change may come before its row's `r`, and that `r`, being of P
 * and going out at P, is never older than what went out before.
 *
 * How P is known:
 *   MariaDB       a transaction WITH CONSISTENT SNAPSHOT tells binlog_snapshot_file and _position: the view is of exactly there.
 *                 No lock.
 *   MySQL, GTIDs  a view shows at least the transactions of gtid_executed before it, and at most what is in the log after it: what
 *                 a commit has written to the log it shows some moments later. P is the log's end behind the view. The rows that
 *                 the few transactions between the two touch are mended by their row images, so that all are of P (window.h).
 *                 No lock.
 *   otherwise     FLUSH TABLES WITH READ LOCK, held from before the view until the log's end is asked.
 *
 * The races, and what settles them:
 *   - The stream must not be past P when P becomes known: it stands from S, where a reader is asked, until the view is open.
 *   - The dump may send a transaction before its commit is visible to others. The view must show all that is before S, or an event
 *     that was left out by (1) would be in no row: P >= S on MariaDB; gtid_executed that holds the stream's set on MySQL. A view
 *     that is too old is opened once more.
 *   - A transaction is never cut: P and S lie between transactions, and in one the stream does not stand.
 *   - An update that moves a row from a part that is read into one that is not goes out as its delete; the other way round, as a
 *     create (where its image is not whole, that one row is a part of its own, which is read again).
 *   - TRUNCATE and ALTER wait for a SELECT under way; one that comes between view and SELECT makes the SELECT fail (error 1412),
 *     and the part is read again with another view. Where the stream meets a DDL statement of the table between S and P, the part
 *     is read again: rows never go out by a definition that the stream has left.
 *   - kill -9: each unit of rows holds the place P and what is read of the table with it. Behind a restart the parts that were on
 *     their way are read again; none of their events had gone out, so nothing is known twice.
 *   - A stream that is far behind makes rows wait for P, and the server keep old versions of rows: no part is asked for until
 *     the stream is near the log's end.
 *
 * Memory: a reader that has filled its share of the task's batches waits, with the server. What the window holds is bounded; beyond it the part is read again.
 *
 * Tables without a primary key are one part, read in one SELECT while the stream stands (MySQL: by the lock); interrupted, they begin again behind
 * a truncate record.
 *
 * Position ["snapshot", "db.t"] -> {done: true}, or {done: false, key: [names], left: [[from, to] ...], order: number, ...}: all is read but the parts of
 * `left`, from behind one key up to another; without `left` nothing is. {anew: true}: behind a truncate record.
 */
#ifndef LEAT_MYSQL_SNAPSHOTS_H
#define LEAT_MYSQL_SNAPSHOTS_H

#include <mysql/stream.h>

struct snapshots_options {
    bool is_initial; /* tables that are new to the source are read */
    int64_t chunk_rows, threads, rows_per_second; /* 0: unlimited */
    unsigned read_timeout_s; /* of readers */
    struct leat_pairs where;                      /* "db.t" -> a condition in SQL */
};

enum snapshot_how {
    SNAPSHOT_FIRST, /* nothing of it is in the topic */
    SNAPSHOT_ANEW,  /* behind a truncate record: rows that the topic has and the table has not are gone then */
    SNAPSHOT_MERGE, /* each row once more, between its changes; nothing is left out meanwhile */
};

/* Which tables are to be read: those that the positions tell, and, where `options` says so, those that are new. `is_new`: the source has no
 * place yet. Options live until snapshots_close(), which also follows a failure. */
enum leat_status snapshots_open(struct snapshots **snapshots, const struct snapshots_options *options, struct tables *tables,
                                struct client *client, const struct leat_positions *from, bool is_new, struct leat_task *task,
                                struct leat_error *err);
void snapshots_close(struct snapshots *snapshots);

/* The table is to be read (again), from the place on where the stream is now; kept with the next position that is stored. `where`
 * (NULL: the option's) is a condition in SQL. One that is being read begins again. Owner thread. */
void snapshots_want(struct snapshots *snapshots, struct table *table, enum snapshot_how how, const char *where);

struct snapshot_ask {
    bool is_stop; /* or start: */
    bool is_anew; /* behind a truncate record */
    const char *where;
};
/* Of tables by name or pattern, "db.t,db.u"; NULL: all. REJECT: one is none that is captured. */
enum leat_status snapshots_ask(struct snapshots *snapshots, const char *names, const struct snapshot_ask *ask, struct leat_error *err);
/* An operator's order (source.h, command()). */
enum leat_status snapshots_command(struct snapshots *snapshots, const struct leat_value *ask, struct leat_error *err);

/* With each poll of the source, `is_near`: the stream is near the log's end. OK: a batch of rows to be handed out, with its positions. AGAIN: none
 * now; the task is woken for the next one. */
enum leat_status snapshots_poll(struct snapshots *snapshots, struct stream *stream, bool is_near, struct leat_batch **out,
                                struct leat_error *err);
/* The stream takes no event now. */
bool snapshots_stand(struct snapshots *snapshots, const struct stream *stream);
/* Nothing is to be read. */
bool snapshots_are_done(const struct snapshots *snapshots);
/* Says of a batch of the stream that rows are still to come, where that is so. */
void snapshots_mark(const struct snapshots *snapshots, struct leat_batch *batch);
/* Puts what is new into a batch of the stream. */
bool snapshots_have_news(const struct snapshots *snapshots);
void snapshots_store(struct snapshots *snapshots, struct leat_batch *batch);

/* Which rows of an event go out: of the row before, the row after, both. False: none. */
bool snapshot_judge(struct snapshot_job *job, const struct stream *stream, const struct leat_value **before, const struct leat_value **after);

#endif
