/* api_producer.c - the producer of leat/oms.h.
 *
 *   send_async -> outgoing (gathers while units are in flight) -> append -> waiting for durable -> done()
 *   begin, send .. commit -> transaction -> append: one unit
 *
 * `waiting` holds what was sent in order: first those with a ticket, then one for each record of `outgoing`. */
#include <oms/api.h>

#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE_BYTES ((int64_t)8 << 20)
#define OUTGOING_BYTES ((size_t)1 << 20)
#define OUTGOING_RECORDS 10000
#define TRANSACTION_BYTES ((size_t)256 << 20)
#define TIMEOUT_MS 30000

struct sent {
    uint64_t ticket; /* 0: still in outgoing */
    leat_oms_done_f *done;
    void *arg;
    enum leat_oms_status *result; /* of a send() that waits */
    char id[40];
};

struct leat_oms_producer {
    struct leat_oms *oms;
    struct leat_writer *writer;
    const struct leat_positions *positions;
    int64_t timeout_ms;
    uint64_t origin, sequence; /* of message ids */
    struct leat_batch *outgoing, *transaction;
    bool is_in_transaction;
    bool is_telling; /* inside of a done(): what it sends is only queued */
    bool is_closing; /* the last answers are given: nothing more is taken */
    struct sent *waiting;
    size_t waiting_count, waiting_cap;
};

/* ---- open ---- */

enum leat_oms_status leat_oms_producer_open(struct leat_oms *oms, const struct leat_oms_producer_config *config,
                                            struct leat_oms_producer **producer, struct leat_error *err)
{
    if (oms->is_read_only)
        return oms_fail(err, LEAT_OMS_FORBIDDEN, "producer %s: the access point is open for reading only", config->name);
    struct leat_writer_config wanted = {
        .log = config->log ? config->log : config->name,
        .connector = config->name,
        .batch_bytes = config->queue_bytes > 0 ? config->queue_bytes : QUEUE_BYTES,
    };
    struct leat_oms_producer *made = leat_calloc(1, sizeof *made);
    enum leat_status status = oms->driver->writer_open(oms->access, &wanted, &made->writer, &made->positions, err);
    if (status != LEAT_OK) {
        free(made);
        return oms_status_of(status, LEAT_OMS_PRODUCER_EXISTS, err);
    }
    made->oms = oms;
    made->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS;
    made->outgoing = leat_batch_new(OUTGOING_BYTES, OUTGOING_RECORDS);
    made->transaction = leat_batch_new(TRANSACTION_BYTES, UINT32_MAX);
    leat_os_random(leat_os, &made->origin, sizeof made->origin);
    *producer = made;
    return LEAT_OMS_SUCCESS;
}

static struct leat_time deadline_of(const struct leat_oms_producer *producer)
{
    return leat_after_us(producer->timeout_ms * 1000);
}

/* ---- what was sent ---- */

static void note_sent(struct leat_oms_producer *producer, struct sent sent)
{
    if (producer->waiting_count == producer->waiting_cap) {
        producer->waiting_cap = producer->waiting_cap ? producer->waiting_cap * 2 : 64;
        producer->waiting = leat_realloc(producer->waiting, producer->waiting_cap * sizeof *producer->waiting);
    }
    producer->waiting[producer->waiting_count++] = sent;
}

static struct sent take_sent(struct leat_oms_producer *producer, size_t at)
{
    struct sent sent = producer->waiting[at];
    producer->waiting_count--;
    memmove(&producer->waiting[at], &producer->waiting[at + 1],
            (producer->waiting_count - at) * sizeof *producer->waiting);
    return sent;
}

static void tell(struct leat_oms_producer *producer, const struct sent *sent, enum leat_oms_status status)
{
    if (sent->result)
        *sent->result = status;
    if (!sent->done)
        return;
    producer->is_telling = true;
    sent->done(sent->arg, status, sent->id);
    producer->is_telling = false;
}

