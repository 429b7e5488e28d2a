/* Views: what a script reads and writes, and what stays as it was. */
#include "script_fixture.h"

static void a_script_edits_two_fields(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one("function transform(r)\n"
                                       "  r.value.age = r.value.age + 1\n"
                                       "  r.value.name = 'x-' .. r.value.name\n"
                                       "end",
                                       LEAT_CREATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_ptr_equal(rec->schema, people());
    assert_int_equal(field_of(&rec->value, F_AGE)->as.i, 37);
    assert_text(field_of(&rec->value, F_NAME), "x-Ada");
    assert_text(field_of(&rec->value, F_EMAIL), "ada@example.org");
    leat_batch_free(batch);
}

static const char MASK[] = "function transform(record)\n"
                           "  for _, row in ipairs{record.value, record.before} do\n"
                           "    if row.email then row.email = row.email:gsub('^[^@]+', '***') end\n"
                           "  end\n"
                           "end";

static void a_mask_covers_value_and_before(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one(MASK, LEAT_UPDATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_text(field_of(&rec->value, F_EMAIL), "***@example.org");
    assert_text(field_of(&rec->before, F_EMAIL), "***@example.org");
    leat_batch_free(batch);
}

static void a_mask_covers_the_before_image_of_a_delete(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one(MASK, LEAT_DELETE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->value.type, LEAT_NULL);
    assert_text(field_of(&rec->before, F_EMAIL), "***@example.org");
    leat_batch_free(batch);
}

static void what_is_written_to_a_missing_row_goes_nowhere(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one("function transform(r) r.value.name = 'x'; r.value.new = 1;"
                                       " assert(r.value.name == nil) end",
                                       LEAT_DELETE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->value.type, LEAT_NULL);
    assert_ptr_equal(rec->schema, people());
    leat_batch_free(batch);
}

static void values_that_are_only_moved_stay_exact(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one("function transform(r) local v = r.value\n"
                                       "  for name, x in pairs(v) do v[name] = x end\n"
                                       "end",
                                       LEAT_CREATE);
    struct leat_batch *same = leat_batch_new(1 << 20, 10);
    struct leat_value row = a_row(same, 7, "ada@example.org");
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_ptr_equal(rec->schema, people());
    assert_true(leat_value_equal(&rec->value, &row));
    leat_batch_free(same);
    leat_batch_free(batch);
}

static void a_value_of_another_type_loosens_its_field(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r) r.value.price = 'none'; r.value.age = 300 end", LEAT_CREATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_ptr_not_equal(rec->schema, people());
    assert_int_equal(rec->schema->fields[F_PRICE].type, LEAT_ABSENT);
    assert_int_equal(rec->schema->fields[F_AGE].type, LEAT_ABSENT);
    assert_text(field_of(&rec->value, F_PRICE), "none");
    assert_int_equal(field_of(&rec->value, F_AGE)->as.i, 300);
    leat_batch_free(batch);
}

static void integers_become_the_field_s_own_type(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one("function transform(r) local v = r.value\n"
                                       "  v.price, v.big, v.ratio, v.data = 5, 9, 2, 'ab' end",
                                       LEAT_CREATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_ptr_equal(rec->schema, people());
    const struct leat_value *price = field_of(&rec->value, F_PRICE);
    assert_int_equal(price->type, LEAT_DECIMAL);
    assert_int_equal(price->aux, 2);
    assert_memory_equal(price->as.text, "5.00", 4);
    assert_int_equal(field_of(&rec->value, F_BIG)->type, LEAT_UINT64);
    assert_int_equal(field_of(&rec->value, F_RATIO)->type, LEAT_FLOAT64);
    assert_int_equal(field_of(&rec->value, F_DATA)->type, LEAT_BYTES);
    leat_batch_free(batch);
}

static void a_new_field_widens_value_and_before(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r) r.value.seen = true end", LEAT_UPDATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(rec->schema->field_count, F_COUNT + 1);
    assert_string_equal(rec->schema->fields[F_COUNT].name, "seen");
    assert_int_equal(field_of(&rec->value, F_COUNT)->type, LEAT_BOOL);
    assert_int_equal(field_of(&rec->before, F_COUNT)->type, LEAT_ABSENT);
    leat_batch_free(batch);
}

static void nil_is_null_and_is_null_tells_it_from_absent(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r) local v = r.value\n"
                "  v.name = nil\n"
                "  assert(v.name == nil and leat.is_null(v, 'name'))\n"
                "  assert(v.nothing == nil and not leat.is_null(v, 'nothing'))\n"
                "  assert(not leat.is_null(v, 'email'))\n"
                "  v.extra.token = leat.null\n"
                "  assert(leat.is_null(v.extra, 'token'))\n"
                "end",
                LEAT_CREATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_int_equal(field_of(&rec->value, F_NAME)->type, LEAT_NULL);
    leat_batch_free(batch);
}

static void members_of_maps_are_edited_in_place(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r) local e = r.value.extra\n"
                "  e.token = nil; e.list = {1, 2}; e.list[3] = {a = 'b'}\n"
                "  e.list[3].a = 'c'; assert(#e.list == 3 and e.city == 'London')\n"
                "end",
                LEAT_UPDATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    const struct leat_value *extra = field_of(&rec->value, F_EXTRA);
    assert_null(leat_map_get(extra, "token"));
    const struct leat_value *list = leat_map_get(extra, "list");
    assert_int_equal(list->len, 3);
    assert_text(leat_map_get(&list->as.items[2], "a"), "c");
    assert_text(leat_map_get(field_of(&rec->before, F_EXTRA), "token"), "secret");
    leat_batch_free(batch);
}

