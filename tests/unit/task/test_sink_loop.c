#include "fake.h"

static void a_sink_with_marks_takes_each_record_once_over_retries(void **state)
{
    (void)state;
    fake.count = 300;
    fake.put_retry_at = 137;
    fake.put_retries = 3;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 300, NULL);
    assert_int_equal(fake.sink_opened, 4);
}

static void a_sink_without_marks_goes_on_at_the_hosts_own(void **state)
{
    (void)state;
    fake.keeps_mark = false;
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake.count = 50;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 50, NULL);
}

static void a_sink_that_settles_later_ends_with_all(void **state)
{
    (void)state;
    fake.is_async = true;
    fake.count = 200;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 200, NULL);
}

/* All batches in flight must not look like the end of what there is to read. */
static void a_once_run_does_not_end_while_batches_are_in_flight(void **state)
{
    (void)state;
    fake.is_async = true;
    fake.has_room = true;
    fake.settles = false;
    fake.count = 3000;
    fake.per_batch = 100;
    fake.memory_bytes = 1; /* two small batches */
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source);
    fake_end(source, LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.sink_opened) == 1);
    __atomic_store_n(&fake.settles, true, __ATOMIC_RELEASE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 3000, NULL);
}

/* As above, but all of it fits into what the sink may hold, though not into the task's batches. */
static void what_can_be_refused_no_more_takes_no_room(void **state)
{
    (void)state;
    fake.is_async = fake.has_room = fake.refuses_early = true;
    fake.settles = false;
    fake.count = 3000;
    fake.per_batch = 100;
    fake.memory_bytes = 1;
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.staged_count) == 3000);
    assert_int_equal(fake_get(&fake.taken_count), 0);
    __atomic_store_n(&fake.settles, true, __ATOMIC_RELEASE);
    fake_end(sink, LEAT_TASK_DONE);
    fake_assert_taken(1, 3000, NULL);
}

static void a_stop_flushes_what_was_taken(void **state)
{
    (void)state;
    fake.is_async = true;
    fake.count = 20;
    fake.goes_on = true;
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.taken_count) == 20);
    fake_stop(source);
    fake_stop(sink);
    fake_assert_taken(1, 20, NULL);
}

static void a_stop_abandons_what_does_not_settle_in_time(void **state)
{
    (void)state;
    fake.is_async = true;
    fake.settles = false;
    fake.count = 20;
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.sink_opened) == 1 && fake_state(sink) == LEAT_TASK_RUNNING);
    leat_task_stop(sink, leat_after_us(20000));
    fake_end(sink, LEAT_TASK_STOPPED);
    assert_int_equal(fake.taken_count, 0);
    __atomic_store_n(&fake.settles, true, __ATOMIC_RELEASE);
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE); /* and they come again */
    fake_assert_taken(1, 20, NULL);
}

static void a_place_to_start_at_is_for_new_sinks_alone(void **state)
{
    (void)state;
    fake.count = 50;
    fake.sink.start =
        (struct leat_place){.kind = LEAT_AT_OFFSET, .topic = "db.numbers", .offset = 40};
    fake.once = leat_once_new(1);
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    fake_end(fake_start(&fake.sink), LEAT_TASK_DONE);
    leat_once_free(fake.once);
    fake.count = 60;
    fake.sink.start.offset = 0;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(41, 60, NULL);
}

/* "latest" is when the sink first began, not when it came back from a retry: I7. */
static void a_new_sink_at_the_end_misses_nothing_over_its_retries(void **state)
{
    (void)state;
    fake.count = 10;
    fake.goes_on = true;
    fake.sink.start.kind = LEAT_AT_END;
    fake.put_retry_at = 11;
    fake.put_retries = 3;
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_get(&fake.durable) == 1);
    leat_os->poll(NULL, 0, 5); /* another moment than that of the first ten */
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_state(sink) == LEAT_TASK_RUNNING);
    fake_set(&fake.count, 30);
    fake_until(fake_get(&fake.taken_count) == 20);
    fake_stop(source);
    fake_stop(sink);
    fake_assert_taken(11, 30, NULL);
}

/* The target does not answer, the daemon is restarted, and meanwhile records come. */
static void nor_over_a_restart_before_there_is_a_mark(void **state)
{
    (void)state;
    fake.count = 10;
    fake.goes_on = true;
    fake.sink.start.kind = LEAT_AT_END;
    fake.put_retry_at = 11;
    fake.put_retries = INT64_MAX;
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_get(&fake.durable) == 1);
    leat_os->poll(NULL, 0, 5); /* another moment than that of the first ten */
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_state(sink) == LEAT_TASK_RUNNING);
    fake_set(&fake.count, 20);
    fake_until(fake_get(&fake.sink_opened) > 2);
    fake_stop(sink);
    fake_assert_taken(1, 0, NULL);
    fake.put_retries = 0;
    sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.taken_count) == 10);
    fake_stop(source);
    fake_stop(sink);
    fake_assert_taken(11, 20, NULL);
}

/* ---- what the log says of a mark ---- */

static void run_against(const struct leat_mark *mark, enum leat_task_state end, const char *text)
{
    fake.mark = *mark;
    fake.once = leat_once_new(0);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(sink));
    if (!strstr(fake_trouble(sink), text))
        fail_msg("\"%s\" does not say \"%s\"", fake_trouble(sink), text);
    fake_end(sink, end);
    leat_once_free(fake.once);
    fake.once = NULL;
}

