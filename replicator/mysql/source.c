#include <mysql/mysql.h>

#include <base/clock.h>
#include <base/hash.h>
#include <base/text.h>
#include <mysql/client_options.h>
#include <mysql/detour.h>
#include <mysql/dump.h>
#include <mysql/history.h>
#include <mysql/host_name.h>
#include <mysql/hosts.h>
#include <mysql/origin.h>
#include <mysql/preflight.h>
#include <mysql/recorded.h>
#include <mysql/signals.h>
#include <mysql/start.h>
#include <mysql/start_read.h>
#include <mysql/stream.h>
#include <mysql/transaction.h>
#include <poll.h>
#include <stdio.h>

#define ONCE_HEARTBEAT_US 200000
#define COMMIT_WAIT_US 1000000
#define IDLE_WAIT_US 1000000
#define BUSY_WAIT_US 100000 /* while tables are read */
#define MOST_SILENCE_S 86400
#define NEAR_US      ((int64_t)10000000)

struct mysql_source {
    struct client_options client;
    struct leat_list tables_option, hosts_option;
    struct recorded_options recorded_option;
    const char *start;
    const char *signals;
    int64_t snapshot_mode, on_gap, server_id, heartbeat_us;
    struct snapshots_options snapshot;
    struct leat_time next_look; /* at the server's history */
    bool verify;
    struct forms_options forms_options;
    bool tells_ddl;
    /* open */
    struct recorded *recorded; /* in the place of all that follows */
    struct hosts hosts;        /* and which of them it is */
    struct kept *kept;
    struct tables tables;
    struct position place; /* where the stream starts */
    struct snapshots *snapshots;
    struct dump *dump;
    struct stream stream;
    struct xa xa;
    struct detour detour;
    struct forms *forms;
    struct transaction transaction;
    bool has_transaction; /* and it counts */
    bool has_gap; /* what the positions tell is no place any more: all tables are read anew */
    bool has_tables, has_stream, is_caught_up;
    bool is_place_new; /* where the stream starts is not in the topic yet */
    struct leat_time idle_at; /* when nothing more was to be read; 0: not yet */
    char where[300];
    enum leat_status broken; /* an event could not be taken, and is not there again: the next poll() says why */
    struct leat_error why_broken;
    char end_file[256]; /* --once: up to here */
    uint64_t end_pos;
};
enum { SNAPSHOT_INITIAL, SNAPSHOT_NEVER, SNAPSHOT_ONLY, SNAPSHOT_WHEN_NEEDED };
enum { ON_GAP_STOP, ON_GAP_SNAPSHOT };

struct kept { /* over the task's lives */
    bool is_refused; /* the server would not go on, whatever its GTIDs say */
    uint32_t host;
    struct reader reader;
};

