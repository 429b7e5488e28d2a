/* Salvage: whatever happens to a log's files, each record is there as it was, or it is said to be lost. */
#include <kit/cmocka.h>
#include <kit/random.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/wire.h>
#include <commitlog/salvage.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOPICS 3
#define RECORDS_MOST 4000
#define SEGMENTS_MOST 16

struct unit {
    uint64_t lsn, end;
};

struct rig {
    char *dir, *log, *saved, *out;
    struct leat_error err;
    uint64_t next[TOPICS];               /* offsets that were given */
    bool seen[TOPICS][RECORDS_MOST];     /* in the salvaged log */
    bool lost[TOPICS][RECORDS_MOST];     /* its gaps say so */
    bool reported[TOPICS][RECORDS_MOST]; /* salvage says so */
    struct unit units[RECORDS_MOST];
    size_t unit_count;
    uint64_t bases[SEGMENTS_MOST];
    uint64_t ends[SEGMENTS_MOST]; /* of the file */
    size_t segment_count;
    uint64_t end; /* of what is durable */
    size_t holes, notes, older;
    struct leat_log_salvaged sum;
};

/* ---- a log ---- */

/* Nothing here loses power. */
static int sync_nothing(int fd)
{
    (void)fd;
    return 0;
}

static const struct leat_os *quick_os(void)
{
    static struct leat_os os;
    os = *leat_os;
    os.fsync = os.fdatasync = sync_nothing;
    return &os;
}

static struct leat_log *open_log(struct rig *rig, const char *dir, struct leat_flusher *flusher)
{
    struct leat_log *log;
    const struct leat_log_config config = {
        .dir = dir, .name = "t", .os = quick_os(), .segment_min = 16 << 10, .segment_max = 32 << 10, .fold_bytes = 1 << 20};
    assert_status(leat_log_open(&log, &config, flusher, &rig->err), LEAT_OK, &rig->err);
    return log;
}

static void add_records(struct rig *rig, struct kit_random *random, struct leat_log_unit *unit, const uint32_t ids[TOPICS])
{
    for (uint32_t t = 0; t < TOPICS; t++) {
        uint32_t count = kit_below(random, 4);
        for (uint32_t i = 0; i < count; i++)
            leat_bytes_printf(leat_log_unit_stream(unit), "%u:%llu:%0*u\n", t, (unsigned long long)rig->next[t]++,
                              (int)kit_below(random, 200) + 1, 7);
        if (count > 0)
            leat_log_unit_count(unit, leat_log_unit_slot(unit, ids[t]), count);
    }
}

static void add_unit(struct rig *rig, struct kit_random *random, struct leat_log *log, struct leat_flusher *flusher)
{
    struct leat_log_unit *unit;
    uint32_t ids[TOPICS];
    char key[16], value[32];
    struct leat_log_info info;
    for (uint32_t t = 0; t < TOPICS; t++) {
        snprintf(key, sizeof key, "topic%u", t);
        ids[t] = leat_log_topic(log, key, 0);
    }
    assert_status(leat_log_unit_begin(log, false, &unit, &rig->err), LEAT_OK, &rig->err);
    add_records(rig, random, unit, ids);
    for (uint32_t frames = kit_below(random, 4) == 0 ? 1 + kit_below(random, 4) : 0; frames > 0; frames--) {
        leat_log_unit_cut(unit);
        add_records(rig, random, unit, ids);
    }
    int len = snprintf(value, sizeof value, "unit %zu", rig->unit_count);
    snprintf(key, sizeof key, "key%u", kit_below(random, 5));
    leat_log_unit_state(unit, key, strlen(key), value, (size_t)len);
    leat_log_info(log, &info);
    struct unit *made = &rig->units[rig->unit_count++];
    made->lsn = info.end_lsn;
    assert_status(leat_log_unit_append(log, unit, 1, &made->end, &rig->err), LEAT_OK, &rig->err);
    leat_flusher_step(flusher);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static char *segment(const struct rig *rig, const char *log, size_t at)
{
    return leat_format_dup("%s/segments/%020llu.seg", log, (unsigned long long)rig->bases[at]);
}

static void list_segments(struct rig *rig)
{
    char *path = leat_format_dup("%s/segments", rig->log);
    struct stat st;
    DIR *dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strlen(entry->d_name) == 24 && strcmp(entry->d_name + 20, ".seg") == 0)
            rig->bases[rig->segment_count++] = strtoull(entry->d_name, NULL, 10);
    closedir(dir);
    free(path);
    qsort(rig->bases, rig->segment_count, sizeof *rig->bases, by_number);
    for (size_t i = 0; i < rig->segment_count; i++) {
        path = segment(rig, rig->log, i);
        assert_int_equal(stat(path, &st), 0);
        rig->ends[i] = i + 1 < rig->segment_count ? rig->bases[i + 1] : rig->end;
        free(path);
    }
}

