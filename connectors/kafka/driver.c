/* driver.c - the access point: its URL, what it shows, its table of functions. */
#include <kafka/driver.h>

#include <base/memory.h>
#include <kafka/kafka.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEME "oms:kafka://"

/* ---- URL ---- */

static const char *keep(struct leat_access *access, const char *text, size_t len)
{
    access->property_texts =
        leat_realloc(access->property_texts, (access->property_count + 1) * sizeof *access->property_texts);
    return access->property_texts[access->property_count++] = leat_strndup(text, len);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        bool is_escape = *from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0;
        *to++ = is_escape ? (char)(hex(from[1]) << 4 | hex(from[2])) : *from;
        from += is_escape ? 2 : 0;
    }
    *to = '\0';
}

static enum leat_status bad_url(const struct leat_access *access, const char *why, const char *what, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "access point \"%s\": %s%s; write %sHOST:PORT/NAMESPACE[?NAME=VALUE&...]",
                        access->url, why, what, SCHEME);
}

/* Properties of our topics, and of the driver; what is none of them is librdkafka's. */
static bool take_own(struct leat_access *access, const char *name, const char *value)
{
    if (strcmp(name, "retention.ms") == 0)
        access->retention_ms = value;
    else if (strcmp(name, "retention.bytes") == 0)
        access->retention_bytes = value;
    else if (strcmp(name, "min.insync.replicas") == 0)
        access->min_insync = value;
    else if (strcmp(name, "replication.factor") == 0)
        access->replication = strtoll(value, NULL, 10);
    else
        return false;
    return true;
}

static enum leat_status take_property(struct leat_access *access, const char *text, size_t len, struct leat_pairs *pairs,
                                      struct leat_error *err)
{
    const char *equals = memchr(text, '=', len);
    if (!equals || equals == text)
        return bad_url(access, "a property has no NAME=VALUE: ", keep(access, text, len), err);
    const char *name = keep(access, text, (size_t)(equals - text));
    const char *value = keep(access, equals + 1, (size_t)(text + len - equals - 1));
    unescape(access->property_texts[access->property_count - 1]);
    if (take_own(access, name, value))
        return LEAT_OK;
    pairs->names = leat_realloc((void *)(uintptr_t)pairs->names, (pairs->count + 1) * sizeof *pairs->names);
    pairs->values = leat_realloc((void *)(uintptr_t)pairs->values, (pairs->count + 1) * sizeof *pairs->values);
    ((const char **)(uintptr_t)pairs->names)[pairs->count] = name;
    ((const char **)(uintptr_t)pairs->values)[pairs->count++] = value;
    return LEAT_OK;
}

static enum leat_status take_properties(struct leat_access *access, const char *text, struct leat_error *err)
{
    static const char *const owned[] = {"bootstrap.servers",   "metadata.broker.list", "isolation.level",
                                        "transactional.id",    "enable.idempotence",   "acks",
                                        "request.required.acks", "enable.partition.eof", "auto.offset.reset",
                                        "allow.auto.create.topics", "check.crcs",      NULL};
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && *text) {
        size_t len = strcspn(text, "&");
        status = take_property(access, text, len, &access->how.properties, err);
        text += len + (text[len] == '&');
    }
    return status == LEAT_OK ? kafka_access_validate(&access->how, owned, err) : status;
}

static enum leat_status take_url(struct leat_access *access, struct leat_error *err)
{
    const char *hosts = access->url + sizeof SCHEME - 1;
    if (strncmp(access->url, SCHEME, sizeof SCHEME - 1) != 0)
        return bad_url(access, "the driver kafka needs brokers", "", err);
    size_t len = strcspn(hosts, "/");
    const char *space = hosts + len + (hosts[len] == '/');
    size_t space_len = strcspn(space, "?");
    if (len == 0)
        return bad_url(access, "it names no broker", "", err);
    if (space_len == 0 || space_len > 100)
        return bad_url(access, "it names no namespace, or one of more than 100 bytes", "", err);
    access->how.brokers = keep(access, hosts, len);
    access->namespace = leat_strndup(space, space_len);
    if (strspn(access->namespace, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != space_len)
        return bad_url(access, "letters, digits, '.', '_' and '-' can be in a namespace, this is none: ", access->namespace, err);
    return take_properties(access, space + space_len + (space[space_len] == '?'), err);
}

/* ---- open and close: nothing is connected before it is needed ---- */

static void close_access(struct leat_access *access)
{
    kaccess_disconnect(access);
    for (size_t i = 0; i < access->property_count; i++)
        free(access->property_texts[i]);
    free((void *)(uintptr_t)access->how.properties.names);
    free((void *)(uintptr_t)access->how.properties.values);
    free(access->property_texts);
    leat_table_fini(&access->troubled, NULL);
    leat_table_fini(&access->clear, NULL);
    leat_table_fini(&access->given, free);
    leat_cond_fini(&access->news);
    leat_lock_fini(&access->lock);
    leat_lock_fini(&access->opening);
    free(access->namespace);
    free(access->url);
    free(access);
}

static enum leat_status open_access(const struct leat_access_config *config, struct leat_access **access,
                                    struct leat_error *err)
{
    struct leat_access *made = leat_calloc(1, sizeof *made);
    made->url = leat_strdup(config->url);
    made->is_read_only = config->is_read_only;
    leat_lock_init(&made->opening, "kafka logs", LEAT_RANK_ACCESS);
    leat_lock_init(&made->lock, "kafka access", LEAT_RANK_LOG);
    leat_cond_init(&made->news);
    leat_table_init(&made->troubled);
    leat_table_init(&made->clear);
    leat_table_init(&made->given);
    enum leat_status status = take_url(made, err);
    if (status != LEAT_OK) {
        close_access(made);
        return status;
    }
    char *query = strchr(made->url, '?'); /* it may hold a password, and the URL is in texts */
    if (query)
        *query = '\0';
    *access = made;
    return LEAT_OK;
}

/* ---- describe ---- */

struct shown { /* copies: who is shown them may call back */
    uint8_t *key, *value;
    size_t key_len, value_len;
};

static int by_key(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, len);
    return order ? order : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static struct shown *copy_state(struct klog *log, size_t *count)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    leat_lock_take(&log->access->lock);
    struct shown *all = leat_calloc(log->state.count + 1, sizeof *all);
    *count = 0;
    while (leat_table_next(&log->state, &at, &key, &len, &value)) {
        const struct kentry *entry = value;
        struct shown *shown = &all[(*count)++];
        *shown = (struct shown){leat_malloc(len), leat_malloc(entry->len + 1), len, entry->len};
        memcpy(shown->key, key, len);
        memcpy(shown->value, entry->bytes, entry->len);
    }
    leat_lock_give(&log->access->lock);
    if (*count > 0)
        qsort(all, *count, sizeof *all, by_key);
    return all;
}

