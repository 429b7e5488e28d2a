/* guarantee.c - what a connector promises: the weakest of what its parts give, named. */
#include <task/inside.h>

#include <stdio.h>

static void weaken(struct leat_task *task, enum leat_guarantee guarantee, const char *why)
{
    struct leat_task_status *status = &task->status;
    if (guarantee <= status->guarantee)
        return;
    status->guarantee = guarantee;
    snprintf(status->guarantee_why, sizeof status->guarantee_why, "%s", why);
}

/* What the pipeline's source makes of it, whatever the sinks do. */
static void weaken_by_source(struct leat_task *task, const struct leat_source_type *source)
{
    char why[200];
    if (source->traits & LEAT_PUSH) {
        snprintf(why, sizeof why, "%s: who sends again after a lost answer, and without a key, sends twice",
                 source->name);
        weaken(task, LEAT_AT_LEAST_ONCE, why);
    } else if (!(source->traits & LEAT_REPLAYABLE)) {
        snprintf(why, sizeof why, "%s cannot be read again", source->name);
        weaken(task, LEAT_AT_MOST_ONCE, why);
    }
}

void guarantee_note(struct leat_task *task, enum leat_guarantee given)
{
    const struct leat_connector_def *source = task->pipeline->source;
    leat_lock_take(&task->lock);
    task->status.guarantee = given;
    task->status.guarantee_why[0] = '\0';
    weaken(task, task->checked, task->checked_why);
    if (task->pipeline->settings.fsync == LEAT_FSYNC_NEVER)
        weaken(task, LEAT_AT_LEAST_ONCE, "fsync: never");
    if (source)
        weaken_by_source(task, source->source);
    leat_lock_give(&task->lock);
}

/* The text of the sink's main option, for people: "out/{topic}.ndjson". */
static const char *main_option(const struct leat_task *task)
{
    for (const struct leat_option *option = task->connector->sink->options; option && option->name;
         option++) {
        bool is_text = option->type == LEAT_OPT_TEXT || option->type == LEAT_OPT_PATH ||
                       option->type == LEAT_OPT_TEMPLATE;
        if ((option->flags & LEAT_OPT_MAIN) && is_text && !(option->flags & LEAT_OPT_SECRET))
            return *(const char *const *)((const char *)task->self + option->offset);
    }
    return NULL;
}

/* shop.archive: file out/{topic}.ndjson, exactly-once (readers of closed files), order: ... */
void guarantee_say(struct leat_task *task)
{
    const char *what = main_option(task),
               *why = task->status.guarantee_why; /* written by this thread alone */
    bool is_by_key = task->config.count > 1 || (task->connector->sink->traits & LEAT_ORDER_BY_KEY);
    leat_say(LEAT_INFO, leat_task_name(task), "%s%s%s, %s%s%s%s, order: %s",
             task->connector->sink->name, what ? " " : "", what ? what : "",
             leat_guarantee_name(task->status.guarantee), why[0] ? " (weakest link: " : "", why,
             why[0] ? ")" : "", is_by_key ? "per key" : "whole log");
}
