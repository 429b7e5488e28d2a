#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

struct leat_log_reader {
    struct leat_log *log;
    leat_log_wants_f *wants;
    void *arg;
    struct scan scan;
    uint64_t lsn; /* of the next frame */
    struct trailer_part_list parts;
    struct gap gap;
    char *audience;
    size_t incarnation; /* index in the lineage of the frame before */
};

enum leat_status leat_log_reader_open(struct leat_log *log, leat_log_wants_f *wants, void *arg,
                                      struct leat_log_reader **reader, struct leat_error *err)
{
    struct leat_log_reader *made = leat_calloc(1, sizeof *made);
    (void)err;
    made->log = log;
    made->wants = wants;
    made->arg = arg;
    scan_init(&made->scan, log);
    leat_lock_take(&log->lock);
    made->lsn = log->segment_count ? log->segments[0].base : 0;
    leat_lock_give(&log->lock);
    *reader = made;
    return LEAT_OK;
}

void leat_log_reader_close(struct leat_log_reader *reader)
{
    scan_fini(&reader->scan);
    free(reader->parts.items);
    free(reader->gap.lost);
    free(reader->audience);
    free(reader);
}

uint64_t leat_log_reader_lsn(const struct leat_log_reader *reader)
{
    return reader->lsn;
}

/* ---- next ---- */

static struct leat_uuid incarnation_at(struct leat_log_reader *reader, uint64_t lsn)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    size_t at = reader->incarnation < log->lineage_count ? reader->incarnation : 0;
    if (log->lineage_count > 0 && log->lineage[at].first_lsn > lsn)
        at = 0;
    while (at + 1 < log->lineage_count && log->lineage[at + 1].first_lsn <= lsn)
        at++;
    struct leat_uuid uuid = log->lineage_count ? log->lineage[at].uuid : (struct leat_uuid){{0}};
    leat_lock_give(&log->lock);
    reader->incarnation = at;
    return uuid;
}

static bool is_wanted(struct leat_log_reader *reader)
{
    if (!reader->wants)
        return true;
    for (uint32_t i = 0; i < reader->parts.count; i++)
        if (reader->wants(reader->arg, reader->parts.items[i].topic_id))
            return true;
    return false;
}

static void show(struct leat_log_reader *reader, const struct frame_head *head, const uint8_t *body,
                 const uint8_t *audience, size_t audience_len, struct leat_log_frame *frame)
{
    free(reader->audience);
    reader->audience = audience_len ? leat_strndup((const char *)audience, audience_len) : NULL;
    *frame = (struct leat_log_frame){
        .lsn = head->lsn,
        .next_lsn = reader->lsn,
        .unit_id = head->unit,
        .is_first = head->flags & FRAME_FIRST,
        .is_last = head->flags & FRAME_LAST,
        .record_format = head->record_format,
        .time_us = head->time_us,
        .parts = reader->parts.items,
        .part_count = reader->parts.count,
        .stream = body,
        .stream_len = head->stream_len,
        .audience = reader->audience,
        .incarnation = incarnation_at(reader, head->lsn),
    };
}

static enum leat_status read_failed(struct leat_log_reader *reader, enum scan_result result, struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    uint64_t first = log->segment_count ? log->segments[0].base : 0;
    leat_lock_give(&log->lock);
    if (reader->lsn < first)
        return leat_fail(err, LEAT_STOP, "log %s: what stood at %llu was released by retention meanwhile", log->name,
                         (unsigned long long)reader->lsn);
    if (result == SCAN_FAILED)
        return LEAT_STOP;
    return damage_fail(log, reader->scan.lsn, 0, result == SCAN_BAD ? reader->scan.why : "the frames end here", err);
}

