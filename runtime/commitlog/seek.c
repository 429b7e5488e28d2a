/* seek.c - where an offset or a time is: a binary search over the segments, then in the index of
 * one. */
#include <commitlog/reader.h>

#include <base/assert.h>

enum leat_status leat_log_seek_lsn(struct leat_log_reader *reader, uint64_t lsn,
                                   struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    uint64_t first = log->segment_count ? log->segments[0].base : 0, end = log->next_lsn;
    leat_lock_give(&log->lock);
    if (lsn < first)
        return leat_fail(err, LEAT_STOP,
                         "log %s: what stood at %llu was released by retention; it begins at %llu",
                         log->name, (unsigned long long)lsn, (unsigned long long)first);
    if (lsn > end)
        return leat_fail(err, LEAT_STOP, "log %s ends at %llu, before %llu", log->name,
                         (unsigned long long)end, (unsigned long long)lsn);
    reader->lsn = lsn;
    return LEAT_OK;
}

enum leat_status leat_log_seek_first(struct leat_log_reader *reader, struct leat_error *err)
{
    struct leat_log *log = reader->log;
    (void)err;
    leat_lock_take(&log->lock);
    reader->lsn = log->segment_count ? log->segments[0].base : 0;
    leat_lock_give(&log->lock);
    return LEAT_OK;
}

enum leat_status leat_log_seek_end(struct leat_log_reader *reader, struct leat_error *err)
{
    (void)err;
    reader->lsn = leat_log_durable(reader->log);
    return LEAT_OK;
}

/* ---- one segment after the other ---- */

struct look { /* at the index of one segment: held, or its notes with the lock taken */
    const struct segment_index *index;
    struct segment_index *held;
};

/* False: there is no good index of it. */
static bool look_at(struct leat_log *log, uint64_t base, struct look *look)
{
    struct leat_error err;
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, base);
    *look = (struct look){.index = segment && segment->base == base ? segment->notes : NULL};
    if (look->index)
        return true;
    leat_lock_give(&log->lock);
    look->index = look->held = index_hold(log, base, &err);
    return look->index != NULL;
}

static void look_away(struct leat_log *log, struct look *look)
{
    if (look->held)
        index_give(log, look->held);
    else
        leat_lock_give(&log->lock);
}

/* The base of the segment after the one at `base`; UINT64_MAX: it is the newest. */
static uint64_t base_after(struct leat_log *log, uint64_t base)
{
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, base);
    bool is_last = !segment || segment + 1 == log->segments + log->segment_count;
    uint64_t next = is_last ? UINT64_MAX : segment[1].base;
    leat_lock_give(&log->lock);
    return next;
}

/* Does what is looked for stand in the segment at `base` or behind it? */
typedef bool is_behind_f(struct leat_log *log, uint64_t base, uint64_t a, uint64_t b);

/* The base of the last segment of which `is_behind` is true, else of the first one. */
static uint64_t find_segment(struct leat_log *log, is_behind_f *is_behind, uint64_t a, uint64_t b)
{
    leat_lock_take(&log->lock);
    size_t low = 0, high = log->segment_count;
    uint64_t found = high > 0 ? log->segments[0].base : 0;
    leat_lock_give(&log->lock);
    while (high >
           low + 1) { /* retention may take some meanwhile: then it is found by scanning on */
        size_t middle = (low + high) / 2;
        leat_lock_take(&log->lock);
        uint64_t base = middle < log->segment_count ? log->segments[middle].base : UINT64_MAX;
        leat_lock_give(&log->lock);
        if (base != UINT64_MAX && is_behind(log, base, a, b)) {
            low = middle;
            found = base;
        } else {
            high = middle;
        }
    }
    return found;
}

/* Goes on to the first frame for which `is_there` says yes, or to the end. */
typedef bool is_there_f(const struct frame_head *head, const struct trailer_part_list *parts,
                        uint64_t a, uint64_t b);

