#include <mysql/snapshot.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <base/thread.h>
#include <mysql/columns.h>
#include <mysql/record.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_EVERY_US 2000000

struct job { /* one table; the side thread's own copy of what it needs */
    struct table *table;
    bool has_begun; /* before, without coming to an end */
    uint64_t about_rows;
};

struct snapshot {
    struct leat_task *task;
    struct tables *tables;
    struct client client; /* the side thread's, in the transaction */
    struct job *jobs;
    size_t job_count;
    int64_t chunk_rows;
    struct position place;
    struct leat_lock lock;
    struct leat_cond ended;
    bool is_closed, is_ended; /* under the lock */
    enum leat_status end_status;
    struct leat_error end;
    uint32_t users;
    /* the side thread's */
    struct leat_batch *batch;
    struct record_origin origin;
    struct leat_bytes sql;
    struct leat_value *last_key; /* of the row before, for the next chunk; in last_arena */
    struct leat_arena last_arena;
    uint64_t rows, rows_of_table;
    struct leat_time began, said;
    /* what status shows; the owner copies it */
    char progress[160];
};

static void release(struct snapshot *snapshot)
{
    leat_lock_take(&snapshot->lock);
    bool is_last = --snapshot->users == 0;
    leat_lock_give(&snapshot->lock);
    if (!is_last)
        return;
    client_close(&snapshot->client);
    free(snapshot->jobs);
    position_fini(&snapshot->place);
    leat_bytes_fini(&snapshot->sql);
    leat_arena_fini(&snapshot->last_arena);
    leat_cond_fini(&snapshot->ended);
    leat_lock_fini(&snapshot->lock);
    free(snapshot);
}

static bool is_closed(struct snapshot *snapshot)
{
    leat_lock_take(&snapshot->lock);
    bool closed = snapshot->is_closed;
    leat_lock_give(&snapshot->lock);
    return closed || leat_task_is_stopping(snapshot->task);
}

/* ---- batches, on the side thread ---- */

static void set_key(struct snapshot *snapshot, const struct table *table, bool is_done)
{
    struct leat_value items[2], key = position_key(items, "snapshot", table->full);
    struct leat_value pair[2] = {leat_value_string("done"), leat_value_bool(is_done)};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    leat_batch_position(snapshot->batch, &key, &value);
}

static void post(struct snapshot *snapshot)
{
    if (snapshot->batch)
        leat_task_post(snapshot->task, &snapshot->batch);
}

/* A batch with room. EOF: asked to stop. */
static enum leat_status want_batch(struct snapshot *snapshot, const struct table *table)
{
    if (snapshot->batch && !leat_batch_is_full(snapshot->batch))
        return LEAT_OK;
    post(snapshot);
    if (is_closed(snapshot))
        return LEAT_EOF;
    snapshot->batch = leat_batch_take(snapshot->task);
    if (!snapshot->batch)
        return LEAT_EOF;
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 1 << 20);
    gtids_print(&snapshot->place.gtids, &gtid);
    const char *text = leat_batch_copy(snapshot->batch, gtid.data, gtid.len);
    snapshot->origin = (struct record_origin){
        .gtid = gtid.len ? leat_value_text(text, gtid.len) : leat_value_null(),
        .file = leat_value_string(leat_batch_copy(snapshot->batch, snapshot->place.file, strlen(snapshot->place.file))),
        .pos = snapshot->place.pos,
        .time_us = leat_wall_us(),
    };
    leat_bytes_fini(&gtid);
    if (table)
        set_key(snapshot, table, false);
    return LEAT_OK;
}

/* ---- progress ---- */

