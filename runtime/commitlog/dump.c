#include <commitlog/dump.h>

#include <base/memory.h>
#include <commitlog/remains.h>
#include <commitlog/visit.h>
#include <stdio.h>
#include <stdlib.h>

struct name {
    char *text;
    int32_t partition;
};

struct dump {
    struct leat_log *log;
    const struct leat_log_dump_calls *calls;
    uint64_t from, to;
    struct scan scan;
    struct leat_table names; /* u32 -> struct name: ids may be any in a damaged log */
    uint64_t lsn; /* of the frame at hand */
    struct leat_log_dump_part *parts;
    uint32_t part_count, part_cap;
    char *audience;
    uint64_t damages;
};

/* ---- one frame ---- */

static bool is_shown(const struct dump *dump)
{
    return dump->lsn >= dump->from && dump->lsn < dump->to;
}

static void free_name(void *value)
{
    struct name *name = value;
    free(name->text);
    free(name);
}

static void take_topic(void *arg, uint32_t id, int32_t partition, const char *text, size_t len)
{
    struct dump *dump = arg;
    struct name *name = leat_calloc(1, sizeof *name);
    *name = (struct name){leat_strndup(text, len), partition};
    struct name *old = leat_table_set(&dump->names, &id, sizeof id, name);
    if (old)
        free_name(old);
    if (dump->calls->topic && is_shown(dump))
        dump->calls->topic(dump->calls->arg, id, partition, text, len);
}

static void add_part(struct dump *dump, uint32_t id, uint64_t offset, uint64_t count)
{
    const struct name *name = leat_table_get(&dump->names, &id, sizeof id);
    if (dump->part_count == dump->part_cap) {
        dump->part_cap = dump->part_cap ? dump->part_cap * 2 : 16;
        dump->parts = leat_realloc(dump->parts, dump->part_cap * sizeof *dump->parts);
    }
    dump->parts[dump->part_count++] = (struct leat_log_dump_part){
        .topic = name ? name->text : NULL, .topic_id = id, .partition = name ? name->partition : 0, .base_offset = offset, .count = count};
}

static void take_part(void *arg, const struct leat_log_part *part)
{
    add_part(arg, part->topic_id, part->base_offset, part->count);
}

static void take_lost(void *arg, const struct leat_log_lost *lost)
{
    add_part(arg, lost->topic_id, lost->first, lost->count);
}

static void take_audience(void *arg, const char *name, size_t len)
{
    struct dump *dump = arg;
    free(dump->audience);
    dump->audience = leat_strndup(name, len);
}

static void take_consumer(void *arg, const char *name, size_t len, uint64_t lsn)
{
    const struct dump *dump = arg;
    if (dump->calls->consumer && is_shown(dump))
        dump->calls->consumer(dump->calls->arg, name, len, lsn);
}

static void take_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    const struct dump *dump = arg;
    if (dump->calls->state)
        dump->calls->state(dump->calls->arg, !is_shown(dump), key, key_len, value, value_len, is_set);
}

static void take_incarnation(void *arg, const struct leat_uuid *uuid, uint64_t first_lsn)
{
    const struct dump *dump = arg;
    if (dump->calls->incarnation && is_shown(dump))
        dump->calls->incarnation(dump->calls->arg, uuid, first_lsn);
}

static void show(struct dump *dump, const struct frame_head *head, const uint8_t *body)
{
    static const char *const kinds[] = {"", "data", "open", "fold", "gap"};
    dump->calls->frame(dump->calls->arg, &(struct leat_log_dump_frame){
                                             .lsn = head->lsn,
                                             .next_lsn = dump->scan.lsn,
                                             .unit = head->unit,
                                             .durable = head->durable,
                                             .kind = kinds[head->kind],
                                             .is_first = head->flags & FRAME_FIRST,
                                             .is_last = head->flags & FRAME_LAST,
                                             .is_gap = head->kind == KIND_GAP,
                                             .record_format = head->record_format,
                                             .time_us = head->time_us,
                                             .body_len = head->body_len,
                                             .crc = head->crc,
                                             .previous_crc = head->previous_crc,
                                             .stream = body,
                                             .stream_len = head->stream_len,
                                             .audience = dump->audience,
                                             .parts = dump->parts,
                                             .part_count = dump->part_count,
                                         });
}

static void tell_damage(struct dump *dump, uint64_t from, uint64_t to, const char *what)
{
    if (to <= dump->from || from >= dump->to)
        return;
    dump->damages++;
    if (dump->calls->damage)
        dump->calls->damage(dump->calls->arg, from, to, what);
}

static void take_frame(struct dump *dump, const struct frame_head *head, const uint8_t *body)
{
    const struct visitor visitor = {
        .arg = dump, .topic = take_topic, .part = take_part, .audience = take_audience, .consumer = take_consumer,
        .state = take_state, .incarnation = take_incarnation, .lost = take_lost};
    dump->lsn = head->lsn;
    dump->part_count = 0;
    free(dump->audience);
    dump->audience = NULL;
    if (!trailer_visit(head, body, &visitor))
        tell_damage(dump, head->lsn, dump->scan.lsn, "the frame's checksums are right, and its trailer cannot be read: report this");
    if (is_shown(dump))
        show(dump, head, body);
}

