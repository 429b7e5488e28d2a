/* rows.h - the rows of WRITE, UPDATE and DELETE events, cell by cell.
 *
 *   post-header: table id, flags u16; v2: u16 length of extra data (itself included), the data
 *   body: lenenc count of columns, bitmap of columns present (UPDATE: a second one, for the after image),
 *         then rows; a row is a bitmap of NULLs over the present columns, then the cells that are not NULL
 *
 * What a cell becomes (values as in leat/value.h):
 *   TINYINT .. BIGINT       INT64, or UINT64 where unsigned     YEAR          INT64 (0 is 0000)
 *   DECIMAL                 DECIMAL, digits as the scale says   FLOAT, DOUBLE FLOAT64
 *   DATE, DATETIME          DATE, DATETIME with zero parts      TIME          TIME
 *   TIMESTAMP               TIMESTAMP, flag ZERO for 0000-00-00 BIT           UINT64
 *   CHAR, VARCHAR, TEXT     TEXT; BYTES where the charset is binary or not known
 *   BINARY(n)               BYTES, padded to n as SELECT gives it
 *   ENUM, SET               TEXT: label, labels with commas; UINT64 index or mask where labels are not known
 *   JSON                    JSON, as the server prints it       GEOMETRY, BLOB BYTES
 *   NULL                    NULL                                not in the image   ABSENT
 *
 * TEXT, BYTES and JSON point into the event wherever the bytes need no change: the caller keeps the event's
 * bytes as long as the cells (that is: copies the event into the batch's arena once, not each cell).
 *
 *     leat_rows_open(&rows, map, ev, format, arena, err);
 *     while ((status = leat_rows_next(&rows, before, after, err)) == LEAT_OK)
 *         ...
 *     leat_rows_close(&rows);
 *
 * Thread: one at a time.
 */
#ifndef LEAT_MYSQL_PROTOCOL_ROWS_H
#define LEAT_MYSQL_PROTOCOL_ROWS_H

#include <base/arena.h>
#include <mysql_protocol/table_map.h>

enum leat_rows_kind { LEAT_ROWS_INSERT = 1, LEAT_ROWS_UPDATE, LEAT_ROWS_DELETE };

enum leat_rows_flag {
    LEAT_ROWS_STATEMENT_END = 1, /* table ids before this one are dead after it */
    LEAT_ROWS_NO_FOREIGN_KEY_CHECKS = 2,
    LEAT_ROWS_NO_UNIQUE_CHECKS = 4,
    LEAT_ROWS_HAS_NO_TABLE = 16, /* MariaDB's and MySQL's dummy: no rows, ends a statement */
};

struct leat_rows_place {
    const uint8_t *at, *end; /* of a cell; NULL: there is none */
};

/* One image's columns: where all are present, the common case, decoding does not look at the bitmap. */
struct leat_rows_image {
    const uint8_t *present; /* bitmap, low bit first */
    uint32_t count;         /* bits that are set */
    bool is_full;
};

struct leat_rows {
    enum leat_rows_kind kind;
    uint16_t flags; /* enum leat_rows_flag, or-ed */
    uint32_t index; /* rows given so far */
    const struct leat_table_map *map;
    struct leat_rows_image before, after; /* INSERT has no before, DELETE no after: count 0 */
    struct leat_cell_room room;
    struct leat_bytes scratch;
    const uint8_t *at, *end;
    /* PARTIAL_UPDATE_ROWS */
    bool is_partial;
    uint32_t json_count;           /* JSON columns of the table */
    struct leat_rows_place *bases; /* by column: the JSON of the before image */
    struct leat_arena tree;        /* of one document */
};

/* Table id 0xffffff (flag HAS_NO_TABLE): the source looks at the flag before it looks the table up. */
bool leat_rows_peek(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                    uint64_t *table_id, uint16_t *flags);

/* `map` is the planned map of the event's table id. Handles WRITE, UPDATE and DELETE in versions 1 and 2 and
 * MariaDB's compressed ones (which inflate into the arena), and PARTIAL_UPDATE_ROWS: its changes of JSON are applied to the
 * before image. STOP, and "unsupported: NAME": pre-GA events; or the event does not fit the map (then `err` names the table
 * and both counts).
 * The arena serves the cells as well: it lives as long as they do. */
enum leat_status leat_rows_open(struct leat_rows *rows, const struct leat_table_map *map,
                                const struct leat_binlog_event *ev,
                                const struct leat_binlog_format *format, struct leat_arena *arena,
                                struct leat_error *err);

/* The next row: `before` and `after` have room for map->column_count cells; the one that the kind does not
 * have is not touched and may be NULL. OK, EOF after the last one, STOP: the bytes do not fit the table. */
enum leat_status leat_rows_next(struct leat_rows *rows, struct leat_value *before, struct leat_value *after,
                                struct leat_error *err);

/* Frees what decoding needed; cells stay good. Also after a failed open. */
void leat_rows_close(struct leat_rows *rows);

/* MySQL's binary JSON to text as the server prints it ({"a": 1, "b": [true, null]}), appended to `out`.
 * False: damaged, or deeper than 100 levels, or `out` is over. Empty input is JSON null (the server logs it
 * so when a column became NOT NULL without a default). */
bool leat_json_binary_text(struct leat_bytes *out, const uint8_t *bytes, size_t len);

/* The text of the binary document `before` after a cell of partial updates. False: damaged, or they are of another document.
 * The arena's memory is used. */
bool leat_json_partial_text(struct leat_bytes *out, const uint8_t *before, size_t before_len, const uint8_t *diffs,
                            size_t diffs_len, struct leat_arena *arena);

#endif
