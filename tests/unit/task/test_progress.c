#include "ahead.h"

#include <base/logger.h>
#include <fcntl.h>
#include <kit/tmp.h>

static struct leat_task_status status_of(struct leat_task *task)
{
    struct leat_task_status status;
    leat_task_status(task, &status);
    return status;
}

/* Others' records are in the topic before the sink begins. */
static void fill_topic(int64_t count)
{
    fake.count = count;
    fake_end(fake_start(&fake.source), LEAT_TASK_DONE);
}

/* ---- stalls ---- */

static void a_sink_whose_target_confirms_nothing_is_stalled(void **state)
{
    (void)state;
    fill_topic(100);
    fake.is_async = true;
    fake.settles = false;
    struct leat_task *task = fake_start(&fake.sink);
    fake_until(status_of(task).lag.records == 100);
    put_forward(task, 8);
    assert_int_equal(fake_state(task), LEAT_TASK_RUNNING);
    put_forward(task, 3);
    struct leat_task_status status = status_of(task);
    assert_int_equal(status.state, LEAT_TASK_STALLED);
    assert_non_null(strstr(status.stalled, "no progress for 11 s: waiting for its target"));
    __atomic_store_n(&fake.settles, true, __ATOMIC_RELEASE);
    fake_until(status_of(task).state == LEAT_TASK_RUNNING && status_of(task).lag.records == 0);
    put_forward(task, 100);
    assert_int_equal(fake_state(task), LEAT_TASK_RUNNING);
    fake_stop(task);
}

static bool is_hanging, is_inside; /* atomic */

/* A library that blocks inside itself. */
static enum leat_status hang(void *self, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    __atomic_store_n(&is_inside, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&is_hanging, __ATOMIC_ACQUIRE))
        leat_os->poll(NULL, 0, 1);
    return fake_put(self, task, batch, err);
}

static void a_sink_that_hangs_in_its_target_is_stalled(void **state)
{
    (void)state;
    fill_topic(100);
    is_hanging = true;
    fake_sink.put = hang;
    struct leat_task *task = fake_start(&fake.sink);
    fake_until(__atomic_load_n(&is_inside, __ATOMIC_ACQUIRE));
    fake_set(&ahead_ns, 12 * (int64_t)1000000000); /* its owner looks nowhere */
    fake_until(fake_state(task) == LEAT_TASK_STALLED);
    assert_non_null(strstr(status_of(task).stalled, "waiting for its target"));
    __atomic_store_n(&is_hanging, false, __ATOMIC_RELEASE);
    fake_until(fake_get(&fake.taken_count) == 100 && fake_state(task) == LEAT_TASK_RUNNING);
    fake_stop(task);
    fake_sink.put = fake_put;
}

static enum leat_status hang_open(void *self, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    while (__atomic_load_n(&is_hanging, __ATOMIC_ACQUIRE))
        leat_os->poll(NULL, 0, 1);
    return fake_sink_open(self, task, claim, stored, guarantee, err);
}

static void a_target_that_does_not_open_is_a_stall_too(void **state)
{
    (void)state;
    is_hanging = true;
    fake_sink.open = hang_open;
    struct leat_task *task = fake_start(&fake.sink);
    fake_until(fake_state(task) == LEAT_TASK_STARTING);
    fake_set(&ahead_ns, 12 * (int64_t)1000000000);
    fake_until(fake_state(task) == LEAT_TASK_STALLED);
    assert_non_null(strstr(status_of(task).stalled, "waiting for its target to open"));
    __atomic_store_n(&is_hanging, false, __ATOMIC_RELEASE);
    fake_until(fake_state(task) == LEAT_TASK_RUNNING);
    fake_stop(task);
    fake_sink.open = fake_sink_open;
}

static void who_has_nothing_to_do_is_never_stalled(void **state)
{
    (void)state;
    fake.goes_on = true;
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_state(source) == LEAT_TASK_RUNNING && fake_state(sink) == LEAT_TASK_RUNNING &&
               status_of(sink).lag.records == 0);
    put_forward(sink, 1000);
    assert_int_equal(fake_state(sink), LEAT_TASK_RUNNING);
    assert_int_equal(fake_state(source), LEAT_TASK_RUNNING);
    fake_set(&fake.count, 10);
    fake_until(fake_get(&fake.taken_count) == 10);
    assert_int_equal(fake_state(sink), LEAT_TASK_RUNNING);
    assert_int_equal(fake_state(source), LEAT_TASK_RUNNING);
    fake_stop(source);
    fake_stop(sink);
}

