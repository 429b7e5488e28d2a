#include <cli/cli.h>

#include <base/arena.h>
#include <base/text.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t number(const struct leat_value *map, const char *name)
{
    const struct leat_value *value = map ? leat_map_get(map, name) : NULL;
    return value && value->type == LEAT_INT64 ? value->as.i : -1;
}

static void text_of(char *out, size_t size, const struct leat_value *map, const char *name)
{
    const struct leat_value *value = leat_map_get(map, name);
    bool is_text = value && value->type == LEAT_TEXT;
    snprintf(out, size, "%.*s", is_text ? (int)value->len : 0, is_text ? value->as.text : "");
}

/* "behind 1,204 records, 310 KiB, 2.1 s"; what is unknown is left out. */
static void text_of_lag(char *out, size_t size, const struct leat_value *lag)
{
    char text[32];
    int64_t records = number(lag, "records"), bytes = number(lag, "bytes"), us = number(lag, "us");
    size_t len = (size_t)snprintf(out, size, "behind");
    if (records == 0 && us <= 0) {
        snprintf(out + len, size - len, " nothing");
        return;
    }
    if (records > 0)
        len += (size_t)snprintf(out + len, size - len, " %s record%s,", leat_text_count(text, (uint64_t)records),
                                records == 1 ? "" : "s");
    if (bytes > 0)
        len += (size_t)snprintf(out + len, size - len, " %s,", leat_text_size(text, (uint64_t)bytes));
    if (us >= 0)
        len += (size_t)snprintf(out + len, size - len, " %s,", leat_text_duration(text, us));
    out[len - (out[len - 1] == ',')] = '\0';
    if (records <= 0 && bytes <= 0 && us < 0)
        snprintf(out, size, "behind -");
}

static void print_row(struct leat_bytes *out, const struct leat_value *row)
{
    char name[80], state[20], progress[120], error[LEAT_ERROR_MAX + 100], records[32], lag[120];
    const struct leat_value *rate = leat_map_get(row, "records_per_s");
    text_of(name, sizeof name, row, "name");
    text_of(state, sizeof state, row, "state");
    text_of(progress, sizeof progress, row, "progress");
    text_of(error, sizeof error, row, strcmp(state, "stalled") == 0 ? "stalled" : "error");
    if (strcmp(state, "orphaned") == 0) {
        leat_bytes_printf(out, "%-24s %-9s %s\n", name, state, error);
        return;
    }
    text_of_lag(lag, sizeof lag, leat_map_get(row, "lag"));
    leat_bytes_printf(out, "%-24s %-9s %14s records %8.0f/s  %-36s %s%s%s\n", name, state,
                      leat_text_count(records, (uint64_t)number(row, "records")),
                      rate && rate->type == LEAT_FLOAT64 ? rate->as.f : 0.0, lag, progress,
                      progress[0] && error[0] ? "  " : "", error);
}

static void print_table(const struct leat_bytes *lines, struct leat_bytes *out)
{
    const char *at = (const char *)lines->data, *end = at + lines->len;
    struct leat_arena arena;
    struct leat_error err;
    leat_arena_init(&arena, 64 << 10);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct leat_value row;
        newline = newline ? newline : end;
        if (leat_json_read(at, (size_t)(newline - at), true, &arena, &row, &err) == LEAT_OK)
            print_row(out, &row);
        leat_arena_reset(&arena);
        at = newline + 1;
    }
    leat_arena_fini(&arena);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    const char *format = "text", *data = NULL, *file = NULL;
    const struct flag flags[] = {PLACE_FLAGS(data, file), {"format", "text|json", &format, NULL, "json: one object a line."}, {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    char *url;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    char *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    struct leat_bytes lines, out;
    leat_bytes_init(&lines, 64 << 20);
    leat_bytes_init(&out, 64 << 20);
    if (ask_daemon(dir, "GET", "/status", &lines) != 200) {
        exit_status = no_daemon(dir);
    } else {
        if (form == 0)
            print_table(&lines, &out);
        print_out(form == 0 ? &out : &lines);
    }
    leat_bytes_fini(&lines);
    leat_bytes_fini(&out);
    free(dir);
    free(url);
    return exit_status;
}

const struct verb verb_status = {"status", "", "State, rate and lag of every connector of the running daemon.", run};
