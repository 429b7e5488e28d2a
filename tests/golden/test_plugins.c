/* What plug-ins say of themselves: their option tables hold together, their presets are what their options take,
 * and the examples that `leat plugins NAME` prints are accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/os.h>
#include <config/describe.h>
#include <config/load.h>
#include <console/console.h>
#include <file/file.h>
#include <http/http.h>
#include <stdin/stdin.h>
#include <stdio.h>
#include <stdlib.h>
#include <tail/tail.h>
#include <toy/toy.h>
#include <transform/builtin.h>
#include <unistd.h>

static const struct leat_source_type *const sources[] = {&leat_source_http, &leat_source_stdin, &leat_source_tail,
                                                         &leat_source_toy, NULL};
static const struct leat_sink_type *const sinks[] = {&leat_sink_console, &leat_sink_file, &leat_sink_http, &leat_sink_toy, NULL};
static const struct leat_transform_type *const transforms[] = {&leat_transform_drop, &leat_transform_keep, NULL};
static const struct leat_catalog catalog = {.sources = sources, .sinks = sinks, .transforms = transforms};

static size_t size_of(const struct leat_option *option)
{
    switch (option->type) {
    case LEAT_OPT_BOOL:
        return sizeof(bool);
    case LEAT_OPT_NUMBER:
        return sizeof(double);
    case LEAT_OPT_LIST:
    case LEAT_OPT_PATHS:
    case LEAT_OPT_PATTERNS:
    case LEAT_OPT_FIELDS:
        return sizeof(struct leat_list);
    case LEAT_OPT_PAIRS:
        return sizeof(struct leat_pairs);
    case LEAT_OPT_VALUE:
        return sizeof(struct leat_value);
    default:
        return 8;
    }
}

static size_t self_size(const struct leat_plugin_info *info)
{
    for (size_t i = 0; sources[i]; i++)
        if (info->options == sources[i]->options && strcmp(info->name, sources[i]->name) == 0)
            return sources[i]->size;
    for (size_t i = 0; sinks[i]; i++)
        if (info->options == sinks[i]->options)
            return sinks[i]->size;
    for (size_t i = 0; transforms[i]; i++)
        if (info->options == transforms[i]->options)
            return transforms[i]->size;
    return 0;
}

static void tables_hold_together(void **state)
{
    (void)state;
    struct leat_plugin_info info;
    for (size_t n = 0; leat_plugin_at(&catalog, n, &info); n++) {
        int mains = 0;
        assert_non_null(info.about);
        for (const struct leat_option *o = info.options; o && o->name; o++) {
            print_message("%s %s\n", info.name, o->name);
            mains += (o->flags & LEAT_OPT_MAIN) != 0;
            assert_non_null(o->about);
            assert_int_equal(o->about[strlen(o->about) - 1], '.');
            assert_true(o->offset + size_of(o) <= self_size(&info));
            assert_true(o->type != LEAT_OPT_CHOICE || (o->choices && o->choices[0]));
            assert_false(o->preset && o->flags & LEAT_OPT_REQUIRED);
            for (const struct leat_option *other = info.options; other != o; other++)
                assert_string_not_equal(other->name, o->name);
        }
        assert_true(mains <= 1);
    }
}

static void show(void *arg, const struct leat_diagnostic *diagnostic)
{
    leat_diagnostic_print(arg, diagnostic, false);
}

/* The example from the Markdown, below `head`, indented. */
static void write_example(const struct leat_plugin_info *info, const char *head, const char *path)
{
    struct leat_bytes page, file;
    leat_bytes_init(&page, 1 << 20);
    leat_bytes_init(&file, 1 << 20);
    leat_describe_markdown(&page, info);
    leat_bytes_put(&page, 0);
    leat_bytes_text(&file, head);
    const char *line = strstr((char *)page.data, "```yaml\n");
    assert_non_null(line);
    for (line += 8; strncmp(line, "```", 3) != 0; line += strcspn(line, "\n") + 1)
        leat_bytes_printf(&file, "        %.*s\n", (int)strcspn(line, "\n"), line);
    assert_true(leat_os_replace_file(leat_os, path, file.data, file.len, 0600));
    leat_bytes_fini(&page);
    leat_bytes_fini(&file);
}

static void examples_are_accepted(void **state)
{
    (void)state;
    static const char *const heads[] = {"pipelines:\n  p:\n    source:\n",
                                        "pipelines:\n  p:\n    source: stdin\n    sinks:\n      s:\n",
                                        "pipelines:\n  p:\n    source: stdin\n    transforms:\n"};
    char path[] = "/tmp/golden-example-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct leat_plugin_info info;
    for (size_t n = 0; leat_plugin_at(&catalog, n, &info); n++) {
        const char *paths[] = {path};
        struct leat_config *config = NULL;
        struct leat_error err = {0};
        struct leat_bytes said;
        leat_bytes_init(&said, 1 << 20);
        write_example(&info, heads[info.kind], path);
        enum leat_status status = leat_config_load(paths, 1, &catalog, show, &said, &config, &err);
        leat_bytes_put(&said, 0);
        if (status != LEAT_OK)
            print_error("%s:\n%s\n", info.name, said.data);
        assert_int_equal(status, LEAT_OK);
        const struct leat_pipeline_def *p = &config->pipelines[0];
        const struct leat_use *use = info.kind == LEAT_PLUGIN_SOURCE ? &p->source->use
                                     : info.kind == LEAT_PLUGIN_SINK ? &p->sinks[0].use
                                                                     : &p->source->transforms[0].use;
        assert_string_equal(use->name, info.name);
        leat_use_free(use, leat_use_instance(use));
        leat_config_free(config);
        leat_bytes_fini(&said);
    }
    leat_os->unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_hold_together),
                                       cmocka_unit_test(examples_are_accepted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
