/* salvage.c - a new log of what is whole in a damaged one, second half: the first is survey.c.
 *
 *   old   |head| unit unit ### unit |  |head| ######## unit |             (### damaged, missing, truncated)
 *   new   |head| unit unit GAP~ unit|  |head| GAP~~~~~ unit FOLD |        (~ holes: nothing is stored for them)
 *
 * Every unit keeps its LSN, so the marks of sinks stay what they were. The fold at the end says what the kept units left of
 * keyed state, topics, consumers and lineage, so that a start needs nothing that is lost. IDENTITY comes last: what an
 * interrupted salvage leaves does not open.
 */
#include <commitlog/index.h>
#include <commitlog/losses.h>
#include <commitlog/remains.h>
#include <commitlog/survey.h>
#include <commitlog/visit.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define WRITE_BYTES ((size_t)1 << 20)
#define GAP_MOST ((size_t)16 << 20)

struct neighbour { /* of a hole: the frame before it, and when the one behind it was written */
    uint32_t crc;
    uint64_t unit;
    int64_t before_us, behind_us;
    size_t told; /* losses that its gap has room for */
};

struct salvage {
    struct survey survey;
    struct leat_log *out; /* the new one, and its state as the units are gone through */
    struct losses losses;
    struct neighbour *neighbours; /* of each hole */
    const struct leat_log_salvage_calls *calls;
    struct leat_log_salvaged *sum;
    uint64_t fold_lsn;  /* state is taken from here on */
    uint64_t new_fold;  /* 0: none was added */
    struct leat_table set_at; /* key -> LSN of the unit that set it, and 1 */
    struct neighbour last; /* frame that was kept */
    struct scan scan;
    uint64_t lsn; /* of the frame at hand */
    int fd;
    uint64_t base;
    struct leat_bytes waiting; /* for being written, from waiting_lsn on */
    uint64_t waiting_lsn;
};

static enum leat_status cannot(const char *path, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
}

/* ---- writing ---- */

static bool write_out(struct salvage *salvage)
{
    struct leat_bytes *bytes = &salvage->waiting;
    bool is_good = leat_os_pwrite_all(salvage->out->os, salvage->fd, bytes->data, bytes->len,
                                      (off_t)(salvage->waiting_lsn - salvage->base));
    leat_bytes_clear(bytes);
    return is_good;
}

static bool put_frame(struct salvage *salvage, const struct frame_head *head, const uint8_t *frame)
{
    static const uint8_t zeros[8];
    struct leat_bytes *bytes = &salvage->waiting;
    size_t len = FRAME_HEADER + (size_t)head->body_len;
    if ((bytes->len >= WRITE_BYTES || salvage->waiting_lsn + bytes->len != head->lsn) && !write_out(salvage))
        return false;
    if (bytes->len == 0)
        salvage->waiting_lsn = head->lsn;
    leat_bytes_add(bytes, frame, len);
    leat_bytes_add(bytes, zeros, frame_size(head->body_len) - len);
    return true;
}

/* ---- the units, one after the other ---- */

static void take_part(void *arg, const struct leat_log_part *part)
{
    struct salvage *salvage = arg;
    losses_mention(&salvage->losses, part->topic_id, part->base_offset);
    salvage->losses.topics[part->topic_id - 1].next = part->base_offset + part->count;
}

static void take_next(void *arg, uint32_t id, uint64_t next)
{
    struct salvage *salvage = arg;
    losses_mention(&salvage->losses, id, next);
}

static void take_lost(void *arg, const struct leat_log_lost *lost)
{
    if (lost->count != LEAT_LOG_UNKNOWN)
        take_next(arg, lost->topic_id, lost->first + lost->count);
}

static void take_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    struct salvage *salvage = arg;
    (void)value, (void)value_len;
    if (salvage->lsn < salvage->fold_lsn || salvage->survey.hole_count == 0)
        return;
    if (is_set)
        leat_table_set(&salvage->set_at, key, key_len, (void *)(uintptr_t)(salvage->lsn + 1));
    else
        leat_table_remove(&salvage->set_at, key, key_len);
}

