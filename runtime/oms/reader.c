#include <oms/reader.h>

#include <base/memory.h>
#include <model/lost.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#define HINT_EVERY_US 1000000
#define IDLE_EVERY_US 200000 /* a lane that has nothing of its own moves its mark so often, */
#define IDLE_BYTES ((uint64_t)4 << 20) /* and after so much of the others' */
#define LOOK_NS 100000000 /* beside the daemon nobody rings: look again after this time */

/* ---- seek ---- */

static uint32_t topic_id(struct split *split, const char *name)
{
    leat_log_topics(split->log->log, split_learn, split);
    for (uint32_t id = 0; id < split->want_cap; id++)
        if (split->topics[id] && strcmp(split->topics[id]->name, name) == 0)
            return id;
    return 0;
}

static enum leat_status seek_offset(struct split *split, const struct leat_place *place, struct leat_error *err)
{
    uint32_t id = topic_id(split, place->topic);
    if (id == 0)
        return leat_log_seek_end(split->reader, err);
    split->skips_offset = true;
    split->skip_topic = id;
    split->skip_offset = place->offset;
    return leat_log_seek_offset(split->reader, id, place->offset, err);
}

/* Retention may run meanwhile: the floor goes back to the mark before it is looked whether all is still there. Where
 * something is not, all of it may have been passed over: then reading goes on where the floor was. */
static enum leat_status seek_cursor(struct split *split, const struct leat_cursor *cursor, struct leat_error *err)
{
    uint64_t lsn, floor = split->consumed.floor;
    if (!leat_cursor_read(cursor, &lsn, &split->skip))
        return leat_fail(err, LEAT_STOP, "log %s: this is no cursor of a commit log", split->log->name);
    bool is_passed = leat_consumed_is_passed(&split->consumed, cursor, lsn);
    split->skip_lsn = lsn;
    if (lsn < floor)
        split_move_floor(split, lsn);
    enum leat_status status = leat_log_seek_lsn(split->reader, lsn, err);
    if (status == LEAT_OK || !is_passed)
        return status;
    split_move_floor(split, floor);
    return leat_log_seek_lsn(split->reader, floor, err);
}

static enum leat_status seek(struct split *split, const struct leat_place *place, struct leat_error *err)
{
    switch (place->kind) {
    case LEAT_AT_FIRST:
        return leat_log_seek_first(split->reader, err);
    case LEAT_AT_END:
        return leat_log_seek_end(split->reader, err);
    case LEAT_AT_TIME:
        return leat_log_seek_time(split->reader, place->time_us, err);
    case LEAT_AT_OFFSET:
        return seek_offset(split, place, err);
    case LEAT_AT_CURSOR:
        return seek_cursor(split, &place->cursor, err);
    }
    return LEAT_STOP;
}

/* Who is sent back takes its floor along. */
enum leat_status oms_seek(struct leat_reader *reader, uint32_t at, const struct leat_place *place, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    split->stream = leat_cut(NULL, 0);
    split->has_gap = false;
    split->skip = 0;
    split->skip_lsn = 0;
    split->skips_offset = false;
    split->is_cut = false;
    split->consumed.handed.len = 0;
    split->passed_lsn = 0;
    split_forget_passed(split);
    enum leat_status status = seek(split, place, err);
    if (status == LEAT_OK && reader->consumer && leat_log_reader_lsn(split->reader) < split->consumed.floor)
        split_move_floor(split, leat_log_reader_lsn(split->reader));
    return status;
}

/* ---- read ---- */

static void begin_frame(struct split *split)
{
    const struct leat_log_frame *frame = &split->frame;
    split->native = (struct leat_native_reader){0};
    split->stream = leat_cut(frame->stream, frame->stream_len);
    split->index = 0;
    split->has_gap = frame->is_gap;
    split->last_us = frame->time_us;
    split->passed_lsn = frame->next_lsn;
    if (frame->part_count > split->offset_cap) {
        split->offset_cap = frame->part_count;
        split->offsets = leat_realloc(split->offsets, split->offset_cap * sizeof *split->offsets);
    }
    for (uint32_t i = 0; i < frame->part_count; i++)
        split->offsets[i] = frame->parts[i].base_offset;
}

/* LEAT_AGAIN: nothing more is durable. */
static enum leat_status next_frame(struct leat_reader *reader, struct split *split, struct leat_error *err)
{
    for (;;) {
        enum leat_status status = leat_log_next(split->reader, &split->frame, err);
        if (status != LEAT_OK)
            return status;
        if (!split->frame.is_gap && split->frame.record_format != LEAT_NATIVE_FORMAT)
            return leat_fail(err, LEAT_STOP, "log %s: records of format %u were written by a newer leat; run that one",
                             split->log->name, split->frame.record_format);
        split_pass_frame(split);
        if (!split->frame.audience || (reader->consumer && strcmp(split->frame.audience, reader->consumer) == 0))
            break;
    }
    begin_frame(split);
    return LEAT_OK;
}

