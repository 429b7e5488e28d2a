/* forms_idle.c - patterns that mean nothing there is: a misspelt `mask` hides nothing. */
#include <mysql/forms_parts.h>

#include <base/memory.h>
#include <base/text.h>
#include <leat/task.h>
#include <mysql/tables.h>
#include <stdlib.h>

struct pattern {
    const char *option, *rule, *text; /* "columns", "mask", "shop.users.card" */
    bool is_of_tables, means_one;
};

struct patterns {
    struct pattern *items;
    uint32_t count;
};

static void take(struct patterns *patterns, const char *option, const char *rule, const struct leat_value *from)
{
    bool is_map = from->type == LEAT_MAP;
    uint32_t count = is_map ? from->len : forms_list_count(from);
    patterns->items = leat_realloc(patterns->items, (patterns->count + count + 1) * sizeof *patterns->items);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = (is_map ? &from->as.items[2 * i] : forms_list_item(from, i))->as.text;
        if (*text != '!')
            patterns->items[patterns->count++] = (struct pattern){option, rule, text, !*rule, false};
    }
}

static void look(struct patterns *patterns, MYSQL_ROW row, const struct tables *tables)
{
    char table[FORMS_NAME_MAX] = "", column[FORMS_NAME_MAX];
    forms_put_part(table, row[0]);
    forms_put_part(table, row[1]);
    if (!leat_patterns_match(tables->patterns, table, tables->ignore_case))
        return;
    memcpy(column, table, sizeof column);
    forms_put_part(column, row[2]);
    for (uint32_t i = 0; i < patterns->count; i++) {
        struct pattern *pattern = &patterns->items[i];
        pattern->means_one =
            pattern->means_one || leat_pattern_matches(pattern->text, pattern->is_of_tables ? table : column, true);
    }
}

enum leat_status forms_say_idle(const struct forms *forms, const struct tables *tables, struct client *client,
                                const char *connector, struct leat_error *err)
{
    struct patterns patterns = {NULL, 0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    for (int rule = 0; forms && rule < RULES; rule++)
        take(&patterns, "columns", forms_rule_names[rule], &forms->rules[rule]);
    if (forms)
        take(&patterns, "keys", "", &forms->keys);
    enum leat_status status = LEAT_OK;
    if (patterns.count > 0)
        status = client_query(client, &result, err,
                              "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema "
                              "NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')");
    if (patterns.count > 0 && status == LEAT_OK) {
        while ((row = mysql_fetch_row(result)))
            look(&patterns, row, tables);
        mysql_free_result(result);
    }
    for (uint32_t i = 0; status == LEAT_OK && i < patterns.count; i++)
        if (!patterns.items[i].means_one)
            leat_say(LEAT_WARNING, connector, "%s: %s%s%s means no %scaptured table that is there now", patterns.items[i].option,
                     patterns.items[i].rule, *patterns.items[i].rule ? " " : "", patterns.items[i].text,
                     patterns.items[i].is_of_tables ? "" : "column of a ");
    free(patterns.items);
    return status;
}
