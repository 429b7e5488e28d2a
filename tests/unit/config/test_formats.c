/* Formats with options, as a pipeline file says them: each value in each of Debezium's modes, messages with their schema. */
#include <kit/cmocka.h>

#include <base/number.h>
#include <config/bind.h>
#include <kit/kinds.h>
#include <model/coder.h>
#include <stdlib.h>

static struct leat_arena arena;
static struct leat_findings findings;

static int set_up(void **state)
{
    (void)state;
    leat_arena_init(&arena, 0);
    leat_findings_init(&findings, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    leat_findings_fini(&findings);
    leat_arena_fini(&arena);
    return 0;
}

static void open_format(struct leat_coder *coder, const char *text)
{
    struct leat_format format = {.codec = NULL};
    struct leat_error err = {0};
    const struct leat_option option = {.name = "format", .type = LEAT_OPT_FORMAT};
    const struct leat_text_file file = {.path = "t.yaml", .dir = "/", .text = text, .len = strlen(text)};
    const struct leat_tree *tree = leat_tree_parse(&file, &arena, &findings);
    const struct leat_binder binder = {.arena = &arena, .findings = &findings, .what = "sink", .base_dir = "/"};
    assert_non_null(tree);
    leat_bind_value(&binder, &option, tree, &format);
    if (findings.errors > 0)
        fail_msg("%s: %s", text, findings.items[0].said.text);
    assert_status(leat_coder_open(coder, &format, "shop.archive", &err), LEAT_OK, &err);
}

static void assert_message(const char *format, const struct leat_record *rec, enum leat_part part, const char *wanted)
{
    struct leat_coder coder;
    struct leat_bytes out;
    struct leat_error err = {0};
    bool is_null = false;
    open_format(&coder, format);
    leat_bytes_init(&out, 1 << 20);
    for (int times = 0; times < 2; times++) { /* the second time from what the codec remembers */
        leat_bytes_clear(&out);
        assert_status(leat_coder_encode(&coder, rec, part, &out, &is_null, &err), LEAT_OK, &err);
        leat_bytes_put(&out, 0);
        assert_int_equal(is_null, wanted == NULL);
        if (wanted)
            assert_string_equal((char *)out.data, wanted);
    }
    leat_bytes_fini(&out);
    leat_coder_close(&coder);
}

/* ---- each mode on one column ---- */

static struct leat_value bytes_of(const char *text, size_t len)
{
    return leat_value_bytes(text, len);
}

/* The row alone of a table with one column. */
static void assert_value(const char *options, struct leat_field field, struct leat_value value, const char *wanted)
{
    char *format = leat_arena_format(&arena, "{debezium: {%s}}", options);
    char *row = leat_arena_format(&arena, "{\"v\":%s}", wanted);
    field.name = "v";
    field.native = field.native ? field.native : "";
    field.labels = "";
    const struct leat_schema content = {.connector = "mysql", .space = "shop", .name = "t", .fields = &field, .field_count = 1};
    const struct leat_record rec = {.op = LEAT_CREATE, .flags = LEAT_FLAT, .schema = leat_schema(&content),
                                    .value = leat_value_items(LEAT_STRUCT, &value, 1)};
    assert_message(format, &rec, LEAT_PART_VALUE, row);
}

static void decimals_in_every_mode(void **state)
{
    const struct leat_field field = {.type = LEAT_DECIMAL, .width = 10, .scale = 4};
    (void)state;
    assert_value("decimals: precise", field, kit_decimal("123.4567", 4), "\"EtaH\"");
    assert_value("decimals: double", field, kit_decimal("123.4567", 4), "123.4567");
    assert_value("decimals: double", field, kit_decimal("0.30000000000000000001", 20), "0.3");
    assert_value("decimals: string", field, kit_decimal("123.4567", 4), "\"123.4567\"");
    assert_value("decimals: numeric", field, kit_decimal("123.4500", 4), "123.4500");
    assert_value("decimal.handling.mode: string", field, kit_decimal("-0.0001", 4), "\"-0.0001\"");
}

static void unsigned_bigints_in_every_mode(void **state)
{
    const struct leat_field field = {.type = LEAT_UINT64}, narrow = {.type = LEAT_UINT64, .meaning = LEAT_INT32};
    (void)state;
    assert_value("", field, leat_value_uint(UINT64_MAX), "18446744073709551615");
    assert_value("bigint_unsigned: long", field, leat_value_uint(UINT64_MAX), "-1");
    assert_value("bigint_unsigned: long", field, leat_value_uint(INT64_MAX), "9223372036854775807");
    assert_value("bigint.unsigned.handling.mode: precise", field, leat_value_uint(UINT64_MAX), "\"AP//////////\"");
    assert_value("bigint_unsigned: precise", field, leat_value_uint(10), "\"Cg==\"");
    assert_value("bigint_unsigned: precise, decimals: numeric", field, leat_value_uint(10), "10");
    assert_value("bigint_unsigned: precise", narrow, leat_value_uint(UINT32_MAX), "4294967295");
}

static void times_in_every_mode(void **state)
{
    static const struct { const char *mode, *date, *time, *ms, *us; } cases[] = {
        {"adaptive_time_microseconds", "20517", "-3723400000", "1772600767891", "1772600767891001"},
        {"connect", "20517", "-3723400", "1772600767891", "1772600767891"},
        {"isostring", "\"2026-03-05Z\"", "\"-01:02:03.4Z\"", "\"2026-03-04T05:06:07.891Z\"", "\"2026-03-04T05:06:07.891001Z\""},
        {"microseconds", "20517", "-3723400000", "1772600767891000", "1772600767891001"},
        {"nanoseconds", "20517", "-3723400000000", "1772600767891000000", "1772600767891001000"},
    };
    const struct leat_field date = {.type = LEAT_DATE}, time = {.type = LEAT_TIME, .scale = 6};
    const struct leat_field three = {.type = LEAT_DATETIME, .scale = 3}, six = {.type = LEAT_DATETIME, .scale = 6};
    const struct leat_field stamp = {.type = LEAT_TIMESTAMP};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *mode = leat_arena_format(&arena, "times: %s", cases[i].mode);
        assert_value(mode, date, kit_typed(LEAT_DATE, LEAT_DATE(2026, 3, 5), 0), cases[i].date);
        assert_value(mode, time, kit_typed(LEAT_TIME, -3723400000, 6), cases[i].time);
        assert_value(mode, three, kit_typed(LEAT_DATETIME, LEAT_DATETIME(2026, 3, 4, 5, 6, 7, 891000), 3), cases[i].ms);
        assert_value(mode, six, kit_typed(LEAT_DATETIME, LEAT_DATETIME(2026, 3, 4, 5, 6, 7, 891001), 6), cases[i].us);
        assert_value(mode, stamp, kit_typed(LEAT_TIMESTAMP, 1772600767000000, 0), "\"2026-03-04T05:06:07Z\"");
        assert_value(mode, date, kit_typed(LEAT_DATE, LEAT_DATE(0, 0, 0), 0), "null");
    }
}

