#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <commitlog/commitlog.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNITS 300
#define RECORDS 3 /* of topic "a" in each unit; "b" has one in every tenth */

struct rig {
    char *dir;
    struct leat_flusher *flusher; /* by hand */
    struct leat_log *log;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint64_t ends[UNITS];
    uint32_t a, b;
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    char *dir = leat_strdup(rig->dir), *name = leat_strdup("t"); /* the log keeps nothing of the caller's */
    struct leat_log_config config = {.dir = dir, .name = name, .os = leat_os, .segment_min = 16 << 10,
                                     .segment_max = 16 << 10, .fold_bytes = 20 << 10};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
    free(dir);
    free(name);
    rig->a = leat_log_topic(rig->log, "a", 0);
    rig->b = leat_log_topic(rig->log, "b", 0);
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &rig->reader, &rig->err), LEAT_OK);
}

static void close_log(struct rig *rig)
{
    leat_log_reader_close(rig->reader);
    leat_log_close(rig->log);
}

static void append(struct rig *rig, int number)
{
    struct leat_log_unit *unit;
    char text[300];
    int len = snprintf(text, sizeof text, "%d %200s", number, "");
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    leat_bytes_add(leat_log_unit_stream(unit), text, (size_t)len);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, rig->a), RECORDS);
    if (number % 10 == 0)
        leat_log_unit_count(unit, leat_log_unit_slot(unit, rig->b), 1);
    if (number % 50 == 7)
        leat_log_unit_audience(unit, "only me");
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &rig->ends[number], &rig->err), LEAT_OK);
    leat_flusher_step(rig->flusher);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->dir = kit_tmp_dir("reader");
    rig->flusher = leat_flusher_manual();
    open_log(rig);
    for (int i = 0; i < UNITS; i++)
        append(rig, i);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    close_log(rig);
    leat_flusher_stop(rig->flusher);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static int next(struct rig *rig) /* the number of the unit; -1 at the end */
{
    enum leat_status status = leat_log_next(rig->reader, &rig->frame, &rig->err);
    if (status == LEAT_AGAIN)
        return -1;
    assert_status(status, LEAT_OK, &rig->err);
    return atoi((const char *)rig->frame.stream);
}

static void frames_come_in_order_with_offsets_that_follow(void **state)
{
    struct rig *rig = *state;
    int64_t time_us = 0;
    for (int i = 0; i < UNITS; i++) {
        assert_int_equal(next(rig), i);
        assert_int_equal(rig->frame.parts[0].base_offset, i * RECORDS);
        assert_int_equal(rig->frame.next_lsn, rig->ends[i]);
        assert_true(rig->frame.is_first && rig->frame.is_last);
        assert_true(rig->frame.time_us >= time_us);
        assert_int_equal(rig->frame.audience != NULL, i % 50 == 7);
        time_us = rig->frame.time_us;
    }
    assert_int_equal(next(rig), -1);
}

