/* tripped.c - a sink of which too many records were refused (`errors: breaker`) takes its pipeline with it: the source and the
 * other sinks settle what they have taken, and end. They begin again with it, or go on without it once it is paused.
 *
 * A source that trips needs nothing of this: nothing comes any more, and its sinks deliver what it brought.
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

static const char *holder_of(const struct leat_control *control, const struct running *running)
{
    for (size_t i = 0; i < control->count; i++) {
        const struct running *other = &control->tasks[i];
        if (other->config.pipeline == running->config.pipeline && other->config.connector != running->config.connector &&
            has_tripped(other))
            return other->config.connector->name;
    }
    return NULL;
}

static void hold(struct leat_control *control, struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    if (!running->is_started || is_ended(status.state))
        return;
    leat_task_stop(running->task, leat_after_us(control->config->shutdown_timeout_us));
    leat_say(LEAT_WARNING, status.name, "stops: too many records of %s were refused, which stops the pipeline", running->held_by);
}

void tripped_look(struct leat_control *control)
{
    for (size_t i = 0; i < control->count && !control->is_stopping; i++) {
        struct running *running = &control->tasks[i];
        leat_lock_take(&control->lock);
        const char *holder = holder_of(control, running);
        bool is_new = holder && !running->held_by;
        running->held_by = holder;
        if (is_new)
            hold(control, running);
        running->is_told = running->is_told || is_new;
        leat_lock_give(&control->lock);
    }
}
