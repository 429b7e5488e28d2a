#include "ahead.h"

static void back_off_is_long(void)
{
    fake.source.errors =
        (struct leat_errors_def){.retry_first_us = 1000000000, .retry_most_us = 4000000000};
    fake.count = 10;
    fake.retry_at = 1;
    fake.retries = 1000;
}

/* ---- back-off ---- */

static void pauses_double_up_to_the_longest_and_never_end_in_their_first_half(void **state)
{
    static const int64_t pauses[] = {1000, 2000, 4000, 4000, 4000};
    (void)state;
    back_off_is_long();
    struct leat_task *task = fake_start(&fake.source);
    for (int i = 0; i < 5; i++) {
        fake_until(fake_get(&fake.closed) == i + 1 && fake_state(task) == LEAT_TASK_WAITING);
        put_forward(task, pauses[i] / 2 - 30);
        assert_int_equal(fake_get(&fake.opened), i + 1);
        put_forward(task, pauses[i] / 2 + 31);
        fake_until(fake_get(&fake.opened) == i + 2);
    }
    fake_until(fake_state(task) == LEAT_TASK_WAITING);
    fake_stop(task);
}

/* Two lives without a record, one with ten, and those that follow. */
static enum leat_status retry_but_for_ten(void *self, struct leat_task *task,
                                          struct leat_batch **out, struct leat_error *err)
{
    if (fake.opened == 3 && fake_get(&fake.durable) == 0)
        return fake_poll(self, task, out, err);
    return leat_fail(err, LEAT_RETRY, "the server went away");
}

static void progress_starts_the_pauses_anew(void **state)
{
    (void)state;
    back_off_is_long();
    fake.retries = 0;
    fake.goes_on = true;
    fake_source.poll = retry_but_for_ten;
    struct leat_task *task = fake_start(&fake.source);
    for (int i = 0; i < 2; i++) {
        fake_until(fake_get(&fake.closed) == i + 1 && fake_state(task) == LEAT_TASK_WAITING);
        put_forward(task, 2000);
    }
    fake_until(fake_get(&fake.closed) == 3 && fake_state(task) == LEAT_TASK_WAITING);
    assert_int_equal(fake.durable, 1);
    put_forward(task, 1001); /* not enough for a third pause, which has 2000 s at least */
    fake_until(fake_get(&fake.opened) == 4);
    fake_until(fake_state(task) == LEAT_TASK_WAITING);
    fake_stop(task);
    fake_source.poll = fake_poll;
}

static void a_stop_ends_a_back_off_at_once(void **state)
{
    (void)state;
    back_off_is_long();
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_state(task) == LEAT_TASK_WAITING);
    fake_stop(task);
    assert_int_equal(fake.opened, 1);
}

static void who_gives_up_says_after_how_long(void **state)
{
    (void)state;
    back_off_is_long();
    fake.source.errors.retry_give_up_us = 2500000000;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_state(task) == LEAT_TASK_WAITING);
    put_forward(task, 1001);
    fake_until(fake_get(&fake.opened) == 2 && fake_state(task) == LEAT_TASK_WAITING);
    put_forward(task, 2001);
    fake_until(fake_is_over(task));
    assert_non_null(strstr(fake_trouble(task), "gave up after 50 min"));
    assert_non_null(strstr(fake_trouble(task), "the server went away"));
    fake_end(task, LEAT_TASK_FAILED);
    assert_int_equal(fake.opened, 3);
}

static int64_t failing_opens;

static enum leat_status fail_to_open(void *self, struct leat_task *task,
                                     const struct leat_positions *from, struct leat_error *err)
{
    if (failing_opens-- > 0)
        return leat_fail(err, LEAT_RETRY, "connection refused");
    return fake_open(self, task, from, err);
}

static void a_failed_open_is_closed_and_tried_again(void **state)
{
    (void)state;
    failing_opens = 3;
    fake.count = 10;
    fake_source.open = fail_to_open;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_source.open = fake_open;
    assert_int_equal(fake.closed, 4);
    fake_assert_taken(1, 10, NULL);
}

/* ---- preflight ---- */

static int64_t checks, failing_checks;

static enum leat_status check(void *self, struct leat_report *report, struct leat_error *err)
{
    (void)self;
    if (++checks <= failing_checks)
        return leat_fail(err, LEAT_RETRY, "the server is not up yet");
    leat_report_note(report, "version %d", 11);
    leat_report_warning(report, "clock is off");
    leat_report_guarantee(report, LEAT_AT_LEAST_ONCE, "no marks");
    leat_report_guarantee(report, LEAT_EFFECTIVELY_ONCE, "not the weakest");
    return LEAT_OK;
}

static enum leat_status check_finds_an_error(void *self, struct leat_report *report,
                                             struct leat_error *err)
{
    (void)self, (void)err;
    leat_report_error(report, "binlog_format is MIXED; run: SET GLOBAL binlog_format = ROW");
    leat_report_error(report, "the second trouble");
    return LEAT_OK;
}

