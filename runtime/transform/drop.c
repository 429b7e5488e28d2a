/* drop.c - rows without some fields:  drop: [card_number, "*_token", customer.email] */
#include <transform/builtin.h>
#include <transform/select.h>

#include <base/text.h>

struct drop {
    struct leat_list fields;
    struct leat_select select;
};

static bool stays(const void *fields, const char *path)
{
    const struct leat_list *list = fields;
    for (size_t i = 0; i < list->count; i++)
        if (leat_pattern_matches(list->items[i], path, false))
            return false;
    return true;
}

static enum leat_status drop_open(void *self, struct leat_task *task, struct leat_error *err)
{
    (void)task, (void)err;
    struct drop *drop = self;
    drop->select = (struct leat_select){.verb = "drop", .keep = stays};
    leat_select_init(&drop->select, &drop->fields);
    return LEAT_OK;
}

static enum leat_status drop_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                   struct leat_error *err)
{
    (void)task;
    struct drop *drop = self;
    enum leat_status status = leat_select_apply(&drop->select, batch);
    return status == LEAT_OK ? status
                             : leat_fail(err, status, "a field to drop is part of the key");
}

static void drop_close(void *self, struct leat_task *task)
{
    (void)task;
    struct drop *drop = self;
    leat_select_fini(&drop->select);
}

static const struct leat_option options[] = {
    {.name = "fields",
     .type = LEAT_OPT_FIELDS,
     .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
     .offset = offsetof(struct drop, fields),
     .about = "Paths of fields that leave value and before; * and ? stay inside one part.",
     .example = "[card_number, \"*_token\"]",
     .alias = "exclude"},
    {0}};

const struct leat_transform_type leat_transform_drop = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "drop",
    .about = "Takes fields out of the rows.",
    .size = sizeof(struct drop),
    .options = options,
    .open = drop_open,
    .apply = drop_apply,
    .close = drop_close,
};
