/* drop, keep, rename, set: rows with other fields, and the schema that tells of it. */
#include "transform_fixture.h"

static struct leat_batch *people_batch(uint8_t op)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    add_person(batch, op, 7);
    return batch;
}

static void drop_takes_fields_out_of_value_and_before(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_UPDATE);
    const char *const fields[] = {"email", "extra.t*"};
    assert_int_equal(run_list("drop", "fields", fields, 2, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->schema->field_count, F_COUNT - 1);
    assert_int_equal(rec->value.len, F_COUNT - 1);
    for (int i = 0; i < 2; i++) {
        const struct leat_value *row = i == 0 ? &rec->value : &rec->before;
        assert_null(named(rec, row, "email"));
        assert_text(named(rec, row, "name"), "Ada");
        assert_null(leat_map_get(named(rec, row, "extra"), "token"));
        assert_non_null(leat_map_get(named(rec, row, "extra"), "city"));
    }
    leat_batch_free(batch);
}

static void drop_of_a_key_field_refuses_the_record(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_CREATE);
    const char *const fields[] = {"i*"};
    assert_int_equal(run_list("drop", "fields", fields, 1, batch), LEAT_REJECT);
    assert_int_equal(batch->refusal_count, 1);
    assert_string_equal(batch->refusals[0].reason, "drop: id is a key field of shop.people");
    assert_ptr_equal(leat_batch_get(batch, 0)->schema, people());
    leat_batch_free(batch);
}

static void drop_covers_a_delete_and_leaves_its_missing_value(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_DELETE);
    const char *const fields[] = {"email"};
    assert_int_equal(run_list("drop", "fields", fields, 1, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->value.type, LEAT_NULL);
    assert_null(named(rec, &rec->before, "email"));
    assert_text(named(rec, &rec->before, "name"), "Ada");
    leat_batch_free(batch);
}

static void keep_leaves_what_is_named_and_the_key(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_UPDATE);
    const char *const fields[] = {"extra.city", "nam?"};
    assert_int_equal(run_list("keep", "fields", fields, 2, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->schema->field_count, 3);
    assert_int_equal(rec->schema->key_count, 1);
    assert_int_equal(named(rec, &rec->value, "id")->as.i, 7);
    assert_text(named(rec, &rec->value, "name"), "Ada");
    assert_int_equal(named(rec, &rec->before, "extra")->len, 1);
    leat_batch_free(batch);
}

static void rows_without_a_schema_are_maps(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("t", 1);
    rec->op = LEAT_CREATE;
    struct leat_value row = a_row(batch, 1, "x");
    rec->value = row.as.items[F_EXTRA];
    const char *const fields[] = {"token"};
    assert_int_equal(run_list("drop", "fields", fields, 1, batch), LEAT_OK);
    rec = leat_batch_edit(batch, 0);
    assert_int_equal(rec->value.len, 1);
    assert_non_null(leat_map_get(&rec->value, "city"));
    leat_batch_free(batch);
}

static enum leat_status run_rename(const char *const *names, const char *const *values,
                                   size_t count, struct leat_batch *batch)
{
    struct leat_pairs pairs = {names, values, count};
    struct given given = {"fields", &pairs, sizeof pairs};
    struct leat_chain_step step = make_step("rename", &given, 1);
    return run_steps(&step, 1, batch);
}

static void rename_changes_names_alone(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_UPDATE);
    const char *const names[] = {"name", "id", "email"}, *const values[] = {"first_name", "number",
                                                                            "name"};
    assert_int_equal(run_rename(names, values, 3, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_text(named(rec, &rec->value, "first_name"), "Ada");
    assert_text(named(rec, &rec->value, "name"), "ada@example.org");
    assert_int_equal(named(rec, &rec->before, "number")->as.i, 7);
    assert_string_equal(rec->schema->fields[rec->schema->keys[0]].name, "number");
    leat_batch_free(batch);
}

static void rename_to_a_name_that_is_taken_refuses(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_UPDATE);
    const char *const names[] = {"name"}, *const values[] = {"email"};
    assert_int_equal(run_rename(names, values, 1, batch), LEAT_REJECT);
    leat_batch_free(batch);
}

static void set_fills_templates_and_takes_values(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_UPDATE);
    const struct leat_value pairs[] = {
        leat_value_string("origin"),  leat_value_string("{database}.{table}/{key.id}"),
        leat_value_string("version"), leat_value_int(3),
        leat_value_string("name"),    leat_value_string("{value.email}")};
    struct leat_value fields = leat_value_items(LEAT_MAP, pairs, 3);
    struct given given = {"fields", &fields, sizeof fields};
    struct leat_chain_step step = make_step("set", &given, 1);
    assert_int_equal(run_steps(&step, 1, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_text(named(rec, &rec->value, "origin"), "shop.people/7");
    assert_int_equal(named(rec, &rec->value, "version")->as.i, 3);
    assert_text(named(rec, &rec->value, "name"), "ada@example.org");
    assert_text(named(rec, &rec->before, "name"), "Ada");
    assert_int_equal(rec->before.len, rec->schema->field_count);
    leat_batch_free(batch);
}

static void set_refuses_a_record_whose_template_finds_nothing(void **state)
{
    (void)state;
    struct leat_batch *batch = people_batch(LEAT_CREATE);
    leat_batch_edit(batch, 0)->value = a_row(batch, 7, NULL);
    const struct leat_value pairs[] = {leat_value_string("a"), leat_value_string("x"),
                                       leat_value_string("b"), leat_value_string("{value.email}")};
    struct leat_value fields = leat_value_items(LEAT_MAP, pairs, 2);
    struct given given = {"fields", &fields, sizeof fields};
    struct leat_chain_step step = make_step("set", &given, 1);
    assert_int_equal(run_steps(&step, 1, batch), LEAT_REJECT);
    assert_ptr_equal(leat_batch_get(batch, 0)->schema, people());
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drop_takes_fields_out_of_value_and_before),
        cmocka_unit_test(drop_of_a_key_field_refuses_the_record),
        cmocka_unit_test(drop_covers_a_delete_and_leaves_its_missing_value),
        cmocka_unit_test(keep_leaves_what_is_named_and_the_key),
        cmocka_unit_test(rows_without_a_schema_are_maps),
        cmocka_unit_test(rename_changes_names_alone),
        cmocka_unit_test(rename_to_a_name_that_is_taken_refuses),
        cmocka_unit_test(set_fills_templates_and_takes_values),
        cmocka_unit_test(set_refuses_a_record_whose_template_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
