/* thread.h - threads, locks with a name and a rank, wake-ups.
 *
 * A thread may take a lock only if its rank is higher than those it holds; debug builds assert it.
 * Ranks: see enum leat_rank, outermost first.
 */
#ifndef LEAT_BASE_THREAD_H
#define LEAT_BASE_THREAD_H

#include <base/clock.h>
#include <pthread.h>

enum leat_rank {
    LEAT_RANK_CONTROL = 10,
    LEAT_RANK_TASK = 20,
    LEAT_RANK_MAILBOX = 30,
    LEAT_RANK_ACCESS = 40, /* an access point's tables */
    LEAT_RANK_LOG = 50,    /* a commit log's tail */
    LEAT_RANK_FLUSHER = 60,
    LEAT_RANK_INTERN = 70, /* topics, schemas */
    LEAT_RANK_LOGGER = 90,
};

struct leat_lock {
    pthread_mutex_t mutex;
    const char *name;
    enum leat_rank rank;
};
struct leat_cond {
    pthread_cond_t cond; /* on CLOCK_MONOTONIC */
};

void leat_lock_init(struct leat_lock *lock, const char *name, enum leat_rank rank);
void leat_lock_fini(struct leat_lock *lock);
void leat_lock_take(struct leat_lock *lock);
void leat_lock_give(struct leat_lock *lock);

/* A lock that is ready without a call: static struct leat_lock l = LEAT_LOCK("topics", LEAT_RANK_INTERN); */
#define LEAT_LOCK(lock_name, lock_rank) {PTHREAD_MUTEX_INITIALIZER, lock_name, lock_rank}

void leat_cond_init(struct leat_cond *cond);
void leat_cond_fini(struct leat_cond *cond);
void leat_cond_wait(struct leat_cond *cond, struct leat_lock *lock);
bool leat_cond_wait_until(struct leat_cond *cond, struct leat_lock *lock, struct leat_time deadline); /* false: time is up */
void leat_cond_signal(struct leat_cond *cond);
void leat_cond_broadcast(struct leat_cond *cond);

/* Stacks are 256 KiB (1 MiB under a sanitizer); all signals blocked; the name is cut at 15 bytes. */
typedef void leat_thread_f(void *arg);
enum leat_status leat_thread_start(pthread_t *thread, const char *name, leat_thread_f *run, void *arg,
                                   struct leat_error *err);
void leat_thread_join(pthread_t thread);

/* A wake-up that a poll() can wait for: an eventfd. */
struct leat_bell {
    int fd;
};
enum leat_status leat_bell_open(struct leat_bell *bell, struct leat_error *err);
void leat_bell_close(struct leat_bell *bell);
void leat_bell_ring(const struct leat_bell *bell); /* any thread */
bool leat_bell_clear(const struct leat_bell *bell); /* true: it had rung */

#endif
