/* verify.c - a look at everything, beside a daemon that goes on writing.
 *
 * Nothing is written, no lock is taken. Segments are read as they stand in the directory when it begins; in the newest one
 * what was durable then, as durable.hint and the frames themselves tell. What is behind that is a tail in the making, or a
 * torn one: no damage.
 */
#include <commitlog/inside.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPICS_TOLD_MOST 32           /* damages of which is looked up what they held: that reads, too */
#define PROGRESS_EVERY ((uint64_t)8 << 20)

struct course { /* of one topic */
    uint64_t next;
    uint64_t damages; /* so many had been found when `next` was seen */
    bool is_known;
};

struct verify {
    struct leat_log *log;
    struct leat_log *folded; /* what the frames say, as far as folds repeat it */
    const struct leat_log_visitor *visitor;
    struct leat_log_summary *summary;
    struct scan scan;
    uint64_t hinted, durable; /* by durable.hint, by the frames of this segment */
    uint64_t whole_lsn;       /* end of the last whole unit, or where it goes on behind damage */
    uint64_t told_at; /* progress */
    uint64_t breaks;  /* damages, and gaps that a salvage left: what follows need not go on where it was */
    struct course *courses;
    uint32_t course_count;
    uint64_t unit;   /* that is not at its end; 0: none */
    bool is_behind;  /* damage: which unit is next is not known */
    int64_t time_us;
    struct trailer_part_list parts;
    struct segment_index *notes; /* of a sealed segment: what its index must say */
    bool has_fold;
};

/* ---- findings ---- */

static void tell(struct verify *verify, uint64_t from, uint64_t to, bool is_damage, const char *text)
{
    const struct segment *segment = verify->log ? segment_of(verify->log, from) : NULL;
    char name[32] = "", topics[512] = "";
    if (segment)
        snprintf(name, sizeof name, "%020llu.seg", (unsigned long long)segment->base);
    if (is_damage && to > from && verify->summary->damages < TOPICS_TOLD_MOST)
        damage_topics(verify->log, from, to, topics, sizeof topics);
    verify->summary->damages += is_damage;
    verify->summary->notes += !is_damage;
    verify->breaks += is_damage;
    struct leat_log_finding finding = {
        .segment = name, .lsn = from, .end_lsn = to, .begin_lsn = segment ? segment->base : 0, .is_damage = is_damage,
        .text = text, .topics = topics,
    };
    if (verify->visitor->finding)
        verify->visitor->finding(verify->visitor->arg, &finding);
}

static void progress(struct verify *verify, bool is_end)
{
    const struct leat_log *log = verify->log;
    uint64_t first = log->segments[0].base, done = verify->scan.lsn - first, total = verify->summary->end_lsn - first;
    if (!verify->visitor->progress || (!is_end && done < verify->told_at + PROGRESS_EVERY))
        return;
    verify->told_at = done;
    verify->visitor->progress(verify->visitor->arg, done < total ? done : total, total);
}

/* ---- what a frame says ---- */

static struct course *course_of(struct verify *verify, uint32_t id)
{
    if (id > verify->course_count) {
        verify->courses = leat_realloc(verify->courses, id * sizeof *verify->courses);
        memset(verify->courses + verify->course_count, 0, (id - verify->course_count) * sizeof *verify->courses);
        verify->course_count = id;
    }
    return &verify->courses[id - 1];
}

static void go_on(struct verify *verify, const struct frame_head *head, uint32_t id, uint64_t at, uint64_t next)
{
    struct course *course = course_of(verify, id);
    char text[160];
    if (course->is_known && course->next != at && course->damages == verify->breaks) {
        const char *name = id <= verify->folded->topic_count ? verify->folded->topics[id - 1].info.name : "?";
        snprintf(text, sizeof text, "topic %u (%.60s) goes on at offset %llu, and was at %llu", id, name, (unsigned long long)at,
                 (unsigned long long)course->next);
        tell(verify, head->lsn, verify->scan.lsn, true, text);
    }
    *course = (struct course){next, verify->breaks, true};
}

static void look_at_parts(struct verify *verify, const struct frame_head *head, const uint8_t *body)
{
    const uint8_t *audience;
    size_t len;
    if (!trailer_read(head, body, &verify->parts, &audience, &len)) {
        tell(verify, head->lsn, verify->scan.lsn, true, "the frame's table of topics cannot be read");
        return;
    }
    for (uint32_t i = 0; i < verify->parts.count; i++) {
        const struct leat_log_part *part = &verify->parts.items[i];
        if (part->topic_id == 0 || part->topic_id > (uint32_t)1 << 24)
            tell(verify, head->lsn, verify->scan.lsn, true, "the frame has records of a topic that cannot be");
        else
            go_on(verify, head, part->topic_id, part->base_offset, part->base_offset + part->count);
        verify->summary->records += part->count;
    }
}

