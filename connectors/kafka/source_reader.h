/* source_reader.h - side threads that read partitions, decode, and post batches to the owner.
 *
 *   owner     source_reader_give(part) ------> reads from part->place on      part->state READING: the part is the reader's
 *   owner     <-- part->state says why ------ whatever ends the reading       the reader has posted all that it read
 *
 * A part is an element of the owner's; who may touch its place, its state tells. A batch holds whole records of any of the
 * reader's partitions, each partition in its order, and the positions behind them.
 */
#ifndef LEAT_KAFKA_SOURCE_READER_H
#define LEAT_KAFKA_SOURCE_READER_H

#include <kafka/client.h>
#include <kafka/source_record.h>
#include <leat/task.h>

enum source_state {
    SOURCE_IDLE,         /* the owner's; what follows too, but for READING */
    SOURCE_READING,      /* the reader's */
    SOURCE_RELEASED,     /* as the owner asked */
    SOURCE_OUT_OF_RANGE, /* there is no such offset */
    SOURCE_OTHER_RECORD, /* at place.last stands a record that is not the one that was read */
    SOURCE_GONE,         /* the brokers know no such partition */
};

struct source_part {
    char *key; /* "orders/3" */
    const char *topic;
    int32_t partition;
    rd_kafka_topic_t *rkt;
    const struct leat_topic *to; /* of ours */
    struct source_place place;
    int64_t low, end;       /* first offset and end of what is committed, when it was given */
    _Atomic int state;      /* enum source_state */
    /* the owner's */
    bool is_known;     /* it has a position */
    bool is_doubtful;  /* the last look did not show it ... */
    bool is_missing;   /* ... nor did the one before */
    bool is_suspect;   /* its position lay behind the end at the last look */
    bool is_unplaced;  /* the brokers did not tell its offsets, or not surely */
    int64_t at_time;   /* offset at `start`, a time */
    int64_t durable, committed; /* offset that is durable here; the one that the group was told */
    /* the reader's */
    bool must_compare; /* the record at place.last comes first */
    bool is_dirty;     /* place has moved since it was posted */
    bool is_at_end;
    _Atomic bool must_release;
};

struct source_reader;
struct source_reader_config {
    struct kafka_client *client;
    const struct leat_format *format;
    const char *key_format, *connector;
};
enum leat_status source_reader_start(struct source_reader **reader, struct leat_task *task,
                                     const struct source_reader_config *config, struct leat_error *err);
/* Waits until its thread has ended: leat_task_is_stopping() is true for it. NULL is fine. */
void source_reader_stop(struct source_reader *reader);
/* The part stays where it is until the reader is stopped. */
void source_reader_give(struct source_reader *reader, struct source_part *part);
/* What ended it, or OK. */
enum leat_status source_reader_trouble(struct source_reader *reader, struct leat_error *err);
/* All that was given has been read up to its end, and posted. */
bool source_reader_is_done(struct source_reader *reader);
/* Wall time of the record read last, in microseconds; 0: it is at the end of all its partitions. */
int64_t source_reader_seen_us(struct source_reader *reader);

#endif
