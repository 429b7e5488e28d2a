#include <kafka/source_record.h>

#include <base/hash.h>
#include <base/memory.h>
#include <base/text.h>
#include <leat/task.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- codecs ---- */

static enum leat_status check_codec(const char *option, const struct leat_codec_type *type, const char *name,
                                    struct leat_error *err)
{
    if (type && type->decode && !(type->traits & LEAT_CODEC_FOR_EYES))
        return LEAT_OK;
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: \"%s\" %s", option, name,
                        type ? "can only be written" : "is unknown; `leat plugins` lists what there is");
}

/* "auto": keys of change formats are JSON as their values are; those of others are mostly plain text. */
static struct leat_format format_of_key(const struct leat_format *format, const char *key_format)
{
    if (strcmp(key_format, "auto") != 0)
        return leat_format_named(key_format);
    return format->codec->traits & LEAT_CODEC_OF_ROWS ? *format : (struct leat_format){.codec = NULL};
}

enum leat_status source_coder_validate(const struct leat_format *format, const char *key_format, struct leat_error *err)
{
    bool is_auto = strcmp(key_format, "auto") == 0;
    enum leat_status status = check_codec("format", format->codec, format->codec->name, err);
    if (status != LEAT_OK || is_auto)
        return status;
    return check_codec("key_format", leat_codec(key_format), key_format, err);
}

enum leat_status source_coder_open(struct source_coder *coder, const struct leat_format *format, const char *key_format,
                                   const char *connector, struct leat_error *err)
{
    struct leat_format of_key = format_of_key(format, key_format);
    *coder = (struct source_coder){.is_debezium = strcmp(format->codec->name, "debezium") == 0};
    enum leat_status status = leat_coder_open(&coder->value, format, connector, err);
    return status == LEAT_OK && of_key.codec ? leat_coder_open(&coder->key, &of_key, connector, err) : status;
}

void source_coder_close(struct source_coder *coder)
{
    leat_coder_close(&coder->value);
    leat_coder_close(&coder->key);
}

/* ---- parts of a record ---- */

static struct leat_value copy_bytes(struct leat_batch *batch, const void *bytes, size_t len)
{
    const char *copy = leat_batch_copy(batch, bytes, len);
    return leat_is_utf8(copy, len) ? leat_value_text(copy, len) : leat_value_bytes(copy, len);
}

static struct leat_value copy_or_null(struct leat_batch *batch, const void *bytes, size_t len)
{
    return bytes ? copy_bytes(batch, bytes, len) : leat_value_null();
}

static struct leat_value copy_headers(struct leat_batch *batch, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len, count;
    if (rd_kafka_message_headers(message, &headers) || (count = rd_kafka_header_cnt(headers)) == 0)
        return (struct leat_value){.type = LEAT_ABSENT};
    struct leat_value *items = leat_batch_alloc(batch, 2 * count * sizeof *items);
    for (size_t i = 0; i < count && !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
        size_t name_len = strlen(name);
        items[2 * i] = leat_value_text(leat_batch_copy(batch, name, name_len), name_len);
        items[2 * i + 1] = copy_or_null(batch, value, len);
    }
    return leat_value_items(LEAT_MAP, items, count);
}

static struct leat_value make_source(struct leat_batch *batch, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    size_t len = strlen(topic);
    struct leat_value *items = leat_batch_alloc(batch, 6 * sizeof *items);
    items[0] = leat_value_string("topic");
    items[1] = leat_value_text(leat_batch_copy(batch, topic, len), len);
    items[2] = leat_value_string("partition");
    items[3] = leat_value_int(message->partition);
    items[4] = leat_value_string("offset");
    items[5] = leat_value_int(message->offset);
    return leat_value_items(LEAT_MAP, items, 3);
}

static int64_t time_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type), us;
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 || __builtin_mul_overflow(ms, 1000, &us) ? leat_wall_us() : us;
}

/* ---- a record ---- */

static enum leat_status decode_part(struct leat_coder *codec, enum leat_part part, const void *bytes, size_t len,
                                    struct leat_batch *batch, struct leat_record *rec, struct leat_error *err)
{
    enum leat_status status = codec->type->decode(codec->self, len ? bytes : "", len, part, batch, rec, err);
    if (status != LEAT_OK)
        leat_error_context(err, part == LEAT_PART_KEY ? "its key" : "its value");
    return status;
}

static enum leat_status decode_key(struct source_coder *coder, const rd_kafka_message_t *message, struct leat_batch *batch,
                                   struct leat_record *rec, struct leat_error *err)
{
    rec->key = leat_value_null();
    if (message->key && coder->key.type)
        return decode_part(&coder->key, LEAT_PART_KEY, message->key, message->key_len, batch, rec, err);
    rec->key = copy_or_null(batch, message->key, message->key_len);
    return LEAT_OK;
}

