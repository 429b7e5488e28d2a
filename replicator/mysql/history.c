#include <mysql/history.h>

#include <mysql/verdict.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN 400 /* bytes of a list of GTIDs in a message */

bool history_is_elsewhere(const struct position *position, const char *identity)
{
    return position->server[0] && strcmp(position->server, identity) != 0;
}

/* ---- what is said ---- */

static enum leat_status other_history(const struct client *client, const struct position *position, const char *connector,
                                      const char *why, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: its binary log is not the one that was read up to %s:%llu (%s): RESET MASTER, a restored backup, or "
                     "another server. Bring the old one back, or run: leat offsets reset %s, and a new snapshot is taken",
                     client->where, position->file, (unsigned long long)position->pos, why, connector);
}

static enum leat_status is_behind(const struct client *client, const struct position *position, const char *connector,
                                  const char *missing, bool is_elsewhere, bool may_come, enum history *history,
                                  struct leat_error *err)
{
    if (may_come)
        *history = HISTORY_BEHIND;
    if (!is_elsewhere && may_come)
        return leat_fail(err, LEAT_RETRY, "%s: what it has sent of its log it has not committed yet: %.*s; waiting for it",
                         client->where, SHOWN, missing);
    if (!is_elsewhere) {
        char why[SHOWN + 100];
        snprintf(why, sizeof why, "its GTIDs are behind: it lacks %.*s", SHOWN, missing);
        *history = HISTORY_DIFFERS;
        return other_history(client, position, connector, why, err);
    }
    if (may_come)
        return leat_fail(err, LEAT_RETRY, "%s: it is a replica that has not reached us yet: it lacks %.*s; waiting for it",
                         client->where, SHOWN, missing);
    *history = HISTORY_DIFFERS;
    return leat_fail(err, LEAT_STOP,
                     "%s: it is another server than the one that was read, its binary log is not the one that was read, and it lacks "
                     "transactions that are in the topic: %.*s. If they were lost with the old server, run: leat offsets reset %s, "
                     "and a new snapshot is taken; else bring the old server back, or name its replica",
                     client->where, SHOWN, missing, connector);
}

static enum leat_status is_purged(const struct client *client, const char *connector, const char *missing, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: the server cannot go on from where we are: its log no longer has %.*s, which we have not read (purged). "
                     "Changes in between are lost to the log; run: leat offsets reset %s, and a new snapshot is taken (`on_gap: "
                     "snapshot` does so by itself). A longer binlog_expire_logs_seconds avoids it",
                     client->where, SHOWN, missing, connector);
}

static enum leat_status has_no_gtids(const struct client *client, const struct position *position, const char *connector,
                                     const char *identity, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: another server answers (%s) than the one that was read (%s), and without GTIDs %s:%llu cannot be found in "
                     "its binary log, which is not the one that was read. Bring the old one back, or run: leat offsets reset %s, and "
                     "a new snapshot is taken",
                     client->where, identity, position->server, position->file, (unsigned long long)position->pos, connector);
}

/* ---- what is asked ---- */

static enum leat_status ask_long(struct client *client, struct leat_bytes *text, struct leat_error *err, const char *sql)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err, "%s", sql);
    leat_bytes_clear(text);
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row && row[0])
        leat_bytes_text(text, row[0]);
    mysql_free_result(result);
    leat_bytes_put(text, 0);
    return LEAT_OK;
}

static enum leat_status ask_set(struct client *client, struct leat_gtid_set *set, struct leat_bytes *room, struct leat_error *err,
                                const char *name)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT @@global.%s", name);
    enum leat_status status = ask_long(client, room, err, sql);
    if (status == LEAT_OK && !leat_gtid_set_parse(set, (const char *)room->data, room->len - 1))
        status = leat_fail(err, LEAT_STOP, "%s: its %s cannot be read: %.100s", client->where, name, (const char *)room->data);
    return status;
}

