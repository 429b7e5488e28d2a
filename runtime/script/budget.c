/* budget.c - time, memory and stack of a script.
 *
 * A count hook that is always on makes loops 2.2 times slower. So there is none in peace: a timer
 * on the thread's CPU clock ticks every few milliseconds, and only a call that has run for
 * too long gets the hook, which raises at every instruction from then on. The signal is
 * blocked but for the time of a batch.
 */
#include <script/host.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <base/thread.h>

enum { TICK_US = 5000, STACK_ROOM = 96 * 1024, BUDGET_SIGNAL = SIGVTALRM };

static __thread struct script_budget *volatile current;

static void raise_over(lua_State *L, lua_Debug *debug)
{
    (void)debug;
    luaL_error(L, "the time budget for one record is used up");
}

static void arm(struct script_budget *budget)
{
    budget->is_over = 1;
    lua_sethook(budget->state, raise_over, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Of any script's timer on this thread, so that ticks are no measure of time; the clock is. */
static void tick(int signal_number)
{
    (void)signal_number;
    struct script_budget *budget = current;
    if (!budget)
        return;
    if (budget->seen != budget->serial) {
        budget->seen = budget->serial;
        budget->seen_us = cpu_us();
    } else if (!budget->is_over && cpu_us() - budget->seen_us >= budget->limit_us) {
        arm(budget);
    }
}

void *script_allocate(void *arg, void *old, size_t old_size, size_t new_size)
{
    struct script_budget *budget = arg;
    size_t had = old ? old_size : 0;
    if (new_size == 0) {
        free(old);
        budget->memory_used -= had;
        return NULL;
    }
    if (new_size > had && budget->memory_used + (new_size - had) > budget->memory_limit)
        return NULL;
    void *piece = realloc(old, new_size);
    if (piece)
        budget->memory_used = budget->memory_used - had + new_size;
    return piece;
}

static void install(void)
{
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(BUDGET_SIGNAL, &action, NULL);
}

static void mask(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, BUDGET_SIGNAL);
    pthread_sigmask(how, &set, NULL);
}

enum leat_status script_budget_start(struct script_budget *budget, lua_State *L, int64_t time_us,
                                     struct leat_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    budget->state = L;
    budget->limit_us = time_us;
    mask(SIG_BLOCK);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = BUDGET_SIGNAL};
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &budget->timer) != 0)
        return leat_fail(err, LEAT_STOP, "no timer for the script: %m");
    budget->has_timer = true;
    struct itimerspec every = {{0, TICK_US * 1000}, {0, TICK_US * 1000}};
    timer_settime(budget->timer, 0, &every, NULL);
    return LEAT_OK;
}

void script_budget_stop(struct script_budget *budget)
{
    if (budget->has_timer)
        timer_delete(budget->timer);
    budget->has_timer = false;
}

void script_budget_enter(struct script_budget *budget)
{
    current = budget;
    budget->stack_top = __builtin_frame_address(0);
    mask(SIG_UNBLOCK);
}

void script_budget_leave(struct script_budget *budget)
{
    (void)budget;
    mask(SIG_BLOCK);
    current = NULL;
}

/* ThreadSanitizer holds signals back until the next call that it knows: there the hook is always
 * on. */
static void count_from_the_start(struct script_budget *budget)
{
#ifdef __SANITIZE_THREAD__
    lua_sethook(budget->state, raise_over, LUA_MASKCOUNT, 20000000);
#else
    (void)budget;
#endif
}

void script_budget_renew(struct script_budget *budget)
{
    /* The order matters: a tick between the two lines sees a new call. */
    budget->serial = (budget->serial + 1) & 0x3fffffff;
    if (budget->is_over) {
        lua_sethook(budget->state, NULL, 0, 0);
        budget->is_over = 0;
    }
    budget->arena_used = 0;
    count_from_the_start(budget);
}

void script_check_time(lua_State *L, const struct script_budget *budget)
{
    if (budget->is_over)
        raise_over(L, NULL);
}

void script_check_stack(lua_State *L)
{
    const char *here = __builtin_frame_address(0);
    if (script_host_of(L)->budget.stack_top - here > STACK_ROOM)
        luaL_error(L, "calls are nested too deeply");
}
