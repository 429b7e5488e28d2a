/* clang-format off */
/* index.h - what is in a segment, topic by topic, and where.
 *
 *   unsealed segment   its notes: taken down while units are queued or recovered; in memory, under log->lock
 *   sealed segment     its .idx file: the table of its topics is read when somebody asks, and kept for a while;
 *                      the list of one topic's frames is read when that topic is wanted
 *
 * Offsets of a topic are given without a gap, so the offset at which each topic stands where a segment begins, whether or
 * not the segment holds it, answers most questions from one index: which offsets are kept (the oldest segment's), where an
 * offset or a time is (a binary search over the segments).
 *
 * An index only says where to look. What it says is checked at the frame itself; where the two disagree, and where the file
 * is missing, damaged or of another version, it is made anew from the segment. The format is the opening comment of index.c.
 */
/* clang-format on */
#ifndef LEAT_COMMITLOG_INDEX_H
#define LEAT_COMMITLOG_INDEX_H

#include <commitlog/format.h>

#define INDEX_GAPS 0 /* the place of a topic's id that stands for gap frames */

struct frame_list { /* of the frames that hold a topic, encoded; of notes */
    uint8_t *bytes;
    size_t len, cap;
    uint64_t lsn, offset; /* where the next entry is counted from */
};

struct topic_share {              /* of one topic in one segment */
    uint64_t begin, end;          /* its next offset where the segment begins, and where it ends */
    uint64_t before_bytes, bytes; /* of its records: since ever up to here, and in here */
    int64_t first_us, last_us;    /* of its records in here; 0: there is none */
    uint32_t frames;
    uint32_t list_len, list_crc; /* of an index that was read: its list in the file */
    uint64_t list_at;
    bool is_begun; /* else `begin` is not known yet: an old segment without its fold */
};

struct segment_index {
    uint64_t base, end; /* holds for [base, end) */
    uint32_t salt;
    int64_t first_us, last_us;
    uint32_t frame_count;       /* of records */
    struct topic_share *shares; /* by topic id, INDEX_GAPS first */
    struct frame_list *lists;   /* the same places; NULL: they are in the file */
    uint32_t share_count;
    bool is_complete;        /* its fold said where all topics stand */
    struct leat_bytes times; /* places and times, one in 256 KiB */
    uint64_t times_lsn;      /* the last one of these */
    int64_t times_us;
    /* the cache's */
    struct segment_index *next;
    uint32_t holders;
    uint64_t used;
    size_t memory;
    bool is_kept; /* in the cache still */
};

struct leat_log;
struct segment;

/* ---- taking notes ---- */

struct segment_index *index_new(uint64_t base, uint32_t salt);
void index_free(struct segment_index *index);
void index_drop_lists(struct segment_index *index); /* they are in the file now */
/* Where a topic stands at the segment's begin. */
void index_begin(struct segment_index *index, uint32_t id, uint64_t offset, uint64_t bytes_before);
/* A frame, then each of its topics. */
void index_frame(struct segment_index *index, uint64_t lsn, int64_t time_us, bool has_records);
void index_part(struct segment_index *index, uint64_t lsn, int64_t time_us,
                const struct leat_log_part *part, uint64_t bytes);
/* All of a frame that was read: what it says of the begin, too, when it is the fold that begins the
 * segment. */
void index_note(struct segment_index *index, const struct frame_head *head, const uint8_t *body);

/* ---- asking: an index that is held, or notes with log->lock held ---- */

/* NULL: the topic was not known yet when the segment was sealed. */
static inline const struct topic_share *index_share(const struct segment_index *index, uint32_t id)
{
    return id < index->share_count && index->shares[id].is_begun ? &index->shares[id] : NULL;
}
/* From here on frames of `time_us` or later are to be looked for. */
uint64_t index_at_time(const struct segment_index *index, int64_t time_us);

struct frame_entry {
    uint64_t lsn, offset; /* of the first record in the frame */
    uint64_t count;
};
struct frame_walk { /* over one topic's list */
    struct leat_cut cut;
    struct frame_entry entry;
    uint8_t *own; /* bytes that were read for it */
};
/* False: the list cannot be read. */
bool index_walk(struct leat_log *log, const struct segment_index *index, uint32_t id,
                struct frame_walk *walk);
bool index_walk_next(
    struct frame_walk *walk); /* into walk->entry; false: that was all, or bad bytes (cut.is_bad) */
void index_walk_end(struct frame_walk *walk);

/* ---- files ---- */

/* The file's bytes, of notes; and its writing, where a failure costs a rebuild and no more. */
void index_encode(const struct segment_index *index, struct leat_bytes *out);
bool index_store(struct leat_log *log, uint64_t base, const struct leat_bytes *bytes);
#define INDEX_MOST ((size_t)4 << 30)
/* Does the file say what these notes of the whole segment say? For verify. */
enum index_match { INDEX_SAME, INDEX_MISSING, INDEX_OTHER };
enum index_match index_compare(struct leat_log *log, const struct segment_index *index);
/* The table alone, or with all lists, as notes to be gone on with. NULL: there is no good one of
 * [base, end). `end` 0: any. `salt` 0: any. */
struct segment_index *index_read(struct leat_log *log, uint64_t base, uint64_t end, uint32_t salt,
                                 bool with_lists);

/* ---- finding: takes log->lock by itself ---- */

/* The index of the sealed segment that begins at `base`: from memory, the file, or made anew. NULL:
 * it is not sealed, gone, or damaged. To be given back. */
struct segment_index *index_hold(struct leat_log *log, uint64_t base, struct leat_error *err);
void index_give(struct leat_log *log, struct segment_index *index);
/* A frame was not what it says: gives it back and makes it anew from the segment. NULL: that is
 * damaged. */
struct segment_index *index_distrust(struct leat_log *log, struct segment_index *index);
/* Of one that is complete: its notes become its file. */
void index_seal(struct leat_log *log, uint64_t base);
/* Forgets what is kept of a segment (UINT64_MAX: of all). Lock held. */
void index_drop(struct leat_log *log, uint64_t base);

#endif
