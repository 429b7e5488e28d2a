#include <kafka/member.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/thread.h>
#include <kafka/preflight.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MS       100
#define BUSY_POLL_MS  10     /* while tasks are awaited */
#define BEATS         6      /* in a session */
#define BEAT_MOST_MS  1000   /* others notice at a heartbeat that somebody came or left */
#define HANG_LEAST_MS 60000  /* a member that does not poll for so long is evicted */
#define LEAVE_US      5000000
#define AGAIN_US      1000000 /* between looks for brokers, before it has joined */
#define CHECK_MS      10000

#define GROUP_CURE "kafka-acls.sh --add --allow-principal User:%s --operation Read --group %s"

struct leat_coordinator {
    struct kafka_client client;
    const struct kafka_access *access;
    char *topic, *group, *instance;
    int64_t replication;
    char session_ms[24], beat_ms[24], hang_ms[24];
    rd_kafka_queue_t *queue;
    pthread_t thread;
    bool has_thread;
    struct leat_bell bell; /* there is news for the host */
    rd_kafka_topic_partition_list_t *revoked; /* the thread's: to be given back when the host has let go; or NULL */
    uint64_t revoked_slots;
    uint64_t revoked_at;  /* `version` that the host must have seen */

    struct leat_lock lock; /* of all below */
    uint64_t slots;        /* ours */
    uint64_t version;      /* of `slots` */
    uint64_t looked, told; /* versions that the host has seen, and has told after */
    uint64_t busy;
    bool is_lost;          /* some of those that went since the last look were lost */
    bool is_leaving, is_closing;
    enum leat_status status;
    struct leat_error error;
};

/* ---- what the group says ---- */

static uint64_t slots_in(const rd_kafka_topic_partition_list_t *list)
{
    uint64_t slots = 0;
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].partition >= 0 && list->elems[i].partition < LEAT_SLOTS)
            slots |= UINT64_C(1) << list->elems[i].partition;
    return slots;
}

/* The first reason stays. */
static void end_with(struct leat_coordinator *member, enum leat_status status, const struct leat_error *why)
{
    leat_lock_take(&member->lock);
    if (member->status == LEAT_OK) {
        member->status = status;
        member->slots = 0;
        member->version++;
        member->error = *why;
    }
    leat_lock_give(&member->lock);
    leat_bell_ring(&member->bell);
}

static void fail_member(struct leat_coordinator *member, enum leat_status status, const char *why)
{
    struct leat_error err;
    if (status == LEAT_FENCED)
        leat_fail(&err, status, "another process of group %s has taken over the name %s: %s", member->group, member->instance,
                  why);
    else
        leat_fail(&err, status, "group %s, instance %s: %s", member->group, member->instance, why);
    end_with(member, status, &err);
}

static void change_slots(struct leat_coordinator *member, uint64_t come, uint64_t gone, bool is_lost)
{
    leat_lock_take(&member->lock);
    member->slots = (member->slots | come) & ~gone;
    member->is_lost = member->is_lost || (gone && is_lost);
    member->version++;
    member->revoked_at = member->version;
    leat_lock_give(&member->lock);
    leat_bell_ring(&member->bell);
}