static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    struct kit_random random = {11};
    struct leat_log_info info;
    rig->dir = kit_tmp_dir("salvage");
    rig->log = leat_format_dup("%s/log", rig->dir);
    rig->saved = leat_format_dup("%s/saved", rig->dir);
    rig->out = leat_format_dup("%s/out", rig->dir);
    struct leat_flusher *flusher = leat_flusher_manual();
    for (int life = 0; life < 3; life++) {
        struct leat_log *log = open_log(rig, rig->log, flusher);
        for (int i = 0; i < 50; i++)
            add_unit(rig, &random, log, flusher);
        leat_log_close(log);
    }
    struct leat_log *log = open_log(rig, rig->log, flusher);
    leat_log_info(log, &info);
    leat_log_close(log);
    rig->end = info.durable_lsn;
    leat_flusher_stop(flusher);
    list_segments(rig);
    assert_true(rig->segment_count >= 4);
    char *command = leat_format_dup("cp -a %s %s", rig->log, rig->saved);
    assert_int_equal(system(command), 0);
    free(command);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    kit_tmp_remove(rig->dir);
    free(rig->log);
    free(rig->saved);
    free(rig->out);
    free(rig);
    return 0;
}

static void begin_anew(struct rig *rig)
{
    char *command = leat_format_dup("rm -rf %s %s && cp -a %s %s", rig->out, rig->log, rig->saved, rig->log);
    assert_int_equal(system(command), 0);
    free(command);
    memset(rig->seen, 0, sizeof rig->seen);
    memset(rig->lost, 0, sizeof rig->lost);
    memset(rig->reported, 0, sizeof rig->reported);
    rig->holes = rig->notes = rig->older = 0;
}

/* ---- salvage, and a look at all of the result ---- */

static void mark(bool lost[TOPICS][RECORDS_MOST], const struct rig *rig, uint32_t topic, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; topic < TOPICS && i < rig->next[topic] && (count == LEAT_LOG_UNKNOWN || i < first + count); i++)
        lost[topic][i] = true;
}

static void take_hole(void *arg, const struct leat_log_hole *hole)
{
    struct rig *rig = arg;
    assert_true(hole->from < hole->to);
    rig->holes++;
}

static void take_loss(void *arg, const struct leat_log_loss *loss)
{
    struct rig *rig = arg;
    uint32_t topic = TOPICS;
    if (sscanf(loss->topic, "topic%u", &topic) == 1)
        mark(rig->reported, rig, topic, loss->first, loss->count);
}

static void take_note(void *arg, const char *text)
{
    struct rig *rig = arg;
    (void)text;
    rig->notes++;
}

static void take_older(void *arg, const void *key, size_t len)
{
    struct rig *rig = arg;
    (void)key, (void)len;
    rig->older++;
}

