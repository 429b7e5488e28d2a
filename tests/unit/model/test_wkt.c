/* Well-known binary to text, and bytes that are none. */
#include <kit/cmocka.h>

#include <model/sqltext.h>
#include <stdlib.h>
#include <string.h>

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t len = 0;
    for (; hex[0]; hex += 2, len++) {
        const char two[] = {hex[0], hex[1], 0};
        bytes[len] = (uint8_t)strtoul(two, NULL, 16);
    }
    return len;
}

#define ONE "000000000000F03F"
#define TWO "0000000000000040"
#define HALF "000000000000E03F"
#define NIL "0000000000000000"
#define SRID "00000000"

static const struct { const char *hex, *text; } cases[] = {
    {SRID "0101000000" ONE HALF, "POINT (1 0.5)"},
    {"E6100000" "0000000001" "3FF0000000000000" "4000000000000000", "POINT (1 2)"}, /* big-endian, SRID 4326 */
    {SRID "010200000002000000" NIL NIL ONE TWO, "LINESTRING (0 0, 1 2)"},
    {SRID "010200000000000000", "LINESTRING EMPTY"},
    {SRID "01030000000100000003000000" NIL NIL ONE NIL NIL NIL, "POLYGON ((0 0, 1 0, 0 0))"},
    {SRID "010400000002000000" "0101000000" ONE ONE "0101000000" TWO TWO, "MULTIPOINT ((1 1), (2 2))"},
    {SRID "010500000001000000" "010200000002000000" NIL NIL ONE ONE, "MULTILINESTRING ((0 0, 1 1))"},
    {SRID "010600000001000000" "01030000000100000001000000" NIL NIL, "MULTIPOLYGON (((0 0)))"},
    {SRID "010700000002000000" "0101000000" ONE ONE "010700000000000000", "GEOMETRYCOLLECTION (POINT (1 1), GEOMETRYCOLLECTION EMPTY)"},
};

static void every_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[512];
        struct leat_bytes out;
        leat_bytes_init(&out, 4096);
        assert_true(leat_sql_wkt(&out, bytes, from_hex(cases[i].hex, bytes)));
        leat_bytes_put(&out, 0);
        assert_string_equal((char *)out.data, cases[i].text);
        leat_bytes_fini(&out);
    }
}

/* Each cut of each, a byte too many, unknown shapes, collections without end: refused, and nothing is left in the buffer. */
static void what_is_no_shape_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[512];
        size_t len = from_hex(cases[i].hex, bytes);
        bytes[len] = 0;
        for (size_t cut = 0; cut <= len + 1; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1); /* so that a read beyond its end is seen */
            struct leat_bytes out;
            memcpy(copy, bytes, cut);
            leat_bytes_init(&out, 4096);
            leat_bytes_text(&out, "x");
            assert_int_equal(leat_sql_wkt(&out, copy, cut), cut == len);
            if (cut != len)
                assert_int_equal(out.len, 1);
            leat_bytes_fini(&out);
            free(copy);
        }
    }
}

static void collections_have_a_depth(void **state)
{
    uint8_t bytes[4 + 9 * 100] = {0};
    struct leat_bytes out;
    (void)state;
    for (int i = 0; i < 100; i++)
        from_hex("010700000001000000", bytes + 4 + 9 * i);
    leat_bytes_init(&out, 4096);
    assert_false(leat_sql_wkt(&out, bytes, sizeof bytes));
    leat_bytes_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape),
        cmocka_unit_test(what_is_no_shape_is_refused),
        cmocka_unit_test(collections_have_a_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
