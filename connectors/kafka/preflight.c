#include <kafka/preflight.h>

#include <base/clock.h>
#include <kafka/marks.h>
#include <stdio.h>
#include <string.h>

#define NAME        "check" /* of the handles, in the log */
#define SLICE_MS    250
#define DOWN_US     3000000  /* for a broker that answers, once none can be reached ... */
#define PATIENCE_US 10000000 /* ... and at the most */
#define TEXT_MOST   512

struct preflight {
    const struct preflight_config *config;
    const char *brokers;
    struct leat_report *report;
    struct kafka_client client;
    int broker_count;
    const char *user;
    char user_text[KAFKA_USER_MOST];
};

/* ---- reaching a broker ---- */

#define SCRAM_SINCE 0x020601ff

/* Older ones send a nonce twice, and Kafka 4 minds (librdkafka's issue 4895). */
static const char *doubt_scram(const char *mechanism)
{
    bool is_scram = strncmp(mechanism, "SCRAM", 5) == 0;
    return is_scram && rd_kafka_version() < SCRAM_SINCE
               ? ". If the password is right and the brokers are Kafka 4 or newer: SCRAM with them needs librdkafka 2.6.1, older "
                 "ones can only PLAIN, over TLS"
               : "";
}

static const char *setting(const struct kafka_client *client, const char *name, char text[TEXT_MOST])
{
    size_t size = TEXT_MOST;
    bool is_known = rd_kafka_conf_get(rd_kafka_conf(client->rk), name, text, &size) == RD_KAFKA_CONF_OK && text[0];
    return is_known ? text : "(none)";
}

/* They may stand under `properties`, or in the URL of topics. */
static void explain_refusal(const struct kafka_client *client, const struct kafka_access *access, const char *said,
                            struct leat_error *err)
{
    char user[TEXT_MOST], mechanism[TEXT_MOST];
    setting(client, "sasl.mechanisms", mechanism);
    leat_fail(err, LEAT_STOP, "kafka %s: it does not let user %s in: %s; see %s (now %s)%s", client->brokers,
              setting(client, "sasl.username", user), said,
              access->user ? "`user`, `password` and `mechanism`" : "sasl.username, sasl.password and sasl.mechanisms", mechanism,
              doubt_scram(mechanism));
}

bool kafka_explain_silence(const struct kafka_client *client, const struct kafka_access *access, struct leat_error *err)
{
    const char *said = client->trouble[0] ? client->trouble : "no answer";
    if (client->trouble_code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        explain_refusal(client, access, said, err);
        return true;
    }
    if (client->trouble_code == RD_KAFKA_RESP_ERR__SSL) {
        leat_fail(err, LEAT_STOP, "kafka %s: no TLS with it: %s; see `ca_file`, `tls`, and that the port is one of TLS",
                  client->brokers, said);
        return true;
    }
    if (client->trouble_code == RD_KAFKA_RESP_ERR__RESOLVE)
        leat_fail(err, LEAT_RETRY, "kafka %s: no such host: %s; see `brokers`", client->brokers, said);
    else
        leat_fail(err, LEAT_RETRY, "kafka %s: no broker can be reached: %s; is one running there, and are `brokers`, `tls` and "
                                   "`user` those of that port?", client->brokers, said);
    return false;
}

static bool is_answered(struct preflight *flight)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(flight->client.rk, 0, NULL, &metadata, SLICE_MS);
    rd_kafka_poll(flight->client.rk, 0);
    if (code)
        return false;
    flight->broker_count = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* REJECT: it has been reported. */
static enum leat_status reach(struct preflight *flight, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US), if_down = leat_after_us(DOWN_US);
    while (!is_answered(flight)) {
        if (!kafka_is_refused(&flight->client) && !leat_is_past(deadline) && !(flight->client.is_down && leat_is_past(if_down)))
            continue;
        if (!kafka_explain_silence(&flight->client, flight->config->access, err))
            return LEAT_RETRY;
        leat_report_error(flight->report, "%s", err->text);
        return LEAT_REJECT;
    }
    return LEAT_OK;
}