#define AT(member) offsetof(struct mysql_source, member)
static const char *const snapshot_choices[] = {"initial", "never", "only", "when_needed", NULL};
static const char *const on_gap_choices[] = {"stop", "snapshot", NULL};
static const struct leat_option options[] = {
    CLIENT_SERVER_OPTIONS(struct mysql_source, client),
    {.name = "hosts", .type = LEAT_OPT_LIST, .offset = AT(hosts_option), .example = "[db1, \"db2:3307\"]",
     .about = "Several servers of one replication, instead of host: the first that answers and can go on by GTID."},
    {.name = "user", .type = LEAT_OPT_TEXT, .offset = AT(client.user),
     .about = "User with REPLICATION SLAVE, BINLOG MONITOR (MySQL: REPLICATION CLIENT, RELOAD) and SELECT; needed, but with files.",
     .example = "leat", .alias = "database.user"},
    CLIENT_PASSWORD_OPTION(struct mysql_source, client),
    {.name = "tables", .type = LEAT_OPT_PATTERNS, .flags = LEAT_OPT_REQUIRED, .offset = AT(tables_option),
     .about = "Tables to capture; * and ? stay inside one part, ! excludes.", .example = "[shop.orders, \"shop.item_*\"]",
     .alias = "table.include.list"},
    {.name = "snapshot", .type = LEAT_OPT_CHOICE, .offset = AT(snapshot_mode), .preset = "initial",
     .choices = snapshot_choices, .alias = "snapshot.mode",
     .about = "Whether the rows of tables that are new to the source are read; only: these, and then the source ends."},
    {.name = "on_gap", .type = LEAT_OPT_CHOICE, .offset = AT(on_gap), .preset = "stop", .choices = on_gap_choices,
     .about = "When changes are lost (purged logs, another history): stop, or read all tables anew, behind a truncate record each."},
    {.name = "start", .type = LEAT_OPT_TEXT, .offset = AT(start), .preset = "current", .example = "earliest",
     .about = "Where a new source without a snapshot begins: earliest, current, bin.000007:4711, GTIDs, a time."},
    {.name = "snapshot_where", .type = LEAT_OPT_PAIRS, .offset = AT(snapshot.where), .example = "{shop.orders: \"id > 5\"}",
     .about = "Which rows of a table a snapshot reads, as a condition in SQL; changes are captured of all."},
    {.name = "snapshot_threads", .type = LEAT_OPT_INT, .offset = AT(snapshot.threads), .preset = "2", .min = 1, .max = 8,
     .about = "Connections that read a snapshot, of one table too.", .alias = "snapshot.max.threads"},
    {.name = "snapshot_rows_per_second", .type = LEAT_OPT_INT, .offset = AT(snapshot.rows_per_second), .preset = "0", .min = 0,
     .max = 1000000000, .about = "Most rows that a snapshot reads in a second; 0: as many as it can."},
    {.name = "signals", .type = LEAT_OPT_TEXT, .offset = AT(signals), .example = "shop.leat_signals", .alias = "signal.data.collection",
     .about = "A table whose new rows are orders: execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot."},
    {.name = "chunk_rows", .type = LEAT_OPT_INT, .offset = AT(snapshot.chunk_rows), .preset = "20000", .min = 1, .max = 100000000,
     .about = "Rows that one SELECT of a snapshot reads."},
    {.name = "server_id", .type = LEAT_OPT_INT, .offset = AT(server_id), .preset = "0", .min = 0, .max = UINT32_MAX,
     .about = "Replica number that we register with; 0: drawn anew with each connection, free of clashes.", .alias = "database.server.id"},
    {.name = "heartbeat", .type = LEAT_OPT_TIME, .offset = AT(heartbeat_us), .preset = "10s", .min = 100000,
     .max = 3600000000, .about = "The server says that it is there so often; silent three times as long, it is gone."},
    {.name = "read_timeout", .type = LEAT_OPT_TIME, .offset = AT(client.silence_us), .preset = "10min", .min = 1000000, .max = 86400000000,
     .about = "How long a SELECT of a snapshot may say nothing before its connection counts as dead."},
    {.name = "verify_checksum", .type = LEAT_OPT_BOOL, .offset = AT(verify), .preset = "true",
     .about = "Check each event's CRC-32."},
    {.name = "columns", .type = LEAT_OPT_VALUE, .offset = AT(forms_options.columns),
     .about = "Columns that are left out or hidden before anything is stored: maps of include, exclude, hash, mask, truncate to "
              "patterns of db.table.column.",
     .example = "{exclude: [\"shop.*.password\"], mask: [\"shop.*.card\"]}", .alias = "column.exclude.list"},
    {.name = "hash_salt", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(forms_options.salt),
     .about = "Text that is hashed before each value of columns: hash."},
    {.name = "keys", .type = LEAT_OPT_VALUE, .offset = AT(forms_options.keys),
     .about = "Columns that make the records' key instead of the primary key, by patterns of db.table.",
     .example = "{shop.orders: [customer, id]}", .alias = "message.key.columns"},
    {.name = "tombstones", .type = LEAT_OPT_BOOL, .offset = AT(forms_options.tombstones), .preset = "false",
     .about = "After a delete a record of its key alone, for compacted topics.", .alias = "tombstones.on.delete"},
    {.name = "transaction_metadata", .type = LEAT_OPT_BOOL, .offset = AT(forms_options.transactions), .preset = "false",
     .about = "Records know their transaction and their place in it; its begin and end are records on topic NAME.transaction.",
     .alias = "provide.transaction.metadata"},
    {.name = "schema_changes", .type = LEAT_OPT_BOOL, .offset = AT(tells_ddl), .preset = "false",
     .about = "Statements that change captured tables are records too, on topic NAME, in the shape of Debezium's schema change topic.",
     .alias = "include.schema.changes"},
    CLIENT_ENCRYPTION_OPTIONS(struct mysql_source, client),
    {.name = "files", .type = LEAT_OPT_PATHS, .offset = AT(recorded_option.files),
     .about = "Recorded binary log files, instead of a server: names and patterns (/backup/bin.*), read by number."},
    {.name = "schema_file", .type = LEAT_OPT_PATH, .offset = AT(recorded_option.schema_file),
     .about = "With files: SQL with the tables as they were before the first file, where the log does not tell them."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    struct mysql_source *self = arg;
    char name[sizeof self->hosts.name];
    int64_t port;
    if (self->recorded_option.files.count > 0)
        return strcmp(self->start, "current") == 0
                   ? forms_validate(&self->forms_options, err)
                   : leat_fail(err, LEAT_STOP, "`start` does not go with `files`: they are read from the oldest one on");
    if (self->recorded_option.schema_file)
        return leat_fail(err, LEAT_STOP, "`schema_file` goes with `files`; a server tells its tables itself");
    if (!self->client.user)
        return leat_fail(err, LEAT_STOP, "`user` is missing (or, to read recorded binary logs, `files`)");
    for (size_t i = 0; i < self->hosts_option.count; i++)
        if (!host_name_read(self->hosts_option.items[i], self->client.port, name, sizeof name, &port))
            return leat_fail(err, LEAT_STOP, "`hosts`: %s is no name of a server, with or without a port: db1, db2:3307, [::1]:3306",
                             self->hosts_option.items[i]);
    struct start start;
    if (!start_read(&start, self->start))
        return leat_fail(err, LEAT_STOP, "`start`: %s is none of earliest, current, bin.000007:4711, GTIDs, a time with its zone", self->start);
    if (start.kind != START_CURRENT && self->snapshot_mode != SNAPSHOT_NEVER)
        return leat_fail(err, LEAT_STOP, "`start` is for a source without a snapshot; add `snapshot: never`");
    return forms_validate(&self->forms_options, err);
}

static void init_hosts(struct mysql_source *self, uint32_t at)
{
    self->hosts = (struct hosts){.options = &self->client, .list = &self->hosts_option};
    hosts_choose(&self->hosts, at);
}

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct mysql_source *self = arg;
    uint32_t count = hosts_count(&self->hosts_option), good = 0;
    enum leat_status status = LEAT_OK;
    struct leat_error one;
    if (self->recorded_option.files.count > 0)
        return recorded_check(&self->recorded_option, report, err);
    for (uint32_t i = 0; i < count; i++) {
        init_hosts(self, i);
        enum leat_status of_one = preflight_check(&self->hosts.chosen, &self->tables_option, count > 1, report, &one);
        if (of_one == LEAT_OK) {
            good++;
            continue;
        }
        status = of_one;
        *err = one;
        if (count > 1) /* for the others to be asked in its place it need not be there now */
            leat_report_warning(report, "%s", one.text);
    }
    return good > 0 ? LEAT_OK : status;
}

