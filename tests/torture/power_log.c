/* power_log.c - a commit log whose machine loses power: who writes it, and who looks at what is left.
 *
 *   power_log write DIR SHARED SEED POLICY    checks what is there, then appends until it is killed
 *   power_log check DIR SEED POLICY ACKED BEGUN
 *
 * POLICY is an `fsync`: every_commit, every (20 ms) or never. Units are numbered from 1 on, their content comes from
 * number and seed (tests/sim/model.h), and one that a recovery found lost is written again under its number: so every
 * state of the disk must hold units 1..n, whole and in order, with ACKED <= n <= BEGUN. `check` opens as the next
 * process would, compares, appends, closes and opens once more. It says `{"seen": n, "cut": bytes}` and ends with 0, with
 * 1 where something is wrong, and with 5 where the log refuses because of damage.
 */
#include "power_shared.h"

#include <sim/model.h>

#include <base/clock.h>
#include <base/os.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define AHEAD 4096 /* units that may be queued and not durable */

struct side {
    struct model model;
    struct leat_log_config config;
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct kit_random random;
    struct power_shared *shared; /* of the writer */
    uint64_t number, acked;      /* of the newest unit; of the newest durable one */
    uint64_t ends[AHEAD];        /* by number % AHEAD */
};

/* Small segments: names come and go all the time. */
static void init_side(struct side *side, const char *dir, const char *seed, const char *policy)
{
    *side = (struct side){.model = {.seed = strtoull(seed, NULL, 10), .incarnation_count = 1}};
    side->config = (struct leat_log_config){.dir = dir, .name = "power", .os = leat_os, .segment_min = 32 << 10,
                                            .segment_max = 256 << 10, .fold_bytes = 64 << 10, .queue_bytes = 256 << 10};
    struct leat_log_settings *settings = &side->config.settings;
    settings->retain_bytes = 1 << 20;
    settings->fsync = strcmp(policy, "never") == 0   ? LEAT_FSYNC_NEVER
                      : strcmp(policy, "every") == 0 ? LEAT_FSYNC_EVERY
                                                     : LEAT_FSYNC_EVERY_COMMIT;
    settings->fsync_every_us = 20000;
    side->model.settings = *settings;
    side->flusher = leat_flusher_manual();
}

/* The model holds units 1..count; nobody was told where they stand. */
static void expect_units(struct model *model, uint64_t count)
{
    model->count = 0;
    for (uint64_t number = 1; number <= count; number++)
        model_append(model, number, 1);
}

/* 0, 1 or 5, as the program ends. What is there counts as acknowledged from here on: readers see it. */
static int open_and_compare(struct side *side, uint64_t acked, uint64_t begun)
{
    struct leat_error err;
    size_t seen = 0;
    enum leat_status status = leat_log_open(&side->log, &side->config, side->flusher, &err);
    if (status != LEAT_OK) {
        fprintf(stderr, "open: %s\n", err.text);
        return err.cause == LEAT_CAUSE_DAMAGED ? 5 : 1;
    }
    expect_units(&side->model, begun);
    bool is_good = model_check_frames(&side->model, side->log, acked, &seen);
    if (is_good) {
        side->model.count = seen;
        is_good = model_check_rest(&side->model, side->log);
    }
    side->number = side->acked = seen;
    if (!is_good)
        fprintf(stderr, "%s\n", side->model.complaint);
    bool is_refused = side->config.settings.fsync == LEAT_FSYNC_NEVER && strncmp(side->model.complaint, "reading: ", 9) == 0;
    return is_good ? 0 : is_refused ? 5 : 1;
}

static bool append(struct side *side)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    if (side->number - side->acked == AHEAD || leat_log_unit_begin(side->log, false, &unit, &err) != LEAT_OK)
        return true; /* full for now */
    uint64_t number = ++side->number;
    if (side->shared && side->shared->begun < number)
        __atomic_store_n(&side->shared->begun, number, __ATOMIC_RELEASE);
    spec_write(&side->model, number, side->log, unit);
    if (leat_log_unit_append(side->log, unit, 1, &side->ends[number % AHEAD], &err) == LEAT_OK)
        return true;
    fprintf(stderr, "append: %s\n", err.text);
    return false;
}

