#include <mysql/tables.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <ctype.h>
#include <model/batch.h>
#include <mysql/position.h>
#include <stdlib.h>
#include <strings.h>

void tables_init(struct tables *tables, struct leat_task *task, const struct client_options *options,
                 const struct leat_list *patterns, bool ignore_case, bool is_mariadb)
{
    *tables = (struct tables){.options = options, .patterns = patterns, .ignore_case = ignore_case,
                              .is_mariadb = is_mariadb, .task = task};
    leat_table_init(&tables->by_name);
    leat_table_init(&tables->by_id);
}

static void free_table(void *table)
{
    table_free(table);
}

void tables_fini(struct tables *tables)
{
    leat_table_fini(&tables->by_id, NULL);
    leat_table_fini(&tables->by_name, free_table);
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

void tables_load(struct tables *tables, const struct leat_positions *from)
{
    for (uint32_t i = 0; i < leat_positions_count(from); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        if (key->type != LEAT_ARRAY || key->len != 2 || key->as.items[0].type != LEAT_TEXT ||
            key->as.items[0].len != 5 || memcmp(key->as.items[0].as.text, "table", 5) != 0)
            continue;
        const char *full = key->as.items[1].as.text;
        size_t len = key->as.items[1].len;
        const char *dot = memchr(full, '.', len);
        if (!dot)
            continue;
        size_t database_len = (size_t)(dot - full);
        struct table *table = tables_find(tables, full, database_len, dot + 1, len - database_len - 1);
        if (table->is_captured)
            table_load(table, value, tables->is_mariadb);
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

static enum leat_status fetch(struct tables *tables, struct table *table, struct leat_error *err)
{
    if (!tables->options)
        return leat_fail(err, LEAT_STOP, "there is no server to ask");
    if (!tables->client.mysql) {
        enum leat_status status = client_open(&tables->client, tables->options, client_patience_s(tables->options, 60), NULL, err);
        if (status != LEAT_OK)
            return status;
    }
    enum leat_status status = table_fetch(table, &tables->client, err);
    if (status == LEAT_RETRY)
        client_close(&tables->client);
    return status;
}

static void say_keyless(struct tables *tables, const struct table *table)
{
    if (table->schema->key_count == 0)
        leat_say(LEAT_WARNING, leat_task_name(tables->task),
                 "table %s has no primary key: its records have no key; order is kept", table->full);
}

static enum leat_status lost_definition(const struct tables *tables, const struct table *table,
                                        struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "table %s: the binary log holds rows of it that were written before it was dropped, renamed or altered, and "
                     "nothing tells in full what it looked like then (the log does so where binlog_row_metadata is FULL). "
                     "`leat offsets reset %s` makes the next start take a new snapshot; or leave the table out of `tables`",
                     table->full, leat_task_name(tables->task));
}

static void adopt(struct tables *tables, struct table *table, struct table *fresh)
{
    struct leat_arena old = table->arena;
    table->arena = fresh->arena;
    table->columns = fresh->columns;
    table->column_count = fresh->column_count;
    table->is_changed = table->is_changed || table->schema != fresh->schema;
    table->schema = fresh->schema;
    table->map = (struct leat_table_map){0};
    table->is_known = true;
    table->is_stale = false;
    fresh->arena = old;
    say_keyless(tables, table);
}

/* For rows that were written when the table was not what information_schema tells of it now. */
static enum leat_status renew_from_log(struct tables *tables, struct table *table, const struct table *now,
                                       const struct leat_table_map *logged, struct leat_error *err)
{
    struct table *made = table_new(table->database, table->name);
    bool is_good = table_take_logged(made, logged, table, now, tables->is_mariadb);
    if (is_good)
        adopt(tables, table, made);
    table_free(made);
    return is_good ? LEAT_OK : lost_definition(tables, table, err);
}

/* Brings the definition to what this event's rows look like. */
static enum leat_status renew(struct tables *tables, struct table *table, const struct leat_table_map *logged,
                              struct leat_error *err)
{
    bool is_good = table_fits(table, logged);
    if (is_good && !table->is_stale)
        return LEAT_OK;
    struct table *fresh = table_new(table->database, table->name);
    enum leat_status status = fetch(tables, fresh, err);
    if (status == LEAT_OK && table_fits(fresh, logged))
        adopt(tables, table, fresh);
    else if (!is_good && status != LEAT_RETRY) /* dropped meanwhile, renamed, or altered twice */
        status = renew_from_log(tables, table, fresh, logged, err);
    else if (is_good && status != LEAT_RETRY)
        status = LEAT_OK; /* still as we know it; looked at again at the next one */
    table_free(fresh);
    return status;
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
    if (status == LEAT_OK)
        status = form_check(table, err);
    if (status == LEAT_OK)
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
    if (!table->is_captured || (!table->is_stale && table->map.is_planned && leat_table_map_same(&table->map, ev, format)))
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

void tables_learn(struct tables *tables, struct table *table, const struct table *told)
{
    if (table->is_known)
        return;
    struct leat_batch *room = leat_batch_new(64 << 10, 1);
    table_store(told, room);
    table->is_changed = table_load(table, &room->positions[0].value, tables->is_mariadb);
    leat_batch_free(room);
}

/* ---- definitions ---- */

typedef void table_f(void *arg, struct table *table);

static void each_table(struct tables *tables, table_f *each, void *arg)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    while (leat_table_next(&tables->by_name, &at, &key, &len, &value))
        each(arg, value);
}

struct statement_text {
    const char *text;
    size_t len;
    bool names_one; /* that is captured */
};

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* As a word of its own. True also for a name that may be written otherwise: with a doubled quote, or in another charset. */
static bool may_name(const struct statement_text *statement, const char *name)
{
    size_t len = strlen(name);
    const char *end = statement->text + statement->len;
    for (size_t i = 0; i < len; i++)
        if (!is_word_char(name[i]))
            return true;
    for (const char *at = statement->text; (size_t)(end - at) >= len; at++)
        if (strncasecmp(at, name, len) == 0 && (at == statement->text || !is_word_char(at[-1])) &&
            (at + len == end || !is_word_char(at[len])))
            return true;
    return false;
}

static void mark_stale(void *arg, struct table *table)
{
    struct statement_text *statement = arg;
    if (!table->is_captured || !may_name(statement, table->name))
        return;
    table->is_stale = true;
    table->statements++;
    statement->names_one = true;
}

bool tables_mark_stale(struct tables *tables, const char *statement, size_t len)
{
    struct statement_text text = {.text = statement, .len = len};
    each_table(tables, mark_stale, &text);
    return text.names_one;
}

static void store(void *arg, struct table *table)
{
    if (table->is_changed && table->is_known)
        table_store(table, arg);
    table->is_changed = false;
}

void tables_store(struct tables *tables, struct leat_batch *batch)
{
    each_table(tables, store, batch);
}
