#include <mysql/snapshots_parts.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/text.h>
#include <mysql/record.h>
#include <stdio.h>

#define SAY_EVERY_NS ((int64_t)2000000000)
#define SPOILED_MOST 5 /* windows in a row, before a lock is taken */
#define LEAST_ROWS   1000 /* of a chunk that is cut to what fits into memory */

/* ---- what is said ---- */

void snapshots_say(struct snapshots *snapshots, struct snapshot_job *job)
{
    char rows[32], about[32], rate[32], left[32], ending[48] = "";
    struct leat_time now = leat_now();
    int64_t passed_us = (now.ns - job->began.ns) / 1000 + 1;
    if (!job->is_done && now.ns - snapshots->said.ns < SAY_EVERY_NS)
        return;
    snapshots->said = now;
    uint64_t per_s = (uint64_t)((double)job->rows * 1e6 / (double)passed_us);
    uint64_t total = job->about_rows > job->rows && !job->is_done ? job->about_rows : job->rows;
    uint64_t left_us = per_s ? (total - job->rows) * 1000000 / per_s : 0;
    char text[200];
    if (!job->is_done)
        snprintf(ending, sizeof ending, ", %s left", leat_text_duration(left, (int64_t)left_us));
    snprintf(text, sizeof text, "snapshot %s %s of %s%s rows (%u %%), %s/s%s", job->table->full,
             leat_text_count(rows, job->rows), job->is_done ? "" : "~",
             leat_text_count(about, total), (unsigned)(total ? job->rows * 100 / total : 100),
             leat_text_count(rate, per_s), ending);
    leat_say(LEAT_INFO, leat_task_name(snapshots->task), "%s", text);
    leat_task_progress(snapshots->task, "%s", text);
}

/* ---- who reads what ---- */

static uint32_t chunk_rows(const struct snapshots *snapshots, const struct snapshot_job *job)
{
    const struct snapshots_options *options = snapshots->options;
    int64_t rows = options->chunk_rows,
            share = (int64_t)snapshots->readers->quota * job->rows_of_batch;
    if (snapshots->readers->count > 1 && share > 0 &&
        rows > share) /* a reader whose place is not reached yet must not wait for room */
        rows = share > LEAST_ROWS ? share : rows < LEAST_ROWS ? rows : LEAST_ROWS;
    if (options->rows_per_second > 0 && rows > options->rows_per_second / 2)
        rows = options->rows_per_second / 2;
    return rows < 1 ? 1 : (uint32_t)rows;
}

static void ask(struct snapshots *snapshots, struct snapshot_job *job, struct chunk *chunk)
{
    chunk->job = job;
    chunk->definition = job->definition;
    chunk->statements = job->table->statements;
    struct chunk **at = &snapshots->chunks;
    while (*at)
        at = &(*at)->next;
    *at = chunk;
    job->active++;
    bool is_asked = readers_ask(snapshots->readers, chunk);
    leat_assert(is_asked);
}

static void ask_description(struct snapshots *snapshots, struct snapshot_job *job,
                            const struct stream *stream)
{
    struct chunk *chunk = chunk_new(CHUNK_DESCRIBE, job->table);
    position_copy(&chunk->since, &stream->position);
    job->is_describing = true;
    ask(snapshots, job, chunk);
}

static struct chunk *chunk_of_part(enum chunk_kind kind, struct snapshot_job *job,
                                   struct extent_part *part, const struct stream *stream)
{
    struct chunk *chunk = chunk_new(kind, job->table);
    position_copy(&chunk->since, &stream->position);
    chunk->from = extent_key_dup(part->from);
    chunk->to = extent_key_dup(part->to);
    chunk->where = job->where ? leat_strdup(job->where) : NULL; /* the job's may be another one before it is read */
    chunk->part = part;
    return chunk;
}

static void ask_plan(struct snapshots *snapshots, struct snapshot_job *job,
                     struct extent_part *part, const struct stream *stream)
{
    struct chunk *chunk = chunk_of_part(CHUNK_PLAN, job, part, stream);
    chunk->limit = chunk_rows(snapshots, job);
    job->is_planning = true;
    ask(snapshots, job, chunk);
}

