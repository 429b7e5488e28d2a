#include <commitlog/losses.h>

#include <base/memory.h>
#include <stdlib.h>

#define RECORD_LEAST 8 /* bytes, in a log */

void losses_init(struct losses *losses, uint32_t topic_count, bool is_from_start)
{
    *losses = (struct losses){.topic_count = topic_count, .is_from_start = is_from_start};
    losses->topics = leat_calloc(topic_count + 1u, sizeof *losses->topics);
}

void losses_fini(struct losses *losses)
{
    free(losses->topics);
    free(losses->holes);
    free(losses->items);
}

void losses_hole(struct losses *losses, uint64_t length)
{
    losses->holes = leat_realloc(losses->holes, (losses->passed + 1) * sizeof *losses->holes);
    losses->holes[losses->passed++] = (struct losing_hole){.length = length};
}

/* In which of the holes since the last mention, nobody knows: it is told in each. */
static void add_losses(struct losses *losses, uint32_t topic_id, uint64_t first, uint64_t count)
{
    for (size_t hole = losses->topics[topic_id - 1].settled; hole < losses->passed; hole++) {
        if ((losses->count & (losses->count - 1)) == 0)
            losses->items = leat_realloc(losses->items, (losses->count ? losses->count * 2 : 1) * sizeof *losses->items);
        losses->items[losses->count++] = (struct loss){
            .hole = hole,
            .next = losses->holes[hole].first,
            .is_again = hole > losses->topics[topic_id - 1].settled,
            .lost = {.topic_id = topic_id, .first = first, .count = count},
        };
        losses->holes[hole].first = losses->count;
    }
}

void losses_mention(struct losses *losses, uint32_t topic_id, uint64_t base)
{
    struct losing_topic *topic = &losses->topics[topic_id - 1];
    if (topic->settled < losses->passed && !topic->is_known && losses->is_from_start)
        topic->is_known = true; /* from 0 on */
    if (topic->settled < losses->passed && topic->is_known && base > topic->next)
        add_losses(losses, topic_id, topic->next, base - topic->next);
    if (topic->settled < losses->passed && !topic->is_known && base > 0)
        add_losses(losses, topic_id, 0, LEAT_LOG_UNKNOWN);
    topic->settled = losses->passed;
    topic->is_known = true;
    topic->next = base;
}

void losses_end(struct losses *losses)
{
    for (uint32_t i = 0; i < losses->topic_count; i++) {
        struct losing_topic *topic = &losses->topics[i];
        if (topic->settled < losses->passed)
            add_losses(losses, i + 1, topic->next, LEAT_LOG_UNKNOWN);
        for (; topic->settled < losses->passed; topic->settled++)
            topic->next += losses->holes[topic->settled].length / RECORD_LEAST;
    }
}
