#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <base/plant.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

char *segment_path(const struct leat_log *log, uint64_t base, const char *ext)
{
    return leat_format_dup("%s/segments/%020llu.%s", log->dir, (unsigned long long)base, ext);
}

struct segment *segment_add(struct leat_log *log, uint64_t base)
{
    log->segments = leat_realloc(log->segments, (log->segment_count + 1) * sizeof *log->segments);
    struct segment *segment = &log->segments[log->segment_count++];
    *segment = (struct segment){.base = base, .end = base + SEGMENT_HEADER};
    return segment;
}

void segment_clear(struct segment *segment)
{
    index_free(segment->notes);
    segment->notes = NULL;
    segment->first_us = segment->last_us = 0;
}

struct segment *segment_of(struct leat_log *log, uint64_t lsn)
{
    size_t low = 0, high = log->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (log->segments[middle].base <= lsn)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &log->segments[low - 1] : NULL;
}

/* ---- listing ---- */

static int by_base(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->base, y = ((const struct segment *)b)->base;
    return x < y ? -1 : x > y;
}

static bool parse_name(const char *name, uint64_t *base)
{
    char *end;
    if (strlen(name) != 24 || strcmp(name + 20, ".seg") != 0)
        return false;
    *base = strtoull(name, &end, 10);
    return end == name + 20;
}

static void take_head(const struct leat_log *log, struct segment *segment, const uint8_t *bytes, ssize_t have)
{
    struct segment_head head;
    uint32_t version = have == SEGMENT_HEADER ? segment_head_version(bytes) : 0;
    segment->head = HEAD_DAMAGED;
    if (version > FORMAT_VERSION) {
        segment->head = HEAD_NEWER;
        segment->version = version;
    } else if (version > 0 && segment_head_get(bytes, &head) && head.base == segment->base) {
        bool is_ours = memcmp(&head.log, &log->uuid, sizeof head.log) == 0;
        segment->head = is_ours ? HEAD_GOOD : HEAD_FOREIGN;
        segment->salt = is_ours ? head.salt : 0; /* so that none of its frames is taken for one of ours */
        segment->fold_lsn = is_ours ? head.fold_lsn : 0;
    }
}

/* `*is_gone`: retention of the daemon beside was faster. */
static enum leat_status read_head(struct leat_log *log, struct segment *segment, bool *is_gone, struct leat_error *err)
{
    uint8_t bytes[SEGMENT_HEADER];
    struct stat st;
    char *path = segment_path(log, segment->base, "seg");
    int fd = log->os->open(path, O_RDONLY, 0);
    ssize_t have = fd < 0 ? -1 : leat_os_pread_all(log->os, fd, bytes, sizeof bytes, 0);
    enum leat_status status = LEAT_OK;
    *is_gone = fd < 0 && errno == ENOENT && log->config.is_read_only;
    if (*is_gone) {
        segment->head = HEAD_DAMAGED;
    } else if (have < 0 || log->os->fstat(fd, &st) != 0) {
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    } else {
        segment->size = (uint64_t)st.st_size;
        take_head(log, segment, bytes, have);
    }
    if (fd >= 0)
        log->os->close(fd);
    free(path);
    return status;
}

enum leat_status segment_head_read(struct leat_log *log, struct segment *segment, struct leat_error *err)
{
    bool is_gone = false;
    enum leat_status status = read_head(log, segment, &is_gone, err);
    return is_gone ? LEAT_AGAIN : status;
}

enum leat_status segments_name(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/segments", log->dir);
    DIR *dir = log->os->opendir(path);
    enum leat_status status = LEAT_OK;
    size_t known = log->segment_count; /* these are in order */
    if (!dir)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    for (struct dirent *entry; dir && (entry = log->os->readdir(dir));) {
        struct segment key = {0};
        if (parse_name(entry->d_name, &key.base) &&
            !(known > 0 && bsearch(&key, log->segments, known, sizeof key, by_base)))
            segment_add(log, key.base);
    }
    if (dir && errno != 0) /* what was not listed is not gone */
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    if (log->segment_count > known)
        qsort(log->segments, log->segment_count, sizeof *log->segments, by_base);
    if (dir)
        log->os->closedir(dir);
    free(path);
    return status;
}

