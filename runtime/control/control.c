#include <control/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <base/hash.h>
#include <control/builtin.h>
#include <control/datadir.h>
#include <control/orphans.h>
#include <oms/access.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORN_OUT_LOOK_US 200000 /* how often finished sinks are looked for */

static void task_changed(void *arg, struct leat_task *task)
{
    struct leat_control *control = arg;
    (void)task;
    leat_bell_ring(&control->bell);
}

/* ---- start ---- */

static size_t tasks_of(const struct leat_pipeline_def *pipeline)
{
    size_t count = pipeline->source ? 1 : 0;
    for (size_t i = 0; i < pipeline->sink_count; i++)
        count += pipeline->sinks[i].parallel > 1 ? pipeline->sinks[i].parallel : 1;
    return count;
}

size_t count_tasks(const struct leat_config *config)
{
    size_t tasks = 0;
    for (size_t i = 0; i < config->pipeline_count; i++)
        tasks += tasks_of(&config->pipelines[i]);
    return tasks;
}

static void add_connector(struct leat_control *control, const struct leat_pipeline_def *pipeline,
                          const struct leat_connector_def *connector, int64_t memory_bytes)
{
    uint32_t count = connector->parallel > 1 ? connector->parallel : 1;
    for (uint32_t number = 0; number < count; number++) {
        struct leat_task_config config = {
            .pipeline = pipeline,
            .connector = connector,
            .number = number,
            .count = count,
            .access = control->access,
            .driver = control->driver,
            .memory_bytes = memory_bytes,
            .changed = task_changed,
            .arg = control,
        };
        control->tasks[control->count++] =
            (struct running){.config = config,
                             .is_source = connector->source != NULL,
                             .slot = leat_slot_of(pipeline->name, connector->name, number)};
    }
}

void add_pipeline(struct leat_control *control, const struct leat_pipeline_def *pipeline, int64_t memory_bytes)
{
    for (size_t k = 0; k < pipeline->sink_count; k++)
        add_connector(control, pipeline, &pipeline->sinks[k], memory_bytes);
    if (pipeline->source)
        add_connector(control, pipeline, pipeline->source, memory_bytes);
}

/* All sinks first: a source must find its readers there, and retention their places. */
static void add_connectors(struct leat_control *control)
{
    const struct leat_config *config = control->config;
    size_t tasks = count_tasks(config);
    control->tasks = leat_calloc(tasks ? tasks : 1, sizeof *control->tasks);
    int64_t memory_bytes = config->memory / (int64_t)(tasks ? tasks : 1);
    for (size_t i = 0; i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &config->pipelines[i];
        for (size_t k = 0; k < pipeline->sink_count; k++)
            add_connector(control, pipeline, &pipeline->sinks[k], memory_bytes);
    }
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (config->pipelines[i].source)
            add_connector(control, &config->pipelines[i], config->pipelines[i].source, memory_bytes);
}

static void make_tasks(struct leat_control *control, bool is_once)
{
    uint32_t sources = 0; /* that will run */
    for (size_t i = 0; i < control->count; i++)
        sources += control->tasks[i].is_source && control->tasks[i].wanted == WANT_RUNNING;
    control->once = is_once ? leat_once_new(sources) : NULL;
    for (size_t i = 0; i < control->count; i++) {
        control->tasks[i].config.once = control->once;
        control->tasks[i].task = leat_task_new(&control->tasks[i].config);
    }
}

/* "host-1a2b3c4d": the same after a restart, another one for another data directory. */
static void name_instance(struct leat_control *control)
{
    char host[200] = "";
    const struct leat_config *config = control->config;
    gethostname(host, sizeof host - 1);
    if (config->coordinator.instance)
        snprintf(control->instance, sizeof control->instance, "%s", config->coordinator.instance);
    else
        snprintf(control->instance, sizeof control->instance, "%s-%08x", host[0] ? host : "leat",
                 (unsigned)leat_hash(config->data, strlen(config->data), 0));
}

static enum leat_status join(struct leat_control *control, bool is_once, struct leat_error *err)
{
    const struct leat_config *config = control->config;
    const char *kind = config->coordinator.kind ? config->coordinator.kind : leat_coordinator_single.name;
    const struct leat_coordinator_type *type = leat_coordinator_find(kind);
    if (!type)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "there is no coordinator \"%s\"", kind);
    if (is_once && type->leave)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "--once has no end where several processes share the tasks: run it with coordinator: single");
    name_instance(control);
    if (type->leave && strcmp(type->name, control->driver->name) != 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "coordinator: %s shares topics of oms:%s, but they are in %s",
                            kind, kind, config->topics);
    struct leat_coordinator_config settings = {
        .access = control->access, .instance = control->instance, .session_us = config->coordinator.session_us};
    return share_open(control, type, &settings, err);
}

