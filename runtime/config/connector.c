/* connector.c - one source or sink: the plug-in among its keys, its options, its transforms, its errors. */
#include <config/loader.h>

#include <base/assert.h>
#include <base/text.h>

/* What the three kinds of plug-in have in common here. */
struct plugin {
    const char *name;
    const struct leat_option *options;
    size_t size;
    enum leat_status (*validate)(void *self, struct leat_error *err);
    const void *type;
};

enum kind { SOURCE, SINK, TRANSFORM };
static const char *const kind_names[] = {"source", "sink", "transform"};

static const char *const source_keys[] = {"transforms", "errors", NULL};
static const char *const sink_keys[] = {"transforms", "errors", NULL};

/* The n-th plug-in of a kind; false beyond the last. */
static bool nth(const struct leat_catalog *catalog, enum kind kind, size_t n, struct plugin *plugin)
{
    if (kind == SOURCE && catalog->sources && catalog->sources[n]) {
        const struct leat_source_type *t = catalog->sources[n];
        *plugin = (struct plugin){t->name, t->options, t->size, t->validate, t};
        return true;
    }
    if (kind == SINK && catalog->sinks && catalog->sinks[n]) {
        const struct leat_sink_type *t = catalog->sinks[n];
        *plugin = (struct plugin){t->name, t->options, t->size, t->validate, t};
        return true;
    }
    if (kind == TRANSFORM && catalog->transforms && catalog->transforms[n]) {
        const struct leat_transform_type *t = catalog->transforms[n];
        *plugin = (struct plugin){t->name, t->options, t->size, t->validate, t};
        return true;
    }
    return false;
}

static bool find_plugin(const struct leat_loader *loader, enum kind kind, const char *name,
                        struct plugin *plugin)
{
    for (size_t n = 0; nth(loader->catalog, kind, n, plugin); n++)
        if (strcmp(plugin->name, name) == 0)
            return true;
    return false;
}

static const char *plugin_hint(struct leat_loader *loader, enum kind kind, const char *name)
{
    struct plugin plugin;
    for (enum kind other = SOURCE; other <= TRANSFORM; other++)
        if (other != kind && find_plugin(loader, other, name, &plugin))
            return leat_arena_format(loader->arena, "%s is a %s", name, kind_names[other]);
    const char *names[128];
    size_t count = 0;
    while (count < 128 && nth(loader->catalog, kind, count, &plugin))
        names[count++] = plugin.name;
    return leat_hint_names(loader->arena, name, names, count);
}

static const struct leat_tree *nothing(struct leat_loader *loader, const struct leat_tree *at)
{
    struct leat_tree *null = leat_arena_zeroed(loader->arena, sizeof(*null));
    *null = (struct leat_tree){
        .kind = LEAT_TREE_SCALAR, .is_plain = true, .text = "", .spot = at->spot, .weight = 1};
    return null;
}

/* Something below was reported while the file was read, and so has no value. */
static bool has_bad(const struct leat_tree *tree)
{
    bool is_bad = tree->is_bad;
    for (size_t i = 0; !is_bad && i < tree->count; i++)
        is_bad = has_bad(tree->items[i].value);
    return is_bad;
}

/* Checks the options by writing them once into a struct that is then forgotten. */
static void load_use(struct leat_loader *loader, enum kind kind, const struct plugin *plugin,
                     const struct leat_tree *key, const struct leat_tree *tree, struct leat_use *use)
{
    *use = (struct leat_use){.name = plugin->name,
                             .options = plugin->options,
                             .size = plugin->size,
                             .tree = tree,
                             .base_dir = key->spot.file->dir,
                             .where = leat_where(loader, &key->spot),
                             .validate = plugin->validate};
    const char *what = leat_arena_format(loader->arena, "%s %s", kind_names[kind], plugin->name);
    struct leat_binder binder = leat_loader_binder(loader, what, NULL);
    size_t errors = loader->findings.errors;
    void *self = leat_arena_zeroed(loader->arena, plugin->size + 1);
    leat_bind(&binder, plugin->options, key, tree, self);
    struct leat_error err = {0};
    if (loader->findings.errors != errors || has_bad(tree) || !plugin->validate)
        return;
    if (plugin->validate(self, &err) != LEAT_OK)
        leat_finding_error(&loader->findings, &key->spot, NULL, "%s: %s", what, err.text);
}

