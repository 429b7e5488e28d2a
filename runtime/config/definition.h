/* definition.h - what a user asked for: pipelines of connectors, checked. The one model behind all front doors.
 *
 *   config ── pipelines ── source ── transforms
 *                       └─ sinks ─── transforms
 *
 * Made by leat_config_load() (load.h); immutable afterwards; everything lives in the config's arena.
 */
#ifndef LEAT_CONFIG_DEFINITION_H
#define LEAT_CONFIG_DEFINITION_H

#include <config/catalog.h>

struct leat_tree; /* a YAML node with its place: tree.h */
struct leat_spot;

/* A plug-in named in a file, with its options: checked once, instantiated for each task. */
struct leat_use {
    const char *name;
    const struct leat_option *options;
    size_t size;                  /* of self */
    const struct leat_tree *tree; /* the value under the plug-in's name */
    const char *base_dir;         /* for PATH options */
    const char *where;            /* "shop.yaml:12" for messages */
    enum leat_status (*validate)(void *self, struct leat_error *err); /* NULL: none */
};

/* A fresh self with the options written into it (and into memory that leat_use_free() frees with it). Cannot
 * fail: the definition was checked. */
void *leat_use_instance(const struct leat_use *use);
void leat_use_free(const struct leat_use *use, void *self);

enum leat_policy { LEAT_POLICY_STOP, LEAT_POLICY_DEAD_LETTER, LEAT_POLICY_SKIP };
enum leat_breaker_stops { LEAT_BREAKER_STOPS_PIPELINE, LEAT_BREAKER_STOPS_CONNECTOR };

struct leat_errors_def { /* errors: {policy, topic, retry, breaker} */
    bool is_set;         /* false: the connector's default policy */
    enum leat_policy policy;
    const char *topic;        /* NULL: <pipeline>.dead */
    int64_t retry_first_us;   /* back-off from here ... */
    int64_t retry_most_us;    /* ... doubling up to here, with jitter */
    int64_t retry_give_up_us; /* 0: never gives up */
    /* Of what came within a time, so many and such a part were refused: the connector stops, or its whole pipeline. */
    uint32_t breaker_records; /* 0: never */
    uint32_t breaker_percent;
    int64_t breaker_within_us;
    enum leat_breaker_stops breaker_stops;
};

struct leat_transform_def {
    const struct leat_transform_type *type;
    struct leat_use use;
};

struct leat_connector_def {
    const char *name; /* "shop" or "shop.archive" */
    const struct leat_source_type *source; /* one of the two is NULL */
    const struct leat_sink_type *sink;
    struct leat_use use;
    const struct leat_transform_def *transforms;
    size_t transform_count;
    struct leat_errors_def errors;
    /* sinks */
    struct leat_list topics;  /* patterns; empty: all of the pipeline's */
    struct leat_place start;  /* where a new sink begins; default LEAT_AT_FIRST (subscribe: earliest too) */
    uint32_t parallel;
    /* sources */
    const char *where;        /* "shop.yaml:7" */
};

struct leat_pipeline_def {
    const char *name;
    const char *log; /* name of its log: its own unless shared on purpose */
    const struct leat_connector_def *source; /* NULL with `subscribe` */
    struct leat_list subscribe;
    const struct leat_connector_def *sinks;
    size_t sink_count;
    const char *topic;   /* template; NULL: the source's default */
    struct leat_log_settings settings;
    int64_t max_record;  /* bytes */
    const char *where;
};

struct leat_config {
    const char *data;   /* absolute */
    const char *topics; /* access point URL: "oms:commitlog:" */
    const char *admin;  /* "host:port", or NULL */
    struct {
        bool is_json;
        int64_t level; /* enum leat_level */
    } logger;
    struct {
        const char *kind;     /* "single", "kafka" */
        bool is_shared;       /* several processes run this config */
        const char *instance; /* name of this process among them; NULL: made at the start */
        int64_t session_us;
        const struct leat_spot *spot; /* of the key */
    } coordinator;
    struct leat_list plugin_path;
    int64_t memory;              /* bytes for batches of all tasks; default 32 MiB */
    int64_t min_free;            /* bytes */
    int64_t shutdown_timeout_us; /* default 10 s */
    const struct leat_pipeline_def *pipelines;
    size_t pipeline_count;
    const struct leat_tree *tests; /* kept for `leat test`; NULL: none */
};

#endif
