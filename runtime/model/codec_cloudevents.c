/* codec_cloudevents.c - CloudEvents 1.0, structured mode, around the message of any other format:
 *
 *   {"specversion":"1.0","id":"shop.orders/0/4711","source":"/leat/shop","type":"leat.row.updated","subject":"shop.orders",
 *    "time":"2026-01-02T03:04:05.678Z","datacontenttype":"application/json","data":{...}}
 *
 *   id        the record's place: topic, partition, offset; the same however often it is sent
 *   type      leat.row.created, updated, deleted, read, truncated; leat.record of what is no row of a table
 *   subject   database and table; of other records the topic
 *   data      a JSON message as it is, text as a string; bytes are "data_base64"
 *
 * Keys and tombstones are the inner format's own.
 */
#include <model/codecs.h>

#include <base/arena.h>
#include <base/text.h>
#include <model/coder.h>
#include <model/json.h>
#include <stdio.h>

struct cloudevents {
    struct leat_format format;
    const char *source;
    /* open */
    char default_source[80];
    struct leat_coder inner;
    struct leat_bytes message; /* of the inner format, where it is no JSON */
    struct leat_arena scratch; /* of decode */
};

#define PUT(out, literal) leat_bytes_add(out, literal, sizeof(literal) - 1)

static const char *type_of(const struct leat_record *rec)
{
    if (!rec->schema)
        return "record";
    switch (rec->op) {
    case LEAT_CREATE:
        return "row.created";
    case LEAT_UPDATE:
        return "row.updated";
    case LEAT_DELETE:
        return "row.deleted";
    case LEAT_READ:
        return "row.read";
    case LEAT_TRUNCATE:
        return "row.truncated";
    default:
        return "record";
    }
}

static void put_subject(const struct leat_record *rec, struct leat_bytes *out)
{
    struct leat_bytes name;
    leat_bytes_init(&name, 4096);
    if (rec->schema)
        leat_bytes_printf(&name, "%s%s%s", rec->schema->space, *rec->schema->space ? "." : "", rec->schema->name);
    else if (rec->topic)
        leat_bytes_text(&name, rec->topic->name);
    leat_json_string(out, name.data ? (const char *)name.data : "", name.len);
    leat_bytes_fini(&name);
}

static void put_head(const struct cloudevents *self, const struct leat_record *rec, struct leat_bytes *out)
{
    const char *source = self->source ? self->source : self->default_source;
    char id[320], time[48];
    int len = snprintf(id, sizeof id, "%s/%d/%llu", rec->topic ? rec->topic->name : "", (int)rec->partition,
                       (unsigned long long)rec->offset);
    PUT(out, "{\"specversion\":\"1.0\",\"id\":");
    leat_json_string(out, id, (size_t)len);
    PUT(out, ",\"source\":");
    leat_json_string(out, source, strlen(source));
    leat_bytes_printf(out, ",\"type\":\"leat.%s\",\"subject\":", type_of(rec));
    put_subject(rec, out);
    PUT(out, ",\"time\":");
    leat_json_string(out, time, leat_text_time(time, rec->time_us, -1));
}

