/* damage.c - what a damaged range of the log held, for whoever has to say that it is gone.
 *
 *   last fold before -> frames before `from` | from .. to | frames after it, up to the next fold or opening
 *        where each topic went on               lost           where each topic goes on
 *
 * It is looked up in the frames themselves, with a scratch log that takes their trailers in: what the log knows in memory
 * depends on how far its start came.
 */
#include <commitlog/inside.h>

#include <base/memory.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MOST ((uint64_t)512 << 20) /* in either direction */
#define TOPICS_TOLD 4

struct held { /* of a topic; index = id - 1 */
    uint64_t before, after;
    bool has_before, has_after;
};

struct lookup {
    struct leat_log *log, *scratch;
    struct held *held;
    uint32_t count;
};

static struct held *held_of(struct lookup *lookup, uint32_t id)
{
    if (id > lookup->count) {
        lookup->held = leat_realloc(lookup->held, id * sizeof *lookup->held);
        memset(lookup->held + lookup->count, 0, (id - lookup->count) * sizeof *lookup->held);
        lookup->count = id;
    }
    return &lookup->held[id - 1];
}

/* ---- frames, as far as they are good ---- */

typedef bool frame_f(struct lookup *lookup, const struct frame_head *head, const uint8_t *body); /* false: enough */

static void each_frame(struct lookup *lookup, uint64_t from, uint64_t to, frame_f *take)
{
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    struct leat_error err;
    enum scan_result result = SCAN_FRAME;
    scan_init(&scan, lookup->log);
    scan_seek(&scan, from);
    while (result != SCAN_FAILED && scan.lsn < to) {
        result = scan_next(&scan, &head, &body, &err);
        if (result == SCAN_FRAME && (head.lsn >= to || !take(lookup, &head, body)))
            break;
        if (result == SCAN_FRAME)
            continue;
        uint64_t next = damage_end(lookup->log, scan.lsn + 8, 0);
        if (next <= scan.lsn)
            break;
        scan_seek(&scan, next);
    }
    scan_fini(&scan);
}

static bool take_before(struct lookup *lookup, const struct frame_head *head, const uint8_t *body)
{
    struct trailer_part_list parts = {0};
    const uint8_t *audience;
    size_t len;
    trailer_apply(lookup->scratch, head, body); /* what it does not understand, it leaves */
    if (trailer_read(head, body, &parts, &audience, &len))
        for (uint32_t i = 0; i < parts.count && topic_is_possible(parts.items[i].topic_id, head); i++) {
            struct held *held = held_of(lookup, parts.items[i].topic_id);
            held->before = parts.items[i].base_offset + parts.items[i].count;
            held->has_before = true;
        }
    free(parts.items);
    return true;
}

/* A fold and an opening say of all topics where they go on. */
static void take_all(struct lookup *lookup, bool is_after)
{
    for (uint32_t i = 0; i < lookup->scratch->topic_count; i++) {
        struct held *held = held_of(lookup, i + 1);
        if (is_after && !held->has_after) {
            held->after = lookup->scratch->topics[i].info.next;
            held->has_after = true;
        } else if (!is_after && !held->has_before) {
            held->before = lookup->scratch->topics[i].info.next;
            held->has_before = true;
        }
    }
}

static bool take_after(struct lookup *lookup, const struct frame_head *head, const uint8_t *body)
{
    struct trailer_part_list parts = {0};
    const uint8_t *audience;
    size_t len;
    if (head->kind == KIND_FOLD || head->kind == KIND_OPEN) {
        if (trailer_apply(lookup->scratch, head, body))
            take_all(lookup, true);
        return false;
    }
    if (trailer_read(head, body, &parts, &audience, &len))
        for (uint32_t i = 0; i < parts.count && topic_is_possible(parts.items[i].topic_id, head); i++) {
            struct held *held = held_of(lookup, parts.items[i].topic_id);
            held->after = held->has_after ? held->after : parts.items[i].base_offset;
            held->has_after = true;
        }
    free(parts.items);
    return true;
}

/* ---- the range ---- */

