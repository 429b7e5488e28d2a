#include <kafka/driver_reader.h>

#include <base/assert.h>
#include <stdlib.h>

#define FLOOR_STEP 256 /* frames: a place that moved this far is written down even if no mark moved */

/* ---- cursors ---- */

struct leat_cursor kcursor(int64_t at, uint32_t index)
{
    return leat_cursor_make((uint64_t)at, index);
}

bool kcursor_read(const struct leat_cursor *cursor, int64_t *at, uint32_t *index)
{
    uint64_t place;
    bool is_good = leat_cursor_read(cursor, &place, index);
    *at = (int64_t)place;
    return is_good && *at >= 0;
}

/* ---- hints, and how far a consumer has come ---- */

static void floor_key(const struct ksplit *split, struct leat_bytes *key)
{
    klog_key(key, STATE_FLOOR, split->owner->consumer, split->name, strlen(split->name));
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
        leat_consumed_load_hint(&split->consumed, leat_cut(hint->bytes, hint->len));
    floor_key(split, &key);
    const struct kentry *floor = klog_get(split->log, key.data, key.len);
    if (floor && floor->len == 8)
        split->consumed.floor = split->consumed.written_floor = leat_get_u64(floor->bytes);
    else
        split->consumed.is_hint_new = true; /* a consumer is known from its first reader on */
    leat_lock_give(&access->lock);
    leat_bytes_fini(&key);
}

static void note_hint(struct ksplit *split)
{
    uint8_t encoded[LEAT_MARK_BYTES_MAX], floor[8];
    struct leat_bytes key, value;
    leat_bytes_init(&key, 4096);
    leat_bytes_init(&value, SIZE_MAX);
    if (split->consumed.has_hint) {
        struct leat_value bytes = leat_value_bytes(encoded, leat_mark_encode(&split->consumed.hinted, encoded));
        klog_state_key(&key, &(struct leat_state){LEAT_STATE_HINT, split->owner->consumer,
                                                  leat_value_string(split->name), leat_value_null()});
        leat_native_put_value(&value, &bytes);
        klog_put_hint(split->log, key.data, key.len, value.data, value.len);
    }
    floor_key(split, &key);
    leat_set_u64(floor, split->consumed.floor);
    klog_put_hint(split->log, key.data, key.len, floor, sizeof floor);
    split->consumed.is_hint_new = false;
    split->consumed.written_floor = split->consumed.floor;
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

/* Where all that it was given is settled, a consumer has come as far as was read: also over what was passed over for it,
 * and over what Kafka itself writes into the log. So retention may take that, and the mark before it is not gone. */
static void move_floor(struct ksplit *split)
{
    int64_t at;
    uint32_t index;
    if (leat_consumed_is_settled(&split->consumed) && split->is_started && !split->message)
        at = split->at;
    else if (!split->consumed.has_hint || !kcursor_read(&split->consumed.hinted.cursor, &at, &index))
        return;
    if (at > (int64_t)split->consumed.floor)
        split->consumed.floor = (uint64_t)at;
}

void kreader_note_hints(struct leat_reader *reader, bool is_last)
{
    if (!reader->consumer || reader->access->is_read_only)
        return;
    for (uint32_t i = 0; i < reader->split_count; i++) {
        const struct leat_consumed *consumed = &reader->splits[i].consumed;
        move_floor(&reader->splits[i]);
        if (consumed->is_hint_new || consumed->floor - consumed->written_floor >= (is_last ? 1 : FLOOR_STEP))
            note_hint(&reader->splits[i]);
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
    leat_consumed_hint(&split->consumed, mark);
    return LEAT_OK;
}

/* ---- marks ---- */

/* FOREIGN, AHEAD or GONE where the log has nothing at the mark, and `otherwise`. */
static enum leat_verdict look_in_log(struct ksplit *split, const struct leat_mark *mark, enum leat_verdict otherwise)
{
    struct leat_error err;
    int64_t at, low, end;
    uint32_t index;
    if (memcmp(mark->log_uuid, split->log->uuid.bytes, sizeof mark->log_uuid) != 0 ||
        memcmp(mark->incarnation, split->log->uuid.bytes, sizeof mark->incarnation) != 0 ||
        !kcursor_read(&mark->cursor, &at, &index))
        return LEAT_MARK_FOREIGN;
    if (klog_range(split->log, false, &low, &end, &err) != LEAT_OK)
        return otherwise; /* reading will tell */
    if (at > end)
        return LEAT_MARK_AHEAD;
    if (at < low && !leat_consumed_is_passed(&split->consumed, &mark->cursor, (uint64_t)low))
        return LEAT_MARK_GONE;
    return otherwise;
}

enum leat_verdict kreader_judge(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark)
{
    struct ksplit *split = &reader->splits[at];
    enum leat_verdict verdict = leat_consumed_judge(&split->consumed, mark);
    return verdict == LEAT_MARK_NONE || verdict == LEAT_MARK_LOST ? verdict : look_in_log(split, mark, verdict);
}

void ksplit_mark_batch(struct ksplit *split, struct leat_batch *batch)
{
    const uint8_t *uuid = split->log->uuid.bytes;
    leat_consumed_mark(&split->consumed, batch, uuid, uuid, (uint64_t)split->passed_at);
}
