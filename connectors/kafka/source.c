/* source.c - the kafka source's calls.
 *
 *   open     a handle of librdkafka, which belongs to no group: partitions are given to readers, not subscribed to
 *   poll     looks for partitions, at first and then every `refresh`; hands out what the readers have posted
 *   durable  the group, if one is named, learns how far we are
 *
 *   owner    look -> parts -> readers            one reader per `parallel`, each a side thread with a share of the partitions
 *   readers  messages -> records -> batches      source_reader.h
 *
 * Where it goes on stands in our own unit, with the records (I1): Kafka is asked for an exact offset, and never decides
 * by itself where to go on (auto.offset.reset is "error").
 */
#include <kafka/kafka.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/text.h>
#include <kafka/preflight.h>
#include <kafka/source_check.h>
#include <kafka/source_group.h>
#include <kafka/source_parts.h>
#include <model/batch.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_OPEN_US 20000000
#define PATIENCE_US      5000000
#define HURRY_US         500000  /* where an answer lacked */
#define IDLE_WAIT_US     1000000
#define GOODBYE_MS       1000    /* for the last word to the group */
#define FETCH_MOST       (50 << 20)

struct kafka_source {
    struct leat_list brokers, topics;
    const char *start, *key_format, *group;
    struct leat_format format;
    struct kafka_access access;
    int64_t parallel, prefetch, refresh_us, on_gap;
    /* open */
    char *broker_text;
    struct kafka_client client;
    struct source_reader **readers;
    struct source_parts parts;
    struct source_group told;
    struct leat_time look_at, soon; /* the next look; the earliest time for one, where something is amiss */
    bool is_open, has_looked;
    uint32_t shown; /* partitions that progress told of */
};

enum { GAP_STOP, GAP_CONTINUE };

#define AT(member) offsetof(struct kafka_source, member)
static const char *const gap_choices[] = {"stop", "continue", NULL};
static const struct leat_option options[] = {
    KAFKA_BROKERS_OPTION(struct kafka_source, brokers, 0),
    {.name = "topics", .type = LEAT_OPT_LIST, .flags = LEAT_OPT_REQUIRED, .offset = AT(topics),
     .about = "Topics: names or patterns, where * and ? stay inside one dotted part and ! excludes; NAME/3 is one partition.",
     .example = "[orders, \"shop.*\", \"!shop.test*\"]"},
    {.name = "start", .type = LEAT_OPT_TEXT, .offset = AT(start), .preset = "earliest",
     .about = "Where a new source begins: earliest, latest or a time; what appears later is read from its first record.",
     .example = "2026-01-02T03:04:05Z", .alias = "auto.offset.reset"},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(format), .preset = "json",
     .about = "Format of the values: json, debezium, text, bytes, or one of a plug-in."},
    {.name = "key_format", .type = LEAT_OPT_TEXT, .offset = AT(key_format), .preset = "auto",
     .about = "Format of the keys; auto: as the format has them where that is one of changes (debezium), else text, or bytes where it is no UTF-8."},
    {.name = "group", .type = LEAT_OPT_TEXT, .offset = AT(group),
     .about = "Consumer group that is told of offsets, once durable here, for lag tools; nothing is read from it.",
     .alias = "group.id"},
    {.name = "on_gap", .type = LEAT_OPT_CHOICE, .offset = AT(on_gap), .preset = "stop", .choices = gap_choices,
     .about = "When records were lost before they were read: stop, or write a gap record and go on with the first that is there."},
    {.name = "parallel", .type = LEAT_OPT_INT, .offset = AT(parallel), .preset = "1", .min = 1, .max = 16,
     .about = "Threads that read and decode; each partition stays with one."},
    {.name = "refresh", .type = LEAT_OPT_TIME, .offset = AT(refresh_us), .preset = "30s", .min = 10000, .max = 86400000000,
     .about = "How often new topics and partitions are looked for."},
    {.name = "prefetch", .type = LEAT_OPT_SIZE, .offset = AT(prefetch), .preset = "16MiB", .min = 1 << 20, .max = 1 << 30,
     .about = "Most bytes of messages that wait in memory for each reader; then fetching pauses."},
    KAFKA_ACCESS_OPTIONS(struct kafka_source, access, "{fetch.wait.max.ms: 20}"),
    {0}};

static const char *const owned[] = {"bootstrap.servers", "metadata.broker.list", "isolation.level", "enable.partition.eof",
                                    "auto.offset.reset", "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store",
                                    "group.id", "allow.auto.create.topics", "queued.max.messages.kbytes", NULL};

/* ---- options ---- */

