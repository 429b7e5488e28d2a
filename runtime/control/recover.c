#include <control/recover.h>

#include <base/memory.h>
#include <control/hand.h>
#include <model/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which pipeline, which sinks ---- */

static enum leat_status find_pipeline(struct leat_recover *recover, const char *name, struct leat_error *err)
{
    const struct leat_config *config = recover->config;
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (strcmp(config->pipelines[i].name, name) == 0)
            recover->pipeline = &config->pipelines[i];
    if (!recover->pipeline)
        return leat_fail(err, LEAT_REJECT, "there is no pipeline \"%s\" in these files", name);
    if (!recover->pipeline->source)
        return leat_fail(err, LEAT_REJECT, "pipeline %s has no source of its own: recover the one whose log it reads", name);
    const struct leat_connector_def *source = recover->pipeline->source;
    if (!source->source->origin_order || !source->source->origin_position)
        return leat_fail(err, LEAT_REJECT,
                         "source %s: its records do not say where in it they come from, or not enough of it, so no target knows "
                         "where to go on: without its log it begins anew, by `leat run`",
                         source->source->name);
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (&config->pipelines[i] != recover->pipeline && config->pipelines[i].source &&
            strcmp(config->pipelines[i].log, recover->pipeline->log) == 0)
            return leat_fail(err, LEAT_REJECT, "log %s is also that of pipeline %s: two sources in one log cannot be recovered",
                             recover->pipeline->log, config->pipelines[i].name);
    return LEAT_OK;
}

/* The names that a reader gives its splits. */
static char *split_name(const struct leat_recover *recover, uint32_t lane, uint32_t lanes)
{
    return lanes == 1 ? leat_format_dup("%s/0", recover->pipeline->log)
                      : leat_format_dup("%s/%uof%u", recover->pipeline->log, lane, lanes);
}

static void add_sink(struct leat_recover *recover, const struct leat_connector_def *sink)
{
    uint32_t lanes = sink->parallel > 0 ? sink->parallel : 1;
    recover->sinks = leat_realloc(recover->sinks, (recover->count + lanes) * sizeof *recover->sinks);
    for (uint32_t i = 0; i < lanes; i++)
        recover->sinks[recover->count++] = (struct leat_recover_sink){
            .sink = sink, .split = split_name(recover, i, lanes), .keeps_marks = (sink->sink->traits & LEAT_KEEPS_MARK) && sink->sink->marks};
}

enum leat_status leat_recover_open(struct leat_recover *recover, const struct leat_config *config, const char *pipeline,
                                   struct leat_error *err)
{
    *recover = (struct leat_recover){.config = config, .positions = leat_batch_new(1 << 20, 1)};
    leat_arena_init(&recover->arena, 0);
    enum leat_status status = find_pipeline(recover, pipeline, err);
    for (size_t i = 0; status == LEAT_OK && i < recover->pipeline->sink_count; i++)
        add_sink(recover, &recover->pipeline->sinks[i]);
    recover->oldest = recover->count;
    return status;
}

void leat_recover_close(struct leat_recover *recover)
{
    for (size_t i = 0; i < recover->count; i++)
        free(recover->sinks[i].split);
    free(recover->sinks);
    leat_batch_free(recover->positions);
    leat_arena_fini(&recover->arena);
}

static bool set_again(struct leat_recover *recover, const char *sink, size_t len)
{
    bool is_there = false;
    for (size_t i = 0; i < recover->count; i++) {
        const char *name = recover->sinks[i].sink->name;
        if (strlen(name) == len && memcmp(name, sink, len) == 0)
            recover->sinks[i].is_again = is_there = true;
    }
    return is_there;
}

enum leat_status leat_recover_again(struct leat_recover *recover, const char *sinks, struct leat_error *err)
{
    for (;;) {
        size_t len = strcspn(sinks, ",");
        if (!set_again(recover, sinks, len))
            return leat_fail(err, LEAT_REJECT, "pipeline %s has no sink \"%.*s\"", recover->pipeline->name, (int)len, sinks);
        if (!sinks[len])
            return LEAT_OK;
        sinks += len + 1;
    }
}

/* ---- looking ---- */

static enum leat_status read_mark(struct leat_recover_sink *sink, struct leat_error *err)
{
    const char *names[] = {sink->split};
    struct leat_splits splits = {1, names};
    struct leat_marks marks = {1, &sink->mark, &sink->owner};
    void *self = leat_use_instance(&sink->sink->use);
    enum leat_status status = sink->sink->sink->marks(self, sink->sink->name, &splits, &marks, err);
    leat_use_free(&sink->sink->use, self);
    if (status != LEAT_OK)
        leat_error_context(err, "%s: its mark in the target", sink->sink->name);
    if (sink->mark.cursor.len == 0) /* claimed, and nothing written */
        sink->mark.layout = 0;
    return status;
}