/* The next frame of any kind below the watermark. */
static enum leat_status next_frame(struct leat_log_reader *reader, struct frame_head *head, const uint8_t **body,
                                   struct leat_error *err)
{
    struct leat_log *log = reader->log;
    uint64_t durable = leat_log_durable(log);
    if (reader->lsn >= durable && log->config.is_read_only) {
        enum leat_status status = log_refresh(log, err);
        if (status != LEAT_OK)
            return status;
        durable = leat_log_durable(log);
    }
    if (reader->lsn >= durable)
        return LEAT_AGAIN;
    reader->scan.limit = durable;
    scan_seek(&reader->scan, reader->lsn);
    enum scan_result result = scan_next(&reader->scan, head, body, err);
    uint64_t gap_lsn;
    if ((result == SCAN_BAD || result == SCAN_END) && gap_around(log, reader->lsn, &gap_lsn)) {
        scan_seek(&reader->scan, gap_lsn);
        result = scan_next(&reader->scan, head, body, err);
    }
    if (result != SCAN_FRAME)
        return read_failed(reader, result, err);
    reader->lsn = reader->scan.lsn;
    return LEAT_OK;
}

static bool is_wanted_gap(struct leat_log_reader *reader)
{
    bool is_wanted = !reader->wants;
    for (uint32_t i = 0; i < reader->gap.lost_count && !is_wanted; i++)
        is_wanted = reader->wants(reader->arg, reader->gap.lost[i].topic_id);
    return is_wanted;
}

static void show_gap(struct leat_log_reader *reader, const struct frame_head *head, struct leat_log_frame *frame)
{
    *frame = (struct leat_log_frame){
        .lsn = head->lsn,
        .next_lsn = reader->lsn,
        .unit_id = head->unit,
        .is_first = true,
        .is_last = true,
        .time_us = head->time_us,
        .incarnation = incarnation_at(reader, head->lsn),
        .is_gap = true,
        .lost = reader->gap.lost,
        .lost_count = reader->gap.lost_count,
    };
}

enum leat_status leat_log_next(struct leat_log_reader *reader, struct leat_log_frame *frame, struct leat_error *err)
{
    for (;;) {
        struct frame_head head;
        const uint8_t *body, *audience;
        size_t audience_len;
        uint64_t at = reader->lsn;
        enum leat_status status = next_frame(reader, &head, &body, err);
        if (status != LEAT_OK)
            return status;
        if (head.kind == KIND_GAP && gap_read(&head, body, &reader->gap)) {
            if (!is_wanted_gap(reader))
                continue;
            show_gap(reader, &head, frame);
            return LEAT_OK;
        }
        if (head.kind != KIND_DATA)
            continue;
        if (!trailer_read(&head, body, &reader->parts, &audience, &audience_len)) {
            reader->lsn = at;
            scan_seek(&reader->scan, head.lsn);
            reader->scan.why = "the frame's table of topics cannot be read";
            return read_failed(reader, SCAN_BAD, err);
        }
        if (reader->parts.count == 0 || !is_wanted(reader))
            continue;
        show(reader, &head, body, audience, audience_len, frame);
        return LEAT_OK;
    }
}

/* ---- seeking ---- */

