/* losses.h - what was lost of each topic, in each hole: from where its offsets stopped and where they go on.
 *
 * Units are walked from the oldest one. A topic that no unit has told of since a hole may have lost something in it; the
 * next mention settles that, and a fold settles all of them.
 */
#ifndef LEAT_COMMITLOG_LOSSES_H
#define LEAT_COMMITLOG_LOSSES_H

#include <commitlog/inside.h>

struct losing_topic {
    uint64_t next;  /* offset behind what was seen */
    size_t settled; /* holes that are */
    bool is_known;  /* `next` is */
};

struct loss {
    size_t hole; /* index; of a range that spans several, one for each */
    size_t next; /* of this hole; an index and 1 */
    bool is_again; /* the range stands in a hole before, too */
    struct leat_log_lost lost;
};

struct losses {
    struct losing_topic *topics; /* id = index + 1 */
    uint32_t topic_count;
    size_t passed; /* holes up to here */
    struct losing_hole {
        uint64_t length;
        size_t first; /* loss, an index and 1 */
    } * holes;
    struct loss *items;
    size_t count;
    bool is_from_start; /* the log begins at its first unit: topics begin at offset 0 */
};

void losses_init(struct losses *losses, uint32_t topic_count, bool is_from_start);
void losses_fini(struct losses *losses);
void losses_hole(struct losses *losses, uint64_t length); /* stands here */
/* The topic goes on at `base`. */
void losses_mention(struct losses *losses, uint32_t topic_id, uint64_t base);
/* Nothing comes any more. No offset that may have been given is given again. */
void losses_end(struct losses *losses);

#endif
