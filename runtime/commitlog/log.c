#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_MIN ((uint64_t)1 << 20)
#define SEGMENT_MAX ((uint64_t)256 << 20)
#define FOLD_BYTES ((uint64_t)64 << 20)
#define QUEUE_BYTES ((uint64_t)4 << 20)
#define IDENTITY_BYTES 32
#define LINEAGE_EMPTY 256 /* of the newest incarnations, those that wrote no records are kept too */

struct leat_uuid uuid_new(const struct leat_os *os)
{
    struct leat_uuid uuid;
    leat_os_random(os, uuid.bytes, sizeof uuid.bytes);
    return uuid;
}

/* ---- identity and lock ---- */

static enum leat_status disk_failed(const char *path, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
}

bool identity_write(struct leat_log *log)
{
    uint8_t bytes[IDENTITY_BYTES] = "LEATLOG1";
    char *path = leat_format_dup("%s/IDENTITY", log->dir);
    leat_set_u32(bytes + 8, FORMAT_VERSION);
    memcpy(bytes + 12, log->uuid.bytes, 16);
    leat_set_u32(bytes + 28, leat_crc32c(0, bytes, 28));
    bool is_good = leat_os_replace_file(log->os, path, bytes, sizeof bytes, 0600);
    free(path);
    return is_good;
}

/* The first 32 bytes are the same in all versions to come. */
static enum leat_status take_identity(struct leat_log *log, const char *path, const uint8_t *bytes, size_t len, struct leat_error *err)
{
    bool is_whole = len >= IDENTITY_BYTES && memcmp(bytes, "LEATLOG", 7) == 0 &&
                    leat_get_u32(bytes + 28) == leat_crc32c(0, bytes, 28);
    uint32_t version = is_whole ? leat_get_u32(bytes + 8) : 0;
    if (version > FORMAT_VERSION)
        return leat_fail(err, LEAT_STOP,
                         "%s: this log was written by a newer leat (format version %u, this one knows %u): run that one", path,
                         version, FORMAT_VERSION);
    if (version == 0 || len != IDENTITY_BYTES)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                            "%s is damaged: bring it back from a backup (it never changes), or `leat log salvage %s NEWDIR` takes "
                            "the log's number from its segments",
                            path, log->dir);
    memcpy(log->uuid.bytes, bytes + 12, 16);
    return LEAT_OK;
}

/* Of a new log there is none yet; one that has segments or a hint had one. */
static enum leat_status make_identity(struct leat_log *log, const char *path, struct leat_error *err)
{
    uint64_t durable, fold, sequence;
    if (segments_name(log, err) != LEAT_OK && !log->config.is_read_only)
        return LEAT_STOP;
    if (hint_load(log, &durable, &fold, &sequence, err) != LEAT_OK)
        return LEAT_STOP;
    bool is_new = log->segment_count == 0 && sequence == 0;
    log->segment_count = 0;
    if (!is_new)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                            "%s is missing, though this log has data: bring it back from a backup (it never changes), or `leat log "
                            "salvage %s NEWDIR` takes the log's number from its segments",
                            path, log->dir);
    log->uuid = uuid_new(log->os);
    errno = ENOENT; /* whoever reads alone makes nothing */
    return !log->config.is_read_only && identity_write(log) ? LEAT_OK : disk_failed(path, err);
}

static enum leat_status load_identity(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/IDENTITY", log->dir), *text = NULL;
    size_t len = 0;
    enum leat_status status;
    if (leat_os_read_file(log->os, path, 4096, &text, &len))
        status = take_identity(log, path, (const uint8_t *)text, len, err);
    else
        status = errno == ENOENT ? make_identity(log, path, err) : disk_failed(path, err);
    /* Its name may stand in the cache alone, if a start was killed on its way here. */
    if (status == LEAT_OK && !log->config.is_read_only &&
        !(leat_os_sync_parent(log->os, path) && leat_os_sync_parent(log->os, log->dir)))
        status = disk_failed(path, err);
    free(text);
    free(path);
    return status;
}

/* The file holds the holder's pid, for the message of who comes second. */
static enum leat_status refuse_second(const struct leat_log *log, struct leat_error *err)
{
    char pid[32] = "";
    ssize_t len = leat_os_pread_all(log->os, log->lock_fd, pid, sizeof pid - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_IN_USE, "log %s is in use by another leat%s%s", log->dir,
                        pid[0] ? " with pid " : "", pid);
}

