#include <kafka/source_catalog.h>

#include <base/clock.h>
#include <base/memory.h>
#include <kafka/source_place.h>
#include <leat/task.h>
#include <stdlib.h>

#define SLICE_MS  1000

struct patience { /* less of it where no broker can be reached at all */
    struct leat_time until, if_down;
};

static struct patience begin_patience(int64_t us)
{
    return (struct patience){leat_after_us(us), leat_after_us(us / 4)};
}

/* True while it is worth to ask again. */
static bool may_ask(const struct kafka_client *client, const struct leat_task *task, const struct patience *patience)
{
    bool is_over = leat_is_past(client->is_down ? patience->if_down : patience->until);
    return !is_over && !kafka_is_refused(client) && !(task && leat_task_is_stopping(task));
}

/* ---- topics ---- */

const struct source_topic *source_topics_find(const struct source_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i].name, name) == 0)
            return &topics->items[i];
    return NULL;
}

static void add_topic(struct source_topics *topics, const char *name, int32_t partitions)
{
    if (source_topics_find(topics, name))
        return;
    topics->items = leat_realloc(topics->items, (topics->count + 1) * sizeof *topics->items);
    topics->items[topics->count++] = (struct source_topic){leat_strdup(name), partitions};
}

void source_topics_free(struct source_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        free(topics->items[i].name);
    free(topics->items);
    *topics = (struct source_topics){.count = 0};
}

/* AGAIN: not known right now. */
static enum leat_status judge_topic(struct kafka_client *client, const char *name, rd_kafka_resp_err_t code, struct leat_error *err)
{
    char user[KAFKA_USER_MOST];
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return LEAT_OK;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return leat_fail(err, LEAT_STOP,
                         "kafka %s: no right to topic %s; run: kafka-acls.sh --add --allow-principal User:%s --operation Read "
                         "--operation Describe --topic %s",
                         client->brokers, name, kafka_user_of(client, user), name);
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        kafka_failed(client, name, rd_kafka_err2str(code), err);
        return LEAT_STOP;
    default:
        kafka_failed(client, name, rd_kafka_err2str(code), err);
        return LEAT_AGAIN;
    }
}

/* One answer of the brokers: of one topic, or, without a name, of all. */
static enum leat_status ask_topics(struct kafka_client *client, const char *name, struct source_topics *topics,
                                   struct leat_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = name ? rd_kafka_topic_new(client->rk, name, NULL) : NULL;
    rd_kafka_poll(client->rk, 0); /* what it has to say of its connections */
    rd_kafka_resp_err_t code = rd_kafka_metadata(client->rk, name == NULL, topic, &metadata, SLICE_MS);
    enum leat_status status = code ? LEAT_AGAIN : LEAT_OK;
    if (code)
        kafka_failed(client, "metadata", rd_kafka_err2str(code), err);
    for (int i = 0; status == LEAT_OK && i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[i];
        if (name)
            status = judge_topic(client, found->topic, found->err, err);
        if (status == LEAT_OK && (name || !found->err))
            add_topic(topics, found->topic, found->err ? 0 : found->partition_cnt);
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return status;
}

static enum leat_status ask_patiently(struct kafka_client *client, struct leat_task *task, const char *name,
                                      const struct patience *patience, struct source_topics *topics, struct leat_error *err)
{
    enum leat_status status;
    do
        status = ask_topics(client, name, topics, err);
    while (status == LEAT_AGAIN && may_ask(client, task, patience));
    return status == LEAT_AGAIN ? LEAT_RETRY : status;
}

enum leat_status source_topics_look(struct kafka_client *client, struct leat_task *task, const struct leat_list *wanted,
                                    int64_t patience_us, struct source_topics *topics, struct leat_error *err)
{
    char name[SOURCE_KEY_MOST];
    const struct patience patience = begin_patience(patience_us);
    enum leat_status status = LEAT_OK;
    *topics = (struct source_topics){.count = 0};
    if (source_has_patterns(wanted))
        status = ask_patiently(client, task, NULL, &patience, topics, err);
    for (size_t i = 0; status == LEAT_OK && i < wanted->count; i++)
        if (source_name_of(wanted->items[i], name) && !source_topics_find(topics, name))
            status = ask_patiently(client, task, name, &patience, topics, err);
    if (status != LEAT_OK)
        source_topics_free(topics);
    return status;
}

/* ---- offsets ---- */

enum leat_status source_offsets(struct kafka_client *client, struct leat_task *task, int64_t at, struct source_ask *asks,
                                size_t count, int64_t patience_us, struct leat_error *err)
{
    const struct patience patience = begin_patience(patience_us);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (count == 0)
        return LEAT_OK;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, asks[i].topic, asks[i].partition);
    do {
        for (size_t i = 0; i < count; i++)
            list->elems[i].offset = at;
        code = rd_kafka_offsets_for_times(client->rk, list, SLICE_MS);
        rd_kafka_poll(client->rk, 0);
    } while (code && may_ask(client, task, &patience));
    if (code)
        kafka_failed(client, "list offsets", rd_kafka_err2str(code), err);
    for (size_t i = 0; !code && i < count; i++) {
        const rd_kafka_topic_partition_t *answer =
            rd_kafka_topic_partition_list_find(list, asks[i].topic, asks[i].partition);
        bool is_known = answer && !answer->err && (answer->offset >= 0 || answer->offset == SOURCE_AT_END);
        asks[i].offset = is_known ? answer->offset : SOURCE_UNKNOWN;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? LEAT_RETRY : LEAT_OK;
}
