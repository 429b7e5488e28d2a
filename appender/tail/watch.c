/* watch.c - inotify on the directories of followed files. */
#include <base/memory.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <tail/tail.h>
#include <unistd.h>

void tail_watch_open(struct tail *tail)
{
    leat_table_init(&tail->watched);
    tail->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (tail->watch_fd < 0)
        leat_say(LEAT_WARNING, leat_task_name(tail->task),
                 "no inotify (%s): news of files are found once in %lld ms; raise fs.inotify.max_user_instances",
                 strerror(errno), (long long)(tail->refresh_us / 1000));
}

static void remember(struct tail *tail, int watch, char *dir)
{
    size_t at = (size_t)watch;
    if (at >= tail->watch_dir_cap) {
        size_t cap = at * 2 + 16;
        tail->watch_dirs = leat_realloc(tail->watch_dirs, cap * sizeof *tail->watch_dirs);
        memset(tail->watch_dirs + tail->watch_dir_cap, 0, (cap - tail->watch_dir_cap) * sizeof *tail->watch_dirs);
        tail->watch_dir_cap = cap;
    }
    tail->watch_dirs[at] = dir;
}

void tail_watch_path(struct tail *tail, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (tail->watch_fd < 0 || !slash || leat_table_get(&tail->watched, path, len))
        return;
    char *dir = leat_strndup(path, len);
    int watch = inotify_add_watch(tail->watch_fd, len ? dir : "/", IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE);
    leat_table_set(&tail->watched, path, len, dir);
    if (watch >= 0)
        remember(tail, watch, dir);
}

/* One event: true when a name came or went. */
static bool take_event(struct tail *tail, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    if (event->wd < 0 || (size_t)event->wd >= tail->watch_dir_cap || !tail->watch_dirs[event->wd] || event->len == 0)
        return false;
    if (event->mask & (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE))
        return true;
    char path[4096 + 256];
    int len = snprintf(path, sizeof path, "%s/%s", tail->watch_dirs[event->wd], event->name);
    struct tail_file *file = len > 0 ? leat_table_get(&tail->by_path, path, (size_t)len) : NULL;
    if (file)
        tail_has_news(tail, file);
    return false;
}

bool tail_watch_read(struct tail *tail)
{
    bool is_changed = false;
    _Alignas(struct inotify_event) char events[16384];
    for (;;) {
        ssize_t got = leat_os->read(tail->watch_fd, events, sizeof events);
        if (got <= 0)
            return is_changed;
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            is_changed |= take_event(tail, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

void tail_watch_close(struct tail *tail)
{
    if (tail->watch_fd >= 0)
        leat_os->close(tail->watch_fd);
    tail->watch_fd = -1;
    leat_table_fini(&tail->watched, free);
    free(tail->watch_dirs);
    tail->watch_dirs = NULL;
    tail->watch_dir_cap = 0;
}
