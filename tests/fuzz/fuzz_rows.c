/* fuzz_rows.c - row images of any bytes, in a table whose columns the input draws.
 *
 *   byte 0: the event's type    byte 1: bits 0-3 columns - 1, bit 4 as MariaDB writes it, bit 5 with optional metadata
 *   a byte for each column: which one of `choices`, bits 6-7 its hint
 *   the rest: behind the post-header and the count of columns: bitmaps of what is there, images
 *
 * All that is given is read to its last byte, and given again where the same is read once more.
 */
// folders: mysql_protocol model base
#include <base/assert.h>
#include <kit/binlog.h>
#include <kit/fuzz.h>
#include <mysql_protocol/rows.h>

enum { COLUMNS_MAX = 16, ROWS_MAX = 3000 };

static const uint8_t kinds[] = {
    LEAT_BINLOG_WRITE_V1, LEAT_BINLOG_UPDATE_V1, LEAT_BINLOG_DELETE_V1, LEAT_BINLOG_WRITE_V2, LEAT_BINLOG_UPDATE_V2,
    LEAT_BINLOG_DELETE_V2, LEAT_BINLOG_PARTIAL_UPDATE, LEAT_BINLOG_WRITE_COMPRESSED_V1, LEAT_BINLOG_UPDATE_COMPRESSED_V1,
};

static const struct {
    uint8_t type, meta_len;
    const char *meta;
} choices[] = {
    {LEAT_MYSQL_TINY, 0, ""},          {LEAT_MYSQL_SHORT, 0, ""},        {LEAT_MYSQL_INT24, 0, ""},
    {LEAT_MYSQL_LONG, 0, ""},          {LEAT_MYSQL_LONGLONG, 0, ""},     {LEAT_MYSQL_FLOAT, 1, "\4"},
    {LEAT_MYSQL_DOUBLE, 1, "\10"},     {LEAT_MYSQL_YEAR, 0, ""},         {LEAT_MYSQL_BIT, 2, "\3\5"},
    {LEAT_MYSQL_BIT, 2, "\0\10"},      {LEAT_MYSQL_NEWDECIMAL, 2, "\12\2"}, {LEAT_MYSQL_NEWDECIMAL, 2, "\101\36"},
    {LEAT_MYSQL_NEWDECIMAL, 2, "\46\46"}, {LEAT_MYSQL_DATE, 0, ""},      {LEAT_MYSQL_TIME, 0, ""},
    {LEAT_MYSQL_DATETIME, 0, ""},      {LEAT_MYSQL_TIMESTAMP, 0, ""},    {LEAT_MYSQL_TIME2, 1, "\0"},
    {LEAT_MYSQL_TIME2, 1, "\5"},       {LEAT_MYSQL_DATETIME2, 1, "\3"},  {LEAT_MYSQL_DATETIME2, 1, "\6"},
    {LEAT_MYSQL_TIMESTAMP2, 1, "\2"},  {LEAT_MYSQL_TIMESTAMP2, 1, "\6"}, {LEAT_MYSQL_VARCHAR, 2, "\50\0"},
    {LEAT_MYSQL_VARCHAR, 2, "\0\2"},   {LEAT_MYSQL_STRING, 2, "\376\12"}, {LEAT_MYSQL_STRING, 2, "\356\100"},
    {LEAT_MYSQL_STRING, 2, "\367\1"},  {LEAT_MYSQL_STRING, 2, "\370\2"}, {LEAT_MYSQL_BLOB, 1, "\1"},
    {LEAT_MYSQL_BLOB, 1, "\2"},        {LEAT_MYSQL_BLOB, 1, "\4"},       {LEAT_MYSQL_JSON, 1, "\4"},
    {LEAT_MYSQL_GEOMETRY, 1, "\4"},    {LEAT_MYSQL_BLOB_COMPRESSED, 1, "\2"}, {LEAT_MYSQL_VARCHAR_COMPRESSED, 2, "\0\2"},
    {LEAT_MYSQL_VECTOR, 1, "\4"},
};
#define CHOICES (sizeof choices / sizeof *choices)

/* Unsigned in turns, charset utf8mb4 and latin1, labels of an enum and of a set, names: as a server with FULL metadata. */
static const uint8_t optional[] = {1, 2, 0x55, 0x55, 2, 3, 45, 0, 8, 6, 5, 2, 1, 'x', 1, 'y', 5, 5, 2, 1, 'p', 1, 'q'};

static bool make_map(struct leat_table_map *map, const uint8_t *columns, uint8_t count, uint8_t how,
                     const struct leat_binlog_format *format, struct leat_arena *arena)
{
    uint8_t types[COLUMNS_MAX], meta[COLUMNS_MAX * 2], meta_len = 0;
    struct leat_binlog_event ev;
    struct leat_error err;
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, 1 << 16);
    for (uint8_t i = 0; i < count; i++) {
        size_t choice = columns[i] % 64 % CHOICES;
        types[i] = choices[choice].type;
        memcpy(meta + meta_len, choices[choice].meta, choices[choice].meta_len);
        meta_len = (uint8_t)(meta_len + choices[choice].meta_len);
    }
    kit_table_map(&bytes, types, count, meta, meta_len, optional, how & 0x20 ? sizeof optional : 0);
    bool is_good = leat_binlog_event(&ev, format, bytes.data, bytes.len, false, &err) == LEAT_OK &&
                   leat_table_map_parse(map, &ev, format, arena, &err) == LEAT_OK;
    for (uint8_t i = 0; is_good && i < count; i++)
        map->columns[i].hint = columns[i] >> 6;
    is_good = is_good && leat_table_map_plan(map, &err) == LEAT_OK;
    leat_bytes_fini(&bytes);
    return is_good;
}

