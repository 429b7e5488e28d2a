#include <kafka/format.h>

#include <base/memory.h>
#include <model/coder.h>
#include <model/plain.h>
#include <model/template.h>
#include <stdlib.h>

#define FILLED_MOST ((size_t)1 << 20)

struct format {
    struct leat_coder coder;
    struct leat_template *key;
    struct leat_template **headers;
    const char *const *header_names;
    size_t header_count;
    struct leat_bytes filled;
};

/* ---- open and close ---- */

enum leat_status format_validate(const struct format_config *config, struct leat_error *err)
{
    struct format *format = NULL;
    enum leat_status status = format_open(&format, config, err);
    format_close(format);
    return status;
}

static enum leat_status open_templates(struct format *format, const struct format_config *config, struct leat_error *err)
{
    if (config->key && !(format->key = leat_template_new(config->key, false, err)))
        return LEAT_STOP;
    format->header_names = config->headers.names;
    format->headers = leat_calloc(config->headers.count + 1, sizeof *format->headers);
    for (size_t i = 0; i < config->headers.count; i++, format->header_count++)
        if (!(format->headers[i] = leat_template_new(config->headers.values[i], false, err)))
            return LEAT_STOP;
    return LEAT_OK;
}

enum leat_status format_open(struct format **format, const struct format_config *config, struct leat_error *err)
{
    struct format *made = *format = leat_calloc(1, sizeof *made);
    leat_bytes_init(&made->filled, FILLED_MOST);
    enum leat_status status = leat_coder_open(&made->coder, config->format, config->connector, err);
    return status == LEAT_OK ? open_templates(made, config, err) : status;
}

void format_close(struct format *format)
{
    if (!format)
        return;
    leat_coder_close(&format->coder);
    if (format->key)
        leat_template_free(format->key);
    for (size_t i = 0; i < format->header_count; i++)
        leat_template_free(format->headers[i]);
    free(format->headers);
    leat_bytes_fini(&format->filled);
    free(format);
}

/* ---- one record ---- */

static enum leat_status fill(struct format *format, const struct leat_template *t, const struct leat_record *rec,
                             struct leat_error *err)
{
    leat_bytes_clear(&format->filled);
    enum leat_status status = leat_template_fill(t, rec, &format->filled, err);
    if (status == LEAT_OK && format->filled.is_over)
        status = leat_fail(err, LEAT_REJECT, "a filled text is longer than 1 MiB");
    return status;
}

static enum leat_status add_key(struct format *format, const struct leat_record *rec, struct leat_bytes *bytes,
                                struct round_message *message, struct leat_error *err)
{
    bool is_null = false;
    enum leat_status status = LEAT_OK;
    message->key_at = bytes->len;
    if (format->key) {
        status = fill(format, format->key, rec, err);
        if (status == LEAT_OK)
            leat_bytes_add(bytes, format->filled.data, format->filled.len);
    } else if (rec->key.type <= LEAT_NULL) {
        is_null = true;
    } else {
        status = leat_coder_encode(&format->coder, rec, LEAT_PART_KEY, bytes, &is_null, err);
    }
    message->has_key = !is_null;
    message->key_len = (uint32_t)(bytes->len - message->key_at);
    return status;
}

/* False: a value that has no one text. */
static bool add_header(rd_kafka_headers_t *headers, const struct leat_value *name, const struct leat_value *value)
{
    char room[LEAT_PLAIN_MAX];
    size_t len = 0;
    const char *text = leat_value_plain(value, room, &len);
    if (!text && value->type != LEAT_NULL)
        return false;
    return !rd_kafka_header_add(headers, name->as.text, (ssize_t)name->len, text, (ssize_t)len);
}

static enum leat_status add_headers(struct format *format, const struct leat_record *rec, struct round_message *message,
                                    size_t *size, struct leat_error *err)
{
    size_t own = rec->headers.type == LEAT_MAP ? rec->headers.len : 0;
    if (own + format->header_count == 0)
        return LEAT_OK;
    message->headers = rd_kafka_headers_new(own + format->header_count);
    for (size_t i = 0; i < own; i++) {
        const struct leat_value *name = &rec->headers.as.items[2 * i], *value = name + 1;
        if (value->type == LEAT_ABSENT)
            continue;
        if (!add_header(message->headers, name, value))
            return leat_fail(err, LEAT_REJECT, "its header \"%.*s\" is a %s", (int)name->len, name->as.text,
                             leat_type_name(value->type));
        *size += name->len + value->len + 32;
    }
    for (size_t i = 0; i < format->header_count; i++) {
        enum leat_status status = fill(format, format->headers[i], rec, err);
        if (status != LEAT_OK)
            return status;
        rd_kafka_header_add(message->headers, format->header_names[i], -1, format->filled.data, (ssize_t)format->filled.len);
        *size += format->filled.len + strlen(format->header_names[i]) + 8;
    }
    return LEAT_OK;
}

enum leat_status format_add(struct format *format, const struct leat_record *rec, struct leat_bytes *bytes,
                            struct round_message *message, size_t *size, struct leat_error *err)
{
    bool is_null = false;
    *size = 0;
    enum leat_status status = add_key(format, rec, bytes, message, err);
    if (status != LEAT_OK)
        return status;
    message->value_at = bytes->len;
    status = leat_coder_encode(&format->coder, rec, LEAT_PART_VALUE, bytes, &is_null, err);
    message->has_value = !is_null;
    message->value_len = (uint32_t)(bytes->len - message->value_at);
    if (status == LEAT_OK && bytes->is_over)
        status = leat_fail(err, LEAT_REJECT, "it is too long");
    if (status == LEAT_OK)
        status = add_headers(format, rec, message, size, err);
    *size += message->key_len + message->value_len;
    return status;
}
