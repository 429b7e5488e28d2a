/* How far a consumer has come: cursors in order, and what a mark is worth by the hint alone. */
#include <kit/cmocka.h>
#include <model/consumed.h>
#include <model/native.h>

static struct leat_mark mark_at(uint64_t place, uint32_t index, uint64_t generation)
{
    return (struct leat_mark){.layout = LEAT_MARK_LAYOUT, .generation = generation,
                              .cursor = leat_cursor_make(place, index)};
}

static void cursors_read_back_and_compare_in_the_order_of_their_places(void **state)
{
    static const struct {
        uint64_t place;
        uint32_t index;
    } in_order[] = {{0, 0}, {0, 1}, {0, 256}, {255, 7}, {256, 0}, {(uint64_t)1 << 40, 3}, {UINT64_MAX, UINT32_MAX}};
    (void)state;
    for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
        struct leat_cursor cursor = leat_cursor_make(in_order[i].place, in_order[i].index);
        uint64_t place;
        uint32_t index;
        assert_true(leat_cursor_read(&cursor, &place, &index));
        assert_true(place == in_order[i].place && index == in_order[i].index);
        assert_int_equal(leat_cursor_compare(&cursor, &cursor), 0);
        cursor.len--;
        assert_false(leat_cursor_read(&cursor, &place, &index));
        if (i > 0) {
            struct leat_cursor before = leat_cursor_make(in_order[i - 1].place, in_order[i - 1].index);
            cursor = leat_cursor_make(in_order[i].place, in_order[i].index);
            assert_true(leat_cursor_compare(&before, &cursor) < 0 && leat_cursor_compare(&cursor, &before) > 0);
        }
    }
}

static void a_mark_is_judged_by_the_hint(void **state)
{
    struct leat_consumed consumed = {.is_hint_new = false};
    struct leat_mark none = {0}, early = mark_at(5, 1, 0), late = mark_at(9, 0, 0), sent_back = mark_at(5, 1, 1);
    (void)state;
    assert_int_equal(leat_consumed_judge(&consumed, NULL), LEAT_MARK_NONE);
    assert_int_equal(leat_consumed_judge(&consumed, &early), LEAT_MARK_INSIDE);
    leat_consumed_hint(&consumed, &late);
    assert_true(consumed.is_hint_new);
    assert_int_equal(leat_consumed_judge(&consumed, &none), LEAT_MARK_LOST);
    assert_int_equal(leat_consumed_judge(&consumed, &early), LEAT_MARK_REWOUND);
    assert_int_equal(leat_consumed_judge(&consumed, &late), LEAT_MARK_INSIDE);
    assert_int_equal(leat_consumed_judge(&consumed, &sent_back), LEAT_MARK_INSIDE);
    assert_false(consumed.has_hint); /* of a time before a person sent it back */
}

static void what_was_passed_over_needs_a_floor_and_a_hint(void **state)
{
    struct leat_consumed consumed = {.floor = 20};
    struct leat_mark hinted = mark_at(9, 0, 0), early = mark_at(8, 0, 0);
    (void)state;
    assert_true(leat_consumed_is_settled(&consumed)); /* nothing was handed out */
    assert_false(leat_consumed_is_passed(&consumed, &hinted.cursor, 20));
    leat_consumed_hint(&consumed, &hinted);
    assert_true(leat_consumed_is_passed(&consumed, &hinted.cursor, 20));
    assert_false(leat_consumed_is_passed(&consumed, &hinted.cursor, 21));
    assert_false(leat_consumed_is_passed(&consumed, &early.cursor, 20));
}

static void the_mark_of_a_batch_lies_behind_its_last_record(void **state)
{
    static const uint8_t log_uuid[16] = "the log", incarnation[16] = "its life";
    struct leat_consumed consumed = {.generation = 3};
    struct leat_batch *batch = leat_batch_new(1 << 16, 4);
    struct leat_cursor behind = leat_cursor_make(7, 2), passed = leat_cursor_make(4, 0);
    (void)state;
    leat_consumed_mark(&consumed, batch, log_uuid, incarnation, 4);
    assert_int_equal(leat_cursor_compare(&batch->mark.cursor, &passed), 0);
    leat_batch_add_read(batch, (struct leat_read){.cursor = behind})->key = leat_value_int(1);
    leat_consumed_mark(&consumed, batch, log_uuid, incarnation, 4);
    assert_int_equal(batch->mark.layout, LEAT_MARK_LAYOUT);
    assert_int_equal(batch->mark.generation, 3);
    assert_memory_equal(batch->mark.log_uuid, log_uuid, 16);
    assert_memory_equal(batch->mark.incarnation, incarnation, 16);
    assert_string_equal(batch->mark.origin, "");
    assert_int_equal(leat_cursor_compare(&batch->mark.cursor, &behind), 0);
    assert_false(leat_consumed_is_settled(&consumed));
    leat_consumed_hint(&consumed, &batch->mark);
    assert_true(leat_consumed_is_settled(&consumed));
    leat_batch_free(batch);
}

static void a_hint_is_read_as_the_state_of_the_log_holds_it(void **state)
{
    struct leat_consumed consumed = {.generation = 0};
    struct leat_mark mark = mark_at(9, 4, 2);
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    struct leat_bytes bytes;
    (void)state;
    struct leat_value value = leat_value_bytes(encoded, leat_mark_encode(&mark, encoded));
    leat_bytes_init(&bytes, SIZE_MAX);
    leat_native_put_value(&bytes, &value);
    leat_consumed_load_hint(&consumed, leat_cut(bytes.data, bytes.len));
    assert_true(consumed.has_hint);
    assert_int_equal(consumed.hinted.generation, 2);
    assert_int_equal(leat_cursor_compare(&consumed.hinted.cursor, &mark.cursor), 0);
    leat_consumed_load_hint(&consumed, leat_cut(bytes.data, bytes.len - 1));
    assert_false(consumed.has_hint);
    leat_bytes_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_read_back_and_compare_in_the_order_of_their_places),
        cmocka_unit_test(a_mark_is_judged_by_the_hint),
        cmocka_unit_test(what_was_passed_over_needs_a_floor_and_a_hint),
        cmocka_unit_test(the_mark_of_a_batch_lies_behind_its_last_record),
        cmocka_unit_test(a_hint_is_read_as_the_state_of_the_log_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
