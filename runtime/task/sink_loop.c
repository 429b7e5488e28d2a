#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_US 200000 /* how often the end of a --once run and the lag are looked at while nothing comes */

struct leat_rejects {
    struct leat_task *task;
    bool has_any;
};

void leat_rejects_add(struct leat_rejects *rejects, uint64_t batch, uint32_t index, const char *fmt, ...)
{
    char text[LEAT_ERROR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (struct leat_batch *at = rejects->task->inflight; at; at = at->next)
        if (at->number == batch)
            leat_batch_reject(at, index, "%s", text);
    rejects->has_any = true;
}

/* ---- settling ---- */

static enum leat_status take_settled(struct leat_task *task, uint64_t done, struct leat_error *err)
{
    while (task->inflight && task->inflight->number <= done) {
        struct leat_batch *batch = task->inflight;
        task->inflight = batch->next;
        if (!task->inflight)
            task->inflight_last = &task->inflight;
        enum leat_status status = task->driver->hint(task->reader, batch->split, &batch->mark, err);
        dead_letters_settled(task, batch);
        status_add(task, batch->count, leat_batch_bytes(batch));
        task->has_progressed = true;
        pool_give(&task->pool, batch);
        if (status != LEAT_OK)
            return status;
    }
    return LEAT_OK;
}

/* Records that the target refused after put(): the policy decides, as if put() had. */
static enum leat_status late_refusals(struct leat_task *task, struct leat_error *err)
{
    for (struct leat_batch *batch = task->inflight; batch; batch = batch->next) {
        if (batch->refusal_count == 0)
            continue;
        if (task_policy(task) == LEAT_POLICY_STOP)
            return leat_fail(err, LEAT_STOP, "record %s@%llu was refused: %s",
                             batch->records[batch->refusals[0].index].topic->name,
                             (unsigned long long)batch->records[batch->refusals[0].index].offset,
                             batch->refusals[0].reason);
        enum leat_status status = sink_refusals(task, batch, err);
        if (status != LEAT_OK)
            return status;
    }
    return LEAT_OK;
}

static enum leat_status settle(struct leat_task *task, struct leat_time *next, struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    struct leat_rejects rejects = {.task = task};
    uint64_t done = task->batch_number;
    *next = LEAT_NEVER;
    if (type->settle) {
        done = 0;
        enum leat_status status = type->settle(task->self, task, &done, &rejects, next, err);
        if (status == LEAT_OK && rejects.has_any)
            status = late_refusals(task, err);
        if (status != LEAT_OK)
            return status;
    } else if (task->pending && task->pending->number <= done) {
        done = task->pending->number - 1; /* not taken yet */
    }
    return take_settled(task, done, err);
}

static enum leat_status flush(struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    struct leat_time next;
    enum leat_status status = type->flush ? type->flush(task->self, task, deadline, err) : LEAT_OK;
    if (status == LEAT_OK)
        status = settle(task, &next, err);
    return status;
}

/* ---- one batch ---- */

static bool wants(const struct leat_task *task, const struct leat_record *rec)
{
    return !(rec->flags & LEAT_DROPPED) &&
           (!leat_op_is_control(rec->op) || (task->connector->sink->traits & LEAT_WANTS_CONTROL));
}

static void leave_out(struct leat_task *task, struct leat_batch *batch)
{
    for (uint32_t i = batch->count; i-- > 0;)
        if (!wants(task, &batch->records[i]))
            leat_batch_remove(batch, i);
}

static enum leat_status prepare(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    batch->number = ++task->batch_number;
    enum leat_status status = leat_chain_apply(task->chain, batch, err);
    if (status == LEAT_REJECT)
        status = sink_refusals(task, batch, err);
    if (status == LEAT_OK)
        leave_out(task, batch);
    return status;
}

/* Hands task->pending to the sink. LEAT_AGAIN: it has no room. */
static enum leat_status put(struct leat_task *task, struct leat_error *err)
{
    struct leat_batch *batch = task->pending;
    for (;;) {
        enum leat_status status = task->connector->sink->put(task->self, task, batch, err);
        if (status == LEAT_REJECT) {
            status = sink_refusals(task, batch, err);
            if (status == LEAT_OK) {
                leave_out(task, batch);
                continue;
            }
        }
        if (status != LEAT_OK)
            return status;
        break;
    }
    task->pending = NULL;
    batch->next = NULL;
    *task->inflight_last = batch;
    task->inflight_last = &batch->next;
    return LEAT_OK;
}

/* Reads the next batch into task->pending. LEAT_AGAIN: nothing there, or no memory for it. */
static enum leat_status read_next(struct leat_task *task, struct leat_error *err)
{
    struct leat_batch *batch = pool_take(&task->pool);
    if (!batch)
        return LEAT_AGAIN;
    enum leat_status status = task->driver->read(task->reader, batch, err);
    if (status == LEAT_OK)
        status = prepare(task, batch, err);
    if (status == LEAT_OK)
        task->pending = batch;
    else
        pool_give(&task->pool, batch);
    return status;
}

/* A refused record under the policy `stop`: what stands before it was put already; make it count, then fail. */
static enum leat_status stop_before_record(struct leat_task *task, struct leat_error *err)
{
    struct leat_error ignored;
    flush(task, leat_after_us(10000000), &ignored);
    return leat_fail(err, LEAT_STOP, "%s", err->text);
}

static void note_lag(struct leat_task *task)
{
    struct leat_lag lag;
    task->driver->lag(task->reader, &lag);
    if (task->inflight || task->pending) {
        lag.records = lag.records == 0 ? 1 : lag.records;
        lag.us = lag.us > 0 ? lag.us : 0;
    }
    leat_lock_take(&task->lock);
    task->status.lag = lag;
    leat_lock_give(&task->lock);
}

/* ---- the loop ---- */

static enum leat_status turn(struct leat_task *task, bool *is_over, struct leat_error *err)
{
    struct leat_time next;
    bool were_sources_over = once_is_over(task->config.once); /* asked before reading, so that nothing comes after */
    enum leat_status status = LEAT_OK, got = LEAT_OK;
    if (!task->pending)
        got = read_next(task, err);
    if (got != LEAT_OK && got != LEAT_AGAIN)
        return got == LEAT_REJECT ? stop_before_record(task, err) : got;
    bool is_idle = got == LEAT_AGAIN;
    if (task->pending) {
        status = put(task, err);
        if (status == LEAT_REJECT)
            return stop_before_record(task, err);
        is_idle = status == LEAT_AGAIN;
        if (status != LEAT_OK && status != LEAT_AGAIN)
            return status;
    }
    status = settle(task, &next, err);
    if (status != LEAT_OK)
        return status;
    if (!is_idle)
        return LEAT_OK;
    if (were_sources_over && !task->pending && got == LEAT_AGAIN) {
        status = flush(task, LEAT_NEVER, err);
        *is_over = status == LEAT_OK && !task->inflight;
        if (status != LEAT_OK && status != LEAT_AGAIN)
            return status;
        if (*is_over)
            return LEAT_OK;
    }
    note_lag(task);
    struct leat_time look = leat_after_us(LOOK_US);
    task_wait(task, task->pending || task->pool.made == task->pool.most ? -1 : task->driver->reader_fd(task->reader),
              next.ns < look.ns ? next : look);
    return LEAT_OK;
}

static enum leat_status loop(struct leat_task *task, struct leat_error *err)
{
    bool is_over = false;
    struct leat_time noted = leat_now();
    while (!leat_task_is_stopping(task)) {
        enum leat_status status = turn(task, &is_over, err);
        if (status != LEAT_OK || is_over)
            return status;
        if (leat_now().ns - noted.ns > (int64_t)LOOK_US * 1000) {
            note_lag(task);
            noted = leat_now();
        }
    }
    task_set_state(task, LEAT_TASK_STOPPING);
    enum leat_status status = flush(task, task_stop_by(task), err);
    return status == LEAT_OK || status == LEAT_AGAIN ? LEAT_AGAIN : status;
}

/* ---- open: where the target says that we are ---- */

struct hint_search {
    const struct leat_task *task;
    const char *split;
    struct leat_mark *mark;
};

static void find_hint(void *arg, const char *log, const struct leat_state *state)
{
    struct hint_search *search = arg;
    (void)log;
    if (state->kind != LEAT_STATE_HINT || strcmp(state->connector, leat_task_name(search->task)) != 0 ||
        state->key.type != LEAT_TEXT || state->value.type != LEAT_BYTES)
        return;
    if (state->key.len == strlen(search->split) && memcmp(state->key.as.text, search->split, state->key.len) == 0)
        leat_mark_decode(state->value.as.bytes, state->value.len, search->mark);
}

/* A target that keeps no mark: our own copy is the truth. */
static enum leat_status own_marks(struct leat_task *task, const struct leat_splits *splits, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++) {
        struct hint_search search = {task, splits->names[i], &task->marks.items[i]};
        status = task->driver->describe(task->config.access, NULL, find_hint, &search, err);
    }
    return status;
}

