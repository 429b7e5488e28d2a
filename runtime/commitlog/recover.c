/* recover.c - what the log says at a start, and where it ends.
 *
 *   newest fold (hint, else the newest segment's header) -> apply every whole unit after it -> the end
 *
 * At the end stand zeros, or a torn tail: what was written and never synced, of which a crash kept some sectors. It is
 * saved in quarantine/ and cut. Bytes that are bad although they were acknowledged show by a known durable LSN beyond
 * them, and are never cut: LEAT_STOP, cause DAMAGED.
 */
#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/plant.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/logger.h>
#include <stdio.h>
#include <stdlib.h>

struct kept { /* a frame of a unit whose LAST has not been seen */
    struct frame_head head;
    uint8_t *trailer;
};

struct recovery {
    struct leat_log *log;
    struct scan scan;
    uint64_t fold_lsn;   /* state is taken from here on */
    uint64_t noted_lsn;  /* shares of the newest segment are known up to here, by its index */
    uint64_t end;        /* of the last whole unit */
    uint64_t durable;    /* known by hint and frames */
    uint32_t end_crc;    /* header CRC of the frame before `end` */
    uint64_t end_unit;
    bool is_strange;     /* a unit with the right checksums cannot be taken in */
    bool has_copy;       /* of the tail that was cut */
    bool is_applied;     /* false: a look at the end alone */
    bool has_old_index;  /* of the newest segment, which tells of what was lost */
    struct kept *kept;
    size_t kept_count;
    enum scan_result stopped;
};

/* ---- units, whole ones only ---- */

/* Notes are taken of the newest segment alone; those of the others are in their files. */
static void note_frame(struct recovery *recovery, const struct frame_head *head, const uint8_t *body)
{
    struct leat_log *log = recovery->log;
    struct segment *segment = segment_of(log, head->lsn);
    if (segment != &log->segments[log->segment_count - 1] || head->lsn < recovery->noted_lsn)
        return;
    if (!segment->notes)
        segment->notes = index_new(segment->base, segment->salt);
    index_note(segment->notes, head, body);
    segment->notes->end = head->lsn + (head->kind == KIND_GAP ? gap_length(head, body) : frame_size(head->body_len));
    segment->first_us = segment->notes->first_us;
    segment->last_us = segment->notes->last_us;
}

/* `trailer` stands where the body's stream ends. */
static bool apply_frame(struct recovery *recovery, const struct frame_head *head, const uint8_t *trailer)
{
    struct leat_log *log = recovery->log;
    const uint8_t *body = trailer - head->stream_len;
    note_frame(recovery, head, body);
    if (head->lsn < recovery->fold_lsn)
        return true;
    log->last_us = head->time_us;
    if (head->kind == KIND_FOLD)
        log->fold_lsn = log->durable_fold = head->lsn;
    return trailer_apply(log, head, body);
}

static void drop_kept(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->kept_count; i++)
        free(recovery->kept[i].trailer);
    recovery->kept_count = 0;
}

static void keep_frame(struct recovery *recovery, const struct frame_head *head, const uint8_t *body)
{
    size_t len = head->body_len - head->stream_len;
    recovery->kept = leat_realloc(recovery->kept, (recovery->kept_count + 1) * sizeof *recovery->kept);
    struct kept *kept = &recovery->kept[recovery->kept_count++];
    kept->head = *head;
    kept->trailer = leat_malloc(len);
    memcpy(kept->trailer, body + head->stream_len, len);
}

static bool end_unit(struct recovery *recovery, const struct frame_head *head, const uint8_t *body)
{
    bool is_good = true;
    for (size_t i = 0; is_good && recovery->is_applied && i < recovery->kept_count; i++)
        is_good = apply_frame(recovery, &recovery->kept[i].head, recovery->kept[i].trailer);
    if (is_good && recovery->is_applied)
        is_good = apply_frame(recovery, head, body + head->stream_len);
    drop_kept(recovery);
    if (!is_good) {
        recovery->is_strange = true;
        return false;
    }
    recovery->end = recovery->scan.lsn;
    recovery->end_crc = head->crc;
    recovery->end_unit = head->unit;
    return true;
}

