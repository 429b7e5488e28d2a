#include <kafka/writer.h>

#include <base/assert.h>
#include <base/clock.h>
#include <stdio.h>

#define SLICE_MS    250
#define FLUSH_MS    1 /* rd_kafka_flush() sees an empty queue at the end of its time, or every 10 ms */
#define MARKERS_US  6000 /* for so long after a commit the broker still writes that transaction's markers */
#define PAUSE_MS    100
#define PATIENCE_US 15000000 /* for one answer ... */
#define DOWN_US     4000000  /* ... while no broker can be reached */
#define STILL_US    2000000  /* nothing leaves the queue: the commit says why */
#define LOST_US     1000000  /* a connection broke, and its answer may have been ours */
#define TAINTED_US  2000000  /* a commit that took longer */

/* ---- what an error means ---- */

static bool is_fencing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Another try of the same message would end the same. */
static bool is_of_message(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return true;
    default:
        return false;
    }
}

static enum leat_status status_of(rd_kafka_resp_err_t code)
{
    if (is_fencing(code))
        return LEAT_FENCED;
    if (is_of_message(code))
        return LEAT_REJECT;
    switch (code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return LEAT_STOP;
    default:
        return LEAT_RETRY;
    }
}

static enum leat_status failed(struct kafka_writer *writer, const char *what, rd_kafka_resp_err_t code, const char *why,
                               struct leat_error *err)
{
    char text[512] = "";
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(writer->client.rk, text, sizeof text);
    if (fatal) {
        code = fatal;
        why = text;
    }
    enum leat_status status = status_of(code);
    if (status == LEAT_REJECT && !writer->refused)
        writer->refused = code;
    kafka_failed(&writer->client, what, why, err);
    return status == LEAT_RETRY ? status : leat_fail(err, status, "kafka %s: %s: %s", writer->client.brokers, what, why);
}

/* Takes the error; OK where there is none. */
static enum leat_status judge(struct kafka_writer *writer, const char *what, rd_kafka_error_t *error, struct leat_error *err)
{
    if (!error)
        return LEAT_OK;
    enum leat_status status = failed(writer, what, rd_kafka_error_code(error), rd_kafka_error_string(error), err);
    rd_kafka_error_destroy(error);
    return status;
}

/* Not sent, as the transaction has failed already: its own error tells. */
static bool is_purge(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static void note_offset(const rd_kafka_message_t *message)
{
    int64_t *last = message->_private;
    if (!message->err && last && message->offset > *last)
        *last = message->offset;
}

static void note_message(rd_kafka_t *rk, const rd_kafka_message_t *message, void *client)
{
    struct kafka_writer *writer = client; /* its first member */
    (void)rk;
    if (writer->tells_offsets)
        note_offset(message);
    else if (message->err && message->_private && is_of_message(message->err))
        *(int16_t *)message->_private = (int16_t)message->err;
    writer->is_purged = writer->is_purged || is_purge(message->err);
    if (!message->err || is_purge(message->err) || writer->refused)
        return;
    writer->refused = message->err;
    snprintf(writer->refused_topic, sizeof writer->refused_topic, "%s", rd_kafka_topic_name(message->rkt));
}

static enum leat_status judge_messages(struct kafka_writer *writer, struct leat_error *err)
{
    char what[300];
    rd_kafka_poll(writer->client.rk, 0);
    if (!writer->refused && writer->is_purged && !writer->is_transactional)
        writer->refused = RD_KAFKA_RESP_ERR__PURGE_QUEUE;
    if (!writer->refused)
        return LEAT_OK;
    snprintf(what, sizeof what, "topic %s", writer->refused_topic);
    return failed(writer, what, writer->refused, rd_kafka_err2str(writer->refused), err);
}

/* ---- calls that wait: in slices, until they have an answer, are stopped, or have waited for long enough ---- */

typedef rd_kafka_error_t *waiting_call(rd_kafka_t *rk, int timeout_ms);

/* librdkafka may wait for ever for an answer that a connection took with it. */
static bool is_lost(const struct kafka_writer *writer, struct leat_time *since)
{
    if (atomic_load(&writer->client.breaks) == writer->breaks)
        return false;
    if (since->ns == LEAT_NEVER.ns)
        *since = leat_after_us(LOST_US);
    return leat_is_past(*since);
}

static enum leat_status call(struct kafka_writer *writer, const char *what, waiting_call *waits, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US), if_down = leat_after_us(DOWN_US), lost = LEAT_NEVER;
    for (;;) {
        rd_kafka_error_t *error = waits(writer->client.rk, SLICE_MS);
        bool is_slice = error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (writer->client.is_down && leat_is_past(if_down))
            deadline = if_down;
        if (!is_slice || leat_is_past(deadline) || is_lost(writer, &lost) || atomic_load(writer->is_stopping))
            return judge(writer, what, error, err);
        rd_kafka_error_destroy(error);
        rd_kafka_poll(writer->client.rk, 0);
    }
}