static void note_error(struct leat_coordinator *member, rd_kafka_error_t *error)
{
    if (!error)
        return;
    leat_say(LEAT_WARNING, NULL, "coordinator: group %s: %s", member->group, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

/* There is never a record in the partitions: no fetch, no look for offsets. */
static void take_assigned(struct leat_coordinator *member, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = 0;
    note_error(member, rd_kafka_incremental_assign(member->client.rk, list));
    rd_kafka_pause_partitions(member->client.rk, list);
    change_slots(member, slots_in(list), 0, false);
}

static void take_revoked(struct leat_coordinator *member, const rd_kafka_topic_partition_list_t *list)
{
    leat_assert(!member->revoked);
    bool is_lost = rd_kafka_assignment_lost(member->client.rk);
    member->revoked = rd_kafka_topic_partition_list_copy(list);
    member->revoked_slots = slots_in(list);
    change_slots(member, 0, member->revoked_slots, is_lost);
}

static void take_rebalance(struct leat_coordinator *member, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    switch (rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        take_assigned(member, list);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        take_revoked(member, list);
        break;
    default: /* it failed: what was ours is not */
        take_revoked(member, list);
        break;
    }
}

/* Errors of the group come here; those that pass by themselves are only told. */
static void take_error(struct leat_coordinator *member, rd_kafka_event_t *event)
{
    char text[512], user[KAFKA_USER_MOST];
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event))
        code = rd_kafka_fatal_error(member->client.rk, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", rd_kafka_event_error_string(event));
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        return;
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        fail_member(member, LEAT_FENCED, text);
        return;
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
        fail_member(member, LEAT_STOP, "session_timeout is not what the broker allows (group.min.session.timeout.ms)");
        return;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        snprintf(text, sizeof text, "no right to it; run: " GROUP_CURE, kafka_user_of(&member->client, user), member->group);
        fail_member(member, LEAT_STOP, text);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        fail_member(member, LEAT_STOP, text);
        return;
    default:
        break;
    }
    if (rd_kafka_fatal_error(member->client.rk, NULL, 0))
        fail_member(member, LEAT_STOP, text); /* where it was told already, it stays as it is */
    else
        leat_say(LEAT_WARNING, NULL, "coordinator: group %s: %s", member->group, text);
}

static void take_event(struct leat_coordinator *member, rd_kafka_event_t *event)
{
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
        take_rebalance(member, event);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
        take_error(member, event);
    rd_kafka_event_destroy(event);
}

/* ---- joining ---- */

static enum leat_status prepare_topic(struct leat_coordinator *member, struct leat_error *err)
{
    const struct kafka_topic_wish wish = {.partitions = LEAT_SLOTS, .replication = member->replication};
    struct kafka_topic_facts facts;
    enum leat_status status = kafka_topic_look(&member->client, NULL, member->topic, &facts, err);
    bool is_silent = status == LEAT_RETRY && (member->client.is_down || kafka_is_refused(&member->client));
    if (is_silent && kafka_explain_silence(&member->client, member->access, err))
        return LEAT_STOP;
    if (status != LEAT_OK)
        return status;
    if (facts.presence == KAFKA_MISSING)
        return kafka_topic_make(&member->client, NULL, member->topic, &wish, err);
    if (facts.partitions != LEAT_SLOTS)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "kafka %s: topic %s has %d partitions; slots of tasks are %d",
                            member->client.brokers, member->topic, facts.partitions, LEAT_SLOTS);
    return LEAT_OK;
}

