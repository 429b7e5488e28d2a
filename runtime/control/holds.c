/* holds.c - connectors that end because others of their pipeline did: they are held until those begin again, or are paused.
 *
 *   refused   a sink of which too many records were refused (`errors: breaker`) takes its pipeline with it: the source and the
 *             other sinks settle what they have taken, and end. A source that trips needs nothing of this: nothing comes any
 *             more, and its sinks deliver what it brought.
 *   fenced    where all sinks are fenced, another instance goes on with them: what the source brings would only pile up here.
 *   damaged   where the log lacks what all sinks need, or has lost its end: nothing is to be written behind that.
 */
#include <control/inside.h>

/* Begun anew, or not wanted any more: then it holds nobody. */
static bool has_tripped(const struct running *running)
{
    struct leat_task_status status;
    bool is_judged = !running->is_source && running->is_started && running->wanted == WANT_RUNNING && !running->is_again &&
                     running->config.connector->errors.breaker_stops == LEAT_BREAKER_STOPS_PIPELINE;
    if (!is_judged)
        return false;
    leat_task_status(running->task, &status);
    return status.state == LEAT_TASK_FAILED && status.cause == LEAT_CAUSE_BREAKER;
}

/* 0: none of both. */
static enum hold_why lost_by(const struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    if (!running->is_started || running->wanted != WANT_RUNNING || running->is_again)
        return 0;
    if (status.state == LEAT_TASK_FAILED && status.cause == LEAT_CAUSE_DAMAGED)
        return HELD_BY_DAMAGED;
    return status.state == LEAT_TASK_FENCED ? HELD_BY_FENCED : 0;
}

static const char *tripped_of(const struct leat_control *control, const struct running *running)
{
    for (size_t i = 0; i < control->count; i++) {
        const struct running *other = &control->tasks[i];
        if (other->config.pipeline == running->config.pipeline && other->config.connector != running->config.connector &&
            has_tripped(other))
            return other->config.connector->name;
    }
    return NULL;
}

/* By one of the pipeline's sinks, where all are lost. Among many machines a task may be taken back. */
static struct hold hold_of_lost(const struct leat_control *control, const struct running *running)
{
    struct hold hold = {HELD_BY_FENCED, NULL};
    for (size_t i = 0; i < control->count && running->is_source && !share_has_others(control); i++) {
        const struct running *other = &control->tasks[i];
        if (other->is_source || other->config.pipeline != running->config.pipeline)
            continue;
        enum hold_why why = lost_by(other);
        if (!why)
            return (struct hold){HELD_BY_FENCED, NULL};
        if (!hold.by || why == HELD_BY_DAMAGED)
            hold = (struct hold){why, other->config.connector->name};
    }
    return hold;
}

static struct hold hold_of(const struct leat_control *control, const struct running *running)
{
    struct hold hold = {HELD_BY_REFUSED, tripped_of(control, running)};
    return hold.by ? hold : hold_of_lost(control, running);
}

enum leat_status hold_say(const struct hold *hold, struct leat_error *err)
{
    if (hold->why == HELD_BY_DAMAGED)
        return leat_fail(err, LEAT_STOP,
                         "%s and all sinks of the pipeline say that its log is damaged: nothing is written behind that; `leat restart "
                         "%s` tries again",
                         hold->by, hold->by);
    if (hold->why == HELD_BY_FENCED)
        return leat_fail(err, LEAT_STOP,
                         "another instance has fenced %s, and with it all sinks of the pipeline: `leat restart %s` takes it back",
                         hold->by, hold->by);
    return leat_fail(err, LEAT_STOP,
                     "too many records of %s were refused, which stops the pipeline: `leat restart %s` starts all again, "
                     "`leat pause %s` the others without it",
                     hold->by, hold->by, hold->by);
}

static void stop_held(struct leat_control *control, struct running *running)
{
    struct leat_task_status status;
    struct leat_error why;
    leat_task_status(running->task, &status);
    if (!running->is_started || is_ended(status.state))
        return;
    leat_task_stop(running->task, leat_after_us(control->config->shutdown_timeout_us));
    hold_say(&running->hold, &why);
    leat_say(LEAT_WARNING, status.name, "stops: %s", why.text);
}

void holds_look(struct leat_control *control)
{
    for (size_t i = 0; i < control->count && !control->is_stopping; i++) {
        struct running *running = &control->tasks[i];
        leat_lock_take(&control->lock);
        struct hold hold = hold_of(control, running);
        bool is_new = hold.by && !running->hold.by;
        running->hold = hold;
        if (is_new)
            stop_held(control, running);
        running->is_told = running->is_told || is_new;
        leat_lock_give(&control->lock);
    }
}
