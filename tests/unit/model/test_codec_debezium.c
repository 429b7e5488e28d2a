/* The envelope, key and tombstone, and the way back. Values have their own tests (test_debezium_value.c). */
#include <kit/cmocka.h>

#include <kit/codec.h>
#include <kit/orders.h>

#define ROW(ver, state)                                                                                               \
    "{\"id\":1004,\"customer_id\":4,\"state\":\"" state "\",\"total\":\"AeI6\",\"email\":\"someone.like.you@mail.example\"," \
    "\"note\":\"please leave it at the door, ring twice\",\"placed\":1772600767891,\"paid\":\"2026-03-04T05:06:07Z\","   \
    "\"day\":20517,\"ver\":" ver "}"
#define SOURCE(snapshot)                                                                                              \
    "{\"version\":\"" LEAT_VERSION "\",\"connector\":\"mysql\",\"name\":\"shop\",\"ts_ms\":1772600767001,"              \
    "\"snapshot\":\"" snapshot "\",\"db\":\"shop\",\"sequence\":null,\"ts_us\":1772600767001004,"                       \
    "\"ts_ns\":1772600767001004000,\"table\":\"orders\",\"server_id\":223344,"                                          \
    "\"gtid\":\"0d2a8ab6-6e4f-11ee-8c99-0242ac120002:4711\",\"file\":\"mysql-bin.000003\",\"pos\":49404,\"row\":4,"      \
    "\"thread\":7,\"query\":null}"
#define END(op)                                                                                                       \
    ",\"transaction\":null,\"op\":\"" op "\",\"ts_ms\":1772600767001,\"ts_us\":1772600767001004,"                       \
    "\"ts_ns\":1772600767001004000}"

struct fixture {
    struct leat_batch *batch;
    struct leat_record *rec; /* an update */
};

static int set_up(void **state)
{
    struct fixture *fix = leat_calloc(1, sizeof *fix);
    fix->batch = leat_batch_new(1 << 20, 10);
    kit_order_update(fix->batch, 1004);
    fix->rec = leat_batch_edit(fix->batch, 0);
    fix->rec->time_us = 1772600767001004;
    *state = fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fix = *state;
    leat_batch_free(fix->batch);
    free(fix);
    return 0;
}

static void an_update_has_both_rows(void **state)
{
    struct fixture *fix = *state;
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE,
                       "{\"before\":" ROW("1", "new") ",\"after\":" ROW("2", "paid") ",\"source\":" SOURCE("false") END("u"));
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_KEY, "{\"id\":1004}");
}

static void creations_and_reads_have_no_before(void **state)
{
    struct fixture *fix = *state;
    fix->rec->before = (struct leat_value){0};
    fix->rec->op = LEAT_CREATE;
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE,
                       "{\"before\":null,\"after\":" ROW("2", "paid") ",\"source\":" SOURCE("false") END("c"));
    fix->rec->op = LEAT_READ;
    fix->rec->flags = LEAT_SNAPSHOT;
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE,
                       "{\"before\":null,\"after\":" ROW("2", "paid") ",\"source\":" SOURCE("true") END("r"));
}

static void a_delete_has_no_after_and_its_tombstone_is_null(void **state)
{
    struct fixture *fix = *state;
    fix->rec->op = LEAT_DELETE;
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE,
                       "{\"before\":" ROW("1", "new") ",\"after\":null,\"source\":" SOURCE("false") END("d"));
    fix->rec->flags = LEAT_TOMBSTONE;
    fix->rec->value = fix->rec->before = (struct leat_value){0};
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, NULL);
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_KEY, "{\"id\":1004}");
}

static void an_unwrapped_record_is_the_row_alone(void **state)
{
    struct fixture *fix = *state;
    fix->rec->flags = LEAT_FLAT;
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, ROW("2", "paid"));
    fix->rec->value = leat_value_null();
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, NULL);
}

