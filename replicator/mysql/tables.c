#include <mysql/tables.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <mysql/definition.h>
#include <mysql/logged.h>
#include <mysql/park.h>
#include <mysql/position.h>
#include <stdlib.h>
#include <strings.h>

void tables_init(struct tables *tables, struct leat_task *task, const struct client_options *options,
                 const struct leat_list *patterns, bool ignore_case, bool is_mariadb)
{
    *tables = (struct tables){.options = options, .patterns = patterns, .ignore_case = ignore_case,
                              .is_mariadb = is_mariadb, .task = task, .read_timeout_s = 60};
    leat_table_init(&tables->by_name);
    leat_table_init(&tables->by_id);
    leat_table_init(&tables->databases);
    ahead_init(&tables->ahead, ignore_case);
}

static void free_table(void *table)
{
    table_free(table);
}

void tables_fini(struct tables *tables)
{
    leat_table_fini(&tables->by_id, NULL);
    leat_table_fini(&tables->by_name, free_table);
    leat_table_fini(&tables->databases, free);
    ahead_fini(&tables->ahead);
    client_close(&tables->client);
}

static bool is_system(const char *database)
{
    static const char *const names[] = {"mysql", "information_schema", "performance_schema", "sys"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(database, names[i]) == 0)
            return true;
    return false;
}

#define KEY_MAX 600

/* Where the server ignores case, so does the key. */
static size_t make_key(const struct tables *tables, char key[KEY_MAX], const char *database, size_t database_len,
                       const char *name, size_t name_len)
{
    size_t len = database_len + 1 + name_len;
    leat_assert(len <= KEY_MAX);
    memcpy(key, database, database_len);
    key[database_len] = '\0';
    memcpy(key + database_len + 1, name, name_len);
    for (size_t i = 0; tables->ignore_case && i < len; i++)
        key[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] + ('a' - 'A') : key[i]);
    return len;
}

struct table *tables_named(const struct tables *tables, const char *database, size_t database_len, const char *name)
{
    char key[KEY_MAX];
    size_t len = make_key(tables, key, database, database_len, name, strlen(name));
    return leat_table_get(&tables->by_name, key, len);
}

struct table *tables_find(struct tables *tables, const char *database, size_t database_len, const char *name,
                          size_t name_len)
{
    char key[KEY_MAX];
    size_t len = make_key(tables, key, database, database_len, name, name_len);
    struct table *table = leat_table_get(&tables->by_name, key, len);
    if (table)
        return table;
    char *database_text = leat_strndup(database, database_len), *name_text = leat_strndup(name, name_len);
    table = table_new(database_text, name_text);
    table->is_captured =
        !is_system(database_text) && leat_patterns_match(tables->patterns, table->full, tables->ignore_case);
    table->forms = tables->forms;
    const char *signals = tables->signals ? tables->signals : "";
    table->is_signals = (tables->ignore_case ? strcasecmp(table->full, signals) : strcmp(table->full, signals)) == 0;
    table->is_inside = table->is_signals && !table->is_captured;
    table->is_captured = table->is_captured || table->is_signals;
    if (table->is_captured)
        table->topic = leat_task_route(tables->task, database_text, name_text);
    free(database_text);
    free(name_text);
    leat_table_set(&tables->by_name, key, len, table);
    return table;
}

static bool is_about(const struct leat_value *key, const char *kind)
{
    const struct leat_value *items = key->as.items;
    return key->type == LEAT_ARRAY && key->len == 2 && items[0].type == LEAT_TEXT && items[1].type == LEAT_TEXT &&
           items[0].len == strlen(kind) && memcmp(items[0].as.text, kind, items[0].len) == 0;
}

static struct table *table_of_key(struct tables *tables, const struct leat_value *key)
{
    const char *full = key->as.items[1].as.text;
    size_t len = key->as.items[1].len;
    const char *dot = memchr(full, '.', len);
    size_t database_len = dot ? (size_t)(dot - full) : 0;
    return dot ? tables_find(tables, full, database_len, dot + 1, len - database_len - 1) : NULL;
}

