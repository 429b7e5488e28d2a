#include <kafka/source_check.h>

#include <base/clock.h>
#include <kafka/preflight.h>
#include <kafka/source_catalog.h>
#include <kafka/source_place.h>

#define PATIENCE_US 10000000
#define TRIES_MOST  32 /* topics that are tried */
#define SLICE_MS    200

/* The first wanted partition, or -1. */
static int32_t first_wanted(const struct leat_list *wanted, const struct source_topic *topic)
{
    for (int32_t p = 0; p < topic->partitions; p++)
        if (source_wants(wanted, topic->name, p))
            return p;
    return -1;
}

/* What a reader from the end on is told first: the end, a record, or why not. */
static rd_kafka_resp_err_t try_read(rd_kafka_topic_t *topic, int32_t partition)
{
    struct leat_time until = leat_after_us(PATIENCE_US / 2);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_END))
        return rd_kafka_last_error();
    for (bool is_answered = false; !is_answered && !leat_is_past(until);) {
        rd_kafka_message_t *message = rd_kafka_consume(topic, partition, SLICE_MS);
        is_answered = message != NULL;
        if (message)
            code = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ? RD_KAFKA_RESP_ERR_NO_ERROR : message->err;
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_consume_stop(topic, partition);
    return code;
}

static void report_topic(const struct source_check_config *config, const struct source_topic *topic, int32_t partition,
                         struct leat_report *report)
{
    const char *user = config->access->user ? config->access->user : "USER", *brokers = config->client->brokers;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(config->client->rk, topic->name, NULL);
    rd_kafka_resp_err_t code = try_read(rkt, partition);
    rd_kafka_topic_destroy(rkt);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        leat_report_error(report,
                          "kafka %s: topic %s may not be read; run: kafka-acls.sh --add --allow-principal User:%s --operation "
                          "Read --operation Describe --topic %s",
                          brokers, topic->name, user, topic->name);
    else if (code)
        leat_report_error(report, "kafka %s: topic %s, partition %d cannot be read: %s", brokers, topic->name, partition,
                          rd_kafka_err2str(code));
}

static void report_topics(const struct source_check_config *config, const struct source_topics *topics,
                          struct leat_report *report)
{
    size_t found = 0;
    uint64_t partitions = 0;
    for (size_t i = 0; i < topics->count; i++) {
        const struct source_topic *topic = &topics->items[i];
        int32_t first = first_wanted(&config->topics, topic);
        if (topic->partitions == 0)
            leat_report_warning(report, "kafka %s: there is no topic %s; it is read once it is there", config->client->brokers,
                                topic->name);
        if (first < 0)
            continue;
        for (int32_t p = first; p < topic->partitions; p++)
            partitions += source_wants(&config->topics, topic->name, p);
        if (found++ < TRIES_MOST)
            report_topic(config, topic, first, report);
    }
    leat_report_note(report, "kafka %s: %zu topics, %llu partitions", config->client->brokers, found,
                     (unsigned long long)partitions);
}

enum leat_status source_check(const struct source_check_config *config, struct leat_report *report, struct leat_error *err)
{
    struct source_topics topics;
    enum leat_status status = source_topics_look(config->client, NULL, &config->topics, PATIENCE_US, &topics, err);
    if (status == LEAT_RETRY && !kafka_explain_silence(config->client, config->access, err))
        return status;
    if (status != LEAT_OK) {
        leat_report_error(report, "%s", err->text);
        return LEAT_OK;
    }
    report_topics(config, &topics, report);
    source_topics_free(&topics);
    return LEAT_OK;
}
