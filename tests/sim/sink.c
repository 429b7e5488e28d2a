#include "life.h"

#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

void sink_begin(struct site *site, uint32_t number)
{
    struct sink *sink = &site->sinks[number];
    *sink = (struct sink){.wants = 1 + below(site->life, (1 << TOPICS) - 1)};
    snprintf(sink->name, sizeof sink->name, "sink%u", number);
}

void sink_end(struct sink *sink)
{
    free(sink->items);
    free(sink->marks);
}

void sink_stop(struct sink *sink)
{
    if (sink->reader)
        leat_log_reader_close(sink->reader);
    sink->reader = NULL;
}

static void note_topic(void *arg, const struct leat_log_topic *topic)
{
    struct site *site = arg;
    if (topic->id < sizeof site->topic_of && topic->name[0] == 't')
        site->topic_of[topic->id] = (uint8_t)(topic->name[1] - '0' + 1);
}

uint32_t site_topic(struct site *site, uint32_t id)
{
    if (id < sizeof site->topic_of && site->topic_of[id] == 0)
        leat_log_topics(site->log, note_topic, site);
    return id < sizeof site->topic_of && site->topic_of[id] > 0 ? site->topic_of[id] - 1u : TOPICS;
}

struct wish {
    struct site *site;
    const struct sink *sink;
};

/* ---- where it goes on ---- */

static const struct mark *mark_of(const struct sink *sink)
{
    return sink->mark_count ? &sink->marks[sink->mark_count - 1] : NULL;
}

/* The lowest place that some sink told to be its floor. */
static void set_floor(struct site *site)
{
    struct model *model = &site->model;
    model->has_consumer = false;
    model->floor = UINT64_MAX;
    for (uint32_t i = 0; i < site->sink_count; i++) {
        const struct sink *sink = &site->sinks[i];
        if (!sink->has_told)
            continue;
        model->has_consumer = true;
        model->floor = sink->told_lsn < model->floor ? sink->told_lsn : model->floor;
    }
}

static void tell_floor(struct site *site, struct sink *sink, uint64_t lsn)
{
    leat_log_consumer_set(site->log, sink->name, lsn);
    sink->floor_lsn = lsn;
    sink->told_lsn = !sink->has_told || lsn > sink->told_lsn ? lsn : sink->told_lsn;
    sink->has_told = true;
    set_floor(site);
}

void sinks_register(struct site *site)
{
    for (uint32_t i = 0; i < site->sink_count; i++)
        if (site->sinks[i].has_told)
            leat_log_consumer_set(site->log, site->sinks[i].name, site->sinks[i].floor_lsn);
}

static void forget_target(struct sink *sink)
{
    sink->count = sink->mark_count = 0;
    sink->begin_lsn = 0;
    sink->has_told = false;
}

/* What stands at its mark is gone. That may be where the log was told to release what nobody read, and where a target came
 * back older than the margin for that. */
static bool begin_anew(struct site *site, struct sink *sink, const struct leat_error *err)
{
    const struct model *model = &site->model;
    const struct mark *mark = mark_of(sink);
    size_t next = 0;
    while (next < model->count && model->units[next].end_lsn <= mark->lsn)
        next++;
    bool is_young = next < model->count && model->units[next].time_us > 0 &&
                    model->units[next].time_us + model->settings.rewind_us > model->latest_us;
    if (!model->settings.releases_slowest && (mark->lsn >= sink->told_lsn || is_young))
        return complain(&site->model, "%s cannot go on at %llu: %s", sink->name, (unsigned long long)mark->lsn, err->text);
    tell(site->life, "  %s %s begins anew, %llu is gone\n", site->config.name, sink->name, (unsigned long long)mark->lsn);
    forget_target(sink);
    return true;
}

static bool seek_mark(struct site *site, struct sink *sink)
{
    const struct mark *mark = mark_of(sink);
    struct leat_error err;
    bool is_ours = !mark || leat_log_wrote(site->log, &mark->incarnation, mark->lsn);
    if (!is_ours && !site->has_lost)
        return complain(&site->model, "%s: its mark, %llu, is not in the lineage", sink->name, (unsigned long long)mark->lsn);
    if (!is_ours) { /* the target knows what nobody on the disk knew */
        forget_target(sink);
        mark = NULL;
    }
    if (mark && leat_log_seek_lsn(sink->reader, mark->lsn, &err) == LEAT_OK)
        return true;
    if (mark && !begin_anew(site, sink, &err))
        return false;
    leat_log_seek_first(sink->reader, &err);
    sink->begin_lsn = leat_log_reader_lsn(sink->reader);
    return true;
}

static bool wants(void *arg, uint32_t id)
{
    struct wish *wish = arg;
    uint32_t topic = site_topic(wish->site, id);
    return topic < TOPICS && wish->sink->wants & 1u << topic;
}

static struct wish *wish_of(struct site *site, const struct sink *sink)
{
    static struct wish wishes[SITES_MOST][SINKS_MOST];
    struct wish *wish = &wishes[site - site->life->sites][sink - site->sinks];
    *wish = (struct wish){site, sink};
    return wish;
}

static bool start(struct site *site, struct sink *sink)
{
    struct leat_error err;
    if (leat_log_reader_open(site->log, wants, wish_of(site, sink), &sink->reader, &err) != LEAT_OK)
        return complain(&site->model, "%s: %s", sink->name, err.text);
    if (!seek_mark(site, sink))
        return false;
    tell_floor(site, sink, leat_log_reader_lsn(sink->reader));
    return true;
}

