/* sweep_log.c - each system call of a commit log fails, as SQLite's tests do it: the first, the second, ... until none is
 * left that could.
 *
 *   sweep_log                  the fixed work of work.h: every call, once and for ever, with every error that it may give
 *   sweep_log --stride N       every N-th call only, and no list
 *   sweep_log --point POINT    one, as a run that failed names it: WORK:N:ERROR:ever, or WORK:N:ERROR:M (the M-th fails too)
 *
 * The work goes on with the failure; it may be refused, but nothing that was told is taken back, and nothing is left open.
 * Then the process or the machine dies, and the log must open and hold all that was told. At the end there is a list of the
 * places in the source that call the table: each must have seen its call fail (sites.h).
 */
#include "sites.h"
#include "work.h"

#include <base/logger.h>
#include <errno.h>
#include <fcntl.h>
#include <kit/sim_disk.h>
#include <stdlib.h>
#include <string.h>

#define SHORTENS 3

struct error_kind {
    int order; /* of os_order, or an errno */
    const char *name;
};
enum { E_IO, E_SPACE, E_QUOTA, E_FILES, E_INTR, E_SUPPORT, E_HALF, E_BYTE, ERRORS };
static const struct error_kind errors[ERRORS] = {
    [E_IO] = {EIO, "EIO"},          [E_SPACE] = {ENOSPC, "ENOSPC"},
    [E_QUOTA] = {EDQUOT, "EDQUOT"}, [E_FILES] = {EMFILE, "EMFILE"},
    [E_INTR] = {EINTR, "EINTR"},    [E_SUPPORT] = {EOPNOTSUPP, "EOPNOTSUPP"},
    [E_HALF] = {OS_HALF, "half"},   [E_BYTE] = {OS_ONE_BYTE, "one"},
};

#define BIT(kind) (1u << (kind))
#define TRANSFER  (BIT(E_HALF) | BIT(E_BYTE))
#define ROOM      (BIT(E_SPACE) | BIT(E_QUOTA))

/* What each call may give beside EIO. EINTR only where the table lets it through. */
static const unsigned gives[OS_CALLS] = {
    [OS_OPEN] = ROOM | BIT(E_FILES),
    [OS_CLOSE] = BIT(E_INTR),
    [OS_READ] = TRANSFER,
    [OS_PREAD] = TRANSFER,
    [OS_WRITE] = TRANSFER | ROOM,
    [OS_PWRITE] = TRANSFER | ROOM,
    [OS_PWRITEV] = TRANSFER | ROOM,
    [OS_FDATASYNC] = ROOM,
    [OS_FSYNC] = ROOM,
    [OS_FALLOCATE] = ROOM | BIT(E_SUPPORT),
    [OS_RENAME] = ROOM,
    [OS_MKDIR] = ROOM,
    [OS_OPENDIR] = BIT(E_FILES),
};

struct point {
    const struct workload *workload;
    uint32_t call, second; /* numbers, of all; second: 0: whoever has not failed before */
    unsigned error;
    bool is_ever;
};

struct sweep { /* of one run */
    const struct point *point;
    uint32_t calls;
    enum os_call struck;        /* the first one that failed */
    uint32_t second;            /* the call that failed for that */
    bool has_struck, has_fault; /* a fault: not just a short transfer */
    struct sim_disk *disk;
    struct told told;
};

static struct sweep sweep;
static unsigned long runs;

static void complain_at(const struct point *point, const char *what)
{
    printf("sweep_log --point %s:%u:%s:%s%u\n  (%s) %s\n", point->workload->name, point->call,
           errors[point->error].name, point->is_ever ? "ever" : "",
           point->is_ever ? 0 : sweep.second, os_call_names[sweep.struck], what);
    exit(1);
}

/* ---- failing ---- */

static bool may_give(enum os_call call, bool changes, unsigned error)
{
    bool asks_for_room = call != OS_OPEN || changes;
    return error == E_IO || ((gives[call] & BIT(error)) && (asks_for_room || !(ROOM & BIT(error))));
}

/* A sync that fails does so below, where what was dirty is dropped with it. */
static int strike(enum os_call call, int order, const void *caller)
{
    if (order > 0)
        sites_failed(call, caller);
    if (call != OS_FDATASYNC && call != OS_FSYNC)
        return order;
    sim_disk_fail_at(sweep.disk, 1, order);
    return OS_GO_ON;
}

static int fail_at(void *arg, enum os_call call, bool changes, const void *caller)
{
    const struct point *point = sweep.point;
    bool is_it = ++sweep.calls == point->call;
    (void)arg;
    if (is_it) {
        sweep.struck = call;
        if (!may_give(call, changes, point->error))
            return OS_GO_ON;
        sweep.has_struck = true;
        sweep.has_fault = errors[point->error].order > 0;
    }
    if (is_it || (point->is_ever && sweep.has_struck && call == sweep.struck &&
                  may_give(call, changes, point->error)))
        return strike(call, errors[point->error].order, caller);
    /* Once there is trouble, whoever has never failed does, too: the ways out have calls of their
     * own. */
    bool may_be_second =
        sweep.has_fault && sweep.second == 0 && !point->is_ever && point->error == E_IO;
    if (!may_be_second ||
        (point->second > 0 ? point->second != sweep.calls : sites_has_failed(call, caller)))
        return OS_GO_ON;
    sweep.second = sweep.calls;
    return strike(call, EIO, caller);
}

