/* run.c - the lives. Each is a process: what happens in one can be killed, may crash, and leaves nothing in the next. */
#include <contract/inside.h>

#include <base/clock.h>
#include <base/logger.h>
#include <base/memory.h>
#include <base/os.h>
#include <config/tree.h>
#include <control/control.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIFE_US     120000000 /* of nobody is nothing heard for longer */
#define GRACE_US    10000000  /* beyond shutdown_timeout */
#define QUIET_US    500000    /* without a batch: there is no more to do in this life */
#define MOVES_MOST  12
#define NEVER_MOVES UINT64_MAX

enum end { STOPPED, KILLED, TO_THE_END };

static uint64_t draw(struct bench *bench, uint64_t below)
{
    bench->random = bench->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (bench->random >> 33) % below;
}

/* ---- in the child ---- */

static void be_a_child(void)
{
    struct leat_logger_config quiet = {STDERR_FILENO, false, LEAT_ERROR};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    leat_logger_use(&quiet);
}

/* Runs until it is over, or `stop_fd` is closed at the other end. */
static int live(const struct leat_config *config, bool is_once, int stop_fd)
{
    struct leat_control *control;
    struct leat_error err = {.text = ""};
    if (leat_control_start(&control, config, is_once, &err) != LEAT_OK) {
        fprintf(stderr, "leat: %s\n", err.text);
        return 1;
    }
    bool is_told = false;
    struct leat_time until = LEAT_NEVER;
    while (!leat_control_is_over(control) && !leat_is_past(until))
        if (leat_control_wait(control, is_told ? -1 : stop_fd, until) && !is_told) {
            is_told = true;
            leat_control_stop(control, leat_after_us(config->shutdown_timeout_us));
            until = leat_after_us(config->shutdown_timeout_us + GRACE_US);
        }
    int status = leat_control_exit_status(control);
    leat_control_close(control);
    return status;
}

/* ---- in the parent ---- */

static uint64_t moves_of(const struct bench *bench)
{
    uint64_t moves = 0;
    for (uint32_t i = 0; i < bench->count; i++)
        moves += __atomic_load_n(&bench->watched[i].moves, __ATOMIC_RELAXED);
    return moves;
}

static void blame(struct bench *bench, enum law law, const char *what)
{
    bool has_any = false;
    for (uint32_t i = 0; i < bench->count; i++)
        has_any = has_any || bench->watched[i].doing[0];
    for (uint32_t i = 0; i < bench->count; i++) {
        struct watched *watched = &bench->watched[i];
        if (watched->doing[0] || !has_any)
            law_try(watched, law, false, "%s%s%s", what, watched->doing[0] ? " in " : "", watched->doing);
    }
}

static void begin(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++) {
        law_try(&bench->watched[i], LAW_LIVES, true, "-");
        law_try(&bench->watched[i], LAW_ENDS, true, "-");
        watch_leave(&bench->watched[i]);
    }
}

/* Waits for the child's end; true when it came by the deadline. */
static bool await(pid_t child, int *status, struct leat_time deadline)
{
    for (;;) {
        pid_t ended = waitpid(child, status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR))
            return true;
        if (leat_is_past(deadline))
            return false;
        leat_os->poll(NULL, 0, 1);
    }
}

/* Until enough came to pass, nothing more does, or the life is over by itself. */
static bool await_moves(struct bench *bench, pid_t child, int *status, uint64_t wanted)
{
    int64_t patience_us = wanted == NEVER_MOVES ? LIFE_US : QUIET_US;
    struct leat_time deadline = leat_after_us(patience_us);
    for (uint64_t moves = moves_of(bench), before = moves; moves < wanted; moves = moves_of(bench)) {
        if (await(child, status, leat_after_us(500)))
            return true;
        if (moves != before)
            deadline = leat_after_us(patience_us);
        before = moves;
        if (leat_is_past(deadline))
            return false;
    }
    return false;
}

