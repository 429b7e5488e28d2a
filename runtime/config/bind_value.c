/* bind_value.c - one value of one option: text to what the option's type says. */
#include <config/bind.h>
#include <config/units.h>

#include <base/assert.h>
#include <base/number.h>
#include <base/text.h>
#include <inttypes.h>
#include <math.h>
#include <model/codecs.h>
#include <model/template.h>
#include <stdio.h>

struct setting {
    const struct leat_binder *binder;
    const struct leat_option *option;
};

/* `problem` follows the option's name: `port: "x" is not a whole number`. */
static void complain(const struct setting *set, const struct leat_tree *tree, const char *hint,
                     const char *problem)
{
    leat_assert(set->binder->findings); /* a preset, or what was checked before, is right */
    if (tree->is_bad)
        return;
    bool is_shown = tree->kind == LEAT_TREE_SCALAR && !tree->is_filled &&
                    !(set->option->flags & LEAT_OPT_SECRET) && tree->len <= 100;
    if (is_shown)
        leat_finding_error(set->binder->findings, &tree->spot, hint, "%s: \"%s\" %s", set->option->name,
                           tree->text, problem);
    else
        leat_finding_error(set->binder->findings, &tree->spot, hint, "%s: %s%s", set->option->name,
                           tree->kind == LEAT_TREE_SCALAR ? "the value " : "", problem);
}

static const char *wants_number(struct leat_arena *arena, const struct leat_option *option)
{
    char from[32], to[32];
    bool is_bounded = option->min != 0 || option->max != 0;
    if (option->type == LEAT_OPT_INT) {
        if (!is_bounded)
            return "a whole number";
        if (option->max == INT64_MAX)
            return leat_arena_format(arena, "a whole number of at least %" PRId64, option->min);
        return leat_arena_format(arena, "a whole number in %" PRId64 "..%" PRId64, option->min, option->max);
    }
    bool is_size = option->type == LEAT_OPT_SIZE;
    const char *kind = is_size ? "a size such as 64KiB, 1MiB or 10GB" : "a time such as 200ms, 5s, 1h or 7d";
    if (!is_bounded || (option->min <= 0 && option->max == INT64_MAX))
        return kind;
    const char *least = is_size ? leat_print_size(from, option->min) : leat_print_duration(from, option->min);
    const char *most = is_size ? leat_print_size(to, option->max) : leat_print_duration(to, option->max);
    if (option->max == INT64_MAX)
        return leat_arena_format(arena, "%s, at least %s", kind, least);
    return leat_arena_format(arena, "%s, in %s..%s", kind, least, most);
}

static const char *wants_choice(struct leat_arena *arena, const struct leat_option *option)
{
    struct leat_bytes text;
    leat_bytes_init(&text, 600);
    leat_bytes_text(&text, "one of ");
    for (const char *const *choice = option->choices; choice && *choice; choice++)
        leat_bytes_printf(&text, "%s%s", choice == option->choices ? "" : ", ", *choice);
    const char *copy = leat_arena_copy(arena, text.data, text.len);
    leat_bytes_fini(&text);
    return copy;
}

const char *leat_option_wants(struct leat_arena *arena, const struct leat_option *option)
{
    switch (option->type) {
    case LEAT_OPT_BOOL:
        return "true or false";
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
    case LEAT_OPT_TIME:
        return wants_number(arena, option);
    case LEAT_OPT_NUMBER:
        return "a number";
    case LEAT_OPT_TEXT:
        return "a text";
    case LEAT_OPT_PATH:
        return "a path";
    case LEAT_OPT_CHOICE:
        return wants_choice(arena, option);
    case LEAT_OPT_TEMPLATE:
        return "a text with {placeholders}";
    case LEAT_OPT_LIST:
        return "a list of texts";
    case LEAT_OPT_PATHS:
        return "a list of paths";
    case LEAT_OPT_PATTERNS:
        return "a list of patterns such as \"shop.item_*\"";
    case LEAT_OPT_FIELDS:
        return "a list of field paths such as customer.email";
    case LEAT_OPT_PAIRS:
        return "a map of texts";
    case LEAT_OPT_VALUE:
        return "any value";
    case LEAT_OPT_FORMAT:
        return "the name of a format, or {name: {options}}";
    }
    return "a value";
}

