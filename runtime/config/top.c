/* top.c - the keys of the whole program, which several files may say, and must then say alike. */
#include <config/loader.h>

#include <base/number.h>
#include <base/os.h>
#include <errno.h>
#include <leat/logger.h>

/* Keys beside the table of top-level options. */
static const char *const others[] = {"coordinator", "logger", "pipelines", "tests", NULL};

static bool is_for_merge(const char *key)
{
    return strcmp(key, "pipelines") != 0 && strcmp(key, "tests") != 0;
}

static const struct leat_option *top_option(const char *name)
{
    for (const struct leat_option *o = leat_top_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* The same key in two files: the same value, whatever its spelling. */
static void compare(struct leat_loader *loader, const struct leat_tree_item *first,
                    const struct leat_tree_item *again)
{
    const struct leat_option *option = top_option(first->key->text);
    bool is_same = leat_tree_equal(first->value, again->value);
    if (option && (!is_same || option->type == LEAT_OPT_PATH || option->type == LEAT_OPT_PATHS)) {
        struct leat_findings ignored; /* each is checked where it stands */
        leat_findings_init(&ignored, loader->arena);
        struct leat_binder binder = leat_loader_binder(loader, NULL, NULL);
        binder.findings = &ignored;
        struct leat_top_values a = {0}, b = {0};
        leat_bind_value(&binder, option, first->value, &a);
        leat_bind_value(&binder, option, again->value, &b);
        is_same = leat_bound_equal(option, &a, &b);
        leat_findings_fini(&ignored);
    }
    if (!is_same)
        leat_finding_error(&loader->findings, &again->key->spot, NULL, "\"%s\" is not what %s says",
                           again->key->text, leat_where(loader, &first->key->spot));
}

/* One map of what all files say. Keys that nobody knows stay in, each of them. */
static struct leat_tree *merge(struct leat_loader *loader)
{
    size_t most = 0;
    for (size_t i = 0; i < loader->file_count; i++)
        most += loader->files[i].tree ? loader->files[i].tree->count : 0;
    struct leat_tree *all = leat_arena_zeroed(loader->arena, sizeof(*all));
    struct leat_tree_item *items = leat_arena_alloc(loader->arena, most * sizeof(*items) + 1);
    *all = (struct leat_tree){.kind = LEAT_TREE_MAP, .items = items};
    for (size_t i = 0; i < loader->file_count; i++) {
        const struct leat_tree *tree = loader->files[i].tree;
        for (size_t n = 0; tree && n < tree->count; n++) {
            const struct leat_tree_item *item = &tree->items[n];
            if (!is_for_merge(item->key->text))
                continue;
            const struct leat_tree_item *first = leat_tree_find(all, item->key->text);
            if (first && first->key->spot.file != item->key->spot.file)
                compare(loader, first, item);
            if (!first || !top_option(item->key->text))
                items[all->count++] = *item;
        }
    }
    return all;
}

static void check_admin(struct leat_loader *loader, const struct leat_tree *tree)
{
    if (!tree || tree->kind != LEAT_TREE_SCALAR || tree->is_bad)
        return;
    const char *colon = strrchr(tree->text, ':');
    int64_t port = 0;
    bool is_good = colon && colon != tree->text && leat_parse_i64(colon + 1, strlen(colon + 1), &port) &&
                   port >= 0 && port <= 65535;
    if (!is_good)
        leat_finding_error(&loader->findings, &tree->spot, "for example 127.0.0.1:8083",
                           "admin: \"%s\" is not host:port", tree->text);
}

static void check_folder(struct leat_loader *loader, const struct leat_tree *tree, const char *path)
{
    char buffer[128];
    DIR *dir = leat_os->opendir(path);
    if (dir)
        leat_os->closedir(dir);
    else
        leat_finding_error(&loader->findings, &tree->spot, NULL, "plugin_path %s: %s", path,
                           strerror_r(errno, buffer, sizeof buffer));
}

static void check_plugin_path(struct leat_loader *loader, const struct leat_tree *tree, const struct leat_list *paths)
{
    bool is_list = tree && tree->kind == LEAT_TREE_LIST && tree->count == paths->count;
    for (size_t i = 0; tree && !tree->is_bad && i < paths->count; i++)
        check_folder(loader, is_list ? tree->items[i].value : tree, paths->items[i]);
}

static void check_topics(struct leat_loader *loader, const struct leat_tree *tree)
{
    if (!tree || tree->kind != LEAT_TREE_SCALAR || tree->is_bad)
        return;
    const char *name = strncmp(tree->text, "oms:", 4) == 0 ? tree->text + 4 : "";
    size_t len = strcspn(name, ":");
    if (len == 0 || name[len] != ':') {
        leat_finding_error(&loader->findings, &tree->spot, "for example oms:commitlog:",
                           "topics: \"%s\" is no OpenMessaging access point", tree->text);
        return;
    }
    if (!loader->catalog || !loader->catalog->drivers)
        return;
    const char *names[64];
    size_t count = 0;
    const char *driver = leat_arena_copy(loader->arena, name, len);
    for (; loader->catalog->drivers[count] && count < 64; count++) {
        names[count] = loader->catalog->drivers[count]->name;
        if (strcmp(names[count], driver) == 0)
            return;
    }
    leat_finding_error(&loader->findings, &tree->spot, leat_hint_names(loader->arena, driver, names, count),
                       "topics: there is no driver \"%s\"", driver);
}

static void load_logger(struct leat_loader *loader, const struct leat_tree_item *item)
{
    static const struct leat_tree nothing = {.kind = LEAT_TREE_MAP};
    struct leat_binder binder = leat_loader_binder(loader, "logger", NULL);
    struct leat_logger_values values = {0};
    leat_bind(&binder, leat_logger_options, item ? item->key : NULL, item ? item->value : &nothing, &values);
    loader->config->logger.is_json = values.format == 1;
    loader->config->logger.level = values.level;
    _Static_assert(LEAT_DEBUG == 0 && LEAT_ERROR == 3, "the choices of level are in the enum's order");
}

void leat_load_top(struct leat_loader *loader)
{
    const struct leat_tree *all = merge(loader);
    struct leat_binder binder = leat_loader_binder(loader, NULL, others);
    struct leat_top_values values = {0};
    leat_bind(&binder, leat_top_options, NULL, all, &values);
    check_admin(loader, leat_tree_get(all, "admin"));
    check_topics(loader, leat_tree_get(all, "topics"));
    check_plugin_path(loader, leat_tree_get(all, "plugin_path"), &values.plugin_path);
    load_logger(loader, leat_tree_find(all, "logger"));
    leat_load_coordinator(loader, leat_tree_find(all, "coordinator"));
    struct leat_config *config = loader->config;
    config->data = values.data;
    config->topics = values.topics;
    config->admin = values.admin;
    config->plugin_path = values.plugin_path;
    config->memory = values.memory;
    config->min_free = values.min_free;
    config->shutdown_timeout_us = values.shutdown_timeout_us;
}
