/* guarantee.c - what a connector promises: the weakest of what its parts give, named. */
#include <task/inside.h>

#include <stdio.h>

void leat_promise_weaken(struct leat_promise *promise, enum leat_guarantee guarantee, const char *why)
{
    if (guarantee <= promise->guarantee && (guarantee < promise->guarantee || promise->why[0]))
        return;
    promise->guarantee = guarantee;
    snprintf(promise->why, sizeof promise->why, "%s", why);
}

/* What the pipeline's source makes of it, whatever the sinks do. */
static void weaken_by_source(struct leat_promise *promise, const struct leat_source_type *source)
{
    char why[200];
    if (source->traits & LEAT_PUSH) {
        snprintf(why, sizeof why, "%s: who sends again after a lost answer, and without a key, sends twice", source->name);
        leat_promise_weaken(promise, LEAT_AT_LEAST_ONCE, why);
    } else if (!(source->traits & LEAT_REPLAYABLE)) {
        snprintf(why, sizeof why, "%s cannot be read again", source->name);
        leat_promise_weaken(promise, LEAT_AT_MOST_ONCE, why);
    }
}

static void promise_of_plugin(struct leat_promise *promise, const struct leat_sink_type *type, void *self)
{
    bool can_say = type->struct_size > offsetof(struct leat_sink_type, promise) && type->promise;
    const char *why = "";
    if (can_say) {
        promise->guarantee = type->promise(self, &why);
        snprintf(promise->why, sizeof promise->why, "%s%s%s", why[0] ? type->name : "", why[0] ? ": " : "", why);
    } else if (!(type->traits & LEAT_KEEPS_MARK)) {
        snprintf(promise->why, sizeof promise->why, "%s keeps no mark in its target", type->name);
        promise->guarantee = LEAT_AT_LEAST_ONCE;
    }
}

static bool is_kafka(const char *driver)
{
    return strcmp(driver, "kafka") == 0;
}

void leat_promise_of(struct leat_promise *promise, const struct leat_pipeline_def *pipeline,
                     const struct leat_connector_def *sink, void *self, const char *driver)
{
    *promise = (struct leat_promise){
        .guarantee = LEAT_EXACTLY_ONCE,
        .is_by_key = sink->parallel > 1 || (sink->sink->traits & LEAT_ORDER_BY_KEY),
    };
    promise_of_plugin(promise, sink->sink, self);
    if (pipeline->settings.fsync == LEAT_FSYNC_NEVER && !is_kafka(driver)) /* there it means nothing */
        leat_promise_weaken(promise, LEAT_AT_LEAST_ONCE, "fsync: never");
    if (strcmp(driver, "memory") == 0)
        leat_promise_weaken(promise, LEAT_AT_LEAST_ONCE, "topics in memory: records and positions go with the process");
    if (pipeline->source)
        weaken_by_source(promise, pipeline->source->source);
}

void leat_promise_by_topics(struct leat_promise *promise, const char *driver)
{
    if (is_kafka(driver))
        leat_promise_weaken(promise, LEAT_EXACTLY_ONCE, "topics in Kafka: while its cluster loses nothing that it acknowledged");
}

/* `given`: what open() said. */
void guarantee_note(struct leat_task *task, enum leat_guarantee given)
{
    struct leat_promise promise;
    if (task->is_source)
        promise = (struct leat_promise){.guarantee = given};
    else
        leat_promise_of(&promise, task->pipeline, task->connector, task->self, task->driver->name);
    if (given > promise.guarantee)
        leat_promise_weaken(&promise, given, "its target gives no more");
    if (task->checked_why[0] || task->checked > promise.guarantee)
        leat_promise_weaken(&promise, task->checked, task->checked_why);
    if (!task->is_source)
        leat_promise_by_topics(&promise, task->driver->name);
    leat_lock_take(&task->lock);
    task->status.guarantee = promise.guarantee;
    memcpy(task->status.guarantee_why, promise.why, sizeof promise.why);
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
    bool is_by_key = task->connector->parallel > 1 || (task->connector->sink->traits & LEAT_ORDER_BY_KEY);
    leat_say(LEAT_INFO, leat_task_name(task), "%s%s%s, %s%s%s%s, order: %s",
             task->connector->sink->name, what ? " " : "", what ? what : "",
             leat_guarantee_name(task->status.guarantee), why[0] ? " (weakest link: " : "", why,
             why[0] ? ")" : "", is_by_key ? "per key" : "whole log");
}
