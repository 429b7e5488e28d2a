#include <kafka/sender.h>

#include <base/job.h>
#include <base/memory.h>
#include <kafka/marks.h>
#include <kafka/refusal.h>
#include <stdlib.h>

#define BYTES_KEEP ((size_t)8 << 20)

/* ---- rounds ---- */

void round_init(struct round *round, uint32_t marks, size_t bytes_most)
{
    *round = (struct round){.mark_count = marks};
    leat_bytes_init(&round->bytes, bytes_most);
    round->marks = leat_calloc(marks ? marks : 1, sizeof *round->marks);
}

void round_cut(struct round *round, uint32_t count, size_t bytes)
{
    for (uint32_t i = count; i < round->count; i++)
        if (round->messages[i].headers)
            rd_kafka_headers_destroy(round->messages[i].headers);
    round->count = count;
    round->bytes.len = bytes;
    round->bytes.is_over = false;
}

void round_fini(struct round *round)
{
    round_cut(round, 0, 0);
    leat_bytes_fini(&round->bytes);
    free(round->messages);
    free(round->marks);
    *round = (struct round){0};
}

struct round_message *round_add(struct round *round)
{
    if (round->count == round->cap) {
        round->cap = round->cap ? round->cap * 2 : 1024;
        round->messages = leat_realloc(round->messages, round->cap * sizeof *round->messages);
    }
    struct round_message *message = &round->messages[round->count++];
    *message = (struct round_message){0};
    return message;
}

struct kafka_message round_message(const struct round *round, uint32_t index)
{
    struct round_message *from = &round->messages[index];
    return (struct kafka_message){
        .topic = from->topic,
        .key = from->has_key ? round->bytes.data + from->key_at : NULL,
        .key_len = from->key_len,
        .value = from->has_value ? round->bytes.data + from->value_at : NULL,
        .value_len = from->value_len,
        .headers = from->headers ? rd_kafka_headers_copy(from->headers) : NULL,
        .time_ms = from->time_ms,
        .partition = RD_KAFKA_PARTITION_UA,
        .refused = &from->refused,
    };
}

static enum leat_status send_messages(const struct round *round, struct kafka_writer *writer, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < round->count; i++) {
        const struct kafka_message message = round_message(round, i);
        status = writer_send(writer, &message, err);
    }
    return status;
}

enum leat_status round_send_marks(struct round *round, struct kafka_writer *writer, rd_kafka_topic_t *topic,
                                  const char *owner, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < round->mark_count; i++) {
        struct round_mark *from = &round->marks[i];
        if (!from->is_dirty)
            continue;
        rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
        rd_kafka_header_add(headers, KAFKA_OWNER_HEADER, -1, owner, -1);
        const struct kafka_message message = {.topic = topic, .key = from->key, .key_len = strlen(from->key),
                                              .value = from->bytes,
                                              .value_len = leat_mark_encode(&from->mark, from->bytes),
                                              .headers = headers, .partition = 0};
        status = writer_send(writer, &message, err);
    }
    return status;
}

/* ---- the thread ---- */

struct sender {
    struct sender_config config;
    struct leat_job job;
    struct round *round;   /* the one at hand */
    struct leat_error err; /* the thread's */
};

static enum leat_status send_round(struct sender *sender)
{
    struct kafka_writer *writer = sender->config.writer;
    struct round *round = sender->round;
    enum leat_status status = writer_begin(writer, &sender->err);
    if (status == LEAT_OK)
        status = send_messages(round, writer, &sender->err);
    if (status == LEAT_OK && !writer->is_transactional)
        status = writer_flush(writer, &sender->err); /* a mark comes after what it speaks of */
    if (status == LEAT_OK)
        status = round_send_marks(round, writer, sender->config.marks, sender->config.owner, &sender->err);
    if (status == LEAT_OK)
        status = writer_commit(writer, &sender->err);
    if (status != LEAT_REJECT)
        return status;
    status = refusal_find(round, &sender->config, &sender->err);
    return status == LEAT_OK ? LEAT_REJECT : status;
}

static void reset_round(struct round *round)
{
    round_cut(round, 0, 0);
    leat_bytes_shrink(&round->bytes, BYTES_KEEP);
    for (uint32_t i = 0; i < round->mark_count; i++)
        round->marks[i].is_dirty = false;
}

static void run_sender(struct leat_task *task, void *arg)
{
    struct sender *sender = arg;
    while (leat_job_wait(&sender->job)) {
        enum leat_status status = send_round(sender);
        if (status == LEAT_OK)
            reset_round(sender->round); /* else librdkafka may still read its bytes: they stay until the producer is gone */
        leat_job_done(&sender->job, status, &sender->err);
        leat_task_wake(task);
    }
    leat_job_fini(&sender->job);
    free(sender);
}

enum leat_status sender_start(struct sender **sender, struct leat_task *task, const struct sender_config *config,
                              struct leat_error *err)
{
    struct sender *made = leat_calloc(1, sizeof *made);
    made->config = *config;
    leat_job_init(&made->job, "kafka sender");
    enum leat_status status = leat_task_side(task, "leat-kafka", run_sender, made, err);
    if (status == LEAT_OK) {
        *sender = made;
        return LEAT_OK;
    }
    leat_job_fini(&made->job);
    free(made);
    return status;
}

void sender_begin(struct sender *sender, struct round *round)
{
    sender->round = round;
    leat_job_begin(&sender->job);
}

bool sender_is_busy(struct sender *sender)
{
    return leat_job_is_busy(&sender->job);
}

bool sender_wait(struct sender *sender, struct leat_time deadline, enum leat_status *status, struct leat_error *err)
{
    return leat_job_answer(&sender->job, deadline, status, err);
}

void sender_stop(struct sender *sender)
{
    leat_job_stop(&sender->job);
}