static void what_is_no_date_is_the_epoch_where_null_cannot_be(void **state)
{
    const struct leat_field date = {.type = LEAT_DATE, .flags = LEAT_FIELD_REQUIRED};
    const struct leat_field datetime = {.type = LEAT_DATETIME, .flags = LEAT_FIELD_REQUIRED};
    (void)state;
    assert_value("times: isostring", date, kit_typed(LEAT_DATE, LEAT_DATE(2026, 2, 31), 0), "\"1970-01-01Z\"");
    assert_value("time.precision.mode: isostring", datetime, kit_typed(LEAT_DATETIME, LEAT_DATETIME(0, 0, 0, 0, 0, 0, 0), 0),
                 "\"1970-01-01T00:00:00Z\"");
    assert_value("times: nanoseconds", datetime, kit_typed(LEAT_DATETIME, LEAT_DATETIME(0, 0, 0, 0, 0, 0, 0), 0), "0");
    assert_value("times: nanoseconds", datetime, kit_typed(LEAT_DATETIME, LEAT_DATETIME(9999, 12, 31, 23, 59, 59, 0), 0),
                 "253402300799000000000");
}

static void bytes_in_every_mode(void **state)
{
    const struct leat_field field = {.type = LEAT_BYTES};
    (void)state;
    assert_value("", field, bytes_of("\xfb\xff\xfe\x00", 4), "\"+//+AA==\"");
    assert_value("binary: base64", field, bytes_of("\xfb\xff\xfe\x00", 4), "\"+//+AA==\"");
    assert_value("binary: base64-url-safe", field, bytes_of("\xfb\xff\xfe\x00", 4), "\"-__-AA==\"");
    assert_value("binary.handling.mode: hex", field, bytes_of("\xfb\xff\xfe\x00", 4), "\"fbfffe00\"");
    assert_value("binary: hex", field, bytes_of("", 0), "\"\"");
}

