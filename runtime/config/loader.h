/* loader.h - one load in progress: what the parts of load.c share.
 *
 *   load.c        paths -> files -> trees      pipeline.c    one pipeline
 *   top.c         keys of the whole program    connector.c   one source or sink with its transforms
 *   place.c       where a sink starts          cross.c       what pipelines may not do to each other
 *   machines.c    many processes, one config
 */
#ifndef LEAT_CONFIG_LOADER_H
#define LEAT_CONFIG_LOADER_H

#include <config/bind.h>

struct leat_loaded_file {
    struct leat_text_file file;
    const struct leat_tree *tree; /* a map; NULL: it was reported */
};

/* A pipeline as it was found. */
struct leat_loaded_pipeline {
    struct leat_pipeline_def def;
    const struct leat_tree *key;   /* its name */
    const struct leat_tree *tree;  /* its value */
};

struct leat_loader {
    struct leat_arena *arena; /* of the config */
    struct leat_findings findings;
    const struct leat_catalog *catalog;
    struct leat_config *config;
    struct leat_loaded_file *files;
    size_t file_count;
    struct leat_loaded_pipeline *pipelines;
    size_t pipeline_count;
    const char *cwd;
};

/* Option tables of the keys that are not a plug-in's, for the schema and the reference too (tables.c). */
extern const struct leat_option leat_top_options[];
extern const struct leat_option leat_logger_options[];
extern const struct leat_option leat_coordinator_options[];
extern const char *const leat_coordinator_kinds[];
extern const struct leat_option leat_pipeline_options[];
extern const struct leat_option leat_retain_options[];
extern const struct leat_option leat_fsync_options[];
extern const struct leat_option leat_errors_options[];
extern const struct leat_option leat_retry_options[];
extern const struct leat_option leat_breaker_options[];
extern const struct leat_option leat_source_options[]; /* beside the plug-in's key */
extern const struct leat_option leat_sink_options[];
extern const struct leat_option leat_test_options[];

struct leat_top_values {
    const char *data, *topics, *admin;
    struct leat_list plugin_path;
    int64_t memory, min_free, shutdown_timeout_us;
};
struct leat_logger_values {
    int64_t format, level;
};
struct leat_coordinator_values {
    int64_t kind, session_us;
    const char *instance;
};
struct leat_pipeline_values {
    struct leat_list subscribe;
    const char *topic, *log, *start;
    int64_t max_record, on_full;
};
struct leat_retain_values {
    int64_t age_us, bytes, rewind_us;
};
struct leat_errors_values {
    int64_t policy;
    const char *topic;
};
struct leat_breaker_values {
    int64_t records, percent, within_us, stops;
};
struct leat_retry_values {
    int64_t first_us, most_us, give_up_us;
};
struct leat_source_values {
    int64_t schedule_us;
};
struct leat_sink_values {
    struct leat_list topics;
    const char *start;
    int64_t parallel;
};
struct leat_test_values {
    const char *name, *pipeline, *at;
    struct leat_value input, expect;
};

void leat_load_top(struct leat_loader *loader);
void leat_load_coordinator(struct leat_loader *loader, const struct leat_tree_item *item);
void leat_load_pipelines(struct leat_loader *loader);
void leat_load_tests(struct leat_loader *loader);
void leat_check_across(struct leat_loader *loader);
void leat_check_machines(struct leat_loader *loader);

/* What a connector has from its pipeline. */
struct leat_inherited {
    const char *pipeline;
    const struct leat_tree *transforms; /* NULL: none; before (subscribe) or after (source) its own */
    const struct leat_tree *errors;     /* NULL: none; the connector's own wins */
    const struct leat_tree *start;      /* NULL: none */
    bool is_source;
};
void leat_load_connector(struct leat_loader *loader, const struct leat_inherited *inherited,
                         const char *name, const struct leat_tree *key, const struct leat_tree *tree,
                         struct leat_connector_def *def);

bool leat_is_sink_key(const char *key); /* one that stands beside the plug-in's */

/* "earliest", "latest", a time, "topic/0:17"; reports what is none. */
void leat_load_place(struct leat_loader *loader, const struct leat_tree *tree, struct leat_place *place);

/* [a-z0-9][a-z0-9_-]{0,62}, or it is reported. */
bool leat_check_name(struct leat_loader *loader, const struct leat_tree *key, const char *what);

const char *leat_where(struct leat_loader *loader, const struct leat_spot *spot); /* "shop.yaml:12" */

static inline struct leat_binder leat_loader_binder(struct leat_loader *loader, const char *what,
                                                    const char *const *others)
{
    return (struct leat_binder){.arena = loader->arena,
                                .findings = &loader->findings,
                                .what = what,
                                .base_dir = loader->cwd,
                                .others = others};
}

#endif
