#include <task/inside.h>

#include <base/assert.h>
#include <stdio.h>

#define RATE_WINDOW_NS    ((int64_t)1000000000)
#define PROGRESS_EVERY_NS ((int64_t)10000000000)

void status_add(struct leat_task *task, uint64_t records, uint64_t bytes)
{
    struct leat_time now = leat_now();
    leat_lock_take(&task->lock);
    struct leat_task_status *status = &task->status;
    status->records += records;
    status->bytes += bytes;
    status->batches++;
    status->last_progress_us = leat_wall_us();
    int64_t passed_ns = now.ns - task->rate_at.ns;
    if (passed_ns >= RATE_WINDOW_NS) {
        status->records_per_s =
            (double)(status->records - task->rate_records) * 1e9 / (double)passed_ns;
        task->rate_records = status->records;
        task->rate_at = now;
    }
    leat_lock_give(&task->lock);
}

void status_error(struct leat_task *task, const struct leat_error *err)
{
    leat_lock_take(&task->lock);
    task->status.error = *err;
    task->status.cause = err->cause;
    task->status.errors++;
    task->has_progressed_since_error = false;
    leat_lock_give(&task->lock);
}

void status_count(struct leat_task *task, uint64_t *counter, uint64_t n)
{
    leat_lock_take(&task->lock);
    *counter += n;
    leat_lock_give(&task->lock);
}

void leat_task_status(struct leat_task *task, struct leat_task_status *status)
{
    leat_lock_take(&task->lock);
    lag_look(task);
    *status = task->status;
    status->state = task->state;
    progress_show(task, status);
    if (leat_now().ns - task->rate_at.ns > 3 * RATE_WINDOW_NS)
        status->records_per_s = 0;
    leat_lock_give(&task->lock);
}

/* A new phase (its first word) is said at once; how far it is, now and then. */
static void say_progress(struct leat_task *task, const char *text)
{
    const char *said = task->status.progress; /* written by this thread alone */
    size_t word = strcspn(text, " ,");
    bool is_new = strncmp(text, said, word) != 0 || word != strcspn(said, " ,");
    struct leat_time now = leat_now();
    if (text[0] == '\0' || strcmp(text, said) == 0 ||
        (!is_new && now.ns - task->progress_said.ns < PROGRESS_EVERY_NS))
        return;
    task->progress_said = now;
    leat_say(LEAT_INFO, leat_task_name(task), "%s", text);
}

void leat_task_progress(struct leat_task *task, const char *fmt, ...)
{
    char text[sizeof task->status.progress];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    say_progress(task, text);
    leat_lock_take(&task->lock);
    memcpy(task->status.progress, text, sizeof text);
    leat_lock_give(&task->lock);
}

void leat_task_lag(struct leat_task *task, int64_t lag_us, int64_t lag_bytes)
{
    leat_lock_take(&task->lock);
    task->status.lag.us = lag_us;
    task->status.lag.bytes = lag_bytes;
    leat_lock_give(&task->lock);
}

void leat_task_parked(struct leat_task *task, uint32_t tables)
{
    leat_lock_take(&task->lock);
    task->status.parked = tables;
    leat_lock_give(&task->lock);
}

void leat_count(struct leat_task *task, const char *name, uint64_t n)
{
    struct leat_task_status *status = &task->status;
    leat_lock_take(&task->lock);
    uint32_t i = 0;
    while (i < status->counter_count && strcmp(status->counters[i].name, name) != 0)
        i++;
    if (i == status->counter_count) {
        leat_assert(i < sizeof status->counters / sizeof *status->counters);
        status->counters[status->counter_count++] = (struct leat_counter){name, 0};
    }
    status->counters[i].value += n;
    leat_lock_give(&task->lock);
}
