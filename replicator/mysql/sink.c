/* sink.c - the mysql sink's calls.
 *
 *   put   records -> effects on tables (stage.c), tables made where they lack something (dest.c)
 *         START TRANSACTION; mark (ledger.c); effects (apply.c); COMMIT
 *
 * A record that the server refuses is found by halving: what stands before it is applied, with savepoints, as it would be
 * without it. The transaction is then rolled back and the host puts the batch again without the record.
 * Every trouble with the connection, an unanswered COMMIT too, ends this life: the next claim waits for the old transaction's
 * end and reads from the mark what came of it (I5). */
#include <mysql/mysql.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <leat/metric.h>
#include <model/template.h>
#include <mysql/client_options.h>
#include <mysql/effects.h>
#include <mysql/ledger.h>
#include <mysql/sink_check.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_TIMEOUT_S 900
#define REST_US 3000000
#define LANES_LOOK_US 20000
#define TRIES_MOST 10 /* of a transaction that deadlocks, before the task backs off */

struct mysql_sink {
    struct sink_settings settings;
    bool create;
    /* open */
    struct client client;
    const char *name_of_task;
    bool is_open;
    uint32_t lane, lanes;
    struct leat_time used_at; /* the connection */
    bool is_waiting;       /* for other lanes */
    uint64_t part_batch;   /* lanes: of the batch with this number ... */
    uint32_t part_records; /* ... so many records are in the target */
    struct leat_cursor reached; /* lanes: where the others were told that we wait */
    struct ledger ledger;
    struct effects effects;
    struct leat_template *table;
    bool is_per_table;
    struct leat_table dests; /* name -> struct dest */
    struct leat_bytes name;
    const struct leat_schema *last_schema; /* whose table is ... */
    const struct leat_topic *last_topic;
    struct dest *last;
};
enum { MODE_UPSERT, MODE_APPEND };

#define AT(member) offsetof(struct mysql_sink, member)
static const char *const mode_choices[] = {"upsert", "append", NULL};
static const struct leat_option options[] = {
    CLIENT_SERVER_OPTIONS(struct mysql_sink, settings.client),
    {.name = "user", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(settings.client.user),
     .about = "User with SELECT, INSERT, UPDATE and DELETE on the database; CREATE and ALTER too with create: true.",
     .example = "leat", .alias = "connection.username"},
    CLIENT_PASSWORD_OPTION(struct mysql_sink, settings.client),
    {.name = "database", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(settings.database),
     .about = "Database of the tables and of the marks.", .example = "copy"},
    {.name = "table", .type = LEAT_OPT_TEMPLATE, .offset = AT(settings.table), .preset = "{table}",
     .about = "Table of a record, in that database.", .example = "{database}_{table}", .alias = "collection.name.format"},
    {.name = "mode", .type = LEAT_OPT_CHOICE, .offset = AT(settings.mode), .preset = "upsert", .choices = mode_choices,
     .about = "upsert: the table becomes what the source is; append: one row for each record, deletes too."},
    {.name = "create", .type = LEAT_OPT_BOOL, .offset = AT(create), .preset = "false",
     .about = "Make tables that are missing, and add columns that are, from the records' schemas."},
    {.name = "marks_table", .type = LEAT_OPT_TEXT, .offset = AT(settings.marks_table), .preset = "leat_marks",
     .about = "Table of the marks: how far this sink has come, changed in the transactions of the data."},
    CLIENT_ENCRYPTION_OPTIONS(struct mysql_sink, settings.client),
    {0}};

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct mysql_sink *self = arg;
    return sink_check(&self->settings, self->create, report, err);
}

/* ---- open and close ---- */

/* Values are stored as they are or refused: strict, but for dates with zeros and numbers that a key counts up from, which a
 * source may hold. */
