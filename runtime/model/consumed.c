#include <model/consumed.h>

#include <model/json.h>
#include <model/native.h>

#define CURSOR_BYTES 12

/* ---- cursors ---- */

struct leat_cursor leat_cursor_make(uint64_t place, uint32_t index)
{
    struct leat_cursor cursor = {.len = CURSOR_BYTES};
    for (int i = 0; i < 8; i++)
        cursor.bytes[i] = (uint8_t)(place >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        cursor.bytes[8 + i] = (uint8_t)(index >> (24 - 8 * i));
    return cursor;
}

bool leat_cursor_read(const struct leat_cursor *cursor, uint64_t *place, uint32_t *index)
{
    struct leat_cut cut = leat_cut(cursor->bytes, cursor->len);
    *place = leat_cut_be(&cut, 8);
    *index = (uint32_t)leat_cut_be(&cut, 4);
    return !cut.is_bad && leat_cut_left(&cut) == 0;
}

/* ---- hints ---- */

void leat_consumed_hint(struct leat_consumed *consumed, const struct leat_mark *mark)
{
    consumed->hinted = *mark;
    consumed->has_hint = consumed->is_hint_new = true;
}

void leat_consumed_load_hint(struct leat_consumed *consumed, struct leat_cut cut)
{
    struct leat_value stored;
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    consumed->has_hint = leat_native_get_value(&cut, &arena, &stored) && stored.type == LEAT_BYTES &&
                         leat_mark_decode(stored.as.bytes, stored.len, &consumed->hinted);
    leat_arena_fini(&arena);
}

static bool is_behind_hint(const struct leat_consumed *consumed, const struct leat_cursor *cursor)
{
    return consumed->has_hint && leat_cursor_compare(cursor, &consumed->hinted.cursor) < 0;
}

bool leat_consumed_is_settled(const struct leat_consumed *consumed)
{
    const struct leat_cursor *handed = &consumed->handed;
    return handed->len == 0 ||
           (consumed->has_hint && leat_cursor_compare(&consumed->hinted.cursor, handed) >= 0);
}

bool leat_consumed_is_passed(const struct leat_consumed *consumed, const struct leat_cursor *cursor, uint64_t place)
{
    return consumed->floor >= place && consumed->has_hint && !is_behind_hint(consumed, cursor);
}

/* ---- marks ---- */

enum leat_verdict leat_consumed_judge(struct leat_consumed *consumed, const struct leat_mark *mark)
{
    consumed->generation = mark ? mark->generation : 0;
    memcpy(consumed->origin, mark ? mark->origin : "", mark ? sizeof mark->origin : 1);
    if (consumed->has_hint && consumed->generation > consumed->hinted.generation)
        consumed->has_hint = false; /* what stood there before a person sent the consumer back says nothing any more */
    if (!mark || mark->layout == 0 || mark->cursor.len == 0)
        return consumed->has_hint ? LEAT_MARK_LOST : LEAT_MARK_NONE;
    return is_behind_hint(consumed, &mark->cursor) ? LEAT_MARK_REWOUND : LEAT_MARK_INSIDE;
}

bool leat_origin_write(const struct leat_record *rec, char origin[LEAT_ORIGIN_MAX + 1])
{
    struct leat_bytes json;
    if (!rec->schema || rec->source.type != LEAT_STRUCT || rec->schema->source_count == 0)
        return false;
    leat_bytes_init(&json, LEAT_ORIGIN_MAX);
    leat_json_struct(&json, &rec->source, rec->schema->source_fields, rec->schema->source_count);
    if (!json.is_over && json.len > 0)
        json.len--; /* the brace */
    leat_bytes_printf(&json, "%s\"op\":\"%c\",\"ts_ms\":%lld", json.len > 1 ? "," : "", rec->op,
                      (long long)(rec->time_us / 1000));
    if (rec->flags & LEAT_SNAPSHOT)
        leat_bytes_printf(&json, ",\"snapshot\":%s", rec->flags & LEAT_ENDS_TRANSACTION ? "\"last\"" : "true");
    else if (rec->flags & LEAT_SNAPSHOT_PENDING)
        leat_bytes_text(&json, ",\"snapshot\":\"pending\"");
    leat_bytes_put(&json, '}');
    memcpy(origin, json.data, json.is_over ? 0 : json.len);
    origin[json.is_over ? 0 : json.len] = '\0';
    leat_bytes_fini(&json);
    return true;
}

/* Of the last record that has one: letters and control records stand where they came, and say nothing of the source. */
static void note_origin(struct leat_consumed *consumed, const struct leat_batch *batch)
{
    for (uint32_t i = batch->count; i-- > 0;)
        if (leat_origin_write(&batch->records[i], consumed->origin))
            return;
}

void leat_consumed_mark(struct leat_consumed *consumed, struct leat_batch *batch, const uint8_t log_uuid[16],
                        const uint8_t incarnation[16], uint64_t passed)
{
    struct leat_mark *mark = &batch->mark;
    mark->layout = LEAT_MARK_LAYOUT;
    mark->generation = consumed->generation;
    memcpy(mark->log_uuid, log_uuid, sizeof mark->log_uuid);
    memcpy(mark->incarnation, incarnation, sizeof mark->incarnation);
    mark->cursor = batch->count == 0 ? leat_cursor_make(passed, 0) : batch->reads[batch->count - 1].cursor;
    note_origin(consumed, batch);
    memcpy(mark->origin, consumed->origin, strlen(consumed->origin) + 1);
    consumed->handed = mark->cursor;
}
