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
        {0, LEAT_CHARSET_UNKNOWN, "unknown"},   {8, LEAT_CHARSET_OTHER, "latin1"},
        {11, LEAT_CHARSET_OTHER, "ascii"},       {28, LEAT_CHARSET_OTHER, "gbk"},
        {33, LEAT_CHARSET_UTF8, "utf8mb3"},     {45, LEAT_CHARSET_UTF8, "utf8mb4"},
        {63, LEAT_CHARSET_BINARY, "binary"},    {128, LEAT_CHARSET_OTHER, "ucs2"},
        {224, LEAT_CHARSET_UTF8, "utf8mb4"},    {255, LEAT_CHARSET_UTF8, "utf8mb4"},
        {1032, LEAT_CHARSET_OTHER, "latin1"},  {1069, LEAT_CHARSET_UTF8, "utf8mb4"},
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

static void converts(uint16_t collation, const char *bytes, size_t len, const char *wanted)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    struct leat_value v = leat_charset_text(collation, &arena, bytes, len);
    assert_int_equal(v.type, LEAT_TEXT);
    assert_int_equal(v.len, strlen(wanted));
    assert_memory_equal(v.as.text, wanted, v.len);
    leat_arena_fini(&arena);
}
#define CONVERTS(collation, bytes, wanted) converts(collation, bytes, sizeof bytes - 1, wanted)

enum { BIG5 = 1, LATIN1 = 8, ASCII = 11, SWE7 = 10, UJIS = 12, SJIS = 13, EUCKR = 19, GBK = 28, UCS2 = 35, CP1251 = 51, UTF16 = 54,
       UTF16LE = 56, UTF32 = 60, CP932 = 95, GB18030 = 248 };

static void latin1_is_windows_1252(void **state)
{
    (void)state;
    CONVERTS(LATIN1, "eight ch\xe4r\x80\x81\xff", "eight chär€\xc2\x81ÿ");
    CONVERTS(LATIN1, "", "");
}

static void text_that_needs_no_change_is_not_copied(void **state)
{
    (void)state;
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    const char *plain = "plain text, longer than a word";
    assert_ptr_equal(leat_charset_text(LATIN1, &arena, plain, strlen(plain)).as.text, plain);
    assert_ptr_equal(leat_charset_text(GBK, &arena, plain, strlen(plain)).as.text, plain);
    leat_arena_fini(&arena);
}

static void each_coding_is_converted(void **state)
{
    (void)state;
    CONVERTS(CP1251, "\xcf\xf0\xe8\xe2\xe5\xf2!", "Привет!");
    CONVERTS(SWE7, "Sm|rg}s", "Smörgås");
    CONVERTS(BIG5, "a\xa4\xa4\xa4\xe5", "a中文");
    CONVERTS(GBK, "\xd6\xd0\xce\xc4", "中文");
    CONVERTS(GB18030, "\xd6\xd0\x81\x30\x81\x30\x94\x39\xda\x33", "中\xc2\x80\xf0\x9f\x92\xa9");
    CONVERTS(EUCKR, "\xc7\xd1\xb1\xdb", "한글");
    CONVERTS(SJIS, "\x93\xfa\x96\x7b\xb1\\", "日本ｱ\\");
    CONVERTS(CP932, "\x87\x40\xf0\x40", "①\xee\x80\x80");
    CONVERTS(UJIS, "\xc6\xfc\xcb\xdc\x8e\xb1\x8f\xb0\xa1", "日本ｱ丂");
    CONVERTS(UCS2, "\x04\x2f\x00\x41", "ЯA");
    CONVERTS(UTF16, "\xd8\x3d\xde\x00\x00\x41", "😀A");
    CONVERTS(UTF16LE, "\x3d\xd8\x00\xde\x41\x00", "😀A");
    CONVERTS(UTF32, "\x00\x01\xf6\x00", "😀");
}

static void what_is_no_character_becomes_a_question_mark(void **state)
{
    (void)state;
    CONVERTS(ASCII, "a\xe4", "a?");
    CONVERTS(BIG5, "\xf9\xfe\x80x", "??x");
    CONVERTS(BIG5, "x\xa4", "x?");
    CONVERTS(GB18030, "\xe3\x32\x9a\x36", "?");
    CONVERTS(UJIS, "\x8f\xa1", "??");
    CONVERTS(UCS2, "\xd8\x00\x00", "??");
    CONVERTS(UTF16, "\xd8\x3d\x00\x41\xdc\x00", "?A?");
    CONVERTS(UTF32, "\x00\x11\x00\x00", "?");
}

static void long_text_gets_the_room_that_it_needs(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint8_t bytes[2 * COUNT];
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    for (int i = 0; i < COUNT; i++)
        memcpy(bytes + 2 * i, i % 2 ? "\xd6\xd0" : "ab", 2);
    struct leat_value v = leat_charset_text(GBK, &arena, bytes, sizeof bytes);
    assert_int_equal(v.len, COUNT / 2 * 5);
    assert_memory_equal(v.as.text + v.len - 5, "ab中", 5);
    leat_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collations_know_their_charset),
        cmocka_unit_test(every_charset_is_found_by_its_name),
        cmocka_unit_test(latin1_is_windows_1252),
        cmocka_unit_test(text_that_needs_no_change_is_not_copied),
        cmocka_unit_test(each_coding_is_converted),
        cmocka_unit_test(what_is_no_character_becomes_a_question_mark),
        cmocka_unit_test(long_text_gets_the_room_that_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
