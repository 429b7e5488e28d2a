#include <kafka/source_parts.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

void source_parts_open(struct source_parts *parts, const struct source_parts_config *config,
                       const struct leat_positions *from, struct source_reader **readers, size_t reader_count)
{
    struct leat_value begun = leat_value_string(SOURCE_BEGUN);
    leat_assert(reader_count > 0);
    *parts = (struct source_parts){.config = *config, .from = from, .readers = readers, .reader_count = reader_count,
                                   .has_begun = leat_positions_get(from, &begun) != NULL};
    leat_table_init(&parts->by_key);
}

void source_parts_close(struct source_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct source_part *part = parts->items[i];
        rd_kafka_topic_destroy(part->rkt);
        free((char *)part->topic);
        free(part->key);
        free(part);
    }
    free(parts->items);
    leat_table_fini(&parts->by_key, NULL);
    *parts = (struct source_parts){.count = 0};
}

struct source_part *source_parts_find(struct source_parts *parts, const char *key, size_t len)
{
    return leat_table_get(&parts->by_key, key, len);
}

bool source_parts_need_look(const struct source_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (atomic_load(&parts->items[i]->state) > SOURCE_READING && !parts->items[i]->is_missing)
            return true;
    return false;
}

uint32_t source_parts_reading(const struct source_parts *parts)
{
    uint32_t reading = 0;
    for (size_t i = 0; i < parts->count; i++)
        reading += atomic_load(&parts->items[i]->state) == SOURCE_READING;
    return reading;
}

/* ---- what there is ---- */

static enum leat_status add_part(struct source_parts *parts, struct leat_task *task, const char *topic, int32_t partition,
                                 struct leat_error *err)
{
    char key[SOURCE_KEY_MOST];
    struct source_part *part = leat_calloc(1, sizeof *part);
    source_key(key, topic, partition);
    part->key = leat_strdup(key);
    part->topic = leat_strdup(topic);
    part->partition = partition;
    part->rkt = rd_kafka_topic_new(parts->config.client->rk, topic, NULL);
    part->to = leat_task_route(task, "", topic);
    part->durable = part->committed = -1;
    leat_assert(part->rkt); /* the brokers know it by this name */
    leat_table_set(&parts->by_key, key, strlen(key), part);
    parts->items = leat_realloc(parts->items, (parts->count + 1) * sizeof *parts->items);
    parts->items[parts->count++] = part;
    enum leat_status status = source_place_load(&part->place, key, parts->from, err);
    part->is_known = status == LEAT_OK;
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

static enum leat_status add_new(struct source_parts *parts, struct leat_task *task, const struct source_topics *topics,
                                struct leat_error *err)
{
    char key[SOURCE_KEY_MOST];
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; i < topics->count; i++)
        for (int32_t p = 0; status == LEAT_OK && p < topics->items[i].partitions; p++) {
            if (!source_wants(&parts->config.topics, topics->items[i].name, p))
                continue;
            source_key(key, topics->items[i].name, p);
            if (!source_parts_find(parts, key, strlen(key)))
                status = add_part(parts, task, topics->items[i].name, p, err);
        }
    return status;
}

/* Named, and nowhere: said once, at the first look. */
static void name_absent(const struct source_parts *parts, const struct source_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].partitions == 0)
            leat_say(LEAT_WARNING, parts->config.name, "kafka %s: there is no topic %s yet; it is read once it is there",
                     parts->config.client->brokers, topics->items[i].name);
}

static void note_missing(struct source_parts *parts, struct source_part *part)
{
    part->is_missing = true;
    part->must_release = true;
    leat_say(LEAT_WARNING, parts->config.name,
             "kafka %s: partition %s is gone: was the topic deleted? Its position is kept: `leat offsets show %s`",
             parts->config.client->brokers, part->key, parts->config.name);
}

