/* metadata.c - the optional part of TABLE_MAP: fields of type u8, length lenenc, value.
 *
 *    1 signedness: a bit per numeric column, high bit first     8 primary key: lenenc column numbers
 *    2 charsets: default, then pairs column, collation          9 primary key: pairs column, prefix characters
 *    3 charsets: a collation per string column                 10, 11 as 2 and 3 for ENUM and SET
 *    4 names: lenenc length and bytes per column               12 visible: a bit per column, high bit first
 *    5, 6 labels of SET, ENUM: per column a count, then        13 dimensions of VECTOR columns
 *         lenenc length and bytes each
 *    7 geometry types: a number per geometry column
 *
 * Column numbers in 2 and 10 count string (or ENUM and SET) columns only. All numbers are lenenc.
 * Fields that we do not know are skipped: servers add them.
 */
#include <mysql_protocol/internal.h>

enum field {
    SIGNEDNESS = 1,
    DEFAULT_CHARSET,
    COLUMN_CHARSET,
    COLUMN_NAME,
    SET_LABELS,
    ENUM_LABELS,
    GEOMETRY_TYPE,
    SIMPLE_KEY,
    PREFIX_KEY,
    LIST_DEFAULT_CHARSET,
    LIST_COLUMN_CHARSET,
    VISIBILITY,
};

typedef bool column_is_f(const struct leat_column *column);

static bool is_numeric(const struct leat_column *column) { return leat_column_is_numeric(column); }

/* MySQL's VECTORs have a charset, binary, and count as strings in fields 2 and 3; so do MariaDB's geometries, but not
 * those of MySQL. */
static bool is_string(const struct leat_column *column)
{
    return leat_column_is_string(column) || column->type == LEAT_MYSQL_VECTOR;
}

static bool is_string_of_mariadb(const struct leat_column *column)
{
    return leat_column_is_string(column) || column->type == LEAT_MYSQL_GEOMETRY;
}

static bool is_list(const struct leat_column *column) { return leat_column_is_list(column); }

static bool read_signedness(struct leat_table_map *map, struct leat_cut *cut)
{
    const uint8_t *bits = cut->at;
    size_t bit_count = leat_cut_left(cut) * 8, at = 0;
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct leat_column *column = &map->columns[i];
        if (!is_numeric(column))
            continue;
        if (at >= bit_count)
            return false;
        column->is_unsigned = bits[at / 8] << at % 8 & 0x80;
        at++;
    }
    return true;
}

static bool read_visibility(struct leat_table_map *map, struct leat_cut *cut)
{
    if (leat_cut_left(cut) < (map->column_count + 7) / 8)
        return false;
    for (uint32_t i = 0; i < map->column_count; i++)
        map->columns[i].is_visible = cut->at[i / 8] << i % 8 & 0x80;
    return true;
}

static bool read_default_charset(struct leat_table_map *map, struct leat_cut *cut, column_is_f *is_it)
{
    uint16_t collation = (uint16_t)leat_cut_lenenc(cut);
    uint64_t exception = leat_cut_left(cut) ? leat_cut_lenenc(cut) : UINT64_MAX, at = 0;
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct leat_column *column = &map->columns[i];
        if (!is_it(column))
            continue;
        column->collation = collation;
        if (at++ == exception) {
            column->collation = (uint16_t)leat_cut_lenenc(cut);
            exception = leat_cut_left(cut) ? leat_cut_lenenc(cut) : UINT64_MAX;
        }
    }
    return !cut->is_bad && leat_cut_left(cut) == 0;
}

static bool read_column_charset(struct leat_table_map *map, struct leat_cut *cut, column_is_f *is_it)
{
    for (uint32_t i = 0; i < map->column_count; i++)
        if (is_it(&map->columns[i]))
            map->columns[i].collation = (uint16_t)leat_cut_lenenc(cut);
    return !cut->is_bad && leat_cut_left(cut) == 0;
}

static bool read_names(struct leat_table_map *map, struct leat_cut *cut, struct leat_arena *arena)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        uint64_t len = leat_cut_lenenc(cut);
        const uint8_t *name = leat_cut_bytes(cut, len);
        if (!name || len > UINT16_MAX)
            return false;
        map->columns[i].name = leat_arena_copy(arena, name, len);
        map->columns[i].name_len = (uint16_t)len;
    }
    return true;
}