static void say_held(const struct running *running)
{
    bool is_paused = running->wanted == WANT_PAUSED;
    leat_say(LEAT_WARNING, running->config.connector->name, "%s, as it was asked for; `leat resume %s` starts it",
             is_paused ? "paused" : "stopped", running->config.connector->name);
}

static bool has_subscription(const struct leat_config *config)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (!config->pipelines[i].source)
            return true;
    return false;
}

/* A `subscribe` pipeline reads all logs that there are: those of this run are made before it looks. */
static void make_logs(struct leat_control *control, const struct leat_config *config)
{
    for (size_t i = 0; i < config->pipeline_count; i++) {
        const char *const logs[] = {config->pipelines[i].log, NULL};
        struct leat_subscription what = {.logs = logs};
        struct leat_reader *reader;
        struct leat_splits splits;
        struct leat_error ignored; /* who needs the log says what is wrong with it */
        if (config->pipelines[i].source &&
            control->driver->reader_open(control->access, &what, &reader, &splits, &ignored) == LEAT_OK)
            control->driver->reader_close(reader);
    }
}

static enum leat_status start_tasks(struct leat_control *control, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (has_subscription(control->config))
        make_logs(control, control->config);
    share_look(control);
    for (size_t i = 0; status == LEAT_OK && i < control->count; i++) {
        struct running *running = &control->tasks[i];
        if (!running->is_ours)
            continue;
        if (running->wanted != WANT_RUNNING) {
            say_held(running);
            continue;
        }
        status = leat_task_start(running->task, err);
        running->is_started = status == LEAT_OK;
    }
    share_tell(control);
    return status;
}

struct sum {
    uint64_t topics, bytes;
};

static void add_topic(void *arg, const struct leat_topic_info *info)
{
    struct sum *sum = arg;
    sum->topics++;
    sum->bytes += info->bytes;
}

