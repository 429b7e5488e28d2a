#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/plant.h>
#include <stdlib.h>

/* ---- making ---- */

static void put_name(struct leat_bytes *out, const char *name)
{
    leat_bytes_varint(out, strlen(name));
    leat_bytes_text(out, name);
}

static void put_topic(struct leat_bytes *out, const struct leat_log_topic *topic)
{
    leat_bytes_varint(out, topic->id);
    leat_bytes_varint(out, (uint64_t)topic->partition);
    put_name(out, topic->name);
}

/* Ids are defined in their order: those up to the highest that the frame uses, as far as no unit did before. */
static void put_definitions(struct leat_log *log, const struct unit_frame *frame, bool all, struct leat_bytes *out)
{
    uint32_t from = all ? 0 : log->defined_count, to = all ? log->topic_count : log->defined_count;
    for (uint32_t i = 0; i < frame->part_count; i++)
        if (frame->parts[i].topic_id > to)
            to = frame->parts[i].topic_id;
    leat_bytes_varint(out, to - from);
    for (uint32_t i = from; i < to; i++)
        put_topic(out, &log->topics[i].info);
    log->defined_count = to;
}

/* Offsets are given here, in the order of the queue. */
static void put_parts(struct leat_log *log, struct unit_frame *frame, struct segment *segment, struct leat_bytes *out)
{
    uint32_t records = 0;
    for (uint32_t i = 0; i < frame->part_count; i++)
        records += frame->parts[i].count;
    lineage_wrote(log, records > 0);
    leat_bytes_varint(out, frame->part_count);
    for (uint32_t i = 0; i < frame->part_count; i++) {
        struct leat_log_topic *topic = &log->topics[frame->parts[i].topic_id - 1].info;
        struct leat_log_part part = {topic->id, frame->parts[i].count, topic->next};
        uint64_t bytes = trailer_share(frame->stream.len, part.count, records);
        leat_bytes_varint(out, part.topic_id);
        leat_bytes_varint(out, part.base_offset);
        leat_bytes_varint(out, part.count);
        if (topic->next == topic->first)
            topic->first_us = frame->head.time_us;
        topic->next += part.count;
        topic->bytes += bytes;
        log->topics[topic->id - 1].ever_bytes += bytes;
        topic->last_us = frame->head.time_us;
        index_part(segment->notes, frame->head.lsn, frame->head.time_us, &part, bytes);
    }
}

static void put_consumers(struct leat_log *log, bool all, struct leat_bytes *out)
{
    uint32_t count = 0;
    for (size_t i = 0; i < log->consumer_count; i++)
        count += all || log->consumers[i].is_changed;
    leat_bytes_varint(out, count);
    for (size_t i = 0; i < log->consumer_count; i++) {
        struct consumer *consumer = &log->consumers[i];
        if (!all && !consumer->is_changed)
            continue;
        put_name(out, consumer->name);
        leat_bytes_varint(out, consumer->lsn);
        consumer->is_changed = false;
    }
}

static void put_all_state(const struct leat_log *log, struct leat_bytes *out)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    leat_bytes_varint(out, log->state.count);
    while (leat_table_next(&log->state, &at, &key, &len, &value)) {
        const struct blob *blob = value;
        leat_bytes_varint(out, len);
        leat_bytes_add(out, key, len);
        leat_bytes_varint(out, blob->len + 1);
        leat_bytes_add(out, blob->bytes, blob->len);
    }
}

static void put_fold(const struct leat_log *log, int64_t now_us, struct leat_bytes *out)
{
    leat_bytes_varint(out, log->lineage_count);
    for (size_t i = 0; i < log->lineage_count; i++) {
        leat_bytes_add(out, log->lineage[i].uuid.bytes, 16);
        leat_bytes_varint(out, log->lineage[i].first_lsn << 1 | log->lineage[i].has_records);
    }
    leat_bytes_varint(out, log->defined_count);
    for (uint32_t i = 0; i < log->defined_count; i++) {
        const struct topic *topic = &log->topics[i];
        leat_bytes_varint(out, leat_planted("fold_stale_checkpoint") ? topic->durable_next : topic->info.next);
        if (topic->info.next == 0)
            continue;
        leat_bytes_varint(out, topic->ever_bytes);
        leat_bytes_varint(out, (uint64_t)(now_us - topic->info.first_us));
        leat_bytes_varint(out, (uint64_t)(now_us - topic->info.last_us));
    }
}

