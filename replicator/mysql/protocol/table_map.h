/* table_map.h - what a TABLE_MAP event says about a table, and how its columns are decoded.
 *
 *   post-header: table id u48 (u32 on old servers), flags u16
 *   body: u8 length, database, 0; u8 length, table, 0; lenenc count of columns; a type byte each;
 *         lenenc length, type-specific metadata; bitmap of nullable columns; optional metadata (TLV)
 *
 * The optional metadata depends on the server: MySQL 8 gives signedness and charsets (MINIMAL) or all (FULL,
 * binlog_row_metadata), MariaDB gives none unless told so. `has` says what was there; the source fills in the
 * rest from information_schema and then calls leat_table_map_plan(), which chooses each column's decoder.
 * Without names or signedness decoding still works, and gives what the bytes alone say.
 *
 * Source: MySQL's "Table_map_event" page, MariaDB's "TABLE_MAP_EVENT" page; checked against recorded logs.
 */
#ifndef LEAT_MYSQL_PROTOCOL_TABLE_MAP_H
#define LEAT_MYSQL_PROTOCOL_TABLE_MAP_H

#include <mysql_protocol/charset.h>
#include <mysql_protocol/event.h>

enum leat_mysql_type {
    LEAT_MYSQL_DECIMAL_OLD = 0, /* before MySQL 5.0: not supported */
    LEAT_MYSQL_TINY = 1,
    LEAT_MYSQL_SHORT = 2,
    LEAT_MYSQL_LONG = 3,
    LEAT_MYSQL_FLOAT = 4,
    LEAT_MYSQL_DOUBLE = 5,
    LEAT_MYSQL_NULL = 6,
    LEAT_MYSQL_TIMESTAMP = 7,
    LEAT_MYSQL_LONGLONG = 8,
    LEAT_MYSQL_INT24 = 9,
    LEAT_MYSQL_DATE = 10,
    LEAT_MYSQL_TIME = 11,
    LEAT_MYSQL_DATETIME = 12,
    LEAT_MYSQL_YEAR = 13,
    LEAT_MYSQL_NEWDATE = 14,
    LEAT_MYSQL_VARCHAR = 15,
    LEAT_MYSQL_BIT = 16,
    LEAT_MYSQL_TIMESTAMP2 = 17,
    LEAT_MYSQL_DATETIME2 = 18,
    LEAT_MYSQL_TIME2 = 19,
    LEAT_MYSQL_BLOB_COMPRESSED = 140,    /* MariaDB */
    LEAT_MYSQL_VARCHAR_COMPRESSED = 141, /* MariaDB */
    LEAT_MYSQL_VECTOR = 242,
    LEAT_MYSQL_JSON = 245, /* MySQL's binary JSON; MariaDB's JSON is a BLOB with text */
    LEAT_MYSQL_NEWDECIMAL = 246,
    LEAT_MYSQL_ENUM = 247,
    LEAT_MYSQL_SET = 248,
    LEAT_MYSQL_TINY_BLOB = 249,
    LEAT_MYSQL_MEDIUM_BLOB = 250,
    LEAT_MYSQL_LONG_BLOB = 251,
    LEAT_MYSQL_BLOB = 252,
    LEAT_MYSQL_VAR_STRING = 253,
    LEAT_MYSQL_STRING = 254, /* CHAR, BINARY; UUID, INET6 and INET4 of MariaDB */
    LEAT_MYSQL_GEOMETRY = 255,
};

/* What the bytes cannot say; set by the source before leat_table_map_plan(). */
enum leat_column_hint {
    LEAT_COLUMN_PLAIN = 0,
    LEAT_COLUMN_JSON,  /* text that is JSON (MariaDB's JSON alias): type JSON */
    LEAT_COLUMN_UUID,  /* MariaDB's UUID: TEXT, as the server prints it */
    LEAT_COLUMN_INET6, /* MariaDB's INET6 and INET4: TEXT, as the server prints them */
    LEAT_COLUMN_INET4,
};

struct leat_column;

/* Where cells put what cannot point into the event. */
struct leat_cell_room {
    struct leat_arena *arena;
    struct leat_bytes *scratch;
};

/* Decodes one cell at `at` and returns the end of it; NULL where it does not fit or cannot be read. */
typedef const uint8_t *leat_cell_f(const struct leat_column *column, const uint8_t *at, const uint8_t *end,
                                   struct leat_cell_room *room, struct leat_value *cell);

