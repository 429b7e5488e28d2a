/* A disk of so many bytes, for one log: what lies in its folder counts, and what somebody else takes. */
#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/text.h>
#include <commitlog/commitlog.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENT ((uint64_t)16 << 10)

static struct {
    char *dir;
    uint64_t bytes, others; /* of the whole, of others */
    int error;              /* that says: no room */
    int64_t now_us;
} disk;

static struct leat_time clock_now(void *arg)
{
    (void)arg;
    return (struct leat_time){disk.now_us * 1000};
}

static int64_t clock_wall(void *arg)
{
    (void)arg;
    return disk.now_us + 1700000000000000;
}

static uint64_t used_bytes(void)
{
    char *path = leat_format_dup("%s/segments", disk.dir);
    DIR *dir = opendir(path);
    uint64_t bytes = disk.others;
    struct stat st;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0)
            bytes += (uint64_t)st.st_size;
    if (dir)
        closedir(dir);
    free(path);
    return bytes;
}

static int full_fallocate(int fd, int mode, off_t at, off_t len)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && at + len > st.st_size && used_bytes() + (uint64_t)(at + len - st.st_size) > disk.bytes) {
        errno = disk.error;
        return -1;
    }
    return leat_os_real.fallocate(fd, mode, at, len);
}

/* Indexes and the like. */
static ssize_t full_write(int fd, const void *from, size_t len)
{
    errno = disk.error;
    return used_bytes() + len > disk.bytes ? -1 : leat_os_real.write(fd, from, len);
}

static int quick_sync(int fd)
{
    (void)fd;
    return 0;
}

static int full_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    uint64_t used = used_bytes();
    *st = (struct statvfs){.f_frsize = 1, .f_bavail = used < disk.bytes ? disk.bytes - used : 0};
    return 0;
}

struct rig {
    struct leat_os os;
    struct leat_flusher *flusher; /* by hand */
    struct leat_log *log;
    struct leat_log_settings settings;
    struct leat_log_reader *reader;
    uint64_t next_number, next_read;
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    struct leat_log_config config = {.dir = disk.dir, .name = "t", .os = &rig->os, .segment_min = SEGMENT,
                                     .segment_max = SEGMENT * 4, .settings = rig->settings};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
    assert_status(leat_log_reader_open(rig->log, NULL, NULL, &rig->reader, &rig->err), LEAT_OK, &rig->err);
    rig->next_read = 0;
}

static void close_log(struct rig *rig)
{
    leat_log_reader_close(rig->reader);
    leat_log_close(rig->log);
}

static int set_up(void **state)
{
    static const struct leat_clock clock = {clock_now, clock_wall, NULL};
    struct rig *rig = leat_calloc(1, sizeof *rig);
    leat_clock_use(&clock);
    disk.dir = kit_tmp_dir("full");
    disk.bytes = 48 * SEGMENT;
    disk.others = 0;
    disk.error = ENOSPC;
    rig->os = leat_os_real;
    rig->os.fallocate = full_fallocate;
    rig->os.write = full_write;
    rig->os.statvfs = full_statvfs;
    rig->os.fsync = rig->os.fdatasync = quick_sync;
    rig->flusher = leat_flusher_manual();
    rig->settings = (struct leat_log_settings){.retain_bytes = (int64_t)SEGMENT};
    open_log(rig);
    leat_log_consumer_set(rig->log, "sink", 0);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    close_log(rig);
    leat_flusher_stop(rig->flusher);
    kit_tmp_remove(disk.dir);
    leat_clock_use(NULL);
    free(rig);
    return 0;
}

static void step(struct rig *rig)
{
    disk.now_us += 200000;
    while (leat_flusher_step(rig->flusher))
        ;
}

static bool is_full(struct rig *rig)
{
    struct leat_log_info info;
    leat_log_info(rig->log, &info);
    assert_false(info.is_failed);
    return info.is_full;
}

/* A unit of the source's, with its number. */
static enum leat_status append(struct rig *rig)
{
    char text[1000] = "";
    struct leat_log_unit *unit;
    uint64_t end;
    enum leat_status status = leat_log_unit_begin(rig->log, false, &unit, &rig->err);
    if (status != LEAT_OK)
        return status;
    memcpy(text, &rig->next_number, sizeof rig->next_number);
    leat_bytes_add(leat_log_unit_stream(unit), text, sizeof text);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "a", 0)), 1);
    status = leat_log_unit_append(rig->log, unit, 1, &end, &rig->err);
    rig->next_number += status == LEAT_OK;
    return status;
}

static void append_until_full(struct rig *rig)
{
    for (int i = 0; !is_full(rig); i++) {
        assert_in_range(i, 0, 5000);
        assert_status(append(rig), LEAT_OK, &rig->err);
        if (rig->next_number % 3 == 0)
            step(rig);
    }
}

