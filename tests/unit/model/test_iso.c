/* Dates and times as text, with their edges. */
#include <kit/cmocka.h>

#include <model/iso.h>
#include <string.h>

static void assert_iso(enum leat_type type, int64_t i, unsigned digits, unsigned flags, const char *wanted,
                       const char *wanted_short)
{
    struct leat_value value = {.type = (uint8_t)type, .flags = (uint8_t)flags, .aux = (uint16_t)digits, .as.i = i};
    char text[LEAT_ISO_MAX + 1];
    text[leat_iso_print(text, &value)] = '\0';
    assert_string_equal(text, wanted);
    text[leat_iso_print_short(text, &value)] = '\0';
    assert_string_equal(text, wanted_short);
}

static void dates_keep_their_zeros(void **state)
{
    (void)state;
    assert_iso(LEAT_DATE, LEAT_DATE(2026, 1, 2), 0, 0, "2026-01-02", "2026-01-02");
    assert_iso(LEAT_DATE, LEAT_DATE(0, 0, 0), 0, 0, "0000-00-00", "0000-00-00");
    assert_iso(LEAT_DATE, LEAT_DATE(9999, 12, 31), 0, 0, "9999-12-31", "9999-12-31");
    assert_iso(LEAT_DATETIME, LEAT_DATETIME(2026, 0, 0, 0, 0, 0, 0), 0, 0, "2026-00-00T00:00:00",
               "2026-00-00T00:00:00");
    assert_iso(LEAT_DATETIME, LEAT_DATETIME(1, 2, 3, 4, 5, 6, 78900), 4, 0, "0001-02-03T04:05:06.0789",
               "0001-02-03T04:05:06.0789");
    assert_iso(LEAT_DATETIME, LEAT_DATETIME(1999, 12, 31, 23, 59, 59, 999999), 6, 0, "1999-12-31T23:59:59.999999",
               "1999-12-31T23:59:59.999999");
}

static void timestamps_are_in_utc(void **state)
{
    (void)state;
    assert_iso(LEAT_TIMESTAMP, 0, 0, 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
    assert_iso(LEAT_TIMESTAMP, 1595008822500000, 3, 0, "2020-07-17T18:00:22.500Z", "2020-07-17T18:00:22.5Z");
    assert_iso(LEAT_TIMESTAMP, 1595008822000000, 6, 0, "2020-07-17T18:00:22.000000Z", "2020-07-17T18:00:22Z");
    assert_iso(LEAT_TIMESTAMP, -1, 6, 0, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z");
    assert_iso(LEAT_TIMESTAMP, 0, 3, LEAT_VALUE_ZERO, "0000-00-00T00:00:00.000Z", "0000-00-00T00:00:00Z");
    assert_iso(LEAT_TIMESTAMP, 253402300800000000, 0, 0, "10000-01-01T00:00:00Z", "10000-01-01T00:00:00Z");
}

static void times_have_a_sign_and_more_hours_than_a_day(void **state)
{
    (void)state;
    assert_iso(LEAT_TIME, 0, 0, 0, "00:00:00", "00:00:00");
    assert_iso(LEAT_TIME, -1000, 3, 0, "-00:00:00.001", "-00:00:00.001");
    assert_iso(LEAT_TIME, INT64_C(3020399) * 1000000, 0, 0, "838:59:59", "838:59:59");
    assert_iso(LEAT_TIME, INT64_C(-3020399) * 1000000, 6, 0, "-838:59:59.000000", "-838:59:59");
    assert_iso(LEAT_TIME, INT64_C(1234) * 3600000000, 0, 0, "1234:00:00", "1234:00:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_keep_their_zeros),
        cmocka_unit_test(timestamps_are_in_utc),
        cmocka_unit_test(times_have_a_sign_and_more_hours_than_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