static void show_topic(const struct klog *log, const struct shown *shown, leat_topic_f *topic, void *arg)
{
    const char *name;
    size_t len;
    char text[256];
    struct ktopic info;
    struct kentry *entry = leat_malloc(sizeof *entry + shown->value_len);
    entry->len = shown->value_len;
    memcpy(entry->bytes, shown->value, shown->value_len);
    if (ktopic_key(shown->key, shown->key_len, &name, &len) && len < sizeof text && ktopic_read(&info, entry)) {
        snprintf(text, sizeof text, "%.*s", (int)len, name);
        topic(arg, &(struct leat_topic_info){.name = text, .log = log->name, .partition = info.partition,
                                             .next = info.next, .bytes = info.bytes,
                                             .first_us = info.first_us, .last_us = info.last_us});
    }
    free(entry);
}

static void show_state(const struct klog *log, const struct shown *shown, leat_state_f *show, void *arg)
{
    struct leat_arena arena;
    struct leat_state state = {.kind = (enum leat_state_kind)shown->key[0], .connector = (const char *)shown->key + 1};
    const uint8_t *end = memchr(shown->key + 1, 0, shown->key_len - 1);
    if (!strchr("pthi", shown->key[0]) || !end)
        return;
    struct leat_cut key = leat_cut(end + 1, (size_t)(shown->key + shown->key_len - end - 1));
    struct leat_cut value = leat_cut(shown->value, shown->value_len);
    leat_arena_init(&arena, 0);
    if (leat_native_get_value(&key, &arena, &state.key) && leat_native_get_value(&value, &arena, &state.value))
        show(arg, log->name, &state);
    leat_arena_fini(&arena);
}

static void show_log(struct klog *log, leat_topic_f *topic, leat_state_f *state, void *arg)
{
    size_t count;
    struct shown *all = copy_state(log, &count);
    for (size_t i = 0; i < count; i++) {
        if (topic)
            show_topic(log, &all[i], topic, arg);
        if (state)
            show_state(log, &all[i], state, arg);
        free(all[i].key);
        free(all[i].value);
    }
    free(all);
}

static enum leat_status describe(struct leat_access *access, leat_topic_f *topic, leat_state_f *state, void *arg,
                                 struct leat_error *err)
{
    enum leat_status status = klogs_open(access, err);
    struct klog *log;
    for (size_t i = 0; status == LEAT_OK && (log = klog_at(access, i)); i++) {
        status = klog_sync(log, false, err);
        if (status == LEAT_OK)
            show_log(log, topic, state, arg);
    }
    return status;
}

/* ---- forget ---- */

static uint32_t forget_in(struct klog *log, const char *consumer)
{
    size_t count, len = strlen(consumer) + 1;
    uint32_t forgotten = 0;
    struct shown *all = copy_state(log, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].key[0] == STATE_FLOOR && all[i].key_len > len && memcmp(all[i].key + 1, consumer, len) == 0) {
            klog_put_hint(log, all[i].key, all[i].key_len, "", 0);
            forgotten++;
        }
        free(all[i].key);
        free(all[i].value);
    }
    free(all);
    return forgotten;
}

enum leat_status kdriver_forget(struct leat_access *access, const char *consumer, uint32_t *count, struct leat_error *err)
{
    enum leat_status status = klogs_open(access, err);
    struct klog *log;
    *count = 0;
    for (size_t i = 0; status == LEAT_OK && (log = klog_at(access, i)); i++) {
        status = klog_sync(log, false, err);
        if (status == LEAT_OK)
            *count += forget_in(log, consumer);
    }
    if (*count > 0)
        kaccess_write_hints(access);
    return status;
}

const struct leat_driver_type leat_driver_kafka = {
    .struct_size = sizeof(struct leat_driver_type),
    .name = "kafka",
    .about = "Topics in Kafka: for many machines, or none with a disk of its own.",
    .open = open_access,
    .close = close_access,
    .describe = describe,
    .writer_open = kwriter_open,
    .append = kwriter_append,
    .durable = kwriter_durable,
    .writer_fd = kwriter_fd,
    .writer_close = kwriter_close,
    .reader_open = kreader_open,
    .judge = kreader_judge,
    .seek = kreader_seek,
    .read = kreader_read,
    .hint = kreader_hint,
    .lag = kreader_lag,
    .reader_fd = kreader_fd,
    .reader_close = kreader_close,
    .forget = kdriver_forget,
    .check = kdriver_check,
};