static enum leat_status subscribe(struct leat_coordinator *member, struct leat_error *err)
{
    rd_kafka_poll_set_consumer(member->client.rk);
    member->queue = rd_kafka_queue_get_consumer(member->client.rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, member->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(member->client.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? kafka_failed(&member->client, "join the group", rd_kafka_err2str(code), err) : LEAT_OK;
}

static bool is_set(struct leat_coordinator *member, const bool *flag)
{
    leat_lock_take(&member->lock);
    bool is = *flag;
    leat_lock_give(&member->lock);
    return is;
}

static bool is_ending(struct leat_coordinator *member)
{
    return is_set(member, &member->is_leaving) || is_set(member, &member->is_closing);
}

/* Brokers may be away when a process begins, as they may be later. False: it ends before it has joined. */
static bool join(struct leat_coordinator *member)
{
    struct leat_error err = {.cause = LEAT_CAUSE_OTHER};
    enum leat_status status = LEAT_RETRY;
    while (status == LEAT_RETRY && !is_ending(member)) {
        status = prepare_topic(member, &err);
        if (status == LEAT_RETRY)
            leat_say(LEAT_WARNING, NULL, "coordinator: %s; trying again", err.text);
        for (struct leat_time again = leat_after_us(AGAIN_US); status == LEAT_RETRY && !is_ending(member) && !leat_is_past(again);)
            leat_os->poll(NULL, 0, POLL_MS);
    }
    if (status == LEAT_OK)
        status = subscribe(member, &err);
    if (status != LEAT_OK && status != LEAT_RETRY)
        end_with(member, status, &err);
    return status == LEAT_OK;
}

/* ---- the member's thread ---- */

/* The host has seen that they are gone, and their tasks have ended. */
static bool has_let_go(struct leat_coordinator *member)
{
    leat_lock_take(&member->lock);
    bool has = member->is_closing || (member->told >= member->revoked_at && !(member->busy & member->revoked_slots));
    leat_lock_give(&member->lock);
    return has;
}

static void give_back(struct leat_coordinator *member)
{
    if (!member->revoked || !has_let_go(member))
        return;
    note_error(member, rd_kafka_incremental_unassign(member->client.rk, member->revoked));
    rd_kafka_topic_partition_list_destroy(member->revoked);
    member->revoked = NULL;
}

static void serve(struct leat_coordinator *member)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(member->queue, member->revoked ? BUSY_POLL_MS : POLL_MS);
    if (event)
        take_event(member, event);
    give_back(member);
}

/* librdkafka forgets its id as it sends LeaveGroup. */
static bool is_in_group(struct leat_coordinator *member)
{
    char *id = rd_kafka_memberid(member->client.rk);
    bool is_in = id && id[0];
    if (id)
        rd_kafka_mem_free(member->client.rk, id);
    return is_in;
}

/* A static member that closes keeps its place until the session ends; one that has unsubscribed before has left. */
static void end_membership(struct leat_coordinator *member)
{
    struct leat_time deadline = leat_after_us(LEAVE_US);
    while ((member->revoked || is_in_group(member)) && !leat_is_past(deadline))
        serve(member);
    note_error(member, rd_kafka_consumer_close_queue(member->client.rk, member->queue));
    while (!rd_kafka_consumer_closed(member->client.rk) && !leat_is_past(deadline))
        serve(member);
}

static void run_member(void *arg)
{
    struct leat_coordinator *member = arg;
    bool has_unsubscribed = false, is_closing = false;
    if (!join(member))
        return;
    while (!is_closing) {
        serve(member);
        is_closing = is_set(member, &member->is_closing);
        if (!has_unsubscribed && (is_closing || is_set(member, &member->is_leaving))) {
            rd_kafka_unsubscribe(member->client.rk);
            has_unsubscribed = true;
        }
    }
    if (member->status == LEAT_OK) /* written by this thread alone; else the group knows it no more */
        end_membership(member);
}

/* ---- the host's side ---- */

enum leat_status kafka_member_look(struct leat_coordinator *member, struct leat_holding *holding, struct leat_error *err)
{
    leat_bell_clear(&member->bell);
    leat_lock_take(&member->lock);
    *holding = (struct leat_holding){.slots = member->slots, .is_lost = member->is_lost};
    member->is_lost = false;
    member->looked = member->version;
    enum leat_status status = member->status;
    if (status != LEAT_OK)
        *err = member->error;
    leat_lock_give(&member->lock);
    return status;
}

void kafka_member_tell(struct leat_coordinator *member, uint64_t busy)
{
    leat_lock_take(&member->lock);
    member->busy = busy;
    member->told = member->looked;
    leat_lock_give(&member->lock);
}

int kafka_member_fd(struct leat_coordinator *member)
{
    return member->bell.fd;
}

void kafka_member_leave(struct leat_coordinator *member)
{
    leat_lock_take(&member->lock);
    member->is_leaving = true;
    leat_lock_give(&member->lock);
}

void kafka_member_close(struct leat_coordinator *member)
{
    leat_lock_take(&member->lock);
    member->is_closing = true;
    leat_lock_give(&member->lock);
    if (member->has_thread)
        leat_thread_join(member->thread);
    if (member->revoked)
        rd_kafka_topic_partition_list_destroy(member->revoked);
    if (member->queue)
        rd_kafka_queue_destroy(member->queue);
    if (member->client.rk) /* it has left, or has to leave without a word */
        rd_kafka_destroy_flags(member->client.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    leat_bell_close(&member->bell);
    leat_lock_fini(&member->lock);
    free(member->topic);
    free(member->group);
    free(member->instance);
    free(member);
}

/* ---- opening ---- */

static enum leat_status open_client(struct leat_coordinator *member, const struct kafka_group *group, int64_t session_us,
                                    struct leat_error *err)
{
    int64_t session_ms = session_us / 1000, beat_ms = session_ms / BEATS;
    snprintf(member->session_ms, sizeof member->session_ms, "%lld", (long long)session_ms);
    snprintf(member->beat_ms, sizeof member->beat_ms, "%lld", (long long)(beat_ms < BEAT_MOST_MS ? beat_ms : BEAT_MOST_MS));
    snprintf(member->hang_ms, sizeof member->hang_ms, "%lld",
             (long long)(session_ms > HANG_LEAST_MS ? session_ms : HANG_LEAST_MS));
    const struct kafka_property own[] = {
        {"group.id", member->group},
        {"group.instance.id", member->instance},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", member->session_ms},
        {"heartbeat.interval.ms", member->beat_ms},
        {"max.poll.interval.ms", member->hang_ms},
        {"enable.auto.commit", "false"},
        {"enabled_events", "16"}, /* RD_KAFKA_EVENT_REBALANCE */
        {0},
    };
    _Static_assert(RD_KAFKA_EVENT_REBALANCE == 16, "as in the property");
    return kafka_client_open(&member->client, RD_KAFKA_CONSUMER, "coordinator", group->access, own, NULL, err);
}

enum leat_status kafka_member_open(const struct kafka_group *group, const struct leat_coordinator_config *config,
                                   struct leat_coordinator **coordinator, struct leat_error *err)
{
    struct leat_coordinator *member = leat_calloc(1, sizeof *member);
    member->access = group->access;
    member->replication = group->replication;
    member->topic = leat_format_dup("%s.tasks", group->namespace);
    member->group = leat_format_dup("leat.%s", group->namespace);
    member->instance = leat_strdup(config->instance);
    member->bell.fd = -1;
    leat_lock_init(&member->lock, "member", LEAT_RANK_ACCESS);
    enum leat_status status = leat_bell_open(&member->bell, err);
    if (status == LEAT_OK)
        status = open_client(member, group, config->session_us, err);
    if (status == LEAT_OK)
        status = leat_thread_start(&member->thread, "leat-member", run_member, member, err);
    member->has_thread = status == LEAT_OK;
    if (status != LEAT_OK) {
        kafka_member_close(member);
        return status;
    }
    *coordinator = member;
    return LEAT_OK;
}

/* ---- before a run ---- */

/* Who may ask for the group's offsets may join. What the coordinator refuses librdkafka asks again, and tells as an event. */
static rd_kafka_resp_err_t ask_group(struct kafka_client *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0);
    rd_kafka_poll_set_consumer(client->rk);
    rd_kafka_resp_err_t code = rd_kafka_committed(client->rk, list, CHECK_MS);
    rd_kafka_topic_partition_list_destroy(list);
    for (rd_kafka_message_t *message; code && (message = rd_kafka_consumer_poll(client->rk, 0));) {
        code = message->err ? message->err : code; /* the last one counts */
        rd_kafka_message_destroy(message);
    }
    return code;
}

enum leat_status kafka_member_check(const struct kafka_group *group, struct leat_report *report, struct leat_error *err)
{
    char user[KAFKA_USER_MOST], *topic = leat_format_dup("%s.tasks", group->namespace), *id = leat_format_dup("leat.%s", group->namespace);
    const struct kafka_property own[] = {{"group.id", id}, {0}};
    struct kafka_client client = {0};
    enum leat_status status = kafka_client_open(&client, RD_KAFKA_CONSUMER, "check", group->access, own, NULL, err);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (status == LEAT_OK)
        code = ask_group(&client, topic);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        leat_report_error(report, "kafka %s: no right to the group %s; run: " GROUP_CURE, group->access->brokers, id,
                          kafka_user_of(&client, user), id);
    else if (code)
        leat_report_warning(report, "kafka %s: group %s: %s", group->access->brokers, id, rd_kafka_err2str(code));
    kafka_client_close(&client);
    free(topic);
    free(id);
    return status;
}
