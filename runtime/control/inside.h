/* inside.h - the running tasks, for the files of this folder.
 *
 *   control.c   start, the end of a run          orders.c   pause, resume, restart, stop of connectors
 *   reload.c    other definitions while it runs      holds.c     who ends because others of the pipeline did
 *   share.c     which tasks are this process's, where several share them
 *   orphans.c   who has a place in a log and is no sink any more
 *
 * The main thread alone makes and frees tasks. Under the lock: which task a connector has (the admin server's thread
 * looks at it), what is wanted of it, and what it was told for that.
 */
#ifndef LEAT_CONTROL_INSIDE_H
#define LEAT_CONTROL_INSIDE_H

#include <base/thread.h>
#include <control/control.h>
#include <control/share.h>

enum wanted { WANT_RUNNING, WANT_PAUSED, WANT_STOPPED };

enum hold_why { HELD_BY_REFUSED = 1, HELD_BY_FENCED, HELD_BY_DAMAGED };

struct hold { /* why a connector ended though nothing was wrong with it */
    enum hold_why why;
    const char *by; /* a sink; NULL: it is not held */
};

struct running { /* one task of a connector's, and what is wanted of it */
    struct leat_task_config config;
    struct leat_task *task;
    bool is_source;
    enum wanted wanted;
    bool is_started;
    bool is_told;  /* to stop, by an order; its end is awaited */
    bool is_again; /* an order: to be made anew */
    struct hold hold; /* under the lock */
    bool is_stalled; /* as the log says */
    uint32_t slot; /* what the coordinator hands out */
    bool is_ours;  /* its slot is; under the lock */
    uint32_t fences;            /* how often it was fenced since its slot is ours, and began again */
    struct leat_time fenced_at; /* when that was seen; 0: it is not */
};

struct leat_control {
    const struct leat_config *config;
    const struct leat_driver_type *driver;
    struct leat_access *access;
    int lock_fd;
    struct leat_bell bell; /* a task changed its state, or there is an order */
    struct leat_lock lock;
    struct leat_once *once;
    struct running *tasks;
    size_t count;
    struct leat_share share;
    char instance[224]; /* name of this process; made where the config has none */
    int shared_exit_status; /* where others take over: as it was when the stop began */
    bool is_stopping;                 /* the run ends: orders are over */
    struct leat_time sources_ended_at; /* when it was seen; 0: they run */
};

static inline bool is_ended(enum leat_task_state state)
{
    return state == LEAT_TASK_STOPPED || state == LEAT_TASK_DONE || state == LEAT_TASK_FAILED ||
           state == LEAT_TASK_FENCED;
}

/* control.c */
size_t count_tasks(const struct leat_config *config);
/* Its tasks' places, without tasks yet: sinks first, so that a source finds its readers there, and retention their places. */
void add_pipeline(struct leat_control *control, const struct leat_pipeline_def *pipeline, int64_t memory_bytes);
void say_orphans(struct leat_control *control);

/* holds.c: main thread. */
void holds_look(struct leat_control *control);
enum leat_status hold_say(const struct hold *hold, struct leat_error *err); /* any thread */

/* orders.c */
enum leat_status orders_load(struct leat_control *control, struct leat_error *err); /* what was wanted when the last run ended */
void orders_carry_out(struct leat_control *control); /* main thread */
/* Ended, and by no order that may be taken back. */
bool is_at_rest(struct leat_control *control, const struct running *running);
/* What is shown: "paused" for a task that ended by that order. */
void running_status(const struct running *running, struct leat_task_status *status);

#endif
