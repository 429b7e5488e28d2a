/* sink.c - the kafka sink's calls.
 *
 *   open     looks whether it may go on, fences the older (init_transactions), ends what that one's last commit left
 *            open, reads the marks, claims them with a mark of its own
 *   put      records of the batch -> messages of the round (a refused record leaves nothing behind)
 *   settle   gives the round to the sender when that is idle; takes what it has committed
 */
#include <kafka/kafka.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <kafka/format.h>
#include <kafka/marks.h>
#include <kafka/owner.h>
#include <kafka/preflight.h>
#include <kafka/refusal.h>
#include <kafka/sender.h>
#include <kafka/topics.h>
#include <kafka/writer.h>
#include <model/batch.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUND_MOST     ((size_t)1 << 30)
#define ROUND_BYTES    ((size_t)4 << 20) /* a round is sent at the latest when it has so many bytes ... */
#define ROUND_US       50000             /* ... or so long after its first; at once where no more records wait */
#define RIVAL_US       3000000           /* how long a claim may come after the fence */
#define BATCH_BYTES    1000000 /* of messages, unless a topic takes less ... */
#define BATCH_MARGIN   1024    /* ... with so much for the frame around them */

enum { EXACTLY_ONCE, AT_LEAST_ONCE };
enum { TIME_WRITE, TIME_RECORD };

struct memory { /* of the task, from life to life (leat_task_keep()) */
    bool has_claimed;    /* the marks are ours, unless another has taken them since */
    bool is_clear;       /* how the last commit ended, the one of an earlier process, too */
    int64_t batch_bytes; /* most bytes of a batch of messages; 0: librdkafka's */
};

struct kafka_sink {
    struct leat_list brokers;
    const char *topic, *prefix, *key, *marks_topic, *transactional_id;
    struct leat_format format_option;
    struct leat_pairs headers, topic_config;
    struct kafka_access access;
    int64_t compression, guarantee, timestamp, partitions, replication;
    bool create;
    /* open */
    const char *owner; /* this process */
    struct memory *memory;
    const char *name;
    char *broker_text, *id;
    char **keys; /* of each split */
    uint32_t splits;
    struct kafka_writer writer;
    atomic_bool is_stopping;
    rd_kafka_topic_t *marks;
    struct topics *topics;
    struct format *format;
    struct sender *sender;
    struct round rounds[2], *filling, *sending; /* sending: the sender's while it is busy */
    struct refusals *refusals;
    struct leat_mark *claims;         /* owner epoch and sequence of each split */
    uint64_t taken, frozen, settled;  /* numbers of batches: put, given to the sender, committed */
    struct leat_time since;           /* of the first batch in `filling` */
    bool is_due;
};

