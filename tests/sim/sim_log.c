/* sim_log.c - commit logs that live through crashes, by seed.
 *
 *   sim_log --seed N             one life, told in steps
 *   sim_log --seeds FROM COUNT   that many; stops at the first that fails and prints its number
 *           ... --digest         a line for each: checksums of the disk that it leaves, and of the steps that it told
 *
 * A life is a few openings of one log. In each, writers append, the flusher steps, readers read, retention and folds
 * happen, until the power goes at some system call, a call fails, the process is killed, or the log is closed. Then it
 * is opened again and compared to the model. At the end of some lives a byte rots: that must be found, or not matter.
 */
#include "model.h"

#include <base/clock.h>
#include <base/crc32c.h>
#include <base/logger.h>
#include <base/memory.h>
#include <errno.h>
#include <kit/sim_disk.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS 3

enum how { QUIET, DIGESTED, TOLD };

struct life {
    struct kit_random random;
    struct model model;
    struct sim_disk *disk;
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct leat_log_config config;
    struct leat_log_unit *writing[WRITERS];
    uint64_t numbers[WRITERS];
    int64_t now_us;
    enum how how;
    uint32_t steps; /* a checksum of all that was told */
    bool has_fault;
};

static uint32_t below(struct life *life, uint32_t end)
{
    return kit_below(&life->random, end);
}

