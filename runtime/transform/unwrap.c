/* unwrap.c - changes become rows: the message is the row as it is now, without the envelope round
 * it.
 *
 * What a delete becomes is `deletes`: a tombstone (key, null value), nothing, or the last row with
 * __deleted: true. Rows get __deleted: false then, so that all have one shape. `add` puts facts of
 * the change into the row, under names that start with __ .
 */
#include <transform/builtin.h>
#include <transform/rows.h>

#include <base/memory.h>
#include <model/shape.h>
#include <stdio.h>
#include <stdlib.h>

enum deletes { DELETES_TOMBSTONE, DELETES_DROP, DELETES_REWRITE };

static const char *const deletes_names[] = {"tombstone", "drop", "rewrite", NULL};

struct unwrap {
    int64_t deletes;
    struct leat_list add;
    struct leat_plans plans;
};

static const char *const facts[] = {"op", "time", "database", "table", "topic", "offset"};
enum fact { FACT_OP, FACT_TIME, FACT_DATABASE, FACT_TABLE, FACT_TOPIC, FACT_OFFSET, FACT_COUNT };

static int find_fact(const char *name)
{
    for (int i = 0; i < FACT_COUNT; i++)
        if (strcmp(facts[i], name) == 0)
            return i;
    return -1;
}

static int find_source(const struct leat_schema *schema, const char *name)
{
    for (uint32_t i = 0; strncmp(name, "source.", 7) == 0 && i < schema->source_count; i++)
        if (strcmp(schema->source_fields[i].name, name + 7) == 0)
            return (int)i;
    return -1;
}

static enum leat_status unwrap_validate(void *self, struct leat_error *err)
{
    const struct unwrap *unwrap = self;
    for (size_t i = 0; i < unwrap->add.count; i++)
        if (find_fact(unwrap->add.items[i]) < 0 && strncmp(unwrap->add.items[i], "source.", 7) != 0)
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                                "unwrap: add: \"%s\" is none of op, time, database, table, topic, "
                                "offset, source.NAME",
                                unwrap->add.items[i]);
    return LEAT_OK;
}

static enum leat_status unwrap_open(void *self, struct leat_task *task, struct leat_error *err)
{
    (void)task, (void)err;
    struct unwrap *unwrap = self;
    leat_plans_init(&unwrap->plans);
    return LEAT_OK;
}

/* "__op", "__source_file" */
static void added_name(char out[64], const char *name)
{
    snprintf(out, 64, "__%s", name);
    for (; *out; out++)
        if (*out == '.')
            *out = '_';
}

static void plan_shape(void *self, struct leat_plan *plan)
{
    const struct unwrap *unwrap = self;
    char name[64];
    plan->out = plan->in;
    for (size_t i = 0; i < unwrap->add.count && plan->out; i++) {
        added_name(name, unwrap->add.items[i]);
        plan->out = leat_shape_add(plan->out, name, strlen(name));
    }
    if (unwrap->deletes == DELETES_REWRITE && plan->out)
        plan->out = leat_shape_add(plan->out, "__deleted", 9);
    if (!plan->out)
        snprintf(plan->trouble, sizeof plan->trouble, "unwrap: too many schemas");
}

static struct leat_value fact_of(const struct leat_record *rec, const char *name,
                                 struct leat_batch *batch)
{
    struct leat_value v = {0};
    int source = find_source(rec->schema, name);
    if (source >= 0)
        return rec->source.type == LEAT_STRUCT && (uint32_t)source < rec->source.len
                   ? rec->source.as.items[source]
                   : v;
    switch (find_fact(name)) {
    case FACT_OP: {
        char op = (char)rec->op;
        return leat_value_text(leat_batch_copy(batch, &op, 1), 1);
    }
    case FACT_TIME:
        v = leat_value_int(rec->time_us);
        v.type = LEAT_TIMESTAMP;
        v.aux = 6;
        return v;
    case FACT_DATABASE:
        return leat_value_string(rec->schema->space);
    case FACT_TABLE:
        return leat_value_string(rec->schema->name);
    case FACT_TOPIC:
        return rec->topic ? leat_value_text(rec->topic->name, rec->topic->name_len) : v;
    case FACT_OFFSET:
        return leat_value_uint(rec->offset);
    default:
        return v;
    }
}

static void put(const struct leat_schema *schema, struct leat_value *items, const char *name,
                struct leat_value v)
{
    int32_t at = leat_schema_find(schema, name, strlen(name));
    if (at >= 0)
        items[at] = v;
}

