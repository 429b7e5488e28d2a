/* skip.c - a reader that wants few of the topics goes from frame to frame by the indexes of sealed
 * segments. */
#include <commitlog/reader.h>

#include <base/memory.h>
#include <stdlib.h>

#define FEW       4       /* a plan is worth it where at most every fourth frame is wanted */
#define STEP_READ 4096    /* bytes that are read at once where frames are far apart */
#define PLAN_MOST 4000000 /* frames */

void reader_forget_plan(struct leat_log_reader *reader)
{
    index_give(reader->log, reader->plan.index);
    free(reader->plan.lsns);
    reader->plan = (struct plan){0};
    reader->scan.ahead = SCAN_AHEAD;
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_wanted(struct leat_log_reader *reader, const struct segment_index *index,
                      uint32_t id)
{
    const struct topic_share *share = index_share(index, id);
    return share && share->frames > 0 && reader->wants(reader->arg, id);
}

/* At least as many as there are. */
static uint64_t count_wanted(struct leat_log_reader *reader, const struct segment_index *index)
{
    uint64_t frames = 0;
    for (uint32_t id = 1; id < index->share_count; id++)
        if (is_wanted(reader, index, id))
            frames += index->shares[id].frames;
    return frames;
}

static bool add_places(struct leat_log_reader *reader, uint32_t id, size_t most)
{
    struct plan *plan = &reader->plan;
    struct frame_walk walk;
    if (!index_walk(reader->log, plan->index, id, &walk))
        return false;
    while (plan->count < most && index_walk_next(&walk))
        plan->lsns[plan->count++] = walk.entry.lsn;
    bool is_good = !walk.cut.is_bad && leat_cut_left(&walk.cut) == 0;
    index_walk_end(&walk);
    return is_good;
}

/* The places of all that is wanted, rising, each once. */
static bool list_places(struct leat_log_reader *reader, size_t most)
{
    struct plan *plan = &reader->plan;
    size_t count = 0;
    plan->lsns = leat_malloc((most + 1) * sizeof *plan->lsns);
    for (uint32_t id = 1; id < plan->index->share_count; id++)
        if (is_wanted(reader, plan->index, id) && !add_places(reader, id, most))
            return false;
    if (plan->count > 0)
        qsort(plan->lsns, plan->count, sizeof *plan->lsns, by_place);
    for (size_t i = 0; i < plan->count; i++)
        if (count == 0 || plan->lsns[i] != plan->lsns[count - 1])
            plan->lsns[count++] = plan->lsns[i];
    plan->count = count;
    return true;
}

static void read_whole(struct leat_log_reader *reader, uint64_t base, uint64_t end)
{
    reader_forget_plan(reader);
    reader->plan = (struct plan){.is_made = true, .base = base, .end = end};
}

/* A list was damaged. */
static void plan_again(struct leat_log_reader *reader)
{
    struct plan *plan = &reader->plan;
    free(plan->lsns);
    plan->lsns = NULL;
    plan->count = 0;
    plan->index = index_distrust(reader->log, plan->index);
    if (!plan->index || !list_places(reader, count_wanted(reader, plan->index)))
        read_whole(reader, plan->base, plan->end);
}

static void make_plan(struct leat_log_reader *reader, uint64_t base, uint64_t end, bool is_sealed)
{
    struct leat_error err;
    read_whole(reader, base, end);
    struct segment_index *index = is_sealed ? index_hold(reader->log, base, &err) : NULL;
    uint64_t wanted = index ? count_wanted(reader, index) : 0;
    bool has_gaps = index && index_share(index, INDEX_GAPS); /* a mark may stand in one */
    if (!index || has_gaps || wanted * FEW > index->frame_count || wanted > PLAN_MOST) {
        index_give(reader->log, index);
        return;
    }
    reader->plan.index = index;
    reader->scan.ahead = STEP_READ;
    if (list_places(reader, wanted))
        return;
    plan_again(reader);
}

/* The plan for the segment that reader->lsn is in; false: it is read whole. */
static bool find_plan(struct leat_log_reader *reader)
{
    struct plan *plan = &reader->plan;
    if (plan->is_made && reader->lsn >= plan->base && reader->lsn < plan->end)
        return plan->index != NULL;
    struct leat_log *log = reader->log;
    leat_lock_take(&log->lock);
    const struct segment *segment = segment_of(log, reader->lsn);
    bool is_sealed = segment && segment != &log->segments[log->segment_count - 1];
    uint64_t base = segment ? segment->base : 0, end = is_sealed ? segment->end
                                                       : segment ? segment->base + segment->size
                                                                 : 0;
    leat_lock_give(&log->lock);
    make_plan(reader, base, end, is_sealed);
    return plan->index != NULL;
}

void reader_skip(struct leat_log_reader *reader, uint64_t durable)
{
    uint64_t from = reader->lsn;
    bool is_named = false;
    while (reader->wants && !is_named && reader->lsn < durable && find_plan(reader)) {
        struct plan *plan = &reader->plan;
        if (plan->at > 0 && plan->lsns[plan->at - 1] >= reader->lsn) /* it was sent back */
            plan->at = 0;
        while (plan->at < plan->count && plan->lsns[plan->at] < reader->lsn)
            plan->at++;
        is_named = plan->at < plan->count;
        reader->lsn = is_named ? plan->lsns[plan->at] : plan->end;
    }
    if (reader->lsn > durable)
        reader->lsn = from < durable ? durable : from;
    reader->plan.is_named = is_named && reader->lsn < durable && reader->lsn != from;
    reader->plan.from = from;
}

void reader_unskip(struct leat_log_reader *reader)
{
    struct plan *plan = &reader->plan;
    uint64_t base = plan->base, end = plan->end;
    reader->lsn = plan->from > base ? plan->from : base;
    index_give(reader->log, index_distrust(reader->log, plan->index));
    plan->index = NULL;
    read_whole(reader, base, end);
}