/* One frame of the run; false: it does not belong there. */
static bool take_frame(struct recovery *recovery, const struct frame_head *head, const uint8_t *body)
{
    const struct kept *last = recovery->kept_count ? &recovery->kept[recovery->kept_count - 1] : NULL;
    if (!(head->flags & FRAME_FIRST) != (last != NULL) || (last && last->head.unit != head->unit))
        return false;
    if (head->durable > recovery->durable)
        recovery->durable = head->durable;
    if (head->flags & FRAME_LAST)
        return end_unit(recovery, head, body);
    if (leat_planted("position_before_data") && recovery->is_applied)
        apply_frame(recovery, head, body + head->stream_len);
    keep_frame(recovery, head, body);
    return true;
}

/* Goes from `from` to where the frames end, or to `to`. */
static enum leat_status walk(struct recovery *recovery, uint64_t from, uint64_t to, struct leat_error *err)
{
    struct frame_head head;
    const uint8_t *body;
    recovery->end = from;
    scan_seek(&recovery->scan, from);
    recovery->stopped = SCAN_FRAME;
    while (recovery->stopped == SCAN_FRAME && recovery->scan.lsn < to) {
        uint64_t at = recovery->scan.lsn;
        recovery->stopped = scan_next(&recovery->scan, &head, &body, err);
        if (recovery->stopped == SCAN_FRAME && !take_frame(recovery, &head, body)) {
            scan_seek(&recovery->scan, at);
            recovery->scan.why = recovery->is_strange ? "the unit's tables cannot be read" : "this frame belongs to another unit";
            recovery->stopped = SCAN_BAD;
        }
    }
    drop_kept(recovery);
    return recovery->stopped == SCAN_FAILED ? LEAT_STOP : LEAT_OK;
}

/* ---- rot or tear ---- */

static const char *why_it_stopped(const struct recovery *recovery)
{
    return recovery->stopped == SCAN_BAD ? recovery->scan.why : "the frames end here";
}

/* The walk stopped where acknowledged data must be; `proof` says how that is known. */
static enum leat_status damaged_end(struct recovery *recovery, const char *proof, struct leat_error *err)
{
    char what[300];
    uint64_t at = recovery->scan.lsn, to = damage_end(recovery->log, at + 8, recovery->durable);
    snprintf(what, sizeof what, "%s, and %s", why_it_stopped(recovery), proof);
    if (to <= at) /* the file that held it is not there */
        to = recovery->durable > at ? recovery->durable : at + 1;
    return damage_fail(recovery->log, at, to, what, err);
}

static enum leat_status judge_end(struct recovery *recovery, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    struct frame_head head;
    char proof[160];
    uint64_t end = recovery->end;
    if (end < newest->base)
        return damaged_end(recovery, "a newer segment follows, which begins only when this one is durable", err);
    if (recovery->is_strange)
        return damaged_end(recovery, "no crash leaves that behind right checksums", err);
    if (leat_planted("cut_at_crc_error"))
        return LEAT_OK;
    if (end < recovery->durable) {
        snprintf(proof, sizeof proof, "all up to LSN %llu was durable (durable.hint, or frames that stand before)",
                 (unsigned long long)recovery->durable);
        return damaged_end(recovery, proof, err);
    }
    if (recovery->scan.fd < 0 || recovery->scan.base != newest->base)
        return LEAT_OK;
    uint64_t to = newest->base + newest->size;
    if (recovery->stopped == SCAN_END && to > end + QUICK_LOOK)
        to = end + QUICK_LOOK;
    enum scan_result found = scan_look(&recovery->scan, end, to, end + 1, &head, err);
    if (found != SCAN_FRAME)
        return found == SCAN_END ? LEAT_OK : LEAT_STOP;
    snprintf(proof, sizeof proof, "the frame at LSN %llu knew all up to %llu to be durable", (unsigned long long)head.lsn,
             (unsigned long long)head.durable);
    return damaged_end(recovery, proof, err);
}

/* Beside a daemon, which goes on writing meanwhile: what it told to be durable, before this look began, must be there. */
static enum leat_status judge_seen(struct recovery *recovery, uint64_t told, struct leat_error *err)
{
    char proof[100];
    if (recovery->end >= told && !recovery->is_strange)
        return LEAT_OK;
    snprintf(proof, sizeof proof, "all up to LSN %llu is durable", (unsigned long long)told);
    return damaged_end(recovery, proof, err);
}

