/* table_map.c - TABLE_MAP: the definition part. The optional metadata is in metadata.c, the choice of decoders
 * in plan.c. */
#include <mysql_protocol/internal.h>

#include <base/assert.h>

#define MAX_COLUMNS 4096 /* the server's limit */

static const char *const type_names[256] = {
    [LEAT_MYSQL_DECIMAL_OLD] = "DECIMAL (before 5.0)",
    [LEAT_MYSQL_TINY] = "TINYINT",
    [LEAT_MYSQL_SHORT] = "SMALLINT",
    [LEAT_MYSQL_LONG] = "INT",
    [LEAT_MYSQL_FLOAT] = "FLOAT",
    [LEAT_MYSQL_DOUBLE] = "DOUBLE",
    [LEAT_MYSQL_NULL] = "NULL",
    [LEAT_MYSQL_TIMESTAMP] = "TIMESTAMP",
    [LEAT_MYSQL_LONGLONG] = "BIGINT",
    [LEAT_MYSQL_INT24] = "MEDIUMINT",
    [LEAT_MYSQL_DATE] = "DATE",
    [LEAT_MYSQL_TIME] = "TIME",
    [LEAT_MYSQL_DATETIME] = "DATETIME",
    [LEAT_MYSQL_YEAR] = "YEAR",
    [LEAT_MYSQL_NEWDATE] = "DATE",
    [LEAT_MYSQL_VARCHAR] = "VARCHAR",
    [LEAT_MYSQL_BIT] = "BIT",
    [LEAT_MYSQL_TIMESTAMP2] = "TIMESTAMP2",
    [LEAT_MYSQL_DATETIME2] = "DATETIME2",
    [LEAT_MYSQL_TIME2] = "TIME2",
    [LEAT_MYSQL_BLOB_COMPRESSED] = "BLOB COMPRESSED",
    [LEAT_MYSQL_VARCHAR_COMPRESSED] = "VARCHAR COMPRESSED",
    [LEAT_MYSQL_VECTOR] = "VECTOR",
    [LEAT_MYSQL_JSON] = "JSON",
    [LEAT_MYSQL_NEWDECIMAL] = "DECIMAL",
    [LEAT_MYSQL_ENUM] = "ENUM",
    [LEAT_MYSQL_SET] = "SET",
    [LEAT_MYSQL_TINY_BLOB] = "TINYBLOB",
    [LEAT_MYSQL_MEDIUM_BLOB] = "MEDIUMBLOB",
    [LEAT_MYSQL_LONG_BLOB] = "LONGBLOB",
    [LEAT_MYSQL_BLOB] = "BLOB",
    [LEAT_MYSQL_VAR_STRING] = "VARCHAR",
    [LEAT_MYSQL_STRING] = "CHAR",
    [LEAT_MYSQL_GEOMETRY] = "GEOMETRY",
};

const char *leat_mysql_type_name(uint8_t type)
{
    return type_names[type] ? type_names[type] : "unknown";
}

uint64_t leat_cut_table_id(struct leat_cut *cut, const struct leat_binlog_format *format, uint8_t type)
{
    bool is_old = format->post_header[type] == 6; /* before MySQL 5.1.4 */
    return leat_cut_le(cut, is_old ? 4 : 6);
}

bool leat_table_map_id(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                       uint64_t *id)
{
    struct leat_cut cut = ev->body;
    *id = leat_cut_table_id(&cut, format, ev->type);
    return !cut.is_bad;
}

/* The body behind table id and flags. */
static struct leat_cut definition_of(const struct leat_binlog_event *ev,
                                     const struct leat_binlog_format *format)
{
    leat_assert(ev->type == LEAT_BINLOG_TABLE_MAP);
    struct leat_cut cut = ev->body;
    leat_cut_table_id(&cut, format, ev->type);
    leat_cut_u16(&cut);
    return cut;
}

