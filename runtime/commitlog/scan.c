#include <commitlog/inside.h>

#include <base/crc32c.h>
#include <base/memory.h>
#include <base/plant.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define BUFFER_MOST ((size_t)5 << 30)
#define BUFFER_KEEP ((size_t)1 << 20)

void scan_init(struct scan *scan, struct leat_log *log)
{
    *scan = (struct scan){.log = log, .fd = -1, .limit = UINT64_MAX, .ahead = SCAN_AHEAD};
    leat_bytes_init(&scan->buffer, BUFFER_MOST);
}

void scan_fini(struct scan *scan)
{
    if (scan->fd >= 0)
        scan->log->os->close(scan->fd);
    leat_bytes_fini(&scan->buffer);
    scan->fd = -1;
}

void scan_forget(struct scan *scan)
{
    scan->buffer.len = 0;
}

void scan_seek(struct scan *scan, uint64_t lsn)
{
    scan->lsn = lsn;
}

/* Opens the segment that holds scan->lsn, and steps over its header; over the whole where no frame came into it. */
static enum scan_result enter_segment(struct scan *scan, struct leat_error *err)
{
    struct leat_log *log = scan->log;
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, scan->lsn);
    while (segment && scan->lsn < segment->base + SEGMENT_HEADER) {
        scan->lsn = segment->base + SEGMENT_HEADER;
        segment = segment_of(log, scan->lsn);
    }
    uint64_t base = segment ? segment->base : 0;
    uint32_t salt = segment ? segment->salt : 0;
    uint64_t end = segment ? segment->end - base : 0; /* of the newest one more may come, up to its size */
    uint64_t room = segment && segment->size > end ? segment->size : end;
    leat_lock_give(&log->lock);
    if (!segment) {
        leat_fail(err, LEAT_STOP, "log %s: place %llu was released", log->name, (unsigned long long)scan->lsn);
        return SCAN_FAILED;
    }
    scan->room = room;
    if (scan->fd >= 0 && scan->base == base)
        return SCAN_FRAME;
    if (scan->fd >= 0)
        log->os->close(scan->fd);
    char *path = segment_path(log, base, "seg");
    scan->fd = log->os->open(path, O_RDONLY, 0);
    if (scan->fd < 0)
        leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    free(path);
    scan->base = base;
    scan->salt = salt;
    scan->buffer.len = 0;
    return scan->fd < 0 ? SCAN_FAILED : SCAN_FRAME;
}

/* What of the buffer lies at scan->lsn and behind stays, at its front: no byte of a walk is read twice. */
static void keep_rest(struct scan *scan)
{
    struct leat_bytes *buffer = &scan->buffer;
    bool is_inside = scan->lsn >= scan->buffer_lsn && scan->lsn < scan->buffer_lsn + buffer->len;
    size_t passed = is_inside ? (size_t)(scan->lsn - scan->buffer_lsn) : buffer->len;
    if (passed > 0 && passed < buffer->len)
        memmove(buffer->data, buffer->data + passed, buffer->len - passed);
    buffer->len -= passed;
    scan->buffer_lsn = scan->lsn;
}

static void cannot_read(const struct scan *scan, uint64_t lsn, struct leat_error *err)
{
    int error = errno;
    char *path = segment_path(scan->log, scan->base, "seg");
    leat_fail_as(err, LEAT_STOP, leat_os_cause(error), "log %s: cannot read %s at byte %llu (LSN %llu): %s: look at the disk first",
                 scan->log->name, path, (unsigned long long)(lsn - scan->base), (unsigned long long)lsn, strerror(error));
    free(path);
}

