#include <mysql/table.h>

#include <base/hash.h>
#include <base/memory.h>
#include <mysql/client.h>
#include <mysql/columns.h>
#include <mysql/logged.h>
#include <mysql/park.h>
#include <mysql/position.h>
#include <stdlib.h>

struct table *table_new(const char *database, const char *name)
{
    struct table *table = leat_calloc(1, sizeof *table);
    table->database = leat_strdup(database);
    table->name = leat_strdup(name);
    table->full = leat_format_dup("%s.%s", database, name);
    table->charset = "";
    leat_arena_init(&table->arena, 0);
    return table;
}

void table_free(struct table *table)
{
    leat_arena_fini(&table->arena);
    parked_free(table->parked);
    free(table->database);
    free(table->name);
    free(table->full);
    free(table);
}

void table_forget(struct table *table)
{
    leat_arena_reset(&table->arena);
    table->columns = NULL;
    table->column_count = 0;
    table->charset = "";
    table->map = (struct leat_table_map){0};
    table->is_known = false;
}

bool table_finish(struct table *table, bool is_mariadb)
{
    table->schema = columns_schema(table->columns, table->column_count, is_mariadb ? "mariadb" : "mysql",
                                   table->database, table->name);
    table->is_known = table->schema != NULL;
    table->is_stale = false;
    return table->is_known;
}

/* ---- from information_schema ---- */

static enum leat_status fetch_columns(struct table *table, struct client *client, struct leat_error *err)
{
    MYSQL_RES *result;
    char database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    enum leat_status status = client_query(
        client, &result, err,
        "SELECT column_name, column_type, data_type, is_nullable, IFNULL(character_set_name, ''), IFNULL(collation_name, '') "
        "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        client_text(client, database, table->database), client_text(client, name, table->name));
    if (status != LEAT_OK)
        return status;
    table->column_count = (uint32_t)mysql_num_rows(result);
    table->columns = leat_arena_zeroed(&table->arena, (table->column_count + 1) * sizeof *table->columns);
    MYSQL_ROW row;
    for (uint32_t i = 0; (row = mysql_fetch_row(result)); i++) {
        struct column *column = &table->columns[i];
        column->name = leat_arena_strdup(&table->arena, row[0]);
        column->type = leat_arena_strdup(&table->arena, row[1]);
        column->data_type = leat_arena_strdup(&table->arena, row[2]);
        column->is_nullable = strcmp(row[3], "YES") == 0;
        column->charset = leat_arena_strdup(&table->arena, row[4]);
        column->collation = row[5][0] ? leat_hash(row[5], strlen(row[5]), 0) : 0;
    }
    mysql_free_result(result);
    return LEAT_OK;
}

static struct column *find_column(const struct table *table, const char *name, size_t len)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (strlen(table->columns[i].name) == len && memcmp(table->columns[i].name, name, len) == 0)
            return &table->columns[i];
    return NULL;
}

static enum leat_status fetch_key(struct table *table, struct client *client, struct leat_error *err)
{
    MYSQL_RES *result;
    char database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT column_name, seq_in_index FROM information_schema.statistics WHERE "
                                           "table_schema = %s AND table_name = %s AND index_name = 'PRIMARY'",
                                           client_text(client, database, table->database), client_text(client, name, table->name));
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result))) {
        struct column *column = find_column(table, row[0], strlen(row[0]));
        if (column)
            column->key_place = (uint32_t)strtoul(row[1], NULL, 10);
    }
    mysql_free_result(result);
    return LEAT_OK;
}

/* The default charset, and what kind of table it is: "BASE TABLE utf8mb4_general_ci". */
static enum leat_status fetch_charset(struct table *table, struct client *client, struct leat_error *err)
{
    static const char versioned[] = "SYSTEM VERSIONED ";
    char told[128], database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    enum leat_status status = client_ask(client, told, sizeof told, err,
                                         "SELECT CONCAT(table_type, ' ', IFNULL(table_collation, '')) FROM "
                                         "information_schema.tables WHERE table_schema = %s AND table_name = %s",
                                         client_text(client, database, table->database), client_text(client, name, table->name));
    char *collation = status == LEAT_OK ? strrchr(told, ' ') + 1 : told + strlen(told);
    collation[strcspn(collation, "_")] = '\0';
    table->charset = leat_arena_strdup(&table->arena, collation);
    table->is_versioned = status == LEAT_OK && strncmp(told, versioned, sizeof versioned - 1) == 0;
    return status;
}

