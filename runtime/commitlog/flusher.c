/* flusher.c - the one thread that writes: what was queued while the last sync ran goes out in one write and one sync. */
#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <base/plant.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/logger.h>
#include <limits.h>
#include <stdlib.h>

#define PARTS_MOST 1024               /* of one pwritev: IOV_MAX */
#define FULL_RETRY_US 200000          /* how often is tried again what there is no room for */
#define HINT_EVERY_US 200000
#define RETAIN_EVERY_US ((int64_t)10 * 1000000)

struct leat_flusher {
    struct leat_lock lock;
    struct leat_cond wake, idle;
    struct leat_log *logs, *busy;
    pthread_t thread;
    bool has_thread, is_woken, is_stopping;
};

/* ---- failing ---- */

void watches_ring(struct leat_log *log)
{
    for (struct leat_log_watch *watch = log->watches; watch; watch = watch->next)
        if (__atomic_exchange_n(&watch->is_armed, false, __ATOMIC_SEQ_CST))
            leat_bell_ring(&watch->bell);
}

void log_fail(struct leat_log *log, const char *path, const char *what, int error)
{
    leat_lock_take(&log->lock);
    if (!log->is_failed)
        leat_fail_as(&log->failure, LEAT_STOP, LEAT_CAUSE_DISK,
                     "log %s: %s %s: %s; nothing after that was acknowledged, and a restart recovers what was: look at the "
                     "disk first",
                     log->name, what, path, strerror(error));
    log->is_failed = true;
    watches_ring(log);
    leat_lock_give(&log->lock);
}

void log_fail_at(struct leat_log *log, const char *what, int error)
{
    char *path = segment_path(log, log->fd_base, "seg");
    log_fail(log, path, what, error);
    free(path);
}

/* ---- durable.hint ---- */

static void take_most(uint64_t *most, uint64_t value)
{
    *most = value > *most ? value : *most;
}

enum leat_status hint_load(const struct leat_log *log, uint64_t *durable, uint64_t *fold, uint64_t *sequence, struct leat_error *err)
{
    uint8_t bytes[2 * HINT_SLOT];
    char *path = leat_format_dup("%s/durable.hint", log->dir);
    int fd = log->os->open(path, O_RDONLY, 0);
    ssize_t have = fd < 0 ? (errno == ENOENT ? 0 : -1) : leat_os_pread_all(log->os, fd, bytes, sizeof bytes, 0);
    enum leat_status status = LEAT_OK;
    if (have < 0)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    free(path);
    if (fd >= 0)
        log->os->close(fd);
    *durable = *fold = *sequence = 0;
    for (ssize_t at = 0; at + HINT_SLOT <= have; at += HINT_SLOT) {
        const uint8_t *slot = bytes + at;
        if (leat_get_u32(slot + 24) != leat_crc32c(0, slot, 24) || leat_get_u64(slot + 16) == 0)
            continue;
        take_most(durable, leat_get_u64(slot)); /* whichever is newer: what was durable once is for ever */
        take_most(fold, leat_get_u64(slot + 8));
        take_most(sequence, leat_get_u64(slot + 16));
    }
    return status;
}

bool hint_read(const struct leat_log *log, uint64_t *durable, uint64_t *fold, uint64_t *sequence)
{
    struct leat_error ignored;
    return hint_load(log, durable, fold, sequence, &ignored) == LEAT_OK && *sequence > 0;
}

static void put_slot(uint8_t slot[HINT_SLOT], uint64_t durable, uint64_t fold, uint64_t sequence)
{
    leat_set_u64(slot, durable);
    leat_set_u64(slot + 8, fold);
    leat_set_u64(slot + 16, sequence);
    leat_set_u32(slot + 24, leat_crc32c(0, slot, 24));
}

bool hint_make(struct leat_log *log, uint64_t durable, uint64_t fold)
{
    uint8_t bytes[2 * HINT_SLOT] = {0};
    char *path = leat_format_dup("%s/durable.hint", log->dir);
    put_slot(bytes + HINT_SLOT, durable, fold, 1);
    bool is_good = leat_os_replace_file(log->os, path, bytes, sizeof bytes, 0600);
    free(path);
    return is_good;
}

