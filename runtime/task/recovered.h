/* recovered.h - `leat recover --from-sinks`: the log was lost, and a new one was begun for targets that hold marks of the old
 * one. A claim, as that of `leat replay`: nothing in the target changes until the sink writes there again.
 *
 *   keyed state   sink connector, "recovered SPLIT" -> [generation, log uuid, incarnation, cursor, origin, found]
 *
 *   the target's mark    is taken for ours while it is the very one that stood there then: uuid, incarnation and cursor
 *   origin               what the target has last; records up to it are passed over ("" : there are none of them)
 *   found                behind the record of the origin in the new log, durable before any mark passes it
 *
 * Marks that are written while records are passed over bear the old origin: another loss finds what the target has.
 */
#ifndef LEAT_TASK_RECOVERED_H
#define LEAT_TASK_RECOVERED_H

#include <leat/driver.h>
#include <model/batch.h>

struct leat_recovered {
    uint64_t generation; /* of the marks in the new log; 0: there is no claim */
    uint8_t log_uuid[16], incarnation[16]; /* of the mark that stood in the target, */
    struct leat_cursor cursor;             /* and its place in the lost log */
    struct leat_cursor found;              /* len 0: not yet */
    char origin[LEAT_ORIGIN_MAX + 1];
};

#define LEAT_RECOVERED_ITEMS 6
#define LEAT_RECOVERED_KEY_MAX 300
/* What stores it: points into `claim`, `key` and `items`. */
struct leat_state leat_recovered_state(const char *connector, const char *split, const struct leat_recovered *claim,
                                       char key[LEAT_RECOVERED_KEY_MAX], struct leat_value items[LEAT_RECOVERED_ITEMS]);
enum leat_status leat_recovered_load(const struct leat_driver_type *driver, struct leat_access *access, const char *connector,
                                     const char *split, struct leat_recovered *claim, struct leat_error *err);
/* Is the state a claim of this sort, whatever its split? Its generation; 0: no. */
uint64_t leat_recovered_generation(const struct leat_state *state);

/* Is it the mark that the claim speaks of? */
bool leat_recovered_is_of(const struct leat_recovered *claim, const struct leat_mark *mark);

#endif
