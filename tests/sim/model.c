#include "model.h"

#include <base/memory.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool complain(struct model *model, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!model->complaint[0])
        vsnprintf(model->complaint, sizeof model->complaint, format, args);
    va_end(args);
    return false;
}

/* ---- what writers write ---- */

void spec_make(const struct model *model, uint64_t number, struct spec *spec)
{
    struct kit_random random = {model->seed * 1000003 + number};
    bool is_wide = number & UNIT_WIDE;
    spec->frame_count = is_wide ? FRAMES_MOST : kit_below(&random, 4) ? 1 : 1 + kit_below(&random, FRAMES_USUAL);
    for (uint32_t i = 0; i < spec->frame_count; i++) {
        memset(&spec->frames[i], 0, sizeof spec->frames[i]);
        spec->frames[i].len = 16 + kit_below(&random, is_wide ? 40 : kit_below(&random, 8) ? 300 : 4000);
        for (uint32_t parts = 1 + kit_below(&random, 3); parts > 0; parts--)
            spec->frames[i].counts[kit_below(&random, TOPICS)] = 1 + kit_below(&random, 5);
    }
    spec->op_count = kit_below(&random, 5);
    for (uint32_t i = 0; i < spec->op_count; i++) {
        spec->ops[i].key = kit_below(&random, KEYS);
        spec->ops[i].value = kit_below(&random, 4) ? (uint32_t)kit_random(&random) | 1 : 0;
    }
}

/* Number, frame, frames, then bytes of a seed. */
void stream_make(const struct model *model, uint64_t number, const struct spec *spec, uint32_t frame, uint8_t *bytes)
{
    struct kit_random random = {model->seed ^ number << 8 ^ frame};
    memcpy(bytes, &number, 8);
    memcpy(bytes + 8, &frame, 4);
    memcpy(bytes + 12, &spec->frame_count, 4);
    for (uint32_t i = 16; i < spec->frames[frame].len; i++)
        bytes[i] = i % 8 ? (uint8_t)(bytes[i - 1] + 1) : (uint8_t)kit_random(&random);
}

static void topic_name(char name[8], uint32_t topic)
{
    snprintf(name, 8, "t%u", topic);
}

uint64_t source_number(uint64_t first_event, uint32_t count)
{
    return UNIT_SOURCE | first_event << 3 | count;
}

uint64_t source_last(uint64_t number)
{
    return number & UNIT_SOURCE ? ((number & (UNIT_SOURCE - 1)) >> 3) + (number & 7) - 1 : 0;
}

static void write_position(uint64_t number, struct leat_log_unit *unit)
{
    uint64_t last = source_last(number);
    if (last > 0)
        leat_log_unit_state(unit, "source", 6, &last, sizeof last);
}

void spec_write(const struct model *model, uint64_t number, struct leat_log *log, struct leat_log_unit *unit)
{
    struct spec spec;
    uint8_t bytes[5000];
    char name[8];
    spec_make(model, number, &spec);
    for (uint32_t i = 0; i < spec.frame_count; i++) {
        if (i > 0)
            leat_log_unit_cut(unit);
        stream_make(model, number, &spec, i, bytes);
        leat_bytes_add(leat_log_unit_stream(unit), bytes, spec.frames[i].len);
        for (uint32_t t = 0; t < TOPICS; t++) {
            if (spec.frames[i].counts[t] == 0)
                continue;
            topic_name(name, t);
            leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(log, name, 0)), spec.frames[i].counts[t]);
        }
    }
    for (uint32_t i = 0; i < spec.op_count; i++) {
        snprintf(name, sizeof name, "k%u", spec.ops[i].key);
        leat_log_unit_state(unit, name, strlen(name), spec.ops[i].value ? &spec.ops[i].value : NULL,
                            spec.ops[i].value ? 4 : 0);
    }
    write_position(number, unit);
}

