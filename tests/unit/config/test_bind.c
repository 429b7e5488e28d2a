/* Option tables into structs: every type, presets, short forms, what an instance owns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <config/bind.h>
#include <stdlib.h>
#include <unit/config/fake_catalog.h>

static struct leat_arena arena;
static struct leat_findings findings;
static struct leat_text_file file;

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

static const struct leat_tree *parse(const char *text)
{
    file = (struct leat_text_file){.path = "t.yaml", .dir = "/etc/leat", .text = text, .len = strlen(text)};
    const struct leat_tree *tree = leat_tree_parse(&file, &arena, &findings);
    assert_non_null(tree);
    return tree;
}

static void bind(const struct leat_option *options, const char *text, void *self)
{
    struct leat_binder binder = {
        .arena = &arena, .findings = &findings, .what = "plug-in", .base_dir = "/etc/leat"};
    leat_bind(&binder, options, NULL, parse(text), self);
}

static void presets_are_written_first(void **state)
{
    (void)state;
    struct fake_mysql self = {0};
    bind(fake_mysql_options, "{host: db1, user: leat}", &self);
    assert_int_equal(findings.errors, 0);
    assert_int_equal(self.port, 3306);
    assert_int_equal(self.chunk_bytes, 1 << 20);
    assert_int_equal(self.heartbeat_us, 10000000);
    assert_int_equal(self.snapshot, 0);
    assert_true(self.ratio == 0.5);
    assert_int_equal(self.tables.count, 1);
    assert_string_equal(self.tables.items[0], "*.*");
    assert_null(self.password);
}

static void every_type_of_option_is_bound(void **state)
{
    (void)state;
    struct fake_mysql self = {0};
    bind(fake_mysql_options,
         "host: db1\nuser: 0123\npassword: null byte\nport: 3307\ntables: shop.orders\n"
         "snapshot: when_needed\nchunk: 64KiB\nheartbeat: 1min\nratio: 1e3\ntls: true\n",
         &self);
    assert_int_equal(findings.errors, 0);
    assert_string_equal(self.user, "0123");
    assert_int_equal(self.port, 3307);
    assert_int_equal(self.tables.count, 1);
    assert_int_equal(self.snapshot, 2);
    assert_int_equal(self.chunk_bytes, 65536);
    assert_int_equal(self.heartbeat_us, 60000000);
    assert_true(self.ratio == 1000);
    assert_true(self.is_tls);
}

static void paths_are_absolute_against_the_files_directory(void **state)
{
    (void)state;
    struct fake_file self = {0};
    bind(fake_file_options, "{path: \"./out/{topic}.ndjson\", ca: ca.pem, inputs: [a/*.log, /var/log/b]}", &self);
    assert_int_equal(findings.errors, 0);
    assert_string_equal(self.path, "/etc/leat/out/{topic}.ndjson");
    assert_string_equal(self.ca, "/etc/leat/ca.pem");
    assert_string_equal(self.inputs.items[0], "/etc/leat/a/*.log");
    assert_string_equal(self.inputs.items[1], "/var/log/b");
}

static void a_main_option_may_stand_alone(void **state)
{
    (void)state;
    struct fake_file self = {0};
    bind(fake_file_options, "copy.ndjson", &self);
    assert_string_equal(self.path, "/etc/leat/copy.ndjson");
    struct fake_drop drop = {0};
    bind(fake_drop_options, "[card_number, \"*_token\"]", &drop);
    assert_int_equal(drop.fields.count, 2);
    assert_int_equal(findings.errors, 0);
}

static void pairs_keep_their_order_and_text(void **state)
{
    (void)state;
    struct fake_file self = {0};
    bind(fake_file_options, "{path: a, properties: {linger.ms: 20, acks: all, a: 010}}", &self);
    assert_int_equal(self.properties.count, 3);
    assert_string_equal(self.properties.names[0], "linger.ms");
    assert_string_equal(self.properties.values[0], "20");
    assert_string_equal(self.properties.values[2], "010");
}

static void a_value_follows_the_core_schema(void **state)
{
    (void)state;
    struct fake_file self = {0};
    bind(fake_file_options,
         "{path: a, extra: {i: -5, u: 18446744073709551615, f: 1.5, t: \"5\", n: null, b: true, l: [x, ~], e: yes}}",
         &self);
    assert_int_equal(self.extra.type, LEAT_MAP);
    assert_int_equal(leat_map_get(&self.extra, "i")->as.i, -5);
    assert_int_equal(leat_map_get(&self.extra, "u")->type, LEAT_UINT64);
    assert_int_equal(leat_map_get(&self.extra, "f")->type, LEAT_FLOAT64);
    assert_int_equal(leat_map_get(&self.extra, "t")->type, LEAT_TEXT);
    assert_int_equal(leat_map_get(&self.extra, "n")->type, LEAT_NULL);
    assert_int_equal(leat_map_get(&self.extra, "b")->type, LEAT_BOOL);
    assert_int_equal(leat_map_get(&self.extra, "e")->type, LEAT_TEXT);
    assert_int_equal(leat_map_get(&self.extra, "l")->as.items[1].type, LEAT_NULL);
}

static void a_filled_in_value_is_not_quoted_in_messages(void **state)
{
    (void)state;
    struct fake_mysql self = {0};
    setenv("LEAT_TEST_PORT", "hunter2", 1);
    bind(fake_mysql_options, "{host: a, user: b, port: \"${env:LEAT_TEST_PORT}\"}", &self);
    unsetenv("LEAT_TEST_PORT");
    assert_int_equal(findings.errors, 1);
    assert_null(strstr(findings.items[0].said.text, "hunter2"));
}

static void an_instance_owns_what_it_points_to(void **state)
{
    (void)state;
    struct leat_use use = {.name = "mysql",
                           .options = fake_mysql_options,
                           .size = sizeof(struct fake_mysql),
                           .tree = parse("{host: db1, user: leat, tables: [a.b, c.d]}"),
                           .base_dir = "/"};
    struct fake_mysql *self = leat_use_instance(&use), *other = leat_use_instance(&use);
    assert_ptr_not_equal(self->host, other->host);
    leat_arena_reset(&arena); /* the file's tree goes; a running task keeps its own */
    assert_string_equal(self->host, "db1");
    assert_string_equal(other->tables.items[1], "c.d");
    leat_use_free(&use, self);
    leat_use_free(&use, other);
}