static void say_progress(struct snapshot *snapshot, const struct job *job, bool is_end)
{
    char rows[32], about[32], rate[32], left[32], ending[48] = "";
    struct leat_time now = leat_now();
    int64_t passed_us = (now.ns - snapshot->began.ns) / 1000 + 1;
    if (!is_end && now.ns - snapshot->said.ns < (int64_t)PROGRESS_EVERY_US * 1000)
        return;
    snapshot->said = now;
    uint64_t per_s = (uint64_t)((double)snapshot->rows_of_table * 1e6 / (double)passed_us);
    uint64_t total = job->about_rows > snapshot->rows_of_table && !is_end ? job->about_rows : snapshot->rows_of_table;
    uint64_t left_us = per_s ? (total - snapshot->rows_of_table) * 1000000 / per_s : 0;
    char text[sizeof snapshot->progress];
    if (!is_end)
        snprintf(ending, sizeof ending, ", %s left", leat_text_duration(left, (int64_t)left_us));
    snprintf(text, sizeof text, "snapshot %s %s of %s%s rows (%u %%), %s/s%s", job->table->full,
             leat_text_count(rows, snapshot->rows_of_table), is_end ? "" : "~", leat_text_count(about, total),
             (unsigned)(total ? snapshot->rows_of_table * 100 / total : 100), leat_text_count(rate, per_s),
             ending);
    leat_say(LEAT_INFO, leat_task_name(snapshot->task), "%s", text);
    leat_lock_take(&snapshot->lock);
    memcpy(snapshot->progress, text, sizeof text);
    leat_lock_give(&snapshot->lock);
}

/* ---- one chunk ---- */

/* False: the table is read by one SELECT. */
static bool has_chunks(const struct table *table)
{
    const struct leat_schema *schema = table->schema;
    for (uint32_t i = 0; i < schema->key_count; i++)
        if (!columns_orders_by_text(&table->columns[schema->keys[i]]))
            return false;
    return schema->key_count > 0;
}

/* (a > 1) OR (a = 1 AND b > 2): what every server can go to by the index. */
static void put_after(struct snapshot *snapshot, const struct table *table)
{
    const struct leat_schema *schema = table->schema;
    char name[CLIENT_NAME_MAX];
    leat_bytes_text(&snapshot->sql, " WHERE ");
    for (uint32_t i = 0; i < schema->key_count; i++) {
        leat_bytes_text(&snapshot->sql, i == 0 ? "(" : " OR (");
        for (uint32_t k = 0; k <= i; k++) {
            leat_bytes_printf(&snapshot->sql, "%s%s %s ", k ? " AND " : "",
                              client_quote(name, sizeof name, schema->fields[schema->keys[k]].name), k == i ? ">" : "=");
            columns_literal(&table->columns[schema->keys[k]], &snapshot->last_key[k], snapshot->client.mysql, &snapshot->sql);
        }
        leat_bytes_put(&snapshot->sql, ')');
    }
}

static void write_select(struct snapshot *snapshot, const struct table *table, bool is_first)
{
    const struct leat_schema *schema = table->schema;
    char database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    leat_bytes_clear(&snapshot->sql);
    leat_bytes_text(&snapshot->sql, "SELECT ");
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (i > 0)
            leat_bytes_put(&snapshot->sql, ',');
        columns_select(&table->columns[i], &snapshot->sql);
    }
    leat_bytes_printf(&snapshot->sql, " FROM %s.%s", client_quote(database, sizeof database, table->database),
                      client_quote(name, sizeof name, table->name));
    if (!has_chunks(table))
        return;
    if (!is_first)
        put_after(snapshot, table);
    for (uint32_t i = 0; i < schema->key_count; i++)
        leat_bytes_printf(&snapshot->sql, "%s%s", i ? ", " : " ORDER BY ",
                          client_quote(name, sizeof name, schema->fields[schema->keys[i]].name));
    leat_bytes_printf(&snapshot->sql, " LIMIT %lld", (long long)snapshot->chunk_rows);
}

static void keep_key(struct snapshot *snapshot, const struct leat_schema *schema, MYSQL_ROW row, const unsigned long *lengths)
{
    leat_arena_reset(&snapshot->last_arena);
    snapshot->last_key = leat_arena_alloc(&snapshot->last_arena, (schema->key_count + 1) * sizeof *snapshot->last_key);
    for (uint32_t i = 0; i < schema->key_count; i++) {
        uint32_t at = schema->keys[i];
        snapshot->last_key[i] =
            leat_value_text(leat_arena_copy(&snapshot->last_arena, row[at], lengths[at]), lengths[at]);
    }
}

