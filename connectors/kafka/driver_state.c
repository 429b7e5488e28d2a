/* driver_state.c - the state of logs: their compacted topics, followed by one thread into tables; the logs themselves. */
#include <kafka/driver.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <kafka/preflight.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE_MS      100
#define PATIENCE_US   5000000  /* for an answer, and for transactions of others to end */
#define DOWN_US       4000000  /* for any broker to be reached */
#define HINT_EVERY_US 1000000
#define LOOK_EVERY_US 5000000
#define HINT_WAIT_US  2000000 /* for hints to be written, where somebody waits for it: they may be old */

static const struct kafka_property committed[] = {{"isolation.level", "read_committed"},
                                                  {"enable.partition.eof", "true"},
                                                  {"auto.offset.reset", "error"},
                                                  {"fetch.wait.max.ms", "50"},
                                                  {"check.crcs", "true"},
                                                  {0}};
static const struct kafka_property uncommitted[] = {{"isolation.level", "read_uncommitted"}, {0}};
static const struct kafka_property plain[] = {
    {"enable.idempotence", "true"}, {"linger.ms", "1"}, {"message.timeout.ms", "10000"}, {0}};

/* ---- keys ---- */

void klog_key(struct leat_bytes *out, char kind, const char *connector, const void *rest, size_t len)
{
    leat_bytes_clear(out);
    leat_bytes_put(out, (uint8_t)kind);
    leat_bytes_add(out, connector, strlen(connector) + 1);
    leat_bytes_add(out, rest ? rest : "", len);
}

void klog_state_key(struct leat_bytes *out, const struct leat_state *state)
{
    klog_key(out, (char)state->kind, state->connector, NULL, 0);
    leat_native_put_value(out, &state->key);
    leat_assert(!out->is_over);
}

/* ---- tables; under the access point's lock ---- */

static void set_entry(struct leat_table *table, const void *key, size_t key_len, const void *value, size_t len)
{
    struct kentry *entry = leat_malloc(sizeof *entry + len);
    entry->len = len;
    if (len > 0)
        memcpy(entry->bytes, value, len);
    free(leat_table_set(table, key, key_len, entry));
}

const struct kentry *klog_get(const struct klog *log, const void *key, size_t len)
{
    return leat_table_get(&log->state, key, len);
}

/* It never goes back: our own commits come here before they have come from Kafka. */
void klog_take_topic(struct klog *log, const void *key, size_t key_len, const void *value, size_t len)
{
    struct ktopic now, next;
    const struct kentry *known = klog_get(log, key, key_len);
    struct kentry *entry = leat_malloc(sizeof *entry + len);
    entry->len = len;
    memcpy(entry->bytes, value, len);
    bool is_newer = ktopic_read(&next, entry) && !(known && ktopic_read(&now, known) && now.next >= next.next);
    free(is_newer ? leat_table_set(&log->state, key, key_len, entry) : entry);
}

static void take_identity(struct klog *log, const rd_kafka_message_t *message)
{
    if (log->has_uuid || message->key_len != 1 + sizeof log->uuid)
        return;
    memcpy(log->uuid.bytes, (const uint8_t *)message->key + 1, sizeof log->uuid);
    log->has_uuid = true;
}

static void take_state(struct klog *log, const rd_kafka_message_t *message)
{
    const char *key = message->key;
    log->state_at = message->offset + 1;
    if (!key || message->key_len == 0)
        return;
    if (key[0] == STATE_LOG)
        take_identity(log, message);
    else if (key[0] == STATE_TOPIC && message->payload)
        klog_take_topic(log, key, message->key_len, message->payload, message->len);
    else if (message->payload)
        set_entry(&log->state, key, message->key_len, message->payload, message->len);
    else
        free(leat_table_remove(&log->state, key, message->key_len));
    if (key[0] == STATE_SCHEMA)
        kreader_wake_all(log->access);
}