static void salvage(struct rig *rig)
{
    const struct leat_log_salvage_calls calls = {
        .arg = rig, .hole = take_hole, .loss = take_loss, .note = take_note, .older = take_older};
    assert_status(leat_log_salvage(rig->log, rig->out, quick_os(), &calls, &rig->sum, &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(rig->sum.holes, rig->holes);
}

static void no_damage(void *arg, const struct leat_log_finding *finding)
{
    (void)arg;
    if (finding->is_damage)
        print_message("damage at %llu: %s\n", (unsigned long long)finding->lsn, finding->text);
}

static void take_stream(struct rig *rig, const struct leat_log_frame *frame)
{
    char *text = leat_strndup((const char *)frame->stream, frame->stream_len), *at = text;
    uint64_t next[TOPICS] = {0};
    for (uint32_t i = 0; i < frame->part_count; i++)
        next[frame->parts[i].topic_id - 1] = frame->parts[i].base_offset;
    for (unsigned topic; *at; at = strchr(at, '\n') + 1) {
        unsigned long long offset;
        assert_int_equal(sscanf(at, "%u:%llu:", &topic, &offset), 2);
        assert_true(topic < TOPICS && offset < rig->next[topic] && !rig->seen[topic][offset]);
        assert_int_equal(offset, next[topic]++);
        rig->seen[topic][offset] = true;
    }
    free(text);
}

static bool is_unit_start(const struct rig *rig, uint64_t lsn)
{
    for (size_t i = 0; i < rig->unit_count; i++)
        if (lsn >= rig->units[i].lsn && lsn < rig->units[i].end)
            return true;
    return false;
}

static void read_all(struct rig *rig, struct leat_log *log)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    enum leat_status status;
    assert_status(leat_log_reader_open(log, NULL, NULL, &reader, &rig->err), LEAT_OK, &rig->err);
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK) {
        if (!frame.is_gap) {
            assert_true(is_unit_start(rig, frame.lsn));
            take_stream(rig, &frame);
        }
        for (uint32_t i = 0; i < frame.lost_count; i++)
            mark(rig->lost, rig, frame.lost[i].topic_id - 1, frame.lost[i].first, frame.lost[i].count);
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    leat_log_reader_close(reader);
}

/* Every record is there, or its gap and the report say that it is not. */
static size_t check(struct rig *rig)
{
    size_t missing = 0;
    assert_status(leat_log_verify(rig->out, quick_os(), no_damage, NULL, rig, &rig->err), LEAT_OK, &rig->err);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = open_log(rig, rig->out, flusher);
    read_all(rig, log);
    for (uint32_t t = 0; t < TOPICS; t++)
        for (uint64_t i = 0; i < rig->next[t]; i++) {
            if (!rig->seen[t][i] && (!rig->lost[t][i] || !rig->reported[t][i]))
                fail_msg("offset %llu of topic%u is gone, and nothing says so", (unsigned long long)i, t);
            missing += !rig->seen[t][i];
        }
    leat_log_close(log);
    log = open_log(rig, rig->out, flusher); /* and it goes on */
    leat_log_close(log);
    leat_flusher_stop(flusher);
    return missing;
}

/* ---- damage ---- */

static void overwrite(const struct rig *rig, uint64_t lsn, const void *bytes, size_t len)
{
    size_t at = 0;
    while (at + 1 < rig->segment_count && rig->bases[at + 1] <= lsn)
        at++;
    char *path = segment(rig, rig->log, at);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, bytes, len, (off_t)(lsn - rig->bases[at])), (ssize_t)len);
    close(fd);
    free(path);
}

static void zero(const struct rig *rig, uint64_t lsn, size_t len)
{
    uint8_t *zeros = leat_calloc(1, len);
    overwrite(rig, lsn, zeros, len);
    free(zeros);
}

static void a_whole_log_is_copied_as_it_is(void **state)
{
    struct rig *rig = *state;
    begin_anew(rig);
    salvage(rig);
    assert_int_equal(rig->holes, 0);
    assert_int_equal(rig->sum.end_lsn >= rig->end, 1);
    assert_int_equal(check(rig), 0);
}

static void a_damaged_unit_is_lost_and_no_other(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 1; i + 1 < rig->unit_count; i += 13) {
        const struct unit *unit = &rig->units[i];
        begin_anew(rig);
        zero(rig, unit->end - 24, 8); /* its last frame's trailer, or padding in front of the next */
        salvage(rig);
        check(rig);
        assert_in_range(rig->holes, 0, 1);
        assert_true(rig->sum.hole_bytes <= unit->end - unit->lsn);
    }
}

static void a_damaged_segment_header_costs_nothing(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < rig->segment_count; i++) {
        begin_anew(rig);
        zero(rig, rig->bases[i], 128);
        salvage(rig);
        assert_int_equal(rig->holes, 0);
        assert_int_equal(rig->notes, 1);
        assert_int_equal(check(rig), 0);
    }
}

static void a_missing_segment_is_a_hole(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 1; i + 1 < rig->segment_count; i++) {
        begin_anew(rig);
        char *path = segment(rig, rig->log, i);
        assert_int_equal(unlink(path), 0);
        free(path);
        salvage(rig);
        assert_int_equal(rig->holes, 1);
        assert_int_equal(rig->sum.hole_bytes, rig->bases[i + 1] - rig->bases[i]);
        assert_true(check(rig) > 0);
    }
}

/* durable.hint tells how far it went. */
static void a_missing_end_is_a_hole(void **state)
{
    struct rig *rig = *state;
    begin_anew(rig);
    char *path = segment(rig, rig->log, rig->segment_count - 1);
    assert_int_equal(unlink(path), 0);
    free(path);
    salvage(rig);
    assert_int_equal(rig->holes, 1);
    assert_true(rig->sum.is_end_lost);
    assert_true(rig->sum.has_uncounted);
    check(rig);
}

