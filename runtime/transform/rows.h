/* rows.h - what the built-in transforms share: which records are theirs, and work done once per
 * schema. */
#ifndef LEAT_TRANSFORM_ROWS_H
#define LEAT_TRANSFORM_ROWS_H

#include <base/hash.h>
#include <leat/transform.h>

/* True for a record that a transform may change: not dropped, not a control record. */
static inline bool leat_record_is_open(const struct leat_record *rec)
{
    return !(rec->flags & LEAT_DROPPED) && !leat_op_is_control(rec->op);
}

/* What a transform worked out for one schema. */
struct leat_plan {
    const struct leat_schema *in, *out; /* out NULL: `trouble` says why not */
    uint32_t count;                     /* of take */
    uint32_t *take;                     /* output field i is input field take[i] */
    bool is_same;                       /* nothing to do at the top of the row */
    char trouble[200];
};

typedef void leat_plan_f(void *self, struct leat_plan *plan);

/* Plans by schema, made at the first record of each. */
struct leat_plans {
    struct leat_table table;
    struct leat_plan *last;
};
void leat_plans_init(struct leat_plans *plans);
void leat_plans_fini(struct leat_plans *plans);
const struct leat_plan *leat_plans_get(struct leat_plans *plans, const struct leat_schema *schema,
                                       leat_plan_f *make, void *self);

/* The row with the fields that the plan takes, in the batch's arena; anything but a STRUCT as it
 * is. */
struct leat_value leat_plan_row(const struct leat_plan *plan, struct leat_batch *batch,
                                struct leat_value row);

/* Asked of every entry of a MAP at a path: `path` is the dotted name so far. */
typedef bool leat_keep_f(const void *self, const char *path);

/* The MAP without the entries that `keep` refuses, deeply; `path` (room for `cap` bytes) holds the
 * name of the map itself, "" for a row. Maps in which nothing is refused are returned as they are.
 */
struct leat_value leat_map_filter(struct leat_value map, struct leat_batch *batch, char *path,
                                  size_t cap, leat_keep_f *keep, const void *self);

#endif
