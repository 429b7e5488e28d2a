#include <kit/cmocka.h>
#include <kit/random.h>
#include <model/positions.h>
#include <string.h>

static void assert_int_at(const struct leat_positions *positions, const struct leat_value *key, int64_t i)
{
    const struct leat_value *value = leat_positions_get(positions, key);
    assert_non_null(value);
    assert_int_equal(value->as.i, i);
}

static void keys_are_values_of_any_type(void **state)
{
    (void)state;
    struct leat_positions *positions = leat_positions_new();
    struct leat_value pair[] = {leat_value_string("dev"), leat_value_int(3)};
    struct leat_value keys[] = {leat_value_null(), leat_value_int(1), leat_value_uint(1),
                                leat_value_string("1"), leat_value_items(LEAT_STRUCT, pair, 2)};
    for (int64_t i = 0; i < 5; i++) {
        struct leat_value value = leat_value_int(i);
        leat_positions_set(positions, &keys[i], &value);
    }
    assert_int_equal(leat_positions_count(positions), 5);
    for (int64_t i = 0; i < 5; i++)
        assert_int_at(positions, &keys[i], i);
    pair[1].as.i = 4;
    assert_null(leat_positions_get(positions, &keys[4]));
    leat_positions_free(positions);
}

static void values_are_deep_copies_and_may_be_their_own_source(void **state)
{
    (void)state;
    struct leat_positions *positions = leat_positions_new();
    char text[] = "binlog.000001";
    struct leat_value key = leat_value_string("file");
    struct leat_value value = leat_value_text(text, 13);
    leat_positions_set(positions, &key, &value);
    memset(text, 'x', 13);
    const struct leat_value *held = leat_positions_get(positions, &key);
    assert_memory_equal(held->as.text, "binlog.000001", 13);
    leat_positions_set(positions, &key, held);
    held = leat_positions_get(positions, &key);
    assert_memory_equal(held->as.text, "binlog.000001", 13);
    leat_positions_free(positions);
}

static void what_is_set_last_counts_whatever_came_before(void **state)
{
    (void)state;
    struct leat_positions *positions = leat_positions_new();
    struct kit_random random = {5};
    int64_t model[50] = {0}; /* 0: not there */
    uint32_t count = 0;
    for (int64_t i = 1; i < 5000; i++) {
        uint32_t which = kit_below(&random, 50);
        bool removes = kit_below(&random, 3) == 0;
        struct leat_value key = leat_value_int(which), value = leat_value_int(i);
        leat_positions_set(positions, &key, removes ? NULL : &value);
        count = count + (model[which] == 0 && !removes) - (model[which] != 0 && removes);
        model[which] = removes ? 0 : i;
        assert_int_equal(leat_positions_count(positions), count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *key, *value;
        leat_positions_at(positions, i, &key, &value);
        assert_int_equal(model[key->as.i], value->as.i);
        assert_int_at(positions, key, value->as.i);
    }
    leat_positions_free(positions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_values_of_any_type),
        cmocka_unit_test(values_are_deep_copies_and_may_be_their_own_source),
        cmocka_unit_test(what_is_set_last_counts_whatever_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
