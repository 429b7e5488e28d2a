/* roll.c - the next segment, and what there is for the case that none can be made.
 *
 * Beside the segments lies `segments/reserve`: preallocated room for what may be queued at any time, two folds, and some
 * small units. When the disk has no room for a segment (or would have less than `min_free` then), the log is *full*:
 *
 *   taking data  --no room-->  full: reserve -> next segment; queue, folds, hints and intents go on, data waits
 *        ^                       |  the sinks read, what they passed is released
 *        +--- a new reserve, and room for as much again ---+
 *
 * Where the reserve is used up, segments of just the size that is needed are tried, in the room that `min_free` leaves to
 * others too. The reserve gets its header before it gets its name: a crash on the way leaves a reserve, or a segment
 * that holds nothing yet. Its other bytes are zeros. Who lists segments does not see it.
 *
 * Released segments are not used again. Blocks that were written before do make small commits faster (pwrite and fdatasync
 * on ext4, against blocks that were only allocated: of 512 bytes 1.1 times as many a second, of 4 KiB 1.4, of 64 KiB 2.3), but
 * zeros behind the last frame are what tells a start that nothing was torn off.
 */
#include <commitlog/inside.h>

#include <base/memory.h>
#include <base/plant.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/logger.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALL_ROOM ((uint64_t)256 << 10)
#define BLOCK ((uint64_t)4096)

static uint64_t in_blocks(uint64_t bytes)
{
    return (bytes + BLOCK - 1) & ~(BLOCK - 1);
}

