/* What a start says of a log that something happened to: each trouble has its own text, and none is cured by cutting what
 * had been acknowledged. */
#include <kit/cmocka.h>
#include <kit/image.c> /* one program, one file */

#include <base/crc32c.h>
#include <commitlog/format.h>

#define LOG "/d/log"
#define HINT LOG "/durable.hint"
#define IDENTITY LOG "/IDENTITY"
#define UNITS 120
#define SEGMENT_BYTES ((uint64_t)8 << 10)

struct rig {
    struct leat_flusher *flusher;
    struct leat_log *log;
    uint64_t begins[UNITS], ends[UNITS]; /* of units; durable all */
    uint64_t newest;                     /* base of the segment that was written to when the process was killed */
    uint64_t cut_bytes;
    size_t seen;      /* records that could be read */
    bool has_started; /* the last look() */
    struct leat_error err;
};

static const struct leat_log_config log_config = {.dir = LOG, .name = "t", .segment_min = SEGMENT_BYTES, .segment_max = SEGMENT_BYTES,
                                              .fold_bytes = (uint64_t)1 << 30};

static enum leat_status open_log(struct rig *rig)
{
    struct leat_log_config with_os = log_config;
    with_os.os = image_os();
    return leat_log_open(&rig->log, &with_os, rig->flusher, &rig->err);
}

static void append(struct rig *rig, int at)
{
    struct leat_log_unit *unit;
    char record[200];
    assert_int_equal(leat_log_unit_begin(rig->log, false, &unit, &rig->err), LEAT_OK);
    memset(record, 'a' + at % 26, sizeof record);
    leat_bytes_add(leat_log_unit_stream(unit), record, sizeof record);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(rig->log, at % 2 ? "items" : "orders", 0)), 1);
    assert_int_equal(leat_log_unit_append(rig->log, unit, 1, &rig->ends[at], &rig->err), LEAT_OK);
    assert_true(leat_flusher_step(rig->flusher));
}

static char *path_of(uint64_t base)
{
    return leat_format_dup(LOG "/segments/%020llu.seg", (unsigned long long)base);
}

/* The base of the at-th segment. */
static uint64_t base_of(size_t at)
{
    const char *name = NULL;
    for (size_t i = 0, found = 0; (name = image_name(LOG "/segments/", i)); i++)
        if (strstr(name, ".seg") && found++ == at)
            break;
    return name ? strtoull(strrchr(name, '/') + 1, NULL, 10) : UINT64_MAX;
}

static uint64_t base_at(uint64_t lsn)
{
    uint64_t base = 0;
    for (size_t i = 0; base_of(i) <= lsn; i++)
        base = base_of(i);
    return base;
}

static uint8_t *at_lsn(uint64_t lsn)
{
    size_t len = 0;
    char *path = path_of(base_at(lsn));
    uint8_t *bytes = image_bytes(path, &len);
    free(path);
    assert_true(bytes && lsn - base_at(lsn) < len);
    return bytes + (lsn - base_at(lsn));
}

/* A log of some segments, each unit durable; then the process is killed. */
static int set_up(void **state)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    image_new();
    rig->flusher = leat_flusher_manual();
    assert_status(open_log(rig), LEAT_OK, &rig->err);
    for (int i = 0; i < UNITS; i++)
        append(rig, i);
    image_keep();
    leat_log_close(rig->log);
    image_back();
    for (size_t i = 0; base_of(i) != UINT64_MAX; i++)
        rig->newest = base_of(i);
    for (int i = 0; i < UNITS; i++) {
        const uint8_t *last = at_lsn(rig->ends[i] - 64), *at = last;
        while (leat_get_u32(at) != FRAME_MAGIC)
            at -= 8;
        rig->begins[i] = rig->ends[i] - 64 - (uint64_t)(last - at);
    }
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    leat_flusher_stop(rig->flusher);
    image_free();
    free(rig);
    return 0;
}

