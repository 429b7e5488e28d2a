/* Cases from RFC 8259, and numbers at their edges. */
#include <kit/cmocka.h>

#include <model/json.h>
#include <string.h>

static enum leat_status read_text(const char *text, struct leat_arena *arena, struct leat_value *value)
{
    struct leat_error err;
    return leat_json_read(text, strlen(text), false, arena, value, &err);
}

/* Reads, writes again, compares. */
static void assert_same(const char *text, const char *wanted)
{
    struct leat_arena arena;
    struct leat_value value;
    struct leat_bytes out;
    leat_arena_init(&arena, 0);
    leat_bytes_init(&out, 1 << 20);
    if (read_text(text, &arena, &value) != LEAT_OK)
        fail_msg("refused: %s", text);
    leat_json_value(&out, &value);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, wanted);
    leat_bytes_fini(&out);
    leat_arena_fini(&arena);
}

static void assert_refused(const char *text)
{
    struct leat_arena arena;
    struct leat_value value;
    leat_arena_init(&arena, 0);
    if (read_text(text, &arena, &value) != LEAT_REJECT)
        fail_msg("accepted: %s", text);
    leat_arena_fini(&arena);
}

static void values_of_every_kind_come_back_as_they_were(void **state)
{
    (void)state;
    assert_same(" null ", "null");
    assert_same("true", "true");
    assert_same("false", "false");
    assert_same("\"\"", "\"\"");
    assert_same("[ ]", "[]");
    assert_same("{ }", "{}");
    assert_same("[1,[2,{\"a\":[]}],\"x\"]", "[1,[2,{\"a\":[]}],\"x\"]");
    assert_same("{\"a\" : 1 , \"a\" : 2}", "{\"a\":1,\"a\":2}");
}

static void numbers_are_exact(void **state)
{
    (void)state;
    assert_same("0", "0");
    assert_same("-0", "0");
    assert_same("9223372036854775807", "9223372036854775807");
    assert_same("9223372036854775808", "9223372036854775808");
    assert_same("18446744073709551615", "18446744073709551615");
    assert_same("18446744073709551616", "18446744073709551616");
    assert_same("-9223372036854775808", "-9223372036854775808");
    assert_same("-9223372036854775809", "-9223372036854775809");
    assert_same("0.1", "0.1");
    assert_same("1.10", "1.10");
    assert_same("3.141592653589793238462643383279", "3.141592653589793238462643383279");
    assert_same("1e3", "1000.0");
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "--1", "1 2", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i]);
}

static void strings_unescape_and_escape(void **state)
{
    (void)state;
    assert_same("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    assert_same("\"\\u0041\\u00e9\\u20ac\"", "\"A\xc3\xa9\xe2\x82\xac\"");
    assert_same("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
    assert_same("\"\\u0001\\u001f\"", "\"\\u0001\\u001f\"");
    assert_same("\"twelve bytes\\nand more of them\"", "\"twelve bytes\\nand more of them\"");
}

static void strings_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
                                      "\"\\udc00\"", "\"\n\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "'a'"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i]);
}

static void texts_that_are_no_value_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "tru", "nulll", "[1,]", "[,1]", "[1", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                                      "{1:2}", "{\"a\":1", "]", "[1}", "1,", "// c", "\xef\xbb\xbf""1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i]);
}

static void nesting_is_bounded(void **state)
{
    char text[2 * 513 + 1];
    (void)state;
    memset(text, '[', 512);
    memset(text + 512, ']', 512);
    text[1024] = '\0';
    assert_same(text, text);
    memset(text, '[', 513);
    memset(text + 513, ']', 513);
    text[1026] = '\0';
    assert_refused(text);
}

static void bytes_that_are_no_utf8_are_mended_on_the_way_out(void **state)
{
    struct leat_bytes out;
    (void)state;
    leat_bytes_init(&out, 1000);
    leat_json_string(&out, "a\xff\"b", 4);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, "\"a\xef\xbf\xbd\\\"b\"");
    leat_bytes_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_come_back_as_they_were),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(strings_unescape_and_escape),
        cmocka_unit_test(strings_that_are_none_are_refused),
        cmocka_unit_test(texts_that_are_no_value_are_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(bytes_that_are_no_utf8_are_mended_on_the_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
