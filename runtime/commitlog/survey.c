/* survey.c - salvage, first half: which bytes of a log are whole units.
 *
 *   segment  |header| unit unit ### unit unit unit ######## unit 0000|
 *   extents          [-------)     [--------------)        [---)
 *   holes                    [----)                [------)          [ the end, where more was acknowledged )
 *
 * A unit is whole when all its frames are: header and body match their checksums, place and salt are right, each follows
 * the one before it, FIRST to LAST. Of two neighbours that contradict each other neither is proven.
 *
 * What stands behind a hole counts only where the hole is known to have been acknowledged. Else it is a torn tail, as a
 * start cuts it: to keep a later unit of it would skip what a source has still to deliver.
 */
#include <commitlog/remains.h>
#include <commitlog/survey.h>
#include <commitlog/visit.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP_LEAST (FRAME_HEADER + 8)
#define HINT_MOST ((uint64_t)1 << 40) /* beyond the files, a hint is of another log */
#define BEYOND ((uint64_t)16 << 20) /* marks may stand so far behind an end that is not known */

struct walk {
    struct survey *survey;
    struct scan scan;
    bool is_in_unit, is_tainted; /* tainted: it has no chance any more */
    uint64_t unit, unit_from;
    struct extent held; /* the unit before, until its successor has been seen; to == 0: none */
    bool is_unsure;     /* behind a hole: what makes records readable may be lost */
    bool is_bad;        /* of the frame at hand */
};

static void add_extent(struct extent **list, size_t *count, uint64_t from, uint64_t to)
{
    if ((*count & (*count - 1)) == 0)
        *list = leat_realloc(*list, (*count ? *count * 2 : 1) * sizeof **list);
    (*list)[(*count)++] = (struct extent){from, to};
}

static void commit_held(struct walk *walk)
{
    struct survey *survey = walk->survey;
    struct extent *last = survey->extent_count ? &survey->extents[survey->extent_count - 1] : NULL;
    if (walk->held.to == 0)
        return;
    if (last && last->to == walk->held.from)
        last->to = walk->held.to;
    else
        add_extent(&survey->extents, &survey->extent_count, walk->held.from, walk->held.to);
    walk->held.to = 0;
}

/* ---- what a frame tells, whether its unit is whole or not ---- */

static bool is_topic(struct walk *walk, uint32_t id)
{
    struct survey *survey = walk->survey;
    if (id == 0 || id > survey->total / 3) /* each was defined in three bytes and more */
        return false;
    if (id > survey->topic_count) {
        survey->topics = leat_realloc(survey->topics, id * sizeof *survey->topics);
        memset(survey->topics + survey->topic_count, 0, (id - survey->topic_count) * sizeof *survey->topics);
        survey->topic_count = id;
    }
    return true;
}

static void learn_topic(void *arg, uint32_t id, int32_t partition, const char *name, size_t len)
{
    struct walk *walk = arg;
    if (!is_topic(walk, id)) {
        walk->is_bad = true;
        return;
    }
    struct topic_name *topic = &walk->survey->topics[id - 1];
    if (!topic->name)
        *topic = (struct topic_name){leat_strndup(name, len), partition};
}

static void learn_part(void *arg, const struct leat_log_part *part)
{
    struct walk *walk = arg;
    walk->is_bad = walk->is_bad || !is_topic(walk, part->topic_id);
}

static void learn_next(void *arg, uint32_t id, uint64_t next)
{
    struct walk *walk = arg;
    (void)next;
    walk->is_bad = walk->is_bad || !is_topic(walk, id);
}

static void learn_lost(void *arg, const struct leat_log_lost *lost)
{
    learn_next(arg, lost->topic_id, 0);
}

static void learn_durable(struct survey *survey, const struct frame_head *head)
{
    if (survey->durable < head->durable && head->durable <= head->lsn)
        survey->durable = head->durable;
}

