#include <mysql/snapshots.h>
#include <mysql/stream_parts.h>

#include <model/batch.h>
#include <stdio.h>

/* Of the transaction, in the batch's memory. */
static void set_texts(struct stream *stream, struct leat_batch *batch)
{
    if (stream->has_origin)
        return;
    char text[LEAT_GTID_TEXT_MAX];
    bool is_named = stream->has_gtid && !stream->gtid.is_anonymous;
    size_t len = is_named ? leat_gtid_print(text, &stream->gtid, stream->format.is_mariadb) : 0;
    stream->gtid_text = len ? leat_value_text(leat_batch_copy(batch, text, len), len) : leat_value_null();
    len = strlen(stream->file);
    stream->file_text = leat_value_text(leat_batch_copy(batch, stream->file, len), len);
    stream->has_origin = true;
    stream->transaction_id = stream->gtid_text;
    if (stream->transaction && stream->gtid_text.type == LEAT_NULL) {
        char place[300];
        int count = snprintf(place, sizeof place, "file=%s,pos=%llu", stream->position.file, (unsigned long long)stream->position.pos);
        stream->transaction_id = leat_value_text(leat_batch_copy(batch, place, (size_t)count), (size_t)count);
    }
}

struct leat_value stream_transaction_id(struct stream *stream, struct leat_batch *batch)
{
    set_texts(stream, batch);
    return stream->transaction_id;
}

const struct record_origin *stream_origin(struct stream *stream, const struct leat_binlog_event *ev,
                                             struct leat_batch *batch, struct record_origin *origin)
{
    if (stream->outer) {
        stream_origin(stream->outer, ev, batch, origin);
        origin->time_us = stream->outer->event_us;
        return origin;
    }
    set_texts(stream, batch);
    *origin = (struct record_origin){
        .server_id = ev->server_id,
        .gtid = stream->gtid_text,
        .file = stream->file_text,
        .pos = stream->inside.is_open ? stream->inside.begins : stream->pos - ev->length,
        .time_us = (int64_t)ev->time_s * 1000000,
        .transaction = stream->transaction,
        .transaction_id = stream->transaction_id,
    };
    return origin;
}

/* Of the transaction whose rows these are. */
static struct guard *guard_of(struct stream *stream)
{
    return stream->outer ? &stream->outer->guard : &stream->guard;
}

static enum leat_status add_rows(struct stream *stream, struct leat_batch *batch, const struct table *table,
                                 const struct leat_binlog_event *ev, struct leat_rows *rows, struct leat_error *err)
{
    struct record_origin origin;
    size_t bytes = table->map.column_count * sizeof(struct leat_value);
    enum leat_status status = LEAT_OK;
    stream_origin(stream, ev, batch, &origin);
    struct guard *guard = guard_of(stream);
    const struct stream_inside *inside = stream->outer ? &stream->outer->inside : &stream->inside;
    for (uint64_t row = inside->is_open ? inside->bytes - ev->length : 0; status == LEAT_OK; row++) {
        const uint8_t *image = rows->at;
        struct leat_value *before = rows->kind == LEAT_ROWS_INSERT ? NULL : leat_batch_alloc(batch, bytes);
        struct leat_value *after = rows->kind == LEAT_ROWS_DELETE ? NULL : leat_batch_alloc(batch, bytes);
        status = leat_rows_next(rows, before, after, err);
        const struct leat_value *from = before, *to = after;
        if (status != LEAT_OK || guard_passes(guard, image, (size_t)(rows->at - image)))
            continue;
        const struct stream *outer = stream->outer ? stream->outer : stream;
        if (table->is_signals && !before && outer->signal)
            outer->signal(outer->snapshots, table, after);
        if (!table->is_inside &&
            (!table->job || snapshot_judge(table->job, outer, &from, &to)))
            record_add(batch, table, &origin, row, from, to);
    }
    return status == LEAT_EOF ? LEAT_OK : status;
}

/* Of rows that are passed over by place: they must be those that were taken. */
static enum leat_status guard_rows(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   uint64_t id, struct leat_error *err)
{
    struct leat_rows rows;
    struct guard *guard = guard_of(stream);
    const struct table *table = guard->is_passing && !stream->is_passed ? tables_by_id(stream->tables, id) : NULL;
    if (!table || !table->is_captured || table->parked)
        return LEAT_OK;
    enum leat_status status = leat_rows_open(&rows, &table->map, ev, &stream->format, &batch->arena, err);
    if (status == LEAT_OK)
        guard_add(guard, rows.at, (size_t)(rows.end - rows.at));
    leat_rows_close(&rows);
    return status;
}

/* Cells point into the event, so it is copied into the batch once. */
enum leat_status stream_take_rows(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                  struct leat_error *err)
{
    struct leat_binlog_event copy;
    struct leat_rows rows;
    uint64_t id;
    uint16_t flags;
    if (!leat_rows_peek(ev, &stream->format, &id, &flags))
        return leat_fail(err, LEAT_STOP, "%s: a rows event is cut short", stream->where);
    if (flags & LEAT_ROWS_HAS_NO_TABLE)
        return LEAT_OK;
    if (stream_is_held(stream)) {
        const struct table *held = tables_by_id(stream->tables, id);
        stream->xa->now->has_rows = stream->xa->now->has_rows || (held && held->is_captured);
        return LEAT_OK;
    }
    if (stream_is_done(stream))
        return guard_rows(stream, ev, batch, id, err);
    struct table *table = tables_by_id(stream->tables, id);
    if (!table)
        return leat_fail(err, LEAT_STOP, "%s: rows in %s before %llu belong to a table that was not named", stream->where,
                         stream->file, (unsigned long long)stream->pos);
    if (!table->is_captured || table->parked)
        return LEAT_OK;
    const char *bytes = leat_batch_copy(batch, ev->bytes, ev->length);
    enum leat_status status = leat_binlog_event(&copy, &stream->format, bytes, ev->length, false, err);
    if (status != LEAT_OK)
        return status;
    status = leat_rows_open(&rows, &table->map, &copy, &stream->format, &batch->arena, err);
    if (status == LEAT_OK)
        status = add_rows(stream, batch, table, &copy, &rows, err);
    leat_rows_close(&rows);
    if (status != LEAT_OK)
        leat_error_context(err, "%s in %s before %llu", table->full, stream->file, (unsigned long long)stream->pos);
    return status;
}
