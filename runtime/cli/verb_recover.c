#include <cli/cli.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/datadir.h>
#include <control/recover.h>
#include <oms/access.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct wishes {
    const char *data, *file, *again, *pipeline;
    bool is_dry;
};

/* A log that is there, damaged or not, is nobody's to begin anew. */
static enum leat_status refuse_log(const char *dir, const char *log, struct leat_error *err)
{
    struct stat st;
    char *path = leat_format_dup("%s/logs/%s", dir, log);
    enum leat_status status = LEAT_OK;
    if (leat_os->stat(path, &st) == 0)
        status = leat_fail(err, LEAT_STOP,
                           "%s is there: a log that is damaged is mended by `leat log verify` and `leat log salvage`, which lose "
                           "less; to begin a new one from the sinks, move it away first",
                           path);
    else if (errno != ENOENT)
        status = leat_fail(err, LEAT_STOP, "%s: %s", path, strerror(errno));
    free(path);
    return status;
}

static enum leat_status write_log(struct leat_recover *recover, const char *dir, struct leat_error *err)
{
    const struct leat_driver_type *driver;
    struct leat_access *access;
    enum leat_status status = leat_access_open(recover->config->topics, dir, false, &driver, &access, err);
    if (status != LEAT_OK)
        return status;
    status = leat_recover_write(recover, driver, access, err);
    driver->close(access);
    return status;
}

static enum leat_status recover_log(struct leat_recover *recover, const struct wishes *wishes, const char *dir, struct leat_bytes *report,
                                    struct leat_error *err)
{
    enum leat_status status = wishes->again ? leat_recover_again(recover, wishes->again, err) : LEAT_OK;
    if (status == LEAT_OK)
        status = refuse_log(dir, recover->pipeline->log, err);
    if (status == LEAT_OK)
        status = leat_recover_look(recover, report, err);
    if (status == LEAT_OK)
        status = leat_recover_plan(recover, report, err);
    if (status == LEAT_OK && !wishes->is_dry)
        status = write_log(recover, dir, err);
    if (status == LEAT_OK)
        leat_bytes_text(report, wishes->is_dry ? "nothing was written: --dry-run\n"
                                               : "the log is there; nothing in a target has changed: its sink claims it at the next `leat run`\n");
    return status;
}

static int recover_config(const struct leat_config *config, const struct wishes *wishes, const char *dir)
{
    struct leat_recover recover;
    struct leat_bytes report;
    struct leat_error err;
    if (strncmp(config->topics, "oms:commitlog:", 14) != 0) {
        fprintf(stderr, "leat: the topics are at %s, not in the data directory: they are not lost with it\n", config->topics);
        return EXIT_ERROR;
    }
    leat_bytes_init(&report, (size_t)16 << 20);
    enum leat_status status = leat_recover_open(&recover, config, wishes->pipeline, &err);
    if (status == LEAT_OK)
        status = recover_log(&recover, wishes, dir, &report, &err);
    print_out(&report);
    leat_bytes_fini(&report);
    leat_recover_close(&recover);
    return status == LEAT_OK ? EXIT_DONE : fail_with(&err);
}

static char *directory(const struct wishes *wishes, const struct leat_config *config)
{
    if (!wishes->data)
        return leat_strdup(config->data);
    int ignored;
    char *url, *dir = find_data(wishes->data, NULL, &url, &ignored);
    free(url);
    return dir;
}

static int recover_files(const struct wishes *wishes)
{
    struct loaded loaded;
    struct leat_error err;
    int lock_fd;
    const char *items[] = {wishes->file};
    int exit_status = load_files(&loaded, &(struct arguments){items, 1}, false);
    if (exit_status != EXIT_DONE)
        return exit_status;
    char *dir = directory(wishes, loaded.config);
    if (leat_datadir_hold(dir, &lock_fd, &err) != LEAT_OK) { /* refuses while a daemon runs */
        exit_status = fail_with(&err);
    } else {
        exit_status = recover_config(loaded.config, wishes, dir);
        leat_datadir_release(lock_fd);
    }
    free(dir);
    unload(&loaded);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct wishes wishes = {.data = NULL};
    bool from_sinks = false;
    const struct flag flags[] = {
        {"data", "DIR", &wishes.data, NULL, "Data directory, in place of the one that FILE names."},
        {"f", "FILE", &wishes.file, NULL, "Pipeline file, or a directory of them."},
        {"from-sinks", NULL, NULL, &from_sinks, "Where the log goes on is read from the marks in the targets."},
        {"again", "SINK", &wishes.again, NULL, "This sink gets all from where the log begins, whatever its mark says."},
        {"dry-run", NULL, NULL, &wishes.is_dry, "Say what would be done; write nothing."},
        {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count != 1)
        return usage_error(verb, "which PIPELINE?");
    if (!from_sinks)
        return usage_error(verb, "from what? --from-sinks");
    if (!wishes.file)
        return usage_error(verb, "-f FILE is missing: it says which sinks there are");
    wishes.pipeline = arguments.items[0];
    return recover_files(&wishes);
}

const struct verb verb_recover = {"recover", "PIPELINE --from-sinks -f FILE",
                                  "Begins a lost log anew where the targets say that they are.", run};
