#include <mysql/ledger.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <mysql/literal.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SQL_MOST (LEAT_MARK_BYTES_MAX * 2 + 8192)

void ledger_init(struct ledger *ledger, const struct client *client, const char *database, const char *table,
                 const char *connector)
{
    char first[CLIENT_NAME_MAX], second[CLIENT_NAME_MAX];
    *ledger = (struct ledger){.count = 0};
    snprintf(ledger->table, sizeof ledger->table, "%s.%s", client_quote(first, sizeof first, database),
             client_quote(second, sizeof second, table));
    client_text(client, ledger->connector, connector);
}

void ledger_fini(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->count; i++)
        free(ledger->rows[i].split);
    free(ledger->rows);
    ledger->rows = NULL;
    ledger->count = 0;
}

enum leat_status ledger_create(struct ledger *ledger, struct client *client, struct leat_error *err)
{
    char is_there[8]; /* asked first: a user without CREATE works on a table that was made for it */
    if (client_ask(client, is_there, sizeof is_there, NULL, "SELECT reached FROM %s LIMIT 0", ledger->table) == LEAT_OK)
        return LEAT_OK;
    if (mysql_errno(client->mysql) == ER_BAD_FIELD_ERROR) /* of a leat that had no lanes here */
        return client_run(client, err, "ALTER TABLE %s ADD COLUMN written MEDIUMTEXT, ADD COLUMN reached VARCHAR(64)",
                          ledger->table);
    return client_run(client, err,
                      "CREATE TABLE IF NOT EXISTS %s (connector VARCHAR(128) NOT NULL, split VARCHAR(255) NOT NULL, "
                      "owner_epoch BIGINT UNSIGNED NOT NULL, sequence BIGINT UNSIGNED NOT NULL, mark VARBINARY(%d), "
                      "owner VARCHAR(255), claimed_at DATETIME(3), ddl_intent MEDIUMTEXT, "
                      "written MEDIUMTEXT, reached VARCHAR(64), PRIMARY KEY (connector, split)) "
                      "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
                      ledger->table, LEAT_MARK_BYTES_MAX);
}

/* ---- claiming ---- */

static void draw_owner(struct ledger_owner *owner)
{
    char host[100] = "";
    uint64_t start;
    if (owner->name[0])
        return;
    gethostname(host, sizeof host - 1);
    leat_os_random(leat_os, &start, sizeof start);
    snprintf(owner->name, sizeof owner->name, "%s, process %ld, start %016llx", host, (long)getpid(),
             (unsigned long long)start);
}

static enum leat_status fenced(const struct ledger_row *row, const char *owner, const char *when, const char *epoch,
                               struct leat_error *err)
{
    return leat_fail(err, LEAT_FENCED,
                     "the target's mark for %s was claimed by another instance: %s, at %s UTC (owner epoch %s, ours was "
                     "%llu); stop one of the two: the one that starts last writes",
                     row->split, owner && owner[0] ? owner : "unknown", when ? when : "an unknown time", epoch,
                     (unsigned long long)row->owner_epoch);
}

struct claiming { /* one split */
    struct ledger_owner *owner;
    struct leat_task *task;
    uint32_t split;
    uint64_t *held;
    struct leat_mark *mark;
};

/* The locked row: owner_epoch, sequence, mark, owner, claimed_at, ddl_intent, written. */
static enum leat_status take_row(struct ledger_row *row, MYSQL_RES *result, const struct claiming *claiming,
                                 struct leat_error *err)
{
    const struct ledger_owner *owner = claiming->owner;
    const uint64_t *held = claiming->held;
    MYSQL_ROW cells = mysql_fetch_row(result);
    if (!cells)
        return leat_fail(err, LEAT_RETRY, "the target's mark for %s is gone again", row->split);
    uint64_t epoch = strtoull(cells[0], NULL, 10);
    row->owner_epoch = *held;
    if (*held > 0 && epoch > *held && (!cells[3] || strcmp(cells[3], owner->name) != 0))
        return fenced(row, cells[3], cells[4], cells[0], err);
    if ((cells[2] && !leat_mark_decode(cells[2], mysql_fetch_lengths(result)[2], claiming->mark)) ||
        (cells[6] && !ledger_tell_written(cells[6], claiming->task, claiming->split, &row->furthest)))
        return leat_fail(err, LEAT_STOP, "the target's mark for %s is damaged; a copy of its row in a backup mends it",
                         row->split);
    bool is_theirs = cells[3] && strcmp(cells[3], owner->name) != 0;
    enum leat_status status =
        leat_task_accepts(claiming->task, claiming->split, claiming->mark, is_theirs ? cells[3] : "", err);
    if (status != LEAT_OK)
        return status;
    row->owner_epoch = (epoch > *held ? epoch : *held) + 1;
    row->sequence = strtoull(cells[1], NULL, 10);
    if (cells[5])
        leat_say(LEAT_WARNING, "mysql", "the last owner was about to run this, and may have: %.300s", cells[5]);
    return LEAT_OK;
}

