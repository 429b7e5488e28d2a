#include <kit/cmocka.h>
#include <kit/records.h>
#include <leat/sink.h>
#include <stdlib.h>

static int setup(void **state)
{
    *state = leat_batch_new(64 << 10, 100);
    return 0;
}

static int teardown(void **state)
{
    leat_batch_free(*state);
    return 0;
}

static struct leat_cursor cursor_of(uint8_t place)
{
    return (struct leat_cursor){.len = 4, .bytes = {0, 0, 1, place}};
}

/* Records are told apart by their time. */
static void add_numbered(struct leat_batch *batch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        leat_batch_add(batch)->time_us = i;
}

static void assert_times(const struct leat_batch *batch, const int64_t *times, uint32_t count)
{
    assert_int_equal(leat_batch_count(batch), count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(leat_batch_get(batch, i)->time_us, times[i]);
}

static void records_stay_in_order_when_some_are_put_between(void **state)
{
    struct leat_batch *batch = *state;
    add_numbered(batch, 3);
    leat_batch_insert(batch, 1)->time_us = 10;
    leat_batch_insert(batch, 0)->time_us = 20;
    leat_batch_insert(batch, 5)->time_us = 30;
    assert_times(batch, (int64_t[]){20, 0, 10, 1, 2, 30}, 6);
    leat_batch_remove(batch, 2);
    leat_batch_remove(batch, 4);
    leat_batch_remove(batch, 0);
    assert_times(batch, (int64_t[]){0, 1, 2}, 3);
    leat_batch_truncate(batch, 0);
    assert_int_equal(leat_batch_count(batch), 0);
}

static void an_added_record_is_empty_also_in_used_memory(void **state)
{
    struct leat_batch *batch = *state;
    for (int i = 0; i < 200; i++)
        memset(leat_batch_add(batch), 0xff, sizeof(struct leat_record));
    leat_batch_reset(batch);
    static const struct leat_record empty = {0};
    for (int i = 0; i < 200; i++)
        assert_memory_equal(leat_batch_add(batch), &empty, sizeof empty);
}

static void a_batch_is_full_by_records_or_by_bytes(void **state)
{
    struct leat_batch *batch = *state;
    add_numbered(batch, 99);
    assert_false(leat_batch_is_full(batch));
    add_numbered(batch, 1);
    assert_true(leat_batch_is_full(batch));
    leat_batch_reset(batch);
    assert_false(leat_batch_is_full(batch));
    size_t copied = 0;
    for (; !leat_batch_is_full(batch); copied += 1000)
        leat_batch_copy(batch, (uint8_t[1000]){0}, 1000);
    assert_in_range(copied, 32 << 10, 80 << 10);
    assert_in_range(leat_batch_bytes(batch), 64 << 10, 80 << 10);
    leat_batch_reset(batch);
    assert_int_equal(leat_batch_bytes(batch), 0);
}

static void copies_are_deep(void **state)
{
    struct leat_batch *batch = *state;
    char text[] = "hello";
    struct leat_value items[] = {leat_value_string("k"), leat_value_text(text, 5)};
    struct leat_value map = leat_value_items(LEAT_MAP, items, 1);
    struct leat_value list[] = {map, leat_value_int(1)};
    struct leat_value array = leat_value_items(LEAT_ARRAY, list, 2);
    struct leat_value copy = leat_batch_copy_value(batch, &array);
    assert_true(leat_value_equal(&copy, &array));
    text[0] = 'j';
    assert_false(leat_value_equal(&copy, &array));
    assert_memory_equal(leat_map_get(&copy.as.items[0], "k")->as.text, "hello", 5);
    assert_non_null(leat_batch_alloc(batch, 0));
    assert_int_equal((uintptr_t)leat_batch_alloc(batch, 3) % 8, 0);
}

static void the_last_position_of_a_key_counts(void **state)
{
    struct leat_batch *batch = *state;
    struct leat_value a = leat_value_string("a"), b = leat_value_string("b");
    struct leat_value one = leat_value_int(1), two = leat_value_int(2);
    leat_batch_position(batch, &a, &one);
    leat_batch_position(batch, &b, &one);
    leat_batch_position(batch, &a, &two);
    leat_batch_position(batch, &b, NULL);
    leat_batch_state(batch, &a, &one);
    assert_int_equal(batch->position_count, 2);
    assert_int_equal(batch->positions[0].value.as.i, 2);
    assert_int_equal(batch->positions[1].value.type, LEAT_NULL);
    assert_int_equal(batch->state_count, 1);
    leat_batch_reset(batch);
    assert_int_equal(batch->position_count + batch->state_count, 0);
}

static void of_many_keys_the_later_entry_is_the_newer(void **state)
{
    struct leat_batch *batch = *state;
    struct kit_random random = {3};
    int64_t newest[100] = {0};
    for (int i = 1; i <= 2000; i++) {
        uint32_t which = kit_below(&random, 100);
        struct leat_value key = leat_value_int(which), value = leat_value_int(i);
        newest[which] = i;
        leat_batch_state(batch, &key, &value);
    }
    int64_t applied[100] = {0};
    for (uint32_t i = 0; i < batch->state_count; i++)
        applied[batch->states[i].key.as.i] = batch->states[i].value.as.i;
    assert_memory_equal(applied, newest, sizeof newest);
}

static void refusals_follow_their_records(void **state)
{
    struct leat_batch *batch = *state;
    add_numbered(batch, 6);
    leat_batch_reject(batch, 4, "no %s", "way");
    leat_batch_reject(batch, 1, "first");
    leat_batch_reject(batch, 1, "second");
    assert_int_equal(batch->refusal_count, 2);
    assert_int_equal(batch->refusals[0].index, 1);
    assert_string_equal(batch->refusals[0].reason, "first");
    assert_string_equal(batch->refusals[1].reason, "no way");
    leat_batch_insert(batch, 1);
    assert_int_equal(batch->refusals[0].index, 2);
    assert_int_equal(batch->refusals[1].index, 5);
    leat_batch_remove(batch, 0);
    assert_int_equal(batch->refusals[0].index, 1);
    leat_batch_remove(batch, 1);
    assert_int_equal(batch->refusal_count, 1);
    assert_int_equal(batch->refusals[0].index, 3);
    leat_batch_truncate(batch, 3);
    assert_int_equal(batch->refusal_count, 0);
    leat_batch_reject(batch, 0, "x");
    leat_batch_clear_refusals(batch);
    assert_int_equal(batch->refusal_count, 0);
}

static void cursors_go_with_their_records(void **state)
{
    struct leat_batch *batch = *state;
    for (uint8_t i = 0; i < 100; i++)
        leat_batch_add_read(batch, (struct leat_read){.cursor = cursor_of(i), .commit_us = 1000 + i})->time_us = i;
    batch->mark.cursor = cursor_of(99);
    leat_batch_insert(batch, 5);
    assert_int_equal(leat_batch_cursor(batch, 4).bytes[3], 4);
    assert_int_equal(leat_batch_cursor(batch, 5).bytes[3], 4);
    assert_int_equal(leat_batch_cursor(batch, 6).bytes[3], 5);
    leat_batch_remove(batch, 4);
    assert_int_equal(leat_batch_cursor(batch, 4).bytes[3], 4);
    leat_batch_insert(batch, 0);
    struct leat_cursor before_all = leat_batch_cursor(batch, 0);
    assert_int_equal(before_all.len, 4);
    for (uint32_t i = 1; i < batch->count; i++) {
        struct leat_cursor next = leat_batch_cursor(batch, i);
        assert_true(memcmp(before_all.bytes, next.bytes, 4) <= 0);
        before_all = next;
    }
    assert_int_equal(leat_batch_commit_us(batch, &batch->records[0]), 1000); /* of the one that it was put in before */
    assert_int_equal(leat_batch_commit_us(batch, &batch->records[batch->count - 1]), 1099);
}

static void a_cut_batch_has_the_mark_of_its_last_record(void **state)
{
    struct leat_batch *batch = *state;
    for (uint8_t i = 0; i < 10; i++)
        leat_batch_add_read(batch, (struct leat_read){.cursor = cursor_of(i), .commit_us = 1000 + i});
    batch->mark = (struct leat_mark){.layout = LEAT_MARK_LAYOUT, .cursor = cursor_of(9), .generation = 3,
                                     .origin = "here"};
    batch->is_at_end = true;
    batch->split = 2;
    leat_batch_truncate(batch, 10);
    struct leat_mark mark = {.owner_epoch = 7, .sequence = 8};
    leat_batch_mark(batch, &mark);
    assert_int_equal(mark.cursor.bytes[3], 9);
    assert_string_equal(mark.origin, "here");
    assert_true(batch->is_at_end);
    leat_batch_truncate(batch, 4);
    leat_batch_mark(batch, &mark);
    assert_int_equal(mark.cursor.bytes[3], 3);
    assert_int_equal(mark.generation, 3);
    assert_int_equal(mark.owner_epoch, 7);
    assert_int_equal(mark.sequence, 8);
    assert_string_equal(mark.origin, "");
    assert_false(batch->is_at_end);
    assert_int_equal(leat_batch_split(batch), 2);
}

static void a_mark_within_a_batch_has_the_last_origin_up_to_there(void **state)
{
    static const struct leat_field fields[] = {{.name = "n", .type = LEAT_INT64, .native = "", .labels = ""}};
    struct leat_batch *batch = *state;
    struct leat_mark mark = {.layout = LEAT_MARK_LAYOUT};
    for (uint8_t i = 0; i < 4; i++) { /* a gap, two rows, a gap */
        struct leat_record *rec = leat_batch_add_read(batch, (struct leat_read){.cursor = cursor_of(i)});
        struct leat_value number = leat_value_int(i), source = leat_value_items(LEAT_STRUCT, &number, 1);
        rec->op = i == 0 || i == 3 ? LEAT_GAP : LEAT_CREATE;
        if (rec->op == LEAT_GAP)
            continue;
        rec->schema = leat_schema(&(struct leat_schema){
            .connector = "test", .space = "db", .name = "numbers", .source_fields = fields, .source_count = 1});
        rec->source = leat_batch_copy_value(batch, &source);
    }
    leat_batch_mark_within(batch, 4, &mark);
    assert_int_equal(mark.cursor.bytes[3], 3);
    assert_non_null(strstr(mark.origin, "\"n\":2"));
    leat_batch_mark_within(batch, 2, &mark);
    assert_non_null(strstr(mark.origin, "\"n\":1"));
    leat_batch_mark_within(batch, 1, &mark);
    assert_string_equal(mark.origin, "");
}

static void a_large_batch_does_not_keep_its_memory(void **state)
{
    struct leat_batch *batch = *state;
    add_numbered(batch, 5000);
    leat_batch_reset(batch);
    assert_int_equal(batch->cap, 0);
    add_numbered(batch, 50);
    leat_batch_reset(batch);
    assert_true(batch->cap >= 50);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(records_stay_in_order_when_some_are_put_between),
        CASE(an_added_record_is_empty_also_in_used_memory),
        CASE(a_batch_is_full_by_records_or_by_bytes),
        CASE(copies_are_deep),
        CASE(the_last_position_of_a_key_counts),
        CASE(of_many_keys_the_later_entry_is_the_newer),
        CASE(refusals_follow_their_records),
        CASE(cursors_go_with_their_records),
        CASE(a_cut_batch_has_the_mark_of_its_last_record),
        CASE(a_mark_within_a_batch_has_the_last_origin_up_to_there),
        CASE(a_large_batch_does_not_keep_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
