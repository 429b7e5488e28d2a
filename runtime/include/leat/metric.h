/* metric.h - what a task counts. The host counts records, bytes, batches, errors and dead letters itself;
 * a plugin adds what only it knows.
 */
#ifndef LEAT_METRIC_H
#define LEAT_METRIC_H

#include <leat/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Adds `n` to the task's counter `name` ("mysql_events_skipped"); the name must be static text. Owner
 * thread only; at most 32 names per task. */
void leat_count(struct leat_task *task, const char *name, uint64_t n);

#ifdef __cplusplus
}
#endif
#endif
