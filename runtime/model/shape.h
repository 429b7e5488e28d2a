/* shape.h - schemas derived from schemas, cached: what transforms and scripts do to the shape of a row.
 *
 * Any thread. NULL: refused, see each; also a name with a zero byte, no such field, or LEAT_SCHEMA_MAX reached. */
#ifndef LEAT_MODEL_SHAPE_H
#define LEAT_MODEL_SHAPE_H

#include <leat/record.h>

/* The schema without the fields for which keep[i] is false; keys that go are refused (NULL). */
const struct leat_schema *leat_shape_keep(const struct leat_schema *schema, const bool *keep);
/* With one more field at the end (type any: values say their own); the same schema where it is there. */
const struct leat_schema *leat_shape_add(const struct leat_schema *schema, const char *name, size_t len);
/* Refused where another field has that name. */
const struct leat_schema *leat_shape_rename(const struct leat_schema *schema, uint32_t field,
                                            const char *name, size_t len);
/* Field `field` may now hold any type (a script put another one in). */
const struct leat_schema *leat_shape_loosen(const struct leat_schema *schema, uint32_t field);

#endif