static void a_preflight_runs_until_it_passes_and_then_no_more(void **state)
{
    (void)state;
    checks = 0;
    failing_checks = 2;
    fake.count = 20;
    fake.put_retry_at = 15;
    fake.put_retries = 2;
    fake_sink.check = check;
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    struct leat_task_status status;
    fake_until(fake_is_over(sink));
    leat_task_status(sink, &status);
    assert_int_equal(status.guarantee, LEAT_AT_LEAST_ONCE); /* though open() said better */
    assert_string_equal(status.guarantee_why, "no marks");
    assert_int_equal(status.retries, 4);
    fake_end(source, LEAT_TASK_DONE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_sink.check = NULL;
    assert_int_equal(checks, 3);
    fake_assert_taken(1, 20, NULL);
}

static void a_preflight_that_finds_an_error_stops_before_open(void **state)
{
    (void)state;
    fake_source.check = check_finds_an_error;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_is_over(task));
    assert_non_null(strstr(fake_trouble(task), "binlog_format"));
    fake_end(task, LEAT_TASK_FAILED);
    assert_int_equal(fake.opened, 0);
    assert_int_equal(fake.closed, 0);
    fake_source.check = NULL;
}

static void all_findings_are_there_outside_of_a_run(void **state)
{
    struct leat_preflight preflight;
    struct leat_error err = {0};
    (void)state;
    checks = failing_checks = 0;
    fake_sink.check = check;
    assert_status(leat_preflight_run(&fake.sink, &preflight, &err), LEAT_OK, &err);
    fake_sink.check = NULL;
    assert_int_equal(preflight.count, 2);
    assert_int_equal(preflight.findings[0].level, LEAT_INFO);
    assert_string_equal(preflight.findings[0].text, "version 11");
    assert_int_equal(preflight.findings[1].level, LEAT_WARNING);
    assert_int_equal(preflight.guarantee, LEAT_AT_LEAST_ONCE);
    leat_preflight_fini(&preflight);
    fake_source.check = check_finds_an_error;
    assert_status(leat_preflight_run(&fake.source, &preflight, &err), LEAT_OK, &err);
    fake_source.check = NULL;
    assert_int_equal(preflight.count, 2);
    assert_string_equal(preflight.findings[1].text, "the second trouble");
    leat_preflight_fini(&preflight);
}

/* ---- what is shown ---- */

static enum leat_status count_things(void *self, struct leat_task *task, struct leat_batch **out,
                                     struct leat_error *err)
{
    if (fake.next == 1) {
        leat_task_progress(task, "snapshot of %s", "db.numbers");
        leat_task_lag(task, 1500, -1);
    }
    leat_count(task, "fake_polls", 1);
    leat_count(task, "fake_bytes", 10);
    return fake_poll(self, task, out, err);
}

static void a_status_shows_what_was_done(void **state)
{
    struct leat_task_status status;
    (void)state;
    fake.count = 100;
    fake_source.poll = count_things;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_is_over(task));
    fake_source.poll = fake_poll;
    leat_task_status(task, &status);
    assert_string_equal(status.name, "shop");
    assert_int_equal(status.records, 100);
    assert_int_equal(status.batches, 10);
    assert_true(status.bytes > 1600);
    assert_string_equal(status.progress, "snapshot of db.numbers");
    assert_int_equal(status.lag.us, 1500);
    assert_int_equal(status.counter_count, 2);
    assert_string_equal(status.counters[1].name, "fake_bytes");
    assert_int_equal(status.counters[1].value, 10 * status.counters[0].value);
    assert_string_equal(status.error.text, "");
    assert_true(leat_wall_us() - status.last_progress_us < FAKE_WAIT_S * (int64_t)1000000);
    fake_end(task, LEAT_TASK_DONE);
    assert_int_equal(fake.changes, 3); /* starting, running, done */
}

static void a_rate_is_of_the_last_seconds(void **state)
{
    struct leat_task_status status;
    (void)state;
    fake.count = 10;
    fake.goes_on = true;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_get(&fake.durable) == 1);
    put_forward(task, 2);
    fake_set(&fake.count, 20);
    fake_until(fake_get(&fake.durable) == 2);
    leat_task_status(task, &status);
    assert_true(status.records_per_s > 1 && status.records_per_s < 10.1);
    put_forward(task, 4);
    leat_task_status(task, &status);
    assert_true(status.records_per_s < 0.001);
    fake_stop(task);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ahead_setup, ahead_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pauses_double_up_to_the_longest_and_never_end_in_their_first_half),
        CASE(progress_starts_the_pauses_anew),
        CASE(a_stop_ends_a_back_off_at_once),
        CASE(who_gives_up_says_after_how_long),
        CASE(a_failed_open_is_closed_and_tried_again),
        CASE(a_preflight_runs_until_it_passes_and_then_no_more),
        CASE(a_preflight_that_finds_an_error_stops_before_open),
        CASE(all_findings_are_there_outside_of_a_run),
        CASE(a_status_shows_what_was_done),
        CASE(a_rate_is_of_the_last_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
