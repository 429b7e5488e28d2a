/* group.h - the redis source as a consumer of a group.
 *
 *   XREADGROUP -> records and our position, one unit -> durable -> XACK
 *
 * What the group gave us stays in its pending list until XACK, so a crash anywhere gives it again, and our position tells
 * what is in the topic already: of what we read, all up to `last`, as a group gives ids in order; of what we claimed from dead
 * consumers, which comes in any order, the ids that the position names. The two have a pending list each, so that no entry of
 * the one is judged by the other's rule: consumers NAME and NAME:claims. Acknowledgements have a connection of their own, as
 * the other one may be waiting for news.
 */
#ifndef LEAT_REDIS_GROUP_H
#define LEAT_REDIS_GROUP_H

#include <redis/stream.h>

struct group_options {
    const char *name, *consumer; /* name NULL: no group */
    int64_t claim_us;            /* 0: never */
};

struct unit;

struct group {
    const char *name;
    char *consumer, *claims;
    int64_t claim_us;
    struct link acks;
    bool is_open;
    struct unit *first, **last, *filled; /* in order of batches; filled: of the batch at hand */
    enum leat_status failure;            /* of an acknowledgement */
    struct leat_error why;
};

enum leat_status group_open(struct group *group, const struct group_options *options, const struct link_options *to,
                            struct leat_task *task, struct leat_error *err);
void group_close(struct group *group);

/* Makes the group at stream->last, where there is none and may be none; acknowledges what the position, if there was one,
 * says is in the topic. `info` as it is now. */
enum leat_status group_begin(struct group *group, struct stream *stream, bool has_position, const struct info *info,
                             struct leat_error *err);

/* Entries of the stream for a batch: `*entries` lies in `*reply` (freeReplyObject()), NULL: none. */
enum group_kind { GROUP_READ, GROUP_CLAIMED };
enum leat_status group_read(struct group *group, struct link *link, struct stream *stream, redisReply **reply,
                            const redisReply **entries, enum group_kind *kind, struct leat_error *err);
/* An entry of them is in the batch; after the last one the batch's number. */
void group_note(struct group *group, struct stream *stream, enum group_kind kind, const struct id *id);
void group_end(struct group *group, struct stream *stream, enum group_kind kind, uint64_t batch);

/* Acknowledges what is durable; a failure is told by the next group_failed(). */
void group_durable(struct group *group, uint64_t up_to_batch);
enum leat_status group_failed(const struct group *group, struct leat_error *err);

#endif
