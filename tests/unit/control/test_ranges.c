#include <control/ranges.h>
#include <kit/cmocka.h>
#include <kit/random.h>
#include <string.h>

#define MOST 300

/* Against an array that simply remembers. */
static void ranges_say_what_was_added(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct kit_random random = {seed};
        struct leat_ranges ranges = {0}, copy = {0};
        int64_t truth[MOST] = {0};
        struct leat_arena arena;
        leat_arena_init(&arena, 0);
        for (int i = 0; i < 200; i++) {
            uint64_t offset = kit_below(&random, MOST);
            if (truth[offset] == 0)
                leat_ranges_add(&ranges, offset, truth[offset] = 1 + kit_below(&random, 2));
        }
        uint64_t first = kit_below(&random, MOST);
        leat_ranges_cut(&ranges, first);
        memset(truth, 0, first * sizeof *truth);
        struct leat_value value = leat_ranges_value(&ranges, &arena);
        assert_int_equal(leat_ranges_take(&copy, &value), ranges.count > 0);
        for (uint64_t offset = 0; offset < MOST; offset++) {
            assert_int_equal(leat_ranges_at(&ranges, offset), truth[offset]);
            assert_int_equal(leat_ranges_at(&copy, offset), truth[offset]);
        }
        for (size_t i = 1; i < ranges.count; i++)
            assert_true(ranges.items[i - 1].to < ranges.items[i].from ||
                        ranges.items[i - 1].state != ranges.items[i].state);
        leat_ranges_fini(&ranges);
        leat_ranges_fini(&copy);
        leat_arena_fini(&arena);
    }
}

static void what_is_no_list_of_ranges_is_none(void **state)
{
    (void)state;
    int64_t bad[][6] = {{5, 5, 1, 6, 7, 1}, {0, 5, 1, 4, 7, 1}, {0, 5, 0, 6, 7, 1}, {-1, 5, 1, 6, 7, 1}};
    struct leat_ranges ranges = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leat_value items[6];
        for (int k = 0; k < 6; k++)
            items[k] = leat_value_int(bad[i][k]);
        struct leat_value value = leat_value_items(LEAT_ARRAY, items, 6);
        assert_false(leat_ranges_take(&ranges, &value));
        assert_int_equal(ranges.count, 0);
    }
    leat_ranges_fini(&ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_say_what_was_added),
        cmocka_unit_test(what_is_no_list_of_ranges_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