void tables_load(struct tables *tables, const struct leat_positions *from)
{
    for (uint32_t i = 0; i < leat_positions_count(from); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        bool is_table = is_about(key, "table"), is_parked = is_about(key, "parked");
        struct table *table = is_table || is_parked ? table_of_key(tables, key) : NULL;
        if (table && is_table)
            table_load(table, value, tables->is_mariadb);
        else if (table && table->is_captured)
            tables_load_parked(tables, table, value);
        else if (table)
            table->is_parked_changed = true; /* it has left the config */
    }
}

void tables_load_none(struct tables *tables, const struct leat_positions *from)
{
    for (uint32_t i = 0; i < leat_positions_count(from); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        struct table *table = is_about(key, "parked") ? table_of_key(tables, key) : NULL;
        if (table)
            table->is_parked_changed = true;
    }
}

enum leat_status tables_list(struct tables *tables, struct client *client, struct table ***list, size_t *count,
                             struct leat_error *err)
{
    MYSQL_RES *result;
    *list = NULL;
    *count = 0;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT table_schema, table_name FROM information_schema.tables WHERE "
                                           "table_type = 'BASE TABLE' ORDER BY table_schema, table_name");
    if (status != LEAT_OK)
        return status;
    *list = leat_calloc((size_t)mysql_num_rows(result) + 1, sizeof **list);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result))) {
        struct table *table = tables_find(tables, row[0], strlen(row[0]), row[1], strlen(row[1]));
        if (table->is_captured)
            (*list)[(*count)++] = table;
    }
    mysql_free_result(result);
    return LEAT_OK;
}

/* ---- table maps ---- */

enum leat_status tables_client(struct tables *tables, struct client **client, struct leat_error *err)
{
    *client = &tables->client;
    if (!tables->options)
        return leat_fail(err, LEAT_STOP, "there is no server to ask");
    return tables->client.mysql ? LEAT_OK : client_open(&tables->client, tables->options, tables->read_timeout_s, NULL, err);
}

void tables_at(struct tables *tables, const struct position *transaction, const char *file, const uint64_t *pos)
{
    tables->transaction = transaction;
    tables->file = file;
    tables->pos = pos;
}

static void say_keyless(struct tables *tables, const struct table *table)
{
    if (table->schema->key_count == 0)
        leat_say(LEAT_WARNING, leat_task_name(tables->task),
                 "table %s has no primary key: its records have no key; order is kept", table->full);
}

void tables_adopt(struct tables *tables, struct table *table, struct table *fresh)
{
    struct leat_arena old = table->arena;
    bool is_first = !table->schema || table->schema->key_count > 0;
    table->arena = fresh->arena;
    table->columns = fresh->columns;
    table->column_count = fresh->column_count;
    table->charset = fresh->charset;
    table->is_changed = true;
    table->schema = fresh->schema;
    table->map = (struct leat_table_map){0};
    table->is_known = true;
    table->is_stale = false;
    fresh->arena = old;
    if (is_first && table->is_captured)
        say_keyless(tables, table);
}

/* For rows that were written when the table was not what information_schema tells of it now. */
static bool renew_from_log(struct tables *tables, struct table *table, const struct table *now,
                           const struct leat_table_map *logged)
{
    struct table *made = table_new(table->database, table->name);
    bool is_good = table_take_logged(made, logged, table, now, tables->is_mariadb);
    if (is_good)
        tables_adopt(tables, table, made);
    table_free(made);
    return is_good;
}

/* What information_schema tells, as of a place that is behind us: *is_exact where nothing changes the table up to there; not
 * asked where the log tells columns, which are compared with then. */
static enum leat_status look_up(struct tables *tables, struct table *fresh, const struct leat_table_map *logged, bool *is_exact,
                                struct leat_error *err)
{
    struct client *client;
    struct client_place until;
    *is_exact = false;
    enum leat_status status = tables_client(tables, &client, err);
    if (status == LEAT_OK)
        status = table_fetch(fresh, client, err);
    bool asks = status == LEAT_OK && tables->transaction && !logged_is_full(logged);
    if (asks)
        status = client_end(client, &until, err);
    if (status == LEAT_OK && asks)
        status = ahead_read(&tables->ahead, tables->options, tables->transaction, tables->file, tables->read_timeout_s, &until, tables->task, err);
    if (status == LEAT_RETRY)
        client_close(&tables->client);
    *is_exact = status == LEAT_OK && !(asks && ahead_changes(&tables->ahead, tables->file, *tables->pos, fresh->database, fresh->name));
    return status;
}

