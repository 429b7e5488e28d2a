/* sink.c - stands between the host and a sink. What put() gets is a copy that is spoilt when it returns: who keeps a pointer
 * into its batch shows it. */
#include <contract/inside.h>

#include <base/clock.h>

#define SOON_NS ((int64_t)5000000000)

/* ---- marks ---- */

static struct spot spot_of(const struct leat_mark *mark, uint64_t batch, uint32_t split)
{
    struct spot spot = {.batch = batch, .split = split, .cursor = mark->cursor};
    memcpy(spot.log_uuid, mark->log_uuid, sizeof spot.log_uuid);
    memcpy(spot.incarnation, mark->incarnation, sizeof spot.incarnation);
    return spot;
}

static bool is_at(const struct spot *spot, const struct leat_mark *mark)
{
    return spot->batch > 0 && spot->cursor.len == mark->cursor.len &&
           memcmp(spot->cursor.bytes, mark->cursor.bytes, mark->cursor.len) == 0 &&
           memcmp(spot->log_uuid, mark->log_uuid, sizeof spot->log_uuid) == 0 &&
           memcmp(spot->incarnation, mark->incarnation, sizeof spot->incarnation) == 0;
}

/* A batch that was put and not settled may be in the target or not. */
static bool is_expected(const struct watched *watched, uint32_t split, const struct leat_mark *mark)
{
    if (mark->layout == 0)
        return watched->settled[split].batch == 0;
    bool is_found = is_at(&watched->settled[split], mark);
    for (uint32_t i = 0; i < watched->put_count; i++)
        is_found = is_found || (watched->put[i].split == split && is_at(&watched->put[i], mark));
    return is_found;
}

static void look_at_marks(struct watched *watched, const struct leat_splits *claim, const struct leat_marks *stored)
{
    for (uint32_t i = 0; i < claim->count && i < SPLITS_MOST; i++) {
        const struct leat_mark *mark = &stored->items[i];
        law_try(watched, LAW_MARK, is_expected(watched, i, mark), "%s for %s, %s",
                mark->layout ? "it finds another mark" : "it finds no mark", claim->names[i],
                watched->settled[i].batch ? "and there was one" : "and nothing was put");
        law_try(watched, LAW_MARK_BACK, mark->layout == 0 || mark->owner_epoch >= watched->epochs[i],
                "%llu, after %llu", (unsigned long long)mark->owner_epoch, (unsigned long long)watched->epochs[i]);
        if (mark->layout)
            watched->epochs[i] = mark->owner_epoch;
        if (mark->layout)
            watched->settled[i] = spot_of(mark, 1, i);
    }
}

/* By an instance of its own, as `leat recover` asks. */
static void look_without_claim(struct watched *watched, const char *name, const struct leat_splits *claim,
                               const struct leat_marks *stored)
{
    const struct leat_sink_type *sink = watched->sink;
    struct leat_mark marks[SPLITS_MOST] = {{.layout = 0}};
    char owners[SPLITS_MOST][LEAT_OWNER_MAX] = {""};
    struct leat_marks found = {claim->count, marks, owners};
    struct leat_error err = {.text = ""};
    if (sink->struct_size <= offsetof(struct leat_sink_type, marks) || !sink->marks || claim->count > SPLITS_MOST)
        return;
    void *self = leat_use_instance(watched->use);
    watch_enter(watched, "marks()");
    enum leat_status status = sink->marks(self, name, claim, &found, &err);
    watch_leave(watched);
    leat_use_free(watched->use, self);
    law_try_error(watched, "marks()", status, &err);
    for (uint32_t i = 0; status == LEAT_OK && i < claim->count; i++)
        law_try(watched, LAW_PEEK,
                leat_cursor_compare(&marks[i].cursor, &stored->items[i].cursor) == 0 &&
                    memcmp(marks[i].log_uuid, stored->items[i].log_uuid, sizeof marks[i].log_uuid) == 0,
                "another place for %s", claim->names[i]);
}

static enum leat_status watch_open(void *self, struct leat_task *task, const struct leat_splits *claim,
                                   struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    bool keeps_mark = watched->sink->traits & LEAT_KEEPS_MARK;
    watched->last_put = watched->last_done = 0;
    err->text[0] = '\0';
    watch_enter(watched, "open()");
    enum leat_status status = watched->sink->open(self, task, claim, stored, guarantee, err);
    watch_leave(watched);
    law_try_error(watched, "open()", status, err);
    if (status != LEAT_OK)
        return status;
    law_try(watched, LAW_GUARANTEE, keeps_mark || *guarantee > LEAT_EXACTLY_ONCE_CLOSED,
            "open() promises it, and the trait LEAT_KEEPS_MARK is not set");
    const char *why = "";
    bool can_say = watched->sink->struct_size > offsetof(struct leat_sink_type, promise) && watched->sink->promise;
    law_try(watched, LAW_GUARANTEE, !can_say || *guarantee >= watched->sink->promise(self, &why),
            "open() promises more than promise()");
    if (keeps_mark)
        look_at_marks(watched, claim, stored);
    if (keeps_mark)
        look_without_claim(watched, leat_task_name(task), claim, stored);
    watched->put_count = 0; /* of earlier lives, and decided now */
    return status;
}

/* ---- put ---- */

