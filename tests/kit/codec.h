/* codec.h - a codec opened, asked once, closed. */
#ifndef LEAT_KIT_CODEC_H
#define LEAT_KIT_CODEC_H

#include <kit/cmocka.h>

#include <base/buffer.h>
#include <base/memory.h>
#include <model/batch.h>
#include <model/codecs.h>
#include <stdlib.h>
#include <string.h>

static inline void *kit_codec_open(const struct leat_codec_type *type)
{
    struct leat_error err = {0};
    void *self = leat_calloc(1, type->size);
    if (type->open)
        assert_status(type->open(self, "shop", &err), LEAT_OK, &err);
    return self;
}

static inline void kit_codec_close(const struct leat_codec_type *type, void *self)
{
    if (type->close)
        type->close(self);
    free(self);
}

/* `wanted` NULL: a null message. */
static inline void kit_assert_encoded(const struct leat_codec_type *type, const struct leat_record *rec,
                                      enum leat_part part, const char *wanted)
{
    struct leat_error err = {0};
    struct leat_bytes out;
    bool is_null = false;
    void *self = kit_codec_open(type);
    leat_bytes_init(&out, 1 << 20);
    for (int times = 0; times < 2; times++) { /* the second time from what the codec remembers */
        leat_bytes_clear(&out);
        assert_status(type->encode(self, rec, part, &out, &is_null, &err), LEAT_OK, &err);
        assert_int_equal(is_null, wanted == NULL);
        leat_bytes_put(&out, 0);
        if (wanted)
            assert_string_equal((char *)out.data, wanted);
    }
    leat_bytes_fini(&out);
    kit_codec_close(type, self);
}

static inline void kit_assert_not_encoded(const struct leat_codec_type *type, const struct leat_record *rec,
                                          enum leat_part part, const char *why)
{
    struct leat_error err = {0};
    struct leat_bytes out;
    bool is_null = false;
    void *self = kit_codec_open(type);
    leat_bytes_init(&out, 1 << 20);
    assert_status(type->encode(self, rec, part, &out, &is_null, &err), LEAT_REJECT, &err);
    if (!strstr(err.text, why))
        fail_msg("no \"%s\" in: %s", why, err.text);
    leat_bytes_fini(&out);
    kit_codec_close(type, self);
}

static inline enum leat_status kit_decode(const struct leat_codec_type *type, const char *text, enum leat_part part,
                                          struct leat_batch *batch, struct leat_record *rec, struct leat_error *err)
{
    void *self = kit_codec_open(type);
    char *copy = leat_strdup(text); /* gone before the record is looked at */
    enum leat_status status = type->decode(self, copy, strlen(copy), part, batch, rec, err);
    free(copy);
    kit_codec_close(type, self);
    return status;
}

#endif
