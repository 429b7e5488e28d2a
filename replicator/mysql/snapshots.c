#include <mysql/snapshots_parts.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <model/batch.h>
#include <mysql/record.h>
#include <stdlib.h>

#define AGAIN_US 200000 /* behind a trouble that passes */
#define REFUSED_MOST 3 /* definitions in a row, before a condition is called wrong */

/* ---- places ---- */

/* Between two transactions, and nothing of the next one was sent before. */
static bool is_between(const struct stream *stream)
{
    return !stream->is_within && stream->done == 0 && !stream_has_more(stream) &&
           !stream_wants_group(stream) && stream->guard.begun.bytes == 0;
}

static bool is_reached(const struct stream *stream, const struct chunk *chunk)
{
    const struct client_place *place = &chunk->view.place;
    return place->file[0] && position_compare(&stream->position, place->file, place->pos) >= 0;
}

bool snapshots_stand(struct snapshots *snapshots, const struct stream *stream)
{
    if (!snapshots->jobs || !is_between(stream))
        return false;
    for (const struct snapshot_job *job = snapshots->jobs; job; job = job->next)
        if (job_holds_stream(job))
            return true;
    for (struct chunk *chunk = snapshots->chunks; chunk; chunk = chunk->next) {
        bool has_parcels;
        if (chunk->kind != CHUNK_READ || chunk->is_void)
            continue;
        if (!chunk->is_open) /* its place is not known here yet */
            return true;
        bool is_over =
            readers_look(snapshots->readers, chunk, &has_parcels) == CHUNK_ENDED && !has_parcels;
        if (!is_over && is_reached(stream, chunk))
            return true;
    }
    return false;
}

/* ---- what readers have done ---- */

static void unlink_window(struct snapshot_job *job, const struct chunk *chunk)
{
    for (struct chunk **at = &job->windows; *at; at = &(*at)->next_window)
        if (*at == chunk) {
            *at = chunk->next_window;
            return;
        }
}

static void take_plan(struct snapshot_job *job, struct chunk *chunk)
{
    struct extent_part *part = chunk->part;
    part->is_taken = false;
    part->is_planned = chunk->planned_count < CHUNK_PLANS; /* what is left is small */
    for (uint32_t i = 0; i < chunk->planned_count; i++)
        extent_split(&job->extent, part, chunk->planned[i]);
    chunk->planned_count = 0;
}

/* A table that is parked is followed again from here on. What was read of it has lost the changes that were passed over. */
static void take_definition(struct snapshots *snapshots, struct snapshot_job *job,
                            struct chunk *chunk)
{
    struct definition *definition = chunk->described;
    chunk->described = NULL;
    definition->next = snapshots->definitions; /* chunks may still hold those from before */
    snapshots->definitions = definition;
    job_describe(job, definition);
    job->described_at = chunk->statements;
    if (job->table->parked && (job->is_merge || job->extent.has_begun)) {
        job->is_merge = false;
        job_begin_anew(job);
    }
    snapshots->has_news = snapshots->has_news || job->is_changed;
    tables_learn(snapshots->tables, job->table, definition->table);
}

/* A view shows no table. It may be the hole between a DROP and a CREATE: rows of the new table are told by events alone, all of them. */
static void lose_table(struct snapshots *snapshots, struct snapshot_job *job)
{
    if (job->is_gone || job->is_done)
        return;
    job->is_gone = job->is_changed = snapshots->has_news = true;
    job->begins_anew = false;
    job->table->job = NULL;
}

/* An order cannot stop the stream. Rows that were to be read once more are not; a table that is not whole in the topic is read without
 * the condition. */
static void drop_order(struct snapshots *snapshots, struct snapshot_job *job, const struct leat_error *why)
{
    leat_say(LEAT_WARNING, leat_task_name(snapshots->task), "the condition \"%s\" of the snapshot of table %s is refused: %s; %s", job->where,
             job->table->full, why->text, job->is_merge ? "it ends" : "all of the table is read");
    const char *where = snapshots_where(snapshots, job->table);
    free(job->where);
    job->where = where ? leat_strdup(where) : NULL;
    job->is_where_ordered = false;
    job->refused = 0;
    job->is_changed = snapshots->has_news = true;
    if (job->is_merge) {
        job->is_done = job->is_stopped = true;
        job->begins_anew = false;
        job->table->job = NULL;
    }
}

