/* sink_open.c - where a sink goes on: its marks, what the log says of them, and what the sink
 * promises.
 *
 * The mark in the target is the truth (I3); our hint tells only whether there should be one.
 */
#include <task/inside.h>

#include <base/memory.h>
#include <leat/value.h>
#include <stdio.h>
#include <stdlib.h>

struct hint_search {
    const struct leat_task *task;
    const char *split;
    struct leat_mark *mark;
};

static void find_hint(void *arg, const char *log, const struct leat_state *state)
{
    struct hint_search *search = arg;
    (void)log;
    if (state->kind != LEAT_STATE_HINT ||
        strcmp(state->connector, leat_task_name(search->task)) != 0 ||
        state->key.type != LEAT_TEXT || state->value.type != LEAT_BYTES)
        return;
    if (state->key.len == strlen(search->split) &&
        memcmp(state->key.as.text, search->split, state->key.len) == 0)
        leat_mark_decode(state->value.as.bytes, state->value.len, search->mark);
}

/* A target that keeps no mark: our own copy is the truth. */
static enum leat_status own_marks(struct leat_task *task, const struct leat_splits *splits,
                                  struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++) {
        struct hint_search search = {task, splits->names[i], &task->marks.items[i]};
        status = task->driver->describe(task->config.access, NULL, find_hint, &search, err);
    }
    return status;
}

/* A mark that somebody is known to have written behind our log's back says whose the target is: FENCED. */
static enum leat_status bad_mark(struct leat_task *task, enum leat_verdict verdict,
                                 const char *split, const char *owner, struct leat_error *err)
{
    enum leat_status theirs = owner[0] ? LEAT_FENCED : LEAT_STOP;
    const char *name = leat_task_name(task);
    bool is_theirs = task->connector->sink->traits & LEAT_KEEPS_MARK;
    switch (verdict) {
    case LEAT_MARK_AHEAD:
        return leat_fail(err, theirs,
                         "the target's mark for %s is ahead of the log%s%s: the data directory was "
                         "restored from an older backup, or is a copy of one that another daemon uses; "
                         "bring the newer one back, or move the target's mark away to write from "
                         "the log's start",
                         split, owner[0] ? ", written by " : "", owner);
    case LEAT_MARK_CUT: /* whoever asks: our log is not whole */
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                            "the target's mark for %s is ahead of the log, in a part that this very log wrote%s%s: records that were "
                            "acknowledged are missing at its end. Its tail is damaged or gone (see `leat log verify %s`), or the data "
                            "directory is an older copy that was made while it was in use. Bring the newer one back; where it is "
                            "lost, move the log away: `leat recover %s --from-sinks` then begins one from what the targets hold",
                            split, owner[0] ? ", written by " : "", owner, task->pipeline->log, task->pipeline->name);
    case LEAT_MARK_GONE:
        return leat_fail(err, LEAT_STOP,
                         "the target's mark for %s lies before the oldest record kept: records "
                         "between were released; raise `retain`, and %s`leat offsets reset %s` "
                         "accepts the gap",
                         split, is_theirs ? "move the target's mark away: then " : "", name);
    case LEAT_MARK_FOREIGN:
        return leat_fail(err, theirs,
                         "the target's mark for %s was written from another log%s%s: this is another "
                         "data directory, a clone or a "
                         "restored backup; point the sink to a target of its own, or bring the "
                         "right data directory back; where that is lost, `leat recover PIPELINE --from-sinks` "
                         "begins a log for this target",
                         split, owner[0] ? " by " : "", owner);
    default:
        return leat_fail(err, LEAT_STOP,
                         "the target holds no mark for %s, though this sink has written there: it "
                         "was wiped, or it is another "
                         "target; `leat offsets reset %s` writes all that the log has once more",
                         split, name);
    }
}

/* ---- "latest" is a moment, that of the task's first life. It is kept, so that no later life, nor a later process, steps
 * over what came since then, before there was a mark (I7). Of several lanes the earliest counts: they may be other lanes
 * tomorrow ---- */

