/* keep.c - rows with some fields alone:  keep: [id, customer.name]; key fields always stay. */
#include <transform/builtin.h>
#include <transform/select.h>

#include <base/text.h>

struct keep {
    struct leat_list fields;
    struct leat_select select;
};

static size_t depth(const char *path)
{
    size_t parts = 1;
    for (; *path; path++)
        parts += *path == '.';
    return parts;
}

/* Copies the first `parts` parts; false where there are fewer, or no room. */
static bool cut(char *out, size_t cap, const char *path, size_t parts)
{
    size_t len = 0;
    for (; path[len]; len++)
        if (path[len] == '.' && --parts == 0)
            break;
    if ((path[len] == '\0' && parts > 1) || len >= cap)
        return false;
    memcpy(out, path, len);
    out[len] = '\0';
    return true;
}

/* A path stays when it is named, lies below a named one, or on the way to one. */
static bool stays(const void *fields, const char *path)
{
    const struct leat_list *list = fields;
    size_t here = depth(path);
    char part[1024];
    for (size_t i = 0; i < list->count; i++) {
        size_t there = depth(list->items[i]);
        if (here >= there) {
            if (cut(part, sizeof part, path, there) &&
                leat_pattern_matches(list->items[i], part, false))
                return true;
        } else if (cut(part, sizeof part, list->items[i], here) &&
                   leat_pattern_matches(part, path, false)) {
            return true;
        }
    }
    return false;
}

static enum leat_status keep_open(void *self, struct leat_task *task, struct leat_error *err)
{
    (void)task, (void)err;
    struct keep *keep = self;
    keep->select = (struct leat_select){.verb = "keep", .keep = stays, .keys_stay = true};
    leat_select_init(&keep->select, &keep->fields);
    return LEAT_OK;
}

static enum leat_status keep_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                   struct leat_error *err)
{
    (void)task;
    struct keep *keep = self;
    enum leat_status status = leat_select_apply(&keep->select, batch);
    return status == LEAT_OK ? status
                             : leat_fail(err, status, "a row cannot get a shape of its own");
}

static void keep_close(void *self, struct leat_task *task)
{
    (void)task;
    struct keep *keep = self;
    leat_select_fini(&keep->select);
}

static const struct leat_option options[] = {
    {.name = "fields",
     .type = LEAT_OPT_FIELDS,
     .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
     .offset = offsetof(struct keep, fields),
     .about = "Paths of fields that stay in value and before; key fields stay in any case.",
     .example = "[id, status]",
     .alias = "include"},
    {0}};

const struct leat_transform_type leat_transform_keep = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "keep",
    .about = "Keeps some fields of the rows and drops the others.",
    .size = sizeof(struct keep),
    .options = options,
    .open = keep_open,
    .apply = keep_apply,
    .close = keep_close,
};
