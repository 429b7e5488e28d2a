/* codec_json.c - the row alone as a JSON object (a delete is a null message), by the plain rules of json.h: decimals
 * are numbers as they are spelt, dates are ISO text, bytes base64, JSON stands inlined. */
#include <model/codecs.h>

#include <model/json.h>
#include <model/names.h>

struct json_codec {
    struct leat_names_cache names;
};

static void put_struct(const struct leat_names *names, const struct leat_value *row, struct leat_bytes *out)
{
    bool is_first = true;
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < names->schema->field_count && i < row->len; i++) {
        if (row->as.items[i].type == LEAT_ABSENT)
            continue;
        if (!is_first)
            leat_bytes_put(out, ',');
        is_first = false;
        leat_bytes_add(out, names->fields[i].text, names->fields[i].len);
        leat_json_value(out, &row->as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static void put_key(const struct leat_names *names, const struct leat_value *key, struct leat_bytes *out)
{
    const struct leat_schema *schema = names->schema;
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < key->len; i++) {
        if (i > 0)
            leat_bytes_put(out, ',');
        leat_bytes_add(out, names->fields[schema->keys[i]].text, names->fields[schema->keys[i]].len);
        leat_json_value(out, &key->as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct json_codec *self = arg;
    const struct leat_value *value = part == LEAT_PART_KEY ? &rec->key : &rec->value;
    (void)err;
    *is_null = value->type <= LEAT_NULL || (part == LEAT_PART_VALUE && rec->op == LEAT_DELETE);
    if (*is_null)
        return LEAT_OK;
    if (!rec->schema || value->type != LEAT_STRUCT)
        leat_json_value(out, value);
    else if (part == LEAT_PART_KEY)
        put_key(leat_names_of(&self->names, rec->schema), value, out);
    else
        put_struct(leat_names_of(&self->names, rec->schema), value, out);
    return LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct leat_arena arena;
    struct leat_value value;
    (void)arg;
    leat_arena_init(&arena, 0);
    enum leat_status status = leat_json_read(bytes, len, true, &arena, &value, err);
    if (status == LEAT_OK && part == LEAT_PART_KEY)
        rec->key = leat_batch_copy_value(batch, &value);
    else if (status == LEAT_OK)
        rec->value = leat_batch_copy_value(batch, &value);
    leat_arena_fini(&arena);
    return status;
}

static void close_json(void *arg)
{
    struct json_codec *self = arg;
    leat_names_fini(&self->names);
}

const struct leat_codec_type leat_codec_json = {
    .struct_size = sizeof(struct leat_codec_type),
    .name = "json",
    .about = "The row alone as a JSON object.",
    .size = sizeof(struct json_codec),
    .encode = encode,
    .decode = decode,
    .close = close_json,
};
