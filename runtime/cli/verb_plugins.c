#include <cli/cli.h>

#include <base/number.h>
#include <base/text.h>
#include <config/describe.h>
#include <contract/contract.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum form { TEXT, JSON, MARKDOWN };
static const char *const forms[] = {"text", "json", "markdown", NULL};

static void describe(struct leat_bytes *out, const struct leat_plugin_info *info, enum form form)
{
    if (form == MARKDOWN) {
        leat_describe_markdown(out, info);
    } else if (form == JSON) {
        leat_describe_json(out, info);
        leat_bytes_put(out, '\n');
    } else {
        leat_describe_text(out, info);
    }
}

static void list(struct leat_bytes *out, const struct leat_catalog *catalog, enum form form)
{
    struct leat_plugin_info info;
    if (form == MARKDOWN) {
        leat_describe_reference(out, catalog);
        return;
    }
    for (size_t n = 0; leat_plugin_at(catalog, n, &info); n++) {
        if (form == JSON)
            describe(out, &info, form);
        else
            leat_bytes_printf(out, "%-10s %-14s %s\n", leat_plugin_kind_name(info.kind), info.name, info.about);
    }
}

/* Several plug-ins may have one name: a source and a sink. */
static bool describe_named(struct leat_bytes *out, const struct leat_catalog *catalog, const char *name, enum form form)
{
    struct leat_plugin_info info;
    bool is_found = false;
    for (size_t n = 0; leat_plugin_at(catalog, n, &info); n++) {
        if (strcmp(info.name, name) != 0)
            continue;
        if (is_found && form == TEXT)
            leat_bytes_put(out, '\n');
        describe(out, &info, form);
        is_found = true;
    }
    return is_found;
}

static int unknown(const struct leat_catalog *catalog, const char *name)
{
    const char *names[256];
    struct leat_plugin_info info;
    size_t count = 0;
    while (count < 256 && leat_plugin_at(catalog, count, &info))
        names[count++] = info.name;
    const char *meant = leat_did_you_mean(name, names, count);
    fprintf(stderr, "leat: there is no plug-in \"%s\"", name);
    if (meant)
        fprintf(stderr, "; did you mean \"%s\"?", meant);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

/* ---- the contract suite ---- */

static int test(const struct verb *verb, const struct arguments *files, const char *reads, const char *kills)
{
    struct loaded loaded;
    struct leat_error err = {.text = ""};
    struct leat_bytes out;
    uint64_t count = 10;
    bool is_kept = false;
    if (files->count == 0)
        return usage_error(verb, "test: which FILE?");
    if (kills && !leat_parse_u64(kills, strlen(kills), &count))
        return usage_error(verb, "--kills wants a number, and is \"%s\"", kills);
    int exit_status = load_files(&loaded, files, false);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (access(loaded.config->data, F_OK) == 0) {
        fprintf(stderr, "leat: data directory %s is there already; the contract suite begins with none, and with empty targets\n",
                loaded.config->data);
        unload(&loaded);
        return EXIT_CONFIG;
    }
    leat_bytes_init(&out, 16 << 20);
    struct leat_contract contract = {.config = loaded.config, .reads = reads, .kills = (uint32_t)count, .seed = 1};
    enum leat_status status = leat_contract_run(&contract, &out, &is_kept, &err);
    print_out(&out);
    leat_bytes_fini(&out);
    unload(&loaded);
    return status != LEAT_OK ? fail_with(&err) : is_kept ? EXIT_DONE : EXIT_ERROR;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    const char *format = "text", *file = NULL, *reads = NULL, *kills = NULL;
    const struct flag flags[] = {{"format", "text|json|markdown", &format, NULL, "How to print it."},
                                 {"f", "FILE", &file, NULL, "Pipeline file whose plugin_path is looked through too."},
                                 {"reads", "COMMAND", &reads, NULL, "test: prints what the sink's target holds, a record a line."},
                                 {"kills", "N", &kills, NULL, "test: how often it is killed, and as often stopped (10)."},
                                 {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (arguments.count > 0 && strcmp(arguments.items[0], "test") == 0) {
        struct arguments files = {arguments.items + 1, arguments.count - 1};
        return test(verb, &files, reads, kills);
    }
    if (arguments.count > 1)
        return usage_error(verb, "one NAME at most");
    struct leat_error err;
    struct leat_list plugin_path = {0};
    struct leat_registry *registry;
    const char *data = NULL;
    if (file && leat_config_peek(&file, 1, &data, &plugin_path, &err) != LEAT_OK)
        return fail_with(&err);
    enum leat_status status = leat_registry_open(&registry, &plugin_path, &err);
    free((char *)data);
    free((void *)plugin_path.items);
    if (status != LEAT_OK)
        return fail_with(&err);
    struct leat_bytes out;
    leat_bytes_init(&out, 64 << 20);
    const struct leat_catalog *catalog = leat_registry_catalog(registry);
    if (arguments.count == 0)
        list(&out, catalog, (enum form)form);
    else if (!describe_named(&out, catalog, arguments.items[0], (enum form)form))
        exit_status = unknown(catalog, arguments.items[0]);
    print_out(&out);
    leat_bytes_fini(&out);
    leat_registry_close(registry);
    return exit_status;
}

const struct verb verb_plugins = {"plugins", "[NAME | test FILE...]",
                                   "What there is; one's options; or tries the laws of plug-ins on a pipeline.", run};
