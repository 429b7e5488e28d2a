#include <kit/cmocka.h>
#include <mysql_protocol/rows.h>
#include <stdlib.h>

static bool print(struct leat_bytes *out, const void *bytes, size_t len)
{
    uint8_t *exact = malloc(len + !len);
    memcpy(exact, bytes, len);
    leat_bytes_clear(out);
    bool is_good = leat_json_binary_text(out, exact, len);
    free(exact);
    leat_bytes_put(out, 0);
    return is_good;
}

static void check(const void *bytes, size_t len, const char *text)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    if (!print(&out, bytes, len))
        fail_msg("%s was refused", text);
    assert_string_equal((char *)out.data, text);
    /* Cut short, a document is refused; or it is shorter in truth than it says to be. */
    for (size_t shorter = 1; shorter < len; shorter++)
        if (print(&out, bytes, shorter))
            assert_string_equal((char *)out.data, text);
    leat_bytes_fini(&out);
}

#define PRINTS(bytes, text) check(bytes, sizeof(bytes) - 1, text)

static bool is_refused(const void *bytes, size_t len)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    bool is_good = print(&out, bytes, len);
    leat_bytes_fini(&out);
    return !is_good;
}

#define REFUSED(bytes) assert_true(is_refused(bytes, sizeof(bytes) - 1))

static void scalars_print_as_json(void **state)
{
    (void)state;
    PRINTS("", "null");
    PRINTS("\4\0", "null");
    PRINTS("\4\1", "true");
    PRINTS("\4\2", "false");
    PRINTS("\5\xff\xff", "-1");
    PRINTS("\6\xff\xff", "65535");
    PRINTS("\7\0\0\0\x80", "-2147483648");
    PRINTS("\x08\xff\xff\xff\xff", "4294967295");
    PRINTS("\x09\0\0\0\0\0\0\0\x80", "-9223372036854775808");
    PRINTS("\x0a\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    PRINTS("\x0b\x9a\x99\x99\x99\x99\x99\xb9\x3f", "0.1");
    PRINTS("\x0b\0\0\0\0\0\0\xf0\x3f", "1.0");
    PRINTS("\x0c\3a\"\n", "\"a\\\"\\n\"");
    PRINTS("\x0c\4\x01\\\xc3\xa4", "\"\\u0001\\\\ä\"");
}

static void opaque_values_are_numbers_dates_or_base64(void **state)
{
    (void)state;
    PRINTS("\x0f\xf6\4\3\2\x81\x17", "1.23");
    PRINTS("\x0f\x0c\x08\x20\xa1\x07\x19\x76\x1f\x95\x19", "\"2015-01-15 23:24:25.500000\"");
    PRINTS("\x0f\x0a\x08\x00\x00\x00\x00\x00\x1e\x95\x19", "\"2015-01-15\"");
    PRINTS("\x0f\x0b\x08\xfc\xff\xff\x7c\xef\xff\xff\xff", "\"-01:02:03.000004\"");
    PRINTS("\x0f\xfc\3\0\1\2", "\"base64:type252:AAEC\"");
}

static void small_object_prints_in_its_order(void **state)
{
    (void)state;
    /* {"a": 1, "bc": [true, "x"]}: two keys at 18 and 19, array at 21 */
    PRINTS("\0"
           "\2\0\x21\0"             /* two members, 33 bytes */
           "\x12\0\1\0\x13\0\2\0"   /* keys */
           "\5\1\0\2\x15\0"         /* 1; array at 21 */
           "abc"
           "\2\0\x0c\0\4\1\0\x0c\x0a\0\1x",
           "{\"a\": 1, \"bc\": [true, \"x\"]}");
}

static void large_array_holds_32_bit_numbers_inside(void **state)
{
    (void)state;
    PRINTS("\3"
           "\2\0\0\0\x12\0\0\0"
           "\7\xfe\xff\xff\xff\4\0\0\0\0",
           "[-2, null]");
}

static void prints_double(double number, const char *text)
{
    char bytes[9] = "\x0b";
    memcpy(bytes + 1, &number, sizeof number);
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    assert_true(print(&out, bytes, sizeof bytes));
    assert_string_equal((char *)out.data, text);
    leat_bytes_fini(&out);
}

static void doubles_are_spelt_as_mysql_spells_them(void **state)
{
    (void)state;
    const struct { double number; const char *text; } cases[] = {
        {0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {-1.5, "-1.5"}, {100.25, "100.25"}, {0.001, "0.001"},
        {999999999999999, "999999999999999.0"}, {1e14, "100000000000000.0"}, {1e15, "1e15"}, {1.5e21, "1.5e21"},
        {1e-15, "0.000000000000001"}, {1e-16, "1e-16"}, {-2.5e-300, "-2.5e-300"}, {5e-324, "5e-324"},
        {123456.7, "123456.7"}, {1.7976931348623157e308, "1.7976931348623157e308"}, {123456789012345680, "1.2345678901234568e17"},
        {120, "120.0"}, {0.1, "0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        prints_double(cases[i].number, cases[i].text);
}

static void damaged_documents_are_refused(void **state)
{
    (void)state;
    REFUSED("\x0d");                 /* no such type */
    REFUSED("\4\3");                 /* no such literal */
    REFUSED("\x0b\0\0\0\0\0\0\xf0\x7f"); /* infinity */
    REFUSED("\x0c\5abc");
    REFUSED("\x0c\xff\xff\xff\xff\xff\xff");
    REFUSED("\2\1\0\7\0\x0c\xff\0"); /* a member beyond the end */
    REFUSED("\2\xff\xff\4\0");       /* more members than bytes */
    REFUSED("\2\0\0\xff\xff");       /* more bytes than there are */
}

/* An array whose only member is the array itself. */
static void a_document_that_holds_itself_is_refused(void **state)
{
    (void)state;
    REFUSED("\2\1\0\7\0\2\0\0");
    REFUSED("\2\2\0\x0a\0\2\0\0\2\0\0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_print_as_json),
        cmocka_unit_test(opaque_values_are_numbers_dates_or_base64),
        cmocka_unit_test(small_object_prints_in_its_order),
        cmocka_unit_test(large_array_holds_32_bit_numbers_inside),
        cmocka_unit_test(doubles_are_spelt_as_mysql_spells_them),
        cmocka_unit_test(damaged_documents_are_refused),
        cmocka_unit_test(a_document_that_holds_itself_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
