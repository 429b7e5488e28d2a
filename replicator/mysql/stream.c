#include <mysql/stream_parts.h>

#include <base/assert.h>
#include <mysql/transaction.h>
#include <stdio.h>

void stream_init(struct stream *stream, struct tables *tables, const struct position *from, const char *where, bool verify)
{
    *stream = (struct stream){.tables = tables, .where = where, .verify = verify, .done = from->done,
                              .done_inner = from->inner};
    leat_bytes_init(&stream->room, (size_t)1 << 30);
    position_init(&stream->position);
    position_copy(&stream->position, from);
    guard_init(&stream->guard, &from->begun, tables->patterns);
    snprintf(stream->file, sizeof stream->file, "%s", from->file);
    snprintf(stream->done_file, sizeof stream->done_file, "%s", from->file);
    stream->pos = from->pos;
}

void stream_fini(struct stream *stream)
{
    stream_undo_fini(stream);
    stream_leave_replay(stream);
    stream_leave_payload(stream);
    position_fini(&stream->position);
    leat_bytes_fini(&stream->room);
}

void stream_begin_batch(struct stream *stream)
{
    stream->transaction_first = 0;
    stream->has_origin = false;
}

/* ---- what is in the topic already, or in the targets (`leat recover`): that may reach over many transactions ---- */

static bool is_in_done_file(const struct stream *stream, const char *file)
{
    return stream->done > 0 && strcmp(file, stream->done_file) == 0;
}

/* The event that ends here. */
bool stream_is_done(const struct stream *stream)
{
    if (stream->outer)
        return stream_is_done(stream->outer);
    if (stream->is_passed)
        return true;
    if (!is_in_done_file(stream, stream->file))
        return false;
    const struct stream_inside *inside = &stream->inside;
    return stream->pos <= stream->done ||
           (inside->is_open && inside->begins == stream->done && inside->bytes <= stream->done_inner);
}

static void forget_done(struct stream *stream)
{
    if (is_in_done_file(stream, stream->file) && stream->pos >= stream->done)
        stream->done = stream->done_inner = 0;
}

void stream_end_batch(struct stream *stream, struct leat_batch *batch)
{
    struct position *position = &stream->position;
    bool is_inside = stream->is_within && stream->inside.is_open;
    position->done = is_inside ? stream->inside.begins : stream->is_within ? stream->pos : 0;
    position->inner = is_inside ? stream->inside.bytes : 0;
    bool is_behind = stream->done > position->done || (stream->done == position->done && stream->done_inner > position->inner);
    if (is_in_done_file(stream, position->file) && is_behind) {
        position->done = stream->done;
        position->inner = stream->done_inner;
    }
    position->begun = guard_begun(&stream->guard);
    stream_undo_sent(stream, batch);
    position_store(position, batch);
    xa_store(stream->xa, batch);
    if (stream->transaction)
        transaction_store(stream->transaction, stream->is_within, batch);
    tables_store(stream->tables, batch);
}

/* ---- places ---- */

/* The end of an event in its file; some servers say 0 inside transactions, where each event follows the one before. */
static void note_pos(struct stream *stream, const struct leat_binlog_event *ev)
{
    if (ev->flags & LEAT_BINLOG_ARTIFICIAL)
        return;
    if (ev->log_pos > 0)
        stream->pos = position_whole(stream->pos, ev->log_pos);
    else if (stream->is_within)
        stream->pos += ev->length;
}

/* Asked by GTID without a place of its own, a server shows what lies among transactions that we have, and those that we lack may
 * stand before others that we have: until it has come to what was its end, no place has all that we have before it. */
static bool is_certain(const struct stream *stream)
{
    struct position place;
    if (stream->position.file[0] || !stream->end_file[0])
        return true;
    position_init(&place);
    snprintf(place.file, sizeof place.file, "%s", stream->file);
    place.pos = stream->pos;
    return position_compare(&place, stream->end_file, stream->end_pos) >= 0;
}

/* All up to the event before this moment is complete. */
static void commit_place(struct stream *stream)
{
    if (!is_certain(stream))
        return;
    if (strcmp(stream->position.file, stream->file) != 0) /* with each transaction: the name is seldom a new one */
        snprintf(stream->position.file, sizeof stream->position.file, "%s", stream->file);
    stream->position.pos = stream->pos;
}

/* The server ended before it had written its commit. It rolls such a transaction back; what we have sent on of it stays. */
static void leave_torn_transaction(struct stream *stream)
{
    leat_say(LEAT_WARNING, NULL,
             "%s: %s ends within a transaction that begins at %llu: the server crashed there and has rolled it back; rows of it that "
             "are in the topic already are phantoms: compare its tables with the target",
             stream->where, stream->file, (unsigned long long)stream->position.pos);
    stream->is_within = stream->ends_by_commit = stream->has_gtid = stream->is_passed = false;
    stream->done = stream->done_inner = 0;
    stream->guard.begun.bytes = 0;
    guard_end(&stream->guard);
    stream->guard.is_broken = false;
    if (stream->xa)
        xa_forget_now(stream->xa);
    if (stream->transaction)
        transaction_forget(stream->transaction);
}