/* ---- open ---- */

static void say_hello(struct mysql_source *self, const struct client *client, struct leat_task *task, bool is_new)
{
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 4096);
    gtids_print(&self->place.gtids, &gtid);
    leat_say(LEAT_INFO, leat_task_name(task), "mysql %s@%s:%lld %s %s, %s%.*s%s", self->client.user, self->hosts.chosen.host,
             (long long)self->hosts.chosen.port, client->is_mariadb ? "MariaDB" : "MySQL",
             mysql_get_server_info(client->mysql), is_new ? "new" : "from ", is_new ? 0 : (int)gtid.len,
             gtid.data ? (const char *)gtid.data : "", is_new || gtid.len ? "" : self->place.file);
    leat_bytes_fini(&gtid);
}

static enum leat_status ask_end(struct mysql_source *self, struct client *client, struct leat_error *err)
{
    struct client_place place;
    enum leat_status status = client_end(client, &place, err);
    snprintf(self->end_file, sizeof self->end_file, "%s", place.file);
    self->end_pos = place.pos;
    return status;
}

static unsigned read_timeout_s(const struct mysql_source *self)
{
    return (unsigned)(3 * self->heartbeat_us / 1000000 + 1);
}

static enum leat_status note_end(struct mysql_source *self, struct client *client, struct leat_error *err)
{
    struct client_place place;
    enum leat_status status = client_end(client, &place, err);
    snprintf(self->stream.end_file, sizeof self->stream.end_file, "%s", place.file);
    self->stream.end_pos = place.pos;
    return status;
}

