/* Canal's flat messages, byte for byte, and the way back. */
#include <kit/cmocka.h>

#include <kit/codec.h>
#include <kit/kinds.h>
#include <stdio.h>

#define ROW                                                                                                                  \
    "{\"id\":\"7\",\"tiny\":\"200\",\"big\":\"18446744073709551615\",\"de\":\"-12.50\",\"fl\":\"0.1\",\"do\":\"1.0E10\","        \
    "\"bits\":\"257\",\"ye\":\"2026\",\"da\":\"0000-00-00\",\"ti\":\"-01:02:03.400\",\"dt\":\"2026-03-04 05:06:07.890000\","    \
    "\"ts\":\"2026-03-04 05:06:07\",\"te\":\"gr\xc3\xbcn \\\"x\\\"\",\"en\":\"2\",\"se\":\"5\",\"js\":\"{\\\"a\\\": [1, null]}\"," \
    "\"bi\":\"\\u0000\xc3\xbf\",\"bl\":\"\xc3\x9e\xc2\xad\\u0000\",\"po\":\"\\u0000\\u0000\\u0000\\u0000\\u0001\\u0001\\u0000\\u0000" \
    "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\xc3\xb8?\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\xc3\x80\",\"no\":null}"
#define SQL_TYPES                                                                                                            \
    "{\"id\":4,\"tiny\":5,\"big\":3,\"de\":3,\"fl\":7,\"do\":8,\"bits\":-7,\"ye\":12,\"da\":91,\"ti\":92,\"dt\":93,\"ts\":93,"    \
    "\"te\":12,\"en\":4,\"se\":-7,\"js\":12,\"bi\":2004,\"bl\":2004,\"po\":2004,\"no\":2005}"
#define MYSQL_TYPES                                                                                                          \
    "{\"id\":\"int(11)\",\"tiny\":\"tinyint(3) unsigned\",\"big\":\"bigint(20) unsigned\",\"de\":\"decimal(10,2)\",\"fl\":\"float\"," \
    "\"do\":\"double\",\"bits\":\"bit(9)\",\"ye\":\"year(4)\",\"da\":\"date\",\"ti\":\"time(3)\",\"dt\":\"datetime(6)\","       \
    "\"ts\":\"timestamp\",\"te\":\"varchar(20)\",\"en\":\"enum('red','it''s')\",\"se\":\"set('a','b','c')\",\"js\":\"json\","   \
    "\"bi\":\"binary(4)\",\"bl\":\"blob\",\"po\":\"point\",\"no\":\"text\"}"
#define HEAD(type)                                                                                                           \
    "{\"id\":0,\"database\":\"shop\",\"table\":\"kinds\",\"pkNames\":[\"id\"],\"isDdl\":false,\"type\":\"" type "\","           \
    "\"es\":1772600767001,\"ts\":1772600767001,\"sql\":\"\",\"sqlType\":"
#define END ",\"gtid\":\"0-1-48210\"}"

static void every_kind_of_column(void **state)
{
    struct leat_value row[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE,
                       HEAD("INSERT") SQL_TYPES ",\"mysqlType\":" MYSQL_TYPES ",\"data\":[" ROW "],\"old\":null" END);
    rec.op = LEAT_READ;
    source[1] = leat_value_null();
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE,
                       HEAD("INSERT") SQL_TYPES ",\"mysqlType\":" MYSQL_TYPES ",\"data\":[" ROW "],\"old\":null,\"gtid\":\"\"}");
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_KEY, "{\"id\":\"7\"}");
}

/* Of a MINIMAL image: only what is there, in all four maps. */
static void updates_and_deletes_with_absent_columns(void **state)
{
    struct leat_value row[KINDS] = {{0}}, old[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_ID] = old[KIND_ID] = leat_value_int(7);
    row[KIND_TINY] = leat_value_uint(127);
    old[KIND_TINY] = leat_value_null();
    row[KIND_ENUM] = leat_value_string("");
    rec.op = LEAT_UPDATE;
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.before = leat_value_items(LEAT_STRUCT, old, KINDS);
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE,
                       HEAD("UPDATE") "{\"id\":4,\"tiny\":-6,\"en\":4},\"mysqlType\":{\"id\":\"int(11)\",\"tiny\":\"tinyint(3) unsigned\","
                       "\"en\":\"enum('red','it''s')\"},\"data\":[{\"id\":\"7\",\"tiny\":\"127\",\"en\":\"0\"}],\"old\":[{\"tiny\":null}]" END);
    rec.op = LEAT_DELETE;
    rec.value = leat_value_null();
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE,
                       HEAD("DELETE") "{\"id\":4,\"tiny\":-6},\"mysqlType\":{\"id\":\"int(11)\",\"tiny\":\"tinyint(3) unsigned\"},"
                       "\"data\":[{\"id\":\"7\",\"tiny\":null}],\"old\":null" END);
    rec.flags = LEAT_TOMBSTONE;
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE, NULL);
}