static enum leat_status bad_record(const struct split *split, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                        "log %s: record %u of the frame at %llu cannot be decoded, though its checksum is right: report this",
                        split->log->name, split->index, (unsigned long long)split->frame.lsn);
}

/* Is the record one to hand out? Those before the place where reading begins are passed over. */
static bool is_wanted(struct leat_reader *reader, struct split *split, const struct leat_native_head *head,
                      const struct leat_log_part *part, uint64_t offset)
{
    if (split->index < split->skip && split->frame.lsn == split->skip_lsn)
        return false;
    if (split->skips_offset) {
        if (part->topic_id != split->skip_topic || offset < split->skip_offset)
            return false;
        split->skips_offset = false;
    }
    return split_wants(split, part->topic_id) && (reader->lanes == 1 || leat_op_is_control(head->op) ||
                                                  (reader->barriers && head->op == LEAT_TRUNCATE) ||
                                                  head->key_hash % reader->lanes == reader->lane);
}

/* Mostly that of the record before. False: nobody knows it. */
static bool find_schema(struct split *split, uint32_t id, const struct leat_schema **schema)
{
    bool is_known = true;
    if (id != split->schema_id) {
        split->schema = oms_log_schema(split->log, id, &is_known);
        split->schema_id = is_known ? id : 0;
    }
    *schema = split->schema;
    return is_known;
}

static enum leat_status take_record(struct leat_reader *reader, struct split *split, struct leat_native_head *head,
                                    struct leat_batch *batch, struct leat_error *err)
{
    if (head->topic_slot >= split->frame.part_count)
        return bad_record(split, err);
    const struct leat_log_part *part = &split->frame.parts[head->topic_slot];
    uint64_t offset = split->offsets[head->topic_slot]++;
    const struct leat_schema *schema;
    if (!find_schema(split, head->schema_id, &schema))
        return bad_record(split, err);
    if (!is_wanted(reader, split, head, part, offset)) {
        bool is_good = leat_native_skip(&split->native, head, schema);
        split->index++;
        return is_good ? LEAT_OK : bad_record(split, err);
    }
    bool is_last = leat_cut_left(&split->stream) == 0;
    struct leat_cursor behind = is_last ? leat_cursor_make(split->frame.next_lsn, 0)
                                        : leat_cursor_make(split->frame.lsn, split->index + 1);
    struct leat_record *rec = leat_batch_add_read(batch, (struct leat_read){.cursor = behind, .commit_us = split->frame.time_us});
    rec->topic = split->topics[part->topic_id];
    rec->schema = schema;
    rec->offset = offset;
    rec->partition = split->partitions[part->topic_id];
    split->index++;
    return leat_native_read(&split->native, head, &batch->arena, false, rec) ? LEAT_OK : bad_record(split, err);
}

/* What is lost of each topic, as control records. All have the place behind the hole, and are handed out together: a mark
 * may stand within it, from when there was something to read. */
static void take_gap(struct split *split, struct leat_batch *batch)
{
    const struct leat_log_frame *frame = &split->frame;
    struct leat_cursor behind = leat_cursor_make(frame->next_lsn, 0);
    for (uint32_t i = 0; i < frame->lost_count; i++) {
        const struct leat_log_lost *lost = &frame->lost[i];
        if (!split_wants(split, lost->topic_id))
            continue;
        struct leat_record *rec = leat_batch_add_read(batch, (struct leat_read){.cursor = behind, .commit_us = frame->time_us});
        rec->topic = split->topics[lost->topic_id];
        rec->partition = split->partitions[lost->topic_id];
        leat_lost_put(batch, rec, lost->first, lost->count, frame->time_us);
    }
    split->has_gap = false;
}

/* Records of the frame at hand, until it or the batch has no more room, or before and behind a barrier. */
static enum leat_status take_frame(struct leat_reader *reader, struct split *split, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct leat_native_head head;
    if (split->has_gap)
        take_gap(split, batch);
    while (leat_cut_left(&split->stream) > 0 && !leat_batch_is_full(batch) && !split->is_cut) {
        struct leat_cut before = split->stream;
        uint32_t count = batch->count;
        if (!leat_native_next(&split->native, &split->stream, &head))
            return bad_record(split, err);
        bool is_barrier = reader->barriers && head.op == LEAT_TRUNCATE;
        if (is_barrier && count > 0) {
            split->stream = before;
            split->is_cut = true;
            break;
        }
        enum leat_status status = take_record(reader, split, &head, batch, err);
        if (status != LEAT_OK)
            return status;
        split->is_cut = is_barrier && batch->count > count;
    }
    return LEAT_OK;
}

