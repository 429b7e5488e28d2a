/* transform.h - what a transform is: it changes a batch in place.
 *
 * Before the topic it may be STATEFUL: its state is keyed state of the same commit unit. On the sink side
 * it must be deterministic: the same record gives the same bytes at every replay.
 */
#ifndef LEAT_TRANSFORM_H
#define LEAT_TRANSFORM_H

#include <leat/option.h>
#include <leat/task.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_transform_trait {
    LEAT_STATELESS = 1,
    LEAT_STATEFUL = 2,
};

struct leat_transform_type {
    uint32_t struct_size;
    uint32_t traits;
    const char *name, *about;
    size_t size;
    const struct leat_option *options;

    enum leat_status (*validate)(void *self, struct leat_error *err);
    enum leat_status (*open)(void *self, struct leat_task *task, struct leat_error *err);
    /* Edits, drops (LEAT_DROPPED), inserts. Records already dropped are skipped by the transform. A record
     * that it cannot do is marked by leat_batch_reject(); it goes on with the others and returns
     * LEAT_REJECT at the end. */
    enum leat_status (*apply)(void *self, struct leat_task *task, struct leat_batch *batch,
                              struct leat_error *err);
    /* Optional: called when *due has passed, with a batch to add to; sets the next *due. */
    enum leat_status (*timer)(void *self, struct leat_task *task, struct leat_batch *batch,
                              struct leat_time *due, struct leat_error *err);
    void (*close)(void *self, struct leat_task *task);
};

/* For `timer` and stateful transforms: keyed state that becomes durable with the batch. NULL removes. */
void leat_batch_state(struct leat_batch *batch, const struct leat_value *key,
                      const struct leat_value *value);

#ifdef __cplusplus
}
#endif
#endif
