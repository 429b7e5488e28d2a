/* coder.h - one open codec. */
#ifndef LEAT_REDIS_CODER_H
#define LEAT_REDIS_CODER_H

#include <leat/codec.h>

struct coder {
    const struct leat_codec_type *type; /* NULL: not open */
    void *self;
};

/* `connector`: the name of a source or a sink; that of the source is its part up to the dot. */
enum leat_status coder_open(struct coder *coder, const char *format, const char *connector, struct leat_error *err);
void coder_close(struct coder *coder);

#endif