const struct leat_schema *klog_schema(struct klog *log, uint64_t hash)
{
    uint8_t key[9] = {STATE_SCHEMA};
    const struct leat_schema *schema = NULL;
    for (int i = 0; i < 8; i++)
        key[1 + i] = (uint8_t)(hash >> (56 - 8 * i));
    leat_lock_take(&log->access->lock);
    const struct kentry *entry = klog_get(log, key, sizeof key);
    if (entry) {
        struct leat_cut cut = leat_cut(entry->bytes, entry->len);
        schema = leat_native_get_schema(&cut);
    }
    leat_lock_give(&log->access->lock);
    return schema;
}

/* ---- hints ---- */

void klog_put_hint(struct klog *log, const void *key, size_t key_len, const void *value, size_t len)
{
    leat_lock_take(&log->access->lock);
    set_entry(&log->hints, key, key_len, value, len);
    leat_lock_give(&log->access->lock);
}

/* An entry without bytes removes the key. */
static enum leat_status send_hints(struct kafka_writer *writer, const struct klog *log, const struct leat_table *hints,
                                   int64_t *end, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    size_t at = 0, len;
    const void *key;
    void *value;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(writer->client.rk, log->state_topic, NULL);
    while (status == LEAT_OK && leat_table_next(hints, &at, &key, &len, &value)) {
        const struct kentry *entry = value;
        const struct kafka_message message = {.topic = topic, .key = key, .key_len = len, .last = end,
                                              .value = entry->len > 0 ? entry->bytes : NULL, .value_len = entry->len};
        status = writer_send(writer, &message, err);
    }
    if (status == LEAT_OK)
        status = writer_commit(writer, err);
    rd_kafka_topic_destroy(topic);
    return status;
}

static enum leat_status open_hinter(struct leat_access *access, struct leat_error *err)
{
    if (access->hinter.client.rk)
        return LEAT_OK;
    access->hinter.tells_offsets = true;
    return writer_open(&access->hinter, access->url, &access->how, plain, false, &access->is_closing, err);
}

/* Hints that cannot be written are given up: they may be old, and the next ones say more. */
static void write_hints_of(struct klog *log)
{
    struct leat_access *access = log->access;
    struct leat_table hints;
    struct leat_error err;
    int64_t last = -1;
    leat_lock_take(&access->lock);
    hints = log->hints;
    leat_table_init(&log->hints);
    leat_lock_give(&access->lock);
    enum leat_status status = hints.count > 0 ? open_hinter(access, &err) : LEAT_OK;
    if (status == LEAT_OK && hints.count > 0)
        status = send_hints(&access->hinter, log, &hints, &last, &err);
    if (status != LEAT_OK) {
        leat_say(LEAT_DEBUG, NULL, "%s: hints of log %s were not written: %s", access->url, log->name, err.text);
        writer_close(&access->hinter);
    }
    leat_table_fini(&hints, free);
    leat_lock_take(&access->lock);
    if (last + 1 > log->state_end && status == LEAT_OK)
        log->state_end = last + 1;
    leat_lock_give(&access->lock);
}

static void write_all_hints(struct leat_access *access)
{
    struct klog *log;
    leat_lock_take(&access->lock);
    access->wants_hints_now = false;
    leat_lock_give(&access->lock);
    for (size_t i = 0; (log = klog_at(access, i)); i++)
        write_hints_of(log);
    leat_lock_take(&access->lock);
    access->hint_rounds++;
    leat_cond_broadcast(&access->news);
    leat_lock_give(&access->lock);
}

void kaccess_write_hints(struct leat_access *access)
{
    struct leat_time deadline = leat_after_us(HINT_WAIT_US);
    leat_lock_take(&access->lock);
    uint64_t wanted = access->hint_rounds + 2; /* the one that is being written may have begun before */
    bool is_in_time = access->has_thread && !access->is_read_only;
    while (is_in_time && access->hint_rounds < wanted) {
        access->wants_hints_now = true;
        is_in_time = leat_cond_wait_until(&access->news, &access->lock, deadline);
    }
    leat_lock_give(&access->lock);
}

/* ---- names of logs ---- */

static struct klog *find_log(struct leat_access *access, const char *name)
{
    struct klog *found = NULL;
    leat_lock_take(&access->lock);
    for (size_t i = 0; i < access->log_count && !found; i++)
        if (strcmp(access->logs[i]->name, name) == 0)
            found = access->logs[i];
    leat_lock_give(&access->lock);
    return found;
}