/* ---- messages with their schema ---- */

#define OF(type, optional, name) "{\"type\":\"" type "\",\"optional\":" optional ",\"field\":\"" name "\"}"
#define NAMED(type, optional, what, more, name) \
    "{\"type\":\"" type "\",\"optional\":" optional ",\"name\":\"" what "\",\"version\":1" more ",\"field\":\"" name "\"}"
#define ROW_FIELDS                                                                                                         \
    "{\"type\":\"struct\",\"fields\":[" OF("int32", "false", "id") ","                                                      \
    NAMED("bytes", "true", "org.apache.kafka.connect.data.Decimal",                                                        \
          ",\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\"}", "d") ","                                \
    NAMED("string", "true", "io.debezium.data.Enum", ",\"parameters\":{\"allowed\":\"red,green\"}", "e") ","                \
    NAMED("bytes", "true", "io.debezium.data.Bits", ",\"parameters\":{\"length\":\"9\"}", "b") ","                          \
    NAMED("int64", "true", "io.debezium.time.Timestamp", "", "t") "],\"optional\":"
#define ROW "{\"id\":1,\"d\":\"ATo=\",\"e\":\"red\",\"b\":\"AwE=\",\"t\":0}"

static const struct leat_schema *small_table(void)
{
    static const struct leat_field fields[] = {
        KIT_FIELD("id", LEAT_INT64, .meaning = LEAT_INT32, .flags = LEAT_FIELD_REQUIRED),
        KIT_FIELD("d", LEAT_DECIMAL, .width = 10, .scale = 2),
        {.name = "e", .type = LEAT_TEXT, .meaning = LEAT_ENUM, .native = "enum", .labels = "red\ngreen\n"},
        KIT_FIELD("b", LEAT_UINT64, .meaning = LEAT_BIT, .width = 9),
        KIT_FIELD("t", LEAT_DATETIME),
    };
    static const struct leat_field source[] = {KIT_FIELD("server_id", LEAT_INT64), KIT_FIELD("gtid", LEAT_TEXT),
                                               KIT_FIELD("transaction_id", LEAT_TEXT), KIT_FIELD("transaction_order", LEAT_INT64),
                                               KIT_FIELD("transaction_table_order", LEAT_INT64)};
    static const uint32_t keys[] = {0};
    static const struct leat_schema content = {.connector = "mariadb", .space = "shop", .name = "t", .fields = fields,
                                               .field_count = 5, .keys = keys, .key_count = 1, .source_fields = source,
                                               .source_count = 5};
    return leat_schema(&content);
}

static const struct leat_value one_key[] = {{.type = LEAT_INT64, .as.i = 1}};

