/* stream.h - events to records and positions: what is known between two events. */
#ifndef LEAT_MYSQL_STREAM_H
#define LEAT_MYSQL_STREAM_H

#include <mysql/position.h>
#include <mysql/record.h>
#include <mysql/tables.h>
#include <mysql/xa.h>
#include <mysql_protocol/payload.h>

/* An event that holds the events of a transaction, or an XA COMMIT, which stands for those of its group (xa.h). Its records have its place, and are numbered by the bytes before
 * them: so they are the same whether one begins before it or within. */
struct stream_inside {
    bool is_open;
    uint64_t begins; /* in the file */
    uint64_t bytes;  /* of the events that were taken from it */
    bool has_checksum; /* outside */
};

struct stream_savepoint {
    char *name; /* as the log writes it */
    uint64_t rows; /* of the transaction, before it */
};

struct snapshots;

struct stream {
    struct tables *tables;
    struct snapshots *snapshots; /* for: */
    void (*signal)(struct snapshots *snapshots, const struct table *table, const struct leat_value *cells); /* a row of the signal table */
    const char *where; /* the server, for messages */
    bool verify;       /* checksums */
    bool tells_ddl;    /* statements are records too (schema_change.h) */
    struct leat_binlog_format format;
    struct position position; /* stored with the next batch */
    char file[256];           /* that is being read; after `position` within a transaction */
    uint64_t pos;             /* end of the event before */
    bool is_within;           /* a transaction */
    bool ends_by_commit;      /* it began with BEGIN: statements within it, DDL too, do not end it */
    char ended_file[256];     /* where the last transaction ended; "": none has yet */
    uint64_t ended_pos;
    char end_file[256];       /* of a server on which the position has no place yet: where its log ended when it was asked */
    uint64_t end_pos;
    bool has_placed;          /* the server has said where it starts */
    struct guard guard; /* of its rows */
    struct transaction *transaction; /* counts its records; NULL: nobody asked, or a replay */
    struct leat_binlog_gtid gtid; /* of the transaction, where has_gtid */
    bool has_gtid;
    bool is_passed; /* it is in the position's GTIDs: nothing of it goes out again */
    uint64_t done;       /* of the position that was started from: events of `done_file` up to there are in the topic already */
    uint64_t done_inner; /* and of the event that begins there, those of its first so many bytes */
    char done_file[256];
    struct stream_inside inside;
    struct leat_payload payload;
    bool has_payload;
    struct xa *xa;                 /* NULL: this is the stream of a replay */
    struct stream_replay *replay;  /* of a group, while `inside` is open */
    struct stream *outer;          /* of a replay: whose rows these are */
    const uint8_t *raw;            /* the event at hand */
    size_t raw_len;
    int64_t event_us;    /* time of the newest event */
    /* the batch at hand */
    uint32_t transaction_first; /* first record of the transaction in it */
    uint64_t sent_rows;         /* of the transaction in the batches before */
    struct stream_savepoint *savepoints; /* of the transaction */
    uint32_t savepoint_count;
    bool has_origin;
    struct leat_value gtid_text, file_text, transaction_id; /* in its memory */
    struct leat_bytes room;                 /* of inflated statements */
};

/* Starts at `from`, which is copied. */
void stream_init(struct stream *stream, struct tables *tables, const struct position *from, const char *where, bool verify);
void stream_fini(struct stream *stream);

/* The events that follow are in this file, from `pos` on: what a ROTATE event says, for events that come from files. */
void stream_enter_file(struct stream *stream, const char *file, size_t len, uint64_t pos);

/* A new batch is at hand. */
void stream_begin_batch(struct stream *stream);
/* Takes one event; adds its records. STOP: something that cannot be captured, named. */
enum leat_status stream_event(struct stream *stream, struct leat_batch *batch, const uint8_t *bytes, size_t len,
                              struct leat_error *err);
/* An event that was taken holds more of them: its bytes stay, until stream_go_on() has taken them all, one with each call. */
bool stream_has_more(const struct stream *stream);
/* The type of that; 0: not known. */
uint8_t stream_peek(struct stream *stream);
/* A transaction of records does not end before an event of this type: a batch that is full waits for what follows. */
bool stream_may_end(const struct stream *stream, uint8_t type);
enum leat_status stream_go_on(struct stream *stream, struct leat_batch *batch, struct leat_error *err);

/* The group of an XA COMMIT whose events are wanted from its place on, in stream_group_event(), before the next stream_event();
 * NULL: none. */
const struct xa_group *stream_wants_group(const struct stream *stream);
enum leat_status stream_group_event(struct stream *stream, struct leat_batch *batch, const uint8_t *bytes, size_t len,
                                    struct leat_error *err);
static inline bool stream_is_replaying(const struct stream *stream)
{
    return stream->replay != NULL;
}

/* Puts the position into the batch. */
void stream_end_batch(struct stream *stream, struct leat_batch *batch);

#endif