/* ---- cutting ---- */

/* How many bytes from `from` on are not all zeros: piece by piece, because mostly all of them are. */
static bool measure_tail(struct leat_log *log, int fd, const struct segment *segment, uint64_t from, uint64_t most, uint64_t *len)
{
    size_t piece = (size_t)1 << 20;
    uint8_t *bytes = leat_malloc(piece);
    ssize_t have = (ssize_t)piece;
    *len = 0;
    for (uint64_t at = 0; at < most && have == (ssize_t)piece; at += piece) {
        have = leat_os_pread_all(log->os, fd, bytes, piece, (off_t)(from - segment->base + at));
        for (ssize_t i = have; i > 0; i--) {
            if (bytes[i - 1]) {
                *len = at + (uint64_t)i;
                break;
            }
        }
    }
    free(bytes);
    return have >= 0;
}

/* On a full disk there is no copy: nobody was told of these bytes, and a start that waits for room helps nobody. */
static bool put_in_quarantine(struct recovery *recovery, const uint8_t *bytes, uint64_t len)
{
    const struct leat_log *log = recovery->log;
    char *dir = leat_format_dup("%s/quarantine", log->dir);
    char *path = leat_format_dup("%s/%020llu.torn", dir, (unsigned long long)recovery->end);
    recovery->has_copy = leat_os_make_dirs(log->os, dir) && leat_os_replace_file(log->os, path, bytes, len, 0600);
    bool is_done = recovery->has_copy || leat_os_is_no_room(errno);
    free(path);
    free(dir);
    return is_done;
}

static bool save_tail(struct recovery *recovery, int fd, const struct segment *segment, uint64_t *len)
{
    struct leat_log *log = recovery->log;
    uint64_t from = recovery->end, most = segment->base + segment->size - from;
    if (!measure_tail(log, fd, segment, from, most > QUICK_LOOK ? QUICK_LOOK : most, len))
        return false;
    if (*len == 0)
        return true;
    uint8_t *bytes = leat_malloc((size_t)*len);
    bool is_done = leat_os_pread_all(log->os, fd, bytes, (size_t)*len, (off_t)(from - segment->base)) == (ssize_t)*len &&
                   put_in_quarantine(recovery, bytes, *len);
    free(bytes);
    return is_done;
}

/* The file is cut, and gets its room back; where others took that meanwhile, it is as long as what it holds. */
static bool cut_tail(struct leat_log *log, int fd, struct segment *segment, uint64_t end)
{
    uint64_t kept = end - segment->base;
    if (log->os->ftruncate(fd, (off_t)kept) != 0)
        return false;
    if (log->os->fallocate(fd, 0, 0, (off_t)segment->size) == 0)
        return true;
    if (errno == EOPNOTSUPP)
        return log->os->ftruncate(fd, (off_t)segment->size) == 0;
    if (!leat_os_is_no_room(errno))
        return false;
    segment->size = kept;
    return log->os->ftruncate(fd, (off_t)kept) == 0; /* of a part that it may have got */
}

/* What is kept but perhaps not synced is written once more: after a failed sync the page cache may hold what the disk
 * does not. */
static bool write_again(struct leat_log *log, int fd, uint64_t base, uint64_t from, uint64_t to)
{
    size_t len = (size_t)(to - from);
    if (len == 0)
        return true;
    uint8_t *bytes = leat_malloc(len);
    bool is_done = leat_os_pread_all(log->os, fd, bytes, len, (off_t)(from - base)) == (ssize_t)len &&
                   leat_os_pwrite_all(log->os, fd, bytes, len, (off_t)(from - base));
    free(bytes);
    return is_done;
}

static bool make_end_sure(struct recovery *recovery, int fd, struct segment *segment)
{
    struct leat_log *log = recovery->log;
    uint64_t sure = recovery->durable > segment->base ? recovery->durable : segment->base;
    if (!save_tail(recovery, fd, segment, &log->cut_bytes))
        return false;
    if (log->cut_bytes > 0 && !cut_tail(log, fd, segment, recovery->end))
        return false;
    if (recovery->end > sure && !leat_planted("trust_page_cache") && !write_again(log, fd, segment->base, sure, recovery->end))
        return false;
    return log->os->fsync(fd) == 0;
}

