/* crash_log.c - work on a commit log that ends at each of its system calls.
 *
 *   crash_log [--stride N]    the suite: calls that change something; one crash, and a second one in the start after it
 *   crash_log --round SEED    every call, up to three crashes in a row, more of what a power cut may leave; SEED draws
 *                             which, and the fsync policy
 *   crash_log --point POINT   one, as a run that failed names it
 *
 * POINT: WORK[@every|@never]:N:WHEN[:N:WHEN...]   the process dies before, half-way through (half, one byte, all but one)
 *                                                 or after its N-th call that changes something; in the next start again
 *        WORK[@every]:power:SEED:N[:N...]         the machine goes down at the N-th; of what was not synced survives what
 *                                                 SEED draws
 *        WORK[@every]:kill:SEED:N[:N...]          first the process dies; the machine goes down in the next start, or after it
 *        +WORK...                                 all calls are counted
 *
 * A process that dies: a child works on real files with a table of calls that counts, and ends in the middle; what it was
 * told by the log lies in shared memory. A machine: the same work on sim_disk. Afterwards the log must open and hold all
 * that was acknowledged, whole units only, state and offsets as of the last one, and must go on.
 */
#include "work.h"

#include <base/logger.h>
#include <fcntl.h>
#include <kit/sim_disk.h>
#include <kit/tmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEATHS_MOST 3
#define DIED        77

enum when { BEFORE, HALF, ONE, BUT_ONE, AFTER, WHENS };
static const char *const when_names[WHENS] = {"before", "half", "one", "butone", "after"};
static const int when_orders[WHENS] = {OS_GO_ON, OS_HALF, OS_ONE_BYTE, OS_BUT_ONE, OS_GO_ON};

static const enum work_ending endings[] = {CLOSES, DIES, DIES_AT_ONCE};

struct point {
    const struct workload *workload;
    bool is_power;    /* the machine's crashes, */
    bool begins_kill; /* but the first, which is the process's */
    bool counts_all;  /* calls that change nothing too */
    enum leat_fsync fsync;
    uint64_t seed;
    uint32_t deaths;
    struct {
        uint32_t call;
        enum when when;
    } at[DEATHS_MOST];
};

static struct told *told; /* shared with children */
static char *log_dir;
static unsigned long points, power_points;
static char point_text[200]; /* of the one at hand, for who dies of it */

static const char *const fsync_names[] = {"", "@every", "@never"};

static void write_point(const struct point *point)
{
    char *end = point_text + sizeof point_text - 1, *at = point_text;
    at += snprintf(at, (size_t)(end - at), "%s%s%s", point->counts_all ? "+" : "",
                   point->workload->name, fsync_names[point->fsync]);
    if (point->is_power)
        at += snprintf(at, (size_t)(end - at), ":%s:%llu", point->begins_kill ? "kill" : "power",
                       (unsigned long long)point->seed);
    for (uint32_t i = 0; i < point->deaths; i++)
        at += snprintf(at, (size_t)(end - at), point->is_power ? ":%u" : ":%u:%s",
                       point->at[i].call, when_names[point->at[i].when]);
}

static void die_of_signal(int number)
{
    if (write(2, "at crash_log --point ", 21) < 0 || write(2, point_text, strlen(point_text)) < 0 ||
        write(2, "\n", 1) < 0)
        _exit(1);
    signal(number, SIG_DFL);
    raise(number);
}

/* ---- a process that dies ---- */

struct death {
    uint32_t left;
    enum when when;
    bool counts_all, is_now;
};

static int count_down(void *arg, enum os_call call, bool changes, const void *caller)
{
    struct death *death = arg;
    bool is_transfer = call == OS_WRITE || call == OS_PWRITE || call == OS_PWRITEV;
    (void)caller;
    if ((!changes && !death->counts_all) || --death->left > 0)
        return OS_GO_ON;
    death->is_now = true;
    if (death->when == BEFORE)
        _exit(DIED);
    if (death->when != AFTER && !is_transfer)
        _exit(DIED + 1); /* there is nothing to halve */
    return when_orders[death->when];
}

static void die_now(void *arg, enum os_call call)
{
    (void)call;
    if (((struct death *)arg)->is_now)
        _exit(DIED);
}

static void begin(struct work *work, const struct point *point, struct os_calls *calls,
                  const char *dir)
{
    work_begin(work, point->workload, told, calls, os_calls_use(calls), dir, point->fsync);
}

static void run_child(const struct point *point, uint32_t at)
{
    struct os_calls calls = {.under = &leat_os_real, .leaves_out_syncs = true};
    struct death death = {point->at[at].call, point->at[at].when, point->counts_all, false};
    struct work work;
    begin(&work, point, &calls, log_dir);
    if (at == 0 && point->workload->prepare)
        point->workload->prepare(&work);
    calls.before = count_down;
    calls.after = die_now;
    calls.arg = &death;
    if (at == 0)
        point->workload->run(&work);
    else
        work_open_and_close(&work);
    _exit(told->complaint[0] != '\0');
}

/* How the child that was to die at `at` ended: DIED, DIED + 1, or 0 where it had done all before.
 */