static enum leat_status set_session(struct client *client, struct leat_error *err)
{
    enum leat_status status = client_run(
        client, err,
        "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', autocommit = 1, "
        "innodb_lock_wait_timeout = 20");
    if (status == LEAT_OK)
        status = client_run(client, err, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    /* A frozen instance holds no lock for long. MySQL knows no limit of a transaction's rest but that of the connection's. */
    if (status == LEAT_OK)
        status = client_run(client, err, client->is_mariadb ? "SET idle_transaction_timeout = 10" : "SET wait_timeout = 10");
    return status;
}

static enum leat_status start_effects(struct mysql_sink *self, struct leat_error *err)
{
    char packet[32];
    enum leat_status status = client_ask(&self->client, packet, sizeof packet, err, "SELECT @@max_allowed_packet");
    effects_init(&self->effects, self->settings.mode == MODE_APPEND, status == LEAT_OK ? strtoull(packet, NULL, 10) : 0);
    return status;
}

static enum leat_status open_mysql(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                   struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct mysql_sink *self = arg;
    *guarantee = LEAT_EXACTLY_ONCE;
    leat_table_init(&self->dests);
    leat_bytes_init(&self->name, 256);
    self->last = NULL;
    self->name_of_task = leat_task_name(task);
    self->lane = claim->count > 0 ? lane_of(claim->names[0]).number : 0;
    self->lanes = claim->count > 0 ? lane_of(claim->names[0]).count : 1;
    self->is_waiting = false;
    self->part_batch = 0;
    self->reached.len = 0;
    self->table = leat_template_new(self->settings.table, false, err);
    if (!self->table)
        return LEAT_STOP;
    self->is_per_table = leat_template_is_per_table(self->table);
    enum leat_status status = client_open(&self->client, &self->settings.client, READ_TIMEOUT_S, task, err);
    if (status != LEAT_OK)
        return status;
    self->is_open = true;
    ledger_init(&self->ledger, &self->client, self->settings.database, self->settings.marks_table, leat_task_name(task));
    status = start_effects(self, err);
    if (status == LEAT_OK)
        status = set_session(&self->client, err);
    if (status == LEAT_OK)
        status = ledger_create(&self->ledger, &self->client, err);
    if (status == LEAT_OK)
        status = ledger_claim(&self->ledger, &self->client, leat_task_keep(task, sizeof(struct ledger_owner)), task, claim,
                              stored, err);
    if (status == LEAT_OK)
        leat_task_progress(task, "writing to %s", self->client.where);
    return status;
}

static enum leat_status peek_marks(void *arg, const char *connector, const struct leat_splits *splits, struct leat_marks *found,
                                   struct leat_error *err)
{
    const struct mysql_sink *self = arg;
    struct client client;
    struct ledger ledger;
    enum leat_status status = client_open(&client, &self->settings.client, READ_TIMEOUT_S, NULL, err);
    if (status != LEAT_OK)
        return status;
    ledger_init(&ledger, &client, self->settings.database, self->settings.marks_table, connector);
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++)
        status = ledger_peek(&ledger, &client, splits->names[i], &found->items[i], found->owners[i], err);
    ledger_fini(&ledger);
    client_close(&client);
    return status;
}

static void free_dest(void *dest)
{
    dest_free(dest);
}

static void close_mysql(void *arg, struct leat_task *task)
{
    struct mysql_sink *self = arg;
    leat_task_guard(task, -1);
    if (self->is_open) {
        client_close(&self->client);
        ledger_fini(&self->ledger);
        effects_fini(&self->effects);
    }
    self->is_open = false;
    leat_table_fini(&self->dests, free_dest);
    leat_bytes_fini(&self->name);
    if (self->table)
        leat_template_free(self->table);
    self->table = NULL;
}

/* ---- which table ---- */

static enum leat_status fetch(struct mysql_sink *self, struct dest *dest, struct leat_error *err)
{
    enum leat_status status = dest_fetch(dest, self->settings.database, &self->client, err);
    effects_forget(&self->effects);
    if (status == LEAT_OK && dest->exists && !dest->is_transactional)
        return leat_fail(err, LEAT_STOP, "%s: table %s cannot roll back; run: ALTER TABLE %s ENGINE=InnoDB",
                         self->client.where, dest->quoted, dest->quoted);
    return status;
}

