/* inside.h - a task's inside, for the files of this folder.
 *
 *   task.c          life, the owner thread, restarts        states.c   what may follow what
 *   source_loop.c   poll -> chain -> append -> durable       sink_loop.c   read -> chain -> put -> settle -> hint
 *   reject.c        records that somebody refused            dead.c        dead letters
 *   wait.c          leat_wait()          pool.c   batches    side.c        side threads, mailbox, guards
 *   route.c         topics of records    status.c            preflight.c, report.c   once.c
 *
 * Locks: task->lock (what others may ask or tell), pool, mailbox: each for a few instructions.
 */
#ifndef LEAT_TASK_INSIDE_H
#define LEAT_TASK_INSIDE_H

#include <base/hash.h>
#include <base/os.h>
#include <base/thread.h>
#include <leat/metric.h>
#include <model/batch.h>
#include <model/positions.h>
#include <model/template.h>
#include <task/states.h>
#include <transform/chain.h>

#define SIDES_MOST 32
#define BATCH_RECORDS 65536

struct side { /* a side thread, and what a stop shuts down for it */
    pthread_t thread;
    struct leat_task *task;
    leat_side_f *run;
    void *arg;
    int guard_fd;
};

struct ticket { /* a batch that was appended */
    uint64_t batch, ticket;
};

struct pool {
    struct leat_lock lock;
    struct leat_cond room;
    struct leat_batch *free;
    uint32_t made, most, waiting;
    size_t batch_bytes;
    uint32_t batch_records;
};

struct leat_task {
    struct leat_task_config config;
    const struct leat_connector_def *connector;
    const struct leat_pipeline_def *pipeline;
    const struct leat_driver_type *driver;
    bool is_source;

    pthread_t owner;
    bool has_owner;
    struct leat_lock lock;
    struct leat_bell bell;
    enum leat_task_state state; /* under lock */
    struct leat_task_status status; /* under lock; the owner writes it */
    struct leat_time stop_by;   /* under lock */
    bool is_stopping;           /* atomic */
    struct side sides[SIDES_MOST];
    uint32_t side_count;
    int owner_guard_fd;

    struct pool pool;
    struct leat_lock mail_lock;
    struct leat_batch *mail, **mail_last;

    /* The owner's alone. */
    void *self;
    struct leat_chain *chain;
    struct leat_chain_step *steps;
    struct leat_writer *writer; /* sources; sinks: for dead letters, opened when needed */
    struct leat_reader *reader;
    int topic_fd; /* the writer's, while a source polls: part of leat_wait(); else -1 */
    const struct leat_positions *positions;
    struct leat_positions *states; /* transform state at open */
    uint64_t batch_number;
    struct ticket *tickets; /* appended, not known to be durable; oldest first */
    size_t ticket_count, ticket_cap;
    bool has_waited, is_careful, was_checked, has_progressed;
    uint32_t attempt;
    struct leat_time trouble_since;
    struct leat_template *topic_template;
    bool is_routed_per_record;
    const struct leat_topic *placeholder;
    struct leat_batch *pending; /* sinks: read and transformed, not taken by put() yet */
    struct leat_batch *inflight, **inflight_last; /* sinks: taken, not settled */
    struct leat_marks marks;
    enum leat_guarantee guarantee;
    struct leat_table intents; /* sinks: dead letters whose records are not settled: key -> number of the batch */
    uint64_t rate_records;
    struct leat_time rate_at;
};

/* task.c */
void task_set_state(struct leat_task *task, enum leat_task_state state);
struct leat_time task_stop_by(struct leat_task *task);

/* loops: one life of a plug-in, from open to close. OK: ended (DONE); AGAIN: asked to stop; others: the error. */
enum leat_status source_life(struct leat_task *task, struct leat_error *err);
enum leat_status sink_life(struct leat_task *task, struct leat_error *err);
enum leat_status chain_start(struct leat_task *task, struct leat_error *err);
void chain_end(struct leat_task *task);

/* source_loop.c, for dead letters: appends, waiting for room; the batch stays the caller's. */
enum leat_status task_append(struct leat_task *task, struct leat_batch *batch, const struct leat_state *states,
                             size_t count, const char *audience, uint64_t *ticket, struct leat_error *err);

/* wait.c: as leat_wait(), for the host: no plug-in fd; topic_fd -1: none. */
enum leat_event task_wait(struct leat_task *task, int topic_fd, struct leat_time deadline);

/* pool.c */
void pool_init(struct pool *pool, int64_t memory_bytes);
void pool_fini(struct pool *pool);
struct leat_batch *pool_take(struct pool *pool);
void pool_give(struct pool *pool, struct leat_batch *batch);
void pool_wake(struct pool *pool);
void pool_limit(struct pool *pool, uint32_t records); /* of each batch from now on */

/* side.c */
void sides_join(struct leat_task *task);
void sides_shut(struct leat_task *task); /* shuts all guarded descriptors down */

/* reject.c: after a step refused records: applies the policy. OK: the batch may go on; else the task's end or careful mode. */
enum leat_policy task_policy(const struct leat_task *task);
enum leat_status source_refusals(struct leat_task *task, struct leat_batch *batch, struct leat_error *err);
enum leat_status sink_refusals(struct leat_task *task, struct leat_batch *batch, struct leat_error *err);
/* Refuses records beyond the pipeline's max_record. */
bool refuse_giants(struct leat_task *task, struct leat_batch *batch);

/* dead.c */
void dead_letter_replace(struct leat_task *task, struct leat_batch *batch, uint32_t index, const char *reason);
enum leat_status dead_letter_write(struct leat_task *task, const struct leat_batch *batch, uint32_t index,
                                   const char *reason, struct leat_error *err);
void dead_letters_load(struct leat_task *task);
void dead_letters_settled(struct leat_task *task, const struct leat_batch *batch);

/* route.c */
enum leat_status route_open(struct leat_task *task, struct leat_error *err);
void route_close(struct leat_task *task);
void route_batch(struct leat_task *task, struct leat_batch *batch);

/* once.c */
void once_source_ended(struct leat_once *once);
bool once_is_over(struct leat_once *once); /* every source has ended */

/* report.c */
struct leat_report {
    struct leat_finding *findings;
    size_t count;
    enum leat_guarantee guarantee;
    char why[200];
};
void report_fini(struct leat_report *report);

/* status.c */
void status_add(struct leat_task *task, uint64_t records, uint64_t bytes);
void status_error(struct leat_task *task, const struct leat_error *err);
void status_count(struct leat_task *task, uint64_t *counter, uint64_t n);

#endif
