/* states.h - the states of a task, and the ways between them. Every other way is a broken
 * invariant.
 *
 *                    +- careful mode -+
 *                    v                |
 *           NEW -> STARTING -----> RUNNING ----> DONE       read to its end, or all of a --once run
 *                   ^    |          |   |
 *        back-off   |    v          |   |
 *        is over  WAITING <- RETRY -+   |
 *                   |                   |
 *                   +---> STOPPING <----+                   asked to stop (also in STARTING): drains
 *                            |
 *                            v
 *                         STOPPED                           also from NEW: never started
 *
 *   STARTING, RUNNING, STOPPING -> FAILED (LEAT_STOP, or tired of retries), FENCED
 *   careful mode: a record was refused under `stop`; once more, one by one, up to it
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
