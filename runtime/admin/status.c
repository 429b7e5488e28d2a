#include <admin/status.h>

#include <base/clock.h>
#include <base/text.h>
#include <model/json.h>
#include <sys/resource.h>

static void text_field(struct leat_bytes *out, const char *name, const char *text)
{
    leat_bytes_printf(out, ",\"%s\":", name);
    if (text && text[0])
        leat_json_string(out, text, strlen(text));
    else
        leat_bytes_text(out, "null");
}

static void count_field(struct leat_bytes *out, const char *name, int64_t n)
{
    leat_bytes_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
    if (n < 0)
        leat_bytes_text(out, "null");
    else
        leat_bytes_printf(out, "%lld", (long long)n);
}

static void counts(struct leat_bytes *out, const struct leat_task_status *status)
{
    count_field(out, "records", (int64_t)status->records);
    count_field(out, "bytes", (int64_t)status->bytes);
    count_field(out, "batches", (int64_t)status->batches);
    count_field(out, "errors", (int64_t)status->errors);
    count_field(out, "retries", (int64_t)status->retries);
    count_field(out, "dead", (int64_t)status->dead);
    count_field(out, "skipped", (int64_t)status->skipped);
    count_field(out, "parked", (int64_t)status->parked);
    leat_bytes_printf(out, ",\"records_per_s\":%.1f", status->records_per_s);
}

void leat_status_json(struct leat_bytes *out, const struct leat_task_status *status, bool is_source)
{
    char time[40];
    leat_bytes_text(out, "{\"name\":");
    leat_json_string(out, status->name, strlen(status->name));
    text_field(out, "kind", is_source ? "source" : "sink");
    if (status->instance)
        text_field(out, "instance", status->instance);
    text_field(out, "state", leat_task_state_name(status->state));
    text_field(out, "progress", status->progress);
    text_field(out, "stalled", status->stalled);
    text_field(out, "guarantee", leat_guarantee_name(status->guarantee));
    text_field(out, "guarantee_why", status->guarantee_why);
    counts(out, status);
    leat_bytes_text(out, ",\"lag\":{");
    count_field(out, "records", status->lag.records);
    count_field(out, "bytes", status->lag.bytes);
    count_field(out, "us", status->lag.us);
    leat_bytes_text(out, "},\"last_progress\":");
    if (status->last_progress_us > 0)
        leat_bytes_printf(out, "\"%.*s\"", (int)leat_text_time(time, status->last_progress_us, 3), time);
    else
        leat_bytes_text(out, "null");
    text_field(out, "error", status->error.text);
    leat_bytes_text(out, ",\"counters\":{");
    for (uint32_t i = 0; i < status->counter_count; i++)
        count_field(out, status->counters[i].name, (int64_t)status->counters[i].value);
    leat_bytes_text(out, "}}\n");
}

void leat_status_orphan_json(struct leat_bytes *out, const struct leat_consumer_info *orphan)
{
    struct leat_bytes text;
    leat_bytes_init(&text, 2000);
    leat_orphan_text(&text, orphan);
    leat_bytes_text(out, "{\"name\":");
    leat_json_string(out, orphan->name, strlen(orphan->name));
    text_field(out, "kind", "sink");
    text_field(out, "state", "orphaned");
    text_field(out, "log", orphan->log);
    count_field(out, "kept", (int64_t)orphan->kept);
    leat_bytes_text(out, ",\"error\":");
    leat_json_string(out, (const char *)text.data, text.len);
    leat_bytes_text(out, "}\n");
    leat_bytes_fini(&text);
}

/* ---- Prometheus (text exposition format 0.0.4) ---- */

struct family {
    const char *name, *type, *help;
    double (*value)(const struct leat_task_status *status);
};

static double value_records(const struct leat_task_status *status)
{
    return (double)status->records;
}
static double value_bytes(const struct leat_task_status *status)
{
    return (double)status->bytes;
}
static double value_batches(const struct leat_task_status *status)
{
    return (double)status->batches;
}
static double value_errors(const struct leat_task_status *status)
{
    return (double)status->errors;
}
static double value_retries(const struct leat_task_status *status)
{
    return (double)status->retries;
}
static double value_dead(const struct leat_task_status *status)
{
    return (double)status->dead;
}
static double value_skipped(const struct leat_task_status *status)
{
    return (double)status->skipped;
}
static double value_up(const struct leat_task_status *status)
{
    return status->state == LEAT_TASK_RUNNING;
}
static double value_stalled(const struct leat_task_status *status)
{
    return status->state == LEAT_TASK_STALLED;
}
static double value_rate(const struct leat_task_status *status)
{
    return status->records_per_s;
}
static double value_parked(const struct leat_task_status *status)
{
    return (double)status->parked;
}
static double value_lag_records(const struct leat_task_status *status)
{
    return (double)status->lag.records;
}
static double value_lag_bytes(const struct leat_task_status *status)
{
    return (double)status->lag.bytes;
}
static double value_lag_s(const struct leat_task_status *status)
{
    return status->lag.us < 0 ? -1 : (double)status->lag.us / 1e6;
}

static const struct family families[] = {
    {"leat_connector_running", "gauge", "1 while the connector runs", value_up},
    {"leat_connector_stalled", "gauge", "1 while it makes no progress though there is work", value_stalled},
    {"leat_connector_records_per_second", "gauge", "Records a second, lately", value_rate},
    {"leat_connector_records_total", "counter", "Records through the connector", value_records},
    {"leat_connector_bytes_total", "counter", "Bytes through the connector", value_bytes},
    {"leat_connector_batches_total", "counter", "Batches through the connector", value_batches},
    {"leat_connector_errors_total", "counter", "Errors", value_errors},
    {"leat_connector_retries_total", "counter", "Restarts after an error", value_retries},
    {"leat_connector_dead_letters_total", "counter", "Records that became dead letters", value_dead},
    {"leat_connector_skipped_total", "counter", "Records that were skipped by policy", value_skipped},
    {"leat_connector_parked_tables", "gauge", "Tables of a source whose rows are passed over", value_parked},
    {"leat_connector_lag_records", "gauge", "Records behind; -1: unknown", value_lag_records},
    {"leat_connector_lag_bytes", "gauge", "Bytes behind; -1: unknown", value_lag_bytes},
    {"leat_connector_lag_seconds", "gauge", "Seconds behind; -1: unknown", value_lag_s},
};

static void process_metrics(struct leat_bytes *out)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return;
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    leat_bytes_printf(out,
                      "# HELP process_cpu_seconds_total User and system time.\n"
                      "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n"
                      "# HELP leat_build_info The version that runs.\n# TYPE leat_build_info gauge\n"
                      "leat_build_info{version=\"" LEAT_VERSION "\"} 1\n",
                      cpu);
}

void leat_status_metrics(struct leat_bytes *out, const struct leat_task_status *statuses, size_t count)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        const struct family *family = &families[f];
        leat_bytes_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", family->name, family->help, family->name, family->type);
        for (size_t i = 0; i < count; i++)
            leat_bytes_printf(out, "%s{connector=\"%s\"} %.17g\n", family->name, statuses[i].name,
                              family->value(&statuses[i]));
    }
    leat_bytes_text(out, "# HELP leat_connector_counter_total What a connector counts of its own.\n"
                         "# TYPE leat_connector_counter_total counter\n");
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < statuses[i].counter_count; k++)
            leat_bytes_printf(out, "leat_connector_counter_total{connector=\"%s\",counter=\"%s\"} %llu\n",
                              statuses[i].name, statuses[i].counters[k].name,
                              (unsigned long long)statuses[i].counters[k].value);
    process_metrics(out);
}
