#include <transform/select.h>

#include <base/memory.h>
#include <model/shape.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_BYTES = 1024 };

void leat_select_init(struct leat_select *select, const struct leat_list *fields)
{
    select->fields = fields;
    select->is_deep = false;
    for (size_t i = 0; i < fields->count; i++)
        select->is_deep |= strchr(fields->items[i], '.') != NULL;
    leat_plans_init(&select->plans);
}

void leat_select_fini(struct leat_select *select)
{
    leat_plans_fini(&select->plans);
}

static bool is_key(const struct leat_schema *schema, uint32_t field)
{
    for (uint32_t k = 0; k < schema->key_count; k++)
        if (schema->keys[k] == field)
            return true;
    return false;
}

/* Fills keep and plan->take; false, with the reason, where a key field would go. */
static bool choose(const struct leat_select *select, struct leat_plan *plan, bool *keep)
{
    const struct leat_schema *schema = plan->in;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        keep[i] = select->keep(select->fields, schema->fields[i].name);
        if (!keep[i] && is_key(schema, i)) {
            if (!select->keys_stay) {
                snprintf(plan->trouble, sizeof plan->trouble, "%s: %s is a key field of %s.%s",
                         select->verb, schema->fields[i].name, schema->space, schema->name);
                return false;
            }
            keep[i] = true;
        }
        if (keep[i])
            plan->take[plan->count++] = i;
    }
    return true;
}

static void plan_fields(void *self, struct leat_plan *plan)
{
    struct leat_select *select = self;
    bool *keep = leat_calloc(plan->in->field_count + 1, sizeof *keep);
    if (choose(select, plan, keep)) {
        plan->is_same = plan->count == plan->in->field_count;
        plan->out = plan->is_same ? plan->in : leat_shape_keep(plan->in, keep);
        if (!plan->out)
            snprintf(plan->trouble, sizeof plan->trouble, "%s: too many schemas", select->verb);
    }
    free(keep);
}

static struct leat_value filter_map(struct leat_select *select, struct leat_batch *batch,
                                    struct leat_value map, const char *at)
{
    char path[PATH_MAX_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s", at) >= sizeof path)
        return map;
    return leat_map_filter(map, batch, path, sizeof path, select->keep, select->fields);
}

/* Into the MAPs that are fields of a row. `row` is a fresh copy where the plan takes less than all.
 */
static void filter_members(struct leat_select *select, struct leat_batch *batch,
                           const struct leat_schema *schema, struct leat_value *row)
{
    if (row->type != LEAT_STRUCT)
        return;
    struct leat_value *items = leat_batch_alloc(batch, (row->len + 1) * sizeof *items);
    for (uint32_t i = 0; i < row->len; i++)
        items[i] = i < schema->field_count
                       ? filter_map(select, batch, row->as.items[i], schema->fields[i].name)
                       : row->as.items[i];
    row->as.items = items;
}

static bool select_row(struct leat_select *select, struct leat_batch *batch, uint32_t index)
{
    struct leat_record *rec = leat_batch_edit(batch, index);
    if (!rec->schema) {
        rec->value = filter_map(select, batch, rec->value, "");
        rec->before = filter_map(select, batch, rec->before, "");
        return true;
    }
    const struct leat_plan *plan = leat_plans_get(&select->plans, rec->schema, plan_fields, select);
    if (!plan->out) {
        leat_batch_reject(batch, index, "%s", plan->trouble);
        return false;
    }
    if (!plan->is_same) {
        rec->value = leat_plan_row(plan, batch, rec->value);
        rec->before = leat_plan_row(plan, batch, rec->before);
        rec->schema = plan->out;
    }
    if (select->is_deep) {
        filter_members(select, batch, rec->schema, &rec->value);
        filter_members(select, batch, rec->schema, &rec->before);
    }
    return true;
}

enum leat_status leat_select_apply(struct leat_select *select, struct leat_batch *batch)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++)
        if (leat_record_is_open(leat_batch_get(batch, i)) && !select_row(select, batch, i))
            status = LEAT_REJECT;
    return status;
}
