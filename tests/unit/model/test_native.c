#include <kit/cmocka.h>
#include <kit/records.h>
#include <stdlib.h>

#define BASE_US INT64_C(1750000000000000)

struct fixture {
    struct leat_batch *batch; /* what is written */
    struct leat_arena arena;  /* what is read */
    struct leat_bytes bytes;
    struct kit_random random;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->batch = leat_batch_new(1 << 20, 10000);
    leat_arena_init(&f->arena, 1 << 20);
    leat_bytes_init(&f->bytes, 64 << 20);
    f->random.state = 42;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    leat_batch_free(f->batch);
    leat_arena_fini(&f->arena);
    leat_bytes_fini(&f->bytes);
    free(f);
    return 0;
}

static void assert_value(const struct leat_value *got, const struct leat_value *wanted)
{
    if (!leat_value_equal(got, wanted))
        fail_msg("%s instead of %s", leat_type_name(got->type), leat_type_name(wanted->type));
}

static void assert_round_trip(struct fixture *f, const struct leat_value *value)
{
    leat_bytes_clear(&f->bytes);
    leat_native_put_value(&f->bytes, value);
    struct leat_cut cut = leat_cut(f->bytes.data, f->bytes.len);
    struct leat_value got;
    assert_true(leat_native_get_value(&cut, &f->arena, &got));
    assert_int_equal(leat_cut_left(&cut), 0);
    assert_value(&got, value);
}

static void every_value_comes_back_exactly(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20000; i++) {
        struct leat_value value = kit_random_value(&f->random, &f->batch->arena, 3);
        assert_round_trip(f, &value);
        if (i % 1000 == 0) {
            leat_arena_reset(&f->arena);
            leat_batch_reset(f->batch);
        }
    }
}

static void integers_at_every_edge_come_back(void **state)
{
    struct fixture *f = *state;
    static const uint8_t types[] = {LEAT_INT64, LEAT_UINT64, LEAT_DATE, LEAT_TIME, LEAT_DATETIME,
                                    LEAT_TIMESTAMP};
    for (size_t type = 0; type < sizeof types; type++) {
        for (int bit = 0; bit < 64; bit++) {
            for (int off = -2; off <= 2; off++) {
                struct leat_value value =
                    leat_value_uint(((uint64_t)1 << bit) + (uint64_t)(int64_t)off);
                value.type = types[type];
                assert_round_trip(f, &value);
                value.as.u = 0 - value.as.u;
                assert_round_trip(f, &value);
            }
        }
    }
}

static size_t size_of(struct fixture *f, const struct leat_value *value)
{
    leat_bytes_clear(&f->bytes);
    leat_native_put_value(&f->bytes, value);
    return f->bytes.len;
}

static void common_values_are_small(void **state)
{
    struct fixture *f = *state;
    struct leat_value value = leat_value_int(63);
    assert_int_equal(size_of(f, &value), 1);
    value = leat_value_int(-30000);
    assert_int_equal(size_of(f, &value), 3);
    value = leat_value_string("anna@example.org");
    assert_int_equal(size_of(f, &value), 17);
    value = leat_value_string("1299.00");
    value.type = LEAT_DECIMAL;
    value.aux = 2;
    assert_int_equal(size_of(f, &value), 9);
    value = leat_value_int(INT64_C(1767225600) * 1000000);
    value.type = LEAT_TIMESTAMP;
    assert_int_equal(size_of(f, &value), 6);
}

static void a_value_nested_too_deep_is_refused_when_written(void **state)
{
    struct fixture *f = *state;
    struct leat_value inner = leat_value_int(1);
    struct leat_value *chain = leat_batch_alloc(f->batch, 1002 * sizeof *chain);
    for (int i = 0; i < 1001; i++) {
        chain[i] = inner;
        inner = leat_value_items(LEAT_ARRAY, &chain[i], 1);
        if (i == 900)
            assert_round_trip(f, &inner);
    }
    leat_bytes_clear(&f->bytes);
    leat_native_put_value(&f->bytes, &inner);
    assert_true(f->bytes.is_over);
    assert_int_equal(f->bytes.len, 0);
}

