/* stream_parts.h - what the files of the stream share: stream.c places, transactions and the kinds of events, stream_rows.c
 * rows events, stream_query.c statements, stream_ddl.c those about tables, stream_payload.c events that hold events,
 * stream_xa.c prepared transactions, stream_undo.c those that are rolled back. */
#ifndef LEAT_MYSQL_STREAM_PARTS_H
#define LEAT_MYSQL_STREAM_PARTS_H

#include <mysql/stream.h>

/* The event at hand is in the topic already, or, behind `leat recover`, in the targets. */
bool stream_is_done(const struct stream *stream);

void stream_begin_transaction(struct stream *stream, const struct leat_batch *batch, bool ends_by_commit);
void stream_end_transaction(struct stream *stream, struct leat_batch *batch);

enum leat_status stream_take_event(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err);

/* STOP: the rows that were passed over are not those that were taken. */
enum leat_status stream_check_guard(const struct stream *stream, struct leat_error *err);

/* TRANSACTION_PAYLOAD. */
enum leat_status stream_enter_payload(struct stream *stream, const struct leat_binlog_event *ev, struct leat_error *err);
void stream_leave_payload(struct stream *stream);

/* What is rolled back: a transaction begins; its rows in this batch go; SAVEPOINT, ROLLBACK TO and ROLLBACK take rows away again. */
void stream_undo_begin(struct stream *stream);
void stream_undo_sent(struct stream *stream, const struct leat_batch *batch);
void stream_undo_query(struct stream *stream, struct leat_batch *batch, const struct leat_binlog_query *query);
void stream_undo_fini(struct stream *stream);

/* XA: the rows of the group at hand are held back; a group begins; XA_PREPARE; a QUERY, false where it is no XA statement. */
bool stream_is_held(const struct stream *stream);
void stream_hold(struct stream *stream);
enum leat_status stream_take_prepare(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                     struct leat_error *err);
bool stream_take_xa(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                    const struct leat_binlog_query *query, enum leat_status *status, struct leat_error *err);
/* stream_has_more(), stream_peek() and stream_go_on() of a replay. */
uint8_t stream_replay_peek(struct stream *stream);
bool stream_replay_has_more(const struct stream *stream);
enum leat_status stream_replay_go_on(struct stream *stream, struct leat_batch *batch, struct leat_error *err);
void stream_leave_replay(struct stream *stream);

/* GTID or place of the transaction, in the batch's memory. */
struct leat_value stream_transaction_id(struct stream *stream, struct leat_batch *batch);

/* Where records of this event come from; fills `origin` and returns it. */
const struct record_origin *stream_origin(struct stream *stream, const struct leat_binlog_event *ev,
                                          struct leat_batch *batch, struct record_origin *origin);

enum leat_status stream_take_rows(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                  struct leat_error *err);
enum leat_status stream_take_query(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err);

/* A QUERY that may change what tables look like, or empty one. */
enum leat_status stream_take_ddl(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                 const struct leat_binlog_query *query, struct leat_error *err);

#endif
