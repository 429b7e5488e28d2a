#include <control/registry.h>

#include <base/memory.h>
#include <base/os.h>
#include <control/builtin.h>
#include <dlfcn.h>
#include <errno.h>
#include <kafka/kafka.h>
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
    struct names libraries;
    struct names copies; /* of tables that are shorter than ours */
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
    static const struct leat_driver_type *const drivers[] = {&leat_driver_commitlog, &leat_driver_memory,
                                                             &leat_driver_kafka, NULL};
    add_all(&registry->sources, (const void *const *)leat_builtin_sources);
    add_all(&registry->sinks, (const void *const *)leat_builtin_sinks);
    add_all(&registry->transforms, (const void *const *)leat_transforms());
    add_all(&registry->transforms, (const void *const *)leat_builtin_transforms);
    add_all(&registry->drivers, (const void *const *)drivers);
    leat_driver_add(&leat_driver_kafka); /* the others are oms's own */
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

/* The first function that every source, sink ... has and that this one lacks, or NULL. */
static const char *source_lacks(const void *type)
{
    const struct leat_source_type *t = type;
    return !t->open ? "open" : !t->poll ? "poll" : !t->close ? "close" : NULL;
}
static const char *sink_lacks(const void *type)
{
    const struct leat_sink_type *t = type;
    return !t->open ? "open" : !t->put ? "put" : !t->close ? "close" : NULL;
}
static const char *transform_lacks(const void *type)
{
    return !((const struct leat_transform_type *)type)->apply ? "apply" : NULL;
}
static const char *driver_lacks(const void *type)
{
    return !((const struct leat_driver_type *)type)->open ? "open" : NULL;
}

static const struct kind {
    const char *name;
    size_t size;
    const char *(*lacks)(const void *type);
} kinds[] = {{"source", sizeof(struct leat_source_type), source_lacks},
             {"sink", sizeof(struct leat_sink_type), sink_lacks},
             {"transform", sizeof(struct leat_transform_type), transform_lacks},
             {"driver", sizeof(struct leat_driver_type), driver_lacks}};

/* The table as this program knows it: members beyond the plug-in's struct_size are NULL. */
static const void *whole_type(struct leat_registry *registry, const void *type, const struct kind *kind)
{
    uint32_t size = ((const struct leat_source_type *)type)->struct_size;
    if (size >= kind->size)
        return type;
    void *copy = leat_calloc(1, kind->size);
    memcpy(copy, type, size);
    add(&registry->copies, copy);
    return copy;
}

static enum leat_status add_type(struct leat_registry *registry, struct names *list, const void *type,
                                 const struct kind *kind, const char *path, struct leat_error *err)
{
    if (((const struct leat_source_type *)type)->struct_size <= offsetof(struct leat_source_type, name) ||
        !type_name(type))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "%s: a %s has no name, or its struct_size is not the size of its table", path, kind->name);
    if (has_name(list, type_name(type)))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: there is a %s \"%s\" already", path, kind->name,
                            type_name(type));
    type = whole_type(registry, type, kind);
    const char *lacks = kind->lacks(type);
    if (lacks)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: the %s \"%s\" has no %s()", path, kind->name,
                            type_name(type), lacks);
    add(list, type);
    return LEAT_OK;
}

static enum leat_status add_types(struct leat_registry *registry, struct names *list, const void *const *types,
                                  const struct kind *kind, const char *path, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (; types && *types && status == LEAT_OK; types++)
        status = add_type(registry, list, *types, kind, path, err);
    return status;
}

static enum leat_status add_plugin(struct leat_registry *registry, const struct leat_plugin *plugin, const char *path,
                                   struct leat_error *err)
{
    const void *const *lists[] = {(const void *const *)plugin->sources, (const void *const *)plugin->sinks,
                                  (const void *const *)plugin->transforms, (const void *const *)plugin->drivers};
    size_t first_driver = registry->drivers.count;
    struct names *into[] = {&registry->sources, &registry->sinks, &registry->transforms, &registry->drivers};
    for (size_t i = 0; i < sizeof into / sizeof *into; i++) {
        enum leat_status status = add_types(registry, into[i], lists[i], &kinds[i], path, err);
        if (status != LEAT_OK)
            return status;
    }
    for (; first_driver < registry->drivers.count; first_driver++)
        leat_driver_add(registry->drivers.items[first_driver]);
    for (size_t i = 0; plugin->codecs && plugin->codecs[i]; i++)
        if (!leat_codec_add(plugin->codecs[i]))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: there is a format \"%s\" already", path,
                                plugin->codecs[i]->name);
    return LEAT_OK;
}

static enum leat_status check_plugin(const struct leat_plugin *plugin, const char *path, struct leat_error *err)
{
    if (!plugin)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s is no plug-in of Leat: it exports no leat_plugin", path);
    if (plugin->abi != LEAT_ABI)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "%s: plug-in %s was built for plug-in ABI %u, this leat has %d; build it again with this "
                            "version's headers",
                            path, plugin->abi < 1000 && plugin->name ? plugin->name : "?", plugin->abi, LEAT_ABI);
    if (plugin->struct_size < sizeof *plugin)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: its leat_plugin is too small", path);
    return LEAT_OK;
}

/* Opened twice: a plug-in of another ABI may call what is not there any more, which only a lazy look forgives, and its
 * ABI is the better explanation. One that is used must have all that it calls. */
static enum leat_status open_plugin(const char *path, void **library, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (*library)
        status = check_plugin(dlsym(*library, "leat_plugin"), path, err);
    if (*library && status == LEAT_OK) {
        dlclose(*library);
        *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return *library ? status : leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "cannot load plug-in %s", dlerror());
}

static enum leat_status load_plugin(struct leat_registry *registry, const char *path, struct leat_error *err)
{
    void *library;
    enum leat_status status = open_plugin(path, &library, err);
    if (library)
        add(&registry->libraries, library);
    return status == LEAT_OK ? add_plugin(registry, dlsym(library, "leat_plugin"), path, err) : status;
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
    for (size_t i = 0; i < registry->copies.count; i++)
        free((void *)registry->copies.items[i]);
    free(registry->copies.items);
    for (size_t i = 0; i < registry->libraries.count; i++)
        dlclose((void *)registry->libraries.items[i]);
    free(registry->libraries.items);
    free(registry);
}

const struct leat_catalog *leat_registry_catalog(const struct leat_registry *registry)
{
    return &registry->catalog;
}
