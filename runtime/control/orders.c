/* orders.c - what an operator asks of single connectors while all others go on.
 *
 *   leat_control_order()   any thread: looks the names up, makes it durable, rings the bell
 *   orders_carry_out()     main thread: stops tasks that are not wanted, makes those anew that are wanted again
 *
 * DATA/control/wanted holds a line "shop.archive paused" for each connector that is not to run: it outlives the process.
 */
#include <control/inside.h>

#include <base/buffer.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WANTED_MAX ((size_t)4 << 20)

static const char *const words[] = {[WANT_RUNNING] = "running", [WANT_PAUSED] = "paused", [WANT_STOPPED] = "stopped"};

/* ---- what is kept ---- */

static char *wanted_path(const struct leat_control *control)
{
    return leat_format_dup("%s/control/wanted", control->config->data);
}

static void take_wanted(struct leat_control *control, const char *line)
{
    char name[160], word[16];
    if (sscanf(line, "%159s %15s", name, word) != 2)
        return;
    for (size_t i = 0; i < control->count; i++)
        for (size_t k = WANT_PAUSED; k <= WANT_STOPPED; k++)
            if (strcmp(control->tasks[i].config.connector->name, name) == 0 && strcmp(words[k], word) == 0)
                control->tasks[i].wanted = (enum wanted)k;
}

enum leat_status orders_load(struct leat_control *control, struct leat_error *err)
{
    char *path = wanted_path(control), *text = NULL, *rest = NULL;
    size_t len;
    enum leat_status status = LEAT_OK;
    if (leat_os_read_file(leat_os, path, WANTED_MAX, &text, &len))
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            take_wanted(control, line);
    else if (errno != ENOENT)
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    free(text);
    free(path);
    return status;
}

/* Lock held: orders come one by one, and so do their files. */
static enum leat_status keep_wanted(const struct leat_control *control, struct leat_error *err)
{
    struct leat_bytes text;
    char *dir = leat_format_dup("%s/control", control->config->data), *path = wanted_path(control);
    leat_bytes_init(&text, WANTED_MAX);
    for (size_t i = 0; i < control->count; i++)
        if (control->tasks[i].wanted != WANT_RUNNING && control->tasks[i].config.number == 0)
            leat_bytes_printf(&text, "%s %s\n", control->tasks[i].config.connector->name,
                              words[control->tasks[i].wanted]);
    enum leat_status status = LEAT_OK;
    if (!leat_os_make_dirs(leat_os, dir) || !leat_os_replace_file(leat_os, path, text.data, text.len, 0600))
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    leat_bytes_fini(&text);
    free(path);
    free(dir);
    return status;
}

/* ---- taking an order ---- */

/* "shop" is the connector of that name, or all of a pipeline that has none; "shop.*" all sinks of the pipeline. */
static bool is_meant(const struct running *running, const char *name)
{
    const char *pipeline = running->config.pipeline->name;
    size_t len = strlen(pipeline);
    if (strcmp(running->config.connector->name, name) == 0)
        return true;
    if (strncmp(name, pipeline, len) != 0)
        return false;
    return strcmp(name + len, ".*") == 0 ? !running->is_source
                                         : name[len] == '\0' && !running->config.pipeline->source;
}

static enum leat_status unknown(const struct leat_control *control, const char *name, struct leat_error *err)
{
    const char **names = leat_calloc(control->count + 1, sizeof *names);
    for (size_t i = 0; i < control->count; i++)
        names[i] = control->tasks[i].config.connector->name;
    const char *meant = leat_did_you_mean(name, names, control->count);
    free(names);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "no connector is named \"%s\"%s%s%s", name,
                        meant ? "; did you mean \"" : "; `leat status` shows all", meant ? meant : "",
                        meant ? "\"?" : "");
}

/* Lock held. Who is held goes on with the one that holds it. */
static const struct running *find_held(const struct leat_control *control, const char *name)
{
    const struct running *held = NULL;
    for (size_t i = 0; i < control->count; i++)
        if (is_meant(&control->tasks[i], name) && !control->tasks[i].hold.by)
            return NULL;
        else if (is_meant(&control->tasks[i], name))
            held = &control->tasks[i];
    return held;
}