/* "leat 0.1.0: data ./leat-data (12 topics, 1.2 GiB, 40 GiB free), admin ./leat-data/admin.sock" */
static void say_hello(struct leat_control *control)
{
    char bytes[32], room[32];
    struct sum sum = {0};
    struct statvfs st;
    struct leat_error err;
    const struct leat_config *config = control->config;
    control->driver->describe(control->access, add_topic, NULL, &sum, &err);
    uint64_t free_bytes = leat_os->statvfs(config->data, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
    leat_say(LEAT_INFO, NULL, "leat " LEAT_VERSION ": data %s (%llu topics, %s, %s free), admin %s/admin.sock%s%s",
             config->data, (unsigned long long)sum.topics, leat_text_size(bytes, sum.bytes),
             leat_text_size(room, free_bytes), config->data, config->admin ? " and " : "",
             config->admin ? config->admin : "");
}

static void say_orphan(void *arg, const struct leat_consumer_info *orphan)
{
    struct leat_bytes text;
    (void)arg;
    leat_bytes_init(&text, 2000);
    leat_orphan_text(&text, orphan);
    leat_say(LEAT_WARNING, orphan->name, "orphaned: %.*s", (int)text.len, (const char *)text.data);
    leat_bytes_fini(&text);
}

void say_orphans(struct leat_control *control)
{
    leat_control_orphans(control, say_orphan, NULL);
}

enum leat_status leat_control_start(struct leat_control **control, const struct leat_config *config, bool is_once,
                                    struct leat_error *err)
{
    struct leat_control *made = leat_calloc(1, sizeof *made);
    made->config = config;
    made->lock_fd = -1;
    made->bell.fd = -1;
    leat_lock_init(&made->lock, "control", LEAT_RANK_CONTROL);
    enum leat_status status = leat_bell_open(&made->bell, err);
    if (status == LEAT_OK)
        status = leat_datadir_hold(config->data, &made->lock_fd, err);
    if (status == LEAT_OK)
        status = leat_access_open(config->topics, config->data, false, &made->driver, &made->access, err);
    if (status == LEAT_OK) {
        say_hello(made);
        say_orphans(made);
        add_connectors(made);
        status = orders_load(made, err);
    }
    if (status == LEAT_OK) {
        make_tasks(made, is_once);
        status = join(made, is_once, err);
    }
    if (status == LEAT_OK)
        status = start_tasks(made, err);
    if (status != LEAT_OK) {
        leat_control_close(made);
        return status;
    }
    *control = made;
    return LEAT_OK;
}

/* ---- while it runs ---- */

/* One line when a connector stalls, one when it goes on. */
static void watch_stalls(struct leat_control *control)
{
    for (size_t i = 0; i < control->count; i++) {
        struct running *running = &control->tasks[i];
        struct leat_task_status status;
        leat_task_status(running->task, &status);
        bool is_stalled = status.state == LEAT_TASK_STALLED;
        if (is_stalled && !running->is_stalled)
            leat_say(LEAT_WARNING, status.name, "stalled: %s", status.stalled);
        else if (!is_stalled && running->is_stalled && status.state == LEAT_TASK_RUNNING)
            leat_say(LEAT_INFO, status.name, "no longer stalled");
        running->is_stalled = is_stalled;
    }
}

bool leat_control_wait(struct leat_control *control, int fd, struct leat_time deadline)
{
    struct pollfd fds[3] = {{.fd = control->bell.fd, .events = POLLIN},
                            {.fd = fd, .events = POLLIN},
                            {.fd = share_fd(control), .events = POLLIN}};
    int64_t left_ms = (deadline.ns - leat_now().ns) / 1000000 + 1;
    int64_t look_ms = WORN_OUT_LOOK_US / 1000;
    left_ms = left_ms < 0 ? 0 : left_ms;
    leat_os->poll(fds, 3, (int)(left_ms < look_ms ? left_ms : look_ms));
    leat_bell_clear(&control->bell);
    share_look(control);
    holds_look(control);
    orders_carry_out(control);
    watch_stalls(control);
    share_tell(control);
    return fds[1].revents != 0;
}

#define LANES_STOP_US 10000000

/* True once all sources have ended. */
static bool have_sources_ended(struct leat_control *control)
{
    bool has_source = false;
    for (size_t i = 0; i < control->count; i++) {
        if (!control->tasks[i].is_source)
            continue;
        if (!is_at_rest(control, &control->tasks[i]))
            return false;
        has_source = true;
    }
    if (has_source && control->sources_ended_at.ns == 0) {
        control->sources_ended_at = leat_now();
        for (size_t i = 0; i < control->count; i++) /* so that they look at their lag now */
            leat_task_wake(control->tasks[i].task);
    }
    return has_source;
}

/* Where others share the tasks it runs for as long as it is wanted: tasks come and go. */
static bool is_shared_over(const struct leat_control *control)
{
    return (control->is_stopping || control->share.status != LEAT_OK) && share_is_idle(control);
}

/* A lane that has failed ends its connector: the others would wait for it where lanes meet. */
static void stop_lanes_of(struct leat_control *control, size_t failed, const char *name)
{
    for (size_t i = 0; i < control->count; i++) {
        struct leat_task_status status;
        leat_task_status(control->tasks[i].task, &status);
        if (i != failed && !control->tasks[i].is_source && strcmp(status.name, name) == 0 && !is_ended(status.state))
            leat_task_stop(control->tasks[i].task, leat_after_us(LANES_STOP_US));
    }
}

bool leat_control_is_over(struct leat_control *control)
{
    bool are_all_ended = true, is_all_read = have_sources_ended(control);
    for (size_t i = 0; i < control->count; i++) {
        struct leat_task_status status;
        leat_task_status(control->tasks[i].task, &status);
        bool ended = is_at_rest(control, &control->tasks[i]);
        if (status.state == LEAT_TASK_FAILED && !control->tasks[i].is_source)
            stop_lanes_of(control, i, status.name);
        if (is_ended(status.state) && status.cause == LEAT_CAUSE_DISK && status.state == LEAT_TASK_FAILED)
            return true;
        are_all_ended = are_all_ended && ended;
        /* A lag that was measured before the sources' end says nothing of what they wrote last. */
        bool is_new = status.lag_at.ns > control->sources_ended_at.ns;
        if (!control->tasks[i].is_source)
            is_all_read = is_all_read && (ended || (is_new && status.lag.records == 0));
    }
    if (share_has_others(control))
        return is_shared_over(control);
    return are_all_ended || (is_all_read && !control->once);
}

static void control_is_ending(struct leat_control *control)
{
    if (!control->is_stopping)
        control->shared_exit_status = leat_control_exit_status(control);
    leat_lock_take(&control->lock);
    control->is_stopping = true;
    leat_lock_give(&control->lock);
}

void leat_control_stop_sources(struct leat_control *control, struct leat_time deadline)
{
    bool is_shared = share_has_others(control);
    control_is_ending(control);
    share_leave(control);
    for (size_t i = 0; i < control->count; i++)
        if (control->tasks[i].is_source || is_shared) /* others go on with what our sources brought */
            leat_task_stop(control->tasks[i].task, deadline);
}

static bool has_source(const struct leat_control *control)
{
    bool has = false;
    for (size_t i = 0; i < control->count; i++)
        has = has || control->tasks[i].is_source;
    return has;
}

bool leat_control_is_drained(struct leat_control *control)
{
    if (!has_source(control) || share_has_others(control))
        return true;
    if (!have_sources_ended(control))
        return false;
    for (size_t i = 0; i < control->count; i++) {
        struct leat_task_status status;
        leat_task_status(control->tasks[i].task, &status);
        bool is_new = status.lag_at.ns > control->sources_ended_at.ns;
        bool has_all = is_at_rest(control, &control->tasks[i]) || status.state == LEAT_TASK_WAITING ||
                       status.state == LEAT_TASK_STALLED || (is_new && status.lag.records == 0);
        if (!control->tasks[i].is_source && !has_all)
            return false;
    }
    return true;
}

void leat_control_stop(struct leat_control *control, struct leat_time deadline)
{
    control_is_ending(control);
    share_leave(control);
    for (size_t i = 0; i < control->count; i++)
        leat_task_stop(control->tasks[i].task, deadline);
}

int leat_control_exit_status(struct leat_control *control)
{
    static const enum leat_cause order[] = {LEAT_CAUSE_DISK, LEAT_CAUSE_DAMAGED, LEAT_CAUSE_FENCED, LEAT_CAUSE_CONFIG,
                                            LEAT_CAUSE_BREAKER, LEAT_CAUSE_OTHER};
    size_t best = sizeof order / sizeof *order;
    if (control->share.status != LEAT_OK)
        return (int)control->share.error.cause;
    if (control->is_stopping && share_has_others(control))
        return control->shared_exit_status;
    for (size_t i = 0; i < control->count; i++) {
        struct leat_task_status status;
        leat_task_status(control->tasks[i].task, &status);
        if (status.state != LEAT_TASK_FAILED && status.state != LEAT_TASK_FENCED)
            continue;
        if (share_is_fenced_for_now(control, &control->tasks[i]))
            continue;
        enum leat_cause cause = status.state == LEAT_TASK_FENCED ? LEAT_CAUSE_FENCED : status.cause;
        for (size_t k = 0; k < best; k++)
            if (order[k] == cause || order[k] == LEAT_CAUSE_OTHER)
                best = k;
    }
    return best < sizeof order / sizeof *order ? (int)order[best] : 0;
}

void leat_control_each(struct leat_control *control, leat_control_f *each, void *arg)
{
    leat_lock_take(&control->lock);
    for (size_t i = 0; i < control->count; i++) {
        struct leat_task_status status;
        running_status(&control->tasks[i], &status);
        if (share_has_others(control) && control->tasks[i].is_ours)
            status.instance = control->instance;
        each(arg, &status, control->tasks[i].is_source);
    }
    leat_lock_give(&control->lock);
}

void leat_control_orphans(struct leat_control *control, leat_consumer_f *each, void *arg)
{
    leat_lock_take(&control->lock);
    const struct leat_config *config = control->config; /* outlives the control, also when another one follows */
    leat_lock_give(&control->lock);
    leat_orphans(config, control->driver, control->access, each, arg);
}

void leat_control_close(struct leat_control *control)
{
    for (size_t i = 0; i < control->count && control->tasks[i].task; i++)
        leat_task_stop(control->tasks[i].task, leat_now());
    for (size_t i = 0; i < control->count && control->tasks[i].task; i++) {
        leat_task_join(control->tasks[i].task);
        leat_task_free(control->tasks[i].task);
    }
    share_close(control);
    free(control->tasks);
    if (control->once)
        leat_once_free(control->once);
    if (control->access)
        control->driver->close(control->access);
    leat_datadir_release(control->lock_fd);
    leat_bell_close(&control->bell);
    leat_lock_fini(&control->lock);
    free(control);
}
