/* driver_writer.c - a task's writer: rounds of units, each committed as one transaction by a thread of its own.
 *
 *   append()   unit -> the round that is filled: its frames, then its state; of a key of state only the newest in the round
 *   thread     takes the round when the one before is committed; there is no timer
 *
 * Whatever is not a clear and quick commit ends the writer: durable() says RETRY, and who opens the next one reads the
 * positions back. Until then the transaction may still be committed, or not.
 */
#include <kafka/driver_writer.h>

#include <base/assert.h>
#include <base/memory.h>
#include <kafka/owner.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUND_MOST  ((size_t)1 << 30)
#define CLOSE_WAIT_US 3000000 /* for what is queued to be committed */
#define ROUND_KEEP  ((size_t)4 << 20)

/* ---- rounds ---- */

static void round_reset(struct kround *round)
{
    leat_bytes_clear(&round->bytes);
    leat_bytes_shrink(&round->bytes, ROUND_KEEP);
    round->count = 0;
    round->ticket = 0;
    leat_table_fini(&round->keys, NULL);
    leat_table_init(&round->keys);
}

struct kmessage *kround_add(struct kround *round)
{
    if (round->count == round->cap) {
        round->cap = round->cap ? round->cap * 2 : 64;
        round->messages = leat_realloc(round->messages, round->cap * sizeof *round->messages);
    }
    struct kmessage *message = &round->messages[round->count++];
    *message = (struct kmessage){0};
    return message;
}

void kround_put_state(struct kround *round, const struct leat_bytes *key, const void *value, size_t len)
{
    uintptr_t known = (uintptr_t)leat_table_get(&round->keys, key->data, key->len);
    struct kmessage *message = known ? &round->messages[known - 1] : kround_add(round);
    if (!known) {
        leat_table_set(&round->keys, key->data, key->len, (void *)(uintptr_t)round->count);
        message->is_state = true;
        message->key_at = round->bytes.len;
        message->key_len = key->len;
        leat_bytes_add(&round->bytes, key->data, key->len);
    }
    message->is_removal = !value;
    message->value_at = round->bytes.len;
    message->value_len = value ? len : 0;
    leat_bytes_add(&round->bytes, value ? value : "", message->value_len);
}

static enum leat_status send_round(struct leat_writer *writer, const struct kround *round, struct leat_error *err)
{
    enum leat_status status = writer_begin(&writer->producer, err);
    for (uint32_t i = 0; status == LEAT_OK && i < round->count; i++) {
        const struct kmessage *from = &round->messages[i];
        const struct kafka_message message = {
            .topic = from->is_state ? writer->state : writer->data,
            .key = from->is_state ? round->bytes.data + from->key_at : NULL,
            .key_len = from->key_len,
            .value = from->is_removal ? NULL : round->bytes.data + from->value_at,
            .value_len = from->value_len,
            .time_ms = from->time_ms,
            .last = from->is_state ? &writer->last_state : &writer->last_data,
        };
        status = writer_send(&writer->producer, &message, err);
    }
    return status == LEAT_OK ? writer_commit(&writer->producer, err) : status;
}

/* Also how far its topics have come: lag is counted by it. */
static void note_ends(struct leat_writer *writer, const struct kround *round)
{
    struct klog *log = writer->log;
    leat_lock_take(&log->access->lock);
    if (writer->last_data + 1 > log->data_end)
        log->data_end = writer->last_data + 1;
    if (writer->last_state + 1 > log->state_end)
        log->state_end = writer->last_state + 1;
    for (uint32_t i = 0; i < round->count; i++) {
        const struct kmessage *message = &round->messages[i];
        const uint8_t *key = round->bytes.data + message->key_at;
        if (message->is_state && key[0] == STATE_TOPIC)
            klog_take_topic(log, key, message->key_len, round->bytes.data + message->value_at, message->value_len);
    }
    leat_lock_give(&log->access->lock);
}

/* ---- claims: who came last writes (I4). Kafka fences by the transactional id; the claim in the state says who it was ---- */

struct claim {
    uint64_t epoch, data_end;
    char owner[OWNER_ROOM];
};