static bool learn(struct walk *walk, const struct frame_head *head, const uint8_t *body)
{
    const struct visitor visitor = {.arg = walk, .topic = learn_topic, .part = learn_part, .next = learn_next, .lost = learn_lost};
    walk->is_bad = head->durable > head->lsn;
    learn_durable(walk->survey, head);
    return trailer_visit(head, body, &visitor) && !walk->is_bad;
}

/* ---- can its records be read? ---- */

/* State stands in the last frame of a unit, before the records as far as they are concerned. */
struct telling {
    const struct leat_log_salvage_calls *calls;
    bool is_taken_back;
};

static void tell_one(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    const struct telling *telling = arg;
    telling->calls->state(telling->calls->arg, key, key_len, value, value_len, is_set && !telling->is_taken_back);
}

static void tell_state(struct walk *walk, const struct frame_head *head, const uint8_t *body, bool is_taken_back)
{
    struct telling telling = {walk->survey->calls, is_taken_back};
    const struct visitor visitor = {.arg = &telling, .state = tell_one};
    if (telling.calls->state)
        trailer_visit(head, body, &visitor);
}

static bool is_stream_readable(struct walk *walk, const struct frame_head *head, const uint8_t *body)
{
    const struct leat_log_salvage_calls *calls = walk->survey->calls;
    return head->kind != KIND_DATA || head->stream_len == 0 ||
           calls->is_readable(calls->arg, head->record_format, body, head->stream_len);
}

static bool is_unit_readable(struct walk *walk, const struct extent *unit, bool is_taken_back)
{
    struct scan scan;
    struct frame_head head;
    const uint8_t *body;
    struct leat_error err;
    bool is_good = true;
    scan_init(&scan, walk->survey->log);
    scan_seek(&scan, unit->from);
    while (is_good && scan.lsn < unit->to) {
        is_good = remains_next(&scan, &head, &body, &err) == SCAN_FRAME;
        if (is_good && is_taken_back)
            tell_state(walk, &head, body, true);
        else if (is_good)
            is_good = is_stream_readable(walk, &head, body);
    }
    scan_fini(&scan);
    return is_good;
}

/* Out of the extent that holds it. */
static void cut_out(struct survey *survey, const struct extent *unit)
{
    size_t at = 0;
    while (survey->extents[at].to < unit->to)
        at++;
    struct extent before = {survey->extents[at].from, unit->from}, behind = {unit->to, survey->extents[at].to};
    size_t pieces = (before.from < before.to ? 1U : 0U) + (behind.from < behind.to ? 1U : 0U);
    if (pieces == 2)
        add_extent(&survey->extents, &survey->extent_count, 0, 0);
    size_t rest = survey->extent_count - at - (pieces == 2 ? 2 : 1);
    memmove(&survey->extents[at + pieces], &survey->extents[at + 1], rest * sizeof before);
    survey->extent_count -= pieces == 0;
    if (before.from < before.to)
        survey->extents[at++] = before;
    if (behind.from < behind.to)
        survey->extents[at] = behind;
}

/* What makes records readable may stand in any unit that is left, before them or behind. A unit that goes takes along what
 * it said, which others may have needed. */
static void judge_unsure(struct walk *walk)
{
    struct survey *survey = walk->survey;
    for (bool is_over = !survey->calls->is_readable; !is_over;) {
        is_over = true;
        for (size_t i = 0; i < survey->unsure_count; i++) {
            struct extent *unit = &survey->unsure[i];
            if (unit->to == 0 || is_unit_readable(walk, unit, false))
                continue;
            is_unit_readable(walk, unit, true);
            cut_out(survey, unit);
            survey->unreadable++;
            unit->to = 0;
            is_over = false;
        }
    }
}

/* ---- units ---- */

