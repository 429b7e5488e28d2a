#include <oms/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define FRAME_BYTES ((size_t)248 << 10) /* a stream that reached this is a frame: with its last record still below 256 KiB */
#define CLAIM_WAIT_US 5000000

struct queued { /* a unit that was appended and is not durable yet */
    uint64_t ticket, bytes;
};

struct leat_writer {
    struct oms_log *log;
    char *connector;
    uint32_t task;
    uint64_t epoch, most_bytes;
    bool brings_new;
    struct leat_positions *positions;
    struct leat_log_watch *watch;
    uint64_t last_ticket;
    struct queued *queued; /* oldest first */
    size_t queued_count, queued_cap;
    uint64_t queued_bytes;
    uint32_t *schemas; /* ids whose content the unit at hand holds */
    uint32_t schema_count, schema_cap;
    struct leat_bytes key, value; /* room to encode in */
};

/* ---- epoch: who came last writes, whoever came before is fenced (I4). Under the log's lock, which also orders the
 * units: so nobody queues a unit between another one's look at the epoch and its own ---- */

static uint64_t read_epoch(struct leat_writer *writer)
{
    uint64_t epoch = 0;
    leat_bytes_clear(&writer->key);
    leat_bytes_put(&writer->key, STATE_EPOCH);
    leat_bytes_add(&writer->key, writer->connector, strlen(writer->connector) + 1);
    for (unsigned shift = 32; shift > 0; shift -= 8)
        leat_bytes_put(&writer->key, (uint8_t)(writer->task >> (shift - 8)));
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
    leat_lock_take(&writer->log->lock);
    writer->epoch = read_epoch(writer) + 1; /* leaves the key in writer->key */
    leat_log_unit_state(unit, writer->key.data, writer->key.len, &writer->epoch, sizeof writer->epoch);
    status = leat_log_unit_append(writer->log->log, unit, LEAT_NATIVE_FORMAT, &writer->last_ticket, err);
    leat_lock_give(&writer->log->lock);
    return status;
}

/* What a source goes on from is durable before it sees it (I2): the units of the task before may still be queued. */
static enum leat_status wait_for_claim(struct leat_writer *writer, const struct leat_log_settings *settings,
                                       struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(CLAIM_WAIT_US + settings->fsync_every_us);
    uint64_t ticket;
    for (;;) {
        enum leat_status status = oms_durable(writer, &ticket, err);
        if (status != LEAT_OK || ticket >= writer->last_ticket)
            return status;
        if (leat_is_past(deadline))
            return leat_fail(err, LEAT_RETRY, "log %s: what was written does not become durable", writer->log->name);
        struct pollfd news = {.fd = oms_writer_fd(writer), .events = POLLIN};
        leat_os->poll(&news, 1, 100);
    }
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
    made->task = config->task;
    made->brings_new = config->brings_new;
    made->most_bytes = config->batch_bytes > 0 ? (uint64_t)config->batch_bytes : UINT64_MAX;
    made->positions = leat_positions_new();
    leat_bytes_init(&made->key, SIZE_MAX);
    leat_bytes_init(&made->value, SIZE_MAX);
    made->watch = leat_log_watch_open(log->log, err);
    status = made->watch ? claim(made, err) : LEAT_RETRY;
    if (status == LEAT_OK)
        status = wait_for_claim(made, &config->settings, err);
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
    free(writer->queued);
    free(writer->schemas);
    free(writer->connector);
    free(writer);
}

/* ---- records ---- */

struct filling { /* a unit's frames */
    struct leat_writer *writer;
    struct leat_log_unit *unit;
    struct leat_native_writer native;
    const struct leat_topic *topic; /* of the record before, and its slot in this frame */
    uint32_t slot;
    const struct leat_schema *schema;
    uint32_t schema_id;
    uint32_t count;
    uint64_t bytes; /* of frames that were cut */
};

/* The schema's id in the log. Its content goes into the unit unless a unit that holds it is queued already: who
 * merely heard that somebody is about to write it must not build on that. */
static uint32_t use_schema(struct leat_writer *writer, struct leat_log_unit *unit, const struct leat_schema *schema)
{
    bool is_queued;
    uint32_t id = oms_log_schema_id(writer->log, schema, &is_queued);
    for (uint32_t i = 0; i < writer->schema_count && !is_queued; i++)
        is_queued = writer->schemas[i] == id;
    if (is_queued)
        return id;
    oms_log_put_schema(unit, id, schema);
    if (writer->schema_count == writer->schema_cap) {
        writer->schema_cap = writer->schema_cap ? writer->schema_cap * 2 : 8;
        writer->schemas = leat_realloc(writer->schemas, writer->schema_cap * sizeof *writer->schemas);
    }
    writer->schemas[writer->schema_count++] = id;
    return id;
}

static struct leat_bytes *stream_for_next(struct filling *filling)
{
    struct leat_bytes *stream = leat_log_unit_stream(filling->unit);
    if (stream->len < FRAME_BYTES)
        return stream;
    filling->bytes += stream->len;
    leat_log_unit_cut(filling->unit);
    filling->native = (struct leat_native_writer){0};
    filling->topic = NULL;
    return leat_log_unit_stream(filling->unit);
}

