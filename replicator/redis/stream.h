/* stream.h - a stream of the redis source: its place, what XINFO says of it, and whether entries are missing (I7). */
#ifndef LEAT_REDIS_STREAM_H
#define LEAT_REDIS_STREAM_H

#include <redis/link.h>

struct id {
    uint64_t ms, number;
};

#define ID_TEXT 48
bool id_read(const char *text, struct id *id);
int id_compare(const struct id *a, const struct id *b);
const char *id_text(const struct id *id, char text[ID_TEXT]);

#define CLAIM_MOST 100 /* entries of dead consumers at once */

struct stream {
    const char *name;
    const struct leat_topic *topic;
    struct id last, end; /* what was read; of --once: where to end */
    struct id deleted;   /* what was deleted before the beginning is not missing */
    uint64_t added;
    bool is_known; /* there is a position */
    /* of a group */
    bool was_group;         /* the position is of a group */
    struct id given;        /* the last that the group gave to anybody */
    bool has_own;           /* the group gave us entries behind `last`, which are read from our pending list */
    bool has_claims;        /* the list of what we claimed is to be looked at */
    struct id claimed[CLAIM_MOST]; /* in the topic, and not acknowledged yet */
    uint32_t claimed_count;
    struct leat_time next_claim;
};

struct info { /* what XINFO STREAM says */
    struct id first, last, deleted;
    uint64_t added, length;
};

/* A key that is not there is a stream that has had nothing. */
enum leat_status stream_info(const struct link *link, const struct stream *stream, const redisReply *reply, struct info *info,
                             struct leat_error *err);

/* Is all there that came behind `last`, the `added`th entry? UINT64_MAX: how many there were is not known. */
enum leat_status stream_judge(const struct link *link, const struct stream *stream, const struct info *info,
                              const struct id *last, uint64_t added, struct leat_error *err);

#endif