#define AT(member) offsetof(struct kafka_sink, member)
static const char *const compressions[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const guarantees[] = {"exactly-once", "at-least-once", NULL};
static const char *const timestamps[] = {"write", "record", NULL};
static const struct leat_option options[] = {
    KAFKA_BROKERS_OPTION(struct kafka_sink, brokers, LEAT_OPT_MAIN),
    {.name = "topic", .type = LEAT_OPT_TEMPLATE, .offset = AT(topic), .preset = "{topic}",
     .about = "Kafka topic of each record; placeholders are filled per record."},
    {.name = "topic_prefix", .type = LEAT_OPT_TEXT, .offset = AT(prefix),
     .about = "Text before the topic's name, with a dot between.", .example = "shop", .alias = "topic.prefix"},
    {.name = "key", .type = LEAT_OPT_TEMPLATE, .offset = AT(key),
     .about = "Key of the message as text; without it the record's key in the format. The partition is that of Java's "
              "default partitioner.",
     .example = "{value.customer}"},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(format_option), .preset = "debezium",
     .about = "Format of key and value: its name, or {name: {options}}; see `leat plugins debezium`."},
    {.name = "headers", .type = LEAT_OPT_PAIRS, .offset = AT(headers),
     .about = "Headers of each message beside those of the record; values are templates.",
     .example = "{origin: \"{database}\"}"},
    {.name = "compression", .type = LEAT_OPT_CHOICE, .offset = AT(compression), .preset = "none", .choices = compressions,
     .about = "Compression of the batches.", .alias = "compression.type"},
    {.name = "guarantee", .type = LEAT_OPT_CHOICE, .offset = AT(guarantee), .preset = "exactly-once", .choices = guarantees,
     .about = "With exactly-once records and mark are one transaction; at-least-once is faster to see, and cannot fence."},
    {.name = "timestamp", .type = LEAT_OPT_CHOICE, .offset = AT(timestamp), .preset = "write", .choices = timestamps,
     .about = "Time of a message: when it is written, or that of the record (old ones fall to retention.ms at once)."},
    {.name = "create", .type = LEAT_OPT_BOOL, .offset = AT(create), .preset = "true",
     .about = "Make topics that are missing; false: stop and name them."},
    {.name = "partitions", .type = LEAT_OPT_INT, .offset = AT(partitions), .preset = "0", .min = 0, .max = 100000,
     .about = "Partitions of topics that are made; 0: as many as the broker likes."},
    {.name = "replication", .type = LEAT_OPT_INT, .offset = AT(replication), .preset = "0", .min = 0, .max = 100,
     .about = "Replicas of topics that are made; 0: as many as the broker likes."},
    {.name = "topic_config", .type = LEAT_OPT_PAIRS, .offset = AT(topic_config), .about = "Settings of topics that are made.",
     .example = "{cleanup.policy: compact}"},
    {.name = "marks_topic", .type = LEAT_OPT_TEXT, .offset = AT(marks_topic), .preset = "leat-marks",
     .about = "Compacted topic with one partition that keeps the marks; it is made where it is missing and `create` allows."},
    {.name = "transactional_id", .type = LEAT_OPT_TEXT, .offset = AT(transactional_id),
     .about = "Begin of the transactional id, in place of leat.CONNECTOR; a dot and the task's number follow."},
    KAFKA_ACCESS_OPTIONS(struct kafka_sink, access, "{linger.ms: 20}"),
    {0}};

static const char *const owned[] = {"bootstrap.servers", "metadata.broker.list", "transactional.id", "enable.idempotence",
                                    "isolation.level", "enable.partition.eof", "delivery.report.only.error",
                                    "allow.auto.create.topics", "compression.codec", "compression.type", NULL};

static struct kafka_topic_wish make_wish(const struct kafka_sink *self)
{
    return (struct kafka_topic_wish){
        .partitions = self->partitions, .replication = self->replication, .config = self->topic_config};
}

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    char *brokers = kafka_brokers_dup(&self->brokers);
    self->access.brokers = brokers;
    const struct preflight_config config = {
        .access = &self->access,
        .topic = self->topic,
        .prefix = self->prefix,
        .marks_topic = self->marks_topic,
        .transactional_id = self->transactional_id,
        .may_make = self->create,
        .is_exact = self->guarantee == EXACTLY_ONCE,
        .wish = make_wish(self),
    };
    enum leat_status status = kafka_preflight(&config, report, err);
    free(brokers);
    self->access.brokers = NULL;
    return status;
}

static enum leat_status validate(void *arg, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    const struct format_config config = {"check", &self->format_option, self->key, self->headers};
    char *brokers = kafka_brokers_dup(&self->brokers);
    struct kafka_access access = self->access;
    access.brokers = brokers;
    enum leat_status status = kafka_access_validate(&access, owned, err);
    free(brokers);
    if (status == LEAT_OK && !self->brokers.count)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "brokers: there is none");
    return status == LEAT_OK ? format_validate(&config, err) : status;
}

/* ---- whose it is ---- */

static enum leat_status read_mark(struct kafka_sink *self, struct leat_task *task, uint32_t split, struct kafka_found *found,
                                  struct leat_error *err)
{
    return kafka_mark_read(self->name, task, &self->access, self->marks_topic, self->keys[split], KAFKA_MARKS_COMMITTED, found,
                           err);
}

static bool is_rival(const struct kafka_sink *self, const struct kafka_found *found)
{
    return found->owner[0] && strcmp(found->owner, self->owner) != 0;
}