static void claim_key(struct leat_bytes *key, const char *connector, uint32_t task)
{
    uint8_t number[4] = {(uint8_t)(task >> 24), (uint8_t)(task >> 16), (uint8_t)(task >> 8), (uint8_t)task};
    klog_key(key, STATE_CLAIM, connector, number, sizeof number);
}

static struct claim read_claim(struct leat_writer *writer)
{
    struct claim claim = {0};
    struct klog *log = writer->log;
    claim_key(&writer->key, writer->connector, writer->task);
    leat_lock_take(&log->access->lock);
    const struct kentry *entry = klog_get(log, writer->key.data, writer->key.len);
    if (entry && entry->len >= 16) {
        claim.epoch = leat_get_u64(entry->bytes);
        claim.data_end = leat_get_u64(entry->bytes + 8);
        snprintf(claim.owner, sizeof claim.owner, "%.*s", (int)(entry->len - 16), (const char *)entry->bytes + 16);
    }
    leat_lock_give(&log->access->lock);
    return claim;
}

uint64_t kwriter_claimed_epoch(struct leat_writer *writer, char owner[OWNER_ROOM])
{
    struct claim claim = read_claim(writer);
    memcpy(owner, claim.owner, OWNER_ROOM);
    return claim.epoch;
}

static enum leat_status fenced_by(struct leat_writer *writer, const struct claim *claim, struct leat_error *err)
{
    return leat_fail(err, LEAT_FENCED, "%s: %s has taken over its positions in log %s of %s", writer->connector,
                     claim->owner, writer->log->name, writer->log->access->url);
}

/* Kafka says fenced also of a producer whose transaction took too long: then nobody else has claimed. */
static enum leat_status judge_fence(struct leat_writer *writer, struct leat_error *err)
{
    struct leat_error ignored;
    if (klog_sync(writer->log, false, &ignored) != LEAT_OK)
        return leat_fail(err, LEAT_RETRY, "%s: a transaction was ended by Kafka", writer->connector);
    struct claim claim = read_claim(writer);
    if (claim.epoch > writer->epoch)
        return fenced_by(writer, &claim, err);
    return leat_fail(err, LEAT_RETRY, "%s: a transaction took longer than transaction.timeout.ms, or another owner begins",
                     writer->connector);
}

/* What this process knows of a writer between two of its lives: an entry in one of the access point's tables. */
static void know(struct leat_writer *writer, struct leat_table *table, bool is_so)
{
    struct leat_access *access = writer->log->access;
    const char *key = writer->key_of_claim;
    leat_lock_take(&access->lock);
    if (is_so)
        leat_table_set(table, key, strlen(key), access);
    else
        leat_table_remove(table, key, strlen(key));
    leat_lock_give(&access->lock);
}

static bool is_known(struct leat_writer *writer, struct leat_table *table)
{
    struct leat_access *access = writer->log->access;
    leat_lock_take(&access->lock);
    bool is_so = leat_table_get(table, writer->key_of_claim, strlen(writer->key_of_claim)) != NULL;
    leat_lock_give(&access->lock);
    return is_so;
}

/* One that ended for some trouble comes back by itself, and must not take back what another took meanwhile. One that was
 * stopped, or told that it is fenced, comes back because somebody wants it here. */
static void note_end(struct leat_writer *writer)
{
    if (writer->status == LEAT_RETRY || writer->has_thread)
        know(writer, &writer->log->access->troubled, writer->status == LEAT_RETRY);
    if (writer->producer.is_unclear)
        know(writer, &writer->log->access->clear, false);
}

/* A log that ends before what was committed has lost its tail, or is another one of the same name. */
static enum leat_status check_end(const struct leat_writer *writer, const struct claim *claim, int64_t end, struct leat_error *err)
{
    if ((uint64_t)end >= claim->data_end)
        return LEAT_OK;
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                        "topic %s ends at offset %lld, and %llu was committed: Kafka has lost its tail, or it was made anew; "
                        "records are missing",
                        writer->log->data_topic, (long long)end, (unsigned long long)claim->data_end);
}

