/* machines.c - coordinator: which processes share the tasks of one config, and what that rules out. */
#include <config/loader.h>

#include <stdio.h>

enum { KIND_SINGLE };

void leat_load_coordinator(struct leat_loader *loader, const struct leat_tree_item *item)
{
    static const struct leat_tree nothing = {.kind = LEAT_TREE_MAP};
    struct leat_binder binder = leat_loader_binder(loader, "coordinator", NULL);
    struct leat_coordinator_values values = {0};
    leat_bind(&binder, leat_coordinator_options, item ? item->key : NULL, item ? item->value : &nothing, &values);
    struct leat_config *config = loader->config;
    config->coordinator.kind = leat_coordinator_kinds[values.kind];
    config->coordinator.instance = values.instance;
    config->coordinator.session_us = values.session_us;
    config->coordinator.is_shared = values.kind != KIND_SINGLE;
    config->coordinator.spot = item ? &item->key->spot : NULL;
}

/* Another process would read other files, or write to another disk. */
static void check_connector(struct leat_loader *loader, const struct leat_loaded_pipeline *pipeline,
                            const struct leat_connector_def *connector)
{
    bool is_source = connector->source != NULL;
    bool is_bound = is_source ? connector->source->traits & LEAT_SOURCE_OF_MACHINE
                              : connector->sink && connector->sink->traits & LEAT_SINK_OF_MACHINE;
    if (is_bound)
        leat_finding_error(&loader->findings, &pipeline->key->spot,
                           "run it by a leat of that machine: coordinator: single, a file of its own, the same topics",
                           "%s: the %s %s is bound to one machine, but coordinator: %s may move it to any", connector->name,
                           is_source ? "source" : "sink", connector->use.name, loader->config->coordinator.kind);
}

void leat_check_machines(struct leat_loader *loader)
{
    const struct leat_config *config = loader->config;
    char prefix[64];
    if (!config->coordinator.is_shared)
        return;
    snprintf(prefix, sizeof prefix, "oms:%s:", config->coordinator.kind);
    if (config->topics && strncmp(config->topics, prefix, strlen(prefix)) != 0)
        leat_finding_error(&loader->findings, config->coordinator.spot, "for example topics: oms:kafka://host:9092/NAME",
                           "coordinator: %s shares topics among machines, but %s are of one", config->coordinator.kind,
                           config->topics);
    for (size_t i = 0; i < loader->pipeline_count; i++) {
        const struct leat_loaded_pipeline *pipeline = &loader->pipelines[i];
        if (pipeline->def.source)
            check_connector(loader, pipeline, pipeline->def.source);
        for (size_t k = 0; k < pipeline->def.sink_count; k++)
            check_connector(loader, pipeline, &pipeline->def.sinks[k]);
    }
}
