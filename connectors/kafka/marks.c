#include <kafka/marks.h>

#include <base/clock.h>
#include <leat/task.h>
#include <stdio.h>

#define SLICE_MS    250
#define PATIENCE_US 90000000 /* for transactions of others to end: Kafka ends them after a minute */
#define WINDOW      512      /* records from the end that are read first */

struct kafka_topic_wish kafka_marks_wish(int64_t replication)
{
    static const char *const names[] = {"cleanup.policy", "min.cleanable.dirty.ratio", "segment.bytes"};
    static const char *const values[] = {"compact", "0.1", "16777216"};
    return (struct kafka_topic_wish){
        .partitions = 1, .replication = replication, .config = {names, values, sizeof names / sizeof *names}};
}

enum leat_status kafka_marks_prepare(struct kafka_client *client, struct leat_task *task, const char *topic, bool may_make,
                                     int64_t replication, struct leat_error *err)
{
    const struct kafka_topic_wish wish = kafka_marks_wish(replication);
    struct kafka_topic_facts facts;
    enum leat_status status = kafka_topic_look(client, task, topic, &facts, err);
    if (status != LEAT_OK)
        return status;
    if (facts.presence == KAFKA_MISSING && !may_make)
        return leat_fail(err, LEAT_STOP,
                         "kafka %s: there is no topic %s for the marks; make it: kafka-topics.sh --create --topic %s "
                         "--partitions 1 --config cleanup.policy=compact",
                         client->brokers, topic, topic);
    if (facts.presence == KAFKA_MISSING)
        return kafka_topic_make(client, task, topic, &wish, err);
    if (facts.is_compacted_known && !facts.is_compacted)
        return leat_fail(err, LEAT_STOP,
                         "kafka %s: topic %s is not compacted, it would lose the marks: kafka-configs.sh --alter --topic %s "
                         "--add-config cleanup.policy=compact",
                         client->brokers, topic, topic);
    return LEAT_OK;
}

/* ---- reading ---- */

static bool is_stopping(const struct leat_task *task)
{
    return task && leat_task_is_stopping(task);
}

struct reader {
    struct kafka_client client;
    rd_kafka_topic_t *topic;
    const char *key;
    struct kafka_found *found;
    int64_t low, end;
};

/* First and end offset, whatever transactions are open: by a handle of its own, which does not read committed records. */
static enum leat_status ask_range(struct reader *reader, struct leat_task *task, const struct kafka_access *access,
                                  const char *topic, struct leat_error *err)
{
    static const struct kafka_property own[] = {{"isolation.level", "read_uncommitted"}, {0}};
    struct leat_time deadline = leat_after_us(PATIENCE_US / 4);
    struct kafka_client client = {0};
    rd_kafka_resp_err_t code;
    enum leat_status status = kafka_client_open(&client, RD_KAFKA_CONSUMER, reader->client.name, access, own, NULL, err);
    if (status != LEAT_OK)
        return status;
    do
        code = rd_kafka_query_watermark_offsets(client.rk, topic, 0, &reader->low, &reader->end, SLICE_MS * 4);
    while (code && !is_stopping(task) && !leat_is_past(deadline));
    if (code)
        status = kafka_failed(&client, topic, rd_kafka_err2str(code), err);
    kafka_client_close(&client);
    return status;
}

static void note_owner(const rd_kafka_message_t *message, char owner[KAFKA_OWNER_MOST])
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;
    owner[0] = 0;
    if (!rd_kafka_message_headers(message, &headers) &&
        !rd_kafka_header_get_last(headers, KAFKA_OWNER_HEADER, &value, &len) && value)
        snprintf(owner, KAFKA_OWNER_MOST, "%.*s", (int)len, (const char *)value);
}

static enum leat_status note_mark(struct reader *reader, const rd_kafka_message_t *message, struct leat_error *err)
{
    if (message->key_len != strlen(reader->key) || memcmp(message->key, reader->key, message->key_len) != 0)
        return LEAT_OK;
    reader->found->mark = (struct leat_mark){0};
    if (message->payload && !leat_mark_decode(message->payload, message->len, &reader->found->mark))
        return leat_fail(err, LEAT_STOP, "kafka %s: topic %s, offset %lld: this is no mark of %s", reader->client.brokers,
                         rd_kafka_topic_name(reader->topic), (long long)message->offset, reader->key);
    note_owner(message, reader->found->owner);
    return LEAT_OK;
}