/* Not synced: it is true only while the lock is held. On a full disk the log opens without it. */
static bool write_pid(const struct leat_log *log)
{
    char pid[32];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)log->os->getpid());
    return (log->os->ftruncate(log->lock_fd, 0) == 0 &&
            leat_os_pwrite_all(log->os, log->lock_fd, pid, (size_t)len, 0)) ||
           leat_os_is_no_room(errno);
}

static enum leat_status take_lock(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/lock", log->dir);
    enum leat_status status = LEAT_OK;
    log->lock_fd = log->os->open(path, O_RDWR | O_CREAT, 0600);
    if (log->lock_fd < 0)
        status = disk_failed(path, err);
    else if (log->os->lock(log->lock_fd, true) != 0)
        status = errno == EAGAIN ? refuse_second(log, err) : disk_failed(path, err);
    else if (!write_pid(log))
        status = disk_failed(path, err);
    free(path);
    return status;
}

/* ---- open and close ---- */

static void set_defaults(struct leat_log_config *config)
{
    if (!config->segment_min)
        config->segment_min = SEGMENT_MIN;
    if (!config->segment_max)
        config->segment_max = SEGMENT_MAX;
    if (!config->fold_bytes)
        config->fold_bytes = FOLD_BYTES;
    if (!config->queue_bytes)
        config->queue_bytes = QUEUE_BYTES;
}

static enum leat_status make_folders(struct leat_log *log, struct leat_error *err)
{
    char *path = leat_format_dup("%s/segments", log->dir);
    enum leat_status status = leat_os_make_dirs(log->os, path) ? LEAT_OK : disk_failed(path, err);
    free(path);
    return status;
}

struct leat_log *log_make(const struct leat_log_config *config)
{
    struct leat_log *made = leat_calloc(1, sizeof *made);
    made->config = *config;
    set_defaults(&made->config);
    made->config.dir = made->dir = leat_strdup(config->dir); /* the caller's may be gone by the time they are read */
    made->config.name = made->name = leat_strdup(config->name);
    made->os = config->os;
    made->fd = made->lock_fd = made->hint_fd = -1;
    made->queue_last = &made->queue;
    made->pending_last = &made->pending;
    made->next_unit = 1;
    leat_lock_init(&made->lock, "commit log", LEAT_RANK_LOG);
    return made;
}

enum leat_status log_open_bare(struct leat_log **log, const struct leat_log_config *config, struct leat_error *err)
{
    struct leat_log *made = log_make(config);
    enum leat_status status = config->is_read_only ? LEAT_OK : make_folders(made, err);
    if (status == LEAT_OK && !config->is_read_only)
        status = take_lock(made, err);
    if (status == LEAT_OK)
        status = load_identity(made, err);
    if (status != LEAT_OK) {
        log_free(made);
        return status;
    }
    *log = made;
    return LEAT_OK;
}

/* Of the first segment whose header is whole. */
static bool find_uuid(struct leat_log *log)
{
    uint8_t bytes[SEGMENT_HEADER];
    struct segment_head head;
    bool is_found = false;
    for (size_t i = 0; i < log->segment_count && !is_found; i++) {
        char *path = segment_path(log, log->segments[i].base, "seg");
        int fd = log->os->open(path, O_RDONLY, 0);
        free(path);
        if (fd < 0)
            continue;
        is_found = leat_os_pread_all(log->os, fd, bytes, sizeof bytes, 0) == SEGMENT_HEADER && segment_head_get(bytes, &head) &&
                   head.base == log->segments[i].base;
        log->os->close(fd);
    }
    if (is_found)
        log->uuid = head.log;
    log->segment_count = 0;
    return is_found;
}

enum leat_status log_open_broken(struct leat_log **log, const struct leat_log_config *config, struct leat_error *err)
{
    struct leat_log *made = log_make(config);
    enum leat_status status = segments_name(made, err);
    if (status == LEAT_OK && !find_uuid(made))
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                              "log %s: neither IDENTITY nor the header of any segment says which log this is", made->dir);
    if (status != LEAT_OK)
        log_free(made);
    else
        *log = made;
    return status;
}