static bool is_log_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return len > 0 && name[0] != '.' && !name[len];
}

static bool has_topic(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return true;
    return false;
}

/* NULL: no answer. */
static const struct rd_kafka_metadata *ask_all_topics(struct kafka_client *client)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    do {
        rd_kafka_metadata(client->rk, 1, NULL, &metadata, SLICE_MS * 5);
        kafka_hear_troubles(client, metadata != NULL);
    } while (!metadata && !kafka_is_refused(client) && !leat_is_past(deadline));
    return metadata;
}

/* Those of which both topics are there: one that is half deleted is not made again by who only looks. */
static bool list_logs(struct leat_access *access, struct kafka_client *client, char ***names, size_t *count)
{
    char prefix[300], data[560];
    *names = NULL;
    *count = 0;
    size_t len = (size_t)snprintf(prefix, sizeof prefix, "%s.state.", access->namespace);
    const struct rd_kafka_metadata *metadata = ask_all_topics(client);
    if (!metadata)
        return false;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const char *topic = metadata->topics[i].topic;
        if (strncmp(topic, prefix, len) != 0 || !is_log_name(topic + len))
            continue;
        snprintf(data, sizeof data, "%s.log.%s", access->namespace, topic + len);
        if (!has_topic(metadata, data))
            continue;
        *names = leat_realloc(*names, (*count + 1) * sizeof **names);
        (*names)[(*count)++] = leat_strdup(topic + len);
    }
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* ---- the thread ---- */

static void take_message(struct leat_access *access, rd_kafka_message_t *message)
{
    struct klog *log = rd_kafka_topic_opaque(message->rkt);
    leat_lock_take(&access->lock);
    if (!message->err) {
        take_state(log, message);
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset > log->state_at)
            log->state_at = message->offset;
        leat_cond_broadcast(&access->news);
    } else {
        leat_say(LEAT_DEBUG, NULL, "%s: %s", log->state_topic, rd_kafka_message_errstr(message));
    }
    leat_lock_give(&access->lock);
    rd_kafka_message_destroy(message);
}

/* Readers of all logs begin again where another process has made one. */
static void look_for_logs(struct leat_access *access)
{
    char **names;
    size_t count, unknown = 0;
    if (!list_logs(access, &access->follower, &names, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        unknown += !find_log(access, names[i]);
        free(names[i]);
    }
    free(names);
    leat_lock_take(&access->lock);
    access->has_unknown_log = unknown > 0;
    if (unknown > 0)
        kreader_wake_all(access);
    leat_lock_give(&access->lock);
}

static bool has_reader_of_all(struct leat_access *access)
{
    leat_lock_take(&access->lock);
    bool has_one = kreader_follows_all(access);
    leat_lock_give(&access->lock);
    return has_one;
}

static void run_follower(void *arg)
{
    struct leat_access *access = arg;
    struct leat_time next = leat_after_us(HINT_EVERY_US), look = leat_after_us(LOOK_EVERY_US);
    while (!atomic_load(&access->is_closing)) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(access->follow_queue, SLICE_MS / 4);
        if (message)
            take_message(access, message);
        rd_kafka_poll(access->follower.rk, 0);
        if (leat_is_past(look) && !access->is_read_only && has_reader_of_all(access)) {
            look_for_logs(access);
            look = leat_after_us(LOOK_EVERY_US);
        }
        leat_lock_take(&access->lock);
        bool is_wanted = access->wants_hints_now || leat_is_past(next);
        leat_lock_give(&access->lock);
        if (!is_wanted || access->is_read_only)
            continue;
        write_all_hints(access);
        next = leat_after_us(HINT_EVERY_US);
    }
}

enum leat_status kaccess_connect(struct leat_access *access, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (access->has_thread)
        return LEAT_OK;
    if (!access->asker.rk)
        status = kafka_client_open(&access->asker, RD_KAFKA_CONSUMER, access->url, &access->how, uncommitted, NULL, err);
    if (status == LEAT_OK && !access->follower.rk)
        status = kafka_client_open(&access->follower, RD_KAFKA_CONSUMER, access->url, &access->how, committed, NULL, err);
    if (status == LEAT_OK && !access->follow_queue)
        access->follow_queue = rd_kafka_queue_new(access->follower.rk);
    if (status == LEAT_OK)
        status = leat_thread_start(&access->thread, "leat-kstate", run_follower, access, err);
    leat_lock_take(&access->lock);
    access->has_thread = status == LEAT_OK;
    leat_lock_give(&access->lock);
    return status;
}