/* Each entry is out before its sender is told: who is told may send again. */
static void settle_durable(struct leat_oms_producer *producer, uint64_t durable)
{
    while (producer->waiting_count > 0 && producer->waiting[0].ticket != 0 && producer->waiting[0].ticket <= durable) {
        struct sent sent = take_sent(producer, 0);
        tell(producer, &sent, LEAT_OMS_SUCCESS);
    }
}

static void settle_all(struct leat_oms_producer *producer, enum leat_oms_status status)
{
    size_t count = producer->waiting_count;
    struct sent *all = producer->waiting;
    producer->waiting = NULL;
    producer->waiting_count = producer->waiting_cap = 0;
    leat_batch_reset(producer->outgoing);
    for (size_t i = 0; i < count; i++)
        tell(producer, &all[i], status);
    free(all);
}

/* ---- appending ---- */

static size_t in_flight(const struct leat_oms_producer *producer)
{
    return producer->waiting_count - producer->outgoing->count;
}

/* Messages that no log can hold go, each with its own answer; the others stay. */
static void drop_refused(struct leat_oms_producer *producer)
{
    struct leat_batch *batch = producer->outgoing;
    size_t first = in_flight(producer), count = batch->refusal_count;
    uint32_t *refused = leat_malloc((count + 1) * sizeof *refused);
    struct sent *gone = leat_malloc((count + 1) * sizeof *gone);
    for (size_t i = 0; i < count; i++)
        refused[i] = batch->refusals[i].index;
    leat_batch_clear_refusals(batch);
    for (size_t i = count; i-- > 0;) { /* from the end, so that indices hold */
        leat_batch_remove(batch, refused[i]);
        gone[i] = take_sent(producer, first + refused[i]);
    }
    for (size_t i = 0; i < count; i++)
        tell(producer, &gone[i], LEAT_OMS_BODY_TOO_LARGE);
    free(refused);
    free(gone);
}

/* Appends what has gathered. STORAGE_BUSY: it stays, and the fd will tell. */
static enum leat_oms_status push(struct leat_oms_producer *producer, struct leat_error *err)
{
    const struct leat_driver_type *driver = producer->oms->driver;
    enum leat_status status = LEAT_OK;
    uint64_t ticket = 0;
    if (producer->is_telling)
        return oms_fail(err, LEAT_OMS_STORAGE_BUSY, "too much is queued");
    while (producer->outgoing->count > 0) {
        status = driver->append(producer->writer, producer->outgoing, NULL, 0, NULL, &ticket, err);
        if (status != LEAT_REJECT)
            break;
        drop_refused(producer);
        status = LEAT_OK;
    }
    if (status == LEAT_OK) {
        for (size_t i = in_flight(producer); i < producer->waiting_count; i++)
            producer->waiting[i].ticket = ticket;
        leat_batch_reset(producer->outgoing);
        return LEAT_OMS_SUCCESS;
    }
    enum leat_oms_status answer = oms_status_of(status, LEAT_OMS_PRODUCER_EXISTS, err);
    if (status != LEAT_AGAIN)
        settle_all(producer, answer);
    else
        oms_fail(err, answer, "too much is queued, or the disk is full");
    return answer;
}

enum leat_oms_status leat_oms_progress(struct leat_oms_producer *producer, struct leat_error *err)
{
    uint64_t durable;
    if (producer->is_telling)
        return LEAT_OMS_SUCCESS;
    enum leat_status status = producer->oms->driver->durable(producer->writer, &durable, err);
    if (status != LEAT_OK) {
        enum leat_oms_status answer = oms_status_of(status, LEAT_OMS_PRODUCER_EXISTS, err);
        settle_all(producer, answer);
        return answer;
    }
    settle_durable(producer, durable);
    enum leat_oms_status pushed = in_flight(producer) == 0 ? push(producer, err) : LEAT_OMS_SUCCESS;
    return pushed == LEAT_OMS_STORAGE_BUSY ? LEAT_OMS_SUCCESS : pushed;
}

