/* set.c - fields with values that the pipeline file gives:  set: {region: eu, origin:
 * "{database}.{table}"}
 *
 * Texts are templates, filled per record; other values are taken as they are. Set in value; where
 * that is missing (a delete), nothing is set.
 */
#include <transform/builtin.h>
#include <transform/rows.h>

#include <base/memory.h>
#include <model/shape.h>
#include <model/template.h>
#include <stdlib.h>

enum { TEXT_MAX = 1 << 20 };

struct set {
    struct leat_value fields;         /* MAP */
    struct leat_template **templates; /* NULL: not a text */
    struct leat_bytes text;
};

static void set_close(void *self, struct leat_task *task)
{
    (void)task;
    struct set *set = self;
    for (uint32_t i = 0; set->templates && i < set->fields.len; i++)
        if (set->templates[i])
            leat_template_free(set->templates[i]);
    free(set->templates);
    set->templates = NULL;
    leat_bytes_fini(&set->text);
}

static enum leat_status compile(struct set *set, struct leat_error *err)
{
    set->templates = leat_calloc(set->fields.len + 1, sizeof set->templates[0]);
    for (uint32_t i = 0; i < set->fields.len; i++) {
        const struct leat_value *pair = &set->fields.as.items[2 * (size_t)i];
        if (pair[1].type != LEAT_TEXT)
            continue;
        char *text = leat_strndup(pair[1].as.text, pair[1].len);
        set->templates[i] = leat_template_new(text, false, err);
        free(text);
        if (!set->templates[i]) {
            leat_error_context(err, "set: %.*s", (int)pair[0].len, pair[0].as.text);
            return LEAT_STOP;
        }
    }
    return LEAT_OK;
}

static enum leat_status set_validate(void *self, struct leat_error *err)
{
    struct set *set = self;
    if (set->fields.type != LEAT_MAP)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "set: takes names and values");
    enum leat_status status = compile(set, err);
    set_close(self, NULL);
    return status;
}

static enum leat_status set_open(void *self, struct leat_task *task, struct leat_error *err)
{
    struct set *set = self;
    leat_bytes_init(&set->text, TEXT_MAX);
    enum leat_status status = compile(set, err);
    if (status != LEAT_OK)
        set_close(self, task);
    return status;
}

/* ---- one field ---- */

/* Copies a row with room for a field at `at`. */
static void put_in_struct(struct leat_batch *batch, struct leat_value *row, uint32_t at,
                          uint32_t count, const struct leat_value *value)
{
    if (row->type != LEAT_STRUCT)
        return;
    struct leat_value *items = leat_batch_alloc(batch, count * sizeof *items);
    memset(items, 0, count * sizeof *items);
    memcpy(items, row->as.items, (row->len < count ? row->len : count) * sizeof *items);
    if (value)
        items[at] = *value;
    *row = leat_value_items(LEAT_STRUCT, items, count);
}

static bool put_in_row(struct leat_batch *batch, struct leat_record *rec,
                       const struct leat_value *name, const struct leat_value *value)
{
    const struct leat_schema *schema = rec->schema;
    int32_t at = leat_schema_find(schema, name->as.text, name->len);
    if (at < 0) {
        schema = leat_shape_add(schema, name->as.text, name->len);
        at = schema ? (int32_t)schema->field_count - 1 : 0;
    } else if (schema->fields[at].type != value->type || schema->fields[at].meaning != LEAT_PLAIN) {
        schema = leat_shape_loosen(schema, (uint32_t)at);
    }
    if (!schema)
        return false;
    put_in_struct(batch, &rec->value, (uint32_t)at, schema->field_count, value);
    if (schema->field_count != rec->schema->field_count)
        put_in_struct(batch, &rec->before, 0, schema->field_count, NULL);
    rec->schema = schema;
    return true;
}

static void put_in_map(struct leat_batch *batch, struct leat_value *map,
                       const struct leat_value *name, const struct leat_value *value)
{
    struct leat_value *items = leat_batch_alloc(batch, 2 * ((size_t)map->len + 1) * sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < map->len; i++)
        if (!leat_value_equal(&map->as.items[2 * (size_t)i], name))
            memcpy(&items[2 * (size_t)count++], &map->as.items[2 * (size_t)i], 2 * sizeof *items);
    items[2 * (size_t)count] = leat_batch_copy_value(batch, name);
    items[2 * (size_t)count++ + 1] = *value;
    *map = leat_value_items(LEAT_MAP, items, count);
}

static enum leat_status value_of(struct set *set, uint32_t i, struct leat_batch *batch,
                                 const struct leat_record *rec, struct leat_value *value,
                                 struct leat_error *err)
{
    if (!set->templates[i]) {
        *value = leat_batch_copy_value(batch, &set->fields.as.items[2 * (size_t)i + 1]);
        return LEAT_OK;
    }
    leat_bytes_clear(&set->text);
    enum leat_status status = leat_template_fill(set->templates[i], rec, &set->text, err);
    if (status == LEAT_OK && set->text.is_over)
        return leat_fail(err, LEAT_REJECT, "set: a text of more than 1 MiB");
    *value = leat_value_text(leat_batch_copy(batch, set->text.data, set->text.len), set->text.len);
    return status;
}

static enum leat_status set_record(struct set *set, struct leat_batch *batch,
                                   struct leat_record *rec, struct leat_error *err)
{
    bool is_row = rec->schema && rec->value.type == LEAT_STRUCT;
    for (uint32_t i = 0; i < set->fields.len && (is_row || rec->value.type == LEAT_MAP); i++) {
        const struct leat_value *name = &set->fields.as.items[2 * (size_t)i];
        struct leat_value value;
        enum leat_status status = value_of(set, i, batch, rec, &value, err);
        if (status != LEAT_OK)
            return status;
        if (!is_row)
            put_in_map(batch, &rec->value, name, &value);
        else if (!put_in_row(batch, rec, name, &value))
            return leat_fail(err, LEAT_REJECT, "set: too many schemas");
    }
    return LEAT_OK;
}

static enum leat_status set_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                  struct leat_error *err)
{
    (void)task;
    struct set *set = self;
    enum leat_status worst = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        if (!leat_record_is_open(rec))
            continue;
        const struct leat_record before = *rec;
        if (set_record(set, batch, rec, err) != LEAT_OK) {
            *rec = before;
            leat_batch_reject(batch, i, "%s", err ? err->text : "set");
            worst = LEAT_REJECT;
        }
    }
    return worst;
}

static const struct leat_option options[] = {
    {.name = "fields",
     .type = LEAT_OPT_VALUE,
     .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
     .offset = offsetof(struct set, fields),
     .about = "Name: value, of fields of the row; texts are templates.",
     .example = "{region: eu, origin: \"{database}.{table}\"}"},
    {0}};

const struct leat_transform_type leat_transform_set = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "set",
    .about = "Sets fields of the rows to fixed values or to texts made of the record.",
    .size = sizeof(struct set),
    .options = options,
    .validate = set_validate,
    .open = set_open,
    .apply = set_apply,
    .close = set_close,
};
