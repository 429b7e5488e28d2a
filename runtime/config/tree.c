/* tree.c - libyaml's events to nodes. */
#include <config/tree.h>

#include <base/assert.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/text.h>
#include <stdlib.h>
#include <yaml.h>

struct anchor {
    struct anchor *next;
    const char *name;
    const struct leat_tree *node;
};

struct parse {
    const struct leat_text_file *file;
    struct leat_arena *arena;
    struct leat_findings *findings;
    yaml_parser_t yaml;
    struct anchor *anchors;
    uint32_t depth;
    bool is_stopped; /* an error after which events make no sense */
};

/* A container while it grows. */
struct items {
    struct leat_tree_item *list;
    size_t count, cap;
    size_t weight;
};

static const struct leat_tree *parse_node(struct parse *p, yaml_event_t *event, bool is_key);

static struct leat_spot spot_of(const struct parse *p, yaml_mark_t from, yaml_mark_t to)
{
    struct leat_spot spot = {.file = p->file,
                             .line = (uint32_t)from.line + 1,
                             .column = (uint32_t)from.column + 1,
                             .width = 1,
                             .last_line = (uint32_t)to.line + 1};
    if (to.line == from.line && to.column > from.column)
        spot.width = (uint32_t)(to.column - from.column);
    return spot;
}

/* The byte before or at a mark of libyaml, which counts characters. */
static char byte_at(const struct leat_text_file *file, size_t index)
{
    size_t n = 0;
    for (size_t at = 0; at < file->len; at++) {
        n += ((uint8_t)file->text[at] & 0xC0) != 0x80;
        if (n > index)
            return file->text[at];
    }
    return 0;
}

/* A word for those who meet YAML's special characters. */
static const char *syntax_hint(const struct parse *p, const char *context, const char *problem)
{
    size_t index = p->yaml.problem_mark.index;
    char before = index > 0 ? byte_at(p->file, index - 1) : 0;
    if (strstr(problem, "cannot start any token"))
        return byte_at(p->file, index) == '\t' ? "indent with spaces, not with tabs"
                                               : "a text that begins with this character needs quotes";
    if (strstr(problem, "found a tab character"))
        return "indent with spaces, not with tabs";
    if (strstr(problem, "end of stream"))
        return "is a closing quote or bracket missing?";
    if (strstr(context, "scanning a tag"))
        return "a text that begins with ! needs quotes: \"!shop.secret\"";
    if (strstr(context, "scanning an a")) /* alias, anchor */
        return "a text that begins with * or & needs quotes: \"*\"";
    bool is_colon = byte_at(p->file, index) == ':' && p->yaml.context_mark.line == p->yaml.problem_mark.line;
    if (strstr(problem, "mapping values are not allowed") || is_colon)
        return "a text with \": \" in it needs quotes; or is the indentation wrong?";
    if (strstr(context, "parsing a flow"))
        return leat_arena_format(p->arena, "is it closed? It goes on as far as line %zu", p->yaml.problem_mark.line + 1);
    if (strstr(problem, "expected key") && (before == '}' || before == ']'))
        return "a text that begins with { or [ needs quotes";
    return NULL;
}

static void stop(struct parse *p, const struct leat_spot *spot, const char *hint, const char *text)
{
    if (!p->is_stopped)
        leat_finding_error(p->findings, spot, hint, "%s", text);
    p->is_stopped = true;
}

static bool next_event(struct parse *p, yaml_event_t *event)
{
    if (p->is_stopped)
        return false;
    if (yaml_parser_parse(&p->yaml, event))
        return true;
    const yaml_parser_t *yaml = &p->yaml;
    const char *problem = yaml->problem ? yaml->problem : "unreadable";
    const char *context = yaml->context ? yaml->context : "";
    yaml_mark_t mark = yaml->problem_mark;
    /* Where a quote was opened helps more than the end of the file, where it was missed. */
    bool is_far_flow = strstr(context, "parsing a flow") && yaml->context_mark.line < yaml->problem_mark.line;
    if (*context && (strstr(problem, "end of stream") || strstr(context, "scanning a") || is_far_flow))
        mark = yaml->context_mark;
    struct leat_spot spot = spot_of(p, mark, mark);
    stop(p, &spot, syntax_hint(p, context, problem),
         leat_arena_format(p->arena, "not YAML: %s%s%s", context, *context ? ", " : "", problem));
    return false;
}

static void push(struct parse *p, struct items *items, const struct leat_tree *key,
                 const struct leat_tree *value)
{
    if (items->count == items->cap) {
        items->cap = items->cap ? 2 * items->cap : 8;
        items->list = leat_realloc(items->list, items->cap * sizeof(*items->list));
    }
    items->list[items->count++] = (struct leat_tree_item){.key = key, .value = value};
    items->weight += value->weight;
    if (items->weight > LEAT_TREE_NODES_MAX)
        stop(p, &value->spot, "are aliases (*name) nested in each other?",
             leat_arena_format(p->arena, "the file stands for more than %d values", LEAT_TREE_NODES_MAX));
}