/* Never synced: it says what was durable before, so an old one is as true as a new one. */
void hint_write(struct leat_log *log)
{
    uint8_t slot[HINT_SLOT] = {0};
    uint64_t durable = leat_planted("hint_before_durable") ? log->next_lsn : leat_log_durable(log);
    if (log->hint_fd < 0 || durable == log->hinted_lsn)
        return;
    put_slot(slot, durable, log->durable_fold, ++log->hint_sequence);
    if (leat_os_pwrite_all(log->os, log->hint_fd, slot, sizeof slot, (off_t)(log->hint_sequence % 2 * HINT_SLOT)))
        log->hinted_lsn = durable;
    log->hinted_at = leat_now();
}

/* ---- writing ---- */

static void seal_heads(struct leat_log *log, struct leat_log_unit *unit)
{
    for (uint32_t i = 0; i < unit->frame_count; i++) {
        struct unit_frame *frame = &unit->frames[i];
        frame->head.previous_crc = log->previous_crc;
        frame->head.durable = leat_log_durable(log);
        frame_head_put(frame->head_bytes, &frame->head);
        log->previous_crc = frame->head.crc;
    }
}

static void add_part(struct iovec *parts, int *count, const void *bytes, size_t len)
{
    if (len > 0)
        parts[(*count)++] = (struct iovec){(void *)bytes, len};
}

static void add_frame(struct iovec *parts, int *count, struct unit_frame *frame)
{
    static const uint8_t zeros[8];
    add_part(parts, count, frame->head_bytes, FRAME_HEADER);
    add_part(parts, count, frame->stream.data, frame->stream.len);
    add_part(parts, count, frame->trailer.data, frame->trailer.len);
    add_part(parts, count, zeros, frame->padding);
}

static bool write_parts(struct leat_log *log, struct iovec *parts, int count, uint64_t lsn)
{
    return leat_os_pwritev_all(log->os, log->fd, parts, count, (off_t)(lsn - log->fd_base));
}

/* Writes units from log->written on that stand in one segment, in one go. */
static enum outcome write_run(struct leat_log *log)
{
    struct iovec parts[PARTS_MOST];
    struct leat_log_unit *unit = log->written;
    uint64_t lsn = unit->lsn, end;
    int count = 0;
    do {
        for (uint32_t i = 0; i < unit->frame_count; i++) {
            if (count + 4 > PARTS_MOST) {
                if (!write_parts(log, parts, count, lsn))
                    goto failed;
                lsn = unit->frames[i].head.lsn;
                count = 0;
            }
            add_frame(parts, &count, &unit->frames[i]);
        }
        end = unit->end_lsn;
        unit = unit->next;
    } while (unit && !unit->starts_segment && count + 4 <= PARTS_MOST);
    if (!write_parts(log, parts, count, lsn))
        goto failed;
    log->written = unit;
    log->written_lsn = end;
    if (leat_planted("publish_before_durable"))
        __atomic_store_n(&log->durable, end, __ATOMIC_RELEASE);
    return DONE;
failed:
    if (leat_os_is_no_room(errno))
        return FULL;
    log_fail_at(log, "cannot write (pwritev) to", errno);
    return FAILED;
}

static enum outcome write_pending(struct leat_log *log)
{
    while (log->written) {
        enum outcome outcome = log->written->starts_segment ? segment_begin(log, log->written) : DONE;
        if (outcome == DONE)
            outcome = write_run(log);
        if (outcome != DONE)
            return outcome;
    }
    return DONE;
}

/* ---- a round ---- */

static void take_queue(struct leat_log *log)
{
    leat_lock_take(&log->lock);
    if (!log->is_failed && fold_is_due(log)) {
        struct leat_log_unit *fold = unit_of_kind(log, KIND_FOLD);
        log->fold_lsn = log->next_lsn;
        unit_queue(log, fold, 0);
        log->fold_lsn = fold->lsn;
    }
    struct leat_log_unit *units = log->queue;
    struct leat_log_unit **last = log->queue_last;
    log->queue = NULL;
    log->queue_last = &log->queue;
    leat_lock_give(&log->lock);
    if (!units)
        return;
    for (struct leat_log_unit *unit = units; unit; unit = unit->next)
        seal_heads(log, unit);
    *log->pending_last = units;
    log->pending_last = last;
    if (!log->written)
        log->written = units;
}

