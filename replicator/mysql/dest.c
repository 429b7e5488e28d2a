#include <mysql/dest.h>

#include <base/memory.h>
#include <mysql/literal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct dest *dest_new(const char *database, const char *name)
{
    char first[CLIENT_NAME_MAX], second[CLIENT_NAME_MAX];
    struct dest *dest = leat_calloc(1, sizeof *dest);
    dest->name = leat_strdup(name);
    dest->quoted = leat_format_dup("%s.%s", client_quote(first, sizeof first, database),
                                   client_quote(second, sizeof second, name));
    leat_arena_init(&dest->arena, 0);
    return dest;
}

void dest_free(struct dest *dest)
{
    leat_arena_fini(&dest->arena);
    free(dest->quoted);
    free(dest->name);
    free(dest);
}

/* ---- what is there ----
 *
 * Plain queries that name schema and table, one by one: MariaDB 10.11 dies (signal 11 in create_schema_table) when several
 * connections at once look through the keys of all schemas, as joins and subqueries on information_schema make it do. */

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words;
}

static void add_column(struct dest *dest, char *const *cells)
{
    static const char *const texts[] = {"char",     "varchar", "tinytext", "text", "mediumtext",
                                        "longtext", "enum",    "set",      NULL};
    char quoted[CLIENT_NAME_MAX];
    dest->columns[dest->count++] = (struct dest_column){
        .name = leat_arena_strdup(&dest->arena, cells[0]),
        .quoted = leat_arena_strdup(&dest->arena, client_quote(quoted, sizeof quoted, cells[0])),
        .data_type = leat_arena_strdup(&dest->arena, cells[1]),
        .is_text = is_one_of(cells[1], texts),
        .is_json = strcmp(cells[1], "json") == 0,
        .is_generated = strcmp(cells[2], "1") == 0,
        .digits = (uint8_t)strtoul(cells[3], NULL, 10),
    };
}

static void note_keys(struct dest *dest)
{
    static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "bigint", NULL};
    dest->keys = leat_arena_alloc(&dest->arena, dest->count * sizeof *dest->keys);
    dest->has_integer_key = true;
    for (uint32_t i = 0; i < dest->count; i++) {
        if (dest->columns[i].key_place == 0)
            continue;
        dest->keys[dest->columns[i].key_place - 1] = i;
        dest->key_count++;
        dest->has_integer_key = dest->has_integer_key && is_one_of(dest->columns[i].data_type, integers);
    }
    dest->has_integer_key = dest->has_integer_key && dest->key_count > 0;
}

static enum leat_status fetch_columns(struct dest *dest, const char *space, const char *name, struct client *client,
                                      struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT column_name, LOWER(data_type), COALESCE(generation_expression, '') <> '', "
                                           "COALESCE(datetime_precision, numeric_scale, 255) FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY "
                                           "ordinal_position",
                                           space, name);
    if (status != LEAT_OK)
        return status;
    dest->columns = leat_arena_alloc(&dest->arena, (size_t)mysql_num_rows(result) * sizeof *dest->columns);
    for (MYSQL_ROW cells; (cells = mysql_fetch_row(result));) {
        dest->exists = true;
        add_column(dest, cells);
    }
    mysql_free_result(result);
    return LEAT_OK;
}

static enum leat_status fetch_key(struct dest *dest, const char *space, const char *name, struct client *client,
                                  struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT column_name, seq_in_index FROM information_schema.statistics WHERE "
                                           "table_schema = %s AND table_name = %s AND index_name = 'PRIMARY'",
                                           space, name);
    if (status != LEAT_OK)
        return status;
    for (MYSQL_ROW cells; (cells = mysql_fetch_row(result));) {
        int32_t column = dest_find(dest, cells[0], strlen(cells[0]));
        if (column >= 0)
            dest->columns[column].key_place = (uint32_t)strtoul(cells[1], NULL, 10);
    }
    mysql_free_result(result);
    note_keys(dest);
    return LEAT_OK;
}

static enum leat_status is_any(struct client *client, bool *is_there, struct leat_error *err, const char *what,
                               const char *space, const char *name)
{
    char answer[32];
    enum leat_status status = client_ask(client, answer, sizeof answer, err, what, space, name);
    *is_there = status == LEAT_OK && answer[0] && strcmp(answer, "0") != 0;
    return status;
}

