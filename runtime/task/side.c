/* side.c - side threads: their life, the descriptors that they block on, and the mailbox to the
 * owner.
 *
 * They end before the plug-in's next open(): with a stop, and with every other end of its life. So
 * what they wait for (a batch, a guarded socket) ends then too, and leat_task_is_stopping() is true
 * for them.
 */
#include <task/inside.h>

#include <base/assert.h>
#include <base/os.h>

static _Thread_local struct side *this_side;

static void run_side(void *arg)
{
    struct side *side = arg;
    this_side = side;
    side->run(side->task, side->arg);
    leat_task_guard(side->task, -1);
}

enum leat_status leat_task_side(struct leat_task *task, const char *name, leat_side_f *run,
                                void *arg, struct leat_error *err)
{
    if (task->side_count == SIDES_MOST)
        return leat_fail(err, LEAT_STOP, "%s: more than %d side threads", leat_task_name(task),
                         SIDES_MOST);
    leat_lock_take(&task->lock);
    struct side *side = &task->sides[task->side_count];
    *side = (struct side){.task = task, .run = run, .arg = arg, .guard_fd = -1};
    enum leat_status status = leat_thread_start(&side->thread, name, run_side, side, err);
    if (status == LEAT_OK)
        task->side_count++;
    leat_lock_give(&task->lock);
    return status;
}

bool is_side_of(const struct leat_task *task)
{
    return this_side && this_side->task == task;
}

void sides_join(struct leat_task *task)
{
    for (uint32_t i = 0; i < task->side_count; i++)
        leat_thread_join(task->sides[i].thread);
    leat_lock_take(&task->lock);
    task->side_count = 0;
    task->owner_guard_fd = task->watched_fd = -1; /* close() has closed what they were */
    leat_lock_give(&task->lock);
    __atomic_store_n(&task->is_ending, false, __ATOMIC_RELEASE);
    struct leat_batch *batch;
    while ((batch = leat_task_receive(task)))
        pool_give(&task->pool, batch);
}

/* ---- guards: a stop shuts down what somebody blocks on ---- */

void leat_task_guard(struct leat_task *task, int fd)
{
    leat_lock_take(&task->lock);
    if (is_side_of(task))
        this_side->guard_fd = fd;
    else
        task->owner_guard_fd = fd;
    leat_lock_give(&task->lock);
    if (fd >= 0 && leat_task_is_stopping(task)) /* it came too late for the stop to see it */
        leat_os->shutdown(fd, SHUT_RDWR);
}

/* Lock held. */
static void shut_sides(struct leat_task *task)
{
    for (uint32_t i = 0; i < task->side_count; i++)
        if (task->sides[i].guard_fd >= 0)
            leat_os->shutdown(task->sides[i].guard_fd, SHUT_RDWR);
}

void sides_stop(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    if (task->owner_guard_fd >= 0)
        leat_os->shutdown(task->owner_guard_fd, SHUT_RDWR);
    shut_sides(task);
    leat_lock_give(&task->lock);
    pool_wake(&task->pool);
}

/* The owner's own connection stays: close() may have to say good-bye on it. */
void sides_end(struct leat_task *task)
{
    __atomic_store_n(&task->is_ending, true, __ATOMIC_RELEASE);
    leat_lock_take(&task->lock);
    shut_sides(task);
    leat_lock_give(&task->lock);
    pool_wake(&task->pool);
}

/* ---- mailbox ---- */

void leat_task_post(struct leat_task *task, struct leat_batch **batch)
{
    leat_lock_take(&task->mail_lock);
    (*batch)->next = NULL;
    *task->mail_last = *batch;
    task->mail_last = &(*batch)->next;
    leat_lock_give(&task->mail_lock);
    *batch = NULL;
    leat_task_wake(task);
}

struct leat_batch *leat_task_receive(struct leat_task *task)
{
    leat_lock_take(&task->mail_lock);
    struct leat_batch *batch = task->mail;
    if (batch) {
        task->mail = batch->next;
        batch->next = NULL;
        if (!task->mail)
            task->mail_last = &task->mail;
    }
    leat_lock_give(&task->mail_lock);
    if (batch)
        batch->number = task->batch_number + 1; /* of the one that poll() hands out next */
    return batch;
}

void leat_task_wake(struct leat_task *task)
{
    leat_bell_ring(&task->bell);
}
