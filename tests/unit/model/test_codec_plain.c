/* json, native-json, text, bytes, and the registry. */
#include <kit/cmocka.h>

#include <kit/codec.h>
#include <kit/orders.h>

#define ROW(ver, state)                                                                                                \
    "{\"id\":1004,\"customer_id\":4,\"state\":\"" state "\",\"total\":1234.50,\"email\":\"someone.like.you@mail.example\"," \
    "\"note\":\"please leave it at the door, ring twice\",\"placed\":\"2026-03-04T05:06:07.891\","                        \
    "\"paid\":\"2026-03-04T05:06:07Z\",\"day\":\"2026-03-05\",\"ver\":" ver "}"

struct fixture {
    struct leat_batch *batch;
    struct leat_record *rec;
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

static void json_is_the_row_and_a_delete_is_null(void **state)
{
    struct fixture *fix = *state;
    kit_assert_encoded(&leat_codec_json, fix->rec, LEAT_PART_VALUE, ROW("2", "paid"));
    kit_assert_encoded(&leat_codec_json, fix->rec, LEAT_PART_KEY, "{\"id\":1004}");
    fix->rec->op = LEAT_DELETE;
    kit_assert_encoded(&leat_codec_json, fix->rec, LEAT_PART_VALUE, NULL);
    fix->rec->key = (struct leat_value){0};
    kit_assert_encoded(&leat_codec_json, fix->rec, LEAT_PART_KEY, NULL);
}

/* Every type, without a schema, by the plain rules. */
static void json_is_exact_for_every_type(void **state)
{
    struct leat_value zero = kit_typed(LEAT_TIMESTAMP, 0, 0), document = leat_value_string("{\"b\":[1,2.50]}");
    struct leat_value single = leat_value_double((double)0.1f);
    (void)state;
    zero.flags = LEAT_VALUE_ZERO;
    single.flags = LEAT_VALUE_SINGLE;
    document.type = LEAT_JSON;
    const struct leat_value list[] = {leat_value_null(), leat_value_bool(false), {0}};
    const struct leat_value pairs[] = {leat_value_string("a"), leat_value_int(1), leat_value_int(2), leat_value_int(3)};
    const struct {
        struct leat_value value;
        const char *text;
    } cases[] = {
        {leat_value_bool(true), "true"},
        {leat_value_int(INT64_MIN), "-9223372036854775808"},
        {leat_value_uint(UINT64_MAX), "18446744073709551615"},
        {leat_value_double(0.1), "0.1"},
        {single, "0.1"},
        {kit_decimal("-99999999999999999999999999999999999.999999999999999999999999999999", 30),
         "-99999999999999999999999999999999999.999999999999999999999999999999"},
        {leat_value_string("a\"\n"), "\"a\\\"\\n\""},
        {leat_value_bytes("\0\xff", 2), "\"AP8=\""},
        {kit_typed(LEAT_DATE, 0, 0), "\"0000-00-00\""},
        {kit_typed(LEAT_TIME, INT64_C(-3020399) * 1000000, 0), "\"-838:59:59\""},
        {kit_typed(LEAT_TIME, -10000, 2), "\"-00:00:00.01\""},
        {kit_typed(LEAT_DATETIME, 0, 6), "\"0000-00-00T00:00:00.000000\""},
        {zero, "\"0000-00-00T00:00:00Z\""},
        {document, "{\"b\":[1,2.50]}"},
        {leat_value_items(LEAT_ARRAY, list, 3), "[null,false,null]"},
        {leat_value_items(LEAT_MAP, pairs, 2), "{\"a\":1,\"2\":3}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct leat_record rec = {.op = LEAT_CREATE, .value = cases[i].value};
        kit_assert_encoded(&leat_codec_json, &rec, LEAT_PART_VALUE, cases[i].text);
    }
}

static void json_is_read_into_maps(void **state)
{
    struct fixture *fix = *state;
    struct leat_record rec = {0};
    struct leat_error err = {0};
    assert_status(kit_decode(&leat_codec_json, "{\"a\":[1,\"x\\n\"]}", LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(leat_map_get(&rec.value, "a")->as.items[0].as.i, 1);
    assert_memory_equal(leat_map_get(&rec.value, "a")->as.items[1].as.text, "x\n", 2);
    assert_status(kit_decode(&leat_codec_json, "7", LEAT_PART_KEY, fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.key.as.i, 7);
    assert_status(kit_decode(&leat_codec_json, "{", LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_REJECT, &err);
}

static void native_json_has_all_that_a_record_has(void **state)
{
    struct fixture *fix = *state;
    const struct leat_value headers[] = {leat_value_string("trace"), leat_value_string("abc")};
    fix->rec->headers = leat_value_items(LEAT_MAP, headers, 1);
    fix->rec->offset = UINT64_MAX;
    fix->rec->partition = 2;
    kit_assert_encoded(&leat_codec_native_json, fix->rec, LEAT_PART_VALUE,
        "{\"topic\":\"shop.orders\",\"partition\":2,\"offset\":18446744073709551615,"
        "\"time\":\"2026-03-04T05:06:07.001004Z\",\"op\":\"u\",\"key\":{\"id\":1004},\"value\":" ROW("2", "paid")
        ",\"before\":" ROW("1", "new") ",\"headers\":{\"trace\":\"abc\"},\"source\":{\"server_id\":223344,"
        "\"gtid\":\"0d2a8ab6-6e4f-11ee-8c99-0242ac120002:4711\",\"file\":\"mysql-bin.000003\",\"pos\":49404,\"row\":4,"
        "\"thread\":7,\"query\":null}}");
    kit_assert_encoded(&leat_codec_native_json, fix->rec, LEAT_PART_KEY, "{\"id\":1004}");
    const struct leat_record empty = {0};
    kit_assert_encoded(&leat_codec_native_json, &empty, LEAT_PART_VALUE,
        "{\"topic\":null,\"partition\":0,\"offset\":0,\"time\":\"1970-01-01T00:00:00.000000Z\",\"op\":null,\"key\":null,"
        "\"value\":null,\"before\":null,\"headers\":null,\"source\":null}");
    kit_assert_encoded(&leat_codec_native_json, &empty, LEAT_PART_KEY, NULL);
}

static void native_json_is_not_read(void **state)
{
    struct fixture *fix = *state;
    struct leat_record rec = {0};
    struct leat_error err = {0};
    assert_status(kit_decode(&leat_codec_native_json, "{}", LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_REJECT, &err);
    assert_non_null(strstr(err.text, "send json or debezium"));
}

static const struct leat_schema *schema_of(const char *first, const char *second)
{
    const struct leat_field fields[] = {KIT_FIELD(first, LEAT_TEXT), KIT_FIELD(second, LEAT_TEXT)};
    const struct leat_schema content = {.connector = "tail", .space = "", .name = "lines", .fields = fields,
                                        .field_count = second[0] ? 2 : 1};
    return leat_schema(&content);
}

static void text_is_the_value_or_the_line_or_the_only_field(void **state)
{
    const struct leat_value two[] = {leat_value_string("a.log"), leat_value_string("GET /")};
    struct leat_record rec = {.op = LEAT_CREATE, .value = leat_value_string("a\nb")};
    (void)state;
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, "a\nb");
    rec.value = leat_value_int(5);
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, "5");
    rec.value = leat_value_null();
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, NULL);
    rec.value = leat_value_items(LEAT_STRUCT, two, 2);
    rec.schema = schema_of("file", "line");
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, "GET /");
    rec.schema = schema_of("file", "other");
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, "{\"file\":\"a.log\",\"other\":\"GET /\"}");
    rec.schema = schema_of("file", "");
    rec.value.len = 1;
    kit_assert_encoded(&leat_codec_text, &rec, LEAT_PART_VALUE, "a.log");
    kit_assert_encoded(&leat_codec_bytes, &rec, LEAT_PART_VALUE, "a.log");
}

static void text_and_bytes_are_read_as_they_are(void **state)
{
    struct fixture *fix = *state;
    struct leat_record rec = {0};
    struct leat_error err = {0};
    assert_status(kit_decode(&leat_codec_text, "\xc3\xa9", LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.value.type, LEAT_TEXT);
    assert_int_equal(rec.value.len, 2);
    assert_status(kit_decode(&leat_codec_text, "\xc3", LEAT_PART_KEY, fix->batch, &rec, &err), LEAT_REJECT, &err);
    assert_non_null(strstr(err.text, "use format bytes"));
    assert_status(kit_decode(&leat_codec_bytes, "\xc3", LEAT_PART_KEY, fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.key.type, LEAT_BYTES);
    assert_memory_equal(rec.key.as.bytes, "\xc3", 1);
    assert_status(kit_decode(&leat_codec_text, "", LEAT_PART_VALUE, fix->batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.value.len, 0);
}

static void codecs_are_found_by_name_and_plug_ins_add_theirs_once(void **state)
{
    static const char *const names[] = {"debezium", "maxwell", "canal", "cloudevents",
                                        "native-json", "json", "text", "bytes"};
    static const struct leat_codec_type mine = {.struct_size = sizeof mine, .name = "mine", .about = "", .size = 1};
    static const struct leat_codec_type taken = {.struct_size = sizeof taken, .name = "json", .about = "", .size = 1};
    const struct leat_codec_type *const *all;
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(leat_codec(names[i])->name, names[i]);
    assert_null(leat_codec("mine"));
    assert_true(leat_codec_add(&mine));
    assert_ptr_equal(leat_codec("mine"), &mine);
    assert_false(leat_codec_add(&mine));
    assert_false(leat_codec_add(&taken));
    for (all = leat_codecs(); *all; all++)
        count++;
    assert_int_equal(count, sizeof names / sizeof *names + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(json_is_the_row_and_a_delete_is_null),
        CASE(json_is_exact_for_every_type),
        CASE(json_is_read_into_maps),
        CASE(native_json_has_all_that_a_record_has),
        CASE(native_json_is_not_read),
        CASE(text_is_the_value_or_the_line_or_the_only_field),
        CASE(text_and_bytes_are_read_as_they_are),
        CASE(codecs_are_found_by_name_and_plug_ins_add_theirs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
