#include <transform/rows.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

void leat_plans_init(struct leat_plans *plans)
{
    leat_table_init(&plans->table);
    plans->last = NULL;
}

static void free_plan(void *value)
{
    struct leat_plan *plan = value;
    free(plan->take);
    free(plan);
}

void leat_plans_fini(struct leat_plans *plans)
{
    leat_table_fini(&plans->table, free_plan);
}

const struct leat_plan *leat_plans_get(struct leat_plans *plans, const struct leat_schema *schema,
                                       leat_plan_f *make, void *self)
{
    if (plans->last && plans->last->in == schema)
        return plans->last;
    struct leat_plan *plan = leat_table_get(&plans->table, &schema, sizeof schema);
    if (!plan) {
        plan = leat_calloc(1, sizeof *plan);
        plan->in = schema;
        plan->take = leat_calloc(schema->field_count + 1, sizeof plan->take[0]);
        make(self, plan);
        leat_table_set(&plans->table, &schema, sizeof schema, plan);
    }
    plans->last = plan;
    return plan;
}

struct leat_value leat_plan_row(const struct leat_plan *plan, struct leat_batch *batch,
                                struct leat_value row)
{
    if (row.type != LEAT_STRUCT)
        return row;
    struct leat_value *items = leat_batch_alloc(batch, (plan->count + 1) * sizeof *items);
    for (uint32_t i = 0; i < plan->count; i++)
        items[i] = plan->take[i] < row.len ? row.as.items[plan->take[i]] : (struct leat_value){0};
    return leat_value_items(LEAT_STRUCT, items, plan->count);
}

/* Appends ".name" to the path; false where it has no room (such a name matches nothing). */
static bool extend(char *path, size_t cap, size_t at, const struct leat_value *key)
{
    if (key->type != LEAT_TEXT)
        return false;
    int n = snprintf(path + at, cap - at, "%s%.*s", at > 0 ? "." : "", (int)key->len, key->as.text);
    return n >= 0 && (size_t)n < cap - at;
}

struct leat_value leat_map_filter(struct leat_value map, struct leat_batch *batch, char *path,
                                  size_t cap, leat_keep_f *keep, const void *self)
{
    if (map.type != LEAT_MAP || map.len == 0)
        return map;
    size_t at = strlen(path);
    struct leat_value *items = leat_batch_alloc(batch, 2 * (size_t)map.len * sizeof *items);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map.len; i++) {
        const struct leat_value *pair = &map.as.items[2 * (size_t)i];
        struct leat_value member = pair[1];
        if (extend(path, cap, at, &pair[0])) {
            if (!keep(self, path))
                continue;
            member = leat_map_filter(member, batch, path, cap, keep, self);
        }
        path[at] = '\0';
        items[2 * (size_t)kept] = pair[0];
        items[2 * (size_t)kept++ + 1] = member;
    }
    path[at] = '\0';
    return leat_value_items(LEAT_MAP, items, kept);
}
