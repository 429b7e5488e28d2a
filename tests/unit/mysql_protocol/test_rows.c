#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <mysql_protocol/rows.h>
#include <stdlib.h>

struct bench {
    struct leat_bytes table, bytes;
    struct leat_arena arena;
    struct leat_binlog_format format;
    struct leat_binlog_event ev;
    struct leat_table_map map;
    struct leat_rows rows;
    struct leat_value before[9], after[9];
    struct leat_error err;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    leat_bytes_init(&bench->table, 1 << 20);
    leat_bytes_init(&bench->bytes, 1 << 20);
    leat_arena_init(&bench->arena, 0);
    bench->format = kit_binlog_format();
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    leat_bytes_fini(&bench->table);
    leat_bytes_fini(&bench->bytes);
    leat_arena_fini(&bench->arena);
    free(bench);
    return 0;
}

static enum leat_status take(struct bench *b, struct leat_bytes *bytes)
{
    return leat_binlog_event(&b->ev, &b->format, bytes->data, bytes->len, false, &b->err);
}

/* id INT, name VARCHAR(10), n SMALLINT */
static const uint8_t three_types[] = {LEAT_MYSQL_LONG, LEAT_MYSQL_VARCHAR, LEAT_MYSQL_SHORT};
static const uint8_t three_meta[] = {40, 0};

static enum leat_status map_three(struct bench *b, const void *optional, size_t optional_len)
{
    kit_table_map(&b->table, three_types, 3, three_meta, 2, optional, optional_len);
    assert_status(take(b, &b->table), LEAT_OK, &b->err);
    return leat_table_map_parse(&b->map, &b->ev, &b->format, &b->arena, &b->err);
}

#define MAP_THREE(b, optional) \
    assert_status(map_three(b, optional, sizeof(optional) - 1), LEAT_OK, &(b)->err)

static enum leat_status open_rows(struct bench *b)
{
    kit_event_end(&b->bytes, false);
    assert_status(take(b, &b->bytes), LEAT_OK, &b->err);
    return leat_rows_open(&b->rows, &b->map, &b->ev, &b->format, &b->arena, &b->err);
}

static enum leat_status next(struct bench *b)
{
    return leat_rows_next(&b->rows, b->before, b->after, &b->err);
}

static void table_map_says_all_that_full_metadata_holds(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\1\1\x40"             /* n is unsigned */
                 "\2\1\x08"             /* latin1 */
                 "\4\x0a\2id\4name\1n"  /* names */
                 "\x09\4\2\0\1\5"       /* key (n, name(5)) */
                 "\x0c\1\xa0"           /* name is invisible */
                 "\x63\2zz");           /* a field of the future */
    assert_string_equal(b->map.database, "d");
    assert_string_equal(b->map.table, "t");
    assert_true(b->map.id == 42 && b->map.column_count == 3 && b->map.key_count == 2);
    assert_int_equal(b->map.has, LEAT_TABLE_SIGNEDNESS | LEAT_TABLE_CHARSETS | LEAT_TABLE_NAMES |
                                     LEAT_TABLE_KEY | LEAT_TABLE_VISIBILITY);
    const struct leat_column *columns = b->map.columns;
    assert_false(columns[0].is_unsigned);
    assert_true(columns[2].is_unsigned);
    assert_int_equal(columns[1].collation, 8);
    assert_int_equal(columns[1].max_bytes, 40);
    assert_string_equal(columns[1].name, "name");
    assert_int_equal(columns[2].key_place, 1);
    assert_int_equal(columns[1].key_place, 2);
    assert_int_equal(columns[1].key_prefix, 5);
    assert_false(columns[1].is_visible);
    assert_true(columns[0].is_visible && columns[0].is_nullable);
}

static void the_same_definition_is_known_again_under_another_id(void **state)
{
    struct bench *b = *state;
    uint64_t id;
    MAP_THREE(b, "");
    b->table.data[LEAT_BINLOG_HEADER] = 77;
    assert_status(take(b, &b->table), LEAT_OK, &b->err);
    assert_true(leat_table_map_same(&b->map, &b->ev, &b->format));
    assert_true(leat_table_map_id(&b->ev, &b->format, &id) && id == 77);
    b->table.data[b->table.len - 1] ^= 1;
    assert_false(leat_table_map_same(&b->map, &b->ev, &b->format));
    const char *database, *table;
    size_t database_len, table_len;
    assert_true(leat_table_map_name(&b->ev, &b->format, &database, &database_len, &table, &table_len));
    assert_true(database_len == 1 && *database == 'd' && table_len == 1 && *table == 't');
}