static void free_log(struct klog *log)
{
    rd_kafka_consume_stop(log->follow, 0);
    rd_kafka_topic_destroy(log->follow);
    leat_table_fini(&log->state, free);
    leat_table_fini(&log->hints, free);
    free(log->name);
    free(log->data_topic);
    free(log->state_topic);
    free(log);
}

void kaccess_disconnect(struct leat_access *access)
{
    kaccess_write_hints(access);
    atomic_store(&access->is_closing, true);
    if (access->has_thread)
        leat_thread_join(access->thread);
    for (size_t i = 0; i < access->log_count; i++)
        free_log(access->logs[i]);
    free(access->logs);
    if (access->follow_queue)
        rd_kafka_queue_destroy(access->follow_queue);
    writer_close(&access->hinter);
    kafka_client_close(&access->follower);
    kafka_client_close(&access->asker);
}

/* ---- where topics end ---- */

/* A leader that has moved is looked for at once, and not when it is time to look again. */
static void look_for_leaders(struct kafka_client *client)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (!rd_kafka_metadata(client->rk, 1, NULL, &metadata, SLICE_MS * 5))
        rd_kafka_metadata_destroy(metadata);
}

static enum leat_status ask_range(struct kafka_client *client, const char *topic, int64_t *low, int64_t *end,
                                  struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US), if_down = leat_after_us(DOWN_US);
    rd_kafka_resp_err_t code;
    client->is_down = false;
    do {
        code = rd_kafka_query_watermark_offsets(client->rk, topic, 0, low, end, SLICE_MS * 5);
        rd_kafka_poll(client->rk, 0);
        if (code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
            look_for_leaders(client);
        if (client->is_down && leat_is_past(if_down))
            deadline = if_down;
    } while (code && !leat_is_past(deadline));
    return code ? kafka_failed(client, topic, rd_kafka_err2str(code), err) : LEAT_OK;
}

enum leat_status klog_range(struct klog *log, bool is_committed, int64_t *low, int64_t *end, struct leat_error *err)
{
    struct leat_access *access = log->access;
    leat_lock_take(&access->opening);
    enum leat_status status =
        ask_range(is_committed ? &access->follower : &access->asker, log->data_topic, low, end, err);
    leat_lock_give(&access->opening);
    return status;
}

static bool is_there(const struct klog *log, int64_t end, bool wants_identity)
{
    return (wants_identity && log->has_uuid) || log->state_at >= end;
}

static enum leat_status wait_for_state(struct klog *log, int64_t end, bool wants_identity, struct leat_error *err)
{
    struct leat_access *access = log->access;
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    bool is_in_time = true;
    leat_lock_take(&access->lock);
    while (!is_there(log, end, wants_identity) && is_in_time)
        is_in_time = leat_cond_wait_until(&access->news, &access->lock, deadline);
    bool has_come = is_there(log, end, wants_identity);
    leat_lock_give(&access->lock);
    if (has_come)
        return LEAT_OK;
    return kafka_failed(&access->asker, log->state_topic,
                        "no answer, or its end is not committed yet: a transaction whose owner is gone is ended by Kafka within a minute", err);
}

static enum leat_status ask_state(struct klog *log, bool is_committed, int64_t *end, struct leat_error *err)
{
    struct leat_access *access = log->access;
    int64_t low;
    return ask_range(is_committed || access->is_read_only ? &access->follower : &access->asker, log->state_topic, &low, end,
                     err);
}

enum leat_status klog_sync(struct klog *log, bool is_committed, struct leat_error *err)
{
    int64_t end;
    leat_lock_take(&log->access->opening);
    enum leat_status status = ask_state(log, is_committed, &end, err);
    leat_lock_give(&log->access->opening);
    if (status != LEAT_OK)
        return status;
    leat_lock_take(&log->access->lock);
    if (!is_committed && end < log->state_end) /* hints of ours may stand behind another one's transaction */
        end = log->state_end;
    leat_lock_give(&log->access->lock);
    return wait_for_state(log, end, false, err);
}