bool leat_table_map_same(const struct leat_table_map *map, const struct leat_binlog_event *ev,
                         const struct leat_binlog_format *format)
{
    struct leat_cut cut = definition_of(ev, format);
    return !cut.is_bad && leat_cut_left(&cut) == map->definition_len &&
           memcmp(cut.at, map->definition, map->definition_len) == 0;
}

static bool cut_name(struct leat_cut *cut, const char **name, size_t *len)
{
    *len = leat_cut_u8(cut);
    *name = (const char *)leat_cut_bytes(cut, *len);
    leat_cut_u8(cut); /* terminator */
    return !cut->is_bad;
}

bool leat_table_map_name(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                         const char **database, size_t *database_len, const char **table,
                         size_t *table_len)
{
    struct leat_cut cut = definition_of(ev, format);
    return cut_name(&cut, database, database_len) && cut_name(&cut, table, table_len);
}

/* STRING's two bytes hold the real type (CHAR, ENUM or SET), and a length of ten bits, of which the upper two
 * are spread, inverted, into the type's bits 4 and 5. */
static void string_definition(struct leat_column *column, uint8_t first, uint8_t second)
{
    uint8_t real = first | 0x30;
    if (real == LEAT_MYSQL_ENUM || real == LEAT_MYSQL_SET) {
        column->type = real;
        column->prefix_bytes = second;
        return;
    }
    column->type = real;
    column->max_bytes = (uint32_t)(((first & 0x30u) ^ 0x30u) << 4 | second);
    column->prefix_bytes = column->max_bytes > 255 ? 2 : 1;
}

/* Takes what the type's metadata says. False: not a type that can be here. */
static bool column_definition(struct leat_column *column, struct leat_cut *cut)
{
    switch (column->type) {
    case LEAT_MYSQL_FLOAT:
    case LEAT_MYSQL_DOUBLE:
        leat_cut_u8(cut); /* bytes of the number: the type says it */
        return true;
    case LEAT_MYSQL_TINY_BLOB:
    case LEAT_MYSQL_BLOB:
    case LEAT_MYSQL_MEDIUM_BLOB:
    case LEAT_MYSQL_LONG_BLOB:
    case LEAT_MYSQL_GEOMETRY:
    case LEAT_MYSQL_JSON:
    case LEAT_MYSQL_VECTOR:
    case LEAT_MYSQL_BLOB_COMPRESSED:
        column->prefix_bytes = leat_cut_u8(cut);
        return column->prefix_bytes >= 1 && column->prefix_bytes <= 4;
    case LEAT_MYSQL_TIMESTAMP2:
    case LEAT_MYSQL_DATETIME2:
    case LEAT_MYSQL_TIME2:
        column->digits = leat_cut_u8(cut);
        return column->digits <= 6;
    case LEAT_MYSQL_VARCHAR:
    case LEAT_MYSQL_VAR_STRING:
    case LEAT_MYSQL_VARCHAR_COMPRESSED:
        column->max_bytes = leat_cut_u16(cut);
        column->prefix_bytes = column->max_bytes > 255 ? 2 : 1;
        return true;
    case LEAT_MYSQL_BIT: {
        uint8_t bits = leat_cut_u8(cut);
        column->bits = (uint16_t)(leat_cut_u8(cut) * 8u + bits);
        return bits < 8 && column->bits >= 1 && column->bits <= 64;
    }
    case LEAT_MYSQL_NEWDECIMAL:
        column->precision = leat_cut_u8(cut);
        column->digits = leat_cut_u8(cut);
        return column->precision >= 1 && column->precision <= 65 && column->digits <= column->precision &&
               column->digits <= 38;
    case LEAT_MYSQL_STRING:
    case LEAT_MYSQL_ENUM:
    case LEAT_MYSQL_SET: {
        uint8_t first = leat_cut_u8(cut);
        string_definition(column, first, leat_cut_u8(cut));
        bool is_list = column->type == LEAT_MYSQL_ENUM || column->type == LEAT_MYSQL_SET;
        return is_list ? column->prefix_bytes >= 1 && column->prefix_bytes <= 8
                       : column->type == LEAT_MYSQL_STRING;
    }
    case LEAT_MYSQL_DECIMAL_OLD:
    case LEAT_MYSQL_NULL:
        return false;
    default:
        return type_names[column->type] != NULL;
    }
}

