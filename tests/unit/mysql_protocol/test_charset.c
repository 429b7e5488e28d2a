#include <kit/cmocka.h>
#include <mysql_protocol/charset.h>

static void collations_know_their_charset(void **state)
{
    (void)state;
    const struct {
        uint16_t collation;
        enum leat_charset charset;
        const char *name;
    } cases[] = {
        {0, LEAT_CHARSET_UNKNOWN, "unknown"},   {8, LEAT_CHARSET_LATIN1, "latin1"},
        {11, LEAT_CHARSET_UTF8, "ascii"},       {28, LEAT_CHARSET_OTHER, "gbk"},
        {33, LEAT_CHARSET_UTF8, "utf8mb3"},     {45, LEAT_CHARSET_UTF8, "utf8mb4"},
        {63, LEAT_CHARSET_BINARY, "binary"},    {128, LEAT_CHARSET_OTHER, "ucs2"},
        {224, LEAT_CHARSET_UTF8, "utf8mb4"},    {255, LEAT_CHARSET_UTF8, "utf8mb4"},
        {1032, LEAT_CHARSET_LATIN1, "latin1"},  {1069, LEAT_CHARSET_UTF8, "utf8mb4"},
        {608, LEAT_CHARSET_UTF8, "utf8mb4"},    {2304, LEAT_CHARSET_UTF8, "utf8mb4"},
        {17, LEAT_CHARSET_UNKNOWN, "unknown"},  {60000, LEAT_CHARSET_UNKNOWN, "unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(leat_charset_of(cases[i].collation), cases[i].charset);
        assert_string_equal(leat_charset_name(cases[i].collation), cases[i].name);
    }
}

static void every_charset_is_found_by_its_name(void **state)
{
    (void)state;
    for (uint16_t id = 1; id < 4000; id++) {
        const char *name = leat_charset_name(id);
        if (leat_charset_of(id) == LEAT_CHARSET_UNKNOWN)
            continue;
        uint16_t usual = leat_charset_collation(name, strlen(name));
        assert_true(usual > 0);
        assert_string_equal(leat_charset_name(usual), name);
        assert_in_range(leat_charset_max_bytes(id), 1, 4);
    }
    assert_int_equal(leat_charset_collation("utf8", 4), 33);
    assert_int_equal(leat_charset_collation("klingon", 7), 0);
}

static void latin1_is_windows_1252(void **state)
{
    (void)state;
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    const char *plain = "plain text, longer than a word";
    struct leat_value v = leat_latin1_text(&arena, plain, strlen(plain));
    assert_ptr_equal(v.as.text, plain);
    v = leat_latin1_text(&arena, "eight ch\xe4r\x80\x81\xff", 14);
    assert_int_equal(v.len, 19);
    assert_memory_equal(v.as.text, "eight chär€\xc2\x81ÿ", 19);
    v = leat_latin1_text(&arena, "", 0);
    assert_int_equal(v.len, 0);
    leat_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collations_know_their_charset),
        cmocka_unit_test(every_charset_is_found_by_its_name),
        cmocka_unit_test(latin1_is_windows_1252),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
