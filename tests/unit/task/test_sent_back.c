/* `leat replay`: a claim that is applied once, whatever dies when. */
#include "fake.h"

#include <task/sent_back.h>

/* What the command writes. */
static void send_back(struct leat_place place)
{
    struct leat_sent_back claim;
    struct leat_error err = {0};
    struct leat_writer_config config = {.log = "shop", .connector = "leat replay", .batch_bytes = 1 << 20};
    const struct leat_positions *from;
    struct leat_writer *writer;
    uint64_t ticket, durable = 0;
    struct leat_batch *memory = leat_batch_new(1 << 16, 1);
    assert_status(leat_sent_back_load(fake.driver, fake.access, "shop.copy", &claim, &err), LEAT_OK, &err);
    claim.generation = claim.newest + 1;
    claim.place = place;
    if (place.topic)
        snprintf(claim.topic, sizeof claim.topic, "%s", place.topic);
    struct leat_state state = leat_sent_back_state("shop.copy", &claim, memory);
    assert_status(fake.driver->writer_open(fake.access, &config, &writer, &from, &err), LEAT_OK, &err);
    assert_status(fake.driver->append(writer, NULL, &state, 1, NULL, &ticket, &err), LEAT_OK, &err);
    fake_until(fake.driver->durable(writer, &durable, &err) == LEAT_OK && durable >= ticket);
    fake.driver->writer_close(writer);
    leat_batch_free(memory);
}

static void send_to_offset(uint64_t offset)
{
    send_back((struct leat_place){.kind = LEAT_AT_OFFSET, .topic = "db.numbers", .offset = offset});
}

static void run_all(void)
{
    fake.count = 20;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
}

/* What was taken after the first 20 is first..20, once. */
static void assert_taken_again(int64_t first)
{
    assert_int_equal(fake.taken_count, 20 + 20 - first + 1);
    for (int64_t n = first; n <= 20; n++)
        assert_int_equal(fake.taken[20 + n - first], n);
}

static void a_sink_goes_back_once(void **state)
{
    (void)state;
    run_all();
    assert_int_equal(fake.mark.generation, 0);
    send_to_offset(14);
    run_all();
    assert_taken_again(15);
    assert_int_equal(fake.mark.generation, 1);
    run_all();
    assert_taken_again(15);
    send_back((struct leat_place){.kind = LEAT_AT_FIRST});
    run_all();
    assert_int_equal(fake.taken_count, 46);
    assert_int_equal(fake.mark.generation, 2);
}

static void so_does_one_whose_mark_is_our_own(void **state)
{
    (void)state;
    fake.keeps_mark = false;
    run_all();
    send_to_offset(14);
    run_all();
    run_all();
    assert_taken_again(15);
}

static void before_the_first_mark_the_claim_is_found_again(void **state)
{
    (void)state;
    run_all();
    send_to_offset(14);
    fake.put_retry_at = 17;
    fake.put_retries = 3;
    run_all();
    assert_taken_again(15);
}

static void a_mark_that_is_gone_is_no_trouble_then(void **state)
{
    (void)state;
    run_all();
    fake.mark = (struct leat_mark){0};
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    send_back((struct leat_place){.kind = LEAT_AT_FIRST});
    run_all();
    assert_taken_again(1);
}

/* It comes back with a mark of the time before the claim: from there on nothing may be missing. */
static void a_target_that_lost_what_the_claim_wrote_goes_on_at_its_mark(void **state)
{
    (void)state;
    fake.count = 5;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
    struct leat_mark old = fake.mark;
    run_all();
    send_to_offset(14);
    run_all();
    assert_taken_again(15);
    fake.mark = old;
    fake.taken_count = 5;
    run_all();
    fake_assert_taken(1, 20, NULL);
    assert_int_equal(fake.mark.generation, 1);
}

static void another_logs_mark_is_not_passed_over(void **state)
{
    (void)state;
    run_all();
    fake.mark.log_uuid[3] ^= 1;
    send_back((struct leat_place){.kind = LEAT_AT_FIRST});
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    assert_int_equal(fake.taken_count, 20);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sink_goes_back_once),
        CASE(so_does_one_whose_mark_is_our_own),
        CASE(before_the_first_mark_the_claim_is_found_again),
        CASE(a_mark_that_is_gone_is_no_trouble_then),
        CASE(a_target_that_lost_what_the_claim_wrote_goes_on_at_its_mark),
        CASE(another_logs_mark_is_not_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