static enum leat_status take_frame(struct salvage *salvage, const struct frame_head *head, const uint8_t *body, struct leat_error *err)
{
    const struct visitor visitor = {
        .arg = salvage, .part = take_part, .next = take_next, .lost = take_lost, .state = take_state};
    salvage->lsn = head->lsn;
    bool is_good = trailer_visit(head, body, &visitor);
    if (is_good && head->lsn >= salvage->fold_lsn)
        is_good = trailer_apply(salvage->out, head, body);
    if (!is_good)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "the frame at LSN %llu is not what it was a moment ago",
                            (unsigned long long)head->lsn);
    if (!put_frame(salvage, head, body - FRAME_HEADER))
        return cannot(salvage->out->dir, err);
    salvage->last = (struct neighbour){.crc = head->crc, .unit = head->unit, .before_us = head->time_us};
    salvage->sum->frames++;
    salvage->sum->units += head->flags & FRAME_LAST ? 1 : 0;
    salvage->sum->bytes += frame_size(head->body_len);
    return LEAT_OK;
}

static enum leat_status take_extent(struct salvage *salvage, const struct extent *extent, struct leat_error *err)
{
    const struct survey *survey = &salvage->survey;
    uint64_t first = survey->log->segments[0].base;
    struct frame_head head;
    const uint8_t *body;
    enum leat_status status = LEAT_OK;
    scan_seek(&salvage->scan, extent->from);
    while (status == LEAT_OK && salvage->scan.lsn < extent->to) {
        enum scan_result result = remains_next(&salvage->scan, &head, &body, err);
        if (result == SCAN_FAILED)
            return LEAT_STOP;
        if (result != SCAN_FRAME)
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "%s changes while it is read: LSN %llu was whole a moment ago",
                                survey->log->dir, (unsigned long long)salvage->scan.lsn);
        if (salvage->losses.passed > 0 && salvage->neighbours[salvage->losses.passed - 1].behind_us == 0)
            salvage->neighbours[salvage->losses.passed - 1].behind_us = head.time_us;
        status = take_frame(salvage, &head, body, err);
        if (salvage->calls->progress)
            salvage->calls->progress(salvage->calls->arg, "copied", salvage->scan.lsn - first, survey->end - first);
    }
    return status;
}

static enum leat_status open_file(struct salvage *salvage, const struct segment *segment, struct leat_error *err)
{
    const struct leat_os *os = salvage->out->os;
    uint64_t held = segment->end - segment->base;
    bool is_newest = segment == &salvage->survey.log->segments[salvage->survey.log->segment_count - 1];
    char *path = segment_path(salvage->out, segment->base, "seg");
    salvage->fd = os->open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    salvage->base = segment->base;
    uint64_t size = is_newest && segment->size > held ? segment->size : held;
    enum leat_status status = salvage->fd < 0 || os->ftruncate(salvage->fd, (off_t)size) != 0 ? cannot(path, err) : LEAT_OK;
    free(path);
    return status;
}

/* Extents and holes of one segment, as they stand. */
static enum leat_status take_segment(struct salvage *salvage, const struct segment *segment, size_t *extent, struct leat_error *err)
{
    const struct survey *survey = &salvage->survey;
    enum leat_status status = open_file(salvage, segment, err);
    while (status == LEAT_OK) {
        size_t hole = salvage->losses.passed;
        bool has_extent = *extent < survey->extent_count && survey->extents[*extent].from < segment->end;
        bool has_hole = hole < survey->hole_count && survey->holes[hole].from < segment->end;
        if (has_hole && (!has_extent || survey->holes[hole].from < survey->extents[*extent].from)) {
            salvage->neighbours[hole] = salvage->last;
            losses_hole(&salvage->losses, survey->holes[hole].to - survey->holes[hole].from);
        } else if (has_extent) {
            status = take_extent(salvage, &survey->extents[(*extent)++], err);
        } else {
            break;
        }
    }
    if (status == LEAT_OK && !write_out(salvage))
        status = cannot(salvage->out->dir, err);
    if (salvage->fd >= 0)
        salvage->out->os->close(salvage->fd);
    salvage->fd = -1;
    return status;
}

