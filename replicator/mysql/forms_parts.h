/* forms_parts.h - what forms.c (the rules) and form.c (what they make of a schema) share. */
#ifndef LEAT_MYSQL_FORMS_PARTS_H
#define LEAT_MYSQL_FORMS_PARTS_H

#include <base/arena.h>
#include <base/hash.h>
#include <base/thread.h>
#include <mysql/forms.h>

enum rule { RULE_INCLUDE, RULE_EXCLUDE, RULE_HASH, RULE_MASK, RULE_TRUNCATE, RULES };

extern const char *const forms_rule_names[RULES];

struct forms {
    struct leat_value rules[RULES]; /* lists of patterns, or maps of them; texts end with a NUL */
    struct leat_value keys;
    const char *salt;
    bool tombstones, transactions;
    struct leat_lock lock;
    struct leat_arena arena;     /* of forms; under the lock */
    struct leat_table by_schema; /* schema -> struct form; under the lock */
};

#define FORMS_NAME_MAX 800 /* of db.table.column, each of 64 characters of at most 4 bytes */

/* Appends a name, behind a dot where it is not the first. A dot inside it would pass for one between names: it becomes _. */
void forms_put_part(char full[FORMS_NAME_MAX], const char *part);

/* Of a list of texts, where a text alone is a list of one. */
static inline uint32_t forms_list_count(const struct leat_value *list)
{
    return list->type == LEAT_ARRAY ? list->len : list->type == LEAT_TEXT ? 1 : 0;
}
static inline const struct leat_value *forms_list_item(const struct leat_value *list, uint32_t i)
{
    return list->type == LEAT_ARRAY ? &list->as.items[i] : list;
}

#endif