static uint64_t sum_of(const struct leat_value *cells, uint32_t count, uint64_t sum)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *cell = &cells[i];
        leat_assert(cell->type < LEAT_TYPE_COUNT);
        sum = sum * 31 + cell->type + cell->flags + cell->aux;
        bool has_text = cell->type == LEAT_TEXT || cell->type == LEAT_BYTES || cell->type == LEAT_JSON || cell->type == LEAT_DECIMAL;
        for (uint32_t k = 0; has_text && k < cell->len; k++)
            sum = sum * 31 + cell->as.bytes[k];
        if (!has_text && cell->type > LEAT_BOOL)
            sum = sum * 31 + cell->as.u;
    }
    return sum;
}

/* What all rows sum up to, and how it ended. */
static uint64_t read_rows(const struct leat_table_map *map, const struct leat_binlog_event *ev,
                          const struct leat_binlog_format *format)
{
    struct leat_value before[COLUMNS_MAX], after[COLUMNS_MAX];
    struct leat_arena arena;
    struct leat_rows rows;
    struct leat_error err;
    uint64_t sum = 1;
    leat_arena_init(&arena, 0);
    enum leat_status status = leat_rows_open(&rows, map, ev, format, &arena, &err);
    while (status == LEAT_OK && rows.index < ROWS_MAX && (status = leat_rows_next(&rows, before, after, &err)) == LEAT_OK) {
        if (rows.kind != LEAT_ROWS_INSERT)
            sum = sum_of(before, map->column_count, sum);
        if (rows.kind != LEAT_ROWS_DELETE)
            sum = sum_of(after, map->column_count, sum);
    }
    leat_assert(status == LEAT_OK || status == LEAT_EOF || status == LEAT_STOP);
    leat_rows_close(&rows);
    leat_arena_fini(&arena);
    return sum + (uint64_t)status;
}

static void put_event(struct leat_bytes *bytes, uint8_t kind, uint8_t count, const uint8_t *rest, size_t len)
{
    kit_event_begin(bytes, kind);
    kit_put_table_id(bytes, 42);
    bool has_extra = (kind >= LEAT_BINLOG_WRITE_V2 && kind <= LEAT_BINLOG_DELETE_V2) || kind == LEAT_BINLOG_PARTIAL_UPDATE;
    if (has_extra)
        leat_bytes_u16(bytes, 2);
    leat_bytes_put(bytes, count);
    leat_bytes_add(bytes, rest, len);
    kit_event_end(bytes, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_binlog_format format = kit_binlog_format();
    struct leat_binlog_event ev;
    struct leat_table_map map;
    struct leat_arena arena;
    struct leat_error err;
    struct leat_bytes bytes;
    uint8_t count = size < 2 ? 1 : (uint8_t)(1 + data[1] % COLUMNS_MAX);
    if (size < 2u + count)
        return 0;
    for (int type = LEAT_BINLOG_WRITE_COMPRESSED_V1; type <= LEAT_BINLOG_DELETE_COMPRESSED_V1; type++)
        format.post_header[type] = 8;
    format.post_header[LEAT_BINLOG_PARTIAL_UPDATE] = 10;
    format.is_mariadb = data[1] & 0x10;
    leat_arena_init(&arena, 0);
    leat_bytes_init(&bytes, 1 << 20);
    put_event(&bytes, kinds[data[0] % sizeof kinds], count, data + 2 + count, size - 2 - count);
    if (make_map(&map, data + 2, count, data[1], &format, &arena) &&
        leat_binlog_event(&ev, &format, bytes.data, bytes.len, false, &err) == LEAT_OK)
        leat_assert(read_rows(&map, &ev, &format) == read_rows(&map, &ev, &format));
    leat_bytes_fini(&bytes);
    leat_arena_fini(&arena);
    return 0;
}

/* Seeds: one row of each choice in turn, of bytes that count up; and an update of two columns. */
size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    leat_assert(room > 256);
    if (number >= CHOICES + 3)
        return 0;
    size_t len = 0;
    bool is_update = number >= CHOICES;
    bytes[len++] = is_update ? (uint8_t)(number == CHOICES ? 1 : number == CHOICES + 1 ? 4 : 6) : 3;
    bytes[len++] = (uint8_t)((number % 2) << 5 | (is_update ? 1 : 0));
    bytes[len++] = (uint8_t)(is_update ? 3 : number);
    if (is_update)
        bytes[len++] = number == CHOICES + 2 ? 32 : 23;
    for (int i = 0; i < (is_update ? 2 : 1); i++)
        bytes[len++] = 0xff; /* present */
    for (int row = 0; row < 2; row++) {
        bytes[len++] = 0; /* no NULLs */
        for (uint8_t i = 0; i < 60; i++)
            bytes[len++] = i < 2 ? 4 : i;
    }
    return len;
}
