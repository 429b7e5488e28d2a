#include <kit/cmocka.h>
#include <kit/random.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <commitlog/inside.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOPICS 200
#define FRAMES 2400
#define BYTES  2000 /* of a frame's stream */

/* ---- what is read, counted ---- */

static struct leat_os counting;
static uint64_t opens, preads, pread_bytes;

static int count_open(const char *path, int flags, mode_t mode)
{
    opens++;
    return leat_os->open(path, flags, mode);
}

static ssize_t count_pread(int fd, void *to, size_t len, off_t at)
{
    ssize_t have = leat_os->pread(fd, to, len, at);
    preads++;
    pread_bytes += have > 0 ? (uint64_t)have : 0;
    return have;
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static void count_from_here(void)
{
    opens = preads = pread_bytes = 0;
}

/* ---- a clock that moves a second with each frame ---- */

static int64_t now_us = 1700000000000000;

static struct leat_time clock_now(void *arg)
{
    (void)arg;
    return (struct leat_time){now_us * 1000};
}

static int64_t clock_wall_us(void *arg)
{
    (void)arg;
    return now_us;
}

/* ---- a log ---- */

struct sent { /* a frame, with two topics */
    uint64_t lsn, end;
    uint32_t ids[2];
    uint64_t offsets[2];
    int64_t time_us;
};

struct rig {
    char *dir;
    struct leat_flusher *flusher; /* by hand */
    struct leat_log *log;
    struct leat_log_settings settings;
    struct sent sent[FRAMES];
    int count;
    uint64_t next[TOPICS + 1];
    struct leat_error err;
};

static void open_log(struct rig *rig)
{
    struct leat_log_config config = {.dir = rig->dir,
                                     .name = "t",
                                     .os = &counting,
                                     .segment_min = 256 << 10,
                                     .segment_max = 256 << 10,
                                     .settings = rig->settings};
    assert_status(leat_log_open(&rig->log, &config, rig->flusher, &rig->err), LEAT_OK, &rig->err);
}

static void reopen(struct rig *rig)
{
    leat_log_close(rig->log);
    open_log(rig);
}

/* Topic 7 is in every hundredth, the others take turns. */
static void append(struct rig *rig, int frames)
{
    static char text[BYTES];
    for (int i = 0; i < frames; i++) {
        struct sent *sent = &rig->sent[rig->count];
        struct leat_log_unit *unit;
        now_us += 1000000;
        *sent = (struct sent){
            .ids = {(uint32_t)(rig->count * 7 % 190) + 11, rig->count % 100 == 3 ? 7 : 1},
            .time_us = now_us};
        assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
        leat_bytes_add(leat_log_unit_stream(unit), text, sizeof text);
        for (int k = 0; k < 2; k++) {
            uint32_t count = (uint32_t)(1 + (rig->count + k) % 3);
            sent->offsets[k] = rig->next[sent->ids[k]];
            rig->next[sent->ids[k]] += count;
            leat_log_unit_count(unit, leat_log_unit_slot(unit, sent->ids[k]), count);
        }
        assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &sent->end, &rig->err), LEAT_OK);
        leat_flusher_step(rig->flusher);
        rig->count++;
    }
}

static int set_up(void **state)
{
    static const struct leat_clock clock = {.now = clock_now, .wall_us = clock_wall_us};
    struct rig *rig = leat_calloc(1, sizeof *rig);
    counting = *leat_os;
    counting.open = count_open;
    counting.pread = count_pread;
    counting.fsync = counting.fdatasync = no_sync; /* nothing is killed here */
    leat_clock_use(&clock);
    rig->dir = kit_tmp_dir("index");
    rig->flusher = leat_flusher_manual();
    rig->settings = (struct leat_log_settings){.fsync = LEAT_FSYNC_NEVER};
    open_log(rig);
    for (int i = 0; i < TOPICS; i++) {
        char name[20];
        snprintf(name, sizeof name, "topic-%d", i + 1);
        assert_int_equal(leat_log_topic(rig->log, name, 0), i + 1);
    }
    append(rig, FRAMES);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_log_close(rig->log);
    leat_flusher_stop(rig->flusher);
    leat_clock_use(NULL);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

static bool holds(const struct sent *sent, const uint8_t *wanted)
{
    return wanted[sent->ids[0]] || wanted[sent->ids[1]];
}

static bool wants(void *arg, uint32_t id)
{
    return ((const uint8_t *)arg)[id];
}

/* Reads all that holds what is wanted, and nothing else; returns the bytes of these frames. */
static uint64_t read_wanted(struct rig *rig, uint8_t *wanted)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint64_t bytes = 0;
    int at = 0;
    enum leat_status status;
    assert_int_equal(leat_log_reader_open(rig->log, wants, wanted, &reader, &rig->err), LEAT_OK);
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK) {
        while (at < rig->count && !holds(&rig->sent[at], wanted))
            at++;
        assert_true(at < rig->count);
        assert_int_equal(frame.next_lsn, rig->sent[at].end);
        assert_int_equal(frame.parts[0].base_offset, rig->sent[at].offsets[0]);
        bytes += frame.next_lsn - frame.lsn;
        at++;
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    while (at < rig->count && !holds(&rig->sent[at], wanted))
        at++;
    assert_int_equal(at, rig->count);
    assert_true(leat_log_reader_lsn(reader) == leat_log_durable(rig->log));
    leat_log_reader_close(reader);
    return bytes;
}

