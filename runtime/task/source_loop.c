/* source_loop.c - poll -> transforms -> append -> durable, for as long as the plug-in is open.
 *
 * A batch and its positions are one commit unit (I1). The source hears of it once it is durable
 * (I2); after any error what is in flight settles first, and only then are positions read again.
 */
#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <stdlib.h>

#define IDLE_LOOK_US 100000 /* how often a source is asked again that neither gave nor waited */

/* ---- appending ---- */

static void note_ticket(struct leat_task *task, uint64_t batch, uint64_t ticket)
{
    if (task->ticket_count == task->ticket_cap) {
        task->ticket_cap = task->ticket_cap ? task->ticket_cap * 2 : 64;
        task->tickets = leat_realloc(task->tickets, task->ticket_cap * sizeof *task->tickets);
    }
    task->tickets[task->ticket_count++] = (struct ticket){batch, ticket};
    progress_doing(task, "the disk");
    progress_note(task, true, false);
}

/* Tells the source which batches are durable by now. */
static enum leat_status take_durable(struct leat_task *task, struct leat_error *err)
{
    uint64_t durable, batch = 0;
    size_t done = 0;
    if (task->ticket_count == 0)
        return LEAT_OK;
    enum leat_status status = task->driver->durable(task->writer, &durable, err);
    if (status != LEAT_OK)
        return status;
    while (done < task->ticket_count && task->tickets[done].ticket <= durable)
        batch = task->tickets[done++].batch;
    if (done == 0)
        return LEAT_OK;
    memmove(task->tickets, task->tickets + done,
            (task->ticket_count - done) * sizeof *task->tickets);
    task->ticket_count -= done;
    progress_note(task, task->ticket_count > 0, true);
    progress_made(task);
    if (task->connector->source->durable)
        task->connector->source->durable(task->self, task, batch);
    return LEAT_OK;
}

enum leat_status task_append(struct leat_task *task, struct leat_batch *batch,
                             const struct leat_state *states, size_t count, const char *audience,
                             uint64_t *ticket, struct leat_error *err)
{
    for (;;) {
        *err = (struct leat_error){0};
        enum leat_status status =
            task->driver->append(task->writer, batch, states, count, audience, ticket, err);
        progress_held(task, status == LEAT_AGAIN ? err->text : "");
        if (status != LEAT_AGAIN)
            return status;
        progress_doing(task, "room: the disk is slow");
        progress_note(task, true, false);
        bool may_last = err->text[0]; /* then a stop does not wait for it */
        if (leat_task_is_stopping(task) && (may_last || leat_is_past(task_stop_by(task)))) {
            progress_held(task, "");
            return leat_fail(err, LEAT_RETRY, "stopped before the topic had room");
        }
        int fd = task->driver->writer_fd(task->writer);
        if (task_wait(task, fd, leat_after_us(IDLE_LOOK_US)) ==
            LEAT_STOPPING) /* draining: waits no more */
            leat_os->poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10);
    }
}

static enum leat_status append_batch(struct leat_task *task, struct leat_batch *batch,
                                     struct leat_error *err)
{
    uint64_t ticket, bytes = leat_batch_bytes(batch), records = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        records += !(batch->records[i].flags & LEAT_DROPPED);
    enum leat_status status = task_append(task, batch, task->more_states, task->more_count, NULL, &ticket, err);
    if (status != LEAT_OK)
        return status;
    note_ticket(task, batch->number, ticket);
    status_add(task, records, bytes);
    return take_durable(task, err);
}

/* ---- a batch through the chain ---- */

/* The end of a transaction survives its record: it moves to the one before, or, where all that was
 * left of the transaction is in an earlier batch, the record becomes an empty marker. */
static void keep_transaction_ends(struct leat_task *task, struct leat_batch *batch)
{
    struct leat_record *last = NULL; /* of the transaction at hand */
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        bool ends = rec->flags & LEAT_ENDS_TRANSACTION;
        if (rec->topic == task->dead_topic)
            continue;
        if (!(rec->flags & LEAT_DROPPED)) {
            last = rec;
        } else if (ends && last) {
            last->flags |= LEAT_ENDS_TRANSACTION;
        } else if (ends && task->has_open_transaction) {
            *rec = (struct leat_record){.topic = rec->topic,
                                        .time_us = rec->time_us,
                                        .op = LEAT_MARKER,
                                        .flags = LEAT_ENDS_TRANSACTION};
        } else {
            continue;
        }
        last = ends ? NULL : last;
        task->has_open_transaction = !ends;
    }
}