/* "json_valid(`name`)" */
static enum leat_status fetch_json(struct table *table, struct client *client, struct leat_error *err)
{
    MYSQL_RES *result;
    char database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    static const char prefix[] = "json_valid(`";
    if (!client->is_mariadb)
        return LEAT_OK;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT check_clause FROM information_schema.check_constraints WHERE "
                                           "constraint_schema = %s AND table_name = %s",
                                           client_text(client, database, table->database), client_text(client, name, table->name));
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result))) {
        const char *clause = row[0], *end = strstr(clause, "`)");
        if (strncmp(clause, prefix, sizeof prefix - 1) != 0 || !end || end[2])
            continue;
        clause += sizeof prefix - 1;
        struct column *column = find_column(table, clause, (size_t)(end - clause));
        if (column)
            column->is_json = true;
    }
    mysql_free_result(result);
    return LEAT_OK;
}

enum leat_status table_fetch(struct table *table, struct client *client, struct leat_error *err)
{
    table_forget(table);
    enum leat_status status = fetch_columns(table, client, err);
    if (status == LEAT_OK && table->column_count == 0)
        return leat_fail(err, LEAT_STOP, "%s: there is no table %s, or the user may not SELECT from it", client->where,
                         table->full);
    if (status == LEAT_OK)
        status = fetch_key(table, client, err);
    if (status == LEAT_OK)
        status = fetch_json(table, client, err);
    if (status == LEAT_OK)
        status = fetch_charset(table, client, err);
    if (status != LEAT_OK)
        return status;
    table->is_changed = true;
    if (table_finish(table, client->is_mariadb))
        return LEAT_OK;
    return leat_fail(err, LEAT_STOP, "%s: table %s cannot be described", client->where, table->full);
}

/* ---- kept with the position ---- */

enum { NAME, TYPE, DATA_TYPE, CHARSET, NULLABLE, IS_JSON, KEY_PLACE, PARTS };

static const char *load_text(struct table *table, const struct leat_value *value)
{
    return value->type == LEAT_TEXT ? leat_arena_copy(&table->arena, value->as.text, value->len) : "";
}

/* {charset, columns}; before there was a charset, the columns alone. */
static const struct leat_value *load_columns(struct table *table, const struct leat_value *value)
{
    const struct leat_value *charset = leat_map_get(value, "charset"), *columns = leat_map_get(value, "columns");
    if (value->type == LEAT_MAP && charset)
        table->charset = load_text(table, charset);
    return value->type == LEAT_MAP ? columns : value;
}

bool table_load(struct table *table, const struct leat_value *value, bool is_mariadb)
{
    table_forget(table);
    table->is_stored = true;
    value = load_columns(table, value);
    if (!value || value->type != LEAT_ARRAY)
        return false;
    table->column_count = value->len;
    table->columns = leat_arena_zeroed(&table->arena, (value->len + 1) * sizeof *table->columns);
    for (uint32_t i = 0; i < value->len; i++) {
        const struct leat_value *parts = value->as.items[i].as.items;
        if (value->as.items[i].type != LEAT_ARRAY || value->as.items[i].len != PARTS)
            return false;
        table->columns[i] = (struct column){
            .name = load_text(table, &parts[NAME]),
            .type = load_text(table, &parts[TYPE]),
            .data_type = load_text(table, &parts[DATA_TYPE]),
            .charset = load_text(table, &parts[CHARSET]),
            .is_nullable = parts[NULLABLE].as.b,
            .is_json = parts[IS_JSON].as.b,
            .key_place = (uint32_t)parts[KEY_PLACE].as.i,
        };
    }
    return table_finish(table, is_mariadb);
}

void table_store(const struct table *table, struct leat_batch *batch)
{
    struct leat_value key_items[2], key = position_key(key_items, "table", table->full);
    struct leat_value *columns = leat_batch_alloc(batch, (table->column_count + 1) * sizeof *columns);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        struct leat_value *parts = leat_batch_alloc(batch, PARTS * sizeof *parts);
        parts[NAME] = leat_value_string(column->name);
        parts[TYPE] = leat_value_string(column->type);
        parts[DATA_TYPE] = leat_value_string(column->data_type);
        parts[CHARSET] = leat_value_string(column->charset);
        parts[NULLABLE] = leat_value_bool(column->is_nullable);
        parts[IS_JSON] = leat_value_bool(column->is_json);
        parts[KEY_PLACE] = leat_value_int(column->key_place);
        columns[i] = leat_value_items(LEAT_ARRAY, parts, PARTS);
    }
    struct leat_value pairs[4] = {
        leat_value_string("charset"),
        leat_value_string(table->charset),
        leat_value_string("columns"),
        leat_value_items(LEAT_ARRAY, columns, table->column_count),
    };
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, 2);
    leat_batch_position(batch, &key, &value);
}