static struct leat_value began_key(const struct leat_task *task, char text[32])
{
    snprintf(text, 32, "began %u", (unsigned)task->config.number);
    return leat_value_string(text);
}

static void find_began(void *arg, const char *log, const struct leat_state *state)
{
    struct leat_task *task = arg;
    if (state->kind == LEAT_STATE_INTENT && strcmp(log, task->pipeline->log) == 0 &&
        strcmp(state->connector, leat_task_name(task)) == 0 && state->key.type == LEAT_TEXT &&
        state->key.len > 6 && memcmp(state->key.as.text, "began ", 6) == 0 && state->value.type == LEAT_INT64 &&
        (task->began_us == 0 || state->value.as.i < task->began_us))
        task->began_us = state->value.as.i;
}

static enum leat_status load_began(struct leat_task *task, struct leat_error *err)
{
    if (task->connector->start.kind != LEAT_AT_END || task->began_us > 0)
        return LEAT_OK;
    return task->driver->describe(task->config.access, NULL, find_began, task, err);
}

/* Durable before the first record is read. */
static enum leat_status keep_began(struct leat_task *task, int64_t now_us, struct leat_error *err)
{
    char text[32];
    if (task->connector->start.kind != LEAT_AT_END || task->began_us > 0)
        return LEAT_OK;
    struct leat_state state = {LEAT_STATE_INTENT, leat_task_name(task), began_key(task, text),
                               leat_value_int(now_us)};
    enum leat_status status = sink_keep(task, &state, err);
    if (status == LEAT_OK)
        task->began_us = now_us;
    return status;
}

static enum leat_status begin_split(struct leat_task *task, uint32_t i, struct leat_error *err)
{
    struct leat_place place = task->connector->start;
    if (place.kind == LEAT_AT_END && task->began_us > 0)
        place = (struct leat_place){.kind = LEAT_AT_TIME, .time_us = task->began_us};
    return task->driver->seek(task->reader, i, &place, err);
}

/* Did lanes of another number write for this sink, of which the target tells us nothing? */
struct lanes_search {
    const struct leat_task *task;
    const char *split;
    char found[300];
};

/* "shop/1of3": 3, "shop/0": 1; 0: none of these. */
static unsigned lanes_of(const char *split)
{
    unsigned number, count;
    const char *slash = strrchr(split, '/');
    if (slash && sscanf(slash, "/%uof%u", &number, &count) == 2)
        return count;
    return slash && strcmp(slash, "/0") == 0 ? 1 : 0;
}

static void find_lanes(void *arg, const char *log, const struct leat_state *state)
{
    struct lanes_search *search = arg;
    size_t prefix = (size_t)(strrchr(search->split, '/') + 1 - search->split);
    char name[300];
    (void)log;
    if (state->kind != LEAT_STATE_HINT || strcmp(state->connector, leat_task_name(search->task)) != 0 ||
        state->key.type != LEAT_TEXT || state->key.len <= prefix || state->key.len >= sizeof name ||
        memcmp(state->key.as.text, search->split, prefix) != 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)state->key.len, state->key.as.text);
    if (lanes_of(name) > 0 && lanes_of(name) != lanes_of(search->split)) /* a lane of now may have begun before this one */
        strcpy(search->found, name);
}

static enum leat_status begin_new_split(struct leat_task *task, const char *split, uint32_t i, struct leat_error *err)
{
    struct lanes_search search = {.task = task, .split = split};
    enum leat_status status = LEAT_OK;
    if (!has_written(task, i) && strrchr(split, '/'))
        status = task->driver->describe(task->config.access, NULL, find_lanes, &search, err);
    if (status == LEAT_OK && search.found[0])
        return leat_fail(err, LEAT_STOP,
                         "there is no mark for %s, but this sink has written as %s: what that was cannot be taken over; set "
                         "`parallel` back, or `leat offsets reset %s` writes all that the log has once more",
                         split, search.found, leat_task_name(task));
    return status == LEAT_OK ? begin_split(task, i, err) : status;
}