/* ---- what it delivers ---- */

/* The target takes what came, and the place behind it: both or neither. */
static void apply(struct sink *sink, const struct item *items, size_t count, const struct mark *mark)
{
    sink->items = leat_realloc(sink->items, (sink->count + count + 1) * sizeof *sink->items);
    memcpy(sink->items + sink->count, items, count * sizeof *items);
    sink->count += count;
    sink->marks = leat_realloc(sink->marks, (sink->mark_count + 1) * sizeof *sink->marks);
    sink->marks[sink->mark_count] = *mark;
    sink->marks[sink->mark_count++].count = sink->count;
}

static bool read_failed(struct site *site, struct sink *sink, const struct leat_error *err)
{
    struct life *life = site->life;
    struct leat_log_info info;
    uint64_t at = leat_log_reader_lsn(sink->reader);
    leat_log_info(site->log, &info);
    sink_stop(sink);
    if (sim_disk_is_off(life->disk))
        return true;
    if (life->may_fail_reads && err->cause == LEAT_CAUSE_OTHER)
        return true; /* it begins again at its mark */
    if (at < info.first_lsn && site->model.settings.releases_slowest) {
        forget_target(sink);
        return true;
    }
    return complain(&site->model, "%s: %s", sink->name, err->text);
}

/* A target that lost its end: back to one of its last marks. The sink hears of it when it asks for the mark. */
static void rewind_target(struct site *site, struct sink *sink)
{
    size_t back = 1 + below(site->life, 4);
    if (sink->mark_count <= back)
        return;
    sink->mark_count -= back;
    sink->count = mark_of(sink)->count;
    sink->rewinds++;
    tell(site->life, "  %s %s is back at %llu\n", site->config.name, sink->name, (unsigned long long)mark_of(sink)->lsn);
    sink_stop(sink);
}

/* *is_end: there was nothing more. */
static bool deliver(struct site *site, struct sink *sink, uint32_t most, bool *is_end)
{
    struct item items[16];
    struct leat_log_frame frame;
    struct leat_error err;
    struct mark mark = {0};
    size_t count = 0;
    enum leat_status status = LEAT_OK;
    while (count < most && (status = leat_log_next(sink->reader, &frame, &err)) == LEAT_OK) {
        memcpy(&items[count].number, frame.stream, 8);
        memcpy(&items[count++].frame, frame.stream + 8, 4);
        mark = (struct mark){.lsn = frame.next_lsn, .incarnation = frame.incarnation};
    }
    *is_end = status == LEAT_AGAIN;
    if (status == LEAT_STOP)
        return read_failed(site, sink, &err);
    if (count == 0)
        return true;
    bool is_done = below(site->life, 12), is_told = below(site->life, 12);
    if (is_done)
        apply(sink, items, count, &mark);
    if (!is_done || !is_told) { /* it does not know, and asks the target when it starts again */
        sink->again++;
        *is_end = false;
        sink_stop(sink);
    }
    return true;
}

bool sink_step(struct site *site, struct sink *sink)
{
    bool is_end;
    if (sim_disk_is_off(site->life->disk))
        return true;
    if (!sink->reader)
        return start(site, sink);
    uint32_t kind = below(site->life, 16);
    if (kind == 0) {
        rewind_target(site, sink);
        return true;
    }
    if (kind < 4) {
        if (mark_of(sink))
            tell_floor(site, sink, mark_of(sink)->lsn);
        return true;
    }
    return deliver(site, sink, 1 + below(site->life, 16), &is_end);
}

/* ---- in the end ---- */

static bool expect(struct site *site, const struct sink *sink, size_t *at, uint64_t number, uint32_t frame)
{
    const struct item *item = *at < sink->count ? &sink->items[*at] : NULL;
    if (!item || item->number != number || item->frame != frame)
        return complain(&site->model, "%s: the target's entry %zu is frame %u of unit %llu, not frame %u of unit %llu", sink->name,
                        *at, item ? item->frame : 0, (unsigned long long)(item ? item->number : 0), frame,
                        (unsigned long long)number);
    (*at)++;
    return true;
}

/* Each wanted frame from where it began is there once, in order. */
static bool compare(struct site *site, const struct sink *sink)
{
    const struct model *model = &site->model;
    struct spec spec;
    size_t at = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->units[i].end_lsn <= sink->begin_lsn)
            continue;
        spec_make(model, model->units[i].number, &spec);
        for (uint32_t f = 0; f < spec.frame_count; f++) {
            uint32_t topics = 0;
            for (uint32_t t = 0; t < TOPICS; t++)
                topics |= spec.frames[f].counts[t] ? 1u << t : 0;
            if (topics & sink->wants && !expect(site, sink, &at, model->units[i].number, f))
                return false;
        }
    }
    return at == sink->count || complain(&site->model, "%s: the target has %zu entries, not %zu", sink->name, sink->count, at);
}

bool sink_finish(struct site *site, struct sink *sink)
{
    bool is_end = false;
    for (uint32_t i = 0; !is_end; i++) {
        if (i > 100000)
            return complain(&site->model, "%s does not come to an end", sink->name);
        if (sink->reader ? !deliver(site, sink, 16, &is_end) : !start(site, sink))
            return false;
    }
    return compare(site, sink);
}
