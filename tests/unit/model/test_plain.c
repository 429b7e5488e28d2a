#include <kit/cmocka.h>
#include <model/plain.h>

static void assert_plain(struct leat_value value, const char *expected)
{
    char room[LEAT_PLAIN_MAX], text[64];
    size_t len;
    const char *plain = leat_value_plain(&value, room, &len);
    assert_non_null(plain);
    assert_true(len < sizeof text);
    memcpy(text, plain, len);
    text[len] = '\0';
    assert_string_equal(text, expected);
}

static struct leat_value single(double f)
{
    struct leat_value value = leat_value_double(f);
    value.flags |= LEAT_VALUE_SINGLE;
    return value;
}

static void numbers_are_the_shortest_text_that_reads_back_equal(void **state)
{
    (void)state;
    assert_plain(leat_value_double(0.1), "0.1");
    assert_plain(leat_value_double(1e21), "1e+21");
    assert_plain(single(0.1F), "0.1");
    assert_plain(leat_value_int(INT64_MIN), "-9223372036854775808");
    assert_plain(leat_value_uint(UINT64_MAX), "18446744073709551615");
    assert_plain(leat_value_bool(true), "true");
    assert_plain(leat_value_bool(false), "false");
}

static void texts_documents_and_bytes_are_as_they_stand(void **state)
{
    (void)state;
    assert_plain(leat_value_string("a b"), "a b");
    assert_plain(leat_value_text(NULL, 0), "");
    assert_plain(leat_value_bytes("\xff\x01", 2), "\xff\x01");
    struct leat_value document = leat_value_string("{\"a\": 1}");
    document.type = LEAT_JSON;
    assert_plain(document, "{\"a\": 1}");
}

static void null_and_values_of_parts_have_no_text(void **state)
{
    const struct leat_value item = leat_value_int(1);
    const struct leat_value none[] = {leat_value_null(), {.type = LEAT_ABSENT}, leat_value_items(LEAT_ARRAY, &item, 1)};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char room[LEAT_PLAIN_MAX];
        size_t len;
        assert_null(leat_value_plain(&none[i], room, &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_the_shortest_text_that_reads_back_equal),
        cmocka_unit_test(texts_documents_and_bytes_are_as_they_stand),
        cmocka_unit_test(null_and_values_of_parts_have_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
