#include <commitlog/inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <base/plant.h>
#include <stdlib.h>

#define STREAM_MOST ((size_t)1 << 30)
#define KEEP_STREAM ((size_t)256 << 10) /* memory that a spare unit keeps in each buffer */
#define SPARES_MOST 4
#define FOLD_SHARE 4 /* of its segment, the fold that it begins with is a quarter at most */

/* ---- building ---- */

static void free_frame(struct unit_frame *frame)
{
    leat_bytes_fini(&frame->stream);
    leat_bytes_fini(&frame->trailer);
    free(frame->parts);
}

void unit_free(struct leat_log_unit *unit)
{
    for (uint32_t i = 0; i < unit->frame_cap; i++)
        free_frame(&unit->frames[i]);
    free(unit->frames);
    leat_bytes_fini(&unit->state);
    free(unit->audience);
    free(unit);
}

/* A unit holds one frame that grew with its records and keeps it; more than that goes. */
static void empty_unit(struct leat_log_unit *unit)
{
    for (uint32_t i = 0; i < unit->frame_cap; i++) {
        struct unit_frame *frame = &unit->frames[i];
        leat_bytes_clear(&frame->stream);
        leat_bytes_shrink(&frame->stream, i < 4 ? KEEP_STREAM : 0);
        leat_bytes_clear(&frame->trailer);
        leat_bytes_shrink(&frame->trailer, KEEP_STREAM);
        frame->part_count = 0;
    }
    leat_bytes_clear(&unit->state);
    leat_bytes_shrink(&unit->state, KEEP_STREAM);
    free(unit->audience);
    unit->audience = NULL;
    unit->frame_count = 0;
    unit->state_count = 0;
    unit->kind = KIND_DATA;
    unit->is_small = unit->starts_segment = false;
    unit->next = NULL;
}

void unit_recycle(struct leat_log *log, struct leat_log_unit *unit)
{
    uint32_t spares = 0;
    empty_unit(unit);
    for (struct leat_log_unit *spare = log->spare; spare; spare = spare->next)
        spares++;
    if (spares >= SPARES_MOST) {
        unit_free(unit);
        return;
    }
    unit->next = log->spare;
    log->spare = unit;
}

static struct unit_frame *add_frame(struct leat_log_unit *unit)
{
    if (unit->frame_count == unit->frame_cap) {
        unit->frame_cap = unit->frame_cap ? unit->frame_cap * 2 : 1;
        unit->frames = leat_realloc(unit->frames, unit->frame_cap * sizeof *unit->frames);
        for (uint32_t i = unit->frame_count; i < unit->frame_cap; i++) {
            unit->frames[i] = (struct unit_frame){0};
            leat_bytes_init(&unit->frames[i].stream, STREAM_MOST);
            leat_bytes_init(&unit->frames[i].trailer, STREAM_MOST);
        }
    }
    return &unit->frames[unit->frame_count++];
}

struct leat_log_unit *unit_of_kind(struct leat_log *log, enum frame_kind kind)
{
    struct leat_log_unit *unit = log->spare;
    if (unit) {
        log->spare = unit->next;
        unit->next = NULL;
    } else {
        unit = leat_calloc(1, sizeof *unit);
        leat_bytes_init(&unit->state, STREAM_MOST);
    }
    unit->kind = kind;
    add_frame(unit);
    return unit;
}

enum leat_status leat_log_unit_begin(struct leat_log *log, bool is_small, struct leat_log_unit **unit,
                                     struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    leat_lock_take(&log->lock);
    if (log->is_failed) {
        status = LEAT_STOP;
        *err = log->failure;
    } else if (is_small ? log->is_full && log->queued_bytes > queue_most(log) + room_small(log)
                        : log->is_full || log->queued_bytes > queue_most(log)) {
        status = LEAT_AGAIN;
        *err = log->is_full ? log->shortage : (struct leat_error){0};
    } else {
        *unit = unit_of_kind(log, KIND_DATA);
        (*unit)->is_small = is_small;
    }
    leat_lock_give(&log->lock);
    return status;
}

struct leat_bytes *leat_log_unit_stream(struct leat_log_unit *unit)
{
    return &unit->frames[unit->frame_count - 1].stream;
}

uint32_t leat_log_unit_slot(struct leat_log_unit *unit, uint32_t topic_id)
{
    struct unit_frame *frame = &unit->frames[unit->frame_count - 1];
    for (uint32_t i = 0; i < frame->part_count; i++)
        if (frame->parts[i].topic_id == topic_id)
            return i;
    if (frame->part_count == frame->part_cap) {
        frame->part_cap = frame->part_cap ? frame->part_cap * 2 : 4;
        frame->parts = leat_realloc(frame->parts, frame->part_cap * sizeof *frame->parts);
    }
    frame->parts[frame->part_count] = (struct unit_part){topic_id, 0};
    return frame->part_count++;
}

