/* codec_native_json.c - all that a record has, for people and for programs that want nothing left out:
 *
 *   {"topic":...,"partition":...,"offset":...,"time":...,"op":...,"key":...,"value":...,"before":...,"headers":...,"source":...}
 *
 * Values by the plain rules of json.h. It is for reading; nothing is decoded from it.
 */
#include <model/codecs.h>

#include <base/text.h>
#include <model/json.h>

static void put_struct(struct leat_bytes *out, const struct leat_value *value, const struct leat_field *fields,
                       uint32_t count)
{
    if (value->type == LEAT_STRUCT && fields)
        leat_json_struct(out, value, fields, count);
    else
        leat_json_value(out, value);
}

static void put_key(struct leat_bytes *out, const struct leat_record *rec)
{
    const struct leat_schema *schema = rec->schema;
    if (!schema || rec->key.type != LEAT_STRUCT) {
        leat_json_value(out, &rec->key);
        return;
    }
    leat_bytes_put(out, '{');
    for (uint32_t i = 0; i < schema->key_count && i < rec->key.len; i++) {
        const char *name = schema->fields[schema->keys[i]].name;
        if (i > 0)
            leat_bytes_put(out, ',');
        leat_json_string(out, name, strlen(name));
        leat_bytes_put(out, ':');
        leat_json_value(out, &rec->key.as.items[i]);
    }
    leat_bytes_put(out, '}');
}

static void put_head(struct leat_bytes *out, const struct leat_record *rec)
{
    char time[40];
    leat_bytes_text(out, "{\"topic\":");
    if (rec->topic)
        leat_json_string(out, rec->topic->name, rec->topic->name_len);
    else
        leat_bytes_text(out, "null");
    leat_text_time(time, rec->time_us, 6);
    leat_bytes_printf(out, ",\"partition\":%d,\"offset\":%llu,\"time\":\"%s\",\"op\":\"%c\"", rec->partition,
                      (unsigned long long)rec->offset, time, rec->op ? rec->op : '?');
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    const struct leat_schema *schema = rec->schema;
    const struct leat_field *fields = schema ? schema->fields : NULL;
    uint32_t count = schema ? schema->field_count : 0;
    (void)arg, (void)err;
    *is_null = part == LEAT_PART_KEY && rec->key.type <= LEAT_NULL;
    if (part == LEAT_PART_KEY) {
        if (!*is_null)
            put_key(out, rec);
        return LEAT_OK;
    }
    put_head(out, rec);
    leat_bytes_text(out, ",\"key\":");
    put_key(out, rec);
    leat_bytes_text(out, ",\"value\":");
    put_struct(out, &rec->value, fields, count);
    leat_bytes_text(out, ",\"before\":");
    put_struct(out, &rec->before, fields, count);
    leat_bytes_text(out, ",\"headers\":");
    leat_json_value(out, &rec->headers);
    leat_bytes_text(out, ",\"source\":");
    put_struct(out, &rec->source, schema ? schema->source_fields : NULL, schema ? schema->source_count : 0);
    leat_bytes_put(out, '}');
    return LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    (void)arg, (void)bytes, (void)len, (void)part, (void)batch, (void)rec;
    return leat_fail(err, LEAT_REJECT, "format native-json is for reading by people; send json or debezium");
}

const struct leat_codec_type leat_codec_native_json = {
    .struct_size = sizeof(struct leat_codec_type),
    .name = "native-json",
    .about = "Everything that a record has, as JSON.",
    .size = 1,
    .encode = encode,
    .decode = decode,
};
