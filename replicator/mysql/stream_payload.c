#include <mysql/stream_parts.h>

/* Its events come one with each stream_go_on(), so that a batch ends where it is full, and not where the payload does. */
enum leat_status stream_enter_payload(struct stream *stream, const struct leat_binlog_event *ev, struct leat_error *err)
{
    enum leat_status status = leat_payload_open(&stream->payload, ev, &stream->format, err);
    stream->inside = (struct stream_inside){
        .is_open = true, .begins = stream->pos - ev->length, .has_checksum = stream->format.has_checksum};
    stream->has_payload = true;
    if (status != LEAT_OK)
        stream_leave_payload(stream);
    return status;
}

void stream_leave_payload(struct stream *stream)
{
    if (stream->has_payload)
        leat_payload_close(&stream->payload);
    stream->has_payload = false;
    stream->inside.is_open = stream->replay != NULL; /* of what it held: XA COMMIT ... ONE PHASE */
    stream->inside.bytes = 0;
}

bool stream_has_more(const struct stream *stream)
{
    return stream->has_payload || stream_replay_has_more(stream);
}

uint8_t stream_peek(struct stream *stream)
{
    return stream->has_payload ? leat_payload_peek(&stream->payload) : stream_replay_peek(stream);
}

/* A statement adds no records within a transaction. */
bool stream_may_end(const struct stream *stream, uint8_t type)
{
    return stream->is_within && (type == LEAT_BINLOG_XID || type == LEAT_BINLOG_QUERY || type == LEAT_BINLOG_QUERY_COMPRESSED ||
                                 type == LEAT_BINLOG_XA_PREPARE);
}

/* What a transaction consists of; anything else would move places. */
static bool may_be_inside(uint8_t type)
{
    switch (type) {
    case LEAT_BINLOG_QUERY:
    case LEAT_BINLOG_TABLE_MAP:
    case LEAT_BINLOG_XID:
    case LEAT_BINLOG_XA_PREPARE:
    case LEAT_BINLOG_ROWS_QUERY:
    case LEAT_BINLOG_INTVAR:
    case LEAT_BINLOG_RAND:
    case LEAT_BINLOG_USER_VAR:
    case LEAT_BINLOG_IGNORABLE:
    case LEAT_BINLOG_VIEW_CHANGE:
    case LEAT_BINLOG_TRANSACTION_CONTEXT:
        return true;
    default:
        return leat_binlog_has_rows(type);
    }
}

static enum leat_status take_inner(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err)
{
    if (!may_be_inside(ev->type))
        return leat_fail(err, LEAT_STOP, "unsupported event %s (type %u) in a TRANSACTION_PAYLOAD", leat_binlog_type_name(ev->type),
                         ev->type);
    struct stream_inside *inside = stream->outer ? &stream->outer->inside : &stream->inside;
    if (!stream_is_held(stream))
        inside->bytes += ev->length;
    stream->format.has_checksum = false; /* the whole had one */
    enum leat_status status = stream_take_event(stream, ev, batch, err);
    stream->format.has_checksum = stream->inside.has_checksum;
    return status;
}

enum leat_status stream_go_on(struct stream *stream, struct leat_batch *batch, struct leat_error *err)
{
    struct leat_binlog_event inner;
    if (!stream->has_payload)
        return stream_replay_go_on(stream, batch, err);
    enum leat_status status = leat_payload_next(&stream->payload, &inner, err);
    if (status == LEAT_EOF) {
        stream_leave_payload(stream);
        return LEAT_OK;
    }
    if (status == LEAT_OK)
        status = take_inner(stream, &inner, batch, err);
    if (status != LEAT_OK)
        leat_error_context(err, "%s: %s before %llu", stream->where, stream->file, (unsigned long long)stream->pos);
    return status;
}
