/* Cases from RFC 8259, and numbers at their edges. */
#include <kit/cmocka.h>

#include <model/json.h>
#include <stdio.h>
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
    assert_same("-0.0", "-0.0");
    assert_same("0.00", "0.00");
    assert_same("5e-324", "5e-324");
    assert_same("1.7976931348623157e308", "1.7976931348623157e+308");
    assert_same("123456789.123456789", "123456789.123456789");
    assert_same("100000000000000000000000", "100000000000000000000000");
}

/* A double where it says the same, else the digits themselves. */
static void numbers_with_exponents_lose_no_digit(void **state)
{
    (void)state;
    assert_same("1.10E+2", "110.0");
    assert_same("0.012e5", "1200.0");
    assert_same("25e-1", "2.5");
    assert_same("0e5", "0.0");
    assert_same("-0E-7", "-0.0");
    assert_same("1.2345678901234567890123e2", "123.45678901234567890123");
    assert_same("-1.2345678901234567890123e-2", "-0.012345678901234567890123");
    assert_same("12345678901234567890.5e-30", "0.0000000000123456789012345678905");
    assert_same("0.00012345678901234567890123e10", "1234567.8901234567890123");
    assert_same("12345678901234567890123e3", "12345678901234567890123000");
    assert_same("1e23", "1e+23");
    assert_same("9007199254740993e1", "90071992547409930");
}

/* 1e400 is beyond doubles; its 401 digits are not. */
static void numbers_beyond_doubles_become_decimals(void **state)
{
    char text[402] = "1";
    (void)state;
    memset(text + 1, '0', 400);
    assert_same("1e400", text);
    assert_refused("1e401");
    assert_refused("1e-401");
    assert_refused("1e99999999999999999999");
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "--1", "1 2", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i]);
}

/* The writer looks at eight bytes at once: each special one is found in each place. */
static void every_byte_is_escaped_wherever_it_stands(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20], wanted[40];
            struct leat_bytes out;
            struct leat_arena arena;
            struct leat_value value;
            struct leat_error err;
            memset(text, 'x', sizeof text);
            text[place] = (char)c;
            leat_bytes_init(&out, 1000);
            leat_arena_init(&arena, 0);
            leat_json_string(&out, text, sizeof text);
            if (c >= 0x20 && c != '"' && c != '\\') {
                snprintf(wanted, sizeof wanted, "\"%.20s\"", text);
                assert_int_equal(out.len, 22);
                assert_memory_equal(out.data, wanted, 22);
            } else {
                assert_int_equal(out.data[1 + place], '\\');
            }
            assert_int_equal(leat_json_read((char *)out.data, out.len, false, &arena, &value, &err), LEAT_OK);
            assert_int_equal(value.len, sizeof text);
            assert_memory_equal(value.as.text, text, sizeof text);
            leat_arena_fini(&arena);
            leat_bytes_fini(&out);
        }
    }
}

static void an_empty_string_may_be_nowhere(void **state)
{
    struct leat_bytes out;
    (void)state;
    leat_bytes_init(&out, 1000);
    leat_json_string(&out, NULL, 0);
    assert_int_equal(out.len, 2);
    leat_bytes_fini(&out);
}

/* NDJSON: a document must not bring a line break, and what is none must not break the line's JSON. */
static void documents_stand_inlined_on_one_line(void **state)
{
    static const char *const texts[][2] = {
        {"{\"a\": 1}", "{\"a\": 1}"},
        {"{\n  \"a\": [1,\r\n2]\n}", "{   \"a\": [1,  2] }"},
        {"1.50e999", "1.50e999"},
        {"\"\\u00e9\\ud83d\\ude00\"", "\"\\u00e9\\ud83d\\ude00\""},
        {"", "\"\""},
        {"{\"a\":1", "\"{\\\"a\\\":1\""},
        {"\"\\ud800\"", "\"\\\"\\\\ud800\\\"\""},
        {"1}\n{", "\"1}\\n{\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leat_bytes out;
        struct leat_value value = leat_value_string(texts[i][0]);
        value.type = LEAT_JSON;
        leat_bytes_init(&out, 1000);
        leat_json_value(&out, &value);
        leat_bytes_put(&out, 0);
        assert_string_equal((char *)out.data, texts[i][1]);
        leat_bytes_fini(&out);
    }
}

/* The duplicates stay; who asks gets the last. */
static void of_names_that_repeat_the_last_counts(void **state)
{
    struct leat_arena arena;
    struct leat_value value;
    (void)state;
    leat_arena_init(&arena, 0);
    assert_int_equal(read_text("{\"a\":1,\"b\":2,\"a\":3}", &arena, &value), LEAT_OK);
    assert_int_equal(value.len, 3);
    assert_int_equal(leat_map_get(&value, "a")->as.i, 3);
    leat_arena_fini(&arena);
}

static void borrowed_text_is_not_copied(void **state)
{
    static const char text[] = "[\"plain\", \"esc\\n\"]";
    struct leat_arena arena;
    struct leat_value value;
    struct leat_error err;
    (void)state;
    leat_arena_init(&arena, 0);
    assert_int_equal(leat_json_read(text, strlen(text), true, &arena, &value, &err), LEAT_OK);
    assert_ptr_equal(value.as.items[0].as.text, text + 2);
    assert_memory_equal(value.as.items[1].as.text, "esc\n", 4);
    leat_arena_fini(&arena);
}

static void a_refusal_says_where_and_why(void **state)
{
    struct leat_arena arena;
    struct leat_value value;
    struct leat_error err;
    (void)state;
    leat_arena_init(&arena, 0);
    assert_int_equal(leat_json_read("{\"a\":01}", 8, true, &arena, &value, &err), LEAT_REJECT);
    assert_non_null(strstr(err.text, "byte 7"));
    assert_non_null(strstr(err.text, "must not begin with 0"));
    leat_arena_fini(&arena);
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
                                      "{1:2}", "{\"a\":1", "]", "[1}", "1,", "// c", "\xef\xbb\xbf\x31"};
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
        cmocka_unit_test(numbers_with_exponents_lose_no_digit),
        cmocka_unit_test(numbers_beyond_doubles_become_decimals),
        cmocka_unit_test(every_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(an_empty_string_may_be_nowhere),
        cmocka_unit_test(documents_stand_inlined_on_one_line),
        cmocka_unit_test(of_names_that_repeat_the_last_counts),
        cmocka_unit_test(borrowed_text_is_not_copied),
        cmocka_unit_test(a_refusal_says_where_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
