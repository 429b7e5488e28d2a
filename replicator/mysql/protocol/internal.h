/* internal.h - what the files of this folder share. */
#ifndef LEAT_MYSQL_PROTOCOL_INTERNAL_H
#define LEAT_MYSQL_PROTOCOL_INTERNAL_H

#include <mysql_protocol/rows.h>

/* The table id at the start of TABLE_MAP and of rows events. */
uint64_t leat_cut_table_id(struct leat_cut *cut, const struct leat_binlog_format *format, uint8_t type);

/* The optional metadata behind a table map's definition. */
enum leat_status leat_table_metadata(struct leat_table_map *map, struct leat_cut *cut, bool is_mariadb,
                                     struct leat_arena *arena, struct leat_error *err);

static inline bool leat_column_is_numeric(const struct leat_column *column)
{
    switch (column->type) {
    case LEAT_MYSQL_TINY:
    case LEAT_MYSQL_SHORT:
    case LEAT_MYSQL_INT24:
    case LEAT_MYSQL_LONG:
    case LEAT_MYSQL_LONGLONG:
    case LEAT_MYSQL_YEAR:
    case LEAT_MYSQL_FLOAT:
    case LEAT_MYSQL_DOUBLE:
    case LEAT_MYSQL_NEWDECIMAL:
        return true;
    default:
        return false;
    }
}

/* CHAR, VARCHAR, TEXT and their binary kin: those that the metadata gives a charset, not ENUM and SET. */
static inline bool leat_column_is_string(const struct leat_column *column)
{
    switch (column->type) {
    case LEAT_MYSQL_STRING:
    case LEAT_MYSQL_VARCHAR:
    case LEAT_MYSQL_VAR_STRING:
    case LEAT_MYSQL_VARCHAR_COMPRESSED:
    case LEAT_MYSQL_TINY_BLOB:
    case LEAT_MYSQL_BLOB:
    case LEAT_MYSQL_MEDIUM_BLOB:
    case LEAT_MYSQL_LONG_BLOB:
    case LEAT_MYSQL_BLOB_COMPRESSED:
        return true;
    default:
        return false;
    }
}

/* CRC-32 of `len` bytes behind those that `crc` sums up (0: none), as zlib has it; len below 2^32. */
uint32_t leat_binlog_crc32(uint32_t crc, const uint8_t *p, size_t len);

static inline bool leat_column_is_list(const struct leat_column *column)
{
    return column->type == LEAT_MYSQL_ENUM || column->type == LEAT_MYSQL_SET;
}

/* Decoders (cells_*.c). */
leat_cell_f leat_cell_tiny, leat_cell_utiny, leat_cell_short, leat_cell_ushort, leat_cell_int24,
    leat_cell_uint24, leat_cell_long, leat_cell_ulong, leat_cell_longlong, leat_cell_ulonglong,
    leat_cell_float, leat_cell_double, leat_cell_year, leat_cell_bit, leat_cell_decimal;
leat_cell_f leat_cell_date, leat_cell_time_old, leat_cell_datetime_old, leat_cell_timestamp_old,
    leat_cell_time_hires, leat_cell_datetime_hires, leat_cell_timestamp_hires, leat_cell_time2,
    leat_cell_datetime2, leat_cell_timestamp2;
leat_cell_f leat_cell_text1, leat_cell_text2, leat_cell_string, leat_cell_enum, leat_cell_set,
    leat_cell_binary, leat_cell_uuid, leat_cell_inet, leat_cell_compressed, leat_cell_json_binary;

/* The text of a DECIMAL cell, without a terminator; returns the end of the cell, NULL: not a DECIMAL. */
#define LEAT_DECIMAL_TEXT_MAX 72 /* 65 digits, sign, zero, point */
const uint8_t *leat_decimal_text(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                 char text[LEAT_DECIMAL_TEXT_MAX], size_t *len);

/* Binary JSON, as json_binary.c reads it. */
#define LEAT_JSON_MAX_DEPTH 100 /* the server's limit */
enum leat_json_binary_type {
    LEAT_JSONB_SMALL_OBJECT = 0,
    LEAT_JSONB_LARGE_OBJECT = 1,
    LEAT_JSONB_SMALL_ARRAY = 2,
    LEAT_JSONB_LARGE_ARRAY = 3,
    LEAT_JSONB_LITERAL = 4,
};

struct leat_json_place { /* of a value */
    uint8_t type;
    const uint8_t *at, *end;
};

struct leat_json_box { /* object or array, as far as they are one: where the entries lie */
    const uint8_t *start, *end; /* `end` by its own size */
    bool is_large, is_object;
    uint32_t count;
    const uint8_t *keys, *values;
};

/* A true document's text is never much longer than the document; one that points to the same bytes over and
 * over is damage, and shall not fill the memory. */
struct leat_json_printer {
    struct leat_bytes *out;
    size_t out_limit;
    size_t values_left;
};

/* False: damaged. `type` is an object's or an array's. */
bool leat_json_open(struct leat_json_box *box, uint8_t type, const uint8_t *at, const uint8_t *end);
bool leat_json_key(const struct leat_json_box *box, uint32_t i, const uint8_t **key, size_t *len);
bool leat_json_member(const struct leat_json_box *box, uint32_t i, struct leat_json_place *place);
bool leat_json_print(struct leat_json_printer *printer, const struct leat_json_place *place, unsigned depth);
void leat_json_put_string(struct leat_bytes *out, const uint8_t *text, size_t len);

/* A DOUBLE inside JSON, as MySQL spells it. */
void leat_json_double(struct leat_bytes *out, double number);

/* A string's bytes as the column wants them: BYTES, TEXT in UTF-8, or JSON. */
struct leat_value leat_string_value(const struct leat_column *column, const uint8_t *bytes, size_t len,
                                    struct leat_arena *arena);

#endif
