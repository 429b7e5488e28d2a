/* cross.c - what pipelines may not do to each other. */
#include <config/loader.h>

#include <base/text.h>

/* A template's text as a pattern: each placeholder may be anything. */
static const char *as_pattern(struct leat_arena *arena, const char *text)
{
    char *out = leat_arena_alloc(arena, strlen(text) + 1), *at = out;
    for (; *text; text++) {
        if (text[0] == '{' && text[1] != '{') {
            text = strchr(text, '}');
            *at++ = '*';
            if (!text)
                break;
        } else {
            text += text[0] == '{';
            *at++ = *text;
        }
    }
    *at = 0;
    return out;
}

static const char *topic_of(const struct leat_pipeline_def *def)
{
    if (!def->source || !def->source->source)
        return NULL;
    if (def->topic)
        return def->topic;
    return def->source->source->topic ? def->source->source->topic : def->name;
}

/* Two pipelines that may write one topic: that is meant only where both say it. */
static bool check_topics(struct leat_loader *loader, const struct leat_loaded_pipeline *a,
                         const struct leat_loaded_pipeline *b)
{
    const char *topic_a = topic_of(&a->def), *topic_b = topic_of(&b->def);
    if (!topic_a || !topic_b || (a->def.topic && b->def.topic))
        return false;
    const char *pattern_a = as_pattern(loader->arena, topic_a);
    const char *pattern_b = as_pattern(loader->arena, topic_b);
    if (!leat_pattern_matches(pattern_a, topic_b, false) && !leat_pattern_matches(pattern_b, topic_a, false))
        return false;
    leat_finding_warn(&loader->findings, &b->key->spot, "set `topic` in both, the same or not",
                      "pipelines %s and %s may write to one topic, %s", a->def.name, b->def.name, topic_b);
    return true;
}

static bool same_settings(const struct leat_log_settings *a, const struct leat_log_settings *b)
{
    return a->fsync == b->fsync && a->fsync_every_us == b->fsync_every_us &&
           a->retain_age_us == b->retain_age_us && a->retain_bytes == b->retain_bytes &&
           a->rewind_us == b->rewind_us && a->releases_slowest == b->releases_slowest;
}

static void check_logs(struct leat_loader *loader, const struct leat_loaded_pipeline *a,
                       const struct leat_loaded_pipeline *b)
{
    const struct leat_pipeline_def *x = &a->def, *y = &b->def;
    if (!x->log || !y->log || strcmp(x->log, y->log) != 0 || same_settings(&x->settings, &y->settings))
        return;
    leat_finding_error(&loader->findings, &b->key->spot, "one log has one setting of each",
                       "pipelines %s and %s share log %s, but differ in retain, on_full or fsync", x->name,
                       y->name, x->log);
}

/* The one file that a sink writes, absolute, and where that stands; NULL: none, or one that depends on records. */
static const char *only_file(struct leat_loader *loader, const struct leat_connector_def *sink,
                             const struct leat_tree **tree)
{
    const struct leat_option *o = sink->sink ? sink->use.options : NULL;
    while (o && o->name && !(o->flags & LEAT_OPT_OF_PATH && o->flags & LEAT_OPT_REQUIRED))
        o++;
    if (!o || !o->name || !sink->use.tree)
        return NULL;
    bool is_short = sink->use.tree->kind == LEAT_TREE_SCALAR && o->flags & LEAT_OPT_MAIN;
    *tree = is_short ? sink->use.tree : leat_tree_get(sink->use.tree, o->name);
    if (!*tree || (*tree)->is_bad || (*tree)->kind != LEAT_TREE_SCALAR || leat_tree_is_null(*tree) ||
        strchr((*tree)->text, '{'))
        return NULL;
    return leat_absolute(loader->arena, sink->use.base_dir, (*tree)->text);
}

/* Two sinks that write one file would fence each other. */
static void check_file(struct leat_loader *loader, const struct leat_connector_def *a,
                       const struct leat_connector_def *b)
{
    const struct leat_tree *tree_a, *tree_b;
    const char *file_a = only_file(loader, a, &tree_a), *file_b = only_file(loader, b, &tree_b);
    if (!file_a || !file_b || a->sink != b->sink || strcmp(file_a, file_b) != 0)
        return;
    leat_finding_error(&loader->findings, &tree_b->spot, "each sink has a file of its own",
                       "sinks %s and %s write to one file, %s", a->name, b->name, tree_b->text);
}

static void check_files(struct leat_loader *loader, const struct leat_pipeline_def *x,
                        const struct leat_pipeline_def *y)
{
    for (size_t k = 0; k < y->sink_count; k++)
        for (size_t i = 0; i < (x == y ? k : x->sink_count); i++)
            check_file(loader, &x->sinks[i], &y->sinks[k]);
}

void leat_check_across(struct leat_loader *loader)
{
    for (size_t i = 0; i < loader->pipeline_count; i++) {
        bool is_warned = false; /* once for each pipeline is enough */
        for (size_t n = 0; n < i; n++) {
            is_warned = is_warned || check_topics(loader, &loader->pipelines[n], &loader->pipelines[i]);
            check_logs(loader, &loader->pipelines[n], &loader->pipelines[i]);
            check_files(loader, &loader->pipelines[n].def, &loader->pipelines[i].def);
        }
        check_files(loader, &loader->pipelines[i].def, &loader->pipelines[i].def);
    }
}
