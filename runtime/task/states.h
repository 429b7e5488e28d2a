/* states.h - the states of a task, and the ways between them. Every other way is a broken invariant.
 *
 *   NEW -> STARTING -> RUNNING -> DONE                  the source has ended, or --once has read all
 *             ^ ^ |      | |  |
 *             | | |      | |  +-> STOPPING -> STOPPED   asked to stop: draining
 *             | +-|------+ |        ^  ^                a record was refused under `stop`: in careful mode once more
 *             |   v        v        |  |
 *             +-- WAITING <+ -------+  |                LEAT_RETRY: backing off
 *                 STARTING ------------+
 *
 *   STARTING, RUNNING, STOPPING -> FAILED (LEAT_STOP), FENCED.  NEW -> STOPPED: never started
 */
#ifndef LEAT_TASK_STATES_H
#define LEAT_TASK_STATES_H

#include <task/task_run.h>

bool leat_task_may_go(enum leat_task_state from, enum leat_task_state to);

static inline bool leat_task_is_over(enum leat_task_state state)
{
    return state == LEAT_TASK_STOPPED || state == LEAT_TASK_DONE || state == LEAT_TASK_FAILED ||
           state == LEAT_TASK_FENCED;
}

#endif