static struct leat_batch *copy_batch(const struct leat_batch *batch)
{
    struct leat_batch *copy = leat_batch_new((size_t)1 << 20, batch->count + 1);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = leat_batch_add_read(copy, batch->reads[i]);
        *rec = batch->records[i];
        rec->key = leat_value_copy(&copy->arena, &rec->key);
        rec->value = leat_value_copy(&copy->arena, &rec->value);
        rec->before = leat_value_copy(&copy->arena, &rec->before);
        rec->headers = leat_value_copy(&copy->arena, &rec->headers);
        rec->source = leat_value_copy(&copy->arena, &rec->source);
    }
    copy->number = batch->number;
    copy->split = batch->split;
    copy->mark = batch->mark;
    copy->is_at_end = batch->is_at_end;
    return copy;
}

static void spoil(struct leat_value *value)
{
    if (value->type == LEAT_TEXT || value->type == LEAT_BYTES || value->type == LEAT_JSON ||
        value->type == LEAT_DECIMAL)
        memset((char *)(uintptr_t)value->as.text, '#', value->len);
    uint64_t count = value->type == LEAT_MAP ? (uint64_t)value->len * 2 : value->len;
    if (value->type == LEAT_STRUCT || value->type == LEAT_ARRAY || value->type == LEAT_MAP)
        for (uint64_t i = 0; i < count; i++)
            spoil((struct leat_value *)(uintptr_t)&value->as.items[i]);
    if (value->type != LEAT_STRUCT && value->type != LEAT_ARRAY && value->type != LEAT_MAP && value->len == 0)
        value->as.i = -1;
}

static void spoil_batch(struct leat_batch *copy)
{
    for (uint32_t i = 0; i < copy->count; i++) {
        struct leat_record *rec = &copy->records[i];
        struct leat_value *values[] = {&rec->key, &rec->value, &rec->before, &rec->headers, &rec->source};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
            spoil(values[k]);
    }
    leat_batch_free(copy);
}

static void note_put(struct watched *watched, const struct leat_batch *batch)
{
    if (watched->put_count == SPOTS_MOST) {
        memmove(watched->put, watched->put + 1, (SPOTS_MOST - 1) * sizeof *watched->put);
        watched->put_count--;
    }
    watched->put[watched->put_count++] = spot_of(&batch->mark, batch->number, batch->split);
}

static void note_done(struct watched *watched, uint64_t done)
{
    for (uint32_t i = 0; i < watched->put_count; i++)
        if (watched->put[i].batch <= done && watched->put[i].split < SPLITS_MOST)
            watched->settled[watched->put[i].split] = watched->put[i];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < watched->put_count; i++)
        if (watched->put[i].batch > done)
            watched->put[kept++] = watched->put[i];
    watched->put_count = kept;
    watched->last_done = done > watched->last_done ? done : watched->last_done;
    __atomic_add_fetch(&watched->moves, 1, __ATOMIC_RELAXED);
}

static enum leat_status watch_put(void *self, struct leat_task *task, const struct leat_batch *batch,
                                  struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    struct leat_batch *copy = copy_batch(batch);
    note_put(watched, batch); /* before: the call may be the last one */
    err->text[0] = '\0';
    watch_enter(watched, "put()");
    enum leat_status status = watched->sink->put(self, task, copy, err);
    watch_leave(watched);
    law_try_error(watched, "put()", status, err);
    for (uint32_t i = 0; i < copy->refusal_count; i++)
        leat_batch_reject(batch, copy->refusals[i].index, "%s", copy->refusals[i].reason);
    spoil_batch(copy);
    if (status == LEAT_OK)
        watched->last_put = batch->number;
    else if (status == LEAT_AGAIN || status == LEAT_REJECT)
        watched->put_count--;
    if (status == LEAT_OK && !watched->sink->settle)
        note_done(watched, batch->number);
    return status;
}

static enum leat_status watch_settle(void *self, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                                     struct leat_time *next, struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    err->text[0] = '\0';
    watch_enter(watched, "settle()");
    enum leat_status status = watched->sink->settle(self, task, done, rejects, next, err);
    watch_leave(watched);
    law_try_error(watched, "settle()", status, err);
    if (status != LEAT_OK)
        return status;
    law_try(watched, LAW_SETTLE, *done <= watched->last_put, "it names batch %llu, and put() took %llu",
            (unsigned long long)*done, (unsigned long long)watched->last_put);
    law_try(watched, LAW_SETTLE, *done == 0 || *done >= watched->last_done, "it names batch %llu, after %llu",
            (unsigned long long)*done, (unsigned long long)watched->last_done);
    if (*done > watched->last_done)
        note_done(watched, *done);
    return status;
}

static enum leat_status watch_flush(void *self, struct leat_task *task, struct leat_time deadline,
                                    struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    err->text[0] = '\0';
    watch_enter(watched, "flush()");
    enum leat_status status = watched->sink->flush(self, task, deadline, err);
    watch_leave(watched);
    law_try_error(watched, "flush()", status, err);
    bool has_deadline = deadline.ns != INT64_MAX;
    law_try(watched, LAW_FLUSH_STOPS, !has_deadline || leat_now().ns - deadline.ns < SOON_NS, "it came %lld s late",
            (long long)((leat_now().ns - deadline.ns) / 1000000000));
    return status;
}

static void watch_close(void *self, struct leat_task *task)
{
    struct watched *watched = watched_of(task);
    watch_enter(watched, "close()");
    watched->sink->close(self, task);
    watch_leave(watched);
}

struct leat_sink_type sink_watch(const struct leat_sink_type *real)
{
    struct leat_sink_type type = *real;
    type.open = watch_open;
    type.put = watch_put;
    type.settle = real->settle ? watch_settle : NULL;
    type.flush = real->flush ? watch_flush : NULL;
    type.close = watch_close;
    return type;
}
