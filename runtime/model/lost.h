/* lost.h - the control record of a hole in a log: op g, its value {"offset": first, "count": how many, or null, "reason"}.
 *
 * `leat log salvage` left the hole, and printed what was lost: whoever ran it knows. Readers are told in its place.
 */
#ifndef LEAT_MODEL_LOST_H
#define LEAT_MODEL_LOST_H

#include <leat/record.h>

#define LEAT_LOST_UNKNOWN UINT64_MAX

/* Makes `rec`, whose topic and partition are set, such a record. */
void leat_lost_put(struct leat_batch *batch, struct leat_record *rec, uint64_t first, uint64_t count, int64_t time_us);
/* False: it is another gap, of a source. */
bool leat_lost_get(const struct leat_record *rec, uint64_t *first, uint64_t *count);

#endif
