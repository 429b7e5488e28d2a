/* task.h - the services that a running plugin may call. A plugin calls nothing else of the host.
 *
 *   owner thread    runs the plugin's open, poll/put, settle, close: straight-line, blocking code
 *   side threads    fill batches and post them to the owner's mailbox; they never touch order
 *
 * All waiting goes through leat_wait(). A library that blocks inside itself registers its socket with
 * leat_task_guard(), so that a stop can shut it down.
 */
#ifndef LEAT_TASK_H
#define LEAT_TASK_H

#include <leat/logger.h>
#include <leat/record.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_task;

/* Monotonic time; never goes back, says nothing about the calendar. */
struct leat_time {
    int64_t ns;
};
#ifdef __cplusplus
#define LEAT_NEVER (leat_time{INT64_MAX})
#else
#define LEAT_NEVER ((struct leat_time){INT64_MAX})
#endif

struct leat_time leat_now(void);
struct leat_time leat_after_us(int64_t us); /* now + us */
int64_t leat_wall_us(void);                 /* microseconds since 1970 UTC; may jump */

enum leat_event {
    LEAT_READY,    /* fd has one of the events */
    LEAT_TIMEOUT,  /* the deadline has passed */
    LEAT_STOPPING, /* the task is asked to stop: return soon */
    LEAT_WAKE,     /* durable news, a side thread's batch, a command, a timer: return what you have */
};

/* Waits until one of them happens. `fd` -1: none; `events` as poll(2). Owner thread only. */
enum leat_event leat_wait(struct leat_task *task, int fd, short events, struct leat_time deadline);

/* True once the task is asked to stop; for a side thread also when close() is next. Any thread. */
bool leat_task_is_stopping(const struct leat_task *task);

/* True while a source waits for room in its topic and that may last (a full disk, a consumer that is far behind): who is asked
 * for more from outside may refuse it. Any thread. */
bool leat_task_is_held(struct leat_task *task);

/* While registered, a stop calls shutdown(2) on `fd`; that of a side thread also before close(). -1 removes the
 * guard: before the descriptor is closed. Any thread of the task; each thread has one guard. */
void leat_task_guard(struct leat_task *task, int fd);

/* While registered, the host's own waits of a sink's task end when `fd` has one of `events` (as poll(2)), and settle()
 * is called: for a sink whose owner thread speaks to its target without blocking. -1 ends it: before the descriptor is
 * closed. Owner thread only. */
void leat_task_watch(struct leat_task *task, int fd, short events);

/* The connector's name ("shop", "shop.archive") and this task's number in it, from 0. */
const char *leat_task_name(const struct leat_task *task);
uint32_t leat_task_number(const struct leat_task *task);
/* Memory that outlives close(), zeroed at first: what the task's next life, after a trouble, is to know of this one, such as
 * which owner it was in its target, so that it never takes back by itself what another has taken. `size` is always the same. */
void *leat_task_keep(struct leat_task *task, size_t size);

/* How often this task was opened before. The first time it takes over what another owner holds: somebody wanted it to begin
 * here. When it comes back after a RETRY it does not: who has taken over meanwhile goes on. */
uint32_t leat_task_lives(const struct leat_task *task);

/* True under `leat run --once`: a source ends (LEAT_EOF) at the point that was its end at open. */
bool leat_task_is_once(const struct leat_task *task);

/* An empty batch, or NULL when the task's byte budget is used up: return LEAT_AGAIN, the host calls
 * again when one is free. Side threads wait inside (and get NULL once leat_task_is_stopping()). */
struct leat_batch *leat_batch_take(struct leat_task *task);

/* How many batches the task's budget has at most, two or more: who holds batches back leaves one to the owner. Any thread. */
uint32_t leat_task_batches(const struct leat_task *task);

/* Gives an unused batch back; *batch becomes NULL. */
void leat_batch_give(struct leat_task *task, struct leat_batch **batch);

/* Starts a side thread, joined after close(). Its name shows in `ps -T` (15 bytes). Owner thread only. */
typedef void leat_side_f(struct leat_task *task, void *arg);
enum leat_status leat_task_side(struct leat_task *task, const char *name, leat_side_f *run, void *arg,
                                struct leat_error *err);

/* From a side thread: posts a filled batch to the owner's mailbox and wakes it; *batch becomes NULL. */
void leat_task_post(struct leat_task *task, struct leat_batch **batch);

/* From the owner: the next posted batch, or NULL. */
struct leat_batch *leat_task_receive(struct leat_task *task);

/* Wakes the owner's leat_wait(). Any thread. */
void leat_task_wake(struct leat_task *task);

/* The topic for records of `space`.`name` (database and table, "" where there is none), from the pipeline's
 * `topic` template or the source's default. Remember it per table. Where the template asks for more than these
 * two, the host fills it per record after the transforms. Owner thread and side threads. */
const struct leat_topic *leat_task_route(struct leat_task *task, const char *space, const char *name);

/* What `leat status` and the log show beside the state: "streaming", "snapshot shop.orders 41 %, 180,300/s,
 * 3 s left". Copied; owner thread only. */
void leat_task_progress(struct leat_task *task, const char *fmt, ...) LEAT_PRINTF(2, 3);

/* How far behind its origin the source is; -1: unknown. Owner thread only. */
void leat_task_lag(struct leat_task *task, int64_t lag_us, int64_t lag_bytes);

/* So many of the source's tables are parked: their rows are passed over until a person acts. Owner thread only. */
void leat_task_parked(struct leat_task *task, uint32_t tables);

/* A keyed state of the connector, as it was at open; for transforms. NULL where there is none. */
const struct leat_value *leat_task_state(struct leat_task *task, const struct leat_value *key);

#ifdef __cplusplus
}
#endif
#endif
