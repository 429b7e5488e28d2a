/* errands.c - what an operator asks for that is written into a log. */
#include <control/inside.h>

#include <control/letters.h>
#include <control/replay.h>

/* The lock is not held while the task works: a request outlives it. */
static enum leat_status again(void *arg, const char *connector, struct leat_batch *batch, bool is_undecoded,
                              const struct leat_state *states, size_t count, struct leat_error *err)
{
    struct leat_control *control = arg;
    struct again *asked = NULL;
    leat_lock_take(&control->lock);
    for (size_t i = 0; !asked && i < control->count; i++)
        if (control->tasks[i].is_source && strcmp(control->tasks[i].config.connector->name, connector) == 0)
            asked = leat_task_ask_again(control->tasks[i].task, batch, is_undecoded, states, count);
    leat_lock_give(&control->lock);
    return asked ? leat_task_await_again(asked, err)
                 : leat_fail(err, LEAT_STOP, "%s does not run: only its source can take its letters again", connector);
}

enum leat_status leat_control_command(struct leat_control *control, const char *pipeline, const struct leat_value *ask,
                                      struct leat_error *err)
{
    struct command *asked = NULL;
    leat_lock_take(&control->lock);
    for (size_t i = 0; !asked && i < control->count; i++)
        if (control->tasks[i].is_source && strcmp(control->tasks[i].config.connector->name, pipeline) == 0)
            asked = leat_task_ask_command(control->tasks[i].task, ask);
    leat_lock_give(&control->lock);
    return asked ? leat_task_await_command(asked, err)
                 : leat_fail(err, LEAT_REJECT, "there is no source \"%s\" that runs and takes such orders; `leat status` shows what runs",
                             pipeline);
}

/* That of now: a reload replaces it; those of before live as long as the control. */
static const struct leat_config *present(struct leat_control *control)
{
    leat_lock_take(&control->lock);
    const struct leat_config *config = control->config;
    leat_lock_give(&control->lock);
    return config;
}

void leat_control_letters(struct leat_control *control, struct leat_letters *letters)
{
    leat_lock_take(&control->lock);
    *letters = (struct leat_letters){.driver = control->driver, .access = control->access, .config = control->config,
                                     .again = again, .arg = control};
    leat_lock_give(&control->lock);
}

/* ---- leat replay ---- */

struct sending {
    struct leat_control *control;
    struct leat_bytes *report;
};

static bool is_wanted(struct leat_control *control, const char *sink)
{
    bool is_wanted = false;
    leat_lock_take(&control->lock);
    for (size_t i = 0; i < control->count; i++)
        if (strcmp(control->tasks[i].config.connector->name, sink) == 0)
            is_wanted = control->tasks[i].wanted == WANT_RUNNING;
    leat_lock_give(&control->lock);
    return is_wanted;
}

/* A sink looks for a claim when it opens. */
static void begin_anew(void *arg, const char *sink)
{
    struct sending *sending = arg;
    struct leat_error err;
    bool is_done = is_wanted(sending->control, sink) &&
                   leat_control_order(sending->control, sink, LEAT_ORDER_RESTART, &err) == LEAT_OK;
    leat_bytes_printf(sending->report, is_done ? "%s is sent back, and begins anew\n"
                                               : "%s is sent back: it goes there when it runs again\n", sink);
}

enum leat_status leat_control_replay(struct leat_control *control, const char *name, const char *from,
                                     struct leat_bytes *report, struct leat_error *err)
{
    struct leat_replay replay = {control->driver, control->access, present(control)};
    struct sending sending = {control, report};
    return leat_replay_write(&replay, name, from, begin_anew, &sending, err);
}
