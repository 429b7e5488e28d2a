#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/clock.h>
#include <base/memory.h>
#include <commitlog/commitlog.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rig {
    char *dir;
    struct leat_flusher *flusher; /* by hand */
    struct leat_log *log;
    struct leat_log_settings settings;
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os, .segment_min = 16 << 10,
                                     .segment_max = 16 << 10, .fold_bytes = 8 << 10, .settings = rig->settings};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
}

static void reopen(struct rig *rig)
{
    leat_log_close(rig->log);
    open_log(rig);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("retain");
    rig->flusher = leat_flusher_manual();
    rig->settings = (struct leat_log_settings){.retain_bytes = 40 << 10};
    open_log(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_log_close(rig->log);
    leat_flusher_stop(rig->flusher);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static void append(struct rig *rig, int units)
{
    char text[1000] = "";
    for (int i = 0; i < units; i++) {
        struct leat_log_unit *unit;
        uint64_t end;
        assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
        leat_bytes_add(leat_log_unit_stream(unit), text, sizeof text);
        leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "a", 0)), 1);
        if (i == 0)
            leat_log_unit_state(unit, "kept", 4, "value", 5);
        assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
        leat_flusher_step(rig->flusher);
    }
}

static struct leat_log_info info(struct rig *rig)
{
    struct leat_log_info it;
    leat_log_info(rig->log, &it);
    return it;
}

static uint64_t count_frames(struct rig *rig, uint64_t *first_offset)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint64_t count = 0;
    enum leat_status status;
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK)
        if (count++ == 0 && first_offset)
            *first_offset = frame.parts[0].base_offset;
    assert_status(status, LEAT_AGAIN, &rig->err);
    leat_log_reader_close(reader);
    return count;
}

static void note_topic(void *arg, const struct leat_log_topic *topic)
{
    *(struct leat_log_topic *)arg = *topic;
}

static void without_limits_everything_is_kept(void **state)
{
    struct rig *rig = *state;
    struct leat_log_settings none = {0};
    leat_log_set(rig->log, &none);
    append(rig, 200);
    assert_int_equal(leat_log_retain(rig->log), 0);
    assert_int_equal(count_frames(rig, NULL), 200);
}

static void what_is_more_than_wanted_goes_and_the_rest_stays_readable(void **state)
{
    struct rig *rig = *state;
    struct leat_log_topic topic = {0};
    struct leat_bytes value;
    uint64_t first = 0;
    append(rig, 200);
    leat_log_retain(rig->log);
    uint64_t count = count_frames(rig, &first);
    assert_true(count > 0 && count < 100);
    assert_int_equal(first + count, 200);
    leat_log_topics(rig->log, note_topic, &topic);
    assert_int_equal(topic.first, first);
    assert_int_equal(topic.next, 200);
    reopen(rig); /* what stood in the released segments alone is in the fold */
    assert_int_equal(count_frames(rig, NULL), count);
    leat_log_topics(rig->log, note_topic, &topic);
    assert_int_equal(topic.first, first);
    leat_bytes_init(&value, 100);
    assert_true(leat_log_state_get(rig->log, "kept", 4, &value));
    leat_bytes_fini(&value);
    assert_status(leat_log_verify(rig->dir, leat_os, NULL, NULL, NULL, &rig->err), LEAT_OK, &rig->err);
}

static void a_consumer_holds_what_it_has_not_read(void **state)
{
    struct rig *rig = *state;
    append(rig, 1);
    uint64_t floor = leat_log_durable(rig->log);
    leat_log_consumer_set(rig->log, "slow", floor);
    append(rig, 200);
    assert_int_equal(leat_log_retain(rig->log), 0);
    reopen(rig); /* its floor is durable */
    append(rig, 50);
    assert_int_equal(leat_log_retain(rig->log), 0);
    assert_int_equal(info(rig).first_lsn, 0);
    leat_log_consumer_set(rig->log, "slow", leat_log_durable(rig->log));
    assert_true(leat_log_retain(rig->log) > 0);
}

static void count_consumer(void *arg, const char *name, uint64_t lsn)
{
    (void)name, (void)lsn;
    (*(int *)arg)++;
}

static void a_forgotten_consumer_holds_nothing_and_stays_forgotten(void **state)
{
    struct rig *rig = *state;
    int count = 0;
    leat_log_consumer_set(rig->log, "gone", 0);
    append(rig, 200);
    assert_int_equal(leat_log_retain(rig->log), 0);
    assert_true(leat_log_consumer_forget(rig->log, "gone"));
    assert_false(leat_log_consumer_forget(rig->log, "never was"));
    assert_true(leat_log_retain(rig->log) > 0);
    append(rig, 1);
    reopen(rig);
    leat_log_consumers(rig->log, count_consumer, &count);
    assert_int_equal(count, 0);
    assert_false(leat_log_consumer_forget(rig->log, "gone"));
}

static void a_consumer_that_was_forgotten_may_come_back(void **state)
{
    struct rig *rig = *state;
    int count = 0;
    leat_log_consumer_set(rig->log, "back", 0);
    append(rig, 1);
    leat_log_consumer_forget(rig->log, "back");
    append(rig, 1);
    leat_log_consumer_set(rig->log, "back", leat_log_durable(rig->log));
    append(rig, 1);
    reopen(rig);
    leat_log_consumers(rig->log, count_consumer, &count);
    assert_int_equal(count, 1);
}

