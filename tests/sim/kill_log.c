/* kill_log.c - commit logs on the real disk, whose writer is killed.
 *
 *   kill_log [KILLS [SEED]]
 *
 * A child appends with a flusher thread of its own and tells through shared memory what it appended and what was
 * reported durable. The parent kills it at some moment, opens the log, compares it to what it was told, and lets the
 * next child go on.
 */
#include "model.h"

#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <kit/tmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNITS_MOST 200000

struct told { /* in shared memory; written by the child, read when it is dead */
    uint64_t count, durable_lsn, next_number;
    struct {
        uint64_t number, end_lsn; /* 0: the child died before it knew */
    } units[UNITS_MOST];
};

static struct leat_log_config config_of(const char *dir)
{
    return (struct leat_log_config){.dir = dir, .name = "killed", .os = leat_os, .segment_min = 32 << 10,
                                    .segment_max = 256 << 10, .fold_bytes = 64 << 10, .queue_bytes = 256 << 10};
}

static void note_durable(struct told *told, struct leat_log *log)
{
    uint64_t durable = leat_log_durable(log);
    if (durable > told->durable_lsn)
        __atomic_store_n(&told->durable_lsn, durable, __ATOMIC_RELEASE);
}

static void write_unit(const struct model *model, struct told *told, struct leat_log *log)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t at = told->count, end;
    if (leat_log_unit_begin(log, false, &unit, &err) != LEAT_OK)
        return; /* full for now */
    uint64_t number = told->next_number++;
    spec_write(model, number, log, unit);
    told->units[at].number = number;
    told->units[at].end_lsn = 0;
    __atomic_store_n(&told->count, at + 1, __ATOMIC_RELEASE);
    if (leat_log_unit_append(log, unit, 1, &end, &err) != LEAT_OK)
        _exit(3);
    told->units[at].end_lsn = end;
}

static void run_child(const struct model *model, struct told *told, const char *dir)
{
    struct leat_log_config config = config_of(dir);
    struct leat_flusher *flusher;
    struct leat_log *log;
    struct leat_error err;
    if (leat_flusher_start(&flusher, &err) != LEAT_OK || leat_log_open(&log, &config, flusher, &err) != LEAT_OK) {
        fprintf(stderr, "child: %s\n", err.text);
        _exit(2);
    }
    while (told->count < UNITS_MOST) {
        write_unit(model, told, log);
        note_durable(told, log);
    }
    _exit(0);
}

static bool kill_one(const struct model *model, struct told *told, const char *dir, struct kit_random *random)
{
    int how;
    pid_t child = fork();
    if (child == 0)
        run_child(model, told, dir);
    struct timespec moment = {0, (long)(1 + kit_below(random, 60)) * 1000000 + kit_below(random, 1000000)};
    nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    return waitpid(child, &how, 0) == child && (WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
}

static void take_told(struct model *model, const struct told *told)
{
    model->count = 0;
    for (uint64_t i = 0; i < told->count; i++)
        model_append(model, told->units[i].number, told->units[i].end_lsn);
    model->durable = 0;
    while (model->durable < model->count && model->units[model->durable].end_lsn != 0 &&
           model->units[model->durable].end_lsn <= told->durable_lsn)
        model->durable++;
}

/* Opens as the next process would, and leaves the next child no more than what is there. */
static bool check(struct model *model, struct told *told, const char *dir)
{
    struct leat_log_config config = config_of(dir);
    struct leat_flusher *flusher = leat_flusher_manual();
    struct leat_log *log;
    struct leat_error err;
    size_t seen = 0;
    take_told(model, told);
    if (leat_log_open(&log, &config, flusher, &err) != LEAT_OK)
        return complain(model, "open: %s", err.text);
    bool is_good = model_check_frames(model, log, model->durable, &seen);
    if (is_good) {
        model->count = seen;
        model->durable = 0; /* the children did not tell their incarnations */
        is_good = model_check_rest(model, log);
    }
    printf("%llu units told, %zu there\n", (unsigned long long)told->count, seen);
    leat_log_close(log);
    leat_flusher_stop(flusher);
    if (is_good && leat_log_verify(dir, leat_os, NULL, NULL, NULL, &err) != LEAT_OK)
        is_good = complain(model, "verify: %s", err.text);
    told->count = seen;
    for (size_t i = 0; i < seen; i++)
        told->units[i].end_lsn = told->units[i].end_lsn ? told->units[i].end_lsn : 1;
    return is_good;
}

int main(int argc, char **argv)
{
    int kills = argc > 1 ? atoi(argv[1]) : 50;
    struct kit_random random = {argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL)};
    struct model model = {.seed = random.state, .incarnation_count = 1};
    struct told *told =
        mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *dir = kit_tmp_dir("kill");
    bool is_good = told != MAP_FAILED;
    if (is_good)
        told->next_number = 1;
    for (int i = 0; is_good && i < kills; i++)
        is_good = kill_one(&model, told, dir, &random) ? check(&model, told, dir) : complain(&model, "a child failed");
    if (!is_good)
        printf("seed %llu: %s; see %s\n", (unsigned long long)model.seed, model.complaint, dir);
    else
        kit_tmp_remove(dir);
    model_fini(&model);
    return !is_good;
}
