/* sent_back.h - `leat replay`: a person sends a sink to another place of its log. A claim, not an edit: nothing in the target
 * changes until the sink writes there again.
 *
 *   keyed state   sink connector, "generation" -> [generation, kind, number, topic, partition]
 *
 * A sink that opens goes to the claim's place where the claim's generation is newer than that of its mark and of our hint of
 * it; the marks that it writes from there on bear the claim's generation. So a crash before the first of them finds the claim
 * again, and one behind it does not.
 */
#ifndef LEAT_TASK_SENT_BACK_H
#define LEAT_TASK_SENT_BACK_H

#include <leat/driver.h>
#include <model/batch.h>

struct leat_sent_back {
    uint64_t generation; /* 0: nobody did */
    uint64_t newest;     /* of claims and hints: the next claim's is one more */
    struct leat_place place; /* first, a time or an offset; place.topic points to `topic` */
    char topic[256];
};

enum leat_status leat_sent_back_load(const struct leat_driver_type *driver, struct leat_access *access,
                                     const char *connector, struct leat_sent_back *claim, struct leat_error *err);
/* What stores it; memory is that of the batch. */
struct leat_state leat_sent_back_state(const char *connector, const struct leat_sent_back *claim,
                                       struct leat_batch *memory);

#endif
