/* pipeline.c - the pipelines of all files, and the tests of them. */
#include <config/loader.h>

#include <base/memory.h>

/* Keys of a pipeline beside its table of options. */
static const char *const others[] = {"source", "sinks", "transforms", "errors", "retain", "fsync", NULL};

static const struct leat_tree no_options = {.kind = LEAT_TREE_MAP};

/* ---- the log ---- */

static void load_retain(struct leat_loader *loader, const struct leat_tree_item *item,
                        struct leat_log_settings *settings)
{
    struct leat_binder binder = leat_loader_binder(loader, "retain", NULL);
    struct leat_retain_values values = {0};
    leat_bind(&binder, leat_retain_options, item ? item->key : NULL, item ? item->value : &no_options,
              &values);
    settings->retain_age_us = values.age_us;
    settings->retain_bytes = values.bytes;
    settings->rewind_us = values.rewind_us;
}

static void load_fsync(struct leat_loader *loader, const struct leat_tree_item *item,
                       struct leat_log_settings *settings)
{
    settings->fsync = LEAT_FSYNC_EVERY_COMMIT;
    if (!item || item->value->is_bad)
        return;
    const struct leat_tree *tree = item->value;
    if (tree->kind == LEAT_TREE_MAP) {
        struct leat_binder binder = leat_loader_binder(loader, "fsync", NULL);
        settings->fsync = LEAT_FSYNC_EVERY;
        leat_bind(&binder, leat_fsync_options, item->key, tree, &settings->fsync_every_us);
    } else if (tree->kind == LEAT_TREE_SCALAR && strcmp(tree->text, "never") == 0) {
        settings->fsync = LEAT_FSYNC_NEVER;
    } else if (tree->kind != LEAT_TREE_SCALAR || strcmp(tree->text, "every_commit") != 0) {
        leat_finding_error(&loader->findings, leat_tree_is_null(tree) ? &item->key->spot : &tree->spot,
                           NULL, "fsync takes every_commit, {every: 200ms} or never");
    }
}

/* ---- sinks ---- */

/* The name and value of a sink, from a map of sinks or from a list of plug-ins. */
static bool name_sink(struct leat_loader *loader, const struct leat_tree_item *item,
                      const struct leat_tree **key, const struct leat_tree **value)
{
    *key = item->key;
    *value = item->value;
    if (item->key || item->value->is_bad)
        return item->key != NULL;
    const struct leat_tree *entry = item->value;
    if (entry->kind == LEAT_TREE_SCALAR && !leat_tree_is_null(entry)) {
        *key = entry; /* - console */
        return true;
    }
    for (size_t i = 0; i < entry->count && entry->kind == LEAT_TREE_MAP; i++) {
        *key = entry->items[i].key; /* - file: {...} */
        if (!leat_is_sink_key((*key)->text))
            return true;
    }
    leat_finding_error(&loader->findings, &entry->spot, "for example: - file: {path: out.ndjson}",
                       "each of sinks is one plug-in with its options");
    return false;
}

static void load_sinks(struct leat_loader *loader, const struct leat_inherited *from,
                       const struct leat_tree *sinks, struct leat_pipeline_def *def)
{
    if (!sinks || sinks->is_bad || leat_tree_is_null(sinks))
        return;
    if (sinks->kind == LEAT_TREE_SCALAR) {
        leat_finding_error(&loader->findings, &sinks->spot, "for example {archive: {file: out.ndjson}}",
                           "sinks takes a map of names to sinks, not a text");
        return;
    }
    struct leat_connector_def *defs = leat_arena_zeroed(loader->arena, sinks->count * sizeof(*defs) + 1);
    const struct leat_tree **keys = leat_arena_zeroed(loader->arena, sinks->count * sizeof(*keys) + 1);
    for (size_t i = 0; i < sinks->count; i++) {
        const struct leat_tree *key, *value;
        if (!name_sink(loader, &sinks->items[i], &key, &value))
            continue;
        leat_check_name(loader, key, "sink");
        for (size_t n = 0; n < def->sink_count; n++)
            if (sinks->kind == LEAT_TREE_LIST && strcmp(keys[n]->text, key->text) == 0)
                leat_finding_error(&loader->findings, &key->spot,
                                   "give them names: sinks: {one: {file: ...}, two: {file: ...}}",
                                   "there are two sinks named \"%s\"", key->text);
        const char *name = leat_arena_format(loader->arena, "%s.%s", from->pipeline, key->text);
        keys[def->sink_count] = key;
        leat_load_connector(loader, from, name, key, value, &defs[def->sink_count++]);
    }
    def->sinks = defs;
}