static enum leat_status add_row(struct snapshot *snapshot, const struct table *table, MYSQL_ROW row,
                                const unsigned long *lengths, struct leat_error *err)
{
    const struct leat_schema *schema = table->schema;
    enum leat_status status = want_batch(snapshot, table);
    if (status != LEAT_OK)
        return status;
    struct leat_value *cells = leat_batch_alloc(snapshot->batch, schema->field_count * sizeof *cells);
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (!columns_value(&schema->fields[i], row[i], lengths[i], snapshot->batch, &cells[i]))
            return leat_fail(err, LEAT_STOP, "snapshot of %s: a value of column %s cannot be read as %s", table->full,
                             schema->fields[i].name, schema->fields[i].native);
    record_add_read(snapshot->batch, table, &snapshot->origin, cells);
    snapshot->rows++;
    snapshot->rows_of_table++;
    return LEAT_OK;
}

static enum leat_status read_rows(struct snapshot *snapshot, const struct job *job, MYSQL_RES *result, uint64_t *count,
                                  struct leat_error *err)
{
    const struct table *table = job->table;
    enum leat_status status = LEAT_OK;
    MYSQL_ROW row;
    *count = 0;
    while (status == LEAT_OK && (row = mysql_fetch_row(result))) {
        const unsigned long *lengths = mysql_fetch_lengths(result);
        status = add_row(snapshot, table, row, lengths, err);
        if (++*count == (uint64_t)snapshot->chunk_rows && has_chunks(table))
            keep_key(snapshot, table->schema, row, lengths);
        if (*count % 1024 == 0)
            say_progress(snapshot, job, false);
    }
    if (status == LEAT_OK && mysql_errno(snapshot->client.mysql))
        status = client_failed(&snapshot->client, table->full, err);
    return status;
}

static enum leat_status read_chunk(struct snapshot *snapshot, const struct job *job, bool is_first, uint64_t *count,
                                   struct leat_error *err)
{
    write_select(snapshot, job->table, is_first);
    MYSQL *mysql = snapshot->client.mysql;
    if (mysql_real_query(mysql, (const char *)snapshot->sql.data, snapshot->sql.len) != 0)
        return client_failed(&snapshot->client, job->table->full, err);
    MYSQL_RES *result = mysql_use_result(mysql);
    if (!result)
        return client_failed(&snapshot->client, job->table->full, err);
    enum leat_status status = read_rows(snapshot, job, result, count, err);
    mysql_free_result(result);
    return status;
}

/* ---- one table, all tables ---- */

static enum leat_status read_table(struct snapshot *snapshot, const struct job *job, struct leat_error *err)
{
    uint64_t count = 0;
    bool is_first = true;
    snapshot->rows_of_table = 0;
    snapshot->began = leat_now();
    enum leat_status status = want_batch(snapshot, job->table);
    if (status != LEAT_OK)
        return status;
    set_key(snapshot, job->table, false);
    if (job->has_begun)
        record_add_truncate(snapshot->batch, job->table, &snapshot->origin);
    do {
        status = read_chunk(snapshot, job, is_first, &count, err);
        is_first = false;
    } while (status == LEAT_OK && has_chunks(job->table) && count == (uint64_t)snapshot->chunk_rows);
    if (status == LEAT_OK)
        say_progress(snapshot, job, true);
    return status;
}

