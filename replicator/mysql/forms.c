#include <mysql/forms_parts.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

const char *const forms_rule_names[RULES] = {"include", "exclude", "hash", "mask", "truncate"};

/* ---- options ---- */

static enum leat_status wrong(struct leat_error *err, const char *what, const char *name, const char *wanted)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: \"%s\" %s", what, name, wanted);
}

static bool is_name(const struct leat_value *value, const char *name)
{
    return value->type == LEAT_TEXT && value->len == strlen(name) && memcmp(value->as.text, name, value->len) == 0;
}

static int rule_named(const struct leat_value *name)
{
    for (int rule = 0; rule < RULES; rule++)
        if (is_name(name, forms_rule_names[rule]))
            return rule;
    return -1;
}

static bool is_list_of_texts(const struct leat_value *list)
{
    bool is_good = list->type == LEAT_TEXT || list->type == LEAT_ARRAY;
    for (uint32_t i = 0; is_good && i < forms_list_count(list); i++)
        is_good = forms_list_item(list, i)->type == LEAT_TEXT;
    return is_good;
}

/* Three parts of which none is empty, two dots. */
static bool is_pattern(const struct leat_value *text, int dots)
{
    int found = 0;
    char before = '.';
    for (uint32_t i = text->len > 0 && text->as.text[0] == '!'; i < text->len; i++) {
        found += text->as.text[i] == '.';
        if (text->as.text[i] == '.' && before == '.')
            return false;
        before = text->as.text[i];
    }
    return found == dots && before != '.';
}

static enum leat_status check_pattern(const char *what, const struct leat_value *text, int dots, struct leat_error *err)
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)text->len, text->as.text);
    if (is_pattern(text, dots))
        return LEAT_OK;
    return wrong(err, what, name, dots == 2 ? "is no pattern of db.table.column" : "is no pattern of db.table");
}

static enum leat_status check_map(int rule, const struct leat_value *map, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    bool counts = rule == RULE_TRUNCATE;
    for (uint32_t i = 0; status == LEAT_OK && i < map->len; i++) {
        const struct leat_value *pattern = &map->as.items[2 * i], *value = pattern + 1;
        bool is_good = counts ? value->type == LEAT_INT64 && value->as.i >= 0 && value->as.i <= UINT32_MAX : value->type == LEAT_TEXT;
        if (!is_good)
            return wrong(err, "columns", forms_rule_names[rule],
                         counts ? "takes a map of patterns to numbers of characters" : "takes a list of patterns, or a map of them to texts");
        status = check_pattern("columns", pattern, 2, err);
    }
    return status;
}

static enum leat_status check_rule(const struct leat_value *name, const struct leat_value *value, const char *salt,
                                   struct leat_error *err)
{
    int rule = rule_named(name);
    enum leat_status status = LEAT_OK;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)name->len, name->as.text);
    if (rule < 0)
        return wrong(err, "columns", text, "is none of include, exclude, hash, mask, truncate");
    if (rule == RULE_HASH && (!salt || !*salt))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "columns: hash needs `hash_salt`: without one, who knows what values may be there can look them up");
    if (value->type == LEAT_MAP && (rule == RULE_MASK || rule == RULE_TRUNCATE))
        return check_map(rule, value, err);
    if (rule == RULE_TRUNCATE || !is_list_of_texts(value))
        return wrong(err, "columns", text,
                     rule == RULE_TRUNCATE ? "takes a map of patterns to numbers of characters" : "takes a list of patterns");
    for (uint32_t i = 0; status == LEAT_OK && i < forms_list_count(value); i++)
        status = check_pattern("columns", forms_list_item(value, i), 2, err);
    return status;
}

enum leat_status forms_validate(const struct forms_options *options, struct leat_error *err)
{
    const struct leat_value *columns = &options->columns, *keys = &options->keys;
    enum leat_status status = LEAT_OK;
    if (columns->type > LEAT_NULL && columns->type != LEAT_MAP)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "columns: takes a map, {exclude: [shop.users.password]}");
    if (keys->type > LEAT_NULL && keys->type != LEAT_MAP)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "keys: takes a map of tables to columns, {shop.orders: [customer, id]}");
    for (uint32_t i = 0; status == LEAT_OK && columns->type == LEAT_MAP && i < columns->len; i++)
        status = check_rule(&columns->as.items[2 * i], &columns->as.items[2 * i + 1], options->salt, err);
    for (uint32_t i = 0; status == LEAT_OK && keys->type == LEAT_MAP && i < keys->len; i++) {
        const struct leat_value *table = &keys->as.items[2 * i];
        status = check_pattern("keys", table, 1, err);
        if (status == LEAT_OK && (!is_list_of_texts(table + 1) || forms_list_count(table + 1) == 0))
            status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "keys: %.*s takes a list of columns", (int)table->len,
                                  table->as.text);
    }
    return status;
}

struct forms *forms_new(const struct forms_options *options)
{
    bool has_columns = options->columns.type == LEAT_MAP && options->columns.len > 0;
    bool has_keys = options->keys.type == LEAT_MAP && options->keys.len > 0;
    if (!has_columns && !has_keys && !options->tombstones && !options->transactions)
        return NULL;
    struct forms *forms = leat_calloc(1, sizeof *forms);
    forms->keys = has_keys ? options->keys : leat_value_null();
    forms->salt = options->salt ? options->salt : "";
    forms->tombstones = options->tombstones;
    forms->transactions = options->transactions;
    for (uint32_t i = 0; has_columns && i < options->columns.len; i++)
        forms->rules[rule_named(&options->columns.as.items[2 * i])] = options->columns.as.items[2 * i + 1];
    leat_lock_init(&forms->lock, "mysql forms", LEAT_RANK_ACCESS);
    leat_arena_init(&forms->arena, 0);
    leat_table_init(&forms->by_schema);
    return forms;
}

void forms_free(struct forms *forms)
{
    if (!forms)
        return;
    leat_table_fini(&forms->by_schema, NULL);
    leat_arena_fini(&forms->arena);
    leat_lock_fini(&forms->lock);
    free(forms);
}

void forms_put_part(char full[FORMS_NAME_MAX], const char *part)
{
    size_t at = strlen(full);
    if (at > 0 && at + 1 < FORMS_NAME_MAX)
        full[at++] = '.';
    for (; *part && at + 1 < FORMS_NAME_MAX; part++)
        full[at++] = *part == '.' ? '_' : *part;
    full[at] = 0;
}

bool forms_have_tombstones(const struct forms *forms)
{
    return forms && forms->tombstones;
}
