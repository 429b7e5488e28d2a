#include <mysql/snapshots_parts.h>

#include <base/clock.h>
#include <base/memory.h>
#include <stdlib.h>

struct snapshot_job *job_new(struct table *table, enum snapshot_how how, const char *where)
{
    struct snapshot_job *job = leat_calloc(1, sizeof *job);
    *job = (struct snapshot_job){.table = table,
                                 .where = where ? leat_strdup(where) : NULL,
                                 .is_anew = how == SNAPSHOT_ANEW,
                                 .is_merge = how == SNAPSHOT_MERGE,
                                 .is_changed = true};
    table->job = job;
    return job;
}

void job_free(struct snapshot_job *job)
{
    if (job->table->job == job)
        job->table->job = NULL;
    if (job->has_extent)
        extent_fini(&job->extent);
    free(job->where);
    free(job);
}

/* ---- positions ---- */

static bool is_true(const struct leat_value *value, const char *name)
{
    const struct leat_value *found = leat_map_get(value, name);
    return found && found->type == LEAT_BOOL && found->as.b;
}

void job_load(struct snapshot_job *job, const struct leat_value *value)
{
    const struct leat_value *where = leat_map_get(value, "where");
    job->is_anew = is_true(value, "anew");
    job->is_merge = is_true(value, "merge");
    job->stored = leat_map_get(value, "left") ? value : NULL;
    job->is_changed = false;
    if (where && where->type == LEAT_TEXT) {
        free(job->where);
        job->where = leat_strndup(where->as.text, where->len);
        job->is_where_ordered = true;
    }
}

static uint32_t add_pair(struct leat_value *pairs, uint32_t at, const char *name,
                         struct leat_value value)
{
    pairs[at] = leat_value_string(name);
    pairs[at + 1] = value;
    return at + 2;
}

/* What is read without ranges begins again: behind the first of its rows, with a truncate record. That a job is to begin anew is kept
 * at once: events were left out already because it will. */
void job_store(struct snapshot_job *job, struct leat_batch *batch)
{
    struct leat_value items[2], key = position_key(items, "snapshot", job->table->full),
                                pairs[2 * (4 + EXTENT_PAIRS)];
    bool has_parts =
        job->has_extent && job->extent.has_ranges && job->extent.has_begun && !job->is_done &&
                     !job->begins_anew;
    bool is_anew = job->is_anew || job->begins_anew ||
                   (job->has_extent && !job->extent.has_ranges && job->extent.has_begun);
    uint32_t at = add_pair(pairs, 0, "done", leat_value_bool(job->is_done));
    if (!job->is_done && is_anew && !job->is_merge)
        at = add_pair(pairs, at, "anew", leat_value_bool(true));
    if (!job->is_done && job->is_merge)
        at = add_pair(pairs, at, "merge", leat_value_bool(true));
    if (!job->is_done && job->where && job->is_where_ordered) /* the option may have been mended when it is read again */
        at = add_pair(pairs, at, "where", leat_value_string(job->where));
    if (has_parts) {
        extent_store(&job->extent, &pairs[at], batch);
        at += 2 * EXTENT_PAIRS;
    } else if (!job->is_done && job->stored && !job->begins_anew) { /* not described yet in this life */
        at = add_pair(pairs, at, "key", *leat_map_get(job->stored, "key"));
        at = add_pair(pairs, at, "left", *leat_map_get(job->stored, "left"));
        if (leat_map_get(job->stored, "order"))
            at = add_pair(pairs, at, "order", *leat_map_get(job->stored, "order"));
    }
    struct leat_value value =
        job->is_gone ? leat_value_null() : leat_value_items(LEAT_MAP, pairs, at / 2);
    leat_batch_position(batch, &key, &value);
    job->is_changed = false;
    job->is_stored = job->is_done || job->is_gone;
}

/* ---- what it looks like ---- */

void job_begin_anew(struct snapshot_job *job)
{
    if (job->has_extent)
        extent_fini(&job->extent);
    if (job->has_extent && job->definition)
        extent_init(&job->extent, job->definition->table);
    else
        job->has_extent = false;
    job->is_anew = !job->is_merge;
    job->begins_anew = false;
    job->stored = NULL;
    job->rows = 0;
    job->is_changed = true;
}

void job_describe(struct snapshot_job *job, const struct definition *definition)
{
    bool is_first = !job->has_extent;
    bool is_good = true;
    job->definition = definition;
    job->about_rows = definition->about_rows;
    job->began = leat_now();
    if (is_first) {
        extent_init(&job->extent, definition->table);
        job->has_extent = true;
        is_good = !job->stored || extent_load(&job->extent, job->stored);
    } else {
        is_good = extent_follow(&job->extent, definition->table) && job->extent.order == definition->shape.order;
    }
    if (!is_good) {
        leat_say(LEAT_WARNING, NULL,
                 "table %s has another primary key now, or another order of it: its snapshot begins again",
                 job->table->full);
        job_begin_anew(job);
    }
    job->stored = NULL;
}

bool job_holds_stream(const struct snapshot_job *job)
{
    return job->stored && !job->is_merge;
}

/* ---- events ---- */

static bool is_partial(const struct table *table, const struct leat_value *cells)
{
    for (uint32_t i = 0; i < table->schema->field_count; i++)
        if (cells[i].type == LEAT_ABSENT)
            return true;
    return false;
}

/* The key of an image that leaves it out is that of the image before. */
static bool is_read(struct snapshot_job *job, const struct leat_value *cells,
                    const struct leat_value *other)
{
    struct leat_value keys[EXTENT_KEYS_MAX];
    const struct extent *extent = &job->extent;
    bool has_all = true;
    for (uint32_t i = 0; i < extent->key_count; i++)
        has_all = has_all && cells[extent->keys[i]].type != LEAT_ABSENT;
    if (has_all || !other)
        return extent_is_read(extent, cells);
    struct leat_value *whole = leat_malloc((job->table->schema->field_count + 1) * sizeof *whole);
    memcpy(whole, other, job->table->schema->field_count * sizeof *whole);
    for (uint32_t i = 0; i < extent->key_count; i++) {
        keys[i] = cells[extent->keys[i]];
        if (keys[i].type != LEAT_ABSENT)
            whole[extent->keys[i]] = keys[i];
    }
    bool is_read = extent_is_read(extent, whole);
    free(whole);
    return is_read;
}

static void want_anew(struct snapshot_job *job, const struct stream *stream)
{
    job->begins_anew = job->is_changed = stream->snapshots->has_news = true;
}

bool snapshot_judge(struct snapshot_job *job, const struct stream *stream,
                    const struct leat_value **before, const struct leat_value **after)
{
    if (!job->has_extent)
        return job->is_merge;
    if (!extent_follow(&job->extent, job->table)) {
        want_anew(job, stream);
        return job->is_merge;
    }
    for (struct chunk *chunk = job->windows; chunk; chunk = chunk->next_window)
        window_note(chunk, stream, *before, *after);
    if (job->is_merge)
        return true;
    bool is_before = *before && is_read(job, *before, NULL),
         is_after = *after && is_read(job, *after, *before);
    if (*before && *after && is_after && !is_before && is_partial(job->table, *after))
        want_anew(job, stream); /* the row is nowhere in whole */
    if (!is_before)
        *before = NULL;
    if (!is_after)
        *after = NULL;
    return is_before || is_after;
}
