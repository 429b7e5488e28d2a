/* YAML to nodes: places, filling, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/os.h>
#include <config/tree.h>
#include <config/units.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct leat_arena arena;
static struct leat_findings findings;
static struct leat_text_file file;

static const struct leat_tree *parse(const char *text)
{
    file = (struct leat_text_file){.path = "t.yaml", .dir = "/tmp", .text = text, .len = strlen(text)};
    return leat_tree_parse(&file, &arena, &findings);
}

static int setup(void **state)
{
    (void)state;
    leat_arena_init(&arena, 0);
    leat_findings_init(&findings, &arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    leat_findings_fini(&findings);
    leat_arena_fini(&arena);
    return 0;
}

static void nodes_know_where_they_stand(void **state)
{
    (void)state;
    const struct leat_tree *tree = parse("a: 1\r\nb:\r\n  - \xC3\xBC: x\r\n    long: some text\r\n");
    assert_non_null(tree);
    const struct leat_tree *entry = leat_tree_get(tree, "b")->items[0].value;
    const struct leat_tree *text = leat_tree_get(entry, "long");
    assert_int_equal(text->spot.line, 4);
    assert_int_equal(text->spot.column, 11);
    assert_int_equal(text->spot.width, 9);
    assert_int_equal(leat_tree_get(entry, "\xC3\xBC")->spot.column, 8);
    assert_int_equal(findings.count, 0);
}

static void an_alias_is_the_node_of_its_anchor(void **state)
{
    (void)state;
    const struct leat_tree *tree = parse("a: &x {n: 1}\nb: *x\n");
    assert_ptr_equal(leat_tree_get(tree, "a"), leat_tree_get(tree, "b"));
    assert_int_equal(tree->weight, 5);
}

static void quotes_make_a_null_a_text(void **state)
{
    (void)state;
    const struct leat_tree *tree = parse("a: null\nb: \"null\"\nc:\nd: ''\ne: ~\n");
    assert_true(leat_tree_is_null(leat_tree_get(tree, "a")));
    assert_false(leat_tree_is_null(leat_tree_get(tree, "b")));
    assert_true(leat_tree_is_null(leat_tree_get(tree, "c")));
    assert_false(leat_tree_is_null(leat_tree_get(tree, "d")));
    assert_true(leat_tree_is_null(leat_tree_get(tree, "e")));
}

static void a_variable_is_filled_in_and_never_parsed_again(void **state)
{
    (void)state;
    setenv("LEAT_TEST_A", "x: [${env:LEAT_TEST_A}]", 1);
    const struct leat_tree *tree = parse("a: <${env:LEAT_TEST_A}>\nb: $${env:HOME} {{x}\n");
    assert_string_equal(leat_tree_get(tree, "a")->text, "<x: [${env:LEAT_TEST_A}]>");
    assert_true(leat_tree_get(tree, "a")->is_filled);
    assert_string_equal(leat_tree_get(tree, "b")->text, "${env:HOME} {{x}");
    assert_false(leat_tree_get(tree, "b")->is_filled);
    unsetenv("LEAT_TEST_A");
}

static void one_newline_of_a_file_is_cut(void **state)
{
    (void)state;
    char name[] = "/tmp/config-fill-XXXXXX", text[64];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_true(leat_os_write_all(leat_os, fd, "secret\n\n", 8));
    leat_os->close(fd);
    snprintf(text, sizeof(text), "a: ${file:%s}\n", name);
    const struct leat_tree *tree = parse(text);
    assert_string_equal(leat_tree_get(tree, "a")->text, "secret\n");
    snprintf(text, sizeof(text), "a: ${file:%s}\n", name + 5); /* relative to the file's directory */
    tree = parse(text);
    assert_string_equal(leat_tree_get(tree, "a")->text, "secret\n");
    leat_os->unlink(name);
    assert_int_equal(findings.count, 0);
}

