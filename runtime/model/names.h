/* names.h - the quoted names of a schema's fields, made once: `,"id":` and so on, for codecs that write objects.
 * Thread: one at a time. */
#ifndef LEAT_MODEL_NAMES_H
#define LEAT_MODEL_NAMES_H

#include <base/buffer.h>
#include <base/hash.h>
#include <leat/record.h>

struct leat_name {
    const char *text; /* ",\"id\":" */
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

/* One name of an object, with the comma before it unless it is the first. */
static inline void leat_name_put(struct leat_bytes *out, const struct leat_name *name, bool is_first)
{
    if (!leat_bytes_reserve(out, name->len + 32)) /* and a number behind it */
        return;
    memcpy(out->data + out->len, name->text + is_first, name->len - is_first);
    out->len += name->len - is_first;
}

const struct leat_names *leat_names_of(struct leat_names_cache *cache, const struct leat_schema *schema);
/* `row` and `key` as objects, by the plain rules of json.h; whatever is no STRUCT as it is. */
void leat_names_put_row(const struct leat_names *names, const struct leat_value *row, struct leat_bytes *out);
void leat_names_put_key(const struct leat_names *names, const struct leat_value *key, struct leat_bytes *out);
void leat_names_put_source(const struct leat_names *names, const struct leat_value *source, struct leat_bytes *out);

void leat_names_fini(struct leat_names_cache *cache);

#endif