/* A step: printed where one life is watched; counted where two runs of it are compared. */
static void tell(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct life *life, const char *format, ...)
{
    char line[600];
    va_list args;
    if (life->how == QUIET)
        return;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    life->steps = leat_crc32c(life->steps, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
    if (life->how == TOLD)
        printf("%s", line);
}

/* ---- time ---- */

static struct leat_time clock_now(void *arg)
{
    return (struct leat_time){((struct life *)arg)->now_us * 1000};
}

static int64_t clock_wall(void *arg)
{
    return ((struct life *)arg)->now_us + 1700000000000000;
}

static void advance(struct life *life)
{
    life->now_us += below(life, 20) ? below(life, 50000) : 11000000;
}

/* ---- opening ---- */

static void arm(struct life *life, uint32_t most)
{
    uint32_t kind = below(life, 10);
    life->has_fault = kind < 9;
    life->model.may_be_full = life->model.may_be_full || kind == 8;
    sim_disk_cut_at(life->disk, kind < 6 ? 1 + below(life, most) : 0);
    sim_disk_fail_at(life->disk, kind >= 6 && kind < 9 ? 1 + below(life, most) : 0, kind == 8 ? ENOSPC : EIO);
}

static void restart(struct life *life, bool machine_went_down)
{
    tell(life, "  restart of %s\n", machine_went_down ? "the machine" : "the process");
    sim_disk_restart(life->disk, machine_went_down);
    if (life->config.settings.fsync != LEAT_FSYNC_NEVER && below(life, 2))
        sim_disk_drop_pages(life->disk);
    life->has_fault = false;
}

/* A reader beside: sees whole units in their order, perhaps not the newest. */
static bool look_beside(struct life *life)
{
    struct leat_log_config config = life->config;
    struct leat_log *log;
    struct leat_error err;
    size_t seen;
    config.is_read_only = true;
    if (leat_log_open(&log, &config, NULL, &err) != LEAT_OK)
        return life->model.durable == 0 || complain(&life->model, "read-only: %s", err.text);
    bool is_good = model_check_frames(&life->model, log, 0, &seen);
    leat_log_close(log);
    if (!is_good)
        tell(life, "  seen by a reader beside\n");
    return is_good;
}

/* Opens, through faults that strike the opening itself. */
static bool open_log(struct life *life, int faults)
{
    struct leat_error err = {0};
    for (int attempt = 0;; attempt++) {
        if (attempt < faults && !below(life, 3))
            arm(life, 20);
        else
            sim_disk_cut_at(life->disk, 0), sim_disk_fail_at(life->disk, 0, 0), life->has_fault = false;
        if (leat_log_open(&life->log, &life->config, life->flusher, &err) == LEAT_OK) {
            if (!sim_disk_is_off(life->disk))
                return true;
            leat_log_close(life->log);
        }
        tell(life, "  open: %s\n", err.text);
        if (!life->has_fault || err.cause == LEAT_CAUSE_DAMAGED)
            return complain(&life->model, "open: %s", err.text);
        bool may_lose = life->config.settings.fsync != LEAT_FSYNC_NEVER;
        restart(life, may_lose && (sim_disk_is_off(life->disk) || below(life, 2)));
    }
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

static bool begin_incarnation(struct life *life)
{
    struct model *model = &life->model;
    struct leat_log_info info;
    leat_log_info(life->log, &info);
    model->incarnations =
        leat_realloc(model->incarnations, (model->incarnation_count + 1) * sizeof *model->incarnations);
    model->incarnations[model->incarnation_count++] = info.incarnation;
    if (model->has_consumer) /* as a sink does when it starts */
        leat_log_consumer_set(life->log, "sink", model->floor);
    tell(life, "  open: [%llu, %llu), cut %llu\n", (unsigned long long)info.first_lsn,
         (unsigned long long)info.end_lsn, (unsigned long long)info.cut_bytes);
    return info.durable_lsn == info.end_lsn || complain(model, "open left something undurable");
}

static bool check_verify(struct life *life)
{
    struct leat_error err;
    if (below(life, 4))
        return true;
    return leat_log_verify(life->config.dir, life->config.os, NULL, NULL, NULL, &err) == LEAT_OK ||
           complain(&life->model, "verify: %s", err.text);
}

static bool open_and_check(struct life *life)
{
    size_t seen;
    if (!below(life, 4) && !look_beside(life))
        return false;
    if (!open_log(life, 4))
        return false;
    if (!model_check_frames(&life->model, life->log, life->model.durable, &seen))
        return false;
    tell(life, "  %zu units, %zu were durable, %zu are there\n", life->model.count, life->model.durable, seen);
    forget_lost(&life->model, seen);
    return begin_incarnation(life) && model_check_rest(&life->model, life->log) && check_verify(life);
}

/* ---- what happens in one opening ---- */

static void begin_unit(struct life *life, uint32_t writer)
{
    struct leat_error err;
    if (leat_log_unit_begin(life->log, !below(life, 10), &life->writing[writer], &err) != LEAT_OK)
        return;
    life->numbers[writer] = life->model.next_number++;
    spec_write(&life->model, life->numbers[writer], life->log, life->writing[writer]);
}

static void write_some(struct life *life)
{
    struct leat_error err;
    uint64_t end;
    uint32_t writer = below(life, WRITERS);
    if (!life->writing[writer]) {
        begin_unit(life, writer);
        return;
    }
    if (!below(life, 20))
        leat_log_unit_drop(life->log, life->writing[writer]);
    else if (leat_log_unit_append(life->log, life->writing[writer], 1, &end, &err) == LEAT_OK)
        model_append(&life->model, life->numbers[writer], end);
    life->writing[writer] = NULL;
}

static void move_consumer(struct life *life)
{
    struct model *model = &life->model;
    if (model->durable == 0)
        return;
    uint32_t behind = !model->has_consumer ? 0 : below(life, model->durable < 8 ? (uint32_t)model->durable : 8);
    uint64_t lsn = model->units[model->durable - 1 - behind].end_lsn;
    if (model->has_consumer && lsn < model->floor)
        return;
    leat_log_consumer_set(life->log, "sink", lsn);
    model->has_consumer = true;
    model->floor = lsn;
}

static bool look_at_it(struct life *life)
{
    size_t seen;
    if (sim_disk_is_off(life->disk))
        return true;
    size_t durable = life->model.durable;
    if (!model_check_frames(&life->model, life->log, durable, &seen))
        return false;
    return seen == durable || complain(&life->model, "%zu units are visible, only %zu are durable", seen, durable);
}

static bool step(struct life *life)
{
    uint32_t kind = below(life, 40);
    bool is_good = true;
    if (kind < 24)
        write_some(life);
    else if (kind < 34)
        leat_flusher_step(life->flusher);
    else if (kind < 36)
        move_consumer(life);
    else if (kind < 37)
        is_good = look_at_it(life);
    else
        advance(life);
    model_durable(&life->model, leat_log_durable(life->log));
    return is_good;
}

static bool has_failed(struct life *life)
{
    struct leat_error err;
    return leat_log_health(life->log, &err) != LEAT_OK;
}

static bool live(struct life *life)
{
    arm(life, 120);
    for (uint32_t left = 10 + below(life, 200); left > 0; left--)
        if (!step(life))
            return false;
        else if (sim_disk_is_off(life->disk) || (has_failed(life) && !below(life, 10)))
            break;
    return true;
}

static void end_opening(struct life *life)
{
    bool is_killed = !below(life, 3);
    bool never = life->config.settings.fsync == LEAT_FSYNC_NEVER;
    for (int i = 0; i < WRITERS; i++) {
        if (life->writing[i])
            leat_log_unit_drop(life->log, life->writing[i]);
        life->writing[i] = NULL;
    }
    if (is_killed)
        sim_disk_cut_at(life->disk, 1);
    leat_log_close(life->log);
    life->log = NULL;
    bool is_clean = !life->has_fault && !is_killed;
    tell(life, "  %s\n", is_clean ? "closed" : sim_disk_is_off(life->disk) ? "crashed" : "closed, with a fault");
    if (is_clean)
        life->model.durable = life->model.count;
    restart(life, !never && below(life, 4));
}

/* ---- rot ---- */

/* After a clean stop every byte is known to have been durable: one that rots is found, or was not used. */
static bool rot(struct life *life)
{
    struct leat_error err;
    struct leat_log_info info;
    char path[80];
    size_t seen;
    if (!open_log(life, 0))
        return false;
    if (!model_check_frames(&life->model, life->log, life->model.durable, &seen))
        return false;
    forget_lost(&life->model, seen);
    leat_log_info(life->log, &info);
    leat_log_close(life->log);
    snprintf(path, sizeof path, "%s/segments/%020llu.seg", life->config.dir, (unsigned long long)info.first_lsn);
    if (!sim_disk_rot(life->disk, path, below(life, (uint32_t)(info.end_lsn - info.first_lsn)), 0x10))
        return true;
    if (leat_log_open(&life->log, &life->config, life->flusher, &err) != LEAT_OK)
        return err.cause == LEAT_CAUSE_DAMAGED || complain(&life->model, "rot: %s", err.text);
    bool is_good = model_check_frames(&life->model, life->log, life->model.count, &seen);
    if (!is_good && strncmp(life->model.complaint, "reading:", 8) == 0)
        life->model.complaint[0] = '\0';
    leat_log_close(life->log);
    return !life->model.complaint[0];
}

/* ---- a life ---- */

static void set_up(struct life *life, uint64_t seed, enum how how)
{
    *life = (struct life){.random = {seed}, .how = how, .now_us = 1000000};
    life->model = (struct model){.seed = seed, .next_number = 1};
    struct leat_log_settings settings = {
        .fsync = below(life, 4) ? LEAT_FSYNC_EVERY_COMMIT : below(life, 3) ? LEAT_FSYNC_EVERY : LEAT_FSYNC_NEVER,
        .fsync_every_us = 100000,
        .retain_bytes = below(life, 2) ? 8192 + (int64_t)below(life, 30000) : 0,
        .retain_age_us = below(life, 3) ? 0 : 5000000,
        .releases_slowest = !below(life, 4),
    };
    life->model.settings = settings;
    life->config = (struct leat_log_config){
        .dir = "/d/log", .name = "sim", .os = sim_disk_os(), .settings = settings,
        .segment_min = (uint64_t)4096 << below(life, 3), .segment_max = (uint64_t)16384 << below(life, 3),
        .fold_bytes = (uint64_t)4096 << below(life, 5), .queue_bytes = (uint64_t)8192 << below(life, 5)};
    life->disk = sim_disk_new(seed);
    life->flusher = leat_flusher_manual();
}

static bool run_life(uint64_t seed, enum how how)
{
    struct life life;
    set_up(&life, seed, how);
    struct leat_clock clock = {clock_now, clock_wall, &life};
    leat_clock_use(&clock);
    bool is_good = true;
    for (uint32_t left = 2 + below(&life, 4); is_good && left > 0; left--) {
        is_good = open_and_check(&life) && live(&life);
        if (is_good)
            end_opening(&life);
    }
    if (is_good)
        is_good = rot(&life);
    if (!is_good)
        printf("seed %llu: %s\n", (unsigned long long)seed, life.model.complaint);
    if (life.how == DIGESTED)
        printf("seed %llu: disk %08x, steps %08x\n", (unsigned long long)seed, sim_disk_digest(life.disk), life.steps);
    fflush(stdout);
    if (!is_good)
        exit(1); /* with all that is open */
    leat_flusher_stop(life.flusher);
    sim_disk_free(life.disk);
    model_fini(&life.model);
    leat_clock_use(NULL);
    return true;
}

int main(int argc, char **argv)
{
    leat_logger_use(&(struct leat_logger_config){.fd = 2, .level = LEAT_ERROR});
    if (argc == 3 && strcmp(argv[1], "--seed") == 0)
        return !run_life(strtoull(argv[2], NULL, 10), TOLD);
    bool is_digested = argc == 5 && strcmp(argv[4], "--digest") == 0;
    if ((argc != 4 && !is_digested) || strcmp(argv[1], "--seeds") != 0) {
        fprintf(stderr, "usage: sim_log --seed N | --seeds FROM COUNT [--digest]\n");
        return 2;
    }
    uint64_t from = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    for (uint64_t seed = from; seed < from + count; seed++)
        run_life(seed, is_digested ? DIGESTED : QUIET);
    printf("%llu lives\n", (unsigned long long)count);
    return 0;
}