/* A fold, and an opening, repeat where each topic is; a fold also all topics and state. */
static void look_at_fold(struct verify *verify, const struct frame_head *head, const uint8_t *body)
{
    if (!trailer_apply(verify->folded, head, body)) {
        if (head->kind == KIND_FOLD)
            tell(verify, head->lsn, verify->scan.lsn, true, "the fold cannot be read");
        return;
    }
    for (uint32_t i = 0; i < verify->folded->topic_count; i++)
        go_on(verify, head, i + 1, verify->folded->topics[i].info.next, verify->folded->topics[i].info.next);
}

static void look_at_unit(struct verify *verify, const struct frame_head *head)
{
    bool is_first = head->flags & FRAME_FIRST, is_last = head->flags & FRAME_LAST;
    bool is_wrong = is_first ? verify->unit != 0 : verify->unit != head->unit;
    if (is_wrong && !verify->is_behind)
        tell(verify, head->lsn, verify->scan.lsn, true, "this frame is not the next one of its unit");
    verify->is_behind = verify->is_behind && !is_first;
    verify->unit = is_last ? 0 : head->unit;
    verify->summary->units += is_last;
    verify->whole_lsn = is_last ? verify->scan.lsn : verify->whole_lsn;
    verify->durable = head->durable > verify->durable ? head->durable : verify->durable;
    if (head->time_us < verify->time_us && verify->breaks == 0)
        tell(verify, head->lsn, verify->scan.lsn, false, "its time lies before that of the frame before");
    if (head->durable > head->lsn)
        tell(verify, head->lsn, verify->scan.lsn, true, "it says that more was durable than there was");
    verify->time_us = head->time_us;
}

/* Behind it topics go on somewhere else. */
static void look_at_gap(struct verify *verify, const struct frame_head *head)
{
    tell(verify, head->lsn, verify->scan.lsn, false, "a gap that salvage left: what stood here is lost");
    verify->breaks++;
    verify->is_behind = true;
}

static void look_at_frame(struct verify *verify, const struct frame_head *head, const uint8_t *body)
{
    look_at_unit(verify, head);
    if (head->kind == KIND_GAP)
        look_at_gap(verify, head);
    else if (head->kind == KIND_DATA)
        look_at_parts(verify, head, body);
    else
        look_at_fold(verify, head, body);
    if (verify->notes)
        index_note(verify->notes, head, body);
    verify->has_fold = verify->has_fold || head->kind == KIND_FOLD;
    verify->summary->frames++;
    verify->summary->bytes += frame_size(head->body_len);
}

/* ---- segments ---- */

/* Is it known that what stands at the scan's place was durable? By the hint, or by frames behind it and at it. What is durable
 * ends where a unit does: one place behind the last whole unit's end stands for all up to the next one's. */
static enum leat_status find_proof(struct verify *verify, enum scan_result result, const struct segment *segment, bool *is_proved,
                                   struct leat_error *err)
{
    struct frame_head head;
    uint64_t whole = verify->whole_lsn > segment->base ? verify->whole_lsn : segment->base;
    uint64_t at = verify->scan.lsn, to = segment->base + segment->size;
    *is_proved = verify->hinted > whole || verify->durable > whole;
    if (*is_proved || verify->scan.fd < 0)
        return LEAT_OK;
    if (result == SCAN_END && to > at + QUICK_LOOK)
        to = at + QUICK_LOOK;
    enum scan_result found = scan_look(&verify->scan, whole, to, whole + 1, &head, err);
    *is_proved = found == SCAN_FRAME;
    return found == SCAN_FAILED ? LEAT_STOP : LEAT_OK;
}

static void tell_tail(struct verify *verify, enum scan_result result)
{
    if (result == SCAN_BAD)
        tell(verify, verify->scan.lsn, verify->scan.lsn, false,
             "behind this nothing was acknowledged: a unit that is being written, or a torn tail that the next start cuts");
}