/* A null message. Without a key there is nothing that it could delete. */
static void note_null(const struct source_place *place, uint64_t key, struct leat_record *rec)
{
    rec->value = leat_value_null();
    rec->op = rec->key.type == LEAT_NULL ? LEAT_CREATE : LEAT_DELETE;
    if (rec->op == LEAT_DELETE && place->deleted == key)
        rec->flags |= LEAT_TOMBSTONE;
}

static enum leat_status decode(struct source_coder *coder, const rd_kafka_message_t *message, const struct source_place *place,
                               struct leat_batch *batch, struct leat_record *rec, struct leat_error *err)
{
    enum leat_status status = decode_key(coder, message, batch, rec, err);
    if (status == LEAT_OK && message->payload)
        status = decode_part(&coder->value, LEAT_PART_VALUE, message->payload, message->len, batch, rec, err);
    else if (status == LEAT_OK)
        note_null(place, source_print(message->key, message->key_len, NULL, 0), rec);
    return status;
}

static struct leat_record begin_record(const rd_kafka_message_t *message, const struct leat_topic *topic)
{
    return (struct leat_record){.topic = topic, .time_us = time_of(message), .op = LEAT_CREATE, .flags = LEAT_ENDS_TRANSACTION};
}

/* What could not be read, as it came. */
static struct leat_record raw_record(const rd_kafka_message_t *message, const struct leat_topic *topic, struct leat_batch *batch)
{
    struct leat_record rec = begin_record(message, topic);
    rec.key = copy_or_null(batch, message->key, message->key_len);
    rec.value = message->payload
                    ? leat_value_bytes(leat_batch_copy(batch, message->payload, message->len), message->len)
                    : leat_value_null();
    return rec;
}

static void move_behind(struct source_coder *coder, const rd_kafka_message_t *message, uint8_t op, struct source_place *place)
{
    bool is_delete = coder->is_debezium && op == LEAT_DELETE && message->payload;
    place->next = message->offset + 1;
    place->last = message->offset;
    place->print = source_print(message->key, message->key_len, message->payload, message->len);
    place->deleted = is_delete ? source_print(message->key, message->key_len, NULL, 0) : 0;
}

void source_record_add(struct source_coder *coder, const rd_kafka_message_t *message, const struct leat_topic *topic,
                       struct source_place *place, struct leat_batch *batch)
{
    struct leat_error why;
    struct leat_record made = begin_record(message, topic);
    uint32_t index = leat_batch_count(batch);
    int64_t time_us = made.time_us;
    enum leat_status status = decode(coder, message, place, batch, &made, &why);
    if (status != LEAT_OK)
        made = raw_record(message, topic, batch);
    made.topic = topic; /* whatever the format says */
    made.time_us = made.time_us ? made.time_us : time_us;
    made.headers = copy_headers(batch, message);
    if (made.source.type == LEAT_ABSENT)
        made.source = make_source(batch, message);
    *leat_batch_add(batch) = made;
    if (status != LEAT_OK)
        leat_batch_reject(batch, index, "kafka topic %s, partition %d, offset %lld: %s", rd_kafka_topic_name(message->rkt),
                          message->partition, (long long)message->offset, why.text);
    move_behind(coder, message, made.op, place);
}

static bool is_raw(const struct leat_value *value)
{
    return value->type == LEAT_TEXT || value->type == LEAT_BYTES;
}

enum leat_status source_record_again(struct source_coder *coder, struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err)
{
    const struct leat_record raw = *leat_batch_get(batch, index);
    struct leat_record made = {.topic = raw.topic, .time_us = raw.time_us, .op = LEAT_CREATE, .flags = raw.flags, .key = raw.key};
    enum leat_status status = LEAT_OK;
    if (is_raw(&raw.key) && coder->key.type)
        status = decode_part(&coder->key, LEAT_PART_KEY, raw.key.as.bytes, raw.key.len, batch, &made, err);
    if (status == LEAT_OK && is_raw(&raw.value))
        status = decode_part(&coder->value, LEAT_PART_VALUE, raw.value.as.bytes, raw.value.len, batch, &made, err);
    else if (status == LEAT_OK)
        note_null(&(struct source_place){.deleted = 0}, 0, &made);
    if (status != LEAT_OK)
        return LEAT_REJECT;
    made.flags &= (uint8_t)~LEAT_TOMBSTONE; /* what stood before it is long gone by */
    made.topic = raw.topic;
    made.time_us = made.time_us ? made.time_us : raw.time_us;
    made.headers = raw.headers;
    if (made.source.type == LEAT_ABSENT)
        made.source = raw.source;
    *leat_batch_edit(batch, index) = made;
    return LEAT_OK;
}
