/* letter.c - original: version 1 | length of the schema, u32 | schema | one record of the native stream, slot 0 */
#include <model/letter.h>

#include <base/memory.h>
#include <base/wire.h>
#include <model/codecs.h>
#include <model/native.h>
#include <stdio.h>
#include <stdlib.h>

#define VERSION  1
#define JSON_MOST ((size_t)1 << 20)
#define SCHEMA_ID 1

/* ---- writing ---- */

static struct leat_value copied(struct leat_batch *batch, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return text ? leat_value_text(leat_batch_copy(batch, text, len), len) : leat_value_null();
}

static struct leat_value as_json(struct leat_batch *batch, const struct leat_letter *letter)
{
    const struct leat_codec_type *codec = &leat_codec_native_json;
    struct leat_bytes json;
    struct leat_error err;
    bool is_null = false;
    struct leat_value value = leat_value_null();
    void *self = leat_calloc(1, codec->size ? codec->size : 1);
    leat_bytes_init(&json, JSON_MOST);
    enum leat_status status = codec->open ? codec->open(self, letter->connector, &err) : LEAT_OK;
    if (status == LEAT_OK &&
        codec->encode(self, letter->record, LEAT_PART_VALUE, &json, &is_null, &err) == LEAT_OK && !json.is_over) {
        value = leat_value_text(leat_batch_copy(batch, json.data, json.len), json.len);
        value.type = LEAT_JSON;
    }
    if (codec->close)
        codec->close(self);
    leat_bytes_fini(&json);
    free(self);
    return value;
}

static struct leat_value as_original(struct leat_batch *batch, const struct leat_letter *letter)
{
    struct leat_native_writer native = {0};
    struct leat_record rec = *letter->record;
    struct leat_bytes bytes;
    struct leat_value value = leat_value_null();
    leat_bytes_init(&bytes, letter->original_max);
    leat_bytes_put(&bytes, VERSION);
    leat_bytes_u32(&bytes, 0);
    if (rec.schema)
        leat_native_put_schema(&bytes, rec.schema);
    if (!bytes.is_over) {
        leat_set_u32(bytes.data + 1, (uint32_t)(bytes.len - 5));
        leat_native_put_record(&native, &bytes, &rec, 0, rec.schema ? SCHEMA_ID : 0);
    }
    if (!bytes.is_over)
        value = leat_value_bytes(leat_batch_copy(batch, bytes.data, bytes.len), bytes.len);
    leat_bytes_fini(&bytes);
    return value;
}

void leat_letter_write(struct leat_batch *batch, const struct leat_topic *topic, const struct leat_letter *letter,
                       struct leat_record *out)
{
    enum { FIELDS = 12 };
    const struct leat_record *rec = letter->record;
    char op[2] = {(char)rec->op, 0};
    struct leat_value time = {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = rec->time_us};
    struct leat_value died = {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = letter->died_us};
    struct leat_value pairs[2 * FIELDS] = {
        leat_value_string("error"),     copied(batch, letter->error),
        leat_value_string("stage"),     copied(batch, letter->stage),
        leat_value_string("connector"), copied(batch, letter->connector),
        leat_value_string("identity"),  copied(batch, letter->identity),
        leat_value_string("topic"),     rec->topic ? leat_value_string(rec->topic->name) : leat_value_null(),
        leat_value_string("partition"), letter->has_place ? leat_value_int(rec->partition) : leat_value_null(),
        leat_value_string("offset"),    letter->has_place ? leat_value_uint(rec->offset) : leat_value_null(),
        leat_value_string("op"),        copied(batch, op),
        leat_value_string("time"),      time,
        leat_value_string("died"),      died,
        leat_value_string("record"),    as_json(batch, letter),
        leat_value_string("original"),  as_original(batch, letter),
    };
    struct leat_value map = leat_value_items(LEAT_MAP, pairs, FIELDS);
    *out = (struct leat_record){.topic = topic,
                                .time_us = rec->time_us,
                                .op = LEAT_CREATE,
                                .flags = LEAT_ENDS_TRANSACTION};
    out->value = leat_batch_copy_value(batch, &map);
}

/* ---- reading ---- */

char *leat_letter_text(const struct leat_value *letter, const char *field, char *out, size_t size)
{
    const struct leat_value *value = letter->type == LEAT_MAP ? leat_map_get(letter, field) : NULL;
    bool is_text = value && (value->type == LEAT_TEXT || value->type == LEAT_JSON);
    snprintf(out, size, "%.*s", is_text ? (int)value->len : 0, is_text ? value->as.text : "");
    return out;
}

int64_t leat_letter_int(const struct leat_value *letter, const char *field)
{
    const struct leat_value *value = letter->type == LEAT_MAP ? leat_map_get(letter, field) : NULL;
    if (!value || (value->type != LEAT_INT64 && value->type != LEAT_UINT64 && value->type != LEAT_TIMESTAMP))
        return -1;
    return value->as.i;
}

bool leat_is_dead_topic(const char *name, size_t len)
{
    return len >= 5 && memcmp(name + len - 5, ".dead", 5) == 0;
}

bool leat_is_letter(const struct leat_record *rec)
{
    return rec->value.type == LEAT_MAP && leat_map_get(&rec->value, "error") &&
           leat_map_get(&rec->value, "connector") && leat_map_get(&rec->value, "record");
}

static const struct leat_value *original_of(const struct leat_value *letter)
{
    const struct leat_value *original = letter->type == LEAT_MAP ? leat_map_get(letter, "original") : NULL;
    return original && original->type == LEAT_BYTES ? original : NULL;
}

static bool read_schema(struct leat_cut *cut, const struct leat_schema **schema)
{
    uint32_t len = leat_cut_u32(cut);
    const uint8_t *bytes = leat_cut_bytes(cut, len);
    *schema = NULL;
    if (!bytes || len == 0)
        return bytes != NULL;
    struct leat_cut content = leat_cut(bytes, len);
    *schema = leat_native_get_schema(&content);
    return *schema != NULL;
}

bool leat_letter_original(const struct leat_value *letter, struct leat_batch *batch)
{
    const struct leat_value *original = original_of(letter);
    char topic[256];
    struct leat_native_reader native = {0};
    struct leat_native_head head;
    const struct leat_schema *schema;
    if (!original || leat_letter_text(letter, "topic", topic, sizeof topic)[0] == '\0')
        return false;
    struct leat_cut cut = leat_cut(original->as.bytes, original->len);
    if (leat_cut_u8(&cut) != VERSION || !read_schema(&cut, &schema) || !leat_native_next(&native, &cut, &head) ||
        head.schema_id != (schema ? SCHEMA_ID : 0))
        return false;
    struct leat_record rec = {.topic = leat_topic(topic, strlen(topic)), .schema = schema};
    if (!leat_native_read(&native, &head, &batch->arena, false, &rec))
        return false;
    rec.flags = (rec.flags & (uint8_t)~LEAT_DROPPED) | LEAT_ENDS_TRANSACTION;
    *leat_batch_add(batch) = rec;
    return true;
}