static enum leat_status start_stream(struct mysql_source *self, struct client *client, struct leat_task *task,
                                     struct leat_error *err)
{
    int64_t heartbeat_us = leat_task_is_once(task) ? ONCE_HEARTBEAT_US : self->heartbeat_us;
    stream_init(&self->stream, &self->tables, &self->place, self->where, self->verify);
    tables_at(&self->tables, &self->stream.position, self->stream.file, &self->stream.pos);
    self->stream.tells_ddl = self->tells_ddl;
    self->stream.xa = &self->xa;
    self->stream.transaction = self->has_transaction ? &self->transaction : NULL;
    self->stream.snapshots = self->snapshots;
    self->stream.signal = signals_take;
    self->has_stream = true;
    enum leat_status status = self->place.file[0] ? LEAT_OK : note_end(self, client, err);
    if (status != LEAT_OK)
        return status;
    self->next_look = leat_after_us(self->heartbeat_us);
    return dump_open(&self->dump, client, &self->place, self->server_id, &self->kept->reader, heartbeat_us, task, err);
}

struct judging {
    const struct position *place; /* NULL: a new source */
    bool takes_gap;               /* a server that cannot go on will do */
    bool has_gap;
    const struct hosts *hosts;
    uint32_t refused; /* the one that would not go on, whatever its GTIDs say; NONE_REFUSED */
    const char *connector;
};
#define NONE_REFUSED UINT32_MAX

static enum leat_status judge(void *arg, struct client *client, struct leat_error *err)
{
    struct judging *judging = arg;
    enum history history = HISTORY_GOES_ON;
    enum leat_status status = judging->place ? history_check(client, judging->place, judging->connector, &history, err) : LEAT_OK;
    bool is_refused = judging->hosts->at == judging->refused;
    bool cannot = is_refused || history == HISTORY_PURGED || history == HISTORY_DIFFERS;
    judging->has_gap = judging->takes_gap && cannot && (status == LEAT_OK || status == LEAT_STOP);
    if (status == LEAT_OK && is_refused && !judging->has_gap)
        return leat_fail(err, LEAT_STOP, "%s: it did not go on from where we are", client->where);
    if (status != LEAT_STOP || !judging->has_gap)
        return status;
    leat_say(LEAT_WARNING, judging->connector, "%s", err->text);
    return LEAT_OK;
}

static bool fills_gaps(const struct mysql_source *self)
{
    return self->on_gap == ON_GAP_SNAPSHOT || self->snapshot_mode == SNAPSHOT_WHEN_NEEDED;
}