static void a_truncated_segment_keeps_its_beginning(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < rig->segment_count; i++) {
        begin_anew(rig);
        char *path = segment(rig, rig->log, i);
        assert_int_equal(truncate(path, (off_t)(rig->ends[i] - rig->bases[i]) / 2), 0);
        free(path);
        salvage(rig);
        assert_int_equal(rig->holes, 1);
        assert_true(rig->sum.hole_bytes >= (rig->ends[i] - rig->bases[i]) / 2);
        check(rig);
    }
}

static void a_lost_identity_is_found_in_segments(void **state)
{
    struct rig *rig = *state;
    begin_anew(rig);
    char *path = leat_format_dup("%s/IDENTITY", rig->log);
    assert_int_equal(unlink(path), 0);
    free(path);
    salvage(rig);
    assert_int_equal(check(rig), 0);
    char *command = leat_format_dup("cmp -s %s/IDENTITY %s/IDENTITY", rig->saved, rig->out);
    assert_int_equal(system(command), 0);
    free(command);
}

/* Bits, blocks that are zeroed, swapped, or of another place, cut files, lost files: several at once. */
static void damage_somewhere(struct rig *rig, struct kit_random *random)
{
    uint8_t block[512];
    uint64_t lsn = kit_below(random, (uint32_t)(rig->end - 512)), other = kit_below(random, (uint32_t)(rig->end - 512));
    size_t at = kit_below(random, (uint32_t)rig->segment_count);
    char *path = segment(rig, rig->log, at), *saved = segment(rig, rig->saved, at);
    switch (kit_below(random, 6)) {
    case 0:
        zero(rig, lsn, 1);
        break;
    case 1:
        zero(rig, lsn & ~(uint64_t)511, 512);
        break;
    case 2:
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)kit_random(random);
        overwrite(rig, lsn, block, 1 + kit_below(random, 500));
        break;
    case 3: { /* a block stands in another's place */
        int fd = open(saved, O_RDONLY);
        uint64_t from = other % (rig->ends[at] - rig->bases[at]);
        ssize_t len = pread(fd, block, sizeof block, (off_t)from);
        close(fd);
        overwrite(rig, lsn & ~(uint64_t)511, block, len > 0 ? (size_t)len : 0);
        break;
    }
    case 4:
        if (access(path, F_OK) == 0)
            assert_int_equal(truncate(path, (off_t)kit_below(random, (uint32_t)(rig->ends[at] - rig->bases[at]))), 0);
        break;
    default:
        zero(rig, rig->bases[at] + kit_below(random, 128), 1);
    }
    free(path);
    free(saved);
}

static void whatever_is_damaged_is_kept_or_told(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {5};
    for (int round = 0; round < 60; round++) {
        begin_anew(rig);
        for (uint32_t times = 1 + kit_below(&random, 3); times > 0; times--)
            damage_somewhere(rig, &random);
        salvage(rig);
        check(rig);
    }
}

/* What salvage left may be damaged once more. */
static void a_salvaged_log_is_salvaged_again(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {6};
    for (int round = 0; round < 10; round++) {
        begin_anew(rig);
        damage_somewhere(rig, &random);
        damage_somewhere(rig, &random);
        salvage(rig);
        size_t missing = check(rig);
        char *command = leat_format_dup("rm -rf %s && mv %s %s", rig->log, rig->out, rig->log);
        assert_int_equal(system(command), 0);
        free(command);
        memset(rig->seen, 0, sizeof rig->seen);
        rig->holes = 0;
        salvage(rig);
        assert_int_equal(rig->holes, 0);
        assert_int_equal(check(rig), missing);
    }
}