static enum leat_status fenced_by(const struct kafka_sink *self, const char *by, struct leat_error *err)
{
    return leat_fail(err, LEAT_FENCED, "fenced by %s, which writes to kafka %s as %s", by, self->access.brokers, self->id);
}

/* The broker refuses our producer: another has taken over, or our transaction took longer than it may. The other's claim
 * tells; it may come a moment after the fence. */
static enum leat_status judge_fence(struct kafka_sink *self, struct leat_task *task, struct leat_error *err)
{
    char text[64];
    size_t size = sizeof text;
    int64_t most_ms = rd_kafka_conf_get(rd_kafka_conf(self->writer.client.rk), "transaction.timeout.ms", text, &size) ==
                              RD_KAFKA_CONF_OK
                          ? strtoll(text, NULL, 10)
                          : 60000;
    bool was_late = (leat_now().ns - self->writer.began.ns) / 1000000 >= most_ms;
    struct leat_time deadline = leat_after_us(was_late ? 0 : RIVAL_US);
    struct kafka_found found;
    do {
        enum leat_status status = read_mark(self, task, 0, &found, err);
        if (status != LEAT_OK)
            return status;
        if (is_rival(self, &found))
            return fenced_by(self, found.owner, err);
    } while (!leat_is_past(deadline) && !leat_task_is_stopping(task));
    if (was_late)
        return leat_fail(err, LEAT_RETRY, "kafka %s: a transaction took longer than transaction.timeout.ms, %lld ms",
                         self->access.brokers, (long long)most_ms);
    return fenced_by(self, "another producer", err);
}

/* Opening again, put() refuses their records. */
static enum leat_status note_refused(struct kafka_sink *self, struct leat_error *err)
{
    const struct round *round = self->sending;
    uint32_t count = 0;
    const char *topic = "?", *why = "?";
    for (uint32_t i = 0; i < round->count; i++) {
        const struct round_message *message = &round->messages[i];
        if (!message->refused)
            continue;
        refusals_note(self->refusals, refusal_mark(message, &round->bytes), message->refused);
        topic = rd_kafka_topic_name(message->topic);
        why = rd_kafka_err2str(message->refused);
        count++;
    }
    return leat_fail(err, LEAT_RETRY, "kafka %s: topic %s refuses %u of %u messages: %s; opening again without them",
                     self->access.brokers, topic, count, round->count, why);
}

static enum leat_status judge_sent(struct kafka_sink *self, struct leat_task *task, enum leat_status status,
                                   struct leat_error *err)
{
    if (status == LEAT_REJECT)
        return note_refused(self, err);
    return status == LEAT_FENCED ? judge_fence(self, task, err) : status;
}

/* May we take the split? After a RETRY not from another who took it meanwhile; at a start not where the host would stop then. */
static enum leat_status judge_found(const struct kafka_sink *self, struct leat_task *task, uint32_t split,
                                    const struct kafka_found *found, struct leat_error *err)
{
    if (self->memory->has_claimed)
        return is_rival(self, found) ? fenced_by(self, found->owner, err) : LEAT_OK;
    return leat_task_accepts(task, split, &found->mark, is_rival(self, found) ? found->owner : "", err);
}

/* Opening the writer fences who is there: so the marks are looked at first. A transaction of our own may still be open, and
 * only open_writer() ends it: so open ones are looked at, and their ends waited for where it matters. */
static enum leat_status look_before(struct kafka_sink *self, struct leat_task *task, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    struct kafka_found found;
    for (uint32_t i = 0; status == LEAT_OK && i < self->splits; i++) {
        status = kafka_mark_read(self->name, task, &self->access, self->marks_topic, self->keys[i], KAFKA_MARKS_OPEN, &found,
                                 err);
        if (status != LEAT_OK || judge_found(self, task, i, &found, err) == LEAT_OK)
            continue;
        status = read_mark(self, task, i, &found, err);
        if (status == LEAT_OK)
            status = judge_found(self, task, i, &found, err);
    }
    return status;
}