void trailer_make(struct leat_log *log, const struct leat_log_unit *unit, struct unit_frame *frame,
                  const struct segment *segment, bool is_last)
{
    struct leat_bytes *out = &frame->trailer;
    bool is_fold = unit->kind == KIND_FOLD;
    leat_bytes_clear(out);
    put_definitions(log, frame, is_fold, out);
    put_parts(log, frame, (struct segment *)segment, out);
    put_name(out, unit->audience ? unit->audience : "");
    if (is_last) {
        put_consumers(log, is_fold, out);
    } else {
        leat_bytes_varint(out, 0);
    }
    if (is_fold) {
        put_all_state(log, out);
    } else {
        leat_bytes_varint(out, is_last ? unit->state_count : 0);
        if (is_last)
            leat_bytes_add(out, unit->state.data, unit->state.len);
    }
    if (unit->kind != KIND_DATA)
        put_fold(log, frame->head.time_us, out);
    leat_assert(!out->is_over);
}

/* ---- reading ---- */

void state_apply(struct leat_log *log, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    struct blob *old;
    if (is_set) {
        struct blob *blob = leat_malloc(sizeof *blob + value_len);
        blob->len = value_len;
        if (value_len > 0)
            memcpy(blob->bytes, value, value_len);
        old = leat_table_set(&log->state, key, key_len, blob);
        log->state_bytes += key_len + value_len;
    } else {
        old = leat_table_remove(&log->state, key, key_len);
    }
    if (old)
        log->state_bytes -= key_len + old->len;
    free(old);
}

void trailer_definitions(struct leat_log *log, struct leat_cut *cut)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint32_t id = (uint32_t)leat_cut_varint(cut);
        int32_t partition = (int32_t)leat_cut_varint(cut);
        uint64_t len = leat_cut_varint(cut);
        const uint8_t *name = leat_cut_bytes(cut, len);
        if (!name || id == 0 || id > log->topic_count + 1 || len > 255)
            cut->is_bad = true;
        else
            topic_define(log, id, (const char *)name, len, partition);
    }
}

void trailer_skip_definitions(struct leat_cut *cut)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        leat_cut_varint(cut);
        leat_cut_varint(cut);
        leat_cut_bytes(cut, leat_cut_varint(cut));
    }
}

static bool take_part(struct leat_cut *cut, struct leat_log_part *part)
{
    part->topic_id = (uint32_t)leat_cut_varint(cut);
    part->base_offset = leat_cut_varint(cut);
    part->count = (uint32_t)leat_cut_varint(cut);
    return !cut->is_bad;
}

static uint64_t count_records(struct leat_cut cut, uint64_t parts)
{
    struct leat_log_part part;
    uint64_t records = 0;
    for (uint64_t i = 0; i < parts && take_part(&cut, &part); i++)
        records += part.count;
    return records;
}

static void take_parts(struct leat_log *log, struct leat_cut *cut, const struct frame_head *head)
{
    uint64_t count = leat_cut_varint(cut), records = count_records(*cut, count);
    lineage_wrote(log, records > 0);
    for (uint64_t i = 0; i < count && !cut->is_bad; i++) {
        struct leat_log_part part;
        if (!take_part(cut, &part) || part.topic_id == 0 || part.topic_id > log->topic_count) {
            cut->is_bad = true;
            return;
        }
        struct topic *topic = &log->topics[part.topic_id - 1];
        uint64_t bytes = trailer_share(head->stream_len, part.count, records);
        topic->info.next = topic->durable_next = part.base_offset + (leat_planted("reuse_offset") ? 0 : part.count);
        topic->info.last_us = head->time_us;
        topic->ever_bytes += bytes;
        if (topic->info.first_us == 0)
            topic->info.first_us = head->time_us;
    }
}

static void take_consumers(struct leat_log *log, struct leat_cut *cut)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint64_t len = leat_cut_varint(cut);
        const char *name = (const char *)leat_cut_bytes(cut, len);
        uint64_t lsn = leat_cut_varint(cut);
        if (cut->is_bad)
            return;
        struct consumer *consumer = consumer_find(log, name, len, true);
        if (lsn == UINT64_MAX)
            consumer_remove(log, consumer);
        else
            consumer->lsn = lsn;
    }
}

static void take_state(struct leat_log *log, struct leat_cut *cut)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        uint64_t key_len = leat_cut_varint(cut);
        const uint8_t *key = leat_cut_bytes(cut, key_len);
        uint64_t marked = leat_cut_varint(cut);
        const uint8_t *value = marked > 1 ? leat_cut_bytes(cut, marked - 1) : NULL;
        if (!cut->is_bad)
            state_apply(log, key, key_len, value, marked > 0 ? marked - 1 : 0, marked > 0);
    }
}