static void free_units(struct leat_log_unit *unit)
{
    while (unit) {
        struct leat_log_unit *next = unit->next;
        unit_free(unit);
        unit = next;
    }
}

static void close_fd(const struct leat_os *os, int fd)
{
    if (fd >= 0)
        os->close(fd);
}

void log_free(struct leat_log *log)
{
    leat_assert(!log->watches);
    free_units(log->queue);
    free_units(log->pending);
    free_units(log->spare);
    for (size_t i = 0; i < log->segment_count; i++)
        segment_clear(&log->segments[i]);
    free(log->segments);
    index_drop(log, UINT64_MAX);
    for (uint32_t i = 0; i < log->topic_count; i++)
        free((char *)log->topics[i].info.name);
    free(log->topics);
    leat_table_fini(&log->topic_ids, NULL);
    leat_table_fini(&log->state, free);
    for (size_t i = 0; i < log->consumer_count; i++)
        free(log->consumers[i].name);
    free(log->consumers);
    free(log->lineage);
    close_fd(log->os, log->fd);
    close_fd(log->os, log->hint_fd);
    close_fd(log->os, log->lock_fd);
    leat_lock_fini(&log->lock);
    free(log->dir);
    free(log->name);
    free(log);
}

static void lineage_trim(struct leat_log *log);

/* A new incarnation: what is written from here on is told apart from what a clone of this directory writes. */
static enum leat_status begin_incarnation(struct leat_log *log, struct leat_error *err)
{
    struct leat_uuid uuid = uuid_new(log->os);
    char *path = leat_format_dup("%s/durable.hint", log->dir);
    log->hint_fd = log->os->open(path, O_RDWR | O_CREAT, 0600);
    enum leat_status status = log->hint_fd < 0 ? disk_failed(path, err) : LEAT_OK;
    free(path);
    if (status != LEAT_OK)
        return status;
    leat_lock_take(&log->lock);
    lineage_trim(log);
    lineage_add(log, &uuid, log->found_end);
    unit_queue(log, unit_of_kind(log, KIND_OPEN), 0);
    leat_lock_give(&log->lock);
    reserve_find(log);
    log->settings = log->config.settings;
    status = flusher_drain(log, err);
    if (status == LEAT_OK) /* else its place is kept: sinks go on with what is there, until there is room for more */
        reserve_keep(log);
    return status == LEAT_AGAIN ? LEAT_OK : leat_log_health(log, err);
}

enum leat_status leat_log_open(struct leat_log **log, const struct leat_log_config *config,
                               struct leat_flusher *flusher, struct leat_error *err)
{
    struct leat_log *made;
    enum leat_status status = log_open_bare(&made, config, err);
    if (status != LEAT_OK)
        return status;
    status = log_recover(made, err);
    if (status == LEAT_OK && !config->is_read_only)
        status = begin_incarnation(made, err);
    if (status != LEAT_OK) {
        log_free(made);
        return status;
    }
    made->flusher = flusher;
    if (!config->is_read_only)
        flusher_add(flusher, made);
    *log = made;
    return LEAT_OK;
}

/* On a full disk the fold's room is worth more than a quick start. */
static bool has_room_for_fold(const struct leat_log *log)
{
    const struct segment *last = &log->segments[log->segment_count - 1];
    return !log->is_full || log->next_lsn + fold_most(log) + room_small(log) <= last->base + last->size;
}

/* What is queued, then a fold, so that the next start has nothing to read. */
static void close_clean(struct leat_log *log)
{
    struct leat_error err;
    leat_lock_take(&log->lock);
    log->is_closing = true;
    bool is_failed = log->is_failed;
    if (!is_failed && has_room_for_fold(log)) {
        struct leat_log_unit *fold = unit_of_kind(log, KIND_FOLD);
        unit_queue(log, fold, 0);
        log->fold_lsn = fold->lsn;
    }
    leat_lock_give(&log->lock);
    if (is_failed || flusher_drain(log, &err) != LEAT_OK)
        return;
    struct leat_bytes index;
    const struct segment *newest = &log->segments[log->segment_count - 1];
    leat_bytes_init(&index, INDEX_MOST);
    index_encode(newest->notes, &index);
    index_store(log, newest->base, &index);
    leat_bytes_fini(&index);
    hint_write(log);
}