/* ---- sent back: a claim that is newer than our hint of the mark, and than the mark (sent_back.h) ---- */

struct shelf { /* where a topic partition lies */
    const struct leat_place *place;
    char log[256];
    uint64_t first;
    bool is_there;
};

static void find_topic(void *arg, const struct leat_topic_info *info)
{
    struct shelf *shelf = arg;
    if (strcmp(info->name, shelf->place->topic) != 0 || info->partition != shelf->place->partition)
        return;
    snprintf(shelf->log, sizeof shelf->log, "%s", info->log);
    shelf->first = info->first;
    shelf->is_there = true;
}

static bool is_split_of(const char *split, const char *log)
{
    size_t len = strlen(log);
    return strncmp(split, log, len) == 0 && split[len] == '/';
}

/* An offset concerns the split that its topic is in; the others go on at their marks. */
static enum leat_status is_meant(struct leat_task *task, const char *split, bool *is_meant, struct leat_error *err)
{
    const struct leat_place *place = &task->sent_back.place;
    struct shelf shelf = {.place = place};
    *is_meant = true;
    if (place->kind != LEAT_AT_OFFSET)
        return LEAT_OK;
    enum leat_status status = task->driver->describe(task->config.access, find_topic, NULL, &shelf, err);
    *is_meant = shelf.is_there && is_split_of(split, shelf.log);
    if (status == LEAT_OK && *is_meant && shelf.first > place->offset)
        return leat_fail(err, LEAT_STOP,
                         "it was sent back to offset %llu of topic %s, which is not kept any more (the first is %llu); "
                         "`leat replay %s --from earliest` takes what there is",
                         (unsigned long long)place->offset, place->topic, (unsigned long long)shelf.first,
                         leat_task_name(task));
    return status;
}

/* *is_sent: the reader is where the claim says. A mark of another log is none of ours to pass over. */
static enum leat_status send_back(struct leat_task *task, const struct leat_splits *splits, uint32_t i,
                                  enum leat_verdict *verdict, bool *is_sent, struct leat_error *err)
{
    const struct leat_sent_back *claim = &task->sent_back;
    struct leat_mark hint = {0}, mark = task->marks.items[i];
    struct hint_search search = {task, splits->names[i], &hint};
    *is_sent = false;
    if (claim->generation <= mark.generation || *verdict == LEAT_MARK_FOREIGN)
        return LEAT_OK;
    enum leat_status status = task->driver->describe(task->config.access, NULL, find_hint, &search, err);
    bool is_old = claim->generation <= hint.generation; /* applied before; the target has lost that, and goes on at its mark */
    if (status == LEAT_OK && !is_old)
        status = is_meant(task, splits->names[i], is_sent, err);
    if (status != LEAT_OK || (!is_old && !*is_sent))
        return status;
    mark.generation = claim->generation; /* that of the marks from here on */
    *verdict = task->driver->judge(task->reader, i, &mark);
    if (is_old)
        return LEAT_OK;
    leat_say(LEAT_WARNING, leat_task_name(task), "sent back in %s by `leat replay` (generation %llu)", splits->names[i],
             (unsigned long long)claim->generation);
    leat_count(task, "sent_back", 1);
    written_forget_split(task, i);
    return task->driver->seek(task->reader, i, &claim->place, err);
}

/* ---- recovered: the mark is one of the log that was lost, or one that was written while records are passed over ---- */

/* From here on the mark counts as one of this log, of the claim's generation. */
static bool adopt(struct leat_task *task, uint32_t i, enum leat_verdict *verdict)
{
    struct leat_mark *mark = &task->marks.items[i];
    const struct leat_recovered *claim = pass_over_claim(task, i);
    if (*verdict != LEAT_MARK_FOREIGN || !claim || !leat_recovered_is_of(claim, mark))
        return false;
    mark->generation = claim->generation;
    task->driver->judge(task->reader, i, mark); /* for the generation of the marks to come */
    *verdict = LEAT_MARK_NONE;
    return true;
}

