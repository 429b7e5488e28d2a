#include "life.h"

#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static enum leat_fsync policy_of(const struct life *life)
{
    struct kit_random random = {life->seed ^ 0x5eed}; /* one for all logs: the machine goes down for all */
    return kit_below(&random, 4) ? LEAT_FSYNC_EVERY_COMMIT : kit_below(&random, 3) ? LEAT_FSYNC_EVERY : LEAT_FSYNC_NEVER;
}

void site_begin(struct site *site, struct life *life, uint32_t number)
{
    *site = (struct site){.life = life};
    site->model = (struct model){.seed = life->seed + number * 7919, .next_number = 1};
    snprintf(site->dir, sizeof site->dir, "/d/log%u", number);
    struct leat_log_settings settings = {
        .fsync = policy_of(life),
        .fsync_every_us = 100000,
        .retain_bytes = below(life, 2) ? 8192 + (int64_t)below(life, 30000) : 0,
        .retain_age_us = below(life, 3) ? 0 : 5000000,
        .rewind_us = below(life, 2) ? 0 : 20000000,
        .releases_slowest = !below(life, 4),
        .min_free_bytes = below(life, 3) ? 0 : 1 + (int64_t)below(life, 20000),
    };
    site->model.settings = settings;
    site->config = (struct leat_log_config){
        .dir = site->dir, .name = site->dir + 3, .os = sim_disk_os(), .settings = settings,
        .segment_min = (uint64_t)4096 << below(life, 3), .segment_max = (uint64_t)16384 << below(life, 3),
        .fold_bytes = (uint64_t)4096 << below(life, 5), .queue_bytes = (uint64_t)8192 << below(life, 5)};
    site->source.is_there = below(life, 5);
    site->sink_count = below(life, SINKS_MOST + 1);
    for (uint32_t i = 0; i < site->sink_count; i++)
        sink_begin(site, i);
}

void site_end(struct site *site)
{
    for (uint32_t i = 0; i < site->sink_count; i++)
        sink_end(&site->sinks[i]);
    model_fini(&site->model);
}

/* A reader beside: sees whole units in their order, perhaps not the newest. */
static bool look_beside(struct site *site)
{
    struct leat_log_config config = site->config;
    struct leat_log *log;
    struct leat_error err;
    size_t seen;
    config.is_read_only = true;
    if (leat_log_open(&log, &config, NULL, &err) != LEAT_OK)
        return site->model.durable == 0 || complain(&site->model, "read-only: %s", err.text);
    bool is_good = model_check_frames(&site->model, log, 0, &seen);
    leat_log_close(log);
    if (!is_good)
        tell(site->life, "  seen by a reader beside\n");
    return is_good;
}

enum leat_status site_open(struct site *site, struct leat_error *err)
{
    memset(site->topic_of, 0, sizeof site->topic_of);
    site->frozen = 0;
    return leat_log_open(&site->log, &site->config, site->life->flusher, err);
}

/* What the log lost is no more in the model. */
static void forget_lost(struct model *model, size_t seen)
{
    for (size_t i = seen; i < model->count; i++) {
        model->lost = leat_realloc(model->lost, (model->lost_count + 1) * sizeof *model->lost);
        model->lost[model->lost_count++] = model->units[i];
    }
    model->count = model->durable = seen;
}

static bool begin_incarnation(struct site *site)
{
    struct model *model = &site->model;
    struct leat_log_info info;
    leat_log_info(site->log, &info);
    model->incarnations =
        leat_realloc(model->incarnations, (model->incarnation_count + 1) * sizeof *model->incarnations);
    model->incarnations[model->incarnation_count++] = info.incarnation;
    tell(site->life, "  %s open: [%llu, %llu), cut %llu\n", site->config.name, (unsigned long long)info.first_lsn,
         (unsigned long long)info.end_lsn, (unsigned long long)info.cut_bytes);
    return info.durable_lsn == info.end_lsn || info.is_full || complain(model, "open left something undurable");
}

static bool check_verify(struct site *site)
{
    struct leat_error err;
    if (below(site->life, 4))
        return true;
    return leat_log_verify(site->config.dir, site->config.os, NULL, NULL, NULL, &err) == LEAT_OK ||
           complain(&site->model, "verify: %s", err.text);
}

bool site_check(struct site *site)
{
    struct model *model = &site->model;
    size_t seen;
    if (!model_check_frames(model, site->log, model->durable, &seen))
        return false;
    tell(site->life, "  %s: %zu units, %zu were durable, %zu are there\n", site->config.name, model->count, model->durable, seen);
    forget_lost(model, seen);
    sinks_register(site);
    return begin_incarnation(site) && model_check_rest(model, site->log) && check_verify(site) && source_start(site) &&
           (below(site->life, 2) || seek_check(site)) && (below(site->life, 4) || look_beside(site));
}