static struct leat_record small_record(struct leat_value row[5], struct leat_value source[5])
{
    row[0] = leat_value_int(1);
    row[1] = kit_decimal("3.14", 2);
    row[2] = leat_value_string("red");
    row[3] = leat_value_uint(259);
    row[4] = kit_typed(LEAT_DATETIME, LEAT_DATETIME(1970, 1, 1, 0, 0, 0, 0), 0);
    source[0] = leat_value_int(7);
    source[1] = leat_value_string("0-7-1");
    source[2] = leat_value_string("0-7-1");
    source[3] = leat_value_int(3);
    source[4] = leat_value_int(2);
    return (struct leat_record){.op = LEAT_CREATE, .schema = small_table(), .time_us = 5000,
                                .key = leat_value_items(LEAT_STRUCT, one_key, 1),
                                .value = leat_value_items(LEAT_STRUCT, row, 5),
                                .source = leat_value_items(LEAT_STRUCT, source, 5)};
}

static void a_message_with_schemas_is_what_kafka_connect_writes(void **state)
{
    struct leat_value row[5], source[5];
    struct leat_record rec = small_record(row, source);
    (void)state;
    assert_message("{debezium: {schemas: true}}", &rec, LEAT_PART_VALUE,
        "{\"schema\":{\"type\":\"struct\",\"fields\":["
        ROW_FIELDS "true,\"name\":\"shop.shop.t.Value\",\"field\":\"before\"},"
        ROW_FIELDS "true,\"name\":\"shop.shop.t.Value\",\"field\":\"after\"},"
        "{\"type\":\"struct\",\"fields\":[" OF("string", "false", "version") "," OF("string", "false", "connector") ","
        OF("string", "false", "name") "," OF("int64", "false", "ts_ms") ","
        NAMED("string", "true", "io.debezium.data.Enum", ",\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,"
              "last_in_data_collection,last,false,incremental\"},\"default\":\"false\"", "snapshot") ","
        OF("string", "false", "db") "," OF("string", "true", "sequence") "," OF("int64", "true", "ts_us") ","
        OF("int64", "true", "ts_ns") "," OF("string", "true", "table") "," OF("int64", "false", "server_id") ","
        OF("string", "true", "gtid")
        "],\"optional\":false,\"name\":\"io.debezium.connector.mariadb.Source\",\"version\":1,\"field\":\"source\"},"
        "{\"type\":\"struct\",\"fields\":[" OF("string", "false", "id") "," OF("int64", "false", "total_order") ","
        OF("int64", "false", "data_collection_order") "],\"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":"
        "\"transaction\"}," OF("string", "false", "op") "," OF("int64", "true", "ts_ms") "," OF("int64", "true", "ts_us") ","
        OF("int64", "true", "ts_ns") "],\"optional\":false,\"name\":\"shop.shop.t.Envelope\",\"version\":2},\"payload\":"
        "{\"before\":null,\"after\":" ROW ",\"source\":{\"version\":\"" LEAT_VERSION "\",\"connector\":\"mariadb\",\"name\":\"shop\","
        "\"ts_ms\":5,\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":null,\"ts_us\":5000,\"ts_ns\":5000000,\"table\":\"t\","
        "\"server_id\":7,\"gtid\":\"0-7-1\"},\"transaction\":{\"id\":\"0-7-1\",\"total_order\":3,\"data_collection_order\":2},"
        "\"op\":\"c\",\"ts_ms\":5,\"ts_us\":5000,\"ts_ns\":5000000}}");
}