static void names_may_be_removed_while_walking(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r) local e = r.value.extra\n"
                "  e.a_token = 1; e.b_token = 2; e.c_token = 3\n"
                "  for name in pairs(e) do if name:find('token') then e[name] = nil end end\n"
                "end",
                LEAT_CREATE);
    const struct leat_value *extra = field_of(&leat_batch_get(batch, 0)->value, F_EXTRA);
    assert_int_equal(extra->len, 1);
    leat_batch_free(batch);
}

static void copies_are_apart_from_their_record(void **state)
{
    (void)state;
    struct leat_batch *batch = run_one("function transform(r, emit)\n"
                                       "  r.value.extra.city = 'Paris'\n"
                                       "  local c = leat.copy(r)\n"
                                       "  c.value.name = 'copy'; c.value.extra.city = 'Rome'\n"
                                       "  c.topic = 'other'; emit(c); c.value.name = 'later'\n"
                                       "  r.value.name = 'main'\n"
                                       "end",
                                       LEAT_CREATE);
    assert_int_equal(leat_batch_count(batch), 2);
    const struct leat_record *first = leat_batch_get(batch, 0), *second = leat_batch_get(batch, 1);
    assert_text(field_of(&first->value, F_NAME), "main");
    assert_text(leat_map_get(field_of(&first->value, F_EXTRA), "city"), "Paris");
    assert_text(field_of(&second->value, F_NAME), "copy");
    assert_text(leat_map_get(field_of(&second->value, F_EXTRA), "city"), "Rome");
    assert_string_equal(second->topic->name, "other");
    assert_string_equal(first->topic->name, "shop.people");
    leat_batch_free(batch);
}

static void false_drops_and_tables_can_be_emitted(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r, emit)\n"
                "  emit{topic = 'audit', key = r.key.id, value = {who = r.value.name, n = 1}}\n"
                "  return false\n"
                "end",
                LEAT_CREATE);
    assert_true(leat_batch_get(batch, 0)->flags & LEAT_DROPPED);
    const struct leat_record *made = leat_batch_get(batch, 1);
    assert_string_equal(made->topic->name, "audit");
    assert_int_equal(made->key.as.i, 7);
    assert_text(leat_map_get(&made->value, "who"), "Ada");
    leat_batch_free(batch);
}

static void whole_rows_and_headers_can_be_assigned(void **state)
{
    (void)state;
    struct leat_batch *batch =
        run_one("function transform(r)\n"
                "  r.headers.source = 'lua'; r.headers['n'] = 1\n"
                "  r.before = r.value\n"
                "  r.value = {id = 9, name = 'new', more = leat.decimal('1.10')}\n"
                "end",
                LEAT_UPDATE);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_text(leat_map_get(&rec->headers, "source"), "lua");
    assert_text(field_of(&rec->before, F_EMAIL), "ada@example.org");
    assert_int_equal(field_of(&rec->value, F_ID)->as.i, 9);
    assert_int_equal(field_of(&rec->value, F_EMAIL)->type, LEAT_ABSENT);
    assert_int_equal(field_of(&rec->value, F_COUNT)->type, LEAT_DECIMAL);
    assert_int_equal(rec->before.len, rec->schema->field_count);
    leat_batch_free(batch);
}

static void lines_of_text_read_as_strings(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("lines", 5);
    rec->op = LEAT_CREATE;
    rec->value = leat_value_string("GET /index 200");
    struct script_host *host =
        open_script("function transform(r)\n"
                    "  local verb, path, code = r.value:match('^(%u+) (%S+) (%d+)$')\n"
                    "  r.value = {verb = verb, path = path, code = tonumber(code)}\n"
                    "end");
    struct leat_error err;
    assert_int_equal(script_transform_apply(host, batch, &err), LEAT_OK);
    rec = leat_batch_edit(batch, 0);
    assert_int_equal(rec->value.type, LEAT_MAP);
    assert_int_equal(leat_map_get(&rec->value, "code")->as.i, 200);
    script_transform_close(&host);
    leat_batch_free(batch);
}

static void a_view_that_was_kept_is_over_with_its_record(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    add_person(batch, LEAT_CREATE, 1);
    add_person(batch, LEAT_CREATE, 2);
    struct script_host *host = open_script("local kept\n"
                                           "function transform(r)\n"
                                           "  if kept then return kept.city == nil end\n"
                                           "  kept = r.value.extra\n"
                                           "end");
    struct leat_error err;
    assert_int_equal(script_transform_apply(host, batch, &err), LEAT_REJECT);
    assert_non_null(strstr(batch->refusals[0].reason, "over"));
    script_transform_close(&host);
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_edits_two_fields),
        cmocka_unit_test(a_mask_covers_value_and_before),
        cmocka_unit_test(a_mask_covers_the_before_image_of_a_delete),
        cmocka_unit_test(what_is_written_to_a_missing_row_goes_nowhere),
        cmocka_unit_test(values_that_are_only_moved_stay_exact),
        cmocka_unit_test(a_value_of_another_type_loosens_its_field),
        cmocka_unit_test(integers_become_the_field_s_own_type),
        cmocka_unit_test(a_new_field_widens_value_and_before),
        cmocka_unit_test(nil_is_null_and_is_null_tells_it_from_absent),
        cmocka_unit_test(members_of_maps_are_edited_in_place),
        cmocka_unit_test(names_may_be_removed_while_walking),
        cmocka_unit_test(copies_are_apart_from_their_record),
        cmocka_unit_test(false_drops_and_tables_can_be_emitted),
        cmocka_unit_test(whole_rows_and_headers_can_be_assigned),
        cmocka_unit_test(lines_of_text_read_as_strings),
        cmocka_unit_test(a_view_that_was_kept_is_over_with_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
