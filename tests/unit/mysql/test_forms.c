/* Rules for columns and keys: what they make of a schema and of its rows, and what they cannot be. */
#include <kit/cmocka.h>

#include <base/memory.h>
#include <kit/orders.h>
#include <mysql/forms.h>
#include <mysql/table.h>
#include <stdlib.h>

enum { ID, NAME, MAIL, PAY, STATE, RAW, COLUMNS };

static const struct leat_schema *users(void)
{
    static const struct leat_field fields[COLUMNS] = {
        [ID] = {.name = "id", .type = LEAT_INT64, .native = "int(11)", .labels = "", .flags = LEAT_FIELD_REQUIRED},
        [NAME] = {.name = "Name", .type = LEAT_TEXT, .native = "char(2)", .labels = "", .width = 2, .flags = LEAT_FIELD_REQUIRED},
        [MAIL] = {.name = "mail.to", .type = LEAT_TEXT, .native = "text", .labels = ""},
        [PAY] = {.name = "pay", .type = LEAT_DECIMAL, .native = "decimal(10,2)", .labels = "", .width = 10, .scale = 2,
                 .flags = LEAT_FIELD_REQUIRED},
        [STATE] = {.name = "state", .type = LEAT_TEXT, .meaning = LEAT_ENUM, .native = "enum", .labels = "new\nold\n"},
        [RAW] = {.name = "raw", .type = LEAT_BYTES, .native = "blob", .labels = ""},
    };
    static const uint32_t keys[] = {ID};
    static const struct leat_field source[] = {KIT_FIELD("server_id", LEAT_INT64)};
    static const struct leat_schema content = {.connector = "mysql", .space = "shop", .name = "users", .fields = fields,
                                               .field_count = COLUMNS, .keys = keys, .key_count = 1, .source_fields = source,
                                               .source_count = 1};
    return leat_schema(&content);
}

struct fixture {
    struct table *table;
    struct leat_batch *batch;
    struct leat_value row[COLUMNS];
};

static int set_up(void **state)
{
    struct fixture *fix = leat_calloc(1, sizeof *fix);
    fix->table = table_new("shop", "users");
    fix->table->schema = users();
    fix->batch = leat_batch_new(1 << 20, 10);
    fix->row[ID] = leat_value_int(7);
    fix->row[NAME] = leat_value_string("J\xc3\xb6rg");
    fix->row[MAIL] = leat_value_string("ann@example");
    fix->row[PAY] = kit_decimal("1.50", 2);
    fix->row[STATE] = leat_value_string("new");
    fix->row[RAW] = leat_value_bytes("\x01\x02\x03", 3);
    *state = fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fix = *state;
    forms_free(fix->table->forms);
    table_free(fix->table);
    leat_batch_free(fix->batch);
    free(fix);
    return 0;
}

/* Trees as a pipeline file gives them: each text ends with a NUL. */
static struct leat_value text(struct fixture *fix, const char *content)
{
    return leat_value_text(leat_batch_copy(fix->batch, content, strlen(content) + 1), strlen(content));
}

static struct leat_value list(struct fixture *fix, const char *pattern)
{
    struct leat_value *item = leat_batch_alloc(fix->batch, sizeof *item);
    *item = text(fix, pattern);
    return leat_value_items(LEAT_ARRAY, item, 1);
}

static struct leat_value map(struct fixture *fix, const char *name, struct leat_value value)
{
    struct leat_value *pair = leat_batch_alloc(fix->batch, 2 * sizeof *pair);
    pair[0] = text(fix, name);
    pair[1] = value;
    return leat_value_items(LEAT_MAP, pair, 1);
}

static const struct form *form_with(struct fixture *fix, struct leat_value columns, struct leat_value keys)
{
    const struct forms_options options = {.columns = columns, .keys = keys, .salt = "salt"};
    struct leat_error err = {0};
    assert_status(forms_validate(&options, &err), LEAT_OK, &err);
    forms_free(fix->table->forms);
    fix->table->form = NULL;
    fix->table->forms = forms_new(&options);
    return form_of(fix->table);
}

static struct leat_value cell(struct fixture *fix, const struct form *form, const char *name)
{
    const struct leat_value *row = form_row(fix->table->forms, form, fix->batch, fix->row);
    return row[leat_schema_find(form->schema, name, strlen(name))];
}

static void assert_text(struct leat_value value, const char *wanted)
{
    assert_int_equal(value.type, LEAT_TEXT);
    assert_int_equal(value.len, strlen(wanted));
    assert_memory_equal(value.as.text, wanted, value.len);
}

static void no_rule_no_form(void **state)
{
    struct fixture *fix = *state;
    const struct forms_options nothing = {.salt = NULL};
    assert_null(forms_new(&nothing));
    assert_null(form_of(fix->table));
    assert_false(form_hides_key(fix->table));
    const struct form *form = form_with(fix, map(fix, "mask", list(fix, "shop.other.*")), leat_value_null());
    assert_ptr_equal(form->schema, users());
    assert_ptr_equal(form_row(fix->table->forms, form, fix->batch, fix->row), fix->row);
}

