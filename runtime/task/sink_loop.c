/* sink_loop.c - read -> transforms -> put -> settle -> hint, for as long as the plug-in is open.
 *
 *   task->pending    read and transformed; put() has not taken it: it has no room
 *   task->receipts   taken, not settled: the target may or may not have it
 *   task->ends_here  a record was refused under `stop`, or too many were: what stands before is settled,
 *                    and then the task fails
 */
#include <task/inside.h>

#include <base/assert.h>
#include <leat/logger.h>
#include <model/lost.h>
#include <stdio.h>

#define LOOK_US                                                                                    \
    200000 /* how often the end of a --once run and the lag are looked at while nothing comes */

struct leat_rejects {
    struct leat_task *task;
    bool has_any, has_unknown; /* unknown: of a batch that is not there any more */
};

void leat_rejects_add(struct leat_rejects *rejects, uint64_t batch, uint32_t index, const char *fmt,
                      ...)
{
    char text[LEAT_ERROR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct leat_batch *refused = receipts_find(rejects->task, batch);
    if (refused)
        leat_batch_reject(refused, index, "%s", text);
    rejects->has_any = rejects->has_any || refused;
    rejects->has_unknown = rejects->has_unknown || !refused;
}

/* ---- settling ---- */

static enum leat_status take_settled(struct leat_task *task, uint64_t done, struct leat_error *err)
{
    while (task->receipts.first && task->receipts.first->number <= done) {
        struct receipt *receipt = receipts_take(task);
        enum leat_status status = task->driver->hint(task->reader, receipt->split, &receipt->mark, err);
        dead_letters_settled(task, receipt);
        status_add(task, receipt->records, receipt->bytes);
        unsettled_take(task, receipt->as_read);
        progress_made(task);
        receipt_free(task, receipt);
        if (status != LEAT_OK)
            return status;
    }
    return LEAT_OK;
}

/* Records that the target refused after put(), of a target that has no rollback: what follows them
 * was applied. */
static enum leat_status late_refusals(struct leat_task *task, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (struct receipt *at = task->receipts.first; status == LEAT_OK && at; at = at->next)
        if (at->batch && at->batch->refusal_count > 0)
            status = sink_late_refusals(task, at->batch, err);
    return status;
}

static enum leat_status refused_too_late(const struct leat_task *task, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s refused a record that is settled, or that it may refuse in put() alone: this is a defect "
                     "of the plug-in",
                     leat_task_name(task));
}

/* Takes what the sink has done, and gives hints of it. *next: when the sink wants to be asked
 * again. */
static enum leat_status settle(struct leat_task *task, struct leat_time *next,
                               struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    struct leat_rejects rejects = {.task = task};
    uint64_t done = UINT64_MAX; /* a sink that is synchronous has done what it has taken */
    *next = LEAT_NEVER;
    if (type->settle) {
        done = 0;
        lag_lend(task, true);
        enum leat_status status = type->settle(task->self, task, &done, &rejects, next, err);
        lag_lend(task, false);
        if (status == LEAT_OK && rejects.has_unknown)
            status = refused_too_late(task, err);
        if (status == LEAT_OK && rejects.has_any)
            status = late_refusals(task, err);
        if (status != LEAT_OK)
            return status;
    }
    return take_settled(task, done, err);
}

/* LEAT_AGAIN: the deadline or a stop came first; what was settled by then counts. */
static enum leat_status flush(struct leat_task *task, struct leat_time deadline,
                              struct leat_time *next, struct leat_error *err)
{
    const struct leat_sink_type *type = task->connector->sink;
    *next = LEAT_NEVER;
    lag_lend(task, true);
    enum leat_status flushed = type->flush ? type->flush(task->self, task, deadline, err) : LEAT_OK;
    lag_lend(task, false);
    if (flushed != LEAT_OK && flushed != LEAT_AGAIN)
        return flushed;
    enum leat_status status = settle(task, next, err);
    return status == LEAT_OK ? flushed : status;
}

