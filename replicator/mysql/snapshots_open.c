#include <mysql/snapshots_parts.h>

#include <base/memory.h>
#include <base/text.h>
#include <stdlib.h>

#define PATTERNS "tables" /* the position that keeps which tables the config named */

/* ---- jobs ---- */

static void add_job(struct snapshots *snapshots, struct snapshot_job *job)
{
    *snapshots->last_job = job;
    snapshots->last_job = &job->next;
    snapshots->has_news = true;
}

const char *snapshots_where(const struct snapshots *snapshots, const struct table *table)
{
    const struct leat_pairs *where = &snapshots->options->where;
    for (size_t i = 0; i < where->count; i++)
        if (strcmp(where->names[i], table->full) == 0)
            return where->values[i];
    return NULL;
}

void snapshots_want(struct snapshots *snapshots, struct table *table, enum snapshot_how how,
                    const char *where)
{
    struct snapshot_job *job = table->job;
    bool is_ordered = where != NULL;
    if (!where)
        where = snapshots_where(snapshots, table);
    if (table->parked && how == SNAPSHOT_MERGE) /* of it also deletes were passed over */
        how = SNAPSHOT_ANEW;
    if (!job) {
        job = job_new(table, how, where);
        job->is_where_ordered = is_ordered;
        add_job(snapshots, job);
        return;
    }
    bool is_clean = how == SNAPSHOT_FIRST && !job->is_anew;
    free(job->where);
    job->where = where ? leat_strdup(where) : NULL;
    job->is_where_ordered = is_ordered;
    job->refused = 0;
    job->is_merge = job->is_merge && how == SNAPSHOT_MERGE;
    job->begins_anew = !is_clean;
    job->is_changed = snapshots->has_news = true;
}

/* ---- what the positions tell ---- */

static bool is_of(const struct leat_value *key, const char *kind)
{
    size_t len = strlen(kind);
    return key->type == LEAT_ARRAY && key->len == 2 && key->as.items[0].type == LEAT_TEXT &&
           key->as.items[1].type == LEAT_TEXT && key->as.items[0].len == len &&
           memcmp(key->as.items[0].as.text, kind, len) == 0;
}

static bool is_done(const struct leat_value *value)
{
    const struct leat_value *done = leat_map_get(value, "done");
    return done && done->type == LEAT_BOOL && done->as.b;
}

static bool has_key(const struct leat_positions *from, const char *kind, const char *table)
{
    struct leat_value items[2], key = position_key(items, kind, table);
    return leat_positions_get(from, &key) != NULL;
}

static struct table *table_of(struct snapshots *snapshots, const struct leat_value *name)
{
    const char *dot = memchr(name->as.text, '.', name->len);
    if (!dot)
        return NULL;
    size_t len = (size_t)(dot - name->as.text);
    return tables_find(snapshots->tables, name->as.text, len, dot + 1, name->len - len - 1);
}

static void note_left(struct snapshots *snapshots, const struct table *table)
{
    snapshots->left =
        leat_realloc(snapshots->left, (snapshots->left_count + 1) * sizeof *snapshots->left);
    snapshots->left[snapshots->left_count++] = leat_strdup(table->full);
    snapshots->has_news = true;
}

static void load_one(struct snapshots *snapshots, const struct leat_value *name,
                     const struct leat_value *value, bool is_new)
{
    struct table *table = table_of(snapshots, name);
    if (!table)
        return;
    if (!table->is_captured || table->is_inside) {
        note_left(snapshots, table);
    } else if (!is_new && value->type == LEAT_MAP && !is_done(value)) {
        struct snapshot_job *job = job_new(table, SNAPSHOT_FIRST, snapshots_where(snapshots, table));
        job_load(job, value);
        add_job(snapshots, job);
    }
}

static void load(struct snapshots *snapshots, const struct leat_positions *from, bool is_new)
{
    for (uint32_t i = 0; i < leat_positions_count(from); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        if (is_of(key, "snapshot"))
            load_one(snapshots, &key->as.items[1], value, is_new);
    }
}

/* ---- tables that are new ---- */

/* Did the config name it when it was written down? A table that it named and that has no key was
 * made since, and the log has all of it. */
static bool was_named(const struct leat_positions *from, const struct table *table,
                      bool ignore_case)
{
    struct leat_value key = leat_value_string(PATTERNS);
    const struct leat_value *stored = leat_positions_get(from, &key);
    if (!stored ||
        stored->type != LEAT_ARRAY) /* by an older release: what is known has been captured */
        return table->is_known;
    const char **items = leat_calloc(stored->len + 1, sizeof *items);
    for (uint32_t i = 0; i < stored->len; i++)
        items[i] = leat_strndup(stored->as.items[i].as.text, stored->as.items[i].len);
    bool was_named =
        leat_patterns_match(&(struct leat_list){items, stored->len}, table->full, ignore_case);
    for (uint32_t i = 0; i < stored->len; i++)
        free((char *)items[i]);
    free(items);
    return was_named;
}

