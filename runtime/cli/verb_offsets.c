#include <cli/cli.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/datadir.h>
#include <control/orphans.h>
#include <model/batch.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- list, show ---- */

struct listing {
    struct leat_bytes *out;
    const char *name; /* NULL: all */
    uint32_t count;
    const struct leat_config *config; /* NULL: no file was named */
    struct leat_bytes daemons; /* its status, where one answers and no file was named */
    bool has_daemon;
    struct leat_bytes notes; /* for a person */
};

static void put_mark(struct leat_bytes *out, const struct leat_value *value)
{
    struct leat_mark mark;
    if (value->type != LEAT_BYTES || !leat_mark_decode(value->as.bytes, value->len, &mark)) {
        leat_json_value(out, value);
        return;
    }
    leat_bytes_text(out, "{\"cursor\":\"");
    for (uint8_t i = 0; i < mark.cursor.len; i++)
        leat_bytes_printf(out, "%02x", mark.cursor.bytes[i]);
    leat_bytes_printf(out, "\",\"sequence\":%llu,\"origin\":%s}", (unsigned long long)mark.sequence,
                      mark.origin[0] ? mark.origin : "null");
}

static void print_state(void *arg, const char *log, const struct leat_state *state)
{
    struct listing *listing = arg;
    if ((state->kind != LEAT_STATE_POSITION && state->kind != LEAT_STATE_HINT) ||
        (listing->name && strcmp(listing->name, state->connector) != 0))
        return;
    listing->count++;
    leat_bytes_text(listing->out, "{\"name\":");
    leat_json_string(listing->out, state->connector, strlen(state->connector));
    leat_bytes_text(listing->out, ",\"log\":");
    leat_json_string(listing->out, log, strlen(log));
    leat_bytes_text(listing->out, state->kind == LEAT_STATE_HINT ? ",\"split\":" : ",\"key\":");
    leat_json_value(listing->out, &state->key);
    leat_bytes_text(listing->out, state->kind == LEAT_STATE_HINT ? ",\"mark\":" : ",\"value\":");
    if (state->kind == LEAT_STATE_HINT)
        put_mark(listing->out, &state->value);
    else
        leat_json_value(listing->out, &state->value);
    leat_bytes_text(listing->out, "}\n");
}

/* Which sinks there are is said by the pipeline file, else by the daemon that runs, else by nobody. */
static void know_sinks(struct listing *listing, const char *data)
{
    if (!listing->config) {
        leat_bytes_init(&listing->daemons, (size_t)64 << 20);
        listing->has_daemon = ask_daemon(data, "GET", "/status", &listing->daemons) == 200;
    }
}

static bool is_text(const struct leat_value *map, const char *name, const char *text)
{
    const struct leat_value *value = leat_map_get(map, name);
    return value && value->type == LEAT_TEXT && value->len == strlen(text) && memcmp(value->as.text, text, value->len) == 0;
}

static bool is_orphan_there(const struct listing *listing, const char *consumer)
{
    const char *at = (const char *)listing->daemons.data, *end = at + listing->daemons.len;
    struct leat_arena arena;
    struct leat_value row;
    struct leat_error err;
    bool is_there = false;
    leat_arena_init(&arena, 0);
    while (at < end && !is_there) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        newline = newline ? newline : end;
        is_there = leat_json_read(at, (size_t)(newline - at), true, &arena, &row, &err) == LEAT_OK &&
                   is_text(&row, "name", consumer) && is_text(&row, "state", "orphaned");
        leat_arena_reset(&arena);
        at = newline + 1;
    }
    leat_arena_fini(&arena);
    return is_there;
}

static void print_consumer(void *arg, const struct leat_consumer_info *info)
{
    struct listing *listing = arg;
    if (listing->name && strcmp(listing->name, info->name) != 0)
        return;
    bool is_known = listing->config || listing->has_daemon;
    bool is_orphan = listing->config       ? leat_is_orphan(listing->config, info->name)
                     : listing->has_daemon ? is_orphan_there(listing, info->name)
                                           : false;
    listing->count++;
    leat_bytes_text(listing->out, "{\"name\":");
    leat_json_string(listing->out, info->name, strlen(info->name));
    leat_bytes_text(listing->out, ",\"log\":");
    leat_json_string(listing->out, info->log, strlen(info->log));
    leat_bytes_printf(listing->out, ",\"kept\":%llu,\"orphaned\":%s}\n", (unsigned long long)info->kept,
                      !is_known ? "null" : is_orphan ? "true" : "false");
    if (!is_orphan)
        return;
    leat_bytes_printf(&listing->notes, "leat: %s: orphaned: ", info->name);
    leat_orphan_text(&listing->notes, info);
    leat_bytes_put(&listing->notes, '\n');
}

