#include <kafka/source_reader.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/thread.h>
#include <stdlib.h>

#define WAIT_MS     100     /* for a message: how late a stop, or a new partition, may be noticed */
#define MANY        1000    /* messages that are taken at once */
#define IDLE_US     1000000 /* a place that moved over offsets without records is posted so much later */

struct source_reader {
    struct leat_task *task;
    struct source_reader_config config;
    rd_kafka_queue_t *queue;
    struct source_coder coder;
    /* under the lock */
    struct leat_lock lock;
    struct leat_cond changed;
    struct source_part **given; /* to begin with */
    size_t given_count;
    bool has_ended;
    enum leat_status status;
    struct leat_error err;
    /* any thread */
    atomic_bool is_done;
    _Atomic int64_t seen_us;
    /* the side thread's */
    struct leat_table by_key; /* "orders/3" -> struct source_part */
    struct source_part **parts;
    size_t count;
    struct source_part *latest; /* of the last message */
    rd_kafka_message_t *messages[MANY];
    size_t at, end;             /* those that are not in a batch yet */
    bool is_dirty;              /* a place has moved that no batch has told */
    struct leat_time dirty_at;
    struct source_part *leaving; /* it is the owner's once the batch at hand is posted ... */
    enum source_state why;       /* ... because of this */
};

/* ---- partitions come and go ---- */

static void begin_part(struct source_reader *reader, struct source_part *part)
{
    bool compares = part->place.last >= part->low && part->place.last < part->place.next;
    part->must_compare = compares;
    part->is_at_end = part->place.next >= part->end;
    part->is_dirty = false;
    leat_table_set(&reader->by_key, part->key, strlen(part->key), part);
    reader->parts = leat_realloc(reader->parts, (reader->count + 1) * sizeof(void *));
    reader->parts[reader->count++] = part;
    int64_t from = compares ? part->place.last : part->place.next;
    int failed = rd_kafka_consume_start_queue(part->rkt, part->partition, from, reader->queue);
    leat_assert(failed == 0); /* only for offsets and partitions below 0, and twice the same */
}

static void take_given(struct source_reader *reader)
{
    leat_lock_take(&reader->lock);
    size_t count = reader->given_count;
    struct source_part **given = reader->given;
    reader->given = NULL;
    reader->given_count = 0;
    leat_lock_give(&reader->lock);
    for (size_t i = 0; i < count; i++)
        begin_part(reader, given[i]);
    free(given);
}

/* Its messages that are in our queue go with it. */
static void end_part(struct source_reader *reader, struct source_part *part)
{
    rd_kafka_consume_stop(part->rkt, part->partition);
    leat_table_remove(&reader->by_key, part->key, strlen(part->key));
    for (size_t i = 0; i < reader->count; i++)
        if (reader->parts[i] == part)
            reader->parts[i] = reader->parts[--reader->count];
    if (reader->latest == part)
        reader->latest = NULL;
}

static struct source_part *part_of(struct source_reader *reader, const rd_kafka_message_t *message)
{
    char key[SOURCE_KEY_MOST];
    struct source_part *latest = reader->latest;
    if (latest && latest->rkt == message->rkt && latest->partition == message->partition)
        return latest;
    source_key(key, rd_kafka_topic_name(message->rkt), message->partition);
    return reader->latest = leat_table_get(&reader->by_key, key, strlen(key));
}

/* ---- batches ---- */

static void store_places(struct source_reader *reader, struct leat_batch *batch)
{
    for (size_t i = 0; i < reader->count; i++) {
        struct source_part *part = reader->parts[i];
        if (part->is_dirty)
            source_place_store(&part->place, part->key, batch);
        part->is_dirty = false;
    }
    reader->is_dirty = false;
}

static void note_moved(struct source_reader *reader, struct source_part *part)
{
    if (!reader->is_dirty)
        reader->dirty_at = leat_after_us(IDLE_US);
    reader->is_dirty = part->is_dirty = true;
}

/* ---- messages ---- */

static enum leat_status fail_reading(struct source_reader *reader, const rd_kafka_message_t *message, struct leat_error *err)
{
    bool is_forbidden = message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    kafka_failed(reader->config.client, message->rkt ? rd_kafka_topic_name(message->rkt) : "consume",
                 rd_kafka_message_errstr(message), err);
    return is_forbidden ? LEAT_STOP : LEAT_RETRY;
}

