/* names.h - the quoted names of a schema's fields, made once: `"id":` and so on, for codecs that write objects.
 * Thread: one at a time. */
#ifndef LEAT_MODEL_NAMES_H
#define LEAT_MODEL_NAMES_H

#include <base/buffer.h>
#include <base/hash.h>
#include <leat/record.h>

struct leat_name {
    const char *text; /* "\"id\":" */
    uint32_t len;
};

struct leat_names { /* of one schema */
    const struct leat_schema *schema;
    struct leat_name *fields, *source;
    struct leat_bytes bytes;
};

struct leat_names_cache {
    struct leat_table table; /* schema -> names */
    struct leat_names *last;
};

const struct leat_names *leat_names_of(struct leat_names_cache *cache, const struct leat_schema *schema);
void leat_names_fini(struct leat_names_cache *cache);

#endif