static void false_depth_and_counts_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[4096];
    struct leat_value value;
    memset(bytes, 1, sizeof bytes);
    for (size_t i = 0; i + 1 < sizeof bytes; i += 2) {
        bytes[i] = 0x0f; /* an array of one ... */
        bytes[i + 1] = 1;
    }
    struct leat_cut cut = leat_cut(bytes, sizeof bytes);
    assert_false(leat_native_get_value(&cut, &f->arena, &value));
    static const uint8_t many[] = {0x0f, 0xff, 0xff, 0xff, 0xff, 0x07, 1};
    cut = leat_cut(many, sizeof many);
    assert_false(leat_native_get_value(&cut, &f->arena, &value));
    assert_true(f->arena.used_bytes < 1 << 20);
    memset(bytes, 0x12, sizeof bytes); /* flags of flags of flags ... */
    cut = leat_cut(bytes, sizeof bytes);
    assert_false(leat_native_get_value(&cut, &f->arena, &value));
}

/* ---- schemas ---- */

static void schemas_come_back_as_themselves(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 16; i++) {
        leat_bytes_clear(&f->bytes);
        leat_native_put_schema(&f->bytes, kit_schema(i));
        struct leat_cut cut = leat_cut(f->bytes.data, f->bytes.len);
        assert_ptr_equal(leat_native_get_schema(&cut), kit_schema(i));
        for (size_t len = 0; len < f->bytes.len; len++) {
            cut = leat_cut(f->bytes.data, len);
            assert_null(leat_native_get_schema(&cut));
        }
    }
}

/* ---- records ---- */

static void assert_record(const struct leat_record *got, const struct leat_record *wanted)
{
    assert_int_equal(got->op, wanted->op);
    assert_int_equal(got->flags, wanted->flags);
    assert_int_equal(got->time_us, wanted->time_us);
    assert_int_equal(got->key_hash, wanted->key_hash);
    assert_value(&got->key, &wanted->key);
    assert_value(&got->value, &wanted->value);
    assert_value(&got->before, &wanted->before);
    assert_value(&got->source, &wanted->source);
    if (wanted->headers.type != LEAT_ABSENT)
        assert_value(&got->headers, &wanted->headers);
}

/* Reads the whole stream, and skips the records that `skips` has a bit for. */
static void assert_stream(struct fixture *f, bool borrow, uint64_t skips)
{
    struct leat_native_reader reader = {.base_us = BASE_US};
    struct leat_cut stream = leat_cut(f->bytes.data, f->bytes.len);
    struct leat_native_head head;
    uint32_t i = 0;
    for (; leat_native_next(&reader, &stream, &head); i++) {
        struct leat_record *wanted = leat_batch_edit(f->batch, i);
        assert_int_equal(head.topic_slot, i % 3);
        assert_int_equal(head.schema_id, kit_schema_id(wanted->schema));
        assert_int_equal(head.key_hash, wanted->key_hash);
        struct leat_record rec = {.schema = kit_schema_of(head.schema_id)};
        if (skips >> i % 64 & 1) {
            assert_true(leat_native_skip(&reader, &head, rec.schema));
        } else {
            assert_true(leat_native_read(&reader, &head, &f->arena, borrow, &rec));
            assert_record(&rec, wanted);
        }
    }
    assert_false(stream.is_bad);
    assert_int_equal(i, f->batch->count);
}

static void write_stream(struct fixture *f, uint32_t count)
{
    leat_batch_reset(f->batch);
    leat_arena_reset(&f->arena);
    leat_bytes_clear(&f->bytes);
    for (uint32_t i = 0; i < count; i++)
        kit_record(&f->random, f->batch);
    kit_put_stream(f->batch, BASE_US, &f->bytes);
    assert_false(f->bytes.is_over);
}

static void every_record_comes_back_exactly(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 100; round++) {
        write_stream(f, 1 + kit_below(&f->random, 60));
        assert_stream(f, true, 0);
        assert_stream(f, false, 0);
    }
}

static void skipped_records_do_not_change_the_others(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 100; round++) {
        write_stream(f, 50);
        assert_stream(f, round % 2, kit_random(&f->random) & kit_random(&f->random));
        assert_stream(f, round % 2, ~(uint64_t)1 << 40);
    }
}

static void records_read_without_borrowing_outlive_the_bytes(void **state)
{
    struct fixture *f = *state;
    write_stream(f, 40);
    struct leat_native_reader reader = {.base_us = BASE_US};
    struct leat_cut stream = leat_cut(f->bytes.data, f->bytes.len);
    struct leat_native_head head;
    struct leat_record records[40] = {0};
    for (uint32_t i = 0; leat_native_next(&reader, &stream, &head); i++) {
        records[i].schema = kit_schema_of(head.schema_id);
        assert_true(leat_native_read(&reader, &head, &f->arena, false, &records[i]));
    }
    memset(f->bytes.data, 0xee, f->bytes.len);
    for (uint32_t i = 0; i < 40; i++)
        assert_record(&records[i], leat_batch_get(f->batch, i));
}