static enum leat_status find_dest(struct mysql_sink *self, const struct leat_record *rec, struct dest **dest,
                                  struct leat_error *err)
{
    if (self->last && self->is_per_table && rec->schema == self->last_schema && rec->topic == self->last_topic) {
        *dest = self->last;
        return LEAT_OK;
    }
    leat_bytes_clear(&self->name);
    enum leat_status status = leat_template_fill(self->table, rec, &self->name, err);
    if (status != LEAT_OK)
        return status;
    leat_bytes_put(&self->name, 0);
    if (self->name.is_over || self->name.len == 1) {
        self->name.is_over = false;
        return leat_fail(err, LEAT_REJECT, "its table's name is %s", self->name.len == 1 ? "empty" : "too long");
    }
    *dest = leat_table_get(&self->dests, self->name.data, self->name.len - 1);
    if (!*dest) {
        *dest = dest_new(self->settings.database, (const char *)self->name.data);
        leat_table_set(&self->dests, self->name.data, self->name.len - 1, *dest);
        status = fetch(self, *dest, err);
    }
    self->last = *dest;
    self->last_schema = rec->schema;
    self->last_topic = rec->topic;
    return status;
}

/* ---- tables that lack something ---- */

static enum leat_status run_ddl(struct mysql_sink *self, uint32_t split, struct dest *dest, struct leat_bytes *sql,
                                struct leat_error *err)
{
    enum leat_status status =
        ledger_intend(&self->ledger, &self->client, split, (const char *)sql->data, sql->len, err);
    if (status != LEAT_OK)
        return status;
    leat_say(LEAT_INFO, self->name_of_task, "%s", (const char *)sql->data);
    if (mysql_real_query(self->client.mysql, (const char *)sql->data, (unsigned long)sql->len) != 0) {
        unsigned code = mysql_errno(self->client.mysql);
        status = effects_failed(&self->client, dest->exists ? "adding columns" : "making the table", err);
        if (code == ER_DUP_FIELDNAME) /* another lane was there first */
            status = LEAT_OK;
        else if (status == LEAT_REJECT)
            status = LEAT_STOP;
    }
    return status == LEAT_OK ? fetch(self, dest, err) : status;
}

/* Makes the table fit the record, or says what would. *is_done: there was something to do; another lane may have done part
 * of it. */
static enum leat_status fit(struct mysql_sink *self, uint32_t split, struct dest *dest, const struct leat_record *rec,
                            bool *is_done, struct leat_error *err)
{
    struct leat_bytes sql;
    *is_done = false;
    leat_bytes_init(&sql, (size_t)1 << 20);
    enum leat_status status =
        dest_ddl(dest, &self->client, rec, self->settings.mode == MODE_APPEND, &sql, err);
    leat_bytes_put(&sql, 0);
    if (status == LEAT_OK && sql.len > 1) {
        sql.len--;
        *is_done = true;
        if (self->create)
            status = run_ddl(self, split, dest, &sql, err);
        else
            status = leat_fail(err, LEAT_STOP, "%s: %s %s; run: %s; or set create: true", self->client.where,
                               dest->exists ? "columns are missing in table" : "there is no table", dest->quoted,
                               (const char *)sql.data);
    }
    leat_bytes_fini(&sql);
    return status;
}

/* ---- put ---- */

static enum leat_status stage_record(struct mysql_sink *self, const struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err)
{
    const struct leat_record *rec = leat_batch_get(batch, index);
    struct dest *dest = NULL;
    bool is_fitted = true;
    if ((rec->flags & (LEAT_DROPPED | LEAT_TOMBSTONE)) || (rec->op == LEAT_TRUNCATE && self->lane > 0))
        return LEAT_OK;
    enum leat_status status = find_dest(self, rec, &dest, err);
    while (status == LEAT_OK && is_fitted && (!dest->exists || !effects_fits(&self->effects, dest, rec)))
        status = fit(self, leat_batch_split(batch), dest, rec, &is_fitted, err);
    return status == LEAT_OK ? effects_stage(&self->effects, dest, rec, index, err) : status;
}

