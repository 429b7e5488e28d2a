#include <kit/cmocka.h>

#include <math.h>
#include <mysql/literal.h>

static void expect(struct leat_value value, const char *wanted)
{
    struct leat_bytes sql;
    leat_bytes_init(&sql, 4096);
    assert_int_equal(literal_add(&sql, &value, NULL), LEAT_OK);
    assert_int_equal(sql.len, strlen(wanted));
    assert_memory_equal(sql.data, wanted, sql.len);
    leat_bytes_fini(&sql);
}

static struct leat_value typed(enum leat_type type, uint16_t aux, int64_t i)
{
    struct leat_value v = {(uint8_t)type, 0, aux, 0, {0}};
    v.as.i = i;
    return v;
}

static void numbers_keep_all_their_bits(void **state)
{
    (void)state;
    expect(leat_value_int(INT64_MIN), "-9223372036854775808");
    expect(leat_value_uint(UINT64_MAX), "18446744073709551615");
    expect(leat_value_double(0.1), "0.1e0");
    expect(leat_value_double(-0.0), "-0.0e0");
    expect(leat_value_double(1e21), "1e+21");
    expect(leat_value_bool(true), "1");
}

static void quotes_cannot_leave_a_text(void **state)
{
    (void)state;
    expect(leat_value_text("a'b\\c\0d\n", 8), "'a\\'b\\\\c\\0d\\n'");
    expect(leat_value_bytes("\xff'\0", 3), "_binary'\xff\\'\\0'");
    expect(leat_value_text("", 0), "''");
}

static void times_are_as_sql_spells_them(void **state)
{
    (void)state;
    expect(typed(LEAT_DATE, 0, LEAT_DATE(2026, 0, 0)), "'2026-00-00'");
    expect(typed(LEAT_DATETIME, 3, LEAT_DATETIME(2026, 1, 2, 3, 4, 5, 678000)), "'2026-01-02 03:04:05.678'");
    expect(typed(LEAT_TIMESTAMP, 6, 1), "'1970-01-01 00:00:00.000001'");
    expect(typed(LEAT_TIME, 0, -3020399000000), "'-838:59:59'");
}

static void what_sql_does_not_have_is_refused(void **state)
{
    struct leat_bytes sql;
    struct leat_error err;
    struct leat_value values[] = {leat_value_double((double)NAN), leat_value_double((double)-INFINITY)};
    (void)state;
    leat_bytes_init(&sql, 64);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(literal_add(&sql, &values[i], &err), LEAT_REJECT);
    leat_bytes_fini(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_all_their_bits),
        cmocka_unit_test(quotes_cannot_leave_a_text),
        cmocka_unit_test(times_are_as_sql_spells_them),
        cmocka_unit_test(what_sql_does_not_have_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
