/* topic.c - the names of topics, each once, for the life of the process.
 *
 * A source looks its topic up for every record, so each thread remembers those it met last and asks the
 * table, under its lock, only for others. Topics never go, so what a thread remembers stays true. */
#include <base/arena.h>
#include <base/assert.h>
#include <base/hash.h>
#include <base/thread.h>
#include <leat/record.h>

#define NAME_MAX_BYTES 249 /* as Kafka has it */
#define RECENT 64

static struct {
    struct leat_lock lock;
    struct leat_table table;
    struct leat_arena arena;
    uint32_t count;
} topics = {.lock = LEAT_LOCK("topics", LEAT_RANK_INTERN)};

static _Thread_local const struct leat_topic *recent[RECENT];

static bool is_named(const struct leat_topic *topic, const char *name, size_t len)
{
    return topic && topic->name_len == len && memcmp(topic->name, name, len) == 0;
}

/* Under the lock. */
static struct leat_topic *add(const char *name, size_t len)
{
    struct leat_topic *topic = leat_arena_alloc(&topics.arena, sizeof *topic);
    *topic = (struct leat_topic){
        .name = leat_arena_copy(&topics.arena, name, len),
        .name_len = (uint32_t)len,
        .number = topics.count++,
    };
    leat_table_set(&topics.table, name, len, topic);
    return topic;
}

const struct leat_topic *leat_topic(const char *name, size_t len)
{
    leat_assert(len >= 1 && len <= NAME_MAX_BYTES);
    const struct leat_topic **seen = &recent[leat_hash(name, len, 0) % RECENT];
    if (is_named(*seen, name, len))
        return *seen;
    leat_lock_take(&topics.lock);
    struct leat_topic *topic = leat_table_get(&topics.table, name, len);
    if (!topic)
        topic = add(name, len);
    leat_lock_give(&topics.lock);
    *seen = topic;
    return topic;
}
