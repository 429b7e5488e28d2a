#include <kafka/source_place.h>

#include <kit/cmocka.h>
#include <model/batch.h>
#include <model/positions.h>
#include <string.h>

static struct leat_list list_of(const char *const *items, size_t count)
{
    return (struct leat_list){items, count};
}

static void positions_come_back(void **state)
{
    (void)state;
    const struct source_place all[] = {{0, -1, 0, 0},
                                       {1, 0, UINT64_MAX, 0},
                                       {INT64_MAX, INT64_MAX - 1, 1, 2},
                                       {77, 70, 0x8000000000000000u, UINT64_MAX}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct leat_batch *batch = leat_batch_new(1 << 16, 10);
        struct leat_positions *positions = leat_positions_new();
        struct source_place got;
        source_place_store(&all[i], "orders/3", batch);
        assert_int_equal(batch->position_count, 1);
        leat_positions_set(positions, &batch->positions[0].key, &batch->positions[0].value);
        assert_int_equal(source_place_load(&got, "orders/3", positions, NULL), LEAT_OK);
        assert_int_equal(got.next, all[i].next);
        assert_int_equal(got.last, all[i].last);
        assert_true(got.print == all[i].print && got.deleted == all[i].deleted);
        assert_int_equal(source_place_load(&got, "orders/4", positions, NULL), LEAT_AGAIN);
        leat_positions_free(positions);
        leat_batch_free(batch);
    }
}

static void a_position_that_is_none_stops(void **state)
{
    (void)state;
    struct leat_value key = leat_value_string("orders/0");
    struct leat_value pair[2] = {leat_value_string("offset"), leat_value_string("7")}, bad = leat_value_items(LEAT_MAP, pair, 1);
    struct leat_value negative[2] = {leat_value_string("offset"), leat_value_int(-1)};
    const struct leat_value all[] = {leat_value_int(7), bad, leat_value_items(LEAT_MAP, negative, 1)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct leat_positions *positions = leat_positions_new();
        struct source_place got;
        struct leat_error err;
        leat_positions_set(positions, &key, &all[i]);
        assert_int_equal(source_place_load(&got, "orders/0", positions, &err), LEAT_STOP);
        assert_non_null(strstr(err.text, "leat offsets set"));
        leat_positions_free(positions);
    }
}

static void what_a_user_sets_is_enough(void **state)
{
    (void)state;
    struct leat_value key = leat_value_string("orders/0");
    struct leat_value pair[2] = {leat_value_string("offset"), leat_value_int(12)}, value = leat_value_items(LEAT_MAP, pair, 1);
    struct leat_positions *positions = leat_positions_new();
    struct source_place got;
    leat_positions_set(positions, &key, &value);
    assert_int_equal(source_place_load(&got, "orders/0", positions, NULL), LEAT_OK);
    assert_int_equal(got.next, 12);
    assert_int_equal(got.last, -1);
    leat_positions_free(positions);
}

static void topics_are_names_patterns_and_partitions(void **state)
{
    (void)state;
    const char *const items[] = {"shop.*", "!shop.test*", "orders/3", "one"};
    const struct leat_list wanted = list_of(items, 4);
    assert_true(source_wants(&wanted, "shop.items", 5));
    assert_false(source_wants(&wanted, "shop.items.old", 0));
    assert_false(source_wants(&wanted, "shop.test1", 0));
    assert_true(source_wants(&wanted, "orders", 3));
    assert_false(source_wants(&wanted, "orders", 2));
    assert_true(source_wants(&wanted, "one", 0));
    assert_false(source_wants(&wanted, "one.two", 0));
    assert_true(source_has_patterns(&wanted));
    const char *const names[] = {"orders/3", "!x*"};
    const struct leat_list plain = list_of(names, 2);
    assert_false(source_has_patterns(&plain));
}

static void patterns_never_mean_internal_topics(void **state)
{
    (void)state;
    const char *const items[] = {"*"};
    const struct leat_list wanted = list_of(items, 1);
    assert_true(source_wants(&wanted, "orders", 0));
    assert_false(source_wants(&wanted, "__consumer_offsets", 0));
    assert_false(source_wants(&wanted, "leat-marks", 0));
    const char *const named[] = {"__consumer_offsets"};
    const struct leat_list internal = list_of(named, 1);
    assert_true(source_wants(&internal, "__consumer_offsets", 0));
}

static void wrong_topics_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "a b", "a/x", "a/-1", "a/99999999999", "/3", "!", "caf\xc3\xa9", "!a"};
    char out[SOURCE_KEY_MOST];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct leat_list one = list_of(&wrong[i], 1);
        assert_int_equal(source_check_topics(&one, NULL), LEAT_STOP);
    }
    assert_true(source_name_of("orders/3", out));
    assert_string_equal(out, "orders");
    assert_false(source_name_of("shop.*", out));
    assert_false(source_name_of("!orders", out));
}

static void gaps_are_before_the_first_and_behind_the_end(void **state)
{
    (void)state;
    struct leat_error err;
    const struct source_place place = {.next = 100, .last = -1};
    assert_int_equal(source_judge(&place, "feed", "o/0", 100, 100, &err), LEAT_OK);
    assert_int_equal(source_judge(&place, "feed", "o/0", 0, 500, &err), LEAT_OK);
    assert_int_equal(source_judge(&place, "feed", "o/0", 101, 500, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "offsets 100 to 100 were deleted"));
    assert_int_equal(source_judge(&place, "feed", "o/0", 0, 99, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "leat offsets set feed '\"o/0\"' '{\"offset\": 0}'"));
}

static void a_print_tells_key_and_value_apart(void **state)
{
    (void)state;
    assert_true(source_print("a", 1, "b", 1) != source_print("b", 1, "a", 1));
    assert_true(source_print(NULL, 0, "b", 1) != source_print("", 0, "b", 1));
    assert_true(source_print("a", 1, NULL, 0) != source_print("a", 1, "", 0));
    assert_true(source_print("a", 1, "b", 1) == source_print("a", 1, "b", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_come_back),
        cmocka_unit_test(a_position_that_is_none_stops),
        cmocka_unit_test(what_a_user_sets_is_enough),
        cmocka_unit_test(topics_are_names_patterns_and_partitions),
        cmocka_unit_test(patterns_never_mean_internal_topics),
        cmocka_unit_test(wrong_topics_are_refused),
        cmocka_unit_test(gaps_are_before_the_first_and_behind_the_end),
        cmocka_unit_test(a_print_tells_key_and_value_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
