#include <control/replay.h>

#include <base/memory.h>
#include <base/number.h>
#include <base/text.h>
#include <control/hand.h>
#include <control/letters.h>
#include <stdio.h>
#include <stdlib.h>
#include <task/sent_back.h>

struct target { /* a sink to send back */
    char name[160], log[256];
};
struct finding {
    const struct leat_replay *replay;
    const char *name;
    struct target *items;
    size_t count;
};

/* ---- which sinks ---- */

static bool is_meant(const char *name, const char *sink)
{
    size_t len = strlen(name);
    return strcmp(name, sink) == 0 || (strncmp(name, sink, len) == 0 && sink[len] == '.');
}

static void add(struct finding *finding, const char *sink, const char *log)
{
    for (size_t i = 0; i < finding->count; i++)
        if (strcmp(finding->items[i].name, sink) == 0)
            return;
    finding->items = leat_realloc(finding->items, (finding->count + 1) * sizeof *finding->items);
    struct target *target = &finding->items[finding->count++];
    snprintf(target->name, sizeof target->name, "%s", sink);
    snprintf(target->log, sizeof target->log, "%s", log);
}

static void add_written(void *arg, const char *log, const struct leat_state *state)
{
    struct finding *finding = arg;
    if (state->kind == LEAT_STATE_HINT && is_meant(finding->name, state->connector))
        add(finding, state->connector, log);
}

static enum leat_status no_sink(const struct finding *finding, struct leat_error *err)
{
    return leat_fail(err, LEAT_REJECT, "no sink is named \"%s\"%s", finding->name,
                     finding->replay->config ? "; `leat status` shows all"
                                             : " by what was written so far; -f FILE says which there are");
}

static enum leat_status find_sinks(struct finding *finding, struct leat_error *err)
{
    const struct leat_config *config = finding->replay->config;
    enum leat_status status = LEAT_OK;
    if (!config)
        status = finding->replay->driver->describe(finding->replay->access, NULL, add_written, finding, err);
    for (size_t i = 0; config && i < config->pipeline_count; i++)
        for (size_t k = 0; k < config->pipelines[i].sink_count; k++)
            if (is_meant(finding->name, config->pipelines[i].sinks[k].name))
                add(finding, config->pipelines[i].sinks[k].name, config->pipelines[i].log);
    return status == LEAT_OK && finding->count == 0 ? no_sink(finding, err) : status;
}

/* ---- which place ---- */

struct extent {
    const struct leat_place *place;
    struct leat_topic_info found;
    bool is_there;
};

static void see_topic(void *arg, const struct leat_topic_info *info)
{
    struct extent *extent = arg;
    if (strcmp(info->name, extent->place->topic) == 0 && info->partition == extent->place->partition) {
        extent->found = *info;
        extent->is_there = true;
    }
}

static enum leat_status check_offset(const struct leat_replay *replay, const struct leat_place *place, struct leat_error *err)
{
    struct extent extent = {.place = place};
    enum leat_status status = replay->driver->describe(replay->access, see_topic, NULL, &extent, err);
    if (status != LEAT_OK)
        return status;
    if (!extent.is_there)
        return leat_fail(err, LEAT_REJECT, "there is no topic \"%s\" with a partition %d; `leat topics` lists what there is",
                         place->topic, (int)place->partition);
    if (place->offset < extent.found.first || place->offset > extent.found.next)
        return leat_fail(err, LEAT_REJECT, "topic %s holds offsets from %llu up to %llu, and not %llu", place->topic,
                         (unsigned long long)extent.found.first, (unsigned long long)extent.found.next,
                         (unsigned long long)place->offset);
    return LEAT_OK;
}

/* "latest" is a moment: this one. */
static enum leat_status find_place(const struct leat_replay *replay, const char *from, struct leat_sent_back *claim,
                                   struct leat_error *err)
{
    struct leat_letter_id id;
    struct leat_place *place = &claim->place;
    *place = (struct leat_place){.kind = LEAT_AT_FIRST};
    if (strcmp(from, "earliest") == 0)
        return LEAT_OK;
    place->kind = LEAT_AT_TIME;
    place->time_us = leat_wall_us();
    if (strcmp(from, "latest") == 0 || leat_parse_time(from, strlen(from), &place->time_us))
        return LEAT_OK;
    if (!leat_letter_id_parse(from, &id))
        return leat_fail(err, LEAT_REJECT,
                         "\"%s\" is no place: earliest, latest, 2026-01-02T03:04:05Z or shop.orders/0:17", from);
    snprintf(claim->topic, sizeof claim->topic, "%s", id.topic);
    *place = (struct leat_place){.kind = LEAT_AT_OFFSET, .topic = claim->topic, .partition = id.partition, .offset = id.offset};
    return check_offset(replay, place, err);
}

/* ---- writing ---- */

static enum leat_status send(const struct leat_replay *replay, const struct target *target,
                             const struct leat_sent_back *wanted, struct leat_error *err)
{
    struct leat_sent_back claim;
    struct leat_hand hand = {.driver = replay->driver, .access = replay->access, .config = replay->config,
                             .log = target->log, .name = "leat replay"};
    enum leat_status status = leat_sent_back_load(replay->driver, replay->access, target->name, &claim, err);
    if (status != LEAT_OK)
        return status;
    claim.generation = claim.newest + 1;
    claim.place = wanted->place;
    memcpy(claim.topic, wanted->topic, sizeof claim.topic);
    struct leat_batch *memory = leat_batch_new(1 << 16, 1);
    struct leat_state state = leat_sent_back_state(target->name, &claim, memory);
    status = leat_hand_write(&hand, NULL, &state, 1, NULL, err);
    leat_hand_close(&hand);
    leat_batch_free(memory);
    return status;
}

enum leat_status leat_replay_write(const struct leat_replay *replay, const char *name, const char *from,
                                   leat_sent_f *sent, void *arg, struct leat_error *err)
{
    struct leat_sent_back wanted = {0};
    struct finding finding = {.replay = replay, .name = name};
    enum leat_status status = find_sinks(&finding, err);
    if (status == LEAT_OK)
        status = find_place(replay, from, &wanted, err);
    for (size_t i = 0; status == LEAT_OK && i < finding.count; i++) {
        status = send(replay, &finding.items[i], &wanted, err);
        if (status == LEAT_OK)
            sent(arg, finding.items[i].name);
    }
    free(finding.items);
    return status;
}
