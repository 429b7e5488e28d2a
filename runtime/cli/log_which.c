#include <cli/log_verbs.h>

#include <base/memory.h>
#include <base/os.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int each_of(const char *data, const char *only, int (*call)(const char *dir, void *arg), void *arg)
{
    char *logs = leat_format_dup("%s/logs", data);
    int exit_status = EXIT_DONE;
    uint32_t count = 0;
    DIR *dir = leat_os->opendir(logs);
    for (struct dirent *entry; dir && (entry = leat_os->readdir(dir));) {
        if (entry->d_name[0] == '.' || (only && strcmp(only, entry->d_name) != 0))
            continue;
        char *log = leat_format_dup("%s/%s", logs, entry->d_name);
        int status = call(log, arg);
        free(log);
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

int each_log(const char *which, const char *data, const char *file, int (*call)(const char *dir, void *arg), void *arg)
{
    char *url;
    int exit_status = EXIT_DONE;
    if (which && strchr(which, '/'))
        return call(which, arg);
    char *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    exit_status = each_of(dir, which, call, arg);
    free(dir);
    free(url);
    return exit_status;
}