/* A batch is of one incarnation: a sink that stops at a record within it stores that record's cursor with the batch's
 * incarnation, and the two must belong together (I6). */
static bool joins(struct split *split, const struct leat_batch *batch)
{
    if (batch->count == 0)
        split->incarnation = split->frame.incarnation;
    return memcmp(&split->incarnation, &split->frame.incarnation, sizeof split->incarnation) == 0;
}

/* Is it time for a lane to say that it has passed what others have? Between two frames only. */
static bool is_idle_lane(const struct leat_reader *reader, const struct split *split, bool is_at_end, bool is_last)
{
    uint64_t handed = split->skip_lsn, lsn = split->passed_lsn;
    uint32_t index;
    if (reader->lanes == 1 || !reader->consumer || leat_cut_left(&split->stream) > 0 || split->has_gap)
        return false;
    if (split->consumed.handed.len > 0)
        leat_cursor_read(&split->consumed.handed, &handed, &index);
    return lsn > handed && (is_at_end ? is_last || leat_now().ns - split->handed_at.ns > (int64_t)IDLE_EVERY_US * 1000
                                      : lsn - handed > IDLE_BYTES);
}

static enum leat_status hand_out(struct split *split, uint32_t at, struct leat_batch *batch)
{
    batch->split = at;
    split_mark_batch(split, batch);
    split->handed_at = leat_now();
    return LEAT_OK;
}

static enum leat_status read_split(struct leat_reader *reader, uint32_t at, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    for (split->is_cut = false; !leat_batch_is_full(batch) && !split->is_cut;) {
        enum leat_status status = LEAT_OK;
        if (batch->count == 0 && is_idle_lane(reader, split, false, false))
            return hand_out(split, at, batch);
        if (leat_cut_left(&split->stream) == 0 && !split->has_gap)
            status = next_frame(reader, split, err);
        if (batch->count == 0 && status == LEAT_AGAIN && is_idle_lane(reader, split, true, batch->is_last))
            return hand_out(split, at, batch);
        if (status == LEAT_AGAIN) {
            batch->is_at_end = true;
            break;
        }
        if (status != LEAT_OK && batch->count > 0)
            break; /* what stands before the trouble is handed out first */
        if (status == LEAT_OK && !joins(split, batch))
            break;
        if (status == LEAT_OK)
            status = take_frame(reader, split, batch, err);
        if (status != LEAT_OK)
            return status;
    }
    return batch->count == 0 ? LEAT_AGAIN : hand_out(split, at, batch);
}

static bool has_news(const struct leat_reader *reader)
{
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (leat_log_durable(reader->splits[i].log->log) > leat_log_reader_lsn(reader->splits[i].reader))
            return true;
    return false;
}

static void arm(struct leat_reader *reader)
{
    if (reader->timer >= 0)
        timerfd_settime(reader->timer, 0, &(struct itimerspec){.it_value = {.tv_nsec = LOOK_NS}}, NULL);
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (reader->splits[i].watch)
            leat_log_watch_arm(reader->splits[i].watch);
}

static bool has_new_log(struct leat_reader *reader)
{
    leat_lock_take(&reader->access->lock);
    bool is_new = reader->follows_all && reader->access->log_count > reader->split_count;
    leat_lock_give(&reader->access->lock);
    return is_new;
}

enum leat_status oms_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err)
{
    if (reader->consumer && leat_now().ns - reader->hinted_at.ns > (int64_t)HINT_EVERY_US * 1000)
        reader_write_hints(reader);
    if (has_new_log(reader))
        return leat_fail(err, LEAT_RETRY, "a new log has appeared; reading all of them again");
    do {
        for (uint32_t i = 0; i < reader->split_count; i++) {
            uint32_t at = (reader->turn + i) % reader->split_count;
            enum leat_status status = read_split(reader, at, batch, err);
            if (status != LEAT_AGAIN) {
                reader->turn = at + 1;
                return status;
            }
        }
        arm(reader);
    } while (has_news(reader));
    for (uint32_t i = 0; i < reader->split_count && reader->consumer && !reader->access->is_read_only; i++)
        split_follow_floor(&reader->splits[i]);
    batch->is_at_end = true;
    return LEAT_AGAIN;
}

int oms_reader_fd(struct leat_reader *reader)
{
    return reader->fd;
}