/* Is there a byte that is not zero behind the header? -1: it cannot be read. */
static int look_for_bytes(const struct leat_log *log, int fd)
{
    size_t piece = (size_t)1 << 20;
    uint8_t *bytes = leat_malloc(piece);
    ssize_t have = (ssize_t)piece;
    bool is_found = false;
    for (off_t at = SEGMENT_HEADER; have == (ssize_t)piece && !is_found; at += have) {
        have = leat_os_pread_all(log->os, fd, bytes, piece, at);
        is_found = have > 0 && (bytes[0] != 0 || memcmp(bytes, bytes + 1, (size_t)have - 1) != 0);
    }
    free(bytes);
    return have < 0 ? -1 : is_found;
}

/* The header is synced before the first frame is written: where it is torn, nothing can follow it. What follows all the
 * same was acknowledged, and is looked for in all of the file: blocks at its begin may have come back as zeros. */
static enum leat_status find_content(const struct leat_log *log, uint64_t base, bool *has_content, struct leat_error *err)
{
    uint64_t durable = 0, fold, sequence;
    char *path = segment_path(log, base, "seg");
    int fd = log->os->open(path, O_RDONLY, 0);
    int found = fd < 0 ? -1 : look_for_bytes(log, fd);
    enum leat_status status = LEAT_OK;
    if (found < 0)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    if (fd >= 0)
        log->os->close(fd);
    free(path);
    *has_content = found > 0;
    if (status == LEAT_OK)
        status = hint_load(log, &durable, &fold, &sequence, err);
    *has_content = *has_content || (status == LEAT_OK && sequence > 0 && durable > base);
    return status;
}

/* A crash left the newest one half made. */
static void leave_torn(struct leat_log *log)
{
    struct segment *newest = &log->segments[log->segment_count - 1];
    log->has_torn = true;
    log->torn_base = newest->base;
    segment_clear(newest);
    log->segment_count--;
}

/* Past the page cache: the process before may have seen a sync fail, and left pages behind that look clean. Those of the
 * newest segment alone: what has a successor was synced before that was made. A log that is never synced has nothing but
 * what the cache shows. */
static enum leat_status read_newest_afresh(struct leat_log *log, struct leat_error *err)
{
    const struct segment *newest = log->segment_count ? &log->segments[log->segment_count - 1] : NULL;
    if (!newest || newest->salt != 0 || log->config.is_read_only || log->config.settings.fsync == LEAT_FSYNC_NEVER)
        return LEAT_OK;
    char *path = segment_path(log, newest->base, "seg");
    int fd = log->os->open(path, O_RDWR, 0);
    enum leat_status status = LEAT_OK;
    if (fd < 0 || (!leat_planted("trust_page_cache") && !leat_os_read_afresh(log->os, fd)))
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    if (fd >= 0)
        log->os->close(fd);
    free(path);
    return status;
}

/* The oldest, up to this one. */
static void forget_gone(struct leat_log *log, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        index_drop(log, log->segments[i].base);
        segment_clear(&log->segments[i]);
    }
    memmove(log->segments, log->segments + count, (log->segment_count - count) * sizeof *log->segments);
    log->segment_count -= count;
}

static enum leat_status read_heads(struct leat_log *log, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++) {
        struct segment *segment = &log->segments[i];
        bool is_gone = false;
        if (segment->salt == 0 && segment->head == HEAD_GOOD)
            status = read_head(log, segment, &is_gone, err);
        if (is_gone) {
            forget_gone(log, i + 1);
            i = (size_t)-1;
        } else if (i > 0) {
            log->segments[i - 1].end = segment->base;
        }
    }
    return status;
}

/* Beside a daemon a list may hold a file that was made while it was read, and lack one that was made before that: twice the
 * same has no holes. */
static enum leat_status name_all(struct leat_log *log, struct leat_error *err)
{
    enum leat_status status = segments_name(log, err);
    size_t count = 0;
    while (status == LEAT_OK && log->config.is_read_only && count != log->segment_count) {
        count = log->segment_count;
        status = segments_name(log, err);
    }
    return status;
}

