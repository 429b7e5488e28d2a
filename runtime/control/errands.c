/* errands.c - what an operator asks for that is written into a log. */
#include <control/inside.h>

#include <control/letters.h>

/* The lock is not held while the task works: a request outlives it. */
static enum leat_status again(void *arg, const char *connector, struct leat_batch *batch,
                              const struct leat_state *states, size_t count, struct leat_error *err)
{
    struct leat_control *control = arg;
    struct again *asked = NULL;
    leat_lock_take(&control->lock);
    for (size_t i = 0; !asked && i < control->count; i++)
        if (control->tasks[i].is_source && strcmp(control->tasks[i].config.connector->name, connector) == 0)
            asked = leat_task_ask_again(control->tasks[i].task, batch, states, count);
    leat_lock_give(&control->lock);
    return asked ? leat_task_await_again(asked, err)
                 : leat_fail(err, LEAT_STOP, "%s does not run: only its source can take its letters again", connector);
}

void leat_control_letters(struct leat_control *control, struct leat_letters *letters)
{
    *letters = (struct leat_letters){.driver = control->driver, .access = control->access, .config = control->config,
                                     .again = again, .arg = control};
}