static enum leat_status lost(const struct tables *tables, const struct table *table, bool is_known, struct leat_error *err)
{
    if (is_known)
        return leat_fail(err, LEAT_STOP, "its rows are not of the columns that the statements of the log made");
    if (!tables->options)
        return leat_fail(err, LEAT_STOP, "neither the log nor schema_file tells what it looks like here");
    return leat_fail(err, LEAT_STOP, "nothing tells what it looked like here: a statement of the log could not be followed, and %s "
                     "(the log itself tells columns where binlog_row_metadata is FULL)",
                     table->schema ? "it is changed once more further on" : "it is changed or dropped further on");
}

/* It could not be looked up, for a reason that is told: not that there is no such table. */
static bool has_failed(const struct tables *tables, const struct table *fresh, enum leat_status status)
{
    return status == LEAT_STOP && (fresh->is_known || (tables->options && !tables->client.mysql));
}

/* Of each row that changes the log has the old version too, as one more row, and a DELETE is an UPDATE of its end. */
static enum leat_status versioned(struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "it is system-versioned: the log has the rows of its history among the others, and does not "
                     "tell which they are");
}

/* MySQL tells charsets also where it tells no names. A definition that differs in these alone was made with the wrong default of
 * its database. */
static void take_charsets(struct tables *tables, struct table *table, const struct leat_table_map *logged)
{
    struct table *made = table_new(table->database, table->name);
    if (!logged_is_full(logged) && logged->has & LEAT_TABLE_CHARSETS && table_fits(table, logged) &&
        definition_copy(made, table, tables->is_mariadb) && table_take_charsets(made, logged)) {
        bool is_stale = table->is_stale;
        tables_adopt(tables, table, made);
        table->is_stale = is_stale;
    }
    table_free(made);
}

/* Brings the definition to what this event's rows look like; a table where that cannot be done is parked. */
static enum leat_status renew(struct tables *tables, struct table *table, const struct leat_table_map *logged,
                              struct leat_error *err)
{
    bool is_exact, is_good = table_fits(table, logged);
    if (is_good && !table->is_stale)
        return LEAT_OK;
    bool was_known = table->is_known && !table->is_stale;
    struct table *fresh = table_new(table->database, table->name);
    enum leat_status status = look_up(tables, fresh, logged, &is_exact, err);
    bool is_told = fresh->is_known && table_fits(fresh, logged) && (is_exact || logged_is_full(logged));
    if (status != LEAT_RETRY) {
        if (fresh->is_versioned) {
            versioned(err);
            tables_park(tables, table, err);
        } else if (is_told)
            tables_adopt(tables, table, fresh);
        else if (!is_good && !renew_from_log(tables, table, fresh, logged)) {
            if (!has_failed(tables, fresh, status))
                lost(tables, table, was_known, err);
            tables_park(tables, table, err);
        }
        table->is_changed = table->is_changed || table->is_stale;
        table->is_stale = false;
        status = LEAT_OK;
    }
    table_free(fresh);
    return status;
}

/* The log always tells whether a column may be NULL; a statement, by the server's settings. */
static void take_nullable(struct tables *tables, struct table *table, const struct leat_table_map *logged)
{
    bool is_other = false;
    for (uint32_t i = 0; i < table->column_count; i++) { /* those behind it are hidden ones */
        is_other = is_other || table->columns[i].is_nullable != logged->columns[i].is_nullable;
        table->columns[i].is_nullable = logged->columns[i].is_nullable;
    }
    if (is_other)
        table->is_changed = table_finish(table, tables->is_mariadb);
}

static enum leat_status plan(struct tables *tables, struct table *table, const struct leat_binlog_event *ev,
                             const struct leat_binlog_format *format, struct leat_error *err)
{
    struct leat_arena arena;
    struct leat_table_map logged;
    leat_arena_init(&arena, 0);
    enum leat_status status = leat_table_map_parse(&logged, ev, format, &arena, err);
    if (status == LEAT_OK)
        status = renew(tables, table, &logged, err);
    if (status == LEAT_OK && !table->parked)
        take_charsets(tables, table, &logged);
    if (status == LEAT_OK && !table->parked)
        status = form_check(table, err);
    if (status == LEAT_OK && !table->parked)
        take_nullable(tables, table, &logged);
    if (status == LEAT_OK && !table->parked)
        status = table_plan(table, ev, format, err);
    leat_arena_fini(&arena);
    if (status == LEAT_STOP)
        leat_error_context(err, "%s", table->full);
    return status;
}

