/* task_run.h - running tasks, as control sees them. States and transitions: states.h.
 *
 *   source task   poll -> transforms -> writer.append -> durable -> source.durable
 *   sink task     reader.read -> transforms -> put -> settle -> reader.hint
 *
 * One owner thread each. A task restarts itself after LEAT_RETRY (back-off with jitter); it ends in
 * DONE (EOF, --once), STOPPED (asked), FAILED (LEAT_STOP) or FENCED.
 */
#ifndef LEAT_TASK_RUN_H
#define LEAT_TASK_RUN_H

#include <config/definition.h>
#include <leat/coordinator.h>
#include <leat/task.h>

enum leat_task_state {
    LEAT_TASK_NEW,
    LEAT_TASK_STARTING, /* opening topic, transforms, plug-in */
    LEAT_TASK_RUNNING,
    LEAT_TASK_WAITING,  /* RETRY: backing off */
    LEAT_TASK_STOPPING, /* asked: draining */
    LEAT_TASK_STOPPED,
    LEAT_TASK_DONE,
    LEAT_TASK_FAILED,
    LEAT_TASK_FENCED,
    /* Shown only; no task is ever in it: */
    LEAT_TASK_PAUSED,  /* it was asked to pause, and has ended */
    LEAT_TASK_ELSEWHERE, /* another process has it, or will */
    LEAT_TASK_STALLED, /* running, and without progress for long while there is work */
};
const char *leat_task_state_name(enum leat_task_state state);

/* Keeps --once runs honest: sinks end when every source of the process has ended and they have read
 * all. */
struct leat_once;
struct leat_once *leat_once_new(uint32_t sources);
void leat_once_free(struct leat_once *once);

struct leat_task_config {
    const struct leat_pipeline_def *pipeline;
    const struct leat_connector_def *connector;
    uint32_t number, count; /* this task of the connector's */
    struct leat_access *access;
    const struct leat_driver_type *driver;
    int64_t memory_bytes;   /* byte budget */
    struct leat_once *once; /* NULL: runs until stopped */
    void (*changed)(void *arg, struct leat_task *task); /* state changed; any thread; may be NULL */
    void *arg;
};

struct leat_task *leat_task_new(const struct leat_task_config *config);
/* Starts the owner thread. */
enum leat_status leat_task_start(struct leat_task *task, struct leat_error *err);
/* Asks to stop; drains until `deadline`. Any thread; may be called again with an earlier one. */
void leat_task_stop(struct leat_task *task, struct leat_time deadline);
void leat_task_join(struct leat_task *task);
void leat_task_leave(struct leat_task *task); /* over, and another process's now: lets go of what its lag is measured by */
void leat_task_free(struct leat_task *task); /* joined */

/* Records that a source (is_undecoded: its decoder) refused before are to go through its transforms and into its log once more, in one unit with the
 * states. Any thread; in two steps, so that the task may go once the first is done. NULL: it does not run, or is asked already.
 * await: LEAT_OK: durable. Batch and states stay the caller's, and must live until then. */
struct again;
struct again *leat_task_ask_again(struct leat_task *task, struct leat_batch *batch, bool is_undecoded,
                                  const struct leat_state *states, size_t count);
enum leat_status leat_task_await_again(struct again *again, struct leat_error *err);

/* An order of an operator to a source, in the source's own words, which live until it is awaited. Any thread; in two steps, so that the task
 * may go once the first is done. NULL: it does not run, takes none, or has one already. OK: taken. */
struct command;
struct command *leat_task_ask_command(struct leat_task *task, const struct leat_value *ask);
enum leat_status leat_task_await_command(struct command *command, struct leat_error *err);

struct leat_counter {
    const char *name;
    uint64_t value;
};
struct leat_task_status {
    const char *name;   /* connector */
    const char *instance; /* the process that has it, where several share the tasks; otherwise NULL */
    enum leat_task_state state;
    enum leat_guarantee guarantee;
    char guarantee_why[200]; /* the weakest link */
    char progress[200];
    char stalled[LEAT_ERROR_MAX + 100]; /* since when, and what it waits for; "" but in that state */
    struct leat_error error; /* last one; text "" where there was none */
    enum leat_cause cause;   /* why it FAILED */
    uint64_t records, bytes, batches, errors, dead, skipped, retries;
    double records_per_s;    /* over the last seconds */
    struct leat_lag lag;
    struct leat_time lag_at; /* a sink: when it was measured */
    uint32_t parked; /* a source's tables */
    int64_t last_progress_us; /* wall time */
    struct leat_counter counters[32];
    uint32_t counter_count;
};
/* A snapshot; any thread. */
void leat_task_status(struct leat_task *task, struct leat_task_status *status);

/* What a sink's part of a pipeline promises: the weakest of source, log, plug-in and preflight, named. */
struct leat_promise {
    enum leat_guarantee guarantee;
    char why[200]; /* the weakest link; "" where nothing weakens */
    bool is_by_key; /* order: per key; otherwise that of the whole log */
};
void leat_promise_of(struct leat_promise *promise, const struct leat_pipeline_def *pipeline,
                     const struct leat_connector_def *sink, void *self, const char *driver);
/* A weaker part takes the promise down to it. */
void leat_promise_weaken(struct leat_promise *promise, enum leat_guarantee guarantee, const char *why);
/* Last of all: what the place of the topics leaves open is named where nothing else was. */
void leat_promise_by_topics(struct leat_promise *promise, const char *driver);

/* Text of a guarantee, as INTERFACE.md spells them. */
const char *leat_guarantee_name(enum leat_guarantee guarantee);

/* A preflight outside of a run: what `check --connect` prints. */
struct leat_check_note {
    enum leat_level level;
    const char *text;
};
struct leat_preflight {
    struct leat_check_note *findings;
    size_t count;
    enum leat_guarantee guarantee;
    char guarantee_why[200];
};
enum leat_status leat_preflight_run(const struct leat_connector_def *connector,
                                    struct leat_preflight *preflight, struct leat_error *err);
/* The same of the place of topics, and of who shares the tasks; nothing where there is nothing to check. */
enum leat_status leat_preflight_topics(const struct leat_driver_type *driver, struct leat_access *access, const char *const *logs,
                                       struct leat_preflight *preflight, struct leat_error *err);
enum leat_status leat_preflight_share(const struct leat_coordinator_type *type, const struct leat_coordinator_config *config,
                                      struct leat_preflight *preflight, struct leat_error *err);
void leat_preflight_fini(struct leat_preflight *preflight);

#endif
