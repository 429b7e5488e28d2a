/* driver_frame.c - a frame: the records of one unit, or of a part of it, as the value of one Kafka message.
 *
 *   u8      format of the frame, 1
 *   varint  format of the records (model/native.h)
 *   varint  wall time when it was queued, microseconds; the message's own time is the same in milliseconds
 *   text    audience, empty: all
 *   varint  topics, and of each: text name, varint partition, varint offset of its first record here, varint records
 *   varint  schemas, and of each: u64 hash; a record's schema id N is the Nth of them
 *   ...     the records, one native stream
 *
 * A text is a varint and as many bytes. Kafka checks the bytes (check.crcs). Records of all topics stand in the order in
 * which the source gave them.
 */
#include <kafka/driver.h>

#include <base/memory.h>
#include <stdlib.h>

#define FRAME_FORMAT 1
#define TABLE_MOST   ((uint64_t)1 << 20) /* entries of a table that are believed */

/* ---- write ---- */

static void put_text(struct leat_bytes *out, const char *text, size_t len)
{
    leat_bytes_varint(out, len);
    leat_bytes_add(out, text, len);
}

void kframe_write(struct leat_bytes *out, const struct kframe *frame)
{
    leat_bytes_put(out, FRAME_FORMAT);
    leat_bytes_varint(out, LEAT_NATIVE_FORMAT);
    leat_bytes_varint(out, (uint64_t)frame->time_us);
    put_text(out, frame->audience, frame->audience_len);
    leat_bytes_varint(out, frame->part_count);
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const struct kpart *part = &frame->parts[i];
        put_text(out, part->topic->name, part->topic->name_len);
        leat_bytes_varint(out, (uint32_t)part->partition);
        leat_bytes_varint(out, part->base);
        leat_bytes_varint(out, part->count);
    }
    leat_bytes_varint(out, frame->schema_count);
    for (uint32_t i = 0; i < frame->schema_count; i++)
        leat_bytes_u64(out, frame->schemas[i]);
    leat_bytes_add(out, frame->stream.at, leat_cut_left(&frame->stream));
}

/* ---- read ---- */

static bool take_parts(struct kframe *frame, struct leat_cut *cut)
{
    uint64_t count = leat_cut_varint(cut);
    if (cut->is_bad || count > TABLE_MOST || count > leat_cut_left(cut))
        return false;
    if (count > frame->part_cap) {
        frame->parts = leat_realloc(frame->parts, count * sizeof *frame->parts);
        frame->part_cap = (uint32_t)count;
    }
    frame->part_count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = leat_cut_varint(cut);
        const char *name = (const char *)leat_cut_bytes(cut, len);
        if (!name || len == 0 || len > 249)
            return false;
        frame->parts[i] = (struct kpart){.topic = leat_topic(name, (size_t)len),
                                         .partition = (int32_t)leat_cut_varint(cut),
                                         .base = leat_cut_varint(cut),
                                         .count = (uint32_t)leat_cut_varint(cut)};
    }
    return !cut->is_bad;
}

static bool take_schemas(struct kframe *frame, struct leat_cut *cut)
{
    uint64_t count = leat_cut_varint(cut);
    if (cut->is_bad || count > leat_cut_left(cut) / sizeof *frame->schemas)
        return false;
    if (count > frame->schema_cap) {
        frame->schemas = leat_realloc(frame->schemas, count * sizeof *frame->schemas);
        frame->schema_cap = (uint32_t)count;
    }
    frame->schema_count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++)
        frame->schemas[i] = leat_cut_u64(cut);
    return true;
}

/* False: not a frame of this format. */
bool kframe_read(struct kframe *frame, const void *bytes, size_t len)
{
    struct leat_cut cut = leat_cut(bytes, len);
    if (leat_cut_u8(&cut) != FRAME_FORMAT || leat_cut_varint(&cut) != LEAT_NATIVE_FORMAT)
        return false;
    frame->time_us = (int64_t)leat_cut_varint(&cut);
    frame->audience_len = (size_t)leat_cut_varint(&cut);
    frame->audience = (const char *)leat_cut_bytes(&cut, frame->audience_len);
    if (cut.is_bad || !take_parts(frame, &cut) || !take_schemas(frame, &cut))
        return false;
    frame->stream = leat_cut(cut.at, leat_cut_left(&cut));
    return true;
}

void kframe_fini(struct kframe *frame)
{
    free(frame->parts);
    free(frame->schemas);
    *frame = (struct kframe){0};
}

/* ---- what was written to a topic ---- */

void ktopic_write(struct leat_bytes *out, const struct ktopic *topic)
{
    leat_bytes_clear(out);
    leat_bytes_varint(out, (uint32_t)topic->partition);
    leat_bytes_varint(out, topic->next);
    leat_bytes_varint(out, topic->bytes);
    leat_bytes_varint(out, (uint64_t)topic->first_us);
    leat_bytes_varint(out, (uint64_t)topic->last_us);
}

bool ktopic_read(struct ktopic *topic, const struct kentry *entry)
{
    struct leat_cut cut = leat_cut(entry->bytes, entry->len);
    topic->partition = (int32_t)leat_cut_varint(&cut);
    topic->next = leat_cut_varint(&cut);
    topic->bytes = leat_cut_varint(&cut);
    topic->first_us = (int64_t)leat_cut_varint(&cut);
    topic->last_us = (int64_t)leat_cut_varint(&cut);
    return !cut.is_bad;
}

bool ktopic_key(const void *key, size_t len, const char **name, size_t *name_len)
{
    const char *text = key, *end = len > 1 && text[0] == STATE_TOPIC ? memchr(text + 1, 0, len - 1) : NULL;
    if (!end || len - (size_t)(end - text) <= 1 + 4)
        return false;
    *name = end + 1 + 4;
    *name_len = (size_t)(text + len - *name);
    return true;
}
