/* topics.h - the Kafka topics that records go to: named by a template, looked up once, made where they are missing.
 * Thread: the owner's. */
#ifndef LEAT_KAFKA_TOPICS_H
#define LEAT_KAFKA_TOPICS_H

#include <kafka/client.h>

struct topics;
struct topics_config {
    const char *name, *prefix; /* template; NULL: no prefix */
    bool may_make;
    struct kafka_topic_wish wish;
    int64_t message_most; /* of the client */
};

struct target {
    rd_kafka_topic_t *topic;
    int64_t message_most; /* bytes of a message that both client and topic take */
    bool needs_key;       /* compacted */
};

enum leat_status topics_open(struct topics **topics, const struct topics_config *config, struct kafka_client *client,
                             struct leat_error *err);
void topics_close(struct topics *topics); /* before its client; NULL is fine */

/* REJECT: this record's topic cannot be one. */
enum leat_status topics_find(struct topics *topics, struct leat_task *task, const struct leat_record *rec,
                             struct target **target, struct leat_error *err);
/* The most bytes that a batch of messages may have, for all topics found so far. */
int64_t topics_batch_most(const struct topics *topics);

#endif
