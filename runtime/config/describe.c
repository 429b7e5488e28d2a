/* describe.c - options as text, JSON and Markdown. */
#include <config/describe.h>
#include <config/loader.h>

#include <model/json.h>

static const char *const kind_names[] = {"source", "sink", "transform", "codec"};

const char *leat_plugin_kind_name(enum leat_plugin_kind kind)
{
    return kind_names[kind];
}

/* Takes the n-th of one kind's list; else lowers n by the list's length. */
#define TAKE(list, KIND, TOPIC)                                                                             \
    for (size_t i = 0; (list) && (list)[i]; i++) {                                                          \
        if (n-- > 0)                                                                                        \
            continue;                                                                                       \
        *info = (struct leat_plugin_info){.kind = KIND,                                                     \
                                          .name = (list)[i]->name,                                          \
                                          .about = (list)[i]->about,                                        \
                                          .options = (list)[i]->options,                                    \
                                          .topic = TOPIC,                                                   \
                                          .traits = (list)[i]->traits};                                     \
        return true;                                                                                        \
    }

bool leat_plugin_at(const struct leat_catalog *catalog, size_t n, struct leat_plugin_info *info)
{
    TAKE(catalog->sources, LEAT_PLUGIN_SOURCE, catalog->sources[i]->topic)
    TAKE(catalog->sinks, LEAT_PLUGIN_SINK, NULL)
    TAKE(catalog->transforms, LEAT_PLUGIN_TRANSFORM, NULL)
    TAKE(catalog->codecs, LEAT_PLUGIN_CODEC, NULL)
    return false;
}

static bool next_option(const struct leat_option **option)
{
    while (*option && (*option)->name && (*option)->flags & LEAT_OPT_HIDDEN)
        (*option)++;
    return *option && (*option)->name;
}

/* ---- text ---- */

/* Wraps `text` at the 100th column, each line behind `indent` spaces. */
static void wrap(struct leat_bytes *out, const char *text, size_t indent)
{
    size_t at = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > 0 && at + 1 + word > 100 - indent) {
            leat_bytes_put(out, '\n');
            at = 0;
        }
        leat_bytes_printf(out, "%*s%.*s", at ? 1 : (int)indent, "", (int)word, text);
        at += word + (at > 0);
        text += word + strspn(text + word, " ");
    }
    leat_bytes_put(out, '\n');
}

static void option_text(struct leat_bytes *out, struct leat_arena *arena, const struct leat_option *option)
{
    leat_bytes_printf(out, "  %s", option->name);
    leat_bytes_printf(out, "%*s", (int)(strlen(option->name) < 20 ? 20 - strlen(option->name) : 1), "");
    leat_bytes_text(out, leat_option_wants(arena, option));
    if (option->preset)
        leat_bytes_printf(out, "; default %s", option->preset);
    if (option->flags & LEAT_OPT_REQUIRED)
        leat_bytes_text(out, "; required");
    if (option->flags & LEAT_OPT_MAIN)
        leat_bytes_text(out, "; may stand alone");
    if (option->flags & LEAT_OPT_SECRET)
        leat_bytes_text(out, "; never printed");
    leat_bytes_put(out, '\n');
    wrap(out, option->about ? option->about : "", 8);
}

/* Texts that YAML would take for something else get quotes. */
static void example_value(struct leat_bytes *out, const struct leat_option *option)
{
    const char *text = option->example ? option->example : option->preset;
    bool is_text = option->type == LEAT_OPT_TEXT || option->type == LEAT_OPT_PATH ||
                   option->type == LEAT_OPT_TEMPLATE;
    if (!text)
        leat_bytes_text(out, option->type == LEAT_OPT_BOOL ? "true" : "...");
    else if (is_text && *text != '"' && (strpbrk(text, "{}[]*&!%#`@,: ") || !*text))
        leat_bytes_printf(out, "\"%s\"", text);
    else
        leat_bytes_text(out, text);
}

/* The options that are required, and those whose author gave an example. */
static void example(struct leat_bytes *out, const struct leat_plugin_info *info, int indent)
{
    bool is_any = false;
    leat_bytes_printf(out, "%*s%s%s:", indent, "", info->kind == LEAT_PLUGIN_TRANSFORM ? "- " : "", info->name);
    if (info->kind == LEAT_PLUGIN_TRANSFORM)
        indent += 2;
    for (const struct leat_option *o = info->options; next_option(&o); o++) {
        if (!(o->flags & LEAT_OPT_REQUIRED) && !o->example)
            continue;
        leat_bytes_printf(out, "\n%*s%s: ", indent + 2, "", o->name);
        example_value(out, o);
        is_any = true;
    }
    leat_bytes_text(out, is_any ? "\n" : " {}\n");
}

static bool has_example(const struct leat_plugin_info *info)
{
    return info->kind != LEAT_PLUGIN_CODEC;
}

void leat_describe_text(struct leat_bytes *out, const struct leat_plugin_info *info)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    leat_bytes_printf(out, "%s (%s)\n", info->name, kind_names[info->kind]);
    wrap(out, info->about ? info->about : "", 2);
    if (info->topic)
        leat_bytes_printf(out, "  Default topic: %s\n", info->topic);
    const struct leat_option *option = info->options;
    leat_bytes_text(out, next_option(&option) ? "\nOptions:\n" : "\nNo options.\n");
    for (; next_option(&option); option++)
        option_text(out, &arena, option);
    if (has_example(info)) {
        leat_bytes_text(out, "\nExample:\n");
        example(out, info, 2);
    }
    leat_arena_fini(&arena);
}