static void ask_rows(struct snapshots *snapshots, struct snapshot_job *job,
                     struct extent_part *part, struct stream *stream)
{
    struct chunk *chunk = chunk_of_part(CHUNK_READ, job, part, stream);
    snprintf(chunk->ended_file, sizeof chunk->ended_file, "%s", stream->ended_file);
    chunk->ended_pos = stream->ended_pos;
    chunk->limit = part->is_planned || !job->extent.has_ranges ? 0 : chunk_rows(snapshots, job);
    chunk->needs_lock = job->extent.key_count == 0 || job->spoiled >= SPOILED_MOST;
    if (!job->extent.has_begun) {
        job->extent.has_begun = true; /* kept before any event goes out because of it */
        job->is_changed = snapshots->has_news = true;
        job->began = leat_now();
    }
    ask(snapshots, job, chunk);
}

static bool is_described(const struct snapshot_job *job)
{
    return job->definition && job->described_at == job->table->statements;
}

static bool is_waiting(const struct snapshot_job *job)
{
    return job->is_done || job->is_gone || job->begins_anew || job->is_describing ||
           !leat_is_past(job->again_at);
}

/* Where tables are fewer than readers, several read parts of one. */
static bool is_shared(const struct snapshots *snapshots)
{
    uint32_t count = 0;
    for (const struct snapshot_job *job = snapshots->jobs; job && count < snapshots->readers->count;
         job = job->next)
        count += !job->is_done;
    return count < snapshots->readers->count;
}

/* True: a reader has something to do now. */
static bool give_work(struct snapshots *snapshots, struct snapshot_job *job, struct stream *stream,
                      bool may_read)
{
    if (!is_described(job)) {
        if (job->active > 0) /* those by the definition before */
            return false;
        ask_description(snapshots, job, stream);
        return true;
    }
    if (job->is_anew || (!may_read && !is_shared(snapshots)))
        return false;
    struct extent_part *part = extent_take(&job->extent);
    if (!part)
        return false;
    bool is_planned = part->is_planned || !job->extent.has_ranges || !is_shared(snapshots);
    if (!is_planned && !job->is_planning)
        ask_plan(snapshots, job, part, stream);
    else if (is_planned && may_read && leat_is_past(snapshots->next_at))
        ask_rows(snapshots, job, part, stream);
    else
        part->is_taken = false;
    return part->is_taken;
}

/* ---- a table that begins anew ---- */

static enum leat_status truncate(struct snapshots *snapshots, struct snapshot_job *job,
                                 struct stream *stream, struct leat_batch **out)
{
    struct record_reads reads;
    struct leat_batch *batch = leat_batch_take(snapshots->task);
    if (!batch)
        return LEAT_AGAIN;
    record_begin_reads(&reads, batch, stream->position.file, stream->position.pos);
    record_add_emptied(batch, job->definition->table, &reads);
    record_form_reads(batch, job->table->forms);
    job->is_anew = false;
    job->is_changed = snapshots->has_news = true;
    stream_begin_batch(stream);
    stream_end_batch(stream, batch);
    snapshots_store(snapshots, batch);
    *out = batch;
    return LEAT_OK;
}

enum leat_status snapshots_order(struct snapshots *snapshots, struct stream *stream, bool may_read,
                                 struct leat_batch **out, struct leat_error *err)
{
    may_read = may_read && !snapshots->is_paused;
    if (!snapshots->readers) {
        enum leat_status status =
            readers_start(&snapshots->readers, (uint32_t)snapshots->options->threads,
                          snapshots->tables->options, snapshots->options->read_timeout_s,
                          snapshots->task, err);
        if (status != LEAT_OK)
            return status;
    }
    for (struct snapshot_job *job = snapshots->jobs; job && readers_have_idle(snapshots->readers);
         job = job->next) {
        if (is_waiting(job))
            continue;
        if (may_read && job->is_anew && is_described(job))
            return truncate(snapshots, job, stream, out);
        while (readers_have_idle(snapshots->readers) && give_work(snapshots, job, stream, may_read))
            ;
    }
    return LEAT_AGAIN;
}
