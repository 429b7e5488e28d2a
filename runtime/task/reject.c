/* reject.c - records that somebody refused, and what the policy makes of them.
 *
 *   stop          what stands before the record is delivered, then the connector fails
 *   dead_letter   the record goes to the topic of dead letters, and the rest goes on
 *   skip          it is counted, and the rest goes on
 */
#include <task/inside.h>

/* ---- which policy ---- */

/* Databases and targets that take part in a transaction stop; logs and the like go on. */
enum leat_policy task_policy(const struct leat_task *task)
{
    const struct leat_connector_def *connector = task->connector;
    if (connector->errors.is_set)
        return connector->errors.policy;
    bool is_strict = task->is_source
                         ? connector->source->traits & LEAT_TOTAL_ORDER
                         : connector->sink->traits & (LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK);
    return is_strict ? LEAT_POLICY_STOP : LEAT_POLICY_DEAD_LETTER;
}

static enum leat_status stop_at(struct leat_task *task, const struct leat_batch *batch,
                                enum leat_status status, struct leat_error *err)
{
    const struct leat_refusal *first = &batch->refusals[0];
    const struct leat_record *rec = &batch->records[first->index];
    return leat_fail(err, status,
                     "a record for topic %s was refused: %s; mend the cause, or set `errors: "
                     "{policy: dead_letter}` (or skip) "
                     "on %s",
                     rec->topic ? rec->topic->name : "?", first->reason, leat_task_name(task));
}

/* Counted, and said: one line for a batch, and the logger folds what repeats. */
static void count_refused(struct leat_task *task, enum leat_policy policy,
                          const struct leat_batch *batch)
{
    bool is_letter = policy == LEAT_POLICY_DEAD_LETTER;
    const struct leat_refusal *first = &batch->refusals[0];
    const struct leat_record *rec = &batch->records[first->index];
    leat_say(LEAT_WARNING, leat_task_name(task), "a record for topic %s %s: %s",
             rec->topic ? rec->topic->name : "?",
             is_letter ? "became a dead letter" : "was skipped", first->reason);
    breaker_refused(task, policy, batch);
    status_count(task, is_letter ? &task->status.dead : &task->status.skipped,
                 batch->refusal_count);
}

/* Refused without saying which record: there is nothing that a policy could be applied to. */
static enum leat_status none_named(const struct leat_task *task, struct leat_error *err)
{
    return leat_fail(
        err, LEAT_STOP,
        "%s refused a batch and named no record of it: this is a defect of the plug-in",
        leat_task_name(task));
}

static void drop_refused(struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->refusal_count; i++)
        batch->records[batch->refusals[i].index].flags |= LEAT_DROPPED;
    leat_batch_clear_refusals(batch);
}

/* ---- sources ---- */

enum leat_status source_refusals(struct leat_task *task, struct leat_batch *batch,
                                 struct leat_error *err)
{
    enum leat_policy policy = task_policy(task);
    uint32_t count = batch->refusal_count;
    if (count == 0)
        return none_named(task, err);
    if (policy == LEAT_POLICY_STOP && task->careful_left > 0)
        return stop_at(task, batch, LEAT_STOP, err);
    if (policy ==
        LEAT_POLICY_STOP) { /* what stands before the record goes first: once more, one by one */
        task->careful_left = batch->count;
        return stop_at(task, batch, LEAT_REJECT, err);
    }
    for (uint32_t i = 0; policy == LEAT_POLICY_DEAD_LETTER && i < count; i++)
        dead_letter_add(task, batch, batch->refusals[i].index, batch->refusals[i].reason);
    count_refused(task, policy, batch);
    drop_refused(batch);
    return LEAT_OK;
}

/* ---- sinks ---- */

/* The batch keeps what stands before the refused record, and the task ends once that is settled. */
static enum leat_status end_before(struct leat_task *task, struct leat_batch *batch)
{
    uint32_t first = batch->refusals[0].index;
    stop_at(task, batch, LEAT_STOP, &task->refused);
    task->ends_here = true;
    leat_batch_clear_refusals(batch);
    if (first == 0)
        return LEAT_REJECT;
    leat_batch_truncate(batch, first);
    return LEAT_OK;
}

/* A letter about a letter would come back to who refused it, for ever. */
static bool has_own_letter(const struct leat_task *task, const struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->refusal_count; i++)
        if (batch->records[batch->refusals[i].index].topic == task->dead_topic)
            return true;
    return false;
}

enum leat_status sink_refusals(struct leat_task *task, struct leat_batch *batch,
                               struct leat_error *err)
{
    enum leat_policy policy = task_policy(task);
    enum leat_status status = LEAT_OK;
    if (policy == LEAT_POLICY_DEAD_LETTER && has_own_letter(task, batch))
        policy = LEAT_POLICY_STOP;
    if (batch->refusal_count == 0)
        return none_named(task, err);
    if (policy == LEAT_POLICY_STOP)
        return end_before(task, batch);
    if (policy == LEAT_POLICY_DEAD_LETTER)
        status = dead_letters_write(task, batch, err);
    if (status != LEAT_OK)
        return status;
    count_refused(task, policy, batch);
    drop_refused(batch);
    return LEAT_OK;
}

/* The target refused them while it applied the rest: nothing can be held back any more. */
enum leat_status sink_late_refusals(struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    return task_policy(task) == LEAT_POLICY_STOP ? stop_at(task, batch, LEAT_STOP, err)
                                                 : sink_refusals(task, batch, err);
}

/* ---- giants ---- */

static uint64_t value_bytes(const struct leat_value *value)
{
    uint64_t bytes = sizeof *value;
    switch (value->type) {
    case LEAT_TEXT:
    case LEAT_BYTES:
    case LEAT_DECIMAL:
    case LEAT_JSON:
        return bytes + value->len;
    case LEAT_ARRAY:
    case LEAT_STRUCT:
    case LEAT_MAP:
        for (uint32_t i = 0; i < value->len * (value->type == LEAT_MAP ? 2 : 1); i++)
            bytes += value_bytes(&value->as.items[i]);
        return bytes;
    default:
        return bytes;
    }
}

bool refuse_giants(struct leat_task *task, struct leat_batch *batch)
{
    uint64_t most = (uint64_t)task->pipeline->max_record;
    bool has_any = false;
    if (most == 0 || leat_batch_bytes(batch) <= most)
        return false;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct leat_record *rec = &batch->records[i];
        uint64_t bytes =
            value_bytes(&rec->key) + value_bytes(&rec->value) + value_bytes(&rec->before);
        if ((rec->flags & LEAT_DROPPED) || bytes <= most)
            continue;
        leat_batch_reject(batch, i, "it has %llu bytes, and max_record is %llu",
                          (unsigned long long)bytes, (unsigned long long)most);
        has_any = true;
    }
    return has_any;
}