/* Gone is what two looks in a row do not show: a broker that has just started may not know all yet. */
static void compare_with(struct source_parts *parts, const struct source_topics *topics)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct source_part *part = parts->items[i];
        const struct source_topic *topic = source_topics_find(topics, part->topic);
        bool is_there = topic && part->partition < topic->partitions;
        if (is_there && part->is_missing)
            leat_say(LEAT_INFO, parts->config.name, "partition %s is there again", part->key);
        if (is_there)
            part->is_missing = part->is_doubtful = false;
        else if (!part->is_missing && part->is_doubtful)
            note_missing(parts, part);
        else if (!part->is_missing)
            part->is_doubtful = parts->is_hurried = true;
    }
}

/* ---- where each goes on ---- */

static bool waits(const struct source_part *part)
{
    return atomic_load(&part->state) != SOURCE_READING && !part->is_missing && !part->is_doubtful;
}

/* Asks one offset of all parts that wait, into `member`. */
static enum leat_status ask_all(struct source_parts *parts, struct leat_task *task, int64_t at, size_t member,
                                int64_t patience_us, struct leat_error *err)
{
    struct source_ask *asks = leat_calloc(parts->count + 1, sizeof *asks);
    size_t count = 0;
    for (size_t i = 0; i < parts->count; i++)
        if (waits(parts->items[i]))
            asks[count++] = (struct source_ask){parts->items[i]->topic, parts->items[i]->partition, SOURCE_UNKNOWN};
    enum leat_status status = source_offsets(parts->config.client, task, at, asks, count, patience_us, err);
    for (size_t i = 0, k = 0; status == LEAT_OK && i < parts->count; i++)
        if (waits(parts->items[i]))
            *(int64_t *)((char *)parts->items[i] + member) = asks[k++].offset;
    free(asks);
    return status;
}

/* The gap, as a record in its place. */
static void add_gap(const struct source_part *part, const char *reason, struct leat_batch *batch)
{
    struct leat_value *pairs = leat_batch_alloc(batch, 10 * sizeof *pairs);
    pairs[0] = leat_value_string("topic");
    pairs[1] = leat_value_string(leat_batch_copy(batch, part->topic, strlen(part->topic) + 1));
    pairs[2] = leat_value_string("partition");
    pairs[3] = leat_value_int(part->partition);
    pairs[4] = leat_value_string("offset");
    pairs[5] = leat_value_int(part->place.next);
    pairs[6] = leat_value_string("goes_on_at");
    pairs[7] = leat_value_int(part->low);
    pairs[8] = leat_value_string("reason");
    pairs[9] = leat_value_string(reason);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = part->to;
    rec->time_us = leat_wall_us();
    rec->op = LEAT_GAP;
    rec->key = leat_value_null();
    rec->value = leat_value_items(LEAT_MAP, pairs, 5);
}

static void begin_anew(struct source_parts *parts, struct source_part *part, const struct leat_error *why, struct leat_batch *batch)
{
    leat_say(LEAT_WARNING, parts->config.name, "%s; goes on, as `on_gap` says", why->text);
    add_gap(part, part->place.next < part->low ? "records were deleted before they were read" : "the topic is another one", batch);
    part->place = (struct source_place){.next = part->low, .last = -1};
    source_place_store(&part->place, part->key, batch);
}

static enum leat_status go_on(struct source_parts *parts, struct source_part *part, struct leat_batch *batch,
                              struct leat_error *err)
{
    const struct source_parts_config *config = &parts->config;
    enum leat_status status = source_judge(&part->place, config->name, part->key, part->low, part->end, err);
    bool is_sure = part->is_suspect || part->place.next <= part->end;
    part->is_suspect = part->place.next > part->end;
    part->is_unplaced = !is_sure;
    if (!is_sure) { /* a leader that is new may not know its end yet: asked once more */
        parts->is_hurried = true;
        return LEAT_OK;
    }
    if (status == LEAT_OK && atomic_load(&part->state) == SOURCE_OTHER_RECORD)
        status = source_other_record(&part->place, config->name, part->key, part->low, err);
    if (status == LEAT_OK)
        return status;
    if (config->continues_at_gaps) {
        begin_anew(parts, part, err, batch);
        return LEAT_OK;
    }
    leat_error_context(err, "kafka %s", config->client->brokers);
    return status;
}