static enum leat_status stage(struct mysql_sink *self, const struct leat_batch *batch, struct leat_error *err)
{
    bool has_rejects = false;
    effects_clear(&self->effects);
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        enum leat_status status = stage_record(self, batch, i, err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
        } else if (status != LEAT_OK) {
            return status;
        }
    }
    return has_rejects ? LEAT_REJECT : LEAT_OK;
}

/* The mark behind the first `end` records. */
static enum leat_status begin(struct mysql_sink *self, const struct leat_batch *batch, uint32_t end, struct leat_error *err)
{
    struct leat_mark mark = {.layout = 0};
    leat_batch_mark(batch, &mark);
    if (end < leat_batch_count(batch))
        leat_batch_mark_within(batch, end, &mark);
    enum leat_status status = client_run(&self->client, err, "START TRANSACTION");
    return status == LEAT_OK ? ledger_advance(&self->ledger, &self->client, leat_batch_split(batch), &mark, err) : status;
}

/* Records first..end-1 as they are applied without those that the server refuses, which are marked. Depth: log2 of a batch. */
static enum leat_status probe(struct mysql_sink *self, const struct leat_batch *batch, uint32_t first, uint32_t end,
                              bool *has_rejects, struct leat_error *err)
{
    uint32_t middle = first + (end - first) / 2;
    enum leat_status status = client_run(&self->client, err, "SAVEPOINT leat");
    if (status == LEAT_OK)
        status = effects_apply(&self->effects, &self->client, first, end, err);
    if (status != LEAT_REJECT)
        return status;
    if (end - first == 1) {
        leat_batch_reject(batch, first, "%s", err->text);
        *has_rejects = true;
    }
    status = client_run(&self->client, err, "ROLLBACK TO SAVEPOINT leat");
    if (status == LEAT_OK && end - first > 1)
        status = probe(self, batch, first, middle, has_rejects, err);
    if (status == LEAT_OK && end - first > 1)
        status = probe(self, batch, middle, end, has_rejects, err);
    return status;
}

/* The whole batch; first is 0. */
static enum leat_status apply(struct mysql_sink *self, const struct leat_batch *batch, uint32_t first, uint32_t count,
                              struct leat_error *err)
{
    bool has_rejects = false;
    leat_assert(first == 0);
    enum leat_status status = begin(self, batch, count, err);
    if (status == LEAT_OK)
        status = effects_apply(&self->effects, &self->client, 0, count, err);
    if (status != LEAT_REJECT)
        return status;
    status = client_run(&self->client, err, "ROLLBACK");
    if (status == LEAT_OK)
        status = begin(self, batch, count, err);
    if (status == LEAT_OK)
        status = probe(self, batch, 0, count, &has_rejects, err);
    if (status != LEAT_OK || !has_rejects)
        return status; /* in pieces all of it was taken */
    status = client_run(&self->client, err, "ROLLBACK");
    return status == LEAT_OK ? LEAT_REJECT : status;
}

/* The server has rolled back, or waits for us to: nothing of it was applied, and who won is over it. Of a lock that somebody
 * holds for so long that the wait for it ended, a person has to be told: that is RETRY. */
static bool lost_a_race(const struct mysql_sink *self)
{
    unsigned code = self->client.last_code;
    return code == ER_LOCK_DEADLOCK || code == ER_CHECKREAD;
}

/* `work` once more as long as it only lost a race. */
typedef enum leat_status work_f(struct mysql_sink *self, const struct leat_batch *batch, uint32_t first, uint32_t end,
                                struct leat_error *err);
