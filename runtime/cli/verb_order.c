/* verb_order.c - pause, resume, restart and stop connectors of the running daemon. */
#include <cli/cli.h>

#include <base/arena.h>
#include <base/clock.h>
#include <base/memory.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_US 30000000 /* a task has shutdown_timeout to drain; its plug-in may need a moment more */
#define LOOK_US     50000

/* "shop.archive" by that name, by "shop.*" (sinks of shop), and by "shop" where no connector has that name. */
static bool is_named(const char *connector, const char *name, bool is_connector)
{
    size_t len = strlen(name);
    if (is_connector)
        return strcmp(connector, name) == 0;
    len -= len > 2 && strcmp(name + len - 2, ".*") == 0 ? 2 : 0;
    return strncmp(connector, name, len) == 0 && connector[len] == '.';
}

struct row {
    char name[160], state[20];
};

static bool read_row(struct row *row, const char *line, size_t len, struct leat_arena *arena)
{
    struct leat_value value;
    struct leat_error err;
    if (leat_json_read(line, len, true, arena, &value, &err) != LEAT_OK)
        return false;
    const struct leat_value *name = leat_map_get(&value, "name"), *state = leat_map_get(&value, "state");
    if (!name || name->type != LEAT_TEXT || !state || state->type != LEAT_TEXT)
        return false;
    snprintf(row->name, sizeof row->name, "%.*s", (int)name->len, name->as.text);
    snprintf(row->state, sizeof row->state, "%.*s", (int)state->len, state->as.text);
    return true;
}

/* Of all connectors; the caller frees. */
static struct row *read_rows(const struct leat_bytes *lines, size_t *count)
{
    const char *at = (const char *)lines->data, *end = at + lines->len;
    struct row *rows = NULL;
    struct leat_arena arena;
    leat_arena_init(&arena, 64 << 10);
    for (*count = 0; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        newline = newline ? newline : end;
        rows = leat_realloc(rows, (*count + 1) * sizeof *rows);
        *count += read_row(&rows[*count], at, (size_t)(newline - at), &arena);
        leat_arena_reset(&arena);
        at = newline + 1;
    }
    leat_arena_fini(&arena);
    return rows;
}

static bool is_reached(const char *order, const char *state)
{
    if (strcmp(order, "pause") == 0)
        return strcmp(state, "paused") == 0;
    if (strcmp(order, "stop") == 0)
        return strcmp(state, "stopped") == 0;
    return strcmp(state, "new") != 0 && strcmp(state, "starting") != 0 && strcmp(state, "stopping") != 0 &&
           strcmp(state, "paused") != 0 && strcmp(state, "stopped") != 0;
}

static bool has_connector(const struct row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

/* True when all that `name` means are where the order wants them; prints them then. */
static bool look(const char *order, const char *name, const struct leat_bytes *lines, bool is_late)
{
    size_t count;
    struct row *rows = read_rows(lines, &count);
    bool is_connector = has_connector(rows, count, name), is_done = true;
    for (size_t i = 0; i < count; i++)
        if (is_named(rows[i].name, name, is_connector))
            is_done = is_done && is_reached(order, rows[i].state);
    for (size_t i = 0; (is_done || is_late) && i < count; i++)
        if (is_named(rows[i].name, name, is_connector))
            printf("%s: %s\n", rows[i].name, rows[i].state);
    free(rows);
    return is_done;
}

/* The order is taken; waits until it is carried out. */
static int wait_for(const char *order, const char *data, const char *name)
{
    struct leat_time late = leat_after_us(PATIENCE_US);
    for (;;) {
        struct leat_bytes lines;
        leat_bytes_init(&lines, 64 << 20);
        bool is_late = leat_is_past(late);
        bool is_gone = ask_daemon(data, "GET", "/status", &lines) != 200;
        bool is_done = !is_gone && look(order, name, &lines, is_late);
        leat_bytes_fini(&lines);
        if (is_gone)
            return no_daemon(data);
        if (is_done)
            return EXIT_DONE;
        if (is_late) {
            fprintf(stderr, "leat: the order is taken, and not carried out yet\n");
            return EXIT_ERROR;
        }
        usleep(LOOK_US);
    }
}

static int give_order(const char *order, const char *data, const char *name)
{
    struct leat_bytes answer;
    char *path = leat_format_dup("/connectors/%s/%s", name, order);
    leat_bytes_init(&answer, 1 << 20);
    long code = ask_daemon(data, "PUT", path, &answer);
    int exit_status = EXIT_DONE;
    if (code == 0)
        exit_status = no_daemon(data);
    else if (code / 100 != 2) {
        fprintf(stderr, "leat: %.*s", (int)answer.len, (const char *)answer.data);
        exit_status = code == 404 ? EXIT_USAGE : EXIT_ERROR;
    }
    leat_bytes_fini(&answer);
    free(path);
    return exit_status;
}

/* Names go into a URL: what is no name is refused here. */
static bool is_name(const char *name)
{
    return name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.*") == strlen(name);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    const char *data = NULL, *file = NULL;
    const struct flag flags[] = {PLACE_FLAGS(data, file), {0}};
    struct arguments names;
    int exit_status = EXIT_DONE;
    char *url;
    if (!take_flags(verb, flags, argc, argv, &names, &exit_status))
        return exit_status;
    if (names.count == 0)
        return usage_error(verb, "which NAME? `leat status` shows all");
    for (size_t i = 0; i < names.count; i++)
        if (!is_name(names.items[i]))
            return usage_error(verb, "\"%s\" is no name of a connector", names.items[i]);
    char *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    for (size_t i = 0; exit_status == EXIT_DONE && i < names.count; i++)
        exit_status = give_order(verb->name, dir, names.items[i]);
    for (size_t i = 0; exit_status == EXIT_DONE && i < names.count; i++)
        exit_status = wait_for(verb->name, dir, names.items[i]);
    free(dir);
    free(url);
    return exit_status;
}

const struct verb verb_pause = {"pause", "NAME...", "Stops connectors of the running daemon until they are resumed.", run};
const struct verb verb_resume = {"resume", "NAME...", "Starts connectors again that were paused or stopped.", run};
const struct verb verb_restart = {"restart", "NAME...", "Starts connectors anew, also those that have failed.", run};
const struct verb verb_stop = {"stop", "NAME...", "As pause; shown as stopped.", run};
