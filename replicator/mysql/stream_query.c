#include <mysql/stream_parts.h>

#include <ctype.h>
#include <mysql/statement.h>

/* For messages, which show no values. */
static int first_word(const struct leat_binlog_query *query)
{
    int len = 0;
    while ((size_t)len < query->text_len && isalpha((unsigned char)query->text[len]))
        len++;
    return len;
}

enum leat_status stream_take_query(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct leat_binlog_query query;
    enum leat_status status = LEAT_OK;
    if (!leat_binlog_query(ev, &stream->format, &stream->room, &query))
        return leat_fail(err, LEAT_STOP, "%s: a QUERY event cannot be read", stream->where);
    if (stream->outer) {
        stream_undo_query(stream->outer, batch, &query);
        return LEAT_OK;
    }
    if (stream_take_xa(stream, ev, batch, &query, &status, err))
        return status;
    stream_undo_query(stream, batch, &query);
    switch (statement_read(query.text, query.text_len)) {
    case STATEMENT_BEGIN:
        if (!stream->is_within)
            stream_begin_transaction(stream, batch, true);
        stream->ends_by_commit = true; /* MySQL's GTID does not say it */
        return LEAT_OK;
    case STATEMENT_WITHIN:
        break;
    case STATEMENT_CHANGE:
        if (stream_is_done(stream)) /* somebody has decided about it then */
            break;
        return leat_fail(err, LEAT_STOP,
                         "%s: a change (%.*s) in %s before %llu is logged as a statement, not as rows, and cannot be captured; see "
                         "that no session sets binlog_format to anything but ROW, and run: SET GLOBAL binlog_format = ROW; `leat "
                         "offsets reset` then takes a new snapshot",
                         stream->where, first_word(&query), query.text, stream->file,
                         (unsigned long long)stream->pos);
    case STATEMENT_DDL:
        if (stream->has_gtid && stream->gtid.is_undecided)
            break;
        status = stream_take_ddl(stream, ev, batch, &query, err);
        if (status != LEAT_OK)
            return status;
        break;
    case STATEMENT_COMMIT:
        stream_end_transaction(stream, batch);
        return LEAT_OK;
    }
    if (!stream->ends_by_commit) /* CREATE TABLE ... SELECT: its rows follow, then the commit */
        stream_end_transaction(stream, batch);
    return LEAT_OK;
}