static void text_is_masked_to_its_width_and_the_rest_is_null(void **state)
{
    struct fixture *fix = *state;
    const struct form *form = form_with(fix, map(fix, "mask", list(fix, "shop.*.*")), leat_value_null());
    assert_text(cell(fix, form, "Name"), "**");
    assert_text(cell(fix, form, "mail.to"), "***");
    assert_int_equal(cell(fix, form, "pay").type, LEAT_NULL);
    assert_int_equal(cell(fix, form, "state").type, LEAT_NULL);
    assert_int_equal(cell(fix, form, "raw").type, LEAT_NULL);
    assert_int_equal(form->schema->fields[PAY].flags & LEAT_FIELD_REQUIRED, 0);
    assert_int_equal(form->schema->fields[NAME].flags & LEAT_FIELD_REQUIRED, LEAT_FIELD_REQUIRED);
    assert_int_equal(form->schema->key_count, 0); /* its primary key is hidden */
    assert_true(form_hides_key(fix->table));
    form = form_with(fix, map(fix, "mask", map(fix, "SHOP.users.NAME", leat_value_string("\xc3\xa4\xc3\xb6\xc3\xbc"))), leat_value_null());
    assert_text(cell(fix, form, "Name"), "\xc3\xa4\xc3\xb6");
    assert_int_equal(form->schema->key_count, 1);
    assert_false(form_hides_key(fix->table));
}

/* A name with a dot in it counts as one part. */
static void hashes_are_of_salt_and_text(void **state)
{
    struct fixture *fix = *state;
    const struct form *form = form_with(fix, map(fix, "hash", list(fix, "*.users.*")), leat_value_null());
    assert_text(cell(fix, form, "mail.to"), "11543e059b4bbbeeceab6e0e62b2885243651394134fb0c8baed349b2a7f58c1");
    assert_int_equal(form->schema->fields[PAY].type, LEAT_TEXT);
    assert_string_equal(form->schema->fields[PAY].native, "char(64)");
    assert_int_equal(form->schema->key_count, 1); /* the hash of a key is one */
    assert_true(form_hides_key(fix->table));
    fix->row[MAIL] = leat_value_null();
    fix->row[PAY] = (struct leat_value){0};
    assert_int_equal(cell(fix, form, "mail.to").type, LEAT_NULL);
    assert_int_equal(cell(fix, form, "pay").type, LEAT_ABSENT);
}

static void text_is_cut_by_characters_and_bytes_by_bytes(void **state)
{
    struct fixture *fix = *state;
    const struct form *form = form_with(fix, map(fix, "truncate", map(fix, "*.*.*", leat_value_int(2))), leat_value_null());
    assert_text(cell(fix, form, "Name"), "J\xc3\xb6");
    assert_text(cell(fix, form, "state"), "new");
    assert_int_equal(cell(fix, form, "raw").len, 2);
    assert_int_equal(cell(fix, form, "id").as.i, 7);
}

static void columns_are_included_and_excluded(void **state)
{
    struct fixture *fix = *state;
    const struct form *form = form_with(fix, map(fix, "include", list(fix, "shop.users.PAY")), leat_value_null());
    assert_int_equal(form->schema->field_count, 2); /* and the key */
    assert_int_equal(cell(fix, form, "id").as.i, 7);
    assert_memory_equal(cell(fix, form, "pay").as.text, "1.50", 4);
    form = form_with(fix, map(fix, "include", list(fix, "shop.orders.*")), leat_value_null());
    assert_ptr_equal(form->schema, users());
    form = form_with(fix, map(fix, "exclude", list(fix, "shop.users.id")), leat_value_null());
    assert_int_equal(form->schema->field_count, COLUMNS - 1);
    assert_int_equal(form->schema->key_count, 0);
    assert_true(form_hides_key(fix->table));
}

static void keys_are_named_by_columns(void **state)
{
    struct fixture *fix = *state;
    struct leat_error err = {0};
    const struct form *form = form_with(fix, leat_value_null(), map(fix, "shop.u*", list(fix, "STATE")));
    assert_int_equal(form->schema->key_count, 1);
    assert_int_equal(form->schema->keys[0], STATE);
    assert_status(form_check(fix->table, &err), LEAT_OK, &err);
    form = form_with(fix, leat_value_null(), map(fix, "shop.u*", list(fix, "stat")));
    assert_int_equal(form_check(fix->table, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "shop.users has no column \"stat\""));
}

static void what_the_options_cannot_be(void **state)
{
    struct fixture *fix = *state;
    const struct forms_options wrong[] = {
        {.columns = leat_value_int(1)}, {.keys = leat_value_int(1)},
        {.columns = map(fix, "hide", list(fix, "a.b.c"))}, {.columns = map(fix, "mask", list(fix, "a.b"))},
        {.columns = map(fix, "mask", list(fix, "a..c"))}, {.columns = map(fix, "mask", list(fix, "a.b.c.d"))},
        {.columns = map(fix, "mask", list(fix, "a.b."))}, {.columns = map(fix, "mask", leat_value_int(1))},
        {.columns = map(fix, "mask", map(fix, "a.b.c", leat_value_int(1)))},
        {.columns = map(fix, "exclude", map(fix, "a.b.c", leat_value_int(1)))},
        {.columns = map(fix, "truncate", map(fix, "a.b.c", leat_value_int(-1)))},
        {.columns = map(fix, "hash", list(fix, "a.b.c"))}, {.columns = map(fix, "hash", list(fix, "a.b.c")), .salt = ""},
        {.keys = map(fix, "a", list(fix, "b"))}, {.keys = map(fix, "a.b", leat_value_int(1))}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct leat_error err = {0};
        if (forms_validate(&wrong[i], &err) != LEAT_STOP)
            fail_msg("%zu is accepted", i);
        assert_true(err.text[0]);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_rule_no_form),
        CASE(text_is_masked_to_its_width_and_the_rest_is_null),
        CASE(hashes_are_of_salt_and_text),
        CASE(text_is_cut_by_characters_and_bytes_by_bytes),
        CASE(columns_are_included_and_excluded),
        CASE(keys_are_named_by_columns),
        CASE(what_the_options_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
