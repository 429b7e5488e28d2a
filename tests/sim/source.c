#include "life.h"

#include <string.h>

/* Whoever sends the events keeps those that were not acknowledged, and sends on from where the log says it is. */
bool source_start(struct site *site)
{
    struct source *source = &site->source;
    uint64_t last = 0;
    struct leat_bytes value;
    if (!source->is_there)
        return true;
    leat_bytes_init(&value, 100);
    if (leat_log_state_get(site->log, "source", 6, &value) && value.len == sizeof last)
        memcpy(&last, value.data, sizeof last);
    leat_bytes_fini(&value);
    if (site->has_lost && last < source->let_go)
        source->let_go = last; /* whoever sends the events has them still, in this story */
    if (last < source->let_go)
        return complain(&site->model, "event %llu was acknowledged, and the source is to begin after %llu",
                        (unsigned long long)source->let_go, (unsigned long long)last);
    source->next = last + 1;
    source->told_lsn = 0;
    return true;
}

/* It hears of the watermark at times, or dies before it does. */
static void hear(struct site *site)
{
    struct source *source = &site->source;
    const struct model *model = &site->model;
    source->told_lsn = leat_log_durable(site->log);
    for (size_t i = model->durable; i-- > 0;) {
        uint64_t last = source_last(model->units[i].number);
        if (last == 0 || model->units[i].end_lsn > source->told_lsn)
            continue;
        source->let_go = last > source->let_go ? last : source->let_go;
        return;
    }
}

bool source_step(struct site *site)
{
    struct source *source = &site->source;
    struct leat_error err;
    uint64_t end;
    if (!source->is_there)
        return true;
    if (!below(site->life, 3))
        hear(site);
    if (source->writing) {
        if (leat_log_unit_append(site->log, source->writing, 1, &end, &err) == LEAT_OK) {
            model_append(&site->model, source->number, end);
            source->next = source_last(source->number) + 1;
        }
        source->writing = NULL;
        return true;
    }
    if (leat_log_is_held(site->log) || leat_log_unit_begin(site->log, false, &source->writing, &err) != LEAT_OK)
        return true; /* it waits */
    source->number = source_number(source->next, 1 + below(site->life, SOURCE_EVENTS_MOST));
    spec_write(&site->model, source->number, site->log, source->writing);
    return true;
}