/* ---- one run ---- */

/* What a log that runs says of it. */
static void check_health(const struct point *point, struct work *work)
{
    struct leat_error err = {0};
    bool is_failed = leat_log_health(work->log, &err) != LEAT_OK;
    bool is_room = ROOM & BIT(point->error);
    bool must_fail =
        point->error == E_IO && (sweep.struck == OS_PWRITEV || sweep.struck == OS_FDATASYNC);
    if (is_failed && sweep.second == 0 && !strstr(err.text, strerror(errors[point->error].order)))
        complain_at(point, err.text);
    if (is_failed && err.cause != LEAT_CAUSE_DISK && err.cause != LEAT_CAUSE_OTHER)
        complain_at(point, "a failed call is no cause for this");
    if (!is_failed && must_fail)
        complain_at(point, "what was to be durable failed, and the log goes on");
    if (is_failed && (TRANSFER & BIT(point->error)))
        complain_at(point, "a short transfer is no failure");
    if (is_failed && is_room && !point->is_ever && sweep.struck != OS_FDATASYNC &&
        sweep.struck != OS_FSYNC)
        complain_at(point, "want of room is no failure");
}

static void end_run(const struct point *point, struct work *work, struct os_calls *calls)
{
    if (sweep.told.complaint[0])
        complain_at(point, sweep.told.complaint);
    if (work->log && sweep.has_struck)
        check_health(point, work);
    calls->before = NULL;
    if (!work->log && calls->open_count != 0)
        complain_at(point, "descriptors are left open");
    if (work->log)
        work_drop(work);
    if (calls->open_count != 0)
        complain_at(point, "descriptors are left open by a log that was closed");
}

static void begin_run(const struct point *point, struct work *work, struct os_calls *calls)
{
    sweep.point = point;
    sweep.calls = 0;
    sweep.second = 0;
    sweep.has_struck = sweep.has_fault = false;
    memset(&sweep.told, 0, sizeof sweep.told);
    sweep.disk = sim_disk_new(point->call);
    *calls = (struct os_calls){.under = sim_disk_os()};
    work_begin(work, point->workload, &sweep.told, calls, os_calls_use(calls), "/d/log",
               LEAT_FSYNC_EVERY_COMMIT);
    work->shortens = SHORTENS;
    work->has_fault = &sweep.has_fault;
}

/* False: there was no such call. */
static bool run(const struct point *point)
{
    struct os_calls calls;
    struct work work;
    begin_run(point, &work, &calls);
    if (point->workload->prepare)
        point->workload->prepare(&work);
    calls.before = fail_at;
    point->workload->run(&work);
    bool was_there = sweep.calls >= point->call;
    end_run(point, &work, &calls);
    sweep.has_fault = false;
    sim_disk_restart(sweep.disk, point->call % 2);
    if (!work_check(&work, point->call % 3 ? CLOSES : DIES_AT_ONCE))
        complain_at(point, sweep.told.complaint);
    work_end(&work);
    sim_disk_free(sweep.disk);
    runs++;
    return was_there;
}

/* ---- all ---- */

static void sweep_workload(const struct workload *workload, uint32_t stride)
{
    struct point point = {.workload = workload};
    for (point.call = 1; workload->calls_most == 0 || point.call <= workload->calls_most; point.call += stride) {
        for (point.error = 0; point.error < ERRORS; point.error++) {
            point.is_ever = false;
            if (point.error != E_IO && (workload->breaks || !(gives[sweep.struck] & BIT(point.error))))
                continue; /* the run before told which call it is */
            if (!run(&point))
                return;
            point.is_ever = true;
            run(&point);
        }
    }
}

static bool parse_point(char *text, struct point *point)
{
    char *save, *word = strtok_r(text, ":", &save);
    for (size_t i = 0; word && i < workload_count; i++)
        if (strcmp(workloads[i].name, word) == 0)
            point->workload = &workloads[i];
    word = strtok_r(NULL, ":", &save);
    point->call = word ? (uint32_t)strtoul(word, NULL, 10) : 0;
    word = strtok_r(NULL, ":", &save);
    for (unsigned i = 0; word && i < ERRORS; i++)
        if (strcmp(errors[i].name, word) == 0)
            point->error = i;
    word = strtok_r(NULL, ":", &save);
    point->is_ever = word && strncmp(word, "ever", 4) == 0;
    point->second = word && !point->is_ever ? (uint32_t)strtoul(word, NULL, 10) : 0;
    return point->workload && point->call > 0;
}

int main(int argc, char **argv)
{
    struct point point = {0};
    leat_logger_use(&(struct leat_logger_config){.fd = open("/dev/null", O_WRONLY),
                                                 .level = LEAT_ERROR}); /* it has much to say */
    if (argc == 3 && strcmp(argv[1], "--point") == 0 && parse_point(argv[2], &point)) {
        printf("%s\n", run(&point) ? "all is as it should be" : "the work ends before");
        return 0;
    }
    uint32_t stride = argc == 3 && strcmp(argv[1], "--stride") == 0 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    for (size_t i = 0; i < workload_count && stride > 0; i++)
        sweep_workload(&workloads[i], stride);
    printf("%lu runs\n", runs);
    return stride == 1 && !sites_tell(argv[0]);
}