/* By a handle of its own, as the writer is not open yet. */
static enum leat_status prepare_marks(struct kafka_sink *self, struct leat_task *task, struct leat_error *err)
{
    static const struct kafka_property none[] = {{0}};
    struct kafka_client client = {0};
    enum leat_status status = kafka_client_open(&client, RD_KAFKA_CONSUMER, self->name, &self->access, none, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = kafka_marks_prepare(&client, task, self->marks_topic, self->create, self->replication, err);
    kafka_client_close(&client);
    return status;
}

/* ---- open ---- */

static enum leat_status open_writer(void *arg, struct kafka_writer *writer, struct leat_error *err)
{
    const struct kafka_sink *self = arg;
    char batch[32];
    bool is_exact = self->guarantee == EXACTLY_ONCE;
    const struct kafka_property own[] = {
        {"enable.idempotence", "true"},
        {"partitioner", "murmur2_random"},
        {"delivery.report.only.error", "true"},
        {"linger.ms", "5"},
        {"queue.buffering.max.messages", "1000000"},
        {"compression.codec", compressions[self->compression]},
        {"batch.size", batch},
        {is_exact ? "transactional.id" : NULL, self->id},
        {0}};
    snprintf(batch, sizeof batch, "%lld", (long long)(self->memory->batch_bytes ? self->memory->batch_bytes : BATCH_BYTES));
    return writer_open(writer, self->name, &self->access, own, is_exact, &self->is_stopping, err);
}

/* The mark that stands in Kafka, or an empty one, once more, as ours: a claim. */
static void note_claim(struct kafka_sink *self, uint32_t split, const struct leat_mark *stored)
{
    struct leat_mark claim = *stored;
    claim.layout = LEAT_MARK_LAYOUT;
    claim.owner_epoch++;
    claim.sequence++;
    self->claims[split] = claim;
    self->filling->marks[split] = (struct round_mark){.key = self->keys[split], .is_dirty = true, .mark = claim};
}

static enum leat_status claim_splits(struct kafka_sink *self, struct leat_task *task, struct leat_marks *stored,
                                     struct leat_error *err)
{
    struct kafka_found found;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < self->splits; i++) {
        status = read_mark(self, task, i, &found, err);
        if (status == LEAT_OK && self->memory->has_claimed && is_rival(self, &found))
            status = fenced_by(self, found.owner, err);
        if (status != LEAT_OK)
            return status;
        note_claim(self, i, &found.mark);
        if (found.mark.cursor.len > 0)
            stored->items[i] = found.mark;
        if (is_rival(self, &found))
            leat_say(LEAT_INFO, self->name, "takes %s over from %s", self->keys[i], found.owner);
    }
    status = writer_begin(&self->writer, err);
    if (status == LEAT_OK)
        status = round_send_marks(self->filling, &self->writer, self->marks, self->owner, err);
    if (status == LEAT_OK)
        status = writer_commit(&self->writer, err);
    if (status == LEAT_REJECT)
        status = LEAT_STOP; /* the marks' topic */
    self->memory->has_claimed = self->memory->has_claimed || status == LEAT_OK;
    for (uint32_t i = 0; i < self->splits; i++)
        self->filling->marks[i].is_dirty = false;
    return judge_sent(self, task, status, err);
}

static enum leat_status end_unclear(struct kafka_sink *self, struct leat_error *err)
{
    if (self->memory->is_clear || self->guarantee != EXACTLY_ONCE)
        return LEAT_OK;
    enum leat_status status = writer_end_unclear(&self->writer, &self->marks, 1, err);
    self->memory->is_clear = status == LEAT_OK;
    return status;
}