static void keys_rows_and_tombstones_have_theirs(void **state)
{
    struct leat_value row[5], source[5];
    struct leat_record rec = small_record(row, source);
    (void)state;
    assert_message("{debezium: {schemas.enable: true}}", &rec, LEAT_PART_KEY,
                   "{\"schema\":{\"type\":\"struct\",\"fields\":[" OF("int32", "false", "id")
                   "],\"optional\":false,\"name\":\"shop.shop.t.Key\"},\"payload\":{\"id\":1}}");
    rec.flags = LEAT_FLAT;
    assert_message("{debezium: {schemas: true}}", &rec, LEAT_PART_VALUE,
                   "{\"schema\":" ROW_FIELDS "false,\"name\":\"shop.shop.t.Value\"},\"payload\":" ROW "}");
    rec.op = LEAT_DELETE;
    rec.flags = LEAT_TOMBSTONE;
    assert_message("{debezium: {schemas: true}}", &rec, LEAT_PART_VALUE, NULL);
}

/* The type that a schema says of the column. */
static void assert_type(const char *options, struct leat_field field, const char *wanted)
{
    struct leat_coder coder;
    struct leat_bytes out;
    struct leat_error err;
    bool is_null;
    struct leat_value null = leat_value_null();
    field.name = "v";
    field.native = field.native ? field.native : "";
    field.labels = "";
    const struct leat_schema content = {.connector = "mysql", .space = "shop", .name = "t", .fields = &field, .field_count = 1};
    const struct leat_record rec = {.op = LEAT_CREATE, .flags = LEAT_FLAT, .schema = leat_schema(&content),
                                    .value = leat_value_items(LEAT_STRUCT, &null, 1)};
    open_format(&coder, leat_arena_format(&arena, "{debezium: {schemas: true%s%s}}", *options ? ", " : "", options));
    leat_bytes_init(&out, 1 << 20);
    assert_status(leat_coder_encode(&coder, &rec, LEAT_PART_VALUE, &out, &is_null, &err), LEAT_OK, &err);
    leat_bytes_put(&out, 0);
    char *start = leat_arena_format(&arena, "{\"schema\":{\"type\":\"struct\",\"fields\":[%s,\"field\":\"v\"}],", wanted);
    if (strncmp((char *)out.data, start, strlen(start)) != 0)
        fail_msg("%s\n%s", start, (char *)out.data);
    leat_bytes_fini(&out);
    leat_coder_close(&coder);
}