static enum leat_status seek_frame(struct leat_log_reader *reader, is_there_f *is_there, uint64_t a,
                                   uint64_t b, struct leat_error *err)
{
    leat_log_wants_f *wants = reader->wants;
    enum leat_status status;
    reader->wants = NULL; /* one by one */
    for (;;) {
        struct frame_head head;
        const uint8_t *body, *audience;
        size_t audience_len;
        status = reader_next_frame(reader, &head, &body, err);
        if (status != LEAT_OK)
            break;
        if (head.kind == KIND_DATA &&
            trailer_read(&head, body, &reader->parts, &audience, &audience_len) &&
            is_there(&head, &reader->parts, a, b)) {
            reader->lsn = head.lsn;
            break;
        }
    }
    reader->wants = wants;
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

/* ---- by time ---- */

static bool is_at_time(const struct frame_head *head, const struct trailer_part_list *parts,
                       uint64_t time_us, uint64_t b)
{
    (void)parts, (void)b;
    return head->time_us >= (int64_t)time_us;
}

/* By the time of its first frame, which is kept from then on. */
static bool begins_before(struct leat_log *log, uint64_t base, uint64_t time_us, uint64_t b)
{
    (void)b;
    leat_lock_take(&log->lock);
    const struct segment *known = segment_of(log, base);
    int64_t first_us = known && known->base == base ? known->first_us : 0;
    leat_lock_give(&log->lock);
    if (first_us == 0)
        first_us = segment_time(log, base);
    return first_us > 0 && first_us < (int64_t)time_us;
}

enum leat_status leat_log_seek_time(struct leat_log_reader *reader, int64_t time_us,
                                    struct leat_error *err)
{
    struct leat_log *log = reader->log;
    struct look look;
    if (time_us < 1)
        time_us = 1;
    reader->lsn = find_segment(log, begins_before, (uint64_t)time_us, 0);
    if (look_at(log, reader->lsn, &look)) {
        reader->lsn = index_at_time(look.index, time_us);
        look_away(log, &look);
    }
    return seek_frame(reader, is_at_time, (uint64_t)time_us, 0, err);
}

/* ---- by offset ---- */

static bool is_at_offset(const struct frame_head *head, const struct trailer_part_list *parts,
                         uint64_t id, uint64_t offset)
{
    (void)head;
    for (uint32_t i = 0; i < parts->count; i++)
        if (parts->items[i].topic_id == id &&
            parts->items[i].base_offset + parts->items[i].count > offset)
            return true;
    return false;
}

static bool begins_at_or_before(struct leat_log *log, uint64_t base, uint64_t id, uint64_t offset)
{
    struct look look;
    if (!look_at(log, base, &look))
        return false; /* then from before it, by scanning */
    const struct topic_share *share = index_share(look.index, (uint32_t)id);
    bool is_before = share && share->begin <= offset;
    look_away(log, &look);
    return is_before;
}

enum find { FOUND, NOT_HERE, UNKNOWN };

/* The frame that holds the offset, or the first one of the topic behind it, in one segment. */
static enum find find_offset(struct leat_log *log, uint64_t base, uint32_t id, uint64_t offset,
                             uint64_t *lsn)
{
    struct look look;
    struct frame_walk walk;
    enum find found = NOT_HERE;
    if (!look_at(log, base, &look))
        return UNKNOWN;
    const struct topic_share *share = index_share(look.index, id);
    bool is_here = share && share->frames > 0 && share->end > offset;
    if (is_here && !index_walk(log, look.index, id, &walk)) {
        found = UNKNOWN;
    } else if (is_here) {
        while (found != FOUND && index_walk_next(&walk))
            found = walk.entry.offset + walk.entry.count > offset ? FOUND : NOT_HERE;
        *lsn = walk.entry.lsn;
        if (walk.cut.is_bad)
            found = UNKNOWN;
        index_walk_end(&walk);
    }
    look_away(log, &look);
    return found;
}

/* Is a frame of the topic at `lsn`, and this offset in it or before it? */
static bool is_right(struct leat_log_reader *reader, uint64_t lsn, uint32_t id, uint64_t offset)
{
    struct frame_head head;
    const uint8_t *body, *audience;
    size_t audience_len;
    struct leat_error err;
    reader->scan.limit = leat_log_durable(reader->log); /* what is read ahead is kept: it must not be what is still to be written */
    scan_seek(&reader->scan, lsn);
    return scan_next(&reader->scan, &head, &body, &err) == SCAN_FRAME && head.kind == KIND_DATA &&
           trailer_read(&head, body, &reader->parts, &audience, &audience_len) &&
           is_at_offset(&head, &reader->parts, id, offset);
}

enum leat_status leat_log_seek_offset(struct leat_log_reader *reader, uint32_t topic_id,
                                      uint64_t offset, struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    leat_assert(topic_id > 0 && topic_id <= log->topic_count);
    bool is_behind = offset >= log->topics[topic_id - 1].info.next;
    reader->lsn = log->next_lsn;
    leat_lock_give(&log->lock);
    if (is_behind) /* the first one after it comes at the end, or later */
        return seek_frame(reader, is_at_offset, topic_id, offset, err);
    uint64_t base = find_segment(log, begins_at_or_before, topic_id, offset);
    for (uint64_t at = base; at != UINT64_MAX; at = base_after(log, at)) {
        uint64_t lsn = at;
        enum find found = find_offset(log, at, topic_id, offset, &lsn);
        if (found == NOT_HERE)
            continue;
        reader->lsn = found == FOUND && (lsn >= leat_log_durable(log) ||
                                         is_right(reader, lsn, topic_id, offset))
                          ? lsn
                          : at;
        break;
    }
    return seek_frame(reader, is_at_offset, topic_id, offset, err);
}

/* ---- the other way round ---- */

/* Of a topic that has frames here: its next offset at `lsn`. */
static bool offset_at(struct leat_log *log, const struct segment_index *index, uint32_t id,
                      uint64_t lsn, uint64_t *offset)
{
    struct frame_walk walk;
    if (!index_walk(log, index, id, &walk))
        return false;
    *offset = index->shares[id].end;
    while (index_walk_next(&walk)) {
        if (walk.entry.lsn >= lsn) {
            *offset = walk.entry.offset;
            break;
        }
    }
    bool is_good = !walk.cut.is_bad;
    index_walk_end(&walk);
    return is_good;
}

uint64_t leat_log_offset_near(struct leat_log *log, uint32_t id, uint64_t lsn, bool *is_exact)
{
    struct look look;
    leat_lock_take(&log->lock);
    leat_assert(id > 0 && id <= log->topic_count);
    const struct leat_log_topic topic = log->topics[id - 1].info;
    const struct segment *segment = segment_of(log, lsn);
    uint64_t base = segment ? segment->base : 0, end = log->next_lsn;
    leat_lock_give(&log->lock);
    *is_exact = true;
    if (lsn >= end || !segment)
        return segment ? topic.next : topic.first;
    uint64_t offset = topic.first;
    *is_exact = look_at(log, base, &look);
    if (!*is_exact)
        return offset;
    const struct topic_share *share = index_share(look.index, id);
    offset = share ? share->begin : 0;
    if (share && share->frames > 0 && lsn > base)
        *is_exact = offset_at(log, look.index, id, lsn, &offset);
    look_away(log, &look);
    return offset;
}
