/* driver_unit.c - a unit: frames of records, positions and state, schemas, and how far its topics have come. */
#include <kafka/driver_writer.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

/* ---- topics: each writer has a partition of its own in each topic that it writes to, and counts its offsets ---- */

static struct written *add_topic(struct leat_writer *writer, const struct leat_topic *topic)
{
    if (topic->number >= writer->topic_cap) {
        uint32_t cap = topic->number + 64;
        writer->topics = leat_realloc(writer->topics, cap * sizeof *writer->topics);
        memset((void *)(writer->topics + writer->topic_cap), 0, (cap - writer->topic_cap) * sizeof *writer->topics);
        writer->topic_cap = cap;
    }
    struct written *written = writer->topics[topic->number] = leat_calloc(1, sizeof *written);
    written->topic = topic;
    return written;
}

void kwriter_load_topic(struct leat_writer *writer, const uint8_t *name, size_t len, const struct kentry *entry)
{
    struct ktopic info;
    if (len == 0 || len > 249 || !ktopic_read(&info, entry))
        return;
    struct written *written = add_topic(writer, leat_topic((const char *)name, len));
    written->partition = info.partition;
    written->next = info.next;
    written->bytes = info.bytes;
    written->first_us = info.first_us;
    written->last_us = info.last_us;
}

static bool is_given(struct leat_access *access, const struct leat_topic *topic, int32_t partition)
{
    for (size_t i = 0; i < access->log_count; i++) {
        size_t at = 0, len;
        const void *key;
        void *entry;
        while (leat_table_next(&access->logs[i]->state, &at, &key, &len, &entry)) {
            struct ktopic info;
            const char *name;
            size_t name_len;
            if (ktopic_key(key, len, &name, &name_len) && name_len == topic->name_len &&
                memcmp(name, topic->name, name_len) == 0 && ktopic_read(&info, entry) && info.partition == partition)
                return true;
        }
    }
    return false;
}

/* The first number that nobody has: of those who wrote before, and of this process's writers. */
static int32_t new_partition(struct leat_writer *writer, const struct leat_topic *topic)
{
    struct leat_access *access = writer->log->access;
    struct leat_bytes key;
    int32_t partition = 0;
    leat_bytes_init(&key, 4096);
    leat_lock_take(&access->lock);
    for (;; partition++) {
        leat_bytes_clear(&key);
        leat_bytes_u32(&key, (uint32_t)partition);
        leat_bytes_add(&key, topic->name, topic->name_len);
        const char *taker = leat_table_get(&access->given, key.data, key.len);
        if (!is_given(access, topic, partition) && (!taker || strcmp(taker, writer->key_of_claim) == 0))
            break;
    }
    free(leat_table_set(&access->given, key.data, key.len, leat_strdup(writer->key_of_claim)));
    leat_lock_give(&access->lock);
    leat_bytes_fini(&key);
    return partition;
}

static struct written *use_topic(struct leat_writer *writer, const struct leat_topic *topic)
{
    struct written *written = topic->number < writer->topic_cap ? writer->topics[topic->number] : NULL;
    if (!written) {
        written = add_topic(writer, topic);
        written->partition = new_partition(writer, topic);
    }
    if (written->unit == writer->unit)
        return written;
    written->unit = writer->unit;
    written->unit_next = written->next;
    written->unit_bytes = 0;
    if (writer->in_unit_count == writer->in_unit_cap) {
        writer->in_unit_cap = writer->in_unit_cap ? writer->in_unit_cap * 2 : 16;
        writer->in_unit = leat_realloc(writer->in_unit, writer->in_unit_cap * sizeof *writer->in_unit);
    }
    return writer->in_unit[writer->in_unit_count++] = written;
}

/* ---- frames ---- */

struct filling {
    struct leat_writer *writer;
    struct kround *round;
    struct leat_native_writer native;
    struct written *written; /* topic of the record before, in this frame */
    const struct leat_schema *schema;
    uint32_t schema_id, count;
    const char *audience;
    int64_t now_us;
};

static void begin_frame(struct filling *filling)
{
    struct leat_writer *writer = filling->writer;
    writer->frame_number++;
    writer->frame.part_count = writer->frame.schema_count = 0;
    leat_bytes_clear(&writer->stream);
    writer->stream.is_over = false;
    filling->native = (struct leat_native_writer){0};
    filling->written = NULL;
    filling->schema = NULL;
    filling->schema_id = 0;
}

static void end_frame(struct filling *filling)
{
    struct leat_writer *writer = filling->writer;
    struct kround *round = filling->round;
    if (writer->stream.len == 0)
        return;
    struct kmessage *message = kround_add(round);
    message->value_at = round->bytes.len;
    message->time_ms = filling->now_us / 1000;
    writer->frame.time_us = filling->now_us;
    writer->frame.audience = filling->audience ? filling->audience : "";
    writer->frame.audience_len = strlen(writer->frame.audience);
    writer->frame.stream = leat_cut(writer->stream.data, writer->stream.len);
    kframe_write(&round->bytes, &writer->frame);
    message->value_len = round->bytes.len - message->value_at;
}

