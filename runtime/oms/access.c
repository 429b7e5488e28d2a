#include <oms/inside.h>

#include <base/memory.h>
#include <errno.h>
#include <oms/ramdisk.h>
#include <stdlib.h>

/* ---- logs ---- */

static struct oms_log *find_log(struct leat_access *access, const char *name)
{
    for (size_t i = 0; i < access->log_count; i++)
        if (strcmp(access->logs[i]->name, name) == 0)
            return access->logs[i];
    return NULL;
}

static enum leat_status open_log(struct leat_access *access, const char *name, const struct leat_log_settings *settings,
                                 struct oms_log **log, struct leat_error *err)
{
    char *dir = leat_format_dup("%s/logs/%s", access->dir, name);
    struct leat_log_config config = {.dir = dir, .name = name, .os = access->os, .is_read_only = access->is_read_only};
    struct leat_log *opened;
    if (settings)
        config.settings = *settings;
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
        leat_log_set(( *log)->log, settings);
    leat_lock_give(&access->lock);
    return status;
}

enum leat_status oms_logs_open(struct leat_access *access, struct leat_error *err)
{
    char *path = leat_format_dup("%s/logs", access->dir);
    DIR *dir = access->os->opendir(path);
    enum leat_status status = LEAT_OK;
    if (!dir && errno != ENOENT)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    for (struct dirent *entry; dir && status == LEAT_OK && (entry = access->os->readdir(dir));) {
        struct oms_log *log;
        if (entry->d_name[0] != '.')
            status = oms_log_open(access, entry->d_name, NULL, &log, err);
    }
    if (dir)
        access->os->closedir(dir);
    free(path);
    return status;
}

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

/* A topic's partition in `asking`: the one that it has there; else the first that no other log has. */
uint32_t oms_partition_for(struct leat_access *access, const char *topic, const struct oms_log *asking)
{
    struct search own = {topic, -1, 0}, all = {topic, -1, 0};
    leat_lock_take(&access->lock);
    leat_log_topics(asking->log, note_partition, &own);
    for (size_t i = 0; own.own < 0 && i < access->log_count; i++)
        leat_log_topics(access->logs[i]->log, note_partition, &all);
    leat_lock_give(&access->lock);
    return (uint32_t)(own.own >= 0 ? own.own : all.next);
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
    ramdisk = ramdisk_new((uint64_t)256 << 20);
    return open_at(ramdisk_dir(ramdisk), false, ramdisk_os(), ramdisk, access, err);
}

#define CALLS                                                                                                  \
    .close = close_access, .describe = oms_describe, .writer_open = oms_writer_open, .append = oms_append,      \
    .durable = oms_durable, .writer_fd = oms_writer_fd, .writer_close = oms_writer_close,                      \
    .reader_open = oms_reader_open, .judge = oms_judge, .seek = oms_seek, .read = oms_read, .hint = oms_hint,  \
    .lag = oms_lag, .reader_fd = oms_reader_fd, .reader_close = oms_reader_close

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