/* ---- transforms ---- */

static bool load_transform(struct leat_loader *loader, const struct leat_inherited *from,
                           const struct leat_tree *entry, struct leat_transform_def *def)
{
    const struct leat_tree *key = entry, *value = NULL;
    if (entry->is_bad)
        return false;
    if (entry->kind == LEAT_TREE_MAP && entry->count == 1) {
        key = entry->items[0].key;
        value = entry->items[0].value;
    } else if (entry->kind == LEAT_TREE_SCALAR && !leat_tree_is_null(entry)) {
        value = nothing(loader, entry);
    } else {
        const char *hint = entry->kind == LEAT_TREE_MAP ? "is a \"- \" missing, or indentation below the name?"
                                                        : "for example: - drop: [card_number]";
        leat_finding_error(&loader->findings, &entry->spot, hint,
                           "each of transforms is one transform with its options");
        return false;
    }
    struct plugin plugin;
    if (!find_plugin(loader, TRANSFORM, key->text, &plugin)) {
        leat_finding_error(&loader->findings, &key->spot, plugin_hint(loader, TRANSFORM, key->text),
                           "unknown transform \"%s\"", key->text);
        return false;
    }
    def->type = plugin.type;
    if (!from->is_source && def->type->traits & LEAT_STATEFUL)
        leat_finding_error(&loader->findings, &key->spot, "move it to the pipeline that has the source",
                           "transform %s keeps state, so it may only stand before the topic", key->text);
    load_use(loader, TRANSFORM, &plugin, key, value, &def->use);
    return true;
}

static void append_transforms(struct leat_loader *loader, const struct leat_inherited *from,
                              const struct leat_tree *list, struct leat_transform_def *defs, size_t *count)
{
    if (!list || list->is_bad || leat_tree_is_null(list))
        return;
    if (list->kind != LEAT_TREE_LIST) {
        leat_finding_error(&loader->findings, &list->spot, "for example: - drop: [card_number]",
                           "transforms takes a list, not %s", leat_tree_kind_name(list));
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        *count += load_transform(loader, from, list->items[i].value, &defs[*count]);
}

static void load_transforms(struct leat_loader *loader, const struct leat_inherited *from,
                            const struct leat_tree *own, struct leat_connector_def *def)
{
    const struct leat_tree *shared = from->transforms;
    size_t most = (own ? own->count : 0) + (shared ? shared->count : 0);
    struct leat_transform_def *defs = leat_arena_zeroed(loader->arena, most * sizeof(*defs) + 1);
    append_transforms(loader, from, from->is_source ? own : shared, defs, &def->transform_count);
    append_transforms(loader, from, from->is_source ? shared : own, defs, &def->transform_count);
    def->transforms = defs;
}

/* ---- errors ---- */

static void load_breaker(struct leat_loader *loader, const struct leat_tree *tree, struct leat_errors_def *def)
{
    const struct leat_tree empty = {.kind = LEAT_TREE_MAP};
    const struct leat_tree_item *breaker = tree ? leat_tree_find(tree, "breaker") : NULL;
    struct leat_breaker_values values = {0};
    struct leat_binder binder = leat_loader_binder(loader, "breaker", NULL);
    leat_bind(&binder, leat_breaker_options, breaker ? breaker->key : NULL, breaker ? breaker->value : &empty, &values);
    def->breaker_records = (uint32_t)values.records;
    def->breaker_percent = (uint32_t)values.percent;
    def->breaker_within_us = values.within_us;
    def->breaker_stops = (enum leat_breaker_stops)values.stops;
}

static void load_errors(struct leat_loader *loader, const struct leat_tree *tree, struct leat_errors_def *def)
{
    static const char *const others[] = {"retry", "breaker", NULL};
    const struct leat_tree empty = {.kind = LEAT_TREE_MAP};
    struct leat_binder binder = leat_loader_binder(loader, "errors", others);
    struct leat_errors_values values = {.policy = -1};
    if (tree)
        leat_bind(&binder, leat_errors_options, NULL, tree, &values);
    def->is_set = values.policy >= 0;
    def->policy = def->is_set ? (enum leat_policy)values.policy : LEAT_POLICY_STOP;
    def->topic = values.topic;
    const struct leat_tree_item *retry = tree ? leat_tree_find(tree, "retry") : NULL;
    struct leat_retry_values times = {0};
    binder = leat_loader_binder(loader, "retry", NULL);
    leat_bind(&binder, leat_retry_options, retry ? retry->key : NULL, retry ? retry->value : &empty, &times);
    def->retry_first_us = times.first_us;
    def->retry_most_us = times.most_us;
    def->retry_give_up_us = times.give_up_us;
    if (retry && times.first_us > times.most_us)
        leat_finding_error(&loader->findings, &retry->key->spot, NULL,
                           "retry: first is longer than most");
    load_breaker(loader, tree, def);
}

/* ---- the plug-in among the keys ---- */

static bool is_reserved(enum kind kind, const char *key)
{
    const char *const *keys = kind == SOURCE ? source_keys : sink_keys;
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0)
            return true;
    const struct leat_option *o = kind == SOURCE ? leat_source_options : leat_sink_options;
    for (; o->name; o++)
        if (strcmp(o->name, key) == 0)
            return true;
    return false;
}

