#include <kafka/driver_reader.h>

#include <base/assert.h>
#include <model/json.h>
#include <stdlib.h>

#define FLOOR_STEP 256 /* frames: a place that moved this far is written down even if no mark moved */

/* ---- cursors ---- */

struct leat_cursor kcursor(int64_t at, uint32_t index)
{
    struct leat_cursor cursor = {.len = CURSOR_BYTES};
    for (int i = 0; i < 8; i++)
        cursor.bytes[i] = (uint8_t)((uint64_t)at >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        cursor.bytes[8 + i] = (uint8_t)(index >> (24 - 8 * i));
    return cursor;
}

bool kcursor_read(const struct leat_cursor *cursor, int64_t *at, uint32_t *index)
{
    struct leat_cut cut = leat_cut(cursor->bytes, cursor->len);
    *at = (int64_t)leat_cut_be(&cut, 8);
    *index = (uint32_t)leat_cut_be(&cut, 4);
    return !cut.is_bad && leat_cut_left(&cut) == 0 && *at >= 0;
}

/* ---- hints, and how far a consumer has come ---- */

static void floor_key(const struct ksplit *split, struct leat_bytes *key)
{
    klog_key(key, STATE_FLOOR, split->owner->consumer, split->name, strlen(split->name));
}

static void load_hint(struct ksplit *split, const struct kentry *entry)
{
    struct leat_value stored;
    struct leat_arena arena;
    struct leat_cut cut = leat_cut(entry->bytes, entry->len);
    leat_arena_init(&arena, 0);
    split->has_hint = leat_native_get_value(&cut, &arena, &stored) && stored.type == LEAT_BYTES &&
                      leat_mark_decode(stored.as.bytes, stored.len, &split->hinted);
    leat_arena_fini(&arena);
}

void ksplit_load(struct ksplit *split)
{
    struct leat_access *access = split->log->access;
    struct leat_bytes key;
    leat_bytes_init(&key, 4096);
    leat_lock_take(&access->lock);
    klog_state_key(&key, &(struct leat_state){LEAT_STATE_HINT, split->owner->consumer, leat_value_string(split->name),
                                              leat_value_null()});
    const struct kentry *hint = klog_get(split->log, key.data, key.len);
    if (hint)
        load_hint(split, hint);
    floor_key(split, &key);
    const struct kentry *floor = klog_get(split->log, key.data, key.len);
    if (floor && floor->len == 8)
        split->floor = split->written_floor = (int64_t)leat_get_u64(floor->bytes);
    else
        split->is_hint_new = true; /* a consumer is known from its first reader on */
    leat_lock_give(&access->lock);
    leat_bytes_fini(&key);
}

static void note_hint(struct ksplit *split)
{
    uint8_t encoded[LEAT_MARK_BYTES_MAX], floor[8];
    struct leat_bytes key, value;
    leat_bytes_init(&key, 4096);
    leat_bytes_init(&value, SIZE_MAX);
    if (split->has_hint) {
        struct leat_value bytes = leat_value_bytes(encoded, leat_mark_encode(&split->hinted, encoded));
        klog_state_key(&key, &(struct leat_state){LEAT_STATE_HINT, split->owner->consumer,
                                                  leat_value_string(split->name), leat_value_null()});
        leat_native_put_value(&value, &bytes);
        klog_put_hint(split->log, key.data, key.len, value.data, value.len);
    }
    floor_key(split, &key);
    leat_set_u64(floor, (uint64_t)split->floor);
    klog_put_hint(split->log, key.data, key.len, floor, sizeof floor);
    split->is_hint_new = false;
    split->written_floor = split->floor;
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

/* Where all that it was given is settled, a consumer has come as far as was read: also over what was passed over for it,
 * and over what Kafka itself writes into the log. So retention may take that, and the mark before it is not gone. */
static void move_floor(struct ksplit *split)
{
    int64_t at;
    uint32_t index;
    bool is_settled = split->handed.len == 0 ||
                      (split->has_hint && memcmp(split->hinted.cursor.bytes, split->handed.bytes, CURSOR_BYTES) >= 0);
    if (is_settled && split->is_started && !split->message)
        at = split->at;
    else if (!split->has_hint || !kcursor_read(&split->hinted.cursor, &at, &index))
        return;
    if (at > split->floor)
        split->floor = at;
}

void kreader_note_hints(struct leat_reader *reader, bool is_last)
{
    if (!reader->consumer || reader->access->is_read_only)
        return;
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct ksplit *split = &reader->splits[i];
        move_floor(split);
        if (split->is_hint_new || split->floor - split->written_floor >= (is_last ? 1 : FLOOR_STEP))
            note_hint(split);
    }
    reader->hinted_at = leat_now();
}

enum leat_status kreader_hint(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark, struct leat_error *err)
{
    struct ksplit *split = &reader->splits[at];
    int64_t offset;
    uint32_t index;
    leat_assert(reader->consumer && !reader->access->is_read_only);
    if (!kcursor_read(&mark->cursor, &offset, &index))
        return leat_fail(err, LEAT_STOP, "log %s: this mark has no cursor of a log in Kafka", split->log->name);
    split->hinted = *mark;
    split->has_hint = split->is_hint_new = true;
    return LEAT_OK;
}

/* ---- marks ---- */

static int compare_cursors(const struct leat_cursor *a, const struct leat_cursor *b)
{
    return memcmp(a->bytes, b->bytes, CURSOR_BYTES);
}

/* All between the mark and `low` was passed over for this consumer, or settled. */
static bool is_passed(const struct ksplit *split, const struct leat_mark *mark, int64_t low)
{
    return split->floor >= low && split->has_hint && compare_cursors(&mark->cursor, &split->hinted.cursor) >= 0;
}

static enum leat_verdict judge_mark(struct ksplit *split, const struct leat_mark *mark)
{
    struct leat_error err;
    int64_t at, low, end;
    uint32_t index;
    if (memcmp(mark->log_uuid, split->log->uuid.bytes, sizeof mark->log_uuid) != 0 ||
        memcmp(mark->incarnation, split->log->uuid.bytes, sizeof mark->incarnation) != 0 ||
        !kcursor_read(&mark->cursor, &at, &index))
        return LEAT_MARK_FOREIGN;
    if (klog_range(split->log, false, &low, &end, &err) == LEAT_OK) { /* otherwise reading will tell */
        if (at > end)
            return LEAT_MARK_AHEAD;
        if (at < low && !is_passed(split, mark, low))
            return LEAT_MARK_GONE;
    }
    bool is_behind = split->has_hint && mark->generation <= split->hinted.generation &&
                     compare_cursors(&mark->cursor, &split->hinted.cursor) < 0;
    return is_behind ? LEAT_MARK_REWOUND : LEAT_MARK_INSIDE;
}

enum leat_verdict kreader_judge(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark)
{
    struct ksplit *split = &reader->splits[at];
    split->generation = mark ? mark->generation : 0;
    if (split->has_hint && split->generation > split->hinted.generation)
        split->has_hint = false; /* what stood there before a person sent the consumer back says nothing any more */
    if (!mark || mark->layout == 0 || mark->cursor.len == 0)
        return split->has_hint ? LEAT_MARK_LOST : LEAT_MARK_NONE;
    return judge_mark(split, mark);
}

static void write_origin(const struct leat_record *rec, char origin[LEAT_ORIGIN_MAX + 1])
{
    struct leat_bytes json;
    origin[0] = '\0';
    if (!rec->schema || rec->source.type != LEAT_STRUCT)
        return;
    leat_bytes_init(&json, LEAT_ORIGIN_MAX);
    leat_json_struct(&json, &rec->source, rec->schema->source_fields, rec->schema->source_count);
    if (!json.is_over) {
        memcpy(origin, json.data, json.len);
        origin[json.len] = '\0';
    }
    leat_bytes_fini(&json);
}

void ksplit_mark_batch(struct ksplit *split, struct leat_batch *batch)
{
    struct leat_mark *mark = &batch->mark;
    mark->layout = LEAT_MARK_LAYOUT;
    mark->generation = split->generation;
    memcpy(mark->log_uuid, split->log->uuid.bytes, sizeof mark->log_uuid);
    memcpy(mark->incarnation, split->log->uuid.bytes, sizeof mark->incarnation);
    mark->origin[0] = '\0';
    if (batch->count == 0) { /* a lane that found nothing of its own */
        mark->cursor = kcursor(split->passed_at, 0);
    } else {
        mark->cursor = batch->reads[batch->count - 1].cursor;
        write_origin(&batch->records[batch->count - 1], mark->origin);
    }
    split->handed = mark->cursor;
}