/* ---- few of the topics ---- */

static void a_reader_of_one_topic_reads_little_but_its_frames(void **state)
{
    struct rig *rig = *state;
    uint8_t wanted[TOPICS + 2] = {0};
    append(rig, 0);
    wanted[7] = true;
    count_from_here();
    uint64_t bytes = read_wanted(rig, wanted);
    uint64_t sealed = rig->log->segment_count - 1,
             newest = rig->log->next_lsn - rig->log->segments[sealed].base;
    assert_true(sealed >= 15);
    assert_true(bytes > 20 * BYTES);
    /* Pieces of 4 KiB for frames of 2; of each index its head, in one read of 16 KiB at most, and
     * one list. */
    assert_true(pread_bytes <= 2 * bytes + sealed * (16 << 10) + newest + (16 << 10));
    assert_true(preads <= 24 + 3 * sealed + newest / (200 << 10) + 8);
    uint64_t few = pread_bytes;
    memset(wanted, true, sizeof wanted);
    count_from_here();
    read_wanted(rig, wanted);
    assert_true(pread_bytes > 8 * few);
}

static void readers_of_any_topics_see_all_of_them(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {7};
    for (int round = 0; round < 40; round++) {
        uint8_t wanted[TOPICS + 2] = {0};
        for (int i = 0; i < round; i++)
            wanted[1 + kit_below(&random, TOPICS)] = true;
        if (round == 20)
            reopen(rig);
        read_wanted(rig, wanted);
    }
}

static void a_reader_goes_on_from_any_frame(void **state)
{
    struct rig *rig = *state;
    uint8_t wanted[TOPICS + 2] = {[7] = true, [50] = true};
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct kit_random random = {8};
    assert_int_equal(leat_log_reader_open(rig->log, wants, wanted, &reader, &rig->err), LEAT_OK);
    for (int round = 0; round < 200; round++) {
        int at = (int)kit_below(&random, FRAMES - 200);
        assert_status(leat_log_seek_lsn(reader, rig->sent[at].end, &rig->err), LEAT_OK, &rig->err);
        for (at++; !holds(&rig->sent[at], wanted);)
            at++;
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(frame.next_lsn, rig->sent[at].end);
    }
    leat_log_reader_close(reader);
}

/* ---- seeking ---- */

static uint64_t log2_of(uint64_t count)
{
    uint64_t steps = 0;
    for (; count > 0; count /= 2)
        steps++;
    return steps;
}

static void an_offset_is_found_by_few_reads(void **state)
{
    struct rig *rig = *state;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct kit_random random = {9};
    uint64_t steps = log2_of(rig->log->segment_count);
    for (int round = 0; round < 300; round++) {
        int at = (int)kit_below(&random, FRAMES), k = round % 2;
        uint64_t offset = rig->sent[at].offsets[k] + (uint64_t)((at + k) % 3);
        if (round % 10 == 0)
            reopen(rig); /* nothing is kept */
        assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
        count_from_here();
        assert_status(leat_log_seek_offset(reader, rig->sent[at].ids[k], offset, &rig->err),
                      LEAT_OK, &rig->err);
        assert_true(opens <= steps + 5); /* heads of indexes, a list, the segment */
        assert_true(pread_bytes <= (steps + 1) * (16 << 10) + (600 << 10));
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(frame.next_lsn, rig->sent[at].end);
        leat_log_reader_close(reader);
    }
}

