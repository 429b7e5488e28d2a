/* originals.c - records as they were before the connector's transforms, for the letters about them.
 *
 * Transforms edit records, not what these point to: so a copy of the structs is enough. A sink's record is found again by
 * its cursor; a source's by a tag in key_hash, which the topic overwrites.
 */
#include <task/inside.h>

void originals_keep(struct leat_task *task, struct leat_batch *batch)
{
    bool may_change = task->connector->transform_count > 0 || batch->refusal_count > 0;
    bool may_be_asked = task_policy(task) == LEAT_POLICY_DEAD_LETTER || task->intents.count > 0;
    if (!may_change || !may_be_asked || batch->count == 0)
        return;
    batch->originals = leat_batch_alloc(batch, batch->count * sizeof *batch->originals);
    batch->original_count = batch->count;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct leat_original *original = &batch->originals[i];
        *original = (struct leat_original){.record = batch->records[i]};
        if (batch->reads)
            original->cursor = batch->reads[i].cursor;
        else
            batch->records[i].key_hash = i + 1;
    }
    for (uint32_t i = 0; i < batch->refusal_count; i++)
        batch->originals[batch->refusals[i].index].is_undecoded = true;
}

static const struct leat_original *find_by_cursor(const struct leat_batch *batch, const struct leat_cursor *cursor)
{
    uint32_t low = 0, high = batch->original_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(batch->originals[middle].cursor.bytes, cursor->bytes, cursor->len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_it = low < batch->original_count &&
                 memcmp(batch->originals[low].cursor.bytes, cursor->bytes, cursor->len) == 0;
    return is_it ? &batch->originals[low] : NULL;
}

const struct leat_original *original_find(const struct leat_batch *batch, uint32_t index)
{
    if (!batch->originals)
        return NULL;
    if (batch->reads)
        return find_by_cursor(batch, &batch->reads[index].cursor);
    uint32_t tag = batch->records[index].key_hash;
    return tag > 0 && tag <= batch->original_count ? &batch->originals[tag - 1] : NULL;
}

/* Which of the records that came from one: stable while refused ones are taken out. */
void originals_number(struct leat_batch *batch)
{
    for (uint32_t i = 1; batch->originals && i < batch->count; i++) {
        const struct leat_cursor *before = &batch->reads[i - 1].cursor, *cursor = &batch->reads[i].cursor;
        bool is_same = before->len == cursor->len && memcmp(before->bytes, cursor->bytes, cursor->len) == 0;
        batch->reads[i].part = is_same ? batch->reads[i - 1].part + 1 : 0;
    }
}