static void a_cursor_goes_on_where_it_was(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < UNITS; i += 17) {
        assert_status(leat_log_seek_lsn(rig->reader, rig->ends[i], &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(next(rig), i + 1 < UNITS ? i + 1 : -1);
    }
    uint64_t beyond = rig->ends[UNITS - 1] + 1000000;
    assert_int_equal(leat_log_seek_lsn(rig->reader, beyond, &rig->err), LEAT_STOP);
}

static void first_and_end_are_where_they_are(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(leat_log_seek_end(rig->reader, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), -1);
    assert_int_equal(leat_log_seek_first(rig->reader, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), 0);
}

/* Before and after a restart: from what was noted while writing, and from the index files. */
static void seek_every_offset(struct rig *rig)
{
    for (uint64_t offset = 0; offset < UNITS * RECORDS; offset++) {
        assert_status(leat_log_seek_offset(rig->reader, rig->a, offset, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(next(rig), offset / RECORDS);
    }
    for (uint64_t offset = 0; offset < UNITS / 10; offset++) {
        assert_status(leat_log_seek_offset(rig->reader, rig->b, offset, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(next(rig), offset * 10);
    }
    assert_int_equal(leat_log_seek_offset(rig->reader, rig->a, UNITS * RECORDS, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), -1);
}

static void an_offset_is_found(void **state)
{
    struct rig *rig = *state;
    seek_every_offset(rig);
    close_log(rig);
    open_log(rig);
    seek_every_offset(rig);
}

static void an_offset_is_found_when_the_indexes_are_lost(void **state)
{
    struct rig *rig = *state;
    char command[512];
    close_log(rig);
    snprintf(command, sizeof command, "rm %s/segments/*.idx", rig->dir);
    assert_int_equal(system(command), 0);
    open_log(rig);
    seek_every_offset(rig);
}

static void a_damaged_index_is_made_anew(void **state)
{
    struct rig *rig = *state;
    char command[512];
    close_log(rig);
    snprintf(command, sizeof command, "for i in %s/segments/*.idx; do printf XX | dd of=$i bs=1 seek=14 conv=notrunc "
                                      "status=none; done", rig->dir);
    assert_int_equal(system(command), 0);
    open_log(rig);
    seek_every_offset(rig);
}

static void a_time_is_found(void **state)
{
    struct rig *rig = *state;
    int64_t times[UNITS];
    for (int i = 0; i < UNITS; i++) {
        assert_int_equal(next(rig), i);
        times[i] = rig->frame.time_us;
    }
    for (int i = 0; i < UNITS; i++) {
        int wanted = i;
        while (wanted > 0 && times[wanted - 1] == times[i])
            wanted--;
        assert_status(leat_log_seek_time(rig->reader, times[i], &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(next(rig), wanted);
    }
    assert_int_equal(leat_log_seek_time(rig->reader, times[UNITS - 1] + 1, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), -1);
    assert_int_equal(leat_log_seek_time(rig->reader, 0, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), 0);
}

static bool wants(void *arg, uint32_t topic_id)
{
    return *(uint32_t *)arg == topic_id;
}

static void frames_without_a_wanted_topic_are_left_out(void **state)
{
    struct rig *rig = *state;
    leat_log_reader_close(rig->reader);
    assert_int_equal(leat_log_reader_open(rig->log, wants, &rig->b, &rig->reader, &rig->err), LEAT_OK);
    for (int i = 0; i < UNITS; i += 10) {
        assert_int_equal(next(rig), i);
        assert_int_equal(rig->frame.parts[1].topic_id, rig->b);
        assert_int_equal(rig->frame.parts[1].base_offset, i / 10);
    }
    assert_int_equal(next(rig), -1);
    assert_int_equal(leat_log_reader_lsn(rig->reader), leat_log_durable(rig->log));
}

/* A seek is to a place; what is not durable yet is not shown there either (I2). */
static void a_seek_shows_nothing_above_the_watermark(void **state)
{
    struct rig *rig = *state;
    struct leat_log_unit *unit;
    uint64_t end;
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    leat_bytes_text(leat_log_unit_stream(unit), "777");
    leat_log_unit_count(unit, leat_log_unit_slot(unit, rig->a), 1);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
    assert_int_equal(leat_log_seek_offset(rig->reader, rig->a, UNITS * RECORDS, &rig->err), LEAT_OK);
    assert_int_equal(next(rig), -1);
    leat_flusher_step(rig->flusher);
    assert_int_equal(next(rig), 777);
}

static void a_daemon_that_meets_damage_says_where_it_is(void **state)
{
    struct rig *rig = *state;
    enum leat_status status;
    char *path = leat_format_dup("%s/segments/%020u.seg", rig->dir, 0u);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "\x5a\x5a\x5a", 3, 6000), 3);
    close(fd);
    free(path);
    assert_int_equal(leat_log_seek_first(rig->reader, &rig->err), LEAT_OK);
    do
        status = leat_log_next(rig->reader, &rig->frame, &rig->err);
    while (status == LEAT_OK);
    assert_int_equal(status, LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_non_null(strstr(rig->err.text, "segments/00000000000000000000.seg, bytes"));
    assert_non_null(strstr(rig->err.text, "there stood: a "));
    assert_non_null(strstr(rig->err.text, rig->dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_come_in_order_with_offsets_that_follow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cursor_goes_on_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_and_end_are_where_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offset_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offset_is_found_when_the_indexes_are_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_index_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_without_a_wanted_topic_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_seek_shows_nothing_above_the_watermark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_that_meets_damage_says_where_it_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