/* A mark of a sink stands where reading goes on. Where that is lost, it goes on with the gap, and then behind it. */
static void a_mark_in_a_hole_leads_behind_it(void **state)
{
    struct rig *rig = *state;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    begin_anew(rig);
    size_t at = rig->unit_count / 2;
    zero(rig, rig->units[at].lsn, (size_t)(rig->units[at + 2].end - rig->units[at].lsn));
    salvage(rig);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = open_log(rig, rig->out, flusher);
    assert_status(leat_log_reader_open(log, NULL, NULL, &reader, &rig->err), LEAT_OK, &rig->err);
    for (size_t i = at; i <= at + 2; i++) {
        assert_status(leat_log_seek_lsn(reader, rig->units[i].lsn, &rig->err), LEAT_OK, &rig->err);
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_true(frame.is_gap);
        assert_int_equal(frame.next_lsn, rig->units[at + 3].lsn);
        assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
        assert_false(frame.is_gap);
        assert_true(frame.lsn >= rig->units[at + 3].lsn);
    }
    assert_status(leat_log_seek_lsn(reader, rig->units[at - 1].lsn, &rig->err), LEAT_OK, &rig->err);
    assert_status(leat_log_next(reader, &frame, &rig->err), LEAT_OK, &rig->err);
    assert_in_range(frame.lsn, rig->units[at - 1].lsn, rig->units[at].lsn); /* itself, or the gap where it has no records */
    leat_log_reader_close(reader);
    leat_log_close(log);
    leat_flusher_stop(flusher);
}

/* A block that the disk does not give any more. */
static struct {
    ino_t file;
    off_t at;
} unreadable;

static ssize_t pread_but_one_block(int fd, void *to, size_t len, off_t at)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_ino == unreadable.file && at < unreadable.at + 4096 && at + (off_t)len > unreadable.at) {
        errno = EIO;
        return -1;
    }
    return leat_os->pread(fd, to, len, at);
}

