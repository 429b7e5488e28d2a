#include <oms/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define FRAME_BYTES ((size_t)256 << 10) /* a stream that reached this is a frame */

struct leat_writer {
    struct oms_log *log;
    char *connector;
    uint64_t epoch;
    struct leat_positions *positions;
    struct leat_log_watch *watch;
    uint64_t last_ticket;
    struct leat_bytes key, value; /* room to encode in */
};

/* ---- epoch: who came last writes, whoever came before is fenced ---- */

static uint64_t read_epoch(struct leat_writer *writer)
{
    uint64_t epoch = 0;
    leat_bytes_clear(&writer->key);
    leat_bytes_put(&writer->key, STATE_EPOCH);
    leat_bytes_text(&writer->key, writer->connector);
    if (leat_log_state_get(writer->log->log, writer->key.data, writer->key.len, &writer->value) &&
        writer->value.len == sizeof epoch)
        epoch = leat_get_u64(writer->value.data);
    return epoch;
}

static enum leat_status claim(struct leat_writer *writer, struct leat_error *err)
{
    struct leat_log_unit *unit;
    enum leat_status status = leat_log_unit_begin(writer->log->log, true, &unit, err);
    if (status != LEAT_OK)
        return status;
    writer->epoch = read_epoch(writer) + 1; /* leaves the key in writer->key */
    leat_log_unit_state(unit, writer->key.data, writer->key.len, &writer->epoch, sizeof writer->epoch);
    return leat_log_unit_append(writer->log->log, unit, LEAT_NATIVE_FORMAT, &writer->last_ticket, err);
}

/* ---- open ---- */

static void take_position(void *arg, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct leat_positions *positions = arg;
    struct leat_arena arena;
    struct leat_value decoded_key, decoded;
    struct leat_cut key_cut, cut = leat_cut(value, value_len);
    const char *connector;
    char kind;
    leat_arena_init(&arena, 0);
    if (oms_state_split(key, key_len, &kind, &connector, &key_cut) &&
        leat_native_get_value(&key_cut, &arena, &decoded_key) && leat_native_get_value(&cut, &arena, &decoded))
        leat_positions_set(positions, &decoded_key, &decoded);
    leat_arena_fini(&arena);
}

static void load_positions(struct leat_writer *writer)
{
    oms_state_key(&writer->key, LEAT_STATE_POSITION, writer->connector, NULL);
    leat_log_state_each(writer->log->log, writer->key.data, writer->key.len, take_position, writer->positions);
}

enum leat_status oms_writer_open(struct leat_access *access, const struct leat_writer_config *config,
                                 struct leat_writer **writer, const struct leat_positions **from,
                                 struct leat_error *err)
{
    struct oms_log *log;
    enum leat_status status = oms_log_open(access, config->log, &config->settings, &log, err);
    if (status != LEAT_OK)
        return status;
    struct leat_writer *made = leat_calloc(1, sizeof *made);
    made->log = log;
    made->connector = leat_strdup(config->connector);
    made->positions = leat_positions_new();
    leat_bytes_init(&made->key, SIZE_MAX);
    leat_bytes_init(&made->value, SIZE_MAX);
    made->watch = leat_log_watch_open(log->log, err);
    status = made->watch ? claim(made, err) : LEAT_RETRY;
    if (status != LEAT_OK) {
        oms_writer_close(made);
        return status;
    }
    load_positions(made);
    *writer = made;
    *from = made->positions;
    return LEAT_OK;
}

void oms_writer_close(struct leat_writer *writer)
{
    if (writer->watch)
        leat_log_watch_close(writer->watch);
    leat_positions_free(writer->positions);
    leat_bytes_fini(&writer->key);
    leat_bytes_fini(&writer->value);
    free(writer->connector);
    free(writer);
}

/* ---- append ---- */

struct filling { /* a unit's frames */
    struct oms_log *log;
    struct leat_log_unit *unit;
    struct leat_native_writer native;
    const struct leat_topic *topic; /* of the record before, and its slot in this frame */
    uint32_t slot;
    const struct leat_schema *schema;
    uint32_t schema_id;
};

static void put_record(struct filling *filling, struct leat_record *rec)
{
    struct leat_bytes *stream = leat_log_unit_stream(filling->unit);
    if (stream->len >= FRAME_BYTES) {
        leat_log_unit_cut(filling->unit);
        stream = leat_log_unit_stream(filling->unit);
        filling->native = (struct leat_native_writer){0};
        filling->topic = NULL;
    }
    if (rec->topic != filling->topic) {
        filling->topic = rec->topic;
        filling->slot = leat_log_unit_slot(filling->unit, oms_log_topic(filling->log, rec->topic));
    }
    if (rec->schema != filling->schema) {
        filling->schema = rec->schema;
        filling->schema_id = oms_log_schema_id(filling->log, rec->schema, filling->unit);
    }
    leat_native_put_record(&filling->native, stream, rec, filling->slot, filling->schema_id);
    leat_log_unit_count(filling->unit, filling->slot, 1);
}

/* Returns how many records were not dropped. */
static uint32_t put_records(struct leat_writer *writer, struct leat_log_unit *unit, struct leat_batch *batch)
{
    struct filling filling = {.log = writer->log, .unit = unit};
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        if (rec->flags & LEAT_DROPPED)
            continue;
        put_record(&filling, rec);
        count++;
    }
    return count;
}

static void put_deltas(struct leat_writer *writer, struct leat_log_unit *unit, enum leat_state_kind kind,
                       const struct leat_delta *deltas, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        oms_state_put(unit, &(struct leat_state){kind, writer->connector, deltas[i].key, deltas[i].value});
}

enum leat_status oms_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                            size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err)
{
    struct leat_log_unit *unit;
    if (read_epoch(writer) != writer->epoch)
        return leat_fail(err, LEAT_FENCED, "%s: another task has taken over its positions in log %s", writer->connector,
                         writer->log->name);
    bool is_small = !batch || batch->count == 0;
    leat_log_watch_arm(writer->watch);
    enum leat_status status = leat_log_unit_begin(writer->log->log, is_small, &unit, err);
    if (status != LEAT_OK)
        return status;
    uint32_t records = batch ? put_records(writer, unit, batch) : 0;
    if (batch) {
        put_deltas(writer, unit, LEAT_STATE_POSITION, batch->positions, batch->position_count);
        put_deltas(writer, unit, LEAT_STATE_TRANSFORM, batch->states, batch->state_count);
    }
    for (size_t i = 0; i < state_count; i++)
        oms_state_put(unit, &states[i]);
    if (records == 0 && state_count == 0 && (!batch || batch->position_count + batch->state_count == 0)) {
        leat_log_unit_drop(writer->log->log, unit);
        *ticket = writer->last_ticket;
        return LEAT_OK;
    }
    leat_log_unit_audience(unit, audience);
    status = leat_log_unit_append(writer->log->log, unit, LEAT_NATIVE_FORMAT, ticket, err);
    if (status == LEAT_OK)
        writer->last_ticket = *ticket;
    return status;
}

enum leat_status oms_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err)
{
    *ticket = leat_log_durable(writer->log->log);
    if (*ticket >= writer->last_ticket)
        return LEAT_OK;
    leat_log_watch_arm(writer->watch);
    *ticket = leat_log_durable(writer->log->log); /* it may have moved before the bell was armed */
    return leat_log_health(writer->log->log, err);
}

int oms_writer_fd(struct leat_writer *writer)
{
    return leat_log_watch_fd(writer->watch);
}