/* Starts and reads all; what a sink would meet. */
static enum leat_status look(struct rig *rig)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_log_info info;
    struct leat_error ignored;
    rig->seen = 0;
    enum leat_status status = open_log(rig);
    rig->has_started = status == LEAT_OK;
    if (status != LEAT_OK)
        return status;
    leat_log_info(rig->log, &info);
    rig->cut_bytes = info.cut_bytes;
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &ignored), LEAT_OK);
    while ((status = leat_log_next(reader, &frame, &rig->err)) == LEAT_OK)
        rig->seen++;
    leat_log_reader_close(reader);
    leat_log_close(rig->log);
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

static void assert_says(const struct rig *rig, const char *text)
{
    if (!strstr(rig->err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", rig->err.text, text);
}

struct findings {
    const char *segment;
    size_t damages, named, notes;
};

static void note(void *arg, const struct leat_log_finding *finding)
{
    struct findings *findings = arg;
    findings->damages += finding->is_damage;
    findings->notes += !finding->is_damage;
    findings->named += finding->is_damage && strcmp(finding->segment, findings->segment) == 0;
}

/* What `leat log verify` says, before anything is started. */
static struct findings verify(struct rig *rig, enum leat_status status, const char *segment)
{
    struct findings findings = {.segment = segment};
    assert_int_equal(leat_log_verify(LOG, image_os(), note, NULL, &findings, &rig->err), status);
    return findings;
}

/* Refused, as damage: with segment, places, topics and what to do. */
static void assert_damage(struct rig *rig, uint64_t segment, const char *why)
{
    char name[64];
    snprintf(name, sizeof name, "%020llu.seg", (unsigned long long)segment);
    assert_true(verify(rig, LEAT_STOP, name).named > 0);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    snprintf(name, sizeof name, "segments/%020llu.seg", (unsigned long long)segment);
    assert_says(rig, name);
    assert_says(rig, why);
    assert_says(rig, "bytes ");
    assert_says(rig, "LSN ");
    assert_says(rig, "`leat log verify " LOG "`");
    assert_says(rig, "`leat log salvage " LOG " NEWDIR`");
}

/* The hint is written now and then: as a moment later it would have been. */
static void hint_all(const struct rig *rig)
{
    uint8_t slot[HINT_SLOT] = {0};
    leat_set_u64(slot, rig->ends[UNITS - 1]);
    leat_set_u64(slot + 16, 1000);
    leat_set_u32(slot + 24, leat_crc32c(0, slot, 24));
    image_put(HINT, slot, sizeof slot);
}

static int first_in(const struct rig *rig, uint64_t base)
{
    int at = 0;
    while (rig->begins[at] < base)
        at++;
    return at;
}

/* ---- a tail ---- */

static void what_was_never_acknowledged_is_cut_and_kept_aside(void **state)
{
    struct rig *rig = *state;
    char *path = leat_format_dup(LOG "/quarantine/%020llu.torn", (unsigned long long)rig->ends[UNITS - 1]);
    size_t len = 0;
    memcpy(at_lsn(rig->ends[UNITS - 1] + 8), "half a unit", 11);
    verify(rig, LEAT_OK, "");
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    assert_int_equal(rig->cut_bytes, 19);
    assert_memory_equal(image_bytes(path, &len) + 8, "half a unit", 11);
    assert_int_equal(len, 19);
    free(path);
}

static void frames_of_an_older_file_behind_the_end_are_a_torn_tail(void **state)
{
    struct rig *rig = *state;
    struct frame_head head;
    uint64_t end = rig->ends[UNITS - 1];
    uint8_t *bytes = at_lsn(end);
    memcpy(bytes, at_lsn(rig->begins[UNITS - 1]), FRAME_HEADER);
    assert_true(frame_head_get(bytes, rig->begins[UNITS - 1], leat_get_u32(bytes + 56), &head));
    head.lsn = end;
    head.salt ^= 2;
    head.durable = end + 1000;
    frame_head_put(bytes, &head);
    verify(rig, LEAT_OK, "");
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    assert_true(rig->cut_bytes > 0);
}

/* Written and never synced: the power went, and kept the second unit of a write, not the first. */
static void a_whole_unit_behind_a_torn_one_goes_with_it(void **state)
{
    struct rig *rig = *state;
    image_remove(HINT);
    uint64_t durable = rig->begins[UNITS - 2];
    for (int i = UNITS - 2; i < UNITS; i++) { /* as written in one round */
        struct frame_head head;
        uint8_t *bytes = at_lsn(rig->begins[i]);
        assert_true(frame_head_get(bytes, rig->begins[i], leat_get_u32(bytes + 56), &head));
        head.durable = durable;
        frame_head_put(bytes, &head);
    }
    at_lsn(rig->begins[UNITS - 2])[100] ^= 1;
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS - 2);
    assert_true(rig->cut_bytes > 0);
}

/* ---- rot that is proved ---- */

static void a_later_frame_proves_that_rot_was_acknowledged(void **state)
{
    struct rig *rig = *state;
    image_remove(HINT);
    at_lsn(rig->begins[UNITS - 3])[100] ^= 1;
    assert_damage(rig, rig->newest, "the frame's body does not match its checksum");
    assert_false(rig->has_started);
    assert_says(rig, "knew all up to");
    char *topics = leat_format_dup("%s %d to %d.", (UNITS - 3) % 2 ? "items" : "orders", (UNITS - 3) / 2, (UNITS - 3) / 2);
    assert_says(rig, topics);
    free(topics);
}

static void the_hint_proves_that_rot_was_acknowledged(void **state)
{
    struct rig *rig = *state;
    hint_all(rig);
    at_lsn(rig->begins[UNITS - 1])[20] ^= 4;
    assert_damage(rig, rig->newest, "the frame's header does not match its checksum");
    assert_false(rig->has_started);
    assert_says(rig, "durable.hint");
}

static void rot_in_a_sealed_segment_is_never_passed_over(void **state)
{
    struct rig *rig = *state;
    uint64_t base = base_of(1);
    at_lsn(rig->begins[first_in(rig, base) + 3])[100] ^= 1;
    assert_damage(rig, base, "the frame's body does not match its checksum");
}

static void zeroed_blocks_are_damage(void **state)
{
    struct rig *rig = *state;
    static const size_t sizes[] = {512, 4096};
    for (size_t i = 0; i < 2; i++) {
        uint64_t at = base_of(1) + sizes[i];
        memset(at_lsn(at), 0, sizes[i]);
        assert_int_equal(look(rig), LEAT_STOP);
        assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
        image_back();
    }
    memset(at_lsn(rig->begins[UNITS - 4]), 0, (size_t)(rig->ends[UNITS - 4] - rig->begins[UNITS - 4]));
    image_remove(HINT);
    assert_damage(rig, rig->newest, "the frames end here");
    image_back();
    memset(at_lsn(rig->begins[UNITS - 4]), 0, 64 + 100);
    memset(at_lsn(rig->begins[UNITS - 4]), 1, 4);
    assert_damage(rig, rig->newest, "no frame begins here");
}

static void swapped_blocks_are_damage(void **state)
{
    struct rig *rig = *state;
    static const size_t sizes[] = {512, 4096};
    uint8_t other[4096];
    for (size_t i = 0; i < 2; i++) {
        uint8_t *a = at_lsn(base_of(1)) + (i ? 0 : 512), *b = a + sizes[i];
        if (i) /* blocks of two files */
            b = at_lsn(base_of(2)) + 2048, a += 2048;
        memcpy(other, a, sizes[i]);
        memcpy(a, b, sizes[i]);
        memcpy(b, other, sizes[i]);
        assert_int_equal(look(rig), LEAT_STOP);
        assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
        image_back();
    }
    /* Whole frames of the same size changed places. */
    int at = UNITS - 5;
    size_t size = (size_t)(rig->ends[at] - rig->begins[at]);
    assert_int_equal(size, rig->ends[at + 2] - rig->begins[at + 2]);
    memcpy(other, at_lsn(rig->begins[at]), size);
    memcpy(at_lsn(rig->begins[at]), at_lsn(rig->begins[at + 2]), size);
    memcpy(at_lsn(rig->begins[at + 2]), other, size);
    assert_damage(rig, rig->newest, "a frame of another place stands here");
}

static void forge(uint64_t lsn, uint32_t salt_flip)
{
    struct frame_head head;
    uint8_t *bytes = at_lsn(lsn);
    assert_true(frame_head_get(bytes, lsn, leat_get_u32(bytes + 56), &head));
    bytes[FRAME_HEADER] ^= 1;
    head.salt ^= salt_flip;
    head.body_crc = leat_crc32c(0, bytes + FRAME_HEADER, head.body_len);
    frame_head_put(bytes, &head);
}

static void a_stale_frame_is_told_by_its_salt(void **state)
{
    struct rig *rig = *state;
    forge(rig->begins[UNITS - 5], 2);
    assert_damage(rig, rig->newest, "a stale frame");
}

static void a_frame_that_does_not_follow_is_damage(void **state)
{
    struct rig *rig = *state;
    forge(rig->begins[UNITS - 5], 0);
    assert_damage(rig, rig->newest, "this frame does not follow");
    assert_false(rig->has_started);
}

static void the_chain_goes_on_from_segment_to_segment(void **state)
{
    struct rig *rig = *state;
    int first = first_in(rig, base_of(2));
    forge(rig->begins[first - 1], 0);
    assert_damage(rig, base_of(2), "this frame does not follow");
}

/* ---- segments ---- */

static void a_sealed_segment_that_is_too_short_is_truncated(void **state)
{
    struct rig *rig = *state;
    char *path = path_of(base_of(1));
    size_t len = 0;
    image_bytes(path, &len);
    image_resize(path, len - 100);
    assert_damage(rig, base_of(1), "the file is truncated");
    assert_false(rig->has_started);
    free(path);
}

static void one_that_is_too_long_is_read_as_far_as_it_goes(void **state)
{
    struct rig *rig = *state;
    char *path = path_of(base_of(1));
    size_t len = 0;
    image_bytes(path, &len);
    image_resize(path, len + 5000); /* the power went before it was cut to size */
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    free(path);
}

static void a_truncated_newest_segment_is_told_by_the_hint(void **state)
{
    struct rig *rig = *state;
    char *path = path_of(rig->newest);
    hint_all(rig);
    image_resize(path, 128 + 10);
    assert_damage(rig, rig->newest, "durable.hint");
    free(path);
}

static void a_segment_that_is_missing_in_the_middle_is_named(void **state)
{
    struct rig *rig = *state;
    uint64_t base = base_of(2);
    char *path = path_of(base), *missing = leat_format_dup("segments/%020llu.seg is missing", (unsigned long long)base);
    char *topics = leat_format_dup("orders %d to ", (first_in(rig, base) + 1) / 2);
    image_remove(path);
    assert_damage(rig, base_of(1), missing);
    assert_false(rig->has_started);
    assert_says(rig, topics);
    free(path);
    free(missing);
    free(topics);
}

static void a_segment_that_is_missing_at_the_end_is_told_by_the_hint(void **state)
{
    struct rig *rig = *state;
    char *path = path_of(rig->newest);
    hint_all(rig);
    image_remove(path);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_says(rig, "durable.hint");
    free(path);
}

/* As if retention had let it go, but for those who still need it. */
static void a_segment_that_is_missing_at_the_begin_stops_who_needs_it(void **state)
{
    struct rig *rig = *state;
    struct leat_log_reader *reader;
    assert_status(open_log(rig), LEAT_OK, &rig->err);
    leat_log_consumer_set(rig->log, "sink", rig->ends[0]);
    leat_log_close(rig->log); /* leaves a fold */
    char *path = path_of(0);
    image_remove(path);
    assert_int_equal(verify(rig, LEAT_OK, "").notes, 1);
    assert_status(open_log(rig), LEAT_OK, &rig->err);
    assert_int_equal(leat_log_reader_open(rig->log, NULL, NULL, &reader, &rig->err), LEAT_OK);
    assert_int_equal(leat_log_seek_lsn(reader, rig->ends[0], &rig->err), LEAT_STOP);
    assert_says(rig, "it begins at");
    leat_log_reader_close(reader);
    leat_log_close(rig->log);
    free(path);
}

static void no_segments_at_all_are_not_a_new_log(void **state)
{
    struct rig *rig = *state;
    for (const char *name; (name = image_name(LOG "/segments/", 0));)
        image_remove(name);
    assert_int_equal(verify(rig, LEAT_STOP, "").damages, 1);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_says(rig, "segments is empty");
}

static void seal_head(uint8_t *bytes)
{
    leat_set_u32(bytes + 8, leat_crc32c(0, bytes + 12, SEGMENT_HEADER - 12));
}

static void a_segment_of_another_log_is_refused(void **state)
{
    struct rig *rig = *state;
    uint8_t *bytes = at_lsn(base_of(1));
    bytes[24] ^= 1;
    seal_head(bytes);
    assert_damage(rig, base_of(1), "a segment of another log");
    assert_false(rig->has_started);
}

static void a_damaged_header_is_refused_also_of_the_newest(void **state)
{
    struct rig *rig = *state;
    at_lsn(base_of(1))[40] ^= 1;
    assert_damage(rig, base_of(1), "the segment's header is damaged");
    image_back();
    at_lsn(rig->newest)[3] ^= 1;
    assert_damage(rig, rig->newest, "the segment's header is damaged");
    assert_false(rig->has_started);
}

/* The newest one, as it was when it had half of what it holds. */
/* What a crash leaves of a segment that it was making is zeros to the end. */
static void zeros_at_the_begin_of_the_newest_do_not_hide_what_follows(void **state)
{
    struct rig *rig = *state;
    memset(at_lsn(rig->newest), 0, 512);
    image_remove(HINT);
    assert_damage(rig, rig->newest, "the segment's header is damaged");
}

static void an_older_copy_of_a_segment_is_told_by_the_hint(void **state)
{
    struct rig *rig = *state;
    int half = (first_in(rig, rig->newest) + UNITS) / 2;
    hint_all(rig);
    memset(at_lsn(rig->begins[half]), 0, (size_t)(rig->ends[UNITS - 1] - rig->begins[half]));
    assert_damage(rig, rig->newest, "the frames end here");
    assert_says(rig, "durable.hint");
    image_back();
    half = first_in(rig, base_of(1)) + 3; /* one that has a successor */
    memset(at_lsn(rig->begins[half]), 0, (size_t)(base_of(2) - rig->begins[half]));
    assert_damage(rig, base_of(1), "the frames end");
}

/* ---- what stands beside ---- */

static void a_newer_log_is_no_damage(void **state)
{
    struct rig *rig = *state;
    size_t len = 0;
    uint8_t *bytes = image_bytes(IDENTITY, &len);
    leat_set_u32(bytes + 8, 2);
    leat_set_u32(bytes + 28, leat_crc32c(0, bytes, 28));
    verify(rig, LEAT_STOP, "");
    assert_int_equal(rig->err.cause, LEAT_CAUSE_OTHER);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_OTHER);
    assert_says(rig, "written by a newer leat (format version 2, this one knows 1)");
    image_resize(IDENTITY, 100); /* and may say more */
    assert_int_equal(look(rig), LEAT_STOP);
    assert_says(rig, "written by a newer leat");
}