/* The segment before it may grow beyond its base, so it goes before anything is written. Names last from here on. */
static bool make_names_sure(struct leat_log *log, const char *path)
{
    if (log->has_torn) {
        char *torn = segment_path(log, log->torn_base, "seg");
        bool is_gone = log->os->unlink(torn) == 0;
        free(torn);
        if (!is_gone)
            return false;
    }
    return leat_os_sync_parent(log->os, path);
}

/* Its name goes for good with the others. */
static bool drop_old_index(const struct recovery *recovery, const struct segment *newest)
{
    if (!recovery->has_old_index)
        return true;
    char *path = segment_path(recovery->log, newest->base, "idx");
    bool is_gone = recovery->log->os->unlink(path) == 0 || errno == ENOENT;
    free(path);
    return is_gone;
}

static void say_cut(const struct recovery *recovery)
{
    const struct leat_log *log = recovery->log;
    unsigned long long bytes = (unsigned long long)log->cut_bytes, end = (unsigned long long)recovery->end;
    if (recovery->has_copy)
        leat_say(LEAT_INFO, log->name, "cut a torn tail of %llu bytes that was never acknowledged, from LSN %llu on (a copy is "
                 "%s/quarantine/%020llu.torn)", bytes, end, log->dir, end);
    else
        leat_say(LEAT_WARNING, log->name, "cut a torn tail of %llu bytes that was never acknowledged, from LSN %llu on; the disk is "
                 "full, so there is no copy of it", bytes, end);
}

static enum leat_status settle_end(struct recovery *recovery, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    char *path = segment_path(log, newest->base, "seg");
    log->fd = log->os->open(path, O_RDWR, 0);
    enum leat_status status = LEAT_OK;
    if (log->fd < 0 || !drop_old_index(recovery, newest) || !make_names_sure(log, path) || !make_end_sure(recovery, log->fd, newest))
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    free(path);
    if (status == LEAT_OK && log->cut_bytes > 0)
        say_cut(recovery);
    log->fd_base = newest->base;
    log->fd_salt = newest->salt;
    return status;
}

/* ---- the whole ---- */

/* A disk that cannot be read is no damage: each of these ends the start then. */
static enum leat_status try_fold(struct recovery *recovery, uint64_t lsn, struct leat_error *err)
{
    struct frame_head head;
    const uint8_t *body;
    if (recovery->fold_lsn > 0 || lsn == 0 || !segment_of(recovery->log, lsn))
        return LEAT_OK;
    scan_seek(&recovery->scan, lsn);
    enum scan_result result = scan_next(&recovery->scan, &head, &body, err);
    if (result == SCAN_FRAME && head.kind == KIND_FOLD)
        recovery->fold_lsn = lsn;
    return result == SCAN_FAILED ? LEAT_STOP : LEAT_OK;
}

/* The last fold of one segment, as far as its frames are good. */
static enum leat_status last_fold(struct recovery *recovery, const struct segment *segment, struct leat_error *err)
{
    struct frame_head head;
    const uint8_t *body;
    enum scan_result result = SCAN_FRAME;
    scan_seek(&recovery->scan, segment->base);
    while (result == SCAN_FRAME) {
        result = scan_next(&recovery->scan, &head, &body, err);
        if (recovery->scan.base != segment->base)
            break;
        if (result == SCAN_FRAME && head.kind == KIND_FOLD)
            recovery->fold_lsn = head.lsn;
    }
    return result == SCAN_FAILED ? LEAT_STOP : LEAT_OK;
}

/* The hint is never synced, and the fold that the newest segment's header names may have been released since: then
 * there is a newer one. */
static enum leat_status search_fold(struct recovery *recovery, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    enum leat_status status = LEAT_OK;
    for (size_t i = log->segment_count; status == LEAT_OK && recovery->fold_lsn == 0 && i-- > 0;)
        status = last_fold(recovery, &log->segments[i], err);
    return status;
}

