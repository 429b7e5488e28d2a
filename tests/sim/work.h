/* work.h - fixed pieces of work on a commit log, for programs that stop or fail them at the n-th
 * system call.
 *
 * A piece of work has a part that prepares and a part that is disturbed. What it was told by the
 * log goes into a `told`, which may lie in memory that outlives its process; told_model() makes of
 * it what the log must hold.
 */
#ifndef LEAT_SIM_WORK_H
#define LEAT_SIM_WORK_H

#include "model.h"

#include <kit/os_calls.h>

#define UNITS_MOST 400
#define LIVES_MOST 16

struct told {
    uint32_t count, lives;
    uint64_t next_number, durable_lsn, floor;
    uint32_t
        shown; /* so many units were there when the log was opened: they are durable from then on */
    bool has_consumer, may_be_full, is_closed; /* closed: cleanly, so that nothing may be missing */
    struct leat_uuid incarnations[LIVES_MOST];
    struct unit units[UNITS_MOST];
    char complaint[1100];
};

struct work {
    struct told *told;
    struct model model; /* of the content only; told_model() makes another */
    struct os_calls *calls;
    struct leat_log_config config;
    struct leat_flusher *flusher;
    struct leat_log *log;
    int64_t now_us;
    uint32_t shortens;          /* do a so many-th part of it */
    const bool *has_fault;      /* a call has failed: what says so is excused; NULL: none does */
    struct sim_disk *disk;      /* NULL: real files */
    bool (*is_off)(void *disk); /* the machine went down; NULL: it never does */
    void (*lose_power)(void *disk); /* it does now, and comes back */
};

struct workload {
    const char *name;
    void (*prepare)(struct work *work); /* leaves the log open, or not; NULL: nothing */
    void (*run)(struct work *work);
    bool is_start;       /* it is about opening what a crash left */
    bool breaks;         /* and mends again: nothing for crashes in between */
    uint32_t calls_most; /* of those behind, each is like the one before; 0: none is */
    uint64_t segment_min, segment_max, fold_bytes;
    int64_t retain_bytes;
    bool releases_slowest;
};
extern const struct workload workloads[];
extern const size_t workload_count;

/* `dir` is the log's, `os` the table that `calls` made; both stay the caller's. */
void work_begin(struct work *work, const struct workload *workload, struct told *told,
                struct os_calls *calls, const struct leat_os *os, const char *dir,
                enum leat_fsync fsync);
void work_end(struct work *work); /* the log is closed, or was never opened */

/* Opens, compares to what was told, and shows it. False: it cannot be opened (err), or is wrong
 * (told->complaint). While the machine is off there are no complaints, but one: a start that stops
 * must not call it damage. */
bool work_open(struct work *work, struct leat_error *err);
/* What happens between the start that is checked and one more. Dies: the process, and with it the
 * machine if it can. */
enum work_ending { CLOSES, DIES, DIES_AT_ONCE /* nothing is written before */ };
/* Looks beside, opens, compares, writes one more unit, ends, opens again. Complains of all that is
 * not as it should be. */
bool work_check(struct work *work, enum work_ending ending);
/* A reader beside sees whole units in their order, perhaps not the newest. */
bool work_look_beside(struct work *work);
void work_open_and_close(struct work *work);
void work_close(struct work *work);
/* The process dies: the log's memory goes, its files stay as they are. */
void work_drop(struct work *work);

bool work_complain(struct work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* false */

#endif
