/* bind.c - a map of options into a struct: which keys there are, which are missing. */
#include <config/bind.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/codecs.h>
#include <stdlib.h>

static bool is_listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static const struct leat_option *find_option(const struct leat_option *options, const char *name)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, name) == 0 ||
            ((options->flags & LEAT_OPT_BY_ALIAS) && options->alias && strcmp(options->alias, name) == 0))
            return options;
    return NULL;
}

static const struct leat_option *main_option(const struct leat_option *options)
{
    for (; options && options->name; options++)
        if (options->flags & LEAT_OPT_MAIN)
            return options;
    return NULL;
}

/* Keeps values of a secret out of excerpts, however deep. */
static void hide(const struct leat_binder *binder, const struct leat_tree *tree)
{
    if (tree->kind == LEAT_TREE_SCALAR)
        leat_findings_hide(binder->findings, &tree->spot);
    for (size_t i = 0; i < tree->count; i++)
        hide(binder, tree->items[i].value);
}

/* A key that nobody knows may be a misspelt password. */
static bool smells_secret(const struct leat_option *meant, const char *key)
{
    static const char *const smells[] = {"pass", "pwd", "secret", "token", "credential"};
    for (size_t i = 0; i < sizeof(smells) / sizeof(*smells); i++)
        if (strcasestr(key, smells[i]))
            return true;
    return meant && meant->flags & LEAT_OPT_SECRET;
}

