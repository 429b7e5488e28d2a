/* clock.h - the seam for time. Monotonic and wall time are two types (struct leat_time in leat/task.h, and
 * int64_t microseconds named *_us of the wall); all code asks this table, so that tests drive it. */
#ifndef LEAT_BASE_CLOCK_H
#define LEAT_BASE_CLOCK_H

#include <leat/task.h>

struct leat_clock {
    struct leat_time (*now)(void *arg);
    int64_t (*wall_us)(void *arg);
    void *arg;
};

extern const struct leat_clock leat_clock_real;

/* The clock that leat_now(), leat_after_us() and leat_wall_us() ask; NULL: the real one. Set before threads start. */
void leat_clock_use(const struct leat_clock *clock);

static inline bool leat_is_past(struct leat_time deadline)
{
    return leat_now().ns >= deadline.ns;
}

#endif