struct writer {
    struct leat_format format;
};
static const struct leat_option writer_options[] = {
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = offsetof(struct writer, format), .preset = "debezium"}, {0}};

static void a_format_is_a_name_or_a_name_with_options(void **state)
{
    (void)state;
    struct writer self = {{0}};
    bind(writer_options, "{}", &self);
    assert_string_equal(self.format.codec->name, "debezium");
    assert_non_null(self.format.self);
    bind(writer_options, "{format: text}", &self);
    assert_string_equal(self.format.codec->name, "text");
    bind(writer_options, "{format: {json: {}}}", &self);
    assert_string_equal(self.format.codec->name, "json");
    bind(writer_options, "{format: {json: }}", &self);
    assert_int_equal(findings.errors, 0);
}

static void what_is_no_format_is_said(void **state)
{
    static const struct { const char *text, *wrong; } cases[] = {
        {"{format: debezum}", "\"debezum\" is an unknown format"},
        {"{format: {debezum: {}}}", "\"debezum\" is an unknown format"},
        {"{format: [json]}", "not a list"},
        {"{format: {json: {}, text: {}}}", "format takes the name of a format, or {name: {options}}, not a map"},
        {"{format: {json: {no_such_option: 1}}}", "unknown option \"no_such_option\" for format json"},
        {"{format: }", "\"format\" has no value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct writer self = {{0}};
        teardown(state);
        setup(state);
        bind(writer_options, cases[i].text, &self);
        assert_int_equal(findings.errors, 1);
        if (!strstr(findings.items[0].said.text, cases[i].wrong))
            fail_msg("no \"%s\" in: %s", cases[i].wrong, findings.items[0].said.text);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(presets_are_written_first),
                                       CASE(every_type_of_option_is_bound),
                                       CASE(paths_are_absolute_against_the_files_directory),
                                       CASE(a_main_option_may_stand_alone),
                                       CASE(pairs_keep_their_order_and_text),
                                       CASE(a_value_follows_the_core_schema),
                                       CASE(a_filled_in_value_is_not_quoted_in_messages),
                                       CASE(an_instance_owns_what_it_points_to),
                                       CASE(a_format_is_a_name_or_a_name_with_options),
                                       CASE(what_is_no_format_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