static int run_to_death(const struct point *point, uint32_t at)
{
    int how = 0;
    pid_t child = fork();
    if (child == 0)
        run_child(point, at);
    if (child < 0 || waitpid(child, &how, 0) != child || !WIFEXITED(how)) {
        if (!told->complaint[0])
            snprintf(told->complaint, sizeof told->complaint,
                     "the process ended by itself (status %d)", how);
        return 1;
    }
    return WEXITSTATUS(how);
}

static bool check_files(const struct point *point)
{
    struct os_calls calls = {.under = &leat_os_real, .leaves_out_syncs = true};
    struct work work;
    begin(&work, point, &calls, log_dir);
    bool is_good = work_check(&work, endings[point->at[0].call % 3]);
    if (work.log)
        work_drop(&work);
    work_end(&work);
    return is_good;
}

static int process_point(const struct point *point)
{
    int how = DIED;
    uint32_t at = 0;
    for (; at < point->deaths && how == DIED; at++)
        how = run_to_death(point, at);
    bool is_good = how != 1 && (how != DIED || check_files(point));
    kit_tmp_remove(strdup(log_dir));
    if (how == DIED + 1 &&
        at < point->deaths) /* there is no such first crash, whatever the second is */
        return 0;
    return is_good ? how : 1;
}

/* ---- a machine that goes down ---- */

static bool disk_is_off(void *disk)
{
    return sim_disk_is_off(disk);
}

static void lose_power(void *disk)
{
    sim_disk_restart(disk, true);
}

static void die(const struct point *point, struct work *work, struct sim_disk *disk, uint32_t at)
{
    if (work->log)
        work_drop(work);
    sim_disk_restart(disk, at > 0 || !point->begins_kill);
}

static int run_to_cut(const struct point *point, struct work *work, struct sim_disk *disk)
{
    if (point->workload->prepare)
        point->workload->prepare(work);
    if (!work->log)
        sim_disk_restart(disk, !point->begins_kill);
    for (uint32_t at = 0; at < point->deaths; at++) {
        sim_disk_cut_at(disk, point->at[at].call);
        if (at == 0)
            point->workload->run(work);
        else
            work_open_and_close(work);
        if (told->complaint[0])
            return 1;
        if (!sim_disk_is_off(disk))
            return 0;
        die(point, work, disk, at);
    }
    return DIED;
}

static int power_point(const struct point *point)
{
    struct sim_disk *disk = sim_disk_new(point->seed);
    struct os_calls calls = {.under = sim_disk_os()};
    struct work work;
    begin(&work, point, &calls, "/d/log");
    work.is_off = disk_is_off;
    work.lose_power = lose_power;
    work.disk = disk;
    int how = run_to_cut(point, &work, disk);
    if (how == DIED && !work_check(&work, endings[(point->at[0].call + point->seed) % 3]))
        how = 1;
    if (work.log)
        work_drop(&work);
    work_end(&work);
    sim_disk_free(disk);
    return how;
}

/* ---- points ---- */

/* DIED: it is as it should be. 0: the work was over before. Ends the program where something is
 * wrong. */
static int try(const struct point *point)
{
    memset(told, 0, sizeof *told);
    write_point(point);
    int how = point->is_power ? power_point(point) : process_point(point);
    if (how == 1) {
        printf("crash_log --point %s\n  %s\n", point_text, told->complaint);
        exit(1);
    }
    points += how == DIED;
    power_points += how == DIED && point->is_power;
    return how;
}

struct stride {
    uint32_t first, step; /* of calls */
};

/* The last crash at each place of `over`, the ones before as they are. False: there was none. */
static bool sweep_last(struct point *point, struct stride over, bool has_all_halves)
{
    uint32_t last = point->deaths - 1;
    bool is_any = false;
    for (uint32_t call = over.first;; call += over.step) {
        point->at[last].call = call;
        for (enum when when = BEFORE; when < WHENS; when++) {
            if (!has_all_halves && (when == ONE || when == BUT_ONE))
                continue;
            point->at[last].when = when;
            int how = try(point);
            if (how == 0)
                return is_any;
            is_any = true;
            if (point->is_power)
                break; /* the disk draws when */
        }
    }
}

/* Crashes at places of `over`, one after the other; `more` of them after each, in the starts. */
static bool sweep(struct point *point, const struct stride *over, uint32_t more,
                  bool has_all_halves)
{
    point->deaths++;
    if (more == 0) {
        bool is_any = sweep_last(point, *over, has_all_halves);
        point->deaths--;
        return is_any;
    }
    uint32_t at = point->deaths - 1;
    bool is_any = false, has_more = true;
    for (uint32_t call = over->first; has_more; call += over->step) {
        point->at[at].call = call;
        point->at[at].when = (enum when[]){AFTER, HALF, AFTER, BEFORE}[call % 4];
        has_more = sweep(point, over + 1, more - 1, has_all_halves);
        if (!has_more && point->at[at].when == HALF) { /* not a transfer */
            point->at[at].when = AFTER;
            has_more = sweep(point, over + 1, more - 1, has_all_halves);
        }
        is_any = is_any || has_more;
    }
    point->deaths--;
    return is_any;
}

