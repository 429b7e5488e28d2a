/* api_consumer.c - the pulling consumer of leat/oms.h.
 *
 * It keeps its place as sinks without marks of their own do: the hint of (consumer, split) in the log. A commit writes
 * it through a writer that claims the consumer's name, so that of two consumers of one name the later one goes on. */
#include <oms/api.h>

#include <base/clock.h>
#include <base/memory.h>
#include <stdlib.h>

#define BATCH_BYTES ((size_t)4 << 20)
#define MESSAGES_MOST 1000
#define COMMIT_US 30000000

struct place { /* one split */
    char *split, *log;
    struct leat_mark mark; /* behind what poll() returned; layout 0: nothing yet */
    struct leat_mark stored;
    struct leat_place sought;   /* where to begin while there is no mark */
    struct leat_writer *writer; /* claims the name; NULL: no trace */
    bool is_new;
};

struct leat_oms_consumer {
    struct leat_oms *oms;
    char *name; /* NULL: no trace */
    char *claim;
    char **topics; /* copies */
    size_t topic_count;
    char **logs;
    size_t log_count;
    struct leat_reader *reader;
    struct place *places;
    uint32_t place_count;
    struct leat_batch *batch;
    struct leat_oms_message *messages;
};

/* ---- places ---- */

static bool keeps_place(const struct leat_oms_consumer *consumer)
{
    return consumer->name && !consumer->oms->is_read_only;
}

static void find_stored(void *arg, const char *log, const struct leat_state *state)
{
    struct leat_oms_consumer *consumer = arg;
    if (state->kind != LEAT_STATE_HINT || strcmp(state->connector, consumer->name) != 0 ||
        state->key.type != LEAT_TEXT || state->value.type != LEAT_BYTES)
        return;
    for (uint32_t i = 0; i < consumer->place_count; i++) {
        struct place *place = &consumer->places[i];
        if (strcmp(place->log, log) == 0 && strlen(place->split) == state->key.len &&
            memcmp(place->split, state->key.as.text, state->key.len) == 0)
            leat_mark_decode(state->value.as.bytes, state->value.len, &place->stored);
    }
}

/* What is stored becomes the place to begin at. */
static enum leat_oms_status use_stored(struct leat_oms_consumer *consumer, uint32_t i, struct leat_error *err)
{
    struct place *place = &consumer->places[i];
    if (place->stored.layout == 0)
        return LEAT_OMS_SUCCESS;
    enum leat_verdict verdict = consumer->oms->driver->judge(consumer->reader, i, &place->stored);
    if (verdict != LEAT_MARK_INSIDE && verdict != LEAT_MARK_REWOUND)
        return oms_fail(err, LEAT_OMS_STORAGE_ERROR, "consumer %s: what it committed in %s is %s", consumer->name,
                        place->split,
                        verdict == LEAT_MARK_GONE ? "not kept any more" : "not of this log: was it restored?");
    place->sought = (struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = place->stored.cursor};
    return LEAT_OMS_SUCCESS;
}

static enum leat_oms_status claim(struct leat_oms_consumer *consumer, struct place *place, struct leat_error *err)
{
    struct leat_writer_config config = {.log = place->log, .connector = consumer->claim};
    const struct leat_positions *ignored;
    const struct leat_driver_type *driver = consumer->oms->driver;
    return oms_status_of(driver->writer_open(consumer->oms->access, &config, &place->writer, &ignored, err),
                         LEAT_OMS_CONSUMER_EXISTS, err);
}

static enum leat_oms_status load_places(struct leat_oms_consumer *consumer, struct leat_error *err)
{
    const struct leat_driver_type *driver = consumer->oms->driver;
    enum leat_oms_status status = LEAT_OMS_SUCCESS;
    for (uint32_t i = 0; status == LEAT_OMS_SUCCESS && i < consumer->place_count && keeps_place(consumer); i++)
        if (!consumer->places[i].writer)
            status = claim(consumer, &consumer->places[i], err);
    if (status == LEAT_OMS_SUCCESS && consumer->name)
        status = oms_status_of(driver->describe(consumer->oms->access, NULL, find_stored, consumer, err),
                               LEAT_OMS_CONSUMER_EXISTS, err);
    return status;
}

