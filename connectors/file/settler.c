#include <file/settler.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/thread.h>
#include <stdlib.h>

struct settler {
    struct marks *marks;
    struct target **targets;
    uint32_t count, cap;
    uint8_t *bytes;
    struct leat_lock lock;
    struct leat_cond news;
    bool is_busy, is_stopping;
    enum leat_status status; /* of the last round */
    struct leat_error err;
};

typedef enum leat_status settle_step(struct settler *settler, struct target *target);

static enum leat_status write_lines(struct settler *settler, struct target *target)
{
    return target_write(target, settler->bytes, &settler->err);
}
static enum leat_status sync_lines(struct settler *settler, struct target *target)
{
    return target_sync(target, &settler->err);
}
static enum leat_status write_mark(struct settler *settler, struct target *target)
{
    return target_mark(target, &settler->err);
}
static enum leat_status sync_mark(struct settler *settler, struct target *target)
{
    return target_mark_sync(target, &settler->err);
}

static enum leat_status settle_round(struct settler *settler)
{
    static settle_step *const steps[] = {write_lines, sync_lines, write_mark, sync_mark};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (uint32_t k = 0; k < settler->count; k++) {
            enum leat_status status = steps[i](settler, settler->targets[k]);
            if (status != LEAT_OK)
                return status;
        }
    return marks_write(settler->marks, &settler->err);
}

/* Lock held. False: stop. */
static bool wait_for_round(struct settler *settler)
{
    while (!settler->is_busy && !settler->is_stopping)
        leat_cond_wait(&settler->news, &settler->lock);
    return settler->is_busy;
}

static void run_settler(struct leat_task *task, void *arg)
{
    struct settler *settler = arg;
    leat_lock_take(&settler->lock);
    while (wait_for_round(settler)) {
        leat_lock_give(&settler->lock);
        enum leat_status status = settle_round(settler);
        leat_lock_take(&settler->lock);
        settler->status = status;
        settler->is_busy = false;
        leat_cond_broadcast(&settler->news);
        leat_task_wake(task);
    }
    leat_lock_give(&settler->lock);
    leat_cond_fini(&settler->news);
    leat_lock_fini(&settler->lock);
    free(settler->targets);
    free(settler);
}

enum leat_status settler_start(struct settler **settler, struct leat_task *task, struct marks *marks,
                               struct leat_error *err)
{
    struct settler *made = leat_calloc(1, sizeof *made);
    *made = (struct settler){.marks = marks, .status = LEAT_OK};
    leat_lock_init(&made->lock, "settler", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->news);
    enum leat_status status = leat_task_side(task, "leat-settler", run_settler, made, err);
    if (status == LEAT_OK) {
        *settler = made;
        return LEAT_OK;
    }
    leat_cond_fini(&made->news);
    leat_lock_fini(&made->lock);
    free(made);
    return status;
}

struct target **settler_targets(struct settler *settler, uint32_t count)
{
    if (count > settler->cap) {
        settler->cap = count;
        settler->targets = leat_realloc(settler->targets, count * sizeof *settler->targets);
    }
    return settler->targets;
}

void settler_begin(struct settler *settler, uint32_t count, uint8_t *bytes)
{
    leat_lock_take(&settler->lock);
    leat_assert(!settler->is_busy);
    settler->count = count;
    settler->bytes = bytes;
    settler->is_busy = true;
    leat_cond_broadcast(&settler->news);
    leat_lock_give(&settler->lock);
}

bool settler_is_busy(struct settler *settler)
{
    leat_lock_take(&settler->lock);
    bool is_busy = settler->is_busy;
    leat_lock_give(&settler->lock);
    return is_busy;
}

enum leat_status settler_wait(struct settler *settler, struct leat_error *err)
{
    leat_lock_take(&settler->lock);
    while (settler->is_busy)
        leat_cond_wait(&settler->news, &settler->lock);
    enum leat_status status = settler->status;
    if (status != LEAT_OK)
        *err = settler->err;
    settler->status = LEAT_OK;
    leat_lock_give(&settler->lock);
    return status;
}

void settler_stop(struct settler *settler)
{
    leat_lock_take(&settler->lock);
    while (settler->is_busy)
        leat_cond_wait(&settler->news, &settler->lock);
    settler->is_stopping = true;
    leat_cond_broadcast(&settler->news);
    leat_lock_give(&settler->lock);
}