void model_append(struct model *model, uint64_t number, uint64_t end_lsn)
{
    model->units = leat_realloc(model->units, (model->count + 1) * sizeof *model->units);
    model->units[model->count++] = (struct unit){number, end_lsn, model->incarnation_count - 1, 0};
}

void model_durable(struct model *model, uint64_t lsn)
{
    while (model->durable < model->count && model->units[model->durable].end_lsn <= lsn)
        model->durable++;
}

void model_fini(struct model *model)
{
    free(model->units);
    free(model->lost);
    free(model->incarnations);
}

/* ---- checks ---- */

struct reading {
    uint64_t next[TOPICS]; /* offsets */
    uint64_t first[TOPICS];
    uint32_t topic_of[64]; /* topic id -> topic + 1 */
    struct leat_log *log;
    size_t at;             /* the unit that comes next */
    uint32_t frame;        /* and its frame */
    int64_t time_us;       /* of the frame before */
    bool has_begun;
};

static void map_topic(void *arg, const struct leat_log_topic *topic)
{
    struct reading *reading = arg;
    if (topic->id < 64)
        reading->topic_of[topic->id] = (uint32_t)(topic->name[1] - '0') + 1;
}

/* A reader beside learns of topics while it reads. */
static uint32_t topic_of(struct reading *reading, uint32_t id)
{
    if (id < 64 && reading->topic_of[id] == 0)
        leat_log_topics(reading->log, map_topic, reading);
    return id < 64 && reading->topic_of[id] > 0 ? reading->topic_of[id] - 1 : TOPICS;
}

static void skip_unit(const struct model *model, struct reading *reading, size_t at)
{
    struct spec spec;
    spec_make(model, model->units[at].number, &spec);
    for (uint32_t i = 0; i < spec.frame_count; i++)
        for (uint32_t t = 0; t < TOPICS; t++)
            reading->next[t] += spec.frames[i].counts[t];
}

/* The first frame tells what retention let go. */
static bool find_first(struct model *model, struct reading *reading, uint64_t number)
{
    while (reading->at < model->count && model->units[reading->at].number != number)
        skip_unit(model, reading, reading->at++);
    if (reading->at == model->count)
        return complain(model, "unit %llu is visible and should not be", (unsigned long long)number);
    memcpy(reading->first, reading->next, sizeof reading->first);
    reading->has_begun = true;
    return true;
}

static bool check_parts(struct model *model, struct reading *reading, const struct spec *spec,
                        const struct leat_log_frame *frame)
{
    uint32_t left[TOPICS];
    memcpy(left, spec->frames[reading->frame].counts, sizeof left);
    for (uint32_t i = 0; i < frame->part_count; i++) {
        const struct leat_log_part *part = &frame->parts[i];
        uint32_t topic = topic_of(reading, part->topic_id);
        if (topic >= TOPICS || part->count != left[topic] || part->base_offset != reading->next[topic])
            return complain(model, "unit %llu: topic t%u has %u records from %llu; %u from %llu were written",
                            (unsigned long long)model->units[reading->at].number, topic, part->count,
                            (unsigned long long)part->base_offset, topic < TOPICS ? left[topic] : 0,
                            (unsigned long long)(topic < TOPICS ? reading->next[topic] : 0));
        reading->next[topic] += part->count;
        left[topic] = 0;
    }
    for (uint32_t t = 0; t < TOPICS; t++)
        if (left[t] > 0)
            return complain(model, "topic t%u is missing in a frame", t);
    return true;
}

/* Commit times never go back, and stay what they were. */
static bool check_time(struct model *model, struct reading *reading, int64_t time_us)
{
    int64_t *told = &model->units[reading->at].time_us;
    if (time_us < reading->time_us || (*told != 0 && *told != time_us))
        return complain(model, "unit %llu: time %lld after %lld, told %lld", (unsigned long long)model->units[reading->at].number,
                        (long long)time_us, (long long)reading->time_us, (long long)*told);
    *told = reading->time_us = time_us;
    return true;
}

