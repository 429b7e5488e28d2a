/* driver_lag.c - how far a reader is behind the end of what is committed.
 *
 * Records are counted by offsets: of each partition of a wanted topic, what its writer has written minus what was gone by.
 * After a seek it is known again once a frame of each has come; until then the count is unknown, and bytes are a guess.
 */
#include <kafka/driver_reader.h>

#include <base/memory.h>
#include <stdlib.h>

#define FRAME_GUESS 1000 /* bytes of a frame, before the first has come */

/* ---- what was gone by ---- */

static struct kpassed *find_passed(struct ksplit *split, const struct leat_topic *topic, int32_t partition)
{
    struct kpassed *at = topic->number < split->passed_cap ? split->passed[topic->number] : NULL;
    while (at && at->partition != partition)
        at = at->more;
    return at;
}

static struct kpassed *add_passed(struct ksplit *split, const struct leat_topic *topic, int32_t partition)
{
    if (topic->number >= split->passed_cap) {
        uint32_t cap = topic->number + 64;
        split->passed = leat_realloc(split->passed, cap * sizeof *split->passed);
        memset((void *)(split->passed + split->passed_cap), 0, (cap - split->passed_cap) * sizeof *split->passed);
        split->passed_cap = cap;
    }
    struct kpassed *passed = leat_calloc(1, sizeof *passed);
    passed->partition = partition;
    passed->more = split->passed[topic->number];
    return split->passed[topic->number] = passed;
}

void ksplit_pass_frame(struct ksplit *split)
{
    const struct kframe *frame = &split->frame;
    split->passed_at = split->message->offset + 1;
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const struct kpart *part = &frame->parts[i];
        struct kpassed *passed = find_passed(split, part->topic, part->partition);
        if (!passed)
            passed = add_passed(split, part->topic, part->partition);
        passed->next = part->base + part->count;
    }
}

void ksplit_forget_passed(struct ksplit *split)
{
    for (uint32_t i = 0; i < split->passed_cap; i++)
        while (split->passed[i]) {
            struct kpassed *gone = split->passed[i];
            split->passed[i] = gone->more;
            free(gone);
        }
}

/* ---- the lag ---- */

/* Frames between what was taken and the end that is known; Kafka's own mark behind each commit is counted as one. */
static int64_t frames_behind(struct ksplit *split)
{
    struct leat_access *access = split->log->access;
    int64_t low = 0, high = 0;
    if (split->is_started)
        rd_kafka_get_watermark_offsets(split->owner->client.rk, split->log->data_topic, 0, &low, &high);
    leat_lock_take(&access->lock);
    if (high < split->log->data_end)
        high = split->log->data_end;
    leat_lock_give(&access->lock);
    if (high < split->end)
        high = split->end;
    return high - split->at > 1 || !ksplit_is_at_end(split) ? high - split->at + (split->message != NULL) : 0;
}

/* Of the frame at hand, what was not handed out. */
static uint64_t left_in_frame(struct ksplit *split)
{
    uint64_t left = 0;
    for (uint32_t i = 0; split->message && i < split->frame.part_count; i++)
        if (kreader_wants(split->owner, split->frame.parts[i].topic))
            left += split->frame.parts[i].base + split->frame.parts[i].count - split->offsets[i];
    return left;
}

/* False: of one that is wanted nothing is known. */
static bool add_behind(struct ksplit *split, const void *key, size_t len, const struct kentry *entry, uint64_t *records)
{
    const char *name;
    size_t name_len;
    struct ktopic written;
    if (!ktopic_key(key, len, &name, &name_len) || name_len > 249 || !ktopic_read(&written, entry))
        return true;
    const struct leat_topic *topic = leat_topic(name, name_len);
    if (!kreader_wants(split->owner, topic))
        return true;
    const struct kpassed *passed = find_passed(split, topic, written.partition);
    if (passed && written.next > passed->next)
        *records += written.next - passed->next;
    else if (!passed)
        *records += written.next;
    return passed || split->is_from_start || (!split->is_started && !split->consumed.has_hint);
}

/* -1: unknown. */
static int64_t records_behind(struct ksplit *split)
{
    struct klog *log = split->log;
    size_t at = 0, len;
    const void *key;
    void *entry;
    uint64_t records = left_in_frame(split);
    bool is_known = true;
    leat_lock_take(&log->access->lock);
    while (leat_table_next(&log->state, &at, &key, &len, &entry))
        is_known = add_behind(split, key, len, entry, &records) && is_known;
    leat_lock_give(&log->access->lock);
    return is_known ? (int64_t)records : -1;
}

void kreader_lag(struct leat_reader *reader, struct leat_lag *lag)
{
    int64_t oldest_us = INT64_MAX;
    *lag = (struct leat_lag){0, 0, 0};
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct ksplit *split = &reader->splits[i];
        int64_t frames = frames_behind(split), records = frames > 0 ? records_behind(split) : 0;
        if (records == 0) /* frames of others */
            continue;
        lag->bytes += frames * (split->taken_frames ? (int64_t)(split->taken_bytes / split->taken_frames) : FRAME_GUESS);
        lag->records = records < 0 || lag->records < 0 ? -1 : lag->records + records;
        if (split->last_us > 0 && split->last_us < oldest_us)
            oldest_us = split->last_us;
    }
    if (lag->records > 0)
        lag->records = (lag->records + reader->lanes - 1) / reader->lanes; /* a lane's share of them */
    if (lag->records != 0)
        lag->us = oldest_us == INT64_MAX ? -1 : leat_wall_us() - oldest_us;
}
