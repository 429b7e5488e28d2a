#include <mysql/logged.h>

#include <base/buffer.h>
#include <mysql/columns.h>

bool logged_is_full(const struct leat_table_map *map)
{
    return map->has & LEAT_TABLE_NAMES;
}

/* ---- numbers ---- */

/* MariaDB tells how wide an integer is shown; these are what it takes where nothing is said. */
static const struct integer {
    uint8_t logged, width, width_unsigned;
    const char *name;
} integers[] = {
    {LEAT_MYSQL_TINY, 4, 3, "tinyint"}, {LEAT_MYSQL_SHORT, 6, 5, "smallint"},    {LEAT_MYSQL_INT24, 9, 8, "mediumint"},
    {LEAT_MYSQL_LONG, 11, 10, "int"},   {LEAT_MYSQL_LONGLONG, 20, 20, "bigint"},
};

static const char *integer(const struct leat_column *logged, bool is_mariadb, struct leat_bytes *type)
{
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        const struct integer *it = &integers[i];
        if (it->logged != logged->type)
            continue;
        leat_bytes_text(type, it->name);
        if (is_mariadb)
            leat_bytes_printf(type, "(%u)", logged->is_unsigned ? it->width_unsigned : it->width);
        return it->name;
    }
    return NULL;
}

static const char *number(const struct leat_column *logged, bool is_mariadb, struct leat_bytes *type)
{
    const char *name = NULL;
    switch (logged->type) {
    case LEAT_MYSQL_NEWDECIMAL:
        leat_bytes_printf(type, "decimal(%u,%u)", logged->precision, logged->digits);
        name = "decimal";
        break;
    case LEAT_MYSQL_FLOAT:
        leat_bytes_text(type, name = "float");
        break;
    case LEAT_MYSQL_DOUBLE:
        leat_bytes_text(type, name = "double");
        break;
    default:
        name = integer(logged, is_mariadb, type);
    }
    if (name && logged->is_unsigned)
        leat_bytes_text(type, " unsigned");
    return name;
}

/* ---- times ---- */

static const char *with_digits(const struct leat_column *logged, const char *name, struct leat_bytes *type)
{
    leat_bytes_text(type, name);
    if (logged->digits)
        leat_bytes_printf(type, "(%u)", logged->digits);
    return name;
}

/* ---- strings ---- */

static bool is_binary(const struct leat_column *logged)
{
    return logged->collation == LEAT_COLLATION_BINARY;
}

static const char *sized(const struct leat_column *logged, const char *text_name, const char *binary_name,
                         struct leat_bytes *type)
{
    const char *name = is_binary(logged) ? binary_name : text_name;
    leat_bytes_printf(type, "%s(%u)", name, logged->max_bytes / leat_charset_max_bytes(logged->collation));
    return name;
}

static const char *blob(const struct leat_column *logged, struct leat_bytes *type)
{
    static const char *const names[4][2] = {
        {"tinytext", "tinyblob"}, {"text", "blob"}, {"mediumtext", "mediumblob"}, {"longtext", "longblob"}};
    const char *name = names[logged->prefix_bytes - 1][is_binary(logged)];
    leat_bytes_text(type, name);
    return name;
}

