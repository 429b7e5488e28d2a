#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST_US 500000
#define RETRY_MOST_US  30000000

/* ---- small services ---- */

const char *leat_task_name(const struct leat_task *task)
{
    return task->connector->name;
}

uint32_t leat_task_number(const struct leat_task *task)
{
    return task->config.number;
}

uint32_t leat_task_lives(const struct leat_task *task)
{
    return task->lives;
}

bool leat_task_is_once(const struct leat_task *task)
{
    return task->config.once != NULL;
}

bool leat_task_is_stopping(const struct leat_task *task)
{
    return __atomic_load_n(&task->is_stopping, __ATOMIC_ACQUIRE) ||
           (__atomic_load_n(&task->is_ending, __ATOMIC_ACQUIRE) && is_side_of(task));
}

const struct leat_value *leat_task_state(struct leat_task *task, const struct leat_value *key)
{
    return task->states ? leat_positions_get(task->states, key) : NULL;
}

struct leat_time task_stop_by(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    struct leat_time by = task->stop_by;
    leat_lock_give(&task->lock);
    return by;
}

void task_set_state(struct leat_task *task, enum leat_task_state state)
{
    leat_lock_take(&task->lock);
    leat_assert(leat_task_may_go(task->state, state));
    task->state = state;
    leat_lock_give(&task->lock);
    if (task->config.changed)
        task->config.changed(task->config.arg, task);
}

/* ---- transforms ---- */

/* Those of a `subscribe` pipeline run in each of its sinks, before the sink's own: config has put
 * them there. */
enum leat_status chain_start(struct leat_task *task, struct leat_error *err)
{
    size_t count = task->connector->transform_count;
    task->steps = leat_calloc(count ? count : 1, sizeof *task->steps);
    for (size_t i = 0; i < count; i++)
        task->steps[i] =
            (struct leat_chain_step){task->connector->transforms[i].type,
                                     leat_use_instance(&task->connector->transforms[i].use)};
    return leat_chain_open(&task->chain, task->steps, count, task, err);
}

void chain_end(struct leat_task *task)
{
    if (task->chain)
        leat_chain_close(task->chain);
    task->chain = NULL;
    for (size_t i = 0; task->steps && i < task->connector->transform_count; i++)
        leat_use_free(&task->connector->transforms[i].use, task->steps[i].self);
    free(task->steps);
    task->steps = NULL;
}

void *leat_task_keep(struct leat_task *task, size_t size)
{
    if (!task->kept)
        task->kept = leat_calloc(1, size);
    return task->kept;
}

/* ---- preflight at the first start ---- */

static void say_findings(struct leat_task *task, const struct leat_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].level != LEAT_ERROR)
            leat_say(report->findings[i].level, leat_task_name(task), "%s",
                     report->findings[i].text);
}

static enum leat_status judge_report(struct leat_task *task, const struct leat_report *report,
                                     struct leat_error *err)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].level == LEAT_ERROR)
            return leat_fail(err, LEAT_STOP, "%s", report->findings[i].text);
    say_findings(task, report);
    task->checked = report->guarantee;
    memcpy(task->checked_why, report->why, sizeof task->checked_why);
    guarantee_note(task, LEAT_EXACTLY_ONCE);
    return LEAT_OK;
}

/* What `leat check --connect` prints, a run looks at before its first open. */
static enum leat_status check_once(struct leat_task *task, struct leat_error *err)
{
    struct leat_report report = {0};
    enum leat_status status = LEAT_OK;
    if (task->was_checked)
        return LEAT_OK;
    if (task->is_source && task->connector->source->check)
        status = task->connector->source->check(task->self, &report, err);
    else if (!task->is_source && task->connector->sink->check)
        status = task->connector->sink->check(task->self, &report, err);
    if (status == LEAT_OK)
        status = judge_report(task, &report, err);
    task->was_checked = status == LEAT_OK;
    report_fini(&report);
    return status;
}

