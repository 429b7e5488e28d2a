#include <http/codec.h>

#include <base/memory.h>
#include <stdlib.h>

enum leat_status http_codec_open(struct http_codec *codec, const char *name, const char *connector,
                                 struct leat_error *err)
{
    const struct leat_codec_type *type = leat_codec(name);
    *codec = (struct http_codec){0};
    if (!type)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "format: there is no \"%s\"", name);
    codec->self = leat_calloc(1, type->size ? type->size : 1);
    enum leat_status status = type->open ? type->open(codec->self, connector, err) : LEAT_OK;
    if (status == LEAT_OK) {
        codec->type = type;
        return LEAT_OK;
    }
    free(codec->self);
    codec->self = NULL;
    return status;
}

void http_codec_close(struct http_codec *codec)
{
    if (!codec->type)
        return;
    if (codec->type->close)
        codec->type->close(codec->self);
    free(codec->self);
    *codec = (struct http_codec){0};
}
