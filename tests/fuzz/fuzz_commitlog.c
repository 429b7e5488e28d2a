/* fuzz_commitlog.c - any bytes as a segment file: verify, dump, salvage, a reader beside the daemon, a start.
 *
 * The first byte chooses: 1: checksums are made right, so that what stands behind them is reached; 2: the file is the
 * newest of two. What salvage leaves of bytes that rotted must open, and be good. */
// folders: oms commitlog model
#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <commitlog/commitlog.h>
#include <commitlog/dump.h>
#include <commitlog/format.h>
#include <commitlog/salvage.h>
#include <errno.h>
#include <fcntl.h>
#include <kit/fuzz.h>
#include <kit/random.h>
#include <oms/decode.h>
#include <oms/ramdisk.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum choice { FIXED = 1, SECOND = 2 };
#define RAM ((uint64_t)64 << 20)
#define BASE 4096 /* of the segment that is the second one */

/* Lengths are foreign bytes: memory for what they say is not there. */
static void bound_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    static bool is_done;
    if (!is_done)
        setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)2 << 30, (rlim_t)2 << 30});
    is_done = true;
#endif
}

/* ---- a disk ---- */

static void put_file(const char *dir, const char *name, const void *bytes, size_t len)
{
    const struct leat_os *os = ramdisk_os();
    char *path = leat_format_dup("%s/%s", dir, name);
    int fd = os->open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    leat_assert(fd >= 0 && leat_os_pwrite_all(os, fd, bytes, len, 0));
    os->close(fd);
    free(path);
}

/* Of the log that the segment says it is of. */
static void put_identity(const char *dir, const uint8_t *segment, size_t len)
{
    uint8_t bytes[32] = "LEATLOG1";
    leat_set_u32(bytes + 8, FORMAT_VERSION);
    if (len >= SEGMENT_HEADER)
        memcpy(bytes + 12, segment + 24, 16);
    leat_set_u32(bytes + 28, leat_crc32c(0, bytes, 28));
    put_file(dir, "IDENTITY", bytes, sizeof bytes);
}

static void put_segment(const char *dir, uint64_t base, const uint8_t *bytes, size_t len)
{
    char name[64];
    snprintf(name, sizeof name, "segments/%020llu.seg", (unsigned long long)base);
    put_file(dir, name, bytes, len);
}

/* Headers get the checksums that belong to what they say, and follow each other. */
static void fix(uint8_t *bytes, size_t len, uint64_t base)
{
    uint32_t previous = 0, salt = len >= SEGMENT_HEADER ? leat_get_u32(bytes + 40) : 0;
    if (len < SEGMENT_HEADER)
        return;
    leat_set_u64(bytes + 16, base);
    leat_set_u32(bytes + 8, leat_crc32c(0, bytes + 12, SEGMENT_HEADER - 12));
    for (size_t at = SEGMENT_HEADER; at + FRAME_HEADER <= len; at += 8) {
        uint8_t *head = bytes + at;
        uint32_t body = leat_get_u32(head + 16);
        if (leat_get_u32(head) != FRAME_MAGIC)
            continue;
        leat_set_u64(head + 8, base + at);
        leat_set_u32(head + 56, salt);
        leat_set_u32(head + 28, previous);
        if (body <= len - at - FRAME_HEADER)
            leat_set_u32(head + 24, leat_crc32c(0, head + FRAME_HEADER, body));
        leat_set_u32(head + 4, leat_crc32c(0, head + 8, FRAME_HEADER - 8));
        previous = leat_get_u32(head + 4);
    }
}

/* ---- what looks at it ---- */

static void no_frame(void *arg, const struct leat_log_dump_frame *frame)
{
    const char *why;
    if (frame->stream_len > 0)
        oms_decoder_records(arg, frame->record_format, frame->stream, frame->stream_len, NULL, frame->part_count, NULL, NULL, &why);
}

static void learn(void *arg, bool is_before, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    struct leat_bytes owner, name, json;
    (void)is_before;
    oms_decoder_state(arg, key, key_len, value, value_len, is_set);
    leat_bytes_init(&owner, 1 << 20);
    leat_bytes_init(&name, 1 << 20);
    leat_bytes_init(&json, 1 << 20);
    oms_decoder_name(key, key_len, &owner, &name);
    oms_decoder_value(key, key_len, value, value_len, &json);
    leat_bytes_fini(&json);
    leat_bytes_fini(&name);
    leat_bytes_fini(&owner);
}

static bool is_readable(void *arg, uint16_t format, const uint8_t *stream, size_t len)
{
    const char *why;
    return oms_decoder_records(arg, format, stream, len, NULL, UINT32_MAX, NULL, NULL, &why);
}

static void learn_one(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    oms_decoder_state(arg, key, key_len, value, value_len, is_set);
}

static void dump(const char *dir)
{
    struct oms_decoder *decoder = oms_decoder_new();
    const struct leat_log_dump_calls calls = {.arg = decoder, .frame = no_frame, .state = learn};
    struct leat_error err;
    leat_log_dump(dir, ramdisk_os(), 0, UINT64_MAX, &calls, &err);
    oms_decoder_free(decoder);
}

