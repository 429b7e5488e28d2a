#include "life.h"

#include <string.h>

struct place { /* a frame of the model */
    size_t unit;
    uint32_t frame;
};

struct look {
    struct site *site;
    uint32_t wants; /* topics, by bit */
    struct leat_log_reader *reader;
    struct place at;
};

static uint32_t topics_of(const struct spec *spec, uint32_t frame)
{
    uint32_t topics = 0;
    for (uint32_t t = 0; t < TOPICS; t++)
        topics |= spec->frames[frame].counts[t] ? 1u << t : 0;
    return topics;
}

static bool is_wanted(void *arg, uint32_t id)
{
    struct look *look = arg;
    uint32_t topic = site_topic(look->site, id);
    return topic < TOPICS && look->wants & 1u << topic;
}

/* ---- ways to begin; each moves `look->at` to where it should come out ---- */

static size_t any_unit(struct site *site)
{
    const struct model *model = &site->model;
    return model->first + below(site->life, (uint32_t)(model->durable - model->first));
}

static enum leat_status at_place(struct look *look, struct leat_error *err)
{
    size_t unit = any_unit(look->site);
    look->at = (struct place){unit + 1, 0};
    return leat_log_seek_lsn(look->reader, look->site->model.units[unit].end_lsn, err);
}

static enum leat_status at_time(struct look *look, struct leat_error *err)
{
    const struct model *model = &look->site->model;
    int64_t time_us = model->units[any_unit(look->site)].time_us + (int64_t)below(look->site->life, 3) - 1;
    while (look->at.unit < model->durable && model->units[look->at.unit].time_us < time_us)
        look->at.unit++;
    return leat_log_seek_time(look->reader, time_us, err);
}

/* Goes on from `look->at`, before unit `end`, to the first frame with a record of the topic at or above `offset`; *next: the
 * topic's next offset there. */
static void go_to_offset(struct look *look, size_t end, uint32_t topic, uint64_t offset, uint64_t *next)
{
    const struct model *model = &look->site->model;
    struct spec spec;
    for (; look->at.unit < end; look->at.unit++) {
        spec_make(model, model->units[look->at.unit].number, &spec);
        for (look->at.frame = 0; look->at.frame < spec.frame_count; look->at.frame++) {
            uint32_t count = spec.frames[look->at.frame].counts[topic];
            *next += count;
            if (count > 0 && *next > offset)
                return;
        }
        look->at.frame = 0;
    }
}

static enum leat_status at_offset(struct look *look, struct leat_error *err)
{
    struct site *site = look->site;
    size_t first = site->model.first, durable = site->model.durable;
    uint32_t topic = below(site->life, TOPICS);
    uint64_t kept = 0, end = 0, next = 0;
    char name[8];
    look->at.unit = 0;
    go_to_offset(look, first, topic, UINT64_MAX, &kept);
    end = kept;
    go_to_offset(look, durable, topic, UINT64_MAX, &end);
    uint64_t offset = kept + below(site->life, (uint32_t)(end - kept) + 2);
    look->at.unit = first;
    next = kept;
    go_to_offset(look, durable, topic, offset, &next);
    snprintf(name, sizeof name, "t%u", topic);
    return leat_log_seek_offset(look->reader, leat_log_topic(site->log, name, 0), offset, err);
}

static enum leat_status at_end(struct look *look, struct leat_error *err)
{
    look->at.unit = look->site->model.durable;
    return leat_log_seek_end(look->reader, err);
}

/* ---- what comes from there ---- */

static bool compare(struct look *look, const struct leat_log_frame *frame)
{
    struct model *model = &look->site->model;
    struct spec spec;
    uint64_t number;
    uint32_t index;
    for (; look->at.unit < model->durable; look->at = (struct place){look->at.unit + 1, 0}) {
        spec_make(model, model->units[look->at.unit].number, &spec);
        while (look->at.frame < spec.frame_count && !(topics_of(&spec, look->at.frame) & look->wants))
            look->at.frame++;
        if (look->at.frame < spec.frame_count)
            break;
    }
    if (look->at.unit == model->durable)
        return !frame || complain(model, "a reader that is at the end has more");
    if (!frame)
        return complain(model, "a reader ends before frame %u of unit %llu", look->at.frame,
                        (unsigned long long)model->units[look->at.unit].number);
    memcpy(&number, frame->stream, 8);
    memcpy(&index, frame->stream + 8, 4);
    if (number != model->units[look->at.unit].number || index != look->at.frame)
        return complain(model, "a reader has frame %u of unit %llu, and should have frame %u of unit %llu", index,
                        (unsigned long long)number, look->at.frame, (unsigned long long)model->units[look->at.unit].number);
    look->at.frame++;
    return true;
}

static bool read_on(struct look *look, uint32_t most)
{
    struct leat_log_frame frame;
    struct leat_error err;
    enum leat_status status = LEAT_OK;
    bool is_good = true;
    while (is_good && most-- > 0 && (status = leat_log_next(look->reader, &frame, &err)) == LEAT_OK)
        is_good = compare(look, &frame);
    if (!is_good || status == LEAT_OK)
        return is_good;
    return status == LEAT_AGAIN ? compare(look, NULL) : complain(&look->site->model, "a reader: %s", err.text);
}

/* What retention let go since all was read last. */
static void find_first(struct site *site)
{
    struct leat_log_info info;
    struct model *model = &site->model;
    leat_log_info(site->log, &info);
    model->first = 0;
    while (model->first < model->durable && model->units[model->first].end_lsn <= info.first_lsn)
        model->first++;
}

bool seek_check(struct site *site)
{
    static enum leat_status (*const ways[])(struct look *look, struct leat_error *err) = {at_place, at_time, at_offset, at_end};
    struct leat_error err;
    struct look look = {.site = site, .wants = below(site->life, 2) ? 1u << below(site->life, TOPICS) : 1 + below(site->life, 31)};
    find_first(site);
    if (site->model.first == site->model.durable || site->life->may_fail_reads)
        return true;
    for (size_t i = site->model.first; i < site->model.durable; i++)
        if (site->model.units[i].time_us == 0)
            return true; /* not read yet: its time is not known */
    look.at.unit = site->model.first;
    if (leat_log_reader_open(site->log, is_wanted, &look, &look.reader, &err) != LEAT_OK)
        return complain(&site->model, "reader: %s", err.text);
    uint32_t way = below(site->life, 5);
    if (way < 4 && ways[way](&look, &err) != LEAT_OK)
        complain(&site->model, "seek: %s", err.text);
    bool is_good = !site->model.complaint[0] && read_on(&look, 1 + below(site->life, 6));
    leat_log_reader_close(look.reader);
    if (sim_disk_is_off(site->life->disk)) { /* it writes an index where there is none: the power may go there too */
        site->model.complaint[0] = '\0';
        return true;
    }
    if (!is_good)
        tell(site->life, "  seen by a reader that began %s\n",
             way == 0 ? "at a place" : way == 1 ? "at a time" : way == 2 ? "at an offset" : way == 3 ? "at the end" : "at the first");
    return is_good;
}