/* The first present field has no comma before it, whichever it is. */
static void absent_fields_are_left_out_and_nulls_are_not(void **state)
{
    struct fixture *fix = *state;
    struct leat_value items[10] = {{0}};
    fix->rec->flags = LEAT_FLAT;
    fix->rec->value = leat_value_items(LEAT_STRUCT, items, 10);
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, "{}");
    items[2] = leat_value_null();
    items[9] = leat_value_int(7);
    kit_assert_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, "{\"state\":null,\"ver\":7}");
}

static void times_before_1970_and_far_from_it_are_exact(void **state)
{
    static const struct { int64_t us; const char *ms, *ns; } cases[] = {
        {0, "\"ts_ms\":0,", "\"ts_ns\":0}"},
        {-1, "\"ts_ms\":-1,", "\"ts_ns\":-1000}"},
        {-1000, "\"ts_ms\":-1,", "\"ts_ns\":-1000000}"},
        {-1001, "\"ts_ms\":-2,", "\"ts_ns\":-1001000}"},
        {INT64_MAX, "\"ts_ms\":9223372036854775,", "\"ts_ns\":9223372036854775807000}"},
    };
    struct fixture *fix = *state;
    void *self = kit_codec_open(&leat_codec_debezium);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_bytes out;
        struct leat_error err;
        bool is_null;
        leat_bytes_init(&out, 1 << 20);
        fix->rec->time_us = cases[i].us;
        assert_int_equal(leat_codec_debezium.encode(self, fix->rec, LEAT_PART_VALUE, &out, &is_null, &err), LEAT_OK);
        leat_bytes_put(&out, 0);
        assert_non_null(strstr((char *)out.data, cases[i].ms));
        assert_non_null(strstr((char *)out.data, cases[i].ns));
        leat_bytes_fini(&out);
    }
    kit_codec_close(&leat_codec_debezium, self);
}

static void what_cannot_be_said_exactly_is_refused(void **state)
{
    struct fixture *fix = *state;
    struct leat_record plain = {.op = LEAT_CREATE, .value = leat_value_string("a line")};
    struct leat_value *row = (struct leat_value *)(uintptr_t)fix->rec->value.as.items;
    kit_assert_not_encoded(&leat_codec_debezium, &plain, LEAT_PART_VALUE, "no schema; use json");
    row[3] = kit_decimal("1.005", 3);
    kit_assert_not_encoded(&leat_codec_debezium, fix->rec, LEAT_PART_VALUE, "column total: ");
}

static void a_buffer_that_is_full_says_so(void **state)
{
    struct fixture *fix = *state;
    void *self = kit_codec_open(&leat_codec_debezium);
    for (size_t max = 0; max < 900; max += 7) {
        struct leat_bytes out;
        struct leat_error err;
        bool is_null;
        leat_bytes_init(&out, max);
        assert_int_equal(leat_codec_debezium.encode(self, fix->rec, LEAT_PART_VALUE, &out, &is_null, &err), LEAT_OK);
        assert_true(out.is_over);
        assert_true(out.len <= max);
        leat_bytes_fini(&out);
    }
    kit_codec_close(&leat_codec_debezium, self);
}

static void tables_may_alternate(void **state)
{
    static const struct leat_field fields[] = {KIT_FIELD("a\"b", LEAT_INT64)};
    static const struct leat_schema content = {.connector = "mariadb", .space = "other", .name = "t\n",
                                               .fields = fields, .field_count = 1};
    struct fixture *fix = *state;
    struct leat_value one = leat_value_int(1);
    struct leat_record other = {.op = LEAT_CREATE, .schema = leat_schema(&content),
                                .value = leat_value_items(LEAT_STRUCT, &one, 1)};
    void *self = kit_codec_open(&leat_codec_debezium);
    for (int i = 0; i < 6; i++) {
        struct leat_bytes out;
        struct leat_error err;
        bool is_null, is_other = i % 2;
        leat_bytes_init(&out, 1 << 20);
        assert_int_equal(leat_codec_debezium.encode(self, is_other ? &other : fix->rec, LEAT_PART_VALUE, &out, &is_null,
                                                    &err), LEAT_OK);
        leat_bytes_put(&out, 0);
        assert_non_null(strstr((char *)out.data, is_other ? "\"after\":{\"a\\\"b\":1}" : "\"after\":{\"id\":1004,"));
        assert_non_null(strstr((char *)out.data, is_other ? "\"connector\":\"mariadb\"" : "\"connector\":\"mysql\""));
        assert_non_null(strstr((char *)out.data, is_other ? "\"db\":\"other\"" : "\"db\":\"shop\""));
        assert_non_null(strstr((char *)out.data, is_other ? "\"table\":\"t\\n\"}" : "\"table\":\"orders\","));
        leat_bytes_fini(&out);
    }
    kit_codec_close(&leat_codec_debezium, self);
}