static void what_the_disk_cannot_read_is_a_hole(void **state)
{
    struct rig *rig = *state;
    struct leat_os os = *quick_os();
    struct stat st;
    const struct leat_log_salvage_calls calls = {.arg = rig, .hole = take_hole, .loss = take_loss};
    os.pread = pread_but_one_block;
    for (size_t at = 0; at + 1 < rig->segment_count; at++) {
        begin_anew(rig);
        char *path = segment(rig, rig->log, at);
        assert_int_equal(stat(path, &st), 0);
        unreadable.file = st.st_ino;
        unreadable.at = at % 2 ? 0 : 8192; /* with the segment's header, or without */
        free(path);
        assert_status(leat_log_salvage(rig->log, rig->out, &os, &calls, &rig->sum, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(rig->sum.holes, 1);
        assert_true(rig->sum.hole_bytes < 4096 * 4);
        unreadable.file = 0;
        check(rig);
    }
}

/* What makes records readable is told by state: here, a key that each unit sets. */
struct reading {
    struct rig *rig;
    bool knows;
    size_t asked;
};

static void know(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    struct reading *reading = arg;
    (void)value, (void)value_len;
    if (key_len == 4 && memcmp(key, "key1", 4) == 0)
        reading->knows = is_set;
}

static bool can_read(void *arg, uint16_t format, const uint8_t *stream, size_t len)
{
    struct reading *reading = arg;
    (void)format, (void)stream, (void)len;
    reading->asked++;
    return reading->knows;
}

static bool can_read_nothing(void *arg, uint16_t format, const uint8_t *stream, size_t len)
{
    (void)can_read(arg, format, stream, len);
    return false;
}

/* Between a hole and the next fold nobody knows whether records can still be decoded: those that cannot are lost, too. */
static void records_that_nobody_can_read_are_lost(void **state)
{
    struct rig *rig = *state;
    struct reading reading = {.rig = rig};
    struct leat_log_salvage_calls calls = {.arg = &reading, .state = know, .is_readable = can_read};
    begin_anew(rig);
    size_t at = rig->unit_count / 2;
    zero(rig, rig->units[at].lsn, 8);
    assert_status(leat_log_salvage(rig->log, rig->out, quick_os(), &calls, &rig->sum, &rig->err), LEAT_OK, &rig->err);
    assert_true(reading.asked > 0 && reading.knows);
    assert_int_equal(rig->sum.holes, 1);
    uint64_t bytes = rig->sum.hole_bytes, units = rig->sum.units;
    begin_anew(rig);
    zero(rig, rig->units[at].lsn, 8);
    calls.is_readable = can_read_nothing;
    assert_status(leat_log_salvage(rig->log, rig->out, quick_os(), &calls, &rig->sum, &rig->err), LEAT_OK, &rig->err);
    assert_true(rig->sum.hole_bytes > bytes && rig->sum.units < units);
    assert_status(leat_log_verify(rig->out, leat_os, no_damage, NULL, rig, &rig->err), LEAT_OK, &rig->err);
}

/* A tail that was never acknowledged is none of it. */
/* ---- a hole of one small frame, and more topics than it has room to name ---- */

#define MANY 50

static uint64_t add_one(struct rig *rig, struct leat_log *log, struct leat_flusher *flusher, uint32_t id)
{
    struct leat_log_unit *unit;
    uint64_t end;
    assert_status(leat_log_unit_begin(log, false, &unit, &rig->err), LEAT_OK, &rig->err);
    leat_bytes_text(leat_log_unit_stream(unit), "a record");
    leat_log_unit_count(unit, leat_log_unit_slot(unit, id), 1);
    assert_status(leat_log_unit_append(log, unit, 1, &end, &rig->err), LEAT_OK, &rig->err);
    leat_flusher_step(flusher);
    return end;
}

static bool wants_first(void *arg, uint32_t id)
{
    return id == *(const uint32_t *)arg;
}

/* What a reader of the one topic is told to be lost. */
static uint64_t told_to_reader(struct rig *rig, uint32_t id)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    uint64_t told = 0;
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log = open_log(rig, rig->out, flusher);
    assert_status(leat_log_reader_open(log, wants_first, &id, &reader, &rig->err), LEAT_OK, &rig->err);
    while (leat_log_next(reader, &frame, &rig->err) == LEAT_OK)
        for (uint32_t i = 0; frame.is_gap && i < frame.lost_count; i++)
            told += frame.lost[i].topic_id == id;
    leat_log_reader_close(reader);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    return told;
}

static void what_a_hole_has_no_room_for_is_told_at_the_end(void **state)
{
    struct rig *rig = *state;
    uint32_t ids[MANY];
    struct leat_flusher *flusher = leat_flusher_manual();
    char *many = leat_format_dup("%s/many", rig->dir);
    struct leat_log *log = open_log(rig, many, flusher);
    uint64_t lsn = 0;
    for (int i = 0; i < MANY; i++) {
        char name[20];
        snprintf(name, sizeof name, "topic%d", i);
        ids[i] = leat_log_topic(log, name, 0);
        lsn = add_one(rig, log, flusher, ids[i]);
    }
    add_one(rig, log, flusher, ids[0]);
    for (int i = 0; i < 3; i++)
        add_one(rig, log, flusher, ids[MANY - 1]);
    char *command = leat_format_dup("rm -rf %s && cp -a %s %s", rig->log, many, rig->log); /* as a kill leaves it */
    assert_int_equal(system(command), 0);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    rig->segment_count = 0;
    list_segments(rig);
    overwrite(rig, lsn + 66, "\x5a\x5a", 2);
    assert_status(leat_log_salvage(rig->log, rig->out, quick_os(), &(struct leat_log_salvage_calls){0}, &rig->sum, &rig->err), LEAT_OK,
                  &rig->err);
    assert_int_equal(rig->sum.holes, 1);
    assert_status(leat_log_verify(rig->out, quick_os(), no_damage, NULL, rig, &rig->err), LEAT_OK, &rig->err);
    for (int i = 0; i < MANY - 1; i++)
        assert_int_equal(told_to_reader(rig, ids[i]), 1);
    free(command);
    free(many);
}

static void a_torn_tail_is_no_loss(void **state)
{
    struct rig *rig = *state;
    begin_anew(rig);
    overwrite(rig, rig->end + 1024, "half a frame", 12);
    salvage(rig);
    assert_int_equal(rig->holes, 0);
    assert_int_equal(check(rig), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_log_is_copied_as_it_is),
        cmocka_unit_test(a_damaged_unit_is_lost_and_no_other),
        cmocka_unit_test(a_damaged_segment_header_costs_nothing),
        cmocka_unit_test(a_missing_segment_is_a_hole),
        cmocka_unit_test(a_missing_end_is_a_hole),
        cmocka_unit_test(a_truncated_segment_keeps_its_beginning),
        cmocka_unit_test(a_lost_identity_is_found_in_segments),
        cmocka_unit_test(whatever_is_damaged_is_kept_or_told),
        cmocka_unit_test(a_salvaged_log_is_salvaged_again),
        cmocka_unit_test(a_mark_in_a_hole_leads_behind_it),
        cmocka_unit_test(what_the_disk_cannot_read_is_a_hole),
        cmocka_unit_test(records_that_nobody_can_read_are_lost),
        cmocka_unit_test(a_torn_tail_is_no_loss),
        cmocka_unit_test_setup_teardown(what_a_hole_has_no_room_for_is_told_at_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
