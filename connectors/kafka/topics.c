#include <kafka/topics.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <base/hash.h>
#include <base/memory.h>
#include <model/template.h>
#include <stdlib.h>

#define NAME_MOST   249
#define PATIENCE_US 10000000 /* for a topic that was made */
#define PAUSE_US    20000
#define OVERHEAD    128 /* of a batch of one message */

struct topics {
    struct topics_config config;
    struct kafka_client *client;
    struct leat_template *name;
    struct leat_table all; /* Kafka's name -> struct target */
    struct target **by_number; /* where the name depends on our topic alone */
    uint32_t count;
    struct leat_bytes filled;
    int64_t batch_most;
};

enum leat_status topics_open(struct topics **topics, const struct topics_config *config, struct kafka_client *client,
                             struct leat_error *err)
{
    struct topics *made = *topics = leat_calloc(1, sizeof *made);
    made->config = *config;
    made->client = client;
    made->batch_most = INT64_MAX;
    leat_table_init(&made->all);
    leat_bytes_init(&made->filled, 4096);
    made->name = leat_template_new(config->name, false, err);
    return made->name ? LEAT_OK : LEAT_STOP;
}

static void free_target(void *arg)
{
    struct target *target = arg;
    rd_kafka_topic_destroy(target->topic);
    free(target);
}

void topics_close(struct topics *topics)
{
    if (!topics)
        return;
    if (topics->name)
        leat_template_free(topics->name);
    leat_table_fini(&topics->all, free_target);
    leat_bytes_fini(&topics->filled);
    free(topics->by_number);
    free(topics);
}

int64_t topics_batch_most(const struct topics *topics)
{
    return topics->batch_most;
}

/* ---- a new one ---- */

static enum leat_status make_known(struct topics *topics, struct leat_task *task, const char *name,
                                   struct kafka_topic_facts *facts, struct leat_error *err)
{
    enum leat_status status = kafka_topic_look(topics->client, task, name, facts, err);
    if (status == LEAT_STOP)
        return LEAT_REJECT; /* no right to it: the record's trouble, others have other topics */
    if (status != LEAT_OK || facts->presence == KAFKA_THERE)
        return status;
    if (!topics->config.may_make)
        return leat_fail(err, LEAT_STOP,
                         "kafka %s: there is no topic %s, and `create: false`; make it: kafka-topics.sh --create --topic %s "
                         "--partitions N",
                         topics->client->brokers, name, name);
    status = kafka_topic_make(topics->client, task, name, &topics->config.wish, err);
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    while (status == LEAT_OK && facts->presence == KAFKA_MISSING) {
        status = kafka_topic_look(topics->client, task, name, facts, err); /* the brokers tell each other of it */
        if (status == LEAT_OK && facts->presence == KAFKA_MISSING && leat_is_past(deadline))
            status = kafka_failed(topics->client, name, "it was made, and is not there", err);
        if (status == LEAT_OK && facts->presence == KAFKA_MISSING &&
            leat_wait(task, -1, 0, leat_after_us(PAUSE_US)) == LEAT_STOPPING)
            status = kafka_failed(topics->client, name, "stopped", err);
    }
    return status;
}

static enum leat_status add_target(struct topics *topics, struct leat_task *task, const char *name, struct target **target,
                                   struct leat_error *err)
{
    struct kafka_topic_facts facts;
    enum leat_status status = make_known(topics, task, name, &facts, err);
    if (status != LEAT_OK)
        return status;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(topics->client->rk, name, NULL);
    if (!topic)
        return kafka_failed(topics->client, name, rd_kafka_err2str(rd_kafka_last_error()), err);
    *target = leat_calloc(1, sizeof **target);
    (*target)->topic = topic;
    (*target)->needs_key = facts.is_compacted_known && facts.is_compacted;
    (*target)->message_most = topics->config.message_most;
    if (facts.message_most > 0) {
        if (facts.message_most < (*target)->message_most)
            (*target)->message_most = facts.message_most;
        if (facts.message_most < topics->batch_most)
            topics->batch_most = facts.message_most;
    }
    (*target)->message_most -= OVERHEAD;
    leat_table_set(&topics->all, name, strlen(name), *target);
    return LEAT_OK;
}

/* ---- of a record ---- */

static enum leat_status fill_name(struct topics *topics, const struct leat_record *rec, struct leat_error *err)
{
    leat_bytes_clear(&topics->filled);
    if (topics->config.prefix)
        leat_bytes_printf(&topics->filled, "%s.", topics->config.prefix);
    enum leat_status status = leat_template_fill(topics->name, rec, &topics->filled, err);
    size_t len = topics->filled.len;
    leat_bytes_put(&topics->filled, 0);
    if (status != LEAT_OK)
        return status;
    const char *name = (const char *)topics->filled.data;
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (topics->filled.is_over || len == 0 || len > NAME_MOST || strspn(name, legal) != len || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return leat_fail(err, LEAT_REJECT, "\"%.100s\" is no name of a Kafka topic (1 to 249 of A-Za-z0-9._-); see `topic`",
                         topics->filled.is_over ? "..." : name);
    return LEAT_OK;
}

static struct target **slot_of(struct topics *topics, const struct leat_topic *topic)
{
    if (!leat_template_is_per_topic(topics->name))
        return NULL;
    if (topic->number >= topics->count) {
        uint32_t count = topic->number + 16;
        topics->by_number = leat_realloc(topics->by_number, count * sizeof *topics->by_number);
        memset(topics->by_number + topics->count, 0, (count - topics->count) * sizeof *topics->by_number);
        topics->count = count;
    }
    return &topics->by_number[topic->number];
}

enum leat_status topics_find(struct topics *topics, struct leat_task *task, const struct leat_record *rec,
                             struct target **target, struct leat_error *err)
{
    struct target **slot = slot_of(topics, rec->topic);
    *target = slot ? *slot : NULL;
    if (*target)
        return LEAT_OK;
    enum leat_status status = fill_name(topics, rec, err);
    if (status != LEAT_OK)
        return status;
    const char *name = (const char *)topics->filled.data;
    *target = leat_table_get(&topics->all, name, strlen(name));
    if (!*target)
        status = add_target(topics, task, name, target, err);
    if (status == LEAT_OK && slot)
        *slot = *target;
    return status;
}
