#include <oms/inside.h>

#include <base/memory.h>
#include <errno.h>
#include <leat/logger.h>
#include <oms/ramdisk.h>
#include <stdlib.h>

#define LOG_NAME_MAX 200
#define MEMORY_BYTES ((uint64_t)256 << 20) /* of all that oms:memory: holds */
#define MEMORY_RETAIN ((int64_t)64 << 20)  /* of one of its logs, once all its readers have passed */

/* ---- logs ---- */

static struct oms_log *find_log(struct leat_access *access, const char *name)
{
    for (size_t i = 0; i < access->log_count; i++)
        if (strcmp(access->logs[i]->name, name) == 0)
            return access->logs[i];
    return NULL;
}

/* What lies in RAM cannot be kept for ever: what all readers have passed goes when room is short. */
static struct leat_log_settings settings_for(const struct leat_access *access, const struct leat_log_settings *settings)
{
    struct leat_log_settings used = settings ? *settings : (struct leat_log_settings){0};
    if (access->ramdisk && (used.retain_bytes == 0 || used.retain_bytes > MEMORY_RETAIN))
        used.retain_bytes = MEMORY_RETAIN;
    if (access->ramdisk)
        used.min_free_bytes = 0;
    return used;
}

static void apply_settings(struct oms_log *log, const struct leat_log_settings *settings)
{
    struct leat_log_settings used = settings_for(log->access, settings);
    leat_log_set(log->log, &used);
}

static enum leat_status open_log(struct leat_access *access, const char *name, const struct leat_log_settings *settings,
                                 struct oms_log **log, struct leat_error *err)
{
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') || strlen(name) > LOG_NAME_MAX)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "\"%s\" cannot be the name of a log", name);
    char *dir = leat_format_dup("%s/logs/%s", access->dir, name);
    struct leat_log_config config = {.dir = dir, .name = name, .os = access->os, .is_read_only = access->is_read_only};
    struct leat_log *opened;
    config.settings = settings_for(access, settings);
    if (access->ramdisk)
        config.segment_max = MEMORY_BYTES / 32;
    enum leat_status status = leat_log_open(&opened, &config, access->flusher, err);
    free(dir);
    if (status != LEAT_OK)
        return status;
    access->logs = leat_realloc(access->logs, (access->log_count + 1) * sizeof *access->logs);
    *log = access->logs[access->log_count++] = oms_log_new(access, name, opened);
    return LEAT_OK;
}

enum leat_status oms_log_open(struct leat_access *access, const char *name, const struct leat_log_settings *settings,
                              struct oms_log **log, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    leat_lock_take(&access->lock);
    *log = find_log(access, name);
    if (!*log)
        status = open_log(access, name, settings, log, err);
    else if (settings)
        apply_settings(*log, settings);
    leat_lock_give(&access->lock);
    return status;
}

struct oms_log *oms_log_at(struct leat_access *access, size_t index)
{
    leat_lock_take(&access->lock);
    struct oms_log *log = index < access->log_count ? access->logs[index] : NULL;
    leat_lock_give(&access->lock);
    return log;
}