/* ---- lives ---- */

static enum leat_status live(struct leat_task *task, struct leat_error *err)
{
    task->self = leat_use_instance(&task->connector->use);
    task->has_progressed = false;
    progress_doing(task, task->is_source ? "its origin to open" : "its target to open");
    progress_note(task, true, true);
    enum leat_status status = check_once(task, err);
    if (status == LEAT_OK)
        status = task->is_source ? source_life(task, err) : sink_life(task, err);
    if (status != LEAT_OK && !task->is_source)
        sink_peek(task);
    leat_use_free(&task->connector->use, task->self);
    task->self = NULL;
    task->lives++;
    return status;
}

static int64_t jittered(int64_t us)
{
    struct leat_time now = leat_now();
    uint64_t random = leat_hash(&now, sizeof now, 0);
    return us / 2 + (int64_t)(random % (uint64_t)(us / 2 + 1));
}

/* Doubles from the first pause to the longest; half of it is drawn, so that tasks do not come back
 * in step. */
static int64_t next_pause(const struct leat_task *task)
{
    const struct leat_errors_def *errors = &task->connector->errors;
    int64_t pause = errors->retry_first_us > 0 ? errors->retry_first_us : RETRY_FIRST_US;
    int64_t most = errors->retry_most_us > 0 ? errors->retry_most_us : RETRY_MOST_US;
    for (uint32_t i = 0; i < task->attempt && pause < most; i++)
        pause = pause < INT64_MAX / 2 ? pause * 2 : most;
    return pause < most ? pause : most;
}

static bool gives_up(struct leat_task *task)
{
    int64_t give_up_us = task->connector->errors.retry_give_up_us;
    return give_up_us > 0 && (leat_now().ns - task->trouble_since.ns) / 1000 >= give_up_us;
}

#define LAG_LOOK_US 1000000 /* how often a sink that waits is asked how far it is behind */

static void wait_out(struct leat_task *task, struct leat_time until)
{
    while (!leat_task_is_stopping(task) && !leat_is_past(until)) {
        struct leat_time look = leat_after_us(LAG_LOOK_US);
        lag_note(task);
        task_wait(task, -1, task->reader && look.ns < until.ns ? look : until);
    }
}

/* True: try again. */
static bool back_off(struct leat_task *task, struct leat_error *err)
{
    char text[32];
    if (task->has_progressed || task->attempt == 0) {
        task->attempt = 0;
        task->trouble_since = leat_now();
    }
    if (gives_up(task)) {
        leat_error_context(
            err, "gave up after %s",
            leat_text_duration(text, (leat_now().ns - task->trouble_since.ns) / 1000));
        status_error(task, err);
        return false;
    }
    int64_t pause = next_pause(task);
    struct leat_time until = leat_after_us(jittered(pause));
    task->attempt++;
    trouble_say(task, err, pause);
    status_count(task, &task->status.retries, 1);
    task_set_state(task, LEAT_TASK_WAITING);
    wait_out(task, until);
    return true;
}

static void fail(struct leat_task *task, enum leat_status status, const struct leat_error *err)
{
    leat_say(LEAT_ERROR, leat_task_name(task), "%s", err->text);
    task_set_state(task, status == LEAT_FENCED ? LEAT_TASK_FENCED : LEAT_TASK_FAILED);
}

static void end_stopped(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    enum leat_task_state state = task->state;
    leat_lock_give(&task->lock);
    if (state != LEAT_TASK_STOPPING)
        task_set_state(task, LEAT_TASK_STOPPING);
    task_set_state(task, LEAT_TASK_STOPPED);
}

