/* tree.h - a YAML file as nodes that know their places.
 *
 *   text ── libyaml's events ──> nodes (refuses duplicate keys, tags, a second document)
 *                            └─> scalars with ${env:NAME} and ${file:path} filled in, once
 *
 * The schema is the caller's: every scalar stays text here. An alias shares the node of its anchor; what a
 * file may grow to by aliases is bounded, as are depth and size.
 *
 * Immutable once parsed; lives in the arena that it was parsed into.
 */
#ifndef LEAT_CONFIG_TREE_H
#define LEAT_CONFIG_TREE_H

#include <config/findings.h>

#define LEAT_TREE_FILE_MAX (4u << 20) /* bytes of a file */
#define LEAT_TREE_FILL_MAX (1u << 20) /* bytes of a file in ${file:...} */
#define LEAT_TREE_DEPTH_MAX 64
#define LEAT_TREE_NODES_MAX 200000 /* with every alias counted as what it stands for */

enum leat_tree_kind { LEAT_TREE_SCALAR, LEAT_TREE_LIST, LEAT_TREE_MAP };

struct leat_tree_item {
    const struct leat_tree *key; /* a scalar; NULL in lists */
    const struct leat_tree *value;
};

struct leat_tree {
    enum leat_tree_kind kind;
    bool is_plain;  /* scalar: written without quotes and not filled in, so it may be null, true or 12 */
    bool is_filled; /* scalar: holds text of a variable or file, which no message may show */
    bool is_bad;    /* was reported: checks say nothing more of it */
    struct leat_spot spot;
    const char *text; /* scalar: without NUL bytes, terminated */
    size_t len;
    const struct leat_tree_item *items;
    size_t count;  /* of items */
    size_t weight; /* nodes below and this one, aliases expanded */
};

/* NULL when it was no YAML, or empty: `findings` then says so. */
const struct leat_tree *leat_tree_parse(const struct leat_text_file *file, struct leat_arena *arena,
                                        struct leat_findings *findings);

/* The value under `key` of a map; NULL where there is none or `tree` is no map. */
const struct leat_tree *leat_tree_get(const struct leat_tree *tree, const char *key);
const struct leat_tree_item *leat_tree_find(const struct leat_tree *tree, const char *key);

/* An empty or plain `null` or `~` scalar: "nothing was said". */
bool leat_tree_is_null(const struct leat_tree *tree);

/* "a map", "a list", "text" for messages. */
const char *leat_tree_kind_name(const struct leat_tree *tree);

/* The same content, wherever it stands. */
bool leat_tree_equal(const struct leat_tree *a, const struct leat_tree *b);

/* Fills ${...} of a scalar (fill.c); false where one was wrong, which was then reported. */
bool leat_tree_fill(struct leat_tree *scalar, struct leat_arena *arena, struct leat_findings *findings);

#endif