/* ---- topics ---- */

/* `is_maybe`: nobody knows whether a record will want it. */
static void report_trial(struct preflight *flight, const char *topic, const struct kafka_topic_wish *wish, bool is_maybe,
                         const char *what)
{
    struct kafka_topic_wish trial = *wish;
    struct leat_error err = {0};
    trial.is_trial = true;
    if (kafka_topic_make(&flight->client, NULL, topic, &trial, &err) == LEAT_OK)
        leat_report_note(flight->report, "kafka %s: topic %s is made %s", flight->brokers, topic, what);
    else
        (is_maybe ? leat_report_warning : leat_report_error)(
            flight->report,
            "%s; make it by hand, or see %s, or run: kafka-acls.sh --add --allow-principal User:%s --operation Create --topic %s",
            err.text,
            flight->config->is_log ? "replication.factor and min.insync.replicas behind `topics`"
                                   : "`partitions`, `replication` and `topic_config`",
            flight->user, topic);
}

static void report_missing(struct preflight *flight, const char *topic, const struct kafka_topic_wish *wish, const char *what)
{
    if (flight->config->may_make)
        report_trial(flight, topic, wish, false, what);
    else
        leat_report_error(flight->report,
                          "kafka %s: there is no topic %s, and `create: false`; make it: kafka-topics.sh --create --topic %s "
                          "--partitions %lld%s",
                          flight->brokers, topic, topic, wish->partitions > 0 ? (long long)wish->partitions : 1LL,
                          strcmp(topic, flight->config->marks_topic) == 0 ? " --config cleanup.policy=compact" : "");
}

/* Copies and minimum of them, for what is there. */
static void report_copies(struct preflight *flight, const char *topic, const struct kafka_topic_facts *facts)
{
    if (facts->leaderless > 0)
        leat_report_warning(flight->report, "kafka %s: %d of %d partitions of topic %s have no leader: writing waits for them",
                            flight->brokers, facts->leaderless, facts->partitions, topic);
    if (facts->min_in_sync > facts->replicas)
        leat_report_error(flight->report,
                          "kafka %s: topic %s can never be written to: min.insync.replicas is %lld, and it has %d; run: "
                          "kafka-configs.sh --alter --topic %s --add-config min.insync.replicas=%d",
                          flight->brokers, topic, (long long)facts->min_in_sync, facts->replicas, topic, facts->replicas);
    else if (facts->min_in_sync > facts->in_sync)
        leat_report_warning(flight->report,
                            "kafka %s: topic %s has %d replicas in sync, and wants %lld: writing waits for the brokers that are "
                            "away",
                            flight->brokers, topic, facts->in_sync, (long long)facts->min_in_sync);
    else if (facts->min_in_sync == 1)
        leat_report_note(flight->report,
                         "kafka %s: topic %s (%d replicas, min.insync.replicas 1): one broker may acknowledge alone, from "
                         "memory; what it loses with its power is lost. Three replicas and min.insync.replicas=2 keep it",
                         flight->brokers, topic, facts->replicas);
}

struct wanted {
    struct preflight *flight;
    const char *topic;
};

static void compare_config(void *arg, const char *name, const char *value)
{
    const struct wanted *wanted = arg;
    const struct leat_pairs *wish = &wanted->flight->config->wish.config;
    for (size_t i = 0; i < wish->count; i++)
        if (strcmp(wish->names[i], name) == 0 && strcmp(wish->values[i], value) != 0)
            leat_report_warning(wanted->flight->report,
                                "kafka %s: %s of topic %s is %s, `topic_config` says %s, and is not applied to a topic that is "
                                "there; run: kafka-configs.sh --alter --topic %s --add-config %s=%s",
                                wanted->flight->brokers, name, wanted->topic, value, wish->values[i], wanted->topic, name,
                                wish->values[i]);
}

