#include <cli/cli.h>

#include <stdio.h>
#include <task/task_run.h>

static void print_finding(const struct leat_connector_def *connector, const struct leat_check_note *finding)
{
    static const char *const levels[] = {"note", "note", "warning", "error"};
    fprintf(stderr, "%s: %s: %s\n", connector->name, levels[finding->level], finding->text);
}

/* True: it could run. */
static bool connect(const struct leat_connector_def *connector)
{
    struct leat_preflight preflight;
    struct leat_error err = {.text = ""};
    enum leat_status status = leat_preflight_run(connector, &preflight, &err);
    bool is_good = status == LEAT_OK;
    for (size_t i = 0; i < preflight.count; i++) {
        print_finding(connector, &preflight.findings[i]);
        is_good = is_good && preflight.findings[i].level != LEAT_ERROR;
    }
    if (status != LEAT_OK)
        fprintf(stderr, "%s: error: %s\n", connector->name, err.text);
    else if (connector->source)
        printf("%s: %s: %s%s%s%s\n", connector->name, connector->source->name, leat_guarantee_name(preflight.guarantee),
               preflight.guarantee_why[0] ? ", " : "", preflight.guarantee_why, is_good ? "" : " (once the errors are mended)");
    else
        printf("%s: %s, order: %s\n", connector->name, connector->sink->name,
               connector->parallel > 1 ? "per key" : "whole log");
    leat_preflight_fini(&preflight);
    return is_good;
}

static bool connect_all(const struct leat_config *config)
{
    bool is_good = true;
    for (size_t i = 0; i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &config->pipelines[i];
        if (pipeline->source)
            is_good = connect(pipeline->source) && is_good;
        for (size_t k = 0; k < pipeline->sink_count; k++)
            is_good = connect(&pipeline->sinks[k]) && is_good;
    }
    return is_good;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static const char *const forms[] = {"text", "json", NULL};
    bool connects = false;
    const char *format = "text";
    const struct flag flags[] = {{"connect", NULL, NULL, &connects, "Try servers, grants and settings too."},
                                 {"format", "text|json", &format, NULL, "json: one diagnostic a line, on stdout."},
                                 {0}};
    struct arguments arguments;
    struct loaded loaded;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    int form = take_choice(verb, "--format", format, forms);
    if (form < 0)
        return EXIT_USAGE;
    if (arguments.count == 0)
        return usage_error(verb, "which FILE?");
    exit_status = load_files(&loaded, &arguments, form == 1);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (connects && !connect_all(loaded.config))
        exit_status = EXIT_ERROR;
    else if (form == 0 && !connects)
        printf("%zu pipeline%s, no errors\n", loaded.config->pipeline_count, loaded.config->pipeline_count == 1 ? "" : "s");
    unload(&loaded);
    return exit_status;
}

const struct verb verb_check = {"check", "FILE...", "All errors of pipeline files; nothing is started.", run};
