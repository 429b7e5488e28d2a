/* inside.h - a task's inside, for the files of this folder.
 *
 *   task.c         life, the owner thread, restarts       states.c      what may follow what
 *   source_loop.c  poll -> chain -> append -> durable     guarantee.c   what a pipeline promises
 *   sink_loop.c    read -> chain -> put -> settle         sink_open.c   where a sink goes on
 *   reject.c       records that somebody refused          dead.c        letters about them
 *   wait.c         leat_wait()                            pool.c        batches
 *   side.c         side threads, mailbox, guards          route.c       topics of records
 *   status.c       what is shown                          report.c      preflight
 *   once.c         the end of a --once run           originals.c   records before the transforms
 *   again.c        letters that a source takes again   progress.c    what lasts, lag, stalls
 *   command.c      an operator's orders
 *   sent_back.c    `leat replay`                     breaker.c     too many refused
 *   recovered.c, pass_over.c    `leat recover --from-sinks`
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
#include <model/reasons.h>
#include <model/template.h>
#include <task/recovered.h>
#include <task/sent_back.h>
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

struct intent { /* a dead letter that is durable, of a record that the sink's mark has not passed */
    char *identity;
    uint8_t log_uuid[16]; /* its place: the record's log ... */
    struct leat_cursor cursor;
};
struct intents {
    struct leat_table by_identity;
    struct intent **items;
    size_t count, cap;
};

struct breaker { /* of the window at hand */
    struct leat_time since; /* 0: none yet */
    uint64_t came, refused;
    struct leat_reasons reasons;
};

struct pool {
    struct leat_lock lock;
    struct leat_cond room;
    struct leat_batch *free;
    uint32_t made, most;
    size_t batch_bytes;
    uint32_t batch_records;
};

struct receipt { /* of a batch that a sink took */
    struct receipt *next;
    struct leat_batch *batch; /* NULL: forgotten, as none of its records can be refused any more */
    uint64_t number;
    uint32_t split;
    uint64_t records, bytes;       /* as delivered ... */
    struct leat_read_size as_read; /* ... and as read */
    int64_t commit_us;             /* of the first record; 0: it has none */
    struct leat_mark mark;
};

struct receipts { /* oldest first */
    struct receipt *first, **last;
    uint32_t count;
};

struct leat_task {
    struct leat_task_config config;
    const struct leat_connector_def *connector;
    const struct leat_pipeline_def *pipeline;
    const struct leat_driver_type *driver;
    bool is_source;
    const struct leat_topic *dead_topic;
    const struct leat_topic *judged_topic; /* of the record before, and */
    bool is_judged_unwanted;               /* whether it holds letters that are not for this sink */

    pthread_t owner;
    bool has_owner;
    struct leat_lock lock;
    struct leat_bell bell;
    enum leat_task_state state; /* under lock */
    struct leat_task_status status; /* under lock; the owner writes it */
    struct leat_time stop_by;   /* under lock */
    struct leat_time idle_or_moved;  /* under lock: since when there is work and no progress; 0: no work */
    bool has_progressed_since_error; /* under lock */
    const char *doing;               /* atomic: "its target": what the owner waits for, should it hang */
    char held[LEAT_ERROR_MAX];       /* under lock: why its topic takes nothing; "": it does */
    bool is_lent;                    /* under lock: the owner is in its sink's call: others may look at reader and unsettled */
    bool is_stopping;           /* atomic: asked to stop */
    bool is_ending;             /* atomic: close() is next, and side threads are to end */
    struct side sides[SIDES_MOST];
    uint32_t side_count;
    int watched_fd; /* of leat_task_watch(); owner thread */
    short watched_events;
    int owner_guard_fd; /* these three under lock */
    bool takes_again;   /* sources: an owner runs; under lock */
    struct again *again; /* what it is asked for; under lock */
    struct command *command; /* sources: an operator's order; under lock */

    struct pool pool;
    struct leat_lock mail_lock;
    struct leat_batch *mail, **mail_last;

