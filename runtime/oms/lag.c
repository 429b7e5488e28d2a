/* lag.c - how far a reader is behind the end of what is durable.
 *
 * Records are counted by offsets, and no frame is read for it: those of a topic that are behind are its durable end minus
 * `passed`, the offset behind the last record that the reader has gone by. After a seek nothing was passed: where the place
 * is in the topic is known from the tables of the segments; inside a segment from the frames ahead, a few MiB of them, once.
 * A topic that is in none of these up to the end has nothing more. Where the end is further ahead it is an estimate, until the
 * reader meets the topic.
 */
#include <oms/reader.h>

#define LOOK_AHEAD ((uint64_t)4 << 20)

void split_pass_frame(struct split *split)
{
    for (uint32_t i = 0; i < split->frame.part_count; i++) {
        const struct leat_log_part *part = &split->frame.parts[i];
        if (part->topic_id < split->want_cap)
            split->passed[part->topic_id] = part->base_offset + part->count + 1;
    }
    for (uint32_t i = 0; i < split->frame.lost_count; i++) {
        const struct leat_log_lost *lost = &split->frame.lost[i];
        if (lost->topic_id < split->want_cap && lost->count != LEAT_LOG_UNKNOWN)
            split->passed[lost->topic_id] = lost->first + lost->count + 1;
    }
}

void split_forget_passed(struct split *split)
{
    for (uint32_t i = 0; i < split->want_cap; i++)
        split->passed[i] = 0;
    split->is_placed = false;
    split->last_us = split->caught_up_us = 0;
}

/* ---- where a place is in its topics ---- */

static void guess(void *arg, const struct leat_log_topic *topic)
{
    struct split *split = arg;
    bool is_exact;
    split_learn(split, topic);
    if (split->wants[topic->id] != WANTED || split->passed[topic->id] > 0)
        return;
    uint64_t offset = leat_log_offset_near(split->log->log, topic->id, leat_log_reader_lsn(split->reader), &is_exact);
    split->passed[topic->id] = offset + 1;
    split->guessed += !is_exact;
    split->is_guess[topic->id] = !is_exact;
}

/* The first frame ahead that holds a topic tells its offset. */
static void correct(struct split *split, const struct leat_log_frame *frame)
{
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const struct leat_log_part *part = &frame->parts[i];
        if (part->topic_id >= split->want_cap || !split->is_guess[part->topic_id])
            continue;
        split->passed[part->topic_id] = part->base_offset + 1;
        split->is_guess[part->topic_id] = false;
        split->guessed--;
    }
}

/* No frame ahead has it. */
static void settle(void *arg, const struct leat_log_topic *topic)
{
    struct split *split = arg;
    if (topic->id < split->want_cap && split->is_guess[topic->id])
        split->passed[topic->id] = topic->next + 1;
}

static void look_ahead(struct split *split)
{
    uint64_t from = leat_log_reader_lsn(split->reader);
    struct leat_log_reader *ahead;
    struct leat_log_frame frame;
    struct leat_error err;
    if (leat_log_reader_open(split->log->log, NULL, NULL, &ahead, &err) != LEAT_OK)
        return;
    enum leat_status status = leat_log_seek_lsn(ahead, from, &err);
    while (status == LEAT_OK && leat_log_reader_lsn(ahead) - from < LOOK_AHEAD) {
        status = leat_log_next(ahead, &frame, &err);
        if (status != LEAT_OK)
            break;
        if (split->last_us == 0)
            split->last_us = frame.time_us;
        correct(split, &frame);
        if (split->guessed == 0)
            break;
    }
    if (status == LEAT_AGAIN && leat_log_reader_lsn(ahead) == leat_log_durable(split->log->log))
        leat_log_topics(split->log->log, settle, split);
    leat_log_reader_close(ahead);
}

static void place(struct split *split)
{
    split->guessed = 0;
    leat_log_topics(split->log->log, guess, split);
    look_ahead(split);
    for (uint32_t i = 0; i < split->want_cap; i++)
        split->is_guess[i] = false;
    split->is_placed = true;
}

/* ---- the lag ---- */

struct sum {
    struct split *split;
    uint64_t records;
};

static void add_topic(void *arg, const struct leat_log_topic *topic)
{
    struct sum *sum = arg;
    struct split *split = sum->split;
    guess(split, topic); /* one that is new begins behind the place */
    uint64_t passed = split->passed[topic->id];
    if (split->wants[topic->id] == WANTED && topic->next + 1 > passed)
        sum->records += topic->next + 1 - passed;
}

/* Of the frame at hand, what was not handed out; of the frame ahead, what was before a restart. */
static uint64_t in_frame(struct sum *sum)
{
    const struct split *split = sum->split;
    uint64_t left = 0;
    if (leat_cut_left(&split->stream) > 0)
        for (uint32_t i = 0; i < split->frame.part_count; i++)
            if (split_wants(sum->split, split->frame.parts[i].topic_id))
                left += split->frame.parts[i].base_offset + split->frame.parts[i].count - split->offsets[i];
    if (split->skip > 0 && split->skip_lsn == leat_log_reader_lsn(split->reader))
        sum->records -= split->skip < sum->records ? split->skip : sum->records;
    return sum->records + left;
}

static uint64_t records_of(struct split *split)
{
    struct sum sum = {.split = split};
    if (!split->is_placed)
        place(split);
    leat_log_topics(split->log->log, add_topic, &sum);
    return in_frame(&sum);
}

void oms_lag(struct leat_reader *reader, struct leat_lag *lag)
{
    int64_t oldest_us = INT64_MAX, now_us = leat_wall_us();
    *lag = (struct leat_lag){0, 0, 0};
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct split *split = &reader->splits[i];
        uint64_t durable = leat_log_durable(split->log->log), at = leat_log_reader_lsn(split->reader);
        uint64_t in_hand = leat_cut_left(&split->stream);
        uint64_t records = durable > at || in_hand > 0 ? records_of(split) : 0;
        if (records == 0) { /* frames of others, state */
            split->caught_up_us = now_us;
            continue;
        }
        int64_t since_us = split->last_us > split->caught_up_us ? split->last_us : split->caught_up_us;
        lag->records += (int64_t)records;
        lag->bytes += (int64_t)(durable > at ? durable - at : 0) + (int64_t)in_hand;
        oldest_us = since_us > 0 && since_us < oldest_us ? since_us : oldest_us;
    }
    lag->records = (lag->records + reader->lanes - 1) / reader->lanes; /* a lane's share of them */
    if (lag->records > 0)
        lag->us = oldest_us == INT64_MAX ? -1 : now_us > oldest_us ? now_us - oldest_us : 0;
}
