/* Every type in Debezium's default modes. Base64 of decimals is Java's BigInteger.toByteArray(); "EtaH" and
 * "AP//////////" stand in Debezium's own documentation. */
#include <kit/cmocka.h>

#include <kit/orders.h>
#include <model/debezium_value.h>
#include <math.h>
#include <string.h>

static struct leat_debezium_modes modes; /* all zero: the defaults */

static void assert_written(const struct leat_field *field, struct leat_value value, const char *wanted)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    if (!leat_debezium_value(&out, &value, field, &modes))
        fail_msg("%s is refused", wanted);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, wanted);
    leat_bytes_fini(&out);
}

static void assert_decimal(unsigned scale, const char *text, const char *wanted)
{
    const struct leat_field field = KIT_FIELD("d", LEAT_DECIMAL, .scale = (uint8_t)scale, .width = 65);
    assert_written(&field, kit_decimal(text, scale), wanted);
}

static void decimals_are_the_fewest_bytes_that_hold_the_sign(void **state)
{
    (void)state;
    assert_decimal(4, "123.4567", "\"EtaH\"");
    assert_decimal(2, "-12.50", "\"+x4=\"");
    assert_decimal(0, "0", "\"AA==\"");
    assert_decimal(2, "0.00", "\"AA==\"");
    assert_decimal(2, "-0.00", "\"AA==\"");
    assert_decimal(2, "-0.01", "\"/w==\"");
    assert_decimal(0, "127", "\"fw==\"");
    assert_decimal(0, "128", "\"AIA=\"");
    assert_decimal(0, "-128", "\"gA==\"");
    assert_decimal(0, "-129", "\"/38=\"");
    assert_decimal(0, "255", "\"AP8=\"");
}

static void decimals_are_exact_at_every_length(void **state)
{
    (void)state;
    assert_decimal(2, "9999999999999999.99", "\"DeC2s6dj//8=\"");
    assert_decimal(2, "-9999999999999999.99", "\"8h9JTFicAAE=\"");
    assert_decimal(0, "1000000000000000000", "\"DeC2s6dkAAA=\"");
    assert_decimal(0, "9223372036854775808", "\"AIAAAAAAAAAA\"");
    assert_decimal(0, "-9223372036854775808", "\"gAAAAAAAAAA=\"");
    assert_decimal(0, "-9223372036854775809", "\"/3//////////\"");
    assert_decimal(0, "18446744073709551615", "\"AP//////////\"");
    assert_decimal(30, "99999999999999999999999999999999999.999999999999999999999999999999",
                   "\"APMWJxx/w5CKi+9GTjlF73olNgn//////////w==\"");
    assert_decimal(30, "-99999999999999999999999999999999999.999999999999999999999999999999",
                   "\"/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ==\"");
    assert_decimal(0, "99999999999999999999999999999999999999999999999999999999999999999999999999999",
                   "\"AN0V/oav+tkSSe8OtxPznr6qmHtub9Kf////////////\"");
}

/* A transform may have changed the spelling; the value must come out at the column's scale. */
static void decimals_take_the_scale_of_their_column(void **state)
{
    (void)state;
    assert_decimal(2, "-12.5", "\"+x4=\"");
    assert_decimal(4, "123.4567000", "\"EtaH\"");
    assert_decimal(2, "1", "\"ZA==\"");
}

static void decimals_that_do_not_fit_are_refused(void **state)
{
    static const char *const texts[] = {"12.345", "0.001",
        "100000000000000000000000000000000000000000000000000000000000000000000000000000"};
    const struct leat_field field = KIT_FIELD("d", LEAT_DECIMAL, .scale = 2, .width = 10);
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leat_bytes out;
        struct leat_value value = kit_decimal(texts[i], 2);
        leat_bytes_init(&out, 1000);
        assert_false(leat_debezium_value(&out, &value, &field, &modes));
        leat_bytes_fini(&out);
    }
}

/* Nobody who reads the bytes could know where the point is. */
static void decimals_without_a_declared_scale_are_strings(void **state)
{
    const struct leat_field field = KIT_FIELD("any", LEAT_ABSENT);
    (void)state;
    assert_written(&field, kit_decimal("-12.50", 2), "\"-12.50\"");
}

static void integers_are_exact(void **state)
{
    const struct leat_field field = KIT_FIELD("n", LEAT_INT64), big = KIT_FIELD("n", LEAT_UINT64);
    const struct leat_field year = KIT_FIELD("y", LEAT_INT64, .meaning = LEAT_YEAR);
    (void)state;
    assert_written(&field, leat_value_int(INT64_MIN), "-9223372036854775808");
    assert_written(&field, leat_value_int(INT64_MAX), "9223372036854775807");
    assert_written(&big, leat_value_uint(UINT64_MAX), "18446744073709551615");
    assert_written(&year, leat_value_int(2026), "2026");
    assert_written(&field, leat_value_null(), "null");
    assert_written(&field, leat_value_bool(true), "true");
}

