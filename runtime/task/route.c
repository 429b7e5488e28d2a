#include <task/inside.h>

/* The template that the user wrote, the source's default, or the pipeline's name. */
static const char *template_text(const struct leat_task *task)
{
    if (task->pipeline->topic)
        return task->pipeline->topic;
    return task->connector->source->topic ? task->connector->source->topic : task->pipeline->name;
}

enum leat_status route_open(struct leat_task *task, struct leat_error *err)
{
    struct leat_bytes probe;
    struct leat_error ignored;
    task->topic_template = leat_template_new(template_text(task), false, err);
    if (!task->topic_template)
        return LEAT_STOP;
    leat_bytes_init(&probe, 4096);
    task->is_routed_per_record =
        leat_template_fill_names(task->topic_template, "d", "t", &probe, &ignored) != LEAT_OK;
    leat_bytes_fini(&probe);
    task->placeholder = leat_topic(task->pipeline->name, strlen(task->pipeline->name));
    return LEAT_OK;
}

void route_close(struct leat_task *task)
{
    if (task->topic_template)
        leat_template_free(task->topic_template);
    task->topic_template = NULL;
}

static const struct leat_topic *topic_of(const struct leat_bytes *name)
{
    return name->len > 0 && name->len < 250 && !name->is_over ? leat_topic((const char *)name->data, name->len) : NULL;
}

const struct leat_topic *leat_task_route(struct leat_task *task, const char *space, const char *name)
{
    struct leat_bytes filled;
    struct leat_error ignored;
    const struct leat_topic *topic = NULL;
    if (task->is_routed_per_record)
        return task->placeholder;
    leat_bytes_init(&filled, 4096);
    if (leat_template_fill_names(task->topic_template, space, name, &filled, &ignored) == LEAT_OK)
        topic = topic_of(&filled);
    leat_bytes_fini(&filled);
    return topic ? topic : task->placeholder;
}

void route_batch(struct leat_task *task, struct leat_batch *batch)
{
    struct leat_bytes filled;
    struct leat_error err;
    if (!task->is_routed_per_record)
        return;
    leat_bytes_init(&filled, 4096);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_record *rec = &batch->records[i];
        if ((rec->flags & LEAT_DROPPED) || rec->topic != task->placeholder)
            continue;
        leat_bytes_clear(&filled);
        if (leat_template_fill(task->topic_template, rec, &filled, &err) != LEAT_OK)
            leat_batch_reject(batch, i, "topic: %s", err.text);
        else if (!topic_of(&filled))
            leat_batch_reject(batch, i, "topic: its name would have %zu bytes, and 1 to 249 can be", filled.len);
        else
            rec->topic = topic_of(&filled);
    }
    leat_bytes_fini(&filled);
}
