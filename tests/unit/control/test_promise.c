/* What is promised for each pair of built-in source and sink, in each setting that matters: docs/exactly-once.md in letters. */
#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <config/load.h>
#include <control/registry.h>
#include <stdio.h>
#include <stdlib.h>
#include <task/task_run.h>

/* 'E' exactly once, 'C' for readers of committed data, 'F' of closed files, 'R' effectively: the receiver drops repeats, 'L' at
 * least once, 'M' at most once. */
static const char letters[] = "ECFRLM";

struct named {
    const char *name, *yaml;
};

static const struct named sources[] = {
    {"mysql", "mysql: {host: h, user: u, password: p, tables: [\"a.*\"]}"},
    {"redis", "redis: {streams: [s]}"},
    {"kafka", "kafka: {brokers: \"h:1\", topics: [t]}"},
    {"tail", "tail: x.log"},
    {"toy", "toy: {count: 1}"},
    {"http", "http: {listen: \"127.0.0.1:0\"}"},
    {"stdin", "stdin: {}"},
    {"(subscribe)", NULL},
};

static const struct named sinks[] = {
    {"file", "file: {path: \"out/x\"}"},
    {"kafka", "kafka: {brokers: \"h:1\"}"},
    {"kafka, at-least-once", "kafka: {brokers: \"h:1\", guarantee: at-least-once}"},
    {"redis", "redis: {as: stream, key: k}"},
    {"redis, publish", "redis: {as: publish, key: k}"},
    {"mysql", "mysql: {host: h, user: u, password: p, database: d}"},
    {"http", "http: {url: \"http://h/\"}"},
    {"console", "console: {}"},
    {"toy", "toy: {}"},
};

/* A line for each source, a letter for each sink. */
static const char *const plain[] = {
    "FCLEMERLL", /* mysql */
    "FCLEMERLL", /* redis */
    "FCLEMERLL", /* kafka */
    "FCLEMERLL", /* tail */
    "FCLEMERLL", /* toy */
    "LLLLMLLLL", /* http: others send again */
    "MMMMMMMMM", /* stdin: gone when it was read */
    "FCLEMERLL", /* subscribe: from the log on */
};

#define SOURCES (sizeof sources / sizeof *sources)
#define SINKS   (sizeof sinks / sizeof *sinks)

struct rig {
    char *dir, *path;
    struct leat_registry *registry;
};

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    struct leat_error err;
    rig->dir = kit_tmp_dir("promise");
    rig->path = leat_format_dup("%s/a.yaml", rig->dir);
    assert_status(leat_registry_open(&rig->registry, NULL, &err), LEAT_OK, &err);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_registry_close(rig->registry);
    kit_tmp_remove(rig->dir);
    free(rig->path);
    free(rig);
    return 0;
}

static void print(void *arg, const struct leat_diagnostic *diagnostic)
{
    (void)arg;
    print_error("%s %s\n", diagnostic->text, diagnostic->excerpt ? diagnostic->excerpt : "");
}

static struct leat_promise promise_of(struct rig *rig, const struct named *source, const struct named *sink, const char *more,
                                      const char *driver)
{
    struct leat_config *config = NULL;
    struct leat_error err = {.text = ""};
    struct leat_promise promise;
    char *from = source->yaml ? leat_format_dup("source:\n      %s", source->yaml) : leat_strdup("subscribe: [\"*\"]");
    char *text = leat_format_dup("data: ./d\npipelines:\n  p:\n    %s\n%s    sinks:\n      s:\n        %s\n", from, more,
                                 sink->yaml);
    assert_true(leat_os_replace_file(leat_os, rig->path, text, strlen(text), 0600));
    const char *path = rig->path;
    assert_status(leat_config_load(&path, 1, leat_registry_catalog(rig->registry), print, NULL, &config, &err), LEAT_OK, &err);
    const struct leat_connector_def *connector = &config->pipelines[0].sinks[0];
    void *self = leat_use_instance(&connector->use);
    leat_promise_of(&promise, &config->pipelines[0], connector, self, driver);
    leat_use_free(&connector->use, self);
    leat_config_free(config);
    free(text);
    free(from);
    return promise;
}

static void expect(struct rig *rig, size_t i, size_t k, char wanted, const char *more, const char *driver)
{
    struct leat_promise promise = promise_of(rig, &sources[i], &sinks[k], more, driver);
    char got = letters[promise.guarantee];
    if (got != wanted)
        fail_msg("%s to %s: %c (%s), and the table says %c", sources[i].name, sinks[k].name, got, promise.why, wanted);
    if (wanted != 'E' && !promise.why[0])
        fail_msg("%s to %s: %c, and not why", sources[i].name, sinks[k].name, got);
}

