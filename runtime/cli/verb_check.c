#include <cli/cli.h>

#include <base/memory.h>
#include <control/builtin.h>
#include <model/json.h>
#include <oms/access.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <task/task_run.h>

static void print_json(const char *name, const char *severity, const char *said)
{
    struct leat_bytes text;
    leat_bytes_init(&text, 1 << 20);
    leat_bytes_printf(&text, "{\"severity\":\"%s\",\"connector\":", severity);
    leat_json_string(&text, name, strlen(name));
    leat_bytes_text(&text, ",\"text\":");
    leat_json_string(&text, said, strlen(said));
    leat_bytes_text(&text, "}\n");
    print_out(&text);
    leat_bytes_fini(&text);
}

static void print_finding(const char *name, enum leat_level level, const char *text, bool as_json)
{
    static const char *const levels[] = {"note", "note", "warning", "error"};
    if (as_json)
        print_json(name, levels[level], text);
    else
        fprintf(stderr, "%s: %s: %s\n", name, levels[level], text);
}

/* False: an error is among them. */
static bool print_findings(const char *name, const struct leat_preflight *preflight, enum leat_status status,
                           const struct leat_error *err, bool as_json)
{
    bool is_good = status == LEAT_OK;
    for (size_t i = 0; i < preflight->count; i++) {
        print_finding(name, preflight->findings[i].level, preflight->findings[i].text, as_json);
        is_good = is_good && preflight->findings[i].level != LEAT_ERROR;
    }
    if (status != LEAT_OK)
        print_finding(name, LEAT_ERROR, err->text, as_json);
    return is_good;
}

/* The driver's name in "oms:kafka://..."; it has been parsed. */
static const char *driver_of(const char *topics, char name[32])
{
    struct leat_url url;
    struct leat_error ignored;
    snprintf(name, 32, "%s", leat_url_parse(topics, &url, &ignored) == LEAT_OK ? url.driver : "");
    return name;
}

/* "file, exactly-once (readers of closed files), order: whole log (weakest link: ...)" */
static char *promise_of_sink(const struct leat_config *config, const struct leat_pipeline_def *pipeline,
                             const struct leat_connector_def *sink, const struct leat_preflight *source,
                             const struct leat_preflight *own)
{
    char driver[32];
    struct leat_promise promise;
    void *self = leat_use_instance(&sink->use);
    leat_promise_of(&promise, pipeline, sink, self, driver_of(config->topics, driver));
    leat_use_free(&sink->use, self);
    if (own->guarantee_why[0])
        leat_promise_weaken(&promise, own->guarantee, own->guarantee_why);
    if (source->guarantee_why[0])
        leat_promise_weaken(&promise, source->guarantee, source->guarantee_why);
    leat_promise_by_topics(&promise, driver);
    const char *why = promise.why;
    return leat_format_dup("%s, %s, order: %s%s%s%s", sink->sink->name, leat_guarantee_name(promise.guarantee),
                           promise.is_by_key ? "per key" : "whole log", why[0] ? " (weakest link: " : "", why,
                           why[0] ? ")" : "");
}

/* What a connector that can run will give. */
static void print_promise(const struct leat_config *config, const struct leat_pipeline_def *pipeline,
                          const struct leat_connector_def *connector, const struct leat_preflight *source,
                          const struct leat_preflight *preflight, bool is_good, bool as_json)
{
    const char *why = preflight->guarantee_why, *later = is_good ? "" : " (once the errors are mended)";
    char *text = connector->source ? leat_format_dup("%s: %s%s%s%s", connector->source->name,
                                                     leat_guarantee_name(preflight->guarantee), why[0] ? ", " : "",
                                                     why, later)
                                   : promise_of_sink(config, pipeline, connector, source, preflight);
    if (as_json)
        print_json(connector->name, "note", text);
    else
        printf("%s: %s\n", connector->name, text);
    free(text);
}