static enum leat_status find_fold(struct recovery *recovery, uint64_t hinted, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    uint64_t named = log->segments[log->segment_count - 1].fold_lsn;
    enum leat_status status = try_fold(recovery, hinted, err);
    if (status == LEAT_OK)
        status = try_fold(recovery, named, err);
    if (status == LEAT_OK && (log->segments[0].base != 0 || named != 0))
        status = search_fold(recovery, err);
    if (status != LEAT_OK || recovery->fold_lsn > 0 || log->segments[0].base == 0)
        return status;
    return damage_fail(log, log->segments[0].base, log->segments[0].base + SEGMENT_HEADER,
                       "no fold is left in any segment, and the oldest ones are not there: what they said is needed to start", err);
}

static void init_recovery(struct recovery *recovery, struct leat_log *log)
{
    *recovery = (struct recovery){.log = log};
    scan_init(&recovery->scan, log);
}

static void fini_recovery(struct recovery *recovery)
{
    drop_kept(recovery);
    free(recovery->kept);
    scan_fini(&recovery->scan);
}

/* Segments that have a successor are durable, and so is the fold that the walk begins with. */
static uint64_t surely_durable(const struct recovery *recovery)
{
    const struct leat_log *log = recovery->log;
    uint64_t base = log->segments[log->segment_count - 1].base;
    uint64_t least = recovery->fold_lsn >= base ? recovery->fold_lsn + 1 : base;
    return recovery->durable > least ? recovery->durable : least;
}

/* The newest segment may hold no whole unit yet, and so may the one before: the next unit stands behind its header. */
static void step_over_headers(struct recovery *recovery)
{
    struct leat_log *log = recovery->log;
    uint64_t base = log->segments[log->segment_count - 1].base;
    log->found_end = recovery->end;
    if (!log->config.is_read_only && (recovery->end == base || recovery->scan.lsn == base + SEGMENT_HEADER))
        recovery->end = base + SEGMENT_HEADER;
}

static enum leat_status walk_all(struct recovery *recovery, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    uint64_t from = recovery->fold_lsn ? recovery->fold_lsn : log->segments[0].base;
    newest->notes = index_read(log, newest->base, 0, newest->salt, true);
    recovery->noted_lsn = newest->notes ? newest->notes->end : newest->base;
    if (from > recovery->noted_lsn) /* what stands before the fold is noted, and not applied */
        from = recovery->noted_lsn;
    if (log->config.is_read_only) { /* nobody may see what is not durable: find that out first */
        enum leat_status status = walk(recovery, from, UINT64_MAX, err);
        if (status != LEAT_OK)
            return status;
    }
    recovery->is_applied = true;
    enum leat_status status = walk(recovery, from, log->config.is_read_only ? surely_durable(recovery) : UINT64_MAX, err);
    step_over_headers(recovery);
    return status;
}

/* The index that a clean stop left tells of more than there is, after a power cut under `fsync: never`: it is not believed,
 * and goes before other frames come to stand where it knows some. */
static enum leat_status note_anew(struct recovery *recovery, struct segment *newest, struct leat_error *err)
{
    uint64_t end = recovery->end, stopped_at = recovery->scan.lsn;
    enum scan_result stopped = recovery->stopped;
    index_free(newest->notes);
    newest->notes = NULL;
    recovery->has_old_index = true;
    recovery->noted_lsn = newest->base;
    recovery->fold_lsn = UINT64_MAX; /* nothing is applied twice */
    enum leat_status status = walk(recovery, newest->base + SEGMENT_HEADER, end, err);
    recovery->end = end;
    recovery->stopped = stopped;
    scan_seek(&recovery->scan, stopped_at);
    return status;
}

static enum leat_status complete_notes(struct recovery *recovery, struct leat_error *err)
{
    struct leat_log *log = recovery->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    enum leat_status status = LEAT_OK;
    if (newest->notes && newest->notes->end > recovery->end && recovery->end >= newest->base)
        status = note_anew(recovery, newest, err);
    if (!newest->notes)
        newest->notes = index_new(newest->base, newest->salt);
    newest->first_us = newest->notes->first_us;
    newest->last_us = newest->notes->last_us;
    for (uint32_t i = 0; i < log->topic_count; i++) /* it has no record of these */
        if (!index_share(newest->notes, i + 1))
            index_begin(newest->notes, i + 1, log->topics[i].info.next, log->topics[i].ever_bytes);
    return status;
}

