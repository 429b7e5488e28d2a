/* route.c - which topic a record goes to: what the user wrote, or the source's default. */
#include <task/inside.h>

#include <stdio.h>

#define TOPIC_MOST 249
#define HASH_LEN   17 /* "~" and 16 digits */
#define NAME_MOST  4096

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

/* A name that is too long is cut, and told from others by the hash of all of it. */
static const struct leat_topic *fitted(const struct leat_bytes *name)
{
    char cut[TOPIC_MOST + 1];
    if (name->len <= TOPIC_MOST)
        return leat_topic((const char *)name->data, name->len);
    size_t kept = TOPIC_MOST - HASH_LEN;
    while (kept > 0 && (name->data[kept] & 0xc0) == 0x80) /* at a character */
        kept--;
    memcpy(cut, name->data, kept);
    int hash_len = snprintf(cut + kept, HASH_LEN + 1, "~%016llx",
                            (unsigned long long)leat_hash(name->data, name->len, 0));
    return leat_topic(cut, kept + (size_t)hash_len);
}

const struct leat_topic *leat_task_route(struct leat_task *task, const char *space,
                                         const char *name)
{
    struct leat_bytes filled;
    struct leat_error ignored;
    const struct leat_topic *topic = task->placeholder;
    if (task->is_routed_per_record)
        return topic;
    leat_bytes_init(&filled, NAME_MOST);
    if (leat_template_fill_names(task->topic_template, space, name, &filled, &ignored) == LEAT_OK &&
        filled.len > 0 && !filled.is_over)
        topic = fitted(&filled);
    leat_bytes_fini(&filled);
    return topic;
}

static void route_record(struct leat_task *task, struct leat_batch *batch, uint32_t index,
                         struct leat_bytes *filled)
{
    struct leat_error err;
    struct leat_record *rec = &batch->records[index];
    leat_bytes_clear(filled);
    if (leat_template_fill(task->topic_template, rec, filled, &err) != LEAT_OK)
        leat_batch_reject(batch, index, "topic: %s", err.text);
    else if (filled->len == 0 || filled->is_over)
        leat_batch_reject(batch, index, "topic: its name is empty, or has more than %d bytes",
                          NAME_MOST);
    else
        rec->topic = fitted(filled);
}

/* A template that asks for more than space and name is filled here, after the transforms. */
void route_batch(struct leat_task *task, struct leat_batch *batch)
{
    struct leat_bytes filled;
    if (!task->is_routed_per_record)
        return;
    leat_bytes_init(&filled, NAME_MOST);
    for (uint32_t i = 0; i < batch->count; i++)
        if (!(batch->records[i].flags & LEAT_DROPPED) &&
            batch->records[i].topic == task->placeholder)
            route_record(task, batch, i, &filled);
    leat_bytes_fini(&filled);
}