static enum leat_status read_all(struct snapshot *snapshot, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < snapshot->job_count; i++)
        status = read_table(snapshot, &snapshot->jobs[i], err);
    if (status == LEAT_OK)
        status = want_batch(snapshot, NULL);
    if (status != LEAT_OK)
        return status;
    for (size_t i = 0; i < snapshot->job_count; i++) {
        set_key(snapshot, snapshot->jobs[i].table, true);
        table_store(snapshot->jobs[i].table, snapshot->batch);
    }
    position_store(&snapshot->place, snapshot->batch);
    uint32_t count = leat_batch_count(snapshot->batch);
    if (count > 0) /* whoever has this record has the whole snapshot */
        leat_batch_edit(snapshot->batch, count - 1)->flags |= LEAT_ENDS_TRANSACTION;
    post(snapshot);
    return LEAT_OK;
}

static void run_snapshot(struct leat_task *task, void *arg)
{
    struct snapshot *snapshot = arg;
    struct leat_error err = {0};
    leat_task_guard(task, mysql_get_socket(snapshot->client.mysql));
    enum leat_status status = read_all(snapshot, &err);
    leat_task_guard(task, -1);
    if (snapshot->batch)
        leat_batch_give(task, &snapshot->batch);
    leat_lock_take(&snapshot->lock);
    snapshot->is_ended = true;
    snapshot->end_status = status == LEAT_OK ? LEAT_EOF : status == LEAT_EOF ? LEAT_AGAIN : status; /* EOF: was stopped */
    snapshot->end = err;
    leat_cond_signal(&snapshot->ended);
    leat_lock_give(&snapshot->lock);
    leat_task_wake(task);
    release(snapshot);
}

/* ---- the owner ---- */

static enum leat_status start_transaction(struct snapshot *snapshot, struct leat_error *err)
{
    struct client *client = &snapshot->client;
    struct client_place place;
    enum leat_status status = client_run(client, err, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    if (status == LEAT_OK && !client->is_mariadb) /* held for the two statements between which nothing may commit */
        status = client_run(client, err, "FLUSH TABLES WITH READ LOCK");
    if (status == LEAT_OK)
        status = client_run(client, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
    if (status == LEAT_OK)
        status = client_place(client, &place, err);
    if (!client->is_mariadb) {
        struct leat_error ignored;
        client_run(client, &ignored, "UNLOCK TABLES");
    } else if (status == LEAT_OK) { /* the transaction knows its own place: no lock at all */
        status = client_ask(client, place.file, sizeof place.file, err,
                            "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'binlog_snapshot_file'");
        char pos[32] = "0";
        if (status == LEAT_OK)
            status = client_ask(client, pos, sizeof pos, err,
                                "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'binlog_snapshot_position'");
        place.pos = strtoull(pos, NULL, 10);
        if (status == LEAT_OK)
            status = client_ask(client, place.gtid, sizeof place.gtid, err, "SELECT BINLOG_GTID_POS('%s', %llu)", place.file,
                                (unsigned long long)place.pos);
    }
    return status == LEAT_OK ? position_set(&snapshot->place, &place, err) : status;
}

static bool had_begun(const struct leat_positions *from, const struct table *table)
{
    struct leat_value items[2], key = position_key(items, "snapshot", table->full);
    struct leat_value every[2], any = position_key(every, "snapshot", POSITION_ANY_TABLE);
    return leat_positions_get(from, &key) != NULL || leat_positions_get(from, &any) != NULL;
}

static enum leat_status count_rows(struct client *client, struct job *job, struct leat_error *err)
{
    char rows[32], database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    enum leat_status status = client_ask(client, rows, sizeof rows, err,
                                         "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND "
                                         "table_name = %s",
                                         client_text(client, database, job->table->database),
                                         client_text(client, name, job->table->name));
    job->about_rows = strtoull(rows, NULL, 10);
    return status;
}

static enum leat_status list_jobs(struct snapshot *snapshot, const struct leat_positions *from, struct leat_error *err)
{
    struct table **tables;
    size_t count;
    enum leat_status status = tables_list(snapshot->tables, &snapshot->client, &tables, &count, err);
    if (status == LEAT_OK && count == 0)
        status = leat_fail(err, LEAT_STOP, "%s: `tables` matches no table that the user may SELECT from",
                           snapshot->client.where);
    snapshot->jobs = leat_calloc(count + 1, sizeof *snapshot->jobs);
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        struct job *job = &snapshot->jobs[snapshot->job_count++];
        *job = (struct job){.table = tables[i], .has_begun = had_begun(from, tables[i])};
        status = table_fetch(job->table, &snapshot->client, err);
        if (status == LEAT_OK)
            status = count_rows(&snapshot->client, job, err);
        if (status == LEAT_OK && job->table->schema->key_count == 0)
            leat_say(LEAT_WARNING, leat_task_name(snapshot->task),
                     "table %s has no primary key: its records have no key; order is kept", job->table->full);
    }
    free(tables);
    return status;
}

enum leat_status snapshot_say_missing(struct tables *tables, struct client *client, const struct leat_positions *from,
                                      struct leat_error *err)
{
    struct table **list;
    size_t count;
    enum leat_status status = tables_list(tables, client, &list, &count, err);
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        struct job job = {.table = list[i]};
        if (list[i]->is_known || had_begun(from, list[i]))
            continue;
        status = count_rows(client, &job, err);
        if (status == LEAT_OK && job.about_rows > 0)
            leat_say(LEAT_WARNING, leat_task_name(tables->task),
                     "table %s came after the snapshot: its changes are captured from here on, rows from before are not in "
                     "the topic. `leat offsets reset %s` makes the next start read all tables anew",
                     list[i]->full, leat_task_name(tables->task));
    }
    free(list);
    return status;
}