bool leat_is_sink_key(const char *key)
{
    return is_reserved(SINK, key);
}

/* A key of the other kind, or one that belongs below the plug-in's name. */
static void complain_key(struct leat_loader *loader, enum kind kind, const char *plugin,
                         const struct leat_tree *key)
{
    enum kind other = kind == SOURCE ? SINK : SOURCE;
    if (is_reserved(other, key->text)) {
        leat_finding_error(&loader->findings, &key->spot, NULL, "\"%s\" is for %ss, not for a %s",
                           key->text, kind_names[other], kind_names[kind]);
        return;
    }
    const char *names[16];
    size_t count = 0;
    for (const char *const *k = kind == SOURCE ? source_keys : sink_keys; *k; k++)
        names[count++] = *k;
    for (const struct leat_option *o = kind == SOURCE ? leat_source_options : leat_sink_options; o->name; o++)
        names[count++] = o->name;
    leat_assert(count <= sizeof(names) / sizeof(*names));
    const char *meant = leat_did_you_mean(key->text, names, count);
    const char *hint = meant ? leat_arena_format(loader->arena, "did you mean \"%s\"?", meant)
                             : leat_arena_format(loader->arena, "options of %s stand below it, indented", plugin);
    leat_finding_error(&loader->findings, &key->spot, hint, "unknown key \"%s\" beside %s %s", key->text,
                       kind_names[kind], plugin);
}

/* The item of a connector's map that names the plug-in, or NULL after saying why there is none. */
static const struct leat_tree_item *choose(struct leat_loader *loader, enum kind kind,
                                           const struct leat_tree *key, const struct leat_tree *map,
                                           struct plugin *plugin)
{
    const struct leat_tree_item *chosen = NULL, *candidate = NULL;
    struct plugin found;
    for (size_t i = 0; i < map->count; i++) {
        const struct leat_tree_item *item = &map->items[i];
        if (is_reserved(kind, item->key->text))
            continue;
        if (!find_plugin(loader, kind, item->key->text, &found)) {
            candidate = candidate ? candidate : item;
            continue;
        }
        if (chosen)
            leat_finding_error(&loader->findings, &item->key->spot, "each sink has a name of its own",
                               "there are two plug-ins: %s and %s", chosen->key->text, item->key->text);
        else
            *plugin = found;
        chosen = chosen ? chosen : item;
    }
    if (!chosen && !candidate) {
        leat_finding_error(&loader->findings, &key->spot, plugin_hint(loader, kind, ""),
                           "this names no %s plug-in", kind_names[kind]);
    } else if (!chosen && !is_reserved(kind == SOURCE ? SINK : SOURCE, candidate->key->text)) {
        leat_finding_error(&loader->findings, &candidate->key->spot,
                           plugin_hint(loader, kind, candidate->key->text), "unknown %s \"%s\"",
                           kind_names[kind], candidate->key->text);
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct leat_tree *name = map->items[i].key;
        if (!is_reserved(kind, name->text) && !find_plugin(loader, kind, name->text, &found))
            complain_key(loader, kind, chosen ? chosen->key->text : "plug-in", name);
    }
    return chosen;
}