static int64_t message_most(const struct kafka_sink *self)
{
    char text[64];
    size_t size = sizeof text;
    const rd_kafka_conf_t *conf = rd_kafka_conf(self->writer.client.rk);
    return rd_kafka_conf_get(conf, "message.max.bytes", text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 1000000;
}

static enum leat_status open_parts(struct kafka_sink *self, struct leat_task *task, struct leat_error *err)
{
    const struct topics_config topics = {.name = self->topic, .prefix = self->prefix, .may_make = self->create,
                                         .wish = make_wish(self),
                                         .message_most = message_most(self)};
    const struct format_config format = {self->name, &self->format_option, self->key, self->headers};
    const struct sender_config sender = {&self->writer, self->marks, self->owner, open_writer, self};
    enum leat_status status = topics_open(&self->topics, &topics, &self->writer.client, err);
    if (status == LEAT_OK)
        status = format_open(&self->format, &format, err);
    return status == LEAT_OK ? sender_start(&self->sender, task, &sender, err) : status;
}

static void name_all(struct kafka_sink *self, struct leat_task *task, const struct leat_splits *claim)
{
    const char *given = self->transactional_id;
    self->name = leat_task_name(task);
    self->id = leat_format_dup("%s%s.%u", given ? given : "leat.", given ? "" : self->name, leat_task_number(task));
    self->access.brokers = self->broker_text = kafka_brokers_dup(&self->brokers);
    self->splits = claim->count;
    self->keys = leat_calloc(claim->count + 1, sizeof *self->keys);
    for (uint32_t i = 0; i < claim->count; i++)
        self->keys[i] = leat_format_dup("%s/%s", self->name, claim->names[i]);
    self->claims = leat_calloc(claim->count + 1, sizeof *self->claims);
    for (int i = 0; i < 2; i++)
        round_init(&self->rounds[i], claim->count, ROUND_MOST);
    self->filling = &self->rounds[0];
    self->owner = kafka_owner();
    self->memory = leat_task_keep(task, sizeof *self->memory);
    self->refusals = refusals_of(self->id);
    refusals_reopen(self->refusals);
}

static enum leat_status open_kafka(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                   struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    *guarantee = self->guarantee == EXACTLY_ONCE ? LEAT_EXACTLY_ONCE_COMMITTED : LEAT_AT_LEAST_ONCE;
    self->taken = self->frozen = self->settled = 0;
    self->is_due = false;
    atomic_store(&self->is_stopping, false);
    name_all(self, task, claim);
    enum leat_status status = prepare_marks(self, task, err);
    if (status == LEAT_OK)
        status = look_before(self, task, err);
    if (status == LEAT_OK)
        status = open_writer(self, &self->writer, err);
    if (status != LEAT_OK)
        return status;
    self->marks = rd_kafka_topic_new(self->writer.client.rk, self->marks_topic, NULL);
    if (!self->marks)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "marks_topic: \"%s\" is no name of a topic", self->marks_topic);
    status = judge_sent(self, task, end_unclear(self, err), err);
    if (status == LEAT_OK)
        status = claim_splits(self, task, stored, err);
    return status == LEAT_OK ? open_parts(self, task, err) : status;
}

static enum leat_status peek_marks(void *arg, const char *connector, const struct leat_splits *splits, struct leat_marks *found,
                                   struct leat_error *err)
{
    const struct kafka_sink *self = arg;
    char *brokers = kafka_brokers_dup(&self->brokers);
    struct kafka_access access = self->access;
    enum leat_status status = LEAT_OK;
    access.brokers = brokers;
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++) {
        struct kafka_found stored;
        char *key = leat_format_dup("%s/%s", connector, splits->names[i]);
        status = kafka_mark_read(connector, NULL, &access, self->marks_topic, key, KAFKA_MARKS_COMMITTED, &stored, err);
        free(key);
        if (status != LEAT_OK)
            break;
        found->items[i] = stored.mark;
        snprintf(found->owners[i], LEAT_OWNER_MAX, "%.*s", LEAT_OWNER_MAX - 1, stored.owner);
    }
    free(brokers);
    return status;
}

