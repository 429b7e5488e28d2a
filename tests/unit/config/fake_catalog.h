/* fake_catalog.h - a few plug-ins that exist only in their option tables: one option of every type. */
#ifndef TESTS_CONFIG_FAKE_CATALOG_H
#define TESTS_CONFIG_FAKE_CATALOG_H

#include <config/catalog.h>

struct fake_mysql {
    const char *host, *user, *password;
    int64_t port, snapshot, chunk_bytes, heartbeat_us;
    struct leat_list tables;
    double ratio;
    bool is_tls;
};

struct fake_file {
    const char *path, *ca, *format;
    struct leat_pairs properties;
    struct leat_list inputs;
    struct leat_value extra;
    bool gzip;
};

struct fake_kafka {
    struct leat_list brokers;
    struct leat_pairs properties;
};

struct fake_copy {
    const char *host, *user, *password, *database;
};

struct fake_drop {
    struct leat_list fields;
};

struct fake_lua {
    const char *file;
};

#define AT(type, member) offsetof(struct type, member)
static const char *const fake_snapshots[] = {"initial", "never", "when_needed", NULL};

static const struct leat_option fake_mysql_options[] = {
    {.name = "host", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(fake_mysql, host),
     .about = "Server.", .example = "127.0.0.1", .alias = "database.hostname"},
    {.name = "port", .type = LEAT_OPT_INT, .offset = AT(fake_mysql, port), .preset = "3306", .min = 1,
     .max = 65535, .about = "Its port."},
    {.name = "user", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(fake_mysql, user),
     .about = "User."},
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(fake_mysql, password),
     .about = "Its password."},
    {.name = "tables", .type = LEAT_OPT_PATTERNS, .offset = AT(fake_mysql, tables), .preset = "[\"*.*\"]",
     .about = "Tables.", .alias = "table.include.list"},
    {.name = "snapshot", .type = LEAT_OPT_CHOICE, .offset = AT(fake_mysql, snapshot), .preset = "initial",
     .choices = fake_snapshots, .about = "When to snapshot."},
    {.name = "chunk", .type = LEAT_OPT_SIZE, .offset = AT(fake_mysql, chunk_bytes), .preset = "1MiB",
     .min = 1024, .max = 1 << 30, .about = "Bytes of a chunk."},
    {.name = "heartbeat", .type = LEAT_OPT_TIME, .offset = AT(fake_mysql, heartbeat_us), .preset = "10s",
     .min = 1000, .max = INT64_MAX, .about = "Time between heartbeats."},
    {.name = "ratio", .type = LEAT_OPT_NUMBER, .offset = AT(fake_mysql, ratio), .preset = "0.5",
     .about = "A number."},
    {.name = "tls", .type = LEAT_OPT_BOOL, .offset = AT(fake_mysql, is_tls), .preset = "false",
     .about = "Encrypt."},
    {.name = "fail_at", .type = LEAT_OPT_INT, .flags = LEAT_OPT_HIDDEN, .offset = AT(fake_mysql, port),
     .about = "For tests."},
    {0}};

static const struct leat_option fake_file_options[] = {
    {.name = "path", .type = LEAT_OPT_TEMPLATE,
     .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN | LEAT_OPT_OF_PATH, .offset = AT(fake_file, path),
     .about = "File to write.", .example = "out/{topic}.ndjson"},
    {.name = "format", .type = LEAT_OPT_TEXT, .offset = AT(fake_file, format), .preset = "debezium",
     .about = "Of a line."},
    {.name = "ca", .type = LEAT_OPT_PATH, .offset = AT(fake_file, ca), .about = "A path."},
    {.name = "properties", .type = LEAT_OPT_PAIRS, .offset = AT(fake_file, properties), .about = "Pairs."},
    {.name = "inputs", .type = LEAT_OPT_PATHS, .offset = AT(fake_file, inputs), .about = "Paths."},
    {.name = "extra", .type = LEAT_OPT_VALUE, .offset = AT(fake_file, extra), .about = "Any tree."},
    {.name = "gzip", .type = LEAT_OPT_BOOL, .offset = AT(fake_file, gzip), .preset = "false",
     .about = "Compress."},
    {0}};

static const struct leat_option fake_kafka_options[] = {
    {.name = "brokers", .type = LEAT_OPT_LIST, .flags = LEAT_OPT_REQUIRED, .offset = AT(fake_kafka, brokers),
     .about = "Where to begin.", .example = "127.0.0.1:9092"},
    {.name = "properties", .type = LEAT_OPT_PAIRS, .offset = AT(fake_kafka, properties),
     .about = "Of the client."},
    {0}};

static const struct leat_option fake_copy_options[] = {
    {.name = "host", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED, .offset = AT(fake_copy, host),
     .about = "Server."},
    {.name = "user", .type = LEAT_OPT_TEXT, .offset = AT(fake_copy, user), .about = "User."},
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = AT(fake_copy, password),
     .about = "Its password."},
    {.name = "database", .type = LEAT_OPT_TEXT, .offset = AT(fake_copy, database), .about = "Database."},
    {0}};