static void end_unit(struct walk *walk, const struct frame_head *head, const uint8_t *body)
{
    struct survey *survey = walk->survey;
    walk->is_in_unit = false;
    commit_held(walk);
    walk->is_unsure = walk->is_unsure || walk->is_tainted;
    if (walk->is_tainted)
        return;
    tell_state(walk, head, body, false);
    walk->held = (struct extent){walk->unit_from, walk->scan.lsn};
    if (walk->is_unsure && head->kind == KIND_DATA)
        add_extent(&survey->unsure, &survey->unsure_count, walk->held.from, walk->held.to);
    if (head->kind != KIND_FOLD)
        return;
    walk->is_unsure = false;
    if ((survey->fold_count & (survey->fold_count - 1)) == 0)
        survey->folds = leat_realloc(survey->folds, (survey->fold_count ? survey->fold_count * 2 : 1) * sizeof *survey->folds);
    survey->folds[survey->fold_count++] = head->lsn;
}

static void take_frame(struct walk *walk, const struct frame_head *head, const uint8_t *body, bool is_tainted)
{
    bool is_good = learn(walk, head, body) && !is_tainted;
    if (head->flags & FRAME_FIRST) {
        walk->is_in_unit = true;
        walk->is_tainted = false;
        walk->unit = head->unit;
        walk->unit_from = head->lsn;
    } else if (!walk->is_in_unit || walk->unit != head->unit) {
        walk->is_in_unit = false;
        walk->is_unsure = true;
        return;
    }
    walk->is_tainted = walk->is_tainted || !is_good;
    if (head->flags & FRAME_LAST)
        end_unit(walk, head, body);
}

/* What the disk cannot give is as bad as what it gives wrong. Any other failure is ours. */
static enum scan_result next(struct walk *walk, struct frame_head *head, const uint8_t **body, bool *is_tainted, struct leat_error *err)
{
    struct scan *scan = &walk->scan;
    enum scan_result result = remains_next(scan, head, body, err);
    bool is_read = result != SCAN_FAILED;
    *is_tainted = false;
    if (!is_read && err->cause == LEAT_CAUSE_DISK)
        result = SCAN_BAD;
    if (result == SCAN_BAD && is_read && scan->is_unchained) { /* two that contradict each other */
        scan->chain_lsn = UINT64_MAX;
        result = remains_next(scan, head, body, err);
        *is_tainted = result == SCAN_FRAME;
        if (*is_tainted && !walk->is_in_unit)
            walk->held.to = 0;
        walk->is_unsure = walk->is_unsure || *is_tainted;
    }
    return result;
}

static void begin_hole(struct walk *walk, uint64_t end)
{
    struct frame_head head;
    uint64_t at = walk->scan.lsn;
    commit_held(walk);
    walk->is_in_unit = false;
    walk->is_unsure = true;
    if (remains_find(&walk->scan, at, at + 1, &head)) /* a good header of a bad body */
        learn_durable(walk->survey, &head);
    scan_seek(&walk->scan, remains_find(&walk->scan, at + 8, end, &head) ? head.lsn : end);
}

static enum leat_status walk_segment(struct walk *walk, const struct segment *segment, struct leat_error *err)
{
    const struct leat_log_salvage_calls *calls = walk->survey->calls;
    uint64_t first = walk->survey->log->segments[0].base;
    struct frame_head head;
    const uint8_t *body;
    bool is_tainted;
    if (segment->end <= segment->base + SEGMENT_HEADER)
        return LEAT_OK;
    scan_seek(&walk->scan, segment->base);
    while (walk->scan.lsn < segment->end) {
        enum scan_result result = next(walk, &head, &body, &is_tainted, err);
        if (result == SCAN_FAILED)
            return LEAT_STOP;
        if (result == SCAN_FRAME)
            take_frame(walk, &head, body, is_tainted);
        else
            begin_hole(walk, segment->end);
        if (calls->progress)
            calls->progress(calls->arg, "read", walk->scan.lsn - first, walk->survey->total);
    }
    walk->is_in_unit = false;
    return LEAT_OK;
}

/* ---- the end ---- */

/* The oldest extent behind `lsn`, as an index. */
static size_t extent_behind(const struct survey *survey, uint64_t lsn)
{
    size_t at = 0;
    while (at < survey->extent_count && survey->extents[at].from < lsn)
        at++;
    return at;
}