static void close_kafka(void *arg, struct leat_task *task)
{
    struct kafka_sink *self = arg;
    (void)task;
    atomic_store(&self->is_stopping, true);
    if (self->sender)
        sender_stop(self->sender); /* first: writer and rounds are in its hands */
    self->sender = NULL;
    topics_close(self->topics);
    self->topics = NULL;
    format_close(self->format);
    self->format = NULL;
    if (self->marks)
        rd_kafka_topic_destroy(self->marks);
    self->marks = NULL;
    self->memory->is_clear = self->memory->is_clear && !self->writer.is_unclear;
    writer_close(&self->writer);
    round_fini(&self->rounds[0]); /* after the producer, which reads them */
    round_fini(&self->rounds[1]);
    for (uint32_t i = 0; i < self->splits; i++)
        free(self->keys[i]);
    free(self->keys);
    free(self->claims);
    free(self->broker_text);
    free(self->id);
    self->keys = NULL;
    self->claims = NULL;
    self->id = self->broker_text = NULL;
    self->splits = 0;
}

/* ---- put ---- */

/* Batches of messages may be no larger than the topic's limit; librdkafka has one size for all. */
static enum leat_status keep_batches_small(struct kafka_sink *self, const char *topic, struct leat_error *err)
{
    int64_t most = topics_batch_most(self->topics);
    int64_t now = self->memory->batch_bytes ? self->memory->batch_bytes : BATCH_BYTES;
    if (now + BATCH_MARGIN <= most || now == 1)
        return LEAT_OK;
    self->memory->batch_bytes = most > 2 * BATCH_MARGIN ? most - BATCH_MARGIN : 1; /* 1: a message a batch */
    return leat_fail(err, LEAT_RETRY, "kafka %s: topic %s takes batches of %lld bytes; opening again with batches as small",
                     self->access.brokers, topic, (long long)most);
}

static enum leat_status judge_refused(struct kafka_sink *self, const struct round_message *message, uint64_t batch,
                                      struct leat_error *err)
{
    rd_kafka_resp_err_t code = refusals_find(self->refusals, refusal_mark(message, &self->filling->bytes), batch);
    if (!code)
        return LEAT_OK;
    return leat_fail(err, LEAT_REJECT, "topic %s refuses it: %s", rd_kafka_topic_name(message->topic), rd_kafka_err2str(code));
}

static enum leat_status add_record(struct kafka_sink *self, struct leat_task *task, const struct leat_record *rec,
                                   uint64_t batch, struct leat_error *err)
{
    struct target *target;
    size_t size;
    if (rec->flags & LEAT_DROPPED)
        return LEAT_OK;
    enum leat_status status = topics_find(self->topics, task, rec, &target, err);
    if (status == LEAT_OK)
        status = keep_batches_small(self, rd_kafka_topic_name(target->topic), err);
    if (status != LEAT_OK)
        return status;
    struct round_message *message = round_add(self->filling);
    message->topic = target->topic;
    message->time_ms = self->timestamp == TIME_RECORD ? rec->time_us / 1000 : 0;
    message->offset = rec->offset;
    status = format_add(self->format, rec, &self->filling->bytes, message, &size, err);
    if (status == LEAT_OK && (int64_t)size > target->message_most)
        status = leat_fail(err, LEAT_REJECT, "its message has %zu bytes, topic %s takes %lld", size,
                           rd_kafka_topic_name(target->topic), (long long)target->message_most);
    if (status == LEAT_OK && target->needs_key && !message->has_key)
        status = leat_fail(err, LEAT_REJECT, "it has no key, and topic %s is compacted", rd_kafka_topic_name(target->topic));
    return status == LEAT_OK && !refusals_are_empty(self->refusals) ? judge_refused(self, message, batch, err) : status;
}

static enum leat_status add_batch(struct kafka_sink *self, struct leat_task *task, const struct leat_batch *batch,
                                  struct leat_error *err)
{
    bool has_rejects = false;
    uint32_t messages = self->filling->count;
    size_t bytes = self->filling->bytes.len;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < leat_batch_count(batch); i++) {
        uint32_t before = self->filling->count;
        size_t bytes_before = self->filling->bytes.len;
        status = add_record(self, task, leat_batch_get(batch, i), leat_batch_number(batch), err);
        if (status != LEAT_REJECT)
            continue;
        round_cut(self->filling, before, bytes_before);
        leat_batch_reject(batch, i, "%s", err->text);
        has_rejects = true;
        status = LEAT_OK;
    }
    if (status == LEAT_OK && has_rejects)
        status = LEAT_REJECT;
    if (status != LEAT_OK)
        round_cut(self->filling, messages, bytes);
    return status;
}