/* Moves the items into the arena and makes the container's node of them. */
static struct leat_tree *finish(struct parse *p, struct items *items, enum leat_tree_kind kind,
                                struct leat_spot spot)
{
    struct leat_tree *tree = leat_arena_zeroed(p->arena, sizeof(*tree));
    tree->kind = kind;
    tree->spot = spot;
    tree->count = items->count;
    tree->weight = items->weight + 1;
    size_t size = items->count * sizeof(*items->list);
    struct leat_tree_item *list = leat_arena_alloc(p->arena, size + 1);
    if (size)
        memcpy(list, items->list, size);
    tree->items = list;
    free(items->list);
    return tree;
}

static bool refuse_tag(struct parse *p, const yaml_event_t *event, const yaml_char_t *tag)
{
    if (!tag)
        return false;
    struct leat_spot spot = spot_of(p, event->start_mark, event->end_mark);
    leat_finding_error(p->findings, &spot, "a text that begins with ! needs quotes: \"!shop.secret\"",
                       "%s is a YAML tag, which pipeline files do not have", (const char *)tag);
    return true;
}

static void remember(struct parse *p, const char *name, const struct leat_tree *node)
{
    struct anchor *anchor = leat_arena_alloc(p->arena, sizeof(*anchor));
    *anchor = (struct anchor){.next = p->anchors, .name = name, .node = node};
    p->anchors = anchor;
}

static const struct leat_tree *parse_scalar(struct parse *p, const yaml_event_t *event,
                                            bool is_key)
{
    struct leat_tree *tree = leat_arena_zeroed(p->arena, sizeof(*tree));
    tree->kind = LEAT_TREE_SCALAR;
    tree->weight = 1;
    tree->spot = spot_of(p, event->start_mark, event->end_mark);
    if (event->start_mark.index == event->end_mark.index)
        tree->spot.width = 0; /* nothing is there */
    tree->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    tree->len = event->data.scalar.length;
    tree->text = leat_arena_copy(p->arena, event->data.scalar.value, tree->len);
    tree->is_bad = refuse_tag(p, event, event->data.scalar.tag);
    if (strlen(tree->text) != tree->len) {
        leat_finding_error(p->findings, &tree->spot, NULL, "a text cannot hold a NUL byte");
        tree->len = strlen(tree->text);
    }
    if (!is_key && !tree->is_bad)
        leat_tree_fill(tree, p->arena, p->findings);
    return tree;
}

static const struct leat_tree *parse_alias(struct parse *p, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (const struct anchor *a = p->anchors; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            return a->node;
    struct leat_spot spot = spot_of(p, event->start_mark, event->end_mark);
    leat_finding_error(p->findings, &spot,
                       leat_arena_format(p->arena, "as text it needs quotes: \"*%s\"", name),
                       "*%s is an alias of nothing: there is no &%s before it", name, name);
    struct leat_tree *tree = leat_arena_zeroed(p->arena, sizeof(*tree));
    *tree = (struct leat_tree){
        .kind = LEAT_TREE_SCALAR, .spot = spot, .text = "", .weight = 1, .is_bad = true};
    return tree;
}

static const struct leat_tree *parse_list(struct parse *p, const yaml_event_t *start)
{
    struct items items = {0};
    struct leat_spot spot = spot_of(p, start->start_mark, start->end_mark);
    yaml_event_t event;
    while (next_event(p, &event)) {
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            spot.last_line = (uint32_t)event.end_mark.line + 1;
            yaml_event_delete(&event);
            break;
        }
        const struct leat_tree *value = parse_node(p, &event, false);
        if (value)
            push(p, &items, NULL, value);
    }
    return finish(p, &items, LEAT_TREE_LIST, spot);
}

/* `seen`: key -> its first node. */
static void check_key(struct parse *p, struct leat_table *seen, const struct leat_tree *key)
{
    const struct leat_tree *first = leat_table_get(seen, key->text, key->len);
    if (first)
        leat_finding_error(p->findings, &key->spot,
                           leat_arena_format(p->arena, "it is in line %u already", first->spot.line),
                           "\"%s\" is there twice", key->text);
    else
        leat_table_set(seen, key->text, key->len, (void *)(uintptr_t)key);
}

static const struct leat_tree *parse_map(struct parse *p, const yaml_event_t *start)
{
    struct items items = {0};
    struct leat_spot spot = spot_of(p, start->start_mark, start->end_mark);
    struct leat_table seen;
    leat_table_init(&seen);
    yaml_event_t event;
    while (next_event(p, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            spot.last_line = (uint32_t)event.end_mark.line + 1;
            yaml_event_delete(&event);
            break;
        }
        const struct leat_tree *key = parse_node(p, &event, true);
        if (!next_event(p, &event))
            break;
        const struct leat_tree *value = parse_node(p, &event, false);
        if (!key || !value)
            continue;
        if (key->kind != LEAT_TREE_SCALAR) {
            leat_finding_error(p->findings, &key->spot, "a text that begins with { or [ needs quotes",
                               "%s cannot be a key", leat_tree_kind_name(key));
            continue;
        }
        check_key(p, &seen, key);
        push(p, &items, key, value);
    }
    leat_table_fini(&seen, NULL);
    return finish(p, &items, LEAT_TREE_MAP, spot);
}

