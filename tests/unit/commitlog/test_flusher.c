#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <commitlog/commitlog.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The real calls, of which some fail. The table has no argument: its state is here, and each test begins with zeros. */
static struct {
    bool sync_fails, write_fails, is_full; /* full: no new segment, no write */
    bool has_no_segment;                   /* full, but for what was allocated before */
    uint64_t free_bytes;                   /* what statvfs() says */
    unsigned syncs, writes;
} disk;

static int fake_fdatasync(int fd)
{
    disk.syncs++;
    errno = EIO;
    return disk.sync_fails ? -1 : leat_os_real.fdatasync(fd);
}

static ssize_t fake_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    disk.writes++;
    errno = disk.write_fails ? EIO : ENOSPC;
    return disk.write_fails || disk.is_full ? -1 : leat_os_real.pwritev(fd, parts, count, at);
}

static int fake_fallocate(int fd, int mode, off_t at, off_t len)
{
    errno = ENOSPC;
    return disk.is_full || disk.has_no_segment ? -1 : leat_os_real.fallocate(fd, mode, at, len);
}

static int fake_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    *st = (struct statvfs){.f_frsize = 1, .f_bavail = disk.free_bytes};
    return 0;
}

struct rig {
    char *dir;
    struct leat_os os;
    struct leat_flusher *flusher; /* by hand */
    struct leat_log *log;
    struct leat_log_watch *watch;
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = &rig->os, .segment_min = 64 << 10,
                                     .segment_max = 64 << 10, .queue_bytes = 10000};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
    rig->watch = leat_log_watch_open(rig->log, &rig->err);
    assert_non_null(rig->watch);
    leat_log_watch_arm(rig->watch);
}

static void close_log(struct rig *rig)
{
    leat_log_watch_close(rig->watch);
    leat_log_close(rig->log);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    memset(&disk, 0, sizeof disk);
    rig->os = leat_os_real;
    rig->os.fdatasync = fake_fdatasync;
    rig->os.pwritev = fake_pwritev;
    rig->os.fallocate = fake_fallocate;
    rig->os.statvfs = fake_statvfs;
    rig->dir = kit_tmp_dir("flusher");
    rig->flusher = leat_flusher_manual();
    open_log(rig);
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

static enum leat_status begin(struct rig *rig, bool is_small, struct leat_log_unit **unit)
{
    return leat_log_unit_begin(rig->log, is_small, unit, &rig->err);
}

static uint64_t append(struct rig *rig, const char *text, size_t times)
{
    struct leat_log_unit *unit;
    uint64_t end = 0;
    assert_status(begin(rig, false, &unit), LEAT_OK, &rig->err);
    for (size_t i = 0; i < times; i++)
        leat_bytes_text(leat_log_unit_stream(unit), text);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "a", 0)), 1);
    leat_log_unit_state(unit, "last", 4, text, strlen(text));
    assert_status(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK, &rig->err);
    return end;
}

static bool has_rung(struct rig *rig)
{
    struct pollfd fd = {.fd = leat_log_watch_fd(rig->watch), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static unsigned count_frames(struct rig *rig)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    unsigned count = 0;
    enum leat_status status;
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK)
        count++;
    assert_status(status, LEAT_AGAIN, &rig->err);
    leat_log_reader_close(reader);
    return count;
}

/* ---- what is normal ---- */

static void nothing_is_shown_before_it_is_durable(void **state)
{
    struct rig *rig = *state;
    uint64_t end = append(rig, "one", 1);
    assert_true(leat_log_durable(rig->log) < end);
    assert_int_equal(count_frames(rig), 0);
    assert_false(has_rung(rig));
    assert_true(leat_flusher_step(rig->flusher));
    assert_int_equal(leat_log_durable(rig->log), end);
    assert_int_equal(count_frames(rig), 1);
    assert_true(has_rung(rig));
}

static void what_was_gathered_goes_out_in_one_write_and_one_sync(void **state)
{
    struct rig *rig = *state;
    append(rig, "one", 1);
    leat_flusher_step(rig->flusher);
    memset(&disk, 0, sizeof disk);
    uint64_t end = 0;
    for (int i = 0; i < 20; i++)
        end = append(rig, "more", 1);
    leat_flusher_step(rig->flusher);
    assert_int_equal(leat_log_durable(rig->log), end);
    assert_int_equal(disk.writes, 1);
    assert_int_equal(disk.syncs, 1);
}

static void who_queues_too_much_is_told_to_wait(void **state)
{
    struct rig *rig = *state;
    struct leat_log_unit *unit;
    append(rig, "0123456789", 1200);
    assert_int_equal(begin(rig, false, &unit), LEAT_AGAIN);
    leat_flusher_step(rig->flusher);
    assert_true(has_rung(rig));
    append(rig, "next", 1);
}

/* ---- a disk that fails ---- */

