#include <oms/reader.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/letter.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

/* ---- which topics ---- */

static bool is_wanted_name(const struct leat_reader *reader, const char *name)
{
    return reader->patterns.count > 0 ? leat_patterns_match(&reader->patterns, name, false)
                                      : !leat_is_dead_topic(name, strlen(name));
}

struct naming {
    struct split *split;
    uint32_t id;
};

void split_learn(void *arg, const struct leat_log_topic *topic)
{
    struct split *split = arg;
    if (topic->id >= split->want_cap) {
        uint32_t cap = topic->id + 64;
        split->wants = leat_realloc(split->wants, cap);
        split->topics = leat_realloc(split->topics, cap * sizeof *split->topics);
        split->partitions = leat_realloc(split->partitions, cap * sizeof *split->partitions);
        split->passed = leat_realloc(split->passed, cap * sizeof *split->passed);
        split->is_guess = leat_realloc(split->is_guess, cap * sizeof *split->is_guess);
        memset(split->passed + split->want_cap, 0, (cap - split->want_cap) * sizeof *split->passed);
        memset(split->is_guess + split->want_cap, 0, (cap - split->want_cap) * sizeof *split->is_guess);
        memset(split->wants + split->want_cap, UNKNOWN, cap - split->want_cap);
        memset((void *)(split->topics + split->want_cap), 0, (cap - split->want_cap) * sizeof *split->topics);
        split->want_cap = cap;
    }
    if (split->wants[topic->id] == UNKNOWN) {
        split->wants[topic->id] = is_wanted_name(split->owner, topic->name) ? WANTED : UNWANTED;
        split->topics[topic->id] = leat_topic(topic->name, strlen(topic->name));
        split->partitions[topic->id] = topic->partition;
    }
}

bool split_wants(void *arg, uint32_t id)
{
    struct split *split = arg;
    if (id >= split->want_cap || split->wants[id] == UNKNOWN)
        leat_log_topics(split->log->log, split_learn, split);
    return id < split->want_cap && split->wants[id] == WANTED;
}

/* ---- opening splits ---- */

static enum leat_status watch_split(struct split *split, struct leat_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    split->watch = leat_log_watch_open(split->log->log, err);
    if (!split->watch)
        return LEAT_RETRY;
    if (epoll_ctl(split->owner->fd, EPOLL_CTL_ADD, leat_log_watch_fd(split->watch), &event) != 0)
        return leat_fail(err, LEAT_RETRY, "cannot watch log %s: %s", split->log->name, strerror(errno));
    return LEAT_OK;
}

/* With other lanes other records come by: such a split has another name, so that no mark of the old ones fits. */
static char *split_name(const struct leat_reader *reader, const struct oms_log *log)
{
    return reader->lanes == 1 ? leat_format_dup("%s/0", log->name)
                              : leat_format_dup("%s/%uof%u", log->name, reader->lane, reader->lanes);
}

static enum leat_status open_split(struct leat_reader *reader, struct oms_log *log, struct leat_error *err)
{
    struct leat_log_info info;
    reader->splits = leat_realloc(reader->splits, (reader->split_count + 1) * sizeof *reader->splits);
    struct split *split = &reader->splits[reader->split_count++];
    leat_log_info(log->log, &info);
    *split = (struct split){.log = log, .owner = reader, .uuid = info.uuid, .name = split_name(reader, log)};
    if (reader->consumer) {
        split_load_hint(split);
        split_load_floor(split, info.first_lsn);
    }
    return reader->access->is_read_only ? LEAT_OK : watch_split(split, err);
}

static enum leat_status open_named(struct leat_reader *reader, const char *const *names, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && names[i]; i++) {
        struct oms_log *log;
        status = oms_log_open(reader->access, names[i], NULL, &log, err);
        if (status == LEAT_OK)
            status = open_split(reader, log, err);
    }
    return status;
}