/* Another definition may be what makes the statement wrong; with one that was just asked for, it is the condition. */
static enum leat_status take_refusal(struct snapshots *snapshots, struct snapshot_job *job,
                                     const struct chunk *chunk, struct leat_error *err)
{
    if (job->is_done || job->is_gone || job->begins_anew || chunk->definition != job->definition)
        return LEAT_OK;
    job->definition = NULL;
    if (++job->refused < REFUSED_MOST)
        return LEAT_OK;
    if (!job->is_where_ordered)
        return leat_fail(err, LEAT_STOP, "the condition \"%s\" of the snapshot of table %s is refused: %s; look at `snapshot_where`",
                         job->where, job->table->full, chunk->err.text);
    drop_order(snapshots, job, &chunk->err);
    return LEAT_OK;
}

static enum leat_status take_trouble(struct snapshots *snapshots, struct snapshot_job *job,
                                     const struct chunk *chunk, struct leat_error *err)
{
    switch (chunk->status) {
    case LEAT_OK:
    case LEAT_EOF: /* was not wanted */
        return LEAT_OK;
    case LEAT_REJECT:
        break;
    default:
        *err = chunk->err;
        return chunk->status;
    }
    job->again_at = leat_after_us(AGAIN_US);
    if (chunk->trouble == CHUNK_NO_TABLE &&
        chunk->statements == job->table->statements) /* else the stream has met another one since, which is described */
        lose_table(snapshots, job);
    if (chunk->trouble == CHUNK_OTHER_TABLE)
        job->definition = NULL;
    if (chunk->trouble == CHUNK_CONDITION)
        return take_refusal(snapshots, job, chunk, err);
    return LEAT_OK;
}

/* It has ended, and nothing of it is left. */
static enum leat_status finish(struct snapshots *snapshots, struct chunk *chunk,
                               struct leat_error *err)
{
    struct snapshot_job *job = chunk->job;
    enum leat_status status = take_trouble(snapshots, job, chunk, err);
    if (chunk->kind == CHUNK_DESCRIBE && chunk->status == LEAT_OK)
        take_definition(snapshots, job, chunk);
    if (chunk->kind == CHUNK_PLAN && chunk->status == LEAT_OK && !job->begins_anew)
        take_plan(job, chunk);
    job->is_describing = job->is_describing && chunk->kind != CHUNK_DESCRIBE;
    job->is_planning = job->is_planning && chunk->kind != CHUNK_PLAN;
    if (chunk->part)
        chunk->part->is_taken = false;
    if (chunk->kind == CHUNK_READ && chunk->part && !job->extent.has_ranges && chunk->has_given)
        job->begins_anew = true; /* its rows are in the topic, and cannot be gone on with */
    job->active--;
    unlink_window(job, chunk);
    for (struct chunk **at = &snapshots->chunks; *at; at = &(*at)->next)
        if (*at == chunk) {
            *at = chunk->next;
            break;
        }
    chunk_free(snapshots->readers, chunk);
    return status;
}

/* A statement may have altered its table between the place where it was asked for and the view's:
 * then its rows are not what the stream's definition says. */
static void look_at_statements(struct snapshots *snapshots, struct chunk *chunk)
{
    struct snapshot_job *job = chunk->job;
    if (chunk->kind != CHUNK_READ || chunk->is_void)
        return;
    if (job->begins_anew || job->is_stopped || job->is_gone || chunk->is_spoiled || chunk->statements != job->table->statements) {
        job->spoiled += chunk->is_spoiled;
        readers_void(snapshots->readers, chunk);
    }
}

static enum leat_status settle(struct snapshots *snapshots, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (struct chunk *chunk = snapshots->chunks, *next; status == LEAT_OK && chunk; chunk = next) {
        bool has_parcels;
        next = chunk->next;
        look_at_statements(snapshots, chunk);
        if (readers_look(snapshots->readers, chunk, &has_parcels) == CHUNK_ENDED && !has_parcels)
            status = finish(snapshots, chunk, err);
    }
    return status;
}

/* ---- jobs that end ---- */

static void end_job(struct snapshots *snapshots, struct snapshot_job **at)
{
    struct snapshot_job *job = *at;
    if (job->is_gone)
        leat_say(LEAT_WARNING, leat_task_name(snapshots->task),
                 "table %s is not there any more: its snapshot ends", job->table->full);
    *at = job->next;
    if (snapshots->last_job == &job->next)
        snapshots->last_job = at;
    job_free(job);
}

/* Those that are done are stored already, with their last rows. */
static void end_jobs(struct snapshots *snapshots)
{
    for (struct snapshot_job **at = &snapshots->jobs; *at;) {
        struct snapshot_job *job = *at;
        if (job->begins_anew && job->active == 0) {
            job_begin_anew(job);
            snapshots->has_news = true;
        }
        if (job->active == 0 && (job->is_done || job->is_gone) && job->is_stored)
            end_job(snapshots, at);
        else
            at = &job->next;
    }
}

