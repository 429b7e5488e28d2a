#include <cli/cli.h>

#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <base/clock.h>
#include <commitlog/commitlog.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_EVERY_NS ((int64_t)2000000000)

struct verifying {
    const char *name;
    struct leat_time began, said;
    uint64_t findings;
};

static void print_finding(void *arg, const struct leat_log_finding *finding)
{
    struct verifying *verifying = arg;
    verifying->findings++;
    printf("%s: %s at %llu: %s: %s\n", verifying->name, finding->segment, (unsigned long long)finding->lsn,
           finding->is_damage ? "damage" : "note", finding->text);
}

static void print_progress(void *arg, uint64_t done, uint64_t total)
{
    struct verifying *verifying = arg;
    struct leat_time now = leat_now();
    char a[32], b[32], left[32];
    if (now.ns - verifying->said.ns < PROGRESS_EVERY_NS)
        return;
    verifying->said = now;
    int64_t passed_us = (now.ns - verifying->began.ns) / 1000;
    int64_t left_us = done ? (int64_t)((double)passed_us * (double)(total - done) / (double)done) : 0;
    fprintf(stderr, "%s: %s of %s, %s left\n", verifying->name, leat_text_size(a, done), leat_text_size(b, total),
            leat_text_duration(left, left_us));
}

static int verify_one(const char *logs, const char *name)
{
    char *dir = leat_format_dup("%s/%s", logs, name);
    struct verifying verifying = {.name = name, .began = leat_now(), .said = leat_now()};
    struct leat_error err = {.text = ""};
    enum leat_status status = leat_log_verify(dir, leat_os, print_finding, print_progress, &verifying, &err);
    free(dir);
    if (status == LEAT_OK) {
        printf("%s: good\n", name);
        return EXIT_DONE;
    }
    return fail_with(&err);
}

static int verify_all(const char *data, const char *only)
{
    char *logs = leat_format_dup("%s/logs", data);
    int exit_status = EXIT_DONE;
    uint32_t count = 0;
    DIR *dir = leat_os->opendir(logs);
    for (struct dirent *entry; dir && (entry = leat_os->readdir(dir));) {
        if (entry->d_name[0] == '.' || (only && strcmp(only, entry->d_name) != 0))
            continue;
        int status = verify_one(logs, entry->d_name);
        exit_status = status > exit_status ? status : exit_status;
        count++;
    }
    if (dir)
        leat_os->closedir(dir);
    if (count == 0) {
        fprintf(stderr, "leat: there is no log%s%s in %s\n", only ? " " : "", only ? only : "", logs);
        exit_status = EXIT_ERROR;
    }
    free(logs);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    const char *data = NULL, *file = NULL;
    const struct flag flags[] = {PLACE_FLAGS(data, file), {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    char *url;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count > 0 && strcmp(arguments.items[0], "verify") != 0)
        return usage_error(verb, "there is no \"log %s\"; there is: verify [LOG]", arguments.items[0]);
    if (arguments.count == 0 || arguments.count > 2)
        return usage_error(verb, "what to do? verify [LOG]");
    char *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    exit_status = verify_all(dir, arguments.count > 1 ? arguments.items[1] : NULL);
    free(dir);
    free(url);
    return exit_status;
}

const struct verb verb_log = {"log", "verify [LOG]", "Checks every acknowledged byte of the commit log on disk.", run};