static enum leat_status bad_mark(struct leat_task *task, enum leat_verdict verdict, const char *split,
                                 struct leat_error *err)
{
    const char *name = leat_task_name(task);
    switch (verdict) {
    case LEAT_MARK_AHEAD:
        return leat_fail(err, LEAT_STOP,
                         "the target's mark for %s is ahead of the log: the data directory was restored from an older backup; "
                         "bring the newer one back, or move the target's mark away to write from the log's start",
                         split);
    case LEAT_MARK_GONE:
        return leat_fail(err, LEAT_STOP,
                         "the target's mark for %s lies before the oldest record kept: records between were released; raise "
                         "`retain`, and `leat offsets reset %s` accepts the gap",
                         split, name);
    case LEAT_MARK_FOREIGN:
        return leat_fail(err, LEAT_STOP,
                         "the target's mark for %s was written from another log: this is another data directory, a clone or a "
                         "restored backup; point the sink to a target of its own, or bring the right data directory back",
                         split);
    default:
        return leat_fail(err, LEAT_STOP,
                         "the target holds no mark for %s, though this sink has written there: it was wiped, or it is another "
                         "target; `leat offsets reset %s` writes all that the log has once more",
                         split, name);
    }
}

static enum leat_status place_split(struct leat_task *task, const struct leat_splits *splits, uint32_t i,
                                    struct leat_error *err)
{
    const struct leat_mark *mark = &task->marks.items[i];
    struct leat_place place = {.kind = LEAT_AT_CURSOR, .cursor = mark->cursor};
    enum leat_verdict verdict = task->driver->judge(task->reader, i, mark);
    switch (verdict) {
    case LEAT_MARK_NONE:
        return task->driver->seek(task->reader, i, &task->connector->start, err);
    case LEAT_MARK_REWOUND:
        leat_say(LEAT_WARNING, leat_task_name(task), "the target lost its tail in %s; writing it again", splits->names[i]);
        return task->driver->seek(task->reader, i, &place, err);
    case LEAT_MARK_INSIDE:
        return task->driver->seek(task->reader, i, &place, err);
    default:
        return bad_mark(task, verdict, splits->names[i], err);
    }
}

