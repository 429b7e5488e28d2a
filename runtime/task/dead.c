/* dead.c - dead letters: the record that somebody refused, as a record of another topic.
 *
 *   value  {error, connector, topic, partition, offset, op, time, record}     record: native-json, as `leat read` shows it
 *
 * Of a source: in the same commit unit, in the record's place. Of a sink: a unit of its own with an intent that names
 * the record, durable before the sink's mark passes it: a replay finds the intent and writes no second letter.
 */
#include <task/inside.h>

#include <base/memory.h>
#include <base/os.h>
#include <model/codecs.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_MOST ((size_t)1 << 20) /* of the refused record's JSON; a larger one goes without it */

static const struct leat_topic *dead_topic(const struct leat_task *task)
{
    char name[256];
    const char *topic = task->connector->errors.topic;
    if (!topic) {
        snprintf(name, sizeof name, "%s.dead", task->pipeline->name);
        topic = name;
    }
    return leat_topic(topic, strlen(topic));
}

static struct leat_value copied(struct leat_batch *batch, const char *text, size_t len)
{
    return leat_value_text(leat_batch_copy(batch, text, len), len);
}

static struct leat_value record_json(struct leat_batch *batch, const struct leat_record *rec, const char *connector)
{
    const struct leat_codec_type *codec = &leat_codec_native_json;
    struct leat_bytes json;
    struct leat_error err;
    bool is_null = false;
    struct leat_value value = leat_value_null();
    void *self = leat_calloc(1, codec->size ? codec->size : 1);
    leat_bytes_init(&json, RECORD_MOST);
    enum leat_status status = codec->open ? codec->open(self, connector, &err) : LEAT_OK;
    if (status == LEAT_OK && codec->encode(self, rec, LEAT_PART_VALUE, &json, &is_null, &err) == LEAT_OK && !json.is_over) {
        value = copied(batch, (const char *)json.data, json.len);
        value.type = LEAT_JSON;
    }
    if (codec->close)
        codec->close(self);
    leat_bytes_fini(&json);
    free(self);
    return value;
}

/* Fills `letter` from `rec`; memory is that of `batch`. */
static void write_letter(struct leat_task *task, struct leat_batch *batch, const struct leat_record *rec,
                         const char *reason, struct leat_record *letter)
{
    enum { FIELDS = 8 };
    char op[2] = {(char)rec->op, 0};
    struct leat_value time = {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = rec->time_us};
    struct leat_value pairs[2 * FIELDS] = {
        leat_value_string("error"), copied(batch, reason, strlen(reason)),
        leat_value_string("connector"), leat_value_string(leat_task_name(task)),
        leat_value_string("topic"), rec->topic ? leat_value_string(rec->topic->name) : leat_value_null(),
        leat_value_string("partition"), leat_value_int(rec->partition),
        leat_value_string("offset"), leat_value_uint(rec->offset),
        leat_value_string("op"), copied(batch, op, 1),
        leat_value_string("time"), time,
        leat_value_string("record"), record_json(batch, rec, leat_task_name(task)),
    };
    struct leat_value map = leat_value_items(LEAT_MAP, pairs, FIELDS);
    struct leat_record made = {.topic = dead_topic(task), .time_us = rec->time_us, .op = LEAT_CREATE};
    made.value = leat_batch_copy_value(batch, &map);
    *letter = made;
}

void dead_letter_replace(struct leat_task *task, struct leat_batch *batch, uint32_t index, const char *reason)
{
    struct leat_record rec = batch->records[index];
    write_letter(task, batch, &rec, reason, &batch->records[index]);
}

/* ---- sinks ---- */

static void intent_key(const struct leat_record *rec, char key[320])
{
    snprintf(key, 320, "%s/%d/%llu", rec->topic->name, rec->partition, (unsigned long long)rec->offset);
}

static void load_intent(void *arg, const char *log, const struct leat_state *state)
{
    struct leat_task *task = arg;
    (void)log;
    if (state->kind == LEAT_STATE_INTENT && strcmp(state->connector, leat_task_name(task)) == 0 &&
        state->key.type == LEAT_TEXT)
        leat_table_set(&task->intents, state->key.as.text, state->key.len, (void *)UINTPTR_MAX);
}

void dead_letters_load(struct leat_task *task)
{
    struct leat_error err;
    task->driver->describe(task->config.access, NULL, load_intent, task, &err);
}

static enum leat_status open_writer(struct leat_task *task, struct leat_error *err)
{
    const struct leat_positions *from;
    struct leat_writer_config config = {
        .log = task->pipeline->log,
        .connector = leat_task_name(task),
        .settings = task->pipeline->settings,
        .task = task->config.number,
        .batch_bytes = task->config.memory_bytes,
    };
    return task->writer ? LEAT_OK : task->driver->writer_open(task->config.access, &config, &task->writer, &from, err);
}

static enum leat_status wait_durable(struct leat_task *task, uint64_t ticket, struct leat_error *err)
{
    uint64_t durable = 0;
    for (;;) {
        enum leat_status status = task->driver->durable(task->writer, &durable, err);
        if (status != LEAT_OK || durable >= ticket)
            return status;
        struct pollfd news = {.fd = task->driver->writer_fd(task->writer), .events = POLLIN};
        leat_os->poll(&news, 1, 100);
    }
}

enum leat_status dead_letter_write(struct leat_task *task, const struct leat_batch *batch, uint32_t index,
                                   const char *reason, struct leat_error *err)
{
    const struct leat_record *rec = &batch->records[index];
    char key[320];
    uint64_t ticket;
    intent_key(rec, key);
    if (leat_table_get(&task->intents, key, strlen(key))) { /* written before the crash */
        leat_table_set(&task->intents, key, strlen(key), (void *)(uintptr_t)batch->number);
        return LEAT_OK;
    }
    enum leat_status status = open_writer(task, err);
    if (status != LEAT_OK)
        return status;
    struct leat_batch *letters = leat_batch_new((size_t)64 << 10, 1);
    write_letter(task, letters, rec, reason, leat_batch_add(letters));
    struct leat_state intent = {LEAT_STATE_INTENT, leat_task_name(task), leat_value_string(key), leat_value_bool(true)};
    status = task_append(task, letters, &intent, 1, NULL, &ticket, err);
    if (status == LEAT_OK)
        status = wait_durable(task, ticket, err);
    leat_batch_free(letters);
    if (status == LEAT_OK)
        leat_table_set(&task->intents, key, strlen(key), (void *)(uintptr_t)batch->number);
    return status;
}

static enum leat_status forget_intent(struct leat_task *task, const char *key, struct leat_error *err)
{
    uint64_t ticket;
    struct leat_state gone = {LEAT_STATE_INTENT, leat_task_name(task), leat_value_string(key), leat_value_null()};
    enum leat_status status = open_writer(task, err);
    return status == LEAT_OK ? task->driver->append(task->writer, NULL, &gone, 1, NULL, &ticket, err) : status;
}

/* The mark has passed the batch: its intents, whose values are numbers of batches, are of no more use. */
void dead_letters_settled(struct leat_task *task, const struct leat_batch *batch)
{
    size_t at = 0, len;
    const void *found;
    void *number;
    while (leat_table_next(&task->intents, &at, &found, &len, &number)) {
        char key[320];
        struct leat_error err;
        if ((uintptr_t)number > batch->number || len >= sizeof key)
            continue;
        memcpy(key, found, len);
        key[len] = '\0';
        if (forget_intent(task, key, &err) != LEAT_OK)
            return; /* it stays: a later start forgets it */
        leat_table_remove(&task->intents, key, len);
        at = 0;
    }
}
