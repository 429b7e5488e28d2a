/* Whole files to definitions. What is refused, and how it reads, is in tests/golden/diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/os.h>
#include <config/load.h>
#include <config/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <unit/config/fake_catalog.h>

static char dir[] = "/tmp/config-load-XXXXXX";
static struct leat_config *config;

static int setup_all(void **state)
{
    (void)state;
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown_all(void **state)
{
    (void)state;
    leat_os->unlink("a.yaml");
    leat_os->unlink("b.yaml");
    leat_os->rmdir(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    leat_config_free(config);
    config = NULL;
    leat_os->unlink("b.yaml");
    return 0;
}

static void put(const char *name, const char *text)
{
    assert_true(leat_os_replace_file(leat_os, name, text, strlen(text), 0600));
}

static void print(void *arg, const struct leat_diagnostic *diagnostic)
{
    size_t *count = arg;
    (*count)++;
    print_error("%s:%u: %s\n", diagnostic->file, diagnostic->line, diagnostic->text);
}

static const struct leat_pipeline_def *load(const char *path)
{
    struct leat_error err = {0};
    size_t said = 0;
    assert_int_equal(leat_config_load(&path, 1, &fake_catalog, print, &said, &config, &err), LEAT_OK);
    assert_int_equal(said, 0);
    return config->pipelines;
}

static void a_small_file_has_all_defaults(void **state)
{
    (void)state;
    char want[100];
    snprintf(want, sizeof(want), "%s/leat-data", dir);
    put("a.yaml", "pipelines:\n  shop:\n    source: stdin\n    sinks: [console]\n");
    const struct leat_pipeline_def *shop = load("a.yaml");
    assert_string_equal(config->data, want);
    assert_string_equal(config->topics, "oms:commitlog:");
    assert_null(config->admin);
    assert_int_equal(config->memory, 32 << 20);
    assert_int_equal(config->shutdown_timeout_us, 10000000);
    assert_int_equal(config->logger.level, 1);
    assert_string_equal(shop->name, "shop");
    assert_string_equal(shop->log, "shop");
    assert_null(shop->topic);
    assert_int_equal(shop->max_record, 256 << 20);
    assert_true(shop->settings.retain_age_us == INT64_C(7) * 86400 * 1000000);
    assert_true(shop->settings.rewind_us == INT64_C(3600) * 1000000);
    assert_int_equal(shop->settings.fsync, LEAT_FSYNC_EVERY_COMMIT);
    assert_string_equal(shop->where, "a.yaml:2");
    assert_ptr_equal(shop->source->source, &fake_stdin);
    assert_null(shop->source->sink);
    assert_string_equal(shop->source->name, "shop");
    assert_int_equal(shop->sink_count, 1);
    assert_string_equal(shop->sinks[0].name, "shop.console");
    assert_int_equal(shop->sinks[0].start.kind, LEAT_AT_FIRST);
    assert_int_equal(shop->sinks[0].parallel, 1);
    assert_false(shop->sinks[0].errors.is_set);
    assert_int_equal(shop->sinks[0].errors.retry_most_us, 60000000);
}

static void every_key_of_a_pipeline_arrives(void **state)
{
    (void)state;
    assert_int_equal(leat_os->mkdir("plugins", 0700), 0);
    put("a.yaml", "\xEF\xBB\xBF"
                    "data: /var/lib/leat\r\nadmin: 127.0.0.1:0\r\nlogger: {format: json, level: error}\r\n"
                    "min_free: 2GiB\r\nplugin_path: plugins\r\n"
                    "pipelines:\r\n  shop:\r\n"
                    "    source:\r\n      mysql: {host: db1, user: leat}\r\n"
                    "      errors: {policy: dead_letter, topic: bad, retry: {first: 10ms, most: 1s}}\r\n"
                    "    log: shared\r\n    topic: \"x.{table}\"\r\n    max_record: 1MiB\r\n"
                    "    retain: {age: 0, bytes: 50GiB}\r\n    fsync: {every: 200ms}\r\n"
                    "    on_full: release_slowest\r\n    errors: skip\r\n"
                    "    sinks:\r\n"
                    "      a: {console: , topics: [\"shop.*\"], start: \"shop.orders/2:17\", parallel: 4}\r\n"
                    "      b: {file: {path: out}, start: 2026-01-02T03:04:05Z, errors: stop}\r\n");
    const struct leat_pipeline_def *shop = load("a.yaml");
    assert_string_equal(config->data, "/var/lib/leat");
    assert_true(config->logger.is_json);
    assert_int_equal(config->logger.level, 3);
    assert_string_equal(config->plugin_path.items[0] + strlen(dir), "/plugins");
    assert_string_equal(shop->log, "shared");
    assert_true(shop->settings.min_free_bytes == INT64_C(2) << 30);
    assert_int_equal(shop->settings.retain_age_us, 0);
    assert_true(shop->settings.retain_bytes == INT64_C(50) << 30);
    assert_int_equal(shop->settings.fsync, LEAT_FSYNC_EVERY);
    assert_int_equal(shop->settings.fsync_every_us, 200000);
    assert_true(shop->settings.releases_slowest);
    assert_int_equal(shop->source->errors.policy, LEAT_POLICY_DEAD_LETTER);
    assert_string_equal(shop->source->errors.topic, "bad");
    assert_int_equal(shop->source->errors.retry_first_us, 10000);
    assert_int_equal(shop->sinks[0].errors.policy, LEAT_POLICY_SKIP);
    assert_true(shop->sinks[0].errors.is_set);
    assert_int_equal(shop->sinks[0].start.kind, LEAT_AT_OFFSET);
    assert_string_equal(shop->sinks[0].start.topic, "shop.orders");
    assert_int_equal(shop->sinks[0].start.partition, 2);
    assert_int_equal(shop->sinks[0].start.offset, 17);
    assert_int_equal(shop->sinks[0].parallel, 4);
    assert_int_equal(shop->sinks[1].start.kind, LEAT_AT_TIME);
    assert_int_equal(shop->sinks[1].errors.policy, LEAT_POLICY_STOP);
}

static void transforms_of_a_pipeline_run_where_its_records_come_in(void **state)
{
    (void)state;
    put("a.yaml", "pipelines:\n"
                    "  shop:\n    source: {stdin: , transforms: [{drop: a}]}\n    transforms: [dedup]\n"
                    "    sinks: {out: {console: , transforms: [{drop: b}]}}\n"
                    "  copy:\n    subscribe: [\"x.*\"]\n    transforms: [{drop: c}, {lua: m.lua}]\n"
                    "    start: latest\n"
                    "    sinks: {out: {console: , transforms: [{drop: d}]}, two: {console: , start: earliest}}\n");
    const struct leat_pipeline_def *shop = load("a.yaml"), *copy = shop + 1;
    assert_int_equal(shop->source->transform_count, 2);
    assert_ptr_equal(shop->source->transforms[1].type, &fake_dedup);
    assert_int_equal(shop->sinks[0].transform_count, 1);
    assert_null(copy->source);
    assert_int_equal(copy->subscribe.count, 1);
    assert_int_equal(copy->sinks[0].transform_count, 3);
    assert_ptr_equal(copy->sinks[0].transforms[1].type, &fake_lua);
    struct fake_drop *last = leat_use_instance(&copy->sinks[0].transforms[2].use);
    assert_string_equal(last->fields.items[0], "d");
    leat_use_free(&copy->sinks[0].transforms[2].use, last);
    assert_int_equal(copy->sinks[0].start.kind, LEAT_AT_END);
    assert_int_equal(copy->sinks[1].start.kind, LEAT_AT_FIRST);
}

static void several_files_are_one_config(void **state)
{
    (void)state;
    put("a.yaml", "data: ./here\npipelines:\n  a: {source: stdin}\ntests: [{name: x, pipeline: b, input: [], expect: []}]\n");
    put("b.yaml", "data: here\nmemory: 64MiB\npipelines:\n  b: {source: stdin}\n");
    load(dir);
    assert_int_equal(config->pipeline_count, 2);
    assert_string_equal(config->pipelines[1].name, "b");
    assert_int_equal(config->memory, 64 << 20);
    assert_int_equal(config->tests->count, 1);
}

static void a_peek_survives_what_is_wrong(void **state)
{
    (void)state;
    const char *paths[] = {"a.yaml", "nowhere.yaml"}, *data = NULL;
    struct leat_list plugins = {0};
    struct leat_error err;
    put("a.yaml", "data: d\nplugin_path: [p, /q]\nwhat: is this\npipelines: {x: {source: plugged}}\n");
    assert_int_equal(leat_config_peek(paths, 2, &data, &plugins, &err), LEAT_OK);
    assert_string_equal(data + strlen(dir), "/d");
    assert_int_equal(plugins.count, 2);
    assert_string_equal(plugins.items[1], "/q");
    free((void *)(uintptr_t)data);
    free((void *)(uintptr_t)plugins.items);
}

static void keep(void *arg, const struct leat_diagnostic *diagnostic)
{
    leat_diagnostic_json(arg, diagnostic);
}

static void a_diagnostic_is_json_for_machines(void **state)
{
    (void)state;
    const char *path = "a.yaml";
    struct leat_bytes out;
    struct leat_error err;
    leat_bytes_init(&out, 10000);
    put("a.yaml", "dato: \"x\"\n");
    assert_int_equal(leat_config_load(&path, 1, &fake_catalog, keep, &out, &config, &err), LEAT_STOP);
    assert_null(config);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data,
                        "{\"severity\":\"error\",\"file\":\"a.yaml\",\"line\":1,\"column\":1,\"width\":4,"
                        "\"text\":\"unknown key \\\"dato\\\"\",\"hint\":\"did you mean \\\"data\\\"?\","
                        "\"excerpt\":\"dato: \\\"x\\\"\"}");
    leat_bytes_fini(&out);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_teardown(f, teardown)
    const struct CMUnitTest tests[] = {CASE(a_small_file_has_all_defaults),
                                       CASE(every_key_of_a_pipeline_arrives),
                                       CASE(transforms_of_a_pipeline_run_where_its_records_come_in),
                                       CASE(several_files_are_one_config),
                                       CASE(a_peek_survives_what_is_wrong),
                                       CASE(a_diagnostic_is_json_for_machines)};
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