/* Lock held. */
static enum leat_status take(struct leat_control *control, const char *name, enum leat_order order,
                             struct leat_error *err)
{
    static const enum wanted wants[] = {[LEAT_ORDER_PAUSE] = WANT_PAUSED,
                                        [LEAT_ORDER_RESUME] = WANT_RUNNING,
                                        [LEAT_ORDER_RESTART] = WANT_RUNNING,
                                        [LEAT_ORDER_STOP] = WANT_STOPPED};
    uint32_t count = 0;
    if (control->once || control->is_stopping)
        return leat_fail(err, LEAT_STOP, control->once ? "a run with --once takes no orders" : "the run is ending");
    enum wanted *before = leat_calloc(control->count + 1, sizeof *before);
    for (size_t i = 0; i < control->count; i++) {
        before[i] = control->tasks[i].wanted;
        if (is_meant(&control->tasks[i], name)) {
            control->tasks[i].wanted = wants[order];
            count++;
        }
    }
    const struct running *held = wants[order] == WANT_RUNNING ? find_held(control, name) : NULL;
    enum leat_status status = count == 0 ? unknown(control, name, err)
                              : held     ? hold_say(&held->hold, err)
                                         : keep_wanted(control, err);
    for (size_t i = 0; i < control->count; i++) {
        if (status != LEAT_OK) /* what is not kept is not done */
            control->tasks[i].wanted = before[i];
        else if (is_meant(&control->tasks[i], name))
            control->tasks[i].is_again = order == LEAT_ORDER_RESTART;
    }
    free(before);
    return status;
}

enum leat_status leat_control_order(struct leat_control *control, const char *name, enum leat_order order,
                                    struct leat_error *err)
{
    leat_lock_take(&control->lock);
    enum leat_status status = take(control, name, order, err);
    leat_lock_give(&control->lock);
    leat_bell_ring(&control->bell);
    return status;
}

bool leat_order_by_name(const char *name, enum leat_order *order)
{
    static const char *const names[] = {[LEAT_ORDER_PAUSE] = "pause",
                                        [LEAT_ORDER_RESUME] = "resume",
                                        [LEAT_ORDER_RESTART] = "restart",
                                        [LEAT_ORDER_STOP] = "stop"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *order = (enum leat_order)i;
            return true;
        }
    return false;
}

/* ---- carrying it out ---- */

bool is_at_rest(struct leat_control *control, const struct running *running)
{
    struct leat_task_status status;
    leat_lock_take(&control->lock);
    leat_task_status(running->task, &status);
    bool is_over = !running->is_started || is_ended(status.state);
    bool is_stuck = running->hold.by && running->wanted == WANT_RUNNING; /* goes on by an order alone, as what has failed */
    bool is_held = running->wanted != WANT_RUNNING || !running->is_started || running->is_told || running->is_again;
    bool is_at_rest = is_over && (!is_held || is_stuck || control->is_stopping || control->once);
    leat_lock_give(&control->lock);
    return is_at_rest;
}

void running_status(const struct running *running, struct leat_task_status *status)
{
    leat_task_status(running->task, status);
    bool is_over = !running->is_started || is_ended(status->state);
    if (!running->is_ours && is_over) {
        status->state = LEAT_TASK_ELSEWHERE;
        status->lag = (struct leat_lag){-1, -1, -1}; /* it is known there */
    } else if (running->wanted != WANT_RUNNING && is_over) {
        status->state = running->wanted == WANT_PAUSED ? LEAT_TASK_PAUSED : LEAT_TASK_STOPPED;
    } else if (running->hold.by && is_over) {
        status->state = LEAT_TASK_STOPPED;
        hold_say(&running->hold, &status->error);
    } else if (running->is_told || running->is_again) {
        status->state = LEAT_TASK_STOPPING;
    }
}

/* Lock held. */
static void tell_to_stop(struct leat_control *control, struct running *running)
{
    leat_task_stop(running->task, leat_after_us(control->config->shutdown_timeout_us));
    running->is_told = true;
}

static void make_anew(struct leat_control *control, struct running *running)
{
    struct leat_error err;
    struct leat_task *old = running->task;
    leat_task_join(old);
    leat_lock_take(&control->lock);
    running->task = leat_task_new(&running->config);
    running->is_told = running->is_again = false;
    running->is_started = true;
    leat_lock_give(&control->lock);
    leat_task_free(old);
    if (leat_task_start(running->task, &err) != LEAT_OK)
        leat_say(LEAT_ERROR, running->config.connector->name, "%s", err.text);
    if (running->is_source)
        control->sources_ended_at = (struct leat_time){0};
}

static void carry_out(struct leat_control *control, struct running *running)
{
    struct leat_task_status status;
    leat_task_status(running->task, &status);
    bool is_over = !running->is_started || is_ended(status.state);
    leat_lock_take(&control->lock);
    bool is_wanted = running->wanted == WANT_RUNNING && running->is_ours && !running->hold.by;
    bool is_begun_anew = is_over && is_wanted && (running->is_told || running->is_again || !running->is_started);
    if (!is_over && !running->is_told && (!is_wanted || running->is_again))
        tell_to_stop(control, running);
    if (is_over && !is_wanted) /* the end of a task that is wanted again makes a new one */
        running->is_told = true;
    leat_lock_give(&control->lock);
    if (is_over && !running->is_ours)
        leat_task_leave(running->task);
    if (is_begun_anew)
        make_anew(control, running);
}

void orders_carry_out(struct leat_control *control)
{
    for (size_t i = 0; i < control->count && !control->is_stopping && !control->once; i++)
        carry_out(control, &control->tasks[i]);
}
