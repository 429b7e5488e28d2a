/* A fake coordinator hands out slots; the tasks are sources that do nothing but live, or die as the test wants. */
#include <kit/cmocka.h>

#include <base/logger.h>
#include <base/os.h>
#include <config/tree.h>
#include <control/inside.h>
#include <oms/access.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_S 20
#define SOURCES 6

/* ---- the group ---- */

static struct leat_holding given;        /* what look() tells */
static enum leat_status given_status;    /* and returns */
static uint64_t told;                    /* busy slots */
static int leaves;

static enum leat_status fake_open(const struct leat_coordinator_config *config, struct leat_coordinator **coordinator,
                                  struct leat_error *err)
{
    (void)config, (void)err;
    *coordinator = NULL;
    return LEAT_OK;
}

static enum leat_status fake_look(struct leat_coordinator *coordinator, struct leat_holding *holding, struct leat_error *err)
{
    (void)coordinator;
    *holding = given;
    return given_status == LEAT_OK ? LEAT_OK : leat_fail(err, given_status, "another process is called so");
}

static void fake_tell(struct leat_coordinator *coordinator, uint64_t busy)
{
    (void)coordinator;
    told = busy;
}

static int fake_fd(struct leat_coordinator *coordinator)
{
    (void)coordinator;
    return -1;
}

static void fake_leave(struct leat_coordinator *coordinator)
{
    (void)coordinator;
    leaves++;
}

static void fake_close(struct leat_coordinator *coordinator)
{
    (void)coordinator;
}

static const struct leat_coordinator_type fake_type = {
    .struct_size = sizeof(struct leat_coordinator_type), .name = "fake", .about = "Of a test.", .open = fake_open,
    .look = fake_look, .tell = fake_tell, .fd = fake_fd, .leave = fake_leave, .close = fake_close};

/* ---- the tasks; all that follows is atomic ---- */

static int opened[SOURCES], closed[SOURCES];
static int is_stuck; /* does not end when asked to */
static int is_fenced; /* number + 1 of the one whose next poll() finds another owner */

static int get(const int *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}
static void add(int *at, int n)
{
    __atomic_add_fetch(at, n, __ATOMIC_ACQ_REL);
}

static int number_of(struct leat_task *task)
{
    return leat_task_name(task)[1] - '0';
}

static enum leat_status source_open(void *self, struct leat_task *task, const struct leat_positions *from,
                                    struct leat_error *err)
{
    (void)self, (void)from, (void)err;
    add(&opened[number_of(task)], 1);
    return LEAT_OK;
}

