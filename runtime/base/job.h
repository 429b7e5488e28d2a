/* job.h - one job at a time for a thread at a task's side, and its answer.
 *
 *   the owner   begin()            is_busy()?            answer(): how it went, said once
 *                  |                                        ^
 *   the thread  while (wait())  ---- work ----  done(): --- ' the next one may begin
 *
 * What the job is stands in a struct that both know: the owner's until begin(), the thread's until done().
 */
#ifndef LEAT_BASE_JOB_H
#define LEAT_BASE_JOB_H

#include <base/thread.h>

struct leat_job {
    struct leat_lock lock;
    struct leat_cond news;
    bool is_at_hand, is_stopping;
    enum leat_status status; /* of the last one */
    struct leat_error err;
};

void leat_job_init(struct leat_job *job, const char *name);
void leat_job_fini(struct leat_job *job); /* by the thread, when wait() has said stop; or nobody has begun */

/* The owner's. */
void leat_job_begin(struct leat_job *job); /* none is at hand */
bool leat_job_is_busy(struct leat_job *job);
/* False: the deadline came before the end of the job at hand, *status is LEAT_AGAIN. */
bool leat_job_answer(struct leat_job *job, struct leat_time deadline, enum leat_status *status, struct leat_error *err);
/* After the job at hand the thread ends; nothing of the job is touched any more. */
void leat_job_stop(struct leat_job *job);

/* The thread's. */
bool leat_job_wait(struct leat_job *job); /* false: stop */
void leat_job_done(struct leat_job *job, enum leat_status status, const struct leat_error *err);

#endif