/* The text of the sink's main option, for people: "out/{topic}.ndjson". */
static const char *main_option(const struct leat_task *task)
{
    for (const struct leat_option *option = task->connector->sink->options; option && option->name; option++) {
        bool is_text = option->type == LEAT_OPT_TEXT || option->type == LEAT_OPT_PATH || option->type == LEAT_OPT_TEMPLATE;
        if ((option->flags & LEAT_OPT_MAIN) && is_text && !(option->flags & LEAT_OPT_SECRET))
            return *(const char *const *)((const char *)task->self + option->offset);
    }
    return NULL;
}

/* The weakest link of the pipeline, as far as it is known here. */
static enum leat_guarantee weakest(const struct leat_task *task, const char **why)
{
    enum leat_guarantee guarantee = task->guarantee;
    const struct leat_connector_def *source = task->pipeline->source;
    *why = "";
    if (task->pipeline->settings.fsync == LEAT_FSYNC_NEVER && guarantee < LEAT_AT_LEAST_ONCE) {
        guarantee = LEAT_AT_LEAST_ONCE;
        *why = "fsync: never";
    }
    if (source && !(source->source->traits & (LEAT_REPLAYABLE | LEAT_PUSH)) && guarantee < LEAT_AT_MOST_ONCE) {
        guarantee = LEAT_AT_MOST_ONCE;
        *why = source->source->name;
    }
    return guarantee;
}

