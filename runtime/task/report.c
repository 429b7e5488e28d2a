#include <task/inside.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct leat_report *report, enum leat_level level, const char *fmt, va_list args)
{
    char text[LEAT_ERROR_MAX];
    vsnprintf(text, sizeof text, fmt, args);
    report->findings =
        leat_realloc(report->findings, (report->count + 1) * sizeof *report->findings);
    report->findings[report->count++] = (struct leat_check_note){level, leat_strdup(text)};
}

void leat_report_error(struct leat_report *report, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(report, LEAT_ERROR, fmt, args);
    va_end(args);
}

void leat_report_warning(struct leat_report *report, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(report, LEAT_WARNING, fmt, args);
    va_end(args);
}

void leat_report_note(struct leat_report *report, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(report, LEAT_INFO, fmt, args);
    va_end(args);
}

void leat_report_guarantee(struct leat_report *report, enum leat_guarantee guarantee,
                           const char *why)
{
    if (guarantee < report->guarantee || (guarantee == report->guarantee && report->why[0]))
        return;
    report->guarantee = guarantee;
    snprintf(report->why, sizeof report->why, "%s", why);
}

void report_fini(struct leat_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free((char *)report->findings[i].text);
    free(report->findings);
    *report = (struct leat_report){0};
}

static void hand_over(const struct leat_report *report, struct leat_preflight *preflight)
{
    *preflight = (struct leat_preflight){
        .findings = report->findings, .count = report->count, .guarantee = report->guarantee};
    snprintf(preflight->guarantee_why, sizeof preflight->guarantee_why, "%s", report->why);
}

enum leat_status leat_preflight_run(const struct leat_connector_def *connector,
                                    struct leat_preflight *preflight, struct leat_error *err)
{
    struct leat_report report = {0};
    void *self = leat_use_instance(&connector->use);
    enum leat_status status = LEAT_OK;
    if (connector->source && connector->source->check)
        status = connector->source->check(self, &report, err);
    else if (connector->sink && connector->sink->check)
        status = connector->sink->check(self, &report, err);
    leat_use_free(&connector->use, self);
    hand_over(&report, preflight);
    return status;
}

enum leat_status leat_preflight_topics(const struct leat_driver_type *driver, struct leat_access *access, const char *const *logs,
                                       struct leat_preflight *preflight, struct leat_error *err)
{
    struct leat_report report = {0};
    bool can = driver->struct_size > offsetof(struct leat_driver_type, check) && driver->check;
    enum leat_status status = can ? driver->check(access, logs, &report, err) : LEAT_OK;
    hand_over(&report, preflight);
    return status;
}

enum leat_status leat_preflight_share(const struct leat_coordinator_type *type, const struct leat_coordinator_config *config,
                                      struct leat_preflight *preflight, struct leat_error *err)
{
    struct leat_report report = {0};
    bool can = type->struct_size > offsetof(struct leat_coordinator_type, check) && type->check;
    enum leat_status status = can ? type->check(config, &report, err) : LEAT_OK;
    hand_over(&report, preflight);
    return status;
}

void leat_preflight_fini(struct leat_preflight *preflight)
{
    struct leat_report report = {.findings = preflight->findings, .count = preflight->count};
    report_fini(&report);
    *preflight = (struct leat_preflight){0};
}

const char *leat_guarantee_name(enum leat_guarantee guarantee)
{
    static const char *const names[] = {
        "exactly-once",
        "exactly-once (readers of committed data)",
        "exactly-once (readers of closed files)",
        "effectively-once (receiver de-duplicates)",
        "at-least-once",
        "at-most-once",
    };
    return names[guarantee];
}
