/* visit.h - what a frame's trailer says, item by item: for who looks at frames and keeps no log in memory. */
#ifndef LEAT_COMMITLOG_VISIT_H
#define LEAT_COMMITLOG_VISIT_H

#include <commitlog/inside.h>

struct visitor { /* each may be NULL */
    void *arg;
    void (*topic)(void *arg, uint32_t id, int32_t partition, const char *name, size_t len);
    void (*part)(void *arg, const struct leat_log_part *part);
    void (*audience)(void *arg, const char *name, size_t len); /* only where there is one */
    void (*consumer)(void *arg, const char *name, size_t len, uint64_t lsn);
    void (*state)(void *arg, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set);
    void (*incarnation)(void *arg, const struct leat_uuid *uuid, uint64_t first_lsn);
    void (*next)(void *arg, uint32_t topic_id, uint64_t next); /* all topics, of kinds OPEN and FOLD */
    void (*lost)(void *arg, const struct leat_log_lost *lost); /* of kind GAP */
};

/* False: bad bytes; what came before them was shown. */
bool trailer_visit(const struct frame_head *head, const uint8_t *body, const struct visitor *visitor);

#endif