/* Until nothing waits, or the deadline. */
static enum leat_oms_status settle_until(struct leat_oms_producer *producer, struct leat_time deadline,
                                         struct leat_error *err)
{
    const struct leat_driver_type *driver = producer->oms->driver;
    if (producer->is_telling)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "not while an answer is given: send_async() is all that goes there");
    while (producer->waiting_count > 0) {
        enum leat_oms_status status = push(producer, err);
        if (status == LEAT_OMS_SUCCESS || status == LEAT_OMS_STORAGE_BUSY)
            status = leat_oms_progress(producer, err);
        if (status != LEAT_OMS_SUCCESS)
            return status;
        if (producer->waiting_count == 0)
            break;
        int64_t left_ms = (deadline.ns - leat_now().ns) / 1000000;
        if (left_ms <= 0)
            return oms_fail(err, LEAT_OMS_TIMEOUT, "what was sent is not durable yet");
        struct pollfd news = {.fd = driver->writer_fd(producer->writer), .events = POLLIN};
        leat_os->poll(&news, 1, left_ms < 1000 ? (int)left_ms + 1 : 1000);
    }
    return LEAT_OMS_SUCCESS;
}

enum leat_oms_status leat_oms_flush(struct leat_oms_producer *producer, struct leat_error *err)
{
    return settle_until(producer, deadline_of(producer), err);
}

/* Who still waits is told what the flush came to: no answer comes later. */
void leat_oms_producer_close(struct leat_oms_producer *producer)
{
    struct leat_error err;
    enum leat_oms_status status = leat_oms_flush(producer, &err);
    producer->is_closing = true;
    settle_all(producer, status);
    producer->oms->driver->writer_close(producer->writer);
    leat_batch_free(producer->outgoing);
    leat_batch_free(producer->transaction);
    free(producer->waiting);
    free(producer);
}

int leat_oms_producer_fd(struct leat_oms_producer *producer)
{
    return producer->oms->driver->writer_fd(producer->writer);
}

/* ---- sending ---- */

static void give_id(struct leat_oms_producer *producer, struct leat_oms_message *message)
{
    snprintf(message->message_id, sizeof message->message_id, "%016llx-%llu", (unsigned long long)producer->origin,
             (unsigned long long)++producer->sequence);
}

static enum leat_oms_status queue(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                  struct sent sent, struct leat_error *err)
{
    if (producer->is_closing)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "the producer is being closed");
    if (leat_batch_is_full(producer->outgoing)) {
        enum leat_oms_status status = push(producer, err);
        if (status != LEAT_OMS_SUCCESS)
            return status;
    }
    give_id(producer, message);
    enum leat_oms_status status = oms_message_put(message, producer->outgoing, err);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    memcpy(sent.id, message->message_id, sizeof sent.id);
    note_sent(producer, sent);
    return LEAT_OMS_SUCCESS;
}

enum leat_oms_status leat_oms_send_async(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                         leat_oms_done_f *done, void *arg, struct leat_error *err)
{
    if (producer->is_in_transaction)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "within a transaction, leat_oms_send() gathers");
    enum leat_oms_status status = queue(producer, message, (struct sent){.done = done, .arg = arg}, err);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    status = leat_oms_progress(producer, err);
    return done ? LEAT_OMS_SUCCESS : status; /* done() was told already: one answer for each message */
}

static enum leat_oms_status gather(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                   struct leat_error *err)
{
    if (leat_batch_bytes(producer->transaction) >= TRANSACTION_BYTES)
        return oms_fail(err, LEAT_OMS_BODY_TOO_LARGE, "a transaction of more than %zu MiB", TRANSACTION_BYTES >> 20);
    give_id(producer, message);
    return oms_message_put(message, producer->transaction, err);
}