uint64_t damage_end(struct leat_log *log, uint64_t from, uint64_t durable)
{
    struct scan scan;
    struct frame_head head;
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, from);
    bool is_newest = segment && segment == &log->segments[log->segment_count - 1];
    uint64_t base = segment ? segment->base : 0, salt = segment ? segment->salt : 0;
    uint64_t end = !segment ? from : is_newest ? segment->base + segment->size : segment->end;
    leat_lock_give(&log->lock);
    char *path = segment_path(log, base, "seg");
    scan_init(&scan, log);
    scan.base = base;
    scan.salt = (uint32_t)salt;
    scan.fd = log->os->open(path, O_RDONLY, 0);
    bool is_found = scan.fd >= 0 && scan_find(&scan, from, end, 0, &head);
    scan_fini(&scan);
    free(path);
    if (is_found)
        return head.lsn;
    return durable > from && durable < end ? durable : end;
}

/* Where a fold stood last when the segment was begun; of a log without one, its begin. */
static uint64_t look_from(struct leat_log *log, uint64_t lsn)
{
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, lsn);
    uint64_t base = segment ? segment->base : lsn, first = log->segment_count ? log->segments[0].base : base;
    uint64_t from = segment && segment->fold_lsn > first ? segment->fold_lsn : first;
    leat_lock_give(&log->lock);
    return base - from < LOOK_MOST ? from : base;
}

static void put_topic(const struct lookup *lookup, uint32_t at, struct leat_bytes *out)
{
    const struct held *held = &lookup->held[at];
    const struct leat_log *scratch = lookup->scratch;
    if (at < scratch->topic_count)
        leat_bytes_printf(out, "%s%s", out->len ? ", " : "", scratch->topics[at].info.name);
    else
        leat_bytes_printf(out, "%stopic number %u", out->len ? ", " : "", at + 1);
    if (at < scratch->topic_count && scratch->topics[at].info.partition > 0)
        leat_bytes_printf(out, "/%d", scratch->topics[at].info.partition);
    if (held->has_before && held->has_after)
        leat_bytes_printf(out, " %llu to %llu", (unsigned long long)held->before, (unsigned long long)held->after - 1);
    else if (held->has_before)
        leat_bytes_printf(out, " from %llu on", (unsigned long long)held->before);
    else
        leat_bytes_printf(out, " up to %llu", (unsigned long long)held->after - 1);
}

static void put_topics(const struct lookup *lookup, struct leat_bytes *out)
{
    uint32_t told = 0, more = 0;
    for (uint32_t i = 0; i < lookup->count; i++) {
        const struct held *held = &lookup->held[i];
        bool is_lost = held->has_before && held->has_after ? held->after > held->before
                       : held->has_after                   ? held->after > 0
                                                           : held->has_before;
        if (is_lost && told++ < TOPICS_TOLD)
            put_topic(lookup, i, out);
        else
            more += is_lost;
    }
    if (more > 0)
        leat_bytes_printf(out, " and %u more topics", more);
    if (out->len == 0)
        leat_bytes_text(out, "no records");
}

void damage_topics(struct leat_log *log, uint64_t from, uint64_t to, char *text, size_t size)
{
    leat_lock_take(&log->lock);
    struct leat_log_config config = log->config;
    leat_lock_give(&log->lock);
    config.is_read_only = true;
    struct lookup lookup = {.log = log, .scratch = log_make(&config)};
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    each_frame(&lookup, look_from(log, from), from, take_before);
    take_all(&lookup, false);
    each_frame(&lookup, to, to + LOOK_MOST, take_after);
    put_topics(&lookup, &out);
    snprintf(text, size, "%.*s", (int)out.len, (const char *)out.data);
    leat_bytes_fini(&out);
    log_free(lookup.scratch);
    free(lookup.held);
}

enum leat_status damage_fail(struct leat_log *log, uint64_t from, uint64_t to, const char *what, struct leat_error *err)
{
    char topics[300];
    to = to ? to : damage_end(log, from + 8, 0);
    damage_topics(log, from, to, topics, sizeof topics);
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, from);
    uint64_t base = segment ? segment->base : 0;
    leat_lock_give(&log->lock);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                        "log %s: acknowledged data is damaged in segments/%020llu.seg, bytes %llu to %llu (LSN %llu to %llu): %s; "
                        "there stood: %s. Nothing was changed. `leat log verify %s` looks at all of it; bring a good copy back, or "
                        "`leat log salvage %s NEWDIR` copies what is whole and says what is lost",
                        log->name, (unsigned long long)base, (unsigned long long)(from - base), (unsigned long long)(to - base - 1),
                        (unsigned long long)from, (unsigned long long)to - 1, what, topics, log->dir, log->dir);
}
