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

void leat_check_across(struct leat_loader *loader)
{
    for (size_t i = 0; i < loader->pipeline_count; i++) {
        bool is_warned = false; /* once for each pipeline is enough */
        for (size_t n = 0; n < i; n++) {
            is_warned = is_warned || check_topics(loader, &loader->pipelines[n], &loader->pipelines[i]);
            check_logs(loader, &loader->pipelines[n], &loader->pipelines[i]);
        }
    }
}
