#include <mysql/row_reader.h>
#include <mysql/window.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define REST_US 5000000

/* ---- chunks and what is in them ---- */

void definition_free(struct definition *definition)
{
    if (!definition)
        return;
    extent_fini(&definition->shape);
    table_free(definition->table);
    free(definition);
}

struct chunk *chunk_new(enum chunk_kind kind, const struct table *of)
{
    struct chunk *chunk = leat_calloc(1, sizeof *chunk);
    chunk->kind = kind;
    chunk->of = of;
    chunk->last_parcel = &chunk->parcels;
    position_init(&chunk->since);
    gtids_init(&chunk->view.seen);
    return chunk;
}

static void drop_parcels(struct readers *readers, struct chunk *chunk)
{
    for (struct parcel *parcel; (parcel = readers_take(readers, chunk));) {
        leat_batch_give(readers->task, &parcel->batch);
        extent_key_free(parcel->last);
        free(parcel);
    }
}

void chunk_free(struct readers *readers, struct chunk *chunk)
{
    drop_parcels(readers, chunk);
    window_free(chunk);
    extent_key_free(chunk->from);
    extent_key_free(chunk->to);
    free(chunk->where);
    for (uint32_t i = 0; i < chunk->planned_count; i++)
        extent_key_free(chunk->planned[i]);
    definition_free(chunk->described);
    position_fini(&chunk->since);
    gtids_fini(&chunk->view.seen);
    free(chunk);
}

/* ---- the owner ---- */

bool readers_ask(struct readers *readers, struct chunk *chunk)
{
    struct row_reader *idle = NULL;
    leat_lock_take(&readers->lock);
    for (uint32_t i = 0; !idle && i < readers->count; i++)
        if (!readers->items[i].work)
            idle = &readers->items[i];
    if (idle) {
        idle->work = chunk;
        chunk->reader = idle;
        leat_cond_broadcast(&readers->changed);
    }
    leat_lock_give(&readers->lock);
    return idle != NULL;
}

bool readers_have_idle(struct readers *readers)
{
    bool has_idle = false;
    leat_lock_take(&readers->lock);
    for (uint32_t i = 0; i < readers->count; i++)
        has_idle = has_idle || !readers->items[i].work;
    leat_lock_give(&readers->lock);
    return has_idle;
}

enum chunk_state readers_look(struct readers *readers, const struct chunk *chunk, bool *has_parcels)
{
    leat_lock_take(&readers->lock);
    enum chunk_state state = chunk->state;
    *has_parcels = chunk->parcels != NULL;
    leat_lock_give(&readers->lock);
    return state;
}

struct parcel *readers_take(struct readers *readers, struct chunk *chunk)
{
    leat_lock_take(&readers->lock);
    struct parcel *parcel = chunk->parcels;
    if (parcel) {
        chunk->parcels = parcel->next;
        if (!chunk->parcels)
            chunk->last_parcel = &chunk->parcels;
        chunk->reader->held--;
        leat_cond_broadcast(&readers->changed);
    }
    leat_lock_give(&readers->lock);
    return parcel;
}

void readers_void(struct readers *readers, struct chunk *chunk)
{
    leat_lock_take(&readers->lock);
    chunk->is_void = true;
    leat_cond_broadcast(&readers->changed);
    leat_lock_give(&readers->lock);
    drop_parcels(readers, chunk);
}

/* ---- the side threads ---- */

static struct chunk *wait_for_work(struct row_reader *reader)
{
    struct readers *readers = reader->readers;
    leat_lock_take(&readers->lock);
    while (!reader->work && !readers->is_closing) {
        struct leat_time rest = leat_after_us(REST_US);
        if (leat_cond_wait_until(&readers->changed, &readers->lock, rest) ||
            !reader->client.mysql || reader->work)
            continue;
        leat_lock_give(
            &readers->lock); /* nothing to do for long: the server may have its connection back */
        leat_task_guard(readers->task, -1);
        client_close(&reader->client);
        leat_lock_take(&readers->lock);
    }
    struct chunk *chunk = readers->is_closing ? NULL : reader->work;
    leat_lock_give(&readers->lock);
    return chunk;
}

void row_reader_open(struct row_reader *reader, struct chunk *chunk)
{
    leat_lock_take(&reader->readers->lock);
    chunk->state = CHUNK_OPEN;
    leat_lock_give(&reader->readers->lock);
    leat_task_wake(reader->readers->task);
}

static void end(struct row_reader *reader, struct chunk *chunk)
{
    leat_lock_take(&reader->readers->lock);
    chunk->state = CHUNK_ENDED;
    reader->work = NULL;
    leat_lock_give(&reader->readers->lock);
    leat_task_wake(reader->readers->task);
}