/* ---- logs ---- */

struct klog *klog_at(struct leat_access *access, size_t index)
{
    leat_lock_take(&access->lock);
    struct klog *log = index < access->log_count ? access->logs[index] : NULL;
    leat_lock_give(&access->lock);
    return log;
}

static int64_t count_brokers(struct leat_access *access)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int64_t count = 1;
    if (!rd_kafka_metadata(access->asker.rk, 0, NULL, &metadata, SLICE_MS * 20)) {
        count = metadata->broker_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    return count;
}

static enum leat_status make_topic(struct leat_access *access, const char *topic, bool is_state, struct leat_error *err)
{
    const char *names[8], *values[8];
    struct kafka_topic_wish wish = {.partitions = 1, .config = {names, values, 0}};
    wish.replication = access->replication;
    if (wish.replication == 0 && (wish.replication = count_brokers(access)) > 3)
        wish.replication = 3;
    const struct kafka_property all[] = {
        {"cleanup.policy", is_state ? "compact" : "delete"},
        {"min.cleanable.dirty.ratio", is_state ? "0.1" : NULL},
        {"segment.bytes", is_state ? "16777216" : NULL},
        {"max.message.bytes", "67108864"},
        {"retention.ms", is_state ? NULL : access->retention_ms ? access->retention_ms : "604800000"},
        {"retention.bytes", is_state ? NULL : access->retention_bytes},
        {"min.insync.replicas", access->min_insync ? access->min_insync : wish.replication >= 3 ? "2" : "1"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].value)
            continue;
        names[wish.config.count] = all[i].name;
        values[wish.config.count++] = all[i].value;
    }
    return kafka_topic_make(&access->asker, NULL, topic, &wish, err);
}

static bool is_silent(const struct leat_access *access)
{
    return access->asker.is_down || kafka_is_refused(&access->asker);
}

/* No broker answers: who waits for `opening` meanwhile is not to ask as long in vain. STOP where it is the first that is asked,
 * and refuses us; later it may be that brokers change their keys. */
static enum leat_status fail_silent(struct leat_access *access, struct leat_error *err)
{
    bool is_refused = kafka_explain_silence(&access->asker, &access->how, err);
    access->silent_at = leat_now();
    access->silence = *err;
    return is_refused && access->log_count == 0 ? LEAT_STOP : LEAT_RETRY;
}

/* EOF: it is not there, and is not to be made. */
static enum leat_status prepare_topic(struct leat_access *access, const char *topic, bool is_state, struct leat_error *err)
{
    struct kafka_topic_facts facts;
    enum leat_status status = kafka_topic_look(&access->asker, NULL, topic, &facts, err);
    if (status == LEAT_RETRY && is_silent(access))
        return fail_silent(access, err);
    if (status != LEAT_OK)
        return status == LEAT_REJECT ? LEAT_STOP : status;
    if (facts.presence == KAFKA_MISSING)
        return access->is_read_only ? LEAT_EOF : make_topic(access, topic, is_state, err);
    if (facts.partitions != 1)
        return leat_fail(err, LEAT_STOP, "kafka %s: topic %s has %d partitions, and a log has one", access->how.brokers,
                         topic, facts.partitions);
    if (is_state && facts.is_compacted_known && !facts.is_compacted)
        return leat_fail(err, LEAT_STOP,
                         "kafka %s: topic %s is not compacted, it would lose positions: kafka-configs.sh --alter --topic "
                         "%s --add-config cleanup.policy=compact",
                         access->how.brokers, topic, topic);
    return LEAT_OK;
}

static enum leat_status follow(struct klog *log, struct leat_error *err)
{
    struct leat_access *access = log->access;
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    rd_kafka_topic_conf_set_opaque(conf, log);
    log->follow = rd_kafka_topic_new(access->follower.rk, log->state_topic, conf);
    if (log->follow && !rd_kafka_consume_start_queue(log->follow, 0, RD_KAFKA_OFFSET_BEGINNING, access->follow_queue))
        return LEAT_OK;
    return kafka_failed(&access->follower, log->state_topic, rd_kafka_err2str(rd_kafka_last_error()), err);
}