static void read_all(struct leat_log *log)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_error err;
    if (leat_log_reader_open(log, NULL, NULL, &reader, &err) != LEAT_OK)
        return;
    for (int i = 0; i < 1000 && leat_log_next(reader, &frame, &err) == LEAT_OK; i++)
        leat_assert(frame.next_lsn > frame.lsn);
    leat_log_reader_close(reader);
}

static bool start(const char *dir, bool is_read_only)
{
    const struct leat_log_config config = {.dir = dir, .name = "f", .os = ramdisk_os(), .is_read_only = is_read_only,
                                           .segment_min = 64 << 10};
    struct leat_flusher *flusher = is_read_only ? NULL : leat_flusher_manual();
    struct leat_log *log;
    struct leat_error err;
    bool is_open = leat_log_open(&log, &config, flusher, &err) == LEAT_OK;
    if (is_open) {
        read_all(log);
        leat_log_close(log);
    }
    if (flusher)
        leat_flusher_stop(flusher);
    return is_open;
}

/* What was written by nobody, with checksums all the same, may contradict itself. */
static void salvage(const char *dir, bool is_forged)
{
    struct oms_decoder *decoder = oms_decoder_new();
    const struct leat_log_salvage_calls calls = {.arg = decoder, .state = learn_one, .is_readable = is_readable};
    struct leat_log_salvaged sum;
    struct leat_error err;
    char *to = leat_format_dup("%s.new", dir);
    if (leat_log_salvage(dir, to, ramdisk_os(), &calls, &sum, &err) == LEAT_OK) {
        bool is_good = leat_log_verify(to, ramdisk_os(), NULL, NULL, NULL, &err) == LEAT_OK;
        bool is_open = start(to, false);
        leat_assert(is_forged || (is_good && is_open));
    }
    oms_decoder_free(decoder);
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_error err;
    bound_memory();
    if (size == 0)
        return 0;
    uint64_t base = data[0] & SECOND ? BASE : 0;
    uint8_t *bytes = leat_malloc(size);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & FIXED)
        fix(bytes, size - 1, base);
    struct ramdisk *ramdisk = ramdisk_new(RAM);
    char *dir = leat_format_dup("%s/f", ramdisk_dir(ramdisk)), *segments = leat_format_dup("%s/segments", dir);
    leat_assert(leat_os_make_dirs(ramdisk_os(), segments));
    put_identity(dir, bytes, size - 1);
    put_segment(dir, base, bytes, size - 1);
    if (base > 0)
        put_segment(dir, 0, bytes, size - 1 < BASE ? size - 1 : BASE);
    leat_log_verify(dir, ramdisk_os(), NULL, NULL, NULL, &err);
    dump(dir);
    salvage(dir, data[0] & FIXED);
    start(dir, true);
    start(dir, false);
    free(segments);
    free(dir);
    ramdisk_free(ramdisk);
    free(bytes);
    return 0;
}

/* ---- good input: a log of some units ---- */

static void add_unit(struct kit_random *random, struct leat_log *log, struct leat_flusher *flusher)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end;
    char text[32];
    if (leat_log_unit_begin(log, false, &unit, &err) != LEAT_OK)
        return;
    for (uint32_t frames = 1 + kit_below(random, 3); frames > 0; frames--) {
        snprintf(text, sizeof text, "topic%u", kit_below(random, 3));
        uint32_t topic = leat_log_topic(log, text, 0);
        leat_bytes_printf(leat_log_unit_stream(unit), "%0*u", (int)kit_below(random, 60) + 1, 5);
        leat_log_unit_count(unit, leat_log_unit_slot(unit, topic), 1 + kit_below(random, 3));
        if (frames > 1)
            leat_log_unit_cut(unit);
    }
    leat_log_unit_state(unit, "pa", 3, text, strlen(text));
    leat_log_unit_append(log, unit, 1, &end, &err);
    leat_flusher_step(flusher);
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    struct kit_random random = {number};
    struct ramdisk *ramdisk = number < 24 ? ramdisk_new(RAM) : NULL;
    if (!ramdisk)
        return 0;
    char *dir = leat_format_dup("%s/s", ramdisk_dir(ramdisk)), *path = leat_format_dup("%s/segments/%020d.seg", dir, 0);
    const struct leat_log_config config = {.dir = dir, .name = "s", .os = ramdisk_os(), .segment_min = 64 << 10};
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log;
    struct leat_error err;
    struct leat_log_info info = {.end_lsn = 0};
    if (leat_log_open(&log, &config, flusher, &err) == LEAT_OK) {
        leat_log_consumer_set(log, "sink", 128);
        for (uint32_t i = 0; i < 3 + number % 8; i++)
            add_unit(&random, log, flusher);
        leat_log_info(log, &info);
        leat_log_close(log);
    }
    leat_flusher_stop(flusher);
    int fd = ramdisk_os()->open(path, O_RDONLY, 0);
    size_t len = info.end_lsn + 1024 < room ? info.end_lsn + 1024 : room - 1;
    bytes[0] = (uint8_t)(number % 4 ? FIXED | (number & SECOND) : 0);
    ssize_t have = leat_os_pread_all(ramdisk_os(), fd, bytes + 1, len, 0);
    ramdisk_os()->close(fd);
    free(path);
    free(dir);
    ramdisk_free(ramdisk);
    return have > 0 ? (size_t)have + 1 : 0;
}