/* AGAIN: the partition is not to be read further, *why. */
static enum leat_status take_event(struct source_reader *reader, struct source_part *part, const rd_kafka_message_t *message,
                                   enum source_state *why, struct leat_error *err)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        part->is_at_end = true;
        if (message->offset > part->place.next) {
            part->place.next = message->offset;
            note_moved(reader, part);
        }
        return LEAT_OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        *why = SOURCE_OUT_OF_RANGE;
        return LEAT_AGAIN;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        *why = SOURCE_GONE;
        return LEAT_AGAIN;
    default:
        return fail_reading(reader, message, err);
    }
}

/* AGAIN: at the offset of the record read last stands another one. */
static enum leat_status compare(struct source_part *part, const rd_kafka_message_t *message)
{
    part->must_compare = false;
    if (message->offset != part->place.last)
        return LEAT_OK; /* a compaction has removed it */
    return source_print(message->key, message->key_len, message->payload, message->len) == part->place.print ? LEAT_OK
                                                                                                              : LEAT_AGAIN;
}

/* AGAIN: its partition leaves, once the batch is posted. */
static enum leat_status take_message(struct source_reader *reader, const rd_kafka_message_t *message, struct leat_batch *batch,
                                     struct leat_error *err)
{
    enum source_state why = SOURCE_OTHER_RECORD;
    enum leat_status status = LEAT_OK;
    struct source_part *part = message->rkt ? part_of(reader, message) : NULL;
    if (!part)
        return message->rkt ? LEAT_OK : fail_reading(reader, message, err);
    if (message->err)
        status = take_event(reader, part, message, &why, err);
    else if (part->must_compare)
        status = compare(part, message);
    if (status == LEAT_AGAIN) {
        reader->leaving = part;
        reader->why = why;
    }
    if (status != LEAT_OK || message->err || message->offset < part->place.next)
        return status;
    source_record_add(&reader->coder, message, part->to, &part->place, batch);
    atomic_store(&reader->seen_us, leat_batch_get(batch, leat_batch_count(batch) - 1)->time_us);
    part->is_at_end = part->is_at_end || part->place.next >= part->end;
    note_moved(reader, part);
    return LEAT_OK;
}

/* Waits for the first message only; what else is there comes with it. */
static void fetch(struct source_reader *reader, int wait_ms)
{
    rd_kafka_message_t *first = rd_kafka_consume_queue(reader->queue, wait_ms);
    reader->at = reader->end = 0;
    if (!first) {
        atomic_store(&reader->seen_us, 0);
        return;
    }
    reader->messages[reader->end++] = first;
    ssize_t more = rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages + 1, MANY - 1);
    reader->end += more > 0 ? (size_t)more : 0;
}

/* Up to a full batch, an error, a partition that leaves, or until the brokers have brought no more. */
static enum leat_status fill(struct source_reader *reader, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && !leat_batch_is_full(batch)) {
        if (reader->at == reader->end && reader->end == MANY)
            fetch(reader, 0);
        if (reader->at == reader->end) /* the queue was empty when these came */
            break;
        rd_kafka_message_t *message = reader->messages[reader->at++];
        status = take_message(reader, message, batch, err);
        rd_kafka_message_destroy(message);
    }
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

/* ---- the thread ---- */

static void release_asked(struct source_reader *reader)
{
    for (size_t i = 0; !reader->leaving && i < reader->count; i++)
        if (atomic_exchange(&reader->parts[i]->must_release, false)) {
            reader->leaving = reader->parts[i];
            reader->why = SOURCE_RELEASED;
        }
}

static bool is_at_end(const struct source_reader *reader)
{
    bool is_end = reader->at == reader->end;
    for (size_t i = 0; is_end && i < reader->count; i++)
        is_end = reader->parts[i]->is_at_end;
    return is_end;
}

static void let_go(struct source_reader *reader)
{
    struct source_part *part = reader->leaving;
    reader->leaving = NULL;
    end_part(reader, part);
    atomic_store(&part->state, reader->why);
    leat_task_wake(reader->task);
}

static void note_done(struct source_reader *reader, bool is_end)
{
    leat_lock_take(&reader->lock);
    bool is_done = is_end && reader->given_count == 0, is_news = is_done != atomic_exchange(&reader->is_done, is_done);
    leat_lock_give(&reader->lock);
    if (is_news)
        leat_task_wake(reader->task);
}

