/* hand.h - an operator's hand in a log: units that no task writes. */
#ifndef LEAT_CONTROL_HAND_H
#define LEAT_CONTROL_HAND_H

#include <config/definition.h>
#include <model/batch.h>

struct leat_hand {
    const struct leat_driver_type *driver;
    struct leat_access *access;
    const struct leat_config *config; /* for the settings of logs in use; NULL: nothing runs */
    const char *log;
    const char *name; /* its claim: of two of one name, the later one goes on */
    struct leat_writer *writer; /* NULL: nothing was written yet */
};

/* One unit, durable on return; batch may be NULL. */
enum leat_status leat_hand_write(struct leat_hand *hand, struct leat_batch *batch, const struct leat_state *states,
                                 size_t count, const char *audience, struct leat_error *err);
void leat_hand_close(struct leat_hand *hand);

#endif