/* The first identity that was ever written is the log's: whoever finds none writes one, and looks again. */
static enum leat_status identify(struct klog *log, struct leat_error *err)
{
    uint8_t key[1 + sizeof log->uuid] = {STATE_LOG};
    int64_t end;
    enum leat_status status = ask_state(log, false, &end, err);
    if (status == LEAT_OK)
        status = wait_for_state(log, end, true, err);
    if (status != LEAT_OK || log->has_uuid || log->access->is_read_only)
        return status;
    leat_os_random(leat_os, key + 1, sizeof key - 1);
    klog_put_hint(log, key, sizeof key, log->name, strlen(log->name));
    kaccess_write_hints(log->access);
    status = ask_state(log, false, &end, err);
    if (status == LEAT_OK)
        status = wait_for_state(log, end, true, err);
    if (status != LEAT_OK || log->has_uuid)
        return status;
    return kafka_failed(&log->access->asker, log->state_topic, "it cannot be written to", err);
}

static void add_log(struct leat_access *access, struct klog *log)
{
    leat_lock_take(&access->lock);
    access->logs = leat_realloc(access->logs, (access->log_count + 1) * sizeof *access->logs);
    access->logs[access->log_count++] = log;
    leat_lock_give(&access->lock);
}

/* Under `opening`. A log stays, also where it could not be opened to the end: then the next one who asks goes on. */
static enum leat_status open_log(struct leat_access *access, const char *name, struct klog **log, struct leat_error *err)
{
    enum leat_status status = kaccess_connect(access, err);
    char *data = leat_format_dup("%s.log.%s", access->namespace, name);
    char *state = leat_format_dup("%s.state.%s", access->namespace, name);
    if (status == LEAT_OK && strlen(state) > 249)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: no name of a Kafka topic is as long", state);
    if (status == LEAT_OK)
        status = prepare_topic(access, data, false, err);
    if (status == LEAT_OK)
        status = prepare_topic(access, state, true, err);
    if (status != LEAT_OK) {
        if (status == LEAT_EOF)
            status = leat_fail(err, LEAT_STOP, "%s: there is no log %s", access->url, name);
        free(data);
        free(state);
        return status;
    }
    struct klog *made = *log = leat_calloc(1, sizeof *made);
    *made = (struct klog){.access = access, .name = leat_strdup(name), .data_topic = data, .state_topic = state};
    leat_table_init(&made->state);
    leat_table_init(&made->hints);
    status = follow(made, err);
    add_log(access, made);
    return status;
}

enum leat_status klog_open(struct leat_access *access, const char *name, struct klog **log, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    struct leat_time since = leat_now();
    if (!is_log_name(name))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "\"%s\" cannot be the name of a log in Kafka: letters, digits, '.', '_' and '-' can", name);
    leat_lock_take(&access->opening);
    *log = find_log(access, name);
    if (!*log && access->silent_at.ns > since.ns) {
        *err = access->silence;
        status = LEAT_RETRY;
    } else if (!*log) {
        status = open_log(access, name, log, err);
    }
    if (status == LEAT_OK && !(*log)->has_uuid)
        status = identify(*log, err);
    leat_lock_give(&access->opening);
    return status;
}

/* ---- all logs of the namespace ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum leat_status klogs_open(struct leat_access *access, struct leat_error *err)
{
    char **names = NULL;
    size_t count = 0;
    struct klog *log;
    leat_lock_take(&access->opening);
    enum leat_status status = kaccess_connect(access, err);
    if (status == LEAT_OK && !list_logs(access, &access->asker, &names, &count))
        status = is_silent(access) ? fail_silent(access, err) : kafka_failed(&access->asker, "list topics", "no answer", err);
    leat_lock_give(&access->opening);
    if (count > 0)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if (status == LEAT_OK)
            status = klog_open(access, names[i], &log, err);
        free(names[i]);
    }
    free(names);
    leat_lock_take(&access->lock);
    access->has_unknown_log = access->has_unknown_log && status != LEAT_OK;
    leat_lock_give(&access->lock);
    return status;
}
