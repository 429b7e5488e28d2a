/* stream_parts.h - what the files of the stream share: stream.c places, transactions and the kinds of events, stream_rows.c
 * rows events, stream_query.c statements, stream_payload.c events that hold events. */
#ifndef LEAT_MYSQL_STREAM_PARTS_H
#define LEAT_MYSQL_STREAM_PARTS_H

#include <mysql/stream.h>

/* The event at hand is in the topic already, or, behind `leat recover`, in the targets. */
bool stream_is_done(const struct stream *stream);

void stream_begin_transaction(struct stream *stream, const struct leat_batch *batch, bool ends_by_commit);
void stream_end_transaction(struct stream *stream, struct leat_batch *batch);

enum leat_status stream_take_event(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err);

/* TRANSACTION_PAYLOAD. */
enum leat_status stream_enter_payload(struct stream *stream, const struct leat_binlog_event *ev, struct leat_error *err);
void stream_leave_payload(struct stream *stream);

/* Where records of this event come from; fills `origin` and returns it. */
const struct record_origin *stream_origin(struct stream *stream, const struct leat_binlog_event *ev,
                                          struct leat_batch *batch, struct record_origin *origin);

enum leat_status stream_take_rows(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                  struct leat_error *err);
enum leat_status stream_take_query(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err);

#endif