/* A crash left it half made, or no frame came into it: nothing of it was acknowledged. */
static void drop_torn_segment(struct survey *survey)
{
    struct leat_log *log = survey->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    bool is_empty = extent_behind(survey, newest->base) == survey->extent_count;
    if (log->segment_count > 1 && newest->head != HEAD_GOOD && is_empty && survey->durable <= newest->base) {
        segment_clear(newest);
        log->segment_count--;
    } else if (log->segment_count > 1 && survey->durable < newest->base) {
        survey->durable = newest->base; /* it begins only when what is before is durable */
    }
}

/* The first place in the newest segment that is no frame, and was not known to be acknowledged: the log ends there. */
static void find_end(struct survey *survey)
{
    struct leat_log *log = survey->log;
    struct segment *newest = &log->segments[log->segment_count - 1];
    uint64_t at = newest->base + SEGMENT_HEADER;
    size_t i = extent_behind(survey, newest->base);
    while (i < survey->extent_count && (survey->extents[i].from == at || at < survey->durable))
        at = survey->extents[i++].to;
    for (size_t k = i; k < survey->extent_count; k++)
        survey->torn_bytes += survey->extents[k].to - survey->extents[k].from;
    survey->extent_count = i;
    survey->is_lost_end = survey->durable > at;
    survey->end = at;
    if (survey->is_lost_end) { /* marks of sinks may stand anywhere up to the end of the file */
        uint64_t file_end = (newest->base + newest->size + 7) & ~(uint64_t)7;
        uint64_t durable = (survey->durable + 7) & ~(uint64_t)7;
        survey->end = durable < file_end ? file_end : durable + BEYOND;
    }
    newest->end = survey->end;
}

/* ---- holes: all that is in no extent ---- */

static void drop_extent(struct survey *survey, size_t at)
{
    memmove(&survey->extents[at], &survey->extents[at + 1], (survey->extent_count - at - 1) * sizeof *survey->extents);
    survey->extent_count--;
}

static bool list_holes(struct survey *survey)
{
    size_t at = 0;
    survey->hole_count = 0;
    for (size_t i = 0; i < survey->log->segment_count; i++) {
        const struct segment *segment = &survey->log->segments[i];
        uint64_t from = segment->base + SEGMENT_HEADER;
        for (bool is_over = false; !is_over;) {
            is_over = at == survey->extent_count || survey->extents[at].from >= segment->end;
            uint64_t to = is_over ? segment->end : survey->extents[at].from;
            if (from < to && to - from < GAP_LEAST && survey->extent_count > 0) { /* no whole frame was ever lost here */
                drop_extent(survey, at > 0 ? at - 1 : 0);
                return false;
            }
            if (from < to)
                add_extent(&survey->holes, &survey->hole_count, from, to);
            if (!is_over)
                from = survey->extents[at++].to;
        }
    }
    return true;
}

enum leat_status survey_log(struct survey *survey, struct leat_error *err)
{
    struct leat_log *log = survey->log;
    struct walk walk = {.survey = survey};
    uint64_t durable = 0, fold, sequence;
    enum leat_status status = LEAT_OK;
    const struct segment *newest = &log->segments[log->segment_count - 1];
    if (hint_read(log, &durable, &fold, &sequence) && durable < newest->end + HINT_MOST)
        survey->durable = durable;
    survey->total = newest->end - log->segments[0].base;
    scan_init(&walk.scan, log);
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++)
        status = walk_segment(&walk, &log->segments[i], err);
    commit_held(&walk);
    scan_fini(&walk.scan);
    if (status != LEAT_OK)
        return status;
    judge_unsure(&walk);
    drop_torn_segment(survey);
    find_end(survey);
    while (!list_holes(survey)) {
    }
    return LEAT_OK;
}

void survey_fini(struct survey *survey)
{
    for (uint32_t i = 0; i < survey->topic_count; i++)
        free(survey->topics[i].name);
    free(survey->topics);
    free(survey->extents);
    free(survey->holes);
    free(survey->unsure);
    free(survey->folds);
}