void leat_log_unit_count(struct leat_log_unit *unit, uint32_t slot, uint32_t count)
{
    struct unit_frame *frame = &unit->frames[unit->frame_count - 1];
    leat_assert(slot < frame->part_count);
    frame->parts[slot].count += count;
}

static void seal_frame(struct unit_frame *frame)
{
    leat_assert(!frame->stream.is_over);
    frame->stream_crc = leat_crc32c(0, frame->stream.data, frame->stream.len);
}

void leat_log_unit_cut(struct leat_log_unit *unit)
{
    seal_frame(&unit->frames[unit->frame_count - 1]);
    add_frame(unit);
}

void leat_log_unit_state(struct leat_log_unit *unit, const void *key, size_t key_len, const void *value,
                         size_t value_len)
{
    leat_bytes_varint(&unit->state, key_len);
    leat_bytes_add(&unit->state, key, key_len);
    leat_bytes_varint(&unit->state, value ? value_len + 1 : 0);
    leat_bytes_add(&unit->state, value, value_len);
    unit->state_count++;
}

void leat_log_unit_audience(struct leat_log_unit *unit, const char *consumer)
{
    free(unit->audience);
    unit->audience = consumer ? leat_strdup(consumer) : NULL;
}

/* ---- queueing ---- */

static void apply_state(struct leat_log *log, const struct leat_log_unit *unit)
{
    struct leat_cut cut = leat_cut(unit->state.data, unit->state.len);
    for (uint32_t i = 0; i < unit->state_count; i++) {
        uint64_t key_len = leat_cut_varint(&cut);
        const uint8_t *key = leat_cut_bytes(&cut, key_len);
        uint64_t marked = leat_cut_varint(&cut);
        const uint8_t *value = marked > 1 ? leat_cut_bytes(&cut, marked - 1) : NULL;
        state_apply(log, key, key_len, value, marked > 0 ? marked - 1 : 0, marked > 0);
    }
    leat_assert(!cut.is_bad);
}

/* Topics are defined in the order of their ids: also those that nobody has used yet. */
static uint64_t definitions_most(const struct leat_log *log, uint32_t from)
{
    uint64_t bytes = 0;
    for (uint32_t i = from; i < log->topic_count; i++)
        bytes += strlen(log->topics[i].info.name) + 3 * LEAT_VARINT_MAX;
    return bytes;
}

static uint64_t consumers_most(const struct leat_log *log)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < log->consumer_count; i++)
        bytes += strlen(log->consumers[i].name) + 2 * LEAT_VARINT_MAX;
    return bytes;
}

/* Beside consumers and definitions: what kinds OPEN and FOLD repeat. */
static uint64_t repeated_most(const struct leat_log *log)
{
    return log->state_bytes + log->state.count * 2 * LEAT_VARINT_MAX + log->lineage_count * 32 +
           (uint64_t)log->topic_count * 4 * LEAT_VARINT_MAX;
}

uint64_t fold_most(const struct leat_log *log)
{
    return FRAME_HEADER + 8 + 8 * LEAT_VARINT_MAX + consumers_most(log) + repeated_most(log) + definitions_most(log, 0);
}

/* What the unit can take at most: trailers are made only once the place is known, but varints have a longest form. */
static uint64_t most_bytes(const struct leat_log *log, const struct leat_log_unit *unit)
{
    uint64_t bytes = unit->state.len + consumers_most(log);
    for (uint32_t i = 0; i < unit->frame_count; i++) {
        const struct unit_frame *frame = &unit->frames[i];
        bytes += FRAME_HEADER + 8 + 8 * LEAT_VARINT_MAX + frame->stream.len + frame->part_count * 3 * LEAT_VARINT_MAX;
        bytes += unit->audience ? strlen(unit->audience) : 0;
    }
    if (unit->kind != KIND_DATA)
        bytes += repeated_most(log);
    bytes += definitions_most(log, unit->kind == KIND_FOLD ? 0 : log->defined_count);
    return bytes;
}

/* Of twice the size of the one before, and at least for one unit more than what it begins with. */
static struct segment *make_segment(struct leat_log *log, uint64_t first, uint64_t most)
{
    struct segment *last = log->segment_count ? &log->segments[log->segment_count - 1] : NULL;
    uint64_t size = last ? last->size * 2 : log->config.segment_min;
    if (size > log->config.segment_max)
        size = log->config.segment_max;
    if (size < log->config.segment_min) /* the last one was made on a full disk */
        size = log->config.segment_min;
    if (size < SEGMENT_HEADER + FOLD_SHARE * first + most)
        size = (SEGMENT_HEADER + FOLD_SHARE * first + most + 4095) & ~(uint64_t)4095;
    struct segment *made = segment_add(log, log->next_lsn);
    made->size = size;
    made->salt = (uint32_t)leat_hash(uuid_new(log->os).bytes, 16, made->base) | 1;
    made->notes = index_new(made->base, made->salt);
    for (uint32_t i = 0; i < log->topic_count; i++)
        index_begin(made->notes, i + 1, log->topics[i].info.next, log->topics[i].ever_bytes);
    log->next_lsn += SEGMENT_HEADER;
    return made;
}