static void free_place(struct leat_oms_consumer *consumer, struct place *place)
{
    if (place->writer)
        consumer->oms->driver->writer_close(place->writer);
    free(place->split);
    free(place->log);
}

/* Places of the splits that there are now; those known before are kept, new ones begin at `start`. */
static void match_places(struct leat_oms_consumer *consumer, const struct leat_splits *splits,
                         const struct leat_place *start)
{
    struct place *places = leat_calloc(splits->count + 1, sizeof *places);
    for (uint32_t i = 0; i < splits->count; i++) {
        const char *name = splits->names[i], *lane = strrchr(name, '/');
        for (uint32_t k = 0; k < consumer->place_count && !places[i].split; k++) {
            if (consumer->places[k].split && strcmp(consumer->places[k].split, name) == 0) {
                places[i] = consumer->places[k];
                consumer->places[k] = (struct place){0};
            }
        }
        if (!places[i].split)
            places[i] = (struct place){.split = leat_strdup(name),
                                       .log = leat_strndup(name, lane ? (size_t)(lane - name) : strlen(name)),
                                       .sought = *start,
                                       .is_new = true};
    }
    for (uint32_t k = 0; k < consumer->place_count; k++)
        free_place(consumer, &consumer->places[k]);
    free(consumer->places);
    consumer->places = places;
    consumer->place_count = splits->count;
}

/* ---- open and close ---- */

static enum leat_oms_status seek_split(struct leat_oms_consumer *consumer, uint32_t i, struct leat_error *err)
{
    struct place *place = &consumer->places[i];
    struct leat_place to = place->sought;
    if (place->mark.layout != 0)
        to = (struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = place->mark.cursor};
    enum leat_status status = consumer->oms->driver->seek(consumer->reader, i, &to, err);
    if (place->sought.kind == LEAT_AT_END) /* the end as it is now, should it be sought again */
        place->sought = (struct leat_place){.kind = LEAT_AT_TIME, .time_us = leat_wall_us()};
    return oms_status_of(status, LEAT_OMS_CONSUMER_EXISTS, err);
}

/* Also when logs have come: then with what was read kept, and the new ones from their first message. */
static enum leat_oms_status subscribe(struct leat_oms_consumer *consumer, const struct leat_place *start,
                                      struct leat_error *err)
{
    const struct leat_driver_type *driver = consumer->oms->driver;
    struct leat_list patterns = {(const char *const *)consumer->topics, consumer->topic_count};
    struct leat_splits splits;
    struct leat_subscription what = {
        .logs = consumer->log_count ? (const char *const *)consumer->logs : NULL,
        .patterns = consumer->topic_count ? &patterns : NULL,
        .consumer = keeps_place(consumer) ? consumer->name : NULL,
    };
    if (consumer->reader)
        driver->reader_close(consumer->reader);
    consumer->reader = NULL;
    enum leat_oms_status status =
        oms_status_of(driver->reader_open(consumer->oms->access, &what, &consumer->reader, &splits, err),
                      LEAT_OMS_CONSUMER_EXISTS, err);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    match_places(consumer, &splits, start);
    status = load_places(consumer, err);
    for (uint32_t i = 0; status == LEAT_OMS_SUCCESS && i < splits.count; i++) {
        if (consumer->places[i].is_new)
            status = use_stored(consumer, i, err);
        consumer->places[i].is_new = false;
        if (status == LEAT_OMS_SUCCESS)
            status = seek_split(consumer, i, err);
    }
    return status;
}

static char **copy_names(const char *const *names, size_t *count)
{
    while (names && names[*count])
        (*count)++;
    char **copies = leat_calloc(*count + 1, sizeof *copies);
    for (size_t i = 0; i < *count; i++)
        copies[i] = leat_strdup(names[i]);
    return copies;
}

static void free_names(char **names)
{
    for (size_t i = 0; names[i]; i++)
        free(names[i]);
    free(names);
}