/* Past the place where a record was refused before: full batches again. */
static void be_less_careful(struct leat_task *task, uint32_t count)
{
    task->careful_left -= count < task->careful_left ? count : task->careful_left;
    if (task->careful_left == 0)
        pool_limit(&task->pool, BATCH_RECORDS);
}

/* What the log itself refuses (too large, nested too deeply) follows the policy like every other refusal. */
static enum leat_status append_accepted(struct leat_task *task, struct leat_batch *batch,
                                        struct leat_error *err)
{
    bool was_open = task->has_open_transaction;
    for (;;) {
        task->has_open_transaction = was_open;
        keep_transaction_ends(task, batch);
        enum leat_status status = append_batch(task, batch, err);
        if (status != LEAT_REJECT)
            return status;
        status = source_refusals(task, batch, err);
        if (status != LEAT_OK)
            return status;
    }
}

/* What follows the transforms; `status` is what they said. A timer's batch has the number of the batch before it: the
 * numbers are the source's, which learns them from leat_batch_take(). */
static enum leat_status finish_batch(struct leat_task *task, struct leat_batch *batch,
                                     enum leat_status status, struct leat_error *err)
{
    batch->number = task->batch_number;
    if (status == LEAT_OK || status == LEAT_REJECT) {
        route_batch(task, batch);
        bool has_refusals = refuse_giants(task, batch) || batch->refusal_count > 0;
        status =
            has_refusals || status == LEAT_REJECT ? source_refusals(task, batch, err) : LEAT_OK;
    }
    if (status == LEAT_OK)
        status = append_accepted(task, batch, err);
    if (status == LEAT_OK && task->careful_left > 0)
        be_less_careful(task, batch->count);
    return status;
}

static enum leat_status deliver(struct leat_task *task, struct leat_batch *batch,
                                struct leat_error *err)
{
    task->batch_number++;
    breaker_came(task, batch->count);
    originals_keep(task, batch);
    return finish_batch(task, batch, leat_chain_apply(task->chain, batch, err), err);
}

static enum leat_status run_timers(struct leat_task *task, struct leat_error *err)
{
    if (!leat_is_past(leat_chain_due(task->chain)))
        return LEAT_OK;
    struct leat_batch *batch = pool_take(&task->pool);
    if (!batch)
        return LEAT_OK;
    enum leat_status status = leat_chain_timer(task->chain, batch, err);
    if (status != LEAT_OK || batch->count > 0 || batch->state_count > 0)
        status = finish_batch(task, batch, status, err);
    pool_give(&task->pool, batch);
    return status;
}

/* Waits until all that was appended is durable. LEAT_AGAIN: the stop's deadline came first; that is
 * read again. */
static enum leat_status drain(struct leat_task *task, struct leat_error *err)
{
    enum leat_status status = take_durable(task, err);
    while (status == LEAT_OK && task->ticket_count > 0) {
        if (leat_task_is_stopping(task) && leat_is_past(task_stop_by(task)))
            return LEAT_AGAIN;
        struct pollfd news = {.fd = task->driver->writer_fd(task->writer), .events = POLLIN};
        leat_os->poll(&news, 1, 50);
        status = take_durable(task, err);
    }
    return status;
}

/* ---- dead letters, once more ---- */

/* Under another policy than dead_letter a refusal would lose what has a letter now: then nothing is done. */
static enum leat_status refused_again(const struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    return leat_fail(err, LEAT_REJECT, "refused again: %s; with `errors: dead_letter` on %s it becomes a letter again",
                     batch->refusals[0].reason, leat_task_name(task));
}

static enum leat_status pass_again(struct leat_task *task, struct leat_batch *batch, bool *is_refused,
                                   struct leat_error *err)
{
    enum leat_status status = leat_chain_apply(task->chain, batch, err);
    if (status != LEAT_OK && status != LEAT_REJECT)
        return status;
    route_batch(task, batch);
    refuse_giants(task, batch);
    *is_refused = batch->refusal_count > 0 && task_policy(task) != LEAT_POLICY_DEAD_LETTER;
    if (*is_refused)
        return refused_again(task, batch, err);
    if (batch->refusal_count > 0)
        status = source_refusals(task, batch, err);
    else
        status = LEAT_OK;
    return status == LEAT_OK ? append_accepted(task, batch, err) : status;
}

enum leat_status source_again(struct leat_task *task, struct leat_batch *batch, const struct leat_state *states,
                              size_t count, bool *is_refused, struct leat_error *err)
{
    batch->number = task->batch_number;
    originals_keep(task, batch);
    for (uint32_t i = 0; task->has_open_transaction && i < batch->count; i++)
        batch->records[i].flags &= (uint8_t)~LEAT_ENDS_TRANSACTION; /* it ends where the source says */
    task->more_states = states;
    task->more_count = count;
    enum leat_status status = pass_again(task, batch, is_refused, err);
    task->more_states = NULL;
    task->more_count = 0;
    if (status == LEAT_OK)
        status = drain(task, err);
    return status == LEAT_AGAIN ? leat_fail(err, status, "the run ended meanwhile; `leat dead list` tells what is replayed") : status;
}

