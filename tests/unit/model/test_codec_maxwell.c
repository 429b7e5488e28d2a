/* Maxwell's messages, byte for byte, and the way back. Options have their own cases (unit/config/test_formats.c). */
#include <kit/cmocka.h>

#include <kit/codec.h>
#include <kit/kinds.h>

#define ROW                                                                                                                 \
    "{\"id\":7,\"tiny\":200,\"big\":18446744073709551615,\"de\":-12.50,\"fl\":0.1,\"do\":10000000000.0,\"bits\":257,\"ye\":2026," \
    "\"da\":\"0000-00-00\",\"ti\":\"-01:02:03.400\",\"dt\":\"2026-03-04 05:06:07.890000\",\"ts\":\"2026-03-04 05:06:07\","    \
    "\"te\":\"gr\xc3\xbcn \\\"x\\\"\",\"en\":\"it's\",\"se\":[\"a\",\"c\"],\"js\":{\"a\": [1, null]},\"bi\":\"AP8=\","        \
    "\"bl\":\"3q0A\",\"po\":\"POINT (1.5 -2)\",\"no\":null}"
#define HEAD(type) "{\"database\":\"shop\",\"table\":\"kinds\",\"type\":\"" type "\",\"ts\":1772600767"

static void every_kind_of_column(void **state)
{
    struct leat_value row[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("insert") ",\"xid\":48210,\"data\":" ROW "}");
    rec.flags = LEAT_ENDS_TRANSACTION;
    source[1] = leat_value_string("0d2a8ab6-6e4f-11ee-8c99-0242ac120002:4711");
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("insert") ",\"xid\":4711,\"commit\":true,\"data\":" ROW "}");
    source[1] = leat_value_null();
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("insert") ",\"commit\":true,\"data\":" ROW "}");
    rec.op = LEAT_READ;
    rec.flags = LEAT_SNAPSHOT;
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("bootstrap-insert") ",\"data\":" ROW "}");
}

static void an_update_tells_what_was_different(void **state)
{
    struct leat_value row[KINDS], old[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    rec.op = LEAT_UPDATE;
    rec.before = kit_kinds_row(old);
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("update") ",\"xid\":48210,\"data\":" ROW "}");
    old[KIND_SET] = leat_value_string("");
    old[KIND_ENUM] = leat_value_string("");
    old[KIND_NULL] = leat_value_string("was");
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE,
                       HEAD("update") ",\"xid\":48210,\"data\":" ROW ",\"old\":{\"en\":null,\"se\":[],\"no\":\"was\"}}");
}

static void a_delete_has_the_row_that_was(void **state)
{
    struct leat_value row[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    rec.op = LEAT_DELETE;
    rec.before = rec.value;
    rec.value = leat_value_null();
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("delete") ",\"xid\":48210,\"data\":" ROW "}");
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_KEY, "{\"database\":\"shop\",\"table\":\"kinds\",\"pk.id\":7}");
    rec.flags = LEAT_TOMBSTONE;
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, NULL);
}

/* MINIMAL images: what is not there is not null. */
static void absent_columns_are_left_out(void **state)
{
    struct leat_value row[KINDS] = {{0}}, old[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_TINY] = leat_value_uint(1);
    row[KIND_NULL] = leat_value_null();
    old[KIND_ID] = leat_value_int(7);
    rec.op = LEAT_UPDATE;
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.before = leat_value_items(LEAT_STRUCT, old, KINDS);
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("update") ",\"xid\":48210,\"data\":{\"tiny\":1,\"no\":null}}");
}

static void truncates_and_rows_alone(void **state)
{
    struct leat_value row[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    rec.flags = LEAT_FLAT;
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, ROW);
    rec.flags = 0;
    rec.op = LEAT_TRUNCATE;
    rec.value = leat_value_null();
    kit_assert_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, HEAD("truncate") ",\"xid\":48210,\"data\":{}}");
    rec.schema = NULL;
    kit_assert_not_encoded(&leat_codec_maxwell, &rec, LEAT_PART_VALUE, "no schema; use json");
}

static struct leat_record take(struct leat_batch *batch, const char *text, enum leat_part part)
{
    struct leat_record rec = {0};
    struct leat_error err = {0};
    assert_status(kit_decode(&leat_codec_maxwell, text, part, batch, &rec, &err), LEAT_OK, &err);
    return rec;
}

static void messages_are_read_back(void **state)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    (void)state;
    struct leat_record rec = take(batch, HEAD("update") ",\"xid\":1,\"data\":{\"id\":1,\"a\":\"new\"},\"old\":{\"a\":\"was\"}}", LEAT_PART_VALUE);
    assert_int_equal(rec.op, LEAT_UPDATE);
    assert_int_equal(rec.time_us, 1772600767000000);
    assert_memory_equal(leat_map_get(&rec.value, "a")->as.text, "new", 3);
    assert_memory_equal(leat_map_get(&rec.before, "a")->as.text, "was", 3);
    assert_int_equal(leat_map_get(&rec.before, "id")->as.i, 1);
    assert_memory_equal(leat_map_get(&rec.source, "table")->as.text, "kinds", 5);
    assert_null(leat_map_get(&rec.source, "data"));
    rec = take(batch, HEAD("delete") ",\"data\":{\"id\":1}}", LEAT_PART_VALUE);
    assert_int_equal(rec.op, LEAT_DELETE);
    assert_int_equal(rec.value.type, LEAT_NULL);
    assert_int_equal(leat_map_get(&rec.before, "id")->as.i, 1);
    assert_int_equal(take(batch, HEAD("bootstrap-insert") ",\"data\":{\"id\":1}}", LEAT_PART_VALUE).op, LEAT_READ);
    assert_int_equal(take(batch, HEAD("bootstrap-complete") ",\"data\":{}}", LEAT_PART_VALUE).op, LEAT_MARKER);
    assert_int_equal(take(batch, HEAD("table-alter") ",\"def\":{}}", LEAT_PART_VALUE).op, LEAT_MARKER);
    rec = take(batch, "{\"database\":\"shop\",\"table\":\"kinds\",\"pk.id\":7}", LEAT_PART_KEY);
    assert_int_equal(leat_map_get(&rec.key, "id")->as.i, 7);
    leat_batch_free(batch);
}

static void what_is_no_message_is_refused(void **state)
{
    static const char *const bad[] = {"", "null", "[]", "{}", "{\"type\":1}", "{\"type\":\"insert\"}", "{\"type\":\"insert\",\"data\":[]}",
                                      "{\"type\":\"delete\",\"data\":null}", "{\"type\":\"update\",\"data\":1,\"old\":{}}"};
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leat_record rec = {0};
        struct leat_error err = {0};
        if (kit_decode(&leat_codec_maxwell, bad[i], LEAT_PART_VALUE, batch, &rec, &err) != LEAT_REJECT)
            fail_msg("accepted: %s", bad[i]);
    }
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_column),
        cmocka_unit_test(an_update_tells_what_was_different),
        cmocka_unit_test(a_delete_has_the_row_that_was),
        cmocka_unit_test(absent_columns_are_left_out),
        cmocka_unit_test(truncates_and_rows_alone),
        cmocka_unit_test(messages_are_read_back),
        cmocka_unit_test(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