enum leat_oms_status leat_oms_consumer_open(struct leat_oms *oms, const struct leat_oms_consumer_config *config,
                                            struct leat_oms_consumer **consumer, struct leat_error *err)
{
    struct leat_oms_consumer *made = leat_calloc(1, sizeof *made);
    uint32_t most = config->most_messages ? config->most_messages : MESSAGES_MOST;
    struct leat_place start = {.kind = config->starts_at_end ? LEAT_AT_END : LEAT_AT_FIRST};
    made->oms = oms;
    made->name = config->name ? leat_strdup(config->name) : NULL;
    made->claim = leat_format_dup("consumer %s", config->name ? config->name : "");
    made->topics = copy_names(config->topics, &made->topic_count);
    made->logs = copy_names(config->logs, &made->log_count);
    made->batch = leat_batch_new(BATCH_BYTES, most);
    made->messages = leat_calloc(most, sizeof *made->messages);
    enum leat_oms_status status = subscribe(made, &start, err);
    if (status != LEAT_OMS_SUCCESS) {
        leat_oms_consumer_close(made);
        return status;
    }
    *consumer = made;
    return LEAT_OMS_SUCCESS;
}

void leat_oms_consumer_close(struct leat_oms_consumer *consumer)
{
    if (consumer->reader)
        consumer->oms->driver->reader_close(consumer->reader);
    for (uint32_t i = 0; i < consumer->place_count; i++)
        free_place(consumer, &consumer->places[i]);
    leat_batch_free(consumer->batch);
    free_names(consumer->topics);
    free_names(consumer->logs);
    free(consumer->places);
    free(consumer->messages);
    free(consumer->claim);
    free(consumer->name);
    free(consumer);
}

/* ---- poll ---- */

static void take_batch(struct leat_oms_consumer *consumer, const struct leat_oms_message **messages, size_t *count)
{
    struct leat_batch *batch = consumer->batch;
    for (uint32_t i = 0; i < batch->count; i++)
        oms_message_take(&batch->records[i], batch, &consumer->messages[i]);
    leat_batch_mark(batch, &consumer->places[batch->split].mark);
    *messages = consumer->messages;
    *count = batch->count;
}

enum leat_oms_status leat_oms_poll(struct leat_oms_consumer *consumer, int64_t timeout_ms,
                                   const struct leat_oms_message **messages, size_t *count, struct leat_error *err)
{
    const struct leat_driver_type *driver = consumer->oms->driver;
    struct leat_time deadline = leat_after_us(timeout_ms * 1000);
    *count = 0;
    for (;;) {
        leat_batch_reset(consumer->batch);
        enum leat_status status = driver->read(consumer->reader, consumer->batch, err);
        if (status == LEAT_OK) {
            take_batch(consumer, messages, count);
            return LEAT_OMS_SUCCESS;
        }
        if (status == LEAT_RETRY) { /* a log has come */
            enum leat_oms_status again = subscribe(consumer, &(struct leat_place){.kind = LEAT_AT_FIRST}, err);
            if (again != LEAT_OMS_SUCCESS)
                return again;
            continue;
        }
        if (status != LEAT_AGAIN)
            return oms_status_of(status, LEAT_OMS_CONSUMER_EXISTS, err);
        int64_t left_ms = (deadline.ns - leat_now().ns + 999999) / 1000000;
        if (left_ms <= 0)
            return oms_fail(err, LEAT_OMS_NO_NEW_MESSAGE, "no new message");
        struct pollfd news = {.fd = driver->reader_fd(consumer->reader), .events = POLLIN};
        leat_os->poll(&news, 1, left_ms < 1000 ? (int)left_ms : 1000);
    }
}

int leat_oms_consumer_fd(struct leat_oms_consumer *consumer)
{
    return consumer->oms->driver->reader_fd(consumer->reader);
}

/* ---- seek ---- */

static enum leat_oms_status seek_one(struct leat_oms_consumer *consumer, uint32_t i, const struct leat_place *place,
                                     struct leat_error *err)
{
    consumer->places[i].mark.layout = 0;
    consumer->places[i].sought = *place;
    return seek_split(consumer, i, err);
}

static enum leat_oms_status seek_all(struct leat_oms_consumer *consumer, const struct leat_place *place,
                                     struct leat_error *err)
{
    enum leat_oms_status status = LEAT_OMS_SUCCESS;
    for (uint32_t i = 0; status == LEAT_OMS_SUCCESS && i < consumer->place_count; i++)
        status = seek_one(consumer, i, place, err);
    return status;
}