static void every_finding_is_kept_in_order_of_place(void **state)
{
    (void)state;
    assert_non_null(parse("a: ${x}\na: 1\nb: *no\n"));
    assert_int_equal(findings.errors, 3);
    leat_findings_report(&findings, NULL, NULL);
    assert_int_equal(findings.items[0].said.line, 1);
    assert_int_equal(findings.items[1].said.line, 2);
    assert_int_equal(findings.items[2].said.line, 3);
    assert_string_equal(findings.items[2].said.excerpt, "b: *no");
}

static void aliases_are_bounded_by_what_they_stand_for(void **state)
{
    (void)state;
    char text[2000];
    int len = snprintf(text, sizeof(text), "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8]\n");
    for (int i = 1; i < 20; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
    assert_null(parse(text));
    assert_int_equal(findings.errors, 1);
    assert_true(leat_arena_alloc(&arena, 8) && arena.used_bytes < 1 << 20);
}

static void too_many_findings_are_counted(void **state)
{
    (void)state;
    char text[8000] = "";
    size_t len = 0;
    for (int i = 0; i < LEAT_FINDINGS_MAX + 50; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d: *no\n", i);
    parse(text);
    assert_int_equal(findings.count, LEAT_FINDINGS_MAX);
    assert_int_equal(findings.errors, LEAT_FINDINGS_MAX + 50);
}

static void a_size_has_a_unit_and_no_rounding(void **state)
{
    (void)state;
    int64_t v = -1;
    assert_int_equal(leat_parse_size("64KiB", &v), LEAT_UNIT_OK);
    assert_int_equal(v, 65536);
    assert_int_equal(leat_parse_size("1.5GB", &v), LEAT_UNIT_OK);
    assert_int_equal(v, 1500000000);
    assert_int_equal(leat_parse_size("0", &v), LEAT_UNIT_OK);
    assert_int_equal(v, 0);
    assert_int_equal(leat_parse_size("10", &v), LEAT_UNIT_MISSING);
    assert_int_equal(leat_parse_size("10K", &v), LEAT_UNIT_UNKNOWN);
    assert_int_equal(leat_parse_size("-1B", &v), LEAT_UNIT_NO_NUMBER);
    assert_int_equal(leat_parse_size("8388608TiB", &v), LEAT_UNIT_TOO_LARGE);
    assert_int_equal(leat_parse_size("9223372036854775807B", &v), LEAT_UNIT_OK);
    assert_true(v == INT64_MAX);
    assert_int_equal(leat_parse_size("9223372036854775808B", &v), LEAT_UNIT_TOO_LARGE);
}

static void a_time_has_a_unit(void **state)
{
    (void)state;
    int64_t v = -1;
    char out[32];
    assert_int_equal(leat_parse_duration("200ms", &v), LEAT_UNIT_OK);
    assert_int_equal(v, 200000);
    assert_int_equal(leat_parse_duration("7d", &v), LEAT_UNIT_OK);
    assert_true(v == INT64_C(604800000000));
    assert_string_equal(leat_print_duration(out, v), "7d");
    assert_int_equal(leat_parse_duration("0.5s", &v), LEAT_UNIT_OK);
    assert_string_equal(leat_print_duration(out, v), "500ms");
    assert_int_equal(leat_parse_duration("5 s", &v), LEAT_UNIT_OK);
    assert_int_equal(leat_parse_duration("5", &v), LEAT_UNIT_MISSING);
    assert_string_equal(leat_print_duration(out, 0), "0s");
    assert_string_equal(leat_print_size(out, 3 << 20), "3MiB");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(nodes_know_where_they_stand),
        CASE(an_alias_is_the_node_of_its_anchor),
        CASE(quotes_make_a_null_a_text),
        CASE(a_variable_is_filled_in_and_never_parsed_again),
        CASE(one_newline_of_a_file_is_cut),
        CASE(every_finding_is_kept_in_order_of_place),
        CASE(aliases_are_bounded_by_what_they_stand_for),
        CASE(too_many_findings_are_counted),
        CASE(a_size_has_a_unit_and_no_rounding),
        CASE(a_time_has_a_unit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
