#include <control/registry.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/builtin.h>
#include <dlfcn.h>
#include <errno.h>
#include <model/codecs.h>
#include <oms/access.h>
#include <stdlib.h>
#include <transform/chain.h>

struct names { /* a list that ends with NULL, growing */
    const void **items;
    size_t count;
};

struct leat_registry {
    struct names sources, sinks, transforms, drivers;
    void **libraries;
    size_t library_count;
    struct leat_catalog catalog;
};

static void add(struct names *list, const void *item)
{
    list->items = leat_realloc(list->items, (list->count + 2) * sizeof *list->items);
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

static void add_all(struct names *list, const void *const *from)
{
    for (; *from; from++)
        add(list, *from);
}

static void add_builtin(struct leat_registry *registry)
{
    static const struct leat_driver_type *const drivers[] = {&leat_driver_commitlog, &leat_driver_memory, NULL};
    add_all(&registry->sources, (const void *const *)leat_builtin_sources);
    add_all(&registry->sinks, (const void *const *)leat_builtin_sinks);
    add_all(&registry->transforms, (const void *const *)leat_transforms());
    add_all(&registry->transforms, (const void *const *)leat_builtin_transforms);
    add_all(&registry->drivers, (const void *const *)drivers);
}

/* ---- plug-ins of .so files ---- */

/* The name of a type: `name` stands at the same place in all of them, behind two u32. */
static const char *type_name(const void *type)
{
    return ((const struct leat_source_type *)type)->name;
}
_Static_assert(offsetof(struct leat_source_type, name) == offsetof(struct leat_sink_type, name) &&
                   offsetof(struct leat_source_type, name) == offsetof(struct leat_transform_type, name) &&
                   offsetof(struct leat_source_type, name) == offsetof(struct leat_driver_type, name),
               "names of types stand at one place");

static bool has_name(const struct names *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(type_name(list->items[i]), name) == 0)
            return true;
    return false;
}

static enum leat_status add_types(struct names *list, const void *const *types, const char *kind, const char *path,
                                  struct leat_error *err)
{
    for (; types && *types; types++) {
        if (has_name(list, type_name(*types)))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: there is a %s \"%s\" already", path, kind,
                                type_name(*types));
        add(list, *types);
    }
    return LEAT_OK;
}

static enum leat_status add_plugin(struct leat_registry *registry, const struct leat_plugin *plugin, const char *path,
                                   struct leat_error *err)
{
    const void *const *lists[] = {(const void *const *)plugin->sources, (const void *const *)plugin->sinks,
                                  (const void *const *)plugin->transforms, (const void *const *)plugin->drivers};
    struct names *into[] = {&registry->sources, &registry->sinks, &registry->transforms, &registry->drivers};
    static const char *const kinds[] = {"source", "sink", "transform", "driver"};
    for (size_t i = 0; i < sizeof into / sizeof *into; i++) {
        enum leat_status status = add_types(into[i], lists[i], kinds[i], path, err);
        if (status != LEAT_OK)
            return status;
    }
    for (size_t i = 0; plugin->drivers && plugin->drivers[i]; i++)
        leat_driver_add(plugin->drivers[i]);
    for (size_t i = 0; plugin->codecs && plugin->codecs[i]; i++)
        if (!leat_codec_add(plugin->codecs[i]))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: there is a format \"%s\" already", path,
                                plugin->codecs[i]->name);
    return LEAT_OK;
}

static enum leat_status load_plugin(struct leat_registry *registry, const char *path, struct leat_error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "cannot load plug-in %s", dlerror());
    registry->libraries =
        leat_realloc(registry->libraries, (registry->library_count + 1) * sizeof *registry->libraries);
    registry->libraries[registry->library_count++] = library;
    const struct leat_plugin *plugin = dlsym(library, "leat_plugin");
    if (!plugin)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s is no plug-in of Leat: it exports no leat_plugin", path);
    if (plugin->abi != LEAT_ABI)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "%s: plug-in %s was built for plug-in ABI %u, this leat has %d; build it again with this "
                            "version's headers",
                            path, plugin->abi < 1000 && plugin->name ? plugin->name : "?", plugin->abi, LEAT_ABI);
    if (plugin->struct_size < sizeof *plugin)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: its leat_plugin is too small", path);
    return add_plugin(registry, plugin, path, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum leat_status load_folder(struct leat_registry *registry, const char *folder, struct leat_error *err)
{
    char **paths = NULL;
    size_t count = 0;
    DIR *dir = leat_os->opendir(folder);
    if (!dir)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "plugin_path %s: %s", folder, strerror(errno));
    for (struct dirent *entry; (entry = leat_os->readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".so") != 0)
            continue;
        paths = leat_realloc(paths, (count + 1) * sizeof *paths);
        paths[count++] = leat_format_dup("%s/%s", folder, entry->d_name);
    }
    leat_os->closedir(dir);
    if (count > 0)
        qsort(paths, count, sizeof *paths, by_name);
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == LEAT_OK)
            status = load_plugin(registry, paths[i], err);
        free(paths[i]);
    }
    free(paths);
    return status;
}

enum leat_status leat_registry_open(struct leat_registry **registry, const struct leat_list *paths,
                                    struct leat_error *err)
{
    struct leat_registry *made = leat_calloc(1, sizeof *made);
    enum leat_status status = LEAT_OK;
    add_builtin(made);
    for (size_t i = 0; paths && status == LEAT_OK && i < paths->count; i++)
        status = load_folder(made, paths->items[i], err);
    made->catalog = (struct leat_catalog){
        .sources = (const struct leat_source_type *const *)made->sources.items,
        .sinks = (const struct leat_sink_type *const *)made->sinks.items,
        .transforms = (const struct leat_transform_type *const *)made->transforms.items,
        .drivers = (const struct leat_driver_type *const *)made->drivers.items,
        .codecs = leat_codecs(),
    };
    if (status != LEAT_OK) {
        leat_registry_close(made);
        return status;
    }
    *registry = made;
    return LEAT_OK;
}

void leat_registry_close(struct leat_registry *registry)
{
    if (!registry)
        return;
    free(registry->sources.items);
    free(registry->sinks.items);
    free(registry->transforms.items);
    free(registry->drivers.items);
    for (size_t i = 0; i < registry->library_count; i++)
        dlclose(registry->libraries[i]);
    free(registry->libraries);
    free(registry);
}

const struct leat_catalog *leat_registry_catalog(const struct leat_registry *registry)
{
    return &registry->catalog;
}