static void a_time_is_found_by_few_reads(void **state)
{
    struct rig *rig = *state;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct kit_random random = {10};
    uint64_t steps = log2_of(rig->log->segment_count);
    reopen(rig);
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    for (int round = 0; round < 300; round++) {
        int at = (int)kit_below(&random, FRAMES);
        int64_t before_us = (int64_t)kit_below(&random, 1000000);
        count_from_here();
        assert_status(leat_log_seek_time(reader, rig->sent[at].time_us - before_us, &rig->err),
                      LEAT_OK, &rig->err);
        assert_true(opens <= steps + 3); /* first frames, an index, the segment */
        assert_true(pread_bytes <= (steps * FRAME_HEADER) + (16 << 10) + (600 << 10));
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(frame.next_lsn, rig->sent[at].end);
    }
    assert_status(leat_log_seek_time(reader, now_us + 1, &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(leat_log_next(reader, &frame, &rig->err), LEAT_AGAIN);
    leat_log_reader_close(reader);
}

static void where_a_place_is_in_a_topic_is_exact(void **state)
{
    struct rig *rig = *state;
    uint64_t next[TOPICS + 1] = {0};
    reopen(rig);
    for (int at = 0; at < FRAMES; at++) {
        for (uint32_t k = 0; k < 2 && at % 37 == 0; k++) {
            bool is_exact = false;
            uint32_t id = rig->sent[at].ids[k], other = (uint32_t)(at % TOPICS) + 1;
            uint64_t lsn = at > 0 ? rig->sent[at - 1].end : 0;
            assert_int_equal(leat_log_offset_near(rig->log, id, lsn, &is_exact), next[id]);
            assert_true(is_exact);
            assert_int_equal(leat_log_offset_near(rig->log, other, lsn, &is_exact), next[other]);
        }
        for (int k = 0; k < 2; k++)
            next[rig->sent[at].ids[k]] = rig->sent[at].offsets[k] + (uint64_t)(1 + (at + k) % 3);
    }
}

/* ---- an index that is not what it should be ---- */

static char *index_path(struct rig *rig, size_t at)
{
    return segment_path(rig->log, rig->log->segments[at].base, "idx");
}

static void change_file(const char *path, size_t at, uint8_t with)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, (long)at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, (long)at, SEEK_SET);
    fputc(byte ^ with, file);
    fclose(file);
}

static void an_index_is_made_anew_as_it_was(void **state)
{
    struct rig *rig = *state;
    uint8_t wanted[TOPICS + 2] = {[7] = true, [50] = true};
    for (size_t i = 0; i < 6; i++) {
        char *path = index_path(rig, i), *before, *after;
        size_t len, len_after;
        assert_true(leat_os_read_file(leat_os, path, 1 << 20, &before, &len));
        if (i % 2)
            change_file(path, i < 4 ? len / 3 : 7, 1); /* its head; its version */
        else if (i == 2)
            change_file(path, len - 1, 1); /* a list */
        else
            unlink(path);
        index_drop(rig->log, rig->log->segments[i].base);
        for (uint32_t id = 1; i == 2 && id <= TOPICS; id += 4) { /* each list */
            memset(wanted, false, sizeof wanted);
            wanted[id] = wanted[id + 1] = wanted[id + 2] = wanted[id + 3] = true;
            read_wanted(rig, wanted);
        }
        read_wanted(rig, wanted);
        assert_true(leat_os_read_file(leat_os, path, 1 << 20, &after, &len_after));
        assert_int_equal(len, len_after);
        assert_memory_equal(before, after, len);
        free(before);
        free(after);
        free(path);
    }
}

/* All checksums are right, and what it says is not: each of its frames stands 8 bytes further on.
 */
static void an_index_that_lies_is_noticed_at_the_frames(void **state)
{
    struct rig *rig = *state;
    uint8_t wanted[TOPICS + 2] = {[7] = true};
    struct leat_log_reader *reader;
    for (size_t i = 1; i < 4; i++) {
        const struct segment *segment = &rig->log->segments[i];
        struct leat_bytes bytes;
        struct segment_index *lie =
            index_read(rig->log, segment->base, segment->end, segment->salt, true);
        assert_non_null(lie);
        for (uint32_t id = 1; id < lie->share_count; id++)
            if (lie->lists[id].len > 0)
                lie->lists[id].bytes[0] ^= 1;
        leat_bytes_init(&bytes, INDEX_MOST);
        index_encode(lie, &bytes);
        assert_true(index_store(rig->log, segment->base, &bytes));
        leat_bytes_fini(&bytes);
        index_free(lie);
        index_drop(rig->log, segment->base);
    }
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    for (int at = 0; at < 400; at += 3) {
        struct leat_log_frame frame;
        assert_status(
            leat_log_seek_offset(reader, rig->sent[at].ids[0], rig->sent[at].offsets[0], &rig->err),
            LEAT_OK, &rig->err);
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(frame.next_lsn, rig->sent[at].end);
    }
    leat_log_reader_close(reader);
    read_wanted(rig, wanted);
}