static enum leat_status parse_columns(struct leat_table_map *map, struct leat_cut *cut,
                                      struct leat_arena *arena, struct leat_error *err)
{
    const uint8_t *types = leat_cut_bytes(cut, map->column_count);
    uint64_t types_len = leat_cut_lenenc(cut);
    const uint8_t *definitions = leat_cut_bytes(cut, types_len);
    const uint8_t *nullable = leat_cut_bytes(cut, (map->column_count + 7) / 8);
    if (cut->is_bad)
        return leat_fail(err, LEAT_STOP, "table map of %s.%s is cut short", map->database, map->table);
    map->columns = leat_arena_zeroed(arena, map->column_count * sizeof *map->columns);
    struct leat_cut part = leat_cut(definitions, types_len);
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct leat_column *column = &map->columns[i];
        column->type = types[i];
        column->is_visible = true;
        column->is_nullable = nullable[i / 8] >> i % 8 & 1;
        if (!column_definition(column, &part) || part.is_bad)
            return leat_fail(err, LEAT_STOP, "%s.%s: column %u has type %u (%s), which cannot be read",
                             map->database, map->table, i + 1, types[i], leat_mysql_type_name(types[i]));
    }
    if (leat_cut_left(&part) > 0)
        return leat_fail(err, LEAT_STOP, "table map of %s.%s does not fit its columns", map->database,
                         map->table);
    return LEAT_OK;
}

/* The number of a row's hash is unsigned, but without metadata that is not said. */
static bool may_be_hash(const struct leat_column *column)
{
    static const char prefix[] = "DB_ROW_HASH_";
    return column->type == LEAT_MYSQL_LONGLONG &&
           (!column->name || strncmp(column->name, prefix, sizeof prefix - 1) == 0);
}

bool leat_table_map_shows(const struct leat_table_map *map, uint32_t count)
{
    if (map->shown_count <= count || map->has & LEAT_TABLE_NAMES)
        return map->shown_count == count;
    for (uint32_t i = count; i < map->column_count; i++)
        if (!may_be_hash(&map->columns[i]))
            return false;
    return true;
}

static uint32_t count_shown(const struct leat_table_map *map)
{
    uint32_t count = map->column_count;
    while (map->has & LEAT_TABLE_NAMES && count > 1 && may_be_hash(&map->columns[count - 1]))
        count--;
    return count;
}

enum leat_status leat_table_map_parse(struct leat_table_map *map, const struct leat_binlog_event *ev,
                                      const struct leat_binlog_format *format, struct leat_arena *arena,
                                      struct leat_error *err)
{
    *map = (struct leat_table_map){0};
    struct leat_cut cut = definition_of(ev, format);
    leat_table_map_id(ev, format, &map->id);
    if (cut.is_bad)
        return leat_fail(err, LEAT_STOP, "table map event of %u bytes is cut short", ev->length);
    map->definition_len = leat_cut_left(&cut);
    map->definition = (const uint8_t *)leat_arena_copy(arena, cut.at, map->definition_len);
    const char *database, *table;
    uint64_t columns = 0;
    if (cut_name(&cut, &database, &map->database_len) && cut_name(&cut, &table, &map->table_len))
        columns = leat_cut_lenenc(&cut);
    if (cut.is_bad || columns == 0 || columns > MAX_COLUMNS)
        return leat_fail(err, LEAT_STOP, "table map event of %u bytes names no table", ev->length);
    map->database = leat_arena_copy(arena, database, map->database_len);
    map->table = leat_arena_copy(arena, table, map->table_len);
    map->column_count = (uint32_t)columns;
    enum leat_status status = parse_columns(map, &cut, arena, err);
    if (status == LEAT_OK)
        status = leat_table_metadata(map, &cut, format->is_mariadb, arena, err);
    map->shown_count = count_shown(map);
    return status == LEAT_OK ? leat_table_map_plan(map, err) : status;
}