/* The option that an unknown key was to be, by its name elsewhere or by its letters; or NULL. */
static const struct leat_option *meant_option(const struct leat_binder *binder,
                                              const struct leat_option *options, const char *key)
{
    size_t count = 0;
    for (const struct leat_option *o = options; o && o->name; o++, count++)
        if (o->alias && strcmp(o->alias, key) == 0)
            return o;
    const char **names = leat_arena_alloc(binder->arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = options[i].name;
    const char *meant = leat_did_you_mean(key, names, count);
    return meant ? find_option(options, meant) : NULL;
}

/* An option of a format, written beside it: `{format: debezium, decimals: string}`. */
static const char *hint_of_format(const struct leat_binder *binder, const struct leat_option *options, const char *key)
{
    for (; options && options->name && options->type != LEAT_OPT_FORMAT; options++)
        continue;
    for (const struct leat_codec_type *const *type = leat_codecs(); options && options->name && *type; type++)
        for (const struct leat_option *o = (*type)->options; o && o->name; o++)
            if (strcmp(o->name, key) == 0 || (o->alias && strcmp(o->alias, key) == 0))
                return leat_arena_format(binder->arena, "it belongs to the format: {%s: {%s: {%s: ...}}}", options->name,
                                         (*type)->name, o->name);
    return NULL;
}

static void unknown_key(const struct leat_binder *binder, const struct leat_option *options,
                        const struct leat_tree_item *item)
{
    const char *name = item->key->text;
    size_t cap = 0;
    for (const struct leat_option *o = options; o && o->name; o++)
        cap++;
    for (const char *const *other = binder->others; other && *other; other++)
        cap++;
    const char **names = leat_arena_alloc(binder->arena, (cap + 1) * sizeof(*names));
    const char *hint = NULL;
    size_t count = 0;
    for (const struct leat_option *o = options; o && o->name; o++) {
        if (!(o->flags & LEAT_OPT_HIDDEN))
            names[count++] = o->name;
        if (o->alias && strcmp(o->alias, name) == 0)
            hint = leat_arena_format(binder->arena, "here it is called \"%s\"", o->name);
    }
    for (const char *const *other = binder->others; other && *other; other++)
        names[count++] = *other;
    if (!hint)
        hint = hint_of_format(binder, options, name);
    if (!hint)
        hint = leat_hint_names(binder->arena, name, names, count);
    if (binder->what)
        leat_finding_error(binder->findings, &item->key->spot, hint, "unknown option \"%s\" for %s", name,
                           binder->what);
    else
        leat_finding_error(binder->findings, &item->key->spot, hint, "unknown key \"%s\"", name);
    if (smells_secret(meant_option(binder, options, name), name))
        hide(binder, item->value);
}

/* A key that is not known may be the required one, misspelt: that was said already. */
static bool is_misspelt(const struct leat_binder *binder, const struct leat_option *options,
                        const struct leat_tree *map, const struct leat_option *missing)
{
    for (size_t i = 0; map->kind == LEAT_TREE_MAP && i < map->count; i++) {
        const char *key = map->items[i].key->text;
        if (!find_option(options, key) && !is_listed(binder->others, key) &&
            meant_option(binder, options, key) == missing)
            return true;
    }
    return false;
}

static void check_required(const struct leat_binder *binder, const struct leat_option *options,
                           const struct leat_spot *spot, const struct leat_tree *map)
{
    struct leat_bytes missing;
    leat_bytes_init(&missing, 512);
    const char *hint = NULL;
    for (const struct leat_option *o = options; o && o->name; o++) {
        if (!(o->flags & LEAT_OPT_REQUIRED) || leat_tree_get(map, o->name) ||
            is_misspelt(binder, options, map, o))
            continue;
        leat_bytes_printf(&missing, "%s\"%s\"", missing.len ? ", " : "", o->name);
        if (!hint && o->example)
            hint = leat_arena_format(binder->arena, "for example %s: %s", o->name, o->example);
    }
    if (missing.len)
        leat_finding_error(binder->findings, spot, hint, "%s needs %.*s", binder->what ? binder->what : "this",
                           (int)missing.len, (const char *)missing.data);
    leat_bytes_fini(&missing);
}

static void write_preset(const struct leat_binder *binder, const struct leat_option *option, void *self)
{
    struct leat_tree scalar = {.kind = LEAT_TREE_SCALAR,
                               .is_plain = true,
                               .text = option->preset,
                               .len = strlen(option->preset),
                               .weight = 1};
    struct leat_binder sure = *binder;
    sure.findings = NULL;
    bool is_container = option->type == LEAT_OPT_LIST || option->type == LEAT_OPT_PATHS ||
                        option->type == LEAT_OPT_PATTERNS || option->type == LEAT_OPT_FIELDS ||
                        option->type == LEAT_OPT_PAIRS || option->type == LEAT_OPT_VALUE;
    if (!is_container || (*option->preset != '[' && *option->preset != '{')) {
        leat_bind_value(&sure, option, &scalar, self);
        return;
    }
    struct leat_text_file file = {
        .path = "preset", .dir = binder->base_dir, .text = scalar.text, .len = scalar.len};
    struct leat_findings findings;
    leat_findings_init(&findings, binder->arena);
    const struct leat_tree *tree = leat_tree_parse(&file, binder->arena, &findings);
    leat_assert(tree && findings.errors == 0);
    leat_bind_value(&sure, option, tree, self);
    leat_findings_fini(&findings);
}

/* A map that is the main option's own value: none of its keys is an option. */
static bool is_main_map(const struct leat_option *options, const struct leat_tree *map)
{
    const struct leat_option *main = main_option(options);
    if (!main || (main->type != LEAT_OPT_PAIRS && main->type != LEAT_OPT_VALUE) || map->count == 0)
        return false;
    for (size_t i = 0; i < map->count; i++)
        if (find_option(options, map->items[i].key->text))
            return false;
    return true;
}

static void bind_map(const struct leat_binder *binder, const struct leat_option *options,
                     const struct leat_tree *map, void *self)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct leat_tree_item *item = &map->items[i];
        const struct leat_option *option = find_option(options, item->key->text);
        if (!option) {
            if (binder->findings && !is_listed(binder->others, item->key->text))
                unknown_key(binder, options, item);
            continue;
        }
        if (binder->findings && option->flags & LEAT_OPT_SECRET)
            hide(binder, item->value);
        if (leat_tree_is_null(item->value) && option->type != LEAT_OPT_VALUE) {
            leat_assert(binder->findings);
            leat_finding_error(binder->findings, &item->key->spot,
                               leat_arena_format(binder->arena, "it takes %s",
                                                 leat_option_wants(binder->arena, option)),
                               "\"%s\" has no value", option->name);
            continue;
        }
        leat_bind_value(binder, option, item->value, self);
    }
}

void leat_bind(const struct leat_binder *binder, const struct leat_option *options,
               const struct leat_tree *key, const struct leat_tree *tree, void *self)
{
    for (const struct leat_option *o = options; o && o->name; o++)
        if (o->preset)
            write_preset(binder, o, self);
    const struct leat_option *main = main_option(options);
    const struct leat_spot *spot = key ? &key->spot : &tree->spot;
    if (tree->is_bad)
        return;
    bool is_alone = tree->kind == LEAT_TREE_MAP ? is_main_map(options, tree) : !leat_tree_is_null(tree);
    if (is_alone && !main) {
        leat_assert(binder->findings);
        leat_finding_error(binder->findings, &tree->spot, "for example {name: value}",
                           "%s takes a map of options, not %s", binder->what ? binder->what : "this",
                           leat_tree_kind_name(tree));
        return;
    }
    if (is_alone) {
        if (binder->findings && main->flags & LEAT_OPT_SECRET)
            hide(binder, tree);
        leat_bind_value(binder, main, tree, self);
        return;
    }
    if (tree->kind == LEAT_TREE_MAP)
        bind_map(binder, options, tree, self);
    if (binder->findings)
        check_required(binder, options, spot, tree);
}