const char *leat_absolute(struct leat_arena *arena, const char *dir, const char *path)
{
    while (path[0] == '.' && path[1] == '/') {
        path += 2;
        while (*path == '/')
            path++;
    }
    if (*path == '/' || !dir)
        return leat_arena_strdup(arena, path);
    if (!*path || strcmp(path, ".") == 0)
        return leat_arena_strdup(arena, dir);
    return leat_arena_format(arena, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", path);
}

/* What a node's relative path is relative to: its own file's directory; a preset's is the binder's. */
static const char *base_dir(const struct setting *set, const struct leat_tree *tree)
{
    return tree->spot.file ? tree->spot.file->dir : set->binder->base_dir;
}

/* Values may outlive the files that they were read from. */
static const char *copy_text(const struct setting *set, const struct leat_tree *tree)
{
    return leat_arena_copy(set->binder->arena, tree->text, tree->len);
}

static void bind_bool(const struct setting *set, const struct leat_tree *tree, bool *to)
{
    const char *t = tree->text;
    if (!strcmp(t, "true") || !strcmp(t, "True") || !strcmp(t, "TRUE"))
        *to = true;
    else if (!strcmp(t, "false") || !strcmp(t, "False") || !strcmp(t, "FALSE"))
        *to = false;
    else
        complain(set, tree, NULL, "is neither true nor false");
}

static void bind_integer(const struct setting *set, const struct leat_tree *tree, int64_t *to)
{
    const struct leat_option *option = set->option;
    const char *wants = leat_option_wants(set->binder->arena, option);
    const char *hint = leat_arena_format(set->binder->arena, "it takes %s", wants);
    int64_t value = 0;
    if (option->type == LEAT_OPT_INT) {
        const char *text = tree->text + (*tree->text == '+');
        if (!leat_parse_i64(text, strlen(text), &value)) {
            complain(set, tree, hint, "is not a whole number");
            return;
        }
    } else {
        bool is_size = option->type == LEAT_OPT_SIZE;
        enum leat_unit_answer answer =
            is_size ? leat_parse_size(tree->text, &value) : leat_parse_duration(tree->text, &value);
        static const char *const problems[] = {NULL, "does not begin with a number", "needs a unit",
                                               "has an unknown unit", "is too large"};
        if (answer != LEAT_UNIT_OK) {
            complain(set, tree, hint, problems[answer]);
            return;
        }
    }
    if ((option->min != 0 || option->max != 0) && (value < option->min || value > option->max)) {
        complain(set, tree, hint, "is out of range");
        return;
    }
    *to = value;
}

static void bind_number(const struct setting *set, const struct leat_tree *tree, double *to)
{
    double value = 0;
    if (leat_parse_double(tree->text, tree->len, &value) && isfinite(value))
        *to = value;
    else
        complain(set, tree, NULL, "is not a number");
}

static void bind_choice(const struct setting *set, const struct leat_tree *tree, int64_t *to)
{
    size_t count = 0;
    for (; set->option->choices[count]; count++) {
        if (strcmp(set->option->choices[count], tree->text) == 0) {
            *to = (int64_t)count;
            return;
        }
    }
    const char *wants = leat_option_wants(set->binder->arena, set->option);
    const char *meant = leat_did_you_mean(tree->text, set->option->choices, count);
    if (meant)
        complain(set, tree, leat_arena_format(set->binder->arena, "did you mean \"%s\"?", meant),
                 leat_arena_format(set->binder->arena, "is not %s", wants));
    else
        complain(set, tree, NULL, leat_arena_format(set->binder->arena, "is not %s", wants));
}

static const char *escape_braces(struct leat_arena *arena, const char *text)
{
    char *out = leat_arena_alloc(arena, 2 * strlen(text) + 1), *at = out;
    for (; *text; text++) {
        *at++ = *text;
        if (*text == '{')
            *at++ = '{';
    }
    *at = 0;
    return out;
}

static void bind_template(const struct setting *set, const struct leat_tree *tree, const char **to)
{
    struct leat_error err = {0};
    bool is_path = (set->option->flags & LEAT_OPT_OF_PATH) != 0;
    struct leat_template *t = leat_template_new(tree->text, is_path, &err);
    if (!t) {
        complain(set, tree, NULL, leat_arena_format(set->binder->arena, "is no template: %s", err.text));
        return;
    }
    leat_template_free(t);
    if (is_path && *tree->text && strcmp(tree->text, "-") != 0)
        *to = leat_absolute(set->binder->arena, escape_braces(set->binder->arena, base_dir(set, tree)),
                            tree->text);
    else
        *to = copy_text(set, tree);
}

/* What is wrong with one part of a list, or NULL. */
static const char *check_dotted(const char *text, bool is_pattern)
{
    const char *at = text + (is_pattern && *text == '!');
    if (!*at)
        return "is empty";
    for (const char *part = at;; part++) {
        size_t len = strcspn(part, ".");
        if (len == 0)
            return "has an empty part between its dots";
        if (len >= 2 && strncmp(part, "**", 2) == 0)
            return "has ** in it: * stays inside one dotted part";
        part += len;
        if (!*part)
            return NULL;
    }
}

static const char *list_text(const struct setting *set, const struct leat_tree *tree)
{
    const char *problem = NULL;
    if (set->option->type == LEAT_OPT_PATTERNS)
        problem = check_dotted(tree->text, true);
    else if (set->option->type == LEAT_OPT_FIELDS)
        problem = check_dotted(tree->text, false);
    else if (set->option->type == LEAT_OPT_PATHS)
        problem = *tree->text ? NULL : "is no path";
    if (problem)
        complain(set, tree, NULL, problem);
    if (set->option->type == LEAT_OPT_PATHS)
        return leat_absolute(set->binder->arena, base_dir(set, tree), tree->text);
    return copy_text(set, tree);
}

static void bind_list(const struct setting *set, const struct leat_tree *tree, struct leat_list *to)
{
    size_t count = tree->kind == LEAT_TREE_LIST ? tree->count : 1, exclusions = 0;
    const char **items = leat_arena_alloc(set->binder->arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const struct leat_tree *item = tree->kind == LEAT_TREE_LIST ? tree->items[i].value : tree;
        items[i] = "";
        if (item->is_bad)
            continue;
        if (item->kind != LEAT_TREE_SCALAR || leat_tree_is_null(item)) {
            leat_finding_error(set->binder->findings, item->spot.width ? &item->spot : &tree->spot, NULL,
                               "%s: the list holds %s where a text belongs", set->option->name,
                               leat_tree_kind_name(item));
            continue;
        }
        items[i] = list_text(set, item);
        exclusions += *items[i] == '!';
    }
    items[count] = NULL;
    if (set->option->type == LEAT_OPT_PATTERNS && count > 0 && exclusions == count)
        complain(set, tree, "add what is meant before what is not: [\"shop.*\", \"!shop.secret\"]",
                 "excludes only, so nothing would match");
    *to = (struct leat_list){.items = items, .count = count};
}

static void bind_pairs(const struct setting *set, const struct leat_tree *tree, struct leat_pairs *to)
{
    const char **names = leat_arena_alloc(set->binder->arena, (tree->count + 1) * sizeof(*names));
    const char **values = leat_arena_alloc(set->binder->arena, (tree->count + 1) * sizeof(*values));
    for (size_t i = 0; i < tree->count; i++) {
        const struct leat_tree *value = tree->items[i].value;
        names[i] = copy_text(set, tree->items[i].key);
        values[i] = value->kind == LEAT_TREE_SCALAR ? copy_text(set, value) : "";
        if (value->kind != LEAT_TREE_SCALAR)
            complain(set, value, NULL,
                     leat_arena_format(set->binder->arena, "\"%s\" is %s where a text belongs", names[i],
                                       leat_tree_kind_name(value)));
    }
    *to = (struct leat_pairs){.names = names, .values = values, .count = tree->count};
}

/* A scalar by the core schema of YAML 1.2. */
static struct leat_value scalar_value(struct leat_arena *arena, const struct leat_tree *tree)
{
    const char *t = leat_arena_copy(arena, tree->text, tree->len);
    int64_t i = 0;
    uint64_t u = 0;
    double f = 0;
    if (!tree->is_plain)
        return leat_value_text(t, tree->len);
    if (leat_tree_is_null(tree))
        return leat_value_null();
    if (!strcmp(t, "true") || !strcmp(t, "True") || !strcmp(t, "TRUE"))
        return leat_value_bool(true);
    if (!strcmp(t, "false") || !strcmp(t, "False") || !strcmp(t, "FALSE"))
        return leat_value_bool(false);
    const char *digits = t + (*t == '+');
    if (leat_parse_i64(digits, strlen(digits), &i))
        return leat_value_int(i);
    if (leat_parse_u64(digits, strlen(digits), &u))
        return leat_value_uint(u);
    if (strpbrk(t, "0123456789") && leat_parse_double(digits, strlen(digits), &f))
        return leat_value_double(f);
    return leat_value_text(t, tree->len);
}

static struct leat_value tree_value(struct leat_arena *arena, const struct leat_tree *tree)
{
    if (tree->kind == LEAT_TREE_SCALAR)
        return scalar_value(arena, tree);
    bool is_map = tree->kind == LEAT_TREE_MAP;
    size_t width = is_map ? 2 : 1;
    struct leat_value *items = leat_arena_alloc(arena, (tree->count * width + 1) * sizeof(*items));
    for (size_t i = 0; i < tree->count; i++) {
        if (is_map)
            items[i * 2] = leat_value_text(
                leat_arena_copy(arena, tree->items[i].key->text, tree->items[i].key->len),
                tree->items[i].key->len);
        items[i * width + width - 1] = tree_value(arena, tree->items[i].value);
    }
    return leat_value_items(is_map ? LEAT_MAP : LEAT_ARRAY, items, tree->count);
}

static const struct leat_codec_type *find_codec(const struct setting *set, const struct leat_tree *name)
{
    const struct leat_codec_type *type = leat_codec(name->text);
    const char *names[64];
    size_t count = 0;
    if (type)
        return type;
    for (const struct leat_codec_type *const *known = leat_codecs(); *known && count < 64; known++)
        names[count++] = (*known)->name;
    const char *meant = leat_did_you_mean(name->text, names, count);
    complain(set, name,
             meant ? leat_arena_format(set->binder->arena, "did you mean \"%s\"?", meant) : "`leat plugins` lists what there is",
             "is an unknown format");
    return NULL;
}

/* `debezium`, or {debezium: {decimals: string}}: the options are bound here, and copied into each codec that is opened. */
static void bind_format(const struct setting *set, const struct leat_tree *tree, struct leat_format *to)
{
    static const struct leat_tree nothing = {.kind = LEAT_TREE_SCALAR, .is_plain = true, .text = ""};
    bool is_map = tree->kind == LEAT_TREE_MAP;
    const struct leat_tree *name = is_map && tree->count == 1 ? tree->items[0].key : tree;
    if (name->kind != LEAT_TREE_SCALAR || tree->kind == LEAT_TREE_LIST) {
        leat_finding_error(set->binder->findings, &tree->spot, NULL, "%s takes %s, not %s", set->option->name,
                           leat_option_wants(set->binder->arena, set->option), leat_tree_kind_name(tree));
        return;
    }
    const struct leat_codec_type *type = find_codec(set, name);
    if (!type)
        return;
    void *self = leat_arena_zeroed(set->binder->arena, type->size ? type->size : 1);
    struct leat_binder of_codec = *set->binder;
    of_codec.what = leat_arena_format(set->binder->arena, "format %s", type->name);
    of_codec.others = NULL;
    leat_bind(&of_codec, type->options, name, is_map ? tree->items[0].value : &nothing, self);
    *to = (struct leat_format){type, self};
}

static void bind_scalar(const struct setting *set, const struct leat_tree *tree, void *to)
{
    switch (set->option->type) {
    case LEAT_OPT_BOOL:
        bind_bool(set, tree, to);
        break;
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
    case LEAT_OPT_TIME:
        bind_integer(set, tree, to);
        break;
    case LEAT_OPT_NUMBER:
        bind_number(set, tree, to);
        break;
    case LEAT_OPT_CHOICE:
        bind_choice(set, tree, to);
        break;
    case LEAT_OPT_TEMPLATE:
        bind_template(set, tree, to);
        break;
    case LEAT_OPT_PATH:
        if (!*tree->text)
            complain(set, tree, NULL, "is no path");
        *(const char **)to = leat_absolute(set->binder->arena, base_dir(set, tree), tree->text);
        break;
    default:
        leat_assert(set->option->type == LEAT_OPT_TEXT);
        *(const char **)to = copy_text(set, tree);
        break;
    }
}

void leat_bind_value(const struct leat_binder *binder, const struct leat_option *option,
                     const struct leat_tree *tree, void *self)
{
    struct setting set = {.binder = binder, .option = option};
    void *to = (char *)self + option->offset;
    bool is_list = option->type == LEAT_OPT_LIST || option->type == LEAT_OPT_PATHS ||
                   option->type == LEAT_OPT_PATTERNS || option->type == LEAT_OPT_FIELDS;
    bool is_fitting = tree->kind == LEAT_TREE_SCALAR;
    if (option->type == LEAT_OPT_PAIRS)
        is_fitting = tree->kind == LEAT_TREE_MAP;
    else if (is_list)
        is_fitting = tree->kind != LEAT_TREE_MAP;
    if (tree->is_bad)
        return;
    if (option->type == LEAT_OPT_VALUE)
        *(struct leat_value *)to = tree_value(binder->arena, tree);
    else if (option->type == LEAT_OPT_FORMAT)
        bind_format(&set, tree, to);
    else if (!is_fitting)
        leat_finding_error(binder->findings, &tree->spot, NULL, "%s takes %s, not %s", option->name,
                           leat_option_wants(binder->arena, option), leat_tree_kind_name(tree));
    else if (is_list)
        bind_list(&set, tree, to);
    else if (option->type == LEAT_OPT_PAIRS)
        bind_pairs(&set, tree, to);
    else
        bind_scalar(&set, tree, to);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct leat_list *a, const struct leat_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

bool leat_bound_equal(const struct leat_option *option, const void *a, const void *b)
{
    const void *x = (const char *)a + option->offset, *y = (const char *)b + option->offset;
    switch (option->type) {
    case LEAT_OPT_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case LEAT_OPT_TEXT:
    case LEAT_OPT_PATH:
    case LEAT_OPT_TEMPLATE:
        return same_text(*(const char *const *)x, *(const char *const *)y);
    case LEAT_OPT_LIST:
    case LEAT_OPT_PATHS:
    case LEAT_OPT_PATTERNS:
    case LEAT_OPT_FIELDS:
        return same_list(x, y);
    case LEAT_OPT_NUMBER:
        return memcmp(x, y, sizeof(double)) == 0;
    default:
        leat_assert(option->type == LEAT_OPT_INT || option->type == LEAT_OPT_SIZE ||
                    option->type == LEAT_OPT_TIME || option->type == LEAT_OPT_CHOICE);
        return *(const int64_t *)x == *(const int64_t *)y;
    }
}