static void floats_are_the_shortest_text(void **state)
{
    const struct leat_field field = KIT_FIELD("f", LEAT_FLOAT64);
    struct leat_value single = leat_value_double((double)0.1f);
    (void)state;
    single.flags = LEAT_VALUE_SINGLE;
    assert_written(&field, single, "0.1");
    assert_written(&field, leat_value_double(0.1), "0.1");
    assert_written(&field, leat_value_double(-1.7976931348623157e308), "-1.7976931348623157e+308");
    assert_written(&field, leat_value_double((double)INFINITY), "null");
}

static void dates_are_days(void **state)
{
    const struct leat_field field = KIT_FIELD("d", LEAT_DATE);
    (void)state;
    assert_written(&field, kit_typed(LEAT_DATE, LEAT_DATE(2026, 3, 5), 0), "20517");
    assert_written(&field, kit_typed(LEAT_DATE, LEAT_DATE(1970, 1, 1), 0), "0");
    assert_written(&field, kit_typed(LEAT_DATE, LEAT_DATE(1, 1, 1), 0), "-719162");
    assert_written(&field, kit_typed(LEAT_DATE, LEAT_DATE(9999, 12, 31), 0), "2932896");
    assert_written(&field, kit_typed(LEAT_DATE, LEAT_DATE(2024, 2, 29), 0), "19782");
}

static void datetimes_are_milliseconds_or_microseconds_by_their_column(void **state)
{
    const int64_t parts = LEAT_DATETIME(2026, 3, 4, 5, 6, 7, 891234);
    const struct leat_field zero = KIT_FIELD("d", LEAT_DATETIME), three = KIT_FIELD("d", LEAT_DATETIME, .scale = 3),
                            four = KIT_FIELD("d", LEAT_DATETIME, .scale = 4);
    (void)state;
    assert_written(&zero, kit_typed(LEAT_DATETIME, parts, 0), "1772600767891");
    assert_written(&three, kit_typed(LEAT_DATETIME, parts, 3), "1772600767891");
    assert_written(&four, kit_typed(LEAT_DATETIME, parts, 4), "1772600767891234");
    assert_written(&three, kit_typed(LEAT_DATETIME, LEAT_DATETIME(1969, 12, 31, 23, 59, 59, 999000), 3), "-1");
}

static void dates_that_are_none_are_null_or_the_epoch(void **state)
{
    static const int64_t days[] = {LEAT_DATE(0, 0, 0), LEAT_DATE(2026, 0, 5), LEAT_DATE(2026, 5, 0),
                                   LEAT_DATE(2026, 2, 29), LEAT_DATE(2026, 4, 31), LEAT_DATE(1900, 2, 29)};
    struct leat_value zero = kit_typed(LEAT_TIMESTAMP, 0, 0);
    (void)state;
    zero.flags = LEAT_VALUE_ZERO;
    for (int is_required = 0; is_required < 2; is_required++) {
        const uint8_t flags = is_required ? LEAT_FIELD_REQUIRED : 0;
        const struct leat_field date = KIT_FIELD("d", LEAT_DATE, .flags = flags),
                                datetime = KIT_FIELD("d", LEAT_DATETIME, .flags = flags),
                                timestamp = KIT_FIELD("d", LEAT_TIMESTAMP, .flags = flags);
        const char *wanted = is_required ? "0" : "null";
        for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
            assert_written(&date, kit_typed(LEAT_DATE, days[i], 0), wanted);
            assert_written(&datetime, kit_typed(LEAT_DATETIME, days[i] << 37, 0), wanted);
        }
        assert_written(&timestamp, zero, is_required ? "\"1970-01-01T00:00:00Z\"" : "null");
    }
}

static void times_are_microseconds_with_a_sign(void **state)
{
    const struct leat_field field = KIT_FIELD("t", LEAT_TIME, .scale = 3);
    (void)state;
    assert_written(&field, kit_typed(LEAT_TIME, INT64_C(-3020399) * 1000000, 0), "-3020399000000");
    assert_written(&field, kit_typed(LEAT_TIME, 1500, 3), "1500");
}

static void timestamps_are_text_in_utc(void **state)
{
    const struct leat_field field = KIT_FIELD("t", LEAT_TIMESTAMP, .scale = 6);
    (void)state;
    assert_written(&field, kit_typed(LEAT_TIMESTAMP, 1595008822000000, 6), "\"2020-07-17T18:00:22Z\"");
    assert_written(&field, kit_typed(LEAT_TIMESTAMP, 1595008822120000, 6), "\"2020-07-17T18:00:22.12Z\"");
}

