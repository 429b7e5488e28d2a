/* codec.h - one record to one message and back.
 *
 * encode() appends the message to a bytes buffer that grows up to its maximum; decode() fills a record
 * whose memory is the batch's. Both are pure but for codecs that ask a registry (they may answer
 * LEAT_RETRY). Thread: one instance, one thread.
 */
#ifndef LEAT_CODEC_H
#define LEAT_CODEC_H

#include <leat/option.h>
#include <leat/record.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_bytes; /* a growing buffer of at most `max_bytes`; one thread at a time */
struct leat_bytes *leat_bytes_new(size_t max_bytes);
void leat_bytes_free(struct leat_bytes *bytes); /* NULL is fine */
void leat_bytes_add(struct leat_bytes *bytes, const void *data, size_t len);
void leat_bytes_clear(struct leat_bytes *bytes); /* keeps the memory */
size_t leat_bytes_count(const struct leat_bytes *bytes);
void leat_bytes_cut(struct leat_bytes *bytes, size_t len); /* back to `len` bytes, once more within the maximum */
/* What is in it, until the next add; NULL once more than the maximum was asked for (nothing of that was added). */
const char *leat_bytes_data(const struct leat_bytes *bytes);

enum leat_part { LEAT_PART_VALUE, LEAT_PART_KEY };

enum leat_codec_trait {
    LEAT_CODEC_OF_ROWS = 1,   /* for rows of tables: sinks write records without a schema as json */
    LEAT_CODEC_NO_JSON = 2,   /* its messages are no JSON texts */
    LEAT_CODEC_FOR_EYES = 4,  /* what it writes is not made to be read back */
};

struct leat_codec_type {
    uint32_t struct_size;
    uint32_t traits; /* enum leat_codec_trait */
    const char *name, *about;
    size_t size;
    const struct leat_option *options;

    /* `connector` is the name that stands in Debezium's source.name. */
    enum leat_status (*open)(void *self, const char *connector, struct leat_error *err);
    /* Appends the part's bytes, nothing else (no newline). *is_null: the message is a null (tombstone). */
    enum leat_status (*encode)(void *self, const struct leat_record *rec, enum leat_part part,
                               struct leat_bytes *out, bool *is_null, struct leat_error *err);
    /* Fills the part of `rec`; LEAT_REJECT for bytes that are no such message. */
    enum leat_status (*decode)(void *self, const void *bytes, size_t len, enum leat_part part,
                               struct leat_batch *batch, struct leat_record *rec,
                               struct leat_error *err);
    void (*close)(void *self);
};

/* A built-in or plugged-in codec by name, or NULL. */
const struct leat_codec_type *leat_codec(const char *name);

#ifdef __cplusplus
}
#endif
#endif