/* Names of the directories of logs, for the caller to free one by one, and the list. */
static enum leat_status list_logs(struct leat_access *access, char ***names, size_t *count, struct leat_error *err)
{
    char *path = leat_format_dup("%s/logs", access->dir);
    DIR *dir = access->os->opendir(path);
    enum leat_status status = LEAT_OK;
    *names = NULL;
    *count = 0;
    if (!dir && errno != ENOENT)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    for (struct dirent *entry; dir && (entry = access->os->readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        *names = leat_realloc(*names, (*count + 1) * sizeof **names);
        (*names)[(*count)++] = leat_strdup(entry->d_name);
    }
    if (dir && errno != 0)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    if (dir)
        access->os->closedir(dir);
    free(path);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One log that cannot be opened does not hide the others; the first trouble is told at the end. */
enum leat_status oms_logs_open(struct leat_access *access, struct leat_error *err)
{
    char **names;
    size_t count;
    enum leat_status status = list_logs(access, &names, &count, err);
    if (count > 0)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        struct oms_log *log;
        struct leat_error error;
        enum leat_status opened = oms_log_open(access, names[i], NULL, &log, &error);
        if (opened != LEAT_OK && status == LEAT_OK) {
            status = opened;
            *err = error;
        }
        free(names[i]);
    }
    free(names);
    return status;
}

/* ---- partitions ---- */

struct search {
    const char *topic;
    int32_t own, next;
};

static void note_partition(void *arg, const struct leat_log_topic *topic)
{
    struct search *search = arg;
    if (strcmp(topic->name, search->topic) != 0)
        return;
    search->own = topic->partition;
    if (topic->partition >= search->next)
        search->next = topic->partition + 1;
}

/* All logs are asked which partitions of a new topic are taken, so all must be open; one that cannot be opened is left
 * out, and said. */
static void open_all_once(struct leat_access *access)
{
    struct leat_error err;
    leat_lock_take(&access->lock);
    bool has_opened_all = access->has_opened_all;
    leat_lock_give(&access->lock);
    if (has_opened_all)
        return;
    if (oms_logs_open(access, &err) != LEAT_OK)
        leat_say(LEAT_WARNING, NULL, "a log cannot be opened, so a new topic may get a partition that it holds already: %s", err.text);
    leat_lock_take(&access->lock); /* only now: who comes meanwhile must not go on without them */
    access->has_opened_all = true;
    leat_lock_give(&access->lock);
}

uint32_t oms_define_topic(struct oms_log *log, const char *topic)
{
    struct leat_access *access = log->access;
    struct search own = {topic, -1, 0}, all = {topic, -1, 0};
    leat_log_topics(log->log, note_partition, &own);
    if (own.own >= 0)
        return leat_log_topic(log->log, topic, own.own);
    open_all_once(access);
    leat_lock_take(&access->lock);
    for (size_t i = 0; i < access->log_count; i++)
        leat_log_topics(access->logs[i]->log, note_partition, &all);
    leat_log_topics(log->log, note_partition, &own); /* another writer may have been faster */
    uint32_t id = leat_log_topic(log->log, topic, own.own >= 0 ? own.own : all.next);
    leat_lock_give(&access->lock);
    return id;
}

/* ---- the access point ---- */

static void close_access(struct leat_access *access)
{
    for (size_t i = 0; i < access->log_count; i++)
        oms_log_free(access->logs[i]);
    free(access->logs);
    if (access->flusher)
        leat_flusher_stop(access->flusher);
    if (access->ramdisk)
        ramdisk_free(access->ramdisk);
    leat_lock_fini(&access->lock);
    free(access->dir);
    free(access);
}

static enum leat_status open_at(const char *dir, bool is_read_only, const struct leat_os *os, struct ramdisk *ramdisk,
                                struct leat_access **access, struct leat_error *err)
{
    struct leat_access *made = leat_calloc(1, sizeof *made);
    made->dir = leat_strdup(dir);
    made->is_read_only = is_read_only;
    made->os = os;
    made->ramdisk = ramdisk;
    leat_lock_init(&made->lock, "access point", LEAT_RANK_ACCESS);
    enum leat_status status = is_read_only ? oms_logs_open(made, err) : leat_flusher_start(&made->flusher, err);
    if (status != LEAT_OK) {
        close_access(made);
        return status;
    }
    *access = made;
    return LEAT_OK;
}

static enum leat_status open_commitlog(const struct leat_access_config *config, struct leat_access **access,
                                       struct leat_error *err)
{
    struct leat_url url;
    enum leat_status status = leat_url_parse(config->url, &url, err);
    if (status != LEAT_OK)
        return status;
    return open_at(url.region[0] ? url.region : config->data_dir, config->is_read_only, leat_os, NULL, access, err);
}

static enum leat_status open_memory(const struct leat_access_config *config, struct leat_access **access,
                                    struct leat_error *err)
{
    struct ramdisk *ramdisk;
    if (config->is_read_only)
        return leat_fail(err, LEAT_STOP, "oms:memory: is gone with its process: there is nothing to read");
    ramdisk = ramdisk_new(MEMORY_BYTES);
    return open_at(ramdisk_dir(ramdisk), false, ramdisk_os(), ramdisk, access, err);
}

#define CALLS                                                                                                  \
    .close = close_access, .describe = oms_describe, .writer_open = oms_writer_open, .append = oms_append,      \
    .durable = oms_durable, .writer_fd = oms_writer_fd, .writer_close = oms_writer_close,                      \
    .reader_open = oms_reader_open, .judge = oms_judge, .seek = oms_seek, .read = oms_read, .hint = oms_hint,  \
    .lag = oms_lag, .reader_fd = oms_reader_fd, .reader_close = oms_reader_close, .forget = oms_forget, \
    .consumers = oms_consumers

const struct leat_driver_type leat_driver_commitlog = {
    .struct_size = sizeof(struct leat_driver_type),
    .name = "commitlog",
    .about = "Topics in the data directory: an embedded commit log.",
    .open = open_commitlog,
    CALLS,
};

const struct leat_driver_type leat_driver_memory = {
    .struct_size = sizeof(struct leat_driver_type),
    .name = "memory",
    .about = "Topics in memory, gone with the process: for tests and trials.",
    .open = open_memory,
    CALLS,
};