static enum leat_status race(struct mysql_sink *self, struct leat_task *task, work_f *work, const struct leat_batch *batch,
                             uint32_t first, uint32_t end, struct leat_error *err)
{
    enum leat_status status;
    for (int tries = 1; (status = work(self, batch, first, end, err)) == LEAT_RETRY && tries < TRIES_MOST && lost_a_race(self);
         tries++) {
        leat_count(task, "mysql_lost_races", 1);
        if (leat_task_is_stopping(task) || client_run(&self->client, err, "ROLLBACK") != LEAT_OK)
            return LEAT_RETRY;
    }
    return status;
}

static enum leat_status commit(struct mysql_sink *self, const struct leat_batch *batch, struct leat_error *err)
{
    if (mysql_real_query(self->client.mysql, "COMMIT", 6) != 0) {
        enum leat_status status = effects_failed(&self->client, "COMMIT, whose outcome the mark will say", err);
        return status == LEAT_REJECT ? LEAT_RETRY : status;
    }
    ledger_advanced(&self->ledger, leat_batch_split(batch));
    return LEAT_OK;
}

/* ---- lanes ----
 *
 * At a truncate all lanes meet: each says that it has reached it; lane 0 empties the table when all have, and the others go
 * on behind it.
 * A record that is refused may only be early: the row that it collides with, or lacks, may be on its way in another lane. What
 * stands before it is committed, and it is tried again until all the others have come to its place. Of all lanes that wait
 * the one with the earliest record finds the others ahead of it, so that they never wait for each other. */

static enum leat_status meet(struct mysql_sink *self, const struct leat_batch *batch, const struct leat_cursor *place,
                             bool is_lane0_enough, bool *have_met, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    uint32_t split = leat_batch_split(batch);
    if (self->reached.len == 0 || leat_cursor_compare(&self->reached, place) != 0)
        status = ledger_reach(&self->ledger, &self->client, split, place, err);
    self->reached = *place;
    return status == LEAT_OK ? ledger_met(&self->ledger, &self->client, split, place, is_lane0_enough, have_met, err) : status;
}

static enum leat_status wait_for_lanes(struct mysql_sink *self, struct leat_task *task, const char *what)
{
    self->is_waiting = true;
    leat_task_progress(task, "%s: waiting for the other lanes", what);
    leat_count(task, "mysql_waits_for_lanes", 1);
    return LEAT_AGAIN;
}

/* Records first..end-1 and their mark, whole or not at all. */
static enum leat_status apply_part(struct mysql_sink *self, const struct leat_batch *batch, uint32_t first, uint32_t end,
                                   struct leat_error *err)
{
    enum leat_status status = begin(self, batch, end, err);
    if (status == LEAT_OK)
        status = effects_apply(&self->effects, &self->client, first, end, err);
    if (status != LEAT_REJECT)
        return status;
    struct leat_error refused = *err;
    status = client_run(&self->client, err, "ROLLBACK");
    if (status == LEAT_OK)
        *err = refused;
    return status == LEAT_OK ? LEAT_REJECT : status;
}

static enum leat_status put_part(struct mysql_sink *self, struct leat_task *task, const struct leat_batch *batch,
                                 uint32_t first, uint32_t end, struct leat_error *err)
{
    enum leat_status status = race(self, task, apply_part, batch, first, end, err);
    if (status == LEAT_OK)
        status = commit(self, batch, err);
    if (status == LEAT_OK) {
        self->part_batch = leat_batch_number(batch);
        self->part_records = end;
    }
    return status;
}

/* The first record of first..end-1 that is refused is next: what stands before it is committed. */
static enum leat_status put_up_to_refused(struct mysql_sink *self, struct leat_task *task, const struct leat_batch *batch,
                                          uint32_t first, uint32_t end, struct leat_error *err)
{
    while (end - first > 1) {
        uint32_t middle = first + (end - first) / 2;
        enum leat_status status = put_part(self, task, batch, first, middle, err);
        if (status == LEAT_OK)
            first = middle;
        else if (status == LEAT_REJECT)
            end = middle;
        else
            return status;
    }
    return LEAT_OK;
}

