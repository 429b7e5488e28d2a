#include <kit/cmocka.h>
#include <mysql_protocol/internal.h>
#include <stdlib.h>

/* Decodes one cell of a column, of bytes that end where they end; false: refused. */
struct bench {
    struct leat_arena arena;
    struct leat_bytes scratch;
    struct leat_value cell;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    leat_arena_init(&bench->arena, 0);
    leat_bytes_init(&bench->scratch, 1 << 20);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    leat_arena_fini(&bench->arena);
    leat_bytes_fini(&bench->scratch);
    free(bench);
    return 0;
}

/* Also: cut short by any number of bytes, it must be refused. */
static bool decode(struct bench *bench, struct leat_column column, const void *bytes, size_t len)
{
    struct leat_table_map map = {.database = "d", .table = "t", .column_count = 1, .columns = &column};
    struct leat_cell_room room = {&bench->arena, &bench->scratch};
    struct leat_error err = {0};
    assert_status(leat_table_map_plan(&map, &err), LEAT_OK, &err);
    struct leat_value unused;
    for (size_t shorter = 0; shorter < len; shorter++) {
        uint8_t *exact = malloc(shorter + !shorter);
        memcpy(exact, bytes, shorter);
        assert_null(column.decode(&column, exact, exact + shorter, &room, &unused));
        free(exact);
    }
    uint8_t *copy = leat_arena_alloc(&bench->arena, len);
    memcpy(copy, bytes, len);
    return column.decode(&column, copy, copy + len, &room, &bench->cell) == copy + len;
}

#define CELL(bench, bytes, ...) \
    assert_true(decode(bench, (struct leat_column){__VA_ARGS__}, bytes, sizeof(bytes) - 1))
#define REFUSED(bench, bytes, ...) \
    assert_false(decode(bench, (struct leat_column){__VA_ARGS__}, bytes, sizeof(bytes) - 1))

static void assert_text(const struct leat_value *cell, enum leat_type type, const char *text)
{
    assert_int_equal(cell->type, type);
    assert_int_equal(cell->len, strlen(text));
    assert_memory_equal(cell->as.text, text, cell->len);
}

static void integers_keep_their_sign_or_have_none(void **state)
{
    struct bench *b = *state;
    CELL(b, "\xff", .type = LEAT_MYSQL_TINY);
    assert_int_equal(b->cell.type, LEAT_INT64);
    assert_true(b->cell.as.i == -1);
    CELL(b, "\xff", .type = LEAT_MYSQL_TINY, .is_unsigned = true);
    assert_int_equal(b->cell.type, LEAT_UINT64);
    assert_true(b->cell.as.u == 255);
    CELL(b, "\x00\x80", .type = LEAT_MYSQL_SHORT);
    assert_true(b->cell.as.i == -32768);
    CELL(b, "\x00\x80", .type = LEAT_MYSQL_SHORT, .is_unsigned = true);
    assert_true(b->cell.as.u == 32768);
    CELL(b, "\x00\x00\x80", .type = LEAT_MYSQL_INT24);
    assert_true(b->cell.as.i == -8388608);
    CELL(b, "\xff\xff\xff", .type = LEAT_MYSQL_INT24, .is_unsigned = true);
    assert_true(b->cell.as.u == 16777215);
    CELL(b, "\xfe\xff\xff\xff", .type = LEAT_MYSQL_LONG);
    assert_true(b->cell.as.i == -2);
    CELL(b, "\xfe\xff\xff\xff", .type = LEAT_MYSQL_LONG, .is_unsigned = true);
    assert_true(b->cell.as.u == 4294967294);
    CELL(b, "\x00\x00\x00\x00\x00\x00\x00\x80", .type = LEAT_MYSQL_LONGLONG);
    assert_true(b->cell.as.i == INT64_MIN);
    CELL(b, "\xff\xff\xff\xff\xff\xff\xff\xff", .type = LEAT_MYSQL_LONGLONG, .is_unsigned = true);
    assert_true(b->cell.as.u == UINT64_MAX);
}