/* One life after the other; returns when the task is over. */
static void run_lives(struct leat_task *task)
{
    struct leat_error err = {0};
    for (;;) {
        task_set_state(task, LEAT_TASK_STARTING);
        err.text[0] = '\0';
        enum leat_status status = live(task, &err);
        bool is_stopping = leat_task_is_stopping(task);
        if (status != LEAT_OK && status != LEAT_AGAIN)
            status_error(task, &err);
        if (status == LEAT_OK) {
            task_set_state(task, LEAT_TASK_DONE);
        } else if (status == LEAT_AGAIN ||
                   (is_stopping && (status == LEAT_RETRY || status == LEAT_REJECT))) {
            end_stopped(task);
        } else if (status == LEAT_REJECT &&
                   !is_stopping) { /* careful mode: record by record, up to the refused one */
            pool_limit(&task->pool, 1);
            continue;
        } else if (status == LEAT_RETRY && back_off(task, &err)) {
            if (!leat_task_is_stopping(task))
                continue;
            end_stopped(task);
        } else {
            fail(task, status, &err);
        }
        return;
    }
}

static void run_task(void *arg)
{
    struct leat_task *task = arg;
    leat_lock_take(&task->lock); /* until leat_task_start() has written `owner` */
    leat_lock_give(&task->lock);
    leat_assert_note("task %s", leat_task_name(task));
    if (task->is_source)
        again_open(task);
    run_lives(task);
    lag_lend(task, true); /* what is paused or has failed falls behind all the same */
    if (task->is_source)
        again_close(task);
    if (task->is_source)
        command_close(task);
    if (task->is_source)
        once_source_ended(task->config.once);
}

/* ---- life of the struct ---- */

struct leat_task *leat_task_new(const struct leat_task_config *config)
{
    struct leat_task *task = leat_calloc(1, sizeof *task);
    struct leat_error err;
    task->config = *config;
    task->connector = config->connector;
    task->pipeline = config->pipeline;
    task->driver = config->driver;
    task->is_source = config->connector->source != NULL;
    task->dead_topic = dead_topic(task->connector, task->pipeline);
    task->status.name = config->connector->name;
    task->status.lag = (struct leat_lag){-1, -1, -1};
    task->owner_guard_fd = task->topic_fd = task->watched_fd = -1;
    task->stop_by = LEAT_NEVER;
    task->doing = "its start";
    task->mail_last = &task->mail;
    task->receipts.last = &task->receipts.first;
    task->rate_at = leat_now();
    leat_lock_init(&task->lock, "task", LEAT_RANK_TASK);
    leat_lock_init(&task->mail_lock, "mailbox", LEAT_RANK_MAILBOX);
    enum leat_status status = leat_bell_open(&task->bell, &err);
    leat_assert(status == LEAT_OK);
    pool_init(&task->pool, config->memory_bytes);
    return task;
}

enum leat_status leat_task_start(struct leat_task *task, struct leat_error *err)
{
    char name[16];
    snprintf(name, sizeof name, "%s", task->connector->name);
    leat_lock_take(&task->lock);
    enum leat_status status = leat_thread_start(&task->owner, name, run_task, task, err);
    task->has_owner = status == LEAT_OK;
    leat_lock_give(&task->lock);
    return status;
}

void leat_task_stop(struct leat_task *task, struct leat_time deadline)
{
    leat_lock_take(&task->lock);
    if (deadline.ns < task->stop_by.ns)
        task->stop_by = deadline;
    leat_lock_give(&task->lock);
    __atomic_store_n(&task->is_stopping, true, __ATOMIC_RELEASE);
    leat_task_wake(task);
    sides_stop(task);
}

void leat_task_join(struct leat_task *task)
{
    if (task->has_owner)
        leat_thread_join(task->owner);
    task->has_owner = false;
}

void leat_task_leave(struct leat_task *task)
{
    leat_task_join(task);
    sink_leave(task);
}

void leat_task_free(struct leat_task *task)
{
    leat_assert(!task->has_owner);
    sink_leave(task);
    pool_fini(&task->pool);
    free(task->tickets);
    free(task->kept);
    leat_bell_close(&task->bell);
    leat_lock_fini(&task->mail_lock);
    leat_lock_fini(&task->lock);
    free(task);
}
