/* kinds.h - a table with a column of every kind that MySQL has, and a row of it, for formats. */
#ifndef LEAT_KIT_KINDS_H
#define LEAT_KIT_KINDS_H

#include <kit/orders.h>

enum kit_kind { KIND_ID, KIND_TINY, KIND_BIG, KIND_DECIMAL, KIND_FLOAT, KIND_DOUBLE, KIND_BIT, KIND_YEAR, KIND_DATE, KIND_TIME,
                KIND_DATETIME, KIND_TIMESTAMP, KIND_TEXT, KIND_ENUM, KIND_SET, KIND_JSON, KIND_BINARY, KIND_BLOB, KIND_POINT,
                KIND_NULL, KINDS };

static inline const struct leat_schema *kit_kinds(void)
{
#define KIND(name_, type_, native_, ...) {.name = name_, .type = type_, .native = native_, .labels = "", __VA_ARGS__}
    static const struct leat_field fields[KINDS] = {
        KIND("id", LEAT_INT64, "int(11)", .meaning = LEAT_INT32, .flags = LEAT_FIELD_REQUIRED),
        KIND("tiny", LEAT_UINT64, "tinyint(3) unsigned", .meaning = LEAT_INT8),
        KIND("big", LEAT_UINT64, "bigint(20) unsigned"),
        KIND("de", LEAT_DECIMAL, "decimal(10,2)", .width = 10, .scale = 2),
        KIND("fl", LEAT_FLOAT64, "float"),
        KIND("do", LEAT_FLOAT64, "double"),
        KIND("bits", LEAT_UINT64, "bit(9)", .meaning = LEAT_BIT, .width = 9),
        KIND("ye", LEAT_INT64, "year(4)", .meaning = LEAT_YEAR),
        KIND("da", LEAT_DATE, "date"),
        KIND("ti", LEAT_TIME, "time(3)", .scale = 3),
        KIND("dt", LEAT_DATETIME, "datetime(6)", .scale = 6),
        KIND("ts", LEAT_TIMESTAMP, "timestamp"),
        KIND("te", LEAT_TEXT, "varchar(20)", .width = 20),
        {.name = "en", .type = LEAT_TEXT, .meaning = LEAT_ENUM, .native = "enum", .labels = "red\nit's\n"},
        {.name = "se", .type = LEAT_TEXT, .meaning = LEAT_SET, .native = "set", .labels = "a\nb\nc\n"},
        KIND("js", LEAT_JSON, "json"),
        KIND("bi", LEAT_BYTES, "binary(4)", .width = 4),
        KIND("bl", LEAT_BYTES, "blob"),
        KIND("po", LEAT_BYTES, "point", .meaning = LEAT_GEOMETRY),
        KIND("no", LEAT_TEXT, "text"),
    };
    static const struct leat_field source[] = {
        KIT_FIELD("server_id", LEAT_INT64), KIT_FIELD("gtid", LEAT_TEXT), KIT_FIELD("file", LEAT_TEXT),
        KIT_FIELD("pos", LEAT_INT64),       KIT_FIELD("row", LEAT_INT64), KIT_FIELD("thread", LEAT_INT64),
        KIT_FIELD("query", LEAT_TEXT),
    };
    static const uint32_t keys[] = {0};
    static const struct leat_schema content = {.connector = "mariadb", .space = "shop", .name = "kinds", .fields = fields,
                                               .field_count = KINDS, .keys = keys, .key_count = 1, .source_fields = source,
                                               .source_count = 7};
    return leat_schema(&content);
}

/* The row in `items`. */
static inline struct leat_value kit_kinds_row(struct leat_value items[KINDS])
{
    static const uint8_t point[] = {0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0};
    struct leat_value json = leat_value_string("{\"a\": [1, null]}");
    json.type = LEAT_JSON;
    items[KIND_ID] = leat_value_int(7);
    items[KIND_TINY] = leat_value_uint(200);
    items[KIND_BIG] = leat_value_uint(UINT64_MAX);
    items[KIND_DECIMAL] = kit_decimal("-12.50", 2);
    items[KIND_FLOAT] = leat_value_double((double)0.1f);
    items[KIND_FLOAT].flags = LEAT_VALUE_SINGLE;
    items[KIND_DOUBLE] = leat_value_double(1e10);
    items[KIND_BIT] = leat_value_uint(257);
    items[KIND_YEAR] = leat_value_int(2026);
    items[KIND_DATE] = kit_typed(LEAT_DATE, LEAT_DATE(0, 0, 0), 0);
    items[KIND_TIME] = kit_typed(LEAT_TIME, -3723400000, 3);
    items[KIND_DATETIME] = kit_typed(LEAT_DATETIME, LEAT_DATETIME(2026, 3, 4, 5, 6, 7, 890000), 6);
    items[KIND_TIMESTAMP] = kit_typed(LEAT_TIMESTAMP, 1772600767000000, 0);
    items[KIND_TEXT] = leat_value_string("gr\xc3\xbcn \"x\"");
    items[KIND_ENUM] = leat_value_string("it's");
    items[KIND_SET] = leat_value_string("a,c");
    items[KIND_JSON] = json;
    items[KIND_BINARY] = leat_value_bytes("\x00\xff\x00\x00", 4);
    items[KIND_BLOB] = leat_value_bytes("\xde\xad\x00", 3);
    items[KIND_POINT] = leat_value_bytes(point, sizeof point);
    items[KIND_NULL] = leat_value_null();
    return leat_value_items(LEAT_STRUCT, items, KINDS);
}

/* An insert; the caller changes what it tests. */
static inline struct leat_record kit_kinds_record(struct leat_value row[KINDS], struct leat_value source[7])
{
    static const struct leat_value key[] = {{.type = LEAT_INT64, .as.i = 7}};
    source[0] = leat_value_int(223344);
    source[1] = leat_value_string("0-1-48210");
    source[2] = leat_value_string("bin.000003");
    source[3] = leat_value_int(4711);
    source[4] = leat_value_int(0);
    source[5] = source[6] = leat_value_null();
    return (struct leat_record){.op = LEAT_CREATE, .schema = kit_kinds(), .time_us = 1772600767001004,
                                .key = leat_value_items(LEAT_STRUCT, key, 1), .value = kit_kinds_row(row),
                                .before = leat_value_null(), .source = leat_value_items(LEAT_STRUCT, source, 7)};
}

#endif
