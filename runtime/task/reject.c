#include <task/inside.h>

#include <base/assert.h>

/* ---- which policy ---- */

/* Databases and targets that take part in a transaction stop; logs and the like go on. */
enum leat_policy task_policy(const struct leat_task *task)
{
    const struct leat_connector_def *connector = task->connector;
    if (connector->errors.is_set)
        return connector->errors.policy;
    bool is_strict = task->is_source ? connector->source->traits & LEAT_TOTAL_ORDER
                                     : connector->sink->traits & (LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK);
    return is_strict ? LEAT_POLICY_STOP : LEAT_POLICY_DEAD_LETTER;
}

static enum leat_status stop_at(struct leat_task *task, const struct leat_batch *batch, enum leat_status status,
                                struct leat_error *err)
{
    const struct leat_refusal *first = &batch->refusals[0];
    const struct leat_record *rec = &batch->records[first->index];
    return leat_fail(err, status,
                     "a record for topic %s was refused: %s; mend the cause, or set `errors: {policy: dead_letter}` (or skip) "
                     "on %s",
                     rec->topic ? rec->topic->name : "?", first->reason, leat_task_name(task));
}

/* ---- sources ---- */

static void drop_refused(struct leat_task *task, struct leat_batch *batch, enum leat_policy policy)
{
    uint32_t count = batch->refusal_count;
    for (uint32_t i = 0; i < count; i++) {
        struct leat_refusal refusal = batch->refusals[i];
        if (policy == LEAT_POLICY_DEAD_LETTER)
            dead_letter_replace(task, batch, refusal.index, refusal.reason);
        else
            batch->records[refusal.index].flags |= LEAT_DROPPED;
    }
    leat_batch_clear_refusals(batch);
    status_count(task, policy == LEAT_POLICY_DEAD_LETTER ? &task->status.dead : &task->status.skipped, count);
}

enum leat_status source_refusals(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_policy policy = task_policy(task);
    leat_assert(batch->refusal_count > 0);
    if (policy == LEAT_POLICY_STOP) /* what stands before the record goes first: once more, with small batches */
        return stop_at(task, batch, task->is_careful ? LEAT_STOP : LEAT_REJECT, err);
    drop_refused(task, batch, policy);
    return LEAT_OK;
}

/* ---- sinks ---- */

static uint32_t first_refused(const struct leat_batch *batch)
{
    uint32_t first = batch->refusals[0].index;
    for (uint32_t i = 1; i < batch->refusal_count; i++)
        if (batch->refusals[i].index < first)
            first = batch->refusals[i].index;
    return first;
}

/* Puts what stands before the refused record, and says LEAT_REJECT: the loop flushes and stops. */
static enum leat_status stop_sink(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    struct leat_error refused, ignored;
    uint32_t first = first_refused(batch);
    stop_at(task, batch, LEAT_STOP, &refused);
    leat_batch_clear_refusals(batch);
    if (first > 0) {
        leat_batch_truncate(batch, first);
        task->connector->sink->put(task->self, task, batch, &ignored);
    }
    *err = refused;
    return LEAT_REJECT;
}

enum leat_status sink_refusals(struct leat_task *task, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_policy policy = task_policy(task);
    leat_assert(batch->refusal_count > 0);
    if (policy == LEAT_POLICY_STOP)
        return stop_sink(task, batch, err);
    for (uint32_t i = 0; i < batch->refusal_count; i++) {
        struct leat_refusal refusal = batch->refusals[i];
        if (policy == LEAT_POLICY_DEAD_LETTER) {
            enum leat_status status = dead_letter_write(task, batch, refusal.index, refusal.reason, err);
            if (status != LEAT_OK)
                return status;
        }
        batch->records[refusal.index].flags |= LEAT_DROPPED;
    }
    status_count(task, policy == LEAT_POLICY_DEAD_LETTER ? &task->status.dead : &task->status.skipped,
                 batch->refusal_count);
    leat_batch_clear_refusals(batch);
    return LEAT_OK;
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
        uint64_t bytes = value_bytes(&rec->key) + value_bytes(&rec->value) + value_bytes(&rec->before);
        if ((rec->flags & LEAT_DROPPED) || bytes <= most)
            continue;
        leat_batch_reject(batch, i, "it has %llu bytes, and max_record is %llu", (unsigned long long)bytes,
                          (unsigned long long)most);
        has_any = true;
    }
    return has_any;
}