/* Several servers: a gap it is only if none of them can go on, nor may later; one that has come to it by the second time does. */
static enum leat_status find_server(struct mysql_source *self, struct leat_task *task, bool is_there, struct client *client,
                                    struct leat_error *err)
{
    struct judging judging = {.place = is_there ? &self->place : NULL, .connector = leat_task_name(task), .hosts = &self->hosts,
                              .refused = is_there && fills_gaps(self) && self->kept->is_refused ? self->kept->host : NONE_REFUSED};
    enum leat_status status = hosts_open(&self->hosts, client, read_timeout_s(self), task, judge, &judging, err);
    judging.takes_gap = is_there && fills_gaps(self);
    hosts_choose(&self->hosts, status == LEAT_OK ? self->hosts.at : self->kept->host);
    if (status == LEAT_STOP && judging.takes_gap)
        status = hosts_open(&self->hosts, client, read_timeout_s(self), task, judge, &judging, err);
    self->has_gap = status == LEAT_OK && judging.has_gap;
    self->kept->is_refused = self->kept->is_refused && status != LEAT_OK;
    if (!self->has_gap)
        return status;
    leat_say(LEAT_WARNING, leat_task_name(task), "changes up to now are lost to the log: all tables are read anew (on_gap: snapshot)");
    position_fini(&self->place);
    position_init(&self->place);
    return LEAT_OK;
}

/* On another server it is the GTIDs that count. */
static enum leat_status note_server(struct mysql_source *self, struct leat_task *task, struct client *client, struct leat_error *err)
{
    char identity[sizeof self->place.server];
    enum leat_status status = client_identity(client, identity, sizeof identity, err);
    if (status != LEAT_OK)
        return status;
    if (history_is_elsewhere(&self->place, identity)) {
        leat_say(LEAT_INFO, leat_task_name(task), "%s is another server (%s) than the one before (%s): goes on there by GTID",
                 client->where, identity, self->place.server);
        position_move(&self->place);
    }
    snprintf(self->place.server, sizeof self->place.server, "%s", identity);
    return LEAT_OK;
}

static bool is_start_current(const struct mysql_source *self)
{
    struct start start;
    return start_read(&start, self->start) && start.kind == START_CURRENT;
}

static enum leat_status open_first(struct mysql_source *self, struct leat_task *task, const struct leat_positions *from,
                                   bool is_there, struct client *client, struct leat_error *err)
{
    char lower[8];
    enum leat_status status = client_ask(client, lower, sizeof lower, err, "SELECT @@lower_case_table_names");
    if (status == LEAT_OK && is_there)
        status = note_server(self, task, client, err);
    if (status == LEAT_OK && leat_task_is_once(task))
        status = ask_end(self, client, err);
    if (status != LEAT_OK)
        return status;
    tables_init(&self->tables, task, &self->hosts.chosen, &self->tables_option, strcmp(lower, "0") != 0, client->is_mariadb);
    xa_init(&self->xa);
    self->tables.read_timeout_s = client_patience_s(&self->client, self->tables.read_timeout_s);
    self->has_tables = true;
    self->tables.forms = self->forms = forms_new(&self->forms_options);
    self->has_transaction = self->forms_options.transactions;
    if (self->has_transaction)
        transaction_init(&self->transaction, leat_task_name(task), from);
    self->tables.signals = self->signals;
    if (self->has_gap)
        tables_load_none(&self->tables, from);
    else
        tables_load(&self->tables, from);
    status = xa_load(&self->xa, from, err);
    if (status != LEAT_OK)
        return status;
    if (self->has_gap)
        xa_forget_all(&self->xa);
    say_hello(self, client, task, !is_there);
    status = forms_say_idle(self->forms, &self->tables, client, leat_task_name(task), err);
    if (status != LEAT_OK)
        return status;
    self->snapshot.read_timeout_s = client_patience_s(&self->client, MOST_SILENCE_S);
    self->snapshot.is_initial = self->snapshot_mode != SNAPSHOT_NEVER || self->has_gap;
    if (!is_there)
        status = start_position(client, &self->hosts.chosen, self->snapshot.is_initial ? "current" : self->start, &self->place, err);
    if (status == LEAT_OK && !is_there && !self->snapshot.is_initial && is_start_current(self))
        status = tables_learn_all(&self->tables, client, &self->place, err);
    if (status == LEAT_OK)
        status = snapshots_open(&self->snapshots, &self->snapshot, &self->tables, client, from, !is_there, task, err);
    if (status != LEAT_OK)
        return status;
    self->is_place_new = !is_there;
    struct client taken = *client;
    client->mysql = NULL;
    return start_stream(self, &taken, task, err);
}