static void count_durable(struct leat_log *log, const struct leat_log_unit *unit)
{
    for (uint32_t i = 0; i < unit->frame_count; i++)
        for (uint32_t k = 0; k < unit->frames[i].part_count; k++)
            log->topics[unit->frames[i].parts[k].topic_id - 1].durable_next += unit->frames[i].parts[k].count;
}

/* Everything in `pending` that is written is durable now: the watermark moves, units go back. */
static void publish(struct leat_log *log)
{
    struct leat_log_unit *done = log->pending;
    for (struct leat_log_unit *unit = done; unit != log->written; unit = unit->next)
        if (unit->kind == KIND_FOLD)
            log->durable_fold = unit->lsn;
    leat_lock_take(&log->lock); /* who has seen the watermark move sees the topics' offsets move too */
    __atomic_store_n(&log->durable, log->written_lsn, __ATOMIC_RELEASE);
    while (done != log->written) {
        struct leat_log_unit *unit = done;
        done = unit->next;
        log->queued_bytes -= unit->bytes;
        count_durable(log, unit);
        unit_recycle(log, unit);
    }
    watches_ring(log);
    leat_lock_give(&log->lock);
    log->pending = log->written;
    if (!log->pending)
        log->pending_last = &log->pending;
}

static bool sync_is_due(const struct leat_log *log)
{
    const struct leat_log_settings *settings = &log->settings;
    if (settings->fsync != LEAT_FSYNC_EVERY)
        return true;
    return leat_now().ns - log->synced_at.ns >= settings->fsync_every_us * 1000;
}

static void sync_written(struct leat_log *log)
{
    if (leat_planted("ack_before_sync"))
        publish(log);
    if (log->settings.fsync != LEAT_FSYNC_NEVER && log->os->fdatasync(log->fd) != 0 &&
        (!leat_planted("retry_failed_sync") || log->os->fdatasync(log->fd) != 0)) {
        log_fail_at(log, "cannot sync (fdatasync)", errno);
        return;
    }
    log->synced_at = leat_now();
    publish(log);
}

/* What a round begins with; false: the log has failed, and nothing of it is touched any more. */
static bool look(struct leat_log *log)
{
    leat_lock_take(&log->lock);
    bool is_failed = log->is_failed;
    log->settings = log->config.settings;
    leat_lock_give(&log->lock);
    return !is_failed;
}

/* One round over one log. *due: when it wants the next one, without news. */
static bool flush_log(struct leat_log *log, struct leat_time *due)
{
    struct leat_time now = leat_now();
    if (!look(log))
        return false;
    if (log->retry_at.ns > now.ns) {
        *due = log->retry_at;
        return false;
    }
    take_queue(log);
    bool has_work = log->pending != NULL;
    enum outcome outcome = write_pending(log);
    log->retry_at = outcome == FULL ? leat_after_us(FULL_RETRY_US) : (struct leat_time){0};
    if (outcome == FULL)
        room_set_full(log, true);
    else if (outcome == FAILED)
        return has_work;
    else
        room_look(log);
    if (log->pending != log->written && sync_is_due(log))
        sync_written(log);
    if (log->is_full)
        *due = outcome == FULL ? log->retry_at : log->room_at;
    else if (log->pending)
        *due = (struct leat_time){log->synced_at.ns + log->settings.fsync_every_us * 1000};
    return has_work;
}

static void look_after(struct leat_log *log, struct leat_time *due)
{
    struct leat_time now = leat_now();
    if (leat_log_durable(log) != log->hinted_lsn) {
        struct leat_time hint_due = {log->hinted_at.ns + (int64_t)HINT_EVERY_US * 1000};
        if (now.ns >= hint_due.ns)
            hint_write(log);
        else if (hint_due.ns < due->ns)
            *due = hint_due;
    }
    /* Full: not before the next look at the room, for that may show that nothing more has to go. */
    int64_t every_us = log->is_full ? ROOM_LOOK_US : RETAIN_EVERY_US;
    if (now.ns - log->retained_at.ns >= every_us * 1000) {
        log->retained_at = now;
        leat_log_retain(log);
    }
}

