#include <kit/cmocka.h>
#include <kit/random.h>
#include <model/batch.h>

static struct leat_value typed(enum leat_type type, int64_t i)
{
    struct leat_value value = leat_value_int(i);
    value.type = (uint8_t)type;
    return value;
}

static void days_count_as_the_calendar_does(void **state)
{
    (void)state;
    assert_int_equal(leat_days_from_date(1970, 1, 1), 0);
    assert_int_equal(leat_days_from_date(1969, 12, 31), -1);
    assert_int_equal(leat_days_from_date(2000, 2, 29), 11016);
    assert_int_equal(leat_days_from_date(2000, 3, 1), 11017);
    assert_int_equal(leat_days_from_date(1900, 3, 1), leat_days_from_date(1900, 2, 28) + 1);
    assert_int_equal(leat_days_from_date(9999, 12, 31), 2932896);
    assert_int_equal(leat_days_from_date(1, 1, 1), -719162);
    assert_int_equal(leat_days_from_date(-1, 12, 31), leat_days_from_date(0, 1, 1) - 1);
}

static void every_day_of_ten_thousand_years_comes_back(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = leat_days_from_date(0, 1, 1);
    for (int32_t year = 0; year < 10000; year++) {
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int32_t month = 1; month <= 12; month++) {
            int last = lengths[month - 1] + (month == 2 && is_leap);
            for (int32_t d = 1; d <= last; d++, day++) {
                struct leat_parts parts = leat_us_to_parts(day * INT64_C(86400000000) + 1);
                if (parts.year != year || parts.month != month || parts.day != d || parts.us != 1 ||
                    leat_days_from_date(year, month, d) != day)
                    fail_msg("%d-%d-%d", year, month, d);
            }
        }
    }
}

static void microseconds_come_back_also_before_1970(void **state)
{
    (void)state;
    struct kit_random random = {1};
    for (int i = 0; i < 20000; i++) {
        int64_t us = kit_random_signed(&random) / 4;
        struct leat_parts parts = leat_us_to_parts(us);
        assert_int_equal(leat_parts_to_us(&parts), us);
        assert_in_range(parts.us, 0, 999999);
        assert_in_range(parts.hour, 0, 23);
    }
    struct leat_parts parts = leat_us_to_parts(-1);
    assert_int_equal(parts.year, 1969);
    assert_int_equal(parts.second, 59);
    assert_int_equal(parts.us, 999999);
}

static void parts_keep_zero_dates(void **state)
{
    (void)state;
    struct leat_parts parts;
    struct leat_value date = typed(LEAT_DATE, LEAT_DATE(2026, 0, 31));
    assert_true(leat_value_parts(&date, &parts));
    assert_int_equal(parts.year, 2026);
    assert_int_equal(parts.month, 0);
    assert_int_equal(parts.day, 31);
    struct leat_value when = typed(LEAT_DATETIME, LEAT_DATETIME(9999, 12, 31, 23, 59, 58, 999999));
    assert_true(leat_value_parts(&when, &parts));
    assert_int_equal(parts.year, 9999);
    assert_int_equal(parts.month, 12);
    assert_int_equal(parts.hour, 23);
    assert_int_equal(parts.minute, 59);
    assert_int_equal(parts.second, 58);
    assert_int_equal(parts.us, 999999);
    struct leat_value zero = typed(LEAT_TIMESTAMP, 0);
    zero.flags = LEAT_VALUE_ZERO;
    assert_true(leat_value_parts(&zero, &parts));
    assert_int_equal(parts.year, 0);
}

static void times_may_be_negative_and_longer_than_a_day(void **state)
{
    (void)state;
    struct leat_parts parts;
    struct leat_value time = typed(LEAT_TIME, -(INT64_C(838) * 3600 + 59 * 60 + 58) * 1000000 - 7);
    assert_true(leat_value_parts(&time, &parts));
    assert_true(parts.is_negative);
    assert_int_equal(parts.hour, 838);
    assert_int_equal(parts.minute, 59);
    assert_int_equal(parts.second, 58);
    assert_int_equal(parts.us, 7);
    time.as.i = INT64_MIN;
    assert_true(leat_value_parts(&time, &parts));
    struct leat_value text = leat_value_string("2026-01-01");
    assert_false(leat_value_parts(&text, &parts));
}

