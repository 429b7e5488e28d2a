#include <cli/cli.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/datadir.h>
#include <control/recover.h>
#include <oms/access.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wishes {
    const char *data, *file, *again, *pipeline;
    bool is_dry;
};

/* Where the logs are: the data directory, or what the access point names. To be freed. */
static char *place_of(const struct leat_config *config, const char *dir)
{
    struct leat_url url;
    struct leat_error ignored;
    bool is_named = leat_url_parse(config->topics, &url, &ignored) == LEAT_OK && url.region[0];
    return leat_strdup(is_named ? url.region : dir);
}

/* A log that is there, damaged or not, is nobody's to begin anew. */
static enum leat_status refuse_log(const char *path, struct leat_error *err)
{
    struct stat st;
    if (leat_os->stat(path, &st) == 0)
        return leat_fail(err, LEAT_STOP,
                         "%s is there: a log that is damaged is mended by `leat log verify` and `leat log salvage`, which lose "
                         "less; to begin a new one from the sinks, move it away first",
                         path);
    return errno == ENOENT ? LEAT_OK : leat_fail(err, LEAT_STOP, "%s: %s", path, strerror(errno));
}

/* ---- a log is made beside its place, and moved there when it is whole: nobody meets one without its claims ---- */

static bool remove_tree(const char *path)
{
    struct stat st;
    if (leat_os->lstat(path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISDIR(st.st_mode))
        return leat_os->unlink(path) == 0;
    DIR *dir = leat_os->opendir(path);
    bool is_gone = dir != NULL;
    for (struct dirent *entry; is_gone && (entry = leat_os->readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = leat_format_dup("%s/%s", path, entry->d_name);
        is_gone = remove_tree(inner);
        free(inner);
    }
    if (dir)
        leat_os->closedir(dir);
    return is_gone && leat_os->rmdir(path) == 0;
}

static enum leat_status make_log(struct leat_recover *recover, const char *beside, struct leat_error *err)
{
    const struct leat_driver_type *driver;
    struct leat_access *access;
    enum leat_status status = leat_access_open("oms:commitlog:", beside, false, &driver, &access, err);
    if (status != LEAT_OK)
        return status;
    status = leat_recover_write(recover, driver, access, err);
    driver->close(access);
    return status;
}

static enum leat_status write_log(struct leat_recover *recover, const char *place, const char *path, struct leat_error *err)
{
    char *beside = leat_format_dup("%s/logs/.recovering", place);
    char *made = leat_format_dup("%s/logs/%s", beside, recover->pipeline->log);
    enum leat_status status = LEAT_OK;
    if (!remove_tree(beside) || !leat_os_make_dirs(leat_os, beside))
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", beside, strerror(errno));
    if (status == LEAT_OK)
        status = make_log(recover, beside, err);
    if (status == LEAT_OK && (leat_os->rename(made, path) != 0 || !leat_os_sync_parent(leat_os, path)))
        status = leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    remove_tree(beside);
    free(made);
    free(beside);
    return status;
}

static enum leat_status recover_log(struct leat_recover *recover, const struct wishes *wishes, const char *place,
                                    struct leat_bytes *report, struct leat_error *err)
{
    char *path = leat_format_dup("%s/logs/%s", place, recover->pipeline->log);
    enum leat_status status = wishes->again ? leat_recover_again(recover, wishes->again, err) : LEAT_OK;
    if (status == LEAT_OK)
        status = refuse_log(path, err);
    if (status == LEAT_OK)
        status = leat_recover_look(recover, report, err);
    if (status == LEAT_OK)
        status = leat_recover_plan(recover, report, err);
    if (status == LEAT_OK && !wishes->is_dry)
        status = write_log(recover, place, path, err);
    if (status == LEAT_OK && wishes->is_dry)
        leat_bytes_text(report, "nothing was written: --dry-run\n");
    else if (status == LEAT_OK)
        leat_bytes_printf(report, "%s is there; in the targets nothing has changed: each sink takes its mark over at the next `leat run`\n",
                          path);
    free(path);
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
    char *place = place_of(config, dir);
    if (status == LEAT_OK)
        status = recover_log(&recover, wishes, place, &report, &err);
    free(place);
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
    bool from_sinks = false, is_again_twice = false;
    const struct flag flags[] = {
        {"data", "DIR", &wishes.data, NULL, "Data directory, in place of the one that FILE names."},
        {"f", "FILE", &wishes.file, NULL, "Pipeline file, or a directory of them."},
        {"from-sinks", NULL, NULL, &from_sinks, "Where the log goes on is read from the marks in the targets."},
        {"again", "SINK,...", &wishes.again, &is_again_twice, "These sinks get all from where the log begins, whatever their marks say."},
        {"dry-run", NULL, NULL, &wishes.is_dry, "Say what would be done; begin no log."},
        {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count != 1)
        return usage_error(verb, "which PIPELINE?");
    if (!from_sinks)
        return usage_error(verb, "from what? --from-sinks");
    if (is_again_twice)
        return usage_error(verb, "--again stands there twice: name the sinks in one, --again SINK,SINK");
    if (!wishes.file)
        return usage_error(verb, "-f FILE is missing: it says which sinks there are");
    wishes.pipeline = arguments.items[0];
    return recover_files(&wishes);
}

const struct verb verb_recover = {"recover", "PIPELINE --from-sinks -f FILE",
                                  "Begins a lost log anew where the targets say that they are.", run};
