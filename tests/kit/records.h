/* records.h - random schemas, records and streams of them, from a seed. */
#ifndef LEAT_KIT_RECORDS_H
#define LEAT_KIT_RECORDS_H

#include <kit/random.h>
#include <model/batch.h>
#include <model/native.h>

/* One of 16 schemas; number 0 has neither key nor source. */
static inline const struct leat_schema *kit_schema(uint32_t number)
{
    struct leat_field fields[20], source[8];
    uint32_t keys[2];
    char names[28][16];
    struct leat_schema content = {.connector = "kit", .space = "shop", .name = names[27],
                                  .fields = fields, .keys = keys, .source_fields = source};
    number %= 16;
    snprintf(names[27], sizeof names[27], "table%u", number);
    content.field_count = 1 + number;
    content.key_count = number % 3;
    content.source_count = number ? 2 + number % 7 : 0;
    for (uint32_t i = 0; i < 28 - 1; i++)
        snprintf(names[i], sizeof names[i], "f%u", i);
    for (uint32_t i = 0; i < content.field_count; i++)
        fields[i] = (struct leat_field){.name = names[i], .type = LEAT_ABSENT, .width = i * 300,
                                        .native = "any", .labels = ""};
    for (uint32_t i = 0; i < content.source_count; i++)
        source[i] = (struct leat_field){.name = names[i], .type = LEAT_INT64, .native = "", .labels = ""};
    keys[0] = number % content.field_count;
    keys[1] = 0;
    return leat_schema(&content);
}

static inline struct leat_value kit_row(struct kit_random *random, struct leat_batch *batch,
                                        uint32_t count)
{
    struct leat_value *items =
        (struct leat_value *)leat_batch_alloc(batch, count * sizeof *items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = kit_random_value(random, &batch->arena, 2);
    return leat_value_items(LEAT_STRUCT, items, count);
}

/* Like `row`, but for about one value in four. */
static inline struct leat_value kit_row_like(struct kit_random *random, struct leat_batch *batch,
                                             const struct leat_value *row)
{
    struct leat_value like = leat_batch_copy_value(batch, row);
    struct leat_value *items = (struct leat_value *)(uintptr_t)like.as.items;
    for (uint32_t i = 0; i < like.len; i++) {
        if (kit_below(random, 4))
            continue;
        if (items[i].type == LEAT_INT64 || items[i].type == LEAT_UINT64)
            items[i].as.u += kit_random_number(random);
        else
            items[i] = kit_random_value(random, &batch->arena, 1);
    }
    return like;
}

static inline struct leat_value kit_key_of(struct leat_batch *batch, const struct leat_schema *schema,
                                           const struct leat_value *row)
{
    struct leat_value *items = (struct leat_value *)leat_batch_alloc(
        batch, schema->key_count * sizeof *items);
    for (uint32_t i = 0; i < schema->key_count; i++)
        items[i] = row->as.items[schema->keys[i]];
    struct leat_value key = leat_value_items(LEAT_STRUCT, items, schema->key_count);
    return leat_batch_copy_value(batch, &key);
}

static inline void kit_fill_row(struct kit_random *random, struct leat_batch *batch,
                                struct leat_record *rec)
{
    const struct leat_schema *schema = rec->schema;
    struct leat_value row = kit_row(random, batch, schema->field_count);
    rec->op = (uint8_t) "cudrtgsm"[kit_below(random, 8)];
    rec->value = kit_below(random, 4) ? row : leat_value_null();
    if (kit_below(random, 2))
        rec->before = kit_row_like(random, batch, &row);
    else if (kit_below(random, 4) == 0)
        rec->before = leat_value_null();
    if (kit_below(random, 4))
        rec->key = kit_key_of(batch, schema, kit_below(random, 2) && rec->before.type == LEAT_STRUCT
                                                 ? &rec->before
                                                 : &row);
    else if (kit_below(random, 2))
        rec->key = kit_random_value(random, &batch->arena, 2);
}

static inline void kit_fill_source(struct kit_random *random, struct leat_batch *batch,
                                   struct leat_record *rec)
{
    const struct leat_record *before = batch->count > 1 ? rec - 1 : NULL;
    uint32_t kind = kit_below(random, 16);
    if (kind < 10 && before && before->source.type == LEAT_STRUCT)
        rec->source = kit_row_like(random, batch, &before->source);
    else if (kind < 13 && before)
        rec->source = before->source;
    else if (kind < 15)
        rec->source = kit_row(random, batch, kit_below(random, 70));
    else
        rec->source = kit_random_value(random, &batch->arena, 2);
}

/* Appends a random record; key, rows and source relate to each other, and to the record before, as they do in
 * life, and now and then as they do not. */
static inline struct leat_record *kit_record(struct kit_random *random, struct leat_batch *batch)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("shop.orders", 11);
    rec->time_us = batch->count > 1 && kit_below(random, 8)
                       ? rec[-1].time_us + (int64_t)kit_below(random, 5000)
                       : kit_random_signed(random);
    rec->flags = (uint8_t)(kit_random(random) & 0x1f);
    if (kit_below(random, 8)) {
        rec->schema = kit_schema(kit_below(random, 16));
        kit_fill_row(random, batch, rec);
    } else {
        rec->op = LEAT_CREATE;
        rec->value = kit_random_value(random, &batch->arena, 3);
        rec->key = kit_random_value(random, &batch->arena, 1);
        rec->before = kit_random_value(random, &batch->arena, 1);
    }
    kit_fill_source(random, batch, rec);
    if (kit_below(random, 4) == 0)
        rec->headers = kit_random_of(random, &batch->arena, LEAT_MAP, 1);
    return rec;
}

/* Schema id of the streams below. */
static inline uint32_t kit_schema_id(const struct leat_schema *schema)
{
    return schema ? schema->field_count : 0;
}
static inline const struct leat_schema *kit_schema_of(uint32_t id)
{
    return id > 0 && id <= 16 ? kit_schema(id - 1) : NULL;
}

static inline void kit_put_stream(struct leat_batch *batch, int64_t base_us, struct leat_bytes *out)
{
    struct leat_native_writer writer = {.base_us = base_us};
    for (uint32_t i = 0; i < batch->count; i++)
        leat_native_put_record(&writer, out, &batch->records[i], i % 3,
                               kit_schema_id(batch->records[i].schema));
}

#endif
