#include <kit/cmocka.h>

#include <model/json.h>
#include <mysql/origin.h>
#include <string.h>

static struct leat_arena arena;

static struct leat_value parse(const char *text)
{
    struct leat_error err;
    struct leat_value value;
    assert_status(leat_json_read(text, strlen(text), true, &arena, &value, &err), LEAT_OK, &err);
    return value;
}

static int order(const char *a, const char *b)
{
    struct leat_value first = parse(a), second = parse(b);
    int there = origin_order(&first, &second), back = origin_order(&second, &first);
    assert_int_equal(there, there == LEAT_NO_ORDER ? back : -back);
    return there;
}

#define AT(file, pos, row, op) "{\"file\":\"" file "\",\"pos\":" #pos ",\"row\":" #row ",\"op\":\"" op "\"}"

static void records_are_ordered_by_file_position_and_row(void **state)
{
    (void)state;
    assert_int_equal(order(AT("bin.000001", 900, 0, "c"), AT("bin.000002", 4, 0, "c")), -1);
    assert_int_equal(order(AT("bin.999999", 900, 0, "c"), AT("bin.1000000", 4, 0, "c")), -1);
    assert_int_equal(order(AT("bin.000002", 90, 7, "c"), AT("bin.000002", 100, 0, "c")), -1);
    assert_int_equal(order(AT("bin.000002", 90, 7, "c"), AT("bin.000002", 90, 8, "c")), -1);
    assert_int_equal(order(AT("bin.000002", 90, 7, "u"), AT("bin.000002", 90, 7, "u")), 0);
}

static void of_a_changed_key_the_delete_comes_first(void **state)
{
    (void)state;
    assert_int_equal(order(AT("bin.000002", 90, 7, "d"), AT("bin.000002", 90, 7, "c")), -1);
    assert_int_equal(order(AT("bin.000002", 90, 7, "c"), AT("bin.000002", 90, 8, "d")), -1);
}

static void files_of_other_servers_have_no_order(void **state)
{
    (void)state;
    assert_int_equal(order(AT("bin.000001", 90, 0, "c"), AT("mysql-bin.000002", 4, 0, "c")), LEAT_NO_ORDER);
    assert_int_equal(order(AT("bin.000001", 90, 0, "c"), "{\"number\":7}"), LEAT_NO_ORDER);
    assert_int_equal(order("{\"file\":\"bin.000001\",\"pos\":-4,\"row\":0}", AT("bin.000002", 4, 0, "c")), LEAT_NO_ORDER);
}

#define SNAPSHOT(how) "{\"file\":\"bin.000003\",\"pos\":4,\"row\":0,\"op\":\"r\",\"snapshot\":" how "}"

static void a_row_of_a_snapshot_comes_where_its_place_is(void **state)
{
    (void)state;
    assert_int_equal(order(SNAPSHOT("true"), AT("bin.000002", 4, 0, "c")), 1);
    assert_int_equal(order(SNAPSHOT("true"), AT("bin.000003", 5, 0, "c")), -1);
    assert_int_equal(order(SNAPSHOT("\"last\""), AT("bin.000003", 4, 0, "c")), -1); /* the event begins there */
    assert_int_equal(order(SNAPSHOT("true"), SNAPSHOT("\"pending\"")), -1);
    assert_int_equal(order(SNAPSHOT("true"), SNAPSHOT("\"last\"")), -1);
    assert_int_equal(order(SNAPSHOT("true"), SNAPSHOT("true")), 0);
}

static int set_up(void **state)
{
    (void)state;
    leat_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    leat_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_ordered_by_file_position_and_row),
        cmocka_unit_test(of_a_changed_key_the_delete_comes_first),
        cmocka_unit_test(files_of_other_servers_have_no_order),
        cmocka_unit_test(a_row_of_a_snapshot_comes_where_its_place_is),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
