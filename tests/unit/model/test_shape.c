#include <kit/cmocka.h>
#include <model/shape.h>
#include <stdio.h>
#include <string.h>

static const struct leat_schema *orders(void)
{
    static const struct leat_field fields[] = {
        {.name = "a", .type = LEAT_INT64, .native = "int", .labels = ""},
        {.name = "id", .type = LEAT_INT64, .flags = LEAT_FIELD_REQUIRED, .native = "bigint", .labels = ""},
        {.name = "b", .type = LEAT_DECIMAL, .scale = 2, .width = 10, .native = "decimal(10,2)", .labels = ""},
        {.name = "at", .type = LEAT_DATETIME, .native = "datetime", .labels = ""},
    };
    static const struct leat_field source[] = {{.name = "pos", .type = LEAT_INT64, .native = "", .labels = ""}};
    static const uint32_t keys[] = {3, 1};
    const struct leat_schema content = {.connector = "mysql", .space = "shop", .name = "orders",
                                        .fields = fields, .field_count = 4, .keys = keys,
                                        .key_count = 2, .source_fields = source, .source_count = 1};
    return leat_schema(&content);
}

static void fields_go_and_keys_keep_pointing(void **state)
{
    (void)state;
    const bool keep[] = {false, true, false, true};
    const struct leat_schema *kept = leat_shape_keep(orders(), keep);
    assert_int_equal(kept->field_count, 2);
    assert_string_equal(kept->fields[0].name, "id");
    assert_string_equal(kept->fields[1].name, "at");
    assert_int_equal(kept->keys[0], 1);
    assert_int_equal(kept->keys[1], 0);
    assert_string_equal(kept->source_fields[0].name, "pos");
    assert_ptr_equal(leat_shape_keep(orders(), keep), kept);
    const bool all[] = {true, true, true, true};
    assert_ptr_equal(leat_shape_keep(orders(), all), orders());
}

static void keys_do_not_go(void **state)
{
    (void)state;
    const bool keep[] = {true, false, true, true};
    assert_null(leat_shape_keep(orders(), keep));
}

static void a_field_is_added_once(void **state)
{
    (void)state;
    const struct leat_schema *longer = leat_shape_add(orders(), "country", 7);
    assert_int_equal(longer->field_count, 5);
    assert_string_equal(longer->fields[4].name, "country");
    assert_int_equal(longer->fields[4].type, LEAT_ABSENT);
    assert_int_equal(longer->key_count, 2);
    assert_ptr_equal(leat_shape_add(orders(), "country", 7), longer);
    assert_ptr_equal(leat_shape_add(longer, "country", 7), longer);
    assert_ptr_equal(leat_shape_add(orders(), "b", 1), orders());
    assert_null(leat_shape_add(orders(), "b\0c", 3));
}

static void a_rename_takes_no_others_name(void **state)
{
    (void)state;
    const struct leat_schema *renamed = leat_shape_rename(orders(), 2, "price", 5);
    assert_string_equal(renamed->fields[2].name, "price");
    assert_int_equal(renamed->fields[2].type, LEAT_DECIMAL);
    assert_ptr_equal(leat_shape_rename(orders(), 2, "price", 5), renamed);
    assert_ptr_equal(leat_shape_rename(orders(), 2, "b", 1), orders());
    assert_null(leat_shape_rename(orders(), 2, "id", 2));
    assert_null(leat_shape_rename(orders(), 4, "x", 1));
    assert_ptr_equal(leat_shape_rename(renamed, 2, "b", 1), orders());
}

static void a_loose_field_holds_anything(void **state)
{
    (void)state;
    const struct leat_schema *loose = leat_shape_loosen(orders(), 1);
    assert_int_equal(loose->fields[1].type, LEAT_ABSENT);
    assert_int_equal(loose->fields[1].flags, 0);
    assert_string_equal(loose->fields[1].native, "");
    assert_string_equal(loose->fields[1].name, "id");
    assert_ptr_equal(leat_shape_loosen(loose, 1), loose);
    assert_ptr_equal(leat_shape_loosen(orders(), 1), loose);
    assert_null(leat_shape_loosen(orders(), 9));
}

static void long_questions_are_answered_too(void **state)
{
    (void)state;
    char name[1000];
    memset(name, 'x', sizeof name);
    const struct leat_schema *longer = leat_shape_add(orders(), name, sizeof name);
    assert_int_equal(strlen(longer->fields[4].name), sizeof name);
    assert_ptr_equal(leat_shape_add(orders(), name, sizeof name), longer);
    assert_ptr_not_equal(leat_shape_add(orders(), name, sizeof name - 1), longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_go_and_keys_keep_pointing), cmocka_unit_test(keys_do_not_go),
        cmocka_unit_test(a_field_is_added_once),            cmocka_unit_test(a_rename_takes_no_others_name),
        cmocka_unit_test(a_loose_field_holds_anything),     cmocka_unit_test(long_questions_are_answered_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