void leat_log_close(struct leat_log *log)
{
    if (!log->config.is_read_only) {
        flusher_remove(log->flusher, log);
        close_clean(log);
    }
    log_free(log);
}

void leat_log_info(struct leat_log *log, struct leat_log_info *info)
{
    leat_lock_take(&log->lock);
    *info = (struct leat_log_info){
        .uuid = log->uuid,
        .incarnation = log->lineage_count ? log->lineage[log->lineage_count - 1].uuid : (struct leat_uuid){{0}},
        .first_lsn = log->segment_count ? log->segments[0].base : 0,
        .durable_lsn = leat_log_durable(log),
        .end_lsn = log->next_lsn,
        .cut_bytes = log->cut_bytes,
        .is_failed = log->is_failed,
        .is_full = log->is_full,
    };
    for (size_t i = 0; i < log->segment_count; i++)
        info->disk_bytes += i + 1 < log->segment_count ? log->segments[i].end - log->segments[i].base
                                                       : log->segments[i].size;
    leat_lock_give(&log->lock);
}

void leat_log_set(struct leat_log *log, const struct leat_log_settings *settings)
{
    leat_lock_take(&log->lock);
    log->config.settings = *settings;
    leat_lock_give(&log->lock);
}

uint64_t leat_log_durable(struct leat_log *log)
{
    return __atomic_load_n(&log->durable, __ATOMIC_ACQUIRE);
}

enum leat_status leat_log_health(struct leat_log *log, struct leat_error *err)
{
    leat_lock_take(&log->lock);
    bool is_failed = log->is_failed;
    if (is_failed)
        *err = log->failure;
    leat_lock_give(&log->lock);
    return is_failed ? LEAT_STOP : LEAT_OK;
}

/* ---- topics ---- */

uint32_t topic_define(struct leat_log *log, uint32_t id, const char *name, size_t len, int32_t partition)
{
    if (id <= log->topic_count)
        return id;
    leat_assert(id == log->topic_count + 1 && len < 256);
    char key[264];
    memcpy(key, name, len);
    memcpy(key + len, &partition, sizeof partition);
    log->topics = leat_realloc(log->topics, id * sizeof *log->topics);
    log->topics[log->topic_count++] =
        (struct topic){.info = {.id = id, .partition = partition, .name = leat_strndup(name, len)}};
    leat_table_set(&log->topic_ids, key, len + sizeof partition, (void *)(uintptr_t)id);
    return id;
}

uint32_t leat_log_topic(struct leat_log *log, const char *name, int32_t partition)
{
    char key[264];
    size_t len = strlen(name);
    leat_assert(len < 256);
    memcpy(key, name, len);
    memcpy(key + len, &partition, sizeof partition);
    leat_lock_take(&log->lock);
    uint32_t id = (uint32_t)(uintptr_t)leat_table_get(&log->topic_ids, key, len + sizeof partition);
    if (id == 0)
        id = topic_define(log, log->topic_count + 1, name, len, partition);
    leat_lock_give(&log->lock);
    return id;
}

void leat_log_topics(struct leat_log *log, leat_log_topic_f *each, void *arg)
{
    leat_lock_take(&log->lock);
    uint32_t count = log->topic_count;
    struct leat_log_topic *copy = leat_malloc((count + 1) * sizeof *copy);
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = log->topics[i].info;
        copy[i].next = log->topics[i].durable_next;
    }
    leat_lock_give(&log->lock);
    for (uint32_t i = 0; i < count; i++)
        each(arg, &copy[i]);
    free(copy);
}

static void settle_topic(struct topic *topic, const struct segment_index *oldest)
{
    const struct topic_share *share = index_share(oldest, topic->info.id);
    uint64_t before = share ? share->before_bytes : 0;
    topic->info.first = share ? share->begin : 0;
    topic->info.bytes = topic->ever_bytes > before ? topic->ever_bytes - before : 0;
    if (share && share->frames > 0)
        topic->info.first_us = share->first_us;
    else if (topic->info.first_us < oldest->last_us)
        topic->info.first_us = oldest->last_us;
}