/* ---- one batch ---- */

static bool wants(const struct leat_task *task, const struct leat_record *rec)
{
    uint32_t wanted = rec->op == LEAT_SCHEMA ? LEAT_WANTS_CONTROL | LEAT_WANTS_SCHEMA : LEAT_WANTS_CONTROL;
    return !(rec->flags & LEAT_DROPPED) && (!leat_op_is_control(rec->op) || (task->connector->sink->traits & wanted));
}

/* Removes what the sink is not to see, in one pass. The mark stays: it is that of the whole batch.
 */
static void leave_out(struct leat_task *task, struct leat_batch *batch)
{
    uint32_t kept = 0;
    leat_assert(batch->refusal_count == 0);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!wants(task, &batch->records[i]))
            continue;
        if (kept < i) {
            batch->records[kept] = batch->records[i];
            batch->reads[kept] = batch->reads[i];
        }
        kept++;
    }
    batch->count = kept;
}

/* I7: what an operator gave up by `leat log salvage` is missing in the target too. */
static void tell_losses(struct leat_task *task, const struct leat_batch *batch)
{
    uint64_t first, count;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct leat_record *rec = &batch->records[i];
        char many[32] = "it is not known how many";
        if (!leat_lost_get(rec, &first, &count))
            continue;
        if (count != LEAT_LOST_UNKNOWN)
            snprintf(many, sizeof many, "%llu", (unsigned long long)count);
        leat_say(LEAT_WARNING, leat_task_name(task),
                 "records of %s are missing from here on: offset %llu and those behind it, %s in all; `leat log salvage` found nothing "
                 "of them",
                 rec->topic->name, (unsigned long long)first, many);
    }
}

static enum leat_status prepare(struct leat_task *task, struct leat_batch *batch,
                                struct leat_error *err)
{
    batch->number = ++task->batch_number;
    breaker_came(task, batch->count);
    tell_losses(task, batch);
    for (uint32_t i = 0; i < batch->count; i++)
        if (is_unwanted_letter(task, batch->records[i].topic) ||
            is_written(task, batch->split, &batch->records[i], &batch->reads[i].cursor))
            batch->records[i].flags |= LEAT_DROPPED;
    enum leat_status status = pass_over(task, batch, err);
    if (status != LEAT_OK)
        return status;
    originals_keep(task, batch);
    task->chain_is_running = true;
    status = leat_chain_apply(task->chain, batch, err);
    originals_number(batch);
    if (status == LEAT_REJECT)
        status = sink_refusals(task, batch, err);
    task->chain_is_running = false;
    if (status != LEAT_OK)
        return status;
    dead_letters_honour(task, batch);
    leave_out(task, batch);
    return LEAT_OK;
}

/* Reads the next batch into task->pending, where there is one and memory for it. *is_at_end: all
 * was read. */
static enum leat_status read_next(struct leat_task *task, bool is_last, bool *is_at_end,
                                  struct leat_error *err)
{
    struct leat_batch *batch = pool_take(&task->pool);
    if (!batch)
        return LEAT_OK;
    batch->is_last = is_last;
    progress_doing(task, "the topic");
    enum leat_status status = task->driver->read(task->reader, batch, err);
    *is_at_end = status == LEAT_AGAIN && batch->is_at_end;
    if (status == LEAT_OK) {
        unsettled_add(task, batch);
        progress_doing(task, "its transforms");
        status = prepare(task, batch, err);
    }
    progress_doing(task, "its target");
    if (status == LEAT_OK) {
        task->pending = batch;
    } else {
        if (status == LEAT_REJECT) /* nothing of it is left */
            unsettled_take(task, batch->as_read);
        pool_give(&task->pool, batch);
    }
    return status == LEAT_AGAIN || status == LEAT_REJECT ? LEAT_OK : status;
}