static bool check_frame(struct model *model, struct reading *reading, const struct leat_log_frame *frame)
{
    struct spec spec;
    uint8_t bytes[5000];
    uint64_t number;
    if (frame->stream_len < 16)
        return complain(model, "a frame of %zu bytes", frame->stream_len);
    memcpy(&number, frame->stream, 8);
    if (!reading->has_begun && !find_first(model, reading, number))
        return false;
    if (reading->at == model->count || model->units[reading->at].number != number)
        return complain(model, "unit %llu is visible where another should be", (unsigned long long)number);
    spec_make(model, number, &spec);
    stream_make(model, number, &spec, reading->frame, bytes);
    bool is_last = reading->frame + 1 == spec.frame_count;
    if (frame->stream_len != spec.frames[reading->frame].len || memcmp(frame->stream, bytes, frame->stream_len) != 0)
        return complain(model, "unit %llu: frame %u is not what was written", (unsigned long long)number, reading->frame);
    if (frame->is_first != (reading->frame == 0) || frame->is_last != is_last ||
        (is_last && model->units[reading->at].end_lsn > 1 && frame->next_lsn != model->units[reading->at].end_lsn))
        return complain(model, "unit %llu: frame %u stands wrong", (unsigned long long)number, reading->frame);
    if (!check_parts(model, reading, &spec, frame) || !check_time(model, reading, frame->time_us))
        return false;
    reading->frame = is_last ? 0 : reading->frame + 1;
    reading->at += is_last;
    return true;
}

/* Nothing is gone that somebody still needs, or that no one asked to let go. */
static bool check_released(struct model *model, size_t released)
{
    const struct leat_log_settings *settings = &model->settings;
    if (released == 0)
        return true;
    bool gives_way = settings->releases_slowest && model->may_be_full;
    if (settings->retain_bytes == 0 && settings->retain_age_us == 0 && !gives_way)
        return complain(model, "%zu units were released, though all is kept for ever", released);
    if (model->has_consumer && !settings->releases_slowest && model->units[released - 1].end_lsn > model->floor)
        return complain(model, "released up to %llu, though a consumer stands at %llu",
                        (unsigned long long)model->units[released - 1].end_lsn, (unsigned long long)model->floor);
    int64_t time_us = model->units[released - 1].time_us;
    if (time_us > 0 && !settings->releases_slowest && time_us + settings->rewind_us > model->latest_us)
        return complain(model, "released what was written at %lld, within the rewind margin", (long long)time_us);
    return true;
}

bool model_check_frames(struct model *model, struct leat_log *log, size_t least, size_t *seen)
{
    struct reading reading = {.log = log};
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_error err;
    enum leat_status status;
    size_t first = 0;
    bool is_good = true;
    if (leat_log_reader_open(log, NULL, NULL, &reader, &err) != LEAT_OK)
        return complain(model, "reader: %s", err.text);
    while (is_good && (status = leat_log_next(reader, &frame, &err)) == LEAT_OK) {
        bool is_begin = !reading.has_begun;
        is_good = check_frame(model, &reading, &frame);
        first = is_begin ? reading.at - (reading.frame == 0) : first;
    }
    leat_log_reader_close(reader);
    if (!is_good)
        return false;
    if (status != LEAT_AGAIN)
        return complain(model, "reading: %s", err.text);
    if (reading.frame != 0)
        return complain(model, "half of unit %llu is visible", (unsigned long long)model->units[reading.at].number);
    if (reading.has_begun ? reading.at < least : !check_released(model, least))
        return complain(model, "%zu units are visible, %zu were durable", reading.at, least);
    *seen = reading.has_begun ? reading.at : least;
    model->first = reading.has_begun ? first : least;
    return check_released(model, first);
}

static void count_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len)
{
    (void)key, (void)key_len, (void)value, (void)value_len;
    (*(size_t *)arg)++;
}

