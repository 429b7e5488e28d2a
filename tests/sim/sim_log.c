/* sim_log.c - commit logs that live through everything a machine does to them, by seed.
 *
 *   sim_log --seed N             one life, told in steps
 *   sim_log --seeds FROM COUNT   that many; stops at the first that fails and prints its number
 *           ... --digest         a line for each: checksums of the disk that it leaves, and of the steps that it told
 *
 * A life is a few openings of one, two or three logs on one disk. In each, sources and writers append, the flusher steps, sinks
 * deliver and targets forget, readers look, the clock jumps, until the power goes at some system call, a call fails, the disk is
 * full, the process is killed, or all is closed. Then it is opened again and compared to the model. In the end each target
 * holds each record once, in order; then a bit rots somewhere. In some lives the disk lies: it loses writes, or misplaces them.
 */
#include "life.h"

#include <base/clock.h>
#include <base/crc32c.h>
#include <base/logger.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tell(struct life *life, const char *format, ...)
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

static struct leat_time clock_now(void *arg)
{
    return (struct leat_time){((struct life *)arg)->now_us * 1000};
}

static int64_t clock_wall(void *arg)
{
    return ((struct life *)arg)->wall_us;
}

/* ---- openings ---- */

static void close_all(struct life *life)
{
    for (uint32_t i = 0; i < life->site_count; i++) {
        struct site *site = &life->sites[i];
        if (!site->log)
            continue;
        site_drop_units(site);
        leat_log_close(site->log);
        site->log = NULL;
    }
}

/* Opens what is not open; false: one could not be, or the power went meanwhile. */
static bool try_all(struct life *life, struct leat_error *err)
{
    for (uint32_t i = 0; i < life->site_count; i++)
        if (!life->sites[i].log && site_open(&life->sites[i], err) != LEAT_OK)
            return false;
    return !sim_disk_is_off(life->disk);
}

static bool check_all(struct life *life)
{
    for (uint32_t i = 0; i < life->site_count; i++)
        if (!site_check(&life->sites[i]))
            return false;
    return true;
}

/* Opens, through faults that strike the opening itself. */
static bool open_and_check(struct life *life, int faults)
{
    struct leat_error err = {0};
    for (int attempt = 0;; attempt++) {
        if (life->may_lack)
            return damage_open(life);
        if (attempt < faults && !below(life, 3))
            life_arm(life, 20);
        life->may_fail_reads = life->may_fail_reads || life->has_bad_sector;
        bool is_open = try_all(life, &err);
        bool has_cause = life->may_stop || life->may_fail_reads || life->is_short_of_room;
        life_disarm(life);
        life_heal(life);
        bool has_lied = sim_disk_has_lied(life->disk); /* a start syncs, and then reads what is there */
        if (is_open && !has_lied)
            return check_all(life);
        tell(life, "  open: %s\n", has_lied ? "the disk lies" : err.text);
        if (!has_lied && (!has_cause || err.cause == LEAT_CAUSE_DAMAGED))
            return complain(&life->sites[0].model, "open: %s", err.text);
        if (has_lied) /* killed: what it lacks was not judged yet, and nothing new is to stand in its place */
            sim_disk_cut_at(life->disk, 1);
        close_all(life);
        life_restart(life, true);
    }
}

static bool one_has_failed(struct life *life)
{
    for (uint32_t i = 0; i < life->site_count; i++)
        if (life->sites[i].frozen > 0)
            return true;
    return false;
}

static bool live(struct life *life)
{
    life_arm(life, 120);
    for (uint32_t left = 10 + below(life, 200); left > 0; left--) {
        if (!site_step(&life->sites[below(life, life->site_count)]))
            return false;
        if (sim_disk_is_off(life->disk) || (one_has_failed(life) && !below(life, 10)))
            break;
        if (life->is_short_of_room && !below(life, 60)) { /* somebody made some */
            life_disarm(life);
            if (!site_settle(&life->sites[below(life, life->site_count)]))
                return false;
        }
    }
    return true;
}