static void a_newer_segment_is_no_damage(void **state)
{
    struct rig *rig = *state;
    uint8_t *bytes = at_lsn(rig->newest);
    leat_set_u32(bytes + 12, 7);
    seal_head(bytes);
    verify(rig, LEAT_STOP, "");
    assert_int_equal(rig->err.cause, LEAT_CAUSE_OTHER);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_OTHER);
    assert_says(rig, "written by a newer leat (format version 7, this one knows 1)");
}

static void an_identity_is_never_drawn_anew(void **state)
{
    struct rig *rig = *state;
    size_t len = 0;
    image_bytes(IDENTITY, &len)[15] ^= 1;
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_says(rig, "IDENTITY is damaged");
    assert_int_equal(verify(rig, LEAT_STOP, "").damages, 1);
    image_remove(IDENTITY);
    assert_int_equal(verify(rig, LEAT_STOP, "").damages, 1);
    assert_int_equal(look(rig), LEAT_STOP);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_DAMAGED);
    assert_says(rig, "IDENTITY is missing");
    assert_null(image_bytes(IDENTITY, &len));
}

static void an_index_that_is_wrong_is_no_more_than_a_note(void **state)
{
    struct rig *rig = *state;
    char *path = leat_format_dup(LOG "/segments/%020llu.idx", (unsigned long long)base_of(1));
    size_t len = 0;
    assert_int_equal(verify(rig, LEAT_OK, "").notes, 0);
    image_bytes(path, &len)[30] ^= 1;
    assert_int_equal(verify(rig, LEAT_OK, "").notes, 1);
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    image_back();
    image_remove(path);
    assert_int_equal(verify(rig, LEAT_OK, "").notes, 1);
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    free(path);
}

