/* dead.c - dead letters: the record that somebody refused, as a record of another topic.
 *
 * What stands in a letter: model/letter.h.
 *
 * Of a source: in the same commit unit; the refused record is dropped. Of a sink: a unit of its own
 * with an intent that names the record, durable before the sink's mark passes it: when the record
 * comes again, because the mark had not passed it, the intent is found: the record is not sent, and no
 * second letter is written. Once the mark has passed it, the intent goes.
 */
#include <task/inside.h>

#include <base/memory.h>
#include <model/letter.h>
#include <stdio.h>
#include <stdlib.h>

#define LETTERS_BYTES ((size_t)1 << 20) /* of one unit */
#define REMOVALS      64                /* intents that one unit removes */

const struct leat_topic *dead_topic(const struct leat_connector_def *connector,
                                    const struct leat_pipeline_def *pipeline)
{
    char name[256];
    const char *topic = connector->errors.topic;
    if (!topic) {
        snprintf(name, sizeof name, "%s.dead", pipeline->name);
        topic = name;
    }
    return leat_topic(topic, strlen(topic));
}

static bool is_named(const struct leat_list *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i], name) == 0)
            return true;
    return false;
}

static bool is_of_letters(const struct leat_task *task, const struct leat_topic *topic)
{
    const struct leat_pipeline_def *pipeline = task->pipeline;
    if (leat_is_dead_topic(topic->name, topic->name_len))
        return true;
    if (pipeline->source && dead_topic(pipeline->source, pipeline) == topic)
        return true;
    for (size_t i = 0; i < pipeline->sink_count; i++)
        if (dead_topic(&pipeline->sinks[i], pipeline) == topic)
            return true;
    return false;
}

/* No pattern means a topic of letters: a sink that wants one names it. */
bool is_unwanted_letter(struct leat_task *task, const struct leat_topic *topic)
{
    if (topic != task->judged_topic) {
        task->judged_topic = topic;
        task->is_judged_unwanted =
            is_of_letters(task, topic) && !is_named(&task->connector->topics, topic->name);
    }
    return task->is_judged_unwanted;
}

/* ---- one letter ---- */

/* A larger one goes to its letter without its value. */
static size_t original_max(const struct leat_task *task)
{
    return task->pipeline->max_record > 0 ? (size_t)task->pipeline->max_record : SIZE_MAX;
}

static const char *stage_of(const struct leat_task *task, const struct leat_original *original)
{
    if (original && original->is_undecoded)
        return "decode";
    return task->is_source || task->chain_is_running ? "transform" : "sink";
}

/* At the end of the batch, as a transaction of its own. */
void dead_letter_add(struct leat_task *task, struct leat_batch *batch, uint32_t index,
                     const char *reason)
{
    const struct leat_original *original = original_find(batch, index);
    struct leat_record made;
    struct leat_letter letter = {
        .error = reason,
        .stage = stage_of(task, original),
        .connector = leat_task_name(task),
        .died_us = leat_wall_us(),
        .record = original ? &original->record : &batch->records[index],
        .original_max = original_max(task),
    };
    leat_letter_write(batch, task->dead_topic, &letter, &made);
    *leat_batch_add(batch) = made;
}

/* ---- sinks: intents ---- */

/* I6: a record is (log, topic, partition, offset); what a transform added to it has a number besides. */
static struct intent *intent_new(const struct leat_batch *batch, uint32_t index)
{
    const struct leat_original *original = original_find(batch, index);
    const struct leat_record *rec = original ? &original->record : &batch->records[index];
    struct intent *intent = leat_calloc(1, sizeof *intent);
    char uuid[2 * sizeof intent->log_uuid + 1], part[16] = "";
    memcpy(intent->log_uuid, batch->mark.log_uuid, sizeof intent->log_uuid);
    for (size_t i = 0; i < sizeof intent->log_uuid; i++)
        snprintf(uuid + 2 * i, 3, "%02x", intent->log_uuid[i]);
    if (batch->reads[index].part > 0)
        snprintf(part, sizeof part, "+%u", batch->reads[index].part);
    intent->identity = leat_format_dup("%s/%s/%d/%llu%s", uuid, rec->topic->name, (int)rec->partition,
                                       (unsigned long long)rec->offset, part);
    intent->cursor = leat_batch_cursor(batch, index);
    return intent;
}