/* False: the record can be written in no log. */
static bool put_record(struct filling *filling, struct leat_record *rec)
{
    struct leat_bytes *stream = stream_for_next(filling);
    if (rec->topic != filling->topic) {
        filling->topic = rec->topic;
        filling->slot = leat_log_unit_slot(filling->unit, oms_log_topic(filling->writer->log, rec->topic));
    }
    if (rec->schema != filling->schema) {
        filling->schema = rec->schema;
        filling->schema_id = rec->schema ? use_schema(filling->writer, filling->unit, rec->schema) : 0;
    }
    leat_native_put_record(&filling->native, stream, rec, filling->slot, filling->schema_id);
    if (stream->is_over) {
        stream->is_over = false;
        return false;
    }
    leat_log_unit_count(filling->unit, filling->slot, 1);
    filling->count++;
    return true;
}

static enum leat_status put_records(struct filling *filling, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        if (!(rec->flags & LEAT_DROPPED) && !put_record(filling, rec))
            status = leat_batch_reject_unfit(batch, i, filling->writer->log->name, err);
    }
    return status;
}

static void put_deltas(struct leat_writer *writer, struct leat_log_unit *unit, enum leat_state_kind kind,
                       const struct leat_delta *deltas, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        oms_state_put(unit, &(struct leat_state){kind, writer->connector, deltas[i].key, deltas[i].value});
}

/* ---- units ---- */

/* Forgets what has become durable; false: as much as the budget allows is still queued. */
static bool has_budget(struct leat_writer *writer)
{
    uint64_t durable = leat_log_durable(writer->log->log);
    size_t done = 0;
    while (done < writer->queued_count && writer->queued[done].ticket <= durable)
        writer->queued_bytes -= writer->queued[done++].bytes;
    writer->queued_count -= done;
    if (done > 0)
        memmove(writer->queued, writer->queued + done, writer->queued_count * sizeof *writer->queued);
    return writer->queued_count == 0 || writer->queued_bytes < writer->most_bytes;
}

static void note_queued(struct leat_writer *writer, uint64_t ticket, uint64_t bytes)
{
    if (writer->queued_count == writer->queued_cap) {
        writer->queued_cap = writer->queued_cap ? writer->queued_cap * 2 : 16;
        writer->queued = leat_realloc(writer->queued, writer->queued_cap * sizeof *writer->queued);
    }
    writer->queued[writer->queued_count++] = (struct queued){ticket, bytes};
    writer->queued_bytes += bytes;
    writer->last_ticket = ticket;
}

static enum leat_status begin_now(struct leat_writer *writer, bool is_small, struct leat_log_unit **unit,
                                  struct leat_error *err)
{
    if (!is_small && !has_budget(writer)) {
        *err = (struct leat_error){0};
        return LEAT_AGAIN;
    }
    return leat_log_unit_begin(writer->log->log, is_small, unit, err);
}

/* LEAT_AGAIN: the bell is armed. */
static enum leat_status begin(struct leat_writer *writer, bool is_small, struct leat_log_unit **unit,
                              struct leat_error *err)
{
    enum leat_status status = begin_now(writer, is_small, unit, err);
    if (status != LEAT_AGAIN)
        return status;
    leat_log_watch_arm(writer->watch);
    return begin_now(writer, is_small, unit, err); /* room may have come before the bell was armed */
}

static enum leat_status queue(struct leat_writer *writer, struct leat_log_unit *unit, uint64_t *ticket,
                              struct leat_error *err)
{
    enum leat_status status;
    leat_lock_take(&writer->log->lock);
    if (read_epoch(writer) != writer->epoch) {
        leat_log_unit_drop(writer->log->log, unit);
        status = leat_fail(err, LEAT_FENCED, "%s: another task has taken over its positions in log %s",
                           writer->connector, writer->log->name);
    } else {
        status = leat_log_unit_append(writer->log->log, unit, LEAT_NATIVE_FORMAT, ticket, err);
    }
    for (uint32_t i = 0; i < writer->schema_count && status == LEAT_OK; i++)
        oms_log_schema_queued(writer->log, writer->schemas[i]);
    leat_lock_give(&writer->log->lock);
    return status;
}

enum leat_status oms_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                            size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err)
{
    struct leat_log_unit *unit;
    if (writer->brings_new && batch && batch->count > 0 && leat_log_is_held(writer->log->log))
        return leat_fail(err, LEAT_AGAIN,
                         "a consumer has more to read than `retain: {bytes}` keeps: it has to catch up (`leat offsets list`), or "
                         "`leat offsets forget` gives it up");
    enum leat_status status = begin(writer, !batch || batch->count == 0, &unit, err);
    if (status != LEAT_OK)
        return status;
    struct filling filling = {.writer = writer, .unit = unit};
    writer->schema_count = 0;
    if (batch)
        status = put_records(&filling, batch, err);
    size_t deltas = batch ? batch->position_count + batch->state_count : 0;
    if (status != LEAT_OK || filling.count + deltas + state_count == 0) {
        leat_log_unit_drop(writer->log->log, unit);
        *ticket = writer->last_ticket;
        return status;
    }
    if (batch) {
        put_deltas(writer, unit, LEAT_STATE_POSITION, batch->positions, batch->position_count);
        put_deltas(writer, unit, LEAT_STATE_TRANSFORM, batch->states, batch->state_count);
    }
    for (size_t i = 0; i < state_count; i++)
        oms_state_put(unit, &states[i]);
    leat_log_unit_audience(unit, audience);
    filling.bytes += leat_log_unit_stream(unit)->len;
    status = queue(writer, unit, ticket, err);
    if (status == LEAT_OK)
        note_queued(writer, *ticket, filling.bytes);
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
