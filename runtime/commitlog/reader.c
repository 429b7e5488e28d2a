#include <commitlog/reader.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

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
    reader_forget_plan(reader);
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
    if (result == SCAN_FAILED) {
        if (err->cause == LEAT_CAUSE_DISK) /* one reader ends; what is written is as safe as before, so all others go on */
            err->cause = LEAT_CAUSE_OTHER;
        return LEAT_STOP;
    }
    return damage_fail(log, reader->scan.lsn, 0, result == SCAN_BAD ? reader->scan.why : "the frames end here", err);
}

enum leat_status reader_next_frame(struct leat_log_reader *reader, struct frame_head *head, const uint8_t **body,
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
    for (;;) {
        uint64_t gap_lsn;
        reader_skip(reader, durable);
        if (reader->lsn >= durable)
            return LEAT_AGAIN;
        reader->scan.limit = durable;
        scan_seek(&reader->scan, reader->lsn);
        enum scan_result result = scan_next(&reader->scan, head, body, err);
        if (result != SCAN_FRAME && reader->plan.is_named) {
            reader_unskip(reader);
            continue;
        }
        if ((result == SCAN_BAD || result == SCAN_END) && gap_around(log, reader->lsn, &gap_lsn)) {
            scan_seek(&reader->scan, gap_lsn);
            result = scan_next(&reader->scan, head, body, err);
        }
        if (result != SCAN_FRAME)
            return read_failed(reader, result, err);
        reader->lsn = reader->scan.lsn;
        return LEAT_OK;
    }
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
        enum leat_status status = reader_next_frame(reader, &head, &body, err);
        if (status != LEAT_OK)
            return status;
        if (head.kind == KIND_GAP && gap_read(&head, body, &reader->gap)) {
            if (!is_wanted_gap(reader))
                continue;
            show_gap(reader, &head, frame);
            return LEAT_OK;
        }
        bool is_data = head.kind == KIND_DATA;
        if (is_data && !trailer_read(&head, body, &reader->parts, &audience, &audience_len)) {
            reader->lsn = at;
            scan_seek(&reader->scan, head.lsn);
            reader->scan.why = "the frame's table of topics cannot be read";
            return read_failed(reader, SCAN_BAD, err);
        }
        if (is_data && reader->parts.count > 0 && is_wanted(reader)) {
            show(reader, &head, body, audience, audience_len, frame);
            return LEAT_OK;
        }
        if (reader->plan.is_named)
            reader_unskip(reader);
    }
}
