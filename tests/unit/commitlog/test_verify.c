#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/crc32c.h>
#include <base/memory.h>
#include <commitlog/format.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNITS 8

struct rig {
    char *dir;
    uint64_t ends[UNITS];
    uint64_t damages, first_damage;
    struct leat_error err;
};

static void open_log(struct rig *rig, struct leat_flusher *flusher, struct leat_log **log)
{
    struct leat_log_config config = {.dir = rig->dir, .name = "t", .os = leat_os};
    assert_status(leat_log_open(log, &config, flusher, &rig->err), LEAT_OK, &rig->err);
}

/* Units in one segment, each synced before the next is written; then a clean stop. */
static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log;
    struct leat_log_unit *unit;
    rig->dir = kit_tmp_dir("verify");
    open_log(rig, flusher, &log);
    uint32_t topic = leat_log_topic(log, "a", 0);
    for (int i = 0; i < UNITS; i++) {
        assert_int_equal(leat_log_unit_begin(log, false, &unit, &rig->err), LEAT_OK);
        leat_bytes_text(leat_log_unit_stream(unit), "what was acknowledged");
        leat_log_unit_count(unit, leat_log_unit_slot(unit, topic), 1);
        assert_int_equal(leat_log_unit_append(log, unit, 1, &rig->ends[i], &rig->err), LEAT_OK);
        leat_flusher_step(flusher);
    }
    leat_log_close(log);
    leat_flusher_stop(flusher);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static void change_byte(struct rig *rig, uint64_t lsn)
{
    char *path = leat_format_dup("%s/segments/%020d.seg", rig->dir, 0);
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)lsn), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)lsn), 1);
    close(fd);
    free(path);
}