static bool is_disk_slow; /* atomic */
static const struct leat_driver_type *real_driver;

static enum leat_status slow_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err)
{
    *ticket = 0;
    return __atomic_load_n(&is_disk_slow, __ATOMIC_ACQUIRE) ? LEAT_OK : real_driver->durable(writer, ticket, err);
}

static void a_source_whose_records_do_not_get_durable_is_stalled(void **state)
{
    (void)state;
    struct leat_driver_type slow = *fake.driver;
    real_driver = fake.driver;
    slow.durable = slow_durable;
    is_disk_slow = true;
    fake.driver = &slow;
    fake.goes_on = true;
    fake.count = 10;
    struct leat_task *task = fake_start(&fake.source);
    fake_until(status_of(task).records == 10);
    put_forward(task, 12);
    struct leat_task_status status = status_of(task);
    assert_int_equal(status.state, LEAT_TASK_STALLED);
    assert_non_null(strstr(status.stalled, "waiting for the disk"));
    __atomic_store_n(&is_disk_slow, false, __ATOMIC_RELEASE);
    fake_until(fake_state(task) == LEAT_TASK_RUNNING);
    fake_stop(task);
    fake.driver = real_driver;
}

/* ---- lag ---- */

static void a_sink_without_its_target_falls_behind_by_what_comes(void **state)
{
    (void)state;
    fake.goes_on = true;
    fake.put_retry_at = 31;
    fake.put_retries = 1;
    fake.per_batch = 10;
    fake.count = 30;
    fake.sink.errors = (struct leat_errors_def){.retry_first_us = 1000000000, .retry_most_us = 1000000000};
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_until(fake_get(&fake.taken_count) == 30);
    fake_set(&fake.count, 40);
    fake_until(fake_state(sink) == LEAT_TASK_WAITING);
    fake_until(status_of(sink).lag.records == 10);
    fake_set(&fake.count, 1000);
    fake_until(status_of(sink).lag.records == 970);
    put_forward(sink, 2000);
    fake_until(fake_get(&fake.taken_count) == 1000 && status_of(sink).lag.records == 0);
    fake_stop(source);
    fake_stop(sink);
}

/* ---- what the log says ---- */

static int count_lines(const char *path, const char *what)
{
    char *text;
    size_t len;
    int count = 0;
    assert_true(leat_os_read_file(leat_os, path, 1 << 20, &text, &len));
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    free(text);
    return count;
}

static void a_trouble_that_lasts_is_said_less_and_less_often(void **state)
{
    (void)state;
    char *dir = kit_tmp_dir("log"), *path = leat_format_dup("%s/log", dir);
    struct leat_logger_config logger = {open(path, O_WRONLY | O_CREAT, 0600), false, LEAT_INFO}, plain = {2, false, LEAT_INFO};
    leat_logger_use(&logger);
    fake.source.errors = (struct leat_errors_def){.retry_first_us = 30000000, .retry_most_us = 30000000};
    fake.count = 10;
    fake.goes_on = true;
    fake.retry_at = 1;
    fake.retries = 240; /* two hours of them */
    struct leat_task *task = fake_start(&fake.source);
    for (int i = 0; i < 240; i++) {
        fake_until(fake_get(&fake.closed) == i + 1 && fake_state(task) == LEAT_TASK_WAITING);
        put_forward(task, 31);
    }
    fake_until(fake_get(&fake.durable) > 0);
    fake_stop(task);
    leat_logger_use(&plain);
    leat_os->close(logger.fd);
    assert_int_equal(count_lines(path, "the server went away; trying again within 30"), 1);
    int still = count_lines(path, "still failing after ");
    assert_true(still >= 10 && still <= 20);
    assert_int_equal(count_lines(path, "goes on, after 240 tries in 2 h"), 1);
    kit_tmp_remove(dir);
    free(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, ahead_setup, ahead_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sink_whose_target_confirms_nothing_is_stalled),
        CASE(a_sink_that_hangs_in_its_target_is_stalled),
        CASE(a_target_that_does_not_open_is_a_stall_too),
        CASE(who_has_nothing_to_do_is_never_stalled),
        CASE(a_source_whose_records_do_not_get_durable_is_stalled),
        CASE(a_sink_without_its_target_falls_behind_by_what_comes),
        CASE(a_trouble_that_lasts_is_said_less_and_less_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