static void intent_free(struct intent *intent)
{
    free(intent->identity);
    free(intent);
}

static struct intent *intent_find(const struct intents *intents, const struct intent *like)
{
    return leat_table_get(&intents->by_identity, like->identity, strlen(like->identity));
}

static void intent_keep(struct intents *intents, struct intent *intent)
{
    if (intents->count == intents->cap) {
        intents->cap = intents->cap ? 2 * intents->cap : 16;
        intents->items = leat_realloc(intents->items, intents->cap * sizeof *intents->items);
    }
    intents->items[intents->count++] = intent;
    leat_table_set(&intents->by_identity, intent->identity, strlen(intent->identity), intent);
}

void dead_letters_forget(struct leat_task *task)
{
    struct intents *intents = &task->intents;
    for (size_t i = 0; i < intents->count; i++)
        intent_free(intents->items[i]);
    free(intents->items);
    leat_table_fini(&intents->by_identity, NULL);
    *intents = (struct intents){0};
}

static bool has_passed(const struct leat_mark *mark, const struct intent *intent)
{
    return mark->layout != 0 &&
           memcmp(mark->log_uuid, intent->log_uuid, sizeof mark->log_uuid) == 0 &&
           mark->cursor.len == intent->cursor.len &&
           memcmp(mark->cursor.bytes, intent->cursor.bytes, mark->cursor.len) >= 0;
}

/* State of an intent: identity -> [number of the task, cursor]; without memory: removes it. */
static struct leat_state intent_state(const struct leat_task *task, const struct intent *intent,
                                      struct leat_batch *memory)
{
    struct leat_state state = {LEAT_STATE_INTENT, leat_task_name(task),
                               leat_value_string(intent->identity), leat_value_null()};
    if (memory) {
        struct leat_value *items = leat_batch_alloc(memory, 2 * sizeof *items);
        items[0] = leat_value_int(task->config.number);
        items[1] = leat_value_bytes(intent->cursor.bytes, intent->cursor.len);
        state.value = leat_value_items(LEAT_ARRAY, items, 2);
    }
    return state;
}

static bool read_uuid(const struct leat_value *identity, uint8_t uuid[16])
{
    char text[33] = {0};
    unsigned byte;
    if (identity->type != LEAT_TEXT || identity->len < 32)
        return false;
    memcpy(text, identity->as.text, 32);
    for (int i = 0; i < 16; i++) {
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        uuid[i] = (uint8_t)byte;
    }
    return true;
}

/* While lanes of an earlier time are caught up with, a record may be here whose letter another lane wrote. */
static bool is_intent_ours(const struct leat_task *task, int64_t number)
{
    return number == task->config.number || task->written;
}

static void load_intent(void *arg, const char *log, const struct leat_state *state)
{
    struct leat_task *task = arg;
    const struct leat_value *items = state->value.as.items;
    struct intent *intent = leat_calloc(1, sizeof *intent);
    (void)log;
    if (state->kind != LEAT_STATE_INTENT || strcmp(state->connector, leat_task_name(task)) != 0 ||
        state->value.type != LEAT_ARRAY || state->value.len != 2 || items[1].type != LEAT_BYTES ||
        items[1].len > sizeof intent->cursor.bytes || !is_intent_ours(task, items[0].as.i) ||
        !read_uuid(&state->key, intent->log_uuid)) {
        free(intent);
        return;
    }
    intent->identity = leat_strndup(state->key.as.text, state->key.len);
    intent->cursor.len = (uint8_t)items[1].len;
    memcpy(intent->cursor.bytes, items[1].as.bytes, items[1].len);
    intent_keep(&task->intents, intent);
}

/* ---- sinks: the writer, opened when it is needed first ---- */

static enum leat_status open_writer(struct leat_task *task, struct leat_error *err)
{
    const struct leat_positions *from;
    struct leat_writer_config config = {
        .log = task->pipeline->log,
        .connector = leat_task_name(task),
        .settings = task->pipeline->settings,
        .task = task->config.number,
        .batch_bytes = task->config.memory_bytes,
        .takes_over = task->lives == 0,
    };
    return task->writer
               ? LEAT_OK
               : task->driver->writer_open(task->config.access, &config, &task->writer, &from, err);
}