/* The source's position is that of the last unit that is there: no event is missing, none comes again. */
static bool check_position(struct model *model, struct leat_log *log)
{
    uint64_t last = 0, stored = 0;
    struct leat_bytes value;
    for (size_t i = 0; i < model->count; i++)
        if (model->units[i].number & UNIT_SOURCE)
            last = source_last(model->units[i].number);
    leat_bytes_init(&value, 100);
    if (leat_log_state_get(log, "source", 6, &value) && value.len == sizeof stored)
        memcpy(&stored, value.data, sizeof stored);
    leat_bytes_fini(&value);
    return stored == last || complain(model, "the source stands at event %llu, the last one that is there is %llu",
                                      (unsigned long long)stored, (unsigned long long)last);
}

static bool check_state(struct model *model, struct leat_log *log)
{
    uint32_t values[KEYS] = {0};
    size_t set = 0, found = 0;
    struct spec spec;
    struct leat_bytes value;
    for (size_t i = 0; i < model->count; i++) {
        spec_make(model, model->units[i].number, &spec);
        for (uint32_t k = 0; k < spec.op_count; k++)
            values[spec.ops[k].key] = spec.ops[k].value;
    }
    leat_bytes_init(&value, 100);
    for (uint32_t k = 0; k < KEYS; k++) {
        char name[8];
        snprintf(name, sizeof name, "k%u", k);
        bool is_there = leat_log_state_get(log, name, strlen(name), &value);
        set += values[k] != 0;
        if (is_there != (values[k] != 0) || (is_there && (value.len != 4 || memcmp(value.data, &values[k], 4) != 0)))
            complain(model, "state %s is %s", name, is_there ? "another" : "missing");
    }
    leat_bytes_fini(&value);
    leat_log_state_each(log, "k", 1, count_state, &found);
    return found == set ? !model->complaint[0] : complain(model, "state has %zu keys, not %zu", found, set);
}

struct topics_check {
    struct model *model;
    uint64_t first[TOPICS], next[TOPICS]; /* of what is there */
};

static void check_topic(void *arg, const struct leat_log_topic *topic)
{
    struct topics_check *check = arg;
    uint64_t next = check->next[topic->name[1] - '0'];
    if (topic->next != next)
        complain(check->model, "topic %s goes on at %llu, not %llu", topic->name, (unsigned long long)topic->next,
                 (unsigned long long)next);
    uint64_t first = check->first[topic->name[1] - '0'];
    if (topic->first != first)
        complain(check->model, "topic %s begins at %llu, not %llu", topic->name, (unsigned long long)topic->first,
                 (unsigned long long)first);
}

static bool check_lineage(struct model *model, struct leat_log *log)
{
    for (size_t i = 0; i < model->durable; i++)
        if (!leat_log_wrote(log, &model->incarnations[model->units[i].incarnation], model->units[i].end_lsn))
            return complain(model, "a durable place, %llu, is not in the lineage",
                            (unsigned long long)model->units[i].end_lsn);
    for (size_t i = 0; i < model->lost_count; i++)
        if (leat_log_wrote(log, &model->incarnations[model->lost[i].incarnation], model->lost[i].end_lsn))
            return complain(model, "a lost place, %llu, is in the lineage",
                            (unsigned long long)model->lost[i].end_lsn);
    return true;
}

bool model_check_rest(struct model *model, struct leat_log *log)
{
    struct topics_check check = {.model = model};
    struct reading reading = {0};
    for (size_t i = 0; i < model->count; i++) {
        if (i == model->first)
            memcpy(check.first, reading.next, sizeof check.first);
        skip_unit(model, &reading, i);
    }
    if (model->first >= model->count)
        memcpy(check.first, reading.next, sizeof check.first);
    memcpy(check.next, reading.next, sizeof check.next);
    leat_log_topics(log, check_topic, &check);
    return check_state(model, log) && check_position(model, log) && check_lineage(model, log) && !model->complaint[0];
}