static enum leat_status claim_row(struct ledger *ledger, struct client *client, const struct claiming *claiming,
                                  struct leat_error *err)
{
    char split[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    struct ledger_row *row = &ledger->rows[claiming->split];
    MYSQL_RES *result;
    client_text(client, split, row->split);
    client_text(client, name, claiming->owner->name);
    enum leat_status status = ledger_recut(ledger, client, row->split, claiming->owner->name, *claiming->held, err);
    if (status == LEAT_OK)
        status = client_run(client, err, "INSERT IGNORE INTO %s (connector, split, owner_epoch, sequence) VALUES (%s, %s, 0, 0)",
                   ledger->table, ledger->connector, split);
    if (status == LEAT_OK)
        status = client_query(client, &result, err,
                              "SELECT owner_epoch, sequence, mark, owner, claimed_at, ddl_intent, written FROM %s WHERE "
                              "connector = %s AND split = %s FOR UPDATE",
                              ledger->table, ledger->connector, split);
    if (status != LEAT_OK)
        return status;
    status = take_row(row, result, claiming, err);
    mysql_free_result(result);
    if (status == LEAT_OK)
        status = client_run(client, err,
                            "UPDATE %s SET owner_epoch = %llu, owner = %s, claimed_at = UTC_TIMESTAMP(3), ddl_intent = NULL, "
                            "reached = NULL WHERE connector = %s AND split = %s",
                            ledger->table, (unsigned long long)row->owner_epoch, name, ledger->connector, split);
    return status;
}

enum leat_status ledger_claim(struct ledger *ledger, struct client *client, struct ledger_owner *owner,
                              struct leat_task *task, const struct leat_splits *claim, struct leat_marks *stored,
                              struct leat_error *err)
{
    uint64_t unheld = 0;
    draw_owner(owner);
    ledger->rows = leat_calloc(claim->count ? claim->count : 1, sizeof *ledger->rows);
    for (ledger->count = 0; ledger->count < claim->count; ledger->count++)
        ledger->rows[ledger->count].split = leat_strdup(claim->names[ledger->count]);
    enum leat_status status = client_run(client, err, "START TRANSACTION");
    for (uint32_t i = 0; status == LEAT_OK && i < claim->count; i++) {
        unheld = 0;
        status = claim_row(ledger, client,
                           &(struct claiming){owner, task, i, i < LEDGER_SPLITS_MAX ? &owner->held[i] : &unheld,
                                              &stored->items[i]},
                           err);
    }
    if (status == LEAT_OK)
        status = client_run(client, err, "COMMIT");
    if (status != LEAT_OK)
        return status;
    for (uint32_t i = 0; i < claim->count && i < LEDGER_SPLITS_MAX; i++)
        owner->held[i] = ledger->rows[i].owner_epoch;
    return LEAT_OK;
}

/* ---- looking, for `leat recover` ---- */

static enum leat_status read_row(MYSQL_ROW cells, const unsigned long *lengths, const char *split, struct leat_mark *mark,
                                 char owner[LEAT_OWNER_MAX], struct leat_error *err)
{
    struct lane ours = lane_of(split), found = lane_of(cells[0]);
    bool is_ours = strcmp(cells[0], split) == 0;
    bool is_other = found.count > 0 && ours.prefix == found.prefix && strncmp(cells[0], split, ours.prefix) == 0 &&
                    found.count != ours.count && cells[1];
    if (is_other || (is_ours && cells[3]))
        return leat_fail(err, LEAT_STOP, "%s holds marks of lanes of another time (%s): set `parallel` to what it was then", split,
                         cells[0]);
    if (!is_ours || !cells[1])
        return LEAT_OK;
    snprintf(owner, LEAT_OWNER_MAX, "%s", cells[2] ? cells[2] : "");
    return leat_mark_decode(cells[1], lengths[1], mark)
               ? LEAT_OK
               : leat_fail(err, LEAT_STOP, "the target's mark for %s is damaged; a copy of its row in a backup mends it", split);
}

enum leat_status ledger_peek(struct ledger *ledger, struct client *client, const char *split, struct leat_mark *mark,
                             char owner[LEAT_OWNER_MAX], struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err, "SELECT split, mark, owner, written FROM %s WHERE connector = %s",
                                           ledger->table, ledger->connector);
    if (status != LEAT_OK)
        return mysql_errno(client->mysql) == ER_NO_SUCH_TABLE ? LEAT_OK : status;
    for (MYSQL_ROW cells; status == LEAT_OK && (cells = mysql_fetch_row(result));)
        status = read_row(cells, mysql_fetch_lengths(result), split, mark, owner, err);
    mysql_free_result(result);
    return status;
}

