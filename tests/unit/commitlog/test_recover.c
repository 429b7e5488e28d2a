#include <kit/cmocka.h>
#include <kit/image.c> /* one program, one file */

#include <base/crc32c.h>
#include <base/memory.h>
#include <base/wire.h>
#include <commitlog/commitlog.h>

#define LOG "/d/log"
#define SEGMENT LOG "/segments/00000000000000000000.seg"

struct rig {
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct leat_error err;
    uint64_t ends[64]; /* of units */
    uint32_t count;
};

static void start(struct rig *rig)
{
    struct leat_log_config config = {.dir = LOG, .name = "log", .os = image_os(), .settings = {.fsync = LEAT_FSYNC_NEVER}};
    assert_int_equal(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK);
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    image_new();
    rig->flusher = leat_flusher_manual();
    start(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_log_close(rig->log);
    leat_flusher_stop(rig->flusher);
    image_free();
    free(rig);
    return 0;
}

/* A unit of `count` records of the topic, told apart by its first byte. */
static void append(struct rig *rig, const char *topic, uint32_t count, uint8_t mark)
{
    struct leat_log_unit *unit;
    uint8_t bytes[200];
    memset(bytes, mark, sizeof bytes);
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    leat_bytes_add(leat_log_unit_stream(unit), bytes, sizeof bytes);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, topic, 0)), count);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &rig->ends[rig->count++], &rig->err), LEAT_OK);
    leat_flusher_step(rig->flusher);
}

/* Power goes: of the only segment stays what stands before `end`; the hint was never synced. */
static void lose_from(uint64_t end)
{
    size_t len = 0;
    uint8_t *bytes = image_bytes(SEGMENT, &len);
    assert_non_null(bytes);
    memset(bytes + end, 0, len - end);
    image_remove(LOG "/durable.hint");
}

/* The process is killed. */
static void kill_and_start(struct rig *rig)
{
    image_keep();
    leat_log_close(rig->log);
    image_back();
    start(rig);
}

static void assert_offset(struct rig *rig, const char *topic, uint64_t offset, uint8_t mark)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    assert_int_equal(leat_log_seek_offset(reader, leat_log_topic(rig->log, topic, 0), offset, &rig->err), LEAT_OK);
    assert_int_equal(leat_log_next(reader, &frame, &rig->err), LEAT_OK);
    assert_int_equal(frame.stream[0], mark);
    leat_log_reader_close(reader);
}

static void an_index_that_tells_of_what_was_lost_is_never_believed_again(void **state)
{
    struct rig *rig = *state;
    append(rig, "a", 1, 'a');
    for (int i = 0; i < 10; i++)
        append(rig, "b", 5, 'x'); /* will be lost */
    leat_log_close(rig->log);   /* leaves an index */
    lose_from(rig->ends[0]);
    start(rig);
    for (int i = 0; i < 30; i++)
        append(rig, i % 2 ? "c" : "b", 3, (uint8_t)i);
    kill_and_start(rig);
    assert_offset(rig, "a", 0, 'a');
    for (uint8_t i = 0; i < 30; i++)
        assert_offset(rig, i % 2 ? "c" : "b", i / 2 * 3u + 1, i);
}

static void nor_where_nothing_is_left_of_its_segment(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 10; i++)
        append(rig, "b", 5, 'x');
    leat_log_close(rig->log);
    lose_from(128); /* the header was synced */
    start(rig);
    for (uint8_t i = 0; i < 30; i++)
        append(rig, "b", 3, i);
    kill_and_start(rig);
    for (uint8_t i = 0; i < 30; i++)
        assert_offset(rig, "b", i * 3u, i);
}

static void put_hint(uint8_t slot[32], uint64_t durable, uint64_t sequence)
{
    leat_set_u64(slot, durable);
    leat_set_u64(slot + 8, 128);
    leat_set_u64(slot + 16, sequence);
    leat_set_u32(slot + 24, leat_crc32c(0, slot, 24));
}

/* A write of the hint that a disk lost, and brings back later. */
static void the_older_half_of_the_hint_is_as_true_as_the_newer(void **state)
{
    struct rig *rig = *state;
    struct leat_log_config config = {.dir = LOG, .name = "log", .os = image_os(), .settings = {.fsync = LEAT_FSYNC_NEVER}};
    uint8_t hint[64];
    append(rig, "a", 1, 'a');
    leat_log_close(rig->log);
    put_hint(hint, 100000, 4);
    put_hint(hint + 32, 200, 5);
    image_put(LOG "/durable.hint", hint, sizeof hint);
    assert_int_equal(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    image_remove(LOG "/durable.hint");
    start(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_index_that_tells_of_what_was_lost_is_never_believed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_older_half_of_the_hint_is_as_true_as_the_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_where_nothing_is_left_of_its_segment, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