static enum leat_status open_recorded(struct mysql_source *self, struct leat_task *task, const struct leat_positions *from,
                                      struct leat_error *err)
{
    self->recorded_option.tables = &self->tables_option;
    self->recorded_option.forms = &self->forms_options;
    self->recorded_option.verify = self->verify;
    return recorded_open(&self->recorded, &self->recorded_option, task, from, err);
}

static enum leat_status open_mysql(void *arg, struct leat_task *task, const struct leat_positions *from,
                                   struct leat_error *err)
{
    struct mysql_source *self = arg;
    struct client client;
    self->broken = LEAT_OK;
    position_init(&self->place);
    if (self->recorded_option.files.count > 0)
        return open_recorded(self, task, from, err);
    self->kept = leat_task_keep(task, sizeof *self->kept);
    init_hosts(self, self->kept->host);
    bool is_there;
    enum leat_status status = position_load(&self->place, from, &is_there, err);
    if (status != LEAT_OK)
        return status;
    status = find_server(self, task, is_there, &client, err);
    if (status != LEAT_OK)
        return status;
    is_there = is_there && !self->has_gap;
    self->kept->host = self->hosts.at;
    snprintf(self->where, sizeof self->where, "%s", client.where);
    status = open_first(self, task, from, is_there, &client, err);
    leat_task_guard(task, -1);
    client_close(&client);
    return status;
}

/* ---- poll ---- */

static bool is_at_end(const struct mysql_source *self, struct leat_task *task)
{
    if (!snapshots_are_done(self->snapshots) || self->stream.is_within)
        return false;
    return self->snapshot_mode == SNAPSHOT_ONLY ||
           (leat_task_is_once(task) && position_compare(&self->stream.position, self->end_file, self->end_pos) >= 0);
}

/* A log that begins anew under us (RESET MASTER) sends nothing at all: who is idle for long asks whether it is still there. */
static enum leat_status look_at_history(struct mysql_source *self, struct leat_task *task, struct leat_error *err)
{
    struct client client;
    if (!self->stream.has_placed || self->stream.is_within || !leat_is_past(self->next_look))
        return LEAT_OK;
    enum history history = HISTORY_UNKNOWN;
    char identity[sizeof self->place.server];
    enum leat_status status = client_open(&client, &self->hosts.chosen, read_timeout_s(self), task, err);
    if (status == LEAT_OK)
        status = history_check(&client, &self->stream.position, leat_task_name(task), &history, err);
    if (status == LEAT_STOP && fills_gaps(self))
        status = LEAT_RETRY; /* the next open fills it */
    if (history == HISTORY_BEHIND) /* it sends on what it has */
        status = LEAT_OK;
    if (status == LEAT_OK)
        status = client_identity(&client, identity, sizeof identity, err);
    if (status == LEAT_OK && history_is_elsewhere(&self->stream.position, identity))
        status = leat_fail(err, LEAT_RETRY, "%s: another server answers there by now", client.where);
    leat_task_guard(task, -1);
    client_close(&client);
    self->next_look = leat_after_us(self->heartbeat_us);
    return status;
}

/* Said when the source has caught up for the first time, and shown from then on. */
static void note_idle(struct mysql_source *self, struct leat_task *task)
{
    if (!self->stream.has_placed)
        return;
    self->idle_at = leat_now();
    leat_task_lag(task, 0, -1);
    if (!snapshots_are_done(self->snapshots))
        return;
    if (!self->is_caught_up)
        leat_say(LEAT_INFO, leat_task_name(task), "streaming");
    self->is_caught_up = true;
    if (self->tables.parked_count)
        leat_task_progress(task, "streaming, %u table%s parked", self->tables.parked_count, self->tables.parked_count > 1 ? "s" : "");
    else
        leat_task_progress(task, "streaming");
}

