/* orders.h - a table of ten columns of the usual types, and rows of it. */
#ifndef LEAT_KIT_ORDERS_H
#define LEAT_KIT_ORDERS_H

#include <model/batch.h>

#define KIT_FIELD(name_, type_, ...)                                                              \
    {.name = name_, .type = type_, .native = "", .labels = "", __VA_ARGS__}

static inline const struct leat_schema *kit_orders(void)
{
    static const struct leat_field fields[] = {
        KIT_FIELD("id", LEAT_INT64, .flags = LEAT_FIELD_REQUIRED),
        KIT_FIELD("customer_id", LEAT_INT64, .meaning = LEAT_INT32),
        KIT_FIELD("state", LEAT_TEXT, .meaning = LEAT_ENUM),
        KIT_FIELD("total", LEAT_DECIMAL, .width = 12, .scale = 2),
        KIT_FIELD("email", LEAT_TEXT, .width = 120),
        KIT_FIELD("note", LEAT_TEXT, .width = 200),
        KIT_FIELD("placed", LEAT_DATETIME, .scale = 3),
        KIT_FIELD("paid", LEAT_TIMESTAMP),
        KIT_FIELD("day", LEAT_DATE),
        KIT_FIELD("ver", LEAT_INT64, .meaning = LEAT_INT32, .flags = LEAT_FIELD_REQUIRED),
    };
    static const struct leat_field source[] = {
        KIT_FIELD("server_id", LEAT_INT64), KIT_FIELD("gtid", LEAT_TEXT), KIT_FIELD("file", LEAT_TEXT),
        KIT_FIELD("pos", LEAT_INT64),       KIT_FIELD("row", LEAT_INT64), KIT_FIELD("thread", LEAT_INT64),
        KIT_FIELD("query", LEAT_TEXT),
    };
    static const uint32_t keys[] = {0};
    static const struct leat_schema content = {.connector = "mysql", .space = "shop", .name = "orders",
        .fields = fields, .field_count = 10, .keys = keys, .key_count = 1, .source_fields = source, .source_count = 7};
    return leat_schema(&content);
}

static inline struct leat_value kit_typed(enum leat_type type, int64_t i, unsigned digits)
{
    struct leat_value value = leat_value_int(i);
    value.type = (uint8_t)type;
    value.aux = (uint16_t)digits;
    return value;
}

static inline struct leat_value kit_decimal(const char *text, unsigned scale)
{
    struct leat_value value = leat_value_string(text);
    value.type = LEAT_DECIMAL;
    value.aux = (uint16_t)scale;
    return value;
}

static inline struct leat_value kit_order(struct leat_batch *batch, int64_t id, int64_t ver)
{
    const struct leat_value items[] = {
        leat_value_int(id), leat_value_int(id % 1000), leat_value_string(ver > 1 ? "paid" : "new"),
        kit_decimal("1234.50", 2), leat_value_string("someone.like.you@mail.example"),
        leat_value_string("please leave it at the door, ring twice"),
        kit_typed(LEAT_DATETIME, LEAT_DATETIME(2026, 3, 4, 5, 6, 7, 891000), 3),
        kit_typed(LEAT_TIMESTAMP, 1772600767000000, 0), kit_typed(LEAT_DATE, LEAT_DATE(2026, 3, 5), 0),
        leat_value_int(ver),
    };
    struct leat_value row = leat_value_items(LEAT_STRUCT, items, 10);
    return leat_batch_copy_value(batch, &row);
}

/* An update with before and after. */
static inline void kit_order_update(struct leat_batch *batch, int64_t id)
{
    const struct leat_value source[] = {
        leat_value_int(223344), leat_value_string("0d2a8ab6-6e4f-11ee-8c99-0242ac120002:4711"),
        leat_value_string("mysql-bin.000003"), leat_value_int(48400 + id), leat_value_int(id % 10),
        leat_value_int(7), leat_value_null(),
    };
    const struct leat_value key = leat_value_int(id);
    struct leat_value source_struct = leat_value_items(LEAT_STRUCT, source, 7);
    struct leat_value key_struct = leat_value_items(LEAT_STRUCT, &key, 1);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("shop.orders", 11);
    rec->schema = kit_orders();
    rec->op = LEAT_UPDATE;
    rec->time_us = 1772600767000000 + id;
    rec->key = leat_batch_copy_value(batch, &key_struct);
    rec->before = kit_order(batch, id, 1);
    rec->value = kit_order(batch, id, 2);
    rec->source = leat_batch_copy_value(batch, &source_struct);
}

#endif