static void take_topic(struct topic *topic, int64_t now_us, struct leat_cut *cut)
{
    topic->info.next = topic->durable_next = leat_cut_varint(cut);
    if (topic->info.next == 0)
        return;
    topic->ever_bytes = leat_cut_varint(cut);
    topic->info.first_us = now_us - (int64_t)leat_cut_varint(cut);
    topic->info.last_us = now_us - (int64_t)leat_cut_varint(cut);
}

static void take_fold(struct leat_log *log, int64_t now_us, struct leat_cut *cut)
{
    log->lineage_count = 0;
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        struct leat_uuid uuid = {{0}};
        const uint8_t *bytes = leat_cut_bytes(cut, 16);
        uint64_t first = leat_cut_varint(cut);
        if (cut->is_bad)
            return;
        memcpy(uuid.bytes, bytes, 16);
        lineage_add(log, &uuid, first >> 1);
        log->lineage[log->lineage_count - 1].has_records = first & 1;
    }
    uint64_t count = leat_cut_varint(cut);
    cut->is_bad = cut->is_bad || count > log->topic_count;
    for (uint64_t i = 0; i < count && !cut->is_bad; i++)
        take_topic(&log->topics[i], now_us, cut);
}

bool trailer_apply(struct leat_log *log, const struct frame_head *head, const uint8_t *body)
{
    lineage_wrote(log, head->kind == KIND_GAP); /* it is told as a record */
    if (head->kind == KIND_GAP)
        return gap_apply(log, head, body);
    struct leat_cut cut = leat_cut(body + head->stream_len, head->body_len - head->stream_len);
    trailer_definitions(log, &cut);
    log->defined_count = log->topic_count;
    take_parts(log, &cut, head);
    leat_cut_bytes(&cut, leat_cut_varint(&cut)); /* audience */
    take_consumers(log, &cut);
    take_state(log, &cut);
    if (head->kind != KIND_DATA)
        take_fold(log, head->time_us, &cut);
    return !cut.is_bad && leat_cut_left(&cut) == 0;
}

bool trailer_read(const struct frame_head *head, const uint8_t *body, struct trailer_part_list *parts,
                  const uint8_t **audience, size_t *audience_len)
{
    struct leat_cut cut = leat_cut(body + head->stream_len, head->body_len - head->stream_len);
    parts->count = 0;
    *audience = NULL;
    *audience_len = 0;
    if (head->kind == KIND_GAP)
        return true;
    trailer_skip_definitions(&cut);
    uint64_t count = leat_cut_varint(&cut);
    for (uint64_t i = 0; i < count && !cut.is_bad; i++) {
        if (parts->count == parts->cap) {
            parts->cap = parts->cap ? parts->cap * 2 : 16;
            parts->items = leat_realloc(parts->items, parts->cap * sizeof *parts->items);
        }
        take_part(&cut, &parts->items[parts->count++]);
    }
    *audience_len = leat_cut_varint(&cut);
    *audience = leat_cut_bytes(&cut, *audience_len);
    return !cut.is_bad;
}

static void skip_blobs(struct leat_cut *cut, bool is_state)
{
    for (uint64_t left = leat_cut_varint(cut); left > 0 && !cut->is_bad; left--) {
        leat_cut_bytes(cut, leat_cut_varint(cut));
        uint64_t more = leat_cut_varint(cut); /* of state: its value's length + 1; of a consumer: its place */
        if (is_state && more > 1)
            leat_cut_bytes(cut, more - 1);
    }
}

bool trailer_each_topic(const struct frame_head *head, const uint8_t *body, trailer_topic_f *each, void *arg)
{
    struct leat_cut cut = leat_cut(body + head->stream_len, head->body_len - head->stream_len);
    struct leat_log_part part;
    trailer_skip_definitions(&cut);
    for (uint64_t left = leat_cut_varint(&cut); left > 0 && !cut.is_bad; left--)
        take_part(&cut, &part);
    leat_cut_bytes(&cut, leat_cut_varint(&cut)); /* audience */
    skip_blobs(&cut, false);
    skip_blobs(&cut, true);
    for (uint64_t left = leat_cut_varint(&cut); left > 0 && !cut.is_bad; left--) {
        leat_cut_bytes(&cut, 16);
        leat_cut_varint(&cut);
    }
    uint64_t count = leat_cut_varint(&cut);
    for (uint64_t i = 0; i < count && !cut.is_bad; i++) {
        struct topic topic = {0};
        take_topic(&topic, head->time_us, &cut);
        if (!cut.is_bad)
            each(arg, (uint32_t)i + 1, topic.info.next, topic.ever_bytes);
    }
    return !cut.is_bad;
}