static void put_label(const struct leat_value *label, struct leat_bytes *type)
{
    leat_bytes_put(type, '\'');
    for (uint32_t i = 0; i < label->len; i++) {
        char c = label->as.text[i];
        if (c == '\'' || c == '\\')
            leat_bytes_printf(type, "%c%c", c, c);
        else if (c == '\n' || c == '\r' || c == '\0')
            leat_bytes_text(type, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\0");
        else
            leat_bytes_put(type, (uint8_t)c);
    }
    leat_bytes_put(type, '\'');
}

static const char *list(const struct leat_column *logged, const char *name, struct leat_bytes *type)
{
    leat_bytes_printf(type, "%s(", name);
    for (uint16_t i = 0; i < logged->label_count; i++) {
        if (i > 0)
            leat_bytes_put(type, ',');
        put_label(&logged->labels[i], type);
    }
    leat_bytes_put(type, ')');
    return logged->label_count > 0 ? name : NULL;
}

static const char *string(const struct leat_column *logged, struct leat_bytes *type)
{
    const char *name;
    if (leat_charset_of(logged->collation) == LEAT_CHARSET_UNKNOWN)
        return NULL;
    switch (logged->type) {
    case LEAT_MYSQL_STRING:
        return sized(logged, "char", "binary", type);
    case LEAT_MYSQL_VARCHAR:
    case LEAT_MYSQL_VAR_STRING:
        return sized(logged, "varchar", "varbinary", type);
    case LEAT_MYSQL_ENUM:
        return list(logged, "enum", type);
    case LEAT_MYSQL_SET:
        return list(logged, "set", type);
    case LEAT_MYSQL_VARCHAR_COMPRESSED: /* counts a byte that tells how it is compressed */
        name = sized(&(struct leat_column){.collation = logged->collation, .max_bytes = logged->max_bytes - 1}, "varchar",
                     "varbinary", type);
        break;
    case LEAT_MYSQL_BLOB_COMPRESSED:
        name = blob(logged, type);
        break;
    case LEAT_MYSQL_TINY_BLOB:
    case LEAT_MYSQL_BLOB:
    case LEAT_MYSQL_MEDIUM_BLOB:
    case LEAT_MYSQL_LONG_BLOB:
        return blob(logged, type);
    default:
        return NULL;
    }
    leat_bytes_text(type, " /*M!100301 COMPRESSED*/");
    return name;
}

static const char *geometry(const struct leat_column *logged, bool is_mariadb, struct leat_bytes *type)
{
    static const char *const names[] = {"geometry", "point", "linestring", "polygon", "multipoint",
                                        "multilinestring", "multipolygon"};
    size_t known = sizeof names / sizeof *names;
    const char *collection = is_mariadb ? "geometrycollection" : "geomcollection";
    const char *name = logged->geometry < known ? names[logged->geometry] : collection;
    leat_bytes_text(type, name);
    return name;
}

/* ---- all ---- */

/* Writes the type; returns its name alone. NULL: the event does not tell enough, as with TIME, DATETIME and TIMESTAMP of
 * MariaDB's old format: their digits. */
static const char *type_text(const struct leat_column *logged, bool is_mariadb, struct leat_bytes *type)
{
    switch (logged->type) {
    case LEAT_MYSQL_DATE:
    case LEAT_MYSQL_NEWDATE:
        return with_digits(logged, "date", type);
    case LEAT_MYSQL_TIME2:
        return with_digits(logged, "time", type);
    case LEAT_MYSQL_DATETIME2:
        return with_digits(logged, "datetime", type);
    case LEAT_MYSQL_TIMESTAMP2:
        return with_digits(logged, "timestamp", type);
    case LEAT_MYSQL_YEAR:
        leat_bytes_text(type, is_mariadb ? "year(4)" : "year");
        return "year";
    case LEAT_MYSQL_BIT:
        leat_bytes_printf(type, "bit(%u)", logged->bits);
        return "bit";
    case LEAT_MYSQL_JSON:
        leat_bytes_text(type, "json");
        return "json";
    case LEAT_MYSQL_VECTOR:
        leat_bytes_text(type, "vector");
        return "vector";
    case LEAT_MYSQL_GEOMETRY:
        return geometry(logged, is_mariadb, type);
    default: {
        const char *name = number(logged, is_mariadb, type);
        return name ? name : string(logged, type);
    }
    }
}

static bool has_charset(const struct leat_column *logged)
{
    return logged->collation != 0 && !is_binary(logged) && logged->type != LEAT_MYSQL_GEOMETRY;
}

bool logged_column(const struct leat_column *logged, bool is_mariadb, struct column *column, struct leat_arena *arena)
{
    struct leat_bytes type;
    leat_bytes_init(&type, 16 << 20);
    const char *name = type_text(logged, is_mariadb, &type);
    *column = (struct column){
        .name = leat_arena_copy(arena, logged->name, logged->name_len),
        .type = name ? leat_arena_copy(arena, type.data, type.len) : "",
        .data_type = name ? name : "",
        .charset = has_charset(logged) ? leat_charset_name(logged->collation) : "",
        .is_nullable = logged->is_nullable,
        .key_place = logged->key_place,
    };
    leat_bytes_fini(&type);
    return name != NULL;
}
