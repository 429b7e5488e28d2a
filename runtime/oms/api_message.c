#include <oms/api.h>

#include <base/clock.h>
#include <model/json.h>
#include <stdio.h>

static bool is_property(const struct leat_oms_property *property)
{
    switch (property->value.type) {
    case LEAT_TEXT:
    case LEAT_BYTES:
    case LEAT_BOOL:
    case LEAT_INT64:
    case LEAT_FLOAT64:
        return strncmp(property->name, OMS_HEADER, strlen(OMS_HEADER)) != 0;
    default:
        return false;
    }
}

static enum leat_oms_status check(const struct leat_oms_message *message, struct leat_error *err)
{
    size_t len = message->topic ? strlen(message->topic) : 0;
    if (len < 1 || len > 249)
        return oms_fail(err, LEAT_OMS_BAD_REQUEST, "a topic's name has 1 to 249 bytes");
    if (message->data_len > UINT32_MAX || message->key_len > UINT32_MAX)
        return oms_fail(err, LEAT_OMS_BODY_TOO_LARGE, "topic %s: a message of 4 GiB", message->topic);
    for (size_t i = 0; i < message->property_count; i++)
        if (!is_property(&message->properties[i]))
            return oms_fail(err, LEAT_OMS_BAD_REQUEST, "topic %s: property \"%s\" is of no type that a property has, or "
                                                       "its name begins with \"" OMS_HEADER "\"",
                            message->topic, message->properties[i].name);
    return LEAT_OMS_SUCCESS;
}

static size_t put_pair(struct leat_batch *batch, struct leat_value *items, size_t at, const char *name,
                       const struct leat_value *value)
{
    struct leat_value key = leat_value_string(name);
    items[at] = leat_batch_copy_value(batch, &key);
    items[at + 1] = leat_batch_copy_value(batch, value);
    return at + 2;
}

static struct leat_value headers_of(const struct leat_oms_message *message, struct leat_batch *batch)
{
    const char *const names[] = {OMS_ID, OMS_CORRELATION, OMS_TRACE};
    const char *const texts[] = {message->message_id, message->correlation_id, message->trace_id};
    struct leat_value *items = leat_batch_alloc(batch, (message->property_count + 3) * 2 * sizeof *items);
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        struct leat_value value = leat_value_string(texts[i] ? texts[i] : "");
        if (texts[i])
            at = put_pair(batch, items, at, names[i], &value);
    }
    for (size_t i = 0; i < message->property_count; i++)
        at = put_pair(batch, items, at, message->properties[i].name, &message->properties[i].value);
    return leat_value_items(LEAT_MAP, items, at / 2);
}

enum leat_oms_status oms_message_put(struct leat_oms_message *message, struct leat_batch *batch, struct leat_error *err)
{
    enum leat_oms_status status = check(message, err);
    if (status != LEAT_OMS_SUCCESS)
        return status;
    if (message->born_timestamp == 0)
        message->born_timestamp = leat_wall_us() / 1000;
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic(message->topic, strlen(message->topic));
    rec->op = message->data ? LEAT_CREATE : LEAT_DELETE;
    rec->flags = message->data ? 0 : LEAT_TOMBSTONE;
    rec->time_us = message->born_timestamp * 1000;
    struct leat_value key = leat_value_bytes(message->key, message->key_len), data = leat_value_null();
    if (message->data)
        data = message->is_text ? leat_value_text(message->data, message->data_len)
                                : leat_value_bytes(message->data, message->data_len);
    if (message->key)
        rec->key = leat_batch_copy_value(batch, &key);
    rec->value = leat_batch_copy_value(batch, &data);
    rec->headers = headers_of(message, batch);
    return LEAT_OMS_SUCCESS;
}

/* ---- back ---- */

static const char *header(const struct leat_record *rec, struct leat_batch *batch, const char *name)
{
    const struct leat_value *value = rec->headers.type == LEAT_MAP ? leat_map_get(&rec->headers, name) : NULL;
    return value && value->type == LEAT_TEXT ? leat_batch_copy(batch, value->as.text, value->len) : NULL;
}

static void take_properties(const struct leat_record *rec, struct leat_batch *batch, struct leat_oms_message *message)
{
    const struct leat_value *pairs = rec->headers.as.items;
    struct leat_oms_property *properties = leat_batch_alloc(batch, rec->headers.len * sizeof *properties);
    size_t count = 0;
    for (uint32_t i = 0; i < rec->headers.len; i++) {
        const struct leat_value *name = &pairs[(size_t)2 * i];
        size_t own = strlen(OMS_HEADER);
        if (name->type == LEAT_TEXT && (name->len < own || memcmp(name->as.text, OMS_HEADER, own) != 0))
            properties[count++] =
                (struct leat_oms_property){leat_batch_copy(batch, name->as.text, name->len), name[1]};
    }
    message->properties = properties;
    message->property_count = count;
}

/* Rows and trees as JSON, text and bytes as they are. */
static const void *bytes_of(const struct leat_record *rec, const struct leat_value *value,
                            const struct leat_field *fields, uint32_t count, struct leat_batch *batch, size_t *len)
{
    struct leat_bytes json;
    *len = value->len;
    if (value->type == LEAT_TEXT || value->type == LEAT_BYTES || value->type == LEAT_JSON)
        return value->len ? (const void *)value->as.bytes : "";
    *len = 0;
    if (value->type == LEAT_ABSENT || value->type == LEAT_NULL)
        return NULL;
    leat_bytes_init(&json, SIZE_MAX);
    if (value->type == LEAT_STRUCT && rec->schema && value->len == count)
        leat_json_struct(&json, value, fields, count);
    else
        leat_json_value(&json, value);
    *len = json.len;
    const void *copy = leat_batch_copy(batch, json.data, json.len);
    leat_bytes_fini(&json);
    return copy;
}

static const struct leat_field *key_fields(const struct leat_schema *schema, struct leat_batch *batch)
{
    struct leat_field *fields = leat_batch_alloc(batch, schema->key_count * sizeof *fields);
    for (uint32_t i = 0; i < schema->key_count; i++)
        fields[i] = schema->fields[schema->keys[i]];
    return fields;
}

void oms_message_take(const struct leat_record *rec, struct leat_batch *batch, struct leat_oms_message *message)
{
    const struct leat_schema *schema = rec->schema;
    *message = (struct leat_oms_message){
        .topic = rec->topic->name,
        .born_timestamp = rec->time_us / 1000,
        .correlation_id = header(rec, batch, OMS_CORRELATION),
        .trace_id = header(rec, batch, OMS_TRACE),
        .is_text = rec->value.type != LEAT_BYTES,
        .partition = rec->partition,
        .offset = rec->offset,
        .store_timestamp = leat_batch_commit_us(batch, rec) / 1000,
        .record = rec,
    };
    const char *id = header(rec, batch, OMS_ID);
    snprintf(message->message_id, sizeof message->message_id, "%s", id ? id : "");
    message->key = bytes_of(rec, &rec->key, schema ? key_fields(schema, batch) : NULL, schema ? schema->key_count : 0,
                            batch, &message->key_len);
    message->data = bytes_of(rec, &rec->value, schema ? schema->fields : NULL, schema ? schema->field_count : 0, batch,
                             &message->data_len);
    if (rec->headers.type == LEAT_MAP)
        take_properties(rec, batch, message);
}