/* ---- JSON ---- */

static void member(struct leat_bytes *out, const char *name, const char *text)
{
    if (!text)
        return;
    leat_bytes_printf(out, ",\"%s\":", name);
    leat_json_string(out, text, strlen(text));
}

void leat_describe_json(struct leat_bytes *out, const struct leat_plugin_info *info)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    leat_bytes_printf(out, "{\"kind\":\"%s\"", kind_names[info->kind]);
    member(out, "name", info->name);
    member(out, "about", info->about);
    member(out, "topic", info->topic);
    leat_bytes_text(out, ",\"options\":[");
    size_t count = 0;
    for (const struct leat_option *o = info->options; next_option(&o); o++) {
        leat_bytes_text(out, count++ ? ",{\"name\":" : "{\"name\":");
        leat_json_string(out, o->name, strlen(o->name));
        member(out, "takes", leat_option_wants(&arena, o));
        member(out, "default", o->preset);
        member(out, "example", o->example);
        member(out, "about", o->about);
        leat_bytes_printf(out, ",\"required\":%s", o->flags & LEAT_OPT_REQUIRED ? "true" : "false");
        leat_bytes_printf(out, ",\"secret\":%s}", o->flags & LEAT_OPT_SECRET ? "true" : "false");
    }
    leat_bytes_text(out, "]}");
    leat_arena_fini(&arena);
}

/* ---- Markdown ---- */

/* A cell of a table: no bare bars or newlines. */
static void cell(struct leat_bytes *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            leat_bytes_put(out, '\\');
        leat_bytes_put(out, *text == '\n' ? ' ' : (uint8_t)*text);
    }
}

static void table(struct leat_bytes *out, const struct leat_option *options)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    if (!next_option(&options)) {
        leat_bytes_text(out, "No options.\n\n");
        leat_arena_fini(&arena);
        return;
    }
    leat_bytes_text(out, "| option | takes | default | |\n|---|---|---|---|\n");
    for (; next_option(&options); options++) {
        const struct leat_option *o = options;
        leat_bytes_printf(out, "| `%s`%s | ", o->name, o->flags & LEAT_OPT_MAIN ? " (may stand alone)" : "");
        cell(out, leat_option_wants(&arena, o));
        leat_bytes_text(out, " | ");
        if (o->preset) {
            leat_bytes_put(out, '`');
            cell(out, o->preset);
            leat_bytes_put(out, '`');
        } else if (o->flags & LEAT_OPT_REQUIRED) {
            leat_bytes_text(out, "required");
        }
        leat_bytes_text(out, " | ");
        cell(out, o->about);
        leat_bytes_text(out, o->flags & LEAT_OPT_SECRET ? " Never printed. |\n" : " |\n");
    }
    leat_bytes_put(out, '\n');
    leat_arena_fini(&arena);
}

void leat_describe_markdown(struct leat_bytes *out, const struct leat_plugin_info *info)
{
    leat_bytes_printf(out, "### `%s` (%s)\n\n%s\n\n", info->name, kind_names[info->kind],
                      info->about ? info->about : "");
    if (info->topic)
        leat_bytes_printf(out, "Default topic: `%s`.\n\n", info->topic);
    table(out, info->options);
    if (has_example(info)) {
        leat_bytes_text(out, "```yaml\n");
        example(out, info, 0);
        leat_bytes_text(out, "```\n\n");
    }
}

static void section(struct leat_bytes *out, const char *title, const char *text,
                    const struct leat_option *options)
{
    leat_bytes_printf(out, "### %s\n\n%s\n\n", title, text);
    table(out, options);
}

void leat_describe_reference(struct leat_bytes *out, const struct leat_catalog *catalog)
{
    static const char *const titles[] = {"Sources", "Sinks", "Transforms", "Codecs"};
    leat_bytes_text(out, "# Reference of the pipeline file\n\n"
                         "Written by `leat plugins --format markdown` from the tables that the program itself "
                         "parses and checks with.\n\n## Keys\n\n");
    section(out, "Of the file", "Beside them: `coordinator`, `logger`, `pipelines`, `tests`.", leat_top_options);
    section(out, "`logger`", "How the daemon prints its own lines.", leat_logger_options);
    section(out, "`coordinator`", "Which processes share the tasks; `coordinator: kafka` alone names the kind.",
            leat_coordinator_options);
    section(out, "Of a pipeline",
            "Beside them: `source`, `sinks`, `transforms`, `errors`, `retain` and `fsync` (`every_commit`, "
            "`{every: 200ms}` or `never`).",
            leat_pipeline_options);
    section(out, "`retain`", "What the log of a pipeline keeps, never less than a consumer needs.",
            leat_retain_options);
    section(out, "`errors`", "Beside them: `retry`, `breaker`.", leat_errors_options);
    section(out, "`retry`", "When a connector that failed is started again.", leat_retry_options);
    section(out, "`breaker`", "When too many records are refused: the pipeline stops, exit status 8.", leat_breaker_options);
    section(out, "Beside a source", "And `transforms`, `errors`.", leat_source_options);
    section(out, "Beside a sink", "And `transforms`, `errors`.", leat_sink_options);
    section(out, "Of a test", "", leat_test_options);
    int last = -1;
    struct leat_plugin_info info;
    for (size_t n = 0; leat_plugin_at(catalog, n, &info); n++) {
        if ((int)info.kind != last)
            leat_bytes_printf(out, "## %s\n\n", titles[info.kind]);
        last = (int)info.kind;
        leat_describe_markdown(out, &info);
    }
}