/* A place alone is posted when it matters, or has not been told for a while. */
static bool is_worth_telling(const struct source_reader *reader)
{
    return reader->is_dirty && (reader->leaving || leat_is_past(reader->dirty_at) ||
                                (leat_task_is_once(reader->task) && is_at_end(reader)));
}

/* A batch is taken once there is something to put into it: readers that wait for messages need none. */
static enum leat_status post_batch(struct source_reader *reader, struct leat_error *err)
{
    struct leat_batch *batch = leat_batch_take(reader->task);
    if (!batch)
        return LEAT_AGAIN; /* stopping */
    enum leat_status status = reader->leaving ? LEAT_OK : fill(reader, batch, err);
    if (leat_batch_count(batch) > 0 || is_worth_telling(reader)) {
        store_places(reader, batch);
        leat_task_post(reader->task, &batch);
    } else {
        leat_batch_give(reader->task, &batch);
    }
    return status;
}

static enum leat_status run_once(struct source_reader *reader, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    take_given(reader);
    release_asked(reader);
    if (reader->at == reader->end && !reader->leaving)
        fetch(reader, WAIT_MS);
    if (reader->at < reader->end || is_worth_telling(reader))
        status = post_batch(reader, err);
    if (status == LEAT_OK && reader->leaving)
        let_go(reader);
    note_done(reader, is_at_end(reader));
    return status;
}

static void run_reader(struct leat_task *task, void *arg)
{
    struct source_reader *reader = arg;
    struct leat_error err = {.cause = LEAT_CAUSE_OTHER};
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && !leat_task_is_stopping(task))
        status = run_once(reader, &err);
    for (; reader->at < reader->end; reader->at++)
        rd_kafka_message_destroy(reader->messages[reader->at]);
    while (reader->count > 0)
        end_part(reader, reader->parts[0]);
    leat_lock_take(&reader->lock);
    reader->status = status == LEAT_AGAIN ? LEAT_OK : status;
    reader->err = err;
    reader->has_ended = true;
    leat_cond_broadcast(&reader->changed);
    leat_lock_give(&reader->lock);
    leat_task_wake(task);
}

/* ---- the owner ---- */

enum leat_status source_reader_start(struct source_reader **reader, struct leat_task *task,
                                     const struct source_reader_config *config, struct leat_error *err)
{
    struct source_reader *made = leat_calloc(1, sizeof *made);
    *reader = made;
    made->task = task;
    made->config = *config;
    leat_lock_init(&made->lock, "kafka-reader", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->changed);
    leat_table_init(&made->by_key);
    made->queue = rd_kafka_queue_new(config->client->rk);
    enum leat_status status = source_coder_open(&made->coder, config->format, config->key_format, config->connector, err);
    if (status == LEAT_OK)
        status = leat_task_side(task, "leat-kafka-in", run_reader, made, err);
    made->has_ended = status != LEAT_OK;
    return status;
}

void source_reader_stop(struct source_reader *reader)
{
    if (!reader)
        return;
    leat_lock_take(&reader->lock);
    while (!reader->has_ended)
        leat_cond_wait(&reader->changed, &reader->lock);
    leat_lock_give(&reader->lock);
    rd_kafka_queue_destroy(reader->queue);
    source_coder_close(&reader->coder);
    leat_table_fini(&reader->by_key, NULL);
    leat_cond_fini(&reader->changed);
    leat_lock_fini(&reader->lock);
    free(reader->given);
    free(reader->parts);
    free(reader);
}

void source_reader_give(struct source_reader *reader, struct source_part *part)
{
    part->must_release = false;
    atomic_store(&part->state, SOURCE_READING);
    leat_lock_take(&reader->lock);
    reader->given = leat_realloc(reader->given, (reader->given_count + 1) * sizeof(void *));
    reader->given[reader->given_count++] = part;
    atomic_store(&reader->is_done, false);
    leat_lock_give(&reader->lock);
}

enum leat_status source_reader_trouble(struct source_reader *reader, struct leat_error *err)
{
    leat_lock_take(&reader->lock);
    enum leat_status status = reader->has_ended ? reader->status : LEAT_OK;
    if (status != LEAT_OK)
        *err = reader->err;
    leat_lock_give(&reader->lock);
    return status;
}

bool source_reader_is_done(struct source_reader *reader)
{
    return atomic_load(&reader->is_done);
}

int64_t source_reader_seen_us(struct source_reader *reader)
{
    return atomic_load(&reader->seen_us);
}