enum leat_status tables_map(struct tables *tables, const struct leat_binlog_event *ev,
                            const struct leat_binlog_format *format, struct leat_error *err)
{
    const char *database, *name;
    size_t database_len, name_len;
    uint64_t id;
    if (!leat_table_map_id(ev, format, &id) ||
        !leat_table_map_name(ev, format, &database, &database_len, &name, &name_len))
        return leat_fail(err, LEAT_STOP, "a TABLE_MAP event is cut short");
    struct table *table = tables_by_id(tables, id);
    if (!table) {
        table = tables_find(tables, database, database_len, name, name_len);
        leat_table_set(&tables->by_id, &id, sizeof id, table);
    }
    if (!table->is_captured || table->parked || (!table->is_stale && table->map.is_planned && leat_table_map_same(&table->map, ev, format)))
        return LEAT_OK;
    return plan(tables, table, ev, format, err);
}

struct table *tables_by_id(struct tables *tables, uint64_t id)
{
    return leat_table_get(&tables->by_id, &id, sizeof id);
}

void tables_forget_ids(struct tables *tables)
{
    leat_table_fini(&tables->by_id, NULL);
    leat_table_init(&tables->by_id);
}

/* Of one that changes between here and there nothing is known yet: it is looked up at its first row. */
static void adopt_unchanged(struct tables *tables, struct table *table, struct table *fresh, const struct position *from)
{
    if (fresh->is_known && !ahead_changes(&tables->ahead, from->file, from->pos, table->database, table->name))
        tables_adopt(tables, table, fresh);
    table_free(fresh);
}

enum leat_status tables_learn_all(struct tables *tables, struct client *client, const struct position *from, struct leat_error *err)
{
    struct table **list;
    struct client_place until;
    struct leat_error dropped; /* meanwhile */
    size_t count;
    enum leat_status status = tables_list(tables, client, &list, &count, err);
    struct table **fresh = leat_calloc(count + 1, sizeof *fresh);
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        fresh[i] = table_new(list[i]->database, list[i]->name);
        if (table_fetch(fresh[i], client, &dropped) == LEAT_RETRY)
            status = leat_fail(err, LEAT_RETRY, "%s", dropped.text);
    }
    if (status == LEAT_OK)
        status = client_end(client, &until, err);
    if (status == LEAT_OK)
        status = ahead_read(&tables->ahead, tables->options, from, from->file, tables->read_timeout_s, &until, tables->task, err);
    for (size_t i = 0; i < count && fresh[i]; i++) {
        if (status == LEAT_OK)
            adopt_unchanged(tables, list[i], fresh[i], from);
        else
            table_free(fresh[i]);
    }
    free(fresh);
    free(list);
    return status;
}

void tables_learn(struct tables *tables, struct table *table, const struct table *told)
{
    if (table->is_known)
        return;
    tables_unpark(tables, table); /* its rows are read anew, from here on */
    struct table *fresh = table_new(table->database, table->name);
    if (definition_copy(fresh, told, tables->is_mariadb))
        tables_adopt(tables, table, fresh);
    table_free(fresh);
}

/* ---- definitions ---- */

void tables_each(struct tables *tables, table_f *each, void *arg)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    while (leat_table_next(&tables->by_name, &at, &key, &len, &value))
        each(arg, value);
}

static void store(void *arg, struct table *table)
{
    bool is_certain = table->is_known && !table->is_stale;
    if (table->is_changed && is_certain) {
        table_store(table, arg);
        table->is_stored = true;
    } else if (table->is_changed && table->is_stored) { /* it is gone, or has to be looked up: not what it was */
        struct leat_value items[2], key = position_key(items, "table", table->full);
        leat_batch_position(arg, &key, NULL);
        table->is_stored = false;
    }
    table->is_changed = false;
    if (table->is_parked_changed)
        tables_store_parked(table, arg);
}

void tables_store(struct tables *tables, struct leat_batch *batch)
{
    tables_each(tables, store, batch);
}
