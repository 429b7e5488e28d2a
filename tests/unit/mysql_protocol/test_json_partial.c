#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <mysql_protocol/rows.h>
#include <stdlib.h>

/* {"a": 1, "bc": [true, "x"]} */
#define DOCUMENT "\0\2\0\x21\0\x12\0\1\0\x13\0\2\0\5\1\0\2\x15\0" "abc\2\0\x0c\0\4\1\0\x0c\x0a\0\1x"
#define SEVEN "\3\5\7\0" /* as a diff's value */
#define REPLACE(path_len, path, value) "\0" path_len path value
#define INSERT(path_len, path, value) "\1" path_len path value
#define REMOVE(path_len, path) "\2" path_len path

static bool apply(struct leat_bytes *out, const void *before, size_t before_len, const void *diffs, size_t len)
{
    struct leat_arena arena;
    uint8_t *exact = malloc(len + !len);
    memcpy(exact, diffs, len);
    leat_bytes_clear(out);
    leat_arena_init(&arena, 0);
    bool is_good = leat_json_partial_text(out, before, before_len, exact, len, &arena);
    leat_arena_fini(&arena);
    free(exact);
    leat_bytes_put(out, 0);
    return is_good;
}

static void check(const void *diffs, size_t len, const char *text)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    bool is_good = apply(&out, DOCUMENT, sizeof(DOCUMENT) - 1, diffs, len);
    if (text && !is_good)
        fail_msg("%s was refused", text);
    if (text)
        assert_string_equal((char *)out.data, text);
    else
        assert_false(is_good);
    leat_bytes_fini(&out);
}

#define GIVES(diffs, text) check(diffs, sizeof(diffs) - 1, text)
#define REFUSED(diffs) check(diffs, sizeof(diffs) - 1, NULL)

static void values_are_replaced_inserted_and_removed(void **state)
{
    (void)state;
    GIVES("", "{\"a\": 1, \"bc\": [true, \"x\"]}");
    GIVES(REPLACE("\3", "$.a", SEVEN), "{\"a\": 7, \"bc\": [true, \"x\"]}");
    GIVES(REPLACE("\7", "$.bc[1]", SEVEN), "{\"a\": 1, \"bc\": [true, 7]}");
    GIVES(REMOVE("\3", "$.a"), "{\"bc\": [true, \"x\"]}");
    GIVES(REMOVE("\7", "$.bc[0]"), "{\"a\": 1, \"bc\": [\"x\"]}");
    GIVES(INSERT("\7", "$.bc[0]", SEVEN), "{\"a\": 1, \"bc\": [7, true, \"x\"]}");
    GIVES(INSERT("\7", "$.bc[9]", SEVEN), "{\"a\": 1, \"bc\": [true, \"x\", 7]}");
    GIVES(REPLACE("\1", "$", SEVEN), "7");
    GIVES(REPLACE("\x0a", "$.bc[last]", SEVEN), "{\"a\": 1, \"bc\": [true, 7]}");
    GIVES(REPLACE("\x0c", "$.bc[last-1]", SEVEN), "{\"a\": 1, \"bc\": [7, \"x\"]}");
    GIVES(REPLACE("\6", "$.a[0]", SEVEN), "{\"a\": 7, \"bc\": [true, \"x\"]}");
}

static void members_come_where_the_server_has_them(void **state)
{
    (void)state;
    GIVES(INSERT("\3", "$.b", SEVEN), "{\"a\": 1, \"b\": 7, \"bc\": [true, \"x\"]}");
    GIVES(INSERT("\3", "$.A", SEVEN), "{\"A\": 7, \"a\": 1, \"bc\": [true, \"x\"]}");
    GIVES(INSERT("\5", "$.abc", SEVEN), "{\"a\": 1, \"bc\": [true, \"x\"], \"abc\": 7}");
    GIVES(INSERT("\7", "$.\"b\\\"\"", SEVEN), "{\"a\": 1, \"b\\\"\": 7, \"bc\": [true, \"x\"]}");
    GIVES(INSERT("\x0a", "$.\"\\u0001\"", SEVEN), "{\"\\u0001\": 7, \"a\": 1, \"bc\": [true, \"x\"]}");
    GIVES(INSERT("\4", "$.\"\"", SEVEN), "{\"\": 7, \"a\": 1, \"bc\": [true, \"x\"]}");
}

static void changes_see_those_before_them(void **state)
{
    (void)state;
    GIVES(REPLACE("\3", "$.a", "\x0a\0\0\0\4\0") "", NULL); /* cut short */
    GIVES(REPLACE("\3", "$.a", "\5\0\0\0\4\0") INSERT("\5", "$.a.z", SEVEN), "{\"a\": {\"z\": 7}, \"bc\": [true, \"x\"]}");
    GIVES(REMOVE("\7", "$.bc[0]") REMOVE("\7", "$.bc[0]") REMOVE("\3", "$.a"), "{\"bc\": []}");
    GIVES(INSERT("\3", "$.c", SEVEN) REPLACE("\3", "$.c", "\2\4\1"), "{\"a\": 1, \"c\": true, \"bc\": [true, \"x\"]}");
}