bool row_reader_is_unwanted(struct row_reader *reader, const struct chunk *chunk)
{
    leat_lock_take(&reader->readers->lock);
    bool is_unwanted = chunk->is_void || reader->readers->is_closing;
    leat_lock_give(&reader->readers->lock);
    return is_unwanted || leat_task_is_stopping(reader->readers->task);
}

struct leat_batch *row_reader_batch(struct row_reader *reader, const struct chunk *chunk)
{
    struct readers *readers = reader->readers;
    leat_lock_take(&readers->lock);
    while (reader->held >= readers->quota && !chunk->is_void && !readers->is_closing)
        leat_cond_wait(&readers->changed, &readers->lock);
    bool is_wanted = !chunk->is_void && !readers->is_closing;
    reader->held += is_wanted;
    leat_lock_give(&readers->lock);
    if (!is_wanted)
        return NULL;
    struct leat_batch *batch = leat_batch_take(readers->task);
    if (!batch) {
        leat_lock_take(&readers->lock);
        reader->held--;
        leat_lock_give(&readers->lock);
    }
    return batch;
}

void row_reader_give(struct row_reader *reader, struct leat_batch **batch)
{
    if (!*batch)
        return;
    leat_batch_give(reader->readers->task, batch);
    leat_lock_take(&reader->readers->lock);
    reader->held--;
    leat_lock_give(&reader->readers->lock);
}

void row_reader_post(struct row_reader *reader, struct chunk *chunk, struct parcel *parcel)
{
    leat_lock_take(&reader->readers->lock);
    *chunk->last_parcel = parcel;
    chunk->last_parcel = &parcel->next;
    leat_lock_give(&reader->readers->lock);
    leat_task_wake(reader->readers->task);
}

static void run_reader(struct leat_task *task, void *arg)
{
    struct row_reader *reader = arg;
    struct readers *readers = reader->readers;
    for (struct chunk *chunk; (chunk = wait_for_work(reader));) {
        row_reader_work(reader, chunk);
        end(reader, chunk);
    }
    leat_task_guard(task, -1);
    client_close(&reader->client);
    leat_bytes_fini(&reader->sql);
    leat_arena_fini(&reader->arena);
    leat_lock_take(&readers->lock);
    readers->running--;
    leat_cond_broadcast(&readers->changed);
    leat_lock_give(&readers->lock);
}

/* ---- life ---- */

static enum leat_status start(struct readers *readers, struct row_reader *reader,
                              struct leat_error *err)
{
    reader->readers = readers;
    leat_bytes_init(&reader->sql, (size_t)64 << 20);
    leat_arena_init(&reader->arena, 4096);
    leat_lock_take(&readers->lock);
    readers->running++;
    leat_lock_give(&readers->lock);
    enum leat_status status =
        leat_task_side(readers->task, "leat-snapshot", run_reader, reader, err);
    if (status == LEAT_OK)
        return status;
    leat_lock_take(&readers->lock);
    readers->running--;
    leat_lock_give(&readers->lock);
    leat_bytes_fini(&reader->sql);
    leat_arena_fini(&reader->arena);
    return status;
}

/* One batch is always left to the owner, or the stream could not go on to where parcels wait for
 * it. */
enum leat_status readers_start(struct readers **made, uint32_t wanted,
                               const struct client_options *options, unsigned read_timeout_s, struct leat_task *task,
                               struct leat_error *err)
{
    uint32_t room = leat_task_batches(task) - 1;
    struct readers *readers = leat_calloc(1, sizeof *readers);
    readers->task = task;
    readers->options = options;
    readers->read_timeout_s = read_timeout_s;
    wanted = wanted < room ? wanted : room;
    readers->quota = room / wanted;
    readers->items = leat_calloc(wanted, sizeof *readers->items);
    leat_lock_init(&readers->lock, "snapshot", LEAT_RANK_MAILBOX);
    leat_cond_init(&readers->changed);
    *made = readers;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < wanted; i++) {
        status = start(readers, &readers->items[i], err);
        readers->count += status == LEAT_OK;
    }
    return status;
}

void readers_stop(struct readers *readers)
{
    leat_lock_take(&readers->lock);
    readers->is_closing = true;
    leat_cond_broadcast(&readers->changed);
    while (readers->running > 0)
        leat_cond_wait(&readers->changed, &readers->lock);
    leat_lock_give(&readers->lock);
}

void readers_free(struct readers *readers)
{
    leat_cond_fini(&readers->changed);
    leat_lock_fini(&readers->lock);
    free(readers->items);
    free(readers);
}
