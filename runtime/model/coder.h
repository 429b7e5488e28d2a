/* coder.h - a format, opened: what sinks write messages with and sources read them with.
 *
 *   format: maxwell                               options as they are by default
 *   format: {debezium: {decimals: string}}        an option of type LEAT_OPT_FORMAT, bound by config
 *
 * A format made for rows of tables (LEAT_CODEC_OF_ROWS) leaves records without a schema to json.
 * Thread: one at a time.
 */
#ifndef LEAT_MODEL_CODER_H
#define LEAT_MODEL_CODER_H

#include <leat/codec.h>

struct leat_coder {
    const struct leat_codec_type *type; /* NULL: not open */
    void *self;
    const struct leat_codec_type *plain; /* for records without a schema, or NULL: `type` takes them */
    void *plain_self;
};

/* The format of this name with its defaults; `codec` is NULL where there is none. */
struct leat_format leat_format_named(const char *name);

/* `connector` is a source, or a sink: its source is the part up to the dot. STOP: the format's options go not together; the
 * coder is closed then. */
enum leat_status leat_coder_open(struct leat_coder *coder, const struct leat_format *format, const char *connector,
                                 struct leat_error *err);
void leat_coder_close(struct leat_coder *coder); /* also one that is zeroed */

/* Opens and closes it: for validate() of plug-ins. */
enum leat_status leat_format_validate(const struct leat_format *format, struct leat_error *err);

enum leat_status leat_coder_encode(const struct leat_coder *coder, const struct leat_record *rec, enum leat_part part,
                                   struct leat_bytes *out, bool *is_null, struct leat_error *err);

#endif