/* Record `index`, before which all is done. */
static enum leat_status put_refused(struct mysql_sink *self, struct leat_task *task, const struct leat_batch *batch,
                                    uint32_t index, struct leat_error *err)
{
    struct leat_cursor place = leat_batch_cursor(batch, index);
    bool have_met;
    enum leat_status status = meet(self, batch, &place, false, &have_met, err); /* asked before it is tried */
    if (status == LEAT_OK)
        status = put_part(self, task, batch, index, index + 1, err);
    if (status != LEAT_REJECT)
        return status;
    if (!have_met)
        return wait_for_lanes(self, task, "a record is refused so far");
    leat_batch_reject(batch, index, "%s", err->text);
    return LEAT_REJECT;
}

static bool is_truncate(const struct leat_batch *batch)
{
    return leat_batch_count(batch) == 1 && leat_batch_get(batch, 0)->op == LEAT_TRUNCATE;
}

static enum leat_status put_lane(struct mysql_sink *self, struct leat_task *task, const struct leat_batch *batch,
                                 struct leat_error *err)
{
    uint32_t count = leat_batch_count(batch);
    bool have_met = true;
    enum leat_status status = LEAT_OK;
    if (self->part_batch != leat_batch_number(batch))
        self->part_records = 0;
    if (is_truncate(batch) && self->settings.mode == MODE_UPSERT) {
        struct leat_cursor place = leat_batch_cursor(batch, 0);
        status = meet(self, batch, &place, self->lane > 0, &have_met, err);
    }
    if (status == LEAT_OK && !have_met)
        return wait_for_lanes(self, task, "a truncate");
    while (status == LEAT_OK) {
        status = put_part(self, task, batch, self->part_records, count, err);
        if (status != LEAT_REJECT)
            break;
        status = put_up_to_refused(self, task, batch, self->part_records, count, err);
        if (status == LEAT_OK)
            status = put_refused(self, task, batch, self->part_records, err);
    }
    return status;
}

/* ---- put ---- */

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    struct mysql_sink *self = arg;
    self->is_waiting = false;
    self->used_at = leat_now();
    enum leat_status status = stage(self, batch, err);
    if (status != LEAT_OK)
        return status;
    if (self->lanes > 1)
        return put_lane(self, task, batch, err);
    status = race(self, task, apply, batch, 0, leat_batch_count(batch), err);
    return status == LEAT_OK ? commit(self, batch, err) : status;
}

/* A server that restarts may have lost its tail: that must not wait for the next record. A connection that is at rest becomes
 * readable only by its end. One that rests for long is asked who owns the marks, also so that it is not closed. */
static enum leat_status look_at_connection(struct mysql_sink *self, struct leat_error *err)
{
    struct pollfd end = {.fd = mysql_get_socket(self->client.mysql), .events = POLLIN};
    bool is_resting = leat_now().ns - self->used_at.ns > (int64_t)REST_US * 1000;
    if (leat_os->poll(&end, 1, 0) <= 0 && !is_resting)
        return LEAT_OK;
    self->used_at = leat_now();
    return ledger_look(&self->ledger, &self->client, err);
}

/* What put() took is done; a lane that waits for others looks again soon. */
static enum leat_status settle(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                               struct leat_time *next, struct leat_error *err)
{
    struct mysql_sink *self = arg;
    (void)task, (void)rejects;
    *done = UINT64_MAX;
    *next = self->is_waiting ? leat_after_us(LANES_LOOK_US) : LEAT_NEVER;
    return look_at_connection(self, err);
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg, (void)why;
    return LEAT_EXACTLY_ONCE;
}

const struct leat_sink_type leat_sink_mysql = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK | LEAT_BARRIERS,
    .name = "mysql",
    .about = "Tables of MySQL and MariaDB, exactly once: upserts and deletes, or one row for each record.",
    .size = sizeof(struct mysql_sink),
    .options = options,
    .check = check,
    .open = open_mysql,
    .put = put,
    .settle = settle,
    .close = close_mysql,
    .promise = promise,
    .marks = peek_marks,
};