/* ---- the loop ---- */

static enum leat_status poll_once(struct leat_task *task, struct leat_error *err)
{
    struct leat_batch *batch = NULL;
    task->has_waited = false;
    task->topic_fd = task->ticket_count > 0 ? task->driver->writer_fd(task->writer) : -1;
    enum leat_status status = task->connector->source->poll(task->self, task, &batch, err);
    task->topic_fd = -1;
    leat_assert((status == LEAT_OK) == (batch != NULL));
    if (status == LEAT_OK) {
        status = deliver(task, batch, err);
        pool_give(&task->pool, batch);
        return status;
    }
    if (status != LEAT_AGAIN)
        return status;
    if (!task->has_waited)
        task_wait(task, task->ticket_count > 0 ? task->driver->writer_fd(task->writer) : -1,
                  leat_after_us(IDLE_LOOK_US));
    return LEAT_OK;
}

static enum leat_status loop(struct leat_task *task, struct leat_error *err)
{
    while (!leat_task_is_stopping(task)) {
        enum leat_status status = take_durable(task, err);
        if (status == LEAT_OK && task->ends_here) {
            *err = task->refused;
            return LEAT_STOP;
        }
        if (status == LEAT_OK)
            status = run_timers(task, err);
        if (status == LEAT_OK)
            status = again_take(task, err);
        if (status == LEAT_OK)
            command_take(task);
        if (status == LEAT_OK)
            status = poll_once(task, err);
        if (status == LEAT_EOF)
            return drain(task, err);
        if (status != LEAT_OK)
            return status;
    }
    task_set_state(task, LEAT_TASK_STOPPING);
    enum leat_status status = drain(task, err);
    return status == LEAT_OK ? LEAT_AGAIN : status;
}

/* ---- open and close ---- */

static void take_state(void *arg, const char *log, const struct leat_state *state)
{
    struct leat_task *task = arg;
    if (state->kind == LEAT_STATE_TRANSFORM &&
        strcmp(state->connector, leat_task_name(task)) == 0 &&
        strcmp(log, task->pipeline->log) == 0)
        leat_positions_set(task->states, &state->key, &state->value);
}

static enum leat_status open_topic(struct leat_task *task, struct leat_error *err)
{
    struct leat_writer_config config = {
        .log = task->pipeline->log,
        .connector = leat_task_name(task),
        .settings = task->pipeline->settings,
        .task = task->config.number,
        .batch_bytes = task->config.memory_bytes,
        .takes_over = task->lives == 0,
        .brings_new = true,
    };
    enum leat_status status = task->driver->writer_open(task->config.access, &config, &task->writer,
                                                        &task->positions, err);
    if (status != LEAT_OK || task->connector->transform_count == 0)
        return status;
    task->states = leat_positions_new();
    return task->driver->describe(task->config.access, NULL, take_state, task, err);
}

static void close_topic(struct leat_task *task)
{
    if (task->writer)
        task->driver->writer_close(task->writer);
    task->writer = NULL;
    if (task->states)
        leat_positions_free(task->states);
    task->states = NULL;
    task->ticket_count = 0;
}

enum leat_status source_life(struct leat_task *task, struct leat_error *err)
{
    const struct leat_source_type *type = task->connector->source;
    if (task->config.once && (type->traits & LEAT_PUSH))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "--once needs sources that end, and %s has no end", type->name);
    enum leat_status status = route_open(task, err);
    if (status == LEAT_OK)
        status = open_topic(task, err);
    if (status == LEAT_OK)
        status = chain_start(task, err);
    bool is_open = status == LEAT_OK;
    if (is_open)
        status = type->open(task->self, task, task->positions, err);
    if (status == LEAT_OK) {
        progress_note(task, false, false);
        task_set_state(task, LEAT_TASK_RUNNING);
        task->has_open_transaction = true; /* for all that is known */
        status = loop(task, err);
    }
    if (is_open) {
        struct leat_error ignored;
        if (status != LEAT_OK && status != LEAT_AGAIN)
            drain(task, &ignored); /* what is in flight settles before positions are read again */
        sides_end(task);
        type->close(task->self, task);
    }
    sides_join(task);
    chain_end(task);
    close_topic(task);
    route_close(task);
    return status;
}