static void report_settings(struct preflight *flight, const char *topic, const struct kafka_topic_facts *facts)
{
    const struct kafka_topic_wish *wish = &flight->config->wish;
    struct wanted wanted = {flight, topic};
    if (wish->partitions > 0 && wish->partitions != facts->partitions)
        leat_report_warning(flight->report,
                            "kafka %s: topic %s has %d partitions, `partitions` says %lld; that of a topic that is there is not "
                            "changed, as its keys would move",
                            flight->brokers, topic, facts->partitions, (long long)wish->partitions);
    if (wish->replication > 0 && wish->replication != facts->replicas)
        leat_report_warning(flight->report, "kafka %s: topic %s has %d replicas, `replication` says %lld", flight->brokers, topic,
                            facts->replicas, (long long)wish->replication);
    if (!kafka_topic_configs(&flight->client, NULL, topic, compare_config, &wanted))
        leat_report_note(flight->report,
                         "kafka %s: the settings of topic %s cannot be read (right DescribeConfigs): a message it does not take "
                         "is seen when it refuses it",
                         flight->brokers, topic);
}

/* False: it has been reported, or there is no answer. */
static bool look(struct preflight *flight, const char *topic, struct kafka_topic_facts *facts)
{
    struct leat_error err = {0};
    enum leat_status status = kafka_topic_look(&flight->client, NULL, topic, facts, &err);
    if (status == LEAT_STOP)
        leat_report_error(flight->report,
                          "%s; run: kafka-acls.sh --add --allow-principal User:%s --operation Describe --operation Write --topic "
                          "%s",
                          err.text, flight->user, topic);
    else if (status != LEAT_OK)
        leat_report_error(flight->report, "%s", err.text);
    return status == LEAT_OK;
}

/* The driver makes three replicas, or as many as there are brokers. */
static struct kafka_topic_wish wish_of(const struct preflight *flight)
{
    struct kafka_topic_wish wish = flight->config->wish;
    if (flight->config->is_log && wish.replication == 0)
        wish.replication = flight->broker_count < 3 ? flight->broker_count : 3;
    return wish;
}

static void check_target(struct preflight *flight)
{
    const struct preflight_config *config = flight->config;
    char topic[300];
    struct kafka_topic_facts facts;
    snprintf(topic, sizeof topic, "%s%s%s", config->prefix ? config->prefix : "", config->prefix ? "." : "", config->topic);
    if (strchr(topic, '{')) {
        bool has_prefix = config->prefix && !strchr(config->prefix, '{');
        snprintf(topic, sizeof topic, "%s%sleat-check", has_prefix ? config->prefix : "", has_prefix ? "." : "");
        if (config->may_make)
            report_trial(flight, topic, &config->wish, true, "where a record wants it: such as it can be made");
        return;
    }
    if (!look(flight, topic, &facts))
        return;
    if (facts.presence == KAFKA_MISSING) {
        const struct kafka_topic_wish wish = wish_of(flight);
        report_missing(flight, topic, &wish, config->is_log ? "at the first start, for records" : "at its first record");
        return;
    }
    report_settings(flight, topic, &facts);
    report_copies(flight, topic, &facts);
}

static void check_marks(struct preflight *flight)
{
    const char *topic = flight->config->marks_topic;
    const struct kafka_topic_wish wish = kafka_marks_wish(wish_of(flight).replication);
    struct kafka_topic_facts facts;
    struct leat_error err = {0};
    if (!look(flight, topic, &facts))
        return;
    if (facts.presence == KAFKA_MISSING) {
        report_missing(flight, topic, &wish,
                       flight->config->is_log ? "at the first start, for positions" : "at the first start, for the marks");
        return;
    }
    if (facts.is_compacted_known && !facts.is_compacted)
        leat_report_error(flight->report,
                          "kafka %s: topic %s is not compacted, it would lose the marks; run: kafka-configs.sh --alter --topic %s "
                          "--add-config cleanup.policy=compact",
                          flight->brokers, topic, topic);
    if (!kafka_marks_readable(NAME, flight->config->access, topic, &err))
        leat_report_error(flight->report,
                          "%s; run: kafka-acls.sh --add --allow-principal User:%s --operation Read --operation Write --topic %s",
                          err.text, flight->user, topic);
    report_copies(flight, topic, &facts);
}