static void every_type_has_debeziums_name(void **state)
{
#define TYPE(type, more) "{\"type\":\"" type "\",\"optional\":true" more
#define SEMANTIC(what) ",\"name\":\"" what "\",\"version\":1"
    static const struct { const char *options; struct leat_field field; const char *wanted; } cases[] = {
        {"", {.type = LEAT_INT64, .meaning = LEAT_INT8}, TYPE("int16", "")},
        {"", {.type = LEAT_UINT64, .meaning = LEAT_INT8}, TYPE("int16", "")},
        {"", {.type = LEAT_INT64, .meaning = LEAT_INT16}, TYPE("int16", "")},
        {"", {.type = LEAT_UINT64, .meaning = LEAT_INT16}, TYPE("int32", "")},
        {"", {.type = LEAT_UINT64, .meaning = LEAT_INT24}, TYPE("int32", "")},
        {"", {.type = LEAT_INT64, .meaning = LEAT_INT32}, TYPE("int32", "")},
        {"", {.type = LEAT_UINT64, .meaning = LEAT_INT32}, TYPE("int64", "")},
        {"", {.type = LEAT_UINT64}, TYPE("int64", "")},
        {"bigint_unsigned: precise", {.type = LEAT_UINT64},
         TYPE("bytes", SEMANTIC("org.apache.kafka.connect.data.Decimal") ",\"parameters\":{\"scale\":\"0\"}")},
        {"", {.type = LEAT_FLOAT64, .native = "float"}, TYPE("float", "")},
        {"", {.type = LEAT_FLOAT64, .native = "double"}, TYPE("double", "")},
        {"decimals: double", {.type = LEAT_DECIMAL}, TYPE("double", "")},
        {"decimals: string", {.type = LEAT_DECIMAL}, TYPE("string", "")},
        {"", {.type = LEAT_UINT64, .meaning = LEAT_BIT, .width = 1}, TYPE("boolean", "")},
        {"", {.type = LEAT_INT64, .meaning = LEAT_YEAR}, TYPE("int32", SEMANTIC("io.debezium.time.Year"))},
        {"", {.type = LEAT_DATE}, TYPE("int32", SEMANTIC("io.debezium.time.Date"))},
        {"", {.type = LEAT_TIME}, TYPE("int64", SEMANTIC("io.debezium.time.MicroTime"))},
        {"", {.type = LEAT_DATETIME, .scale = 4}, TYPE("int64", SEMANTIC("io.debezium.time.MicroTimestamp"))},
        {"", {.type = LEAT_TIMESTAMP}, TYPE("string", SEMANTIC("io.debezium.time.ZonedTimestamp"))},
        {"times: connect", {.type = LEAT_DATE}, TYPE("int32", SEMANTIC("org.apache.kafka.connect.data.Date"))},
        {"times: connect", {.type = LEAT_TIME}, TYPE("int32", SEMANTIC("org.apache.kafka.connect.data.Time"))},
        {"times: connect", {.type = LEAT_DATETIME, .scale = 6}, TYPE("int64", SEMANTIC("org.apache.kafka.connect.data.Timestamp"))},
        {"times: isostring", {.type = LEAT_TIME}, TYPE("string", SEMANTIC("io.debezium.time.IsoTime"))},
        {"times: isostring", {.type = LEAT_DATETIME}, TYPE("string", SEMANTIC("io.debezium.time.IsoTimestamp"))},
        {"times: nanoseconds", {.type = LEAT_TIME}, TYPE("int64", SEMANTIC("io.debezium.time.NanoTime"))},
        {"times: microseconds", {.type = LEAT_DATETIME}, TYPE("int64", SEMANTIC("io.debezium.time.MicroTimestamp"))},
        {"", {.type = LEAT_JSON}, TYPE("string", SEMANTIC("io.debezium.data.Json"))},
        {"", {.type = LEAT_BYTES}, TYPE("bytes", "")},
        {"binary: hex", {.type = LEAT_BYTES}, TYPE("string", "")},
        {"", {.type = LEAT_TEXT}, TYPE("string", "")},
        {"", {.type = LEAT_BYTES, .meaning = LEAT_VECTOR},
         "{\"type\":\"array\",\"items\":{\"type\":\"float\",\"optional\":false},\"optional\":true" SEMANTIC("io.debezium.data.FloatVector")},
        {"", {.type = LEAT_BYTES, .meaning = LEAT_GEOMETRY, .native = "polygon"},
         "{\"type\":\"struct\",\"fields\":[" OF("bytes", "false", "wkb") "," OF("int32", "true", "srid") "],\"optional\":true"
         SEMANTIC("io.debezium.data.geometry.Geometry") ",\"doc\":\"Geometry\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_type(cases[i].options, cases[i].field, cases[i].wanted);
}

static void maxwells_options(void **state)
{
    static const char all[] = "{maxwell: {position: true, gtid: true, server_id: true, thread_id: true, primary_keys: true, "
                              "output_primary_key_columns: true, omit_commit_info: true, omit_nulls: true}}";
    struct leat_value row[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_ID] = leat_value_int(7);
    row[KIND_NULL] = leat_value_null();
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.flags = LEAT_ENDS_TRANSACTION;
    assert_message(all, &rec, LEAT_PART_VALUE,
                   "{\"database\":\"shop\",\"table\":\"kinds\",\"type\":\"insert\",\"ts\":1772600767,\"position\":\"bin.000003:4711\","
                   "\"gtid\":\"0-1-48210\",\"server_id\":223344,\"primary_key\":[7],\"primary_key_columns\":[\"id\"],\"data\":{\"id\":7}}");
}

static void events_of_the_cloud_stand_around_any_format(void **state)
{
#define EVENT(source, type, subject, content)                                                                                 \
    "{\"specversion\":\"1.0\",\"id\":\"shop.kinds/2/4711\",\"source\":\"" source "\",\"type\":\"leat." type "\",\"subject\":\"" \
    subject "\",\"time\":\"2026-03-04T05:06:07.001004Z\",\"datacontenttype\":\"" content "\","
    struct leat_value row[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_ID] = leat_value_int(7);
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.topic = leat_topic("shop.kinds", 10);
    rec.partition = 2;
    rec.offset = 4711;
    assert_message("{cloudevents: json}", &rec, LEAT_PART_VALUE,
                   EVENT("/leat/shop", "row.created", "shop.kinds", "application/json") "\"data\":{\"id\":7}}");
    assert_message("{cloudevents: {data: maxwell, source: \"https://example.org\"}}", &rec, LEAT_PART_VALUE,
                   EVENT("https://example.org", "row.created", "shop.kinds", "application/json")
                   "\"data\":{\"database\":\"shop\",\"table\":\"kinds\",\"type\":\"insert\",\"ts\":1772600767,\"xid\":48210,"
                   "\"data\":{\"id\":7}}}");
    assert_message("{cloudevents: {data: {debezium: {schemas: true}}}}", &rec, LEAT_PART_KEY,
                   "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"}],"
                   "\"optional\":false,\"name\":\"shop.shop.kinds.Key\"},\"payload\":{\"id\":7}}");
    rec.op = LEAT_DELETE;
    rec.flags = LEAT_TOMBSTONE;
    assert_message("cloudevents", &rec, LEAT_PART_VALUE, NULL);
    rec = (struct leat_record){.topic = rec.topic, .partition = 2, .offset = 4711, .op = LEAT_CREATE, .time_us = rec.time_us};
    rec.value = leat_value_string("a \"line\"");
    assert_message("{cloudevents: {data: text}}", &rec, LEAT_PART_VALUE,
                   EVENT("/leat/shop", "record", "shop.kinds", "text/plain") "\"data\":\"a \\\"line\\\"\"}");
    rec.value = leat_value_bytes("\xff\x00", 2);
    assert_message("{cloudevents: {data: bytes}}", &rec, LEAT_PART_VALUE,
                   EVENT("/leat/shop", "record", "shop.kinds", "application/octet-stream") "\"data_base64\":\"/wA=\"}");
    rec.value = leat_value_string("x");
    assert_message("cloudevents", &rec, LEAT_PART_VALUE,
                   EVENT("/leat/shop", "record", "shop.kinds", "application/json") "\"data\":\"x\"}");
}