/* Makes `want` bytes from scan->lsn on stand in the buffer. END: the file is shorter. */
static enum scan_result fetch(struct scan *scan, uint64_t want, struct leat_error *err)
{
    struct leat_bytes *buffer = &scan->buffer;
    if (scan->lsn >= scan->buffer_lsn && scan->lsn + want <= scan->buffer_lsn + buffer->len)
        return SCAN_FRAME;
    uint64_t to = scan->base + scan->room; /* lengths are foreign bytes */
    uint64_t left = to > scan->lsn ? to - scan->lsn : 0;
    if (want > left)
        return SCAN_END;
    uint64_t ahead = scan->limit > scan->lsn ? scan->limit - scan->lsn : 0;
    uint64_t read = ahead < scan->ahead ? ahead : scan->ahead;
    read = read > left ? left : read;
    read = read < want ? want : read;
    keep_rest(scan);
    if (buffer->len == 0 && read <= BUFFER_KEEP)
        leat_bytes_shrink(buffer, BUFFER_KEEP);
    scan->why = "a frame of this length cannot be read";
    if (read > buffer->len && !leat_bytes_reserve(buffer, read - buffer->len))
        return SCAN_BAD;
    ssize_t have = leat_os_pread_all(scan->log->os, scan->fd, buffer->data + buffer->len, read - buffer->len,
                                     (off_t)(scan->lsn - scan->base + buffer->len));
    if (have < 0) {
        cannot_read(scan, scan->lsn, err);
        buffer->len = 0;
        return SCAN_FAILED;
    }
    buffer->len += (size_t)have;
    return buffer->len < want ? SCAN_END : SCAN_FRAME;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static enum scan_result bad(struct scan *scan, const char *why)
{
    scan->why = why;
    scan->is_unchained = false;
    return SCAN_BAD;
}

/* The header at scan->lsn, which stands in the buffer then. `follows`: the frame before it is known. */
static enum scan_result take_head(struct scan *scan, bool follows, struct frame_head *head, struct leat_error *err)
{
    enum scan_result result = fetch(scan, FRAME_HEADER, err);
    if (result != SCAN_FRAME)
        return result;
    const uint8_t *at = scan->buffer.data + (scan->lsn - scan->buffer_lsn);
    if (is_zero(at, FRAME_HEADER))
        return SCAN_END;
    if (!frame_head_get(at, scan->lsn, scan->salt, head))
        return bad(scan, frame_head_why(at, scan->lsn, scan->salt));
    if (!follows || head->previous_crc == scan->chain_crc || leat_planted("forget_chain"))
        return SCAN_FRAME;
    bad(scan, "this frame does not follow the one that stands before it");
    scan->is_unchained = true;
    return SCAN_BAD;
}

/* Behind a frame whose bytes are good. A gap stands for the hole that it begins, and nothing follows from what was there. */
static enum scan_result step_over(struct scan *scan, const struct frame_head *head, const uint8_t *body, struct leat_error *err)
{
    bool is_gap = head->kind == KIND_GAP;
    uint64_t size = is_gap ? gap_length(head, body) : frame_size(head->body_len);
    if (head->kind == 0 || head->kind > KIND_NEWEST) {
        leat_fail(err, LEAT_STOP, "log %s: the frame at %llu is of kind %u, which a newer leat wrote; run that one", scan->log->name,
                  (unsigned long long)head->lsn, head->kind);
        return SCAN_FAILED;
    }
    if (size == 0 || (is_gap && size > scan->base + scan->room - head->lsn))
        return bad(scan, "this gap is longer than its segment");
    scan->lsn += size;
    scan->chain_lsn = is_gap ? UINT64_MAX : scan->lsn;
    scan->chain_crc = head->crc;
    return SCAN_FRAME;
}

enum scan_result scan_next(struct scan *scan, struct frame_head *head, const uint8_t **body, struct leat_error *err)
{
    bool follows = scan->lsn == scan->chain_lsn; /* before a step over segment headers */
    enum scan_result result = enter_segment(scan, err);
    if (result == SCAN_FRAME)
        result = take_head(scan, follows, head, err);
    if (result != SCAN_FRAME)
        return result;
    result = fetch(scan, FRAME_HEADER + (uint64_t)head->body_len, err);
    if (result != SCAN_FRAME)
        return result == SCAN_END ? bad(scan, "the file ends within this frame") : result;
    const uint8_t *at = scan->buffer.data + (scan->lsn - scan->buffer_lsn);
    if (leat_crc32c(0, at + FRAME_HEADER, head->body_len) != head->body_crc)
        return bad(scan, "the frame's body does not match its checksum");
    *body = at + FRAME_HEADER;
    return step_over(scan, head, *body, err);
}

enum scan_result scan_look(struct scan *scan, uint64_t from, uint64_t to, uint64_t knows, struct frame_head *head,
                           struct leat_error *err)
{
    size_t piece = (size_t)1 << 20;
    uint8_t *bytes = leat_malloc(piece);
    ssize_t have = (ssize_t)piece;
    bool is_found = false;
    for (uint64_t at = (from + 7) & ~(uint64_t)7; at < to && have == (ssize_t)piece && !is_found;
         at += piece - FRAME_HEADER) {
        have = leat_os_pread_all(scan->log->os, scan->fd, bytes, piece, (off_t)(at - scan->base));
        if (have < 0)
            cannot_read(scan, at, err);
        for (ssize_t i = 0; i + FRAME_HEADER <= have && at + (uint64_t)i < to && !is_found; i += 8)
            is_found = leat_get_u32(bytes + i) == FRAME_MAGIC &&
                       frame_head_get(bytes + i, at + (uint64_t)i, scan->salt, head) && head->durable >= knows;
    }
    free(bytes);
    return have < 0 ? SCAN_FAILED : is_found ? SCAN_FRAME : SCAN_END;
}

bool scan_find(struct scan *scan, uint64_t from, uint64_t to, uint64_t knows, struct frame_head *head)
{
    struct leat_error ignored;
    return scan_look(scan, from, to, knows, head, &ignored) == SCAN_FRAME;
}