static enum leat_status read_start(const char *text, enum source_start *start, int64_t *ms, struct leat_error *err)
{
    int64_t us;
    *start = SOURCE_EARLIEST;
    *ms = 0;
    if (strcmp(text, "earliest") == 0)
        return LEAT_OK;
    *start = SOURCE_LATEST;
    if (strcmp(text, "latest") == 0)
        return LEAT_OK;
    *start = SOURCE_TIME;
    if (!leat_parse_time(text, strlen(text), &us) || us < 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "start: \"%s\" is neither earliest, latest nor a time like 2026-01-02T03:04:05Z", text);
    *ms = us / 1000 + (us % 1000 > 0);
    return LEAT_OK;
}

static enum leat_status validate(void *arg, struct leat_error *err)
{
    struct kafka_source *self = arg;
    enum source_start start;
    int64_t ms;
    char *brokers = kafka_brokers_dup(&self->brokers);
    struct kafka_access access = self->access;
    access.brokers = brokers;
    enum leat_status status = kafka_access_validate(&access, owned, err);
    free(brokers);
    if (status == LEAT_OK && !self->brokers.count)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "brokers: there is none");
    if (status == LEAT_OK)
        status = source_check_topics(&self->topics, err);
    if (status == LEAT_OK)
        status = read_start(self->start, &start, &ms, err);
    return status == LEAT_OK ? source_coder_validate(&self->format, self->key_format, err) : status;
}

/* ---- open and close ---- */

static enum leat_status open_client(struct kafka_source *self, const char *name, struct leat_error *err)
{
    char queue[32], fetch[32];
    size_t count = 11;
    struct kafka_property own[14] = {
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"check.crcs", "true"},
        {"fetch.wait.max.ms", "100"},
        {"fetch.error.backoff.ms", "100"},
        {"fetch.max.bytes", fetch},
        {"queued.min.messages", "1000000"},
        {"queued.max.messages.kbytes", queue},
    };
    leat_assert(own[count - 1].name && !own[count].name);
    if (self->group)
        own[count++] = (struct kafka_property){"group.id", self->group};
    if (rd_kafka_version() >= 0x02020000) /* how long fetching pauses when enough waits; before 2.2 a second, always */
        own[count++] = (struct kafka_property){"fetch.queue.backoff.ms", "10"};
    snprintf(queue, sizeof queue, "%lld", (long long)(self->prefetch >> 10));
    snprintf(fetch, sizeof fetch, "%lld", (long long)(self->prefetch < FETCH_MOST ? self->prefetch : FETCH_MOST));
    self->access.brokers = self->broker_text = kafka_brokers_dup(&self->brokers);
    return kafka_client_open(&self->client, RD_KAFKA_CONSUMER, name, &self->access, own, NULL, err);
}

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct kafka_source *self = arg;
    const struct source_check_config config = {&self->client, &self->access, self->topics};
    enum leat_status status = open_client(self, "check", err);
    if (status == LEAT_OK)
        status = source_check(&config, report, err);
    kafka_client_close(&self->client);
    free(self->broker_text);
    self->broker_text = NULL;
    return status;
}

static enum leat_status start_readers(struct kafka_source *self, struct leat_task *task, struct leat_error *err)
{
    const struct source_reader_config config = {&self->client, &self->format, self->key_format, leat_task_name(task)};
    enum leat_status status = LEAT_OK;
    self->readers = leat_calloc((size_t)self->parallel, sizeof(void *));
    for (int64_t i = 0; status == LEAT_OK && i < self->parallel; i++)
        status = source_reader_start(&self->readers[i], task, &config, err);
    return status;
}

static enum leat_status open_source(void *arg, struct leat_task *task, const struct leat_positions *from,
                                    struct leat_error *err)
{
    struct kafka_source *self = arg;
    struct source_parts_config config = {.name = leat_task_name(task), .client = &self->client, .topics = self->topics,
                                         .continues_at_gaps = self->on_gap == GAP_CONTINUE};
    self->has_looked = false;
    self->shown = UINT32_MAX;
    enum leat_status status = read_start(self->start, &config.start, &config.start_ms, err);
    if (status == LEAT_OK)
        status = open_client(self, config.name, err);
    if (status == LEAT_OK)
        status = start_readers(self, task, err);
    if (status != LEAT_OK)
        return status;
    source_parts_open(&self->parts, &config, from, self->readers, (size_t)self->parallel);
    self->is_open = true;
    leat_task_progress(task, "looking for topics");
    return LEAT_OK;
}

static void close_source(void *arg, struct leat_task *task)
{
    struct kafka_source *self = arg;
    (void)task;
    for (int64_t i = 0; self->readers && i < self->parallel; i++)
        source_reader_stop(self->readers[i]);
    if (self->is_open && self->group && !self->client.is_down)
        source_group_tell(&self->told, &self->parts, GOODBYE_MS);
    source_group_close(&self->told);
    if (self->is_open)
        source_parts_close(&self->parts);
    self->is_open = false;
    free(self->readers);
    self->readers = NULL;
    kafka_client_close(&self->client);
    free(self->broker_text);
    self->broker_text = NULL;
}