void stream_enter_file(struct stream *stream, const char *file, size_t len, uint64_t pos)
{
    leat_assert(len < sizeof stream->file);
    if (stream->is_within && (strlen(stream->file) != len || memcmp(stream->file, file, len) != 0))
        leave_torn_transaction(stream);
    memcpy(stream->file, file, len);
    stream->file[len] = '\0';
    stream->pos = pos;
    stream->has_origin = false;
    tables_forget_ids(stream->tables);
    /* The first one says where the server starts; asked by GTID, that is the file's begin, and not a place to keep. */
    if (!stream->is_within && stream->has_placed)
        commit_place(stream);
    stream->has_placed = true;
}

static enum leat_status take_rotate(struct stream *stream, const struct leat_binlog_event *ev, struct leat_error *err)
{
    struct leat_binlog_rotate rotate;
    if (!leat_binlog_rotate(ev, &rotate) || rotate.file_len >= sizeof stream->file)
        return leat_fail(err, LEAT_STOP, "%s: a ROTATE event cannot be read", stream->where);
    stream_enter_file(stream, rotate.file, rotate.file_len, rotate.pos);
    return LEAT_OK;
}

/* ---- transactions ---- */

void stream_begin_transaction(struct stream *stream, const struct leat_batch *batch, bool ends_by_commit)
{
    stream->is_within = true;
    if (stream->event_us < stream->position.since_us)
        stream->is_passed = true;
    else
        stream->position.since_us = 0;
    stream->ends_by_commit = ends_by_commit;
    stream->has_origin = false;
    stream->transaction_first = leat_batch_count(batch);
    if (stream->transaction)
        transaction_begin(stream->transaction);
    stream_undo_begin(stream);
}

/* The last record of the transaction, which may be a tombstone: then the delete before it, too, whose message there is. */
static void mark_last(const struct stream *stream, struct leat_batch *batch)
{
    bool is_tombstone = true;
    for (uint32_t i = leat_batch_count(batch); i > stream->transaction_first && is_tombstone; i--) {
        struct leat_record *rec = leat_batch_edit(batch, i - 1);
        is_tombstone = rec->flags & LEAT_TOMBSTONE;
        rec->flags |= LEAT_ENDS_TRANSACTION;
    }
}

void stream_end_transaction(struct stream *stream, struct leat_batch *batch)
{
    uint32_t count = leat_batch_count(batch);
    mark_last(stream, batch);
    if (stream->transaction && transaction_has_begun(stream->transaction)) {
        struct leat_value id = stream_transaction_id(stream, batch);
        transaction_end(stream->transaction, batch, &id, stream->event_us);
        count = leat_batch_count(batch);
    }
    if (stream->has_gtid)
        gtids_add(&stream->position.gtids, &stream->gtid, stream->format.is_mariadb);
    stream->is_within = stream->ends_by_commit = stream->has_gtid = stream->is_passed = false;
    guard_end(&stream->guard);
    forget_done(stream);
    stream->transaction_first = count;
    commit_place(stream);
    snprintf(stream->ended_file, sizeof stream->ended_file, "%s", stream->file);
    stream->ended_pos = stream->pos;
}

static void begin_guard(struct stream *stream, bool is_mariadb)
{
    char gtid[LEAT_GTID_TEXT_MAX] = "";
    if (!stream->gtid.is_anonymous)
        leat_gtid_print(gtid, &stream->gtid, is_mariadb);
    guard_begin(&stream->guard, gtid, is_in_done_file(stream, stream->file));
}

static enum leat_status take_gtid(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                  struct leat_error *err)
{
    if (!leat_binlog_gtid(ev, &stream->gtid))
        return leat_fail(err, LEAT_STOP, "%s: a GTID event cannot be read", stream->where);
    bool is_mariadb = ev->type == LEAT_BINLOG_MARIA_GTID;
    stream->has_gtid = true;
    stream->is_passed = gtids_has(&stream->position.gtids, &stream->gtid);
    begin_guard(stream, is_mariadb);
    stream_begin_transaction(stream, batch, is_mariadb && !stream->gtid.is_standalone && !stream->gtid.is_xa_commit);
    if (stream->gtid.is_xa_prepare)
        stream_hold(stream);
    return LEAT_OK;
}

/* ---- events ---- */

static enum leat_status take_incident(struct stream *stream, const struct leat_binlog_event *ev, struct leat_error *err)
{
    uint16_t kind;
    const char *text = "";
    size_t len = 0;
    if (stream_is_done(stream))
        return LEAT_OK;
    leat_binlog_incident(ev, &kind, &text, &len);
    return leat_fail(err, LEAT_STOP, "%s: the server lost events of its binary log (%.*s); `leat offsets reset` takes a new snapshot",
                     stream->where, (int)len, text);
}