static void without_a_fold_nothing_can_begin(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; base_of(1) != UINT64_MAX; i++) { /* the newest one alone */
        char *path = path_of(base_of(0));
        image_remove(path);
        free(path);
    }
    memset(at_lsn(rig->newest + SEGMENT_HEADER), 0, 4000); /* and a power cut under `fsync: never` */
    image_remove(HINT);
    assert_damage(rig, rig->newest, "no fold is left");
}

static void without_a_hint_all_is_there(void **state)
{
    struct rig *rig = *state;
    size_t len = 0;
    uint8_t *hint = image_bytes(HINT, &len);
    hint[3] ^= 1;
    hint[35] ^= 1;
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
    image_back();
    image_remove(HINT);
    assert_status(look(rig), LEAT_OK, &rig->err);
    assert_int_equal(rig->seen, UNITS);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_was_never_acknowledged_is_cut_and_kept_aside),
        CASE(frames_of_an_older_file_behind_the_end_are_a_torn_tail),
        CASE(a_whole_unit_behind_a_torn_one_goes_with_it),
        CASE(a_later_frame_proves_that_rot_was_acknowledged),
        CASE(the_hint_proves_that_rot_was_acknowledged),
        CASE(rot_in_a_sealed_segment_is_never_passed_over),
        CASE(zeroed_blocks_are_damage),
        CASE(swapped_blocks_are_damage),
        CASE(a_stale_frame_is_told_by_its_salt),
        CASE(a_frame_that_does_not_follow_is_damage),
        CASE(the_chain_goes_on_from_segment_to_segment),
        CASE(a_sealed_segment_that_is_too_short_is_truncated),
        CASE(one_that_is_too_long_is_read_as_far_as_it_goes),
        CASE(a_truncated_newest_segment_is_told_by_the_hint),
        CASE(a_segment_that_is_missing_in_the_middle_is_named),
        CASE(a_segment_that_is_missing_at_the_end_is_told_by_the_hint),
        CASE(a_segment_that_is_missing_at_the_begin_stops_who_needs_it),
        CASE(no_segments_at_all_are_not_a_new_log),
        CASE(a_segment_of_another_log_is_refused),
        CASE(a_damaged_header_is_refused_also_of_the_newest),
        CASE(zeros_at_the_begin_of_the_newest_do_not_hide_what_follows),
        CASE(an_older_copy_of_a_segment_is_told_by_the_hint),
        CASE(a_newer_log_is_no_damage),
        CASE(a_newer_segment_is_no_damage),
        CASE(an_identity_is_never_drawn_anew),
        CASE(an_index_that_is_wrong_is_no_more_than_a_note),
        CASE(without_a_fold_nothing_can_begin),
        CASE(without_a_hint_all_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