static enum leat_status put_once(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    lag_lend(task, true);
    enum leat_status status = task->connector->sink->put(task->self, task, batch, err);
    lag_lend(task, false);
    return status;
}

/* Hands task->pending to the sink; it stays there where the sink has no room. */
static enum leat_status put(struct leat_task *task, struct leat_error *err)
{
    struct leat_batch *batch = task->pending;
    enum leat_status status;
    while ((status = put_once(task, batch, err)) == LEAT_REJECT) {
        status = sink_refusals(task, batch, err);
        if (status != LEAT_OK)
            break;
        leave_out(task, batch);
    }
    if (status == LEAT_OK) {
        receipts_add(task, batch);
        task->pending = NULL;
    } else if (status == LEAT_REJECT) { /* as above */
        task->pending = NULL;
        unsettled_take(task, batch->as_read);
        pool_give(&task->pool, batch);
    }
    return status == LEAT_AGAIN || status == LEAT_REJECT ? LEAT_OK : status;
}

/* ---- the loop ---- */

/* All that is to be done was put: settles it. EOF: the end of a --once run; STOP: before a refused
 * record. */
static enum leat_status finish(struct leat_task *task, struct leat_error *err)
{
    struct leat_time next, look = leat_after_us(LOOK_US);
    enum leat_status status = flush(task, LEAT_NEVER, &next, err);
    if (status == LEAT_OK && !task->receipts.first) {
        if (!task->ends_here)
            return LEAT_EOF;
        *err = task->refused;
        return LEAT_STOP;
    }
    if (status == LEAT_OK || status == LEAT_AGAIN) {
        task_wait(task, -1, next.ns < look.ns ? next : look);
        status = LEAT_OK;
    }
    return status;
}

static void wait_for_news(struct leat_task *task, struct leat_time next)
{
    bool can_read = !task->pending && !task->ends_here && !receipts_are_full(task) && !pool_is_empty(&task->pool);
    struct leat_time look = leat_after_us(LOOK_US);
    lag_note(task);
    task_wait(task, can_read ? task->driver->reader_fd(task->reader) : -1,
              next.ns < look.ns ? next : look);
}

static enum leat_status turn(struct leat_task *task, struct leat_error *err)
{
    bool were_sources_over =
        once_is_over(task->config.once); /* asked before reading: nothing comes after that */
    bool is_at_end = false;
    const struct receipt *oldest = task->receipts.first;
    uint64_t number = task->batch_number;
    struct leat_time next = LEAT_NEVER;
    enum leat_status status = LEAT_OK;
    if (!task->pending && !task->ends_here && !receipts_are_full(task))
        status = read_next(task, were_sources_over, &is_at_end, err);
    bool had_pending = task->pending;
    if (status == LEAT_OK && task->pending)
        status = put(task, err);
    bool was_taken = had_pending && !task->pending;
    if (status == LEAT_OK)
        status = settle(task, &next, err);
    if (status != LEAT_OK || was_taken || number != task->batch_number || oldest != task->receipts.first)
        return status;
    if (!task->pending && (task->ends_here || (is_at_end && were_sources_over)))
        return finish(task, err);
    wait_for_news(task, next);
    return LEAT_OK;
}

enum leat_status sink_loop(struct leat_task *task, struct leat_error *err)
{
    struct leat_time noted = leat_now();
    while (!leat_task_is_stopping(task)) {
        enum leat_status status = turn(task, err);
        if (status != LEAT_OK)
            return status == LEAT_EOF ? LEAT_OK : status;
        if (leat_now().ns - noted.ns > (int64_t)LOOK_US * 1000) {
            lag_note(task);
            noted = leat_now();
        }
    }
    task_set_state(task, LEAT_TASK_STOPPING);
    struct leat_time next;
    enum leat_status status = flush(task, task_stop_by(task), &next, err);
    return status == LEAT_OK ? LEAT_AGAIN : status;
}