/* A hint or an intent of a sink's. True: it is durable. */
static bool append_small(struct rig *rig)
{
    struct leat_log_unit *unit;
    uint64_t end;
    assert_int_equal(leat_log_unit_begin(rig->log, true, &unit, &rig->err), LEAT_OK);
    leat_log_unit_state(unit, "intent", 6, "value", 5);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &rig->err), LEAT_OK);
    step(rig);
    return leat_log_durable(rig->log) >= end;
}

/* As a sink does: each number once, in order; what is read is passed. */
static void read_all(struct rig *rig)
{
    struct leat_log_frame frame;
    enum leat_status status;
    while ((status = leat_log_next(rig->reader, &frame, &rig->err)) == LEAT_OK) {
        uint64_t number;
        if (frame.stream_len == 0)
            continue;
        memcpy(&number, frame.stream, sizeof number);
        assert_true(rig->next_read == 0 || number == rig->next_read);
        rig->next_read = number + 1;
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    leat_log_consumer_set(rig->log, "sink", leat_log_reader_lsn(rig->reader));
}

static bool has_reserve(void)
{
    struct stat st;
    char *path = leat_format_dup("%s/segments/reserve", disk.dir);
    bool is_there = stat(path, &st) == 0;
    free(path);
    return is_there;
}

static void step_until_room(struct rig *rig)
{
    for (int i = 0; i < 40 && is_full(rig); i++)
        step(rig);
    assert_false(is_full(rig));
    assert_true(has_reserve());
}

/* ---- */

static void what_is_queued_and_what_is_small_goes_into_the_reserve(void **state)
{
    struct rig *rig = *state;
    assert_true(has_reserve());
    append_until_full(rig);
    assert_false(has_reserve());
    assert_int_equal(append(rig), LEAT_AGAIN);
    for (int i = 0; i < 100; i++)
        assert_true(append_small(rig));
    read_all(rig);
    assert_int_equal(rig->next_read, rig->next_number);
    assert_true(is_full(rig)); /* nothing that was not read was released */
}

/* No byte comes free but those that the sink has passed, and no fold was due. */
static void what_the_sinks_pass_makes_room(void **state)
{
    struct rig *rig = *state;
    struct leat_log_info info;
    for (int round = 0; round < 100; round++) {
        append_until_full(rig);
        read_all(rig);
        assert_int_equal(rig->next_read, rig->next_number);
        step_until_room(rig);
    }
    leat_log_info(rig->log, &info);
    assert_true(info.first_lsn > 0);
    close_log(rig);
    open_log(rig);
    read_all(rig);
    assert_int_equal(rig->next_read, rig->next_number);
    assert_status(leat_log_verify(disk.dir, &rig->os, NULL, NULL, NULL, &rig->err), LEAT_OK, &rig->err);
}

/* Another one fills the disk, by quota or truly, and frees it again; in between the log is opened anew. */
static void filled_and_freed_by_others(void **state)
{
    struct rig *rig = *state;
    rig->settings.retain_bytes = 0; /* all is kept */
    leat_log_set(rig->log, &rig->settings);
    for (int round = 0; round < 100; round++) {
        disk.error = round % 2 ? ENOSPC : EDQUOT;
        disk.bytes = used_bytes();
        append_until_full(rig);
        assert_true(append_small(rig));
        if (round % 3 == 0) {
            close_log(rig);
            open_log(rig);
            assert_true(is_full(rig));
            assert_true(append_small(rig));
        }
        read_all(rig);
        assert_int_equal(rig->next_read, rig->next_number);
        disk.bytes += 24 * SEGMENT;
        step_until_room(rig);
    }
}

static void a_start_with_no_room_at_all_reads_and_goes_on_by_itself(void **state)
{
    struct rig *rig = *state;
    append_until_full(rig);
    close_log(rig);
    for (int i = 0; i < 2000; i++) { /* each start takes a little of what is left */
        disk.bytes = 0;
        open_log(rig);
        assert_true(is_full(rig));
        read_all(rig);
        assert_int_equal(rig->next_read, rig->next_number);
        struct leat_log_info info;
        leat_log_info(rig->log, &info);
        if (info.durable_lsn < info.end_lsn)
            break; /* not even this start has room */
        close_log(rig);
        assert_true(i < 1999);
    }
    assert_int_equal(append(rig), LEAT_AGAIN);
    disk.bytes = 48 * SEGMENT;
    step_until_room(rig);
    assert_int_equal(append(rig), LEAT_OK);
    step(rig);
    read_all(rig);
    assert_int_equal(rig->next_read, rig->next_number);
    close_log(rig);
    open_log(rig);
    read_all(rig);
    assert_int_equal(rig->next_read, rig->next_number);
}

static void what_others_need_is_taken_for_small_units_alone(void **state)
{
    struct rig *rig = *state;
    rig->settings = (struct leat_log_settings){.min_free_bytes = (int64_t)(8 * SEGMENT)};
    leat_log_set(rig->log, &rig->settings);
    append_until_full(rig);
    assert_in_range(disk.bytes - used_bytes(), 8 * SEGMENT, 12 * SEGMENT);
    for (int i = 0; i < 1800; i++) /* much more than the reserve */
        assert_true(append_small(rig));
    assert_in_range(disk.bytes - used_bytes(), SEGMENT, 8 * SEGMENT);
    assert_int_equal(append(rig), LEAT_AGAIN);
    disk.bytes += 24 * SEGMENT;
    rig->settings.min_free_bytes = (int64_t)(40 * SEGMENT);
    leat_log_set(rig->log, &rig->settings);
    for (int i = 0; i < 5; i++)
        step(rig);
    assert_true(is_full(rig));
    rig->settings.min_free_bytes = 0; /* other settings count at once */
    leat_log_set(rig->log, &rig->settings);
    step_until_room(rig);
}

static void the_reserve_is_no_segment(void **state)
{
    struct rig *rig = *state;
    char *path = leat_format_dup("%s/segments/reserve", disk.dir);
    assert_int_equal(append(rig), LEAT_OK);
    close_log(rig);
    assert_int_equal(unlink(path), 0);
    open_log(rig); /* one that is lost is made anew */
    assert_true(has_reserve());
    read_all(rig);
    assert_int_equal(rig->next_read, 1);
    assert_status(leat_log_verify(disk.dir, &rig->os, NULL, NULL, NULL, &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(unlink(path), 0); /* while it is needed: as if there were none */
    append_until_full(rig);
    disk.bytes += 24 * SEGMENT;
    step_until_room(rig);
    read_all(rig);
    assert_int_equal(rig->next_read, rig->next_number);
    free(path);
}

static void the_reserve_grows_with_what_comes(void **state)
{
    struct rig *rig = *state;
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end;
    char *big = leat_calloc(1, 6 * SEGMENT);
    disk.bytes = 100 * SEGMENT;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &err), LEAT_OK);
        leat_bytes_add(leat_log_unit_stream(unit), big, 6 * SEGMENT);
        leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, "big", 0)), 1);
        if (i == 1)
            disk.bytes = used_bytes();
        assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &end, &err), LEAT_OK);
        step(rig);
        assert_int_equal(leat_log_durable(rig->log), end);
    }
    assert_true(is_full(rig));
    free(big);
}