static void load_source_keys(struct leat_loader *loader, const struct leat_tree *map,
                             struct leat_connector_def *def)
{
    struct leat_binder binder = leat_loader_binder(loader, "source", NULL);
    struct leat_source_values values = {0};
    for (const struct leat_option *o = leat_source_options; o->name; o++)
        if (leat_tree_get(map, o->name))
            leat_bind_value(&binder, o, leat_tree_get(map, o->name), &values);
    const struct leat_tree *schedule = leat_tree_get(map, "schedule");
    if (schedule) /* of the sources that there are, none is */
        leat_finding_error(&loader->findings, &schedule->spot, NULL,
                           "%s is not a source that is polled: it delivers what comes by itself, leave `schedule` out",
                           def->source ? def->source->name : "this");
}

static void load_sink_keys(struct leat_loader *loader, const struct leat_inherited *from,
                           const struct leat_tree *map, struct leat_connector_def *def)
{
    struct leat_binder binder = leat_loader_binder(loader, "sink", NULL);
    struct leat_sink_values values = {.parallel = 1};
    for (const struct leat_option *o = leat_sink_options; o->name; o++)
        if (leat_tree_get(map, o->name))
            leat_bind_value(&binder, o, leat_tree_get(map, o->name), &values);
    def->topics = values.topics;
    def->parallel = (uint32_t)values.parallel;
    const struct leat_tree *parallel = leat_tree_get(map, "parallel");
    if (def->parallel > 1 && def->sink && (def->sink->traits & LEAT_ONE_WRITER))
        leat_finding_error(&loader->findings, &parallel->spot, NULL,
                           "a %s sink has one writer: leave `parallel` out, or make several sinks, each with its own `topics` "
                           "and target",
                           def->sink->name);
    const struct leat_tree *start = leat_tree_get(map, "start");
    def->start = (struct leat_place){.kind = LEAT_AT_FIRST};
    if (start || from->start)
        leat_load_place(loader, start ? start : from->start, &def->start);
}

void leat_load_connector(struct leat_loader *loader, const struct leat_inherited *from, const char *name,
                         const struct leat_tree *key, const struct leat_tree *tree,
                         struct leat_connector_def *def)
{
    enum kind kind = from->is_source ? SOURCE : SINK;
    *def = (struct leat_connector_def){
        .name = name, .parallel = 1, .where = leat_where(loader, &key->spot)};
    struct plugin plugin = {0};
    const struct leat_tree *plugin_key = NULL, *value = NULL;
    if (tree->is_bad)
        return;
    if (tree->kind == LEAT_TREE_SCALAR && !leat_tree_is_null(tree)) { /* `source: stdin` */
        plugin_key = tree;
        value = nothing(loader, tree);
        if (!find_plugin(loader, kind, tree->text, &plugin)) {
            leat_finding_error(&loader->findings, &tree->spot, plugin_hint(loader, kind, tree->text),
                               "unknown %s \"%s\"", kind_names[kind], tree->text);
            return;
        }
    } else if (tree->kind == LEAT_TREE_LIST) {
        leat_finding_error(&loader->findings, &tree->spot, NULL, "a %s is a map with one plug-in, not a list",
                           kind_names[kind]);
        return;
    } else {
        const struct leat_tree_item *item = choose(loader, kind, key, tree, &plugin);
        plugin_key = item ? item->key : NULL;
        value = item ? item->value : NULL;
    }
    if (plugin_key) {
        load_use(loader, kind, &plugin, plugin_key, value, &def->use);
        def->source = kind == SOURCE ? plugin.type : NULL;
        def->sink = kind == SINK ? plugin.type : NULL;
    }
    load_transforms(loader, from, leat_tree_get(tree, "transforms"), def);
    const struct leat_tree *errors = leat_tree_get(tree, "errors");
    load_errors(loader, errors ? errors : from->errors, &def->errors);
    if (kind == SOURCE)
        load_source_keys(loader, tree, def);
    else
        load_sink_keys(loader, from, tree, def);
}