void log_settle_by(struct leat_log *log, const struct segment_index *index)
{
    struct segment *oldest = &log->segments[0];
    for (uint32_t i = 0; i < log->topic_count; i++)
        settle_topic(&log->topics[i], index);
    if (index == oldest->notes)
        return;
    oldest->first_us = index->first_us;
    oldest->last_us = index->last_us;
}

enum leat_status log_settle_topics(struct leat_log *log, struct leat_error *err)
{
    leat_lock_take(&log->lock);
    struct segment *oldest = log->segment_count ? &log->segments[0] : NULL;
    uint64_t base = oldest ? oldest->base : 0;
    bool is_sealed = oldest && !oldest->notes;
    leat_lock_give(&log->lock);
    struct segment_index *held = is_sealed ? index_hold(log, base, err) : NULL;
    if (is_sealed && !held) /* beside the daemon: it was released just now */
        return log->config.is_read_only ? LEAT_OK : LEAT_STOP;
    leat_lock_take(&log->lock);
    const struct segment_index *index = held ? held : log->segment_count ? log->segments[0].notes : NULL;
    if (index)
        log_settle_by(log, index);
    leat_lock_give(&log->lock);
    index_give(log, held);
    return LEAT_OK;
}

/* ---- keyed state ---- */

bool leat_log_state_get(struct leat_log *log, const void *key, size_t len, struct leat_bytes *out)
{
    leat_bytes_clear(out);
    leat_lock_take(&log->lock);
    const struct blob *blob = leat_table_get(&log->state, key, len);
    if (blob)
        leat_bytes_add(out, blob->bytes, blob->len);
    leat_lock_give(&log->lock);
    return blob != NULL;
}

struct entry {
    void *key;
    size_t key_len;
    struct blob *blob;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, len);
    return order ? order : x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