static enum leat_status read_origin(struct leat_recover *recover, struct leat_recover_sink *sink, struct leat_error *err)
{
    const char *text = sink->mark.origin;
    if (sink->mark.layout == 0 || !text[0])
        return LEAT_OK;
    enum leat_status status = leat_json_read(text, strlen(text), true, &recover->arena, &sink->origin, err);
    if (status == LEAT_OK && sink->origin.type != LEAT_MAP)
        status = leat_fail(err, LEAT_STOP, "it is no JSON object");
    if (status != LEAT_OK)
        leat_error_context(err, "%s: the origin in its mark: %.200s", sink->sink->name, text);
    return status;
}

/* Lanes wait for each other by their places in the log. */
static enum leat_status refuse_lanes(const struct leat_recover_sink *sink, struct leat_error *err)
{
    if (sink->sink->parallel <= 1 || sink->mark.layout == 0)
        return LEAT_OK;
    return leat_fail(err, LEAT_STOP,
                     "%s has `parallel: %u`: its lanes meet at places of the log that is lost, and cannot go on in another one. Move its "
                     "marks in the target away: then it gets all from where the log begins, some of it twice",
                     sink->sink->name, sink->sink->parallel);
}

static bool has_origin(const struct leat_recover_sink *sink)
{
    return sink->origin.type == LEAT_MAP;
}

static void say_mark(const struct leat_recover_sink *sink, struct leat_bytes *report)
{
    leat_bytes_printf(report, "%s %s: ", sink->sink->name, sink->split);
    if (!sink->keeps_marks) {
        leat_bytes_printf(report, "%s keeps no mark in its target\n", sink->sink->sink->name);
        return;
    }
    if (sink->mark.layout == 0) {
        leat_bytes_text(report, "no mark in its target\n");
        return;
    }
    leat_bytes_text(report, "mark ");
    for (uint8_t i = 0; i < sink->mark.cursor.len; i++)
        leat_bytes_printf(report, "%02x", sink->mark.cursor.bytes[i]);
    leat_bytes_text(report, " of log ");
    for (size_t i = 0; i < sizeof sink->mark.log_uuid; i++)
        leat_bytes_printf(report, "%02x", sink->mark.log_uuid[i]);
    leat_bytes_printf(report, ", generation %llu, sequence %llu%s%s\n    origin %s\n", (unsigned long long)sink->mark.generation,
                      (unsigned long long)sink->mark.sequence, sink->owner[0] ? ", written by " : "", sink->owner,
                      sink->mark.origin[0] ? sink->mark.origin : "unknown");
}

enum leat_status leat_recover_look(struct leat_recover *recover, struct leat_bytes *report, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < recover->count; i++) {
        struct leat_recover_sink *sink = &recover->sinks[i];
        if (sink->keeps_marks)
            status = read_mark(sink, err);
        if (status == LEAT_OK)
            status = refuse_lanes(sink, err);
        if (status == LEAT_OK)
            status = read_origin(recover, sink, err);
        if (status == LEAT_OK)
            say_mark(sink, report);
    }
    return status;
}

/* ---- where to begin ---- */

/* Where a target is within a snapshot, nothing goes on: it begins anew, for all of them. */
static bool is_within_snapshot(const struct leat_recover_sink *sink)
{
    const struct leat_value *snapshot = leat_map_get(&sink->origin, "snapshot");
    bool is_last = snapshot && snapshot->type == LEAT_TEXT && snapshot->len == 4 && memcmp(snapshot->as.text, "last", 4) == 0;
    return snapshot && !is_last;
}

static int order(const struct leat_recover *recover, size_t a, size_t b)
{
    if (is_within_snapshot(&recover->sinks[a]) != is_within_snapshot(&recover->sinks[b]))
        return is_within_snapshot(&recover->sinks[a]) ? -1 : 1;
    return recover->pipeline->source->source->origin_order(&recover->sinks[a].origin, &recover->sinks[b].origin);
}

static enum leat_status find_oldest(struct leat_recover *recover, struct leat_error *err)
{
    for (size_t i = 0; i < recover->count; i++) {
        const struct leat_recover_sink *sink = &recover->sinks[i];
        if (sink->mark.layout != 0 && !has_origin(sink) && !sink->is_again)
            return leat_fail(err, LEAT_STOP,
                             "%s: its mark has no origin: what the target has cannot be told. `--again %s` (`--again SINK,SINK`: of "
                             "more than one) writes to it all from where the log will begin, some of it perhaps twice",
                             sink->sink->name, sink->sink->name);
        if (!has_origin(sink) || sink->is_again)
            continue;
        int order_of_both = recover->oldest == recover->count ? -1 : order(recover, i, recover->oldest);
        if (order_of_both == LEAT_NO_ORDER)
            return leat_fail(err, LEAT_STOP,
                             "the origins of %s and %s are not of one history of the source: which is older cannot be told; "
                             "`--again SINK` leaves one of them out",
                             sink->sink->name, recover->sinks[recover->oldest].sink->name);
        if (order_of_both < 0)
            recover->oldest = i;
    }
    if (recover->oldest == recover->count)
        return leat_fail(err, LEAT_STOP, "no target of pipeline %s holds an origin: there is nothing to recover from; `leat run` begins anew",
                         recover->pipeline->name);
    return LEAT_OK;
}