/* ---- moving ---- */

static enum leat_status name_winner(struct ledger *ledger, struct client *client, const struct ledger_row *row,
                                    struct leat_error *err)
{
    char split[CLIENT_NAME_MAX];
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT owner_epoch, sequence, owner, claimed_at FROM %s WHERE connector = %s AND "
                                           "split = %s",
                                           ledger->table, ledger->connector, client_text(client, split, row->split));
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW cells = mysql_fetch_row(result);
    if (!cells) /* by other lanes, says the next claim, or by hand */
        status = leat_fail(err, LEAT_RETRY, "the target's mark for %s is gone", row->split);
    else if (strtoull(cells[0], NULL, 10) == row->owner_epoch)
        status = leat_fail(err, LEAT_FENCED,
                           "the target's mark for %s was moved by somebody who did not claim it: its sequence is %s, ours %llu",
                           row->split, cells[1], (unsigned long long)row->sequence);
    else
        status = fenced(row, cells[2], cells[3], cells[0], err);
    mysql_free_result(result);
    return status;
}

/* Runs an UPDATE of the row; nothing matched: another owner. */
static enum leat_status update_row(struct ledger *ledger, struct client *client, uint32_t split, struct leat_bytes *sql,
                                   struct leat_error *err)
{
    const struct ledger_row *row = &ledger->rows[split];
    leat_bytes_printf(sql, " WHERE connector = %s AND split = ", ledger->connector);
    literal_text(sql, row->split, strlen(row->split));
    leat_bytes_printf(sql, " AND owner_epoch = %llu AND sequence = %llu", (unsigned long long)row->owner_epoch,
                      (unsigned long long)row->sequence);
    leat_assert(!sql->is_over);
    if (mysql_real_query(client->mysql, (const char *)sql->data, (unsigned long)sql->len) != 0)
        return client_failed(client, "the mark", err);
    return mysql_affected_rows(client->mysql) == 1 ? LEAT_OK : name_winner(ledger, client, row, err);
}

enum leat_status ledger_look(struct ledger *ledger, struct client *client, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < ledger->count; i++) {
        char split[CLIENT_NAME_MAX], answer[16];
        const struct ledger_row *row = &ledger->rows[i];
        status = client_ask(client, answer, sizeof answer, err,
                            "SELECT owner_epoch = %llu AND sequence = %llu FROM %s WHERE connector = %s AND split = %s",
                            (unsigned long long)row->owner_epoch, (unsigned long long)row->sequence, ledger->table,
                            ledger->connector, client_text(client, split, row->split));
        if (status == LEAT_OK && strcmp(answer, "1") != 0)
            status = name_winner(ledger, client, row, err);
    }
    return status;
}

