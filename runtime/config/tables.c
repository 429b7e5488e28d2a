/* tables.c - the options that are not a plug-in's: of the program, of a pipeline, of every connector. */
#include <config/loader.h>

static const char *const formats[] = {"text", "json", NULL};
static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
const char *const leat_coordinator_kinds[] = {"single", "kafka", NULL};
static const char *const on_full[] = {"pause_sources", "release_slowest", NULL};
static const char *const stopped[] = {"pipeline", "connector", NULL};
static const char *const policies[] = {"stop", "dead_letter", "skip", NULL};

#define AT(member) offsetof(struct leat_top_values, member)
const struct leat_option leat_top_options[] = {
    {.name = "data", .type = LEAT_OPT_PATH, .offset = AT(data), .preset = "./leat-data",
     .about = "Data directory: logs, state, admin socket.", .example = "/var/lib/leat"},
    {.name = "topics", .type = LEAT_OPT_TEXT, .offset = AT(topics), .preset = "oms:commitlog:",
     .about = "Where topics live: an OpenMessaging access point; by default in the data directory."},
    {.name = "admin", .type = LEAT_OPT_TEXT, .offset = AT(admin),
     .about = "Address of the admin API beside the socket in the data directory.", .example = "127.0.0.1:8083"},
    {.name = "plugin_path", .type = LEAT_OPT_PATHS, .offset = AT(plugin_path),
     .about = "Directories whose .so files are loaded as plug-ins.", .example = "/usr/lib/leat"},
    {.name = "memory", .type = LEAT_OPT_SIZE, .offset = AT(memory), .preset = "32MiB", .min = 1 << 20,
     .max = INT64_MAX, .about = "Memory for batches of all connectors.", .example = "128MiB"},
    {.name = "min_free", .type = LEAT_OPT_SIZE, .offset = AT(min_free), .preset = "256MiB", .min = 0,
     .max = INT64_MAX, .about = "Free disk space below which on_full acts.", .example = "10GiB"},
    {.name = "shutdown_timeout", .type = LEAT_OPT_TIME, .offset = AT(shutdown_timeout_us), .preset = "10s",
     .min = 0, .max = INT64_MAX, .about = "How long a stop may drain what is under way.", .example = "30s"},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_logger_values, member)
const struct leat_option leat_logger_options[] = {
    {.name = "format", .type = LEAT_OPT_CHOICE, .offset = AT(format), .preset = "text", .choices = formats,
     .about = "Lines for people, or JSON for machines."},
    {.name = "level", .type = LEAT_OPT_CHOICE, .offset = AT(level), .preset = "info", .choices = levels,
     .about = "The least that is printed."},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_coordinator_values, member)
const struct leat_option leat_coordinator_options[] = {
    {.name = "kind", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_MAIN, .offset = AT(kind), .preset = "single",
     .choices = leat_coordinator_kinds, .about = "One process runs all tasks, or all processes of a Kafka group share them."},
    {.name = "session_timeout", .type = LEAT_OPT_TIME, .offset = AT(session_us), .preset = "10s", .min = 1000000,
     .max = INT64_C(1800000000), .about = "A process that is not heard of for so long loses its tasks to others."},
    {.name = "instance", .type = LEAT_OPT_TEXT, .offset = AT(instance),
     .about = "Name of this process among the others; by default made of host name and data directory.",
     .example = "${env:POD_NAME}"},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_pipeline_values, member)
const struct leat_option leat_pipeline_options[] = {
    {.name = "subscribe", .type = LEAT_OPT_PATTERNS, .offset = AT(subscribe),
     .about = "Instead of a source: topics that others write; never dead letters.", .example = "[\"shop.*\"]"},
    {.name = "topic", .type = LEAT_OPT_TEMPLATE, .offset = AT(topic),
     .about = "Topic of each record; the source has a default.", .example = "\"{database}.{table}\""},
    {.name = "log", .type = LEAT_OPT_TEXT, .offset = AT(log),
     .about = "Name of its log: its own, unless several pipelines share one on purpose."},
    {.name = "start", .type = LEAT_OPT_TEXT, .offset = AT(start),
     .about = "With subscribe: earliest, latest, a time or TOPIC[/PARTITION]:OFFSET for new sinks.",
     .example = "latest"},
    {.name = "max_record", .type = LEAT_OPT_SIZE, .offset = AT(max_record), .preset = "256MiB", .min = 1024,
     .max = 1 << 30, .about = "A larger record stops the source, or goes to dead letters without its value."},
    {.name = "on_full", .type = LEAT_OPT_CHOICE, .offset = AT(on_full), .preset = "pause_sources",
     .choices = on_full, .about = "What gives way when the disk is full or a consumer lags beyond retain.bytes."},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_retain_values, member)
