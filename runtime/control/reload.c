/* reload.c - other definitions under the feet of those that stay: only pipelines that differ are ended and begun. */
#include <control/inside.h>

#include <base/memory.h>
#include <base/os.h>
#include <config/load.h>
#include <stdlib.h>

#define LOOK_MS 10

bool leat_control_can_reload(const struct leat_control *control, const struct leat_config *fresh)
{
    return !control->once && !share_has_others(control) && leat_config_same_process(control->config, fresh);
}

static const struct leat_pipeline_def *find(const struct leat_config *config, const char *name)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (strcmp(config->pipelines[i].name, name) == 0)
            return &config->pipelines[i];
    return NULL;
}

static bool stays(const struct running *running, const struct leat_config *fresh)
{
    const struct leat_pipeline_def *pipeline = find(fresh, running->config.pipeline->name);
    return pipeline && leat_pipeline_equal(running->config.pipeline, pipeline);
}

static bool has_ended(const struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    return !running->is_started || is_ended(status.state);
}

/* Those that go, sources first: their sinks may read on while they end. */
static bool end_those(struct leat_control *control, const struct leat_config *fresh, bool sources,
                      struct leat_time deadline, struct leat_time patience)
{
    bool have_all_ended = false;
    for (size_t i = 0; i < control->count; i++)
        if (control->tasks[i].is_source == sources && !stays(&control->tasks[i], fresh))
            leat_task_stop(control->tasks[i].task, deadline);
    while (!have_all_ended && !leat_is_past(patience)) {
        have_all_ended = true;
        for (size_t i = 0; i < control->count; i++)
            if (control->tasks[i].is_source == sources && !stays(&control->tasks[i], fresh))
                have_all_ended = have_all_ended && has_ended(&control->tasks[i]);
        if (!have_all_ended)
            leat_os->poll(NULL, 0, LOOK_MS);
    }
    return have_all_ended;
}

/* Takes out what has ended. */
static void remove_those(struct leat_control *control, const struct leat_config *fresh)
{
    size_t kept = 0, count = control->count;
    struct leat_task **gone = leat_calloc(count + 1, sizeof *gone);
    size_t gone_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!stays(&control->tasks[i], fresh))
            leat_task_join(control->tasks[i].task);
    leat_lock_take(&control->lock);
    for (size_t i = 0; i < count; i++) {
        if (stays(&control->tasks[i], fresh))
            control->tasks[kept++] = control->tasks[i];
        else
            gone[gone_count++] = control->tasks[i].task;
    }
    control->count = kept;
    leat_lock_give(&control->lock);
    for (size_t i = 0; i < gone_count; i++)
        leat_task_free(gone[i]);
    free(gone);
}

static bool is_there(const struct leat_control *control, const char *pipeline)
{
    for (size_t i = 0; i < control->count; i++)
        if (strcmp(control->tasks[i].config.pipeline->name, pipeline) == 0)
            return true;
    return false;
}

/* New ones, not started: who carries orders out starts them. */
static void add_those(struct leat_control *control, const struct leat_config *fresh)
{
    size_t tasks = count_tasks(fresh), before = control->count;
    bool *is_new = leat_calloc(fresh->pipeline_count + 1, sizeof *is_new);
    for (size_t i = 0; i < fresh->pipeline_count; i++)
        is_new[i] = !is_there(control, fresh->pipelines[i].name);
    leat_lock_take(&control->lock);
    control->tasks = leat_realloc(control->tasks, (tasks + 1) * sizeof *control->tasks);
    for (size_t i = 0; i < fresh->pipeline_count; i++)
        if (is_new[i])
            add_pipeline(control, &fresh->pipelines[i], fresh->memory / (int64_t)(tasks ? tasks : 1));
    for (size_t i = before; i < control->count; i++)
        control->tasks[i].task = leat_task_new(&control->tasks[i].config);
    control->config = fresh;
    control->sources_ended_at = (struct leat_time){0};
    leat_lock_give(&control->lock);
    free(is_new);
}

enum leat_status leat_control_reload(struct leat_control *control, const struct leat_config *fresh,
                                     struct leat_reloaded *reloaded, struct leat_error *err)
{
    size_t before = control->count;
    int64_t timeout_us = control->config->shutdown_timeout_us;
    struct leat_time deadline = leat_after_us(timeout_us), patience = leat_after_us(3 * timeout_us);
    if (!end_those(control, fresh, true, deadline, patience) || !end_those(control, fresh, false, deadline, patience))
        return leat_fail(err, LEAT_STOP, "a connector that the new files change does not end within %lld s",
                         (long long)(3 * timeout_us / 1000000));
    remove_those(control, fresh);
    size_t kept = control->count;
    add_those(control, fresh);
    say_orphans(control);
    *reloaded = (struct leat_reloaded){kept, before - kept, control->count - kept};
    enum leat_status status = orders_load(control, err);
    leat_bell_ring(&control->bell);
    return status;
}