/* A transaction that is to be aborted sends no more: the queue stands still. */
static void drain(struct kafka_writer *writer)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US), still = leat_after_us(STILL_US);
    rd_kafka_t *rk = writer->client.rk;
    int before = rd_kafka_outq_len(rk), left = before;
    while (left > 0 && !writer->refused && !writer->is_purged && !leat_is_past(deadline) && !atomic_load(writer->is_stopping) &&
           !(writer->is_transactional && leat_is_past(still))) {
        (void)rd_kafka_flush(rk, FLUSH_MS); /* what is left is seen by the queue's length */
        left = rd_kafka_outq_len(rk);
        if (left < before)
            still = leat_after_us(STILL_US);
        before = left;
    }
}

static enum leat_status flushed(struct kafka_writer *writer, struct leat_error *err)
{
    enum leat_status status = judge_messages(writer, err);
    if (status == LEAT_OK && rd_kafka_outq_len(writer->client.rk) > 0)
        status = kafka_failed(&writer->client, "send", "no answer", err);
    return status;
}

enum leat_status writer_flush(struct kafka_writer *writer, struct leat_error *err)
{
    drain(writer);
    return flushed(writer, err);
}

/* ---- open and close ---- */

/* A coordinator that is being elected, or still ends the older one's transaction, says so: asked again in a moment. */
static rd_kafka_error_t *init_slice(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, timeout_ms);
    if (!error || !rd_kafka_error_is_retriable(error) || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return error;
    rd_kafka_poll(rk, PAUSE_MS);
    rd_kafka_error_t *again = rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return again;
}

enum leat_status writer_open(struct kafka_writer *writer, const char *name, const struct kafka_access *access,
                             const struct kafka_property *own, bool is_transactional, const atomic_bool *is_stopping,
                             struct leat_error *err)
{
    writer->is_transactional = is_transactional;
    writer->is_stopping = is_stopping;
    writer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    writer->is_unclear = false;
    enum leat_status status =
        kafka_client_open(&writer->client, RD_KAFKA_PRODUCER, name, access, own, note_message, err);
    if (status == LEAT_OK && is_transactional)
        status = call(writer, "init_transactions", init_slice, err);
    return status;
}

void writer_close(struct kafka_writer *writer)
{
    kafka_client_close(&writer->client);
}

/* ---- one round ---- */

/* A transaction whose first message comes sooner is told CONCURRENT_TRANSACTIONS, and librdkafka asks again after 20 ms. */
static void await_markers(struct kafka_writer *writer)
{
    struct leat_time due = {writer->committed.ns + (int64_t)MARKERS_US * 1000};
    while (!leat_is_past(due) && !atomic_load(writer->is_stopping))
        rd_kafka_poll(writer->client.rk, FLUSH_MS);
}

enum leat_status writer_begin(struct kafka_writer *writer, struct leat_error *err)
{
    if (writer->is_transactional)
        await_markers(writer);
    writer->began = leat_now();
    writer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    writer->is_purged = writer->is_unclear = false;
    writer->breaks = atomic_load(&writer->client.breaks);
    writer->client.trouble[0] = 0;
    writer->client.is_down = false;
    rd_kafka_poll(writer->client.rk, 0);
    return writer->is_transactional ? judge(writer, "begin", rd_kafka_begin_transaction(writer->client.rk), err) : LEAT_OK;
}

