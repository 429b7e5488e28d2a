/* dump.h - the binary log as a stream of events.
 *
 *   server --> side thread: reads packets --> bytes, at most 4 MiB ahead --> owner: dump_next()
 *
 * The thread exists so that the socket is always drained (a slow reader is thrown out by the server) and so that the
 * owner never blocks: "nothing more here right now" is an empty buffer, which libmariadb could not tell.
 */
#ifndef LEAT_MYSQL_DUMP_H
#define LEAT_MYSQL_DUMP_H

#include <mysql/client.h>
#include <mysql/position.h>
#include <mysql/reader.h>

struct dump;

/* Asks the server for events from `from` on: by GTID where the position has them and the server knows them, else by
 * file and position, with the number of reader_number(). Takes `client` over, also on failure. */
enum leat_status dump_open(struct dump **dump, struct client *client, const struct position *from, int64_t wanted_id,
                           struct reader *before, int64_t heartbeat_us, struct leat_task *task, struct leat_error *err);

/* The next event's bytes, good until the next call. AGAIN: none there now; dump_fd() becomes readable. RETRY: the
 * connection ended; STOP: the server refuses for good (purged logs). */
enum leat_status dump_next(struct dump *dump, const uint8_t **bytes, size_t *len, struct leat_error *err);
/* The type of the event that comes next, or one of these. */
enum { DUMP_NOTHING = 0, DUMP_ENDED = 255 };
uint8_t dump_peek(struct dump *dump);
/* Behind a STOP: because what comes next is lost to its log. */
bool dump_has_gap(struct dump *dump);
int dump_fd(const struct dump *dump);

/* When the file began, as its first event says. The client is of no more use behind it. */
enum leat_status dump_first_time(struct client *client, const char *file, int64_t *time_us, struct leat_error *err);

/* The side thread ends by itself soon; the host joins it. */
void dump_close(struct dump *dump);

#endif