/* ---- transactions ---- */

/* RETRY: it may be slow only. The id is that of all checks, and many begin at once where many processes share the tasks. */
static enum leat_status report_transactions(struct preflight *flight, const char *id, const rd_kafka_error_t *error,
                                            struct leat_error *err)
{
    const char *why = rd_kafka_error_string(error);
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
        int len = (int)strlen(id) - 5; /* without "check" */
        leat_report_warning(flight->report,
                            "kafka %s: no right to the transactional id %s; unless the sink's own id is allowed by name, run: "
                            "kafka-acls.sh --add --allow-principal User:%s --operation Write --operation Describe "
                            "--resource-pattern-type prefixed --transactional-id %.*s",
                            flight->brokers, id, flight->user, len, id);
    } else if (code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT) {
        leat_report_error(flight->report, "kafka %s: %s; lower transaction.timeout.ms under `properties`, or raise the broker's "
                                          "transaction.max.timeout.ms", flight->brokers, why);
    } else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        return leat_fail(err, LEAT_RETRY,
                         "kafka %s: no transaction can be begun: %s; it needs transaction.state.log.replication.factor (3) "
                         "brokers, there are %d; or `guarantee: at-least-once`",
                         flight->brokers, why, flight->broker_count);
    } else {
        leat_report_error(flight->report,
                          "kafka %s: no transaction can be begun: %s; it needs transaction.state.log.replication.factor (3) "
                          "brokers, there are %d; or `guarantee: at-least-once`",
                          flight->brokers, why, flight->broker_count);
    }
    return LEAT_OK;
}

static rd_kafka_error_t *try_transaction(rd_kafka_t *rk)
{
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, SLICE_MS);
    while (error && (rd_kafka_error_is_retriable(error) || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT) &&
           !leat_is_past(deadline)) {
        rd_kafka_error_destroy(error);
        rd_kafka_poll(rk, 0);
        error = rd_kafka_init_transactions(rk, SLICE_MS);
    }
    return error;
}

/* An id beside that of the sink: who has the same is another check, and fences nobody. */
static enum leat_status check_transactions(struct preflight *flight, struct leat_error *err)
{
    char id[TEXT_MOST];
    const char *given = flight->config->transactional_id;
    snprintf(id, sizeof id, "%s.check", given ? given : "leat");
    const struct kafka_property own[] = {{"transactional.id", id}, {0}};
    struct kafka_client client = {0};
    enum leat_status status =
        kafka_client_open(&client, RD_KAFKA_PRODUCER, NAME, flight->config->access, own, NULL, err);
    if (status != LEAT_OK)
        return status;
    rd_kafka_error_t *error = try_transaction(client.rk);
    bool is_rival = error && (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__FENCED ||
                              rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    if (error && !is_rival)
        status = report_transactions(flight, id, error, err);
    if (error)
        rd_kafka_error_destroy(error);
    kafka_client_close(&client);
    return status;
}

enum leat_status kafka_preflight(const struct preflight_config *config, struct leat_report *report, struct leat_error *err)
{
    static const struct kafka_property own[] = {{0}};
    struct preflight flight = {.config = config, .brokers = config->access->brokers, .report = report};
    leat_report_guarantee(report, config->is_exact ? LEAT_EXACTLY_ONCE_COMMITTED : LEAT_AT_LEAST_ONCE,
                          config->is_exact ? "readers need isolation.level=read_committed" : "guarantee: at-least-once");
    enum leat_status status = kafka_client_open(&flight.client, RD_KAFKA_PRODUCER, NAME, config->access, own, NULL, err);
    if (status != LEAT_OK)
        return status;
    flight.user = kafka_user_of(&flight.client, flight.user_text);
    status = reach(&flight, err);
    if (status == LEAT_OK) {
        check_target(&flight);
        check_marks(&flight);
        status = config->is_exact ? check_transactions(&flight, err) : LEAT_OK;
    }
    kafka_client_close(&flight.client);
    return status == LEAT_REJECT ? LEAT_OK : status;
}