static void damaged_table_maps_are_refused(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\4\x0a\2id\4name\1n");
    uint32_t len = (uint32_t)b->table.len;
    for (uint32_t shorter = LEAT_BINLOG_HEADER; shorter < len; shorter++) {
        if (shorter == len - 12)
            continue; /* without its metadata it is a good one */
        uint8_t *exact = malloc(shorter);
        memcpy(exact, b->table.data, shorter);
        leat_set_u32(exact + 9, shorter);
        assert_status(leat_binlog_event(&b->ev, &b->format, exact, shorter, false, &b->err), LEAT_OK, &b->err);
        assert_status(leat_table_map_parse(&b->map, &b->ev, &b->format, &b->arena, &b->err), LEAT_STOP, &b->err);
        free(exact);
    }
    assert_int_equal(map_three(b, "\4\3\2id", 5), LEAT_STOP);
    assert_int_equal(map_three(b, "\x08\1\3", 3), LEAT_STOP); /* key column 4 of 3 */
}

static void a_type_from_the_future_is_named(void **state)
{
    struct bench *b = *state;
    kit_table_map(&b->table, (const uint8_t[]){200}, 1, "", 0, "", 0);
    assert_status(take(b, &b->table), LEAT_OK, &b->err);
    assert_status(leat_table_map_parse(&b->map, &b->ev, &b->format, &b->arena, &b->err), LEAT_STOP, &b->err);
    assert_non_null(strstr(b->err.text, "d.t: column 1 has type 200"));
}

static void a_hint_that_cannot_be_is_refused(void **state)
{
    struct bench *b = *state;
    kit_table_map(&b->table, (const uint8_t[]){LEAT_MYSQL_NEWDECIMAL, LEAT_MYSQL_STRING}, 2, "\5\2\xfe\x08", 4, "", 0);
    assert_status(take(b, &b->table), LEAT_OK, &b->err);
    assert_status(leat_table_map_parse(&b->map, &b->ev, &b->format, &b->arena, &b->err), LEAT_OK, &b->err);
    b->map.columns[0].digits = 6;
    assert_status(leat_table_map_plan(&b->map, &b->err), LEAT_STOP, &b->err);
    b->map.columns[0].digits = 5;
    assert_status(leat_table_map_plan(&b->map, &b->err), LEAT_OK, &b->err);
    b->map.columns[1].hint = LEAT_COLUMN_UUID; /* of 8 bytes */
    assert_status(leat_table_map_plan(&b->map, &b->err), LEAT_STOP, &b->err);
    assert_non_null(strstr(b->err.text, "column 2"));
}

static void inserts_give_rows_until_the_end(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\2\1\x2d");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_WRITE_V2, 3);
    leat_bytes_add(&b->bytes, "\0\1\0\0\0\2ab\x07\0", 10);
    leat_bytes_add(&b->bytes, "\6\2\0\0\0", 5); /* name and n are NULL */
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_int_equal(b->rows.kind, LEAT_ROWS_INSERT);
    assert_int_equal(b->rows.flags, LEAT_ROWS_STATEMENT_END);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_true(b->after[0].as.i == 1 && b->after[2].as.i == 7);
    assert_int_equal(b->after[1].type, LEAT_TEXT);
    assert_memory_equal(b->after[1].as.text, "ab", 2);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_true(b->after[0].as.i == 2);
    assert_int_equal(b->after[1].type, LEAT_NULL);
    assert_int_equal(b->after[2].type, LEAT_NULL);
    assert_status(next(b), LEAT_EOF, &b->err);
    assert_status(next(b), LEAT_EOF, &b->err);
    assert_int_equal(b->rows.index, 2);
    leat_rows_close(&b->rows);
}

static void text_points_into_the_event(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\2\1\x2d");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_WRITE_V1, 3);
    leat_bytes_add(&b->bytes, "\0\1\0\0\0\2ab\x07\0", 10);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_ptr_equal(b->after[1].as.bytes, b->bytes.data + b->bytes.len - 4);
    leat_rows_close(&b->rows);
}

static void minimal_images_leave_cells_absent(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\2\1\x2d");
    kit_event_begin(&b->bytes, LEAT_BINLOG_UPDATE_V2);
    kit_put_table_id(&b->bytes, 42);
    leat_bytes_add(&b->bytes, "\4\0zz", 4);                  /* extra data of two bytes */
    leat_bytes_add(&b->bytes, "\3\1\6", 3);                  /* before: id; after: name and n */
    leat_bytes_add(&b->bytes, "\0\5\0\0\0\1\x08\0", 8);      /* name NULL, n 8 */
    leat_bytes_add(&b->bytes, "\0\6\0\0\0\0\1x\x09\0", 10);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_true(b->before[0].as.i == 5);
    assert_int_equal(b->before[1].type, LEAT_ABSENT);
    assert_int_equal(b->before[2].type, LEAT_ABSENT);
    assert_int_equal(b->after[0].type, LEAT_ABSENT);
    assert_int_equal(b->after[1].type, LEAT_NULL);
    assert_true(b->after[2].as.i == 8);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_int_equal(b->after[1].type, LEAT_TEXT);
    assert_status(next(b), LEAT_EOF, &b->err);
    leat_rows_close(&b->rows);
}