/* ---- one pipeline ---- */

static void check_input(struct leat_loader *loader, const struct leat_loaded_pipeline *pipeline)
{
    const struct leat_tree *tree = pipeline->tree;
    const struct leat_tree_item *source = leat_tree_find(tree, "source");
    const struct leat_tree_item *subscribe = leat_tree_find(tree, "subscribe");
    const struct leat_tree_item *topic = leat_tree_find(tree, "topic"), *start = leat_tree_find(tree, "start");
    const char *name = pipeline->key->text;
    if (source && subscribe)
        leat_finding_error(&loader->findings, &subscribe->key->spot, "make two pipelines of it",
                           "pipeline %s has both source and subscribe", name);
    if (!source && !subscribe)
        leat_finding_error(&loader->findings, &pipeline->key->spot, "say where records come from",
                           "pipeline %s has neither source nor subscribe", name);
    if (subscribe && !source && topic)
        leat_finding_error(&loader->findings, &topic->key->spot, NULL,
                           "topic: pipeline %s has no source that writes one", name);
    if (source && !subscribe && start)
        leat_finding_error(&loader->findings, &start->key->spot, "set it in the sink",
                           "start is for sinks and pipelines with subscribe");
    if (subscribe && !source && pipeline->def.sink_count == 0 && !leat_tree_get(tree, "sinks"))
        leat_finding_warn(&loader->findings, &pipeline->key->spot, NULL,
                          "pipeline %s has no sinks, so it does nothing", name);
}

static void load_connectors(struct leat_loader *loader, struct leat_loaded_pipeline *pipeline)
{
    const struct leat_tree *tree = pipeline->tree;
    const struct leat_tree_item *source = leat_tree_find(tree, "source");
    struct leat_pipeline_def *def = &pipeline->def;
    struct leat_inherited from = {.pipeline = def->name,
                                  .transforms = leat_tree_get(tree, "transforms"),
                                  .errors = leat_tree_get(tree, "errors"),
                                  .start = leat_tree_get(tree, "start"),
                                  .is_source = true};
    if (source) {
        struct leat_connector_def *connector = leat_arena_zeroed(loader->arena, sizeof(*connector));
        leat_load_connector(loader, &from, def->name, source->key, source->value, connector);
        def->source = connector;
        from.transforms = NULL; /* they ran before the topic */
    }
    from.is_source = false;
    load_sinks(loader, &from, leat_tree_get(tree, "sinks"), def);
}

static void load_pipeline(struct leat_loader *loader, struct leat_loaded_pipeline *pipeline)
{
    const struct leat_tree *tree = pipeline->tree;
    struct leat_pipeline_def *def = &pipeline->def;
    struct leat_pipeline_values values = {0};
    *def = (struct leat_pipeline_def){.name = pipeline->key->text,
                                      .where = leat_where(loader, &pipeline->key->spot)};
    const char *what = leat_arena_format(loader->arena, "pipeline %s", def->name);
    struct leat_binder binder = leat_loader_binder(loader, what, others);
    leat_bind(&binder, leat_pipeline_options, pipeline->key, tree, &values);
    if (tree->kind != LEAT_TREE_MAP)
        return;
    def->log = values.log ? values.log : def->name;
    const struct leat_tree *log = leat_tree_get(tree, "log");
    if (log && log->kind == LEAT_TREE_SCALAR && !log->is_bad)
        leat_check_name(loader, log, "log");
    def->subscribe = values.subscribe;
    def->topic = values.topic;
    def->max_record = values.max_record;
    def->settings.releases_slowest = values.on_full == 1;
    def->settings.min_free_bytes = loader->config->min_free;
    load_retain(loader, leat_tree_find(tree, "retain"), &def->settings);
    load_fsync(loader, leat_tree_find(tree, "fsync"), &def->settings);
    load_connectors(loader, pipeline);
    check_input(loader, pipeline);
}

