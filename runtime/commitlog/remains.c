#include <commitlog/remains.h>

#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE ((size_t)1 << 20)
#define BLOCK ((size_t)4096) /* what a disk loses at once, at least */
#define LSN_MOST (UINT64_MAX >> 2)
#define SALTS 8
#define SURE 64 /* so many frames of one salt: that is it */

/* Zeros where the disk gives nothing. Fewer bytes only at the end of the file; none of one that cannot be opened. */
static size_t read_piece(const struct scan *scan, uint64_t lsn, uint8_t bytes[PIECE])
{
    const struct leat_os *os = scan->log->os;
    off_t at = (off_t)(lsn - scan->base);
    if (scan->fd < 0)
        return 0;
    ssize_t have = leat_os_pread_all(os, scan->fd, bytes, PIECE, at);
    if (have >= 0)
        return (size_t)have;
    size_t len = 0;
    for (size_t i = 0; i < PIECE; i += BLOCK) {
        have = leat_os_pread_all(os, scan->fd, bytes + i, BLOCK, at + (off_t)i);
        if (have < 0)
            memset(bytes + i, 0, BLOCK);
        len = i + (have < 0 ? BLOCK : (size_t)have);
        if (have >= 0 && (size_t)have < BLOCK)
            break;
    }
    return len;
}

enum scan_result remains_next(struct scan *scan, struct frame_head *head, const uint8_t **body, struct leat_error *err)
{
    uint64_t at = scan->lsn;
    enum scan_result result = scan_next(scan, head, body, err);
    if (result != SCAN_FAILED || err->cause != LEAT_CAUSE_DISK)
        return result;
    scan_seek(scan, at);
    scan->limit = at;
    result = scan_next(scan, head, body, err);
    scan->limit = UINT64_MAX;
    return result;
}

bool remains_find(struct scan *scan, uint64_t from, uint64_t to, struct frame_head *head)
{
    uint8_t *bytes = leat_malloc(PIECE);
    uint64_t file_end = scan->base + scan->room, at = (from + 7) & ~(uint64_t)7;
    bool is_found = false;
    to = to < file_end ? to : file_end;
    while (at < to && !is_found) {
        size_t have = read_piece(scan, at, bytes);
        for (size_t i = 0; i + FRAME_HEADER <= have && at + i < to && !is_found; i += 8)
            is_found = leat_get_u32(bytes + i) == FRAME_MAGIC && frame_head_get(bytes + i, at + i, scan->salt, head);
        if (have < PIECE)
            break;
        at += PIECE - FRAME_HEADER;
    }
    free(bytes);
    return is_found;
}

/* ---- the salt of a segment whose header is gone ---- */

struct tally {
    uint32_t salts[SALTS], counts[SALTS], used;
};

static uint32_t count_salt(struct tally *tally, uint32_t salt)
{
    uint32_t i = 0;
    while (i < tally->used && tally->salts[i] != salt)
        i++;
    if (i == SALTS)
        return 0;
    if (i == tally->used)
        tally->salts[tally->used++] = salt;
    return ++tally->counts[i];
}

static bool count_piece(struct tally *tally, const uint8_t *bytes, size_t have, uint64_t lsn)
{
    struct frame_head head;
    for (size_t i = 0; i + FRAME_HEADER <= have; i += 8)
        if (leat_get_u32(bytes + i) == FRAME_MAGIC && frame_head_get(bytes + i, lsn + i, leat_get_u32(bytes + i + 56), &head) &&
            count_salt(tally, head.salt) >= SURE)
            return false;
    return true;
}

/* 0: no frame in it is whole. */
static uint32_t find_salt(struct leat_log *log, const struct segment *segment)
{
    struct tally tally = {.used = 0};
    char *path = segment_path(log, segment->base, "seg");
    struct scan scan = {.log = log, .fd = log->os->open(path, O_RDONLY, 0), .base = segment->base};
    uint8_t *bytes = leat_malloc(PIECE);
    size_t have = PIECE;
    struct stat st;
    uint64_t end = segment->base; /* told by the file: what cannot be read has no end */
    free(path);
    if (scan.fd >= 0 && log->os->fstat(scan.fd, &st) == 0)
        end += (uint64_t)st.st_size;
    for (uint64_t at = segment->base; at < end && have == PIECE; at += PIECE - FRAME_HEADER) {
        have = read_piece(&scan, at, bytes);
        if (!count_piece(&tally, bytes, have, at))
            break;
    }
    if (scan.fd >= 0)
        log->os->close(scan.fd);
    free(bytes);
    uint32_t best = 0;
    for (uint32_t i = 1; i < tally.used; i++)
        best = tally.counts[i] > tally.counts[best] ? i : best;
    return tally.used ? tally.salts[best] : 0;
}