static void each_pair_is_promised_what_the_table_says(void **state)
{
    for (size_t i = 0; i < SOURCES; i++)
        for (size_t k = 0; k < SINKS; k++)
            expect(*state, i, k, plain[i][k], "", "commitlog");
}

static char at_most(char letter, char limit)
{
    return strchr(letters, letter) < strchr(letters, limit) ? limit : letter;
}

static void a_log_that_is_not_synced_makes_it_at_least_once(void **state)
{
    for (size_t i = 0; i < SOURCES; i++)
        for (size_t k = 0; k < SINKS && sources[i].yaml; k++)
            expect(*state, i, k, at_most(plain[i][k], 'L'), "    fsync: never\n", "commitlog");
}

static void a_log_that_is_synced_later_keeps_the_promise(void **state)
{
    for (size_t k = 0; k < SINKS; k++)
        expect(*state, 0, k, plain[0][k], "    fsync: {every: 200ms}\n", "commitlog");
}

static void topics_in_memory_make_it_at_least_once(void **state)
{
    for (size_t i = 0; i < SOURCES; i++)
        for (size_t k = 0; k < SINKS; k++)
            expect(*state, i, k, at_most(plain[i][k], 'L'), "", "memory");
}

static void topics_in_kafka_keep_the_promise_whatever_fsync_says(void **state)
{
    for (size_t i = 0; i < SOURCES; i++)
        for (size_t k = 0; k < SINKS; k++)
            expect(*state, i, k, plain[i][k], sources[i].yaml ? "    fsync: never\n" : "", "kafka");
}

static void what_kafka_leaves_open_is_named_where_nothing_else_is(void **state)
{
    struct leat_promise whole = {.guarantee = LEAT_EXACTLY_ONCE}, embedded = whole,
                        known = {.guarantee = LEAT_EXACTLY_ONCE, .why = "another link"};
    (void)state;
    leat_promise_by_topics(&whole, "kafka");
    leat_promise_by_topics(&embedded, "commitlog");
    leat_promise_by_topics(&known, "kafka");
    assert_int_equal(whole.guarantee, LEAT_EXACTLY_ONCE);
    assert_non_null(strstr(whole.why, "while its cluster loses nothing"));
    assert_string_equal(embedded.why, "");
    assert_string_equal(known.why, "another link");
}

static void the_weakest_link_is_named(void **state)
{
    static const struct named stdin_source = {"stdin", "stdin: {}"}, tail = {"tail", "tail: x.log"},
                              file = {"file", "file: {path: \"out/x\"}"}, redis = {"redis", "redis: {as: stream, key: k}"};
    assert_string_equal(promise_of(*state, &stdin_source, &file, "    fsync: never\n", "commitlog").why,
                        "stdin cannot be read again");
    assert_string_equal(promise_of(*state, &tail, &file, "    fsync: never\n", "commitlog").why, "fsync: never");
    assert_string_equal(promise_of(*state, &tail, &redis, "", "commitlog").why, "");
    assert_non_null(strstr(promise_of(*state, &tail, &file, "", "commitlog").why, "file: "));
}

/* A preflight may take it down, never up. */
static void a_stronger_part_changes_nothing(void **state)
{
    struct leat_promise promise = {.guarantee = LEAT_AT_LEAST_ONCE, .why = "a reason"};
    (void)state;
    leat_promise_weaken(&promise, LEAT_EXACTLY_ONCE, "a better one");
    assert_int_equal(promise.guarantee, LEAT_AT_LEAST_ONCE);
    assert_string_equal(promise.why, "a reason");
    leat_promise_weaken(&promise, LEAT_AT_MOST_ONCE, "a worse one");
    assert_int_equal(promise.guarantee, LEAT_AT_MOST_ONCE);
    assert_string_equal(promise.why, "a worse one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_is_promised_what_the_table_says),
        cmocka_unit_test(a_log_that_is_not_synced_makes_it_at_least_once),
        cmocka_unit_test(a_log_that_is_synced_later_keeps_the_promise),
        cmocka_unit_test(topics_in_memory_make_it_at_least_once),
        cmocka_unit_test(topics_in_kafka_keep_the_promise_whatever_fsync_says),
        cmocka_unit_test(what_kafka_leaves_open_is_named_where_nothing_else_is),
        cmocka_unit_test(the_weakest_link_is_named),
        cmocka_unit_test(a_stronger_part_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
