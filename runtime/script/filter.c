/* filter.c - records for which an expression is true:  filter: row.amount > 100 and op ~= "d"
 *
 * A Lua expression over record, value, before, key, headers, topic, op and row (value; of a delete:
 * before). nil and false drop the record; an expression that fails refuses it.
 */
#include <script/script.h>
#include <script/transform.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <base/buffer.h>
#include <base/memory.h>

struct filter {
    const char *expression;
    int64_t time_us, memory_bytes;
    struct script_host *host;
};

/* True where the expression names it: what is not named costs nothing. */
static bool names(const char *expression, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = expression; (at = strstr(at, word)); at += len) {
        bool starts = at == expression || !(isalnum((uint8_t)at[-1]) || at[-1] == '_');
        if (starts && !(isalnum((uint8_t)at[len]) || at[len] == '_'))
            return true;
    }
    return false;
}

/* The expression on a line of its own, so that a comment at its end hides nothing. One that closes
 * our bracket and opens another (1) or (2) is a syntax error when it stands alone: that is tried
 * first. */
static char *wrap(const char *expression, bool alone)
{
    static const char *const parts[] = {"value", "before", "key", "headers", "topic", "op"};
    struct leat_bytes text;
    leat_bytes_init(&text, 1 << 20);
    leat_bytes_text(&text, "function transform(record) ");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (names(expression, parts[i]))
            leat_bytes_printf(&text, "local %s = record.%s ", parts[i], parts[i]);
    if (names(expression, "row"))
        leat_bytes_text(&text, "local row = record.op == 'd' and record.before or record.value ");
    leat_bytes_printf(&text, alone ? "return %s\nend" : "return (%s\n) and true or false end",
                      expression);
    leat_bytes_put(&text, '\0');
    char *copy = text.is_over ? NULL : leat_strdup((const char *)text.data);
    leat_bytes_fini(&text);
    return copy;
}

static enum leat_status open_form(const struct filter *filter, bool alone, struct leat_task *task,
                                  struct script_host **host, struct leat_error *err)
{
    char *text = wrap(filter->expression, alone);
    if (!text)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "filter: the expression is too long");
    enum leat_status status = script_transform_open(host, task, text, strlen(text), "=filter",
                                                    filter->time_us, filter->memory_bytes, err);
    free(text);
    return status;
}

static enum leat_status filter_open(void *self, struct leat_task *task, struct leat_error *err)
{
    struct filter *filter = self;
    enum leat_status status = open_form(filter, true, task, &filter->host, err);
    if (status != LEAT_OK)
        return status;
    script_transform_close(&filter->host);
    return open_form(filter, false, task, &filter->host, err);
}

static void filter_close(void *self, struct leat_task *task)
{
    (void)task;
    struct filter *filter = self;
    script_transform_close(&filter->host);
}

static enum leat_status filter_validate(void *self, struct leat_error *err)
{
    enum leat_status status = filter_open(self, NULL, err);
    filter_close(self, NULL);
    return status;
}

static enum leat_status filter_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                     struct leat_error *err)
{
    (void)task;
    struct filter *filter = self;
    return script_transform_apply(filter->host, batch, err);
}

static const struct leat_option options[] = {
    {.name = "expression",
     .type = LEAT_OPT_TEXT,
     .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
     .offset = offsetof(struct filter, expression),
     .about = "Lua expression over row, value, before, key, headers, topic, op; records for which "
              "it is true stay.",
     .example = "row.amount > 100 and op ~= 'd'",
     .alias = "condition"},
    {.name = "time",
     .type = LEAT_OPT_TIME,
     .offset = offsetof(struct filter, time_us),
     .preset = "200ms",
     .min = 5000,
     .max = 60000000,
     .about = "Most CPU time for one record."},
    {.name = "memory",
     .type = LEAT_OPT_SIZE,
     .offset = offsetof(struct filter, memory_bytes),
     .preset = "16MiB",
     .min = 1 << 20,
     .max = (int64_t)4 << 30,
     .about = "Most memory of the expression."},
    {0}};

const struct leat_transform_type leat_transform_filter = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "filter",
    .about = "Drops the records for which an expression is not true.",
    .size = sizeof(struct filter),
    .options = options,
    .validate = filter_validate,
    .open = filter_open,
    .apply = filter_apply,
    .close = filter_close,
};
