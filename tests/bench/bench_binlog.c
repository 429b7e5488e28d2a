/* bench_binlog.c - how long a row of ten columns takes to decode: id BIGINT, customer INT UNSIGNED, state ENUM,
 * amount DECIMAL(10,2), created TIMESTAMP, changed DATETIME(6), name VARCHAR(64), mail VARCHAR(255), note TEXT (NULL
 * in every second row), weight DOUBLE. Prints ns a row, and MB/s of events; checksums apart. */
// folders: mysql_protocol base
#include <base/arena.h>
#include <base/assert.h>
#include <base/clock.h>
#include <kit/binlog.h>
#include <mysql_protocol/rows.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_AN_EVENT 100

static const uint8_t types[10] = {LEAT_MYSQL_LONGLONG, LEAT_MYSQL_LONG,      LEAT_MYSQL_STRING,
                                  LEAT_MYSQL_NEWDECIMAL, LEAT_MYSQL_TIMESTAMP2, LEAT_MYSQL_DATETIME2,
                                  LEAT_MYSQL_VARCHAR,  LEAT_MYSQL_VARCHAR,   LEAT_MYSQL_BLOB,
                                  LEAT_MYSQL_DOUBLE};
static const uint8_t meta[] = {LEAT_MYSQL_ENUM, 1, 10, 2, 0, 6, 0, 1, 0xfc, 3, 2, 8};
static const uint8_t optional[] = {1, 1, 0x40, 2, 1, 45, 6, 14, 3, 3, 'n', 'e', 'w', 4, 'p', 'a', 'i', 'd',
                                   3, 'b', 'a', 'd'};

static void put_row(struct leat_bytes *out, uint32_t i)
{
    leat_bytes_u16(out, i % 2 ? 0x100 : 0);
    leat_bytes_u64(out, 1000000 + i);
    leat_bytes_u32(out, i * 7919);
    leat_bytes_put(out, (uint8_t)(1 + i % 3));
    leat_bytes_add(out, "\x80\x01\x86\xa1\x2a", 5);         /* 100001.42 */
    leat_bytes_add(out, "\x65\x53\xf1\x00", 4);             /* 2023-11-14 */
    leat_bytes_add(out, "\x99\xb1\x9c\xa2\x03\x01\xe2\x40", 8);
    leat_bytes_add(out, "\x0c\0Ada Lovelace", 14);
    leat_bytes_add(out, "\x18\0ada.lovelace@example.org", 26);
    if (i % 2 == 0)
        leat_bytes_add(out, "\x20\0a note of no more than 32 letters", 34);
    leat_bytes_u64(out, UINT64_C(0x400921fb54442d18));
}

int main(int argc, char **argv)
{
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    struct leat_binlog_format format = kit_binlog_format();
    struct leat_binlog_event ev;
    struct leat_error err = {0};
    struct leat_table_map map;
    struct leat_arena tables, arena;
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, 1 << 20);
    leat_arena_init(&tables, 0);
    leat_arena_init(&arena, 1 << 20);
    kit_table_map(&bytes, types, 10, meta, sizeof meta, optional, sizeof optional);
    if (leat_binlog_event(&ev, &format, bytes.data, bytes.len, false, &err) != LEAT_OK ||
        leat_table_map_parse(&map, &ev, &format, &tables, &err) != LEAT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    kit_rows_begin(&bytes, LEAT_BINLOG_WRITE_V2, 10);
    for (uint32_t i = 0; i < ROWS_AN_EVENT; i++)
        put_row(&bytes, i);
    kit_event_end(&bytes, false);
    struct leat_time start = leat_now();
    uint64_t rows_read = 0, seen = 0;
    for (uint64_t i = 0; i < events; i++) {
        struct leat_value cells[10];
        struct leat_rows rows;
        leat_arena_reset(&arena);
        leat_assert(leat_binlog_event(&ev, &format, bytes.data, bytes.len, false, &err) == LEAT_OK);
        leat_assert(leat_rows_open(&rows, &map, &ev, &format, &arena, &err) == LEAT_OK);
        while (leat_rows_next(&rows, NULL, cells, &err) == LEAT_OK)
            seen += cells[3].len;
        rows_read += rows.index;
        leat_rows_close(&rows);
    }
    int64_t us = (leat_now().ns - start.ns) / 1000;
    leat_assert(rows_read == events * ROWS_AN_EVENT && seen > rows_read);
    printf("%.1f ns a row of ten columns, %.0f MB/s\n", (double)us * 1000 / (double)rows_read,
           (double)events * (double)bytes.len / (double)us);
    leat_bytes_fini(&bytes);
    leat_arena_fini(&arena);
    leat_arena_fini(&tables);
    return 0;
}