/* ---- poll ---- */

static enum leat_status find_trouble(struct kafka_source *self, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (int64_t i = 0; status == LEAT_OK && i < self->parallel; i++)
        status = source_reader_trouble(self->readers[i], err);
    return status;
}

static void show(struct kafka_source *self, struct leat_task *task)
{
    int64_t oldest = 0;
    uint32_t reading = source_parts_reading(&self->parts);
    if (reading != self->shown)
        leat_task_progress(task, "streaming %u partitions", reading);
    self->shown = reading;
    for (int64_t i = 0; i < self->parallel; i++) {
        int64_t seen_us = source_reader_seen_us(self->readers[i]);
        oldest = seen_us && (!oldest || seen_us < oldest) ? seen_us : oldest;
    }
    leat_task_lag(task, oldest ? leat_wall_us() - oldest : 0, -1);
}

/* What a look finds goes into the topic before the readers' first records of it. */
static enum leat_status look(struct kafka_source *self, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    bool is_first = !self->has_looked;
    enum leat_status status = source_parts_look(&self->parts, task, batch, is_first ? PATIENCE_OPEN_US : PATIENCE_US, err);
    self->look_at = leat_after_us(self->refresh_us);
    self->soon = leat_after_us(HURRY_US);
    self->has_looked = true;
    if (status == LEAT_OK) {
        self->client.is_down = false;
        self->client.trouble_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (status == LEAT_OK && (leat_batch_count(batch) > 0 || batch->position_count > 0)) {
        *out = batch;
        return LEAT_OK;
    }
    leat_batch_give(task, &batch);
    bool is_silent = status == LEAT_RETRY && (self->client.is_down || kafka_is_refused(&self->client));
    if (is_silent && kafka_explain_silence(&self->client, &self->access, err) && is_first)
        return LEAT_STOP; /* later it may be that brokers change their keys */
    return status == LEAT_OK ? LEAT_AGAIN : status;
}

static bool is_done(const struct kafka_source *self)
{
    bool is_over = !self->parts.is_hurried;
    for (int64_t i = 0; is_over && i < self->parallel; i++)
        is_over = source_reader_is_done(self->readers[i]);
    return is_over && !source_parts_need_look(&self->parts);
}

/* When to look for partitions: now and then, and soon where something is amiss. */
static struct leat_time look_time(const struct kafka_source *self)
{
    bool is_amiss = self->parts.is_hurried || self->client.is_down || source_parts_need_look(&self->parts);
    return is_amiss && self->soon.ns < self->look_at.ns ? self->soon : self->look_at;
}

static enum leat_status wait_for_news(struct kafka_source *self, struct leat_task *task)
{
    struct leat_time until = leat_after_us(IDLE_WAIT_US), look_at = look_time(self);
    show(self, task);
    if (self->group)
        source_group_tell(&self->told, &self->parts, 0);
    leat_wait(task, -1, 0, until.ns < look_at.ns ? until : look_at);
    return LEAT_AGAIN;
}

static enum leat_status poll_source(void *arg, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct kafka_source *self = arg;
    rd_kafka_poll(self->client.rk, 0);
    enum leat_status status = find_trouble(self, err);
    bool is_over = leat_task_is_once(task) && self->has_looked && is_done(self);
    bool is_due = !self->has_looked || leat_is_past(look_time(self));
    *out = leat_task_receive(task); /* after the questions: of what they told, all is posted by then */
    if (!*out && status == LEAT_OK && is_due)
        status = look(self, task, out, err);
    else if (!*out && status == LEAT_OK)
        status = is_over ? LEAT_EOF : wait_for_news(self, task);
    if (!*out)
        return status;
    if (self->group)
        source_group_owe(&self->told, &self->parts, *out);
    return LEAT_OK;
}

static void durable_source(void *arg, struct leat_task *task, uint64_t up_to_batch)
{
    struct kafka_source *self = arg;
    (void)task;
    source_group_durable(&self->told, up_to_batch);
}

static enum leat_status decode_again(void *arg, struct leat_task *task, struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err)
{
    struct kafka_source *self = arg;
    struct source_coder coder = {.is_debezium = false};
    enum leat_status status = source_coder_open(&coder, &self->format, self->key_format, leat_task_name(task), err);
    if (status == LEAT_OK)
        status = source_record_again(&coder, batch, index, err);
    source_coder_close(&coder);
    return status;
}

const struct leat_source_type leat_source_kafka = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_REPLAYABLE,
    .name = "kafka",
    .about = "Committed records of Kafka topics, from positions of its own; stops where some were lost before they were read.",
    .size = sizeof(struct kafka_source),
    .options = options,
    .topic = "{table}",
    .validate = validate,
    .check = check,
    .open = open_source,
    .poll = poll_source,
    .durable = durable_source,
    .close = close_source,
    .decode_again = decode_again,
};