static void say_guarantee(struct leat_task *task)
{
    const char *what = main_option(task), *why;
    enum leat_guarantee guarantee = weakest(task, &why);
    leat_say(LEAT_INFO, leat_task_name(task), "%s%s%s, %s%s%s%s, order: %s", task->connector->sink->name, what ? " " : "",
             what ? what : "", leat_guarantee_name(guarantee), why[0] ? " (weakest link: " : "", why, why[0] ? ")" : "",
             task->config.count > 1 ? "per key" : "whole log");
    leat_lock_take(&task->lock);
    task->status.guarantee = guarantee;
    snprintf(task->status.guarantee_why, sizeof task->status.guarantee_why, "%s", why);
    leat_lock_give(&task->lock);
}

static enum leat_status open_reader(struct leat_task *task, struct leat_splits *splits, struct leat_error *err)
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
    };
    return task->driver->reader_open(task->config.access, &what, &task->reader, splits, err);
}

static enum leat_status open_sink(struct leat_task *task, const struct leat_splits *splits, struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    task->marks.count = splits->count;
    task->marks.items = leat_calloc(splits->count ? splits->count : 1, sizeof *task->marks.items);
    enum leat_status status = type->open(task->self, task, splits, &task->marks, &task->guarantee, err);
    if (status == LEAT_OK && !(type->traits & LEAT_KEEPS_MARK))
        status = own_marks(task, splits, err);
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++)
        status = place_split(task, splits, i, err);
    return status;
}

static void give_all(struct leat_task *task)
{
    if (task->pending)
        pool_give(&task->pool, task->pending);
    task->pending = NULL;
    while (task->inflight) {
        struct leat_batch *batch = task->inflight;
        task->inflight = batch->next;
        pool_give(&task->pool, batch);
    }
    task->inflight_last = &task->inflight;
}

static void close_reader(struct leat_task *task)
{
    give_all(task);
    if (task->reader)
        task->driver->reader_close(task->reader);
    task->reader = NULL;
    if (task->writer)
        task->driver->writer_close(task->writer);
    task->writer = NULL;
    leat_table_fini(&task->intents, NULL);
    free(task->marks.items);
    task->marks = (struct leat_marks){0};
}

enum leat_status sink_life(struct leat_task *task, struct leat_error *err)
{
    struct leat_splits splits = {0};
    enum leat_status status = open_reader(task, &splits, err);
    if (status == LEAT_OK)
        status = chain_start(task, err);
    bool is_open = status == LEAT_OK;
    if (is_open)
        status = open_sink(task, &splits, err);
    if (status == LEAT_OK) {
        dead_letters_load(task);
        say_guarantee(task);
        task_set_state(task, LEAT_TASK_RUNNING);
        status = loop(task, err);
    }
    if (is_open)
        task->connector->sink->close(task->self, task);
    sides_join(task);
    chain_end(task);
    close_reader(task);
    return status;
}