struct leat_column {
    uint8_t type; /* enum leat_mysql_type, the real one: ENUM and SET unwrapped from STRING */
    uint8_t hint; /* enum leat_column_hint */
    bool is_nullable;
    bool is_unsigned;
    bool is_visible;      /* false: INVISIBLE column */
    uint8_t digits;       /* of a fraction: DECIMAL's scale, of TIME, DATETIME, TIMESTAMP. MariaDB's old
                           * temporal types do not say it: then the source does */
    uint8_t precision;    /* DECIMAL */
    uint8_t geometry;     /* of GEOMETRY (FULL only): 0 any, 1 point, 2 linestring, 3 polygon, 4 to 6 many of
                           * these, 7 collection */
    uint8_t prefix_bytes; /* of the length before a string; bytes of ENUM and SET */
    uint16_t bits;        /* BIT(n) */
    uint16_t collation;   /* of strings, ENUM, SET; 0: not known */
    uint16_t label_count;
    uint32_t max_bytes;   /* of CHAR, BINARY, VARCHAR, VARBINARY; 0 for BLOBs */
    uint16_t key_place;   /* 1, 2 ... in the primary key; 0: not in it */
    uint16_t key_prefix;  /* characters of a prefix key; 0: the whole column */
    uint16_t name_len;
    const char *name;                /* terminated; NULL: not known */
    const struct leat_value *labels; /* of ENUM and SET in UTF-8: TEXT; NULL: not known */
    leat_cell_f *decode;             /* chosen by leat_table_map_plan() */
};

/* What the optional metadata held. */
enum leat_table_map_part {
    LEAT_TABLE_SIGNEDNESS = 1,
    LEAT_TABLE_CHARSETS = 2, /* of strings; ENUM_CHARSETS: of ENUM and SET (FULL only) */
    LEAT_TABLE_ENUM_CHARSETS = 4,
    LEAT_TABLE_NAMES = 8,
    LEAT_TABLE_LABELS = 16,
    LEAT_TABLE_KEY = 32, /* FULL was on, and there is a primary key */
    LEAT_TABLE_VISIBILITY = 64,
};

struct leat_table_map {
    uint64_t id;
    const char *database, *table; /* terminated, UTF-8 */
    size_t database_len, table_len;
    uint32_t column_count;
    uint32_t shown_count;      /* of these, that the table has for its users: MariaDB's own (DB_ROW_HASH_1, of a UNIQUE over
                                * long texts) stand behind them. Without names that is not known: column_count */
    uint32_t key_count;        /* columns of the primary key, where `has` holds KEY */
    unsigned has;              /* enum leat_table_map_part, or-ed */
    bool is_planned;
    struct leat_column *columns;
    const uint8_t *definition; /* the body after table id and flags, to know the same table again */
    size_t definition_len;
};

/* The id alone, to look a cached map up: of TABLE_MAP or of a rows event. False: cut short. */
bool leat_table_map_id(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                       uint64_t *id);

/* True where `ev` (a TABLE_MAP) defines the table as `map` does: the map may be used again, with its hints
 * and its plan, under the id that `ev` gives. Ids change at each reopening of a table. */
bool leat_table_map_same(const struct leat_table_map *map, const struct leat_binlog_event *ev,
                         const struct leat_binlog_format *format);

/* Database and table name only, pointing into the event (not terminated): for filters before any parsing. */
bool leat_table_map_name(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                         const char **database, size_t *database_len, const char **table,
                         size_t *table_len);

/* Everything, into the arena: nothing points into the event. STOP: the event is damaged, or holds a type
 * that we do not know. Calls leat_table_map_plan(). */
enum leat_status leat_table_map_parse(struct leat_table_map *map, const struct leat_binlog_event *ev,
                                      const struct leat_binlog_format *format, struct leat_arena *arena,
                                      struct leat_error *err);

/* Can it be a table of `count` columns? Where names are not known, those behind them may be MariaDB's own. */
bool leat_table_map_shows(const struct leat_table_map *map, uint32_t count);

/* Chooses decoders from type, signedness, collation, labels, hint, digits; again after the source has set
 * any of these. STOP: a column that cannot be decoded, named. */
enum leat_status leat_table_map_plan(struct leat_table_map *map, struct leat_error *err);

/* "VARCHAR", "TIMESTAMP2"; "unknown". */
const char *leat_mysql_type_name(uint8_t type);

#endif
