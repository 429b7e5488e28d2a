#include <kit/cmocka.h>
#include <task/states.h>

#define STATES (LEAT_TASK_FENCED + 1)

static void an_end_is_the_end(void **state)
{
    (void)state;
    for (unsigned from = 0; from < STATES; from++)
        for (unsigned to = 0; leat_task_is_over(from) && to < STATES; to++)
            assert_false(leat_task_may_go(from, to));
}

static void only_who_runs_can_be_done(void **state)
{
    (void)state;
    for (unsigned from = 0; from < STATES; from++) {
        bool may = leat_task_may_go(from, LEAT_TASK_DONE);
        assert_int_equal(may, from == LEAT_TASK_RUNNING || from == LEAT_TASK_STOPPING);
    }
}

static void every_state_that_is_no_end_leads_to_a_stop(void **state)
{
    (void)state;
    for (unsigned from = 0; from < STATES; from++) {
        bool may =
            leat_task_may_go(from, LEAT_TASK_STOPPING) || leat_task_may_go(from, LEAT_TASK_STOPPED);
        assert_int_equal(may, !leat_task_is_over(from));
    }
}

static void nobody_comes_back_from_a_back_off_without_starting(void **state)
{
    (void)state;
    assert_true(leat_task_may_go(LEAT_TASK_WAITING, LEAT_TASK_STARTING));
    assert_false(leat_task_may_go(LEAT_TASK_WAITING, LEAT_TASK_RUNNING));
    assert_false(leat_task_may_go(LEAT_TASK_WAITING, LEAT_TASK_FAILED));
    assert_false(leat_task_may_go(LEAT_TASK_STOPPING, LEAT_TASK_STARTING));
    assert_false(leat_task_may_go(LEAT_TASK_STOPPING, LEAT_TASK_WAITING));
}

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < STATES; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(leat_task_state_name(a), leat_task_state_name(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_the_end),
        cmocka_unit_test(only_who_runs_can_be_done),
        cmocka_unit_test(every_state_that_is_no_end_leads_to_a_stop),
        cmocka_unit_test(nobody_comes_back_from_a_back_off_without_starting),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
