#include <base/clock.h>
#include <time.h>

static struct leat_time real_now(void *arg)
{
    (void)arg;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct leat_time){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

static int64_t real_wall_us(void *arg)
{
    (void)arg;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const struct leat_clock leat_clock_real = {real_now, real_wall_us, NULL};

static const struct leat_clock *clock_in_use = &leat_clock_real;

void leat_clock_use(const struct leat_clock *clock)
{
    clock_in_use = clock ? clock : &leat_clock_real;
}

struct leat_time leat_now(void)
{
    return clock_in_use->now(clock_in_use->arg);
}

struct leat_time leat_after_us(int64_t us)
{
    int64_t ns;
    if (__builtin_mul_overflow(us, 1000, &ns) || __builtin_add_overflow(ns, leat_now().ns, &ns))
        return LEAT_NEVER;
    return (struct leat_time){ns};
}

int64_t leat_wall_us(void)
{
    return clock_in_use->wall_us(clock_in_use->arg);
}