static enum leat_status wait_durable(struct leat_task *task, uint64_t ticket,
                                     struct leat_error *err)
{
    uint64_t durable = 0;
    for (;;) {
        enum leat_status status = task->driver->durable(task->writer, &durable, err);
        if (status != LEAT_OK || durable >= ticket)
            return status;
        if (leat_task_is_stopping(task) && leat_is_past(task_stop_by(task)))
            return leat_fail(err, LEAT_RETRY, "stopped before a dead letter was durable");
        struct pollfd news = {.fd = task->driver->writer_fd(task->writer), .events = POLLIN};
        leat_os->poll(&news, 1, 100);
    }
}

enum leat_status sink_keep(struct leat_task *task, const struct leat_state *state, struct leat_error *err)
{
    uint64_t ticket;
    enum leat_status status = open_writer(task, err);
    if (status == LEAT_OK)
        status = task_append(task, NULL, state, 1, NULL, &ticket, err);
    return status == LEAT_OK ? wait_durable(task, ticket, err) : status;
}

/* ---- sinks: letters ---- */

struct letters { /* of one unit */
    struct leat_batch *batch;
    struct leat_state *states;
    struct intent **intents;
    uint32_t count;
};

static enum leat_status send_letters(struct leat_task *task, struct letters *letters,
                                     struct leat_error *err)
{
    uint64_t ticket;
    enum leat_status status = letters->count > 0 ? open_writer(task, err) : LEAT_OK;
    if (status == LEAT_OK && letters->count > 0) {
        status =
            task_append(task, letters->batch, letters->states, letters->count, NULL, &ticket, err);
        if (status == LEAT_OK)
            status = wait_durable(task, ticket, err);
        if (status == LEAT_REJECT) /* who asked for letters takes that for a refusal of the records */
            status = leat_fail(err, LEAT_STOP, "%s: the topic of dead letters, %s, takes none: this is a defect",
                               leat_task_name(task), task->dead_topic->name);
    }
    for (uint32_t i = 0; i < letters->count; i++) {
        if (status == LEAT_OK)
            intent_keep(&task->intents, letters->intents[i]);
        else
            intent_free(letters->intents[i]);
    }
    letters->count = 0;
    leat_batch_reset(letters->batch);
    return status;
}

static void add_letter(struct leat_task *task, struct letters *letters,
                       const struct leat_batch *batch, const struct leat_refusal *refusal)
{
    struct intent *intent = intent_new(batch, refusal->index);
    if (intent_find(&task->intents, intent)) { /* an earlier life wrote it */
        intent_free(intent);
        return;
    }
    const struct leat_original *original = original_find(batch, refusal->index);
    bool was_added = batch->reads[refusal->index].part > 0; /* by a transform */
    struct leat_letter letter = {
        .error = refusal->reason,
        .stage = stage_of(task, original),
        .connector = leat_task_name(task),
        .identity = intent->identity,
        .has_place = !was_added,
        .died_us = leat_wall_us(),
        .record = original && !was_added ? &original->record : &batch->records[refusal->index],
        .original_max = original_max(task),
    };
    leat_letter_write(letters->batch, task->dead_topic, &letter, leat_batch_add(letters->batch));
    letters->states[letters->count] = intent_state(task, intent, letters->batch);
    letters->intents[letters->count++] = intent;
}

/* Letters for all refused records of the batch; durable on return. */
enum leat_status dead_letters_write(struct leat_task *task, const struct leat_batch *batch,
                                    struct leat_error *err)
{
    uint32_t count = batch->refusal_count;
    enum leat_status status = LEAT_OK;
    struct letters letters = {
        .batch = leat_batch_new(LETTERS_BYTES, count),
        .states = leat_calloc(count, sizeof *letters.states),
        .intents = leat_calloc(count, sizeof(struct intent *)),
    };
    for (uint32_t i = 0; status == LEAT_OK && i < count; i++) {
        add_letter(task, &letters, batch, &batch->refusals[i]);
        if (leat_batch_is_full(letters.batch))
            status = send_letters(task, &letters, err);
    }
    if (status == LEAT_OK)
        status = send_letters(task, &letters, err);
    leat_batch_free(letters.batch);
    free(letters.states);
    free(letters.intents);
    return status;
}

/* ---- sinks: records that came again ---- */

