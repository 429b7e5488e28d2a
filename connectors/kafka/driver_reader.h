/* driver_reader.h - the reading half of the driver.
 *
 *   driver_reader.c     seek, read
 *   driver_lag.c        how far it is behind
 *   driver_subscribe.c  what is read: logs, topics, lanes; open and close
 *   driver_marks.c      cursors and marks, what a stored one is worth, hints, how far a consumer has come
 */
#ifndef LEAT_KAFKA_DRIVER_READER_H
#define LEAT_KAFKA_DRIVER_READER_H

#include <kafka/driver.h>
#include <model/consumed.h>

enum want { UNKNOWN, WANTED, UNWANTED };

struct kpassed { /* how far a reader has come in a partition of a topic */
    int32_t partition;
    uint64_t next; /* offset behind the last record that was gone by */
    struct kpassed *more;
};

struct ksplit { /* one log */
    struct klog *log;
    struct leat_reader *owner;
    char *name;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue; /* NULL: not placed yet */
    bool is_started;
    int64_t at;  /* all before this Kafka offset was taken */
    int64_t end; /* what there was when it was opened or placed ends here */
    int64_t passed_at; /* behind the last frame that was looked at; 0: none yet */
    bool is_cut;       /* the batch at hand ends here: a barrier comes, or came */
    struct leat_time handed_at;
    uint64_t taken_frames, taken_bytes;
    struct kpassed **passed; /* by number of the process's topic */
    uint32_t passed_cap;
    bool is_from_start; /* what was not gone by yet is all there is of its topic */
    /* the frame at hand; message NULL: none */
    rd_kafka_message_t *message;
    struct kframe frame;
    const struct leat_schema **schemas; /* of the frame */
    uint32_t schema_cap;
    uint64_t *offsets; /* next offset of each part */
    uint32_t offset_cap;
    bool is_ready; /* its schemas are known, and it may be read */
    struct leat_time waits_since;
    struct leat_native_reader native;
    uint32_t index; /* of the next record in it */
    /* where to begin */
    int64_t skip_at; /* the frame of which the first `skip` records were read before */
    uint32_t skip;
    int64_t skip_before_us;
    const struct leat_topic *skip_topic; /* NULL: no offset is looked for */
    int32_t skip_partition;
    uint64_t skip_offset;
    int64_t last_us;
    struct leat_consumed consumed; /* places are Kafka's offsets of frames */
};

struct leat_reader {
    struct leat_access *access;
    struct leat_reader *next;
    struct kafka_client client;
    struct leat_bell bell;
    struct leat_list patterns; /* none: all but dead letters */
    char *consumer;            /* NULL: a passing reader */
    uint32_t lane, lanes;
    bool barriers; /* `t` records come to each lane, and alone */
    bool follows_all;
    struct ksplit *splits;
    uint32_t split_count, turn;
    const char **names;
    uint8_t *wants; /* enum want, by number of the process's topic */
    uint32_t want_cap;
    struct leat_table schemas; /* hash -> schema */
    struct leat_time hinted_at;
};

/* driver_subscribe.c */
bool kreader_wants(struct leat_reader *reader, const struct leat_topic *topic);

/* driver_reader.c */
bool ksplit_is_at_end(struct ksplit *split);
void ksplit_drop_frame(struct ksplit *split);

/* driver_lag.c */
void ksplit_pass_frame(struct ksplit *split); /* the frame at hand */
void ksplit_forget_passed(struct ksplit *split);

/* driver_marks.c */
struct leat_cursor kcursor(int64_t at, uint32_t index);
bool kcursor_read(const struct leat_cursor *cursor, int64_t *at, uint32_t *index);
void ksplit_mark_batch(struct ksplit *split, struct leat_batch *batch);
void ksplit_load(struct ksplit *split); /* hint and floor */
void kreader_note_hints(struct leat_reader *reader, bool is_last);

#endif
