/* writer.h - a producer that sends messages and a mark as one thing.
 *
 *   writer_open    init_transactions: from here on nobody older can commit
 *   writer_begin   ( writer_send )*   writer_mark   writer_commit
 *
 * Whatever fails, the producer is thrown away: the next one's init_transactions makes an end of what is still open, and the
 * mark in Kafka then tells what was committed (I5). So is a commit that was slow or during which a connection broke, though
 * it was answered well: librdkafka repeats EndTxn by itself, and one on its way would end the next transaction.
 * Without transactions a commit waits for all messages, then for the mark.
 *
 * Status REJECT: a broker refuses a message for what it is, `refused` says why, and the
 * messages' own which ones were in a batch with it.
 * Status FENCED: another producer has this transactional id, or ours waited for longer than its transaction may take; the
 * mark tells which. Thread: one at a time.
 */
#ifndef LEAT_KAFKA_WRITER_H
#define LEAT_KAFKA_WRITER_H

#include <kafka/client.h>

struct kafka_message {
    rd_kafka_topic_t *topic;
    const void *key, *value; /* NULL: null; they stay until the round has ended */
    size_t key_len, value_len;
    rd_kafka_headers_t *headers; /* taken; NULL: none */
    int64_t time_ms;             /* 0: now */
    int32_t partition;           /* or RD_KAFKA_PARTITION_UA: by the key */
    int16_t *refused;            /* set where a broker refuses its batch for what it is; NULL: nobody asks */
    int64_t *last;               /* of a writer that tells_offsets, in place of `refused`: the highest that arrived */
};

struct kafka_writer {
    struct kafka_client client; /* first: what the callback gets */
    bool is_transactional;
    bool tells_offsets; /* set before writer_open() */
    const atomic_bool *is_stopping;
    rd_kafka_resp_err_t refused; /* of the first message that was, since begin */
    char refused_topic[256];
    bool is_purged; /* of the messages some were thrown away, since begin */
    bool is_unclear; /* its last commit was asked for, and may have been done */
    struct kafka_message last;
    struct leat_time committed; /* the last transaction */
    struct leat_time began;
    uint64_t breaks; /* of connections, at its begin */
};

enum leat_status writer_open(struct kafka_writer *writer, const char *name, const struct kafka_access *access,
                             const struct kafka_property *own, bool is_transactional, const atomic_bool *is_stopping,
                             struct leat_error *err);
void writer_close(struct kafka_writer *writer);

enum leat_status writer_begin(struct kafka_writer *writer, struct leat_error *err);
enum leat_status writer_send(struct kafka_writer *writer, const struct kafka_message *message, struct leat_error *err);
/* After the last message, before the messages that are marks. */
enum leat_status writer_flush(struct kafka_writer *writer, struct leat_error *err);
enum leat_status writer_commit(struct kafka_writer *writer, struct leat_error *err);
/* Right after writer_open(), where it is not known how the last commit of the producer before ended: ends it in partition 0 of
 * each of `topics`, with a transaction that holds a message with the key KAFKA_END_KEY and no value for each. A coordinator that
 * is killed within a commit and starts again may take a topic for deleted whose leader it does not know yet: then it calls the
 * transaction committed, though that topic was never told, and readers of committed data stand before it for ever, until a
 * later one of the same producer id is committed there. What is left there is committed so, whatever it is: Kafka tells
 * a commit that was forgotten from an abort that was forgotten to nobody. */
#define KAFKA_END_KEY "end"
enum leat_status writer_end_unclear(struct kafka_writer *writer, rd_kafka_topic_t *const *topics, size_t count,
                                    struct leat_error *err);
/* In place of a commit: OK where the brokers take all messages. writer_close() comes next. */
enum leat_status writer_try(struct kafka_writer *writer, struct leat_error *err);

#endif