/* By a foreign key of any schema; each is asked by name. */
static enum leat_status is_referenced(struct dest *dest, const char *space, const char *name, struct client *client,
                                      struct leat_error *err)
{
    MYSQL_RES *spaces;
    char answer[32], from[CLIENT_NAME_MAX];
    enum leat_status status = client_query(client, &spaces, err,
                                           "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
                                           "('mysql', 'information_schema', 'performance_schema', 'sys')");
    if (status != LEAT_OK)
        return status;
    for (MYSQL_ROW cells; status == LEAT_OK && !dest->is_linked && (cells = mysql_fetch_row(spaces));) {
        status = client_ask(client, answer, sizeof answer, err,
                            "SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema = %s AND "
                            "referenced_table_schema = %s AND referenced_table_name = %s",
                            client_text(client, from, cells[0]), space, name);
        dest->is_linked = status == LEAT_OK && strcmp(answer, "0") != 0;
    }
    mysql_free_result(spaces);
    return status;
}

static enum leat_status fetch_traits(struct dest *dest, const char *space, const char *name, struct client *client,
                                     struct leat_error *err)
{
    static const char *const links[] = {
        "SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema = %s AND table_name = %s AND "
        "referenced_table_name IS NOT NULL",
        "SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = %s AND event_object_table = %s"};
    char engine[64];
    enum leat_status status = is_any(client, &dest->has_other_unique, err,
                                     "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = %s AND table_name "
                                     "= %s AND non_unique = 0 AND index_name <> 'PRIMARY'",
                                     space, name);
    dest->is_linked = false;
    for (size_t i = 0; status == LEAT_OK && !dest->is_linked && i < sizeof links / sizeof *links; i++)
        status = is_any(client, &dest->is_linked, err, links[i], space, name);
    if (status == LEAT_OK && !dest->is_linked)
        status = is_referenced(dest, space, name, client, err);
    if (status == LEAT_OK)
        status = client_ask(client, engine, sizeof engine, err,
                            "SELECT engine FROM information_schema.tables WHERE table_schema = %s AND table_name = %s", space,
                            name);
    dest->is_transactional = status == LEAT_OK && strcasecmp(engine, "InnoDB") == 0;
    return status;
}

