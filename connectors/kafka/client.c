#include <kafka/client.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE_MS   250
#define PATIENCE_US 20000000 /* for one answer of the brokers ... */
#define DOWN_US     4000000  /* ... once none can be reached */
#define TEXT_MOST  512

const char *const kafka_mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};

/* ---- settings ---- */

char *kafka_brokers_dup(const struct leat_list *brokers)
{
    char *text = leat_strdup("");
    for (size_t i = 0; i < brokers->count; i++) {
        char *longer = leat_format_dup("%s%s%s", text, i ? "," : "", brokers->items[i]);
        free(text);
        text = longer;
    }
    return text;
}

static enum leat_status set_property(rd_kafka_conf_t *conf, const char *name, const char *value, struct leat_error *err)
{
    char why[TEXT_MOST];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return LEAT_OK;
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "properties: %s", why);
}

static const char *protocol_of(const struct kafka_access *access)
{
    bool is_tls = access->tls || access->ca_file;
    if (access->user)
        return is_tls ? "sasl_ssl" : "sasl_plaintext";
    return is_tls ? "ssl" : "plaintext";
}

static enum leat_status set_access(rd_kafka_conf_t *conf, const struct kafka_access *access, struct leat_error *err)
{
    const struct kafka_property all[] = {
        {"bootstrap.servers", access->brokers},
        {"security.protocol", protocol_of(access)},
        {"sasl.mechanisms", access->user ? kafka_mechanisms[access->mechanism] : NULL},
        {"sasl.username", access->user},
        {"sasl.password", access->user ? access->password : NULL},
        {"ssl.ca.location", access->ca_file},
    };
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < sizeof all / sizeof *all; i++)
        if (all[i].value)
            status = set_property(conf, all[i].name, all[i].value, err);
    for (size_t i = 0; status == LEAT_OK && i < access->properties.count; i++)
        status = set_property(conf, access->properties.names[i], access->properties.values[i], err);
    return status;
}

enum leat_status kafka_access_validate(const struct kafka_access *access, const char *const *owned, struct leat_error *err)
{
    if (access->user && !access->password)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "user: it needs a password");
    if (access->password && !access->user)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "password: it needs a user; without one it is not used");
    for (size_t i = 0; i < access->properties.count; i++)
        for (size_t k = 0; owned[k]; k++)
            if (strcmp(access->properties.names[i], owned[k]) == 0)
                return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "properties: %s is set by Leat", owned[k]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum leat_status status = set_access(conf, access, err);
    rd_kafka_conf_destroy(conf);
    return status;
}

/* ---- the handle; the callbacks run in librdkafka's threads ---- */

static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct kafka_client *client = rd_kafka_opaque(rk);
    /* Its own warnings are steps of retries, or of settings that both kinds of clients get; a status tells the outcome. */
    leat_say(level <= 2 ? LEAT_ERROR : LEAT_DEBUG, client ? client->name : NULL, "librdkafka %s: %s", facility, text);
}

bool kafka_is_refused(const struct kafka_client *client)
{
    return client->trouble_code == RD_KAFKA_RESP_ERR__SSL || client->trouble_code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

static void note_trouble(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct kafka_client *client = arg;
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        client->is_down = true;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->trouble[0])
        return; /* it says how many, not why */
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT && kafka_is_refused(client))
        return; /* the next attempt, of the same end, says less */
    client->trouble_code = code;
    snprintf(client->trouble, sizeof client->trouble, "%s", reason);
}

static int close_socket(int fd, void *arg)
{
    struct kafka_client *client = arg;
    atomic_fetch_add(&client->breaks, 1);
    return leat_os->close(fd);
}

static rd_kafka_conf_t *make_conf(struct kafka_client *client, const struct kafka_access *access,
                                  const struct kafka_property *own, kafka_message_f *on_message, struct leat_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum leat_status status = set_property(conf, "allow.auto.create.topics", "false", err);
    if (status == LEAT_OK)
        status = set_property(conf, "socket.nagle.disable", "true", err);
    for (; status == LEAT_OK && own->name; own++)
        status = set_property(conf, own->name, own->value, err);
    if (status == LEAT_OK)
        status = set_access(conf, access, err);
    if (status != LEAT_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, log_line);
    rd_kafka_conf_set_closesocket_cb(conf, close_socket);
    rd_kafka_conf_set_error_cb(conf, note_trouble);
    if (on_message)
        rd_kafka_conf_set_dr_msg_cb(conf, on_message);
    return conf;
}