/* ---- the files ---- */

struct opening {
    remains_note_f *note;
    void *arg;
};

static void LEAT_PRINTF(3, 4) say(const struct opening *opening, uint64_t base, const char *fmt, ...)
{
    char text[400], what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "segments/%020llu.seg: %s", (unsigned long long)base, what);
    if (opening->note)
        opening->note(opening->arg, text);
}

/* A file whose name cannot be that of a segment here is left out. */
static bool is_misnamed(const struct leat_log *log, size_t kept, uint64_t base, const struct opening *opening)
{
    uint64_t least = kept ? log->segments[kept - 1].base + SEGMENT_HEADER : 0;
    if (base % 8 == 0 && base >= least && base < LSN_MOST)
        return false;
    say(opening, base, "no segment of this log can begin here; the file is left out");
    return true;
}

static enum leat_status take_head(struct leat_log *log, struct segment *segment, const struct opening *opening, struct leat_error *err)
{
    enum leat_status status = segment_head_read(log, segment, err);
    if (status == LEAT_AGAIN)
        return status;
    if (status != LEAT_OK)
        segment->head = HEAD_DAMAGED;
    switch (segment->head) {
    case HEAD_GOOD:
        return LEAT_OK;
    case HEAD_NEWER:
        return leat_fail(err, LEAT_STOP,
                         "%s/segments/%020llu.seg was written by a newer leat (format version %u, this one knows %u): run that one",
                         log->dir, (unsigned long long)segment->base, segment->version, FORMAT_VERSION);
    case HEAD_FOREIGN:
        say(opening, segment->base, "this file is a segment of another log; nothing of it is taken");
        return LEAT_OK;
    default:
        segment->salt = find_salt(log, segment);
        say(opening, segment->base, "its header is damaged; %s",
            segment->salt ? "its frames tell what was in it" : "there is no whole frame in it either");
        return LEAT_OK;
    }
}

static enum leat_status take_files(struct leat_log *log, const struct opening *opening, struct leat_error *err)
{
    enum leat_status status = segments_name(log, err);
    size_t count = log->segment_count, kept = 0;
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        struct segment segment = log->segments[i];
        if (is_misnamed(log, kept, segment.base, opening))
            continue;
        status = take_head(log, &segment, opening, err);
        if (status == LEAT_OK)
            log->segments[kept++] = segment;
        status = status == LEAT_AGAIN ? LEAT_OK : status;
    }
    log->segment_count = kept;
    for (size_t i = 0; i < kept; i++) {
        struct segment *segment = &log->segments[i];
        uint64_t size = segment->size > SEGMENT_HEADER ? segment->size : SEGMENT_HEADER;
        segment->end = i + 1 < kept ? log->segments[i + 1].base : segment->base + size;
    }
    if (status == LEAT_OK && log->segment_count == 0)
        status = leat_fail(err, LEAT_STOP, "%s/segments holds no segment", log->dir);
    return status;
}

static bool has_identity(const char *dir, const struct leat_os *os)
{
    struct stat st;
    char *path = leat_format_dup("%s/IDENTITY", dir);
    bool is_there = os->stat(path, &st) == 0;
    free(path);
    return is_there;
}

enum leat_status remains_open(struct leat_log **log, const char *dir, const struct leat_os *os, remains_note_f *note, void *arg,
                              struct leat_error *err)
{
    const struct leat_log_config config = {
        .dir = dir, .name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir, .os = os, .is_read_only = true};
    const struct opening opening = {note, arg};
    enum leat_status status = log_open_bare(log, &config, err);
    if (status != LEAT_OK && (err->cause == LEAT_CAUSE_DAMAGED || !has_identity(dir, os))) {
        status = log_open_broken(log, &config, err);
        if (status == LEAT_OK && note)
            note(arg, "IDENTITY is damaged or missing; the log's number is taken from its segments");
    }
    if (status != LEAT_OK)
        return status;
    status = take_files(*log, &opening, err);
    if (status != LEAT_OK)
        log_free(*log);
    return status;
}