    /* The owner's alone. */
    void *self;
    void *kept; /* of leat_task_keep() */
    struct leat_chain *chain;
    bool chain_is_running; /* who refuses now is a transform */
    struct leat_chain_step *steps;
    struct leat_writer *writer; /* sources; sinks: for dead letters, opened when needed */
    struct leat_reader *reader;
    int topic_fd; /* the writer's, while a source polls: part of leat_wait(); else -1 */
    const struct leat_positions *positions;
    struct leat_positions *states; /* transform state at open */
    uint64_t batch_number;
    const struct leat_state *more_states; /* sources: for the unit that is appended next */
    size_t more_count;
    struct ticket *tickets; /* appended, not known to be durable; oldest first */
    size_t ticket_count, ticket_cap;
    bool has_waited, was_checked, has_progressed;
    struct trouble { /* one that lasts, and what was said of it */
        struct leat_time since, said;
        int64_t every_ns;
        char text[LEAT_ERROR_MAX];
    } trouble;
    struct { /* sinks: read, and not known to be in the target */
        uint64_t records, bytes;
        int64_t since_us; /* commit time of the oldest */
    } unsettled;
    uint32_t lives; /* that have ended */
    uint32_t careful_left;     /* sources: records to deliver one by one; 0: as usual */
    bool has_open_transaction; /* sources: the last record appended did not end one */
    uint32_t attempt;
    struct leat_time trouble_since;
    struct leat_template *topic_template;
    bool is_routed_per_record;
    const struct leat_topic *placeholder;
    struct leat_batch *pending; /* sinks: read and transformed, not taken by put() yet */
    struct receipts receipts;   /* sinks: taken, not settled */
    struct leat_splits splits; /* sinks: while the reader is open */
    struct leat_marks marks;
    struct written *written;   /* sinks: what lanes of earlier times wrote; in written.c */
    struct breaker breaker;
    bool ends_here;            /* a sink's record was refused under `stop`, or too many of any; and this is why: */
    struct leat_error refused;
    int64_t began_us;          /* sinks with `start: latest`: wall time of the first life; 0: not begun */
    struct pass_over *pass_overs;    /* sinks: where `leat recover` has begun the log anew; in pass_over.c */
    struct leat_sent_back sent_back; /* sinks: where a person has sent it */
    struct intents intents;    /* sinks: dead letters whose records are not settled */
    enum leat_guarantee checked; /* what the preflight said */
    char checked_why[200];
    struct leat_time progress_said;
    uint64_t rate_records;
    struct leat_time rate_at;
};

/* task.c */
void task_set_state(struct leat_task *task, enum leat_task_state state);
struct leat_time task_stop_by(struct leat_task *task);

/* source_loop.c, sink_open.c: one life of a plug-in, from open to close. OK: ended (DONE); AGAIN:
 * asked to stop; others: the error. */
enum leat_status source_life(struct leat_task *task, struct leat_error *err);
enum leat_status sink_life(struct leat_task *task, struct leat_error *err);
void sink_peek(struct leat_task *task);  /* opens the reader where there is none: what does not get that far is behind too */
void sink_leave(struct leat_task *task); /* closes the reader, which is kept between lives and behind the last: for the lag */
enum leat_status sink_loop(struct leat_task *task, struct leat_error *err);
enum leat_status chain_start(struct leat_task *task, struct leat_error *err);
void chain_end(struct leat_task *task);

/* source_loop.c, for dead letters: appends, waiting for room; the batch stays the caller's. */
enum leat_status task_append(struct leat_task *task, struct leat_batch *batch,
                             const struct leat_state *states, size_t count, const char *audience,
                             uint64_t *ticket, struct leat_error *err);

/* wait.c: as leat_wait(), for the host: no plug-in fd; topic_fd -1: none. */
enum leat_event task_wait(struct leat_task *task, int topic_fd, struct leat_time deadline);

/* pool.c */
void pool_init(struct pool *pool, int64_t memory_bytes);
void pool_fini(struct pool *pool);
struct leat_batch *pool_take(struct pool *pool);
bool pool_is_empty(struct pool *pool); /* nothing to take */
void pool_give(struct pool *pool, struct leat_batch *batch);
void pool_wake(struct pool *pool);
void pool_limit(struct pool *pool, uint32_t records); /* of each batch from now on */

/* side.c */
void sides_end(struct leat_task *task);  /* before close(): what they block on ends */
void sides_join(struct leat_task *task); /* after it; gives back what they posted */
void sides_stop(struct leat_task *task); /* a stop: shuts guarded descriptors, the owner's too */
bool is_side_of(const struct leat_task *task); /* the caller is one of its side threads */

/* reject.c: after a step refused records: applies the policy. OK: the batch may go on.
 * Sources, REJECT: once more in careful mode. Sinks, REJECT: the task ends here, and nothing of the
 * batch is left. */
enum leat_policy task_policy(const struct leat_task *task);
enum leat_status source_refusals(struct leat_task *task, struct leat_batch *batch,
                                 struct leat_error *err);
enum leat_status sink_refusals(struct leat_task *task, struct leat_batch *batch,
                               struct leat_error *err);
enum leat_status sink_late_refusals(struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err);
/* Refuses records beyond the pipeline's max_record. */
bool refuse_giants(struct leat_task *task, struct leat_batch *batch);

/* originals.c */
void originals_keep(struct leat_task *task, struct leat_batch *batch); /* before the transforms */
const struct leat_original *original_find(const struct leat_batch *batch, uint32_t index);
void originals_number(struct leat_batch *batch); /* sinks: after them */

/* breaker.c: sets ends_here when too many are refused. */
void breaker_came(struct leat_task *task, uint32_t count);
void breaker_refused(struct leat_task *task, enum leat_policy policy, const struct leat_batch *batch);

/* dead.c */
const struct leat_topic *dead_topic(const struct leat_connector_def *connector,
                                    const struct leat_pipeline_def *pipeline);