const struct leat_option leat_retain_options[] = {
    {.name = "age", .type = LEAT_OPT_TIME, .flags = LEAT_OPT_MAIN, .offset = AT(age_us), .preset = "7d",
     .min = 0, .max = INT64_MAX, .about = "Records older than this are released; 0: never."},
    {.name = "bytes", .type = LEAT_OPT_SIZE, .offset = AT(bytes), .preset = "0B", .min = 0, .max = INT64_MAX,
     .about = "The log is released beyond this size; 0: unbounded.", .example = "50GiB"},
    {.name = "rewind", .type = LEAT_OPT_TIME, .offset = AT(rewind_us), .preset = "1h", .min = 0,
     .max = INT64_MAX, .about = "Margin kept behind every consumer."},
    {0}};
#undef AT

const struct leat_option leat_fsync_options[] = {
    {.name = "every", .type = LEAT_OPT_TIME, .flags = LEAT_OPT_REQUIRED, .offset = 0, .min = 1000,
     .max = INT64_C(3600000000), .about = "Records are synced to disk this often.", .example = "200ms"},
    {0}};

#define AT(member) offsetof(struct leat_errors_values, member)
const struct leat_option leat_errors_options[] = {
    {.name = "policy", .type = LEAT_OPT_CHOICE, .flags = LEAT_OPT_MAIN, .offset = AT(policy), .choices = policies,
     .about = "What happens to a record that cannot be done: the connector stops before it, it goes to a topic "
              "of dead letters, or it is left out and counted."},
    {.name = "topic", .type = LEAT_OPT_TEXT, .offset = AT(topic),
     .about = "Topic of dead letters; <pipeline>.dead by default."},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_retry_values, member)
const struct leat_option leat_retry_options[] = {
    {.name = "first", .type = LEAT_OPT_TIME, .offset = AT(first_us), .preset = "1s", .min = 1000,
     .max = INT64_C(86400000000), .about = "Wait before the first retry; it doubles from there."},
    {.name = "most", .type = LEAT_OPT_TIME, .offset = AT(most_us), .preset = "1min", .min = 1000,
     .max = INT64_C(86400000000), .about = "The longest wait between two retries."},
    {.name = "give_up", .type = LEAT_OPT_TIME, .offset = AT(give_up_us), .preset = "0s", .min = 0,
     .max = INT64_MAX, .about = "The connector stops after failing for this long; 0: never."},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_breaker_values, member)
const struct leat_option leat_breaker_options[] = {
    {.name = "records", .type = LEAT_OPT_INT, .flags = LEAT_OPT_MAIN, .offset = AT(records), .preset = "1000", .min = 0,
     .max = 1000000000, .about = "It stops when more records than this were refused within the time; 0: never."},
    {.name = "percent", .type = LEAT_OPT_INT, .offset = AT(percent), .preset = "10", .min = 0, .max = 100,
     .about = "And when they are more than this part of all that came."},
    {.name = "within", .type = LEAT_OPT_TIME, .offset = AT(within_us), .preset = "1min", .min = 1000,
     .max = INT64_C(86400000000), .about = "The time in which they are counted."},
    {.name = "stops", .type = LEAT_OPT_CHOICE, .offset = AT(stops), .choices = stopped, .preset = "pipeline",
     .about = "What stops with a sink: the source and the other sinks too, or nothing else."},
    {0}};
#undef AT

const struct leat_option leat_source_options[] = {
    {.name = "schedule", .type = LEAT_OPT_TIME, .offset = offsetof(struct leat_source_values, schedule_us),
     .min = 1000, .max = INT64_MAX, .about = "How often a polled source is asked.", .example = "15s"},
    {0}};

#define AT(member) offsetof(struct leat_sink_values, member)
const struct leat_option leat_sink_options[] = {
    {.name = "topics", .type = LEAT_OPT_PATTERNS, .offset = AT(topics),
     .about = "Topics that it takes; all of the pipeline's by default.", .example = "[shop.orders]"},
    {.name = "start", .type = LEAT_OPT_TEXT, .offset = AT(start),
     .about = "Where a new sink begins: earliest, latest, a time or TOPIC[/PARTITION]:OFFSET.",
     .example = "latest"},
    {.name = "parallel", .type = LEAT_OPT_INT, .offset = AT(parallel), .preset = "1", .min = 1, .max = 64,
     .about = "Number of tasks that share the work by key."},
    {0}};
#undef AT

#define AT(member) offsetof(struct leat_test_values, member)
const struct leat_option leat_test_options[] = {
    {.name = "name", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(name),
     .about = "What must hold.", .example = "card numbers never leave"},
    {.name = "pipeline", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(pipeline),
     .about = "The pipeline under test."},
    {.name = "at", .type = LEAT_OPT_TEXT, .offset = AT(at),
     .about = "`transforms`, or a sink: where the records are looked at.", .example = "archive"},
    {.name = "input", .type = LEAT_OPT_VALUE, .flags = LEAT_OPT_REQUIRED, .offset = AT(input),
     .about = "Records that go in."},
    {.name = "expect", .type = LEAT_OPT_VALUE, .flags = LEAT_OPT_REQUIRED, .offset = AT(expect),
     .about = "Records that must come out: number and order exactly, and the fields that are named."},
    {0}};
#undef AT