static void who_reads_what_was_released_is_told_so(void **state)
{
    struct rig *rig = *state;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    append(rig, 100);
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    uint64_t at = leat_log_reader_lsn(reader);
    append(rig, 100);
    leat_log_retain(rig->log);
    assert_true(info(rig).first_lsn > at);
    assert_int_equal(leat_log_next(reader, &frame, &rig->err), LEAT_STOP);
    assert_non_null(strstr(rig->err.text, "released by retention"));
    assert_int_equal(leat_log_seek_lsn(reader, at, &rig->err), LEAT_STOP);
    assert_non_null(strstr(rig->err.text, "released by retention"));
    leat_log_reader_close(reader);
}

static void the_slowest_is_released_where_that_is_wanted(void **state)
{
    struct rig *rig = *state;
    rig->settings.releases_slowest = true;
    leat_log_set(rig->log, &rig->settings);
    leat_log_consumer_set(rig->log, "slow", 0);
    append(rig, 200);
    leat_log_retain(rig->log);
    assert_true(info(rig).first_lsn > 0);
}

static void the_rewind_margin_is_kept(void **state)
{
    struct rig *rig = *state;
    rig->settings.rewind_us = (int64_t)3600 * 1000000;
    leat_log_set(rig->log, &rig->settings);
    append(rig, 200);
    assert_int_equal(leat_log_retain(rig->log), 0);
}

/* What counts as the topic's records: those that a reader may see (I2). */
static int64_t wall_us;

static struct leat_time fake_now(void *arg)
{
    (void)arg;
    return (struct leat_time){wall_us * 1000};
}

static int64_t fake_wall(void *arg)
{
    (void)arg;
    return wall_us;
}

static void append_large(struct rig *rig)
{
    struct leat_log_unit *unit;
    uint64_t end;
    char *large = leat_calloc(1, 20 << 10);
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    leat_bytes_add(leat_log_unit_stream(unit), large, 20 << 10);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "a", 0)), 1);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
    leat_flusher_step(rig->flusher);
    free(large);
}

/* After an idle hour the target has all of the oldest segment; what it had ten seconds ago is no more than that. */
static void the_margin_counts_from_the_record_behind_the_segment(void **state)
{
    static const struct leat_clock clock = {fake_now, fake_wall, NULL};
    struct rig *rig = *state;
    wall_us = leat_wall_us();
    leat_clock_use(&clock);
    rig->settings = (struct leat_log_settings){.retain_bytes = 1, .rewind_us = (int64_t)60 * 1000000};
    leat_log_set(rig->log, &rig->settings);
    append(rig, 5);
    wall_us += (int64_t)3600 * 1000000;
    append_large(rig);
    wall_us += (int64_t)10 * 1000000;
    leat_log_retain(rig->log);
    assert_int_equal(info(rig).first_lsn, 0);
    wall_us += (int64_t)60 * 1000000;
    assert_int_equal(leat_log_retain(rig->log), 1);
    assert_true(info(rig).first_lsn > 0);
    leat_clock_use(NULL);
}

static void the_next_offset_is_of_what_is_durable(void **state)
{
    struct rig *rig = *state;
    struct leat_log_topic topic = {0};
    struct leat_log_unit *unit;
    uint64_t end;
    append(rig, 3);
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "a", 0)), 5);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
    leat_log_topics(rig->log, note_topic, &topic);
    assert_int_equal(topic.next, 3);
    leat_flusher_step(rig->flusher);
    leat_log_topics(rig->log, note_topic, &topic);
    assert_int_equal(topic.next, 8);
}

static bool has_no_room;

static int fake_fallocate(int fd, int mode, off_t at, off_t len)
{
    errno = ENOSPC;
    return has_no_room ? -1 : leat_os_real.fallocate(fd, mode, at, len);
}

static void a_full_disk_takes_one_segment_of_the_slowest_at_a_time(void **state)
{
    struct rig *rig = *state;
    struct leat_os os = leat_os_real;
    os.fallocate = fake_fallocate;
    leat_os = &os;
    rig->settings = (struct leat_log_settings){.releases_slowest = true};
    reopen(rig);
    leat_log_consumer_set(rig->log, "slow", leat_log_durable(rig->log));
    append(rig, 100);
    assert_int_equal(info(rig).first_lsn, 0);
    has_no_room = true;
    while (!info(rig).is_full)
        append(rig, 1);
    for (int i = 0; i < 5000 && info(rig).first_lsn == 0; i++) {
        leat_flusher_step(rig->flusher);
        leat_os->poll(NULL, 0, 1);
    }
    assert_in_range(info(rig).first_lsn, 1, 20000); /* segments have 16 KiB */
    has_no_room = false;
    leat_os = &leat_os_real;
    reopen(rig);
}

static void who_brings_records_waits_for_the_slowest(void **state)
{
    struct rig *rig = *state;
    append(rig, 4);
    leat_log_consumer_set(rig->log, "slow", 0);
    assert_false(leat_log_is_held(rig->log));
    append(rig, 40);
    assert_true(leat_log_is_held(rig->log));
    leat_log_consumer_set(rig->log, "slow", info(rig).durable_lsn - (30 << 10)); /* more than half of retain_bytes */
    assert_true(leat_log_is_held(rig->log));
    leat_log_consumer_set(rig->log, "slow", info(rig).durable_lsn - (10 << 10));
    assert_false(leat_log_is_held(rig->log));
    rig->settings.releases_slowest = true;
    leat_log_set(rig->log, &rig->settings);
    leat_log_consumer_set(rig->log, "slow", 0);
    assert_false(leat_log_is_held(rig->log));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_limits_everything_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_more_than_wanted_goes_and_the_rest_stays_readable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_holds_what_it_has_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forgotten_consumer_holds_nothing_and_stays_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_that_was_forgotten_may_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reads_what_was_released_is_told_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_slowest_is_released_where_that_is_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_takes_one_segment_of_the_slowest_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_rewind_margin_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_margin_counts_from_the_record_behind_the_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_offset_is_of_what_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_brings_records_waits_for_the_slowest, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