/* ---- all of them ---- */

static const struct leat_loaded_pipeline *find_pipeline(const struct leat_loader *loader, const char *name)
{
    for (size_t i = 0; i < loader->pipeline_count; i++)
        if (strcmp(loader->pipelines[i].key->text, name) == 0)
            return &loader->pipelines[i];
    return NULL;
}

static void add_pipeline(struct leat_loader *loader, const struct leat_tree_item *item)
{
    const struct leat_loaded_pipeline *first = find_pipeline(loader, item->key->text);
    leat_check_name(loader, item->key, "pipeline");
    if (first) {
        /* Within one file the parser has said so. */
        if (first->key->spot.file != item->key->spot.file)
            leat_finding_error(&loader->findings, &item->key->spot, "names are unique over all files",
                               "pipeline %s is in %s already", item->key->text,
                               leat_where(loader, &first->key->spot));
        return;
    }
    size_t count = loader->pipeline_count + 1;
    loader->pipelines = leat_realloc(loader->pipelines, count * sizeof(*loader->pipelines));
    loader->pipelines[loader->pipeline_count] =
        (struct leat_loaded_pipeline){.key = item->key, .tree = item->value};
    loader->pipeline_count = count;
}

void leat_load_pipelines(struct leat_loader *loader)
{
    for (size_t i = 0; i < loader->file_count; i++) {
        const struct leat_tree_item *item = leat_tree_find(loader->files[i].tree, "pipelines");
        if (!item || item->value->is_bad || leat_tree_is_null(item->value))
            continue;
        if (item->value->kind != LEAT_TREE_MAP) {
            leat_finding_error(&loader->findings, &item->value->spot, "pipelines: {shop: {source: ...}}",
                               "pipelines takes a map of names to pipelines, not %s",
                               leat_tree_kind_name(item->value));
            continue;
        }
        for (size_t n = 0; n < item->value->count; n++)
            add_pipeline(loader, &item->value->items[n]);
    }
    for (size_t i = 0; i < loader->pipeline_count; i++)
        load_pipeline(loader, &loader->pipelines[i]);
}

/* ---- tests ---- */

static void load_test(struct leat_loader *loader, const struct leat_tree *test)
{
    struct leat_binder binder = leat_loader_binder(loader, "a test", NULL);
    struct leat_test_values values = {0};
    leat_bind(&binder, leat_test_options, NULL, test, &values);
    const struct leat_tree *pipeline = leat_tree_get(test, "pipeline");
    if (!values.pipeline || find_pipeline(loader, values.pipeline))
        return;
    size_t count = loader->pipeline_count;
    const char **names = leat_arena_alloc(loader->arena, count * sizeof(*names) + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = loader->pipelines[i].key->text;
    leat_finding_error(&loader->findings, &pipeline->spot,
                       leat_hint_names(loader->arena, values.pipeline, names, count),
                       "there is no pipeline \"%s\"", values.pipeline);
}

/* The tests of all files become one list. */
void leat_load_tests(struct leat_loader *loader)
{
    struct leat_tree *all = leat_arena_zeroed(loader->arena, sizeof(*all));
    all->kind = LEAT_TREE_LIST;
    size_t most = 0;
    for (size_t i = 0; i < loader->file_count; i++) {
        const struct leat_tree *tests = leat_tree_get(loader->files[i].tree, "tests");
        most += tests ? tests->count : 0;
    }
    struct leat_tree_item *items = leat_arena_alloc(loader->arena, most * sizeof(*items) + 1);
    for (size_t i = 0; i < loader->file_count; i++) {
        const struct leat_tree *tests = leat_tree_get(loader->files[i].tree, "tests");
        if (!tests || tests->is_bad || leat_tree_is_null(tests))
            continue;
        if (tests->kind != LEAT_TREE_LIST) {
            leat_finding_error(&loader->findings, &tests->spot, "each test begins with \"- name:\"",
                               "tests takes a list, not %s", leat_tree_kind_name(tests));
            continue;
        }
        for (size_t n = 0; n < tests->count; n++) {
            load_test(loader, tests->items[n].value);
            items[all->count++] = tests->items[n];
        }
    }
    all->items = items;
    loader->config->tests = all->count ? all : NULL;
}
