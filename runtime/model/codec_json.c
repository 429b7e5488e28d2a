/* codec_json.c - the row alone as a JSON object (a delete is a null message), by the plain rules of json.h: decimals
 * are numbers as they are spelt, dates are ISO text, bytes base64, JSON stands inlined. */
#include <model/codecs.h>

#include <base/arena.h>
#include <model/json.h>
#include <model/names.h>

struct json_codec {
    struct leat_names_cache names;
    struct leat_arena scratch; /* of decode */
};

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct json_codec *self = arg;
    const struct leat_value *value = part == LEAT_PART_KEY ? &rec->key : &rec->value;
    (void)err;
    *is_null = value->type <= LEAT_NULL || (part == LEAT_PART_VALUE && rec->op == LEAT_DELETE);
    if (*is_null)
        return LEAT_OK;
    if (!rec->schema)
        leat_json_value(out, value);
    else if (part == LEAT_PART_KEY)
        leat_names_put_key(leat_names_of(&self->names, rec->schema), value, out);
    else
        leat_names_put_row(leat_names_of(&self->names, rec->schema), value, out);
    return LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct json_codec *self = arg;
    struct leat_value value;
    enum leat_status status = leat_json_read(bytes, len, true, &self->scratch, &value, err);
    if (status == LEAT_OK && part == LEAT_PART_KEY)
        rec->key = leat_batch_copy_value(batch, &value);
    else if (status == LEAT_OK)
        rec->value = leat_batch_copy_value(batch, &value);
    leat_arena_reset(&self->scratch);
    return status;
}

static enum leat_status open_json(void *arg, const char *connector, struct leat_error *err)
{
    struct json_codec *self = arg;
    (void)connector, (void)err;
    leat_arena_init(&self->scratch, 256 << 10);
    return LEAT_OK;
}

static void close_json(void *arg)
{
    struct json_codec *self = arg;
    leat_names_fini(&self->names);
    leat_arena_fini(&self->scratch);
}

const struct leat_codec_type leat_codec_json = {
    .struct_size = sizeof(struct leat_codec_type),
    .name = "json",
    .about = "The row alone as a JSON object.",
    .size = sizeof(struct json_codec),
    .open = open_json,
    .encode = encode,
    .decode = decode,
    .close = close_json,
};