static enum leat_status print_all(struct listing *listing, const struct place *place, struct leat_error *err)
{
    enum leat_status status = place->driver->describe(place->access, NULL, print_state, listing, err);
    know_sinks(listing, place->data);
    leat_bytes_init(&listing->notes, (size_t)64 << 20);
    leat_consumers(place->driver, place->access, print_consumer, listing);
    print_out(listing->out);
    fprintf(stderr, "%.*s", (int)listing->notes.len, (const char *)listing->notes.data);
    leat_bytes_fini(&listing->notes);
    leat_bytes_fini(&listing->daemons);
    return status;
}

static int list(const char *data, const char *file, const char *name)
{
    struct place place;
    struct leat_bytes out;
    struct leat_error err;
    struct loaded loaded = {NULL, NULL};
    int exit_status = open_place(&place, data, file, true);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (file)
        exit_status = load_files(&loaded, &(struct arguments){&file, 1}, false);
    if (exit_status != EXIT_DONE) {
        close_place(&place);
        return exit_status;
    }
    leat_bytes_init(&out, (size_t)1 << 30);
    struct listing listing = {.out = &out, .name = name, .config = loaded.config};
    enum leat_status status = print_all(&listing, &place, &err);
    if (file)
        unload(&loaded);
    leat_bytes_fini(&out);
    close_place(&place);
    if (status != LEAT_OK)
        return fail_with(&err);
    if (name && listing.count == 0) {
        fprintf(stderr, "leat: connector \"%s\" has no positions\n", name);
        return EXIT_ERROR;
    }
    return EXIT_DONE;
}

/* ---- set, reset, forget: while nothing runs ---- */

struct edit {
    const char *name;
    char log[256];
    struct leat_batch *batch; /* its positions */
    struct leat_state *states; /* hints to remove */
    size_t state_count;
    struct leat_arena arena;
    uint32_t found;
    bool has_more; /* in other logs */
    bool is_for_good; /* forget: nothing stays; reset leaves what a source that begins anew must know */
};

/* ["snapshot", TABLE] says that rows of the table are in the topic: a source that begins anew tells of it by a truncate. */
static bool is_of_snapshot(const struct leat_state *state)
{
    const struct leat_value *key = &state->key;
    return state->kind == LEAT_STATE_POSITION && key->type == LEAT_ARRAY && key->len == 2 &&
           key->as.items[0].type == LEAT_TEXT && key->as.items[0].len == 8 &&
           memcmp(key->as.items[0].as.text, "snapshot", 8) == 0;
}

static void note_state(void *arg, const char *log, const struct leat_state *state)
{
    struct edit *edit = arg;
    if (strcmp(state->connector, edit->name) != 0 || (!edit->is_for_good && is_of_snapshot(state)))
        return;
    if (edit->found > 0 && strcmp(edit->log, log) != 0) { /* a unit belongs to one log */
        edit->has_more = true;
        return;
    }
    edit->found++;
    snprintf(edit->log, sizeof edit->log, "%s", log);
    if (state->kind == LEAT_STATE_POSITION) {
        leat_batch_position(edit->batch, &state->key, &(struct leat_value){.type = LEAT_NULL});
        return;
    }
    edit->states = leat_realloc(edit->states, (edit->state_count + 1) * sizeof *edit->states);
    edit->states[edit->state_count++] = (struct leat_state){state->kind, edit->name, leat_value_copy(&edit->arena, &state->key),
                                                            leat_value_null()};
}

static enum leat_status write_edit(struct place *place, struct edit *edit, struct leat_error *err)
{
    struct leat_writer_config config = {.log = edit->log, .connector = edit->name, .batch_bytes = 1 << 20};
    const struct leat_positions *from;
    struct leat_writer *writer;
    uint64_t ticket, durable = 0;
    enum leat_status status = place->driver->writer_open(place->access, &config, &writer, &from, err);
    if (status != LEAT_OK)
        return status;
    status = place->driver->append(writer, edit->batch, edit->states, edit->state_count, NULL, &ticket, err);
    while (status == LEAT_OK && durable < ticket) {
        leat_os->poll(NULL, 0, 5);
        status = place->driver->durable(writer, &durable, err);
    }
    place->driver->writer_close(writer);
    return status;
}