/* True: it could run. `source`: what the pipeline's source said; it says it here where it is the connector. */
static bool connect(const struct leat_config *config, const struct leat_pipeline_def *pipeline,
                    const struct leat_connector_def *connector, struct leat_preflight *source, bool as_json)
{
    struct leat_preflight preflight;
    struct leat_error err = {.text = ""};
    enum leat_status status = leat_preflight_run(connector, &preflight, &err);
    bool is_good = print_findings(connector->name, &preflight, status, &err, as_json);
    if (status == LEAT_OK)
        print_promise(config, pipeline, connector, source, &preflight, is_good, as_json);
    if (connector->source) {
        source->guarantee = preflight.guarantee;
        memcpy(source->guarantee_why, preflight.guarantee_why, sizeof source->guarantee_why);
    }
    leat_preflight_fini(&preflight);
    return is_good;
}

static bool connect_share(const struct leat_config *config, struct leat_access *access, bool as_json)
{
    struct leat_preflight preflight;
    struct leat_error err = {.text = ""};
    const struct leat_coordinator_type *type = leat_coordinator_find(config->coordinator.kind ? config->coordinator.kind : "single");
    if (!type)
        return true; /* the config has told */
    const struct leat_coordinator_config settings = {
        .access = access, .instance = "check", .session_us = config->coordinator.session_us};
    enum leat_status status = leat_preflight_share(type, &settings, &preflight, &err);
    bool is_good = print_findings("coordinator", &preflight, status, &err, as_json);
    leat_preflight_fini(&preflight);
    return is_good;
}

static const char **logs_of(const struct leat_config *config)
{
    size_t count = 0;
    const char **logs = leat_calloc(config->pipeline_count + 1, sizeof *logs);
    for (size_t i = 0; i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &config->pipelines[i];
        bool is_known = !pipeline->source;
        for (size_t k = 0; k < count; k++)
            is_known = is_known || strcmp(logs[k], pipeline->log) == 0;
        if (!is_known)
            logs[count++] = pipeline->log;
    }
    return logs;
}

/* The place of the topics, and who shares the tasks. */
static bool connect_topics(const struct leat_config *config, bool as_json)
{
    const struct leat_driver_type *driver;
    struct leat_access *access;
    char name[32];
    struct leat_preflight preflight = {.count = 0};
    struct leat_error err = {.text = ""};
    const struct leat_driver_type *wanted = leat_driver(driver_of(config->topics, name));
    if (!wanted || wanted->struct_size <= offsetof(struct leat_driver_type, check) || !wanted->check)
        return true;
    const char **logs = logs_of(config);
    enum leat_status status = leat_access_open(config->topics, config->data, true, &driver, &access, &err);
    bool is_open = status == LEAT_OK;
    if (is_open)
        status = leat_preflight_topics(driver, access, logs, &preflight, &err);
    bool is_good = print_findings("topics", &preflight, status, &err, as_json);
    leat_preflight_fini(&preflight);
    if (is_good)
        is_good = connect_share(config, access, as_json);
    if (is_open)
        driver->close(access);
    free(logs);
    return is_good;
}

static bool connect_all(const struct leat_config *config, bool as_json)
{
    bool is_good = connect_topics(config, as_json);
    for (size_t i = 0; i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &config->pipelines[i];
        struct leat_preflight source = {.guarantee = LEAT_EXACTLY_ONCE};
        if (pipeline->source)
            is_good = connect(config, pipeline, pipeline->source, &source, as_json) && is_good;
        for (size_t k = 0; k < pipeline->sink_count; k++)
            is_good = connect(config, pipeline, &pipeline->sinks[k], &source, as_json) && is_good;
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
    if (connects && !connect_all(loaded.config, form == 1))
        exit_status = EXIT_ERROR;
    else if (form == 0 && !connects)
        printf("%zu pipeline%s, no errors\n", loaded.config->pipeline_count, loaded.config->pipeline_count == 1 ? "" : "s");
    unload(&loaded);
    return exit_status;
}

const struct verb verb_check = {"check", "FILE...", "All errors of pipeline files; nothing is started.", run};