static void an_envelope_is_read_with_and_without_a_schema_around_it(void **state)
{
    static const char envelope[] = "{\"before\":null,\"after\":{\"id\":1,\"big\":18446744073709551615},"
                                   "\"source\":{\"db\":\"shop\"},\"op\":\"c\",\"ts_ms\":5}";
    struct fixture *fix = *state;
    for (int is_wrapped = 0; is_wrapped < 2; is_wrapped++) {
        struct leat_record rec = {0};
        struct leat_error err = {0};
        char *text = leat_format_dup(is_wrapped ? "{\"schema\":{\"type\":\"struct\"},\"payload\":%s}" : "%s", envelope);
        assert_status(kit_decode(&leat_codec_debezium, text, LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_OK, &err);
        assert_int_equal(rec.op, LEAT_CREATE);
        assert_int_equal(rec.time_us, 5000);
        assert_int_equal(rec.before.type, LEAT_NULL);
        assert_true(leat_map_get(&rec.value, "big")->as.u == UINT64_MAX);
        assert_memory_equal(leat_map_get(&rec.source, "db")->as.text, "shop", 4);
        free(text);
    }
}

/* Microseconds are taken where they stand, a key is whatever it is. */
static void times_and_keys_are_read(void **state)
{
    struct fixture *fix = *state;
    struct leat_record rec = {0};
    struct leat_error err = {0};
    assert_status(kit_decode(&leat_codec_debezium, "{\"op\":\"d\",\"ts_ms\":5,\"ts_us\":5001}", LEAT_PART_VALUE, fix->batch,
                             &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.time_us, 5001);
    assert_status(kit_decode(&leat_codec_debezium, "{\"op\":\"d\",\"ts_ms\":9223372036854775807}", LEAT_PART_VALUE,
                             fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.time_us, 0);
    assert_status(kit_decode(&leat_codec_debezium, "{\"schema\":{},\"payload\":{\"id\":9}}", LEAT_PART_KEY, fix->batch,
                             &rec, &err), LEAT_OK, &err);
    assert_int_equal(leat_map_get(&rec.key, "id")->as.i, 9);
}

static void what_is_no_envelope_is_refused(void **state)
{
    static const char *const bad[] = {"", "null", "[]", "1", "{}", "{\"op\":null}", "{\"op\":\"\"}", "{\"op\":\"x\"}",
                                      "{\"op\":\"\\u0000\"}", "{\"op\":\"cc\"}", "{\"op\":\"c\"", "{\"payload\":{\"op\":\"c\"}}"};
    struct fixture *fix = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leat_record rec = {0};
        struct leat_error err = {0};
        if (kit_decode(&leat_codec_debezium, bad[i], LEAT_PART_VALUE, fix->batch, &rec, &err) != LEAT_REJECT)
            fail_msg("accepted: %s", bad[i]);
        assert_true(err.text[0]);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_update_has_both_rows),
        CASE(creations_and_reads_have_no_before),
        CASE(a_delete_has_no_after_and_its_tombstone_is_null),
        CASE(an_unwrapped_record_is_the_row_alone),
        CASE(absent_fields_are_left_out_and_nulls_are_not),
        CASE(times_before_1970_and_far_from_it_are_exact),
        CASE(what_cannot_be_said_exactly_is_refused),
        CASE(a_buffer_that_is_full_says_so),
        CASE(tables_may_alternate),
        CASE(an_envelope_is_read_with_and_without_a_schema_around_it),
        CASE(times_and_keys_are_read),
        CASE(what_is_no_envelope_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