static bool read_labels(struct leat_table_map *map, struct leat_cut *cut, uint8_t type,
                        struct leat_arena *arena)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct leat_column *column = &map->columns[i];
        if (column->type != type)
            continue;
        uint64_t count = leat_cut_lenenc(cut);
        if (cut->is_bad || count > leat_cut_left(cut) || count > UINT16_MAX)
            return false;
        struct leat_value *labels = leat_arena_alloc(arena, count * sizeof *labels);
        for (uint64_t j = 0; j < count; j++) {
            uint64_t len = leat_cut_lenenc(cut);
            const uint8_t *text = leat_cut_bytes(cut, len);
            if (!text)
                return false;
            labels[j] = leat_value_text(leat_arena_copy(arena, text, len), len);
        }
        column->labels = labels;
        column->label_count = (uint16_t)count;
    }
    return true;
}

static bool read_key(struct leat_table_map *map, struct leat_cut *cut, bool has_prefixes)
{
    map->key_count = 0;
    while (leat_cut_left(cut) > 0) {
        uint64_t i = leat_cut_lenenc(cut);
        uint64_t prefix = has_prefixes ? leat_cut_lenenc(cut) : 0;
        if (cut->is_bad || i >= map->column_count || map->columns[i].key_place)
            return false;
        map->columns[i].key_place = (uint16_t)++map->key_count;
        map->columns[i].key_prefix = (uint16_t)prefix;
    }
    return map->key_count > 0;
}

static bool read_geometry(struct leat_table_map *map, struct leat_cut *cut)
{
    for (uint32_t i = 0; i < map->column_count; i++)
        if (map->columns[i].type == LEAT_MYSQL_GEOMETRY)
            map->columns[i].geometry = (uint8_t)leat_cut_lenenc(cut);
    return !cut->is_bad;
}

static bool read_field(struct leat_table_map *map, uint8_t field, struct leat_cut *cut,
                       column_is_f *has_charset, struct leat_arena *arena)
{
    switch (field) {
    case SIGNEDNESS:
        map->has |= LEAT_TABLE_SIGNEDNESS;
        return read_signedness(map, cut);
    case DEFAULT_CHARSET:
        map->has |= LEAT_TABLE_CHARSETS;
        return read_default_charset(map, cut, has_charset);
    case COLUMN_CHARSET:
        map->has |= LEAT_TABLE_CHARSETS;
        return read_column_charset(map, cut, has_charset);
    case COLUMN_NAME:
        map->has |= LEAT_TABLE_NAMES;
        return read_names(map, cut, arena);
    case SET_LABELS:
    case ENUM_LABELS:
        map->has |= LEAT_TABLE_LABELS;
        return read_labels(map, cut, field == SET_LABELS ? LEAT_MYSQL_SET : LEAT_MYSQL_ENUM, arena);
    case GEOMETRY_TYPE:
        return read_geometry(map, cut);
    case SIMPLE_KEY:
    case PREFIX_KEY:
        map->has |= LEAT_TABLE_KEY;
        return read_key(map, cut, field == PREFIX_KEY);
    case LIST_DEFAULT_CHARSET:
        map->has |= LEAT_TABLE_ENUM_CHARSETS;
        return read_default_charset(map, cut, is_list);
    case LIST_COLUMN_CHARSET:
        map->has |= LEAT_TABLE_ENUM_CHARSETS;
        return read_column_charset(map, cut, is_list);
    case VISIBILITY:
        map->has |= LEAT_TABLE_VISIBILITY;
        return read_visibility(map, cut);
    default:
        return true;
    }
}

/* Labels come in their column's charset. */
static void convert_labels(struct leat_column *column, struct leat_arena *arena)
{
    if (leat_charset_of(column->collation) != LEAT_CHARSET_OTHER)
        return;
    struct leat_value *labels = leat_arena_alloc(arena, column->label_count * sizeof *labels);
    for (uint16_t i = 0; i < column->label_count; i++)
        labels[i] = leat_charset_text(column->collation, arena, column->labels[i].as.text, column->labels[i].len);
    column->labels = labels;
}

enum leat_status leat_table_metadata(struct leat_table_map *map, struct leat_cut *cut, bool is_mariadb,
                                     struct leat_arena *arena, struct leat_error *err)
{
    while (leat_cut_left(cut) > 0) {
        uint8_t field = leat_cut_u8(cut);
        uint64_t len = leat_cut_lenenc(cut);
        const uint8_t *bytes = leat_cut_bytes(cut, len);
        struct leat_cut value = leat_cut(bytes, bytes ? len : 0);
        if (!bytes || !read_field(map, field, &value, is_mariadb ? is_string_of_mariadb : is_string, arena))
            return leat_fail(err, LEAT_STOP, "table map of %s.%s: metadata of type %u does not fit its columns",
                             map->database, map->table, field);
    }
    for (uint32_t i = 0; i < map->column_count; i++)
        if (map->columns[i].labels)
            convert_labels(&map->columns[i], arena);
    return LEAT_OK;
}