static enum leat_status set_key(struct edit *edit, const char *key, const char *value, struct leat_error *err)
{
    struct leat_value parsed_key, parsed;
    enum leat_status status = leat_json_read(key, strlen(key), true, &edit->arena, &parsed_key, err);
    if (status != LEAT_OK) {
        leat_error_context(err, "KEY %s is no JSON; a text needs its quotes: '\"%s\"'", key, key);
        return status;
    }
    status = leat_json_read(value, strlen(value), true, &edit->arena, &parsed, err);
    if (status != LEAT_OK)
        leat_error_context(err, "VALUE %s is no JSON", value);
    if (status == LEAT_OK)
        leat_batch_position(edit->batch, &parsed_key, &parsed);
    return status;
}

static enum leat_status collect(struct place *place, struct edit *edit, struct leat_error *err)
{
    leat_batch_reset(edit->batch);
    edit->state_count = edit->found = 0;
    edit->has_more = false;
    return place->driver->describe(place->access, NULL, note_state, edit, err);
}

static enum leat_status no_positions(const struct edit *edit, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "connector \"%s\" has no positions", edit->name);
}

static enum leat_status set_one(struct place *place, struct edit *edit, const char *key, const char *value,
                                struct leat_error *err)
{
    enum leat_status status = collect(place, edit, err); /* for the log */
    if (status != LEAT_OK || edit->found == 0)
        return status == LEAT_OK ? no_positions(edit, err) : status;
    leat_batch_reset(edit->batch);
    edit->state_count = 0;
    status = set_key(edit, key, value, err);
    return status == LEAT_OK ? write_edit(place, edit, err) : status;
}

/* Log by log: what was removed from one is not found again. After a `forget` retention waits for it no more. */
static enum leat_status remove_all(struct place *place, struct edit *edit, struct leat_error *err)
{
    uint32_t removed = 0, floors = 0;
    do {
        enum leat_status status = collect(place, edit, err);
        if (status == LEAT_OK && edit->found > 0)
            status = write_edit(place, edit, err);
        if (status != LEAT_OK)
            return status;
        removed += edit->found;
    } while (edit->has_more);
    enum leat_status status = LEAT_OK;
    if (edit->is_for_good && place->driver->forget)
        status = place->driver->forget(place->access, edit->name, &floors, err);
    return status == LEAT_OK && removed + floors == 0 ? no_positions(edit, err) : status;
}

static enum leat_status apply(struct place *place, struct edit *edit, const struct arguments *arguments, struct leat_error *err)
{
    const char *action = arguments->items[0];
    return strcmp(action, "set") == 0 ? set_one(place, edit, arguments->items[2], arguments->items[3], err)
                                      : remove_all(place, edit, err);
}

static int change(const char *data, const char *file, const struct arguments *arguments)
{
    struct place place;
    struct leat_error err;
    int lock_fd, exit_status = EXIT_ERROR;
    char *url, *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    enum leat_status status = leat_datadir_hold(dir, &lock_fd, &err); /* refuses while a daemon runs */
    free(dir);
    free(url);
    if (status != LEAT_OK)
        return fail_with(&err);
    exit_status = open_place(&place, data, file, false);
    if (exit_status == EXIT_DONE) {
        struct edit edit = {.name = arguments->items[1], .batch = leat_batch_new(1 << 20, 1),
                            .is_for_good = strcmp(arguments->items[0], "forget") == 0};
        leat_arena_init(&edit.arena, 0);
        status = apply(&place, &edit, arguments, &err);
        leat_batch_free(edit.batch);
        leat_arena_fini(&edit.arena);
        free(edit.states);
        close_place(&place);
        exit_status = status == LEAT_OK ? EXIT_DONE : fail_with(&err);
    }
    leat_datadir_release(lock_fd);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const actions[] = {"list", "show", "set", "reset", "forget", NULL};
    enum { LIST, SHOW, SET, RESET, FORGET };
    const char *data = NULL, *file = NULL, *format = "json";
    const struct flag flags[] = {PLACE_FLAGS(data, file), {"format", "json", &format, NULL, "One object a line, always."}, {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count == 0)
        return usage_error(verb, "list, show, set, reset or forget?");
    int action = take_choice(verb, "the action", arguments.items[0], actions);
    if (action < 0)
        return EXIT_USAGE;
    if (action == LIST)
        return list(data, file, arguments.count > 1 ? arguments.items[1] : NULL);
    if (arguments.count < 2)
        return usage_error(verb, "%s of which connector?", arguments.items[0]);
    if (action == SHOW)
        return list(data, file, arguments.items[1]);
    if (action == SET && arguments.count != 4)
        return usage_error(verb, "set NAME KEY VALUE, both as JSON");
    return change(data, file, &arguments);
}

const struct verb verb_offsets = {"offsets", "list | show|reset|forget NAME | set NAME KEY VALUE",
                                  "Positions of connectors; edited only while nothing runs.", run};