static void year_zero_is_not_1900(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x00", .type = LEAT_MYSQL_YEAR);
    assert_true(b->cell.as.i == 0);
    CELL(b, "\x01", .type = LEAT_MYSQL_YEAR);
    assert_true(b->cell.as.i == 1901);
    CELL(b, "\xff", .type = LEAT_MYSQL_YEAR);
    assert_true(b->cell.as.i == 2155);
}

static void floats_are_exact_and_single_ones_say_so(void **state)
{
    struct bench *b = *state;
    CELL(b, "\xcd\xcc\xcc\x3d", .type = LEAT_MYSQL_FLOAT);
    assert_int_equal(b->cell.flags, LEAT_VALUE_SINGLE);
    assert_true((float)b->cell.as.f == 0.1f);
    CELL(b, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", .type = LEAT_MYSQL_DOUBLE);
    assert_int_equal(b->cell.flags, 0);
    assert_true(b->cell.as.f == 0.1);
}

static void bits_come_in_big_endian(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x01", .type = LEAT_MYSQL_BIT, .bits = 1);
    assert_true(b->cell.as.u == 1 && b->cell.type == LEAT_UINT64);
    CELL(b, "\x01\x02", .type = LEAT_MYSQL_BIT, .bits = 9);
    assert_true(b->cell.as.u == 258);
    CELL(b, "\xff\xff\xff\xff\xff\xff\xff\xff", .type = LEAT_MYSQL_BIT, .bits = 64);
    assert_true(b->cell.as.u == UINT64_MAX);
}

static void decimals_are_canonical(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x81\x0d\xfb\x38\xd2\x04\xd2", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 14, .digits = 4);
    assert_text(&b->cell, LEAT_DECIMAL, "1234567890.1234");
    assert_int_equal(b->cell.aux, 4);
    CELL(b, "\x7e\xf2\x04\xc7\x2d\xfb\x2d", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 14, .digits = 4);
    assert_text(&b->cell, LEAT_DECIMAL, "-1234567890.1234");
    CELL(b, "\x80\x00\x00\x00\x00", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 11, .digits = 2);
    assert_text(&b->cell, LEAT_DECIMAL, "0.00");
    CELL(b, "\x7f\xff\xff\xff\xfe", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 11, .digits = 2);
    assert_text(&b->cell, LEAT_DECIMAL, "-0.01");
    CELL(b, "\x7f\xff\xff\xff\xff", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 11, .digits = 2);
    assert_text(&b->cell, LEAT_DECIMAL, "0.00"); /* there is no negative zero */
    CELL(b, "\x85", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 1, .digits = 0);
    assert_text(&b->cell, LEAT_DECIMAL, "5");
    CELL(b, "\x85", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 1, .digits = 1);
    assert_text(&b->cell, LEAT_DECIMAL, "0.5");
}

static void a_decimal_group_of_too_many_digits_is_refused(void **state)
{
    struct bench *b = *state;
    REFUSED(b, "\x8a", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 1, .digits = 0);
    REFUSED(b, "\xff\xff\xff\xff", .type = LEAT_MYSQL_NEWDECIMAL, .precision = 9, .digits = 0);
}

static void dates_keep_zero_parts(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x00\x00\x00", .type = LEAT_MYSQL_DATE);
    assert_true(b->cell.type == LEAT_DATE && b->cell.as.i == 0);
    CELL(b, "\x5d\xd0\x0f", .type = LEAT_MYSQL_DATE);
    assert_true(b->cell.as.i == LEAT_DATE(2024, 2, 29));
    CELL(b, "\x00\xd0\x0f", .type = LEAT_MYSQL_DATE);
    assert_true(b->cell.as.i == LEAT_DATE(2024, 0, 0));
}

static void times_borrow_below_zero(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x80\x10\x83", .type = LEAT_MYSQL_TIME2);
    assert_true(b->cell.as.i == INT64_C(3723000000)); /* 01:02:03 */
    CELL(b, "\x7f\xef\x7d", .type = LEAT_MYSQL_TIME2);
    assert_true(b->cell.as.i == -INT64_C(3723000000));
    CELL(b, "\x7f\xff\xff\xff\xff\xff", .type = LEAT_MYSQL_TIME2, .digits = 6);
    assert_true(b->cell.as.i == -1);
    CELL(b, "\x7f\xff\xff\xff", .type = LEAT_MYSQL_TIME2, .digits = 2);
    assert_true(b->cell.as.i == -10000 && b->cell.aux == 2);
    CELL(b, "\x7f\xff\xff\xf6", .type = LEAT_MYSQL_TIME2, .digits = 1);
    assert_true(b->cell.as.i == -100000); /* -00:00:00.1 in hundredths */
    CELL(b, "\xb4\x6e\xfb\x0f\x42\x3f", .type = LEAT_MYSQL_TIME2, .digits = 6);
    assert_true(b->cell.as.i == INT64_C(3020399999999)); /* 838:59:59.999999 */
}

static void datetimes_and_timestamps_have_fractions(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x99\xb2\xba\x10\x83\x01\xe2\x40", .type = LEAT_MYSQL_DATETIME2, .digits = 6);
    assert_true(b->cell.as.i == LEAT_DATETIME(2024, 2, 29, 1, 2, 3, 123456));
    assert_int_equal(b->cell.aux, 6);
    CELL(b, "\x80\x00\x00\x00\x00", .type = LEAT_MYSQL_DATETIME2);
    assert_true(b->cell.as.i == 0 && b->cell.type == LEAT_DATETIME);
    CELL(b, "\x65\x53\xf1\x00\x32", .type = LEAT_MYSQL_TIMESTAMP2, .digits = 1);
    assert_true(b->cell.as.i == INT64_C(1700000000500000) && b->cell.flags == 0);
    CELL(b, "\x00\x00\x00\x00\x00\x00", .type = LEAT_MYSQL_TIMESTAMP2, .digits = 3);
    assert_int_equal(b->cell.flags, LEAT_VALUE_ZERO);
}

static void older_times_are_decimal_numbers(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x40\xe2\x01", .type = LEAT_MYSQL_TIME); /* 123456 */
    assert_true(b->cell.as.i == INT64_C(45296000000));
    CELL(b, "\xc0\x1d\xfe", .type = LEAT_MYSQL_TIME); /* -123456 */
    assert_true(b->cell.as.i == -INT64_C(45296000000));
    CELL(b, "\x46\x0b\xa9\x8b\x68\x12\x00\x00", .type = LEAT_MYSQL_DATETIME); /* 20240229010246 */
    assert_true(b->cell.as.i == LEAT_DATETIME(2024, 2, 29, 1, 2, 46, 0));
    CELL(b, "\x00\xf1\x53\x65", .type = LEAT_MYSQL_TIMESTAMP);
    assert_true(b->cell.as.i == INT64_C(1700000000000000));
    REFUSED(b, "\xff\xff\xff\xff\xff\xff\xff\x7f", .type = LEAT_MYSQL_DATETIME);
}

static void text_is_what_its_charset_says(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x03\xc3\xa4z", .type = LEAT_MYSQL_VARCHAR, .prefix_bytes = 1, .max_bytes = 40, .collation = 45);
    assert_text(&b->cell, LEAT_TEXT, "äz");
    CELL(b, "\x02\x00\xe4z", .type = LEAT_MYSQL_VARCHAR, .prefix_bytes = 2, .max_bytes = 400, .collation = 8);
    assert_text(&b->cell, LEAT_TEXT, "äz");
    CELL(b, "\x02\x00\x80z", .type = LEAT_MYSQL_BLOB, .prefix_bytes = 2, .collation = 8);
    assert_text(&b->cell, LEAT_TEXT, "€z");
    CELL(b, "\x02\x00\xe4z", .type = LEAT_MYSQL_BLOB, .prefix_bytes = 2, .collation = 63);
    assert_text(&b->cell, LEAT_BYTES, "\xe4z");
    CELL(b, "\x02\xe4z", .type = LEAT_MYSQL_VARCHAR, .prefix_bytes = 1, .max_bytes = 40);
    assert_text(&b->cell, LEAT_BYTES, "\xe4z"); /* nothing known: nothing guessed */
    CELL(b, "\x04\x00\x00\x00null", .type = LEAT_MYSQL_BLOB, .prefix_bytes = 4, .collation = 46,
         .hint = LEAT_COLUMN_JSON);
    assert_text(&b->cell, LEAT_JSON, "null");
}

static void other_charsets_become_utf8(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x04\xd6\xd0\xce\xc4", .type = LEAT_MYSQL_VARCHAR, .prefix_bytes = 1, .max_bytes = 40, .collation = 28);
    assert_text(&b->cell, LEAT_TEXT, "中文");
}

static void binary_is_padded_to_its_length(void **state)
{
    struct bench *b = *state;
    CELL(b, "\x01\xff", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 4, .collation = 63);
    assert_int_equal(b->cell.len, 4);
    assert_memory_equal(b->cell.as.bytes, "\xff\0\0\0", 4);
    REFUSED(b, "\x05zzzzz", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 4, .collation = 63);
}

static void lists_are_labels_where_these_are_known(void **state)
{
    struct bench *b = *state;
    const struct leat_value labels[] = {leat_value_string("red"), leat_value_string("green"),
                                        leat_value_string("blue")};
    CELL(b, "\x02", .type = LEAT_MYSQL_ENUM, .prefix_bytes = 1, .labels = labels, .label_count = 3);
    assert_text(&b->cell, LEAT_TEXT, "green");
    CELL(b, "\x00\x00", .type = LEAT_MYSQL_ENUM, .prefix_bytes = 2, .labels = labels, .label_count = 3);
    assert_text(&b->cell, LEAT_TEXT, "");
    CELL(b, "\x02", .type = LEAT_MYSQL_ENUM, .prefix_bytes = 1);
    assert_true(b->cell.type == LEAT_UINT64 && b->cell.as.u == 2);
    REFUSED(b, "\x04", .type = LEAT_MYSQL_ENUM, .prefix_bytes = 1, .labels = labels, .label_count = 3);
    CELL(b, "\x05", .type = LEAT_MYSQL_SET, .prefix_bytes = 1, .labels = labels, .label_count = 3);
    assert_text(&b->cell, LEAT_TEXT, "red,blue");
    CELL(b, "\x00", .type = LEAT_MYSQL_SET, .prefix_bytes = 1, .labels = labels, .label_count = 3);
    assert_text(&b->cell, LEAT_TEXT, "");
    REFUSED(b, "\x08", .type = LEAT_MYSQL_SET, .prefix_bytes = 1, .labels = labels, .label_count = 3);
}

static void mariadb_addresses_and_uuids_are_text(void **state)
{
    struct bench *b = *state;
    /* 123e4567-e89b-12d3-a456-426655440000, a version 1: segments swapped */
    CELL(b, "\x10\x42\x66\x55\x44\x00\x00\xa4\x56\x12\xd3\xe8\x9b\x12\x3e\x45\x67", .type = LEAT_MYSQL_STRING,
         .prefix_bytes = 1, .max_bytes = 16, .hint = LEAT_COLUMN_UUID);
    assert_text(&b->cell, LEAT_TEXT, "123e4567-e89b-12d3-a456-426655440000");
    /* a version 7: as it is */
    CELL(b, "\x10\x01\x88\xd0\xf0\x7d\x0c\x7d\x0c\x8d\x0c\x01\x88\xd0\xf0\x7d\x0c", .type = LEAT_MYSQL_STRING,
         .prefix_bytes = 1, .max_bytes = 16, .hint = LEAT_COLUMN_UUID);
    assert_text(&b->cell, LEAT_TEXT, "0188d0f0-7d0c-7d0c-8d0c-0188d0f07d0c");
    CELL(b, "\x04\xc0\xa8\x00\x01", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 4,
         .hint = LEAT_COLUMN_INET4);
    assert_text(&b->cell, LEAT_TEXT, "192.168.0.1");
    CELL(b, "\x02\x20\x01", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 16,
         .hint = LEAT_COLUMN_INET6);
    assert_text(&b->cell, LEAT_TEXT, "2001::");
    CELL(b, "\x10\0\0\xb2\0\0\1\0\1\0\1\0\0\0\1\0\xf0", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 16,
         .hint = LEAT_COLUMN_INET6); /* one group alone is left out, too */
    assert_text(&b->cell, LEAT_TEXT, "::b200:1:1:1:0:1:f0");
    CELL(b, "\x10\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 16,
         .hint = LEAT_COLUMN_INET6);
    assert_text(&b->cell, LEAT_TEXT, "::ffff:1.2.3.4");
    CELL(b, "\0", .type = LEAT_MYSQL_STRING, .prefix_bytes = 1, .max_bytes = 16, .hint = LEAT_COLUMN_INET6);
    assert_text(&b->cell, LEAT_TEXT, "::");
}

static void compressed_columns_inflate(void **state)
{
    struct bench *b = *state;
    /* As MariaDB 10.11 logged repeat('defg', 100). */
    CELL(b, "\x0e\x00\x8a\x01\x90\x4b\x49\x4d\x4b\x4f\x19\xc5\x83\x06\x03\x00", .type = LEAT_MYSQL_BLOB_COMPRESSED,
         .prefix_bytes = 2, .collation = 45);
    assert_int_equal(b->cell.type, LEAT_TEXT);
    assert_int_equal(b->cell.len, 400);
    assert_memory_equal(b->cell.as.text + 396, "defg", 4);
    CELL(b, "\x02\x00\x00y", .type = LEAT_MYSQL_BLOB_COMPRESSED, .prefix_bytes = 2, .collation = 45);
    assert_text(&b->cell, LEAT_TEXT, "y");
    CELL(b, "\x00\x00", .type = LEAT_MYSQL_BLOB_COMPRESSED, .prefix_bytes = 2, .collation = 45);
    assert_text(&b->cell, LEAT_TEXT, "");
    REFUSED(b, "\x05\x00\x8cgggg", .type = LEAT_MYSQL_BLOB_COMPRESSED, .prefix_bytes = 2, .collation = 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_keep_their_sign_or_have_none, setup, teardown),
        cmocka_unit_test_setup_teardown(year_zero_is_not_1900, setup, teardown),
        cmocka_unit_test_setup_teardown(floats_are_exact_and_single_ones_say_so, setup, teardown),
        cmocka_unit_test_setup_teardown(bits_come_in_big_endian, setup, teardown),
        cmocka_unit_test_setup_teardown(decimals_are_canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(a_decimal_group_of_too_many_digits_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(dates_keep_zero_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(times_borrow_below_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(datetimes_and_timestamps_have_fractions, setup, teardown),
        cmocka_unit_test_setup_teardown(older_times_are_decimal_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(text_is_what_its_charset_says, setup, teardown),
        cmocka_unit_test_setup_teardown(other_charsets_become_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(binary_is_padded_to_its_length, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_labels_where_these_are_known, setup, teardown),
        cmocka_unit_test_setup_teardown(mariadb_addresses_and_uuids_are_text, setup, teardown),
        cmocka_unit_test_setup_teardown(compressed_columns_inflate, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