static void bits_are_a_boolean_or_little_endian_bytes(void **state)
{
    const struct leat_field one = KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 1),
                            eight = KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 8),
                            forty = KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 40),
                            most = KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 64),
                            wrong = KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 4000);
    (void)state;
    assert_written(&one, leat_value_uint(1), "true");
    assert_written(&one, leat_value_uint(0), "false");
    assert_written(&eight, leat_value_uint(5), "\"BQ==\"");
    assert_written(&forty, leat_value_uint(0x0102030405), "\"BQQDAgE=\"");
    assert_written(&most, leat_value_uint(UINT64_MAX), "\"//////////8=\"");
    assert_written(&wrong, leat_value_uint(1), "\"AQAAAAAAAAA=\"");
}

static void bytes_are_base64_and_documents_are_strings(void **state)
{
    const struct leat_field bytes = KIT_FIELD("b", LEAT_BYTES), json = KIT_FIELD("j", LEAT_JSON);
    struct leat_value document = leat_value_string("{\"a\": \"\xc3\xa9\\n\"}");
    (void)state;
    document.type = LEAT_JSON;
    assert_written(&bytes, leat_value_bytes("\0\1\2\xff", 4), "\"AAEC/w==\"");
    assert_written(&bytes, leat_value_bytes(NULL, 0), "\"\"");
    assert_written(&json, document, "\"{\\\"a\\\": \\\"\xc3\xa9\\\\n\\\"}\"");
}

static void texts_are_strings(void **state)
{
    const struct leat_field field = KIT_FIELD("s", LEAT_TEXT, .meaning = LEAT_SET);
    (void)state;
    assert_written(&field, leat_value_string("red,green"), "\"red,green\"");
    assert_written(&field, leat_value_string("a\tb\"c\\\x01"), "\"a\\tb\\\"c\\\\\\u0001\"");
    assert_written(&field, leat_value_text(NULL, 0), "\"\"");
}

static void geometries_are_wkb_and_points_have_x_and_y(void **state)
{
    static const char little[] = "\xe6\x10\0\0\1\1\0\0\0\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\2\xc0";
    static const char big[] = "\0\0\0\0\0\0\0\0\1\x3f\xf8\0\0\0\0\0\0\xc0\2\0\0\0\0\0\0";
    const struct leat_field point = {.name = "p", .type = LEAT_BYTES, .meaning = LEAT_GEOMETRY, .native = "point", .labels = ""};
    const struct leat_field any = {.name = "g", .type = LEAT_BYTES, .meaning = LEAT_GEOMETRY, .native = "geometry", .labels = ""};
    (void)state;
    assert_written(&point, leat_value_bytes(little, 25),
                   "{\"x\":1.5,\"y\":-2.25,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAALA\",\"srid\":4326}");
    assert_written(&point, leat_value_bytes(big, 25),
                   "{\"x\":1.5,\"y\":-2.25,\"wkb\":\"AAAAAAE/+AAAAAAAAMACAAAAAAAA\",\"srid\":null}");
    assert_written(&any, leat_value_bytes(big, 25), "{\"wkb\":\"AAAAAAE/+AAAAAAAAMACAAAAAAAA\",\"srid\":null}");
    assert_written(&point, leat_value_bytes("\1\0", 2), "{\"wkb\":\"AQA=\",\"srid\":null}");
}

static void vectors_are_arrays(void **state)
{
    const struct leat_field field = KIT_FIELD("v", LEAT_BYTES, .meaning = LEAT_VECTOR);
    const float v[] = {0.5f, -1.0f, 0.1f};
    (void)state;
    assert_written(&field, leat_value_bytes(v, sizeof v), "[0.5,-1.0,0.1]");
    assert_written(&field, leat_value_bytes(v, 0), "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_the_fewest_bytes_that_hold_the_sign),
        cmocka_unit_test(decimals_are_exact_at_every_length),
        cmocka_unit_test(decimals_take_the_scale_of_their_column),
        cmocka_unit_test(decimals_that_do_not_fit_are_refused),
        cmocka_unit_test(decimals_without_a_declared_scale_are_strings),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(floats_are_the_shortest_text),
        cmocka_unit_test(dates_are_days),
        cmocka_unit_test(datetimes_are_milliseconds_or_microseconds_by_their_column),
        cmocka_unit_test(dates_that_are_none_are_null_or_the_epoch),
        cmocka_unit_test(times_are_microseconds_with_a_sign),
        cmocka_unit_test(timestamps_are_text_in_utc),
        cmocka_unit_test(bits_are_a_boolean_or_little_endian_bytes),
        cmocka_unit_test(bytes_are_base64_and_documents_are_strings),
        cmocka_unit_test(texts_are_strings),
        cmocka_unit_test(geometries_are_wkb_and_points_have_x_and_y),
        cmocka_unit_test(vectors_are_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
