/* `leat recover --from-sinks`: the log is lost, and a new one is begun for a target that holds a mark of the old one. */
#include "fake.h"

#include <task/recovered.h>
#include <task/sent_back.h>

static void lose_the_log(void)
{
    struct leat_error err = {0};
    fake.driver->close(fake.access);
    assert_status(leat_access_open("oms:memory:", "/nowhere", false, &fake.driver, &fake.access, &err), LEAT_OK, &err);
    fake.as_if_kept = *fake.driver;
    fake.as_if_kept.name = "fake";
    fake.driver = &fake.as_if_kept;
}

static void write_state(const char *name, struct leat_batch *positions, const struct leat_state *state)
{
    struct leat_writer_config config = {.log = "shop", .connector = name, .batch_bytes = 1 << 20};
    const struct leat_positions *from;
    struct leat_writer *writer;
    struct leat_error err = {0};
    uint64_t ticket, durable = 0;
    assert_status(fake.driver->writer_open(fake.access, &config, &writer, &from, &err), LEAT_OK, &err);
    assert_status(fake.driver->append(writer, positions, state, 1, NULL, &ticket, &err), LEAT_OK, &err);
    fake_until(fake.driver->durable(writer, &durable, &err) == LEAT_OK && durable >= ticket);
    fake.driver->writer_close(writer);
}

/* What the command writes: the source goes on behind `last`, the target has its mark's origin. */
static void recover_behind(int64_t last)
{
    char key[LEAT_RECOVERED_KEY_MAX];
    struct leat_value items[LEAT_RECOVERED_ITEMS];
    struct leat_recovered claim = {.generation = fake.mark.generation + 1, .cursor = fake.mark.cursor};
    memcpy(claim.log_uuid, fake.mark.log_uuid, sizeof claim.log_uuid);
    memcpy(claim.incarnation, fake.mark.incarnation, sizeof claim.incarnation);
    memcpy(claim.origin, fake.mark.origin, sizeof claim.origin);
    struct leat_batch *positions = leat_batch_new(1 << 16, 1);
    struct leat_state state = leat_recovered_state("shop.copy", "shop/0", &claim, key, items);
    fake_position(positions, last);
    write_state("shop", positions, &state);
    leat_batch_free(positions);
}

static void run_to(int64_t count)
{
    fake.has_origins = true;
    fake.count = count;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_DONE);
}

static void lose_behind_20(void)
{
    run_to(20);
    fake_assert_taken(1, 20, NULL);
    lose_the_log();
}

static void a_sink_passes_over_what_its_target_has(void **state)
{
    (void)state;
    lose_behind_20();
    uint8_t lost[16];
    memcpy(lost, fake.mark.log_uuid, 16);
    recover_behind(4);
    run_to(30);
    fake_assert_taken(1, 30, NULL);
    assert_int_equal(fake.mark.generation, 1);
    assert_memory_not_equal(fake.mark.log_uuid, lost, 16);
    run_to(40);
    fake_assert_taken(1, 40, NULL);
}

/* On both sides of the record that the target has last. */
static void gap_records_are_never_passed_over(void **state)
{
    static const int64_t before_and_behind[] = {12, 21, 0};
    (void)state;
    lose_behind_20();
    recover_behind(4);
    fake.gaps = before_and_behind;
    run_to(30);
    fake_assert_taken(1, 30, NULL);
    assert_int_equal(fake.gaps_taken, 2);
}

static void so_it_does_when_it_ends_on_the_way(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    fake.per_batch = 3;
    for (int64_t count = 7; count < 30; count += 3) { /* 19 and 22 are ends, and others */
        run_to(count);
        fake_assert_taken(1, count > 20 ? count : 20, NULL);
    }
    fake.put_retry_at = 31;
    fake.put_retries = 3;
    run_to(35);
    fake_assert_taken(1, 35, NULL);
}

static void the_end_may_be_right_behind_the_record(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    run_to(20);
    run_to(20);
    run_to(21);
    fake_assert_taken(1, 21, NULL);
}

static void a_second_loss_on_the_way_finds_what_the_target_has(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    run_to(9);
    assert_int_equal(fake.mark.generation, 1);
    assert_non_null(strstr(fake.mark.origin, "\"n\":20"));
    lose_the_log();
    recover_behind(0);
    run_to(30);
    fake_assert_taken(1, 30, NULL);
    assert_int_equal(fake.mark.generation, 2);
}

static void a_record_that_does_not_come_again_stops_the_sink(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    fake.left_out = 20;
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 20, NULL);
}

static void two_records_of_one_origin_stop_the_sink(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    fake.twin = 21;
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 20, NULL);
}

/* Somebody has written there since. */
static void a_mark_that_moved_since_is_another_logs(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(0);
    fake.mark.cursor.bytes[11] ^= 1;
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 20, NULL);
}

static void without_the_claim_it_is_another_logs_too(void **state)
{
    (void)state;
    lose_behind_20();
    fake.count = 30;
    fake_run_once(LEAT_TASK_DONE, LEAT_TASK_FAILED);
    fake_assert_taken(1, 20, NULL);
}

static void send_to_first(void)
{
    struct leat_sent_back claim;
    struct leat_error err = {0};
    struct leat_batch *memory = leat_batch_new(1 << 16, 1);
    assert_status(leat_sent_back_load(fake.driver, fake.access, "shop.copy", &claim, &err), LEAT_OK, &err);
    claim.generation = claim.newest + 1;
    claim.place = (struct leat_place){.kind = LEAT_AT_FIRST};
    struct leat_state state = leat_sent_back_state("shop.copy", &claim, memory);
    write_state("leat replay", NULL, &state);
    leat_batch_free(memory);
}

static void who_is_sent_back_writes_all_that_the_log_has(void **state)
{
    (void)state;
    lose_behind_20();
    recover_behind(10);
    send_to_first();
    run_to(22);
    assert_int_equal(fake.taken_count, 20 + 12);
    assert_int_equal(fake.taken[20], 11);
    assert_int_equal(fake.mark.generation, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sink_passes_over_what_its_target_has),
        CASE(gap_records_are_never_passed_over),
        CASE(so_it_does_when_it_ends_on_the_way),
        CASE(the_end_may_be_right_behind_the_record),
        CASE(a_second_loss_on_the_way_finds_what_the_target_has),
        CASE(a_record_that_does_not_come_again_stops_the_sink),
        CASE(two_records_of_one_origin_stop_the_sink),
        CASE(a_mark_that_moved_since_is_another_logs),
        CASE(without_the_claim_it_is_another_logs_too),
        CASE(who_is_sent_back_writes_all_that_the_log_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
