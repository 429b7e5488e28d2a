#include <cli/cli.h>

#include <base/memory.h>
#include <errno.h>
#include <oms/access.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *absolute(const char *path)
{
    if (path[0] == '/')
        return leat_strdup(path);
    char *here = getcwd(NULL, 0);
    char *joined = leat_format_dup("%s/%s", here ? here : "", strncmp(path, "./", 2) == 0 ? path + 2 : path);
    free(here);
    return joined;
}

char *find_data(const char *data, const char *file, char **url, int *exit_status)
{
    *url = leat_strdup("oms:commitlog:");
    if (!file)
        return absolute(data ? data : "./leat-data");
    struct loaded loaded;
    const char *items[] = {file};
    *exit_status = load_files(&loaded, &(struct arguments){items, 1}, false);
    if (*exit_status != EXIT_DONE) {
        free(*url);
        return NULL;
    }
    free(*url);
    *url = leat_strdup(loaded.config->topics);
    char *found = absolute(data ? data : loaded.config->data);
    unload(&loaded);
    return found;
}

int open_place(struct place *place, const char *data, const char *file, bool is_read_only)
{
    struct leat_error err;
    int exit_status = EXIT_ERROR;
    *place = (struct place){.data = NULL};
    place->data = find_data(data, file, &place->url, &exit_status);
    if (!place->data)
        return exit_status;
    bool is_inside = strncmp(place->url, "oms:commitlog:", 14) == 0;
    if (is_inside && access(place->data, F_OK) != 0) {
        fprintf(stderr, "leat: there is no data directory %s; say --data DIR or -f FILE\n", place->data);
        close_place(place);
        return EXIT_ERROR;
    }
    if (leat_access_open(place->url, place->data, is_read_only, &place->driver, &place->access, &err) != LEAT_OK) {
        close_place(place);
        return fail_with(&err);
    }
    return EXIT_DONE;
}

void close_place(struct place *place)
{
    if (place->access)
        place->driver->close(place->access);
    free(place->data);
    free(place->url);
    *place = (struct place){.data = NULL};
}