/* What a crash leaves behind the last unit of the newest segment. */
static void tear_the_end(uint64_t end)
{
    char name[64] = "", bytes[300];
    char *segments = leat_format_dup("%s/segments", disk.dir);
    DIR *dir = opendir(segments);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strstr(entry->d_name, ".seg") && strcmp(entry->d_name, name) > 0)
            strcpy(name, entry->d_name);
    closedir(dir);
    char *path = leat_format_dup("%s/%s", segments, name);
    int fd = open(path, O_RDWR);
    memset(bytes, 0x5a, sizeof bytes);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, (off_t)(end - strtoull(name, NULL, 10))), sizeof bytes);
    close(fd);
    free(path);
    free(segments);
}

static void a_torn_tail_is_cut_without_a_copy_where_there_is_no_room_for_one(void **state)
{
    struct rig *rig = *state;
    struct leat_log_info info;
    for (int i = 0; i < 5; i++)
        assert_int_equal(append(rig), LEAT_OK);
    close_log(rig);
    open_log(rig);
    leat_log_info(rig->log, &info);
    step(rig);
    close_log(rig);
    tear_the_end(info.end_lsn + SEGMENT / 2);
    disk.others = disk.bytes;
    open_log(rig);
    leat_log_info(rig->log, &info);
    assert_true(info.cut_bytes > 0);
    read_all(rig);
    assert_int_equal(rig->next_read, 5);
    step(rig);
    assert_true(is_full(rig));
    disk.others = 0;
    step_until_room(rig);
    assert_int_equal(append(rig), LEAT_OK);
    step(rig);
    read_all(rig);
    assert_int_equal(rig->next_read, 6);
    assert_status(leat_log_verify(disk.dir, &rig->os, NULL, NULL, NULL, &rig->err), LEAT_OK, &rig->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_queued_and_what_is_small_goes_into_the_reserve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_sinks_pass_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filled_and_freed_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_start_with_no_room_at_all_reads_and_goes_on_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_need_is_taken_for_small_units_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_reserve_is_no_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_reserve_grows_with_what_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_tail_is_cut_without_a_copy_where_there_is_no_room_for_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
