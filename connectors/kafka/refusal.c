#include <kafka/refusal.h>

#include <base/hash.h>
#include <base/memory.h>
#include <base/thread.h>
#include <stdlib.h>
#include <string.h>

/* ---- which ones ---- */

struct search {
    struct round *round;
    const struct sender_config *config;
    struct leat_error *err;
    uint32_t *suspects, count; /* indices of messages */
    uint32_t found;
    rd_kafka_resp_err_t code; /* of the last part that was refused */
};

static enum leat_status send_part(const struct search *search, struct kafka_writer *trial, uint32_t from, uint32_t to)
{
    rd_kafka_topic_t *topic = NULL;
    enum leat_status status = writer_begin(trial, search->err);
    for (uint32_t i = from; status == LEAT_OK && i < to; i++) {
        struct kafka_message message = round_message(search->round, search->suspects[i]);
        if (topic)
            rd_kafka_topic_destroy(topic); /* the messages hold it */
        message.topic = topic = rd_kafka_topic_new(trial->client.rk, rd_kafka_topic_name(message.topic), NULL);
        message.refused = NULL;
        status = writer_send(trial, &message, search->err);
    }
    if (status == LEAT_OK)
        status = writer_try(trial, search->err);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return status;
}

/* REJECT: one of them is refused, search->code says why. Who comes next ends the transaction. */
static enum leat_status try_part(struct search *search, uint32_t from, uint32_t to)
{
    struct kafka_writer trial = {0};
    enum leat_status status = search->config->open_trial(search->config->arg, &trial, search->err);
    if (status == LEAT_OK)
        status = send_part(search, &trial, from, to);
    search->code = trial.refused;
    writer_close(&trial);
    return status;
}

static void note_refused(struct search *search, uint32_t suspect, rd_kafka_resp_err_t code)
{
    search->round->messages[search->suspects[suspect]].refused = (int16_t)code;
    search->found++;
}

/* [from, to) holds one that is refused, or several. */
static enum leat_status search_part(struct search *search, uint32_t from, uint32_t to, rd_kafka_resp_err_t code)
{
    uint32_t middle = from + (to - from) / 2;
    if (to - from == 1) {
        note_refused(search, from, code);
        return LEAT_OK;
    }
    enum leat_status status = try_part(search, from, middle);
    if (status == LEAT_REJECT)
        status = search_part(search, from, middle, search->code);
    if (status == LEAT_OK)
        status = try_part(search, middle, to);
    if (status == LEAT_REJECT)
        status = search_part(search, middle, to, search->code);
    return status;
}

/* A topic that may not be written to: the first message tells for all of it. */
static enum leat_status search_topics(struct search *search)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < search->count; i++) {
        rd_kafka_topic_t *topic = search->round->messages[search->suspects[i]].topic;
        bool was_tried = false;
        for (uint32_t k = 0; k < i && !was_tried; k++)
            was_tried = search->round->messages[search->suspects[k]].topic == topic;
        if (was_tried)
            continue;
        status = try_part(search, i, i + 1);
        if (status != LEAT_REJECT)
            continue;
        status = LEAT_OK;
        for (uint32_t k = i; k < search->count; k++)
            if (search->round->messages[search->suspects[k]].topic == topic)
                note_refused(search, k, search->code);
    }
    return status;
}

/* Those whose batches were refused; all, where no batch was even sent. */
static void note_suspects(struct search *search)
{
    struct round *round = search->round;
    search->suspects = leat_calloc(round->count + 1, sizeof *search->suspects);
    for (uint32_t i = 0; i < round->count; i++)
        if (round->messages[i].refused)
            search->suspects[search->count++] = i;
    for (uint32_t i = 0; i < round->count; i++)
        round->messages[i].refused = 0;
    if (search->count > 0)
        return;
    for (search->count = 0; search->count < round->count; search->count++)
        search->suspects[search->count] = search->count;
}

enum leat_status refusal_find(struct round *round, const struct sender_config *config, struct leat_error *err)
{
    struct search search = {.round = round, .config = config, .err = err};
    struct leat_error first = *err;
    rd_kafka_resp_err_t code = config->writer->refused;
    enum leat_status status = LEAT_OK;
    note_suspects(&search);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        status = search_topics(&search);
    else if (search.count > 0)
        status = search_part(&search, 0, search.count, code);
    free(search.suspects);
    if (status == LEAT_OK && search.found == 0) {
        *err = first;
        status = LEAT_RETRY;
    }
    return status;
}

/* ---- the list ---- */

uint64_t refusal_mark(const struct round_message *message, const struct leat_bytes *bytes)
{
    const char *topic = rd_kafka_topic_name(message->topic);
    uint64_t hash = leat_hash(topic, strlen(topic), message->offset);
    hash = leat_hash(bytes->data + message->key_at, message->key_len, hash);
    return leat_hash(bytes->data + message->value_at, message->value_len, hash);
}

struct entry {
    uint64_t batch; /* that it was last seen in; 0: none in this life of the sink */
    rd_kafka_resp_err_t code;
};

struct refusals {
    struct leat_table entries; /* mark -> struct entry; in the hands of one sink at a time */
};

static struct leat_lock lock = LEAT_LOCK("kafka refusals", LEAT_RANK_INTERN);
static struct leat_table all; /* id -> struct refusals; lives as long as the process */

struct refusals *refusals_of(const char *id)
{
    leat_lock_take(&lock);
    struct refusals *found = leat_table_get(&all, id, strlen(id));
    if (!found) {
        found = leat_calloc(1, sizeof *found);
        leat_table_init(&found->entries);
        leat_table_set(&all, id, strlen(id), found);
    }
    leat_lock_give(&lock);
    return found;
}

bool refusals_are_empty(const struct refusals *refusals)
{
    return refusals->entries.count == 0;
}

void refusals_note(struct refusals *refusals, uint64_t mark, rd_kafka_resp_err_t code)
{
    struct entry *entry = leat_calloc(1, sizeof *entry);
    entry->code = code;
    free(leat_table_set(&refusals->entries, &mark, sizeof mark, entry));
}

rd_kafka_resp_err_t refusals_find(struct refusals *refusals, uint64_t mark, uint64_t batch)
{
    struct entry *entry = leat_table_get(&refusals->entries, &mark, sizeof mark);
    if (!entry)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    entry->batch = batch;
    return entry->code;
}

void refusals_reopen(struct refusals *refusals)
{
    size_t at = 0, len;
    const void *key;
    void *entry;
    while (leat_table_next(&refusals->entries, &at, &key, &len, &entry))
        ((struct entry *)entry)->batch = 0;
}

void refusals_settle(struct refusals *refusals, uint64_t batch)
{
    struct leat_table kept;
    size_t at = 0, len;
    const void *key;
    void *value;
    leat_table_init(&kept);
    while (leat_table_next(&refusals->entries, &at, &key, &len, &value)) {
        struct entry *entry = value;
        if (entry->batch == 0 || entry->batch > batch)
            leat_table_set(&kept, key, len, entry);
        else
            free(entry);
    }
    leat_table_fini(&refusals->entries, NULL);
    refusals->entries = kept;
}
