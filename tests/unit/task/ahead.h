/* ahead.h - fake.h under a clock that can be put forward. */
#ifndef LEAT_UNIT_TASK_AHEAD_H
#define LEAT_UNIT_TASK_AHEAD_H

#include "fake.h"

#include <task/inside.h>

/* A clock that runs as the real one does, and can be put forward. */
static int64_t ahead_ns; /* atomic */

static struct leat_time ahead_now(void *arg)
{
    (void)arg;
    return (struct leat_time){fake_real_ns() + fake_get(&ahead_ns)};
}

static int64_t ahead_wall_us(void *arg)
{
    (void)arg;
    return leat_clock_real.wall_us(leat_clock_real.arg);
}

static const struct leat_clock ahead = {.now = ahead_now, .wall_us = ahead_wall_us};

/* Wakes the owner and waits until it has looked around, twice: then it has seen the time that is
 * now. */
static inline void let_it_look(struct leat_task *task)
{
    struct pollfd bell = {.fd = task->bell.fd, .events = POLLIN};
    for (int i = 0; i < 2; i++) {
        leat_task_wake(task);
        fake_until(leat_os->poll(&bell, 1, 0) == 0 || fake_is_over(task));
    }
}

static inline void put_forward(struct leat_task *task, int64_t s)
{
    fake_set(&ahead_ns, ahead_ns + s * 1000000000);
    let_it_look(task);
}

static inline int ahead_setup(void **state)
{
    ahead_ns = 0;
    leat_clock_use(&ahead);
    return fake_setup(state);
}

static inline int ahead_teardown(void **state)
{
    int result = fake_teardown(state);
    leat_clock_use(NULL);
    return result;
}

#endif