/* Closed in peace: everything that was appended is there when it is opened again. */
static bool close_clean(struct life *life)
{
    life_disarm(life);
    for (uint32_t i = 0; i < life->site_count; i++)
        if (!site_settle(&life->sites[i]))
            return false;
    close_all(life);
    for (uint32_t i = 0; i < life->site_count; i++)
        life->sites[i].model.durable = life->sites[i].model.count;
    tell(life, "  closed\n");
    return true;
}

static bool end_opening(struct life *life)
{
    bool is_killed = !below(life, 3), is_well = !sim_disk_is_off(life->disk) && !one_has_failed(life);
    if (is_well && !is_killed && below(life, 2)) {
        if (!close_clean(life))
            return false;
    } else {
        if (is_killed)
            sim_disk_cut_at(life->disk, 1);
        close_all(life);
        tell(life, "  %s\n", sim_disk_is_off(life->disk) ? "crashed" : "closed, with a fault");
    }
    life_restart(life, below(life, 4));
    return true;
}

/* All is well, and nothing is written any more: what targets lack is delivered, and each holds each record once. */
static bool finish(struct life *life)
{
    if (!open_and_check(life, 0) || life->is_over)
        return !life->sites[0].model.complaint[0];
    for (uint32_t i = 0; i < life->site_count; i++)
        for (uint32_t k = 0; k < life->sites[i].sink_count; k++)
            if (!sink_finish(&life->sites[i], &life->sites[i].sinks[k]))
                return false;
    return close_clean(life);
}

/* ---- a life ---- */

static void set_up(struct life *life, uint64_t seed, enum how how)
{
    *life = (struct life){.random = {seed}, .seed = seed, .how = how, .now_us = 1000000, .wall_us = 1700000000000000};
    life->disk = sim_disk_new(seed);
    life->flusher = leat_flusher_manual();
    life->site_count = below(life, 10) < 7 ? 1 : 2 + below(life, 2);
    for (uint32_t i = 0; i < life->site_count; i++)
        site_begin(&life->sites[i], life, i);
    life->lies = !below(life, 4) && life->sites[0].config.settings.fsync != LEAT_FSYNC_NEVER;
    life_pass(life, 0);
    tell(life, "  %u logs, fsync %d%s\n", life->site_count, (int)life->sites[0].config.settings.fsync,
         life->lies ? ", on a disk that lies" : "");
}

static void tear_down(struct life *life)
{
    leat_flusher_stop(life->flusher);
    sim_disk_free(life->disk);
    for (uint32_t i = 0; i < life->site_count; i++)
        site_end(&life->sites[i]);
    leat_clock_use(NULL);
}

static void report(struct life *life, bool is_good)
{
    if (!is_good)
        for (uint32_t i = 0; i < life->site_count; i++)
            if (life->sites[i].model.complaint[0])
                printf("seed %llu: %s: %s\n", (unsigned long long)life->seed, life->sites[i].config.name,
                       life->sites[i].model.complaint);
    if (life->how == DIGESTED)
        printf("seed %llu: disk %08x, steps %08x\n", (unsigned long long)life->seed, sim_disk_digest(life->disk), life->steps);
    fflush(stdout);
}

static void run_life(uint64_t seed, enum how how)
{
    static struct life life;
    set_up(&life, seed, how);
    struct leat_clock clock = {clock_now, clock_wall, &life};
    leat_clock_use(&clock);
    bool is_good = true;
    for (uint32_t left = 2 + below(&life, 4); is_good && !life.is_over && left > 0; left--) {
        is_good = open_and_check(&life, 4);
        if (is_good && !life.is_over)
            is_good = live(&life) && end_opening(&life);
    }
    if (is_good && !life.is_over)
        is_good = finish(&life);
    if (is_good && !life.is_over)
        is_good = damage_rot(&life);
    report(&life, is_good);
    if (!is_good)
        exit(1); /* with all that is open */
    tear_down(&life);
}

int main(int argc, char **argv)
{
    leat_logger_use(&(struct leat_logger_config){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LEAT_ERROR});
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        run_life(strtoull(argv[2], NULL, 10), TOLD);
        return 0;
    }
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