static enum leat_status open_all(struct leat_reader *reader, struct leat_error *err)
{
    enum leat_status status = oms_logs_open(reader->access, err);
    struct oms_log *log;
    for (size_t i = 0; status == LEAT_OK && (log = oms_log_at(reader->access, i)); i++)
        status = open_split(reader, log, err);
    return status;
}

/* Until the target's mark is known, our hint tells how far behind the consumer is. */
static void begin_at_hint(struct split *split)
{
    uint64_t lsn;
    struct leat_error err;
    if (split->consumed.has_hint && leat_cursor_read(&split->consumed.hinted.cursor, &lsn, &split->skip)) {
        split->skip_lsn = lsn;
        leat_log_seek_lsn(split->reader, lsn, &err);
    }
}

/* The splits stay where they are from here on: the logs' readers point to them. */
static enum leat_status open_splits(struct leat_reader *reader, const char *const *names, struct leat_error *err)
{
    enum leat_status status = names ? open_named(reader, names, err) : open_all(reader, err);
    for (uint32_t i = 0; status == LEAT_OK && i < reader->split_count; i++)
        status = leat_log_reader_open(reader->splits[i].log->log, split_wants, &reader->splits[i],
                                      &reader->splits[i].reader, err);
    for (uint32_t i = 0; status == LEAT_OK && i < reader->split_count; i++)
        begin_at_hint(&reader->splits[i]);
    reader->names = leat_calloc(reader->split_count ? reader->split_count : 1, sizeof *reader->names);
    for (uint32_t i = 0; i < reader->split_count; i++)
        reader->names[i] = reader->splits[i].name;
    return status;
}

static enum leat_status open_fd(struct leat_reader *reader, struct leat_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    bool is_open = (reader->fd = epoll_create1(EPOLL_CLOEXEC)) >= 0;
    if (is_open && reader->access->is_read_only)
        is_open = (reader->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) >= 0 &&
                  epoll_ctl(reader->fd, EPOLL_CTL_ADD, reader->timer, &event) == 0;
    return is_open ? LEAT_OK : leat_fail(err, LEAT_RETRY, "cannot make what wakes a reader: %s", strerror(errno));
}

enum leat_status oms_reader_open(struct leat_access *access, const struct leat_subscription *what,
                                 struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err)
{
    struct leat_reader *made = leat_calloc(1, sizeof *made);
    made->access = access;
    made->patterns = leat_list_dup(what->patterns);
    made->consumer = what->consumer ? leat_strdup(what->consumer) : NULL;
    made->lane = what->lane;
    made->lanes = what->lanes > 1 ? what->lanes : 1;
    made->barriers = what->barriers && made->lanes > 1;
    made->follows_all = !what->logs;
    made->fd = made->timer = -1;
    leat_assert(made->lane < made->lanes);
    enum leat_status status = open_fd(made, err);
    if (status == LEAT_OK)
        status = open_splits(made, what->logs, err);
    if (status != LEAT_OK) {
        oms_reader_close(made);
        return status;
    }
    *splits = (struct leat_splits){made->split_count, made->names};
    *reader = made;
    return LEAT_OK;
}

/* ---- close ---- */

static void close_split(struct split *split)
{
    if (split->reader)
        leat_log_reader_close(split->reader);
    if (split->watch)
        leat_log_watch_close(split->watch);
    free(split->wants);
    free(split->topics);
    free(split->partitions);
    free(split->passed);
    free(split->is_guess);
    free(split->offsets);
    free(split->floor_name);
    free(split->name);
}

void oms_reader_close(struct leat_reader *reader)
{
    reader_write_hints(reader);
    for (uint32_t i = 0; i < reader->split_count; i++)
        close_split(&reader->splits[i]);
    if (reader->timer >= 0)
        leat_os->close(reader->timer);
    if (reader->fd >= 0)
        leat_os->close(reader->fd);
    free((void *)reader->patterns.items);
    free(reader->splits);
    free(reader->names);
    free(reader->consumer);
    free(reader);
}