/* UINT64_MAX: nobody knows. */
uint64_t room_free(const struct leat_log *log)
{
    struct statvfs st;
    return log->os->statvfs(log->dir, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : UINT64_MAX;
}

/* What others on this disk need is left to them: ENOSPC before there is none. */
static bool leaves_min_free(const struct leat_log *log, uint64_t size)
{
    uint64_t least = (uint64_t)log->settings.min_free_bytes;
    if (least == 0 || room_free(log) >= size + least)
        return true;
    errno = ENOSPC;
    return false;
}

/* ---- sizes ---- */

/* A segment begins with a fold: what comes behind it is to be no less than that. */
uint64_t room_small(const struct leat_log *log)
{
    uint64_t fold = fold_most(log), least = log->config.segment_min < SMALL_ROOM ? log->config.segment_min : SMALL_ROOM;
    return fold > least ? fold : least;
}

/* The queue grows up with the log: a pipeline of little traffic keeps a small reserve. */
uint64_t queue_most(const struct leat_log *log)
{
    const struct leat_log_config *config = &log->config;
    uint64_t size = log->segment_count ? log->segments[log->segment_count - 1].size : 0;
    size = size < config->segment_min ? config->segment_min : size > config->segment_max ? config->segment_max : size;
    return size < config->queue_bytes ? size : config->queue_bytes;
}

static uint64_t reserve_wanted(struct leat_log *log)
{
    leat_lock_take(&log->lock);
    uint64_t unit = log->largest_unit > room_small(log) ? log->largest_unit : room_small(log);
    uint64_t bytes = SEGMENT_HEADER + queue_most(log) + unit + 2 * fold_most(log) + room_small(log);
    leat_lock_give(&log->lock);
    return in_blocks(bytes);
}

/* ---- being full ---- */

/* What a source is told that has to wait. */
static void note_shortage(struct leat_log *log)
{
    char left_text[32], least_text[32], kept[80] = "";
    struct leat_error shortage;
    uint64_t least = (uint64_t)log->settings.min_free_bytes, left = room_free(log);
    if (least > 0)
        snprintf(kept, sizeof kept, ", and `min_free` keeps %s for others", leat_text_size(least_text, least));
    leat_fail_as(&shortage, LEAT_AGAIN, LEAT_CAUSE_DISK,
                 "the disk is full: %s has %s free%s; free some space and it goes on by itself", log->dir,
                 left == UINT64_MAX ? "too little" : leat_text_size(left_text, left), kept);
    leat_lock_take(&log->lock);
    log->shortage = shortage;
    leat_lock_give(&log->lock);
}

static void say_full(struct leat_log *log)
{
    uint64_t least = (uint64_t)log->settings.min_free_bytes, left = least > 0 ? room_free(log) : UINT64_MAX;
    char left_text[32], least_text[32];
    if (left == UINT64_MAX || left > least + 2 * log->config.segment_min + reserve_wanted(log))
        leat_say(LEAT_WARNING, log->name,
                 "the disk is full: sources pause, sinks go on; free some space and it goes on by itself");
    else
        leat_say(LEAT_WARNING, log->name,
                 "%s has %s free, too little for a new segment beside `min_free` (%s): sources pause, sinks go on; free some "
                 "space and it goes on by itself",
                 log->dir, leat_text_size(left_text, left), leat_text_size(least_text, least));
}

void room_set_full(struct leat_log *log, bool is_full)
{
    if (is_full == log->is_full) /* ours alone to change */
        return;
    if (is_full) {
        note_shortage(log);
        say_full(log);
    } else {
        leat_say(LEAT_INFO, log->name, "the disk has room again");
    }
    log->room_at = leat_after_us(ROOM_LOOK_US);
    leat_lock_take(&log->lock);
    log->is_full = is_full;
    watches_ring(log);
    leat_lock_give(&log->lock);
}

/* ---- files ---- */

static bool allocate(const struct leat_log *log, int fd, uint64_t size)
{
    return log->os->fallocate(fd, 0, 0, (off_t)size) == 0 ||
           (errno == EOPNOTSUPP && log->os->ftruncate(fd, (off_t)size) == 0);
}

static bool write_head(struct leat_log *log, int fd, uint64_t base, uint32_t salt)
{
    uint8_t bytes[SEGMENT_HEADER];
    struct segment_head head = {.base = base, .log = log->uuid, .salt = salt, .fold_lsn = log->durable_fold};
    segment_head_put(bytes, &head);
    return leat_os_pwrite_all(log->os, fd, bytes, sizeof bytes, 0) && log->os->fdatasync(fd) == 0;
}

static int give_up(const struct leat_log *log, int fd, const char *path)
{
    int error = errno;
    log->os->close(fd);
    if (path)
        log->os->unlink(path);
    errno = error;
    return -1;
}

/* A file of `size` preallocated bytes whose header is durable before its first frame. Errno tells why not. */
static int make_segment(struct leat_log *log, const char *path, uint64_t base, uint64_t size, uint32_t salt)
{
    int fd = log->os->open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return -1;
    if (allocate(log, fd, size) && write_head(log, fd, base, salt) &&
        (leat_planted("skip_directory_sync") || leat_os_sync_parent(log->os, path)))
        return fd;
    return give_up(log, fd, path);
}

/* The segment at `base` gets a file of `size`: no unit comes into it that does not fit. False: more is in it already. */
static bool claim_size(struct leat_log *log, uint64_t base, uint64_t size)
{
    leat_lock_take(&log->lock);
    struct segment *segment = segment_of(log, base);
    bool is_enough = segment->end - base <= size;
    if (is_enough)
        segment->size = size;
    leat_lock_give(&log->lock);
    errno = ENOSPC;
    return is_enough;
}

/* As large as was thought, or half of that, or half of that: a small disk is used too. */
static int make_normal(struct leat_log *log, const char *path, const struct segment *next)
{
    int fd = -1;
    errno = ENOSPC;
    for (uint64_t size = next->size; fd < 0 && leat_os_is_no_room(errno); size = in_blocks(size / 2)) {
        if (!claim_size(log, next->base, size))
            break;
        fd = leaves_min_free(log, size) ? make_segment(log, path, next->base, size, next->salt) : -1;
        if (size / 2 < log->config.segment_min)
            break;
    }
    return fd;
}

/* Just what is queued for it, and some more where that is the end of the queue. */
static int make_bare(struct leat_log *log, const char *path, const struct segment *next)
{
    leat_lock_take(&log->lock);
    struct segment *segment = segment_of(log, next->base);
    bool is_last = segment == &log->segments[log->segment_count - 1];
    segment->size = in_blocks(segment->end - segment->base + (is_last ? room_small(log) : 0));
    uint64_t size = segment->size;
    leat_lock_give(&log->lock);
    return make_segment(log, path, next->base, size, next->salt);
}

/* ---- the reserve ---- */

static char *reserve_path(const struct leat_log *log)
{
    return leat_format_dup("%s/segments/reserve", log->dir);
}

void reserve_find(struct leat_log *log)
{
    struct stat st;
    char *path = reserve_path(log);
    log->reserve_bytes = log->os->stat(path, &st) == 0 && st.st_size > SEGMENT_HEADER ? (uint64_t)st.st_size : 0;
    free(path);
}

/* Grows it to `size`, if there is room for `beside` more. What it was it stays where not. */
static bool grow_reserve(struct leat_log *log, uint64_t size, uint64_t beside)
{
    char *path = reserve_path(log);
    int fd = log->os->open(path, O_RDWR | O_CREAT, 0600);
    bool is_grown = fd >= 0 && allocate(log, fd, size + beside);
    if (fd >= 0 && (!is_grown || beside > 0)) {
        int error = errno;
        bool is_cut = log->os->ftruncate(fd, (off_t)(is_grown ? size : log->reserve_bytes)) == 0;
        errno = is_cut ? error : errno;
        is_grown = is_grown && is_cut;
    }
    is_grown = is_grown && log->os->fsync(fd) == 0 && leat_os_sync_parent(log->os, path);
    int error = errno;
    if (fd >= 0)
        log->os->close(fd);
    if (is_grown)
        log->reserve_bytes = size;
    else if (log->reserve_bytes == 0 && fd >= 0)
        log->os->unlink(path);
    if (!is_grown && !leat_os_is_no_room(error))
        log_fail(log, path, "cannot make", error);
    free(path);
    errno = error;
    return is_grown;
}

void reserve_keep(struct leat_log *log)
{
    uint64_t wanted = reserve_wanted(log);
    if (log->reserve_bytes >= wanted || log->is_full)
        return;
    bool is_kept = leaves_min_free(log, wanted - log->reserve_bytes) && grow_reserve(log, wanted, 0);
    if (!is_kept && leat_os_is_no_room(errno))
        room_set_full(log, true);
}

static int use_reserve(struct leat_log *log, const char *path, const struct segment *next)
{
    if (log->reserve_bytes == 0 || !claim_size(log, next->base, log->reserve_bytes)) {
        errno = ENOSPC;
        return -1;
    }
    char *reserve = reserve_path(log);
    int fd = log->os->open(reserve, O_RDWR, 0);
    /* Afresh: a process before this one may have seen the sync of a header fail here. */
    bool is_used = fd >= 0 && leat_os_read_afresh(log->os, fd) && write_head(log, fd, next->base, next->salt) &&
                   log->os->rename(reserve, path) == 0;
    if (is_used || (fd < 0 && errno == ENOENT)) /* else somebody took it away */
        log->reserve_bytes = 0;
    if (fd < 0 && errno == ENOENT)
        errno = ENOSPC;
    free(reserve);
    is_used = is_used && leat_os_sync_parent(log->os, path);
    return is_used || fd < 0 ? fd : give_up(log, fd, NULL);
}

void room_look(struct leat_log *log)
{
    if (!log->is_full || leat_now().ns < log->room_at.ns)
        return;
    log->room_at = leat_after_us(ROOM_LOOK_US);
    uint64_t wanted = reserve_wanted(log);
    wanted = wanted > log->reserve_bytes ? wanted : log->reserve_bytes;
    if (leaves_min_free(log, 2 * wanted - log->reserve_bytes) && grow_reserve(log, wanted, wanted))
        room_set_full(log, false);
    else
        note_shortage(log);
}

/* ---- from one segment to the next ---- */

/* A segment that has a successor is whole: recovery looks for a torn end in the newest alone. */
static bool sync_before_next(struct leat_log *log)
{
    return log->fd < 0 || leat_planted("seal_without_sync") || log->settings.fsync == LEAT_FSYNC_NEVER ||
           log->os->fdatasync(log->fd) == 0;
}

/* The one before, synced already: cut to what it holds, its index written. */
static bool seal_segment(struct leat_log *log, uint64_t end)
{
    if (log->fd < 0)
        return true;
    bool is_cut = log->os->ftruncate(log->fd, (off_t)(end - log->fd_base)) == 0 || leat_os_is_no_room(errno);
    int error = errno;
    if (!is_cut)
        log_fail_at(log, "cannot cut (ftruncate)", error);
    log->os->close(log->fd);
    log->fd = -1;
    index_seal(log, log->fd_base);
    return is_cut;
}

static int make_next(struct leat_log *log, const char *path, const struct segment *next)
{
    int fd = -1;
    errno = ENOSPC;
    if (!log->is_full)
        fd = make_normal(log, path, next);
    if (fd >= 0 || !leat_os_is_no_room(errno))
        return fd;
    room_set_full(log, true);
    fd = use_reserve(log, path, next);
    return fd >= 0 || !leat_os_is_no_room(errno) ? fd : make_bare(log, path, next);
}

enum outcome segment_begin(struct leat_log *log, const struct leat_log_unit *unit)
{
    leat_lock_take(&log->lock);
    struct segment next = *segment_of(log, unit->lsn);
    leat_lock_give(&log->lock);
    if (log->fd >= 0 && log->fd_base == next.base)
        return DONE; /* made before a write to it failed for want of room */
    if (!sync_before_next(log)) {
        log_fail_at(log, "cannot sync (fdatasync)", errno);
        return FAILED;
    }
    char *path = segment_path(log, next.base, "seg");
    int fd = make_next(log, path, &next);
    int error = errno;
    if (fd < 0 && !leat_os_is_no_room(error))
        log_fail(log, path, "cannot begin segment", error);
    free(path);
    if (fd < 0)
        return leat_os_is_no_room(error) ? FULL : FAILED;
    bool is_sealed = seal_segment(log, next.base);
    log->fd = fd;
    log->fd_base = next.base;
    log->fd_salt = next.salt;
    log->retained_at = (struct leat_time){0}; /* the one before may be what is too much */
    reserve_keep(log);
    return is_sealed ? DONE : FAILED;
}
