/* ledger.h - what was lost of each topic, in each hole: from where its offsets stopped and where they go on.
 *
 * Units are walked from the oldest one. A topic that no unit has told of since a hole may have lost something in it; the
 * next mention settles that, and a fold settles all of them.
 */
#ifndef LEAT_COMMITLOG_LEDGER_H
#define LEAT_COMMITLOG_LEDGER_H

#include <commitlog/inside.h>

struct ledger_topic {
    uint64_t next;  /* offset behind what was seen */
    size_t settled; /* holes that are */
    bool is_known;  /* `next` is */
};

struct ledger_loss {
    size_t hole; /* index; of a range that spans several, one for each */
    size_t next; /* of this hole; an index and 1 */
    bool is_again; /* the range stands in a hole before, too */
    struct leat_log_lost lost;
};

struct ledger {
    struct ledger_topic *topics; /* id = index + 1 */
    uint32_t topic_count;
    size_t passed; /* holes up to here */
    struct ledger_hole {
        uint64_t length;
        size_t first; /* loss, an index and 1 */
    } * holes;
    struct ledger_loss *losses;
    size_t loss_count;
    bool is_from_start; /* the log begins at its first unit: topics begin at offset 0 */
};

void ledger_init(struct ledger *ledger, uint32_t topic_count, bool is_from_start);
void ledger_fini(struct ledger *ledger);
void ledger_hole(struct ledger *ledger, uint64_t length); /* stands here */
/* The topic goes on at `base`. */
void ledger_mention(struct ledger *ledger, uint32_t topic_id, uint64_t base);
/* Nothing comes any more. No offset that may have been given is given again. */
void ledger_end(struct ledger *ledger);

#endif