/* So that what a view shows is not far ahead of it. */
static bool is_near_end(const struct mysql_source *self)
{
    bool was_idle = self->idle_at.ns > 0 && leat_now().ns - self->idle_at.ns < NEAR_US * 1000;
    return was_idle || leat_wall_us() - self->stream.event_us < NEAR_US;
}

/* The next event of the log, or of the transaction that is committed by the one before. */
static enum leat_status next_event(struct mysql_source *self, struct leat_task *task, const struct xa_group *group,
                                   const uint8_t **bytes, size_t *len, struct leat_error *err)
{
    if (group)
        return detour_next(&self->detour, group, &self->hosts.chosen, read_timeout_s(self), self->heartbeat_us, task, bytes, len,
                           err);
    detour_close(&self->detour);
    enum leat_status status = dump_next(self->dump, bytes, len, err);
    if (status != LEAT_STOP || !dump_has_gap(self->dump) || !fills_gaps(self))
        return status;
    self->kept->is_refused = true; /* the next open fills it */
    return LEAT_RETRY;
}

/* The type of the next event of a transaction that has begun: it is on its way, as the server writes transactions whole. */
static uint8_t await_next(struct mysql_source *self, struct leat_task *task)
{
    struct dump *dump = stream_wants_group(&self->stream) ? self->detour.dump : self->dump;
    uint8_t type = dump ? dump_peek(dump) : DUMP_ENDED;
    struct leat_time until = leat_after_us(COMMIT_WAIT_US);
    while (type == DUMP_NOTHING && !leat_is_past(until) &&
           leat_wait(task, dump_fd(dump), POLLIN, until) != LEAT_STOPPING)
        type = dump_peek(dump);
    return type;
}

/* The last record of a transaction says so: who cuts a batch within one looks whether its end comes next. */
static bool goes_on(struct mysql_source *self, struct leat_task *task, const struct leat_batch *batch)
{
    struct stream *stream = &self->stream;
    bool is_full = leat_batch_is_full(batch);
    if (!stream->is_within || leat_batch_count(batch) == 0)
        return !is_full;
    if (stream_has_more(stream))
        return !is_full || stream_may_end(stream, stream_peek(stream));
    uint8_t type = await_next(self, task);
    return !is_full || stream_may_end(stream, type);
}

/* Events until the batch is full or nothing more is there. */
static enum leat_status fill(struct mysql_source *self, struct leat_task *task, struct leat_batch *batch, bool *has_events,
                             struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    struct stream *stream = &self->stream;
    const uint8_t *bytes;
    size_t len;
    stream_begin_batch(&self->stream);
    while (goes_on(self, task, batch)) {
        if (snapshots_stand(self->snapshots, stream))
            return LEAT_AGAIN;
        const struct xa_group *group = stream_wants_group(stream);
        bool has_more = stream_has_more(stream);
        if (!has_more && (status = next_event(self, task, group, &bytes, &len, err)) != LEAT_OK)
            break;
        *has_events = true;
        status = has_more ? stream_go_on(stream, batch, err)
                 : group  ? stream_group_event(stream, batch, bytes, len, err)
                          : stream_event(stream, batch, bytes, len, err);
        if (status != LEAT_OK) {
            self->broken = status;
            self->why_broken = *err;
            return status;
        }
    }
    return status;
}