static void *copy_bytes(const void *bytes, size_t len)
{
    void *copy = leat_malloc(len);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

void leat_log_state_each(struct leat_log *log, const void *prefix, size_t len, leat_log_state_f *each, void *arg)
{
    struct entry *entries = NULL;
    size_t count = 0, at = 0, key_len;
    const void *key;
    void *value;
    leat_lock_take(&log->lock);
    entries = leat_malloc((log->state.count + 1) * sizeof *entries);
    while (leat_table_next(&log->state, &at, &key, &key_len, &value)) {
        const struct blob *blob = value;
        if (key_len >= len && memcmp(key, prefix, len) == 0)
            entries[count++] = (struct entry){copy_bytes(key, key_len), key_len,
                                              copy_bytes(blob, sizeof *blob + blob->len)};
    }
    leat_lock_give(&log->lock);
    if (count > 0)
        qsort(entries, count, sizeof *entries, by_key);
    for (size_t i = 0; i < count; i++) {
        each(arg, entries[i].key, entries[i].key_len, entries[i].blob->bytes, entries[i].blob->len);
        free(entries[i].key);
        free(entries[i].blob);
    }
    free(entries);
}

/* ---- consumers ---- */

struct consumer *consumer_find(struct leat_log *log, const char *name, size_t len, bool make)
{
    for (size_t i = 0; i < log->consumer_count; i++)
        if (strlen(log->consumers[i].name) == len && memcmp(log->consumers[i].name, name, len) == 0)
            return &log->consumers[i];
    if (!make)
        return NULL;
    log->consumers = leat_realloc(log->consumers, (log->consumer_count + 1) * sizeof *log->consumers);
    struct consumer *consumer = &log->consumers[log->consumer_count++];
    *consumer = (struct consumer){.name = leat_strndup(name, len)};
    return consumer;
}

void consumer_remove(struct leat_log *log, struct consumer *consumer)
{
    free(consumer->name);
    size_t at = (size_t)(consumer - log->consumers);
    memmove(consumer, consumer + 1, (log->consumer_count - at - 1) * sizeof *consumer);
    log->consumer_count--;
}

void leat_log_consumer_set(struct leat_log *log, const char *name, uint64_t lsn)
{
    leat_lock_take(&log->lock);
    struct consumer *consumer = consumer_find(log, name, strlen(name), true);
    consumer->is_changed = consumer->is_changed || consumer->lsn != lsn;
    consumer->lsn = lsn;
    leat_lock_give(&log->lock);
}

/* The next unit says so by a place that no log reaches; the entry goes when that unit is read again. */
bool leat_log_consumer_forget(struct leat_log *log, const char *name)
{
    leat_lock_take(&log->lock);
    struct consumer *consumer = consumer_find(log, name, strlen(name), false);
    if (consumer) {
        consumer->lsn = UINT64_MAX;
        consumer->is_changed = true;
    }
    leat_lock_give(&log->lock);
    return consumer != NULL;
}

void leat_log_consumers(struct leat_log *log, leat_log_consumer_f *each, void *arg)
{
    leat_lock_take(&log->lock);
    for (size_t i = 0; i < log->consumer_count; i++)
        if (log->consumers[i].lsn != UINT64_MAX)
            each(arg, log->consumers[i].name, log->consumers[i].lsn);
    leat_lock_give(&log->lock);
}

/* ---- lineage ---- */

void lineage_add(struct leat_log *log, const struct leat_uuid *uuid, uint64_t first_lsn)
{
    log->lineage = leat_realloc(log->lineage, (log->lineage_count + 1) * sizeof *log->lineage);
    log->lineage[log->lineage_count++] = (struct incarnation){*uuid, first_lsn, false};
}

void lineage_wrote(struct leat_log *log, bool has_records)
{
    if (has_records && log->lineage_count > 0)
        log->lineage[log->lineage_count - 1].has_records = true;
}

/* A mark is of a frame that was read: an incarnation without records has none, and of a crash loop there may be many. Those
 * that are old go, and the one before each stands for the nothing that it wrote. */
static void lineage_trim(struct leat_log *log)
{
    size_t kept = 0, count = log->lineage_count;
    for (size_t i = 0; i < count; i++)
        if (log->lineage[i].has_records || i + LINEAGE_EMPTY >= count)
            log->lineage[kept++] = log->lineage[i];
    log->lineage_count = kept;
}

bool leat_log_wrote(struct leat_log *log, const struct leat_uuid *incarnation, uint64_t lsn)
{
    bool is_ours = false;
    leat_lock_take(&log->lock);
    for (size_t i = 0; i < log->lineage_count && !is_ours; i++) {
        uint64_t end = i + 1 < log->lineage_count ? log->lineage[i + 1].first_lsn : log->next_lsn;
        is_ours = memcmp(&log->lineage[i].uuid, incarnation, sizeof *incarnation) == 0 &&
                  lsn >= log->lineage[i].first_lsn && lsn <= end;
    }
    leat_lock_give(&log->lock);
    return is_ours;
}

bool leat_log_lineage(struct leat_log *log, const struct leat_uuid *incarnation, uint64_t *first_lsn, uint64_t *end_lsn)
{
    bool is_ours = false;
    leat_lock_take(&log->lock);
    for (size_t i = 0; i < log->lineage_count && !is_ours; i++) {
        is_ours = memcmp(&log->lineage[i].uuid, incarnation, sizeof *incarnation) == 0;
        *first_lsn = log->lineage[i].first_lsn;
        *end_lsn = i + 1 < log->lineage_count ? log->lineage[i + 1].first_lsn : leat_log_durable(log);
    }
    leat_lock_give(&log->lock);
    return is_ours;
}

/* ---- watches ---- */

struct leat_log_watch *leat_log_watch_open(struct leat_log *log, struct leat_error *err)
{
    struct leat_log_watch *watch = leat_calloc(1, sizeof *watch);
    watch->log = log;
    if (leat_bell_open(&watch->bell, err) != LEAT_OK) {
        free(watch);
        return NULL;
    }
    leat_lock_take(&log->lock);
    watch->next = log->watches;
    log->watches = watch;
    leat_lock_give(&log->lock);
    return watch;
}

int leat_log_watch_fd(struct leat_log_watch *watch)
{
    return watch->bell.fd;
}

void leat_log_watch_arm(struct leat_log_watch *watch)
{
    leat_bell_clear(&watch->bell);
    __atomic_store_n(&watch->is_armed, true, __ATOMIC_SEQ_CST);
}

void leat_log_watch_close(struct leat_log_watch *watch)
{
    struct leat_log *log = watch->log;
    leat_lock_take(&log->lock);
    for (struct leat_log_watch **at = &log->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    leat_lock_give(&log->lock);
    leat_bell_close(&watch->bell);
    free(watch);
}