/* Goes on behind what is bad: a frame that is good in itself and does not follow is taken as it is. */
static void pass_damage(struct verify *verify, const struct segment *segment, enum scan_result result)
{
    struct scan *scan = &verify->scan;
    char text[200];
    uint64_t durable = verify->hinted > verify->durable ? verify->hinted : verify->durable;
    uint64_t at = scan->lsn, next = damage_end(verify->log, at + 8, durable);
    bool is_short = segment_is_short(verify->log, segment) && next == segment->end;
    if (is_short)
        segment_why_short(verify->log, segment, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", result == SCAN_BAD ? scan->why : "the frames end here");
    tell(verify, at, next, true, text);
    verify->unit = 0;
    verify->is_behind = true;
    bool is_good_itself = result == SCAN_BAD && scan->is_unchained;
    scan->chain_lsn = UINT64_MAX;
    scan_seek(scan, is_good_itself ? at : next);
    verify->whole_lsn = scan->lsn;
}

/* The newest segment's end, or damage in it; false: go on. */
static enum leat_status judge_newest(struct verify *verify, enum scan_result result, const struct segment *segment, bool *is_end,
                                     struct leat_error *err)
{
    bool is_proved = false;
    enum leat_status status = find_proof(verify, result, segment, &is_proved, err);
    *is_end = !is_proved;
    if (status == LEAT_OK && !is_proved)
        tell_tail(verify, result);
    return status;
}

static enum leat_status verify_segment(struct verify *verify, const struct segment *segment, bool is_newest, struct leat_error *err)
{
    struct scan *scan = &verify->scan;
    struct frame_head head;
    const uint8_t *body;
    uint64_t end = is_newest ? segment->base + segment->size : segment->end;
    bool is_again = false, is_end = false;
    verify->durable = 0;
    scan_seek(scan, segment->base);
    while (scan->lsn < end && !is_end) {
        enum scan_result result = scan_next(scan, &head, &body, err);
        if (result == SCAN_FAILED)
            return LEAT_STOP;
        if (result == SCAN_FRAME)
            look_at_frame(verify, &head, body);
        else if (is_newest && judge_newest(verify, result, segment, &is_end, err) != LEAT_OK)
            return LEAT_STOP;
        else if (is_newest && !is_again && !is_end)
            scan_forget(scan); /* it may have been written since it was read */
        else if (!is_end)
            pass_damage(verify, segment, result);
        is_again = result != SCAN_FRAME && !is_again;
        progress(verify, false);
    }
    return LEAT_OK;
}

/* Its header, and its length. */
static bool is_readable(struct verify *verify, const struct segment *segment, bool is_newest)
{
    uint64_t end = is_newest ? segment->base + segment->size : segment->end;
    if (segment->head == HEAD_FOREIGN || segment->head == HEAD_DAMAGED) {
        tell(verify, segment->base, end, true,
             segment->head == HEAD_FOREIGN ? "this file is a segment of another log" : "the segment's header is damaged");
        verify->scan.chain_lsn = UINT64_MAX;
        return false;
    }
    return true;
}

/* Its frames are whole, and the zeros behind the last one are not: no copy that is whole. */
static void look_at_length(struct verify *verify, const struct segment *segment, uint64_t damages)
{
    char text[200];
    if (!segment_is_short(verify->log, segment) || verify->summary->damages > damages)
        return;
    uint64_t from = segment_why_short(verify->log, segment, text, sizeof text);
    tell(verify, from, segment->end, true, text);
}

/* Was it released by retention since it was listed? */
static bool is_gone(struct leat_log *log, const struct segment *segment)
{
    struct stat st;
    char *path = segment_path(log, segment->base, "seg");
    bool is_there = log->os->stat(path, &st) == 0;
    free(path);
    return !is_there;
}

/* An index only says where to look, and is made anew where it is wrong: a note. */
static void look_at_index(struct verify *verify, const struct segment *segment)
{
    verify->notes->end = segment->end;
    enum index_match match = index_compare(verify->log, verify->notes);
    if (match == INDEX_MISSING)
        tell(verify, segment->base, segment->base, false, "its index is missing: it is made again when it is wanted");
    else if (match == INDEX_OTHER)
        tell(verify, segment->base, segment->base, false, "its index says something else: it is made again when that is noticed");
}

/* All that is in one file. */
static enum leat_status verify_file(struct verify *verify, const struct segment *segment, bool is_newest, struct leat_error *err)
{
    uint64_t damages = verify->summary->damages;
    enum leat_status status = LEAT_OK;
    verify->notes = is_newest ? NULL : index_new(segment->base, segment->salt);
    if (is_readable(verify, segment, is_newest))
        status = verify_segment(verify, segment, is_newest, err);
    if (status == LEAT_OK)
        look_at_length(verify, segment, damages);
    if (status == LEAT_OK && verify->notes && verify->summary->damages == damages && !is_gone(verify->log, segment))
        look_at_index(verify, segment);
    index_free(verify->notes);
    verify->notes = NULL;
    return status;
}

static enum leat_status verify_segments(struct verify *verify, struct leat_error *err)
{
    struct leat_log *log = verify->log;
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < log->segment_count; i++) {
        const struct segment *segment = &log->segments[i];
        if (segment->head == HEAD_NEWER)
            return segments_judge(log, err);
        status = verify_file(verify, segment, i + 1 == log->segment_count, err);
        if (status != LEAT_OK && is_gone(log, segment)) {
            tell(verify, segment->base, segment->base, false, "retention released it meanwhile");
            verify->scan.chain_lsn = UINT64_MAX;
            verify->is_behind = true;
            verify->breaks++;
            status = LEAT_OK;
        }
        verify->summary->segments++;
    }
    return status;
}

