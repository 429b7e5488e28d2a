/* One job at a time: who waits for whom, and what is said once. */
#include <kit/cmocka.h>

#include <base/job.h>

struct work {
    struct leat_job job;
    pthread_t thread;
    enum leat_status status; /* of the next job */
    int number, done;
    struct leat_lock gate; /* the work passes through it; outside of the job's lock */
};

static void run(void *arg)
{
    struct work *work = arg;
    struct leat_error err;
    while (leat_job_wait(&work->job)) {
        leat_lock_take(&work->gate);
        work->done += work->number;
        leat_fail(&err, work->status, "job %d", work->number);
        leat_lock_give(&work->gate);
        leat_job_done(&work->job, work->status, &err);
    }
}

static int set_up(void **state)
{
    static struct work work;
    struct leat_error err;
    work = (struct work){.status = LEAT_OK};
    leat_lock_init(&work.gate, "gate", LEAT_RANK_TASK);
    leat_job_init(&work.job, "job");
    *state = &work;
    return leat_thread_start(&work.thread, "job", run, &work, &err) == LEAT_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct work *work = *state;
    leat_job_stop(&work->job);
    leat_thread_join(work->thread);
    leat_job_fini(&work->job);
    leat_lock_fini(&work->gate);
    return 0;
}

static const struct leat_time forever = {INT64_MAX};

static void jobs_are_done_one_after_the_other(void **state)
{
    struct work *work = *state;
    struct leat_error err;
    enum leat_status status;
    for (int i = 1; i <= 1000; i++) {
        work->number = i;
        leat_job_begin(&work->job);
        assert_true(leat_job_answer(&work->job, forever, &status, &err));
        assert_int_equal(status, LEAT_OK);
        assert_false(leat_job_is_busy(&work->job));
    }
    assert_int_equal(work->done, 500500);
}

static void an_answer_that_is_not_there_in_time_is_asked_for_again(void **state)
{
    struct work *work = *state;
    struct leat_error err;
    enum leat_status status;
    work->number = 7;
    leat_lock_take(&work->gate); /* nothing is done */
    leat_job_begin(&work->job);
    assert_true(leat_job_is_busy(&work->job));
    assert_false(leat_job_answer(&work->job, leat_now(), &status, &err));
    assert_int_equal(status, LEAT_AGAIN);
    leat_lock_give(&work->gate);
    assert_true(leat_job_answer(&work->job, forever, &status, &err));
    assert_int_equal(status, LEAT_OK);
    assert_int_equal(work->done, 7);
}

static void a_failure_is_said_once(void **state)
{
    struct work *work = *state;
    struct leat_error err;
    enum leat_status status;
    work->number = 3;
    work->status = LEAT_RETRY;
    leat_job_begin(&work->job);
    assert_true(leat_job_answer(&work->job, forever, &status, &err));
    assert_int_equal(status, LEAT_RETRY);
    assert_string_equal(err.text, "job 3");
    assert_true(leat_job_answer(&work->job, forever, &status, &err));
    assert_int_equal(status, LEAT_OK);
}

static void a_stop_waits_for_the_job_at_hand(void **state)
{
    struct work *work = *state;
    work->number = 5;
    leat_job_begin(&work->job);
    leat_job_stop(&work->job);
    assert_int_equal(work->done, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_are_done_one_after_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_is_not_there_in_time_is_asked_for_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_said_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_waits_for_the_job_at_hand, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