/* ---- from the log ---- */

/* A unique key may stand in the event in the place of a primary key that the table does not have. */
static bool has_key(const struct table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].key_place)
            return true;
    return false;
}

static bool agrees(const struct column *column, const struct leat_column *logged, struct leat_arena *arena)
{
    struct column told;
    return columns_type_fits(column, logged, true) && strcmp(column->name, logged->name) == 0 &&
           (!logged_column(logged, false, &told, arena) || columns_agree(column, &told));
}

static bool fits_in_full(const struct table *table, const struct leat_table_map *map)
{
    bool is_good = true, is_keyed = has_key(table);
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    for (uint32_t i = 0; is_good && i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        const struct leat_column *logged = &map->columns[i];
        is_good = agrees(column, logged, &arena) && (!is_keyed || column->key_place == logged->key_place);
    }
    leat_arena_fini(&arena);
    return is_good;
}

bool table_fits(const struct table *table, const struct leat_table_map *map)
{
    if (!table->is_known || !leat_table_map_shows(map, table->column_count))
        return false;
    if (logged_is_full(map))
        return fits_in_full(table, map);
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!columns_type_fits(&table->columns[i], &map->columns[i], map->has & LEAT_TABLE_SIGNEDNESS))
            return false;
    return true;
}

static const struct column *known_column(const struct table *known, const struct leat_column *logged,
                                         struct leat_arena *arena)
{
    const struct column *column = find_column(known, logged->name, logged->name_len);
    return column && agrees(column, logged, arena) ? column : NULL;
}

static void copy_column(struct table *table, struct column *to, const struct column *from)
{
    to->name = leat_arena_strdup(&table->arena, from->name);
    to->type = leat_arena_strdup(&table->arena, from->type);
    to->data_type = leat_arena_strdup(&table->arena, from->data_type);
    to->charset = leat_arena_strdup(&table->arena, from->charset);
    to->is_json = from->is_json;
}

bool table_take_logged(struct table *table, const struct leat_table_map *map, const struct table *before,
                       const struct table *now, bool is_mariadb)
{
    bool is_good = logged_is_full(map);
    table_forget(table);
    table->column_count = is_good ? map->shown_count : 0;
    table->columns = leat_arena_zeroed(&table->arena, (table->column_count + 1) * sizeof *table->columns);
    for (uint32_t i = 0; is_good && i < table->column_count; i++) {
        const struct leat_column *logged = &map->columns[i];
        struct column *column = &table->columns[i];
        const struct column *known = known_column(before, logged, &table->arena);
        if (!known)
            known = known_column(now, logged, &table->arena);
        is_good = logged_column(logged, is_mariadb, column, &table->arena) || known;
        if (known)
            copy_column(table, column, known);
    }
    table->charset = leat_arena_strdup(&table->arena, before->charset[0] ? before->charset : now->charset);
    table->is_changed = true;
    return is_good && table_finish(table, is_mariadb) && table_fits(table, map);
}

bool table_take_charsets(struct table *table, const struct leat_table_map *map)
{
    bool is_other = false;
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct column *column = &table->columns[i];
        const struct leat_column *logged = &map->columns[i];
        if (!columns_is_text(column) || leat_charset_of(logged->collation) == LEAT_CHARSET_UNKNOWN ||
            logged->collation == LEAT_COLLATION_BINARY)
            continue;
        const char *charset = leat_charset_name(logged->collation);
        bool is_same = leat_charset_collation(column->charset, strlen(column->charset)) ==
                       leat_charset_collation(charset, strlen(charset));
        if (!is_same)
            column->charset = charset;
        is_other = is_other || !is_same;
    }
    return is_other;
}

/* ---- decoding ---- */

enum leat_status table_plan(struct table *table, const struct leat_binlog_event *ev,
                            const struct leat_binlog_format *format, struct leat_error *err)
{
    enum leat_status status = leat_table_map_parse(&table->map, ev, format, &table->arena, err);
    for (uint32_t i = 0; status == LEAT_OK && i < table->column_count; i++)
        columns_hint(&table->columns[i], &table->schema->fields[i], &table->map.columns[i], &table->arena);
    if (status == LEAT_OK)
        status = leat_table_map_plan(&table->map, err);
    if (status != LEAT_OK)
        table->map = (struct leat_table_map){0};
    return status;
}