static enum leat_status take_all(struct salvage *salvage, struct leat_error *err)
{
    const struct leat_log *log = salvage->survey.log;
    enum leat_status status = LEAT_OK;
    size_t extent = 0;
    scan_init(&salvage->scan, salvage->survey.log);
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++)
        status = take_segment(salvage, &log->segments[i], &extent, err);
    scan_fini(&salvage->scan);
    losses_end(&salvage->losses);
    for (uint32_t i = 0; i < salvage->losses.topic_count; i++) {
        struct topic *topic = &salvage->out->topics[i];
        if (topic->info.next < salvage->losses.topics[i].next)
            topic->info.next = topic->durable_next = salvage->losses.topics[i].next;
    }
    salvage->sum->segments = log->segment_count;
    return status;
}

/* ---- what is made anew: gaps, the fold, headers ---- */

/* Of the hole's losses the first `most`, or those behind them. Returns their number. */
static size_t put_losses(const struct salvage *salvage, size_t hole, size_t most, bool is_rest, struct leat_bytes *out)
{
    const struct losses *losses = &salvage->losses;
    size_t at = 0, count = 0;
    for (size_t i = losses->holes[hole].first; i > 0; i = losses->items[i - 1].next, at++) {
        const struct leat_log_lost *lost = &losses->items[i - 1].lost;
        if ((at >= most) != is_rest)
            continue;
        leat_bytes_varint(out, lost->topic_id);
        leat_bytes_varint(out, lost->first);
        leat_bytes_varint(out, lost->count == LEAT_LOG_UNKNOWN ? 0 : lost->count + 1);
        count++;
    }
    return count;
}

static void put_body(uint64_t length, bool is_partial, size_t count, const struct leat_bytes *losses, struct leat_bytes *out)
{
    leat_bytes_clear(out);
    leat_bytes_varint(out, length);
    leat_bytes_varint(out, is_partial);
    leat_bytes_varint(out, 0); /* no topics: the fold at the end has them all */
    leat_bytes_varint(out, count);
    leat_bytes_add(out, losses->data, losses->len);
}

/* As many losses as fit into the hole; the rest is told at the end. */
static void make_body(struct salvage *salvage, size_t hole, struct leat_bytes *out)
{
    uint64_t length = salvage->survey.holes[hole].to - salvage->survey.holes[hole].from;
    size_t most = SIZE_MAX, room = length > GAP_MOST ? GAP_MOST : (size_t)length;
    struct leat_bytes losses;
    leat_bytes_init(&losses, SIZE_MAX);
    for (;;) {
        leat_bytes_clear(&losses);
        size_t count = put_losses(salvage, hole, most, false, &losses);
        put_body(length, most != SIZE_MAX, count, &losses, out);
        if (frame_size((uint32_t)out->len) <= room)
            break;
        most = most == SIZE_MAX ? (room - FRAME_HEADER) / 8 : most / 2;
    }
    salvage->neighbours[hole].told = most;
    leat_bytes_fini(&losses);
}

static bool write_frame(struct salvage *salvage, struct frame_head *head, const struct leat_bytes *body)
{
    uint8_t bytes[FRAME_HEADER];
    const struct leat_os *os = salvage->out->os;
    head->body_len = (uint32_t)body->len;
    head->body_crc = leat_crc32c(0, body->data, body->len);
    frame_head_put(bytes, head);
    off_t at = (off_t)(head->lsn - salvage->base);
    return leat_os_pwrite_all(os, salvage->fd, bytes, sizeof bytes, at) &&
           leat_os_pwrite_all(os, salvage->fd, body->data, body->len, at + FRAME_HEADER);
}

