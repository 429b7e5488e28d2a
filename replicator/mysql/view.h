/* view.h - a transaction that shows the tables as of a known place of the log: see snapshots.h. */
#ifndef LEAT_MYSQL_VIEW_H
#define LEAT_MYSQL_VIEW_H

#include <mysql/client.h>
#include <mysql/position.h>

struct view_order {
    const struct position *since; /* all that is before it is to be shown */
    const char *ended_file;       /* where the last transaction before it ended; "": not known */
    uint64_t ended_pos;
    bool needs_lock; /* exactly one place, whatever the server */
};

struct view {
    struct client_place place; /* nothing behind it is shown */
    bool has_window;           /* MySQL: of what is not in `seen`, only some of what lies before the place */
    struct gtids seen;
};

/* Once for a connection. */
enum leat_status view_prepare(struct client *client, struct leat_error *err);
/* AGAIN: what the server shows is older than `since` for now. The view ends with view_close(), or when the connection does. */
enum leat_status view_open(struct view *view, struct client *client, const struct view_order *order, struct leat_error *err);
enum leat_status view_close(struct client *client, struct leat_error *err);

#endif
