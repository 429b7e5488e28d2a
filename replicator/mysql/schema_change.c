#include <mysql/schema_change.h>

#include <base/memory.h>
#include <ctype.h>
#include <mysql/unhidden.h>
#include <stdio.h>
#include <stdlib.h>

#define PAIRS(batch, items) map_of(batch, items, sizeof(items) / sizeof *(items) / 2)

static struct leat_value text_of(const char *text)
{
    return leat_value_string(text);
}

static struct leat_value map_of(struct leat_batch *batch, const struct leat_value *items, size_t count)
{
    struct leat_value map = leat_value_items(LEAT_MAP, items, count);
    return leat_batch_copy_value(batch, &map);
}

/* ---- columns ---- */

/* java.sql.Types, as Debezium has them. */
static const struct jdbc {
    const char *name;
    int type;
} jdbc[] = {
    {"tinyint", 5}, {"smallint", 5}, {"mediumint", 4}, {"int", 4}, {"bigint", -5}, {"decimal", 3}, {"float", 7}, {"double", 8},
    {"bit", -7}, {"year", 4}, {"date", 91}, {"time", 92}, {"datetime", 93}, {"timestamp", 2014}, {"char", 1}, {"varchar", 12},
    {"tinytext", 12}, {"text", 12}, {"mediumtext", 12}, {"longtext", 12}, {"binary", -2}, {"varbinary", -3}, {"tinyblob", -2},
    {"blob", 2004}, {"mediumblob", -4}, {"longblob", -4}, {"enum", 1}, {"set", 1},
};

static int jdbc_type(const char *name)
{
    for (size_t i = 0; i < sizeof jdbc / sizeof *jdbc; i++)
        if (strcmp(jdbc[i].name, name) == 0)
            return jdbc[i].type;
    return 1111; /* OTHER */
}