static void note_mark(struct kafka_sink *self, const struct leat_batch *batch)
{
    uint32_t split = leat_batch_split(batch);
    struct round_mark *mark = &self->filling->marks[split];
    leat_batch_mark(batch, &mark->mark);
    mark->key = self->keys[split];
    mark->is_dirty = true;
    mark->mark.owner_epoch = self->claims[split].owner_epoch;
    mark->mark.sequence = ++self->claims[split].sequence;
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    if (self->filling->bytes.len >= ROUND_BYTES && sender_is_busy(self->sender))
        return LEAT_AGAIN;
    enum leat_status status = add_batch(self, task, batch, err);
    if (status != LEAT_OK)
        return status;
    note_mark(self, batch);
    if (self->taken == self->frozen)
        self->since = leat_now();
    self->taken = leat_batch_number(batch);
    self->is_due = self->is_due || batch->is_at_end || self->filling->bytes.len >= ROUND_BYTES;
    return LEAT_OK;
}

/* ---- settle ---- */

/* The sender is idle, and all of its last round is committed. */
static void begin_round(struct kafka_sink *self)
{
    leat_assert(self->settled == self->frozen);
    struct round *round = self->filling;
    self->filling = round == &self->rounds[0] ? &self->rounds[1] : &self->rounds[0];
    leat_assert(self->filling->count == 0);
    self->frozen = self->taken;
    self->is_due = false;
    self->sending = round;
    sender_begin(self->sender, round);
}

/* Takes what the sender has committed, waiting for it until the deadline. AGAIN: not over yet. */
static enum leat_status take_done(struct kafka_sink *self, struct leat_task *task, struct leat_time deadline,
                                  struct leat_error *err)
{
    enum leat_status status;
    if (!sender_wait(self->sender, deadline, &status, err))
        return LEAT_AGAIN;
    if (status == LEAT_OK)
        self->settled = self->frozen;
    if (status == LEAT_OK && !refusals_are_empty(self->refusals))
        refusals_settle(self->refusals, self->settled);
    return judge_sent(self, task, status, err);
}

static enum leat_status settle(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                               struct leat_time *next, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    enum leat_status status = LEAT_OK;
    (void)rejects;
    *next = LEAT_NEVER;
    if (!sender_is_busy(self->sender))
        status = take_done(self, task, leat_now(), err);
    else
        status = LEAT_AGAIN; /* its end wakes the task */
    *done = self->settled;
    if (status != LEAT_OK || self->taken == self->frozen)
        return status == LEAT_AGAIN ? LEAT_OK : status;
    struct leat_time due = {self->since.ns + (int64_t)ROUND_US * 1000};
    if (self->is_due || leat_is_past(due))
        begin_round(self);
    else
        *next = due;
    return LEAT_OK;
}

static enum leat_status flush(void *arg, struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    struct kafka_sink *self = arg;
    enum leat_status status = take_done(self, task, deadline, err);
    if (status != LEAT_OK || self->taken == self->frozen)
        return status;
    begin_round(self);
    return take_done(self, task, deadline, err);
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    const struct kafka_sink *self = arg;
    bool is_exact = self->guarantee == EXACTLY_ONCE;
    *why = is_exact ? "readers need isolation.level=read_committed" : "guarantee: at-least-once";
    return is_exact ? LEAT_EXACTLY_ONCE_COMMITTED : LEAT_AT_LEAST_ONCE;
}

const struct leat_sink_type leat_sink_kafka = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK | LEAT_ORDER_BY_KEY | LEAT_REFUSES_EARLY | LEAT_WANTS_SCHEMA,
    .name = "kafka",
    .about = "Records as messages of Kafka topics, exactly once for readers of committed data, by transactions.",
    .size = sizeof(struct kafka_sink),
    .options = options,
    .validate = validate,
    .check = check,
    .open = open_kafka,
    .put = put,
    .settle = settle,
    .flush = flush,
    .close = close_kafka,
    .promise = promise,
    .marks = peek_marks,
};