static void damage_behind_an_index_is_said_where_it_is_wanted(void **state)
{
    struct rig *rig = *state;
    uint8_t wanted[TOPICS + 2] = {[7] = true};
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    enum leat_status status;
    int seven = 203; /* holds topic 7 */
    const struct segment *segment = segment_of(rig->log, rig->sent[seven].end - 1);
    char *path = segment_path(rig->log, segment->base, "seg");
    change_file(path, rig->sent[seven].end - segment->base - 1000, 4);
    free(path);
    assert_int_equal(leat_log_reader_open(rig->log, wants, wanted, &reader, &rig->err), LEAT_OK);
    for (int i = 0; i < 2; i++)
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
    status = leat_log_next(reader, &frame, &rig->err);
    assert_int_equal(status, LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    leat_log_reader_close(reader);
}

/* ---- growth ---- */

static void a_start_reads_one_index_and_a_header_of_each_segment(void **state)
{
    struct rig *rig = *state;
    uint64_t bytes[2], files[2], segments[2];
    for (int i = 0; i < 2; i++) {
        leat_log_close(rig->log);
        count_from_here();
        open_log(rig);
        bytes[i] = pread_bytes;
        files[i] = opens;
        segments[i] = rig->log->segment_count;
        rig->count = 0;
        append(rig, FRAMES);
    }
    assert_true(segments[1] >= segments[0] + 15);
    uint64_t more = segments[1] - segments[0];
    assert_true(files[1] <= files[0] + more + 2);
    for (int i = 0; i < 2; i++) /* the newest segment, more than once, and what is small */
        assert_true(bytes[i] <= 4 * (256 << 10) + segments[i] * SEGMENT_HEADER);
}

struct topic_list {
    struct leat_log_topic items[TOPICS + 1];
};

static void note_topic(void *arg, const struct leat_log_topic *topic)
{
    ((struct topic_list *)arg)->items[topic->id] = *topic;
}

static void what_is_kept_of_topics_is_the_same_after_a_start(void **state)
{
    struct rig *rig = *state;
    static struct topic_list before, after;
    uint64_t first[TOPICS + 1], segments = rig->log->segment_count;
    rig->settings.retain_bytes = 1 << 20;
    leat_log_set(rig->log, &rig->settings);
    assert_true(leat_log_retain(rig->log) > 5);
    uint64_t base = rig->log->segments[0].base;
    memcpy(first, rig->next, sizeof first);
    for (int at = rig->count; at-- > 0;)
        for (int k = 0; k < 2 && rig->sent[at].end > base; k++)
            first[rig->sent[at].ids[k]] = rig->sent[at].offsets[k];
    leat_log_topics(rig->log, note_topic, &before);
    reopen(rig);
    assert_true(rig->log->segment_count < segments);
    leat_log_topics(rig->log, note_topic, &after);
    for (uint32_t id = 1; id <= TOPICS; id++) {
        assert_int_equal(after.items[id].first, first[id]);
        assert_int_equal(before.items[id].first, first[id]);
        assert_int_equal(after.items[id].next, rig->next[id]);
        assert_int_equal(after.items[id].bytes, before.items[id].bytes);
        assert_int_equal(after.items[id].first_us, before.items[id].first_us);
        assert_int_equal(after.items[id].last_us, before.items[id].last_us);
    }
}

static void starts_that_wrote_nothing_are_forgotten_in_time(void **state)
{
    struct rig *rig = *state;
    struct leat_uuid wrote[8];
    uint64_t ends[8];
    for (int life = 0; life < 400; life++) {
        struct leat_log_info info;
        reopen(rig);
        if (life % 50 != 0)
            continue;
        rig->count = 0;
        append(rig, 1);
        leat_log_info(rig->log, &info);
        wrote[life / 50] = info.incarnation;
        ends[life / 50] = rig->sent[0].end;
    }
    assert_true(rig->log->lineage_count <= 256 + 8 + 2);
    for (int i = 0; i < 8; i++) {
        assert_true(leat_log_wrote(rig->log, &wrote[i], ends[i]));
        assert_false(leat_log_wrote(rig->log, &wrote[i], ends[i] + (1 << 20)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_of_one_topic_reads_little_but_its_frames, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(readers_of_any_topics_see_all_of_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_goes_on_from_any_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offset_is_found_by_few_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_is_found_by_few_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_a_place_is_in_a_topic_is_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_is_made_anew_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_that_lies_is_noticed_at_the_frames, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(damage_behind_an_index_is_said_where_it_is_wanted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_start_reads_one_index_and_a_header_of_each_segment,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_of_topics_is_the_same_after_a_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(starts_that_wrote_nothing_are_forgotten_in_time, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
