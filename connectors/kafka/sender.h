/* sender.h - the thread that sends a round and commits it, while the sink fills the next one.
 *
 *   sender_begin   the round is the thread's until it is over: librdkafka reads its bytes without a copy
 *   the thread     begin -> messages -> marks -> commit
 *   REJECT         brokers refuse some of its messages, which `refused` names; none was committed
 *   wakes the task sender_is_busy() is false again, sender_wait() says how it went
 *
 * Thread: the owner's, but for the thread itself.
 */
#ifndef LEAT_KAFKA_SENDER_H
#define LEAT_KAFKA_SENDER_H

#include <base/buffer.h>
#include <kafka/writer.h>

struct round_message {
    rd_kafka_topic_t *topic;
    size_t key_at, value_at;
    uint32_t key_len, value_len;
    bool has_key, has_value;
    rd_kafka_headers_t *headers; /* the round's */
    int64_t time_ms;
    uint64_t offset;  /* of its record */
    int16_t refused;  /* rd_kafka_resp_err_t of a broker that does not take it */
};

struct round_mark {
    const char *key; /* the sink's, as long as it is open */
    bool is_dirty;
    struct leat_mark mark;
    uint8_t bytes[LEAT_MARK_BYTES_MAX]; /* as they are sent */
};

struct round {
    struct leat_bytes bytes; /* keys and values */
    struct round_message *messages;
    uint32_t count, cap;
    struct round_mark *marks; /* one of each split */
    uint32_t mark_count;
};

void round_init(struct round *round, uint32_t marks, size_t bytes_most);
void round_fini(struct round *round);
void round_cut(struct round *round, uint32_t count, size_t bytes); /* back to what it was */
struct round_message *round_add(struct round *round);

struct kafka_message round_message(const struct round *round, uint32_t index); /* headers: a copy */
/* Sends the marks that are dirty; also used by a claim. `owner` goes into each one's header. */
enum leat_status round_send_marks(struct round *round, struct kafka_writer *writer, rd_kafka_topic_t *topic,
                                  const char *owner, struct leat_error *err);

struct sender;
struct sender_config {
    struct kafka_writer *writer;
    rd_kafka_topic_t *marks;
    const char *owner;
    /* A producer as `writer` is, to try messages: it takes writer's place, so that of it nothing is left. */
    enum leat_status (*open_trial)(void *arg, struct kafka_writer *trial, struct leat_error *err);
    void *arg;
};
enum leat_status sender_start(struct sender **sender, struct leat_task *task, const struct sender_config *config,
                              struct leat_error *err);
void sender_begin(struct sender *sender, struct round *round);
bool sender_is_busy(struct sender *sender);
/* Waits for the end of the round at hand; false: the deadline came first. *status and err: said once. */
bool sender_wait(struct sender *sender, struct leat_time deadline, enum leat_status *status, struct leat_error *err);
/* Waits, and ends the thread, which frees the sender. */
void sender_stop(struct sender *sender);

#endif
