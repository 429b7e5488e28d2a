/* control.h - definitions to running tasks.
 *
 *   config -> data directory held -> access point -> one task for each connector (parallel: several)
 *
 * Thread: the main thread, but leat_control_each(), _orphans() and _order(), which any thread may call.
 */
#ifndef LEAT_CONTROL_CONTROL_H
#define LEAT_CONTROL_CONTROL_H

#include <task/task_run.h>

struct leat_control;

/* Starts everything. `config` must outlive it. */
enum leat_status leat_control_start(struct leat_control **control, const struct leat_config *config, bool is_once,
                                    struct leat_error *err);

/* Waits, and carries orders out, until a task changed its state, `fd` is readable, or the deadline. True: fd is readable. */
bool leat_control_wait(struct leat_control *control, int fd, struct leat_time deadline);

/* True when nothing is left to do: all tasks ended; or every source ended and the sinks have read all; or the disk
 * refused a write, which ends a run at once. */
bool leat_control_is_over(struct leat_control *control);

/* Other definitions from now on: pipelines that are as they were go on untouched, and with the definitions that they began
 * with: those must outlive the control too. can_reload(): false where more than pipelines differs. An error is the end. */
bool leat_control_can_reload(const struct leat_control *control, const struct leat_config *fresh);
struct leat_reloaded { /* tasks of connectors */
    size_t kept, ended, begun;
};
enum leat_status leat_control_reload(struct leat_control *control, const struct leat_config *fresh,
                                     struct leat_reloaded *reloaded, struct leat_error *err);

/* A stop in two steps: sources first; leat_control_is_drained() tells when each sink has read and settled what they brought,
 * or cannot just now. Without a source there is nothing to wait for: what others write has no end. */
void leat_control_stop_sources(struct leat_control *control, struct leat_time deadline);
bool leat_control_is_drained(struct leat_control *control);

/* Then all tasks, with what is left of the time; leat_control_is_over() tells when they have ended. */
void leat_control_stop(struct leat_control *control, struct leat_time deadline);

/* What `leat run` exits with: 0, or the first of 7, 5, 6, 3, 1 that some connector failed with. */
int leat_control_exit_status(struct leat_control *control);

/* Joins what has to have ended, closes topics, gives the data directory back. */
void leat_control_close(struct leat_control *control);

/* What an operator asks of one connector ("shop.archive"), of all sinks of a pipeline ("shop.*"), or of a pipeline without a
 * source ("audit"). PAUSE and STOP outlive the process. On LEAT_OK the order is durable and will be carried out. */
enum leat_order { LEAT_ORDER_PAUSE, LEAT_ORDER_RESUME, LEAT_ORDER_RESTART, LEAT_ORDER_STOP };
bool leat_order_by_name(const char *name, enum leat_order *order);
enum leat_status leat_control_order(struct leat_control *control, const char *name, enum leat_order order,
                                    struct leat_error *err);

/* The letters of what runs; any thread, one at a time (letters.h). */
struct leat_letters;
void leat_control_letters(struct leat_control *control, struct leat_letters *letters);

/* An order to the source of a pipeline that runs here (`leat snapshot`); `ask` is its own to read. */
enum leat_status leat_control_command(struct leat_control *control, const char *pipeline, const struct leat_value *ask,
                                      struct leat_error *err);

/* Sends sinks to another place of their logs, as replay.h says; those that run begin anew. *report: a line for each. */
struct leat_bytes;
enum leat_status leat_control_replay(struct leat_control *control, const char *name, const char *from,
                                     struct leat_bytes *report, struct leat_error *err);

typedef void leat_control_f(void *arg, const struct leat_task_status *status, bool is_source);
void leat_control_each(struct leat_control *control, leat_control_f *each, void *arg);
/* Consumers of the logs that no sink of the present definitions has; any thread. */
void leat_control_orphans(struct leat_control *control, leat_consumer_f *each, void *arg);

#endif
