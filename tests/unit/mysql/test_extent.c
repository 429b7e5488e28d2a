#include <kit/cmocka.h>

#include <model/batch.h>
#include <mysql/extent.h>

/* A table (name TEXT, k KEY, id BIGINT), its key (k, id) or id alone; cells: {k, id}. */
static struct column columns[3];
static struct table *table;
static struct extent extent;

static void set_table(const char *type, const char *data_type, bool has_both)
{
    columns[0] = (struct column){.name = "name", .type = "varchar(20)", .data_type = "varchar", .charset = "utf8mb4"};
    columns[1] = (struct column){.name = "k", .type = type, .data_type = data_type, .charset = "", .key_place = has_both ? 1 : 0};
    columns[2] = (struct column){.name = "id", .type = "bigint(20)", .data_type = "bigint", .charset = "", .key_place = has_both ? 2 : 1};
    table = table_new("shop", "t");
    table->columns = columns;
    table->column_count = 3;
    struct leat_batch *room = leat_batch_new(4096, 1); /* the way that definitions take */
    table_store(table, room);
    assert_true(table_load(table, &room->positions[0].value, true));
    leat_batch_free(room);
    extent_init(&extent, table);
}

static int tear_down(void **state)
{
    (void)state;
    extent_fini(&extent);
    table_free(table);
    return 0;
}

static struct extent_key *key(const char *k, const char *id)
{
    struct leat_value texts[2] = {leat_value_string(k ? k : id), leat_value_string(id)};
    struct extent_key *made = extent_key_new(&extent, texts);
    assert_non_null(made);
    return made;
}

static bool is_read(int64_t k, int64_t id)
{
    struct leat_value cells[3] = {leat_value_null(), leat_value_int(k), leat_value_int(id)};
    return extent_is_read(&extent, cells);
}

static void note(struct extent_part *part, struct extent_key *to)
{
    extent_note(&extent, part, to);
    extent_key_free(to);
}

static void nothing_is_read_at_first_and_all_in_the_end(void **state)
{
    (void)state;
    set_table("int(11)", "int", false);
    assert_true(extent.has_ranges && extent.is_comparable);
    assert_false(is_read(0, 5));
    struct extent_part *part = extent_take(&extent);
    assert_null(extent_take(&extent));
    note(part, key(NULL, "10"));
    assert_true(is_read(0, 10));
    assert_true(is_read(0, -7));
    assert_false(is_read(0, 11));
    note(part, NULL);
    assert_true(extent_is_whole(&extent));
    assert_true(is_read(0, 11));
}

static void parts_are_split_and_read_in_any_order(void **state)
{
    (void)state;
    set_table("int(11)", "int", true);
    struct extent_part *all = extent_take(&extent);
    extent_split(&extent, all, key("3", "100"));
    struct extent_part *first = extent_take(&extent), *second = extent_take(&extent);
    assert_true(first->is_planned && second == all);
    note(second, NULL);
    assert_true(is_read(3, 101));
    assert_true(is_read(4, -1));
    assert_false(is_read(3, 100));
    assert_false(is_read(2, 500));
    note(first, key("2", "9"));
    assert_true(is_read(2, 9));
    assert_false(is_read(2, 10));
    note(first, NULL);
    assert_true(extent_is_whole(&extent));
}

static void a_position_tells_what_is_left(void **state)
{
    (void)state;
    set_table("int(11)", "int", true);
    struct extent_part *all = extent_take(&extent);
    extent_split(&extent, all, key("3", "100"));
    note(extent_take(&extent), key("1", "7"));
    struct leat_batch *batch = leat_batch_new(4096, 1);
    struct leat_value pairs[2 * EXTENT_PAIRS];
    extent_store(&extent, pairs, batch);
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, EXTENT_PAIRS);
    struct extent again;
    extent_init(&again, table);
    assert_true(extent_load(&again, &value));
    struct extent before = extent;
    extent = again;
    assert_true(is_read(1, 7));
    assert_false(is_read(1, 8));
    assert_false(is_read(9, 9));
    assert_int_equal(extent.parts && extent.parts->next && !extent.parts->next->next, true);
    extent_fini(&before);
    leat_batch_free(batch);
}

static void keys_of_text_are_not_compared(void **state)
{
    (void)state;
    set_table("varchar(20)", "varchar", true);
    assert_true(extent.has_ranges && !extent.is_comparable);
    assert_false(is_read(1, 1)); /* nobody was asked for rows yet */
    extent.has_begun = true;
    assert_true(is_read(1, 1));
}

/* By another collation, 'a' may be behind 'B': what is left of a table tells nothing then. */
static void parts_are_of_one_order_of_the_key(void **state)
{
    (void)state;
    set_table("varchar(20)", "varchar", true);
    table->columns[1].collation = 7;
    extent_fini(&extent);
    extent_init(&extent, table);
    struct leat_batch *batch = leat_batch_new(4096, 1);
    struct leat_value pairs[2 * EXTENT_PAIRS];
    extent_store(&extent, pairs, batch);
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, EXTENT_PAIRS),
                      of_before = leat_value_items(LEAT_MAP, pairs, EXTENT_PAIRS - 1); /* an older release's */
    assert_true(extent_load(&extent, &value));
    assert_true(extent_load(&extent, &of_before));
    table->columns[1].collation = 8;
    extent_fini(&extent);
    extent_init(&extent, table);
    assert_false(extent_load(&extent, &value));
    leat_batch_free(batch);
}

static void a_key_of_an_enum_has_no_ranges(void **state)
{
    (void)state;
    set_table("enum('a','b')", "enum", true);
    assert_false(extent.has_ranges);
    extent.has_begun = true;
    assert_false(is_read(1, 1));
    note(extent_take(&extent), NULL);
    assert_true(is_read(1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_is_read_at_first_and_all_in_the_end, tear_down),
        cmocka_unit_test_teardown(parts_are_split_and_read_in_any_order, tear_down),
        cmocka_unit_test_teardown(a_position_tells_what_is_left, tear_down),
        cmocka_unit_test_teardown(keys_of_text_are_not_compared, tear_down),
        cmocka_unit_test_teardown(parts_are_of_one_order_of_the_key, tear_down),
        cmocka_unit_test_teardown(a_key_of_an_enum_has_no_ranges, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