static bool write_gap(struct salvage *salvage, size_t hole, uint32_t salt, uint32_t *crc)
{
    const struct neighbour *before = &salvage->neighbours[hole];
    uint64_t lsn = salvage->survey.holes[hole].from;
    struct leat_bytes body;
    struct frame_head head = {
        .lsn = lsn,
        .previous_crc = before->crc,
        .unit = before->unit,
        .durable = lsn,
        .time_us = before->before_us,
        .salt = salt,
        .kind = KIND_GAP,
        .flags = FRAME_FIRST | FRAME_LAST,
    };
    leat_bytes_init(&body, SIZE_MAX);
    make_body(salvage, hole, &body);
    bool is_good = write_frame(salvage, &head, &body);
    leat_bytes_fini(&body);
    *crc = head.crc;
    return is_good;
}

/* What the gaps have no room for: a last gap says it, of a hole as long as itself, so that no reader misses it (I7). */
static bool write_rest(struct salvage *salvage, struct segment *newest, uint32_t *crc)
{
    struct leat_bytes losses, body;
    size_t count = 0;
    leat_bytes_init(&losses, SIZE_MAX);
    leat_bytes_init(&body, SIZE_MAX);
    for (size_t i = 0; i < salvage->survey.hole_count; i++)
        count += put_losses(salvage, i, salvage->neighbours[i].told, true, &losses);
    bool is_good = true;
    if (count > 0) {
        uint64_t lsn = salvage->survey.end, length = frame_size((uint32_t)losses.len + 4 * LEAT_VARINT_MAX);
        struct frame_head head = {
            .lsn = lsn,
            .previous_crc = *crc,
            .unit = salvage->last.unit,
            .durable = lsn,
            .time_us = salvage->last.before_us,
            .salt = newest->salt,
            .kind = KIND_GAP,
            .flags = FRAME_FIRST | FRAME_LAST,
        };
        put_body(length, false, count, &losses, &body);
        is_good = write_frame(salvage, &head, &body);
        *crc = head.crc;
        salvage->survey.end = newest->end = lsn + length;
    }
    leat_bytes_fini(&losses);
    leat_bytes_fini(&body);
    return is_good;
}

/* What stood in a lost end is known to nobody, and comes again: the runs that wrote there end where it begins, so that
 * the mark of a sink that has some of it is ahead of the log, and not a place to go on from. */
static void end_lineage(struct salvage *salvage)
{
    struct leat_log *out = salvage->out;
    uint64_t from = salvage->survey.holes[salvage->survey.hole_count - 1].from;
    struct leat_uuid nobody = uuid_new(out->os);
    while (out->lineage_count > 0 && out->lineage[out->lineage_count - 1].first_lsn > from)
        out->lineage_count--;
    lineage_add(out, &nobody, from);
}

/* All that a start must know, at the end. */
static bool write_fold(struct salvage *salvage, struct segment *newest, uint32_t previous_crc)
{
    struct leat_log *out = salvage->out;
    struct leat_log_unit *unit = unit_of_kind(out, KIND_FOLD);
    struct unit_frame *frame = &unit->frames[0];
    uint64_t lsn = salvage->survey.end;
    if (salvage->survey.is_lost_end)
        end_lineage(salvage);
    for (size_t i = 0; i < out->lineage_count; i++) /* as far as anybody knows */
        out->lineage[i].has_records = true;
    frame->head = (struct frame_head){
        .lsn = lsn,
        .previous_crc = previous_crc,
        .unit = salvage->last.unit + 1,
        .durable = lsn,
        .time_us = salvage->last.before_us,
        .salt = newest->salt,
        .kind = KIND_FOLD,
        .flags = FRAME_FIRST | FRAME_LAST,
    };
    trailer_make(out, unit, frame, newest, true);
    bool is_good = write_frame(salvage, &frame->head, &frame->trailer);
    salvage->new_fold = lsn;
    salvage->survey.end = newest->end = lsn + frame_size(frame->head.body_len);
    unit_free(unit);
    return is_good;
}

