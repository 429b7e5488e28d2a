#include <base/job.h>

#include <base/assert.h>

void leat_job_init(struct leat_job *job, const char *name)
{
    *job = (struct leat_job){.status = LEAT_OK};
    leat_lock_init(&job->lock, name, LEAT_RANK_MAILBOX);
    leat_cond_init(&job->news);
}

void leat_job_fini(struct leat_job *job)
{
    leat_cond_fini(&job->news);
    leat_lock_fini(&job->lock);
}

/* ---- the owner's ---- */

void leat_job_begin(struct leat_job *job)
{
    leat_lock_take(&job->lock);
    leat_assert(!job->is_at_hand && !job->is_stopping);
    job->is_at_hand = true;
    leat_cond_broadcast(&job->news);
    leat_lock_give(&job->lock);
}

bool leat_job_is_busy(struct leat_job *job)
{
    leat_lock_take(&job->lock);
    bool is_busy = job->is_at_hand;
    leat_lock_give(&job->lock);
    return is_busy;
}

bool leat_job_answer(struct leat_job *job, struct leat_time deadline, enum leat_status *status, struct leat_error *err)
{
    leat_lock_take(&job->lock);
    while (job->is_at_hand && leat_cond_wait_until(&job->news, &job->lock, deadline))
        ;
    bool is_over = !job->is_at_hand;
    *status = is_over ? job->status : LEAT_AGAIN;
    if (is_over && *status != LEAT_OK)
        *err = job->err;
    if (is_over)
        job->status = LEAT_OK;
    leat_lock_give(&job->lock);
    return is_over;
}

void leat_job_stop(struct leat_job *job)
{
    leat_lock_take(&job->lock);
    while (job->is_at_hand)
        leat_cond_wait(&job->news, &job->lock);
    job->is_stopping = true;
    leat_cond_broadcast(&job->news);
    leat_lock_give(&job->lock);
}

/* ---- the thread's ---- */

bool leat_job_wait(struct leat_job *job)
{
    leat_lock_take(&job->lock);
    while (!job->is_at_hand && !job->is_stopping)
        leat_cond_wait(&job->news, &job->lock);
    bool is_at_hand = job->is_at_hand;
    leat_lock_give(&job->lock);
    return is_at_hand;
}

void leat_job_done(struct leat_job *job, enum leat_status status, const struct leat_error *err)
{
    leat_lock_take(&job->lock);
    leat_assert(job->is_at_hand);
    job->status = status;
    if (status != LEAT_OK)
        job->err = *err;
    job->is_at_hand = false;
    leat_cond_broadcast(&job->news);
    leat_lock_give(&job->lock);
}