enum leat_status segments_list(struct leat_log *log, struct leat_error *err)
{
    enum leat_status status = name_all(log, err);
    if (status == LEAT_OK)
        status = read_newest_afresh(log, err);
    if (status == LEAT_OK)
        status = read_heads(log, err);
    const struct segment *newest = log->segment_count ? &log->segments[log->segment_count - 1] : NULL;
    bool has_content = true;
    if (status == LEAT_OK && newest && newest->head == HEAD_DAMAGED)
        status = find_content(log, newest->base, &has_content, err);
    if (status == LEAT_OK && !has_content)
        leave_torn(log);
    return status;
}

/* ---- what is wrong with the files ---- */

/* Where the good frames of a segment end. */
static uint64_t frames_end(struct leat_log *log, const struct segment *segment)
{
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    struct leat_error err;
    scan_init(&scan, log);
    scan_seek(&scan, segment->base);
    uint64_t end = segment->base + SEGMENT_HEADER;
    while (scan_next(&scan, &head, &body, &err) == SCAN_FRAME && scan.base == segment->base)
        end = scan.lsn;
    scan_fini(&scan);
    return end;
}

bool segment_is_short(const struct leat_log *log, const struct segment *segment)
{
    return segment != &log->segments[log->segment_count - 1] && segment->size < segment->end - segment->base;
}

uint64_t segment_why_short(struct leat_log *log, const struct segment *segment, char *what, size_t size)
{
    uint64_t end = frames_end(log, segment), file_end = segment->base + segment->size;
    if (end == file_end)
        snprintf(what, size, "segments/%020llu.seg is missing", (unsigned long long)end);
    else
        snprintf(what, size, "the file is truncated: it has %llu bytes of %llu", (unsigned long long)segment->size,
                 (unsigned long long)(segment->end - segment->base));
    return end < file_end ? end : file_end; /* what is missing may be no more than the zeros behind the last frame */
}

static enum leat_status judge_short(struct leat_log *log, const struct segment *segment, struct leat_error *err)
{
    char what[200];
    uint64_t end = segment_why_short(log, segment, what, sizeof what);
    return damage_fail(log, end, segment->end, what, err);
}

static enum leat_status judge_segment(struct leat_log *log, const struct segment *segment, bool is_newest, struct leat_error *err)
{
    const char *name = log->name, *dir = log->dir;
    switch (segment->head) {
    case HEAD_GOOD:
        return segment_is_short(log, segment) ? judge_short(log, segment, err) : LEAT_OK;
    case HEAD_NEWER:
        return leat_fail(err, LEAT_STOP,
                         "log %s: %s/segments/%020llu.seg was written by a newer leat (format version %u, this one knows %u): run "
                         "that one",
                         name, dir, (unsigned long long)segment->base, segment->version, FORMAT_VERSION);
    case HEAD_FOREIGN:
        return damage_fail(log, segment->base, is_newest ? segment->base + segment->size : segment->end,
                           "this file is a segment of another log", err);
    default:
        return damage_fail(log, segment->base, is_newest ? segment->base + segment->size : segment->end,
                           "the segment's header is damaged", err);
    }
}

enum leat_status segments_judge(struct leat_log *log, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++)
        status = judge_segment(log, &log->segments[i], i + 1 == log->segment_count, err);
    return status;
}

int64_t segment_time(struct leat_log *log, uint64_t base)
{
    uint8_t bytes[FRAME_HEADER];
    struct frame_head head = {0};
    leat_lock_take(&log->lock);
    const struct segment *known = segment_of(log, base);
    uint32_t salt = known ? known->salt : 0;
    leat_lock_give(&log->lock);
    char *path = segment_path(log, base, "seg");
    int fd = log->os->open(path, O_RDONLY, 0);
    free(path);
    bool is_good = fd >= 0 && leat_os_pread_all(log->os, fd, bytes, sizeof bytes, SEGMENT_HEADER) == (ssize_t)sizeof bytes &&
                   frame_head_get(bytes, base + SEGMENT_HEADER, salt, &head);
    if (fd >= 0)
        log->os->close(fd);
    leat_lock_take(&log->lock);
    struct segment *segment = segment_of(log, base);
    if (is_good && segment && segment->base == base && segment->first_us == 0)
        segment->first_us = head.time_us;
    leat_lock_give(&log->lock);
    return is_good ? head.time_us : 0;
}