static int judge(struct bench *bench, int status, bool was_killed)
{
    char what[64];
    if (WIFSIGNALED(status) && !was_killed) {
        snprintf(what, sizeof what, "signal %d", WTERMSIG(status));
        blame(bench, LAW_LIVES, what);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One life of the pipelines of `config`; the exit status, -1: it was killed, or has crashed. */
static int lead_life(struct bench *bench, const struct leat_config *config, enum end end, uint64_t moves)
{
    int ends[2], status = 0;
    begin(bench);
    uint64_t wanted = end == TO_THE_END ? NEVER_MOVES : moves_of(bench) + moves;
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        be_a_child();
        close(ends[1]);
        _exit(live(config, end == TO_THE_END, ends[0]));
    }
    close(ends[0]);
    bool is_over = await_moves(bench, child, &status, wanted);
    bool was_killed = !is_over && end == KILLED;
    if (was_killed)
        kill(child, SIGKILL);
    close(ends[1]); /* the child's order to stop */
    if (!is_over && !await(child, &status, leat_after_us(config->shutdown_timeout_us + 2 * (int64_t)GRACE_US))) {
        blame(bench, LAW_ENDS, "it did not end");
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        was_killed = true;
    }
    return judge(bench, status, was_killed);
}

/* validate() of a plug-in whose options all have their defaults, in a process of its own. */
static void try_options(struct watched *watched)
{
    enum leat_status (*validate)(void *self, struct leat_error *err) =
        watched->is_source ? watched->source->validate : watched->sink->validate;
    static const struct leat_tree nothing = {.kind = LEAT_TREE_MAP};
    int status = 0;
    if (!validate)
        return;
    watch_enter(watched, "validate()");
    law_try(watched, LAW_OPTIONS, true, "-");
    pid_t child = fork();
    if (child == 0) {
        struct leat_error err = {.text = ""};
        struct leat_use use = *watched->use;
        be_a_child();
        use.tree = &nothing;
        void *self = leat_use_instance(&use);
        enum leat_status said = validate(self, &err);
        law_try(watched, LAW_OPTIONS, said == LEAT_OK || err.text[0], "it refuses its defaults and does not say why");
        leat_use_free(&use, self);
        self = leat_use_instance(watched->use);
        law_try(watched, LAW_OPTIONS, validate(self, &err) == LEAT_OK, "it takes the file's options once, and not twice");
        leat_use_free(watched->use, self);
        _exit(0);
    }
    if (!await(child, &status, leat_after_us(GRACE_US))) {
        law_try(watched, LAW_OPTIONS, false, "validate() does not return");
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    } else if (WIFSIGNALED(status)) {
        law_try(watched, LAW_OPTIONS, false, "signal %d in validate() of options that are all defaults", WTERMSIG(status));
    }
    watch_leave(watched);
}

static void try_driver(struct bench *bench, struct watched *driver, const char *dir)
{
    int status = 0;
    snprintf(driver->name, sizeof driver->name, "apart");
    pid_t child = fork();
    if (child == 0) {
        be_a_child();
        leat_os_make_dirs(leat_os, dir);
        drivers_try(driver, bench->config.topics, dir);
        _exit(0);
    }
    law_try(driver, LAW_LIVES, await(child, &status, leat_after_us(LIFE_US)), "its trial does not end");
    law_try(driver, LAW_LIVES, !WIFSIGNALED(status), "signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    kill(child, SIGKILL);
}

/* ---- all of it ---- */

static bool can_end(const struct leat_config *config)
{
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (config->pipelines[i].source && (config->pipelines[i].source->source->traits & LEAT_PUSH))
            return false;
    return true;
}

/* The sources alone, undisturbed: what they give then is what they have to give. */
static int lead_reference(struct bench *bench, const char *dir)
{
    struct leat_config config = bench->config;
    struct leat_pipeline_def *pipelines = leat_calloc(config.pipeline_count + 1, sizeof *pipelines);
    for (size_t i = 0; i < config.pipeline_count; i++) {
        pipelines[i] = config.pipelines[i];
        pipelines[i].sink_count = 0;
    }
    config.pipelines = pipelines;
    config.data = dir;
    int status = lead_life(bench, &config, TO_THE_END, 0);
    free(pipelines);
    return status;
}

static enum leat_status lead_all(struct bench *bench, const char *reference, struct leat_error *err)
{
    bool has_end = can_end(&bench->config);
    for (uint32_t i = 0; i < bench->count; i++)
        try_options(&bench->watched[i]);
    if (has_end && lead_reference(bench, reference) != 0)
        return leat_fail(err, LEAT_STOP, "the sources alone do not come to their end");
    lead_life(bench, &bench->config, STOPPED, 0);
    lead_life(bench, &bench->config, STOPPED, 0);
    for (uint32_t i = 0; i < bench->contract->kills; i++) {
        lead_life(bench, &bench->config, KILLED, 1 + draw(bench, MOVES_MOST));
        lead_life(bench, &bench->config, STOPPED, 1 + draw(bench, MOVES_MOST));
    }
    if (has_end && lead_life(bench, &bench->config, TO_THE_END, 0) != 0)
        return leat_fail(err, LEAT_STOP, "after all that the pipelines do not come to their end");
    if (has_end) {
        compare_sources(bench, reference);
        compare_target(bench);
    }
    return LEAT_OK;
}

/* "kept    out: settle() ..."; false where one is broken. */
static bool print(const struct watched *watched, const char *kind, const char *plugin, struct leat_bytes *out)
{
    bool is_kept = true;
    leat_bytes_printf(out, "%s %s (%s)\n", kind, plugin, watched->name);
    for (int law = 0; law < LAW_COUNT; law++) {
        bool is_broken = watched->broken[law][0];
        is_kept = is_kept && !is_broken;
        if (watched->was_tried[law])
            leat_bytes_printf(out, "  %-7s %s%s%s\n", is_broken ? "BROKEN" : "kept", law_sentences[law],
                              is_broken ? ": " : "", watched->broken[law]);
    }
    return is_kept;
}

enum leat_status leat_contract_run(const struct leat_contract *contract, struct leat_bytes *out, bool *is_kept,
                                   struct leat_error *err)
{
    struct bench bench;
    char *reference = leat_format_dup("%s-reference", contract->config->data);
    char *apart = leat_format_dup("%s-driver", contract->config->data);
    bench_open(&bench, contract);
    struct watched *driver = &bench.watched[WATCHED_MOST - 1];
    try_driver(&bench, driver, apart);
    enum leat_status status = lead_all(&bench, reference, err);
    *is_kept = print(driver, "topics", bench.config.topics, out);
    for (uint32_t i = 0; i < bench.count; i++)
        *is_kept &= print(&bench.watched[i], bench.watched[i].is_source ? "source" : "sink", bench.watched[i].plugin, out);
    bench_close(&bench);
    free(apart);
    free(reference);
    return status;
}