static void finish_frame(struct leat_log *log, struct leat_log_unit *unit, uint32_t at, struct segment *segment,
                         uint16_t record_format)
{
    struct unit_frame *frame = &unit->frames[at];
    bool is_last = at + 1 == unit->frame_count;
    frame->head = (struct frame_head){
        .lsn = log->next_lsn,
        .stream_len = (uint32_t)frame->stream.len,
        .unit = log->next_unit,
        .time_us = log->last_us,
        .salt = segment->salt,
        .kind = (uint8_t)unit->kind,
        .flags = (uint8_t)((at == 0 ? FRAME_FIRST : 0) | (is_last ? FRAME_LAST : 0)),
        .record_format = record_format,
    };
    index_frame(segment->notes, log->next_lsn, log->last_us, frame->part_count > 0);
    trailer_make(log, unit, frame, segment, leat_planted("position_before_data") ? at == 0 : is_last);
    frame->head.body_len = (uint32_t)(frame->stream.len + frame->trailer.len);
    frame->head.body_crc = leat_crc32c(frame->stream_crc, frame->trailer.data, frame->trailer.len);
    frame->padding = (uint8_t)(frame_size(frame->head.body_len) - FRAME_HEADER - frame->head.body_len);
    log->next_lsn += frame_size(frame->head.body_len);
}

static void queue_into(struct leat_log *log, struct segment *segment, struct leat_log_unit *unit, uint16_t record_format)
{
    seal_frame(&unit->frames[unit->frame_count - 1]);
    unit->lsn = log->next_lsn;
    if (segment->first_us == 0)
        segment->first_us = log->last_us;
    segment->last_us = log->last_us;
    for (uint32_t i = 0; i < unit->frame_count; i++)
        finish_frame(log, unit, i, segment, record_format);
    segment->end = segment->notes->end = unit->end_lsn = log->next_lsn;
    leat_assert(segment->end <= segment->base + segment->size);
    unit->bytes = unit->end_lsn - unit->lsn;
    if (unit->bytes > log->largest_unit)
        log->largest_unit = unit->bytes;
    log->next_unit++;
    log->queued_bytes += unit->bytes;
    apply_state(log, unit);
    if (unit->kind == KIND_FOLD)
        log->fold_lsn = unit->lsn;
    *log->queue_last = unit;
    log->queue_last = &unit->next;
}

/* A segment begins with a fold: what stands in it says by itself what its topics are and where they begin. */
static void begin_segment(struct leat_log *log, struct leat_log_unit *unit, uint64_t most)
{
    struct leat_log_unit *fold = unit->kind == KIND_FOLD ? unit : unit_of_kind(log, KIND_FOLD);
    struct segment *segment = make_segment(log, most_bytes(log, fold), fold == unit ? 0 : most);
    fold->starts_segment = true;
    if (fold != unit)
        queue_into(log, segment, fold, 0);
}

void unit_queue(struct leat_log *log, struct leat_log_unit *unit, uint16_t record_format)
{
    int64_t now_us = leat_wall_us();
    uint64_t most = most_bytes(log, unit);
    const struct segment *last = log->segment_count ? &log->segments[log->segment_count - 1] : NULL;
    log->last_us = now_us > log->last_us || leat_planted("time_goes_back") ? now_us : log->last_us;
    if (!last || log->next_lsn + most > last->base + last->size)
        begin_segment(log, unit, most);
    queue_into(log, &log->segments[log->segment_count - 1], unit, record_format);
}

/* What a fold repeats; it is due when the log has grown by much more than that. */
bool fold_is_due(const struct leat_log *log)
{
    uint64_t size = log->state_bytes + 64 * (uint64_t)log->topic_count;
    uint64_t growth = size * 16 > log->config.fold_bytes ? size * 16 : log->config.fold_bytes;
    return log->next_lsn - log->fold_lsn > growth;
}

enum leat_status leat_log_unit_append(struct leat_log *log, struct leat_log_unit *unit, uint16_t record_format,
                                      uint64_t *end_lsn, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    leat_lock_take(&log->lock);
    if (log->is_failed || log->is_closing) {
        status = LEAT_STOP;
        if (log->is_failed)
            *err = log->failure;
        else
            leat_fail(err, status, "log %s is being closed", log->name);
        unit_recycle(log, unit);
    } else {
        unit_queue(log, unit, record_format);
        *end_lsn = unit->end_lsn;
    }
    leat_lock_give(&log->lock);
    if (status == LEAT_OK)
        flusher_wake(log->flusher);
    return status;
}

void leat_log_unit_drop(struct leat_log *log, struct leat_log_unit *unit)
{
    leat_lock_take(&log->lock);
    unit_recycle(log, unit);
    leat_lock_give(&log->lock);
}