/* There are no segments: a new log, unless durable.hint knows of some. */
static enum leat_status begin_new(struct leat_log *log, struct leat_error *err)
{
    uint64_t durable, fold, sequence;
    enum leat_status status = hint_load(log, &durable, &fold, &sequence, err);
    if (status != LEAT_OK || sequence == 0 || durable == 0)
        return status;
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                        "log %s: %s/segments is empty, though durable.hint says that all up to LSN %llu was durable: bring the "
                        "segments back, or move %s away to begin anew",
                        log->name, log->dir, (unsigned long long)durable, log->dir);
}

/* Retention lets go of nothing that somebody needs, unless it was told to; hands do. */
static void say_what_is_gone(const struct leat_log *log)
{
    uint64_t first = log->segments[0].base;
    for (size_t i = 0; i < log->consumer_count; i++)
        if (log->consumers[i].lsn < first)
            leat_say(LEAT_WARNING, log->name,
                     "%s has read up to LSN %llu, and the log begins at %llu now: what stood between was released or removed; "
                     "where it needs that, it stops",
                     log->consumers[i].name, (unsigned long long)log->consumers[i].lsn, (unsigned long long)first);
}

enum leat_status log_recover(struct leat_log *log, struct leat_error *err)
{
    struct recovery recovery;
    uint64_t hinted_fold = 0;
    enum leat_status status = segments_list(log, err);
    if (status == LEAT_OK)
        status = segments_judge(log, err);
    if (status == LEAT_OK && log->segment_count == 0)
        status = begin_new(log, err);
    if (status != LEAT_OK || log->segment_count == 0)
        return status;
    init_recovery(&recovery, log);
    status = hint_load(log, &recovery.durable, &hinted_fold, &log->hint_sequence, err);
    if (status == LEAT_OK)
        status = find_fold(&recovery, hinted_fold, err);
    if (status == LEAT_OK)
        status = walk_all(&recovery, err);
    if (status == LEAT_OK)
        status = complete_notes(&recovery, err);
    if (status == LEAT_OK && log->config.is_read_only)
        status = judge_seen(&recovery, surely_durable(&recovery), err);
    else if (status == LEAT_OK)
        status = judge_end(&recovery, err);
    if (status == LEAT_OK && !log->config.is_read_only)
        status = settle_end(&recovery, err);
    log->next_lsn = log->written_lsn = recovery.end;
    log->next_unit = recovery.end_unit + 1;
    log->previous_crc = recovery.end_crc;
    log->segments[log->segment_count - 1].end = recovery.end;
    __atomic_store_n(&log->durable, log->found_end, __ATOMIC_RELEASE); /* behind it may stand the header of an empty segment */
    fini_recovery(&recovery);
    if (status == LEAT_OK && !log->config.is_read_only)
        say_what_is_gone(log);
    return status == LEAT_OK ? log_settle_topics(log, err) : status;
}

/* Those that the daemon has sealed have their notes in a file now. */
static void drop_sealed_notes(struct leat_log *log)
{
    for (size_t i = 0; i + 1 < log->segment_count; i++) {
        index_free(log->segments[i].notes);
        log->segments[i].notes = NULL;
    }
}

enum leat_status log_refresh(struct leat_log *log, struct leat_error *err)
{
    struct recovery recovery;
    uint64_t fold, sequence, durable = leat_log_durable(log);
    init_recovery(&recovery, log);
    bool is_moved = hint_read(log, &recovery.durable, &fold, &sequence) && recovery.durable > durable;
    enum leat_status status = is_moved ? segments_list(log, err) : LEAT_OK;
    if (is_moved && status == LEAT_OK)
        status = segments_judge(log, err);
    if (is_moved && status == LEAT_OK) {
        drop_sealed_notes(log);
        recovery.is_applied = true;
        uint64_t told = recovery.durable;
        status = walk(&recovery, durable, told, err);
        if (status == LEAT_OK)
            status = judge_seen(&recovery, told, err);
        log->segments[log->segment_count - 1].end = recovery.end;
        __atomic_store_n(&log->durable, recovery.end, __ATOMIC_RELEASE);
    }
    fini_recovery(&recovery);
    return status;
}