static void assert_failed(struct rig *rig, uint64_t durable)
{
    struct leat_log_unit *unit;
    assert_int_equal(leat_log_health(rig->log, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DISK);
    assert_int_equal(begin(rig, false, &unit), LEAT_STOP);
    assert_int_equal(begin(rig, true, &unit), LEAT_STOP);
    assert_int_equal(leat_log_durable(rig->log), durable);
    assert_true(has_rung(rig));
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    struct rig *rig = *state;
    uint64_t durable = append(rig, "durable", 1);
    leat_flusher_step(rig->flusher);
    leat_log_watch_arm(rig->watch);
    append(rig, "lost", 1);
    memset(&disk, 0, sizeof disk);
    disk.sync_fails = true;
    leat_flusher_step(rig->flusher);
    assert_failed(rig, durable);
    assert_int_equal(disk.syncs, 1);
    disk.sync_fails = false; /* the kernel says an error once: what comes now would lie */
    for (int i = 0; i < 5; i++)
        leat_flusher_step(rig->flusher);
    assert_int_equal(disk.syncs, 1);
    assert_int_equal(disk.writes, 1);
    assert_failed(rig, durable);
    assert_int_equal(count_frames(rig), 1);
}

static void a_failed_log_does_not_sync_when_it_is_closed(void **state)
{
    struct rig *rig = *state;
    append(rig, "lost", 1);
    memset(&disk, 0, sizeof disk);
    disk.sync_fails = true;
    leat_flusher_step(rig->flusher);
    close_log(rig);
    assert_int_equal(disk.syncs, 1);
    assert_int_equal(disk.writes, 1);
    disk.sync_fails = false;
    open_log(rig);
}

static void a_failed_write_fails_the_log(void **state)
{
    struct rig *rig = *state;
    uint64_t durable = append(rig, "durable", 1);
    leat_flusher_step(rig->flusher);
    leat_log_watch_arm(rig->watch);
    append(rig, "lost", 1);
    disk.write_fails = true;
    leat_flusher_step(rig->flusher);
    disk.write_fails = false;
    leat_flusher_step(rig->flusher);
    assert_failed(rig, durable);
}

static void a_unit_that_was_begun_before_the_failure_is_refused(void **state)
{
    struct rig *rig = *state;
    struct leat_log_unit *unit;
    uint64_t end;
    assert_int_equal(begin(rig, false, &unit), LEAT_OK);
    append(rig, "lost", 1);
    disk.sync_fails = true;
    leat_flusher_step(rig->flusher);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DISK);
}

/* ---- a disk that is full ---- */

/* Rounds until `wanted` is durable, or the deadline: a full disk is tried again after a while. */
static void step_until(struct rig *rig, uint64_t wanted)
{
    struct leat_time deadline = leat_after_us(5000000);
    while (leat_log_durable(rig->log) < wanted && leat_now().ns < deadline.ns) {
        leat_flusher_step(rig->flusher);
        poll(NULL, 0, 5);
    }
    assert_int_equal(leat_log_durable(rig->log), wanted);
}

static bool is_full(struct rig *rig)
{
    struct leat_log_info info;
    leat_log_info(rig->log, &info);
    assert_false(info.is_failed);
    return info.is_full;
}

static void step_until_room(struct rig *rig)
{
    struct leat_time deadline = leat_after_us(5000000);
    while (is_full(rig) && leat_now().ns < deadline.ns) {
        leat_flusher_step(rig->flusher);
        poll(NULL, 0, 5);
    }
    assert_false(is_full(rig));
}

static void a_full_disk_pauses_and_loses_nothing(void **state)
{
    struct rig *rig = *state;
    struct leat_log_unit *unit;
    uint64_t durable = append(rig, "one", 1);
    leat_flusher_step(rig->flusher);
    leat_log_watch_arm(rig->watch);
    uint64_t end = append(rig, "two", 1);
    disk.is_full = true;
    leat_flusher_step(rig->flusher);
    assert_true(is_full(rig));
    assert_true(has_rung(rig));
    assert_int_equal(begin(rig, false, &unit), LEAT_AGAIN);
    assert_int_equal(leat_log_durable(rig->log), durable);
    assert_int_equal(count_frames(rig), 1); /* what is there is still read */
    leat_log_watch_arm(rig->watch);
    disk.is_full = false;
    step_until(rig, end);
    step_until_room(rig);
    assert_true(has_rung(rig));
    assert_int_equal(count_frames(rig), 2);
    append(rig, "three", 1);
}

static void what_is_to_stay_free_is_not_taken(void **state)
{
    struct rig *rig = *state;
    struct leat_log_settings settings = {.min_free_bytes = 1 << 20};
    unsigned count = 0;
    uint64_t end = 0;
    leat_log_set(rig->log, &settings);
    disk.free_bytes = (1 << 20) + (64 << 10) - 1;
    for (; !is_full(rig); count++) {
        end = append(rig, "0123456789", 900);
        leat_flusher_step(rig->flusher);
        assert_true(count < 20);
    }
    assert_int_equal(leat_log_durable(rig->log), end); /* the reserve took what was queued */
    disk.free_bytes = 3 << 20;
    step_until_room(rig);
}

static void a_full_disk_at_a_new_segment_is_not_a_failure(void **state)
{
    struct rig *rig = *state;
    uint64_t end = 0;
    unsigned count = 0;
    disk.has_no_segment = true;
    for (; !is_full(rig); count++) {
        end = append(rig, "0123456789", 900);
        leat_flusher_step(rig->flusher);
        assert_true(count < 8);
    }
    assert_true(count > 5); /* what was allocated is used up first */
    assert_int_equal(leat_log_durable(rig->log), end); /* the last in the reserve */
    disk.has_no_segment = false;
    step_until_room(rig);
    close_log(rig);
    open_log(rig);
    assert_int_equal(count_frames(rig), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_shown_before_it_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_gathered_goes_out_in_one_write_and_one_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_queues_too_much_is_told_to_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_sync_is_never_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_log_does_not_sync_when_it_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_fails_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_unit_that_was_begun_before_the_failure_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_pauses_and_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_to_stay_free_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_at_a_new_segment_is_not_a_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
