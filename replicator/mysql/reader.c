#include <mysql/reader.h>

#include <base/clock.h>
#include <base/os.h>
#include <stdio.h>
#include <stdlib.h>

enum { END_US = 12000000, LOOK_US = 200000 };

/* Our own connections are in everybody's list. One that is being ended is no `dump` any more, but still there. */
static bool is_there(struct client *client, unsigned long connection, bool is_dump)
{
    MYSQL_RES *result;
    struct leat_error refused;
    bool found = false;
    if (client_query(client, &result, &refused, "SHOW PROCESSLIST") != LEAT_OK)
        return false;
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        found = found || (strtoul(row[0], NULL, 10) == connection && (!is_dump || (row[4] && strncmp(row[4], "Binlog Dump", 11) == 0)));
    mysql_free_result(result);
    return found;
}

/* Ends it and waits until it is gone, for a while; it is of no harm but that it takes up a place. */
static void end_before(struct client *client, struct leat_task *task, struct reader *before)
{
    char identity[sizeof before->server];
    struct leat_error ignored;
    unsigned long connection = before->connection;
    before->connection = 0;
    if (connection == 0 || client_identity(client, identity, sizeof identity, &ignored) != LEAT_OK ||
        strcmp(identity, before->server) != 0 || !is_there(client, connection, true))
        return;
    client_run(client, &ignored, "KILL %lu", connection);
    struct leat_time end = leat_after_us(END_US);
    while (!leat_is_past(end) && !leat_task_is_stopping(task) && is_there(client, connection, false))
        leat_wait(task, -1, 0, leat_after_us(LOOK_US));
}

/* Does another reader have the number? A server that does not tell us is taken for one that has none. */
static bool is_taken(struct client *client, uint32_t server_id)
{
    MYSQL_RES *result;
    struct leat_error refused;
    bool is_new = !client->is_mariadb && client->version >= 80022, found = false;
    if (client_query(client, &result, &refused, is_new ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS") != LEAT_OK)
        return false;
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        found = found || strtoull(row[0], NULL, 10) == server_id;
    mysql_free_result(result);
    return found;
}

/* A server notices that a reader is gone with the next heartbeat only: after a restart the number is still our own. */
static bool becomes_free(struct client *client, struct leat_task *task, uint32_t server_id)
{
    struct leat_time end = leat_after_us(END_US);
    while (is_taken(client, server_id)) {
        if (leat_is_past(end) || leat_task_is_stopping(task))
            return false;
        leat_wait(task, -1, 0, leat_after_us(LOOK_US));
    }
    return true;
}

static enum leat_status check_wanted(struct client *client, struct leat_task *task, uint32_t wanted, uint32_t own,
                                     struct leat_error *err)
{
    if (wanted == own)
        return leat_fail(err, LEAT_STOP, "%s: `server_id` %u is the server's own; choose another, or leave it out", client->where, wanted);
    if (!becomes_free(client, task, wanted))
        return leat_fail(err, LEAT_RETRY,
                         "%s: another reader of its log has the `server_id` %u (see SHOW SLAVE HOSTS): it would be thrown out. Choose "
                         "another number, or leave it out, and one that is free is drawn",
                         client->where, wanted);
    return LEAT_OK;
}

/* Beyond what people give to servers. */
static uint32_t draw(void)
{
    uint32_t number;
    leat_os_random(leat_os, &number, sizeof number);
    return 0x40000000u | (number & 0x3fffffffu);
}

enum leat_status reader_number(struct client *client, struct leat_task *task, int64_t wanted, struct reader *before,
                               uint32_t *server_id, struct leat_error *err)
{
    char own[32];
    end_before(client, task, before);
    enum leat_status status = client_ask(client, own, sizeof own, err, "SELECT @@server_id");
    if (status == LEAT_OK)
        status = client_identity(client, before->server, sizeof before->server, err);
    if (status != LEAT_OK)
        return status;
    before->connection = mysql_thread_id(client->mysql);
    *server_id = (uint32_t)wanted;
    if (wanted > 0)
        return check_wanted(client, task, *server_id, (uint32_t)strtoull(own, NULL, 10), err);
    do
        *server_id = draw();
    while (*server_id == (uint32_t)strtoull(own, NULL, 10) || is_taken(client, *server_id));
    return LEAT_OK;
}