static void fill(const struct unwrap *unwrap, const struct leat_plan *plan,
                 struct leat_batch *batch, struct leat_record *rec, const struct leat_value *row,
                 bool is_deleted)
{
    if (row->type != LEAT_STRUCT)
        return;
    uint32_t count = plan->out->field_count;
    struct leat_value *items = leat_batch_alloc(batch, (count + 1) * sizeof *items);
    memset(items, 0, (count + 1) * sizeof *items);
    memcpy(items, row->as.items, (row->len < count ? row->len : count) * sizeof *items);
    char name[64];
    for (size_t i = 0; i < unwrap->add.count; i++) {
        added_name(name, unwrap->add.items[i]);
        put(plan->out, items, name, fact_of(rec, unwrap->add.items[i], batch));
    }
    if (unwrap->deletes == DELETES_REWRITE)
        put(plan->out, items, "__deleted", leat_value_bool(is_deleted));
    rec->value = leat_value_items(LEAT_STRUCT, items, count);
    rec->schema = plan->out;
}

static void unwrap_delete(const struct unwrap *unwrap, const struct leat_plan *plan,
                          struct leat_batch *batch, struct leat_record *rec)
{
    /* The tombstone that follows a delete says the same again. */
    if (unwrap->deletes == DELETES_DROP || (rec->flags & LEAT_TOMBSTONE)) {
        rec->flags |= LEAT_DROPPED;
    } else if (unwrap->deletes == DELETES_REWRITE && rec->before.type == LEAT_STRUCT) {
        struct leat_value row = rec->before;
        fill(unwrap, plan, batch, rec, &row, true);
        rec->op = LEAT_UPDATE;
    } else {
        rec->value = leat_value_null();
        rec->flags |= LEAT_TOMBSTONE;
    }
}

static bool unwrap_record(struct unwrap *unwrap, struct leat_batch *batch, uint32_t index)
{
    struct leat_record *rec = leat_batch_edit(batch, index);
    if (rec->op == LEAT_TRUNCATE) {
        rec->flags |= LEAT_DROPPED;
        return true;
    }
    if (!rec->schema) /* no envelope was there */
        return true;
    const struct leat_plan *plan = leat_plans_get(&unwrap->plans, rec->schema, plan_shape, unwrap);
    if (!plan->out) {
        leat_batch_reject(batch, index, "%s", plan->trouble);
        return false;
    }
    struct leat_value row = rec->value;
    if (rec->op == LEAT_DELETE)
        unwrap_delete(unwrap, plan, batch, rec);
    else if (plan->out != plan->in)
        fill(unwrap, plan, batch, rec, &row, false);
    rec->before = (struct leat_value){0};
    rec->flags |= LEAT_FLAT;
    return true;
}

static enum leat_status unwrap_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                     struct leat_error *err)
{
    (void)task;
    struct unwrap *unwrap = self;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++)
        if (leat_record_is_open(leat_batch_get(batch, i)) && !unwrap_record(unwrap, batch, i))
            status = leat_fail(err, LEAT_REJECT, "unwrap: too many schemas");
    return status;
}

static void unwrap_close(void *self, struct leat_task *task)
{
    (void)task;
    struct unwrap *unwrap = self;
    leat_plans_fini(&unwrap->plans);
}

static const struct leat_option options[] = {
    {.name = "deletes",
     .type = LEAT_OPT_CHOICE,
     .offset = offsetof(struct unwrap, deletes),
     .choices = deletes_names,
     .preset = "tombstone",
     .about = "What a delete becomes: a tombstone, nothing, or the last row with __deleted true.",
     .alias = "delete.tombstone.handling.mode"},
    {.name = "add",
     .type = LEAT_OPT_LIST,
     .offset = offsetof(struct unwrap, add),
     .about = "Facts of the change that go into the row as __NAME: op, time, database, table, "
              "topic, offset, source.NAME.",
     .example = "[op, time]",
     .alias = "add.fields"},
    {0}};

const struct leat_transform_type leat_transform_unwrap = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "unwrap",
    .about = "Makes of each change the row as it is now, without an envelope.",
    .size = sizeof(struct unwrap),
    .options = options,
    .validate = unwrap_validate,
    .open = unwrap_open,
    .apply = unwrap_apply,
    .close = unwrap_close,
};
