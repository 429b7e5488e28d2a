/* preflight.h - what `leat check --connect` tells of a kafka sink, and a run looks at before it opens one: brokers, rights,
 * topics and their settings, transactions. Nothing is written: topics are made on trial, and the transaction is an empty one
 * of an id of its own. Of a log in Kafka the same: its records are the target, its state the marks. Thread: any. */
#ifndef LEAT_KAFKA_PREFLIGHT_H
#define LEAT_KAFKA_PREFLIGHT_H

#include <kafka/client.h>

struct preflight_config {
    const struct kafka_access *access;
    const char *topic, *prefix, *marks_topic;
    const char *transactional_id; /* as in the options; NULL: leat.CONNECTOR */
    bool may_make, is_exact;
    bool is_log; /* of the driver: made at its start, with replicas as the driver chooses */
    struct kafka_topic_wish wish;
};

/* Findings go into the report; RETRY: no broker could be reached. */
enum leat_status kafka_preflight(const struct preflight_config *config, struct leat_report *report, struct leat_error *err);

/* Why no broker answers, and what to do, for people. True: it will not go away by itself. Also for sources. */
bool kafka_explain_silence(const struct kafka_client *client, const struct kafka_access *access, struct leat_error *err);

#endif
