#include <base/thread.h>
#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- locks ---- */

#ifdef LEAT_DEBUG_BUILD
/* What this thread holds, outermost first. */
#define HELD_MOST 8
static _Thread_local const struct leat_lock *held[HELD_MOST];
static _Thread_local unsigned held_count;

static void note_taking(const struct leat_lock *lock)
{
    leat_assert(held_count < HELD_MOST);
    if (held_count > 0 && held[held_count - 1]->rank >= lock->rank)
        fprintf(stderr, "leat: lock %s is taken inside %s\n", lock->name, held[held_count - 1]->name);
    leat_assert(held_count == 0 || held[held_count - 1]->rank < lock->rank);
    held[held_count++] = lock;
}

static void note_giving(const struct leat_lock *lock)
{
    unsigned at = held_count;
    while (at > 0 && held[at - 1] != lock)
        at--;
    leat_assert(at > 0);
    memmove(&held[at - 1], &held[at], (held_count - at) * sizeof *held);
    held_count--;
}
#else
static void note_taking(const struct leat_lock *lock)
{
    (void)lock;
}
static void note_giving(const struct leat_lock *lock)
{
    (void)lock;
}
#endif

void leat_lock_init(struct leat_lock *lock, const char *name, enum leat_rank rank)
{
    pthread_mutex_init(&lock->mutex, NULL);
    lock->name = name;
    lock->rank = rank;
}

void leat_lock_fini(struct leat_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

void leat_lock_take(struct leat_lock *lock)
{
    note_taking(lock);
    leat_assert(pthread_mutex_lock(&lock->mutex) == 0);
}

void leat_lock_give(struct leat_lock *lock)
{
    note_giving(lock);
    leat_assert(pthread_mutex_unlock(&lock->mutex) == 0);
}

void leat_cond_init(struct leat_cond *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cond->cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void leat_cond_fini(struct leat_cond *cond)
{
    pthread_cond_destroy(&cond->cond);
}

void leat_cond_wait(struct leat_cond *cond, struct leat_lock *lock)
{
    pthread_cond_wait(&cond->cond, &lock->mutex);
}

bool leat_cond_wait_until(struct leat_cond *cond, struct leat_lock *lock, struct leat_time deadline)
{
    struct timespec until = {deadline.ns / 1000000000, deadline.ns % 1000000000};
    return pthread_cond_timedwait(&cond->cond, &lock->mutex, &until) != ETIMEDOUT;
}

void leat_cond_signal(struct leat_cond *cond)
{
    pthread_cond_signal(&cond->cond);
}

void leat_cond_broadcast(struct leat_cond *cond)
{
    pthread_cond_broadcast(&cond->cond);
}

/* ---- threads ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES ((size_t)1 << 20)
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

struct start {
    leat_thread_f *run;
    void *arg;
    char name[16];
};

static void *run_thread(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    pthread_setname_np(pthread_self(), start.name);
    start.run(start.arg);
    return NULL;
}

/* The thread is made with all signals blocked, so that they come to the main thread alone. */
static int create_blocked(pthread_t *thread, struct start *start)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, &attributes, run_thread, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

enum leat_status leat_thread_start(pthread_t *thread, const char *name, leat_thread_f *run, void *arg,
                                   struct leat_error *err)
{
    struct start *start = leat_malloc(sizeof *start);
    *start = (struct start){.run = run, .arg = arg};
    snprintf(start->name, sizeof start->name, "%s", name);
    int failed = create_blocked(thread, start);
    if (!failed)
        return LEAT_OK;
    free(start);
    return leat_fail(err, LEAT_RETRY, "cannot start thread %s: %s", name, strerror(failed));
}

void leat_thread_join(pthread_t thread)
{
    leat_assert(pthread_join(thread, NULL) == 0);
}

/* ---- bells ---- */

enum leat_status leat_bell_open(struct leat_bell *bell, struct leat_error *err)
{
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->fd < 0)
        return leat_fail(err, LEAT_RETRY, "cannot make an eventfd: %s", strerror(errno));
    return LEAT_OK;
}

void leat_bell_close(struct leat_bell *bell)
{
    if (bell->fd >= 0)
        leat_os->close(bell->fd);
    bell->fd = -1;
}

void leat_bell_ring(const struct leat_bell *bell)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is full, so it rings already. */
    leat_assert(leat_os->write(bell->fd, &one, sizeof one) == (ssize_t)sizeof one || errno == EAGAIN);
}

bool leat_bell_clear(const struct leat_bell *bell)
{
    uint64_t count;
    return leat_os->read(bell->fd, &count, sizeof count) == (ssize_t)sizeof count;
}