static void take_heartbeat(struct stream *stream, const struct leat_binlog_event *ev)
{
    struct leat_binlog_rotate at;
    if (stream->is_within || !leat_binlog_heartbeat(ev, &at) || at.file_len == 0 || at.file_len >= sizeof stream->file)
        return;
    bool is_same = strlen(stream->file) == at.file_len && memcmp(stream->file, at.file, at.file_len) == 0;
    memcpy(stream->file, at.file, at.file_len);
    stream->file[at.file_len] = '\0';
    stream->pos = is_same && at.pos <= UINT32_MAX ? position_whole(stream->pos, (uint32_t)at.pos) : at.pos;
    commit_place(stream);
}

static enum leat_status take_by_type(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                     struct leat_error *err)
{
    if (leat_binlog_has_rows(ev->type))
        return stream_take_rows(stream, ev, batch, err);
    switch (ev->type) {
    case LEAT_BINLOG_FORMAT:
        tables_forget_ids(stream->tables);
        return leat_binlog_format(&stream->format, ev, err);
    case LEAT_BINLOG_ROTATE:
        return take_rotate(stream, ev, err);
    case LEAT_BINLOG_GTID:
    case LEAT_BINLOG_GTID_TAGGED:
    case LEAT_BINLOG_ANONYMOUS_GTID:
    case LEAT_BINLOG_MARIA_GTID:
        return take_gtid(stream, ev, batch, err);
    case LEAT_BINLOG_QUERY:
    case LEAT_BINLOG_QUERY_COMPRESSED:
        return stream_take_query(stream, ev, batch, err);
    case LEAT_BINLOG_TABLE_MAP:
        return tables_map(stream->tables, ev, &stream->format, err);
    case LEAT_BINLOG_XA_PREPARE:
        return stream_take_prepare(stream, ev, batch, err);
    case LEAT_BINLOG_PAYLOAD:
        return stream_enter_payload(stream, ev, err);
    case LEAT_BINLOG_XID:
        stream_end_transaction(stream, batch);
        return LEAT_OK;
    case LEAT_BINLOG_HEARTBEAT:
    case LEAT_BINLOG_HEARTBEAT_V2:
        take_heartbeat(stream, ev);
        return LEAT_OK;
    case LEAT_BINLOG_INCIDENT:
        return take_incident(stream, ev, err);
    case LEAT_BINLOG_PREVIOUS_GTIDS: /* all that is before this file */
        if (stream->position.gtids.kind == GTIDS_NONE && position_compare(&stream->position, stream->file, stream->pos) <= 0)
            gtids_read_previous(&stream->position.gtids, ev);
        return LEAT_OK;
    case LEAT_BINLOG_STOP:
    case LEAT_BINLOG_GTID_LIST:
    case LEAT_BINLOG_ANNOTATE:
    case LEAT_BINLOG_ROWS_QUERY:
    case LEAT_BINLOG_CHECKPOINT:
        return LEAT_OK;
    default:
        if (leat_binlog_may_skip(ev))
            return LEAT_OK;
        return leat_fail(err, LEAT_STOP, "%s: unsupported event %s (type %u) in %s before %llu", stream->where,
                         leat_binlog_type_name(ev->type), ev->type, stream->file, (unsigned long long)stream->pos);
    }
}

enum leat_status stream_check_guard(const struct stream *stream, struct leat_error *err)
{
    if (!stream->guard.is_broken)
        return LEAT_OK;
    return leat_fail(err, LEAT_STOP,
                     "%s: a transaction in %s before %llu is in the topic with a part of its rows, and those of this server are others (or "
                     "`tables` was changed between two servers): going on would lose rows or double them. `leat offsets reset` takes "
                     "a new snapshot",
                     stream->where, stream->file, (unsigned long long)stream->pos);
}

enum leat_status stream_take_event(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err)
{
    enum leat_status status = take_by_type(stream, ev, batch, err);
    return status == LEAT_OK ? stream_check_guard(stream->outer ? stream->outer : stream, err) : status;
}

enum leat_status stream_event(struct stream *stream, struct leat_batch *batch, const uint8_t *bytes, size_t len,
                              struct leat_error *err)
{
    struct leat_binlog_event ev;
    enum leat_status status = leat_binlog_event(&ev, &stream->format, bytes, len, stream->verify, err);
    if (status != LEAT_OK) {
        leat_error_context(err, "%s: %s after %llu", stream->where, stream->file, (unsigned long long)stream->pos);
        return status;
    }
    uint64_t begins = stream->pos;
    note_pos(stream, &ev);
    stream->raw = bytes;
    stream->raw_len = len;
    if (stream_is_held(stream))
        xa_keep(stream->xa, bytes, len);
    if (ev.time_s > 0)
        stream->event_us = (int64_t)ev.time_s * 1000000;
    status = stream_take_event(stream, &ev, batch, err);
    if (status == LEAT_RETRY) /* it comes once more: it is not done */
        stream->pos = begins;
    bool is_between = !stream->is_within && stream->has_placed && !(ev.flags & LEAT_BINLOG_ARTIFICIAL) && ev.log_pos > 0;
    /* Asked by GTID, the server sends the head of the file first: a place that lies behind us. */
    bool is_ahead = position_compare(&stream->position, stream->file, stream->pos) < 0;
    if (status == LEAT_OK && is_between && is_ahead)
        commit_place(stream);
    return status;
}