/* Goes with every round, so that the end of the log is known as of the last one. */
static void put_claim(struct leat_writer *writer, struct kround *round)
{
    struct leat_bytes key, value;
    leat_bytes_init(&key, 4096);
    leat_bytes_init(&value, 4096);
    claim_key(&key, writer->connector, writer->task);
    leat_bytes_u64(&value, writer->epoch);
    leat_bytes_u64(&value, (uint64_t)(writer->last_data + 1));
    leat_bytes_text(&value, kafka_owner());
    kround_put_state(round, &key, value.data, value.len);
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

static enum leat_status write_claim(struct leat_writer *writer, struct leat_error *err)
{
    struct kround *round = writer->filling;
    put_claim(writer, round);
    enum leat_status status = send_round(writer, round, err);
    if (status != LEAT_OK)
        return status;
    note_ends(writer, round);
    round_reset(round);
    return klog_sync(writer->log, false, err);
}

static enum leat_status open_id(struct leat_access *access, const char *connector, uint32_t task,
                                const atomic_bool *is_stopping, struct kafka_writer *producer, struct leat_error *err)
{
    char *id = leat_format_dup("leat.%s.%s.%u", access->namespace, connector, task);
    const struct kafka_property own[] = {
        {"transactional.id", id},         {"transaction.timeout.ms", "30000"}, {"message.timeout.ms", "30000"},
        {"message.max.bytes", "67108864"}, {"queue.buffering.max.kbytes", "1048576"},
        {"queue.buffering.max.messages", "1000000"}, {"linger.ms", "1"}, {"compression.type", "lz4"}, {0}};
    enum leat_status status = writer_open(producer, access->url, &access->how, own, true, is_stopping, err);
    free(id);
    return status;
}

enum leat_status kwriter_end_open(struct klog *log, const char *connector, uint32_t task, struct leat_error *err)
{
    struct kafka_writer producer = {.client.rk = NULL};
    struct leat_bytes key;
    leat_bytes_init(&key, 4096);
    claim_key(&key, connector, task);
    leat_lock_take(&log->access->lock);
    bool has_written = klog_get(log, key.data, key.len) != NULL;
    leat_lock_give(&log->access->lock);
    leat_bytes_fini(&key);
    if (!has_written)
        return LEAT_OK;
    enum leat_status status = open_id(log->access, connector, task, &log->access->is_closing, &producer, err);
    writer_close(&producer);
    return status;
}

static enum leat_status open_producer(struct leat_writer *writer, struct leat_error *err)
{
    enum leat_status status = open_id(writer->log->access, writer->connector, writer->task, &writer->is_stopping,
                                      &writer->producer, err);
    if (status != LEAT_OK)
        return status;
    writer->data = rd_kafka_topic_new(writer->producer.client.rk, writer->log->data_topic, NULL);
    writer->state = rd_kafka_topic_new(writer->producer.client.rk, writer->log->state_topic, NULL);
    return LEAT_OK;
}

static enum leat_status end_unclear(struct leat_writer *writer, struct leat_error *err)
{
    rd_kafka_topic_t *const topics[] = {writer->data, writer->state};
    struct leat_table *clear = &writer->log->access->clear;
    if (is_known(writer, clear))
        return LEAT_OK;
    enum leat_status status = writer_end_unclear(&writer->producer, topics, 2, err);
    if (status == LEAT_OK)
        know(writer, clear, true);
    return status;
}

/* Whoever of this process was the owner once, and is no longer, does not take it back. */
static enum leat_status claim(struct leat_writer *writer, bool takes_over, struct leat_error *err)
{
    struct klog *log = writer->log;
    struct leat_table *troubled = &log->access->troubled;
    int64_t low, end = 0, last = 0;
    enum leat_status status = klog_sync(log, true, err); /* not more: a transaction of our own may be open still */
    struct claim found = read_claim(writer);
    if (takes_over)
        know(writer, troubled, false);
    if (status == LEAT_OK && is_known(writer, troubled) && strcmp(found.owner, kafka_owner()) != 0) {
        know(writer, troubled, false);
        status = fenced_by(writer, &found, err);
    }
    if (status == LEAT_OK)
        status = open_producer(writer, err);
    if (status == LEAT_OK)
        status = klog_range(log, false, &low, &end, err);
    if (status == LEAT_OK)
        status = check_end(writer, &found, end, err); /* before we write, or a tail that is gone grows again */
    if (status == LEAT_OK)
        status = end_unclear(writer, err);
    if (status == LEAT_OK)
        status = klog_range(log, false, &low, &last, err);
    if (status == LEAT_OK)
        status = klog_sync(log, false, err); /* what the older owner has committed is in Kafka now, or never will be */
    if (status != LEAT_OK)
        return status;
    found = read_claim(writer);
    writer->epoch = found.epoch + 1;
    status = check_end(writer, &found, end, err);
    writer->last_data = last - 1;
    return status == LEAT_OK ? write_claim(writer, err) : status;
}

/* ---- the thread ---- */

static void end_round(struct leat_writer *writer, struct kround *round, enum leat_status status,
                      const struct leat_error *err)
{
    writer->status = status;
    if (status == LEAT_OK) {
        writer->durable = round->ticket;
        round_reset(round);
    } else {
        writer->err = *err; /* the round's bytes stay: librdkafka may still read them */
    }
    leat_bell_ring(&writer->bell);
}

static void run_writer(void *arg)
{
    struct leat_writer *writer = arg;
    struct leat_error err;
    leat_lock_take(&writer->lock);
    while (writer->status == LEAT_OK) {
        while (writer->filling->ticket == 0 && !writer->is_ending)
            leat_cond_wait(&writer->news, &writer->lock);
        struct kround *round = writer->filling;
        if (round->ticket == 0)
            break;
        writer->filling = round == &writer->rounds[0] ? &writer->rounds[1] : &writer->rounds[0];
        leat_lock_give(&writer->lock);
        put_claim(writer, round);
        enum leat_status status = send_round(writer, round, &err);
        if (status == LEAT_OK)
            note_ends(writer, round);
        else if (status == LEAT_FENCED)
            status = judge_fence(writer, &err);
        else if (status == LEAT_REJECT)
            status = LEAT_STOP; /* a broker that takes less than the topic was made for: no record's fault */
        leat_lock_take(&writer->lock);
        end_round(writer, round, status, &err);
    }
    writer->is_over = true;
    leat_cond_broadcast(&writer->news);
    leat_lock_give(&writer->lock);
}

/* ---- open and close ---- */

static void load_entry(struct leat_writer *writer, const uint8_t *key, size_t key_len, const struct kentry *entry)
{
    struct leat_arena arena;
    struct leat_value decoded_key, decoded;
    size_t head = strlen(writer->connector) + 2;
    struct leat_cut key_cut, cut = leat_cut(entry->bytes, entry->len);
    if (key_len < head || memcmp(key + 1, writer->connector, head - 1) != 0)
        return;
    key_cut = leat_cut(key + head, key_len - head);
    if (key[0] == STATE_TOPIC && leat_cut_be(&key_cut, 4) == writer->task && !key_cut.is_bad)
        kwriter_load_topic(writer, key_cut.at, leat_cut_left(&key_cut), entry);
    if (key[0] != LEAT_STATE_POSITION)
        return;
    leat_arena_init(&arena, 0);
    if (leat_native_get_value(&key_cut, &arena, &decoded_key) && leat_native_get_value(&cut, &arena, &decoded))
        leat_positions_set(writer->positions, &decoded_key, &decoded);
    leat_arena_fini(&arena);
}

static void load(struct leat_writer *writer)
{
    struct klog *log = writer->log;
    size_t at = 0, len;
    const void *key;
    void *entry;
    leat_lock_take(&log->access->lock);
    while (leat_table_next(&log->state, &at, &key, &len, &entry))
        load_entry(writer, key, len, entry);
    leat_lock_give(&log->access->lock);
}

/* Which partitions of topics are taken stands in the state of all logs. */
static enum leat_status know_others(struct klog *log, struct leat_error *err)
{
    enum leat_status status = klogs_open(log->access, err);
    struct klog *other;
    for (size_t i = 0; status == LEAT_OK && (other = klog_at(log->access, i)); i++)
        if (other != log)
            status = klog_sync(other, true, err);
    return status;
}

static struct leat_writer *new_writer(struct klog *log, const struct leat_writer_config *config)
{
    struct leat_writer *made = leat_calloc(1, sizeof *made);
    made->log = log;
    made->connector = leat_strdup(config->connector);
    made->task = config->task;
    made->key_of_claim = leat_format_dup("%s %s %u", log->name, config->connector, config->task);
    made->most_bytes = config->batch_bytes > 0 ? (uint64_t)config->batch_bytes : ROUND_MOST / 4;
    made->positions = leat_positions_new();
    made->last_data = made->last_state = -1;
    made->bell.fd = -1;
    made->filling = &made->rounds[0];
    made->producer.tells_offsets = true;
    leat_lock_init(&made->lock, "kafka writer", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->news);
    leat_bytes_init(&made->stream, MESSAGE_MOST - KFRAME_BYTES - HEAD_MOST);
    leat_bytes_init(&made->key, SIZE_MAX);
    leat_bytes_init(&made->value, SIZE_MAX);
    leat_table_init(&made->sent_schemas);
    for (int i = 0; i < 2; i++) {
        leat_bytes_init(&made->rounds[i].bytes, ROUND_MOST);
        leat_table_init(&made->rounds[i].keys);
    }
    return made;
}

enum leat_status kwriter_open(struct leat_access *access, const struct leat_writer_config *config,
                              struct leat_writer **writer, const struct leat_positions **from, struct leat_error *err)
{
    struct klog *log;
    enum leat_status status = klog_open(access, config->log, &log, err);
    if (status == LEAT_OK)
        status = know_others(log, err);
    if (status != LEAT_OK)
        return status;
    struct leat_writer *made = new_writer(log, config);
    status = leat_bell_open(&made->bell, err);
    if (status == LEAT_OK)
        status = claim(made, config->takes_over, err);
    if (status == LEAT_OK) {
        load(made);
        status = leat_thread_start(&made->thread, "leat-kwriter", run_writer, made, err);
        made->has_thread = status == LEAT_OK;
    }
    if (status != LEAT_OK) {
        kwriter_close(made);
        return status;
    }
    *writer = made;
    *from = made->positions;
    return LEAT_OK;
}

static void close_producer(struct leat_writer *writer)
{
    if (writer->data)
        rd_kafka_topic_destroy(writer->data);
    if (writer->state)
        rd_kafka_topic_destroy(writer->state);
    writer_close(&writer->producer);
}

/* What was appended is still committed, unless Kafka does not answer in time. */
static void end_thread(struct leat_writer *writer)
{
    struct leat_time deadline = leat_after_us(CLOSE_WAIT_US);
    bool is_in_time = true;
    if (!writer->has_thread)
        return;
    leat_lock_take(&writer->lock);
    writer->is_ending = true;
    leat_cond_broadcast(&writer->news);
    while (!writer->is_over && is_in_time)
        is_in_time = leat_cond_wait_until(&writer->news, &writer->lock, deadline);
    leat_lock_give(&writer->lock);
    atomic_store(&writer->is_stopping, true);
    leat_thread_join(writer->thread);
}

void kwriter_close(struct leat_writer *writer)
{
    end_thread(writer);
    note_end(writer);
    close_producer(writer);
    leat_bell_close(&writer->bell);
    for (uint32_t i = 0; i < writer->topic_cap; i++)
        free(writer->topics[i]);
    for (int i = 0; i < 2; i++) {
        leat_bytes_fini(&writer->rounds[i].bytes);
        leat_table_fini(&writer->rounds[i].keys, NULL);
        free(writer->rounds[i].messages);
    }
    leat_positions_free(writer->positions);
    leat_table_fini(&writer->sent_schemas, NULL);
    leat_bytes_fini(&writer->stream);
    leat_bytes_fini(&writer->key);
    leat_bytes_fini(&writer->value);
    kframe_fini(&writer->frame);
    leat_cond_fini(&writer->news);
    leat_lock_fini(&writer->lock);
    free(writer->new_schemas);
    free(writer->in_unit);
    free(writer->topics);
    free(writer->key_of_claim);
    free(writer->connector);
    free(writer);
}