/* AGAIN: not at the end yet. */
static enum leat_status take_message(struct reader *reader, rd_kafka_message_t *message, struct leat_error *err)
{
    if (!message)
        return LEAT_AGAIN;
    enum leat_status status = LEAT_AGAIN;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        status = message->offset >= reader->end ? LEAT_OK : LEAT_AGAIN; /* held up by a transaction */
    else if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        status = leat_fail(err, LEAT_STOP, "kafka %s: no right to read topic %s", reader->client.brokers,
                           rd_kafka_topic_name(reader->topic));
    else if (!message->err && (status = note_mark(reader, message, err)) == LEAT_OK)
        status = message->offset + 1 >= reader->end ? LEAT_OK : LEAT_AGAIN; /* others may write without a pause */
    rd_kafka_message_destroy(message);
    return status;
}

static enum leat_status read_from(struct reader *reader, struct leat_task *task, int64_t from, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    enum leat_status status = LEAT_AGAIN;
    if (rd_kafka_consume_start(reader->topic, 0, from))
        return kafka_failed(&reader->client, "read the marks", rd_kafka_err2str(rd_kafka_last_error()), err);
    while (status == LEAT_AGAIN && !is_stopping(task) && !leat_is_past(deadline))
        status = take_message(reader, rd_kafka_consume(reader->topic, 0, SLICE_MS), err);
    rd_kafka_consume_stop(reader->topic, 0);
    if (status != LEAT_AGAIN)
        return status;
    return kafka_failed(&reader->client, "read the marks",
                        "no answer, or a transaction is open in their topic: `kafka-transactions.sh find-hanging` shows "
                        "one that nobody ends",
                        err);
}

/* Windows from the end that grow until the key is in one: the newest mark of a sink that runs is near. */
static enum leat_status read_back(struct reader *reader, struct leat_task *task, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (int64_t window = WINDOW; status == LEAT_OK; window *= 8) {
        int64_t from = reader->end - window > reader->low ? reader->end - window : reader->low;
        if (from >= reader->end)
            return LEAT_OK;
        status = read_from(reader, task, from, err);
        if (reader->found->owner[0] || reader->found->mark.layout || from == reader->low)
            return status;
    }
    return status;
}

enum leat_status kafka_mark_read(const char *name, struct leat_task *task, const struct kafka_access *access,
                                 const char *topic, const char *key, enum kafka_marks_view view, struct kafka_found *found,
                                 struct leat_error *err)
{
    const struct kafka_property own[] = {
        {"isolation.level", view == KAFKA_MARKS_OPEN ? "read_uncommitted" : "read_committed"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", "50"},
        {"check.crcs", "true"},
        {0}};
    struct reader reader = {.client.name = name, .key = key, .found = found};
    *found = (struct kafka_found){0};
    enum leat_status status = ask_range(&reader, task, access, topic, err);
    if (status == LEAT_OK)
        status = kafka_client_open(&reader.client, RD_KAFKA_CONSUMER, name, access, own, NULL, err);
    if (status != LEAT_OK)
        return status;
    reader.topic = rd_kafka_topic_new(reader.client.rk, topic, NULL);
    status = read_back(&reader, task, err);
    rd_kafka_topic_destroy(reader.topic);
    kafka_client_close(&reader.client);
    return status;
}

/* Its end is enough: the brokers judge a fetch by its topic. */
static bool is_end_readable(struct reader *reader, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US / 9);
    enum leat_status status = LEAT_AGAIN;
    if (rd_kafka_consume_start(reader->topic, 0, RD_KAFKA_OFFSET_END))
        return true;
    while (status == LEAT_AGAIN && !leat_is_past(deadline))
        status = take_message(reader, rd_kafka_consume(reader->topic, 0, SLICE_MS), err);
    rd_kafka_consume_stop(reader->topic, 0);
    if (status == LEAT_AGAIN)
        kafka_failed(&reader->client, rd_kafka_topic_name(reader->topic), "reading it gives no answer", err);
    return status == LEAT_OK;
}

bool kafka_marks_readable(const char *name, const struct kafka_access *access, const char *topic, struct leat_error *err)
{
    static const struct kafka_property own[] = {{"isolation.level", "read_uncommitted"},
                                                {"enable.partition.eof", "true"},
                                                {"fetch.wait.max.ms", "50"},
                                                {0}};
    struct kafka_found found = {0};
    struct reader reader = {.client.name = name, .key = "", .found = &found};
    if (kafka_client_open(&reader.client, RD_KAFKA_CONSUMER, name, access, own, NULL, err) != LEAT_OK)
        return false;
    reader.topic = rd_kafka_topic_new(reader.client.rk, topic, NULL);
    bool is_readable = is_end_readable(&reader, err);
    rd_kafka_topic_destroy(reader.topic);
    kafka_client_close(&reader.client);
    return is_readable;
}
