/* breaker.c - a connector of which too many records are refused stops, before a wrong schema or a wrong target has turned a
 * whole topic into dead letters.
 *
 * Counted over windows of `within`; judged when records are refused, of what came in the window up to then. That the pipeline
 * stops with it is control's doing (control/tripped.c).
 */
#include <task/inside.h>

#include <base/text.h>

static void begin_window(struct breaker *breaker, struct leat_time now)
{
    *breaker = (struct breaker){.since = now};
}

void breaker_came(struct leat_task *task, uint32_t count)
{
    struct leat_time now = leat_now();
    struct breaker *breaker = &task->breaker;
    if (breaker->since.ns == 0 || (now.ns - breaker->since.ns) / 1000 > task->connector->errors.breaker_within_us)
        begin_window(breaker, now);
    breaker->came += count;
}

static bool is_over(const struct leat_task *task)
{
    const struct leat_errors_def *errors = &task->connector->errors;
    const struct breaker *breaker = &task->breaker;
    return errors->breaker_records > 0 && breaker->refused > errors->breaker_records &&
           breaker->refused * 100 > breaker->came * errors->breaker_percent;
}

static void trip(struct leat_task *task, enum leat_policy policy)
{
    char reasons[480], within[32];
    const char *name = leat_task_name(task);
    const struct breaker *breaker = &task->breaker;
    bool stops_all = !task->is_source && task->connector->errors.breaker_stops == LEAT_BREAKER_STOPS_PIPELINE;
    leat_reasons_sort(&task->breaker.reasons);
    leat_reasons_text(&breaker->reasons, 3, reasons, sizeof reasons);
    leat_text_duration(within, (leat_now().ns - breaker->since.ns) / 1000);
    leat_fail_as(&task->refused, LEAT_STOP, LEAT_CAUSE_BREAKER,
                 "too many records are refused: %llu of %llu in %s: %s%s. %s%s; mend the cause%s%s (`errors: breaker` says how "
                 "many are too many)",
                 (unsigned long long)breaker->refused, (unsigned long long)breaker->came, within, reasons,
                 stops_all ? "; the pipeline stops" : "",
                 policy == LEAT_POLICY_SKIP ? "They were skipped" : "They are dead letters in ",
                 policy == LEAT_POLICY_SKIP ? "" : task->dead_topic->name,
                 policy == LEAT_POLICY_SKIP ? " and start it again" : ", start it again, then: leat dead replay --all --sink ",
                 policy == LEAT_POLICY_SKIP ? "" : name);
    task->ends_here = true;
}

/* Letters are durable, or in the batch at hand, before the connector stops. */
void breaker_refused(struct leat_task *task, enum leat_policy policy, const struct leat_batch *batch)
{
    struct breaker *breaker = &task->breaker;
    for (uint32_t i = 0; i < batch->refusal_count; i++)
        leat_reasons_add(&breaker->reasons, batch->refusals[i].reason, 1);
    breaker->refused += batch->refusal_count;
    if (!task->ends_here && is_over(task))
        trip(task, policy);
}