enum leat_oms_status leat_oms_send(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                   struct leat_error *err)
{
    enum leat_oms_status result = LEAT_OMS_TIMEOUT, status;
    struct leat_time deadline = deadline_of(producer);
    if (producer->is_in_transaction)
        return gather(producer, message, err);
    if (producer->is_telling)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "not while an answer is given: send_async() is all that goes there");
    status = queue(producer, message, (struct sent){.result = &result}, err);
    if (status == LEAT_OMS_STORAGE_BUSY) {
        status = settle_until(producer, deadline, err);
        if (status == LEAT_OMS_SUCCESS)
            status = queue(producer, message, (struct sent){.result = &result}, err);
    }
    if (status != LEAT_OMS_SUCCESS)
        return status;
    status = settle_until(producer, deadline, err);
    for (size_t i = 0; i < producer->waiting_count; i++)
        if (producer->waiting[i].result == &result) /* the time is up: nobody waits for the answer any more */
            producer->waiting[i].result = NULL;
    return status == LEAT_OMS_SUCCESS || status == LEAT_OMS_TIMEOUT ? result : status;
}

/* ---- transactions ---- */

enum leat_oms_status leat_oms_begin(struct leat_oms_producer *producer, struct leat_error *err)
{
    if (producer->is_in_transaction)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "a transaction has begun already");
    producer->is_in_transaction = true;
    return LEAT_OMS_SUCCESS;
}

void leat_oms_rollback(struct leat_oms_producer *producer)
{
    leat_batch_reset(producer->transaction);
    producer->is_in_transaction = false;
}

enum leat_oms_status leat_oms_position(struct leat_oms_producer *producer, const struct leat_value *key,
                                       const struct leat_value *value, struct leat_error *err)
{
    if (!producer->is_in_transaction)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "a position is kept with the messages of a transaction: begin one");
    leat_batch_position(producer->transaction, key, value);
    return LEAT_OMS_SUCCESS;
}

const struct leat_value *leat_oms_position_get(struct leat_oms_producer *producer, const struct leat_value *key)
{
    return leat_positions_get(producer->positions, key);
}

/* As one unit, behind what was sent before. */
static enum leat_oms_status append_transaction(struct leat_oms_producer *producer, struct leat_time deadline,
                                               uint64_t *ticket, struct leat_error *err)
{
    const struct leat_driver_type *driver = producer->oms->driver;
    enum leat_oms_status status = settle_until(producer, deadline, err);
    if (status != LEAT_OMS_SUCCESS)
        return status == LEAT_OMS_TIMEOUT ? LEAT_OMS_STORAGE_BUSY : status;
    for (;;) {
        enum leat_status got = driver->append(producer->writer, producer->transaction, NULL, 0, NULL, ticket, err);
        if (got != LEAT_AGAIN)
            return oms_status_of(got, LEAT_OMS_PRODUCER_EXISTS, err);
        int64_t left_ms = (deadline.ns - leat_now().ns) / 1000000;
        if (left_ms <= 0)
            return oms_fail(err, LEAT_OMS_STORAGE_BUSY, "too much is queued, or the disk is full; commit again later");
        struct pollfd news = {.fd = driver->writer_fd(producer->writer), .events = POLLIN};
        leat_os->poll(&news, 1, left_ms < 1000 ? (int)left_ms + 1 : 1000);
    }
}

enum leat_oms_status leat_oms_commit(struct leat_oms_producer *producer, struct leat_error *err)
{
    struct leat_time deadline = deadline_of(producer);
    uint64_t ticket = 0;
    if (!producer->is_in_transaction)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "there is no transaction");
    enum leat_oms_status status = append_transaction(producer, deadline, &ticket, err);
    if (status == LEAT_OMS_STORAGE_BUSY)
        return status; /* it stays, to be committed again or rolled back */
    leat_oms_rollback(producer);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    status = oms_wait_durable(producer->oms->driver, producer->writer, ticket, deadline, LEAT_OMS_PRODUCER_EXISTS, err);
    if (status == LEAT_OMS_TIMEOUT)
        note_sent(producer, (struct sent){.ticket = ticket}); /* leat_oms_flush() waits for it */
    return status;
}
