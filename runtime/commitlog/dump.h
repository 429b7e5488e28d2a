/* dump.h - every frame of a log's directory, for eyes: also of a damaged one, and beside the process that writes. */
#ifndef LEAT_COMMITLOG_DUMP_H
#define LEAT_COMMITLOG_DUMP_H

#include <commitlog/commitlog.h>

struct leat_log_dump_segment {
    const char *name; /* of the file */
    uint64_t base, size, fold_lsn;
    uint32_t salt;
    const char *trouble; /* with its header; NULL: none */
};

struct leat_log_dump_part {
    const char *topic; /* NULL: no frame that was seen tells its name */
    uint32_t topic_id;
    int32_t partition;
    uint64_t base_offset, count; /* of a gap: the first that is lost, and how many */
};

struct leat_log_dump_frame {
    uint64_t lsn, next_lsn, unit, durable;
    const char *kind; /* "data", "open", "fold", "gap" */
    bool is_first, is_last, is_gap;
    uint16_t record_format;
    int64_t time_us;
    uint32_t body_len, crc, previous_crc;
    const uint8_t *stream;
    size_t stream_len;
    const char *audience; /* NULL: everyone */
    const struct leat_log_dump_part *parts;
    uint32_t part_count;
};

/* The items of a frame come before the frame itself; all but `frame` may be NULL. */
struct leat_log_dump_calls {
    void *arg;
    void (*segment)(void *arg, const struct leat_log_dump_segment *segment);
    void (*frame)(void *arg, const struct leat_log_dump_frame *frame);
    /* is_before: of a frame before `from`, which is not shown itself. */
    void (*state)(void *arg, bool is_before, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set);
    void (*consumer)(void *arg, const char *name, size_t len, uint64_t lsn); /* UINT64_MAX: forgotten */
    void (*incarnation)(void *arg, const struct leat_uuid *uuid, uint64_t first_lsn);
    void (*topic)(void *arg, uint32_t id, int32_t partition, const char *name, size_t len); /* defined here */
    void (*damage)(void *arg, uint64_t from, uint64_t to, const char *what); /* goes on at `to` */
    void (*note)(void *arg, const char *text);
};

/* Frames at [from, to). It begins at the start of the segment that holds `from`: what stands before is passed to `state`
 * alone, since records may need it. LEAT_STOP with cause DAMAGED at the end where there was damage. */
enum leat_status leat_log_dump(const char *dir, const struct leat_os *os, uint64_t from, uint64_t to,
                               const struct leat_log_dump_calls *calls, struct leat_error *err);

#endif