static struct kpart *use_part(struct filling *filling, const struct leat_topic *topic)
{
    struct leat_writer *writer = filling->writer;
    struct kframe *frame = &writer->frame;
    struct written *written = filling->written;
    if (!written || written->topic != topic)
        written = filling->written = use_topic(writer, topic);
    if (written->frame == writer->frame_number)
        return &frame->parts[written->slot];
    if (frame->part_count == frame->part_cap) {
        frame->part_cap = frame->part_cap ? frame->part_cap * 2 : 16;
        frame->parts = leat_realloc(frame->parts, frame->part_cap * sizeof *frame->parts);
    }
    written->frame = writer->frame_number;
    written->slot = frame->part_count;
    frame->parts[frame->part_count] = (struct kpart){topic, written->partition, written->unit_next, 0};
    return &frame->parts[frame->part_count++];
}

static void key_of_schema(struct leat_bytes *key, uint64_t hash)
{
    leat_bytes_clear(key);
    leat_bytes_put(key, STATE_SCHEMA);
    for (int shift = 56; shift >= 0; shift -= 8)
        leat_bytes_put(key, (uint8_t)(hash >> shift));
}

/* Is its content in the log, or in a unit of ours before? Otherwise it goes into this one. */
static void need_schema(struct leat_writer *writer, const struct leat_schema *schema)
{
    struct leat_access *access = writer->log->access;
    for (uint32_t i = 0; i < writer->new_schema_count; i++)
        if (writer->new_schemas[i] == schema)
            return;
    if (leat_table_get(&writer->sent_schemas, &schema, sizeof schema))
        return;
    key_of_schema(&writer->key, schema->hash);
    leat_lock_take(&access->lock);
    bool is_there = klog_get(writer->log, writer->key.data, writer->key.len) != NULL;
    leat_lock_give(&access->lock);
    if (is_there) {
        leat_table_set(&writer->sent_schemas, &schema, sizeof schema, writer);
        return;
    }
    if (writer->new_schema_count == writer->new_schema_cap) {
        writer->new_schema_cap = writer->new_schema_cap ? writer->new_schema_cap * 2 : 8;
        writer->new_schemas =
            leat_realloc((void *)writer->new_schemas, writer->new_schema_cap * sizeof(struct leat_schema *));
    }
    writer->new_schemas[writer->new_schema_count++] = schema;
}

static uint32_t use_schema(struct filling *filling, const struct leat_schema *schema)
{
    struct kframe *frame = &filling->writer->frame;
    if (!schema || schema == filling->schema)
        return schema ? filling->schema_id : 0;
    filling->schema = schema;
    for (uint32_t i = 0; i < frame->schema_count; i++)
        if (frame->schemas[i] == schema->hash)
            return filling->schema_id = i + 1;
    need_schema(filling->writer, schema);
    if (frame->schema_count == frame->schema_cap) {
        frame->schema_cap = frame->schema_cap ? frame->schema_cap * 2 : 8;
        frame->schemas = leat_realloc(frame->schemas, frame->schema_cap * sizeof *frame->schemas);
    }
    frame->schemas[frame->schema_count++] = schema->hash;
    return filling->schema_id = frame->schema_count;
}

/* False: the record can be written in no log. */
static bool put_record(struct filling *filling, struct leat_record *rec)
{
    struct leat_writer *writer = filling->writer;
    if (writer->stream.len >= KFRAME_BYTES) {
        end_frame(filling);
        begin_frame(filling);
    }
    struct kpart *part = use_part(filling, rec->topic);
    uint32_t slot = filling->written->slot, schema_id = use_schema(filling, rec->schema);
    size_t before = writer->stream.len;
    leat_native_put_record(&filling->native, &writer->stream, rec, slot, schema_id);
    if (writer->stream.is_over) {
        writer->stream.is_over = false;
        return false;
    }
    part->count++;
    filling->written->unit_next++;
    filling->written->unit_bytes += writer->stream.len - before;
    filling->count++;
    return true;
}

static enum leat_status put_records(struct filling *filling, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    begin_frame(filling);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        if (!(rec->flags & LEAT_DROPPED) && !put_record(filling, rec))
            status = leat_batch_reject_unfit(batch, i, filling->writer->log->name, err);
    }
    if (status == LEAT_OK)
        end_frame(filling);
    return status;
}

/* ---- state ---- */

static void put_one(struct leat_writer *writer, const struct leat_state *state)
{
    bool is_set = state->value.type != LEAT_NULL && state->value.type != LEAT_ABSENT;
    klog_state_key(&writer->key, state);
    leat_bytes_clear(&writer->value);
    if (is_set)
        leat_native_put_value(&writer->value, &state->value);
    kround_put_state(writer->filling, &writer->key, is_set ? writer->value.data : NULL, writer->value.len);
}

