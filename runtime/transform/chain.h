/* chain.h - the transforms of one connector, one after the other, over a batch.
 *
 * A step that rejects records does not stop the others: what remains after the chain is a batch
 * whose refusals (leat_batch.refusals) name the records that some step could not do. The task
 * decides by policy.
 */
#ifndef LEAT_TRANSFORM_CHAIN_H
#define LEAT_TRANSFORM_CHAIN_H

#include <leat/transform.h>

struct leat_chain;

struct leat_chain_step {
    const struct leat_transform_type *type;
    void *self; /* bound options; the caller frees it after leat_chain_close() */
};

/* Opens every step; on failure closes those that were open. */
enum leat_status leat_chain_open(struct leat_chain **chain, const struct leat_chain_step *steps,
                                 size_t count, struct leat_task *task, struct leat_error *err);
/* OK; or REJECT when some record was refused (its refusal is in the batch; later steps did not see
 * it); others as they come. */
enum leat_status leat_chain_apply(struct leat_chain *chain, struct leat_batch *batch,
                                  struct leat_error *err);
/* When a timer wants to run next (LEAT_NEVER), and running those that are due: may add records. */
struct leat_time leat_chain_due(const struct leat_chain *chain);
enum leat_status leat_chain_timer(struct leat_chain *chain, struct leat_batch *batch,
                                  struct leat_error *err);
void leat_chain_close(struct leat_chain *chain);

/* Built-in transforms; ends with NULL. script/ adds `lua`. */
const struct leat_transform_type *const *leat_transforms(void);

#endif