enum leat_status ledger_advance(struct ledger *ledger, struct client *client, uint32_t split, struct leat_mark *mark,
                                struct leat_error *err)
{
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    struct leat_bytes sql;
    leat_assert(split < ledger->count);
    const struct ledger_row *row = &ledger->rows[split];
    mark->owner_epoch = row->owner_epoch;
    mark->sequence = row->sequence + 1;
    leat_bytes_init(&sql, SQL_MOST);
    leat_bytes_printf(&sql, "UPDATE %s SET sequence = sequence + 1, ddl_intent = NULL, mark = ", ledger->table);
    literal_bytes(&sql, bytes, leat_mark_encode(mark, bytes));
    if (row->furthest.len > 0 && leat_cursor_compare(&mark->cursor, &row->furthest) >= 0)
        leat_bytes_text(&sql, ", written = NULL");
    enum leat_status status = update_row(ledger, client, split, &sql, err);
    leat_bytes_fini(&sql);
    return status;
}

void ledger_advanced(struct ledger *ledger, uint32_t split)
{
    ledger->rows[split].sequence++;
}

/* ---- lanes that wait for each other ---- */

enum leat_status ledger_reach(struct ledger *ledger, struct client *client, uint32_t split, const struct leat_cursor *place,
                              struct leat_error *err)
{
    char text[CURSOR_TEXT];
    struct leat_bytes sql;
    leat_bytes_init(&sql, SQL_MOST);
    leat_bytes_printf(&sql, "UPDATE %s SET sequence = sequence + 1, reached = '%s'", ledger->table,
                      cursor_text(place, text));
    enum leat_status status = update_row(ledger, client, split, &sql, err);
    leat_bytes_fini(&sql);
    if (status == LEAT_OK)
        ledger->rows[split].sequence++;
    return status;
}

/* mark, reached of another lane: is it at the place, or behind it? */
static bool is_there(MYSQL_ROW cells, unsigned long len, bool needs_mark, const struct leat_cursor *place)
{
    struct leat_mark mark;
    struct leat_cursor reached;
    const char *text = cells[1] ? cells[1] : "";
    if (cells[0] && leat_mark_decode(cells[0], len, &mark) && leat_cursor_compare(&mark.cursor, place) >= 0)
        return true;
    return !needs_mark && cursor_parse(&text, &reached) && leat_cursor_compare(&reached, place) >= 0;
}

enum leat_status ledger_met(struct ledger *ledger, struct client *client, uint32_t split, const struct leat_cursor *place,
                            bool is_lane0_enough, bool *have_met, struct leat_error *err)
{
    char other[CLIENT_NAME_MAX], name[320];
    const char *ours = ledger->rows[split].split;
    struct lane lane = lane_of(ours);
    enum leat_status status = LEAT_OK;
    *have_met = true;
    for (uint32_t i = 0; status == LEAT_OK && *have_met && i < (is_lane0_enough ? 1 : lane.count); i++) {
        MYSQL_RES *result;
        if (i == lane.number)
            continue;
        snprintf(name, sizeof name, "%.*s%uof%u", (int)lane.prefix, ours, i, lane.count);
        status = client_query(client, &result, err, "SELECT mark, reached FROM %s WHERE connector = %s AND split = %s",
                              ledger->table, ledger->connector, client_text(client, other, name));
        if (status != LEAT_OK)
            break;
        MYSQL_ROW cells = mysql_fetch_row(result);
        *have_met = cells && is_there(cells, mysql_fetch_lengths(result)[0], is_lane0_enough, place);
        mysql_free_result(result);
    }
    return status;
}

enum leat_status ledger_intend(struct ledger *ledger, struct client *client, uint32_t split, const char *ddl, size_t len,
                               struct leat_error *err)
{
    struct leat_bytes sql;
    struct ledger_row *row = &ledger->rows[split];
    leat_bytes_init(&sql, 2 * len + SQL_MOST);
    leat_bytes_printf(&sql, "UPDATE %s SET sequence = sequence + 1, ddl_intent = ", ledger->table);
    literal_text(&sql, ddl, len);
    enum leat_status status = update_row(ledger, client, split, &sql, err);
    leat_bytes_fini(&sql);
    if (status == LEAT_OK)
        row->sequence++;
    return status;
}
