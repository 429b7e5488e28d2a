/* codec_native_json.c - all that a record has, for people and for programs that want nothing left out:
 *
 *   {"topic":...,"partition":...,"offset":...,"time":...,"op":...,"key":...,"value":...,"before":...,
 *    "headers":...,"source":...}
 *
 * Values by the plain rules of json.h. It is for reading; nothing is decoded from it.
 */
#include <model/codecs.h>

#include <model/json.h>
#include <model/names.h>

struct native_json {
    struct leat_names_cache names;
};

static void put_head(struct leat_bytes *out, const struct leat_record *rec)
{
    struct leat_value number = leat_value_int(rec->partition), offset = leat_value_uint(rec->offset);
    struct leat_value time = {.type = LEAT_TIMESTAMP, .aux = 6, .as.i = rec->time_us};
    char op = (char)rec->op;
    leat_bytes_text(out, "{\"topic\":");
    if (rec->topic)
        leat_json_string(out, rec->topic->name, rec->topic->name_len);
    else
        leat_bytes_text(out, "null");
    leat_bytes_text(out, ",\"partition\":");
    leat_json_value(out, &number);
    leat_bytes_text(out, ",\"offset\":");
    leat_json_value(out, &offset);
    leat_bytes_text(out, ",\"time\":");
    leat_json_value(out, &time);
    leat_bytes_text(out, ",\"op\":");
    if (op)
        leat_json_string(out, &op, 1);
    else
        leat_bytes_text(out, "null");
}

static void put_key(struct native_json *self, const struct leat_record *rec, struct leat_bytes *out)
{
    if (rec->schema)
        leat_names_put_key(leat_names_of(&self->names, rec->schema), &rec->key, out);
    else
        leat_json_value(out, &rec->key);
}

static void put_row(struct native_json *self, const struct leat_record *rec, const struct leat_value *row,
                    struct leat_bytes *out)
{
    if (rec->schema)
        leat_names_put_row(leat_names_of(&self->names, rec->schema), row, out);
    else
        leat_json_value(out, row);
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct native_json *self = arg;
    (void)err;
    *is_null = part == LEAT_PART_KEY && rec->key.type <= LEAT_NULL;
    if (part == LEAT_PART_KEY) {
        if (!*is_null)
            put_key(self, rec, out);
        return LEAT_OK;
    }
    put_head(out, rec);
    leat_bytes_text(out, ",\"key\":");
    put_key(self, rec, out);
    leat_bytes_text(out, ",\"value\":");
    put_row(self, rec, &rec->value, out);
    leat_bytes_text(out, ",\"before\":");
    put_row(self, rec, &rec->before, out);
    leat_bytes_text(out, ",\"headers\":");
    leat_json_value(out, &rec->headers);
    leat_bytes_text(out, ",\"source\":");
    if (rec->schema)
        leat_names_put_source(leat_names_of(&self->names, rec->schema), &rec->source, out);
    else
        leat_json_value(out, &rec->source);
    leat_bytes_put(out, '}');
    return LEAT_OK;
}

static void close_native_json(void *arg)
{
    struct native_json *self = arg;
    leat_names_fini(&self->names);
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    (void)arg, (void)bytes, (void)len, (void)part, (void)batch, (void)rec;
    return leat_fail(err, LEAT_REJECT, "format native-json is for reading by people; send json or debezium");
}

const struct leat_codec_type leat_codec_native_json = {
    .struct_size = sizeof(struct leat_codec_type),
    .traits = LEAT_CODEC_FOR_EYES,
    .name = "native-json",
    .about = "Everything that a record has, as JSON.",
    .size = sizeof(struct native_json),
    .encode = encode,
    .decode = decode,
    .close = close_native_json,
};