enum leat_status snapshot_open(struct snapshot **snapshot, struct tables *tables, const struct leat_positions *from,
                               int64_t chunk_rows, struct position *place, struct leat_task *task, struct leat_error *err)
{
    struct snapshot *made = leat_calloc(1, sizeof *made);
    made->task = task;
    made->tables = tables;
    made->chunk_rows = chunk_rows;
    made->users = 1;
    leat_lock_init(&made->lock, "snapshot", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->ended);
    leat_bytes_init(&made->sql, (size_t)64 << 20);
    leat_arena_init(&made->last_arena, 4096);
    position_init(&made->place);
    enum leat_status status = client_open(&made->client, tables->options, 600, task, err);
    if (status == LEAT_OK)
        status = start_transaction(made, err);
    if (status == LEAT_OK)
        status = list_jobs(made, from, err);
    leat_task_guard(task, -1);
    if (status == LEAT_OK) {
        made->users = 2;
        status = leat_task_side(task, "leat-snapshot", run_snapshot, made, err);
        made->users = status == LEAT_OK ? made->users : 1;
    }
    if (status != LEAT_OK) {
        release(made);
        return status;
    }
    position_copy(place, &made->place);
    *snapshot = made;
    return LEAT_OK;
}

enum leat_status snapshot_next(struct snapshot *snapshot, struct leat_batch **batch, struct leat_error *err)
{
    char progress[sizeof snapshot->progress];
    leat_lock_take(&snapshot->lock);
    bool is_ended = snapshot->is_ended; /* asked first: what was posted before the end is received after it */
    enum leat_status status = snapshot->end_status;
    if (is_ended)
        *err = snapshot->end;
    memcpy(progress, snapshot->progress, sizeof progress);
    leat_lock_give(&snapshot->lock);
    if (progress[0])
        leat_task_progress(snapshot->task, "%s", progress);
    *batch = leat_task_receive(snapshot->task);
    if (*batch)
        return LEAT_OK;
    return is_ended ? status : LEAT_AGAIN;
}

/* The host has shut what the side thread waits for, so this is short; after it the tables may go, which that thread
 * reads. */
void snapshot_close(struct snapshot *snapshot)
{
    leat_lock_take(&snapshot->lock);
    snapshot->is_closed = true;
    while (!snapshot->is_ended)
        leat_cond_wait(&snapshot->ended, &snapshot->lock);
    leat_lock_give(&snapshot->lock);
    release(snapshot);
}