/* ---- what happens in one opening ---- */

static void begin_unit(struct site *site, uint32_t writer)
{
    struct leat_error err;
    if (leat_log_unit_begin(site->log, !below(site->life, 10), &site->writing[writer], &err) != LEAT_OK)
        return;
    site->numbers[writer] = site->model.next_number++;
    spec_write(&site->model, site->numbers[writer], site->log, site->writing[writer]);
}

static void write_some(struct site *site)
{
    struct leat_error err;
    uint64_t end;
    uint32_t writer = below(site->life, WRITERS + 1);
    if (writer == WRITERS) {
        source_step(site);
        return;
    }
    if (!site->writing[writer]) {
        begin_unit(site, writer);
        return;
    }
    if (!below(site->life, 20))
        leat_log_unit_drop(site->log, site->writing[writer]);
    else if (leat_log_unit_append(site->log, site->writing[writer], 1, &end, &err) == LEAT_OK)
        model_append(&site->model, site->numbers[writer], end);
    site->writing[writer] = NULL;
}

static bool look_at_it(struct site *site)
{
    size_t seen, durable = site->model.durable;
    if (site->life->may_fail_reads)
        return true;
    if (!model_check_frames(&site->model, site->log, durable, &seen))
        return false;
    return seen == durable || complain(&site->model, "%zu units are visible, only %zu are durable", seen, durable);
}

/* Once it has failed, nothing more becomes durable; want of room is no failure. */
static bool check_health(struct site *site)
{
    struct leat_error err;
    bool has_failed = leat_log_health(site->log, &err) != LEAT_OK;
    uint64_t durable = leat_log_durable(site->log);
    if (has_failed && !site->life->may_stop)
        return complain(&site->model, "failed without a cause: %s", err.text);
    if (site->frozen > 0 && (!has_failed || durable != site->frozen - 1))
        return complain(&site->model, "goes on after it failed, from %llu to %llu", (unsigned long long)site->frozen - 1,
                        (unsigned long long)durable);
    site->frozen = has_failed ? durable + 1 : 0;
    return true;
}

bool site_step(struct site *site)
{
    struct life *life = site->life;
    uint32_t kind = below(life, 40);
    bool is_good = true;
    if (kind < 23)
        write_some(site);
    else if (kind < 32)
        leat_flusher_step(life->flusher);
    else if (kind < 36)
        is_good = site->sink_count == 0 || sink_step(site, &site->sinks[below(life, site->sink_count)]);
    else if (kind < 37 && !sim_disk_is_off(life->disk))
        is_good = below(life, 2) ? look_at_it(site) : seek_check(site);
    else
        life_advance(life);
    for (uint32_t i = 0; is_good && i < life->site_count; i++) {
        is_good = check_health(&life->sites[i]);
        model_durable(&life->sites[i].model, leat_log_durable(life->sites[i].log));
    }
    return is_good;
}

/* Nothing is wrong any more: what is queued becomes durable, without a restart. */
bool site_settle(struct site *site)
{
    struct life *life = site->life;
    struct leat_log_info info;
    for (int i = 0; i < 40; i++) {
        leat_flusher_step(life->flusher);
        life_pass(life, 300000);
        leat_log_info(site->log, &info);
        if (info.durable_lsn == info.end_lsn && !info.is_full)
            break;
    }
    for (uint32_t i = 0; i < life->site_count; i++)
        model_durable(&life->sites[i].model, leat_log_durable(life->sites[i].log));
    if (info.is_failed || info.is_full || info.durable_lsn != info.end_lsn)
        return complain(&site->model, "does not go on by itself: %s, durable to %llu of %llu",
                        info.is_failed ? "failed" : info.is_full ? "full" : "stands", (unsigned long long)info.durable_lsn,
                        (unsigned long long)info.end_lsn);
    return true;
}

void site_drop_units(struct site *site)
{
    for (int i = 0; i < WRITERS; i++) {
        if (site->writing[i])
            leat_log_unit_drop(site->log, site->writing[i]);
        site->writing[i] = NULL;
    }
    if (site->source.writing)
        leat_log_unit_drop(site->log, site->source.writing);
    site->source.writing = NULL;
    for (uint32_t i = 0; i < site->sink_count; i++)
        sink_stop(&site->sinks[i]);
}