static enum leat_status poll_stream(struct mysql_source *self, struct leat_task *task, struct leat_batch **out,
                                    struct leat_error *err)
{
    bool has_events = false;
    if (self->broken != LEAT_OK) {
        *err = self->why_broken;
        return self->broken;
    }
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    enum leat_status status = fill(self, task, batch, &has_events, err);
    has_events = has_events || self->is_place_new || snapshots_have_news(self->snapshots);
    bool is_whole = status == LEAT_OK || status == LEAT_AGAIN || (leat_batch_count(batch) > 0 && status == LEAT_RETRY);
    if (has_events && is_whole) {
        stream_end_batch(&self->stream, batch);
        snapshots_mark(self->snapshots, batch);
        snapshots_store(self->snapshots, batch);
        self->is_place_new = false;
        if (leat_batch_count(batch) > 0 && self->stream.event_us > 0)
            leat_task_lag(task, leat_wall_us() - self->stream.event_us, -1);
        if (leat_batch_count(batch) > 0)
            self->next_look = leat_after_us(self->heartbeat_us);
        *out = batch;
        return LEAT_OK; /* what ended the stream comes again with the next call */
    }
    leat_batch_give(task, &batch);
    if (status != LEAT_AGAIN)
        return status;
    if (is_at_end(self, task))
        return LEAT_EOF;
    status = look_at_history(self, task, err);
    if (status != LEAT_OK)
        return status;
    bool stands = snapshots_stand(self->snapshots, &self->stream);
    if (!stands)
        note_idle(self, task);
    leat_wait(task, stands ? -1 : detour_fd(&self->detour, dump_fd(self->dump)), POLLIN,
              leat_after_us(snapshots_are_done(self->snapshots) ? IDLE_WAIT_US : BUSY_WAIT_US));
    return LEAT_AGAIN;
}

static enum leat_status poll_mysql(void *arg, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct mysql_source *self = arg;
    if (self->recorded)
        return recorded_poll(self->recorded, task, out, err);
    enum leat_status status = LEAT_AGAIN;
    if (!self->is_place_new && self->broken == LEAT_OK) /* what is to be read is kept with the place, before the first row */
        status = snapshots_poll(self->snapshots, &self->stream, is_near_end(self), out, err);
    return status == LEAT_AGAIN ? poll_stream(self, task, out, err) : status;
}

static enum leat_status command(void *arg, struct leat_task *task, const struct leat_value *ask, struct leat_error *err)
{
    struct mysql_source *self = arg;
    (void)task;
    return snapshots_command(self->snapshots, ask, err);
}

static void close_mysql(void *arg, struct leat_task *task)
{
    struct mysql_source *self = arg;
    (void)task;
    if (self->recorded)
        recorded_close(self->recorded);
    if (self->snapshots)
        snapshots_close(self->snapshots);
    if (self->dump)
        dump_close(self->dump);
    detour_close(&self->detour);
    if (self->has_stream)
        stream_fini(&self->stream);
    if (self->has_tables)
        tables_fini(&self->tables);
    forms_free(self->forms);
    if (self->has_transaction)
        transaction_fini(&self->transaction);
    self->forms = NULL;
    self->has_transaction = false;
    if (self->has_tables)
        xa_fini(&self->xa);
    position_fini(&self->place);
    self->recorded = NULL;
    self->snapshots = NULL;
    self->dump = NULL;
    self->has_stream = self->has_tables = false;
}

/* `leat recover --from-sinks` */
static enum leat_status find_position(void *arg, const struct leat_value *origin, struct leat_batch *positions,
                                      struct leat_origin_found *found, struct leat_error *err)
{
    struct mysql_source *self = arg;
    struct client client;
    init_hosts(self, 0);
    struct judging nothing = {.connector = "recover", .hosts = &self->hosts, .refused = NONE_REFUSED};
    enum leat_status status = hosts_open(&self->hosts, &client, read_timeout_s(self), NULL, judge, &nothing, err);
    if (status == LEAT_OK)
        status = origin_position(&client, origin, positions, found, err);
    client_close(&client);
    return status;
}

const struct leat_source_type leat_source_mysql = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_REPLAYABLE | LEAT_TOTAL_ORDER,
    .name = "mysql",
    .about = "Changes of MySQL and MariaDB tables: a consistent snapshot, then the binary log.",
    .size = sizeof(struct mysql_source),
    .options = options,
    .topic = "{database}.{table}",
    .validate = validate,
    .check = check,
    .open = open_mysql,
    .poll = poll_mysql,
    .command = command,
    .close = close_mysql,
    .origin_order = origin_order,
    .origin_position = find_position,
};
