/* rename.c - fields by other names:  rename: {fname: first_name} */
#include <transform/builtin.h>
#include <transform/rows.h>

#include <model/shape.h>
#include <stdio.h>

struct rename {
    struct leat_pairs fields;
    struct leat_plans plans;
};

static enum leat_status rename_open(void *self, struct leat_task *task, struct leat_error *err)
{
    (void)task, (void)err;
    struct rename *rename = self;
    leat_plans_init(&rename->plans);
    return LEAT_OK;
}

/* Old names are those of the row as it came: {a: b, b: a} swaps. */
static void plan_names(void *self, struct leat_plan *plan)
{
    const struct rename *rename = self;
    const struct leat_schema *in = plan->in;
    plan->out = in;
    for (uint32_t i = 0; i < in->field_count && plan->out; i++)
        for (size_t k = 0; k < rename->fields.count && plan->out; k++)
            if (strcmp(rename->fields.names[k], in->fields[i].name) == 0)
                plan->out = leat_shape_rename(plan->out, i, rename->fields.values[k],
                                              strlen(rename->fields.values[k]));
    for (uint32_t i = 0; plan->out && i < in->field_count; i++) {
        const char *name = plan->out->fields[i].name;
        if (leat_schema_find(plan->out, name, strlen(name)) == (int32_t)i)
            continue;
        snprintf(plan->trouble, sizeof plan->trouble, "rename: %s.%s would have two fields %s",
                 in->space, in->name, name);
        plan->out = NULL;
        return;
    }
    if (!plan->out)
        snprintf(plan->trouble, sizeof plan->trouble, "rename: too many schemas");
}

static void rename_members(const struct rename *rename, struct leat_batch *batch,
                           struct leat_value *map)
{
    if (map->type != LEAT_MAP)
        return;
    struct leat_value *items = leat_batch_alloc(batch, (2 * (size_t)map->len + 1) * sizeof *items);
    for (uint32_t i = 0; i < map->len; i++) {
        struct leat_value *pair = &items[2 * (size_t)i];
        memcpy(pair, &map->as.items[2 * (size_t)i], 2 * sizeof *pair);
        for (size_t k = 0; k < rename->fields.count; k++) {
            struct leat_value old = leat_value_string(rename->fields.names[k]);
            if (leat_value_equal(&map->as.items[2 * (size_t)i], &old)) {
                const char *name = rename->fields.values[k];
                *pair = leat_value_text(leat_batch_copy(batch, name, strlen(name)), strlen(name));
            }
        }
    }
    map->as.items = items;
}

static enum leat_status rename_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                     struct leat_error *err)
{
    (void)task;
    struct rename *rename = self;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        if (!leat_record_is_open(rec))
            continue;
        if (!rec->schema) {
            rename_members(rename, batch, &rec->value);
            rename_members(rename, batch, &rec->before);
            rename_members(rename, batch, &rec->key);
            continue;
        }
        const struct leat_plan *plan =
            leat_plans_get(&rename->plans, rec->schema, plan_names, rename);
        if (plan->out) {
            rec->schema = plan->out;
        } else {
            leat_batch_reject(batch, i, "%s", plan->trouble);
            status = leat_fail(err, LEAT_REJECT, "%s", plan->trouble);
        }
    }
    return status;
}

static void rename_close(void *self, struct leat_task *task)
{
    (void)task;
    struct rename *rename = self;
    leat_plans_fini(&rename->plans);
}

static const struct leat_option options[] = {{.name = "fields",
                                              .type = LEAT_OPT_PAIRS,
                                              .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
                                              .offset = offsetof(struct rename, fields),
                                              .about = "Old name: new name, of fields of the row.",
                                              .example = "{fname: first_name}",
                                              .alias = "renames"},
                                             {0}};

const struct leat_transform_type leat_transform_rename = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "rename",
    .about = "Gives fields of the rows other names.",
    .size = sizeof(struct rename),
    .options = options,
    .open = rename_open,
    .apply = rename_apply,
    .close = rename_close,
};