static bool write_header(struct salvage *salvage, const struct segment *segment)
{
    uint8_t bytes[SEGMENT_HEADER];
    struct segment_head head = {.base = segment->base, .log = salvage->out->uuid, .salt = segment->salt};
    for (size_t i = 0; i < salvage->survey.fold_count && salvage->survey.folds[i] < segment->base; i++)
        head.fold_lsn = salvage->survey.folds[i];
    if (salvage->new_fold >= segment->base && salvage->new_fold < segment->end)
        head.fold_lsn = salvage->new_fold;
    segment_head_put(bytes, &head);
    return leat_os_pwrite_all(salvage->out->os, salvage->fd, bytes, sizeof bytes, 0);
}

static bool finish_segment(struct salvage *salvage, struct segment *segment, size_t *hole)
{
    const struct survey *survey = &salvage->survey;
    const struct leat_os *os = salvage->out->os;
    bool is_newest = segment == &survey->log->segments[survey->log->segment_count - 1], is_good = true;
    uint32_t crc = salvage->last.crc, gap_crc = 0;
    if (segment->salt == 0)
        segment->salt = (uint32_t)leat_hash(uuid_new(os).bytes, 16, segment->base) | 1;
    for (; is_good && *hole < survey->hole_count && survey->holes[*hole].from < segment->end; (*hole)++) {
        is_good = write_gap(salvage, *hole, segment->salt, &gap_crc);
        crc = survey->holes[*hole].to == survey->end ? gap_crc : crc;
    }
    if (is_good && is_newest && survey->hole_count > 0) {
        is_good = write_rest(salvage, segment, &crc) && write_fold(salvage, segment, crc);
        uint64_t held = segment->end - segment->base;
        uint64_t size = segment->size > held ? segment->size : (held + 4095) & ~(uint64_t)4095;
        is_good = is_good && os->ftruncate(salvage->fd, (off_t)size) == 0;
    }
    return is_good && write_header(salvage, segment) && os->fsync(salvage->fd) == 0;
}

static enum leat_status finish_segments(struct salvage *salvage, struct leat_error *err)
{
    struct leat_log *log = salvage->survey.log;
    size_t hole = 0;
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++) {
        char *path = segment_path(salvage->out, log->segments[i].base, "seg");
        salvage->fd = log->os->open(path, O_RDWR, 0);
        salvage->base = log->segments[i].base;
        if (salvage->fd < 0 || !finish_segment(salvage, &log->segments[i], &hole))
            status = cannot(path, err);
        if (salvage->fd >= 0)
            log->os->close(salvage->fd);
        if (status == LEAT_OK && !leat_os_sync_parent(log->os, path))
            status = cannot(path, err);
        salvage->fd = -1;
        free(path);
    }
    return status;
}

/* ---- telling ---- */

static struct leat_log_loss named(const struct salvage *salvage, const struct leat_log_lost *lost)
{
    const struct leat_log_topic *topic = &salvage->out->topics[lost->topic_id - 1].info;
    return (struct leat_log_loss){topic->name, topic->partition, lost->first, lost->count};
}

static void tell_hole(struct salvage *salvage, size_t at)
{
    const struct extent *hole = &salvage->survey.holes[at];
    const struct losses *losses = &salvage->losses;
    const struct segment *segment = segment_of(salvage->survey.log, hole->from);
    struct leat_log_loss *told = NULL;
    char name[32];
    uint32_t count = 0;
    for (size_t i = losses->holes[at].first; i > 0; i = losses->items[i - 1].next) {
        told = leat_realloc(told, (count + 1) * sizeof *told);
        told[count++] = named(salvage, &losses->items[i - 1].lost);
    }
    snprintf(name, sizeof name, "%020llu.seg", (unsigned long long)segment->base);
    salvage->sum->hole_bytes += hole->to - hole->from;
    if (salvage->calls->hole)
        salvage->calls->hole(salvage->calls->arg,
                             &(struct leat_log_hole){.segment = name,
                                                     .from = hole->from,
                                                     .to = hole->to,
                                                     .base = segment->base,
                                                     .after_us = salvage->neighbours[at].before_us,
                                                     .before_us = salvage->neighbours[at].behind_us,
                                                     .losses = told,
                                                     .loss_count = count});
    free(told);
}