enum leat_status kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, const char *name,
                                   const struct kafka_access *access, const struct kafka_property *own,
                                   kafka_message_f *on_message, struct leat_error *err)
{
    char why[TEXT_MOST];
    leat_assert(!client->rk);
    client->name = name;
    client->trouble[0] = 0;
    client->trouble_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->is_down = false;
    client->brokers = access->brokers;
    rd_kafka_conf_t *conf = make_conf(client, access, own, on_message, err);
    if (!conf)
        return LEAT_STOP;
    client->rk = rd_kafka_new(type, conf, why, sizeof why);
    if (client->rk)
        return LEAT_OK;
    rd_kafka_conf_destroy(conf);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "properties: %s", why);
}

void kafka_client_close(struct kafka_client *client)
{
    if (!client->rk)
        return;
    if (rd_kafka_type(client->rk) == RD_KAFKA_PRODUCER) {
        rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(client->rk, 0);
    }
    rd_kafka_destroy(client->rk);
    client->rk = NULL;
}

const char *kafka_user_of(const struct kafka_client *client, char name[KAFKA_USER_MOST])
{
    size_t size = KAFKA_USER_MOST;
    bool is_known = rd_kafka_conf_get(rd_kafka_conf(client->rk), "sasl.username", name, &size) == RD_KAFKA_CONF_OK && name[0];
    return is_known ? name : "USER";
}

enum leat_status kafka_failed(const struct kafka_client *client, const char *what, const char *why, struct leat_error *err)
{
    return leat_fail(err, LEAT_RETRY, "kafka %s: %s: %s%s%s", client->brokers, what, why, client->trouble[0] ? "; " : "",
                     client->trouble);
}

/* ---- topics ---- */

static bool is_stopping(const struct leat_task *task)
{
    return task && leat_task_is_stopping(task);
}

/* The event of an admin call, waited for in slices; NULL: stopping, or no answer. */
static rd_kafka_event_t *await_event(struct leat_task *task, rd_kafka_queue_t *queue)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    rd_kafka_event_t *event = NULL;
    while (!event && !is_stopping(task) && !leat_is_past(deadline))
        event = rd_kafka_queue_poll(queue, SLICE_MS);
    return event;
}

static bool note_configs(rd_kafka_event_t *event, kafka_config_f *note, void *arg)
{
    size_t count = 0, entries;
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    const rd_kafka_ConfigResource_t **all = result ? rd_kafka_DescribeConfigs_result_resources(result, &count) : NULL;
    bool is_known = false;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_ConfigEntry_t **list = rd_kafka_ConfigResource_configs(all[i], &entries);
        for (size_t k = 0; k < entries; k++) {
            const char *value = rd_kafka_ConfigEntry_value(list[k]);
            if (value)
                note(arg, rd_kafka_ConfigEntry_name(list[k]), value);
            is_known = true;
        }
    }
    return is_known;
}

