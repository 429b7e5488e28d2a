#include <cli/cli.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct printing {
    bool as_json;
    const char *awaited; /* a text that becomes NULL when it is said */
};

static void print_diagnostic(void *arg, const struct leat_diagnostic *diagnostic)
{
    struct printing *printing = arg;
    struct leat_bytes text;
    if (printing->awaited && strcmp(printing->awaited, diagnostic->text) == 0)
        printing->awaited = NULL;
    leat_bytes_init(&text, 1 << 20);
    if (printing->as_json) {
        leat_diagnostic_json(&text, diagnostic);
        if (text.len == 0 || text.data[text.len - 1] != '\n')
            leat_bytes_put(&text, '\n');
        print_out(&text);
    } else {
        leat_diagnostic_print(&text, diagnostic, isatty(STDERR_FILENO));
        fwrite(text.data, 1, text.len, stderr);
    }
    leat_bytes_fini(&text);
}

/* Plug-ins that do not load hide no other error: the files are checked with those that are built in. A folder
 * that is missing is then said with its place, a library that is bad is not. */
static void say_all_but_plugins(const struct arguments *files, struct printing *printing, struct leat_error *why)
{
    struct leat_registry *registry = NULL;
    struct leat_config *config = NULL;
    struct leat_error err = {.text = ""};
    const struct leat_diagnostic alone = {.severity = LEAT_IS_ERROR, .text = why->text};
    if (leat_registry_open(&registry, NULL, &err) != LEAT_OK)
        return;
    printing->awaited = why->text;
    leat_config_load(files->items, files->count, leat_registry_catalog(registry), print_diagnostic, printing, &config,
                     &err);
    leat_config_free(config);
    leat_registry_close(registry);
    if (!printing->awaited)
        *why = err;
    else if (printing->as_json)
        print_diagnostic(printing, &alone);
}

static enum leat_status load(struct loaded *loaded, const struct arguments *files, bool as_json, struct leat_error *err)
{
    const char *data = NULL;
    struct leat_list plugin_path = {0};
    struct printing printing = {.as_json = as_json};
    enum leat_status status = leat_config_peek(files->items, files->count, &data, &plugin_path, err);
    if (status == LEAT_OK)
        status = leat_registry_open(&loaded->registry, &plugin_path, err);
    if (status != LEAT_OK)
        say_all_but_plugins(files, &printing, err);
    free((char *)data);
    free((void *)plugin_path.items);
    if (status == LEAT_OK)
        status = leat_config_load(files->items, files->count, leat_registry_catalog(loaded->registry), print_diagnostic,
                                  &printing, &loaded->config, err);
    return status;
}

int load_files(struct loaded *loaded, const struct arguments *files, bool as_json)
{
    struct leat_error err = {.text = ""};
    *loaded = (struct loaded){.registry = NULL};
    if (load(loaded, files, as_json, &err) == LEAT_OK)
        return EXIT_DONE;
    unload(loaded);
    if (!as_json)
        fprintf(stderr, "leat: %s\n", err.text);
    return EXIT_CONFIG;
}

void unload(struct loaded *loaded)
{
    if (loaded->config)
        leat_config_free(loaded->config);
    leat_registry_close(loaded->registry);
    *loaded = (struct loaded){.registry = NULL};
}