/* What one writes the other reads: the same record, as far as the message tells of it. */
static void events_are_read_back(void **state)
{
    static const char *const formats[] = {"{cloudevents: maxwell}", "{cloudevents: {data: debezium}}", "{cloudevents: canal}"};
    struct leat_value row[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_TEXT] = leat_value_string("gr\xc3\xbcn \"x\"");
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.topic = leat_topic("shop.kinds", 10);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct leat_coder coder;
        struct leat_bytes out;
        struct leat_error err = {0};
        struct leat_batch *batch = leat_batch_new(1 << 20, 10);
        struct leat_record read = {0};
        bool is_null;
        open_format(&coder, formats[i]);
        leat_bytes_init(&out, 1 << 20);
        assert_status(leat_coder_encode(&coder, &rec, LEAT_PART_VALUE, &out, &is_null, &err), LEAT_OK, &err);
        assert_status(coder.type->decode(coder.self, out.data, out.len, LEAT_PART_VALUE, batch, &read, &err), LEAT_OK, &err);
        assert_int_equal(read.op, LEAT_CREATE);
        assert_true(leat_value_equal(leat_map_get(&read.value, "te"), &row[KIND_TEXT]));
        assert_int_equal(coder.type->decode(coder.self, "{\"data\":{}}", 11, LEAT_PART_VALUE, batch, &read, &err), LEAT_REJECT);
        leat_bytes_fini(&out);
        leat_batch_free(batch);
        leat_coder_close(&coder);
    }
}