/* ---- what stands beside ---- */

/* What the hint knows of must be there, up to its end. */
static void verify_end(struct verify *verify)
{
    uint64_t end = verify->scan.lsn;
    const struct segment *newest = &verify->log->segments[verify->log->segment_count - 1];
    verify->summary->end_lsn = end;
    if (verify->hinted > newest->base + newest->size && verify->hinted > end)
        tell(verify, end, verify->hinted, true, "the log ends here, and durable.hint says that more was durable");
}

/* What a start cannot do without, and what consumers have not read of what is gone. */
static void verify_begin(struct verify *verify)
{
    const struct leat_log *folded = verify->folded;
    uint64_t first = verify->summary->first_lsn;
    char text[400];
    if (first > 0 && !verify->has_fold)
        tell(verify, first, first, true, "no fold is left in any segment, and the oldest ones are not there: nothing can begin here");
    for (size_t i = 0; i < folded->consumer_count; i++) {
        if (folded->consumers[i].lsn >= first)
            continue;
        snprintf(text, sizeof text, "%.200s has read up to LSN %llu, and what stood from there to here was released or removed",
                 folded->consumers[i].name, (unsigned long long)folded->consumers[i].lsn);
        tell(verify, first, first, false, text);
    }
}

/* Says what is wrong with IDENTITY, and goes on without it. */
static enum leat_status open_any(struct verify *verify, const struct leat_log_config *config, struct leat_error *err)
{
    enum leat_status status = log_open_bare(&verify->log, config, err);
    if (status == LEAT_OK || err->cause != LEAT_CAUSE_DAMAGED)
        return status;
    struct leat_error identity = *err;
    status = log_open_broken(&verify->log, config, err);
    if (status == LEAT_OK)
        tell(verify, 0, 0, true, identity.text);
    return status;
}

static enum leat_status verify_log(struct verify *verify, struct leat_error *err)
{
    struct leat_log *log = verify->log;
    uint64_t fold, sequence;
    enum leat_status status = hint_load(log, &verify->hinted, &fold, &sequence, err);
    if (status != LEAT_OK)
        return status;
    if (sequence == 0)
        tell(verify, 0, 0, false, "durable.hint is missing or damaged: rot in the last records cannot be told from a torn tail");
    status = segments_list(log, err);
    if (status != LEAT_OK || log->segment_count == 0) {
        if (status == LEAT_OK && verify->hinted > 0)
            tell(verify, 0, verify->hinted, true, "there are no segments, and durable.hint says that data was durable");
        return status;
    }
    const struct segment *newest = &log->segments[log->segment_count - 1];
    verify->summary->first_lsn = log->segments[0].base;
    verify->summary->end_lsn = verify->hinted > newest->base ? verify->hinted : newest->base + newest->size;
    status = verify_segments(verify, err);
    if (status == LEAT_OK) {
        verify_end(verify);
        verify_begin(verify);
        progress(verify, true);
    }
    verify->summary->topics = verify->course_count;
    return status;
}

enum leat_status leat_log_look(const char *dir, const struct leat_os *os, const struct leat_log_visitor *visitor,
                               struct leat_log_summary *summary, struct leat_error *err)
{
    struct leat_log_config config = {.dir = dir, .name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir, .os = os,
                                     .is_read_only = true};
    *summary = (struct leat_log_summary){0};
    struct verify verify = {.visitor = visitor, .summary = summary};
    enum leat_status status = open_any(&verify, &config, err);
    if (status != LEAT_OK)
        return status;
    verify.folded = log_make(&config);
    scan_init(&verify.scan, verify.log);
    verify.scan.ahead = SCAN_WHOLE;
    status = verify_log(&verify, err);
    scan_fini(&verify.scan);
    log_free(verify.folded);
    log_free(verify.log);
    free(verify.courses);
    free(verify.parts.items);
    if (status == LEAT_OK && summary->damages > 0)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                              "log %s: %llu places are damaged; bring a good copy back, or `leat log salvage %s NEWDIR` copies what is "
                              "whole and says what is lost",
                              config.name, (unsigned long long)summary->damages, dir);
    return status;
}

enum leat_status leat_log_verify(const char *dir, const struct leat_os *os, leat_log_finding_f *each,
                                 void (*progress_f)(void *arg, uint64_t done, uint64_t total), void *arg, struct leat_error *err)
{
    struct leat_log_summary summary;
    return leat_log_look(dir, os, &(struct leat_log_visitor){each, progress_f, arg}, &summary, err);
}