enum leat_status leat_log_seek_lsn(struct leat_log_reader *reader, uint64_t lsn, struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    uint64_t first = log->segment_count ? log->segments[0].base : 0, end = log->next_lsn;
    leat_lock_give(&log->lock);
    if (lsn < first)
        return leat_fail(err, LEAT_STOP, "log %s: what stood at %llu was released by retention; it begins at %llu",
                         log->name, (unsigned long long)lsn, (unsigned long long)first);
    if (lsn > end)
        return leat_fail(err, LEAT_STOP, "log %s ends at %llu, before %llu", log->name, (unsigned long long)end,
                         (unsigned long long)lsn);
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

/* Goes on to the first frame for which `is_there` says yes, or to the end. */
typedef bool is_there_f(const struct frame_head *head, const struct trailer_part_list *parts, uint64_t a, uint64_t b);

static enum leat_status seek_frame(struct leat_log_reader *reader, is_there_f *is_there, uint64_t a, uint64_t b,
                                   struct leat_error *err)
{
    for (;;) {
        struct frame_head head;
        const uint8_t *body, *audience;
        size_t audience_len;
        enum leat_status status = next_frame(reader, &head, &body, err);
        if (status == LEAT_AGAIN)
            return LEAT_OK;
        if (status != LEAT_OK)
            return status;
        if (head.kind != KIND_DATA || !trailer_read(&head, body, &reader->parts, &audience, &audience_len))
            continue;
        if (is_there(&head, &reader->parts, a, b)) {
            reader->lsn = head.lsn;
            return LEAT_OK;
        }
    }
}

static bool is_at_time(const struct frame_head *head, const struct trailer_part_list *parts, uint64_t time_us, uint64_t b)
{
    (void)parts, (void)b;
    return head->time_us >= (int64_t)time_us;
}

enum leat_status leat_log_seek_time(struct leat_log_reader *reader, int64_t time_us, struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    size_t at = 0;
    while (at + 1 < log->segment_count && log->segments[at].last_us < time_us)
        at++;
    reader->lsn = log->segment_count ? log->segments[at].base : 0;
    leat_lock_give(&log->lock);
    return seek_frame(reader, is_at_time, (uint64_t)time_us, 0, err);
}

static bool is_at_offset(const struct frame_head *head, const struct trailer_part_list *parts, uint64_t id, uint64_t offset)
{
    (void)head;
    for (uint32_t i = 0; i < parts->count; i++)
        if (parts->items[i].topic_id == id && parts->items[i].base_offset + parts->items[i].count > offset)
            return true;
    return false;
}

/* Where to begin to look: the topic's first frame in the segment that holds the offset. */
static uint64_t offset_hint(struct leat_log *log, uint32_t id, uint64_t offset)
{
    for (size_t s = 0; s < log->segment_count; s++) {
        const struct segment *segment = &log->segments[s];
        for (uint32_t i = 0; i < segment->share_count && segment->shares[i].id <= id; i++)
            if (segment->shares[i].id == id && segment->shares[i].first + segment->shares[i].count > offset)
                return segment->shares[i].first_lsn;
    }
    return log->next_lsn;
}

static const struct topic_share *find_share(const struct segment *segment, uint32_t id)
{
    uint32_t i = 0;
    while (i < segment->share_count && segment->shares[i].id < id)
        i++;
    return i < segment->share_count && segment->shares[i].id == id ? &segment->shares[i] : NULL;
}

/* Of a share that begins before `lsn`, which is in its segment. */
static uint64_t offset_between(const struct topic_share *share, const struct segment *segment, uint64_t lsn)
{
    double part = (double)(lsn - share->first_lsn) / (double)(segment->end - share->first_lsn);
    return share->first + (uint64_t)((double)share->count * part);
}

uint64_t leat_log_offset_near(struct leat_log *log, uint32_t id, uint64_t lsn, bool *is_exact)
{
    leat_lock_take(&log->lock);
    leat_assert(id > 0 && id <= log->topic_count);
    uint64_t offset = log->topics[id - 1].info.next; /* all records are before it */
    *is_exact = true;
    for (size_t s = 0; s < log->segment_count; s++) {
        const struct segment *segment = &log->segments[s];
        const struct topic_share *share = segment->end > lsn ? find_share(segment, id) : NULL;
        if (!share || share->count == 0)
            continue;
        *is_exact = share->first_lsn >= lsn;
        offset = *is_exact ? share->first : offset_between(share, segment, lsn);
        break;
    }
    leat_lock_give(&log->lock);
    return offset;
}

enum leat_status leat_log_seek_offset(struct leat_log_reader *reader, uint32_t topic_id, uint64_t offset,
                                      struct leat_error *err)
{
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    reader->lsn = offset_hint(log, topic_id, offset);
    leat_lock_give(&log->lock);
    return seek_frame(reader, is_at_offset, topic_id, offset, err);
}