static const struct leat_option fake_drop_options[] = {
    {.name = "fields", .type = LEAT_OPT_FIELDS, .flags = LEAT_OPT_MAIN | LEAT_OPT_REQUIRED,
     .offset = AT(fake_drop, fields), .about = "Fields to drop.", .example = "[card_number]"},
    {0}};

static const struct leat_option fake_lua_options[] = {
    {.name = "file", .type = LEAT_OPT_PATH, .flags = LEAT_OPT_MAIN | LEAT_OPT_REQUIRED,
     .offset = AT(fake_lua, file), .about = "Script."},
    {0}};

static const struct leat_option fake_no_options[] = {{0}};
#undef AT

/* What a table cannot say: a user called root is refused. */
static enum leat_status fake_mysql_validate(void *arg, struct leat_error *err)
{
    struct fake_mysql *self = arg;
    if (strcmp(self->user, "root") == 0)
        return leat_fail(err, LEAT_STOP, "user root has too many rights; make one for Leat");
    return LEAT_OK;
}

static const struct leat_source_type fake_mysql = {.struct_size = sizeof(struct leat_source_type),
                                                   .name = "mysql",
                                                   .about = "Changes of a MySQL server.",
                                                   .size = sizeof(struct fake_mysql),
                                                   .options = fake_mysql_options,
                                                   .topic = "{database}.{table}",
                                                   .validate = fake_mysql_validate};
static const struct leat_source_type fake_stdin = {.struct_size = sizeof(struct leat_source_type),
                                                   .name = "stdin",
                                                   .about = "Lines of standard input.",
                                                   .size = 1,
                                                   .options = fake_no_options};
static const struct leat_sink_type fake_file = {.struct_size = sizeof(struct leat_sink_type),
                                                .name = "file",
                                                .about = "Files.",
                                                .size = sizeof(struct fake_file),
                                                .options = fake_file_options};
static const struct leat_sink_type fake_console = {.struct_size = sizeof(struct leat_sink_type),
                                                   .name = "console",
                                                   .about = "Standard output.",
                                                   .size = 1,
                                                   .options = fake_no_options};
static const struct leat_sink_type fake_kafka = {.struct_size = sizeof(struct leat_sink_type),
                                                 .name = "kafka",
                                                 .about = "A broker.",
                                                 .size = sizeof(struct fake_kafka),
                                                 .options = fake_kafka_options};
static const struct leat_sink_type fake_copy = {.struct_size = sizeof(struct leat_sink_type),
                                                .name = "mysql",
                                                .about = "Tables.",
                                                .size = sizeof(struct fake_copy),
                                                .options = fake_copy_options};
static const struct leat_transform_type fake_unwrap = {.struct_size = sizeof(struct leat_transform_type),
                                                       .traits = LEAT_STATELESS,
                                                       .name = "unwrap",
                                                       .about = "The row alone.",
                                                       .size = 1,
                                                       .options = fake_no_options};
static const struct leat_transform_type fake_drop = {.struct_size = sizeof(struct leat_transform_type),
                                                     .traits = LEAT_STATELESS,
                                                     .name = "drop",
                                                     .about = "Leaves fields out.",
                                                     .size = sizeof(struct fake_drop),
                                                     .options = fake_drop_options};
static const struct leat_transform_type fake_lua = {.struct_size = sizeof(struct leat_transform_type),
                                                    .traits = LEAT_STATELESS,
                                                    .name = "lua",
                                                    .about = "A script.",
                                                    .size = sizeof(struct fake_lua),
                                                    .options = fake_lua_options};
static const struct leat_transform_type fake_dedup = {.struct_size = sizeof(struct leat_transform_type),
                                                      .traits = LEAT_STATEFUL,
                                                      .name = "dedup",
                                                      .about = "Leaves repeated records out.",
                                                      .size = 1,
                                                      .options = fake_no_options};
static const struct leat_driver_type fake_commitlog = {.struct_size = sizeof(struct leat_driver_type),
                                                       .name = "commitlog",
                                                       .about = "The log."};

static const struct leat_source_type *const fake_sources[] = {&fake_mysql, &fake_stdin, NULL};
static const struct leat_sink_type *const fake_sinks[] = {&fake_file, &fake_console, &fake_kafka,
                                                         &fake_copy, NULL};
static const struct leat_transform_type *const fake_transforms[] = {&fake_drop, &fake_lua, &fake_dedup,
                                                                    &fake_unwrap, NULL};
static const struct leat_driver_type *const fake_drivers[] = {&fake_commitlog, NULL};

static const struct leat_catalog fake_catalog = {.sources = fake_sources,
                                                 .sinks = fake_sinks,
                                                 .transforms = fake_transforms,
                                                 .drivers = fake_drivers};

#endif
