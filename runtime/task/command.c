/* command.c - an operator's order to a source that runs: `leat snapshot`.
 *
 *   who asks            leat_task_ask_command()   leaves it at the task; leat_task_await_command() waits
 *   the owner thread    command_take()            between two polls
 *
 * It belongs to both: who asks may give up while the owner has not begun, and the task may go.
 */
#include <task/inside.h>

#include <base/memory.h>
#include <stdlib.h>

#define WAIT_US 15000000

struct command {
    struct leat_lock lock;
    struct leat_cond done;
    const struct leat_value *ask; /* the asker's; not touched once it is WITHDRAWN */
    enum { LEFT, BEGUN, DONE, WITHDRAWN } state;
    enum leat_status status;
    struct leat_error err;
    int owners;
};

static void release(struct command *command)
{
    leat_lock_take(&command->lock);
    bool is_last = --command->owners == 0;
    leat_lock_give(&command->lock);
    if (!is_last)
        return;
    leat_cond_fini(&command->done);
    leat_lock_fini(&command->lock);
    free(command);
}

/* ---- who asks ---- */

struct command *leat_task_ask_command(struct leat_task *task, const struct leat_value *ask)
{
    struct command *command = leat_calloc(1, sizeof *command);
    command->ask = ask;
    command->owners = 2;
    leat_lock_init(&command->lock, "command", LEAT_RANK_MAILBOX);
    leat_cond_init(&command->done);
    leat_lock_take(&task->lock);
    bool is_taken = task->takes_again && !task->command && task->connector->source->command;
    if (is_taken)
        task->command = command;
    leat_lock_give(&task->lock);
    leat_task_wake(task);
    if (is_taken)
        return command;
    command->owners = 1;
    release(command);
    return NULL;
}

enum leat_status leat_task_await_command(struct command *command, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    leat_lock_take(&command->lock);
    while (command->state != DONE) {
        if (command->state == BEGUN)
            leat_cond_wait(&command->done, &command->lock);
        else if (!leat_cond_wait_until(&command->done, &command->lock, deadline) && command->state == LEFT)
            break;
    }
    bool is_done = command->state == DONE;
    if (!is_done)
        command->state = WITHDRAWN;
    enum leat_status status = command->status;
    *err = command->err;
    leat_lock_give(&command->lock);
    release(command);
    return is_done ? status : leat_fail(err, LEAT_REJECT, "the source does not come to it: `leat status` tells why");
}

/* ---- the owner ---- */

static struct command *pick_up(struct leat_task *task)
{
    leat_lock_take(&task->lock);
    struct command *command = task->command;
    task->command = NULL;
    leat_lock_give(&task->lock);
    if (!command)
        return NULL;
    leat_lock_take(&command->lock);
    bool is_left = command->state == LEFT;
    if (is_left)
        command->state = BEGUN;
    leat_lock_give(&command->lock);
    if (is_left)
        return command;
    release(command);
    return NULL;
}

static void finish(struct command *command, enum leat_status status, const struct leat_error *err)
{
    leat_lock_take(&command->lock);
    command->state = DONE;
    command->status = status;
    command->err = *err;
    leat_cond_broadcast(&command->done);
    leat_lock_give(&command->lock);
    release(command);
}

void command_take(struct leat_task *task)
{
    struct leat_error err = {.text = ""};
    struct command *command = pick_up(task);
    if (command)
        finish(command, task->connector->source->command(task->self, task, command->ask, &err), &err);
}

void command_close(struct leat_task *task)
{
    struct leat_error err;
    struct command *command = pick_up(task);
    if (command)
        finish(command, leat_fail(&err, LEAT_REJECT, "%s has ended", leat_task_name(task)), &err);
}
