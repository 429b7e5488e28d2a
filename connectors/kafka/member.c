#include <kafka/member.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/thread.h>
#include <kafka/preflight.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POLL_MS       100
#define BUSY_POLL_MS  10     /* while tasks are awaited */
#define BEATS         6      /* in a session */
#define BEAT_MOST_MS  1000   /* others notice at a heartbeat that somebody came or left */
#define HANG_LEAST_MS 60000  /* a member that does not poll for so long is evicted */
#define LEAVE_US      5000000
#define AGAIN_US      1000000 /* between looks for brokers, before it has joined */
#define CHECK_US      10000000 /* for a group that answers */
#define CHECK_SLICE_MS 500
#define FENCES_MOST   100 /* that were none */

#define GROUP_CURE "kafka-acls.sh --add --allow-principal User:%s --operation Read --resource-pattern-type prefixed --group %s"

struct leat_coordinator {
    struct kafka_client client;
    const struct kafka_access *access;
    char *topic, *group, *instance;
    char *name_group, *word; /* where a process of our name leaves its word, and ours */
    int64_t replication;
    bool is_fenced;  /* the group says that another one has our name */
    unsigned fences; /* in which it was ourselves */
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
        member->is_fenced = true;
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

static enum leat_status open_client(struct leat_coordinator *member, struct leat_error *err)
{
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
    return kafka_client_open(&member->client, RD_KAFKA_CONSUMER, "coordinator", member->access, own, NULL, err);
}

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

/* ---- whose name ----
 *
 * A request to join of which the answer is lost, as brokers restart, leaves a member of our name in the group; the next
 * request puts that one out, and the group says to one of the two, both ourselves, that another one has its name. So each
 * process leaves a word of its own before it joins, as an offset's metadata in a group that is called as it is. */

static enum leat_status open_name(const struct leat_coordinator *member, struct kafka_client *client, struct leat_error *err)
{
    const struct kafka_property own[] = {{"group.id", member->name_group}, {"enable.auto.commit", "false"}, {0}};
    return kafka_client_open(client, RD_KAFKA_CONSUMER, "coordinator", member->access, own, NULL, err);
}

/* Of a group that it has not joined, whatever is under way. */
static void let_go_of(struct kafka_client *client)
{
    if (client->rk)
        rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->rk = NULL;
}

static rd_kafka_topic_partition_list_t *one_offset(const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    return list;
}

/* Why a group does not answer comes as an event. */
static bool is_forbidden(struct kafka_client *client)
{
    bool is = false;
    for (rd_kafka_message_t *message; (message = rd_kafka_consumer_poll(client->rk, 0));) {
        is = is || message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        rd_kafka_message_destroy(message);
    }
    return is;
}

static rd_kafka_resp_err_t ask_committed(struct kafka_client *client, rd_kafka_topic_partition_list_t *list)
{
    struct leat_time deadline = leat_after_us(CHECK_US);
    rd_kafka_resp_err_t code;
    rd_kafka_poll_set_consumer(client->rk);
    do {
        code = rd_kafka_committed(client->rk, list, CHECK_SLICE_MS);
        if (code && is_forbidden(client))
            return RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    } while (code && !leat_is_past(deadline));
    return code ? code : list->elems[0].err;
}

static rd_kafka_resp_err_t commit(struct kafka_client *client, const rd_kafka_topic_partition_list_t *list)
{
    struct leat_time deadline = leat_after_us(CHECK_US);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(client->rk, list, queue, NULL, NULL);
    rd_kafka_event_t *event = NULL;
    while (!code && !event && !leat_is_past(deadline))
        event = rd_kafka_queue_poll(queue, CHECK_SLICE_MS);
    if (!code)
        code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return code;
}

static enum leat_status judge_name(struct leat_coordinator *member, struct kafka_client *client, rd_kafka_resp_err_t code,
                                   struct leat_error *err)
{
    char user[KAFKA_USER_MOST];
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return leat_fail(err, LEAT_STOP, "no right to the group %s; run: " GROUP_CURE, member->name_group,
                         kafka_user_of(client, user), member->group);
    return code ? kafka_failed(client, member->name_group, rd_kafka_err2str(code), err) : LEAT_OK;
}

static enum leat_status leave_word(struct leat_coordinator *member, struct kafka_client *client, struct leat_error *err)
{
    rd_kafka_topic_partition_list_t *list = one_offset(member->topic), *found = one_offset(member->topic);
    list->elems[0].metadata = leat_strdup(member->word); /* the list's */
    list->elems[0].metadata_size = strlen(member->word);
    rd_kafka_resp_err_t code = ask_committed(client, found); /* a commit that is not answered is waited for at the client's end */
    if (!code)
        code = commit(client, list);
    rd_kafka_topic_partition_list_destroy(found);
    rd_kafka_topic_partition_list_destroy(list);
    return judge_name(member, client, code, err);
}

/* FENCED: another process was called so after us. */
static enum leat_status look_for_word(struct leat_coordinator *member, struct kafka_client *client, struct leat_error *err)
{
    rd_kafka_topic_partition_list_t *list = one_offset(member->topic);
    enum leat_status status = judge_name(member, client, ask_committed(client, list), err);
    const rd_kafka_topic_partition_t *found = &list->elems[0];
    if (status == LEAT_OK && found->metadata_size > 0 &&
        (found->metadata_size != strlen(member->word) || memcmp(found->metadata, member->word, found->metadata_size) != 0))
        status = leat_fail(err, LEAT_FENCED, "another process of group %s has taken over the name %s: %.*s", member->group,
                           member->instance, (int)found->metadata_size, (const char *)found->metadata);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

static enum leat_status settle_name(struct leat_coordinator *member, struct leat_error *err)
{
    struct kafka_client client = {0};
    enum leat_status status = open_name(member, &client, err);
    if (status == LEAT_OK)
        status = member->fences > 0 ? look_for_word(member, &client, err) : leave_word(member, &client, err);
    let_go_of(&client);
    return status;
}

/* Nothing of ours may run any more, as when it was taken for dead. */
static void drop_membership(struct leat_coordinator *member)
{
    leat_lock_take(&member->lock);
    member->slots = 0;
    member->is_lost = true;
    member->revoked_at = ++member->version;
    member->revoked_slots = UINT64_MAX;
    leat_lock_give(&member->lock);
    leat_bell_ring(&member->bell);
    if (member->revoked)
        rd_kafka_topic_partition_list_destroy(member->revoked);
    member->revoked = NULL;
    rd_kafka_queue_destroy(member->queue);
    member->queue = NULL;
    rd_kafka_destroy_flags(member->client.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    member->client.rk = NULL;
}

/* A new client is told nothing that was meant for the old one. */
static enum leat_status prepare_again(struct leat_coordinator *member, struct leat_error *err)
{
    enum leat_status status = member->client.rk ? LEAT_OK : open_client(member, err);
    if (status == LEAT_OK)
        status = prepare_topic(member, err);
    return status == LEAT_OK ? settle_name(member, err) : status;
}

/* Brokers may be away when a process begins, as they may be later. False: it ends before it has joined. */
static bool join(struct leat_coordinator *member)
{
    struct leat_error err = {.cause = LEAT_CAUSE_OTHER};
    enum leat_status status = LEAT_RETRY;
    while (status == LEAT_RETRY && !is_ending(member)) {
        status = prepare_again(member, &err);
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

/* False: it ends, or another process has our name. */
static bool join_again(struct leat_coordinator *member)
{
    drop_membership(member);
    while (!is_ending(member) && !has_let_go(member))
        leat_os->poll(NULL, 0, BUSY_POLL_MS);
    member->is_fenced = false;
    if (++member->fences > FENCES_MOST) {
        fail_member(member, LEAT_FENCED, "the group says again and again that another process has this name");
        return false;
    }
    return join(member);
}

static void run_member(void *arg)
{
    struct leat_coordinator *member = arg;
    bool has_unsubscribed = false, is_closing = false;
    if (!join(member))
        return;
    while (!is_closing) {
        serve(member);
        if (member->is_fenced && !join_again(member))
            return;
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
    free(member->name_group);
    free(member->word);
    free(member);
}

/* ---- opening ---- */

static void set_times(struct leat_coordinator *member, int64_t session_us)
{
    int64_t session_ms = session_us / 1000, beat_ms = session_ms / BEATS;
    snprintf(member->session_ms, sizeof member->session_ms, "%lld", (long long)session_ms);
    snprintf(member->beat_ms, sizeof member->beat_ms, "%lld", (long long)(beat_ms < BEAT_MOST_MS ? beat_ms : BEAT_MOST_MS));
    snprintf(member->hang_ms, sizeof member->hang_ms, "%lld",
             (long long)(session_ms > HANG_LEAST_MS ? session_ms : HANG_LEAST_MS));
}

/* "HOST, pid 4711, start 1a2b...": of this process alone. */
static char *draw_word(void)
{
    uint64_t start;
    char host[100] = "";
    gethostname(host, sizeof host - 1);
    leat_os_random(leat_os, &start, sizeof start);
    return leat_format_dup("%s, pid %ld, start %016llx", host, (long)getpid(), (unsigned long long)start);
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
    member->name_group = leat_format_dup("leat.%s.%s", group->namespace, config->instance);
    member->word = draw_word();
    set_times(member, config->session_us);
    member->bell.fd = -1;
    leat_lock_init(&member->lock, "member", LEAT_RANK_ACCESS);
    enum leat_status status = leat_bell_open(&member->bell, err);
    if (status == LEAT_OK)
        status = open_client(member, err);
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

/* Who may ask for a group's offsets may join it. REJECT: it has been reported. */
static enum leat_status check_group(const struct kafka_group *group, const char *id, const char *prefix, struct leat_report *report,
                                    struct leat_error *err)
{
    char user[KAFKA_USER_MOST];
    char topic[256];
    snprintf(topic, sizeof topic, "%s.tasks", group->namespace);
    const struct kafka_property own[] = {{"group.id", id}, {0}};
    struct kafka_client client = {0};
    enum leat_status status = kafka_client_open(&client, RD_KAFKA_CONSUMER, "check", group->access, own, NULL, err);
    if (status != LEAT_OK)
        return status;
    rd_kafka_topic_partition_list_t *list = one_offset(topic);
    rd_kafka_resp_err_t code = ask_committed(&client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        leat_report_error(report, "kafka %s: no right to the group %s; run: " GROUP_CURE, group->access->brokers, id,
                          kafka_user_of(&client, user), prefix);
    else if (code)
        leat_report_warning(report, "kafka %s: group %s: %s", group->access->brokers, id, rd_kafka_err2str(code));
    let_go_of(&client);
    return code ? LEAT_REJECT : LEAT_OK;
}

enum leat_status kafka_member_check(const struct kafka_group *group, struct leat_report *report, struct leat_error *err)
{
    char *id = leat_format_dup("leat.%s", group->namespace), *name = leat_format_dup("leat.%s.check", group->namespace);
    enum leat_status status = check_group(group, id, id, report, err);
    if (status == LEAT_OK)
        status = check_group(group, name, id, report, err);
    free(id);
    free(name);
    return status == LEAT_REJECT ? LEAT_OK : status;
}