/* The node that begins with `event`, which is freed; NULL after an error that stops the parse. */
static const struct leat_tree *parse_node(struct parse *p, yaml_event_t *event, bool is_key)
{
    const struct leat_tree *tree = NULL;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (++p->depth > LEAT_TREE_DEPTH_MAX) {
        struct leat_spot spot = spot_of(p, event->start_mark, event->end_mark);
        stop(p, &spot, NULL, leat_arena_format(p->arena, "nested deeper than %d", LEAT_TREE_DEPTH_MAX));
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tree = parse_scalar(p, event, is_key);
    } else if (event->type == YAML_ALIAS_EVENT) {
        tree = parse_alias(p, event);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        tree = parse_list(p, event);
    } else {
        leat_assert(event->type == YAML_MAPPING_START_EVENT);
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        tree = parse_map(p, event);
    }
    refuse_tag(p, event, tag);
    if (tree && anchor)
        remember(p, leat_arena_strdup(p->arena, (const char *)anchor), tree);
    yaml_event_delete(event);
    p->depth--;
    return p->is_stopped ? NULL : tree;
}

/* Stream start, one document, stream end. */
static const struct leat_tree *parse_stream(struct parse *p)
{
    const struct leat_tree *root = NULL;
    yaml_event_t event;
    while (next_event(p, &event)) {
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && root) {
            struct leat_spot spot = spot_of(p, event.start_mark, event.end_mark);
            stop(p, &spot, "write a file for each", "there is a second document in this file");
        }
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT || type == YAML_STREAM_END_EVENT)
            yaml_event_delete(&event);
        else
            root = parse_node(p, &event, false);
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    return p->is_stopped ? NULL : root;
}

/* The place of the first byte that is not UTF-8. */
static struct leat_spot bad_byte(const struct leat_text_file *file)
{
    struct leat_spot spot = {.file = file, .line = 1, .column = 1, .width = 1, .last_line = 1};
    size_t good = 0;
    while (good < file->len) {
        size_t n = 1;
        while (good + n < file->len && n < 4 && ((uint8_t)file->text[good + n] & 0xC0) == 0x80)
            n++;
        if (!leat_is_utf8(file->text + good, n))
            break;
        spot.column++;
        if (file->text[good] == '\n') {
            spot.line++;
            spot.column = 1;
        }
        good += n;
    }
    spot.last_line = spot.line;
    return spot;
}

const struct leat_tree *leat_tree_parse(const struct leat_text_file *file, struct leat_arena *arena,
                                        struct leat_findings *findings)
{
    struct leat_spot whole = {.file = file};
    if (!leat_is_utf8(file->text, file->len)) {
        struct leat_spot spot = bad_byte(file);
        leat_finding_error(findings, &spot, "save the file as UTF-8", "not UTF-8");
        return NULL;
    }
    struct parse p = {.file = file, .arena = arena, .findings = findings};
    leat_assert(yaml_parser_initialize(&p.yaml));
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.yaml, (const unsigned char *)file->text, file->len);
    const struct leat_tree *root = parse_stream(&p);
    yaml_parser_delete(&p.yaml);
    if (!p.is_stopped && (!root || leat_tree_is_null(root))) {
        leat_finding_error(findings, &whole, "it begins with `pipelines:`", "the file is empty");
        return NULL;
    }
    return root;
}

const struct leat_tree_item *leat_tree_find(const struct leat_tree *tree, const char *key)
{
    if (!tree || tree->kind != LEAT_TREE_MAP)
        return NULL;
    for (size_t i = 0; i < tree->count; i++)
        if (strcmp(tree->items[i].key->text, key) == 0)
            return &tree->items[i];
    return NULL;
}

const struct leat_tree *leat_tree_get(const struct leat_tree *tree, const char *key)
{
    const struct leat_tree_item *item = leat_tree_find(tree, key);
    return item ? item->value : NULL;
}

bool leat_tree_is_null(const struct leat_tree *tree)
{
    if (tree->kind != LEAT_TREE_SCALAR || !tree->is_plain)
        return false;
    const char *t = tree->text;
    return !*t || !strcmp(t, "~") || !strcmp(t, "null") || !strcmp(t, "Null") || !strcmp(t, "NULL");
}

const char *leat_tree_kind_name(const struct leat_tree *tree)
{
    if (tree->kind == LEAT_TREE_MAP)
        return "a map";
    if (tree->kind == LEAT_TREE_LIST)
        return "a list";
    return leat_tree_is_null(tree) ? "nothing" : "a text";
}

bool leat_tree_equal(const struct leat_tree *a, const struct leat_tree *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == LEAT_TREE_SCALAR)
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct leat_tree *other = b->items[i].value;
        if (a->kind == LEAT_TREE_MAP)
            other = leat_tree_get(b, a->items[i].key->text);
        if (!other || !leat_tree_equal(a->items[i].value, other))
            return false;
    }
    return true;
}
