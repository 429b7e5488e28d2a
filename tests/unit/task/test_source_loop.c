#include "fake.h"

static void everything_goes_through_once_and_both_end(void **state)
{
    (void)state;
    fake.count = 1000;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 1000, NULL);
    assert_int_equal(fake.durable, 100); /* batches of ten */
    assert_int_equal(fake.opened, 1);
    assert_int_equal(fake.closed, 1);
}

static void a_retry_reopens_at_the_durable_position(void **state)
{
    (void)state;
    fake.count = 100;
    fake.retry_at = 55;
    fake.retries = 3;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 100, NULL);
    assert_int_equal(fake.opened, 4);
    assert_int_equal(fake.closed, 4);
}

static void a_second_run_goes_on_where_the_first_ended(void **state)
{
    (void)state;
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake.count = 50;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    fake_assert_taken(1, 50, NULL);
}

static void a_source_that_gives_up_fails_with_its_reason(void **state)
{
    (void)state;
    fake.count = 100;
    fake.stop_at = 42;
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_is_over(source));
    assert_string_equal(fake_trouble(source), "the server was turned off for good");
    fake_end(source, LEAT_TASK_FAILED);
    assert_int_equal(fake.durable, 5); /* what was in flight settled, and the source heard of it */
    fake_end(sink, LEAT_TASK_DONE);    /* with what was there */
    fake_assert_taken(1, 41, NULL);
}

static void a_task_that_never_started_can_be_freed(void **state)
{
    (void)state;
    leat_task_free(leat_task_new(&(struct leat_task_config){.pipeline = &fake.pipeline,
                                                            .connector = &fake.source,
                                                            .count = 1,
                                                            .access = fake.access,
                                                            .driver = fake.driver,
                                                            .memory_bytes = fake.memory_bytes}));
}

static void a_stop_before_the_start_counts(void **state)
{
    (void)state;
    struct leat_error err = {0};
    fake.count = 10;
    fake.goes_on = true;
    struct leat_task *task =
        leat_task_new(&(struct leat_task_config){.pipeline = &fake.pipeline,
                                                 .connector = &fake.source,
                                                 .count = 1,
                                                 .access = fake.access,
                                                 .driver = fake.driver,
                                                 .memory_bytes = fake.memory_bytes});
    leat_task_stop(task, leat_after_us(1000000));
    assert_status(leat_task_start(task, &err), LEAT_OK, &err);
    fake_end(task, LEAT_TASK_STOPPED);
}

static void what_was_polled_is_durable_after_a_stop(void **state)
{
    (void)state;
    fake.count = 500;
    fake.goes_on = true;
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_get(&fake.durable) > 3);
    fake_stop(source);
    assert_int_equal(fake_read("db.numbers", NULL, NULL), fake.next - 1);
    assert_int_equal(fake.durable, (fake.next - 1 + 9) / 10);
}

static void a_stop_reaches_who_blocks_in_a_guarded_socket(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fake.guard_fd = pair[0];
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_state(source) == LEAT_TASK_RUNNING);
    fake_stop(source);
    leat_os->close(pair[0]);
    leat_os->close(pair[1]);
}

static void a_source_without_an_end_is_refused_by_once(void **state)
{
    (void)state;
    fake_source.traits = LEAT_PUSH;
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_is_over(source));
    struct leat_task_status status;
    leat_task_status(source, &status);
    assert_int_equal(status.cause, LEAT_CAUSE_CONFIG);
    fake_end(source, LEAT_TASK_FAILED);
    fake_source.traits = LEAT_REPLAYABLE;
}

static void who_claims_the_positions_later_fences_the_first(void **state)
{
    (void)state;
    fake.count = 10;
    fake.goes_on = true;
    struct leat_task *first = fake_start(&fake.source);
    fake_until(fake_get(&fake.durable) == 1);
    const struct leat_positions *from;
    struct leat_writer *writer;
    struct leat_error err = {0};
    struct leat_writer_config config = {.log = "shop", .connector = "shop", .batch_bytes = 1 << 20};
    assert_status(fake.driver->writer_open(fake.access, &config, &writer, &from, &err), LEAT_OK,
                  &err);
    assert_int_equal(leat_positions_count(from), 1);
    fake.driver->writer_close(writer);
    fake_set(&fake.count, 20);
    fake_end(first, LEAT_TASK_FENCED);
    assert_int_equal(fake_read("db.numbers", NULL, NULL), 10);
}

