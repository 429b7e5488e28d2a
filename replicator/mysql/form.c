/* form.c - the form of one schema: made once, when the first row of it comes. */
#include <mysql/forms_parts.h>

#include <base/assert.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/debezium_schema.h> /* names of the transaction's fields */
#include <mysql/record.h>
#include <mysql/table.h>
#include <stdio.h>
#include <stdlib.h>

#define MASK "***"

/* ---- rules ---- */

/* What the rule says of the name: its pattern, or in a map what that stands for; NULL: nothing. */
static const struct leat_value *rule_of(const struct leat_value *rule, const char *full)
{
    const struct leat_value *found = NULL;
    bool is_map = rule->type == LEAT_MAP;
    uint32_t count = is_map ? rule->len : forms_list_count(rule);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *pattern = is_map ? &rule->as.items[2 * i] : forms_list_item(rule, i);
        bool is_not = pattern->as.text[0] == '!';
        if (!leat_pattern_matches(pattern->as.text + is_not, full, true))
            continue;
        if (is_not)
            return NULL;
        if (!found)
            found = is_map ? pattern + 1 : pattern;
    }
    return found;
}

/* Does one of the patterns of db.table.column mean columns of this table? */
static bool means_table(const struct leat_value *list, const char *table)
{
    for (uint32_t i = 0; i < forms_list_count(list); i++) {
        char start[FORMS_NAME_MAX];
        const char *pattern = forms_list_item(list, i)->as.text, *dot = strrchr(pattern, '.');
        if (*pattern == '!' || !dot)
            continue;
        snprintf(start, sizeof start, "%.*s", (int)(dot - pattern), pattern);
        if (leat_pattern_matches(start, table, true))
            return true;
    }
    return false;
}

/* ---- making one ---- */

struct making {
    struct forms *forms;
    const struct leat_schema *of;
    struct form *form;
    char table[FORMS_NAME_MAX];
    struct leat_field *fields;  /* of the record */
    uint32_t *places, *keys;    /* column of the table -> field, or UINT32_MAX; fields of the key */
    uint32_t count, key_count;
    bool is_key_whole;
};

static bool is_primary(const struct leat_schema *schema, uint32_t column)
{
    for (uint32_t i = 0; i < schema->key_count; i++)
        if (schema->keys[i] == column)
            return true;
    return false;
}

static const struct leat_value *named_keys(const struct making *making)
{
    return making->forms->keys.type == LEAT_MAP ? rule_of(&making->forms->keys, making->table) : NULL;
}

static bool is_named_key(const struct making *making, const char *name)
{
    const struct leat_value *keys = named_keys(making);
    for (uint32_t i = 0; keys && i < forms_list_count(keys); i++)
        if (strcasecmp(forms_list_item(keys, i)->as.text, name) == 0)
            return true;
    return false;
}

static bool is_left_out(const struct making *making, uint32_t column, const char *full)
{
    const struct leat_value *include = &making->forms->rules[RULE_INCLUDE];
    if (rule_of(&making->forms->rules[RULE_EXCLUDE], full))
        return true;
    if (forms_list_count(include) == 0 || !means_table(include, making->table) || rule_of(include, full))
        return false;
    return !is_primary(making->of, column) && !is_named_key(making, making->of->fields[column].name);
}

static void set_act(const struct making *making, struct form_column *column, const char *full)
{
    const struct leat_value *said;
    if (rule_of(&making->forms->rules[RULE_HASH], full)) {
        column->act = FORM_HASH;
    } else if ((said = rule_of(&making->forms->rules[RULE_MASK], full))) {
        column->act = FORM_MASK;
        column->text = making->forms->rules[RULE_MASK].type == LEAT_MAP ? said->as.text : MASK;
    } else if ((said = rule_of(&making->forms->rules[RULE_TRUNCATE], full))) {
        column->act = FORM_TRUNCATE;
        column->most = (uint32_t)said->as.i;
    }
}

static void set_field(struct leat_field *field, const struct form_column *column)
{
    bool is_text = field->type == LEAT_TEXT && field->meaning == LEAT_PLAIN;
    if (column->act == FORM_HASH)
        *field = (struct leat_field){.name = field->name, .type = LEAT_TEXT, .flags = field->flags, .width = 64,
                                     .native = "char(64)", .labels = ""};
    else if (column->act == FORM_MASK && !is_text)
        field->flags &= (uint8_t)~LEAT_FIELD_REQUIRED;
}

static void add_column(struct making *making, uint32_t from)
{
    char full[FORMS_NAME_MAX];
    struct form *form = making->form;
    bool is_key = is_primary(making->of, from);
    snprintf(full, sizeof full, "%s", making->table);
    forms_put_part(full, making->of->fields[from].name);
    making->places[from] = UINT32_MAX;
    if (is_left_out(making, from, full)) {
        form->hides_key = form->hides_key || is_key;
        making->is_key_whole = making->is_key_whole && !is_key;
        return;
    }
    struct form_column *column = &form->columns[making->count];
    *column = (struct form_column){.from = from};
    set_act(making, column, full);
    making->fields[making->count] = making->of->fields[from];
    set_field(&making->fields[making->count], column);
    form->hides_key = form->hides_key || (is_key && column->act != FORM_KEEP);
    making->is_key_whole = making->is_key_whole && !(is_key && column->act > FORM_HASH);
    making->places[from] = making->count++;
}

