#include <file/settler.h>

#include <base/job.h>
#include <base/memory.h>
#include <stdlib.h>

struct settler {
    struct marks *marks;
    struct target **targets;
    uint32_t count, cap;
    uint8_t *bytes;
    struct leat_job job;
    struct leat_error err; /* the thread's */
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

static void run_settler(struct leat_task *task, void *arg)
{
    struct settler *settler = arg;
    while (leat_job_wait(&settler->job)) {
        leat_job_done(&settler->job, settle_round(settler), &settler->err);
        leat_task_wake(task);
    }
    leat_job_fini(&settler->job);
    free(settler->targets);
    free(settler);
}

enum leat_status settler_start(struct settler **settler, struct leat_task *task, struct marks *marks,
                               struct leat_error *err)
{
    struct settler *made = leat_calloc(1, sizeof *made);
    made->marks = marks;
    leat_job_init(&made->job, "settler");
    enum leat_status status = leat_task_side(task, "leat-settler", run_settler, made, err);
    if (status == LEAT_OK) {
        *settler = made;
        return LEAT_OK;
    }
    leat_job_fini(&made->job);
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
    settler->count = count;
    settler->bytes = bytes;
    leat_job_begin(&settler->job);
}

bool settler_is_busy(struct settler *settler)
{
    return leat_job_is_busy(&settler->job);
}

enum leat_status settler_wait(struct settler *settler, struct leat_error *err)
{
    enum leat_status status;
    leat_job_answer(&settler->job, (struct leat_time){INT64_MAX}, &status, err);
    return status;
}

void settler_stop(struct settler *settler)
{
    leat_job_stop(&settler->job);
}