static void lose(struct rig *rig, const char *name)
{
    char *path = leat_format_dup("%s/%s", rig->dir, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void note(void *arg, const struct leat_log_finding *finding)
{
    struct rig *rig = arg;
    if (finding->is_damage && rig->damages++ == 0)
        rig->first_damage = finding->lsn;
}

static enum leat_status verify(struct rig *rig)
{
    rig->damages = 0;
    return leat_log_verify(rig->dir, leat_os, note, NULL, rig, &rig->err);
}

static void a_whole_log_has_no_findings(void **state)
{
    struct rig *rig = *state;
    assert_status(verify(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->damages, 0);
}

static void rot_is_found_where_it_is(void **state)
{
    struct rig *rig = *state;
    change_byte(rig, rig->ends[2] + 70);
    assert_int_equal(verify(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_int_equal(rig->damages, 1);
    assert_int_equal(rig->first_damage, rig->ends[2]);
}

static void what_stands_behind_rot_is_looked_at_too(void **state)
{
    struct rig *rig = *state;
    change_byte(rig, rig->ends[1] + 70);
    change_byte(rig, rig->ends[4] + 10);
    assert_int_equal(verify(rig), LEAT_STOP);
    assert_int_equal(rig->damages, 2);
}

/* The hint is never synced. Without it, later frames still tell what had been acknowledged, as they tell a start. */
static void rot_is_found_without_the_hint(void **state)
{
    struct rig *rig = *state;
    lose(rig, "durable.hint");
    change_byte(rig, rig->ends[2] + 70);
    assert_int_equal(verify(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_int_equal(rig->first_damage, rig->ends[2]);
}

/* Another body with checksums that are right: as good in itself as a frame of another time that came back to its place. */
static void forge_frame(struct rig *rig, uint64_t lsn)
{
    char *path = leat_format_dup("%s/segments/%020d.seg", rig->dir, 0);
    uint8_t bytes[FRAME_HEADER + 4096];
    struct frame_head head;
    int fd = open(path, O_RDWR);
    assert_true(pread(fd, bytes, sizeof bytes, (off_t)lsn) > FRAME_HEADER);
    assert_true(frame_head_get(bytes, lsn, leat_get_u32(bytes + 56), &head));
    assert_true(head.body_len <= 4096);
    bytes[FRAME_HEADER] ^= 1;
    head.body_crc = leat_crc32c(0, bytes + FRAME_HEADER, head.body_len);
    frame_head_put(bytes, &head);
    assert_int_equal(pwrite(fd, bytes, FRAME_HEADER + head.body_len, (off_t)lsn), FRAME_HEADER + head.body_len);
    close(fd);
    free(path);
}

static void a_frame_that_does_not_follow_is_found(void **state)
{
    struct rig *rig = *state;
    forge_frame(rig, rig->ends[2]);
    assert_int_equal(verify(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_int_equal(rig->damages, 1);
    assert_int_equal(rig->first_damage, rig->ends[3]);
}

/* Between a body and the next multiple of 8 stand zeros that nobody reads. */
static bool is_padding(struct rig *rig, uint64_t lsn)
{
    char *path = leat_format_dup("%s/segments/%020d.seg", rig->dir, 0);
    uint8_t len[4];
    int unit = 1;
    while (unit < UNITS && rig->ends[unit] <= lsn)
        unit++;
    uint64_t frame = rig->ends[unit - 1];
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, len, sizeof len, (off_t)frame + 16), 4);
    close(fd);
    free(path);
    return lsn >= frame + 64 + leat_get_u32(len);
}

static void every_byte_that_is_read_is_checked(void **state)
{
    struct rig *rig = *state;
    uint64_t checked = 0;
    lose(rig, "durable.hint");
    for (uint64_t lsn = rig->ends[0]; lsn < rig->ends[UNITS - 2]; lsn++) {
        if (is_padding(rig, lsn))
            continue;
        change_byte(rig, lsn);
        if (verify(rig) != LEAT_STOP || rig->err.cause != LEAT_CAUSE_DAMAGED)
            fail_msg("byte %llu changed, and nothing was found", (unsigned long long)lsn);
        change_byte(rig, lsn);
        checked++;
    }
    assert_true(checked > (UNITS - 2) * 64);
    assert_status(verify(rig), LEAT_OK, &rig->err);
}

/* The header of the only segment counts too. */
static void a_damaged_segment_header_is_found(void **state)
{
    struct rig *rig = *state;
    for (uint64_t lsn = 0; lsn < 128; lsn++) {
        change_byte(rig, lsn);
        assert_int_equal(verify(rig), LEAT_STOP);
        assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
        change_byte(rig, lsn);
    }
}

/* A tail that was never acknowledged is no damage: a start cuts it. */
static void a_torn_tail_is_no_damage(void **state)
{
    struct rig *rig = *state;
    char *path = leat_format_dup("%s/segments/%020d.seg", rig->dir, 0);
    struct leat_log_info info;
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log;
    open_log(rig, flusher, &log);
    leat_log_close(log);
    open_log(rig, flusher, &log);
    leat_log_info(log, &info);
    leat_log_close(log);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "half a frame", 12, (off_t)info.end_lsn + 4096), 12);
    close(fd);
    free(path);
    assert_status(verify(rig), LEAT_OK, &rig->err);
    open_log(rig, flusher, &log);
    leat_log_info(log, &info);
    assert_true(info.cut_bytes > 0);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    assert_status(verify(rig), LEAT_OK, &rig->err);
}

/* ---- beside a daemon that writes, begins segments and lets old ones go ---- */

#define BUSY_UNITS 800

struct writer {
    char *dir;
    struct leat_error err;
    bool is_done; /* atomic */
};

static void write_busily(void *arg)
{
    struct writer *writer = arg;
    struct leat_log_config config = {.dir = writer->dir, .name = "busy", .os = leat_os, .segment_min = 16 << 10,
                                     .segment_max = 16 << 10, .fold_bytes = 8 << 10,
                                     .settings = {.fsync = LEAT_FSYNC_NEVER, .retain_bytes = 64 << 10}};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = NULL;
    struct leat_log_unit *unit;
    uint64_t end;
    if (leat_log_open(&log, &config, flusher, &writer->err) == LEAT_OK) {
        uint32_t topic = leat_log_topic(log, "a", 0);
        for (int i = 0; i < BUSY_UNITS; i++) {
            if (leat_log_unit_begin(log, false, &unit, &writer->err) != LEAT_OK)
                break;
            leat_bytes_text(leat_log_unit_stream(unit), "a record of some length, so that segments are full soon");
            leat_log_unit_count(unit, leat_log_unit_slot(unit, topic), 1);
            leat_log_unit_append(log, unit, 1, &end, &writer->err);
            leat_flusher_step(flusher);
            if (i % 50 == 0)
                leat_log_retain(log);
        }
        leat_log_close(log);
    }
    leat_flusher_stop(flusher);
    __atomic_store_n(&writer->is_done, true, __ATOMIC_RELEASE);
}

static void say_damage(void *arg, const struct leat_log_finding *finding)
{
    (void)arg;
    if (finding->is_damage)
        fprintf(stderr, "%s, LSN %llu to %llu: %s\n", finding->segment, (unsigned long long)finding->lsn,
                (unsigned long long)finding->end_lsn, finding->text);
}

static void beside_a_writer_nothing_is_called_damage(void **state)
{
    struct rig *rig = *state;
    struct writer writer = {.dir = leat_format_dup("%s/busy", rig->dir)};
    struct leat_log_summary summary = {0};
    pthread_t thread;
    uint64_t looks = 0;
    assert_int_equal(leat_thread_start(&thread, "writer", write_busily, &writer, &rig->err), LEAT_OK);
    while (!__atomic_load_n(&writer.is_done, __ATOMIC_ACQUIRE)) {
        char *identity = leat_format_dup("%s/busy/IDENTITY", rig->dir);
        bool is_there = access(identity, R_OK) == 0;
        free(identity);
        if (is_there)
            assert_status(leat_log_look(writer.dir, leat_os, &(struct leat_log_visitor){.finding = say_damage}, &summary, &rig->err), LEAT_OK, &rig->err);
        looks += is_there;
    }
    leat_thread_join(thread);
    assert_true(looks > 0);
    assert_status(leat_log_look(writer.dir, leat_os, &(struct leat_log_visitor){.finding = say_damage}, &summary, &rig->err), LEAT_OK, &rig->err);
    assert_true(summary.records > 0 && summary.first_lsn > 0);
    free(writer.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_log_has_no_findings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rot_is_found_where_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_rot_is_looked_at_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rot_is_found_without_the_hint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frame_that_does_not_follow_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_byte_that_is_read_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_segment_header_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_tail_is_no_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beside_a_writer_nothing_is_called_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
