/* equal.c - is a pipeline what it was? A reload leaves those alone that are. */
#include <config/tree.h>

#include <config/load.h>
#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool are_same_lists(const struct leat_list *a, const struct leat_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!is_same_text(a->items[i], b->items[i]))
            return false;
    return true;
}

/* What a plug-in reads from a file that its options name may have changed with them all the same. */
static bool reads_files(const struct leat_option *options, const struct leat_tree *tree)
{
    for (const struct leat_option *option = options; option && option->name; option++) {
        bool is_file = option->type == LEAT_OPT_PATH || option->type == LEAT_OPT_PATHS;
        bool is_said = tree && (tree->kind == LEAT_TREE_MAP ? leat_tree_get(tree, option->name) != NULL
                                                            : (option->flags & LEAT_OPT_MAIN) != 0);
        if (is_file && is_said)
            return true;
    }
    return false;
}

static bool are_same_uses(const struct leat_use *a, const struct leat_use *b)
{
    bool are_same_trees = a->tree == b->tree || (a->tree && b->tree && leat_tree_equal(a->tree, b->tree));
    return is_same_text(a->name, b->name) && is_same_text(a->base_dir, b->base_dir) && are_same_trees;
}

static bool are_same_errors(const struct leat_errors_def *a, const struct leat_errors_def *b)
{
    return a->is_set == b->is_set && a->policy == b->policy && is_same_text(a->topic, b->topic) &&
           a->retry_first_us == b->retry_first_us && a->retry_most_us == b->retry_most_us &&
           a->retry_give_up_us == b->retry_give_up_us;
}

static bool are_same_places(const struct leat_place *a, const struct leat_place *b)
{
    return a->kind == b->kind && a->time_us == b->time_us && a->offset == b->offset && a->partition == b->partition &&
           is_same_text(a->topic, b->topic);
}

static bool are_same_transforms(const struct leat_connector_def *a, const struct leat_connector_def *b)
{
    if (a->transform_count != b->transform_count)
        return false;
    for (size_t i = 0; i < a->transform_count; i++) {
        const struct leat_use *use = &a->transforms[i].use;
        if (a->transforms[i].type != b->transforms[i].type || !are_same_uses(use, &b->transforms[i].use) ||
            reads_files(use->options, use->tree))
            return false;
    }
    return true;
}

static bool are_same_connectors(const struct leat_connector_def *a, const struct leat_connector_def *b)
{
    return is_same_text(a->name, b->name) && a->source == b->source && a->sink == b->sink &&
           are_same_uses(&a->use, &b->use) && are_same_transforms(a, b) && are_same_errors(&a->errors, &b->errors) &&
           are_same_lists(&a->topics, &b->topics) && are_same_places(&a->start, &b->start) && a->parallel == b->parallel;
}

static bool are_same_settings(const struct leat_log_settings *a, const struct leat_log_settings *b)
{
    return a->fsync == b->fsync && a->fsync_every_us == b->fsync_every_us && a->retain_age_us == b->retain_age_us &&
           a->retain_bytes == b->retain_bytes && a->rewind_us == b->rewind_us &&
           a->releases_slowest == b->releases_slowest && a->min_free_bytes == b->min_free_bytes;
}

bool leat_pipeline_equal(const struct leat_pipeline_def *a, const struct leat_pipeline_def *b)
{
    bool are_same = is_same_text(a->name, b->name) && is_same_text(a->log, b->log) && is_same_text(a->topic, b->topic) &&
                    a->max_record == b->max_record && are_same_lists(&a->subscribe, &b->subscribe) &&
                    are_same_settings(&a->settings, &b->settings) && !a->source == !b->source &&
                    a->sink_count == b->sink_count;
    if (are_same && a->source)
        are_same = are_same_connectors(a->source, b->source);
    for (size_t i = 0; are_same && i < a->sink_count; i++)
        are_same = are_same_connectors(&a->sinks[i], &b->sinks[i]);
    return are_same;
}

bool leat_config_same_process(const struct leat_config *a, const struct leat_config *b)
{
    return is_same_text(a->data, b->data) && is_same_text(a->topics, b->topics) && is_same_text(a->admin, b->admin) &&
           is_same_text(a->coordinator.kind, b->coordinator.kind) &&
           is_same_text(a->coordinator.instance, b->coordinator.instance) &&
           a->coordinator.session_us == b->coordinator.session_us && are_same_lists(&a->plugin_path, &b->plugin_path) &&
           a->memory == b->memory;
}
