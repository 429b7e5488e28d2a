#include <commitlog/ledger.h>

#include <base/memory.h>
#include <stdlib.h>

#define RECORD_LEAST 8 /* bytes, in a log */

void ledger_init(struct ledger *ledger, uint32_t topic_count, bool is_from_start)
{
    *ledger = (struct ledger){.topic_count = topic_count, .is_from_start = is_from_start};
    ledger->topics = leat_calloc(topic_count + 1u, sizeof *ledger->topics);
}

void ledger_fini(struct ledger *ledger)
{
    free(ledger->topics);
    free(ledger->holes);
    free(ledger->losses);
}

void ledger_hole(struct ledger *ledger, uint64_t length)
{
    ledger->holes = leat_realloc(ledger->holes, (ledger->passed + 1) * sizeof *ledger->holes);
    ledger->holes[ledger->passed++] = (struct ledger_hole){.length = length};
}

/* In which of the holes since the last mention, nobody knows: it is told in each. */
static void add_losses(struct ledger *ledger, uint32_t topic_id, uint64_t first, uint64_t count)
{
    for (size_t hole = ledger->topics[topic_id - 1].settled; hole < ledger->passed; hole++) {
        if ((ledger->loss_count & (ledger->loss_count - 1)) == 0)
            ledger->losses = leat_realloc(ledger->losses, (ledger->loss_count ? ledger->loss_count * 2 : 1) * sizeof *ledger->losses);
        ledger->losses[ledger->loss_count++] = (struct ledger_loss){
            .hole = hole,
            .next = ledger->holes[hole].first,
            .is_again = hole > ledger->topics[topic_id - 1].settled,
            .lost = {.topic_id = topic_id, .first = first, .count = count},
        };
        ledger->holes[hole].first = ledger->loss_count;
    }
}

void ledger_mention(struct ledger *ledger, uint32_t topic_id, uint64_t base)
{
    struct ledger_topic *topic = &ledger->topics[topic_id - 1];
    if (topic->settled < ledger->passed && !topic->is_known && ledger->is_from_start)
        topic->is_known = true; /* from 0 on */
    if (topic->settled < ledger->passed && topic->is_known && base > topic->next)
        add_losses(ledger, topic_id, topic->next, base - topic->next);
    if (topic->settled < ledger->passed && !topic->is_known && base > 0)
        add_losses(ledger, topic_id, 0, LEAT_LOG_UNKNOWN);
    topic->settled = ledger->passed;
    topic->is_known = true;
    topic->next = base;
}

void ledger_end(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->topic_count; i++) {
        struct ledger_topic *topic = &ledger->topics[i];
        if (topic->settled < ledger->passed)
            add_losses(ledger, i + 1, topic->next, LEAT_LOG_UNKNOWN);
        for (; topic->settled < ledger->passed; topic->settled++)
            topic->next += ledger->holes[topic->settled].length / RECORD_LEAST;
    }
}