static void changes_of_another_document_are_refused(void **state)
{
    (void)state;
    REFUSED(REPLACE("\3", "$.b", SEVEN));
    REFUSED(INSERT("\3", "$.a", SEVEN));
    REFUSED(INSERT("\5", "$.b.c", SEVEN));
    REFUSED(REMOVE("\7", "$.bc[2]"));
    REFUSED(REMOVE("\1", "$"));
    REFUSED(REPLACE("\6", "$.a[1]", SEVEN));
    REFUSED(REPLACE("\6", "$.bc.a", SEVEN));
    REFUSED(REPLACE("\2", "$.", SEVEN));
    REFUSED(REPLACE("\1", "a", SEVEN));
    REFUSED(REPLACE("\5", "$.a[1", SEVEN));
    REFUSED(REPLACE("\3", "$[]", SEVEN));
    REFUSED(REPLACE("\4", "$.\"a", SEVEN));
    REFUSED(REPLACE("\3", "$.a", "\0"));
    REFUSED("\3\3$.a" SEVEN);
    REFUSED("\0\x7f$.a" SEVEN);
}

/* id INT, j JSON, k JSON */
static enum leat_status take_row(const void *row, size_t len, struct leat_value after[3], struct leat_arena *arena,
                                 struct leat_error *err)
{
    static const uint8_t types[] = {LEAT_MYSQL_LONG, LEAT_MYSQL_JSON, LEAT_MYSQL_JSON}, meta[] = {4, 4};
    struct leat_binlog_format format = kit_binlog_format();
    struct leat_binlog_event ev;
    struct leat_table_map map;
    struct leat_rows rows;
    struct leat_value before[3];
    struct leat_bytes bytes;
    format.post_header[LEAT_BINLOG_PARTIAL_UPDATE] = 10;
    leat_bytes_init(&bytes, 1 << 16);
    kit_table_map(&bytes, types, 3, meta, 2, "", 0);
    assert_status(leat_binlog_event(&ev, &format, bytes.data, bytes.len, false, err), LEAT_OK, err);
    assert_status(leat_table_map_parse(&map, &ev, &format, arena, err), LEAT_OK, err);
    kit_event_begin(&bytes, LEAT_BINLOG_PARTIAL_UPDATE);
    kit_put_table_id(&bytes, 42);
    leat_bytes_add(&bytes, "\2\0\3", 3);
    leat_bytes_add(&bytes, row, len);
    kit_event_end(&bytes, false);
    assert_status(leat_binlog_event(&ev, &format, bytes.data, bytes.len, false, err), LEAT_OK, err);
    assert_status(leat_rows_open(&rows, &map, &ev, &format, arena, err), LEAT_OK, err);
    enum leat_status status = leat_rows_next(&rows, before, after, err);
    if (status == LEAT_OK)
        assert_status(leat_rows_next(&rows, before, after, err), LEAT_EOF, err);
    leat_rows_close(&rows);
    leat_bytes_fini(&bytes);
    return status;
}

#define BASE "\5\0\0\0" "\x0c\3old" /* a JSON cell */
#define CHANGE "\x09\0\0\0" "\0\1$\5\x0c\3new"

static void a_row_has_whole_documents(void **state)
{
    struct leat_arena arena;
    struct leat_error err;
    struct leat_value after[3];
    (void)state;
    leat_arena_init(&arena, 0);
#define ROW(text) take_row(text, sizeof(text) - 1, after, &arena, &err)
    assert_status(ROW("\7\7" "\4\1\0\0\0" BASE "\1\2\4\1\0\0\0" CHANGE), LEAT_STOP, &err); /* the bit is k's */
    assert_status(ROW("\7\7" "\4\1\0\0\0" BASE "\1\1\4\1\0\0\0" CHANGE), LEAT_OK, &err);
    assert_true(after[1].type == LEAT_JSON && after[1].len == 5 && memcmp(after[1].as.text, "\"new\"", 5) == 0);
    assert_true(after[2].type == LEAT_NULL);
    assert_status(ROW("\7\7" "\4\1\0\0\0" BASE "\0\4\2\0\0\0" BASE), LEAT_OK, &err); /* nothing of it is partial */
    assert_true(after[0].as.i == 2 && after[1].len == 5);
    assert_status(ROW("\1\2" "\0\1\0\0\0" "\1\1\0" CHANGE), LEAT_STOP, &err);
    assert_non_null(strstr(err.text, "was changed in part"));
#undef ROW
    leat_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_replaced_inserted_and_removed),
        cmocka_unit_test(members_come_where_the_server_has_them),
        cmocka_unit_test(changes_see_those_before_them),
        cmocka_unit_test(changes_of_another_document_are_refused),
        cmocka_unit_test(a_row_has_whole_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