bool kafka_topic_configs(struct kafka_client *client, struct leat_task *task, const char *topic, kafka_config_f *note,
                         void *arg)
{
    bool is_known = false;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(client->rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = await_event(task, queue);
    if (event) {
        is_known = note_configs(event, note, arg);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    return is_known;
}

static void note_fact(void *arg, const char *name, const char *value)
{
    struct kafka_topic_facts *facts = arg;
    if (strcmp(name, "max.message.bytes") == 0)
        facts->message_most = strtoll(value, NULL, 10);
    if (strcmp(name, "min.insync.replicas") == 0)
        facts->min_in_sync = strtoll(value, NULL, 10);
    if (strcmp(name, "cleanup.policy") == 0) {
        facts->is_compacted = strcmp(value, "compact") == 0;
        facts->is_compacted_known = true;
    }
}

static void note_partitions(struct kafka_topic_facts *facts, const struct rd_kafka_metadata_topic *topic)
{
    facts->partitions = topic->partition_cnt;
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &topic->partitions[i];
        facts->replicas = i == 0 || p->replica_cnt < facts->replicas ? p->replica_cnt : facts->replicas;
        facts->in_sync = i == 0 || p->isr_cnt < facts->in_sync ? p->isr_cnt : facts->in_sync;
        facts->leaderless += p->leader < 0;
    }
}

/* LEAT_AGAIN: ask once more. */
static enum leat_status ask_metadata(struct kafka_client *client, const char *topic, struct kafka_topic_facts *facts,
                                     struct leat_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(client->rk, topic, NULL);
    if (!rkt)
        return leat_fail(err, LEAT_REJECT, "\"%s\" is no name of a Kafka topic", topic);
    rd_kafka_resp_err_t error = rd_kafka_metadata(client->rk, 0, rkt, &metadata, SLICE_MS * 4);
    if (!error && metadata->topic_cnt == 1) {
        error = metadata->topics[0].err;
        note_partitions(facts, &metadata->topics[0]);
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    facts->presence = error ? KAFKA_MISSING : KAFKA_THERE;
    if (!error || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return LEAT_OK;
    if (error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        return leat_fail(err, LEAT_REJECT, "\"%s\" is no name of a Kafka topic", topic);
    kafka_failed(client, topic, rd_kafka_err2str(error), err);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return LEAT_STOP;
    return LEAT_AGAIN;
}

/* What a connection that fails has to say comes by poll(); a producer's is called by who sends, with what else comes by it. */
void kafka_hear_troubles(struct kafka_client *client, bool is_answered)
{
    if (rd_kafka_type(client->rk) != RD_KAFKA_CONSUMER)
        return;
    rd_kafka_poll(client->rk, 0);
    if (!is_answered)
        return;
    client->is_down = false;
    client->trouble_code = RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum leat_status kafka_topic_look(struct kafka_client *client, struct leat_task *task, const char *topic,
                                  struct kafka_topic_facts *facts, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US), if_down = leat_after_us(DOWN_US);
    bool is_over = false;
    enum leat_status status;
    do {
        *facts = (struct kafka_topic_facts){.presence = KAFKA_MISSING};
        status = ask_metadata(client, topic, facts, err);
        kafka_hear_troubles(client, status != LEAT_AGAIN);
        is_over = kafka_is_refused(client) || leat_is_past(client->is_down ? if_down : deadline);
    } while (status == LEAT_AGAIN && !is_stopping(task) && !is_over);
    if (status == LEAT_AGAIN)
        return LEAT_RETRY;
    if (status == LEAT_OK && facts->presence == KAFKA_THERE)
        kafka_topic_configs(client, task, topic, note_fact, facts);
    return status;
}

static enum leat_status judge_made(struct kafka_client *client, const char *topic, rd_kafka_event_t *event,
                                   struct leat_error *err)
{
    size_t count = 0;
    char what[TEXT_MOST];
    snprintf(what, sizeof what, "create topic %s", topic);
    if (!event)
        return kafka_failed(client, what, "no answer", err);
    if (rd_kafka_event_error(event))
        return kafka_failed(client, what, rd_kafka_event_error_string(event), err);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **all = result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(all[i]);
        const char *why = rd_kafka_topic_result_error_string(all[i]);
        if (!error || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        kafka_failed(client, what, why ? why : rd_kafka_err2str(error), err);
        return error == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT || error == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ? LEAT_RETRY
                                                                                                      : LEAT_STOP;
    }
    return LEAT_OK;
}

static rd_kafka_NewTopic_t *new_topic(const char *topic, const struct kafka_topic_wish *wish, struct leat_error *err)
{
    char why[TEXT_MOST];
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, wish->partitions > 0 ? (int)wish->partitions : -1,
                                                      wish->replication > 0 ? (int)wish->replication : -1, why, sizeof why);
    if (!made) {
        leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "create topic %s: %s", topic, why);
        return NULL;
    }
    for (size_t i = 0; i < wish->config.count; i++)
        rd_kafka_NewTopic_set_config(made, wish->config.names[i], wish->config.values[i]);
    return made;
}

enum leat_status kafka_topic_make(struct kafka_client *client, struct leat_task *task, const char *topic,
                                  const struct kafka_topic_wish *wish, struct leat_error *err)
{
    rd_kafka_NewTopic_t *made = new_topic(topic, wish, err);
    if (!made)
        return LEAT_STOP;
    char why[TEXT_MOST];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_validate_only(options, wish->is_trial, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
    rd_kafka_CreateTopics(client->rk, &made, 1, options, queue);
    rd_kafka_event_t *event = await_event(task, queue);
    enum leat_status status = judge_made(client, topic, event, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(made);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    if (status == LEAT_OK && !wish->is_trial)
        leat_say(LEAT_INFO, client->name, "made the topic %s", topic);
    return status;
}