static void run_suite(uint32_t step)
{
    const struct stride one[] = {{1, step}}, two[] = {{1, 5 * step}, {1, 4 * step}};
    for (size_t i = 0; i < workload_count; i++) {
        if (workloads[i].breaks)
            continue;
        struct point point = {.workload = &workloads[i], .seed = 1};
        sweep(&point, one, 0, false);
        if (point.workload->is_start)
            sweep(&point, two, 1, false);
        point.is_power = true;
        sweep(&point, one, 0, false);
        point.begins_kill = true;
        sweep(&point, one, 0, false);
    }
    printf("%lu points, %lu of them power cuts\n", points, power_points);
}

static void run_round(uint64_t seed)
{
    struct kit_random random = {seed};
    const struct stride one[] = {{1, 1}};
    for (size_t i = 0; i < workload_count; i++) {
        if (workloads[i].breaks)
            continue;
        const struct stride two[] = {{1 + kit_below(&random, 7), 7},
                                     {1 + kit_below(&random, 3), 3}};
        const struct stride three[] = {{1 + kit_below(&random, 17), 17},
                                       {1 + kit_below(&random, 9), 9},
                                       {1 + kit_below(&random, 5), 5}};
        struct point point = {
            .workload = &workloads[i], .counts_all = true, .fsync = (enum leat_fsync)(seed % 3)};
        sweep(&point, one, 0, true);
        point.counts_all = false;
        sweep(&point, two, 1, true);
        sweep(&point, three, 2, true);
        point.is_power = true;
        point.fsync = seed % 2 ? LEAT_FSYNC_EVERY_COMMIT : LEAT_FSYNC_EVERY;
        for (uint32_t survivors = 0; survivors < 6; survivors++) {
            point.seed = seed * 64 + survivors;
            point.begins_kill = survivors % 3 == 2;
            sweep(&point, one, 0, true);
        }
        sweep(&point, two, 1, true);
        sweep(&point, three, 2, true);
    }
    printf("{\"verdict\": \"ok\", \"points\": %lu, \"power_cuts\": %lu, \"seed\": %llu}\n", points,
           power_points, (unsigned long long)seed);
}

/* ---- the command line ---- */

static bool parse_work(char *word, struct point *point)
{
    point->counts_all = word[0] == '+';
    word += point->counts_all;
    char *policy = strchr(word, '@');
    for (size_t i = 1; policy && i < 3; i++)
        if (strcmp(fsync_names[i], policy) == 0)
            point->fsync = (enum leat_fsync)i;
    if (policy)
        *policy = '\0';
    for (size_t i = 0; i < workload_count; i++)
        if (strcmp(workloads[i].name, word) == 0)
            point->workload = &workloads[i];
    return point->workload != NULL;
}

static bool parse_point(char *text, struct point *point)
{
    char *save, *word = strtok_r(text, ":", &save);
    if (!word || !parse_work(word, point))
        return false;
    while ((word = strtok_r(NULL, ":", &save)) && point->deaths < DEATHS_MOST) {
        if (strcmp(word, "power") == 0 || strcmp(word, "kill") == 0) {
            point->begins_kill = word[0] == 'k';
            point->is_power = true;
            word = strtok_r(NULL, ":", &save);
            point->seed = word ? strtoull(word, NULL, 10) : 0;
            continue;
        }
        point->at[point->deaths].call = (uint32_t)strtoul(word, NULL, 10);
        word = point->is_power ? NULL : strtok_r(NULL, ":", &save);
        for (enum when when = BEFORE; word && when < WHENS; when++)
            if (strcmp(when_names[when], word) == 0)
                point->at[point->deaths].when = when;
        point->deaths++;
    }
    return point->deaths > 0;
}

int main(int argc, char **argv)
{
    struct point point = {0};
    const char *option = argc == 3 ? argv[1] : "";
    bool is_known = true;
    setenv("TMPDIR", "/dev/shm",
           0); /* a disk that others wait for too says nothing more, and costs minutes */
    char *dir = kit_tmp_dir("crash");
    leat_logger_use(
        &(struct leat_logger_config){.fd = open("/dev/null", O_WRONLY), .level = LEAT_ERROR});
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED || asprintf(&log_dir, "%s/log", dir) < 0)
        return 2;
    signal(SIGABRT, die_of_signal);
    signal(SIGSEGV, die_of_signal);
    if (argc == 1)
        run_suite(1);
    else if (strcmp(option, "--stride") == 0)
        run_suite((uint32_t)strtoul(argv[2], NULL, 10));
    else if (strcmp(option, "--round") == 0)
        run_round(strtoull(argv[2], NULL, 10));
    else if (strcmp(option, "--point") == 0 && parse_point(argv[2], &point))
        printf("%s\n", try(&point) == DIED ? "all is as it should be" : "the work ends before");
    else
        is_known = false;
    if (!is_known)
        fprintf(stderr, "usage: crash_log [--stride N | --round SEED | --point POINT]\n");
    kit_tmp_remove(dir);
    free(log_dir);
    return is_known ? 0 : 2;
}