static void tell_losses(struct salvage *salvage)
{
    for (size_t i = 0; i < salvage->losses.count; i++) {
        const struct loss *loss = &salvage->losses.items[i];
        if (loss->is_again)
            continue;
        if (loss->lost.count == LEAT_LOG_UNKNOWN)
            salvage->sum->has_uncounted = true;
        else
            salvage->sum->lost_records += loss->lost.count;
        struct leat_log_loss one = named(salvage, &loss->lost);
        if (salvage->calls->loss)
            salvage->calls->loss(salvage->calls->arg, &one);
    }
}

/* Keys that no unit has set since the last hole. */
static void tell_older(struct salvage *salvage)
{
    const struct survey *survey = &salvage->survey;
    uint64_t last = survey->hole_count ? survey->holes[survey->hole_count - 1].from : 0;
    size_t at = 0, len;
    const void *key;
    void *value;
    while (last > salvage->fold_lsn && salvage->calls->older && leat_table_next(&salvage->set_at, &at, &key, &len, &value))
        if ((uintptr_t)value - 1 < last)
            salvage->calls->older(salvage->calls->arg, key, len);
}

static void tell(struct salvage *salvage)
{
    const struct survey *survey = &salvage->survey;
    struct leat_log_salvaged *sum = salvage->sum;
    for (size_t i = 0; i < survey->hole_count; i++)
        tell_hole(salvage, i);
    tell_losses(salvage);
    tell_older(salvage);
    sum->holes = survey->hole_count;
    sum->first_lsn = survey->log->segments[0].base;
    sum->end_lsn = survey->end;
    sum->torn_bytes = survey->torn_bytes;
    sum->is_end_lost = survey->is_lost_end;
}

/* ---- the whole ---- */

static void tell_unreadable(const struct salvage *salvage)
{
    char text[200];
    uint64_t count = salvage->survey.unreadable;
    snprintf(text, sizeof text, "%llu whole unit%s left out: what is needed to decode their records, their schema, is lost",
             (unsigned long long)count, count == 1 ? " is" : "s are");
    if (count > 0 && salvage->calls->note)
        salvage->calls->note(salvage->calls->arg, text);
}

/* Topics that no unit which is left tells the names of: their records have one. */
static void define_topics(struct salvage *salvage)
{
    const struct survey *survey = &salvage->survey;
    char name[300], text[400];
    for (uint32_t i = 0; i < survey->topic_count; i++) {
        const struct topic_name *topic = &survey->topics[i];
        snprintf(name, sizeof name, "lost-name-%u", i + 1);
        if (!topic->name && salvage->calls->note) {
            snprintf(text, sizeof text, "nothing tells the name of topic number %u any more: its records are in \"%s\"", i + 1, name);
            salvage->calls->note(salvage->calls->arg, text);
        }
        const char *found = topic->name ? topic->name : name;
        topic_define(salvage->out, i + 1, found, strlen(found), topic->partition);
    }
    salvage->out->defined_count = salvage->out->topic_count;
}

static void choose_fold(struct salvage *salvage)
{
    struct survey *survey = &salvage->survey;
    uint64_t end = survey->extent_count ? survey->extents[survey->extent_count - 1].to : 0;
    while (survey->fold_count > 0 && survey->folds[survey->fold_count - 1] >= end)
        survey->fold_count--;
    if (survey->fold_count > 0)
        salvage->fold_lsn = survey->folds[survey->fold_count - 1];
    else if (survey->log->segments[0].base > 0 && salvage->calls->note)
        salvage->calls->note(salvage->calls->arg, "no fold is left: positions and other keyed state are those of the units that are left");
}

static enum leat_status make_dirs(const struct salvage *salvage, struct leat_error *err)
{
    const struct leat_os *os = salvage->out->os;
    const char *to = salvage->out->dir;
    if (os->mkdir(to, 0700) != 0) {
        if (errno == EEXIST)
            return leat_fail(err, LEAT_STOP, "%s exists already; say where a new directory is to be made", to);
        return cannot(to, err);
    }
    char *segments = leat_format_dup("%s/segments", to);
    enum leat_status status = leat_os_make_dirs(os, segments) ? LEAT_OK : cannot(segments, err);
    free(segments);
    return status;
}