/* Goes on in the log that was begun anew, where the search for the target's last record stands. */
static enum leat_status go_on_recovered(struct leat_task *task, uint32_t i, bool is_adopted, struct leat_error *err)
{
    const struct leat_recovered *claim = pass_over_claim(task, i);
    const struct leat_cursor *reached = &task->marks.items[i].cursor;
    bool is_past = !is_adopted && claim->found.len > 0 && leat_cursor_compare(reached, &claim->found) > 0;
    struct leat_place place = {.kind = LEAT_AT_FIRST};
    if (!is_adopted)
        place = (struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = *reached};
    if (claim->found.len > 0 && !is_past)
        place = (struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = claim->found};
    enum leat_status status = is_past ? LEAT_OK : pass_over_begin(task, i, err);
    return status == LEAT_OK ? task->driver->seek(task->reader, i, &place, err) : status;
}

static bool is_recovered(const struct leat_task *task, uint32_t i, enum leat_verdict verdict)
{
    const struct leat_recovered *claim = pass_over_claim(task, i);
    return claim && claim->generation > 0 && claim->generation == task->marks.items[i].generation &&
           (verdict == LEAT_MARK_INSIDE || verdict == LEAT_MARK_REWOUND);
}

static enum leat_status place_split(struct leat_task *task, const struct leat_splits *splits,
                                    uint32_t i, struct leat_error *err)
{
    const struct leat_mark *mark = &task->marks.items[i];
    struct leat_place place = {.kind = LEAT_AT_CURSOR, .cursor = mark->cursor};
    enum leat_verdict verdict = task->driver->judge(task->reader, i, mark);
    bool is_sent, is_adopted = adopt(task, i, &verdict);
    enum leat_status status = send_back(task, splits, i, &verdict, &is_sent, err);
    if (status != LEAT_OK || is_sent)
        return status;
    if (is_adopted || is_recovered(task, i, verdict))
        return go_on_recovered(task, i, is_adopted, err);
    switch (verdict) {
    case LEAT_MARK_NONE:
        return begin_new_split(task, splits->names[i], i, err);
    case LEAT_MARK_REWOUND:
        if (has_written(task, i)) /* the hint is of another time with so many lanes */
            return task->driver->seek(task->reader, i, &place, err);
        leat_count(task, "marks_rewound", 1);
        leat_say(LEAT_WARNING, leat_task_name(task),
                 "the target lost its tail in %s; writing it again", splits->names[i]);
        return task->driver->seek(task->reader, i, &place, err);
    case LEAT_MARK_INSIDE:
        return task->driver->seek(task->reader, i, &place, err);
    default:
        return bad_mark(task, verdict, splits->names[i], task->marks.owners[i], err);
    }
}

/* GONE and sent back is for place_split(), which knows of more. */
enum leat_status leat_task_accepts(struct leat_task *task, uint32_t split, const struct leat_mark *mark, const char *owner,
                                   struct leat_error *err)
{
    if (mark->layout == 0)
        return LEAT_OK;
    lag_lend(task, false);
    enum leat_verdict verdict = task->driver->judge(task->reader, split, mark);
    lag_lend(task, true);
    bool is_sent_back = task->sent_back.generation > mark->generation;
    const struct leat_recovered *claim = pass_over_claim(task, split);
    bool is_ours = claim && leat_recovered_is_of(claim, mark);
    bool is_ahead = verdict == LEAT_MARK_AHEAD || verdict == LEAT_MARK_CUT;
    bool is_bad = (verdict == LEAT_MARK_FOREIGN && !is_ours) || (is_ahead && !is_sent_back);
    return is_bad ? bad_mark(task, verdict, task->splits.names[split], owner, err) : LEAT_OK;
}

