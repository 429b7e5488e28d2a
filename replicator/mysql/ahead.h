/* ahead.h - which tables change between where the stream is and where the server is.
 *
 *   log   ---P-------ALTER b-------B      P: the stream, about to read rows of a table whose definition it must look up
 *                                  |      B: the server, when information_schema was asked
 *
 * information_schema tells what a table looks like at B. That is what it looks like at P where no statement between the two
 * changes it: the log is read once from P to B, for its statements alone, by a connection of its own. What was read is kept,
 * so that the next question reads on from there.
 */
#ifndef LEAT_MYSQL_AHEAD_H
#define LEAT_MYSQL_AHEAD_H

#include <base/hash.h>
#include <mysql/client.h>
#include <mysql/position.h>
#include <mysql_protocol/ddl.h>

struct ahead {
    struct leat_table changed; /* "db\0table", "db\0": struct ahead_change */
    struct position until;     /* read so far; file "": nothing yet */
    bool ignore_case;
};

void ahead_init(struct ahead *ahead, bool ignore_case);
void ahead_fini(struct ahead *ahead);

/* Reads on to `until`, at least from `from` on, between two transactions; from the head of `file` where that is not known.
 * RETRY: the log cannot be read right now. */
enum leat_status ahead_read(struct ahead *ahead, const struct client_options *options, const struct position *from,
                            const char *file, unsigned read_timeout_s, const struct client_place *until, struct leat_task *task, struct leat_error *err);
/* Does a statement behind `file`:`pos`, as far as was read, change the table? */
bool ahead_changes(const struct ahead *ahead, const char *file, uint64_t pos, const char *database, const char *table);

#endif
