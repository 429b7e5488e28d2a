/* again.c - records of dead letters that a source's task takes once more: through its transforms, and in one unit with the
 * state that says so.
 *
 *   who asks            leat_task_again()   leaves the request at the task, waits
 *   the owner thread    again_take()        between two polls; durable before it answers
 *
 * A request belongs to both: who asks may give up while the owner has not begun.
 */
#include <task/inside.h>

#include <base/memory.h>
#include <stdlib.h>

#define WAIT_US 15000000

struct again {
    struct leat_lock lock;
    struct leat_cond changed;
    enum { LEFT, BEGUN, DONE, WITHDRAWN } state;
    struct leat_batch *batch; /* the asker's; not touched once it is WITHDRAWN */
    bool is_undecoded;
    const struct leat_state *states;
    size_t count;
    enum leat_status status;
    struct leat_error err;
    int owners;
};

static void release(struct again *again)
{
    leat_lock_take(&again->lock);
    bool is_last = --again->owners == 0;
    leat_lock_give(&again->lock);
    if (!is_last)
        return;
    leat_cond_fini(&again->changed);
    leat_lock_fini(&again->lock);
    free(again);
}

/* ---- who asks ---- */

static bool leave(struct leat_task *task, struct again *again)
{
    leat_lock_take(&task->lock);
    bool is_taken = task->takes_again && !task->again;
    if (is_taken)
        task->again = again;
    leat_lock_give(&task->lock);
    leat_task_wake(task);
    return is_taken;
}

static enum leat_status wait_done(struct again *again, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    leat_lock_take(&again->lock);
    while (again->state != DONE) {
        if (again->state == BEGUN)
            leat_cond_wait(&again->changed, &again->lock);
        else if (!leat_cond_wait_until(&again->changed, &again->lock, deadline) && again->state == LEFT)
            break;
    }
    bool is_done = again->state == DONE;
    if (!is_done)
        again->state = WITHDRAWN;
    enum leat_status status = again->status;
    *err = again->err;
    leat_lock_give(&again->lock);
    return is_done ? status : leat_fail(err, LEAT_STOP, "the source does not come to it: `leat status` tells why");
}

struct again *leat_task_ask_again(struct leat_task *task, struct leat_batch *batch, bool is_undecoded,
                                  const struct leat_state *states, size_t count)
{
    struct again *again = leat_calloc(1, sizeof *again);
    again->batch = batch;
    again->is_undecoded = is_undecoded;
    again->states = states;
    again->count = count;
    again->owners = 2;
    leat_lock_init(&again->lock, "again", LEAT_RANK_MAILBOX);
    leat_cond_init(&again->changed);
    if (leave(task, again))
        return again;
    again->owners = 1;
    release(again);
    return NULL;
}

enum leat_status leat_task_await_again(struct again *again, struct leat_error *err)
{
    enum leat_status status = wait_done(again, err);
    release(again);
    return status;
}

/* ---- the owner ---- */

static void finish(struct again *again, enum leat_status status, const struct leat_error *err)
{
    leat_lock_take(&again->lock);
    again->state = DONE;
    again->status = status;
    again->err = *err;
    leat_cond_broadcast(&again->changed);
    leat_lock_give(&again->lock);
    release(again);
}

static struct again *pick_up(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    struct again *again = task->again;
    task->again = NULL;
    leat_lock_give(&task->lock);
    if (!again)
        return NULL;
    leat_lock_take(&again->lock);
    bool is_left = again->state == LEFT;
    if (is_left)
        again->state = BEGUN;
    leat_lock_give(&again->lock);
    if (is_left)
        return again;
    release(again);
    return NULL;
}

/* What cannot be decoded now either is refused there, as if it had just come. */
static enum leat_status decode_all(struct leat_task *task, struct leat_batch *batch, bool *is_refused, struct leat_error *err)
{
    const struct leat_source_type *type = task->connector->source;
    *is_refused = !type->decode_again;
    if (*is_refused)
        return leat_fail(err, LEAT_REJECT, "%s decodes nothing again: send it to the source once more, then drop the letter",
                         type->name);
    for (uint32_t i = 0; i < batch->count; i++) {
        enum leat_status status = type->decode_again(task->self, task, batch, i, err);
        if (status == LEAT_REJECT)
            leat_batch_reject(batch, i, "%s", err->text);
        else if (status != LEAT_OK)
            return status;
    }
    return LEAT_OK;
}

enum leat_status again_take(struct leat_task *task, struct leat_error *err)
{
    struct leat_error refusal = {.text = ""};
    struct again *again = pick_up(task);
    if (!again)
        return LEAT_OK;
    bool is_refused = false;
    enum leat_status status = again->is_undecoded ? decode_all(task, again->batch, &is_refused, &refusal) : LEAT_OK;
    if (status == LEAT_OK)
        status = source_again(task, again->batch, again->states, again->count, &is_refused, &refusal);
    finish(again, status, &refusal);
    if (status != LEAT_OK && !is_refused) /* the task's own trouble */
        *err = refusal;
    return is_refused ? LEAT_OK : status;
}

void again_open(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    task->takes_again = true;
    leat_lock_give(&task->lock);
}

void again_close(struct leat_task *task)
{
    struct leat_error err;
    leat_lock_take(&task->lock);
    task->takes_again = false;
    leat_lock_give(&task->lock);
    struct again *again = pick_up(task);
    if (again) {
        leat_fail(&err, LEAT_STOP, "%s has ended", leat_task_name(task));
        finish(again, LEAT_STOP, &err);
    }
}