static void begin(struct source_parts *parts, struct source_part *part, struct leat_batch *batch)
{
    bool is_first = !parts->has_begun;
    part->place = (struct source_place){.next = part->low, .last = -1};
    if (is_first && parts->config.start == SOURCE_LATEST)
        part->place.next = part->end;
    if (is_first && parts->config.start == SOURCE_TIME)
        part->place.next = part->at_time == SOURCE_AT_END ? part->end : part->at_time;
    part->is_known = true;
    source_place_store(&part->place, part->key, batch);
    if (!is_first)
        leat_say(LEAT_INFO, parts->config.name, "partition %s is new, read from offset %lld", part->key, (long long)part->place.next);
}

static void note_begun(struct source_parts *parts, struct leat_batch *batch)
{
    struct leat_value key = leat_value_string(SOURCE_BEGUN);
    struct leat_value pair[2] = {leat_value_string("time"), {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = leat_wall_us()}};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    leat_batch_position(batch, &key, &value);
    parts->has_begun = true;
}

/* To the same reader in every run. */
static struct source_reader *reader_of(const struct source_parts *parts, const struct source_part *part)
{
    return parts->readers[leat_hash(part->key, strlen(part->key), 0) % parts->reader_count];
}

static enum leat_status place_waiting(struct source_parts *parts, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    bool needs_time = !parts->has_begun && parts->config.start == SOURCE_TIME;
    for (size_t i = 0; status == LEAT_OK && i < parts->count; i++) {
        struct source_part *part = parts->items[i];
        if (!waits(part))
            continue;
        if (part->low < 0 || part->end < 0 || (needs_time && !part->is_known && part->at_time == SOURCE_UNKNOWN)) {
            part->is_unplaced = parts->is_hurried = true;
            continue;
        }
        part->is_unplaced = false;
        if (part->is_known)
            status = go_on(parts, part, batch, err);
        else
            begin(parts, part, batch);
    }
    return status;
}

static void give_waiting(struct source_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (waits(parts->items[i]) && !parts->items[i]->is_unplaced)
            source_reader_give(reader_of(parts, parts->items[i]), parts->items[i]);
}

static bool has_unplaced(const struct source_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (waits(parts->items[i]) && parts->items[i]->is_unplaced)
            return true;
    return false;
}

/* `start` is one moment for all: its first look wants an answer of every partition. */
static enum leat_status place_all(struct source_parts *parts, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = place_waiting(parts, batch, err);
    if (status != LEAT_OK)
        return status;
    if (!parts->has_begun && has_unplaced(parts))
        return leat_fail(err, LEAT_RETRY, "kafka %s: not all partitions have a leader that tells their offsets",
                         parts->config.client->brokers);
    if (!parts->has_begun)
        note_begun(parts, batch);
    give_waiting(parts);
    return LEAT_OK;
}

enum leat_status source_parts_look(struct source_parts *parts, struct leat_task *task, struct leat_batch *batch,
                                   int64_t patience_us, struct leat_error *err)
{
    struct source_topics topics;
    const struct source_parts_config *config = &parts->config;
    bool is_first = parts->count == 0 && !parts->has_looked;
    enum leat_status status = source_topics_look(config->client, task, &config->topics, patience_us, &topics, err);
    if (status != LEAT_OK)
        return status;
    parts->is_hurried = false;
    if (is_first)
        name_absent(parts, &topics);
    parts->has_looked = true;
    compare_with(parts, &topics);
    status = add_new(parts, task, &topics, err);
    source_topics_free(&topics);
    if (status == LEAT_OK)
        status = ask_all(parts, task, SOURCE_AT_FIRST, offsetof(struct source_part, low), patience_us, err);
    if (status == LEAT_OK)
        status = ask_all(parts, task, SOURCE_AT_END, offsetof(struct source_part, end), patience_us, err);
    if (status == LEAT_OK && !parts->has_begun && config->start == SOURCE_TIME)
        status = ask_all(parts, task, config->start_ms, offsetof(struct source_part, at_time), patience_us, err);
    return status == LEAT_OK ? place_all(parts, batch, err) : status;
}