static void marks_that_do_not_fit_the_log_stop_the_sink(void **state)
{
    (void)state;
    fake.count = 100;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    const struct leat_mark good = fake.mark;
    struct leat_mark cut = good, ahead = good, foreign = good, clone = good, none = {0};
    cut.cursor.bytes[0] = ahead.cursor.bytes[0] = 0x7f;
    foreign.log_uuid[0] ^= 1;
    clone.incarnation[0] ^= 1;
    ahead.incarnation[0] ^= 1;
    run_against(&cut, LEAT_TASK_FAILED, "ahead of the log, in a part that this very log wrote");
    run_against(&ahead, LEAT_TASK_FAILED, "ahead of the log: the data directory was restored");
    run_against(&foreign, LEAT_TASK_FAILED, "another log");
    run_against(&clone, LEAT_TASK_FAILED, "another log");
    run_against(&none, LEAT_TASK_FAILED, "holds no mark");
    fake.owner = "leat on elsewhere"; /* then the target is that one's */
    run_against(&ahead, LEAT_TASK_FENCED, "ahead of the log, written by leat on elsewhere");
    run_against(&cut, LEAT_TASK_FAILED, "a part that this very log wrote, written by leat on elsewhere");
    run_against(&clone, LEAT_TASK_FENCED, "another log by leat on elsewhere");
    run_against(&none, LEAT_TASK_FAILED, "holds no mark");
    fake_assert_taken(1, 100, NULL);
    run_against(&good, LEAT_TASK_DONE, "");
    fake_assert_taken(1, 100, NULL);
}

static void a_target_that_lost_its_tail_gets_it_again(void **state)
{
    (void)state;
    fake.count = 40;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    struct leat_mark old = fake.mark;
    fake.count = 70;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake.taken_count = 40;
    run_against(&old, LEAT_TASK_DONE, "");
    fake_assert_taken(1, 70, NULL);
}

/* ---- guarantees ---- */

static void assert_guarantee(enum leat_guarantee wanted, const char *why)
{
    struct leat_task_status status;
    fake.once = leat_once_new(0);
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(sink));
    leat_task_status(sink, &status);
    fake_end(sink, LEAT_TASK_DONE);
    leat_once_free(fake.once);
    fake.once = NULL;
    assert_int_equal(status.guarantee, wanted);
    assert_string_equal(status.guarantee_why, why);
}

static void a_pipeline_promises_what_its_weakest_part_gives(void **state)
{
    (void)state;
    assert_guarantee(LEAT_EXACTLY_ONCE, "");
    fake.pipeline.settings.fsync = LEAT_FSYNC_NEVER;
    assert_guarantee(LEAT_AT_LEAST_ONCE, "fsync: never");
    fake_source.traits = 0;
    assert_guarantee(LEAT_AT_MOST_ONCE, "fake cannot be read again");
    fake.pipeline.settings.fsync = LEAT_FSYNC_EVERY_COMMIT;
    fake_source.traits = LEAT_PUSH;
    assert_guarantee(LEAT_AT_LEAST_ONCE, "fake: who sends again after a lost answer, and without a key, sends twice");
    fake_source.traits = LEAT_REPLAYABLE;
}

/* ---- transactions ---- */

static enum leat_status drop_thirds(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++)
        if (leat_batch_get(batch, i)->value.as.i % 3 == 0)
            leat_batch_edit(batch, i)->flags |= LEAT_DROPPED;
    return LEAT_OK;
}

static const struct leat_transform_type drop_type = {.struct_size = sizeof drop_type,
                                                     .name = "drop_thirds",
                                                     .size = 1,
                                                     .options = fake_no_options,
                                                     .apply = drop_thirds};

/* "1 2 m| 4" */
static void print_record(void *arg, const struct leat_record *rec)
{
    char *text = arg;
    size_t len = strlen(text);
    if (rec->op == LEAT_MARKER)
        snprintf(text + len, 100 - len, "m");
    else
        snprintf(text + len, 100 - len, "%lld", (long long)rec->value.as.i);
    strcat(text, rec->flags & LEAT_ENDS_TRANSACTION ? "| " : " ");
}

/* Transactions of three, of which the last record is dropped; batches of two, so that some span
 * two. */
static void the_end_of_a_transaction_outlives_its_record(void **state)
{
    (void)state;
    struct leat_transform_def transform = {&drop_type, fake_use("drop_thirds", 1)};
    fake.source.transforms = &transform;
    fake.source.transform_count = 1;
    fake.count = 12;
    fake.per_batch = 2;
    fake.transaction = 3;
    char text[101] = "";
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_read("db.numbers", print_record, text);
    assert_string_equal(text, "1 2 m| 4 5| 7 8 m| 10 11| ");
    fake_assert_taken(1, 12, (int64_t[]){3, 6, 9, 12, 0}); /* markers are for who asks for them */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sink_with_marks_takes_each_record_once_over_retries),
        CASE(a_sink_without_marks_goes_on_at_the_hosts_own),
        CASE(a_sink_that_settles_later_ends_with_all),
        CASE(a_once_run_does_not_end_while_batches_are_in_flight),
        CASE(what_can_be_refused_no_more_takes_no_room),
        CASE(a_stop_flushes_what_was_taken),
        CASE(a_stop_abandons_what_does_not_settle_in_time),
        CASE(a_place_to_start_at_is_for_new_sinks_alone),
        CASE(a_new_sink_at_the_end_misses_nothing_over_its_retries),
        CASE(nor_over_a_restart_before_there_is_a_mark),
        CASE(marks_that_do_not_fit_the_log_stop_the_sink),
        CASE(a_target_that_lost_its_tail_gets_it_again),
        CASE(a_pipeline_promises_what_its_weakest_part_gives),
        CASE(the_end_of_a_transaction_outlives_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