static enum leat_status open_reader(struct leat_task *task, struct leat_splits *splits,
                                    struct leat_error *err)
{
    const char *logs[2] = {task->pipeline->log, NULL};
    const struct leat_list *patterns = task->connector->topics.count > 0 ? &task->connector->topics
                                       : task->pipeline->source          ? NULL
                                                                : &task->pipeline->subscribe;
    struct leat_subscription what = {
        .logs = task->pipeline->source ? logs : NULL,
        .patterns = patterns,
        .consumer = leat_task_name(task),
        .lane = task->config.number,
        .lanes = task->config.count,
        .barriers = task->connector->sink->traits & LEAT_BARRIERS,
    };
    return task->driver->reader_open(task->config.access, &what, &task->reader, splits, err);
}

static enum leat_status open_sink(struct leat_task *task, const struct leat_splits *splits,
                                  struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    task->marks.count = splits->count;
    task->marks.items = leat_calloc(splits->count ? splits->count : 1, sizeof *task->marks.items);
    task->marks.owners = leat_calloc(splits->count ? splits->count : 1, sizeof *task->marks.owners);
    enum leat_guarantee guarantee = LEAT_AT_LEAST_ONCE; /* of a sink that says nothing */
    lag_lend(task, true);
    enum leat_status status = type->open(task->self, task, splits, &task->marks, &guarantee, err);
    lag_lend(task, false);
    guarantee_note(task, guarantee);
    if (status == LEAT_OK && !(type->traits & LEAT_KEEPS_MARK))
        status = own_marks(task, splits, err);
    if (status == LEAT_OK)
        status = load_began(task, err);
    int64_t now_us = leat_wall_us();
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++)
        status = place_split(task, splits, i, err);
    return status == LEAT_OK ? keep_began(task, now_us, err) : status;
}

static void give_all(struct leat_task *task)
{
    if (task->pending)
        pool_give(&task->pool, task->pending);
    task->pending = NULL;
    while (task->receipts.first)
        receipt_free(task, receipts_take(task));
}

void sink_peek(struct leat_task *task)
{
    struct leat_error ignored;
    if (!task->reader && open_reader(task, &task->splits, &ignored) != LEAT_OK)
        task->reader = NULL;
}

void sink_leave(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    struct leat_reader *reader = task->reader;
    task->reader = NULL;
    task->is_lent = false;
    leat_lock_give(&task->lock);
    if (reader)
        task->driver->reader_close(reader);
}

static void end_life(struct leat_task *task)
{
    give_all(task);
    if (task->writer)
        task->driver->writer_close(task->writer);
    task->writer = NULL;
    dead_letters_forget(task);
    written_forget(task);
    pass_over_forget(task);
    free(task->marks.items);
    free(task->marks.owners);
    task->marks = (struct leat_marks){0};
}

enum leat_status sink_life(struct leat_task *task, struct leat_error *err)
{
    sink_leave(task);
    task->unsettled.records = task->unsettled.bytes = 0;
    enum leat_status status = open_reader(task, &task->splits, err);
    if (status == LEAT_OK)
        status = chain_start(task, err);
    if (status == LEAT_OK)
        status = leat_sent_back_load(task->driver, task->config.access, leat_task_name(task), &task->sent_back, err);
    if (status == LEAT_OK)
        status = pass_over_load(task, err);
    bool is_open = status == LEAT_OK;
    if (is_open)
        status = open_sink(task, &task->splits, err);
    if (status == LEAT_OK)
        status = dead_letters_load(task, err);
    if (status == LEAT_OK) {
        guarantee_say(task);
        progress_note(task, false, false);
        task_set_state(task, LEAT_TASK_RUNNING);
        status = sink_loop(task, err);
    }
    sides_end(task);
    if (is_open)
        task->connector->sink->close(task->self, task);
    sides_join(task);
    chain_end(task);
    end_life(task);
    return status;
}