static void deletes_have_only_a_before_image(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_DELETE_V1, 3);
    leat_bytes_add(&b->bytes, "\6\2\0\0\0", 5);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(leat_rows_next(&b->rows, b->before, NULL, &b->err), LEAT_OK, &b->err);
    assert_true(b->before[0].as.i == 2);
    leat_rows_close(&b->rows);
}

static void mariadb_compressed_rows_inflate(void **state)
{
    struct bench *b = *state;
    uint8_t packed[100];
    uLongf packed_len = sizeof packed;
    assert_int_equal(compress(packed, &packed_len, (const Bytef *)"\6\2\0\0\0\6\3\0\0\0", 10), Z_OK);
    MAP_THREE(b, "");
    b->format.post_header[LEAT_BINLOG_WRITE_COMPRESSED_V1] = 8;
    kit_rows_begin(&b->bytes, LEAT_BINLOG_WRITE_COMPRESSED_V1, 3);
    leat_bytes_add(&b->bytes, "\x81\x0a", 2);
    leat_bytes_add(&b->bytes, packed, packed_len);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_true(b->after[0].as.i == 2);
    assert_status(next(b), LEAT_OK, &b->err);
    assert_true(b->after[0].as.i == 3);
    assert_status(next(b), LEAT_EOF, &b->err);
    leat_rows_close(&b->rows);
}

static void a_row_cut_short_stops_and_names_its_column(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "\4\x0a\2id\4name\1n");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_WRITE_V2, 3);
    leat_bytes_add(&b->bytes, "\0\1\0\0\0\2ab\x07", 9);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_STOP, &b->err);
    assert_non_null(strstr(b->err.text, "d.t: row 1 of the event: column 3 (n, SMALLINT)"));
    leat_rows_close(&b->rows);
}

static void rows_of_another_shape_are_refused(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_WRITE_V2, 4);
    assert_status(open_rows(b), LEAT_STOP, &b->err);
    assert_non_null(strstr(b->err.text, "rows of d.t have 4 columns, its table map has 3"));
    leat_rows_close(&b->rows);
}

static void rows_that_we_cannot_read_are_unsupported_by_name(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "");
    kit_rows_begin(&b->bytes, LEAT_BINLOG_PRE_GA_WRITE, 3);
    assert_status(open_rows(b), LEAT_STOP, &b->err);
    assert_non_null(strstr(b->err.text, "unsupported: PRE_GA_WRITE_ROWS"));
    leat_rows_close(&b->rows);
}

static void an_insert_of_defaults_alone_is_a_row_without_cells(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "");
    kit_event_begin(&b->bytes, LEAT_BINLOG_WRITE_V1);
    kit_put_table_id(&b->bytes, 42);
    leat_bytes_add(&b->bytes, "\3\0", 2);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_OK, &b->err);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b->after[i].type, LEAT_ABSENT);
    assert_status(next(b), LEAT_EOF, &b->err);
    leat_rows_close(&b->rows);
}

static void an_image_without_columns_does_not_go_on_for_ever(void **state)
{
    struct bench *b = *state;
    MAP_THREE(b, "");
    kit_event_begin(&b->bytes, LEAT_BINLOG_WRITE_V1);
    kit_put_table_id(&b->bytes, 42);
    leat_bytes_add(&b->bytes, "\3\0\0", 3);
    assert_status(open_rows(b), LEAT_OK, &b->err);
    assert_status(next(b), LEAT_STOP, &b->err);
    leat_rows_close(&b->rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(table_map_says_all_that_full_metadata_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_definition_is_known_again_under_another_id, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_table_maps_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_from_the_future_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hint_that_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(inserts_give_rows_until_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(text_points_into_the_event, setup, teardown),
        cmocka_unit_test_setup_teardown(minimal_images_leave_cells_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes_have_only_a_before_image, setup, teardown),
        cmocka_unit_test_setup_teardown(mariadb_compressed_rows_inflate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_cut_short_stops_and_names_its_column, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_of_another_shape_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_we_cannot_read_are_unsupported_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(an_insert_of_defaults_alone_is_a_row_without_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_without_columns_does_not_go_on_for_ever, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
