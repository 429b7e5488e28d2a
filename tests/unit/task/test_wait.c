#include "fake.h"

#include <time.h>
#include <unistd.h>

/* Each case is a poll() that waits in some way, on the owner's thread, and remembers what it was
 * told. */

static int event = -1; /* atomic; of the last leat_wait() */
static int64_t waits;  /* atomic */
static int pair[2];    /* a socket pair */
static int64_t waited_ns;

static void remember(enum leat_event got)
{
    __atomic_store_n(&event, (int)got, __ATOMIC_RELEASE);
    __atomic_add_fetch(&waits, 1, __ATOMIC_ACQ_REL);
}

static int last_event(void)
{
    return __atomic_load_n(&event, __ATOMIC_ACQUIRE);
}

static enum leat_status wait_for_ever(void *self, struct leat_task *task, struct leat_batch **out,
                                      struct leat_error *err)
{
    (void)self, (void)out, (void)err;
    char byte;
    enum leat_event got = leat_wait(task, pair[0], POLLIN, LEAT_NEVER);
    if (got == LEAT_READY)
        leat_os->recv(pair[0], &byte, 1, 0);
    remember(got);
    return LEAT_AGAIN;
}

static enum leat_status wait_a_little(void *self, struct leat_task *task, struct leat_batch **out,
                                      struct leat_error *err)
{
    (void)self, (void)out, (void)err;
    int64_t from = fake_real_ns();
    enum leat_event got = leat_wait(task, -1, 0, leat_after_us(3000));
    waited_ns = fake_real_ns() - from;
    remember(got);
    return LEAT_EOF;
}

static void a_byte_a_wake_and_a_stop_are_told_apart(void **state)
{
    (void)state;
    fake_source.poll = wait_for_ever;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(fake_state(task) == LEAT_TASK_RUNNING);
    assert_int_equal(leat_os->send(pair[1], "x", 1, 0), 1);
    fake_until(last_event() == LEAT_READY);
    leat_task_wake(task);
    fake_until(last_event() == LEAT_WAKE);
    assert_int_equal(fake_get(&waits), 2);
    leat_task_stop(task, leat_after_us(1000000));
    fake_end(task, LEAT_TASK_STOPPED);
    assert_int_equal(last_event(), LEAT_STOPPING);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    fake_source.poll = wait_a_little;
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
    assert_int_equal(last_event(), LEAT_TIMEOUT);
    assert_true(waited_ns >= 3000000);
}

/* ---- timers ---- */

static int64_t timers; /* atomic */

static enum leat_status run_timer(void *self, struct leat_task *task, struct leat_batch *batch,
                                  struct leat_time *due, struct leat_error *err)
{
    (void)self, (void)err;
    *due = leat_after_us(2000);
    fake_add(task, batch, __atomic_add_fetch(&timers, 1, __ATOMIC_ACQ_REL));
    return LEAT_OK;
}

static enum leat_status pass(void *self, struct leat_task *task, struct leat_batch *batch,
                             struct leat_error *err)
{
    (void)self, (void)task, (void)batch, (void)err;
    return LEAT_OK;
}

static const struct leat_transform_type timer_type = {.struct_size = sizeof timer_type,
                                                      .name = "timer",
                                                      .size = 1,
                                                      .options = fake_no_options,
                                                      .apply = pass,
                                                      .timer = run_timer};

static void a_timer_wakes_who_waits(void **state)
{
    struct leat_transform_def transform = {&timer_type, fake_use("timer", 1)};
    (void)state;
    timers = 0;
    fake.source.transforms = &transform;
    fake.source.transform_count = 1;
    fake_source.poll = wait_for_ever;
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.taken_count) >= 3);
    assert_true(fake_get(&waits) >= 2);
    fake_stop(source);
    fake_stop(sink);
    fake_assert_taken(1, fake.taken_count, NULL);
}

/* Timers run before the topic alone: a sink that has one must not spin. */
static void a_sinks_timer_neither_runs_nor_keeps_it_awake(void **state)
{
    struct leat_transform_def transform = {&timer_type, fake_use("timer", 1)};
    struct timespec before, after;
    clockid_t clock;
    (void)state;
    timers = 0;
    fake.sink.transforms = &transform;
    fake.sink.transform_count = 1;
    struct leat_task *sink = fake_start(&fake.sink);
    fake_until(fake_state(sink) == LEAT_TASK_RUNNING);
    assert_int_equal(clock_getcpuclockid(getpid(), &clock), 0);
    clock_gettime(clock, &before);
    leat_os->poll(NULL, 0, 300);
    clock_gettime(clock, &after);
    int64_t spent_ns =
        (after.tv_sec - before.tv_sec) * 1000000000 + (after.tv_nsec - before.tv_nsec);
    assert_true(spent_ns < 150000000);
    assert_int_equal(fake_get(&timers), 0);
    fake_stop(sink);
}

static int setup(void **state)
{
    event = -1;
    waits = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    return fake_setup(state);
}

static int teardown(void **state)
{
    fake_source.poll = fake_poll;
    leat_os->close(pair[0]);
    leat_os->close(pair[1]);
    return fake_teardown(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_byte_a_wake_and_a_stop_are_told_apart),
        CASE(a_wait_ends_at_its_deadline_and_not_before),
        CASE(a_timer_wakes_who_waits),
        CASE(a_sinks_timer_neither_runs_nor_keeps_it_awake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
