/* history.h - is the server's history the one that was read, and can it go on from there? RESET MASTER, a restored backup,
 * another server behind the address, or purged logs: going on would leave changes out without a word (I7). */
#ifndef LEAT_MYSQL_HISTORY_H
#define LEAT_MYSQL_HISTORY_H

#include <mysql/client.h>
#include <mysql/position.h>

enum history {
    HISTORY_UNKNOWN, /* the server could not be asked */
    HISTORY_GOES_ON,
    HISTORY_BEHIND,  /* a replica that is still being brought what we have; or what is in the log is not committed yet */
    HISTORY_PURGED,  /* what comes next is no longer in its log */
    HISTORY_DIFFERS, /* what we have is not, and will not be, in its history; or there is nothing to compare by */
};

/* OK: it goes on. RETRY: the server could not be asked, or is behind. STOP: PURGED or DIFFERS. */
enum leat_status history_check(struct client *client, const struct position *position, const char *connector,
                               enum history *history, struct leat_error *err);

#define HISTORY_WHY_MAX 200
/* Does a transaction begin there, or the log end? False: `why` not. */
bool history_begins_at(struct client *client, const char *file, uint64_t pos, char why[HISTORY_WHY_MAX]);

/* Another server than the one whose file the position names: that it goes on is told by GTIDs alone, and file and place are
 * forgotten. */
bool history_is_elsewhere(const struct position *position, const char *identity);

#endif