static void set_keys(struct making *making)
{
    const struct leat_value *keys = named_keys(making);
    for (uint32_t i = 0; !keys && making->is_key_whole && i < making->of->key_count; i++)
        making->keys[making->key_count++] = making->places[making->of->keys[i]];
    for (uint32_t i = 0; keys && i < forms_list_count(keys); i++) {
        const char *name = forms_list_item(keys, i)->as.text;
        uint32_t place = UINT32_MAX;
        for (uint32_t k = 0; k < making->count && place == UINT32_MAX; k++)
            if (strcasecmp(making->fields[k].name, name) == 0)
                place = k;
        if (place == UINT32_MAX)
            making->form->missing = name;
        else if (making->key_count < making->of->field_count)
            making->keys[making->key_count++] = place;
    }
}

static const struct leat_schema *make_schema(const struct making *making)
{
    struct leat_schema content = *making->of;
    struct leat_field source[LEAT_SOURCE_FIELDS_MAX];
    static const struct leat_field block[] = {
        {.name = LEAT_TRANSACTION_ID, .type = LEAT_TEXT, .native = "", .labels = ""},
        {.name = LEAT_TRANSACTION_ORDER, .type = LEAT_INT64, .native = "", .labels = ""},
        {.name = LEAT_TRANSACTION_TABLE_ORDER, .type = LEAT_INT64, .native = "", .labels = ""}};
    content.fields = making->fields;
    content.field_count = making->count;
    content.keys = making->keys;
    content.key_count = making->key_count;
    if (making->forms->transactions) {
        memcpy(source, content.source_fields, content.source_count * sizeof *source);
        memcpy(source + content.source_count, block, sizeof block);
        content.source_fields = source;
        content.source_count += sizeof block / sizeof *block;
    }
    return leat_schema(&content);
}

static bool is_changed(const struct form *form, uint32_t count, uint32_t of)
{
    bool is_changed = count != of;
    for (uint32_t i = 0; i < count; i++)
        is_changed = is_changed || form->columns[i].act != FORM_KEEP;
    return is_changed;
}

/* In the arena of the forms, under their lock. */
static struct form *make_form(struct forms *forms, const struct leat_schema *of)
{
    struct making making = {.forms = forms, .of = of, .is_key_whole = true};
    size_t room = of->field_count + 1;
    making.form = leat_arena_zeroed(&forms->arena, sizeof *making.form);
    making.form->of = of;
    making.form->columns = leat_arena_zeroed(&forms->arena, room * sizeof *making.form->columns);
    making.fields = leat_calloc(room, sizeof *making.fields);
    making.places = leat_calloc(room, sizeof *making.places);
    making.keys = leat_calloc(room, sizeof *making.keys);
    forms_put_part(making.table, of->space);
    forms_put_part(making.table, of->name);
    for (uint32_t i = 0; i < of->field_count; i++)
        add_column(&making, i);
    set_keys(&making);
    making.form->schema = make_schema(&making);
    leat_assert(making.form->schema); /* the table's own has found room */
    if (!is_changed(making.form, making.count, of->field_count))
        making.form->columns = NULL;
    free(making.fields);
    free(making.places);
    free(making.keys);
    return making.form;
}

/* ---- asking ---- */

const struct form *form_of_schema(struct forms *forms, const struct leat_schema *schema)
{
    leat_lock_take(&forms->lock);
    struct form *form = leat_table_get(&forms->by_schema, &schema, sizeof schema);
    if (!form) {
        form = make_form(forms, schema);
        leat_table_set(&forms->by_schema, &schema, sizeof schema, form);
    }
    leat_lock_give(&forms->lock);
    return form;
}

const struct form *form_of(const struct table *table)
{
    struct forms *forms = table->forms;
    if (!forms || !table->schema)
        return NULL;
    const struct form *form = atomic_load_explicit(&table->form, memory_order_acquire);
    if (form && form->of == table->schema)
        return form;
    form = form_of_schema(forms, table->schema);
    atomic_store_explicit(&((struct table *)(uintptr_t)table)->form, form, memory_order_release);
    return form;
}

enum leat_status form_check(const struct table *table, struct leat_error *err)
{
    const struct form *form = form_of(table);
    if (form && form->missing)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "keys: %s has no column \"%s\", or `columns` leaves it out; name columns of the table, or let it begin "
                            "with another pattern",
                            table->full, form->missing);
    return LEAT_OK;
}

bool form_hides_key(const struct table *table)
{
    const struct form *form = form_of(table);
    return form && form->hides_key;
}

const struct leat_value *form_row(const struct forms *forms, const struct form *form, struct leat_batch *batch,
                                  const struct leat_value *cells)
{
    if (!cells || !form->columns)
        return cells;
    struct leat_value *row = leat_batch_alloc(batch, (form->schema->field_count + 1) * sizeof *row);
    for (uint32_t i = 0; i < form->schema->field_count; i++)
        row[i] = form_hide(&form->columns[i], &form->schema->fields[i], forms->salt, batch, &cells[form->columns[i].from]);
    return row;
}
