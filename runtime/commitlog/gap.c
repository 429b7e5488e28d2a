/* gap.c - holes that salvage left: see format.h.
 *
 * A hole begins with its GAP frame and is read by nobody. A mark of a sink may still stand in it, at a frame that was
 * there once: reading goes on with the gap then.
 */
#include <commitlog/inside.h>

#include <base/memory.h>

static bool is_length(const struct frame_head *head, uint64_t length)
{
    return head->stream_len == 0 && length >= frame_size(head->body_len) && length % 8 == 0 &&
           length <= UINT64_MAX - head->lsn;
}

static struct leat_cut cut_body(const struct frame_head *head, const uint8_t *body)
{
    return leat_cut(body, head->body_len);
}

uint64_t gap_length(const struct frame_head *head, const uint8_t *body)
{
    struct leat_cut cut = cut_body(head, body);
    uint64_t length = leat_cut_varint(&cut);
    return !cut.is_bad && is_length(head, length) ? length : 0;
}

static void take_lost(struct leat_cut *cut, struct leat_log_lost *lost)
{
    lost->topic_id = (uint32_t)leat_cut_varint(cut);
    lost->first = leat_cut_varint(cut);
    uint64_t marked = leat_cut_varint(cut);
    lost->count = marked ? marked - 1 : LEAT_LOG_UNKNOWN;
}

bool gap_read(const struct frame_head *head, const uint8_t *body, struct gap *gap)
{
    struct leat_cut cut = cut_body(head, body);
    gap->length = leat_cut_varint(&cut);
    gap->is_partial = leat_cut_varint(&cut) & 1;
    gap->lost_count = 0;
    trailer_skip_definitions(&cut);
    for (uint64_t left = leat_cut_varint(&cut); left > 0 && !cut.is_bad; left--) {
        if (gap->lost_count == gap->lost_cap) {
            gap->lost_cap = gap->lost_cap ? gap->lost_cap * 2 : 16;
            gap->lost = leat_realloc(gap->lost, gap->lost_cap * sizeof *gap->lost);
        }
        take_lost(&cut, &gap->lost[gap->lost_count++]);
    }
    return !cut.is_bad && leat_cut_left(&cut) == 0 && is_length(head, gap->length);
}

/* An offset that was given once is not given again. */
bool gap_apply(struct leat_log *log, const struct frame_head *head, const uint8_t *body)
{
    struct leat_cut cut = cut_body(head, body);
    uint64_t length = leat_cut_varint(&cut);
    leat_cut_varint(&cut); /* flags */
    trailer_definitions(log, &cut);
    log->defined_count = log->topic_count;
    for (uint64_t left = leat_cut_varint(&cut); left > 0 && !cut.is_bad; left--) {
        struct leat_log_lost lost;
        take_lost(&cut, &lost);
        if (cut.is_bad || lost.topic_id == 0 || lost.topic_id > log->topic_count)
            return false;
        struct topic *topic = &log->topics[lost.topic_id - 1];
        uint64_t next = lost.count == LEAT_LOG_UNKNOWN ? lost.first : lost.first + lost.count;
        if (topic->info.next < next)
            topic->info.next = topic->durable_next = next;
    }
    return !cut.is_bad && leat_cut_left(&cut) == 0 && is_length(head, length);
}

bool gap_around(struct leat_log *log, uint64_t lsn, uint64_t *gap_lsn)
{
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    struct leat_error err;
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, lsn);
    uint64_t from = segment ? segment->base : 0;
    leat_lock_give(&log->lock);
    if (!segment)
        return false;
    scan_init(&scan, log);
    scan_seek(&scan, from);
    *gap_lsn = UINT64_MAX;
    while (scan.lsn <= lsn && scan_next(&scan, &head, &body, &err) == SCAN_FRAME)
        if (head.kind == KIND_GAP && head.lsn < lsn && scan.lsn > lsn)
            *gap_lsn = head.lsn;
    scan_fini(&scan);
    return *gap_lsn != UINT64_MAX;
}