static void truncates_and_rows_alone(void **state)
{
    struct leat_value row[KINDS], source[7];
    struct leat_record rec = kit_kinds_record(row, source);
    (void)state;
    rec.flags = LEAT_FLAT;
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE, ROW);
    rec.flags = 0;
    rec.op = LEAT_TRUNCATE;
    kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE,
                       "{\"id\":0,\"database\":\"shop\",\"table\":\"kinds\",\"pkNames\":[\"id\"],\"isDdl\":true,\"type\":\"TRUNCATE\","
                       "\"es\":1772600767001,\"ts\":1772600767001,\"sql\":\"TRUNCATE TABLE `shop`.`kinds`\",\"sqlType\":null,"
                       "\"mysqlType\":null,\"data\":null,\"old\":null" END);
    rec.schema = NULL;
    kit_assert_not_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE, "no schema; use json");
}

static void doubles_are_spelt_as_java_does(void **state)
{
    static const struct { double v; const char *text; } cases[] = {
        {0, "0.0"}, {1.5, "1.5"}, {-2, "-2.0"}, {9999999, "9999999.0"}, {1e7, "1.0E7"}, {12345678.9, "1.23456789E7"},
        {1e-3, "0.001"}, {1e-4, "1.0E-4"}, {1.5e-7, "1.5E-7"}, {-1e21, "-1.0E21"}, {1.7976931348623157e308, "1.7976931348623157E308"},
        {123456789012345680.0, "1.2345678901234568E17"}, {2.5e-320, "2.5E-320"}};
    static const struct leat_field field = {.name = "v", .type = LEAT_FLOAT64, .native = "double", .labels = ""};
    static const struct leat_schema content = {.connector = "mysql", .space = "s", .name = "t", .fields = &field, .field_count = 1};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[64];
        struct leat_value v = leat_value_double(cases[i].v);
        struct leat_record rec = {.op = LEAT_CREATE, .flags = LEAT_FLAT, .schema = leat_schema(&content),
                                  .value = leat_value_items(LEAT_STRUCT, &v, 1)};
        snprintf(wanted, sizeof wanted, "{\"v\":\"%s\"}", cases[i].text);
        kit_assert_encoded(&leat_codec_canal, &rec, LEAT_PART_VALUE, wanted);
    }
}

static void messages_of_one_row_are_read_back(void **state)
{
    static const char update[] = "{\"type\":\"UPDATE\",\"database\":\"d\",\"table\":\"t\",\"es\":5,\"isDdl\":false,"
                                 "\"data\":[{\"id\":\"1\",\"a\":\"new\"}],\"old\":[{\"a\":null}]}";
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    struct leat_record rec = {0};
    struct leat_error err = {0};
    (void)state;
    assert_status(kit_decode(&leat_codec_canal, update, LEAT_PART_VALUE, batch, &rec, &err), LEAT_OK, &err);
    assert_int_equal(rec.op, LEAT_UPDATE);
    assert_int_equal(rec.time_us, 5000);
    assert_memory_equal(leat_map_get(&rec.value, "a")->as.text, "new", 3);
    assert_int_equal(leat_map_get(&rec.before, "a")->type, LEAT_NULL);
    assert_memory_equal(leat_map_get(&rec.source, "table")->as.text, "t", 1);
    assert_status(kit_decode(&leat_codec_canal, "{\"type\":\"ALTER\",\"isDdl\":true,\"data\":null}", LEAT_PART_VALUE, batch, &rec, &err),
                  LEAT_OK, &err);
    assert_int_equal(rec.op, LEAT_MARKER);
    leat_batch_free(batch);
}

static void what_is_no_message_of_one_row_is_refused(void **state)
{
    static const char *const bad[] = {"", "null", "{}", "{\"type\":\"INSERT\"}", "{\"type\":\"INSERT\",\"data\":[]}",
                                      "{\"type\":\"INSERT\",\"data\":[{},{}]}", "{\"type\":\"DELETE\",\"data\":[1]}"};
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leat_record rec = {0};
        struct leat_error err = {0};
        if (kit_decode(&leat_codec_canal, bad[i], LEAT_PART_VALUE, batch, &rec, &err) != LEAT_REJECT)
            fail_msg("accepted: %s", bad[i]);
    }
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_column),
        cmocka_unit_test(updates_and_deletes_with_absent_columns),
        cmocka_unit_test(truncates_and_rows_alone),
        cmocka_unit_test(doubles_are_spelt_as_java_does),
        cmocka_unit_test(messages_of_one_row_are_read_back),
        cmocka_unit_test(what_is_no_message_of_one_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
