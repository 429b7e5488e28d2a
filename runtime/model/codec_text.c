/* codec_text.c - the value's own text or bytes, nothing around it. */
#include <model/codecs.h>

#include <base/text.h>
#include <model/json.h>

/* What of a record is its text: the value; of a row its field `line`, or its only one. */
static const struct leat_value *text_of(const struct leat_record *rec, enum leat_part part)
{
    const struct leat_value *value = part == LEAT_PART_KEY ? &rec->key : &rec->value;
    if (!rec->schema || value->type != LEAT_STRUCT)
        return value;
    int32_t line = part == LEAT_PART_VALUE ? leat_schema_find(rec->schema, "line", 4) : -1;
    if (line >= 0 && (uint32_t)line < value->len)
        return &value->as.items[line];
    return value->len == 1 ? &value->as.items[0] : value;
}

static bool has_text(const struct leat_value *value)
{
    return value->type == LEAT_TEXT || value->type == LEAT_BYTES || value->type == LEAT_JSON ||
           value->type == LEAT_DECIMAL;
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    const struct leat_value *value = text_of(rec, part);
    (void)arg, (void)err;
    *is_null = value->type <= LEAT_NULL;
    if (has_text(value))
        leat_bytes_add(out, value->as.text, value->len);
    else if (!*is_null && rec->schema && value->type == LEAT_STRUCT && part == LEAT_PART_VALUE)
        leat_json_struct(out, value, rec->schema->fields, rec->schema->field_count);
    else if (!*is_null)
        leat_json_value(out, value);
    return LEAT_OK;
}

static void set_part(struct leat_record *rec, enum leat_part part, struct leat_value value)
{
    if (part == LEAT_PART_KEY)
        rec->key = value;
    else
        rec->value = value;
}

static enum leat_status decode_text(void *arg, const void *bytes, size_t len, enum leat_part part,
                                    struct leat_batch *batch, struct leat_record *rec, struct leat_error *err)
{
    (void)arg;
    if (!leat_is_utf8(bytes, len))
        return leat_fail(err, LEAT_REJECT, "the message is no UTF-8; use format bytes");
    set_part(rec, part, leat_value_text(leat_batch_copy(batch, bytes, len), len));
    return LEAT_OK;
}

static enum leat_status decode_bytes(void *arg, const void *bytes, size_t len, enum leat_part part,
                                     struct leat_batch *batch, struct leat_record *rec, struct leat_error *err)
{
    (void)arg, (void)err;
    set_part(rec, part, leat_value_bytes(leat_batch_copy(batch, bytes, len), len));
    return LEAT_OK;
}

const struct leat_codec_type leat_codec_text = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_NO_JSON,
    .name = "text",
    .about = "The value as text; of a row its field `line`, or its only field.",
    .size = 1,
    .encode = encode,
    .decode = decode_text,
};

const struct leat_codec_type leat_codec_bytes = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_NO_JSON,
    .name = "bytes",
    .about = "The value's bytes as they are.",
    .size = 1,
    .encode = encode,
    .decode = decode_bytes,
};
