/* source.c - stands between the host and a source. */
#include <contract/inside.h>

#include <base/clock.h>
#include <model/consumed.h>
#include <model/json.h>

#define SOON_NS ((int64_t)5000000000)

static enum leat_status watch_open(void *self, struct leat_task *task, const struct leat_positions *from,
                                   struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    watch_enter(watched, "open()");
    enum leat_status status = watched->source->open(self, task, from, err);
    law_try_error(watched, "open()", status, err);
    watch_leave(watched);
    return status;
}

static bool is_known_op(uint8_t op)
{
    return op != 0 && strchr("cudrtgsm", op);
}

static bool has_shape(const struct leat_schema *schema, const struct leat_value *row)
{
    return !schema || row->type == LEAT_ABSENT || row->type == LEAT_NULL ||
           (row->type == LEAT_STRUCT && row->len == schema->field_count);
}

static void look_at_records(struct watched *watched, const struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct leat_record *rec = &batch->records[i];
        law_try(watched, LAW_RECORD, rec->topic != NULL, "record %u has no topic; leat_task_route() gives one", i);
        law_try(watched, LAW_RECORD, is_known_op(rec->op), "record %u has the op %u", i, rec->op);
        law_try(watched, LAW_RECORD, leat_op_is_control(rec->op) || has_shape(rec->schema, &rec->value),
                "value of record %u is no STRUCT of its schema's %u fields", i,
                rec->schema ? rec->schema->field_count : 0);
    }
    bool needs_position = batch->count > 0 && (watched->source->traits & LEAT_REPLAYABLE);
    law_try(watched, LAW_POSITION, !needs_position || batch->position_count > 0,
            "batch %llu has %u records and no position: they would come again after a restart",
            (unsigned long long)batch->number, batch->count);
}

#define ORIGINS_MOST 20 /* of a batch */

static int order_of(const struct leat_source_type *source, const char *first, const char *second)
{
    struct leat_value a, b;
    struct leat_arena arena;
    struct leat_error err;
    leat_arena_init(&arena, 0);
    bool is_read = leat_json_read(first, strlen(first), true, &arena, &a, &err) == LEAT_OK &&
                   leat_json_read(second, strlen(second), true, &arena, &b, &err) == LEAT_OK;
    int order = is_read ? source->origin_order(&a, &b) : LEAT_NO_ORDER;
    leat_arena_fini(&arena);
    return order;
}

static void look_at_origins(struct watched *watched, const struct leat_batch *batch)
{
    const struct leat_source_type *source = watched->source;
    char texts[2][LEAT_ORIGIN_MAX + 1] = {"", ""};
    if (source->struct_size <= offsetof(struct leat_source_type, origin_order) || !source->origin_order)
        return;
    for (uint32_t i = 0; i < batch->count && i < ORIGINS_MOST; i++) {
        char *before = texts[(i + 1) % 2], *now = texts[i % 2];
        bool has_origin = leat_origin_write(&batch->records[i], now);
        law_try(watched, LAW_ORIGIN, has_origin, "record %u has no origin", i);
        if (!has_origin || (batch->records[i].flags & LEAT_SNAPSHOT))
            return;
        int order = order_of(source, now, now);
        law_try(watched, LAW_ORIGIN, order == 0, "record %u is not itself: %d", i, order);
        order = i > 0 ? order_of(source, before, now) : -1;
        law_try(watched, LAW_ORIGIN, order != LEAT_NO_ORDER && order < 0, "%.150s and then %.150s: %d", before, now, order);
    }
}

static enum leat_status watch_poll(void *self, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct watched *watched = watched_of(task);
    struct leat_time began = leat_now();
    bool was_stopping = leat_task_is_stopping(task);
    *out = NULL;
    err->text[0] = '\0';
    watch_enter(watched, "poll()");
    enum leat_status status = watched->source->poll(self, task, out, err);
    watch_leave(watched);
    law_try_error(watched, "poll()", status, err);
    law_try(watched, LAW_POLL, (status == LEAT_OK) == (*out != NULL), "poll() says %d and hands out %s", (int)status,
            *out ? "a batch" : "nothing");
    bool stopped = leat_task_is_stopping(task) && !was_stopping;
    law_try(watched, LAW_POLL_STOPS, !stopped || leat_now().ns - began.ns < SOON_NS, "poll() took %lld s",
            (long long)((leat_now().ns - began.ns) / 1000000000));
    if (status == LEAT_OK && *out) {
        look_at_records(watched, *out);
        look_at_origins(watched, *out);
        __atomic_add_fetch(&watched->moves, 1, __ATOMIC_RELAXED);
    }
    return status;
}

static void watch_durable(void *self, struct leat_task *task, uint64_t up_to_batch)
{
    struct watched *watched = watched_of(task);
    watch_enter(watched, "durable()");
    watched->source->durable(self, task, up_to_batch);
    __atomic_add_fetch(&watched->moves, 1, __ATOMIC_RELAXED);
    watch_leave(watched);
}

static void watch_close(void *self, struct leat_task *task)
{
    struct watched *watched = watched_of(task);
    watch_enter(watched, "close()");
    watched->source->close(self, task);
    watch_leave(watched);
}

struct leat_source_type source_watch(const struct leat_source_type *real)
{
    struct leat_source_type type = *real;
    type.open = watch_open;
    type.poll = watch_poll;
    type.durable = real->durable ? watch_durable : NULL;
    type.close = watch_close;
    return type;
}
