#include <mysql/view.h>

#include <base/memory.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_S 2 /* for transactions that are in the log to be visible */
#define STATEMENT_WAIT_S 20 /* for a table that another session has locked */
#define LOCK_WAIT_S 2       /* for the lock on all of them: while it is waited for, all who write wait behind it */

enum leat_status view_prepare(struct client *client, struct leat_error *err)
{
    enum leat_status status =
        client_run(client, err, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    return status == LEAT_OK ? client_run(client, err, "SET lock_wait_timeout = %d, autocommit = 1", STATEMENT_WAIT_S)
                             : status;
}

static enum leat_status begin(struct client *client, struct leat_error *err)
{
    return client_run(client, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

static bool is_before(const struct view *view, const char *file, uint64_t pos)
{
    struct position place = {.pos = view->place.pos};
    memcpy(place.file, view->place.file, sizeof place.file);
    return position_compare(&place, file, pos) < 0;
}

/* ---- MariaDB: the transaction knows its place ---- */

static enum leat_status ask_own_place(struct view *view, struct client *client,
                                      struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status =
        client_query(client, &result, err, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%%'");
    if (status != LEAT_OK)
        return status;
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));) {
        const char *name = strrchr(row[0], '_');
        if (name && strcmp(name, "_file") == 0)
            snprintf(view->place.file, sizeof view->place.file, "%s", row[1]);
        else if (name && strcmp(name, "_position") == 0)
            view->place.pos = strtoull(row[1], NULL, 10);
    }
    mysql_free_result(result);
    if (view->place.file[0])
        return LEAT_OK;
    return leat_fail(err, LEAT_STOP,
                     "%s: it does not tell which place of its log a transaction shows "
                     "(binlog_snapshot_file is empty)",
                     client->where);
}

/* What ends a file or begins one moves the stream, and is no commit: then the GTIDs tell. */
static enum leat_status shows_gtids(const struct view *view, struct client *client,
                                    const struct view_order *order, struct leat_error *err)
{
    struct client_place *around = leat_malloc(sizeof *around);
    struct gtids there;
    enum leat_status status = client_ask(client, around->gtid, sizeof around->gtid, err,
                                         "SELECT BINLOG_GTID_POS('%s', %llu)", view->place.file,
                                         (unsigned long long)view->place.pos);
    gtids_init(&there);
    if (status == LEAT_OK && gtids_parse(&there, around->gtid, strlen(around->gtid)))
        status =
            leat_gtid_list_contains(&there.list, &order->since->gtids.list) ? LEAT_OK : LEAT_AGAIN;
    gtids_fini(&there);
    free(around);
    return status;
}

static enum leat_status open_mariadb(struct view *view, struct client *client,
                                     const struct view_order *order, struct leat_error *err)
{
    enum leat_status status = begin(client, err);
    if (status == LEAT_OK)
        status = ask_own_place(view, client, err);
    bool is_by_place = order->since->file[0]; /* behind a move to another server it is not known for some time */
    if (status != LEAT_OK || (is_by_place && !is_before(view, order->since->file, order->since->pos)))
        return status;
    if (is_by_place && order->ended_file[0])
        return is_before(view, order->ended_file, order->ended_pos) ? LEAT_AGAIN : LEAT_OK;
    return shows_gtids(view, client, order, err);
}

/* ---- MySQL ---- */

/* Once, until it comes. */
static void say_locked(struct client *client)
{
    if (!client->has_said_locked)
        leat_say(LEAT_WARNING, NULL,
                 "%s: a snapshot needs FLUSH TABLES WITH READ LOCK for a moment, and did not get it within %d s, as a statement or a "
                 "transaction there holds a table (SHOW PROCESSLIST); who writes waits behind it meanwhile, and it is tried again",
                 client->where, LOCK_WAIT_S);
    client->has_said_locked = true;
}

static enum leat_status open_locked(struct view *view, struct client *client,
                                    struct leat_error *err)
{
    struct leat_error ignored;
    enum leat_status status = client_run(client, err, "SET lock_wait_timeout = %d", LOCK_WAIT_S);
    if (status == LEAT_OK)
        status = client_run(client, err, "FLUSH TABLES WITH READ LOCK");
    if (status == LEAT_RETRY && mysql_errno(client->mysql) == ER_LOCK_WAIT_TIMEOUT)
        say_locked(client);
    if (status != LEAT_OK)
        return status;
    client->has_said_locked = false;
    status = begin(client, err);
    if (status == LEAT_OK)
        status = client_place(client, &view->place, err);
    client_run(client, &ignored, "UNLOCK TABLES");
    client_run(client, &ignored, "SET lock_wait_timeout = %d", STATEMENT_WAIT_S);
    return status;
}

static enum leat_status wait_for(struct client *client, const struct gtids *gtids,
                                 struct leat_error *err)
{
    struct leat_bytes text;
    char answer[16] = "";
    leat_bytes_init(&text, 1 << 20);
    gtids_print(gtids, &text);
    enum leat_status status = client_ask(
        client, answer, sizeof answer, err, "SELECT WAIT_FOR_EXECUTED_GTID_SET('%.*s', %d)",
        (int)text.len, text.len ? (const char *)text.data : "", WAIT_S);
    leat_bytes_fini(&text);
    return status != LEAT_OK ? status : strcmp(answer, "0") == 0 ? LEAT_OK : LEAT_AGAIN;
}

static enum leat_status open_between(struct view *view, struct client *client,
                                     const struct view_order *order, struct leat_error *err)
{
    enum leat_status status = wait_for(client, &order->since->gtids, err);
    if (status == LEAT_OK) /* the room for the text, before the place needs it */
        status = client_ask(client, view->place.gtid, sizeof view->place.gtid, err,
                            "SELECT @@global.gtid_executed");
    if (status == LEAT_OK && !gtids_parse(&view->seen, view->place.gtid, strlen(view->place.gtid)))
        status = leat_fail(err, LEAT_STOP, "%s: its gtid_executed cannot be read", client->where);
    if (status == LEAT_OK)
        status = begin(client, err);
    if (status == LEAT_OK)
        status = client_place(client, &view->place, err);
    view->has_window = true;
    return status;
}

enum leat_status view_open(struct view *view, struct client *client, const struct view_order *order,
                           struct leat_error *err)
{
    view->has_window = false;
    if (client->is_mariadb)
        return open_mariadb(view, client, order, err);
    bool can_wait = client->version >= 50705; /* WAIT_FOR_EXECUTED_GTID_SET */
    if (order->needs_lock || order->since->gtids.kind != GTIDS_SET || !can_wait)
        return open_locked(view, client, err);
    return open_between(view, client, order, err);
}

enum leat_status view_close(struct client *client, struct leat_error *err)
{
    return client_run(client, err, "COMMIT");
}
