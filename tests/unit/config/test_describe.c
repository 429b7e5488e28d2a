/* What people and editors are told of the options, from the tables that check them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <config/describe.h>
#include <config/schema.h>
#include <stdlib.h>
#include <unit/config/fake_catalog.h>

static struct leat_bytes out;

static int setup(void **state)
{
    (void)state;
    leat_bytes_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    leat_bytes_fini(&out);
    return 0;
}

static struct leat_plugin_info find(const char *name)
{
    struct leat_plugin_info info = {0};
    for (size_t n = 0; leat_plugin_at(&fake_catalog, n, &info); n++)
        if (strcmp(info.name, name) == 0)
            return info;
    fail_msg("no plug-in %s", name);
    return info;
}

static const char *text(void)
{
    leat_bytes_put(&out, 0);
    assert_false(out.is_over);
    if (getenv("LEAT_TEST_SHOW"))
        print_message("%s\n", (const char *)out.data);
    return (const char *)out.data;
}

static void every_plug_in_is_found_once(void **state)
{
    (void)state;
    struct leat_plugin_info info;
    size_t n = 0;
    while (leat_plugin_at(&fake_catalog, n, &info))
        n++;
    assert_int_equal(n, 10);
    assert_int_equal(find("dedup").kind, LEAT_PLUGIN_TRANSFORM);
    assert_int_equal(find("file").kind, LEAT_PLUGIN_SINK);
    const struct leat_catalog none = {0};
    assert_false(leat_plugin_at(&none, 0, &info));
}

static void a_plug_in_reads_as_text(void **state)
{
    (void)state;
    struct leat_plugin_info info = find("file");
    leat_describe_text(&out, &info);
    assert_string_equal(text(), "file (sink)\n"
                                "  Files.\n"
                                "\nOptions:\n"
                                "  path                a text with {placeholders}; required; may stand alone\n"
                                "        File to write.\n"
                                "  format              a text; default debezium\n        Of a line.\n"
                                "  ca                  a path\n        A path.\n"
                                "  properties          a map of texts\n        Pairs.\n"
                                "  inputs              a list of paths\n        Paths.\n"
                                "  extra               any value\n        Any tree.\n"
                                "  gzip                true or false; default false\n        Compress.\n"
                                "\nExample:\n"
                                "  file:\n    path: \"out/{topic}.ndjson\"\n");
}

static void hidden_options_are_nowhere_and_secrets_are_marked(void **state)
{
    (void)state;
    struct leat_plugin_info info = find("mysql");
    leat_describe_text(&out, &info);
    leat_describe_json(&out, &info);
    leat_describe_markdown(&out, &info);
    leat_config_schema(&out, &fake_catalog);
    const char *all = text();
    assert_null(strstr(all, "fail_at"));
    assert_non_null(strstr(all, "a text; never printed"));
    assert_non_null(strstr(all, "\"takes\":\"a whole number in 1..65535\",\"default\":\"3306\""));
    assert_non_null(strstr(all, "| `snapshot` | one of initial, never, when_needed | `initial` | When to snapshot. |"));
}

static void the_reference_has_all_tables(void **state)
{
    (void)state;
    leat_describe_reference(&out, &fake_catalog);
    const char *page = text();
    assert_non_null(strstr(page, "| `max_record` | a size such as 64KiB, 1MiB or 10GB, in 1KiB..1GiB | `256MiB` |"));
    assert_non_null(strstr(page, "## Transforms\n\n### `drop` (transform)"));
    assert_non_null(strstr(page, "- drop:\n    fields: [card_number]\n"));
}

static void the_schema_names_plug_ins_and_limits(void **state)
{
    (void)state;
    leat_config_schema(&out, &fake_catalog);
    const char *schema = text();
    assert_non_null(strstr(schema, "\"mysql\":{\"$ref\":\"#/$defs/source-mysql\"}"));
    assert_non_null(strstr(schema, "\"port\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}"));
    assert_non_null(strstr(schema, "\"required\":[\"host\",\"user\"]"));
    assert_null(strstr(schema, ",,"));
    assert_null(strstr(schema, "{,"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(every_plug_in_is_found_once), CASE(a_plug_in_reads_as_text),
                                       CASE(hidden_options_are_nowhere_and_secrets_are_marked),
                                       CASE(the_reference_has_all_tables),
                                       CASE(the_schema_names_plug_ins_and_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
