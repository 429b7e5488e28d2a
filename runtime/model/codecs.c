#include <model/codecs.h>

#define CODECS_MOST 32

/* Built-in ones, and behind them those of plug-ins: written before threads start. */
static const struct leat_codec_type *codecs[CODECS_MOST + 1] = {
    &leat_codec_debezium, &leat_codec_maxwell, &leat_codec_canal, &leat_codec_cloudevents, &leat_codec_native_json, &leat_codec_json, &leat_codec_text, &leat_codec_bytes,
};

const struct leat_codec_type *leat_codec(const char *name)
{
    for (size_t i = 0; codecs[i]; i++)
        if (strcmp(codecs[i]->name, name) == 0)
            return codecs[i];
    return NULL;
}

bool leat_codec_add(const struct leat_codec_type *type)
{
    size_t count = 0;
    while (codecs[count])
        count++;
    if (leat_codec(type->name) || count == CODECS_MOST)
        return false;
    codecs[count] = type;
    return true;
}

const struct leat_codec_type *const *leat_codecs(void)
{
    return codecs;
}