/* ---- all of them ---- */

static void tell_segment(const struct dump *dump, const struct segment *segment)
{
    static const char *const troubles[] = {NULL, "its header is damaged", "a segment of another log", "of a newer version"};
    char name[32];
    snprintf(name, sizeof name, "%020llu.seg", (unsigned long long)segment->base);
    if (dump->calls->segment && segment->end > dump->from)
        dump->calls->segment(dump->calls->arg, &(struct leat_log_dump_segment){.name = name,
                                                                              .base = segment->base,
                                                                              .size = segment->size,
                                                                              .fold_lsn = segment->fold_lsn,
                                                                              .salt = segment->salt,
                                                                              .trouble = troubles[segment->head]});
}

/* Behind the last frame of the newest segment there is nothing, or a unit that is being written, or a torn tail. */
static bool tell_end(struct dump *dump, enum scan_result result)
{
    char text[160];
    if (result == SCAN_BAD && dump->calls->note) {
        snprintf(text, sizeof text, "the frames end at LSN %llu; behind that stands the beginning of one, or what is left of it",
                 (unsigned long long)dump->scan.lsn);
        dump->calls->note(dump->calls->arg, text);
    }
    return false;
}

/* Behind bytes that are no frame. False: nothing more comes. */
static bool go_on(struct dump *dump, const struct segment *segment, bool is_behind, enum scan_result result)
{
    struct scan *scan = &dump->scan;
    struct frame_head head;
    uint64_t at = scan->lsn;
    bool is_newest = segment == &dump->log->segments[dump->log->segment_count - 1];
    if (is_newest && !is_behind)
        return tell_end(dump, result);
    bool is_found = remains_find(scan, at + 8, segment->end, &head);
    scan_seek(scan, is_found ? head.lsn : segment->end);
    tell_damage(dump, at, scan->lsn, result == SCAN_END ? "no frame stands here: zeros, or the end of the file" : scan->why);
    return is_found;
}

/* *is_behind: more frames are. Then those before them are there as well, by now, where a daemon writes beside us. */
static enum scan_result next_frame(struct dump *dump, const struct segment *segment, struct frame_head *head, const uint8_t **body,
                                   bool *is_behind, struct leat_error *err)
{
    struct scan *scan = &dump->scan;
    uint64_t at = scan->lsn;
    struct frame_head behind;
    enum scan_result result = remains_next(scan, head, body, err);
    *is_behind = (result == SCAN_END || result == SCAN_BAD) && remains_find(scan, scan->lsn + 8, segment->end, &behind);
    if (!*is_behind)
        return result;
    leat_bytes_clear(&scan->buffer); /* what was read ahead is older */
    scan_seek(scan, at);
    return remains_next(scan, head, body, err);
}

static enum leat_status dump_segment(struct dump *dump, const struct segment *segment, struct leat_error *err)
{
    struct frame_head head;
    const uint8_t *body;
    bool is_behind;
    tell_segment(dump, segment);
    if (segment->end <= segment->base + SEGMENT_HEADER)
        return LEAT_OK;
    scan_seek(&dump->scan, segment->base);
    while (dump->scan.lsn < segment->end && dump->scan.lsn < dump->to) {
        enum scan_result result = next_frame(dump, segment, &head, &body, &is_behind, err);
        if (result == SCAN_FAILED && err->cause != LEAT_CAUSE_DISK)
            return LEAT_STOP;
        if (result == SCAN_FAILED)
            dump->scan.why = "the disk cannot read this";
        if (result == SCAN_FRAME)
            take_frame(dump, &head, body);
        else if (!go_on(dump, segment, is_behind, result))
            break;
    }
    return LEAT_OK;
}

enum leat_status leat_log_dump(const char *dir, const struct leat_os *os, uint64_t from, uint64_t to,
                               const struct leat_log_dump_calls *calls, struct leat_error *err)
{
    struct dump dump = {.calls = calls, .from = from, .to = to};
    enum leat_status status = remains_open(&dump.log, dir, os, calls->note, calls->arg, err);
    if (status != LEAT_OK)
        return status;
    scan_init(&dump.scan, dump.log);
    leat_table_init(&dump.names);
    for (size_t i = 0; status == LEAT_OK && i < dump.log->segment_count; i++)
        if (dump.log->segments[i].end > from && dump.log->segments[i].base < to)
            status = dump_segment(&dump, &dump.log->segments[i], err);
    if (status == LEAT_OK && dump.damages > 0)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED, "log %s: %llu place%s damaged; `leat log verify %s` says more", dump.log->name,
                              (unsigned long long)dump.damages, dump.damages == 1 ? " is" : "s are", dir);
    leat_table_fini(&dump.names, free_name);
    free(dump.parts);
    free(dump.audience);
    scan_fini(&dump.scan);
    log_free(dump.log);
    return status;
}