/* "int(10) unsigned" is INT UNSIGNED. */
static struct leat_value type_name(struct leat_batch *batch, const struct column *column)
{
    bool is_list = strcmp(column->data_type, "enum") == 0 || strcmp(column->data_type, "set") == 0;
    bool is_unsigned = !is_list && strstr(column->type, "unsigned"), is_zerofill = !is_list && strstr(column->type, "zerofill");
    char name[128];
    size_t len = (size_t)snprintf(name, sizeof name, "%.64s%s%s", column->data_type, is_unsigned ? " unsigned" : "",
                                  is_zerofill ? " zerofill" : "");
    for (size_t i = 0; i < len; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    return leat_value_text(leat_batch_copy(batch, name, len), len);
}

/* The `n`th number in the brackets, or null. */
static struct leat_value number(const struct column *column, int n)
{
    const char *at = strchr(column->type, '(');
    for (int i = 0; at && i < n; i++)
        at = strpbrk(at + 1, ",)");
    if (!at || *at == ')' || !isdigit((unsigned char)at[1]))
        return leat_value_null();
    return leat_value_int((int64_t)strtoll(at + 1, NULL, 10));
}

static struct leat_value column_of(struct leat_batch *batch, const struct column *column, uint32_t position)
{
    struct leat_value name = type_name(batch, column);
    const struct leat_value items[] = {
        text_of("name"), text_of(column->name),
        text_of("jdbcType"), leat_value_int(jdbc_type(column->data_type)),
        text_of("nativeType"), leat_value_null(),
        text_of("typeName"), name,
        text_of("typeExpression"), name,
        text_of("charsetName"), column->charset[0] ? text_of(column->charset) : leat_value_null(),
        text_of("length"), number(column, 0),
        text_of("scale"), number(column, 1),
        text_of("position"), leat_value_int(position),
        text_of("optional"), leat_value_bool(column->is_nullable),
    };
    return PAIRS(batch, items);
}

/* ---- tables ---- */

/* False: it is excluded. */
static bool is_told(const struct form *form, uint32_t column)
{
    bool is_told = !form_hides(form);
    for (uint32_t i = 0; !is_told && i < form->schema->field_count; i++)
        is_told = form->columns[i].from == column;
    return is_told;
}

static struct leat_value key_of(struct leat_batch *batch, const struct table *table)
{
    struct leat_value *names = leat_batch_alloc(batch, (table->column_count + 1) * sizeof *names);
    const struct form *form = form_of(table);
    uint32_t count = 0;
    for (uint32_t place = 1; place <= table->column_count; place++)
        for (uint32_t i = 0; i < table->column_count; i++)
            if (table->columns[i].key_place == place && is_told(form, i))
                names[count++] = text_of(table->columns[i].name);
    return leat_value_items(LEAT_ARRAY, names, count);
}

static struct leat_value table_of(struct leat_batch *batch, const struct table *table)
{
    if (!table->is_known || table->is_stale || table->parked)
        return leat_value_null();
    struct leat_value *columns = leat_batch_alloc(batch, (table->column_count + 1) * sizeof *columns);
    const struct form *form = form_of(table);
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (is_told(form, i))
            columns[count++] = column_of(batch, &table->columns[i], i + 1);
    const struct leat_value items[] = {
        text_of("defaultCharsetName"), table->charset[0] ? text_of(table->charset) : leat_value_null(),
        text_of("primaryKeyColumnNames"), key_of(batch, table),
        text_of("columns"), leat_value_items(LEAT_ARRAY, columns, count),
    };
    return PAIRS(batch, items);
}

static struct leat_value id_of(struct leat_batch *batch, const struct table *table)
{
    char *text = leat_format_dup("\"%s\".\"%s\"", table->database, table->name);
    struct leat_value id = leat_value_text(leat_batch_copy(batch, text, strlen(text)), strlen(text));
    free(text);
    return id;
}

static void add(struct schema_change *change, const char *type, const struct table *table, const struct table *before)
{
    bool is_drop = strcmp(type, "DROP") == 0;
    if (!table->is_captured || table->is_inside)
        return;
    change->hides = change->hides || form_hides(form_of(table)) || (table->forms && !table->schema);
    if (change->count == change->room) {
        struct leat_value *more = leat_batch_alloc(change->batch, (change->room + 16) * sizeof *more);
        if (change->count > 0)
            memcpy(more, change->changes, change->count * sizeof *more);
        change->changes = more;
        change->room += 16;
    }
    const struct leat_value items[] = {
        text_of("type"), text_of(type),
        text_of("id"), id_of(change->batch, table),
        text_of("previousId"), before ? id_of(change->batch, before) : leat_value_null(),
        text_of("table"), is_drop ? leat_value_null() : table_of(change->batch, table),
    };
    change->changes[change->count++] = PAIRS(change->batch, items);
    if (!change->table)
        change->table = table;
}

void schema_change_add(struct schema_change *change, const struct leat_ddl_step *step, const struct table *table,
                       const struct table *to)
{
    switch (step->kind) {
    case LEAT_DDL_CREATE:
        add(change, "CREATE", table, NULL);
        break;
    case LEAT_DDL_ALTER:
        add(change, "ALTER", table, NULL);
        break;
    case LEAT_DDL_RENAME:
        if (to->is_captured)
            add(change, "ALTER", to, table);
        else
            add(change, "DROP", table, NULL);
        break;
    case LEAT_DDL_DROP_TABLE:
    case LEAT_DDL_DROP_DATABASE:
        add(change, "DROP", table, NULL);
        break;
    default:
        break;
    }
}

/* ---- the record ---- */

static struct leat_value source_of(const struct schema_change *change, const char *name, bool is_mariadb,
                                   const struct record_origin *origin)
{
    int64_t us = origin->time_us;
    const struct leat_value items[] = {
        text_of("version"), text_of(LEAT_VERSION), text_of("connector"), text_of(is_mariadb ? "mariadb" : "mysql"),
        text_of("name"), text_of(name), text_of("ts_ms"), leat_value_int(us / 1000), text_of("snapshot"), text_of("false"),
        text_of("db"), text_of(change->table->database), text_of("sequence"), leat_value_null(), text_of("ts_us"), leat_value_int(us),
        text_of("ts_ns"), leat_value_int(us * 1000), text_of("table"), text_of(change->table->name),
        text_of("server_id"), leat_value_int(origin->server_id), text_of("gtid"), origin->gtid, text_of("file"), origin->file,
        text_of("pos"), leat_value_int((int64_t)origin->pos), text_of("row"), leat_value_int(0),
        text_of("thread"), leat_value_null(), text_of("query"), leat_value_null(),
    };
    return PAIRS(change->batch, items);
}

void schema_change_emit(struct schema_change *change, const char *name, bool is_mariadb, const char *database, const char *text,
                        size_t len, const struct record_origin *origin)
{
    if (change->count == 0)
        return;
    const struct leat_value key[] = {text_of("databaseName"), text_of(database[0] ? database : change->table->database)};
    const struct leat_value value[] = {
        text_of("source"), source_of(change, name, is_mariadb, origin), text_of("ts_ms"), leat_value_int(origin->time_us / 1000),
        key[0], key[1], text_of("schemaName"), leat_value_null(), text_of("ddl"), leat_value_text(text, len),
        text_of("tableChanges"), leat_value_items(LEAT_ARRAY, change->changes, change->count),
    };
    struct leat_record *rec = leat_batch_add(change->batch);
    rec->topic = leat_topic(name, strlen(name));
    rec->op = LEAT_SCHEMA;
    rec->flags = LEAT_FLAT; /* no envelope goes around it, in any format */
    rec->time_us = origin->time_us;
    rec->key = PAIRS(change->batch, key);
    rec->value = PAIRS(change->batch, value);
}