/* ---- side threads ---- */

static int64_t posted; /* atomic */

static void post_numbers(struct leat_task *task, void *arg)
{
    (void)arg;
    while (!leat_task_is_stopping(task)) {
        struct leat_batch *batch = leat_batch_take(task);
        if (!batch)
            return;
        fake_add(task, batch, __atomic_add_fetch(&posted, 1, __ATOMIC_ACQ_REL));
        leat_task_post(task, &batch);
    }
}

static void batches_of_a_side_thread_keep_their_order(void **state)
{
    (void)state;
    posted = 0;
    fake.side = post_numbers;
    fake.goes_on = true;
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.taken_count) > 200 || fake_get(&posted) > 3000);
    fake_stop(source);
    fake_stop(sink);
    assert_true(fake.taken_count > 0);
    fake_assert_taken(1, fake.taken_count, NULL);
}

/* Asks for a retry, three times, while the side thread holds all batches and waits for one more. */
static enum leat_status retry_when_all_is_taken(void *self, struct leat_task *task,
                                                struct leat_batch **out, struct leat_error *err)
{
    (void)self, (void)out;
    if (fake_get(&fake.opened) > 3) {
        leat_wait(task, -1, 0, leat_after_us(50000));
        return LEAT_AGAIN;
    }
    fake_until(__atomic_load_n(&posted, __ATOMIC_ACQUIRE) == 2 * fake.opened);
    return leat_fail(err, LEAT_RETRY, "the server went away");
}

static void a_restart_ends_side_threads_that_wait(void **state)
{
    (void)state;
    posted = 0;
    fake.side = post_numbers;
    fake.memory_bytes = 1; /* two batches */
    fake_source.poll = retry_when_all_is_taken;
    struct leat_task *source = fake_start(&fake.source);
    fake_until(fake_get(&fake.opened) == 4);
    fake_stop(source);
    fake_source.poll = fake_poll;
}

static void block_in_a_socket(struct leat_task *task, void *arg)
{
    char byte;
    (void)arg;
    leat_task_guard(task, fake.guard_fd);
    __atomic_add_fetch(&posted, 1, __ATOMIC_ACQ_REL);
    leat_os->recv(fake.guard_fd, &byte, 1, 0);
    leat_task_guard(task, -1);
}

static enum leat_status give_up_when_the_side_blocks(void *self, struct leat_task *task,
                                                     struct leat_batch **out,
                                                     struct leat_error *err)
{
    (void)self, (void)task, (void)out;
    fake_until(__atomic_load_n(&posted, __ATOMIC_ACQUIRE) == 1);
    return leat_fail(err, LEAT_STOP, "no more");
}

static void an_end_reaches_side_threads_that_block_in_a_socket(void **state)
{
    int pair[2];
    (void)state;
    posted = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fake.guard_fd = pair[0];
    fake.side = block_in_a_socket;
    fake_source.poll = give_up_when_the_side_blocks;
    fake_end(fake_start(&fake.source), LEAT_TASK_FAILED);
    fake_source.poll = fake_poll;
    leat_os->close(pair[0]);
    leat_os->close(pair[1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(everything_goes_through_once_and_both_end),
        CASE(a_retry_reopens_at_the_durable_position),
        CASE(a_second_run_goes_on_where_the_first_ended),
        CASE(a_source_that_gives_up_fails_with_its_reason),
        CASE(a_task_that_never_started_can_be_freed),
        CASE(a_stop_before_the_start_counts),
        CASE(what_was_polled_is_durable_after_a_stop),
        CASE(a_stop_reaches_who_blocks_in_a_guarded_socket),
        CASE(a_source_without_an_end_is_refused_by_once),
        CASE(who_claims_the_positions_later_fences_the_first),
        CASE(batches_of_a_side_thread_keep_their_order),
        CASE(a_restart_ends_side_threads_that_wait),
        CASE(an_end_reaches_side_threads_that_block_in_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