static void want_new(struct snapshots *snapshots, struct table *table,
                     const struct leat_positions *from, bool is_new)
{
    bool has_any = has_key(from, "snapshot", POSITION_ANY_TABLE),
         has_own = has_key(from, "snapshot", table->full);
    if (table->job || table->is_inside || (!is_new && (has_own || has_any || was_named(from, table, snapshots->tables->ignore_case))))
        return;
    bool may_have_rows = has_own || has_any || has_key(from, "table", table->full);
    snapshots_want(snapshots, table, may_have_rows ? SNAPSHOT_ANEW : SNAPSHOT_FIRST, NULL);
    if (!is_new)
        leat_say(LEAT_INFO, leat_task_name(snapshots->task),
                 "table %s is new to the config: its rows are read", table->full);
}

static enum leat_status look(struct snapshots *snapshots, struct client *client,
                             const struct leat_positions *from, bool is_new, struct leat_error *err)
{
    struct table **list;
    size_t count;
    enum leat_status status = tables_list(snapshots->tables, client, &list, &count, err);
    if (status == LEAT_OK && is_new && count == 0)
        status =
            leat_fail(err, LEAT_STOP, "%s: `tables` matches no table that the user may SELECT from",
                      client->where);
    for (size_t i = 0; status == LEAT_OK && i < count; i++)
        want_new(snapshots, list[i], from, is_new);
    free(list);
    return status;
}

static bool has_patterns(const struct leat_positions *from, const struct leat_list *patterns)
{
    struct leat_value key = leat_value_string(PATTERNS);
    const struct leat_value *stored = leat_positions_get(from, &key);
    bool is_same = stored && stored->type == LEAT_ARRAY && stored->len == patterns->count;
    for (uint32_t i = 0; is_same && i < stored->len; i++)
        is_same =
            stored->as.items[i].len == strlen(patterns->items[i]) &&
            memcmp(stored->as.items[i].as.text, patterns->items[i], stored->as.items[i].len) == 0;
    return is_same;
}

enum leat_status snapshots_open(struct snapshots **made, const struct snapshots_options *options,
                                struct tables *tables, struct client *client,
                                const struct leat_positions *from, bool is_new,
                                struct leat_task *task, struct leat_error *err)
{
    struct snapshots *snapshots = leat_calloc(1, sizeof *snapshots);
    *made = snapshots;
    snapshots->task = task;
    snapshots->tables = tables;
    snapshots->options = options;
    snapshots->last_job = &snapshots->jobs;
    snapshots->has_patterns = has_patterns(from, tables->patterns);
    snapshots->has_news = !snapshots->has_patterns;
    load(snapshots, from, is_new);
    return options->is_initial ? look(snapshots, client, from, is_new, err) : LEAT_OK;
}

void snapshots_close(struct snapshots *snapshots)
{
    if (snapshots->readers)
        readers_stop(snapshots->readers);
    for (struct chunk *chunk = snapshots->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        chunk_free(snapshots->readers, chunk);
    }
    for (struct snapshot_job *job = snapshots->jobs, *next; job; job = next) {
        next = job->next;
        job_free(job);
    }
    for (struct definition *definition = snapshots->definitions, *next; definition;
         definition = next) {
        next = definition->next;
        definition_free(definition);
    }
    if (snapshots->readers)
        readers_free(snapshots->readers);
    for (size_t i = 0; i < snapshots->left_count; i++)
        free(snapshots->left[i]);
    free(snapshots->left);
    free(snapshots);
}

/* ---- what is kept ---- */

bool snapshots_are_done(const struct snapshots *snapshots)
{
    return !snapshots->jobs;
}

void snapshots_mark(const struct snapshots *snapshots, struct leat_batch *batch)
{
    for (uint32_t i = 0; snapshots->jobs && i < leat_batch_count(batch); i++)
        leat_batch_edit(batch, i)->flags |= LEAT_SNAPSHOT_PENDING;
}

bool snapshots_have_news(const struct snapshots *snapshots)
{
    return snapshots->has_news;
}

static void store_patterns(struct snapshots *snapshots, struct leat_batch *batch)
{
    const struct leat_list *patterns = snapshots->tables->patterns;
    struct leat_value *items = leat_batch_alloc(batch, (patterns->count + 1) * sizeof *items);
    for (size_t i = 0; i < patterns->count; i++)
        items[i] = leat_value_string(patterns->items[i]);
    struct leat_value key = leat_value_string(PATTERNS),
                      value = leat_value_items(LEAT_ARRAY, items, patterns->count);
    leat_batch_position(batch, &key, &value);
    snapshots->has_patterns = true;
}

static void forget_left(struct snapshots *snapshots, struct leat_batch *batch)
{
    struct leat_value items[2], nothing = leat_value_null();
    for (size_t i = 0; i < snapshots->left_count; i++) {
        struct leat_value key = position_key(items, "snapshot", snapshots->left[i]);
        leat_batch_position(batch, &key, &nothing);
        free(snapshots->left[i]);
    }
    snapshots->left_count = 0;
}

void snapshots_store(struct snapshots *snapshots, struct leat_batch *batch)
{
    if (!snapshots->has_news)
        return;
    snapshots->has_news = false;
    if (!snapshots->has_patterns)
        store_patterns(snapshots, batch);
    forget_left(snapshots, batch);
    for (struct snapshot_job *job = snapshots->jobs; job; job = job->next)
        if (job->is_changed)
            job_store(job, batch);
}