static void values_equal_their_copies_and_nothing_else(void **state)
{
    (void)state;
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    struct kit_random random = {2};
    struct leat_value before = leat_value_string("nothing like it");
    for (int i = 0; i < 5000; i++) {
        struct leat_value value = kit_random_value(&random, &arena, 3);
        struct leat_value copy = leat_value_copy(&arena, &value);
        assert_true(leat_value_equal(&value, &copy));
        if (value.type != before.type)
            assert_false(leat_value_equal(&value, &before));
        before = copy;
    }
    leat_arena_fini(&arena);
}

static void equality_sees_scale_sign_of_zero_and_nan(void **state)
{
    (void)state;
    struct leat_value a = leat_value_double(0.0);
    struct leat_value b = leat_value_double(-0.0);
    assert_false(leat_value_equal(&a, &b));
    a = b = leat_value_double(__builtin_nan(""));
    assert_true(leat_value_equal(&a, &b));
    a = leat_value_string("1.50");
    a.type = LEAT_DECIMAL;
    b = a;
    a.aux = 2;
    assert_false(leat_value_equal(&a, &b));
    a = leat_value_int(1);
    b = leat_value_uint(1);
    assert_false(leat_value_equal(&a, &b));
    a = leat_value_text(NULL, 0);
    b = leat_value_string("");
    assert_true(leat_value_equal(&a, &b));
    struct leat_value one[] = {leat_value_int(1), leat_value_string("x")};
    struct leat_value two[] = {leat_value_int(1), leat_value_string("y")};
    a = leat_value_items(LEAT_MAP, one, 1);
    b = leat_value_items(LEAT_MAP, two, 1);
    assert_false(leat_value_equal(&a, &b));
    two[1] = one[1];
    assert_true(leat_value_equal(&a, &b));
}

static void maps_answer_with_the_last_of_equal_names(void **state)
{
    (void)state;
    struct leat_value items[] = {leat_value_string("a"), leat_value_int(1), leat_value_string("b"),
                                 leat_value_int(2),      leat_value_string("a"), leat_value_int(3),
                                 leat_value_bytes("c", 1), leat_value_int(4)};
    struct leat_value map = leat_value_items(LEAT_MAP, items, 4);
    assert_int_equal(leat_map_get(&map, "a")->as.i, 3);
    assert_int_equal(leat_map_get(&map, "b")->as.i, 2);
    assert_null(leat_map_get(&map, "c"));
    assert_null(leat_map_get(&map, "ab"));
    assert_null(leat_map_get(&map, ""));
    struct leat_value number = leat_value_int(1);
    assert_null(leat_map_get(&number, "a"));
}

static void types_have_names(void **state)
{
    (void)state;
    for (int type = 0; type < LEAT_TYPE_COUNT; type++)
        assert_true(strlen(leat_type_name((enum leat_type)type)) >= 3);
    assert_string_equal(leat_type_name(LEAT_DATETIME), "DATETIME");
    assert_string_equal(leat_type_name((enum leat_type)200), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_count_as_the_calendar_does),
        cmocka_unit_test(every_day_of_ten_thousand_years_comes_back),
        cmocka_unit_test(microseconds_come_back_also_before_1970),
        cmocka_unit_test(parts_keep_zero_dates),
        cmocka_unit_test(times_may_be_negative_and_longer_than_a_day),
        cmocka_unit_test(values_equal_their_copies_and_nothing_else),
        cmocka_unit_test(equality_sees_scale_sign_of_zero_and_nan),
        cmocka_unit_test(maps_answer_with_the_last_of_equal_names),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