bool is_unwanted_letter(struct leat_task *task, const struct leat_topic *topic);
/* Sources: adds a letter about record `index` to its batch. */
void dead_letter_add(struct leat_task *task, struct leat_batch *batch, uint32_t index,
                     const char *reason);
/* Sinks: keyed state of the connector; durable on return. */
enum leat_status sink_keep(struct leat_task *task, const struct leat_state *state, struct leat_error *err);
/* Sinks: what earlier lives wrote and the marks have not passed; once the marks are there. */
enum leat_status dead_letters_load(struct leat_task *task, struct leat_error *err);
/* Letters about all refused records; durable on return. */
enum leat_status dead_letters_write(struct leat_task *task, const struct leat_batch *batch,
                                    struct leat_error *err);
/* Drops those about which there is a letter already: they came again because the mark had not passed them (K7). */
void dead_letters_honour(struct leat_task *task, struct leat_batch *batch);
void dead_letters_settled(struct leat_task *task, const struct receipt *receipt);
void dead_letters_forget(struct leat_task *task); /* the memory of it */

/* written.c: leat_task_written(), while the sink is open */
bool is_written(const struct leat_task *task, uint32_t split, const struct leat_record *rec, const struct leat_cursor *behind);
bool has_written(const struct leat_task *task, uint32_t split); /* the target told of earlier lanes */
void written_forget_split(struct leat_task *task, uint32_t split);
void written_forget(struct leat_task *task);

/* pass_over.c: claims of `leat recover`, one for each split, from open_reader on; NULL: there is none */
enum leat_status pass_over_load(struct leat_task *task, struct leat_error *err);
void pass_over_forget(struct leat_task *task);
const struct leat_recovered *pass_over_claim(const struct leat_task *task, uint32_t split);
enum leat_status pass_over_begin(struct leat_task *task, uint32_t split, struct leat_error *err);
/* Drops the batch's records that the target has. */
enum leat_status pass_over(struct leat_task *task, struct leat_batch *batch, struct leat_error *err);

/* guarantee.c */
void guarantee_note(struct leat_task *task, enum leat_guarantee given);
void guarantee_say(struct leat_task *task);

/* again.c: the owner's part. again_take(): what another thread asks for. */
void again_open(struct leat_task *task);
void again_close(struct leat_task *task);
enum leat_status again_take(struct leat_task *task, struct leat_error *err);
/* source_loop.c: *is_refused: nothing was appended, and nothing is wrong with the task. */
enum leat_status source_again(struct leat_task *task, struct leat_batch *batch, const struct leat_state *states,
                              size_t count, bool *is_refused, struct leat_error *err);

/* command.c: the owner's part, while the source is open */
void command_take(struct leat_task *task);
void command_close(struct leat_task *task); /* none comes any more */

/* route.c */
enum leat_status route_open(struct leat_task *task, struct leat_error *err);
void route_close(struct leat_task *task);
void route_batch(struct leat_task *task, struct leat_batch *batch);

/* receipts.c */
bool receipts_are_full(const struct leat_task *task);
void receipts_add(struct leat_task *task, struct leat_batch *batch); /* takes the batch */
struct receipt *receipts_take(struct leat_task *task);               /* the oldest */
void receipt_free(struct leat_task *task, struct receipt *receipt);
struct leat_batch *receipts_find(const struct leat_task *task, uint64_t number); /* NULL: not there any more */

/* once.c */
void once_source_ended(struct leat_once *once);
bool once_is_over(struct leat_once *once); /* every source has ended */
int once_fd(struct leat_once *once);       /* readable when they have; -1: they have, or it is no --once run */

/* report.c */
struct leat_report {
    struct leat_check_note *findings;
    size_t count;
    enum leat_guarantee guarantee;
    char why[200];
};
void report_fini(struct leat_report *report);

/* progress.c */
void progress_note(struct leat_task *task, bool has_work, bool has_progress);
void progress_doing(struct leat_task *task, const char *what); /* a literal: "its target" */
void progress_held(struct leat_task *task, const char *why);   /* why there is no room in the topic; "": there is */
void progress_show(struct leat_task *task, struct leat_task_status *status); /* lock held: is it stalled? */
void progress_made(struct leat_task *task);
void unsettled_add(struct leat_task *task, struct leat_batch *batch);
void unsettled_take(struct leat_task *task, struct leat_read_size as_read);
void lag_note(struct leat_task *task);
void lag_lend(struct leat_task *task, bool is_lent); /* around each call of the sink that may hang */
void lag_look(struct leat_task *task); /* any thread, lock held: measures what the owner does not, as it hangs in its sink */
void trouble_say(struct leat_task *task, const struct leat_error *err, int64_t pause_us);

/* status.c */
void status_add(struct leat_task *task, uint64_t records, uint64_t bytes);
void status_error(struct leat_task *task, const struct leat_error *err);
void status_count(struct leat_task *task, uint64_t *counter, uint64_t n);

#endif