/* Nobody may write meanwhile. */
static enum leat_status hold(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/lock", log->dir);
    enum leat_status status = LEAT_OK;
    log->lock_fd = log->os->open(path, O_RDONLY, 0);
    if (log->lock_fd >= 0 && log->os->lock(log->lock_fd, false) != 0)
        status = errno == EAGAIN ? leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_IN_USE, "log %s is in use by a running leat; stop it first", log->dir)
                                 : cannot(path, err);
    free(path);
    return status;
}

/* Those of sealed segments: the first start has nothing to make then. A failure costs that, and no more. */
static void make_indexes(const struct leat_log_config *config)
{
    struct leat_log *log;
    struct leat_error err;
    if (log_open_bare(&log, config, &err) != LEAT_OK)
        return;
    if (segments_list(log, &err) == LEAT_OK)
        for (size_t i = 0; i + 1 < log->segment_count; i++) {
            struct segment_index *index = index_hold(log, log->segments[i].base, &err);
            if (index)
                index_give(log, index);
        }
    log_free(log);
}

static enum leat_status write_all(struct salvage *salvage, struct leat_error *err)
{
    struct leat_log *out = salvage->out;
    enum leat_status status = make_dirs(salvage, err);
    if (status == LEAT_OK)
        status = take_all(salvage, err);
    if (status == LEAT_OK)
        status = finish_segments(salvage, err);
    if (status != LEAT_OK)
        return status;
    const struct segment *newest = &salvage->survey.log->segments[salvage->survey.log->segment_count - 1];
    uint64_t fold = salvage->new_fold ? salvage->new_fold : salvage->fold_lsn, durable = salvage->survey.end;
    if (durable == newest->base + SEGMENT_HEADER) /* no frame yet */
        durable = newest->base;
    if (!hint_make(out, durable, fold) || !identity_write(out) || !leat_os_sync_parent(out->os, out->dir))
        return cannot(out->dir, err);
    make_indexes(&out->config);
    return LEAT_OK;
}

static void init(struct salvage *salvage, const char *to, const struct leat_os *os)
{
    const struct survey *survey = &salvage->survey;
    const struct leat_log_config config = {.dir = to, .name = survey->log->name, .os = os};
    salvage->fd = -1;
    salvage->out = log_make(&config);
    salvage->out->uuid = survey->log->uuid;
    salvage->neighbours = leat_calloc(survey->hole_count + 1, sizeof *salvage->neighbours);
    leat_bytes_init(&salvage->waiting, SIZE_MAX);
    leat_table_init(&salvage->set_at);
    losses_init(&salvage->losses, survey->topic_count, survey->log->segments[0].base == 0);
    tell_unreadable(salvage);
    define_topics(salvage);
    choose_fold(salvage);
}

static void fini(struct salvage *salvage)
{
    log_free(salvage->out);
    free(salvage->neighbours);
    leat_bytes_fini(&salvage->waiting);
    leat_table_fini(&salvage->set_at, NULL);
    losses_fini(&salvage->losses);
}

enum leat_status leat_log_salvage(const char *from, const char *to, const struct leat_os *os,
                                  const struct leat_log_salvage_calls *calls, struct leat_log_salvaged *sum,
                                  struct leat_error *err)
{
    struct salvage salvage = {.calls = calls, .sum = sum, .survey = {.calls = calls}};
    *sum = (struct leat_log_salvaged){.segments = 0};
    enum leat_status status = remains_open(&salvage.survey.log, from, os, calls->note, calls->arg, err);
    if (status != LEAT_OK)
        return status;
    status = hold(salvage.survey.log, err);
    if (status == LEAT_OK)
        status = survey_log(&salvage.survey, err);
    if (status == LEAT_OK) {
        init(&salvage, to, os);
        status = write_all(&salvage, err);
        if (status == LEAT_OK)
            tell(&salvage);
        fini(&salvage);
    }
    survey_fini(&salvage.survey);
    log_free(salvage.survey.log);
    return status;
}