static bool passes_over(const struct leat_recover *recover, size_t i)
{
    const struct leat_recover_sink *sink = &recover->sinks[i];
    return has_origin(sink) && !sink->is_again && !recover->found.begins_anew &&
           (!recover->found.is_behind || order(recover, i, recover->oldest) != 0);
}

static const char *what_it_does(const struct leat_recover *recover, size_t i)
{
    const struct leat_recover_sink *sink = &recover->sinks[i];
    if (recover->found.begins_anew && sink->mark.layout != 0)
        return "gets all again, each table behind a truncate record";
    if (passes_over(recover, i))
        return "passes over what comes again up to its origin, and goes on behind it";
    if (sink->mark.layout != 0 && !sink->is_again)
        return "has all before the place where the log begins";
    if (sink->mark.layout != 0)
        return "writes all from where the log begins, some of it perhaps twice";
    return sink->keeps_marks ? "gets all from where the log begins, and nothing from before"
                             : "gets all from where the log begins: what it got before may come again, what it did not is not told";
}

enum leat_status leat_recover_plan(struct leat_recover *recover, struct leat_bytes *report, struct leat_error *err)
{
    enum leat_status status = find_oldest(recover, err);
    if (status != LEAT_OK)
        return status;
    const struct leat_connector_def *source = recover->pipeline->source;
    void *self = leat_use_instance(&source->use);
    status = source->source->origin_position(self, &recover->sinks[recover->oldest].origin, recover->positions, &recover->found, err);
    leat_use_free(&source->use, self);
    if (status != LEAT_OK) {
        leat_error_context(err, "%s: the oldest origin is that of %s", source->name, recover->sinks[recover->oldest].sink->name);
        return status;
    }
    leat_bytes_printf(report, "%s: a new log, %s\n", source->name, recover->found.text);
    for (size_t i = 0; i < recover->count; i++)
        leat_bytes_printf(report, "%s %s: %s\n", recover->sinks[i].sink->name, recover->sinks[i].split, what_it_does(recover, i));
    for (size_t i = 0; i < recover->config->pipeline_count; i++)
        if (!recover->config->pipelines[i].source)
            leat_bytes_printf(report,
                              "%s: reads topics of others; where these are %s's, its sinks stop, as their marks are of the lost log\n",
                              recover->config->pipelines[i].name, recover->pipeline->name);
    return LEAT_OK;
}

/* ---- writing ---- */

static void make_claim(const struct leat_recover *recover, size_t i, struct leat_recovered *claim)
{
    const struct leat_mark *mark = &recover->sinks[i].mark;
    *claim = (struct leat_recovered){.generation = mark->generation + 1, .cursor = mark->cursor};
    memcpy(claim->log_uuid, mark->log_uuid, sizeof claim->log_uuid);
    memcpy(claim->incarnation, mark->incarnation, sizeof claim->incarnation);
    if (passes_over(recover, i))
        memcpy(claim->origin, mark->origin, sizeof claim->origin);
}

struct claims {
    struct leat_state *states;
    size_t count;
    struct leat_batch *memory;
};

static void add_claim(struct claims *claims, const struct leat_recover *recover, size_t i)
{
    char key[LEAT_RECOVERED_KEY_MAX];
    struct leat_value items[LEAT_RECOVERED_ITEMS];
    struct leat_recovered claim;
    make_claim(recover, i, &claim);
    struct leat_state state = leat_recovered_state(recover->sinks[i].sink->name, recover->sinks[i].split, &claim, key, items);
    state.key = leat_batch_copy_value(claims->memory, &state.key);
    state.value = leat_batch_copy_value(claims->memory, &state.value);
    claims->states[claims->count++] = state;
}

enum leat_status leat_recover_write(struct leat_recover *recover, const struct leat_driver_type *driver,
                                    struct leat_access *access, struct leat_error *err)
{
    struct leat_hand hand = {.driver = driver, .access = access, .config = recover->config, .log = recover->pipeline->log,
                             .name = recover->pipeline->source->name};
    struct claims claims = {leat_calloc(recover->count + 1, sizeof *claims.states), 0,
                            leat_batch_new((recover->count + 1) * 2 * LEAT_MARK_BYTES_MAX, 1)};
    for (size_t i = 0; i < recover->count; i++)
        if (recover->sinks[i].mark.layout != 0)
            add_claim(&claims, recover, i);
    enum leat_status status = leat_hand_write(&hand, recover->positions, claims.states, claims.count, NULL, err);
    leat_hand_close(&hand);
    leat_batch_free(claims.memory);
    free(claims.states);
    return status;
}