static void decode_damaged(const struct leat_coder *coder, const uint8_t *message, size_t len, enum leat_part part)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    struct leat_record read = {0};
    struct leat_error err = {0};
    uint8_t *copy = malloc(len ? len : 1); /* so that a read beyond its end is seen */
    memcpy(copy, message, len);
    enum leat_status status = coder->type->decode(coder->self, copy, len, part, batch, &read, &err);
    if (status != LEAT_OK && status != LEAT_REJECT)
        fail_msg("status %d of: %.*s", (int)status, (int)len, (const char *)message);
    if (status == LEAT_OK) { /* and can be written */
        struct leat_bytes out;
        bool is_null;
        leat_bytes_init(&out, 1 << 20);
        leat_coder_encode(coder, &read, part, &out, &is_null, &err);
        leat_bytes_fini(&out);
    }
    free(copy);
    leat_batch_free(batch);
}

/* Each message cut at each byte, and with each byte another: read or refused. */
static void damaged_messages_do_no_harm(void **state)
{
    static const char *const formats[] = {"debezium", "{debezium: {schemas: true}}", "maxwell", "canal", "{cloudevents: maxwell}"};
    static const char others[] = "\"{[}],:0x\\";
    struct leat_value row[KINDS] = {{0}}, old[KINDS] = {{0}}, source[7], unused[KINDS];
    struct leat_record rec = kit_kinds_record(unused, source);
    (void)state;
    row[KIND_ID] = old[KIND_ID] = leat_value_int(7);
    row[KIND_TEXT] = leat_value_string("gr\xc3\xbcn");
    old[KIND_TEXT] = leat_value_null();
    rec.op = LEAT_UPDATE;
    rec.value = leat_value_items(LEAT_STRUCT, row, KINDS);
    rec.before = leat_value_items(LEAT_STRUCT, old, KINDS);
    for (size_t i = 0; i < 2 * sizeof formats / sizeof *formats; i++) {
        struct leat_coder coder;
        struct leat_bytes out;
        struct leat_error err = {0};
        enum leat_part part = i % 2 ? LEAT_PART_KEY : LEAT_PART_VALUE;
        bool is_null;
        open_format(&coder, formats[i / 2]);
        leat_bytes_init(&out, 1 << 20);
        assert_status(leat_coder_encode(&coder, &rec, part, &out, &is_null, &err), LEAT_OK, &err);
        size_t head = i / 2 == 1 ? 200 : 0, step = i / 2 == 1 ? 37 : 1; /* a long schema says little */
        for (size_t at = 0; at <= out.len; at += at < head ? 1 : step) {
            decode_damaged(&coder, out.data, at, part);
            if (at == out.len)
                break;
            uint8_t was = out.data[at];
            out.data[at] = (uint8_t)others[at % (sizeof others - 1)];
            decode_damaged(&coder, out.data, out.len, part);
            out.data[at] = was;
        }
        leat_bytes_fini(&out);
        leat_coder_close(&coder);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(decimals_in_every_mode),
        CASE(unsigned_bigints_in_every_mode),
        CASE(times_in_every_mode),
        CASE(what_is_no_date_is_the_epoch_where_null_cannot_be),
        CASE(bytes_in_every_mode),
        CASE(a_message_with_schemas_is_what_kafka_connect_writes),
        CASE(keys_rows_and_tombstones_have_theirs),
        CASE(every_type_has_debeziums_name),
        CASE(maxwells_options),
        CASE(events_of_the_cloud_stand_around_any_format),
        CASE(events_are_read_back),
        CASE(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