static enum leat_status source_poll(void *self, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    int expected = number_of(task) + 1;
    (void)self, (void)out;
    if (__atomic_compare_exchange_n(&is_fenced, &expected, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return leat_fail(err, LEAT_FENCED, "another one has it");
    leat_wait(task, -1, 0, leat_after_us(5000));
    while (leat_task_is_stopping(task) && get(&is_stuck))
        leat_os->poll(NULL, 0, 1);
    return LEAT_AGAIN;
}

static void source_close(void *self, struct leat_task *task)
{
    (void)self;
    add(&closed[number_of(task)], 1);
}

static const struct leat_option no_options[] = {{0}};
static const struct leat_source_type source_type = {
    .struct_size = sizeof(struct leat_source_type), .name = "fake", .about = "Lives.", .size = 1, .options = no_options,
    .open = source_open, .poll = source_poll, .close = source_close};

/* ---- the world ---- */

static const struct leat_tree nothing = {.kind = LEAT_TREE_MAP};
static const char *const names[SOURCES] = {"p0", "p1", "p2", "p3", "p4", "p5"};

struct rig {
    struct leat_connector_def sources[SOURCES];
    struct leat_pipeline_def pipelines[SOURCES];
    struct leat_config config;
    const struct leat_driver_type *driver;
    struct leat_access *access;
    struct running tasks[SOURCES];
    struct leat_control control;
};

static struct rig rig;

static uint64_t slot(int number)
{
    return UINT64_C(1) << leat_slot_of(names[number], names[number], 0);
}

static int set_up(void **state)
{
    struct leat_error err = {0};
    (void)state;
    memset(&rig, 0, sizeof rig);
    memset(opened, 0, sizeof opened);
    memset(closed, 0, sizeof closed);
    given = (struct leat_holding){.slots = 0};
    given_status = LEAT_OK;
    told = 0;
    is_stuck = is_fenced = leaves = 0;
    for (int i = 0; i < SOURCES; i++) {
        rig.sources[i] = (struct leat_connector_def){
            .name = names[i], .source = &source_type,
            .use = {.name = "fake", .options = no_options, .size = 1, .tree = &nothing, .base_dir = "/", .where = "test"}};
        rig.pipelines[i] = (struct leat_pipeline_def){.name = names[i], .log = names[i], .source = &rig.sources[i]};
    }
    rig.config = (struct leat_config){.shutdown_timeout_us = 60000000};
    assert_status(leat_access_open("oms:memory:", "/nowhere", false, &rig.driver, &rig.access, &err), LEAT_OK, &err);
    rig.control = (struct leat_control){.config = &rig.config, .tasks = rig.tasks, .count = SOURCES};
    leat_lock_init(&rig.control.lock, "control", LEAT_RANK_CONTROL);
    for (int i = 0; i < SOURCES; i++) {
        struct running *running = &rig.tasks[i];
        running->config = (struct leat_task_config){.pipeline = &rig.pipelines[i], .connector = &rig.sources[i], .count = 1,
                                                    .access = rig.access, .driver = rig.driver, .memory_bytes = 1 << 20};
        running->is_source = true;
        running->slot = leat_slot_of(names[i], names[i], 0);
        running->task = leat_task_new(&running->config);
    }
    struct leat_coordinator_config config = {.instance = "me", .session_us = 20000};
    assert_status(share_open(&rig.control, &fake_type, &config, &err), LEAT_OK, &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    __atomic_store_n(&is_stuck, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < SOURCES; i++) {
        leat_task_stop(rig.tasks[i].task, leat_now());
        leat_task_join(rig.tasks[i].task);
        leat_task_free(rig.tasks[i].task);
    }
    share_close(&rig.control);
    leat_lock_fini(&rig.control.lock);
    rig.driver->close(rig.access);
    return 0;
}

static void follow(void)
{
    share_look(&rig.control);
    orders_carry_out(&rig.control);
    share_tell(&rig.control);
}

#define until(condition)                                             \
    do {                                                             \
        struct leat_time until_by = leat_after_us(WAIT_S * 1000000); \
        while (!(condition)) {                                       \
            assert_false(leat_is_past(until_by));                    \
            follow();                           \
            leat_os->poll(NULL, 0, 1);                               \
        }                                                            \
    } while (0)

static void hold(uint64_t slots, bool is_lost)
{
    given = (struct leat_holding){.slots = slots, .is_lost = is_lost};
    follow();
}

/* ---- tests ---- */

static void a_task_has_the_same_slot_for_ever(void **state)
{
    (void)state;
    assert_int_equal(leat_slot_of("shop", "shop", 0), 53);
    assert_int_equal(leat_slot_of("shop", "shop.redis", 0), 23);
    assert_int_equal(leat_slot_of("shop", "shop.redis", 3), 18);
}

static void only_tasks_of_held_slots_run(void **state)
{
    (void)state;
    hold(0, false);
    assert_int_equal(told, 0);
    hold(slot(1) | slot(4), false);
    until(get(&opened[1]) == 1 && get(&opened[4]) == 1);
    assert_int_equal(told, slot(1) | slot(4));
    assert_int_equal(get(&opened[0]) + get(&opened[2]) + get(&opened[3]) + get(&opened[5]), 0);
}

static void a_slot_is_told_free_only_when_its_task_has_closed(void **state)
{
    (void)state;
    hold(slot(0) | slot(3), false);
    until(get(&opened[0]) == 1 && get(&opened[3]) == 1);
    __atomic_store_n(&is_stuck, 1, __ATOMIC_RELEASE);
    hold(slot(3), false);
    for (int i = 0; i < 30; i++) {
        follow();
        assert_int_equal(told, slot(0) | slot(3));
        leat_os->poll(NULL, 0, 1);
    }
    assert_int_equal(get(&closed[0]), 0);
    __atomic_store_n(&is_stuck, 0, __ATOMIC_RELEASE);
    until(told == slot(3));
    assert_int_equal(get(&closed[0]), 1);
    assert_int_equal(get(&closed[3]), 0);
}

static void a_slot_that_comes_back_at_once_starts_anew_after_the_old_task_has_ended(void **state)
{
    (void)state;
    hold(slot(2), false);
    until(get(&opened[2]) == 1);
    __atomic_store_n(&is_stuck, 1, __ATOMIC_RELEASE);
    hold(0, true);
    hold(slot(2), false);
    assert_int_equal(get(&opened[2]), 1);
    __atomic_store_n(&is_stuck, 0, __ATOMIC_RELEASE);
    until(get(&opened[2]) == 2);
    assert_int_equal(get(&closed[2]), 1);
    assert_int_equal(told, slot(2));
}

static void a_fenced_task_whose_slot_goes_begins_anew_when_it_comes_back(void **state)
{
    (void)state;
    rig.control.share.config.session_us = 3600 * INT64_C(1000000);
    hold(slot(2), false);
    until(get(&opened[2]) == 1);
    __atomic_store_n(&is_fenced, 3, __ATOMIC_RELEASE);
    until(told == 0);
    assert_int_equal(get(&opened[2]), 1);
    hold(0, true);
    hold(slot(2), false);
    until(get(&opened[2]) == 2);
}

static void a_task_fenced_by_one_who_holds_nothing_begins_anew_three_times(void **state)
{
    (void)state;
    hold(slot(5), false);
    for (int i = 1; i <= 3; i++) {
        until(get(&opened[5]) == i);
        __atomic_store_n(&is_fenced, 6, __ATOMIC_RELEASE);
        until(get(&opened[5]) == i + 1);
    }
    __atomic_store_n(&is_fenced, 6, __ATOMIC_RELEASE);
    until(told == 0);
    struct leat_time later = leat_after_us(60000); /* three sessions */
    while (!leat_is_past(later)) {
        follow();
        leat_os->poll(NULL, 0, 1);
    }
    assert_int_equal(get(&opened[5]), 4);
}

static void one_who_loses_its_name_stops_all_and_says_so(void **state)
{
    (void)state;
    hold(slot(0) | slot(1), false);
    until(get(&opened[0]) == 1 && get(&opened[1]) == 1);
    given_status = LEAT_FENCED;
    until(told == 0);
    assert_int_equal(rig.control.share.status, LEAT_FENCED);
    assert_int_equal(rig.control.share.error.cause, LEAT_CAUSE_FENCED);
    assert_string_equal(rig.control.share.error.text, "another process is called so");
    assert_int_equal(get(&closed[0]) + get(&closed[1]), 2);
}

static void one_who_leaves_takes_nothing_up_any_more(void **state)
{
    (void)state;
    hold(slot(0), false);
    until(get(&opened[0]) == 1);
    share_leave(&rig.control);
    share_leave(&rig.control);
    assert_int_equal(leaves, 1);
    hold(slot(0) | slot(1), false);
    until(told == 0);
    assert_int_equal(get(&opened[0]), 1);
    assert_int_equal(get(&opened[1]), 0);
}

static void tasks_that_are_not_here_are_shown_as_elsewhere(void **state)
{
    int count = 0;
    (void)state;
    hold(slot(0), false);
    until(get(&opened[0]) == 1);
    for (int i = 0; i < SOURCES; i++) {
        struct leat_task_status status;
        running_status(&rig.tasks[i], &status);
        count += status.state == LEAT_TASK_ELSEWHERE;
    }
    assert_int_equal(count, SOURCES - 1);
}

static void each_change_is_said_also_when_it_was_so_a_moment_ago(void **state)
{
    const uint64_t seen[] = {slot(0), 0, slot(0), 0, slot(0)};
    char said[4096] = "";
    int fds[2], lines = 0;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    rig.control.share.config.instance = "counted"; /* what other tests said is no line of these */
    leat_logger_use(&(struct leat_logger_config){.fd = fds[1], .level = LEAT_INFO});
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        hold(seen[i], i % 2);
    leat_logger_use(&(struct leat_logger_config){.fd = 2, .level = LEAT_INFO});
    close(fds[1]);
    assert_true(read(fds[0], said, sizeof said - 1) > 0);
    close(fds[0]);
    for (const char *at = said; (at = strstr(at, "of 64 slots")); at++)
        lines++;
    assert_int_equal(lines, sizeof seen / sizeof *seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_task_has_the_same_slot_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_tasks_of_held_slots_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slot_is_told_free_only_when_its_task_has_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slot_that_comes_back_at_once_starts_anew_after_the_old_task_has_ended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fenced_task_whose_slot_goes_begins_anew_when_it_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_fenced_by_one_who_holds_nothing_begins_anew_three_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_loses_its_name_stops_all_and_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_leaves_takes_nothing_up_any_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_that_are_not_here_are_shown_as_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_change_is_said_also_when_it_was_so_a_moment_ago, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
