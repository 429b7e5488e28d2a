/* stream.h - events to records and positions: what is known between two events. */
#ifndef LEAT_MYSQL_STREAM_H
#define LEAT_MYSQL_STREAM_H

#include <mysql/position.h>
#include <mysql/record.h>
#include <mysql/tables.h>

struct stream {
    struct tables *tables;
    const char *where; /* the server, for messages */
    bool verify;       /* checksums */
    struct leat_binlog_format format;
    struct position position; /* stored with the next batch */
    char file[256];           /* that is being read; after `position` within a transaction */
    uint64_t pos;             /* end of the event before */
    bool is_within;           /* a transaction */
    bool ends_by_commit;      /* it began with BEGIN: statements within it, DDL too, do not end it */
    bool has_placed;          /* the server has said where it starts */
    struct leat_binlog_gtid gtid; /* of the transaction, where has_gtid */
    bool has_gtid;
    bool is_passed; /* it is in the position's GTIDs: nothing of it goes out again */
    uint64_t done;       /* of the position that was started from: events of `done_file` up to there are in the topic already */
    char done_file[256];
    int64_t event_us;    /* time of the newest event */
    /* the batch at hand */
    uint32_t transaction_first; /* first record of the transaction in it */
    bool has_origin;
    struct leat_value gtid_text, file_text; /* in its memory */
    struct leat_bytes room;                 /* of inflated statements */
};

/* Starts at `from`, which is copied. */
void stream_init(struct stream *stream, struct tables *tables, const struct position *from, const char *where, bool verify);
void stream_fini(struct stream *stream);

/* A new batch is at hand. */
void stream_begin_batch(struct stream *stream);
/* Takes one event; adds its records. STOP: something that cannot be captured, named. */
enum leat_status stream_event(struct stream *stream, struct leat_batch *batch, const uint8_t *bytes, size_t len,
                              struct leat_error *err);
/* Puts the position into the batch. */
void stream_end_batch(struct stream *stream, struct leat_batch *batch);

#endif
