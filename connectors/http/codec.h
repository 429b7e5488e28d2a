/* codec.h - an opened codec of the host. Thread: one at a time. */
#ifndef LEAT_HTTP_CODEC_H
#define LEAT_HTTP_CODEC_H

#include <leat/codec.h>

struct http_codec {
    const struct leat_codec_type *type; /* NULL: not open */
    void *self;
};

/* LEAT_STOP where there is no codec of this name. */
enum leat_status http_codec_open(struct http_codec *codec, const char *name, const char *connector,
                                 struct leat_error *err);
void http_codec_close(struct http_codec *codec);

#endif