/* Mostly false: what is read for the first time lies behind all that was refused. */
static bool may_have_letters(const struct leat_task *task, const struct leat_batch *batch)
{
    for (size_t i = 0; batch->count > 0 && i < task->intents.count; i++) {
        const struct intent *intent = task->intents.items[i];
        const struct leat_cursor *first = &batch->reads[0].cursor;
        if (memcmp(intent->log_uuid, batch->mark.log_uuid, sizeof intent->log_uuid) == 0 &&
            intent->cursor.len == first->len &&
            memcmp(intent->cursor.bytes, first->bytes, first->len) >= 0)
            return true;
    }
    return false;
}

/* The cause may have gone meanwhile: a record that has a letter is not sent all the same. */
void dead_letters_honour(struct leat_task *task, struct leat_batch *batch)
{
    if (!may_have_letters(task, batch))
        return;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct intent *intent = intent_new(batch, i);
        if (intent_find(&task->intents, intent))
            batch->records[i].flags |= LEAT_DROPPED;
        intent_free(intent);
    }
}

/* ---- sinks: what the mark has passed ---- */

struct removal { /* one unit */
    struct leat_state states[1 + REMOVALS];
    size_t count, intents;
    uint8_t hint[LEAT_MARK_BYTES_MAX];
};

/* Where our own copy is the mark, it is written lazily: the removal takes it along, so that no
 * crash can leave a mark that lies before a record whose intent is gone. */
static void take_mark_along(const struct leat_task *task, const struct leat_mark *mark,
                            const char *split, struct removal *removal)
{
    bool is_ours = !(task->connector->sink->traits & LEAT_KEEPS_MARK);
    if (!split || !is_ours ||
        !task->pipeline->source) /* `subscribe`: its marks are in other logs */
        return;
    size_t len = leat_mark_encode(mark, removal->hint);
    removal->states[removal->count++] =
        (struct leat_state){LEAT_STATE_HINT, leat_task_name(task), leat_value_string(split),
                            leat_value_bytes(removal->hint, len)};
}

/* False: the mark has passed none. */
static bool prepare_removal(const struct leat_task *task, const struct leat_mark *mark,
                            const char *split, struct removal *removal)
{
    removal->count = removal->intents = 0;
    take_mark_along(task, mark, split, removal);
    for (size_t i = 0; i < task->intents.count && removal->intents < REMOVALS; i++) {
        if (!has_passed(mark, task->intents.items[i]))
            continue;
        removal->states[removal->count++] = intent_state(task, task->intents.items[i], NULL);
        removal->intents++;
    }
    return removal->intents > 0;
}

static void drop_passed(struct intents *intents, const struct leat_mark *mark, size_t most)
{
    size_t kept = 0;
    for (size_t i = 0; i < intents->count; i++) {
        struct intent *intent = intents->items[i];
        if (most == 0 || !has_passed(mark, intent)) {
            intents->items[kept++] = intent;
            continue;
        }
        most--;
        leat_table_remove(&intents->by_identity, intent->identity, strlen(intent->identity));
        intent_free(intent);
    }
    intents->count = kept;
}

/* Their records do not come again. Where the topic has no room now, a later mark or start does it.
 */
static void forget_passed(struct leat_task *task, const struct leat_mark *mark, const char *split)
{
    struct removal removal;
    struct leat_error err;
    uint64_t ticket;
    while (prepare_removal(task, mark, split, &removal)) {
        if (open_writer(task, &err) != LEAT_OK ||
            task->driver->append(task->writer, NULL, removal.states, removal.count, NULL, &ticket,
                                 &err) != LEAT_OK)
            return;
        drop_passed(&task->intents, mark, removal.intents);
    }
}

void dead_letters_settled(struct leat_task *task, const struct receipt *receipt)
{
    if (task->intents.count > 0 && !task->written)
        forget_passed(task, &receipt->mark, task->splits.names[receipt->split]);
}

enum leat_status dead_letters_load(struct leat_task *task, struct leat_error *err)
{
    enum leat_status status =
        task->driver->describe(task->config.access, NULL, load_intent, task, err);
    for (uint32_t i = 0; status == LEAT_OK && i < task->marks.count && !task->written; i++)
        forget_passed(task, &task->marks.items[i], NULL);
    return status;
}
