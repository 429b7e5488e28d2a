#include <oms/decode.h>

#include <base/memory.h>
#include <model/json.h>
#include <oms/inside.h>
#include <stdlib.h>

struct oms_decoder {
    struct leat_table schemas; /* u32 -> schema */
    struct leat_batch *batch;
};

struct oms_decoder *oms_decoder_new(void)
{
    struct oms_decoder *decoder = leat_calloc(1, sizeof *decoder);
    leat_table_init(&decoder->schemas);
    decoder->batch = leat_batch_new(1 << 20, 65536);
    return decoder;
}

void oms_decoder_free(struct oms_decoder *decoder)
{
    leat_table_fini(&decoder->schemas, NULL);
    leat_batch_free(decoder->batch);
    free(decoder);
}

/* ---- schemas ---- */

static bool schema_id(const void *key, size_t len, uint32_t *id)
{
    struct leat_cut cut = leat_cut(key, len);
    if (len != 5 || leat_cut_u8(&cut) != STATE_SCHEMA)
        return false;
    *id = (uint32_t)leat_cut_be(&cut, 4);
    return true;
}

void oms_decoder_state(struct oms_decoder *decoder, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set)
{
    uint32_t id;
    struct leat_cut cut = leat_cut(value, value_len);
    if (!schema_id(key, key_len, &id))
        return;
    const struct leat_schema *schema = is_set ? leat_native_get_schema(&cut) : NULL;
    if (schema)
        leat_table_set(&decoder->schemas, &id, sizeof id, (void *)schema);
    else
        leat_table_remove(&decoder->schemas, &id, sizeof id);
}

/* ---- records ---- */

bool oms_decoder_records(struct oms_decoder *decoder, uint16_t record_format, const uint8_t *stream, size_t len,
                         const struct leat_topic *const *topics, uint32_t topic_count, oms_decoder_f *each, void *arg,
                         const char **why)
{
    struct leat_cut cut = leat_cut(stream, len);
    struct leat_native_reader reader = {0};
    struct leat_native_head head;
    *why = "the records are of a format that a newer leat wrote";
    if (record_format != LEAT_NATIVE_FORMAT)
        return false;
    while (leat_cut_left(&cut) > 0) {
        *why = "a record cannot be decoded";
        if (!leat_native_next(&reader, &cut, &head) || head.topic_slot >= topic_count)
            return false;
        leat_batch_reset(decoder->batch);
        struct leat_record *rec = leat_batch_add(decoder->batch);
        rec->topic = topics ? topics[head.topic_slot] : NULL;
        rec->schema = head.schema_id ? leat_table_get(&decoder->schemas, &head.schema_id, sizeof head.schema_id) : NULL;
        *why = "the schema of a record is not known";
        if (head.schema_id && !rec->schema)
            return false;
        *why = "a record cannot be decoded";
        if (!(each ? leat_native_read(&reader, &head, &decoder->batch->arena, false, rec) : leat_native_skip(&reader, &head, rec->schema)))
            return false;
        if (each)
            each(arg, head.topic_slot, rec);
    }
    return true;
}

/* ---- state ---- */

static void put_value_text(struct leat_cut *cut, struct leat_bytes *out)
{
    struct leat_arena arena;
    struct leat_value value;
    leat_arena_init(&arena, 0);
    if (leat_native_get_value(cut, &arena, &value))
        leat_json_value(out, &value);
    leat_arena_fini(&arena);
}

const char *oms_decoder_name(const void *key, size_t key_len, struct leat_bytes *connector, struct leat_bytes *name)
{
    static const char *const names[][2] = {{"p", "position"}, {"t", "transform"}, {"h", "hint"}, {"i", "intent"}, {"e", "epoch"}};
    struct leat_cut cut = leat_cut(key, key_len);
    uint32_t id;
    if (schema_id(key, key_len, &id)) {
        leat_bytes_printf(name, "%u", id);
        return "schema";
    }
    char kind = (char)leat_cut_u8(&cut);
    size_t left = leat_cut_left(&cut);
    const char *text = (const char *)cut.at, *end = left ? memchr(text, 0, left) : NULL;
    for (size_t i = 0; end && i < sizeof names / sizeof names[0]; i++) {
        if (names[i][0][0] != kind)
            continue;
        leat_bytes_text(connector, text);
        leat_cut_bytes(&cut, (size_t)(end - text) + 1);
        if (kind == STATE_EPOCH)
            leat_bytes_printf(name, "%llu", (unsigned long long)leat_cut_be(&cut, 4));
        else
            put_value_text(&cut, name);
        return names[i][1];
    }
    return NULL;
}

static void put_hex(const uint8_t *bytes, size_t len, struct leat_bytes *json)
{
    leat_bytes_text(json, "\"");
    for (size_t i = 0; i < len; i++)
        leat_bytes_printf(json, "%02x", bytes[i]);
    leat_bytes_text(json, "\"");
}

void oms_decoder_value(const void *key, size_t key_len, const void *value, size_t value_len, struct leat_bytes *json)
{
    struct leat_cut cut = leat_cut(value, value_len);
    char kind = key_len ? *(const char *)key : '\0';
    size_t before = json->len;
    uint32_t id;
    if (schema_id(key, key_len, &id)) {
        const struct leat_schema *schema = leat_native_get_schema(&cut);
        if (schema) {
            leat_bytes_text(json, "{\"space\": ");
            leat_json_string(json, schema->space, strlen(schema->space));
            leat_bytes_text(json, ", \"name\": ");
            leat_json_string(json, schema->name, strlen(schema->name));
            leat_bytes_printf(json, ", \"fields\": %u}", schema->field_count);
        }
    }
    if (kind == STATE_EPOCH && value_len == 8)
        leat_bytes_printf(json, "%llu", (unsigned long long)leat_cut_u64(&cut));
    else if (kind && strchr("pthi", kind))
        put_value_text(&cut, json);
    if (json->len == before)
        put_hex(value, value_len, json);
}
