#include <task/inside.h>

#include <base/assert.h>
#include <base/os.h>

/* Rounded up, so that a wait never ends before its deadline. */
static int left_ms(struct leat_time deadline)
{
    int64_t left_ns = deadline.ns - leat_now().ns;
    if (deadline.ns == INT64_MAX)
        return -1;
    if (left_ns <= 0)
        return 0;
    int64_t ms = (left_ns + 999999) / 1000000;
    return ms > 3600000 ? 3600000 : (int)ms;
}

/* What the bell and the topic's fd mean to who waits: news for the host. */
static enum leat_event wait_for(struct leat_task *task, int fd, short events, int topic_fd,
                                struct leat_time deadline)
{
    struct pollfd fds[4] = {{.fd = task->bell.fd, .events = POLLIN},
                            {.fd = topic_fd, .events = POLLIN},
                            {.fd = fd, .events = events},
                            {.fd = task->watched_fd, .events = task->watched_events}};
    bool has_timers = task->is_source && task->chain; /* timers run before the topic alone */
    struct leat_time timer = has_timers ? leat_chain_due(task->chain) : LEAT_NEVER;
    struct leat_time until = timer.ns < deadline.ns ? timer : deadline;
    leat_assert(pthread_equal(pthread_self(), task->owner));
    task->has_waited = true;
    for (;;) {
        if (leat_task_is_stopping(task))
            return LEAT_STOPPING;
        if (leat_os->poll(fds, 4, left_ms(until)) < 0)
            return LEAT_WAKE; /* ENOMEM: who called looks again */
        if (fds[0].revents)
            leat_bell_clear(&task->bell);
        if (leat_task_is_stopping(task))
            return LEAT_STOPPING;
        if (fds[2].revents)
            return LEAT_READY;
        if (fds[0].revents || fds[1].revents || fds[3].revents || leat_is_past(timer))
            return LEAT_WAKE;
        if (leat_is_past(deadline))
            return LEAT_TIMEOUT;
    }
}

enum leat_event leat_wait(struct leat_task *task, int fd, short events, struct leat_time deadline)
{
    return wait_for(task, fd, events, task->topic_fd, deadline);
}

void leat_task_watch(struct leat_task *task, int fd, short events)
{
    leat_assert(pthread_equal(pthread_self(), task->owner));
    task->watched_fd = fd;
    task->watched_events = events;
}

enum leat_event task_wait(struct leat_task *task, int topic_fd, struct leat_time deadline)
{
    int sources_end = task->is_source ? -1 : once_fd(task->config.once); /* what a sink is to see at once */
    return wait_for(task, sources_end, POLLIN, topic_fd, deadline);
}
