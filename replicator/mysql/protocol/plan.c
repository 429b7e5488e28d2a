/* plan.c - which function decodes a column's cells: chosen once per table map, so that a row is a walk over
 * function pointers. */
#include <mysql_protocol/internal.h>

#include <base/assert.h>

static leat_cell_f *plan_text(const struct leat_column *column)
{
    enum leat_charset charset = leat_charset_of(column->collation);
    bool is_plain = charset == LEAT_CHARSET_UTF8 && column->hint == LEAT_COLUMN_PLAIN;
    if (is_plain && column->prefix_bytes == 1)
        return leat_cell_text1;
    if (is_plain && column->prefix_bytes == 2)
        return leat_cell_text2;
    return leat_cell_string;
}

/* CHAR(n), BINARY(n), and what MariaDB stores as such. */
static leat_cell_f *plan_fixed_string(const struct leat_column *column)
{
    switch (column->hint) {
    case LEAT_COLUMN_UUID:
        return column->max_bytes == 16 ? leat_cell_uuid : NULL;
    case LEAT_COLUMN_INET6:
        return column->max_bytes == 16 ? leat_cell_inet : NULL;
    case LEAT_COLUMN_INET4:
        return column->max_bytes == 4 ? leat_cell_inet : NULL;
    default:
        return column->collation == LEAT_COLLATION_BINARY ? leat_cell_binary : plan_text(column);
    }
}

static leat_cell_f *plan_integer(const struct leat_column *column)
{
    bool is_unsigned = column->is_unsigned;
    switch (column->type) {
    case LEAT_MYSQL_TINY:
        return is_unsigned ? leat_cell_utiny : leat_cell_tiny;
    case LEAT_MYSQL_SHORT:
        return is_unsigned ? leat_cell_ushort : leat_cell_short;
    case LEAT_MYSQL_INT24:
        return is_unsigned ? leat_cell_uint24 : leat_cell_int24;
    case LEAT_MYSQL_LONG:
        return is_unsigned ? leat_cell_ulong : leat_cell_long;
    default:
        return is_unsigned ? leat_cell_ulonglong : leat_cell_longlong;
    }
}

/* A fraction in TIME, DATETIME and TIMESTAMP of the old types: MariaDB with mysql56_temporal_format=OFF. */
static leat_cell_f *plan_time(const struct leat_column *column)
{
    if (column->digits > 6)
        return NULL;
    switch (column->type) {
    case LEAT_MYSQL_TIMESTAMP:
        return column->digits ? leat_cell_timestamp_hires : leat_cell_timestamp_old;
    case LEAT_MYSQL_TIME:
        return column->digits ? leat_cell_time_hires : leat_cell_time_old;
    case LEAT_MYSQL_DATETIME:
        return column->digits ? leat_cell_datetime_hires : leat_cell_datetime_old;
    case LEAT_MYSQL_TIMESTAMP2:
        return leat_cell_timestamp2;
    case LEAT_MYSQL_TIME2:
        return leat_cell_time2;
    case LEAT_MYSQL_DATETIME2:
        return leat_cell_datetime2;
    default:
        return leat_cell_date;
    }
}

static leat_cell_f *plan_column(const struct leat_column *column)
{
    switch (column->type) {
    case LEAT_MYSQL_TINY:
    case LEAT_MYSQL_SHORT:
    case LEAT_MYSQL_INT24:
    case LEAT_MYSQL_LONG:
    case LEAT_MYSQL_LONGLONG:
        return plan_integer(column);
    case LEAT_MYSQL_FLOAT:
        return leat_cell_float;
    case LEAT_MYSQL_DOUBLE:
        return leat_cell_double;
    case LEAT_MYSQL_YEAR:
        return leat_cell_year;
    case LEAT_MYSQL_BIT:
        return leat_cell_bit;
    case LEAT_MYSQL_NEWDECIMAL:
        return column->precision >= 1 && column->digits <= column->precision ? leat_cell_decimal : NULL;
    case LEAT_MYSQL_DATE:
    case LEAT_MYSQL_NEWDATE:
    case LEAT_MYSQL_TIME:
    case LEAT_MYSQL_TIME2:
    case LEAT_MYSQL_DATETIME:
    case LEAT_MYSQL_DATETIME2:
    case LEAT_MYSQL_TIMESTAMP:
    case LEAT_MYSQL_TIMESTAMP2:
        return plan_time(column);
    case LEAT_MYSQL_ENUM:
        return leat_cell_enum;
    case LEAT_MYSQL_SET:
        return leat_cell_set;
    case LEAT_MYSQL_STRING:
        return plan_fixed_string(column);
    case LEAT_MYSQL_VARCHAR_COMPRESSED:
    case LEAT_MYSQL_BLOB_COMPRESSED:
        return leat_cell_compressed;
    case LEAT_MYSQL_JSON:
        return leat_cell_json_binary;
    case LEAT_MYSQL_GEOMETRY:
    case LEAT_MYSQL_VECTOR:
        return leat_cell_string; /* collation 0: BYTES */
    default:
        return leat_column_is_string(column) ? plan_text(column) : NULL;
    }
}

enum leat_status leat_table_map_plan(struct leat_table_map *map, struct leat_error *err)
{
    map->is_planned = false;
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct leat_column *column = &map->columns[i];
        leat_assert(column->hint <= LEAT_COLUMN_INET4);
        column->decode = plan_column(column);
        if (!column->decode)
            return leat_fail(err, LEAT_STOP, "%s.%s: column %u (%s) of type %s cannot be read as what it is "
                             "said to be", map->database, map->table, i + 1,
                             column->name ? column->name : "its name is not known",
                             leat_mysql_type_name(column->type));
    }
    map->is_planned = true;
    return LEAT_OK;
}
