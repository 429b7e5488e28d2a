#include <cli/cli.h>

#include <admin/admin.h>
#include <base/clock.h>
#include <base/logger.h>
#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the process ---- */

static void raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* sd_notify(3) without its library: one datagram to the socket that the environment names. */
static void notify_supervisor(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path)
        return;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = leat_os->socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0 && leat_os->connect(fd, (struct sockaddr *)&address, len) == 0)
        leat_os->send(fd, state, strlen(state), 0);
    if (fd >= 0)
        leat_os->close(fd);
}

/* Signals come through a descriptor, to the main thread alone: all threads are started with them blocked. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int next_signal(int fd)
{
    struct signalfd_siginfo info;
    return leat_os->read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

/* ---- one run of one configuration ---- */

struct running {
    struct leat_control *control;
    struct leat_admin *admin;
};

static void use_logger(const struct leat_config *config)
{
    struct leat_logger_config logger = {STDERR_FILENO, config->logger.is_json, (enum leat_level)config->logger.level};
    leat_logger_use(&logger);
}

static enum leat_status start(struct running *running, const struct leat_config *config, bool is_once, struct leat_error *err)
{
    *running = (struct running){.control = NULL};
    use_logger(config);
    enum leat_status status = leat_control_start(&running->control, config, is_once, err);
    if (status == LEAT_OK)
        status = leat_admin_open(&running->admin, running->control, config, err);
    if (status != LEAT_OK && running->control)
        leat_control_close(running->control);
    return status;
}

static void end(struct running *running)
{
    leat_admin_close(running->admin);
    leat_control_close(running->control);
}

typedef bool control_is(struct leat_control *control);

/* A second signal ends the process at once. */
static void wait_until(struct running *running, control_is *is_so, struct leat_time deadline, int signals)
{
    while (!is_so(running->control) && !leat_is_past(deadline))
        if (leat_control_wait(running->control, signals, deadline) && next_signal(signals) != SIGHUP)
            _exit(leat_control_exit_status(running->control));
}

/* Asked to stop: sources first, then sinks when they have what the sources brought; in all at most so long. A second signal
 * ends the process at once (nothing is lost: what is not durable is read again). */
static void drain(struct running *running, const struct leat_config *config, int signals)
{
    struct leat_time deadline = leat_after_us(config->shutdown_timeout_us);
    struct leat_time drained_by = leat_after_us(config->shutdown_timeout_us / 5 * 4); /* the rest is for settling */
    leat_control_stop_sources(running->control, deadline);
    wait_until(running, leat_control_is_drained, drained_by, signals);
    leat_control_stop(running->control, deadline);
    wait_until(running, leat_control_is_over, deadline, signals);
}

enum outcome { IS_OVER, IS_STOPPED, IS_TO_RELOAD };

static enum outcome watch(struct running *running, const struct leat_config *config, int signals)
{
    for (;;) {
        bool has_signal = leat_control_wait(running->control, signals, LEAT_NEVER);
        int number = has_signal ? next_signal(signals) : 0;
        if (number == SIGHUP)
            return IS_TO_RELOAD;
        if (number) {
            notify_supervisor("STOPPING=1");
            drain(running, config, signals);
            return IS_STOPPED;
        }
        if (leat_control_is_over(running->control))
            return IS_OVER;
    }
}

/* Definitions that tasks may still run by; the last ones are the present ones. */
struct loads {
    struct loaded *items;
    size_t count;
    unsigned reloads; /* said with each: equal lines would be said once */
};

static const struct leat_config *present(const struct loads *loads)
{
    return loads->items[loads->count - 1].config;
}

static void loads_add(struct loads *loads, const struct loaded *fresh)
{
    loads->items = leat_realloc(loads->items, (loads->count + 1) * sizeof *loads->items);
    loads->items[loads->count++] = *fresh;
}

static void loads_drop(struct loads *loads)
{
    while (loads->count > 0)
        unload(&loads->items[--loads->count]);
}

/* SIGHUP: files that are wrong change nothing. Of right ones the pipelines that differ take over, and the others go on; where
 * more than pipelines differs, all begin anew once what runs has drained. */
static bool reload(struct running *running, struct loads *loads, const struct arguments *files, int signals,
                   struct leat_error *err)
{
    struct loaded fresh;
    struct leat_reloaded reloaded;
    unsigned number = ++loads->reloads;
    leat_say(LEAT_INFO, NULL, "reload %u: reading the pipeline files", number);
    if (load_files(&fresh, files, false) != EXIT_DONE) {
        leat_say(LEAT_ERROR, NULL, "reload %u: the pipeline files are wrong; going on as before", number);
        return true;
    }
    bool can_reload = leat_control_can_reload(running->control, fresh.config);
    if (!can_reload) {
        leat_say(LEAT_INFO, NULL, "reload %u: more than pipelines has changed: all begin anew", number);
        drain(running, present(loads), signals);
        end(running);
        loads_drop(loads);
    }
    loads_add(loads, &fresh);
    if (!can_reload)
        return start(running, fresh.config, false, err) == LEAT_OK;
    use_logger(fresh.config);
    if (leat_control_reload(running->control, fresh.config, &reloaded, err) != LEAT_OK) {
        end(running);
        return false;
    }
    leat_say(LEAT_INFO, NULL, "reload %u: of the connectors' tasks %zu go on, %zu have ended, %zu begin", number,
             reloaded.kept, reloaded.ended, reloaded.begun);
    return true;
}

static int run_loaded(struct loads *loads, const struct arguments *files, bool is_once)
{
    struct leat_error err;
    struct running running;
    int signals = open_signals();
    if (signals < 0) {
        leat_fail(&err, LEAT_STOP, "cannot watch signals: %s", strerror(errno));
        return fail_with(&err);
    }
    if (start(&running, present(loads), is_once, &err) != LEAT_OK)
        return fail_with(&err);
    notify_supervisor("READY=1");
    while (watch(&running, present(loads), signals) == IS_TO_RELOAD)
        if (!reload(&running, loads, files, signals, &err))
            return fail_with(&err);
    int exit_status = leat_control_exit_status(running.control);
    end(&running);
    leat_os->close(signals);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    bool is_once = false;
    const struct flag flags[] = {
        {"once", NULL, NULL, &is_once, "Snapshot if due, each source up to its present end, sinks to theirs; then exit."},
        {0}};
    struct arguments arguments;
    struct loaded loaded;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count == 0)
        return usage_error(verb, "which FILE?");
    mallopt(M_ARENA_MAX, 2); /* many threads with few allocations: one heap each would only cost memory */
    raise_files();
    exit_status = load_files(&loaded, &arguments, false);
    if (exit_status != EXIT_DONE)
        return exit_status;
    struct loads loads = {NULL, 0, 0};
    loads_add(&loads, &loaded);
    exit_status = run_loaded(&loads, &arguments, is_once);
    loads_drop(&loads);
    free(loads.items);
    return exit_status;
}

const struct verb verb_run = {"run", "FILE...", "Runs pipelines until stopped.", run};