static void the_key_hash_is_of_the_key_alone(void **state)
{
    struct fixture *f = *state;
    struct leat_native_writer writer = {0};
    const struct leat_topic *topic = leat_topic("a", 1);
    const struct leat_topic *other = leat_topic("b", 1);
    struct leat_record records[4] = {0};
    for (int i = 0; i < 4; i++)
        records[i] = (struct leat_record){.topic = i % 2 ? topic : other, .op = LEAT_CREATE,
                                          .value = leat_value_int(i), .time_us = i};
    records[0].key = records[1].key = leat_value_int(77);
    for (int i = 0; i < 4; i++)
        leat_native_put_record(&writer, &f->bytes, &records[i], 0, 0);
    assert_int_equal(records[0].key_hash, records[1].key_hash);
    assert_int_not_equal(records[2].key_hash, records[3].key_hash);
    assert_int_not_equal(records[0].key_hash, records[2].key_hash);
}

/* Reads as far as it goes; what matters is that it ends, and touches nothing that is not its own. */
static bool try_stream(struct fixture *f, const uint8_t *bytes, size_t len)
{
    struct leat_native_reader reader = {.base_us = BASE_US};
    struct leat_cut stream = leat_cut(bytes, len);
    struct leat_native_head head;
    for (unsigned i = 0; leat_native_next(&reader, &stream, &head); i++) {
        struct leat_record rec = {.schema = kit_schema_of(head.schema_id)};
        bool is_good = i % 4 == 3 ? leat_native_skip(&reader, &head, rec.schema)
                                  : leat_native_read(&reader, &head, &f->arena, true, &rec);
        if (!is_good)
            return false;
        if (i % 4 != 3)
            (void)leat_value_copy(&f->arena, &rec.value);
    }
    return !stream.is_bad;
}

static void truncated_streams_are_refused_but_between_records(void **state)
{
    struct fixture *f = *state;
    write_stream(f, 12);
    unsigned whole = 0;
    for (size_t len = 0; len <= f->bytes.len; len++) {
        uint8_t *exact = malloc(len + !len); /* so that ASan sees a byte too far */
        memcpy(exact, f->bytes.data, len);
        whole += try_stream(f, exact, len);
        free(exact);
        leat_arena_reset(&f->arena);
    }
    assert_int_equal(whole, 13);
}

static void corrupted_streams_do_no_harm(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 300; round++) {
        write_stream(f, 10);
        for (int i = 0; i < 40; i++) {
            size_t at = kit_below(&f->random, (uint32_t)f->bytes.len);
            uint8_t was = f->bytes.data[at];
            f->bytes.data[at] = (uint8_t)kit_random(&f->random);
            (void)try_stream(f, f->bytes.data, f->bytes.len);
            if (i % 4)
                f->bytes.data[at] = was;
            leat_arena_reset(&f->arena);
        }
    }
}

static void a_full_buffer_takes_nothing(void **state)
{
    struct fixture *f = *state;
    struct leat_bytes small;
    leat_bytes_init(&small, 100);
    struct leat_record rec = {.topic = leat_topic("a", 1), .op = LEAT_CREATE,
                              .value = leat_value_text(kit_random_run(&f->random, &f->arena, 90), 90)};
    struct leat_native_writer writer = {0};
    leat_native_put_record(&writer, &small, &rec, 0, 0);
    assert_true(small.is_over);
    assert_int_equal(small.len, 0);
    assert_null(writer.previous);
    leat_bytes_fini(&small);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_value_comes_back_exactly),
        CASE(integers_at_every_edge_come_back),
        CASE(common_values_are_small),
        CASE(a_value_nested_too_deep_is_refused_when_written),
        CASE(false_depth_and_counts_are_refused),
        CASE(schemas_come_back_as_themselves),
        CASE(every_record_comes_back_exactly),
        CASE(skipped_records_do_not_change_the_others),
        CASE(records_read_without_borrowing_outlive_the_bytes),
        CASE(the_key_hash_is_of_the_key_alone),
        CASE(truncated_streams_are_refused_but_between_records),
        CASE(corrupted_streams_do_no_harm),
        CASE(a_full_buffer_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
