/* bind.h - nodes into structs, by option tables: the one parser and checker of every option there is.
 *
 *   tree + options ──> self (values point into the binder's arena), findings
 */
#ifndef LEAT_CONFIG_BIND_H
#define LEAT_CONFIG_BIND_H

#include <config/tree.h>

struct leat_binder {
    struct leat_arena *arena;       /* of what options point to */
    struct leat_findings *findings; /* NULL: all was checked before; nothing can be wrong */
    const char *what;               /* "source mysql", for messages */
    const char *base_dir;           /* of paths */
    const char *const *others;      /* keys that are not this table's business; ends with NULL; or NULL */
};

/* Writes presets and then what `tree` says into self, which is zeroed. `tree` is a map, the main option's
 * value alone, or null: no options. `key` (may be NULL) is underlined where the value itself is nothing. */
void leat_bind(const struct leat_binder *binder, const struct leat_option *options,
               const struct leat_tree *key, const struct leat_tree *tree, void *self);

/* One value of one option (bind_value.c). `tree` may be a preset: a scalar without a file. */
void leat_bind_value(const struct leat_binder *binder, const struct leat_option *option,
                     const struct leat_tree *tree, void *self);

/* Both hold the same value of this option. */
bool leat_bound_equal(const struct leat_option *option, const void *a, const void *b);

/* "a size such as 64KiB", "one of text, json": what an option wants. */
const char *leat_option_wants(struct leat_arena *arena, const struct leat_option *option);

/* `path` made absolute against `dir`. */
const char *leat_absolute(struct leat_arena *arena, const char *dir, const char *path);

#endif