/* ---- rows on their way out ---- */

static void note_progress(struct snapshot_job *job, struct chunk *chunk,
                          const struct parcel *parcel)
{
    chunk->has_given = true;
    job->spoiled = job->refused = 0;
    job->rows += parcel->rows;
    if (parcel->last && !parcel->is_last && parcel->rows > job->rows_of_batch)
        job->rows_of_batch = parcel->rows;
    if (parcel->is_last) {
        extent_note(&job->extent, chunk->part, NULL);
        chunk->part = NULL;
        job->is_done = extent_is_whole(&job->extent);
    } else if (parcel->last) {
        extent_note(&job->extent, chunk->part, parcel->last);
        chunk->part->is_planned = chunk->part->is_planned && chunk->limit == 0;
    }
}

/* Whoever has this record has all of the snapshot. */
static void mark_last(const struct snapshots *snapshots, struct leat_batch *batch)
{
    uint32_t count = leat_batch_count(batch);
    for (const struct snapshot_job *job = snapshots->jobs; job; job = job->next)
        if (!job->is_done)
            return;
    if (count > 0)
        leat_batch_edit(batch, count - 1)->flags |= LEAT_ENDS_TRANSACTION;
}

static struct leat_batch *hand_out(struct snapshots *snapshots, struct stream *stream,
                                   struct chunk *chunk, struct parcel *parcel)
{
    struct snapshot_job *job = chunk->job;
    struct leat_batch *batch = parcel->batch;
    if (chunk->view.has_window)
        window_mend(chunk, parcel,
                    !job->is_merge && (job->extent.is_comparable || !job->extent.has_ranges));
    note_progress(job, chunk, parcel);
    if (job->is_done)
        job->table->job = NULL;
    record_form_reads(batch, job->table->forms);
    mark_last(snapshots, batch);
    snapshots_say(snapshots, job);
    if (snapshots->options->rows_per_second > 0) {
        int64_t us = (int64_t)parcel->rows * 1000000 / snapshots->options->rows_per_second;
        struct leat_time now = leat_now();
        snapshots->next_at.ns =
            (snapshots->next_at.ns > now.ns ? snapshots->next_at.ns : now.ns) + us * 1000;
    }
    extent_key_free(parcel->last);
    free(parcel);
    job->is_changed = snapshots->has_news = true;
    stream_begin_batch(stream);
    stream_end_batch(stream, batch);
    snapshots_store(snapshots, batch);
    return batch;
}

static struct leat_batch *next_rows(struct snapshots *snapshots, struct stream *stream)
{
    for (struct chunk *chunk = snapshots->chunks; chunk; chunk = chunk->next) {
        bool has_parcels;
        if (chunk->kind != CHUNK_READ || chunk->is_void || !chunk->is_open ||
            !is_reached(stream, chunk))
            continue;
        readers_look(snapshots->readers, chunk, &has_parcels);
        if (has_parcels)
            return hand_out(snapshots, stream, chunk, readers_take(snapshots->readers, chunk));
    }
    return NULL;
}

/* ---- views that are open: from here on the stream may go on, up to their places ---- */

static void see_views(struct snapshots *snapshots, const struct stream *stream)
{
    for (struct chunk *chunk = snapshots->chunks; chunk; chunk = chunk->next) {
        bool has_parcels;
        struct snapshot_job *job = chunk->job;
        if (chunk->kind != CHUNK_READ ||
            readers_look(snapshots->readers, chunk, &has_parcels) == CHUNK_ASKED)
            continue;
        if (!chunk->is_open && chunk->view.has_window && !is_reached(stream, chunk)) {
            chunk->next_window = job->windows;
            job->windows = chunk;
        } else if (chunk->is_open && is_reached(stream, chunk)) {
            unlink_window(job, chunk);
        }
        chunk->is_open = true;
    }
}

enum leat_status snapshots_poll(struct snapshots *snapshots, struct stream *stream, bool is_near,
                                struct leat_batch **out, struct leat_error *err)
{
    if (!snapshots->jobs)
        return LEAT_AGAIN;
    enum leat_status status = settle(snapshots, err);
    if (status != LEAT_OK)
        return status;
    end_jobs(snapshots);
    see_views(snapshots, stream);
    if (is_between(stream)) {
        *out = next_rows(snapshots, stream);
        if (*out)
            return LEAT_OK;
    }
    return snapshots_order(snapshots, stream, is_between(stream) && is_near, out, err);
}
