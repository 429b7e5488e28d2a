/* load.c - paths to files to trees to one config. */
#include <config/loader.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What leat_config_free() frees; the config is its first member. */
struct owned {
    struct leat_config config;
    struct leat_arena arena;
};

static struct leat_loaded_file *add_file(struct leat_loader *loader, const char *path)
{
    loader->files = leat_realloc(loader->files, (loader->file_count + 1) * sizeof(*loader->files));
    struct leat_loaded_file *file = &loader->files[loader->file_count];
    *file = (struct leat_loaded_file){
        .file = {.path = leat_arena_strdup(loader->arena, path), .text = "", .len = 0}};
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? leat_arena_copy(loader->arena, path, (size_t)(slash - path)) : ".";
    file->file.dir = slash == path ? "/" : leat_absolute(loader->arena, loader->cwd, dir);
    file->file.number = (uint32_t)++loader->file_count;
    return file;
}

/* A path that cannot be read at all. */
static void complain_path(struct leat_loader *loader, const char *path, const char *problem)
{
    struct leat_text_file *file = leat_arena_zeroed(loader->arena, sizeof(*file));
    *file = (struct leat_text_file){.path = leat_arena_strdup(loader->arena, path),
                                    .text = "",
                                    .number = (uint32_t)loader->file_count + 1};
    struct leat_spot spot = {.file = file};
    leat_finding_error(&loader->findings, &spot, NULL, "%s", problem);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the *.yaml files of a directory, by name. */
static void add_dir(struct leat_loader *loader, const char *path)
{
    char buffer[128];
    DIR *dir = leat_os->opendir(path);
    if (!dir) {
        complain_path(loader, path, strerror_r(errno, buffer, sizeof(buffer)));
        return;
    }
    char **names = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = leat_os->readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len <= 5 || entry->d_name[0] == '.' || strcmp(entry->d_name + len - 5, ".yaml") != 0)
            continue;
        names = leat_realloc(names, (count + 1) * sizeof(*names));
        bool has_slash = path[strlen(path) - 1] == '/';
        names[count++] = leat_format_dup("%s%s%s", path, has_slash ? "" : "/", entry->d_name);
    }
    int error = errno;
    leat_os->closedir(dir);
    if (error != 0) /* half of a configuration is none */
        complain_path(loader, path, strerror_r(error, buffer, sizeof(buffer)));
    else if (count == 0)
        complain_path(loader, path, "there is no *.yaml file in this directory");
    else
        qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++) {
        add_file(loader, names[i]);
        free(names[i]);
    }
    free(names);
}

static void add_paths(struct leat_loader *loader, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        if (*paths[i] && leat_os->stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode))
            add_dir(loader, paths[i]);
        else
            add_file(loader, paths[i]);
    }
}

/* `topics: oms:commitlog:` is how access points are written, but a colon at the end of a plain scalar is no
 * YAML: the value gets the quotes that it lacks. */
static void quote_access_point(struct leat_loader *loader, struct leat_text_file *file)
{
    for (const char *line = file->text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *from = line + strlen("topics:");
        if (strncmp(line, "topics:", strlen("topics:")) != 0)
            continue;
        from += strspn(from, " ");
        size_t len = strcspn(from, " \t\r\n");
        if (strncmp(from, "oms:", 4) != 0 || from[len - 1] != ':')
            continue;
        file->text = leat_arena_format(loader->arena, "%.*s\"%.*s\"%s", (int)(from - file->text), file->text,
                                       (int)len, from, from + len);
        file->len += 2;
        return;
    }
}

