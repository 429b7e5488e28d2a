#include <mysql/follow.h>

#include <base/memory.h>
#include <mysql/definition.h>
#include <mysql/park.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NAME_MAX_BYTES 256
#define FOLLOWED_MAX 1000 /* tables that are not captured, but may be renamed to one that is */

/* Longer than any name that a server takes: what was read as one is none. */
static bool is_name(const struct leat_ddl_name *name, const char *session)
{
    const char *database = name->database ? name->database : session;
    return strlen(database) <= NAME_MAX_BYTES && (!name->table || strlen(name->table) <= NAME_MAX_BYTES);
}

static struct table *named(struct tables *tables, const struct leat_ddl_name *name, const char *session)
{
    const char *database = name->database ? name->database : session;
    return tables_find(tables, database, strlen(database), name->table, strlen(name->table));
}

static bool is_same_database(const struct tables *tables, const char *a, const char *b)
{
    return tables->ignore_case ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

/* ---- which of those that are not captured ---- */

struct neighbours {
    const struct tables *tables;
    const char *database;
    bool has_captured;
    uint32_t followed;
};

static void look_at(void *arg, struct table *table)
{
    struct neighbours *neighbours = arg;
    neighbours->followed += !table->is_captured && table->is_known;
    neighbours->has_captured =
        neighbours->has_captured ||
        (table->is_captured && is_same_database(neighbours->tables, table->database, neighbours->database));
}

/* gh-ost and pt-osc make and alter a table beside the one that they rename it to. */
static bool may_become_one(struct tables *tables, const struct table *table)
{
    struct neighbours neighbours = {.tables = tables, .database = table->database};
    tables_each(tables, look_at, &neighbours);
    return neighbours.has_captured && neighbours.followed < FOLLOWED_MAX;
}

/* ---- definitions ---- */

static void forget(struct table *table)
{
    table->is_changed = table->is_changed || table->is_stored;
    table_forget(table);
    table->is_stale = false;
}

/* The columns stay, for what a log in full does not tell of them. */
static void lose(struct table *table)
{
    table->is_known = false;
    table->is_stale = table->is_changed = true;
    table->map = (struct leat_table_map){0};
}

/* Takes `fresh` over where it is good; frees it. */
static void take(struct tables *tables, struct table *table, struct table *fresh, bool is_good)
{
    if (is_good)
        tables_adopt(tables, table, fresh);
    else
        lose(table);
    table_free(fresh);
}

/* ---- charsets of databases ---- */

/* "": it was dropped; NULL: not known. */
static void set_database(struct tables *tables, const char *database, const char *charset)
{
    free(leat_table_remove(&tables->databases, database, strlen(database)));
    if (charset)
        leat_table_set(&tables->databases, database, strlen(database), leat_strdup(charset));
}

/* CREATE DATABASE IF NOT EXISTS is logged also where it does nothing: it counts where the log had the database dropped, and
 * where nobody else can be asked. */
static void follow_database(struct tables *tables, const struct leat_ddl_step *step, const char *database)
{
    const char *known = leat_table_get(&tables->databases, database, strlen(database));
    bool is_gone = known && !known[0];
    if (step->kind == LEAT_DDL_DROP_DATABASE)
        set_database(tables, database, "");
    else if (!step->is_conditional || is_gone || (!known && !tables->options))
        set_database(tables, database, step->charset);
}

static bool wants_charset(const struct leat_ddl_step *step)
{
    for (uint32_t i = 0; !step->charset && !step->is_unclear && i < step->change_count; i++)
        if (!step->changes[i].column.charset)
            return true;
    return false;
}

static enum leat_status database_charset(struct tables *tables, const char *database, const char **charset,
                                         struct leat_error *err)
{
    char answer[64], text[CLIENT_NAME_MAX];
    *charset = leat_table_get(&tables->databases, database, strlen(database));
    if (*charset && **charset)
        return LEAT_OK;
    *charset = NULL;
    struct client *client;
    enum leat_status status = tables_client(tables, &client, err);
    if (status == LEAT_OK)
        status = client_ask(client, answer, sizeof answer, err,
                            "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = %s",
                            client_text(client, text, database));
    if (status == LEAT_RETRY)
        client_close(&tables->client);
    if (status == LEAT_OK && answer[0]) {
        set_database(tables, database, answer);
        *charset = leat_table_get(&tables->databases, database, strlen(database));
    }
    return status == LEAT_RETRY ? status : LEAT_OK;
}

/* ---- statements ---- */

static enum leat_status create_from(struct tables *tables, struct table *table, const struct leat_ddl_step *step,
                                    const char *session, struct leat_error *err)
{
    const char *charset = NULL;
    struct table *fresh = table_new(table->database, table->name);
    enum leat_status status = wants_charset(step) ? database_charset(tables, table->database, &charset, err) : LEAT_OK;
    if (status != LEAT_OK)
        table_free(fresh);
    else if (step->other.table)
        take(tables, table, fresh, definition_copy(fresh, named(tables, &step->other, session), tables->is_mariadb));
    else
        take(tables, table, fresh, definition_create(fresh, step, charset, tables->is_mariadb));
    return status;
}

static enum leat_status create(struct tables *tables, struct table *table, const struct leat_ddl_step *step,
                               const char *session, struct leat_error *err)
{
    bool may_be_there = step->is_conditional && !step->replaces && !table->is_gone;
    if ((may_be_there && (table->is_known || table->parked)) || (!table->is_captured && !may_become_one(tables, table)))
        return LEAT_OK;
    if (!may_be_there)
        tables_unpark(tables, table);
    enum leat_status status = create_from(tables, table, step, session, err);
    table->is_stale = table->is_stale || may_be_there; /* and may look otherwise: the definition counts where none can be looked up */
    table->is_gone = false;
    return status;
}

static void alter(struct tables *tables, struct table *table, const struct leat_ddl_step *step)
{
    if (!definition_matters(step) || table->parked || (!table->is_known && !table->is_captured))
        return;
    if (!table->is_known) { /* and is looked up, as of a later place */
        table->is_stale = true;
        return;
    }
    bool is_stale = table->is_stale;
    struct table *fresh = table_new(table->database, table->name);
    take(tables, table, fresh, definition_alter(fresh, table, step, tables->is_mariadb));
    table->is_stale = table->is_stale || is_stale;
}

static void drop(struct tables *tables, struct table *table, struct followed *followed)
{
    followed->loses_rows = table->is_captured && table->schema;
    if (table->parked)
        tables_unpark(tables, table);
    forget(table);
    table->is_gone = true;
}

static void rename_to(struct tables *tables, struct table *from, struct table *to, struct followed *followed)
{
    if (from == to) /* ALTER TABLE t ..., RENAME TO t */
        return;
    struct table *fresh = table_new(to->database, to->name);
    bool is_good = from->is_known && definition_copy(fresh, from, tables->is_mariadb);
    bool is_stale = from->is_stale;
    tables_park_moved(tables, from, to);
    if (from->is_captured && from->schema)
        followed->table = from;
    if (to->is_captured && !from->is_captured)
        followed->replaced_by = to;
    if (is_good || to->is_captured)
        take(tables, to, fresh, is_good);
    else
        table_free(fresh);
    to->is_stale = to->is_stale || is_stale;
    to->is_gone = false;
    forget(from);
    from->is_gone = true;
    to->statements++;
    tables_forget_ids(tables);
}

struct dropping {
    struct tables *tables;
    const char *database;
    struct followed *followed;
};

static void drop_of_database(void *arg, struct table *table)
{
    struct dropping *dropping = arg;
    struct followed one = {0};
    if (!is_same_database(dropping->tables, table->database, dropping->database))
        return;
    drop(dropping->tables, table, &one);
    table->statements++;
    if (one.loses_rows)
        dropping->followed->table = table;
    dropping->followed->loses_rows = dropping->followed->loses_rows || one.loses_rows;
}

enum leat_status tables_follow(struct tables *tables, const struct leat_ddl_step *step, const char *database,
                               struct followed *followed, struct leat_error *err)
{
    *followed = (struct followed){0};
    const char *own = step->name.database ? step->name.database : database;
    if (!is_name(&step->name, database) || !is_name(&step->other, database))
        return LEAT_OK;
    if (step->kind == LEAT_DDL_DATABASE || step->kind == LEAT_DDL_DROP_DATABASE) {
        follow_database(tables, step, own);
        if (step->kind == LEAT_DDL_DROP_DATABASE)
            tables_each(tables, drop_of_database, &(struct dropping){tables, own, followed});
        return LEAT_OK;
    }
    struct table *table = named(tables, &step->name, database);
    bool was_there = table->is_captured && table->schema;
    followed->table = table->is_captured ? table : NULL;
    table->statements++;
    switch (step->kind) {
    case LEAT_DDL_CREATE:
        followed->loses_rows = step->replaces && was_there;
        return create(tables, table, step, database, err);
    case LEAT_DDL_ALTER:
        followed->loses_rows = step->loses_rows && table->is_captured;
        alter(tables, table, step);
        return LEAT_OK;
    case LEAT_DDL_RENAME:
        followed->from = table;
        followed->to = named(tables, &step->other, database);
        rename_to(tables, table, followed->to, followed);
        return LEAT_OK;
    case LEAT_DDL_DROP_TABLE:
        drop(tables, table, followed);
        return LEAT_OK;
    default:
        return LEAT_OK;
    }
}
