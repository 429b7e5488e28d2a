/* Paths into rows. */
#include <kit/cmocka.h>

#include <kit/orders.h>
#include <model/fieldpath.h>
#include <string.h>

static void parts_are_matched_one_by_one(void **state)
{
    static const struct {
        const char *path;
        uint32_t depth;
        const char *name;
        bool matches;
    } cases[] = {
        {"email", 0, "email", true},       {"email", 0, "emai", false},      {"email", 0, "emails", false},
        {"email", 1, "email", false},      {"a.b.c", 1, "b", true},          {"a.b.c", 2, "c", true},
        {"a.b.c", 3, "", false},           {"*", 0, "", true},               {"*", 0, "any.thing", true},
        {"*_token", 0, "a_token", true},   {"*_token", 0, "_token", true},   {"*_token", 0, "token", false},
        {"*_token", 0, "a_token_b", false}, {"c.*_token", 1, "x_token", true}, {"a*b*c", 0, "axbxbxc", true},
        {"a*b*c", 0, "axcxb", false},      {"?d", 0, "id", true},            {"?d", 0, "d", false},
        {"", 0, "", true},                 {"", 0, "a", false},              {"a..b", 1, "", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (leat_path_part_matches(cases[i].path, cases[i].depth, cases[i].name, strlen(cases[i].name)) !=
            cases[i].matches)
            fail_msg("%s[%u] and %s", cases[i].path, cases[i].depth, cases[i].name);
}

static void names_need_no_terminator(void **state)
{
    (void)state;
    assert_true(leat_path_part_matches("ab", 0, "abc", 2));
    assert_false(leat_path_part_matches("ab", 0, "abc", 3));
    assert_false(leat_path_part_matches("a*", 0, "", 0));
}

static void depth_counts_parts(void **state)
{
    (void)state;
    assert_int_equal(leat_path_depth("a"), 1);
    assert_int_equal(leat_path_depth("a.b.*"), 3);
}

static void rows_are_looked_up_by_their_schema(void **state)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    (void)state;
    kit_order_update(batch, 7);
    struct leat_record *rec = leat_batch_edit(batch, 0);
    assert_int_equal(leat_path_get(rec, "ver")->as.i, 2);
    assert_null(leat_path_get(rec, "nothing"));
    assert_null(leat_path_get(rec, "ver.deeper"));
    assert_null(leat_path_get(rec, ""));
    rec->value = leat_value_null(); /* a delete: the row that was */
    assert_int_equal(leat_path_get(rec, "ver")->as.i, 1);
    rec->before = (struct leat_value){0};
    assert_null(leat_path_get(rec, "ver"));
    leat_batch_free(batch);
}

static void maps_are_walked_and_their_last_name_counts(void **state)
{
    const struct leat_value city[] = {leat_value_string("city"), leat_value_string("Rome"),
                                      leat_value_string("city"), leat_value_string("Bonn"),
                                      leat_value_int(5), leat_value_string("no text key")};
    const struct leat_value top[] = {leat_value_string("address"), leat_value_items(LEAT_MAP, city, 3)};
    const struct leat_record rec = {.value = leat_value_items(LEAT_MAP, top, 1)};
    (void)state;
    assert_memory_equal(leat_path_get(&rec, "address.city")->as.text, "Bonn", 4);
    assert_int_equal(leat_path_get(&rec, "address")->type, LEAT_MAP);
    assert_null(leat_path_get(&rec, "address.zip"));
    assert_null(leat_path_get(&rec, "address.5"));
    assert_null(leat_path_get(&rec, "city"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_matched_one_by_one),
        cmocka_unit_test(names_need_no_terminator),
        cmocka_unit_test(depth_counts_parts),
        cmocka_unit_test(rows_are_looked_up_by_their_schema),
        cmocka_unit_test(maps_are_walked_and_their_last_name_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