enum leat_status dest_fetch(struct dest *dest, const char *database, struct client *client, struct leat_error *err)
{
    char space[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    client_text(client, space, database);
    client_text(client, name, dest->name);
    leat_arena_reset(&dest->arena);
    dest->count = dest->key_count = 0;
    dest->exists = false;
    enum leat_status status = fetch_columns(dest, space, name, client, err);
    if (status != LEAT_OK || !dest->exists)
        return status;
    status = fetch_key(dest, space, name, client, err);
    return status != LEAT_OK ? status : fetch_traits(dest, space, name, client, err);
}

int32_t dest_find(const struct dest *dest, const char *name, size_t len)
{
    for (uint32_t i = 0; i < dest->count; i++)
        if (strncasecmp(dest->columns[i].name, name, len) == 0 && dest->columns[i].name[len] == '\0')
            return (int32_t)i;
    return -1;
}

/* ---- making it ---- */

#define VARCHAR_MOST 4000 /* characters: longer ones become LONGTEXT, so that many fit into the 64 KiB of a row */
#define KEY_CHARACTERS 255

struct making { /* one column that is to be made */
    const char *name;
    size_t name_len;
    const struct leat_field *field; /* NULL: only a value is known */
    uint8_t type;                   /* enum leat_type */
    bool is_key;
};

static const char *integer_type(const struct leat_field *field, uint8_t type)
{
    static const char *const by_meaning[] = {[LEAT_INT8] = "TINYINT", [LEAT_INT16] = "SMALLINT",
                                             [LEAT_INT24] = "MEDIUMINT", [LEAT_INT32] = "INT", [LEAT_YEAR] = "YEAR"};
    if (field && field->meaning >= LEAT_INT8 && field->meaning <= LEAT_YEAR)
        return by_meaning[field->meaning];
    return type == LEAT_UINT64 ? "BIGINT UNSIGNED" : "BIGINT";
}

static void add_sized(struct leat_bytes *sql, const struct making *made, const char *small, const char *large)
{
    uint32_t width = made->field ? made->field->width : 0;
    if (made->is_key && (width == 0 || width > KEY_CHARACTERS))
        width = KEY_CHARACTERS;
    if (width > 0 && width <= VARCHAR_MOST)
        leat_bytes_printf(sql, "%s(%u)", small, width);
    else
        leat_bytes_text(sql, large);
}

/* The column's type for a field that comes from elsewhere than MySQL. */
static void add_plain_type(struct leat_bytes *sql, const struct making *made)
{
    const struct leat_field *field = made->field;
    unsigned digits = field && field->scale <= 6 ? field->scale : 6;
    switch ((enum leat_type)made->type) {
    case LEAT_BOOL:
        leat_bytes_text(sql, "BOOLEAN");
        break;
    case LEAT_INT64:
    case LEAT_UINT64:
        if (field && field->meaning == LEAT_BIT)
            leat_bytes_printf(sql, "BIT(%u)", field->width >= 1 && field->width <= 64 ? field->width : 64);
        else
            leat_bytes_printf(sql, "%s%s", integer_type(field, made->type),
                              made->type == LEAT_UINT64 && field && field->meaning >= LEAT_INT8 &&
                                      field->meaning <= LEAT_INT32
                                  ? " UNSIGNED"
                                  : "");
        break;
    case LEAT_FLOAT64:
        leat_bytes_text(sql, "DOUBLE");
        break;
    case LEAT_DECIMAL:
        leat_bytes_printf(sql, "DECIMAL(%u,%u)", field && field->width >= 1 && field->width <= 65 ? field->width : 65,
                          field && field->width >= 1 && field->width <= 65 && field->scale <= 30 ? field->scale : 30);
        break;
    case LEAT_BYTES:
        if (field && field->meaning == LEAT_GEOMETRY)
            leat_bytes_text(sql, "GEOMETRY");
        else
            add_sized(sql, made, "VARBINARY", "LONGBLOB");
        break;
    case LEAT_DATE:
        leat_bytes_text(sql, "DATE");
        break;
    case LEAT_TIME:
        leat_bytes_printf(sql, "TIME(%u)", digits);
        break;
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP: /* a TIMESTAMP column ends in 2038 */
        leat_bytes_printf(sql, "DATETIME(%u)", digits);
        break;
    case LEAT_JSON:
    case LEAT_ARRAY:
    case LEAT_STRUCT:
    case LEAT_MAP:
        leat_bytes_text(sql, "JSON");
        break;
    default:
        add_sized(sql, made, "VARCHAR", "LONGTEXT");
        break;
    }
}

/* Types that only one of the two servers has. */
static bool is_foreign_type(const struct client *client, const char *native)
{
    static const char *const of_mariadb[] = {"uuid", "inet6", "inet4", NULL};
    return !client->is_mariadb && is_one_of(native, of_mariadb);
}

/* enum('a','b'): the labels stand apart from the type. */
static void add_labels(struct leat_bytes *sql, const struct leat_field *field)
{
    leat_bytes_text(sql, field->meaning == LEAT_ENUM ? "ENUM(" : "SET(");
    for (const char *label = field->labels, *end; (end = strchr(label, '\n')); label = end + 1) {
        leat_bytes_text(sql, label == field->labels ? "" : ",");
        literal_text(sql, label, (size_t)(end - label));
    }
    leat_bytes_put(sql, ')');
}

static void add_type(struct leat_bytes *sql, const struct client *client, const struct leat_schema *schema,
                     const struct making *made)
{
    const char *native = made->field ? made->field->native : "";
    bool is_ours = schema && (strcmp(schema->connector, "mysql") == 0 || strcmp(schema->connector, "mariadb") == 0);
    bool is_wide = made->field && strncmp(native, "varchar", 7) == 0 && made->field->width > VARCHAR_MOST;
    if (made->field && (made->field->meaning == LEAT_ENUM || made->field->meaning == LEAT_SET) && made->field->labels[0]) {
        add_labels(sql, made->field);
        return;
    }
    if (is_ours && native[0] && !is_foreign_type(client, native) && (!is_wide || made->is_key)) {
        leat_bytes_text(sql, native);
        return;
    }
    struct making plain = *made;
    struct leat_field field = made->field ? *made->field : (struct leat_field){.width = 0};
    if (is_foreign_type(client, native)) {
        field.width = strcmp(native, "uuid") == 0 ? 36 : 45;
        plain.field = &field;
    }
    add_plain_type(sql, &plain);
}

static void add_definition(struct leat_bytes *sql, const struct client *client, const struct leat_schema *schema,
                           const struct making *made)
{
    bool is_required = made->is_key || (made->field && (made->field->flags & LEAT_FIELD_REQUIRED));
    char *name = leat_strndup(made->name, made->name_len);
    literal_name(sql, name);
    free(name);
    leat_bytes_put(sql, ' ');
    add_type(sql, client, schema, made);
    leat_bytes_text(sql, is_required ? " NOT NULL" : " NULL");
    leat_bytes_text(sql, ", ");
}

static bool is_key_field(const struct leat_schema *schema, uint32_t field)
{
    for (uint32_t i = 0; i < schema->key_count; i++)
        if (schema->keys[i] == field)
            return true;
    return false;
}

/* Each field that the table has no column for, followed by ", ". A new column of a table that has rows may be NULL: what its
 * older rows hold the log does not say. */
static void add_missing(const struct dest *dest, const struct client *client, const struct leat_record *rec,
                        bool is_append, struct leat_bytes *sql)
{
    const struct leat_schema *schema = rec->schema;
    const struct leat_value *value = rec->value.type == LEAT_MAP ? &rec->value : &rec->before;
    const char *prefix = dest->exists ? "ADD COLUMN " : "";
    for (uint32_t i = 0; schema && i < schema->field_count; i++) {
        struct leat_field field = schema->fields[i];
        size_t len = strlen(field.name);
        if (dest->exists)
            field.flags = 0;
        if (dest_find(dest, field.name, len) >= 0)
            continue;
        leat_bytes_text(sql, prefix);
        add_definition(sql, client, schema,
                       &(struct making){field.name, len, &field, field.type,
                                        !is_append && !dest->exists && is_key_field(schema, i)});
    }
    for (uint32_t i = 0; !schema && value->type == LEAT_MAP && i < value->len; i++) {
        const struct leat_value *name = &value->as.items[2 * i], *item = name + 1;
        if (name->type != LEAT_TEXT || dest_find(dest, name->as.text, name->len) >= 0 || item->type == LEAT_NULL)
            continue;
        leat_bytes_text(sql, prefix);
        add_definition(sql, client, NULL, &(struct making){name->as.text, name->len, NULL, item->type, false});
    }
}

static void add_table(const struct client *client, const struct leat_record *rec, bool is_append, struct leat_bytes *sql)
{
    const struct leat_schema *schema = rec->schema;
    if (is_append)
        leat_bytes_text(sql, "`_op` CHAR(1) NOT NULL, `_topic` VARCHAR(249) NOT NULL, `_offset` BIGINT UNSIGNED NOT NULL, "
                             "`_time` DATETIME(6) NOT NULL, ");
    if (!is_append && schema && schema->key_count > 0) {
        leat_bytes_text(sql, "PRIMARY KEY (");
        for (uint32_t i = 0; i < schema->key_count; i++) {
            literal_name(sql, schema->fields[schema->keys[i]].name);
            leat_bytes_text(sql, ", ");
        }
        sql->len -= 2;
        leat_bytes_text(sql, "), ");
    }
    sql->len -= 2; /* the last ", " */
    /* Compared byte by byte and without padding: keys that differ in the source differ here. */
    leat_bytes_printf(sql, ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=%s",
                      client->is_mariadb ? "utf8mb4_nopad_bin" : client->version >= 80017 ? "utf8mb4_0900_bin" : "utf8mb4_bin");
}

enum leat_status dest_ddl(const struct dest *dest, const struct client *client, const struct leat_record *rec,
                          bool is_append, struct leat_bytes *sql, struct leat_error *err)
{
    leat_bytes_printf(sql, dest->exists ? "ALTER TABLE %s " : "CREATE TABLE IF NOT EXISTS %s (", dest->quoted);
    size_t before = sql->len;
    add_missing(dest, client, rec, is_append, sql);
    if (sql->len == before) {
        leat_bytes_clear(sql);
        return dest->exists ? LEAT_OK
                            : leat_fail(err, LEAT_REJECT, "no table can be made from it: it is no row (a schema, or an object, "
                                                          "would name the columns)");
    }
    if (dest->exists)
        sql->len -= 2;
    else
        add_table(client, rec, is_append, sql);
    return sql->is_over ? leat_fail(err, LEAT_STOP, "the table's definition is too long") : LEAT_OK;
}
