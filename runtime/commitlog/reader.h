/* reader.h - a reader's inside, for reader.c (the next frame), skip.c (leaving out what nobody
 * wants) and seek.c. */
#ifndef LEAT_COMMITLOG_READER_H
#define LEAT_COMMITLOG_READER_H

#include <commitlog/inside.h>

struct plan { /* which frames of one segment are read */
    bool is_made;
    uint64_t base, end;          /* of the segment */
    struct segment_index *index; /* held; NULL: all of them are */
    uint64_t *lsns;
    size_t count, at; /* at: the next one */
    bool is_named;    /* only the index says that there is a frame where the reader is now */
    uint64_t from;    /* then: where it was before */
};

struct leat_log_reader {
    struct leat_log *log;
    leat_log_wants_f *wants;
    void *arg;
    struct scan scan;
    uint64_t lsn; /* of the next frame */
    struct trailer_part_list parts;
    struct gap gap;
    char *audience;
    size_t incarnation; /* index in the lineage of the frame before */
    struct plan plan;
};

/* The next frame of any kind below the watermark. */
enum leat_status reader_next_frame(struct leat_log_reader *reader, struct frame_head *head,
                                   const uint8_t **body, struct leat_error *err);

/* skip.c: moves reader->lsn over frames that hold nothing that is wanted, as far as indexes of
 * sealed segments tell, at most up to `durable`. */
void reader_skip(struct leat_log_reader *reader, uint64_t durable);
/* plan.is_named, and there was no such frame: back to where the skip began, and this segment is
 * read whole. */
void reader_unskip(struct leat_log_reader *reader);
void reader_forget_plan(struct leat_log_reader *reader);

#endif