static void put_deltas(struct leat_writer *writer, enum leat_state_kind kind, const struct leat_delta *deltas,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_one(writer, &(struct leat_state){kind, writer->connector, deltas[i].key, deltas[i].value});
}

static void put_topics(struct leat_writer *writer, int64_t now_us)
{
    struct leat_bytes rest;
    leat_bytes_init(&rest, 4096);
    for (uint32_t i = 0; i < writer->in_unit_count; i++) {
        struct written *written = writer->in_unit[i];
        if (written->unit_next == written->next)
            continue;
        written->next = written->unit_next;
        written->bytes += written->unit_bytes;
        written->last_us = now_us;
        written->first_us = written->first_us ? written->first_us : now_us;
        leat_bytes_clear(&rest);
        for (int shift = 24; shift >= 0; shift -= 8)
            leat_bytes_put(&rest, (uint8_t)(writer->task >> shift));
        leat_bytes_add(&rest, written->topic->name, written->topic->name_len);
        klog_key(&writer->key, STATE_TOPIC, writer->connector, rest.data, rest.len);
        ktopic_write(&writer->value, &(struct ktopic){written->partition, written->next, written->bytes,
                                                      written->first_us, written->last_us});
        kround_put_state(writer->filling, &writer->key, writer->value.data, writer->value.len);
    }
    leat_bytes_fini(&rest);
}

static void put_schemas(struct leat_writer *writer)
{
    for (uint32_t i = 0; i < writer->new_schema_count; i++) {
        const struct leat_schema *schema = writer->new_schemas[i];
        key_of_schema(&writer->key, schema->hash);
        leat_bytes_clear(&writer->value);
        leat_native_put_schema(&writer->value, schema);
        kround_put_state(writer->filling, &writer->key, writer->value.data, writer->value.len);
        leat_table_set(&writer->sent_schemas, &schema, sizeof schema, writer);
    }
    writer->new_schema_count = 0;
}

/* ---- append ---- */

static bool has_room(const struct leat_writer *writer)
{
    size_t queued = writer->rounds[0].bytes.len + writer->rounds[1].bytes.len;
    return queued == 0 || queued < writer->most_bytes;
}

/* Under the writer's lock. */
static enum leat_status add_unit(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                                 size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err)
{
    struct kround *round = writer->filling;
    struct filling filling = {.writer = writer, .round = round, .audience = audience, .now_us = leat_wall_us()};
    uint32_t messages = round->count;
    size_t bytes = round->bytes.len;
    enum leat_status status = LEAT_OK;
    writer->unit++;
    writer->in_unit_count = writer->new_schema_count = 0;
    if (batch)
        status = put_records(&filling, batch, err);
    size_t deltas = batch ? batch->position_count + batch->state_count : 0;
    if (status != LEAT_OK || filling.count + deltas + state_count == 0) {
        round->count = messages;
        round->bytes.len = bytes;
        *ticket = writer->last_ticket;
        return status;
    }
    put_schemas(writer);
    put_topics(writer, filling.now_us);
    if (batch) {
        put_deltas(writer, LEAT_STATE_POSITION, batch->positions, batch->position_count);
        put_deltas(writer, LEAT_STATE_TRANSFORM, batch->states, batch->state_count);
    }
    for (size_t i = 0; i < state_count; i++)
        put_one(writer, &states[i]);
    leat_assert(!round->bytes.is_over);
    *ticket = round->ticket = ++writer->last_ticket;
    leat_cond_signal(&writer->news);
    return LEAT_OK;
}

static enum leat_status check_owner(struct leat_writer *writer, struct leat_error *err)
{
    char owner[OWNER_ROOM];
    if (kwriter_claimed_epoch(writer, owner) <= writer->epoch)
        return LEAT_OK;
    return leat_fail(err, LEAT_FENCED, "%s: %s has taken over its positions in log %s of %s", writer->connector, owner,
                     writer->log->name, writer->log->access->url);
}

enum leat_status kwriter_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                                size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err)
{
    bool is_small = !batch || batch->count == 0;
    enum leat_status status = check_owner(writer, err);
    if (status != LEAT_OK)
        return status;
    leat_bell_clear(&writer->bell);
    leat_lock_take(&writer->lock);
    status = writer->status;
    if (status != LEAT_OK)
        *err = writer->err;
    else if (!is_small && !has_room(writer))
        status = LEAT_AGAIN;
    else
        status = add_unit(writer, batch, states, state_count, audience, ticket, err);
    leat_lock_give(&writer->lock);
    return status;
}

enum leat_status kwriter_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err)
{
    leat_bell_clear(&writer->bell);
    leat_lock_take(&writer->lock);
    enum leat_status status = writer->status;
    *ticket = writer->durable;
    if (status != LEAT_OK)
        *err = writer->err;
    leat_lock_give(&writer->lock);
    return status;
}

int kwriter_fd(struct leat_writer *writer)
{
    return writer->bell.fd;
}
