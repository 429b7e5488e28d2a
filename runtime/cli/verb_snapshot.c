/* verb_snapshot.c - tables of a database source are read again: asked of the daemon, and left for its next start where none runs. */
#include <cli/cli.h>

#include <control/datadir.h>
#include <control/hand.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>

enum { START, STOP, LIST };

struct order {
    int action;
    const char *pipeline, *where;
    bool is_anew;
    struct leat_bytes tables; /* "db.t,db.u", terminated */
};

/* ---- what the positions tell: ["snapshot", "db.t"] -> {done, ...} ---- */

struct seen {
    const struct order *order;
    struct leat_bytes *out; /* of a list */
    struct leat_batch *batch; /* of an order: what becomes of them */
    char log[256];
    uint32_t count, changed;
};

static bool is_of_snapshot(const struct leat_state *state)
{
    const struct leat_value *key = &state->key;
    return state->kind == LEAT_STATE_POSITION && key->type == LEAT_ARRAY && key->len == 2 && key->as.items[0].type == LEAT_TEXT &&
           key->as.items[1].type == LEAT_TEXT && key->as.items[0].len == 8 && memcmp(key->as.items[0].as.text, "snapshot", 8) == 0;
}

static bool is_true(const struct leat_value *value, const char *name)
{
    const struct leat_value *found = value->type == LEAT_MAP ? leat_map_get(value, name) : NULL;
    return found && found->type == LEAT_BOOL && found->as.b;
}

static void print_one(struct seen *seen, const struct leat_state *state)
{
    const struct leat_value *table = &state->key.as.items[1], *left = state->value.type == LEAT_MAP ? leat_map_get(&state->value, "left") : NULL;
    leat_bytes_text(seen->out, "{\"table\":");
    leat_json_string(seen->out, table->as.text, table->len);
    leat_bytes_printf(seen->out, ",\"state\":\"%s\"", is_true(&state->value, "done") ? "read" : left ? "reading" : "waiting");
    if (left && left->type == LEAT_ARRAY)
        leat_bytes_printf(seen->out, ",\"parts_left\":%u", left->len);
    leat_bytes_text(seen->out, "}\n");
}

static bool is_named(const struct order *order, const struct leat_value *table)
{
    const char *at = (const char *)order->tables.data;
    for (const char *end; at[0]; at = end[0] ? end + 1 : end) {
        end = strchrnul(at, ',');
        if ((size_t)(end - at) == table->len && memcmp(at, table->as.text, table->len) == 0)
            return true;
    }
    return order->tables.len <= 1;
}

static void put_order(struct seen *seen, const char *table, size_t len)
{
    const struct order *order = seen->order;
    struct leat_value items[2] = {leat_value_string("snapshot"), leat_value_text(table, len)};
    struct leat_value pairs[6] = {leat_value_string("done"), leat_value_bool(order->action == STOP),
                                  leat_value_string(order->is_anew ? "anew" : "merge"), leat_value_bool(true), leat_value_string("where"),
                                  order->where ? leat_value_string(order->where) : leat_value_null()};
    struct leat_value key = leat_value_items(LEAT_ARRAY, items, 2);
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, order->action == STOP ? 1 : 3);
    leat_batch_position(seen->batch, &key, &value);
    seen->changed++;
}

static void see(void *arg, const char *log, const struct leat_state *state)
{
    struct seen *seen = arg;
    if (strcmp(state->connector, seen->order->pipeline) != 0)
        return;
    seen->count++;
    snprintf(seen->log, sizeof seen->log, "%s", log);
    if (!is_of_snapshot(state) || !is_named(seen->order, &state->key.as.items[1]))
        return;
    if (seen->order->action == LIST)
        print_one(seen, state);
    else if (seen->order->action == START ? seen->order->tables.len <= 1 : !is_true(&state->value, "done"))
        put_order(seen, state->key.as.items[1].as.text, state->key.as.items[1].len);
}

static enum leat_status look(struct place *place, struct seen *seen, struct leat_error *err)
{
    enum leat_status status = place->driver->describe(place->access, NULL, see, seen, err);
    if (status == LEAT_OK && seen->count == 0)
        return leat_fail(err, LEAT_STOP, "connector \"%s\" has no positions", seen->order->pipeline);
    return status;
}

static int list(const char *data, const char *file, const struct order *order)
{
    struct place place;
    struct leat_bytes out;
    struct leat_error err;
    int exit_status = open_place(&place, data, file, true);
    if (exit_status != EXIT_DONE)
        return exit_status;
    leat_bytes_init(&out, (size_t)1 << 30);
    struct seen seen = {.order = order, .out = &out};
    enum leat_status status = look(&place, &seen, &err);
    if (status == LEAT_OK)
        print_out(&out);
    leat_bytes_fini(&out);
    close_place(&place);
    return status == LEAT_OK ? EXIT_DONE : fail_with(&err);
}