/* Does it apply another server's transactions just now? The other may be dead already. */
static bool is_replica(struct client *client)
{
    MYSQL_RES *result;
    struct leat_error refused;
    char value[16];
    if (client->is_mariadb)
        return client_query(client, &result, &refused, "SHOW GLOBAL STATUS LIKE 'Slaves_running'") == LEAT_OK &&
               client_cell(result, "Value", value, sizeof value) && strcmp(value, "0") != 0;
    bool is_new = client->version >= 80022;
    return client_query(client, &result, &refused, is_new ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS") == LEAT_OK &&
           client_cell(result, is_new ? "Replica_SQL_Running" : "Slave_SQL_Running", value, sizeof value) &&
           strcasecmp(value, "Yes") == 0;
}

/* ---- by GTIDs ---- */

static enum leat_status judge_sets(struct client *client, const struct position *position, enum verdict *verdict,
                                   struct leat_bytes *missing, struct leat_error *err)
{
    struct leat_gtid_set executed, purged;
    leat_gtid_set_init(&executed);
    leat_gtid_set_init(&purged);
    enum leat_status status = ask_set(client, &executed, missing, err, "gtid_executed");
    if (status == LEAT_OK)
        status = ask_set(client, &purged, missing, err, "gtid_purged");
    leat_bytes_clear(missing);
    if (status == LEAT_OK)
        *verdict = verdict_of_sets(&position->gtids.set, &executed, &purged, missing);
    leat_gtid_set_fini(&executed);
    leat_gtid_set_fini(&purged);
    return status;
}

static enum leat_status judge_lists(struct client *client, const struct position *position, enum verdict *verdict,
                                    struct leat_bytes *missing, struct leat_error *err)
{
    struct leat_bytes state;
    struct leat_gtid_list first;
    char file[256];
    leat_bytes_init(&state, (size_t)16 << 20);
    leat_gtid_list_init(&first);
    enum leat_status status = client_first_file(client, file, sizeof file, err);
    if (status == LEAT_OK) {
        char sql[400];
        snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', 4)", file);
        status = ask_long(client, missing, err, sql);
    }
    if (status == LEAT_OK)
        status = ask_long(client, &state, err, "SELECT CONCAT(@@global.gtid_binlog_state, ',', @@global.gtid_slave_pos)");
    bool is_good = status == LEAT_OK && leat_gtid_list_parse(&first, (const char *)missing->data, missing->len - 1);
    leat_bytes_clear(missing);
    if (is_good)
        is_good = verdict_of_lists(verdict, &position->gtids.list, (const char *)state.data, &first, missing);
    if (status == LEAT_OK && !is_good)
        status = leat_fail(err, LEAT_STOP, "%s: its gtid_binlog_state cannot be read", client->where);
    leat_bytes_fini(&state);
    leat_gtid_list_fini(&first);
    return status;
}

/* A MySQL sends a transaction before its commit is in gtid_executed: with semi-synchronous replicas, long before. OK: it is there
 * by now. AGAIN: it may still come, as the place that was read lies within the log. EOF: it does not. */
static enum leat_status await_commit(struct client *client, const struct position *position, const char *missing, struct leat_error *err)
{
    enum { WAIT_S = 2 };
    struct client_place end;
    char answer[16] = "";
    bool can_wait = client->version >= 50705;
    if (client->is_mariadb)
        return LEAT_EOF;
    enum leat_status status = can_wait ? client_ask(client, answer, sizeof answer, err, "SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', %d)",
                                                    missing, WAIT_S)
                                       : LEAT_OK;
    if (status != LEAT_OK || strcmp(answer, "0") == 0)
        return status;
    status = client_end(client, &end, err);
    if (status != LEAT_OK)
        return status;
    return position->file[0] && position_compare(position, end.file, end.pos) <= 0 ? LEAT_AGAIN : LEAT_EOF;
}

static enum leat_status judge_behind(struct client *client, const struct position *position, const char *connector, bool is_elsewhere,
                                     const char *missing, enum history *history, struct leat_error *err)
{
    enum leat_status status = is_elsewhere ? LEAT_EOF : await_commit(client, position, missing, err);
    if (status == LEAT_RETRY || status == LEAT_OK)
        return status;
    bool may_come = is_elsewhere ? is_replica(client) : status == LEAT_AGAIN;
    return is_behind(client, position, connector, missing, is_elsewhere, may_come, history, err);
}

static enum leat_status check_gtids(struct client *client, const struct position *position, const char *connector,
                                    bool is_elsewhere, enum history *history, struct leat_error *err)
{
    struct leat_bytes missing;
    enum verdict verdict = VERDICT_GOES_ON;
    leat_bytes_init(&missing, (size_t)16 << 20);
    enum leat_status status = client->is_mariadb ? judge_lists(client, position, &verdict, &missing, err)
                                                 : judge_sets(client, position, &verdict, &missing, err);
    leat_bytes_put(&missing, 0);
    const char *text = (const char *)missing.data;
    if (status == LEAT_OK && verdict == VERDICT_BEHIND)
        status = judge_behind(client, position, connector, is_elsewhere, text, history, err);
    if (status == LEAT_OK && verdict == VERDICT_PURGED) {
        *history = HISTORY_PURGED;
        status = is_purged(client, connector, text, err);
    }
    leat_bytes_fini(&missing);
    return status;
}

/* ---- by file and place ---- */

/* "BEGIN GTID 0-1-74", "SET @@SESSION.GTID_NEXT= 'uuid:74'": what follows our place is newer than what we have. */
static bool is_older(const struct gtids *ours, const char *info)
{
    unsigned domain, server;
    unsigned long long seq;
    const char *text = strstr(info, "GTID ");
    if (text && sscanf(text + 5, "%u-%u-%llu", &domain, &server, &seq) == 3)
        return leat_gtid_list_has(&ours->list, domain, seq);
    text = strstr(info, "GTID_NEXT= '");
    struct leat_gtid_set next;
    leat_gtid_set_init(&next);
    bool is_ours = text && leat_gtid_set_parse(&next, text + 12, strcspn(text + 12, "'")) && !leat_gtid_set_is_empty(&next) &&
                   leat_gtid_set_contains(&ours->set, &next);
    leat_gtid_set_fini(&next);
    return is_ours;
}

static enum leat_status check_files(struct client *client, const struct position *position, const char *connector,
                                    enum history *history, struct leat_error *err)
{
    struct client_place place;
    char why[700], first[256];
    enum leat_status status = client_end(client, &place, err);
    if (status == LEAT_OK)
        status = client_first_file(client, first, sizeof first, err);
    if (status != LEAT_OK)
        return status;
    if (position_compare(position, place.file, place.pos) > 0) {
        snprintf(why, sizeof why, "it ends at %s:%llu", place.file, (unsigned long long)place.pos);
        *history = HISTORY_DIFFERS;
        return other_history(client, position, connector, why, err);
    }
    if (position->gtids.kind == GTIDS_NONE && position_compare(position, first, 0) < 0) {
        snprintf(why, sizeof why, "%s from %llu on (it begins with %s)", position->file, (unsigned long long)position->pos, first);
        *history = HISTORY_PURGED;
        return is_purged(client, connector, why, err);
    }
    return LEAT_OK;
}

/* What is refused there, but for a file that is gone, is no place between two events; each server has its own words for it. */
static bool is_no_place(const struct client *client, const struct leat_error *refused)
{
    enum { CANNOT_SHOW = 1220 };
    return mysql_errno(client->mysql) == CANNOT_SHOW && !strstr(refused->text, "find target log");
}

/* Can a transaction begin with it, or a file end with it? */
static bool is_between(const char *type)
{
    return !strstr(type, "rows") && strcmp(type, "Table_map") != 0 && strcmp(type, "Xid") != 0;
}

/* The first event there; NULL: none, or it cannot be asked (`refused`). */
static MYSQL_RES *ask_event(struct client *client, const char *file, uint64_t pos, MYSQL_ROW *row, struct leat_error *refused)
{
    MYSQL_RES *result;
    char name[CLIENT_NAME_MAX];
    *row = NULL;
    if (client_query(client, &result, refused, "SHOW BINLOG EVENTS IN %s FROM %llu LIMIT 1", client_text(client, name, file),
                     (unsigned long long)pos) != LEAT_OK)
        return NULL;
    *row = mysql_num_fields(result) >= 6 ? mysql_fetch_row(result) : NULL;
    return result;
}

bool history_begins_at(struct client *client, const char *file, uint64_t pos, char why[HISTORY_WHY_MAX])
{
    struct leat_error refused;
    MYSQL_ROW row;
    MYSQL_RES *result = ask_event(client, file, pos, &row, &refused);
    bool is_good = result && (!row || !row[2] || is_between(row[2]));
    if (!result)
        snprintf(why, HISTORY_WHY_MAX, "%s", is_no_place(client, &refused) ? "no event begins there" : "it has no such file");
    else if (!is_good)
        snprintf(why, HISTORY_WHY_MAX, "no transaction begins there, but %.100s", row[2]);
    mysql_free_result(result);
    return is_good;
}

/* A transaction begins where we stopped, and it is newer. */
static enum leat_status check_next(struct client *client, const struct position *position, const char *connector,
                                   enum history *history, struct leat_error *err)
{
    struct leat_error refused;
    MYSQL_ROW row;
    const char *why = NULL;
    MYSQL_RES *result = ask_event(client, position->file, position->pos, &row, &refused);
    if (!result && is_no_place(client, &refused))
        why = "no event begins there";
    else if (row && row[2] && !is_between(row[2]))
        why = "no transaction begins there";
    else if (row && row[5] && is_older(&position->gtids, row[5]))
        why = "what follows there is older";
    mysql_free_result(result);
    if (!why)
        return LEAT_OK;
    *history = HISTORY_DIFFERS;
    return other_history(client, position, connector, why, err);
}

static enum leat_status check(struct client *client, const struct position *position, const char *connector,
                              enum history *history, struct leat_error *err)
{
    char identity[sizeof position->server];
    enum leat_status status = client_identity(client, identity, sizeof identity, err);
    if (status != LEAT_OK)
        return status;
    bool is_elsewhere = history_is_elsewhere(position, identity);
    bool has_gtids = position->gtids.kind == (client->is_mariadb ? GTIDS_LIST : GTIDS_SET) && client_knows_gtids(client);
    if (is_elsewhere && !has_gtids) {
        *history = HISTORY_DIFFERS;
        return has_no_gtids(client, position, connector, identity, err);
    }
    if (has_gtids)
        status = check_gtids(client, position, connector, is_elsewhere, history, err);
    struct leat_error other;
    if (*history == HISTORY_BEHIND && !is_elsewhere && check_next(client, position, connector, history, &other) == LEAT_STOP)
        return leat_fail(err, LEAT_STOP, "%s", other.text); /* a log that began anew and has grown past our place */
    if (status != LEAT_OK || is_elsewhere || !position->file[0])
        return status;
    status = check_files(client, position, connector, history, err);
    return status == LEAT_OK ? check_next(client, position, connector, history, err) : status;
}

enum leat_status history_check(struct client *client, const struct position *position, const char *connector,
                               enum history *history, struct leat_error *err)
{
    *history = HISTORY_UNKNOWN;
    enum leat_status status = check(client, position, connector, history, err);
    if (status == LEAT_OK)
        *history = HISTORY_GOES_ON;
    return status;
}
