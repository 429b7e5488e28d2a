#include <kafka/source_group.h>

#include <base/clock.h>
#include <base/memory.h>
#include <model/batch.h>
#include <stdlib.h>

#define EVERY_US 2000000

static void add(struct source_group *group, struct source_owed owed)
{
    if (group->first > 0 && group->first == group->count)
        group->first = group->count = 0;
    if (group->count == group->cap) {
        group->cap = group->cap ? group->cap * 2 : 64;
        group->owed = leat_realloc(group->owed, group->cap * sizeof *group->owed);
    }
    group->owed[group->count++] = owed;
}

void source_group_owe(struct source_group *group, struct source_parts *parts, const struct leat_batch *batch)
{
    for (uint32_t i = 0; i < batch->position_count; i++) {
        const struct leat_delta *delta = &batch->positions[i];
        struct source_part *part = source_parts_find(parts, delta->key.as.text, delta->key.len);
        const struct leat_value *offset = part ? leat_map_get(&delta->value, "offset") : NULL;
        if (offset)
            add(group, (struct source_owed){batch->number, part, offset->as.i});
    }
}

void source_group_durable(struct source_group *group, uint64_t up_to_batch)
{
    for (; group->first < group->count && group->owed[group->first].batch <= up_to_batch; group->first++)
        group->owed[group->first].part->durable = group->owed[group->first].offset;
}

static void say_answer(const struct source_parts *parts, rd_kafka_event_t *event)
{
    if (event && rd_kafka_event_error(event))
        leat_say(LEAT_WARNING, parts->config.name, "kafka %s: the group is not told of offsets: %s",
                 parts->config.client->brokers, rd_kafka_event_error_string(event));
    if (event)
        rd_kafka_event_destroy(event);
}

static void commit(const struct source_parts *parts, const rd_kafka_topic_partition_list_t *list, int wait_ms)
{
    rd_kafka_t *rk = parts->config.client->rk;
    if (wait_ms == 0) {
        rd_kafka_commit(rk, list, 1);
        return;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    if (!rd_kafka_commit_queue(rk, list, queue, NULL, NULL))
        say_answer(parts, rd_kafka_queue_poll(queue, wait_ms));
    rd_kafka_queue_destroy(queue);
}

void source_group_tell(struct source_group *group, const struct source_parts *parts, int wait_ms)
{
    if (wait_ms == 0 && !leat_is_past(group->next_at))
        return;
    group->next_at = leat_after_us(EVERY_US);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)parts->count);
    for (size_t i = 0; i < parts->count; i++) {
        struct source_part *part = parts->items[i];
        if (part->durable > part->committed && !part->is_missing)
            rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = part->durable;
        part->committed = part->durable;
    }
    if (list->cnt > 0)
        commit(parts, list, wait_ms);
    rd_kafka_topic_partition_list_destroy(list);
}

void source_group_close(struct source_group *group)
{
    free(group->owed);
    *group = (struct source_group){.count = 0};
}