/* A message that is no JSON: text as a string, other bytes in base64. */
static enum leat_status put_plain(struct cloudevents *self, const struct leat_record *rec, struct leat_bytes *out, bool *is_null,
                                  struct leat_error *err)
{
    leat_bytes_clear(&self->message);
    enum leat_status status = leat_coder_encode(&self->inner, rec, LEAT_PART_VALUE, &self->message, is_null, err);
    const char *text = self->message.data ? (const char *)self->message.data : "";
    if (status != LEAT_OK || *is_null)
        return status;
    if (leat_is_utf8(text, self->message.len)) {
        PUT(out, ",\"datacontenttype\":\"text/plain\",\"data\":");
        leat_json_string(out, text, self->message.len);
    } else {
        PUT(out, ",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"");
        leat_base64_encode(out, text, self->message.len);
        leat_bytes_put(out, '"');
    }
    leat_bytes_put(out, '}');
    return LEAT_OK;
}

static enum leat_status put_event(struct cloudevents *self, const struct leat_record *rec, struct leat_bytes *out, bool *is_null,
                                  struct leat_error *err)
{
    put_head(self, rec, out);
    if (self->inner.type->traits & LEAT_CODEC_NO_JSON)
        return put_plain(self, rec, out, is_null, err);
    PUT(out, ",\"datacontenttype\":\"application/json\",\"data\":");
    enum leat_status status = leat_coder_encode(&self->inner, rec, LEAT_PART_VALUE, out, is_null, err);
    leat_bytes_put(out, '}');
    return status;
}

static enum leat_status encode(void *arg, const struct leat_record *rec, enum leat_part part, struct leat_bytes *out,
                               bool *is_null, struct leat_error *err)
{
    struct cloudevents *self = arg;
    size_t before = out->len;
    *is_null = false;
    if (part == LEAT_PART_KEY)
        return leat_coder_encode(&self->inner, rec, part, out, is_null, err);
    enum leat_status status = put_event(self, rec, out, is_null, err);
    if (*is_null)
        out->len = before;
    return status;
}

/* ---- decoding ---- */

/* What the inner format reads: text and base64 as they were, anything else as JSON again. */
static enum leat_status take_data(struct cloudevents *self, const struct leat_value *event, struct leat_error *err)
{
    const struct leat_value *data = leat_map_get(event, "data"), *base64 = leat_map_get(event, "data_base64");
    bool is_text = self->inner.type->traits & LEAT_CODEC_NO_JSON && data && data->type == LEAT_TEXT;
    leat_bytes_clear(&self->message);
    if (base64 && base64->type == LEAT_TEXT) {
        if (!leat_base64_decode(&self->message, base64->as.text, base64->len))
            return leat_fail(err, LEAT_REJECT, "its \"data_base64\" is none");
    } else if (is_text) {
        leat_bytes_add(&self->message, data->as.text, data->len);
    } else if (data) {
        leat_json_value(&self->message, data);
    } else {
        return leat_fail(err, LEAT_REJECT, "no CloudEvent: it has no \"data\"");
    }
    return LEAT_OK;
}

static enum leat_status decode(void *arg, const void *bytes, size_t len, enum leat_part part, struct leat_batch *batch,
                               struct leat_record *rec, struct leat_error *err)
{
    struct cloudevents *self = arg;
    const struct leat_codec_type *inner = self->inner.type;
    struct leat_value event;
    if (part == LEAT_PART_KEY)
        return inner->decode(self->inner.self, bytes, len, part, batch, rec, err);
    enum leat_status status = leat_json_read(bytes, len, true, &self->scratch, &event, err);
    if (status == LEAT_OK && (event.type != LEAT_MAP || !leat_map_get(&event, "specversion")))
        status = leat_fail(err, LEAT_REJECT, "no CloudEvent: it has no \"specversion\"");
    if (status == LEAT_OK)
        status = take_data(self, &event, err);
    leat_arena_reset(&self->scratch);
    const void *message = self->message.data ? self->message.data : (const void *)"";
    return status == LEAT_OK ? inner->decode(self->inner.self, message, self->message.len, part, batch, rec, err) : status;
}

static void close_cloudevents(void *arg)
{
    struct cloudevents *self = arg;
    leat_coder_close(&self->inner);
    leat_bytes_fini(&self->message);
    leat_arena_fini(&self->scratch);
}

static enum leat_status open_cloudevents(void *arg, const char *connector, struct leat_error *err)
{
    struct cloudevents *self = arg;
    if (!self->format.codec)
        self->format = leat_format_named("debezium");
    if (self->format.codec == &leat_codec_cloudevents)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "cloudevents: an event around an event says nothing more");
    snprintf(self->default_source, sizeof self->default_source, "/leat/%s", connector);
    leat_bytes_init(&self->message, SIZE_MAX);
    leat_arena_init(&self->scratch, 256 << 10);
    enum leat_status status = leat_coder_open(&self->inner, &self->format, connector, err);
    if (status != LEAT_OK)
        close_cloudevents(self);
    return status;
}

static const struct leat_option options[] = {
    {.name = "data", .type = LEAT_OPT_FORMAT, .flags = LEAT_OPT_MAIN, .offset = offsetof(struct cloudevents, format),
     .preset = "debezium", .about = "Format of what is in it.", .example = "maxwell"},
    {.name = "source", .type = LEAT_OPT_TEXT, .offset = offsetof(struct cloudevents, source),
     .about = "The events' source, a URI; without it /leat/ and the name of the pipeline.", .example = "https://example.org/shop"},
    {0}};

const struct leat_codec_type leat_codec_cloudevents = {
    .struct_size = sizeof(struct leat_codec_type),
    .name = "cloudevents",
    .about = "CloudEvents 1.0 as one JSON object, around any other format.",
    .size = sizeof(struct cloudevents),
    .options = options,
    .open = open_cloudevents,
    .encode = encode,
    .decode = decode,
    .close = close_cloudevents,
};
