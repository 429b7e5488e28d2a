/* reader.h - the reading half of the driver.
 *
 *   subscribe.c  what is read: logs, topics, lanes; open and close
 *   marks.c      marks, what a stored one is worth, hints, retention floors
 *   reader.c     seek, read                      lag.c   how far it is behind
 */
#ifndef LEAT_OMS_READER_H
#define LEAT_OMS_READER_H

#include <model/consumed.h>
#include <oms/inside.h>

enum want { UNKNOWN, WANTED, UNWANTED };

struct split { /* one log */
    struct oms_log *log;
    struct leat_log_reader *reader;
    struct leat_log_watch *watch;
    struct leat_reader *owner;
    char *name;
    uint8_t *wants; /* enum want, by topic id */
    const struct leat_topic **topics; /* by topic id */
    int32_t *partitions;              /* by topic id */
    uint64_t *passed; /* by topic id: offset behind what was read, and 1; 0: not known yet */
    bool *is_guess;   /* by topic id: while a place is looked for */
    uint32_t want_cap;
    uint32_t guessed;
    bool is_placed; /* `passed` holds what was before the place that was sought */
    /* the frame at hand; stream.at == end: none */
    struct leat_log_frame frame;
    bool has_gap; /* the frame at hand is one, and not told yet */
    struct leat_uuid incarnation; /* that of the batch at hand */
    struct leat_native_reader native;
    struct leat_cut stream;
    uint32_t index;    /* of the next record in it */
    bool is_cut;       /* the batch at hand ends here: a barrier comes, or came */
    struct leat_time handed_at;
    uint64_t passed_lsn; /* behind the last frame that was looked at; 0: none yet */
    uint64_t *offsets; /* next offset of each part */
    uint32_t offset_cap;
    const struct leat_schema *schema; /* of the record before */
    uint32_t schema_id;               /* 0: it had none */
    /* where to begin in the first frame */
    uint64_t skip_lsn; /* the frame of which the first `skip` records were read before */
    uint32_t skip;
    uint32_t skip_topic;
    uint64_t skip_offset;
    bool skips_offset;
    int64_t last_us;      /* commit time of the frame at hand */
    int64_t caught_up_us; /* when nothing was left to read */
    struct leat_uuid uuid; /* of the log */
    struct leat_consumed consumed; /* places are LSNs */
    char *floor_name;
};

struct leat_reader {
    struct leat_access *access;
    struct leat_list patterns; /* none: all but dead letters */
    char *consumer; /* NULL: a passing reader */
    uint32_t lane, lanes;
    bool barriers;
    bool follows_all; /* also logs that are made later */
    struct split *splits;
    uint32_t split_count, turn;
    const char **names;
    int fd; /* epoll over the watches, or over the timer */
    int timer; /* read-only; -1 */
    struct leat_time hinted_at;
};

/* subscribe.c */
void split_learn(void *arg, const struct leat_log_topic *topic); /* a leat_log_topic_f; arg is the split */
bool split_wants(void *arg, uint32_t id);                        /* a leat_log_wants_f */

/* lag.c */
void split_pass_frame(struct split *split); /* the frame at hand */
void split_forget_passed(struct split *split);

/* marks.c */
void split_mark_batch(struct split *split, struct leat_batch *batch); /* the mark behind its last record */
void split_load_hint(struct split *split);
void split_load_floor(struct split *split, uint64_t first_lsn);
void split_move_floor(struct split *split, uint64_t lsn); /* of consumers that are not read-only; others keep nothing */
void split_follow_floor(struct split *split);
void reader_write_hints(struct leat_reader *reader);

#endif