static bool flush_all(struct leat_flusher *flusher, struct leat_time *due)
{
    bool has_worked = false;
    leat_lock_take(&flusher->lock);
    for (struct leat_log *log = flusher->logs; log; log = log->next_log) {
        flusher->busy = log;
        leat_lock_give(&flusher->lock);
        struct leat_time log_due = LEAT_NEVER;
        has_worked = flush_log(log, &log_due) || has_worked;
        if (look(log))
            look_after(log, &log_due);
        if (log_due.ns < due->ns)
            *due = log_due;
        leat_lock_take(&flusher->lock);
        flusher->busy = NULL;
        leat_cond_broadcast(&flusher->idle);
    }
    leat_lock_give(&flusher->lock);
    return has_worked;
}

static void run_flusher(void *arg)
{
    struct leat_flusher *flusher = arg;
    leat_lock_take(&flusher->lock);
    while (!flusher->is_stopping) {
        flusher->is_woken = false;
        leat_lock_give(&flusher->lock);
        struct leat_time due = leat_after_us(RETAIN_EVERY_US);
        flush_all(flusher, &due);
        leat_lock_take(&flusher->lock);
        while (!flusher->is_woken && !flusher->is_stopping)
            if (!leat_cond_wait_until(&flusher->wake, &flusher->lock, due))
                break;
    }
    leat_lock_give(&flusher->lock);
}

/* ---- life ---- */

struct leat_flusher *leat_flusher_manual(void)
{
    struct leat_flusher *flusher = leat_calloc(1, sizeof *flusher);
    leat_lock_init(&flusher->lock, "flusher", LEAT_RANK_FLUSHER);
    leat_cond_init(&flusher->wake);
    leat_cond_init(&flusher->idle);
    return flusher;
}

enum leat_status leat_flusher_start(struct leat_flusher **flusher, struct leat_error *err)
{
    *flusher = leat_flusher_manual();
    enum leat_status status = leat_thread_start(&(*flusher)->thread, "leat-flusher", run_flusher, *flusher, err);
    (*flusher)->has_thread = status == LEAT_OK;
    if (status != LEAT_OK)
        leat_flusher_stop(*flusher);
    return status;
}

void leat_flusher_stop(struct leat_flusher *flusher)
{
    leat_assert(!flusher->logs);
    if (flusher->has_thread) {
        leat_lock_take(&flusher->lock);
        flusher->is_stopping = true;
        leat_cond_signal(&flusher->wake);
        leat_lock_give(&flusher->lock);
        leat_thread_join(flusher->thread);
    }
    leat_cond_fini(&flusher->wake);
    leat_cond_fini(&flusher->idle);
    leat_lock_fini(&flusher->lock);
    free(flusher);
}

bool leat_flusher_step(struct leat_flusher *flusher)
{
    struct leat_time due = LEAT_NEVER;
    return flush_all(flusher, &due);
}

void flusher_wake(struct leat_flusher *flusher)
{
    leat_lock_take(&flusher->lock);
    flusher->is_woken = true;
    leat_cond_signal(&flusher->wake);
    leat_lock_give(&flusher->lock);
}

void flusher_add(struct leat_flusher *flusher, struct leat_log *log)
{
    leat_lock_take(&flusher->lock);
    log->next_log = flusher->logs;
    flusher->logs = log;
    leat_lock_give(&flusher->lock);
}

void flusher_remove(struct leat_flusher *flusher, struct leat_log *log)
{
    leat_lock_take(&flusher->lock);
    while (flusher->busy)
        leat_cond_wait(&flusher->idle, &flusher->lock);
    for (struct leat_log **at = &flusher->logs; *at; at = &(*at)->next_log) {
        if (*at == log) {
            *at = log->next_log;
            break;
        }
    }
    leat_lock_give(&flusher->lock);
}

enum leat_status flusher_drain(struct leat_log *log, struct leat_error *err)
{
    take_queue(log);
    enum outcome outcome = write_pending(log);
    if (outcome == FULL) {
        room_set_full(log, true);
        return leat_fail_as(err, LEAT_AGAIN, LEAT_CAUSE_DISK, "log %s: the disk is full: free some space", log->name);
    }
    if (outcome == DONE && log->pending != log->written)
        sync_written(log);
    return leat_log_health(log, err);
}
