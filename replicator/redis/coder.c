#include <redis/coder.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

enum leat_status coder_open(struct coder *coder, const char *format, const char *connector, struct leat_error *err)
{
    const struct leat_codec_type *type = leat_codec(format);
    char source[64];
    *coder = (struct coder){.type = NULL};
    if (!type)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "unknown format \"%s\"; `leat plugins` lists what there is", format);
    snprintf(source, sizeof source, "%.*s", (int)strcspn(connector, "."), connector);
    coder->self = leat_calloc(1, type->size ? type->size : 1);
    enum leat_status status = type->open ? type->open(coder->self, source, err) : LEAT_OK;
    if (status == LEAT_OK) {
        coder->type = type;
        return LEAT_OK;
    }
    free(coder->self);
    coder->self = NULL;
    return status;
}

void coder_close(struct coder *coder)
{
    if (!coder->type)
        return;
    if (coder->type->close)
        coder->type->close(coder->self);
    free(coder->self);
    *coder = (struct coder){.type = NULL};
}