static rd_kafka_error_t *produce(struct kafka_writer *writer, const struct kafka_message *message)
{
    rd_kafka_vu_t all[8] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = message->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)message->value, message->value_len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)message->key, message->key_len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->time_ms},
    };
    size_t count = 5;
    if (message->refused || message->last)
        all[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE,
                                       .u.ptr = writer->tells_offsets ? (void *)message->last : (void *)message->refused};
    if (message->headers)
        all[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = message->headers};
    return rd_kafka_produceva(writer->client.rk, all, count);
}

enum leat_status writer_send(struct kafka_writer *writer, const struct kafka_message *message, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    rd_kafka_error_t *error = produce(writer, message);
    while (error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL && !leat_is_past(deadline) &&
           !atomic_load(writer->is_stopping)) {
        rd_kafka_error_destroy(error);
        rd_kafka_poll(writer->client.rk, SLICE_MS / 10);
        error = produce(writer, message);
    }
    if (error && message->headers)
        rd_kafka_headers_destroy(message->headers); /* not taken */
    if (error && message->refused && is_of_message(rd_kafka_error_code(error)))
        *message->refused = (int16_t)rd_kafka_error_code(error);
    writer->last = *message;
    return judge(writer, rd_kafka_topic_name(message->topic), error, err);
}

enum leat_status writer_commit(struct kafka_writer *writer, struct leat_error *err)
{
    drain(writer);
    enum leat_status status = writer->is_transactional ? judge_messages(writer, err) : flushed(writer, err);
    if (status != LEAT_OK || !writer->is_transactional)
        return status;
    struct leat_time began = leat_now();
    uint64_t breaks = atomic_load(&writer->client.breaks);
    writer->is_unclear = true;
    status = call(writer, "commit", rd_kafka_commit_transaction, err);
    if (status == LEAT_RETRY)
        leat_error_context(err, "what was committed is read back by a new producer, as it is not clear how a commit ended");
    if (status != LEAT_OK)
        return status;
    int64_t took_us = (leat_now().ns - began.ns) / 1000;
    writer->committed = leat_now();
    writer->is_unclear = took_us > TAINTED_US || breaks != atomic_load(&writer->client.breaks);
    if (!writer->is_unclear)
        return LEAT_OK;
    return leat_fail(err, LEAT_RETRY, "kafka %s: a commit took %lld ms%s: what was committed is read back by a new producer",
                     writer->client.brokers, (long long)(took_us / 1000),
                     took_us <= TAINTED_US ? " and a connection broke" : "");
}

enum leat_status writer_end_unclear(struct kafka_writer *writer, rd_kafka_topic_t *const *topics, size_t count,
                                    struct leat_error *err)
{
    enum leat_status status = writer_begin(writer, err);
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        const struct kafka_message message = {.topic = topics[i], .key = KAFKA_END_KEY, .key_len = sizeof KAFKA_END_KEY - 1};
        status = writer_send(writer, &message, err);
    }
    return status == LEAT_OK ? writer_commit(writer, err) : status;
}

/* Once a transaction can only be aborted, it takes no message: a copy of the last one, which ends like the others, finds out,
 * and only then is it safe to ask a commit for the reason. */
static enum leat_status judge_still(struct kafka_writer *writer, struct leat_error *err)
{
    struct kafka_message again = writer->last;
    again.headers = NULL;
    again.refused = NULL;
    rd_kafka_error_t *error = produce(writer, &again);
    bool is_doomed = error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE;
    if (error)
        rd_kafka_error_destroy(error);
    if (is_doomed)
        return call(writer, "trial", rd_kafka_commit_transaction, err);
    return kafka_failed(&writer->client, "trial", "no answer", err);
}

enum leat_status writer_try(struct kafka_writer *writer, struct leat_error *err)
{
    drain(writer);
    enum leat_status status = judge_messages(writer, err);
    if (status == LEAT_OK && (writer->is_purged || rd_kafka_outq_len(writer->client.rk) > 0))
        status = writer->is_transactional ? judge_still(writer, err) : flushed(writer, err);
    return status;
}
