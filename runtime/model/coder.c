#include <model/coder.h>

#include <base/memory.h>
#include <model/codecs.h>
#include <stdio.h>
#include <stdlib.h>

struct leat_format leat_format_named(const char *name)
{
    return (struct leat_format){.codec = leat_codec(name)};
}

static enum leat_status open_codec(const struct leat_codec_type *type, const void *options, const char *connector,
                                   void **self, struct leat_error *err)
{
    *self = leat_calloc(1, type->size ? type->size : 1);
    if (options)
        memcpy(*self, options, type->size);
    enum leat_status status = type->open ? type->open(*self, connector, err) : LEAT_OK;
    if (status != LEAT_OK) {
        free(*self);
        *self = NULL;
    }
    return status;
}

static void close_codec(const struct leat_codec_type *type, void *self)
{
    if (self && type->close)
        type->close(self);
    free(self);
}

enum leat_status leat_coder_open(struct leat_coder *coder, const struct leat_format *format, const char *connector,
                                 struct leat_error *err)
{
    char source[64];
    *coder = (struct leat_coder){.type = format->codec};
    if (!coder->type)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "there is no such format; `leat plugins` lists what there is");
    snprintf(source, sizeof source, "%.*s", (int)strcspn(connector, "."), connector);
    enum leat_status status = open_codec(coder->type, format->self, source, &coder->self, err);
    if (status == LEAT_OK && (coder->type->traits & LEAT_CODEC_OF_ROWS)) {
        coder->plain = &leat_codec_json;
        status = open_codec(coder->plain, NULL, source, &coder->plain_self, err);
    }
    if (status != LEAT_OK)
        leat_coder_close(coder);
    return status;
}

void leat_coder_close(struct leat_coder *coder)
{
    close_codec(coder->type, coder->self);
    close_codec(coder->plain, coder->plain_self);
    *coder = (struct leat_coder){.type = NULL};
}

enum leat_status leat_format_validate(const struct leat_format *format, struct leat_error *err)
{
    struct leat_coder coder;
    enum leat_status status = leat_coder_open(&coder, format, "check", err);
    leat_coder_close(&coder);
    return status;
}

enum leat_status leat_coder_encode(const struct leat_coder *coder, const struct leat_record *rec, enum leat_part part,
                                   struct leat_bytes *out, bool *is_null, struct leat_error *err)
{
    bool is_plain = !rec->schema && coder->plain;
    const struct leat_codec_type *type = is_plain ? coder->plain : coder->type;
    return type->encode(is_plain ? coder->plain_self : coder->self, rec, part, out, is_null, err);
}