/* ---- where no daemon runs ---- */

static void put_named(struct seen *seen)
{
    const char *at = (const char *)seen->order->tables.data;
    for (const char *end; seen->order->action == START && at[0]; at = end[0] ? end + 1 : end) {
        end = strchrnul(at, ',');
        put_order(seen, at, (size_t)(end - at));
    }
}

static int leave(struct place *place, const struct order *order)
{
    struct leat_error err;
    struct seen seen = {.order = order, .batch = leat_batch_new(1 << 20, 1)};
    enum leat_status status = look(place, &seen, &err);
    if (status == LEAT_OK)
        put_named(&seen);
    if (status == LEAT_OK && seen.changed > 0) {
        struct leat_hand hand = {.driver = place->driver, .access = place->access, .log = seen.log, .name = order->pipeline};
        status = leat_hand_write(&hand, seen.batch, NULL, 0, NULL, &err);
        leat_hand_close(&hand);
    }
    if (status == LEAT_OK)
        printf("%u tables; nothing runs: it is done when %s runs again\n", seen.changed, order->pipeline);
    leat_batch_free(seen.batch);
    return status == LEAT_OK ? EXIT_DONE : fail_with(&err);
}

static int leave_order(const char *dir, const char *data, const char *file, const struct order *order)
{
    struct place place;
    struct leat_error err;
    int lock_fd;
    if (leat_datadir_hold(dir, &lock_fd, &err) != LEAT_OK)
        return fail_with(&err);
    int exit_status = open_place(&place, data, file, false);
    if (exit_status == EXIT_DONE) {
        exit_status = leave(&place, order);
        close_place(&place);
    }
    leat_datadir_release(lock_fd);
    return exit_status;
}

/* ---- the daemon ---- */

static long ask(const char *dir, const struct order *order, struct leat_bytes *answer)
{
    struct leat_bytes path;
    leat_bytes_init(&path, 64 << 10);
    leat_bytes_printf(&path, "/snapshot/%s?", order->action == START ? "start" : "stop");
    put_query(&path, "pipeline", order->pipeline);
    if (order->tables.len > 1)
        put_query(&path, "tables", (const char *)order->tables.data);
    if (order->where)
        put_query(&path, "where", order->where);
    if (order->is_anew)
        put_query(&path, "anew", "1");
    leat_bytes_put(&path, '\0');
    long code = path.is_over ? 0 : ask_daemon(dir, "POST", (const char *)path.data, answer);
    leat_bytes_fini(&path);
    return code;
}

static int give(const char *data, const char *file, const struct order *order)
{
    struct leat_bytes answer;
    int exit_status = EXIT_ERROR;
    char *url, *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    leat_bytes_init(&answer, 1 << 20);
    long code = ask(dir, order, &answer);
    if (code == 0) {
        exit_status = leave_order(dir, data, file, order);
    } else if (code == 200) {
        print_out(&answer);
        exit_status = EXIT_DONE;
    } else {
        fprintf(stderr, "leat: %.*s", (int)answer.len, (const char *)answer.data);
        exit_status = EXIT_ERROR;
    }
    leat_bytes_fini(&answer);
    free(dir);
    free(url);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const actions[] = {"start", "stop", "list", NULL};
    const char *data = NULL, *file = NULL, *format = "json";
    struct order order = {.action = START};
    const struct flag flags[] = {
        PLACE_FLAGS(data, file),
        {"where", "SQL", &order.where, NULL, "Which rows of the tables, as a condition."},
        {"anew", NULL, NULL, &order.is_anew, "Behind a truncate record: what the targets have and the tables have not goes."},
        {"format", "json", &format, NULL, "One object a line, always."},
        {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count == 0)
        return usage_error(verb, "start, stop or list?");
    order.action = take_choice(verb, "the action", arguments.items[0], actions);
    if (order.action < 0)
        return EXIT_USAGE;
    if (arguments.count < 2)
        return usage_error(verb, "%s of which PIPELINE?", arguments.items[0]);
    order.pipeline = arguments.items[1];
    leat_bytes_init(&order.tables, 64 << 10);
    for (size_t i = 2; i < arguments.count; i++)
        leat_bytes_printf(&order.tables, "%s%s", i > 2 ? "," : "", arguments.items[i]);
    leat_bytes_put(&order.tables, '\0');
    exit_status = order.action == LIST ? list(data, file, &order) : give(data, file, &order);
    leat_bytes_fini(&order.tables);
    return exit_status;
}

const struct verb verb_snapshot = {"snapshot", "start|stop|list PIPELINE [TABLE...]",
                                   "Reads tables of a database source again, while their changes go on.", run};
