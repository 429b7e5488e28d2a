/* survey.h - salvage, first half: which bytes of a log are whole units. */
#ifndef LEAT_COMMITLOG_SURVEY_H
#define LEAT_COMMITLOG_SURVEY_H

#include <commitlog/inside.h>
#include <commitlog/salvage.h>

struct extent { /* whole units, one after the other, in one segment */
    uint64_t from, to;
};

struct topic_name {
    char *name; /* NULL: not found */
    int32_t partition;
};

struct survey {
    struct leat_log *log; /* the remains */
    const struct leat_log_salvage_calls *calls;
    struct extent *extents;
    size_t extent_count;
    struct extent *holes;
    size_t hole_count;
    struct extent *unsure; /* units between a hole and the next fold */
    size_t unsure_count;
    uint64_t unreadable; /* of them, units whose records nobody can decode any more */
    uint64_t *folds; /* LSNs of those that are whole */
    size_t fold_count;
    struct topic_name *topics; /* id = index + 1 */
    uint32_t topic_count;
    uint64_t total; /* bytes of all segments */
    uint64_t durable; /* acknowledged up to here at least */
    uint64_t end;     /* of what is kept, holes included */
    uint64_t torn_bytes;
    bool is_lost_end; /* acknowledged frames stood at the end, which are gone */
};

enum leat_status survey_log(struct survey *survey, struct leat_error *err);
void survey_fini(struct survey *survey); /* but for the log */

#endif