static void read_file(struct leat_loader *loader, struct leat_loaded_file *file)
{
    char buffer[128], *text = NULL;
    size_t len = 0;
    struct leat_spot whole = {.file = &file->file};
    if (!leat_os_read_file(leat_os, file->file.path, LEAT_TREE_FILE_MAX, &text, &len)) {
        const char *problem =
            errno == EFBIG ? "is larger than 4 MiB" : strerror_r(errno, buffer, sizeof(buffer));
        leat_finding_error(&loader->findings, &whole, NULL, "%s", problem);
        return;
    }
    size_t skip = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    file->file.text = leat_arena_copy(loader->arena, text + skip, len - skip);
    file->file.len = len - skip;
    free(text);
    if (strlen(file->file.text) == file->file.len)
        quote_access_point(loader, &file->file);
    const struct leat_tree *tree = leat_tree_parse(&file->file, loader->arena, &loader->findings);
    if (tree && tree->kind != LEAT_TREE_MAP)
        leat_finding_error(&loader->findings, &tree->spot, "it begins with `pipelines:`",
                           "the file is %s, not a map", leat_tree_kind_name(tree));
    else
        file->tree = tree;
}

static const char *current_dir(struct leat_arena *arena)
{
    char *cwd = getcwd(NULL, 0);
    const char *copy = leat_arena_strdup(arena, cwd ? cwd : "/");
    free(cwd);
    return copy;
}

/* Trees and places point to the files: they live as long as the config. */
static void keep_files(struct leat_loader *loader)
{
    size_t size = loader->file_count * sizeof(*loader->files);
    struct leat_loaded_file *kept = leat_arena_alloc(loader->arena, size + 1);
    if (size)
        memcpy(kept, loader->files, size);
    free(loader->files);
    loader->files = kept;
}

static void read_all(struct leat_loader *loader, const char *const *paths, size_t count)
{
    loader->cwd = current_dir(loader->arena);
    add_paths(loader, paths, count);
    keep_files(loader);
    for (size_t i = 0; i < loader->file_count; i++)
        read_file(loader, &loader->files[i]);
}

static void finish_loader(struct leat_loader *loader)
{
    leat_findings_fini(&loader->findings);
    free(loader->pipelines);
}

static void load(struct leat_loader *loader)
{
    leat_load_top(loader);
    leat_load_pipelines(loader);
    leat_load_tests(loader);
    leat_check_across(loader);
    leat_check_machines(loader);
    struct leat_pipeline_def *defs =
        leat_arena_alloc(loader->arena, loader->pipeline_count * sizeof(*defs) + 1);
    for (size_t i = 0; i < loader->pipeline_count; i++)
        defs[i] = loader->pipelines[i].def;
    loader->config->pipelines = defs;
    loader->config->pipeline_count = loader->pipeline_count;
}

enum leat_status leat_config_load(const char *const *paths, size_t count, const struct leat_catalog *catalog,
                                  leat_diagnostic_f *report, void *arg, struct leat_config **config,
                                  struct leat_error *err)
{
    struct owned *owned = leat_calloc(1, sizeof(*owned));
    leat_arena_init(&owned->arena, 0);
    struct leat_loader loader = {.arena = &owned->arena, .catalog = catalog, .config = &owned->config};
    leat_findings_init(&loader.findings, loader.arena);
    read_all(&loader, paths, count);
    load(&loader);
    leat_findings_report(&loader.findings, report, arg);
    size_t errors = loader.findings.errors;
    finish_loader(&loader);
    *config = &owned->config;
    if (errors == 0)
        return LEAT_OK;
    leat_config_free(*config);
    *config = NULL;
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%zu error%s in the configuration", errors,
                        errors == 1 ? "" : "s");
}

void leat_config_free(struct leat_config *config)
{
    if (!config)
        return;
    struct owned *owned = (struct owned *)(void *)config;
    leat_arena_fini(&owned->arena);
    free(owned);
}

enum leat_status leat_config_peek(const char *const *paths, size_t count, const char **data,
                                  struct leat_list *plugin_path, struct leat_error *err)
{
    (void)err; /* what is wrong is said by leat_config_load() */
    struct leat_arena arena;
    struct leat_config config = {0};
    leat_arena_init(&arena, 0);
    struct leat_loader loader = {.arena = &arena, .config = &config};
    leat_findings_init(&loader.findings, loader.arena);
    read_all(&loader, paths, count);
    leat_load_top(&loader);
    *data = leat_strdup(config.data);
    *plugin_path = leat_list_dup(&config.plugin_path);
    finish_loader(&loader);
    leat_arena_fini(&arena);
    return LEAT_OK;
}