enum leat_oms_status leat_oms_seek_to_beginning(struct leat_oms_consumer *consumer, struct leat_error *err)
{
    return seek_all(consumer, &(struct leat_place){.kind = LEAT_AT_FIRST}, err);
}

enum leat_oms_status leat_oms_seek_to_end(struct leat_oms_consumer *consumer, struct leat_error *err)
{
    return seek_all(consumer, &(struct leat_place){.kind = LEAT_AT_END}, err);
}

enum leat_oms_status leat_oms_seek_to_time(struct leat_oms_consumer *consumer, int64_t timestamp_ms,
                                           struct leat_error *err)
{
    return seek_all(consumer, &(struct leat_place){.kind = LEAT_AT_TIME, .time_us = timestamp_ms * 1000}, err);
}

struct holder { /* of a topic's partition */
    struct leat_oms_consumer *consumer;
    const char *topic;
    int32_t partition;
    uint32_t split; /* count: none */
};

static void find_holder(void *arg, const struct leat_topic_info *info)
{
    struct holder *holder = arg;
    if (info->partition != holder->partition || strcmp(info->name, holder->topic) != 0)
        return;
    for (uint32_t i = 0; i < holder->consumer->place_count; i++)
        if (strcmp(holder->consumer->places[i].log, info->log) == 0)
            holder->split = i;
}

enum leat_oms_status leat_oms_seek(struct leat_oms_consumer *consumer, const char *topic, int32_t partition,
                                   uint64_t offset, struct leat_error *err)
{
    const struct leat_driver_type *driver = consumer->oms->driver;
    struct holder holder = {consumer, topic, partition, consumer->place_count};
    enum leat_status status = driver->describe(consumer->oms->access, find_holder, NULL, &holder, err);
    if (status != LEAT_OK)
        return oms_status_of(status, LEAT_OMS_CONSUMER_EXISTS, err);
    if (holder.split == consumer->place_count)
        return oms_fail(err, LEAT_OMS_NO_DESTINATION, "there is no topic %s with a partition %d here", topic, partition);
    return seek_one(consumer, holder.split, &(struct leat_place){.kind = LEAT_AT_OFFSET, .topic = topic,
                                                                 .partition = partition, .offset = offset}, err);
}

/* ---- commit ---- */

static enum leat_oms_status commit_split(struct leat_oms_consumer *consumer, uint32_t i, struct leat_error *err)
{
    const struct leat_driver_type *driver = consumer->oms->driver;
    struct place *place = &consumer->places[i];
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    uint64_t ticket = 0;
    place->mark.sequence = place->stored.sequence + 1;
    size_t len = leat_mark_encode(&place->mark, encoded);
    struct leat_state state = {LEAT_STATE_HINT, consumer->name, leat_value_string(place->split),
                               leat_value_bytes(encoded, len)};
    enum leat_status got = driver->append(place->writer, NULL, &state, 1, NULL, &ticket, err);
    if (got != LEAT_OK)
        return oms_status_of(got, LEAT_OMS_CONSUMER_EXISTS, err);
    enum leat_oms_status status =
        oms_wait_durable(driver, place->writer, ticket, leat_after_us(COMMIT_US), LEAT_OMS_CONSUMER_EXISTS, err);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    place->stored = place->mark;
    return oms_status_of(driver->hint(consumer->reader, i, &place->mark, err), LEAT_OMS_CONSUMER_EXISTS, err);
}

enum leat_oms_status leat_oms_consumer_commit(struct leat_oms_consumer *consumer, struct leat_error *err)
{
    enum leat_oms_status status = LEAT_OMS_SUCCESS;
    if (!consumer->name)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "a consumer without a name keeps no place");
    if (consumer->oms->is_read_only)
        return oms_fail(err, LEAT_OMS_FORBIDDEN, "consumer %s: the access point is open for reading only",
                        consumer->name);
    for (uint32_t i = 0; status == LEAT_OMS_SUCCESS && i < consumer->place_count; i++) {
        const struct place *place = &consumer->places[i];
        if (place->mark.layout != 0 && memcmp(&place->mark.cursor, &place->stored.cursor, sizeof place->mark.cursor) != 0)
            status = commit_split(consumer, i, err);
    }
    return status;
}
