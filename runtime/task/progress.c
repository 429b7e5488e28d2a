/* progress.c - whether a task gets on: what is not settled, how long nothing came to pass while there was work, what it waits
 * for, and what the log says of troubles that last.
 *
 * The owner may hang in a plug-in's call: then it is others who find out, from what it noted before the call.
 */
#include <task/inside.h>

#include <base/text.h>
#include <stdio.h>

#define STALLED_AFTER_NS ((int64_t)10000000000)
#define LOOK_AFTER_NS    ((int64_t)500000000) /* the owner notes its lag oftener than that, unless it hangs */
#define SAY_FIRST_NS     ((int64_t)10000000000)
#define SAY_MOST_NS      ((int64_t)600000000000)

/* ---- work and progress ---- */

/* Lock held. */
static void note(struct leat_task *task, bool has_work, bool has_progress)
{
    if (!has_work)
        task->idle_or_moved = (struct leat_time){0};
    else if (has_progress || task->idle_or_moved.ns == 0)
        task->idle_or_moved = leat_now();
}

void progress_note(struct leat_task *task, bool has_work, bool has_progress)
{
    leat_lock_take(&task->lock);
    note(task, has_work, has_progress);
    leat_lock_give(&task->lock);
}

void progress_doing(struct leat_task *task, const char *what)
{
    __atomic_store_n(&task->doing, what, __ATOMIC_RELAXED);
}

void progress_held(struct leat_task *task, const char *why)
{
    leat_lock_take(&task->lock);
    if (why[0] || task->held[0])
        snprintf(task->held, sizeof task->held, "%s", why);
    leat_lock_give(&task->lock);
}

bool leat_task_is_held(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    bool is_held = task->held[0] != '\0';
    leat_lock_give(&task->lock);
    return is_held;
}

/* Lock held. */
void progress_show(struct leat_task *task, struct leat_task_status *status)
{
    char text[32];
    int64_t still_ns = leat_now().ns - task->idle_or_moved.ns;
    bool can_stall = status->state == LEAT_TASK_RUNNING || status->state == LEAT_TASK_STARTING;
    if (can_stall && task->held[0]) {
        status->state = LEAT_TASK_STALLED;
        snprintf(status->stalled, sizeof status->stalled, "waiting for room: %s", task->held);
        return;
    }
    if (!can_stall || task->idle_or_moved.ns == 0 || still_ns < STALLED_AFTER_NS)
        return;
    const char *doing = __atomic_load_n(&task->doing, __ATOMIC_RELAXED);
    bool has_error = status->error.text[0] && !task->has_progressed_since_error;
    status->state = LEAT_TASK_STALLED;
    snprintf(status->stalled, sizeof status->stalled, "no progress for %s: waiting for %s%s%s",
             leat_text_duration(text, still_ns / 1000), doing, has_error ? "; last error: " : "",
             has_error ? status->error.text : "");
}

/* ---- what a sink has read and not settled ---- */

void unsettled_add(struct leat_task *task, struct leat_batch *batch)
{
    batch->as_read.records = batch->count;
    batch->as_read.bytes = leat_batch_bytes(batch);
    if (task->unsettled.records == 0)
        task->unsettled.since_us = batch->count > 0 ? batch->reads[0].commit_us : leat_wall_us();
    task->unsettled.records += batch->as_read.records;
    task->unsettled.bytes += batch->as_read.bytes;
    progress_note(task, true, false);
}

void unsettled_take(struct leat_task *task, struct leat_read_size as_read)
{
    const struct receipt *oldest = task->receipts.first;
    const struct leat_batch *pending = task->pending;
    task->unsettled.records -= as_read.records;
    task->unsettled.bytes -= as_read.bytes;
    if (oldest && oldest->commit_us)
        task->unsettled.since_us = oldest->commit_us;
    else if (!oldest && pending && pending->count > 0)
        task->unsettled.since_us = pending->reads[0].commit_us;
    progress_note(task, true, true);
}

static struct leat_lag measure(const struct leat_task *task)
{
    struct leat_lag lag;
    task->driver->lag(task->reader, &lag);
    if (task->unsettled.records > 0) {
        int64_t us = leat_wall_us() - task->unsettled.since_us;
        lag.records = lag.records < 0 ? -1 : lag.records + (int64_t)task->unsettled.records;
        lag.bytes = lag.bytes < 0 ? -1 : lag.bytes + (int64_t)task->unsettled.bytes;
        lag.us = us > lag.us ? us : lag.us;
    }
    return lag;
}

/* Lock held. `at`: before it was measured. */
static void keep(struct leat_task *task, struct leat_lag lag, struct leat_time at)
{
    task->status.lag = lag;
    task->status.lag_at = at;
}

void lag_note(struct leat_task *task)
{
    struct leat_time now = leat_now();
    if (!task->reader)
        return;
    struct leat_lag lag = measure(task);
    leat_lock_take(&task->lock);
    keep(task, lag, now);
    note(task, lag.records > 0 || task->receipts.first || task->pending, false);
    leat_lock_give(&task->lock);
}

void lag_lend(struct leat_task *task, bool is_lent)
{
    leat_lock_take(&task->lock);
    task->is_lent = is_lent;
    leat_lock_give(&task->lock);
}

void lag_look(struct leat_task *task)
{
    struct leat_time now = leat_now();
    if (task->is_lent && task->reader && now.ns - task->status.lag_at.ns > LOOK_AFTER_NS)
        keep(task, measure(task), now);
}

/* ---- troubles that last ---- */

void trouble_say(struct leat_task *task, const struct leat_error *err, int64_t pause_us)
{
    char text[32];
    struct trouble *trouble = &task->trouble;
    struct leat_time now = leat_now();
    int64_t quiet_ns = now.ns - trouble->said.ns;
    bool is_other = strncmp(trouble->text, err->text, sizeof trouble->text - 1) != 0;
    if (task->attempt == 1) {
        *trouble = (struct trouble){.since = now, .every_ns = SAY_FIRST_NS};
        leat_say(LEAT_WARNING, leat_task_name(task), "%s; trying again within %s", err->text,
                 leat_text_duration(text, pause_us));
    } else if (quiet_ns >= trouble->every_ns || (is_other && quiet_ns >= SAY_FIRST_NS / 4)) {
        trouble->every_ns = trouble->every_ns < SAY_MOST_NS / 2 ? trouble->every_ns * 2 : SAY_MOST_NS;
        leat_say(LEAT_WARNING, leat_task_name(task), "still failing after %u tries in %s: %s", (unsigned)task->attempt,
                 leat_text_duration(text, (now.ns - trouble->since.ns) / 1000), err->text);
    } else {
        return;
    }
    trouble->said = now;
    snprintf(trouble->text, sizeof trouble->text, "%s", err->text);
}

/* Something was settled, or became durable. */
void progress_made(struct leat_task *task)
{
    char text[32];
    if (task->has_progressed)
        return;
    task->has_progressed = true;
    leat_lock_take(&task->lock);
    task->has_progressed_since_error = true;
    leat_lock_give(&task->lock);
    if (task->attempt > 1)
        leat_say(LEAT_INFO, leat_task_name(task), "goes on, after %u tries in %s", (unsigned)task->attempt,
                 leat_text_duration(text, (leat_now().ns - task->trouble.since.ns) / 1000));
    task->attempt = 0;
}
