/* client.h - a librdkafka handle with our settings, its log and its broken connections; topics by name.
 *
 * Nothing here waits longer than the caller allows, in slices, so that a stop is never late. Thread: the owner's, but for
 * kafka_client_breaks().
 */
#ifndef LEAT_KAFKA_CLIENT_H
#define LEAT_KAFKA_CLIENT_H

#include <leat/sink.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

struct kafka_access { /* how to get in: options */
    const char *brokers, *user, *password, *ca_file;
    int64_t mechanism;
    bool tls;
    struct leat_pairs properties;
};

extern const char *const kafka_mechanisms[];
/* The rows of an option table for them, but for the brokers, which stand in a list: kafka_brokers_dup() makes their text. */
#define KAFKA_BROKERS_OPTION(holder, member, more) \
    {.name = "brokers", .type = LEAT_OPT_LIST, .flags = LEAT_OPT_REQUIRED | (more), .offset = offsetof(holder, member), \
     .about = "Brokers to start from, HOST:PORT; they name the others.", .example = "127.0.0.1:9092", \
     .alias = "bootstrap.servers"}
#define KAFKA_ACCESS_OPTIONS(holder, member, property) \
    {.name = "user", .type = LEAT_OPT_TEXT, .offset = offsetof(holder, member.user), .about = "User of SASL.", \
     .alias = "sasl.username"}, \
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = offsetof(holder, member.password), \
     .about = "Password of SASL."}, \
    {.name = "mechanism", .type = LEAT_OPT_CHOICE, .offset = offsetof(holder, member.mechanism), \
     .preset = "SCRAM-SHA-512", .choices = kafka_mechanisms, \
     .about = "Mechanism of SASL where there is a user; others by properties."}, \
    {.name = "tls", .type = LEAT_OPT_BOOL, .offset = offsetof(holder, member.tls), .preset = "false", .about = "Speak TLS."}, \
    {.name = "ca_file", .type = LEAT_OPT_PATH, .offset = offsetof(holder, member.ca_file), \
     .about = "Certificates that the brokers' must come from; without it those of the system. Means tls."}, \
    {.name = "properties", .type = LEAT_OPT_PAIRS, .flags = LEAT_OPT_SECRET, .offset = offsetof(holder, member.properties), \
     .about = "Any other property of librdkafka.", .example = property}
char *kafka_brokers_dup(const struct leat_list *brokers);

struct kafka_client {
    rd_kafka_t *rk; /* NULL: closed */
    const char *name, *brokers;
    _Atomic uint64_t breaks; /* connections that were closed so far */
    bool is_down;            /* no broker can be reached */
    char trouble[256];       /* what librdkafka said last of its connections; set where the handle is polled */
    rd_kafka_resp_err_t trouble_code;
};

struct kafka_property { /* of ours; the user's come after it and win */
    const char *name, *value;
};

/* Checks all properties without a connection. Names in `owned` (ends with NULL) are not the user's to set. */
enum leat_status kafka_access_validate(const struct kafka_access *access, const char *const *owned, struct leat_error *err);

/* `own` ends with {0}. `on_message`: of each message that was refused. `client` stays where it is until closed. */
typedef void kafka_message_f(rd_kafka_t *rk, const rd_kafka_message_t *message, void *client);
enum leat_status kafka_client_open(struct kafka_client *client, rd_kafka_type_t type, const char *name,
                                   const struct kafka_access *access, const struct kafka_property *own,
                                   kafka_message_f *on_message, struct leat_error *err);
void kafka_client_close(struct kafka_client *client);
/* The brokers are there, and refuse us: waiting mends it only where they change. */
bool kafka_is_refused(const struct kafka_client *client);
/* Takes notes of what a consumer's connections say; of one that is answered nothing is wrong any more. Thread: who asks. */
void kafka_hear_troubles(struct kafka_client *client, bool is_answered);

#define KAFKA_USER_MOST 256
/* Whose rights count, for texts: of SASL, wherever it was set; "USER" where there is none. */
const char *kafka_user_of(const struct kafka_client *client, char name[KAFKA_USER_MOST]);

/* RETRY, with "kafka BROKERS: " before the text. */
enum leat_status kafka_failed(const struct kafka_client *client, const char *what, const char *why, struct leat_error *err);

enum kafka_presence { KAFKA_THERE, KAFKA_MISSING };
struct kafka_topic_facts {
    enum kafka_presence presence;
    int32_t partitions, replicas;  /* replicas: of the partition that has fewest */
    int32_t in_sync, leaderless;   /* fewest of a partition; partitions without a leader */
    bool is_compacted, is_compacted_known;
    int64_t message_most; /* bytes; 0: unknown */
    int64_t min_in_sync;  /* 0: unknown */
};
/* Never creates one. Settings that the user may not read stay unknown. `task`: whose stop ends the waiting; NULL: nobody's. */
enum leat_status kafka_topic_look(struct kafka_client *client, struct leat_task *task, const char *topic,
                                  struct kafka_topic_facts *facts, struct leat_error *err);
struct kafka_topic_wish {
    int64_t partitions, replication; /* 0: as the broker likes */
    struct leat_pairs config;
    bool is_trial; /* the brokers say what they would do */
};
/* OK where it is there already, or made meanwhile by another; STOP where the broker refuses it for good. */
enum leat_status kafka_topic_make(struct kafka_client *client, struct leat_task *task, const char *topic,
                                  const struct kafka_topic_wish *wish, struct leat_error *err);
/* Calls `note` for each setting of the topic that may be read; false: none may. */
typedef void kafka_config_f(void *arg, const char *name, const char *value);
bool kafka_topic_configs(struct kafka_client *client, struct leat_task *task, const char *topic, kafka_config_f *note,
                         void *arg);

#endif