static bool flush(struct side *side)
{
    struct leat_error err;
    leat_flusher_step(side->flusher);
    if (leat_log_health(side->log, &err) != LEAT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    uint64_t durable = leat_log_durable(side->log);
    while (side->acked < side->number && side->ends[(side->acked + 1) % AHEAD] <= durable)
        side->acked++;
    if (side->shared && side->shared->acked < side->acked)
        __atomic_store_n(&side->shared->acked, side->acked, __ATOMIC_RELEASE);
    return true;
}

static void pause_a_little(struct side *side)
{
    struct timespec moment = {0, (long)kit_below(&side->random, 3000000)};
    nanosleep(&moment, NULL);
}

/* Batches of one unit or many, a reader that follows, retention behind it. */
static bool write_on(struct side *side)
{
    uint32_t batch = kit_below(&side->random, 3) ? 1 + kit_below(&side->random, 4) : 1 + kit_below(&side->random, 60);
    for (uint32_t i = 0; i < batch; i++)
        if (!append(side))
            return false;
    if (!flush(side))
        return false;
    if (kit_below(&side->random, 30) == 0)
        leat_log_consumer_set(side->log, "reader", leat_log_durable(side->log));
    if (kit_below(&side->random, 40) == 0)
        leat_log_retain(side->log);
    if (kit_below(&side->random, 8) == 0)
        pause_a_little(side);
    return true;
}

static int run_writer(char **argv)
{
    struct side side;
    init_side(&side, argv[0], argv[2], argv[3]);
    side.random.state = (uint64_t)getpid() << 20 ^ side.model.seed;
    int fd = open(argv[1], O_RDWR | O_CLOEXEC);
    side.shared = mmap(NULL, sizeof *side.shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (side.shared == MAP_FAILED) {
        perror(argv[1]);
        return 2;
    }
    int status = open_and_compare(&side, side.shared->acked, side.shared->begun); /* a kill loses nothing under any policy */
    if (status != 0)
        return status;
    while (write_on(&side))
        ;
    return 7;
}

static void close_log(struct side *side)
{
    if (side->log)
        leat_log_close(side->log);
    side->log = NULL;
}

static int end(struct side *side, int status)
{
    close_log(side);
    leat_flusher_stop(side->flusher);
    model_fini(&side->model);
    return status;
}

static bool verify(const char *dir, const char *when)
{
    struct leat_error err;
    if (leat_log_verify(dir, leat_os, NULL, NULL, NULL, &err) == LEAT_OK)
        return true;
    fprintf(stderr, "verify %s: %s\n", when, err.text);
    return false;
}

/* The log goes on, and what it takes from here on is there at the next start. */
static int go_on(struct side *side)
{
    uint64_t until = side->number + 30;
    bool is_good = true;
    while (is_good && (side->number < until || side->acked < side->number))
        is_good = (side->number == until || append(side)) && flush(side);
    close_log(side);
    if (!is_good || !verify(side->config.dir, "after the close"))
        return 1;
    return open_and_compare(side, until, until);
}

static int run_check(char **argv)
{
    struct side side;
    struct leat_log_info info;
    init_side(&side, argv[0], argv[1], argv[2]);
    side.random.state = 1;
    uint64_t acked = strtoull(argv[3], NULL, 10), begun = strtoull(argv[4], NULL, 10);
    bool is_told = acked > 0 && side.config.settings.fsync != LEAT_FSYNC_NEVER; /* else a half-made directory is right */
    if (is_told && !verify(argv[0], "before the start"))
        return end(&side, 1);
    int status = open_and_compare(&side, acked, begun);
    if (status != 0)
        return end(&side, status);
    leat_log_info(side.log, &info);
    printf("{\"seen\": %llu, \"cut\": %llu}\n", (unsigned long long)side.number, (unsigned long long)info.cut_bytes);
    return end(&side, go_on(&side));
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "write") == 0)
        return run_writer(argv + 2);
    if (argc == 7 && strcmp(argv[1], "check") == 0)
        return run_check(argv + 2);
    fprintf(stderr, "power_log write DIR SHARED SEED POLICY | check DIR SEED POLICY ACKED BEGUN\n");
    return 2;
}
