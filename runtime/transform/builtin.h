/* builtin.h - the built-in transforms, one file each. */
#ifndef LEAT_TRANSFORM_BUILTIN_H
#define LEAT_TRANSFORM_BUILTIN_H

#include <leat/transform.h>

extern const struct leat_transform_type leat_transform_drop;
extern const struct leat_transform_type leat_transform_keep;
extern const struct leat_transform_type leat_transform_rename;
extern const struct leat_transform_type leat_transform_set;
extern const struct leat_transform_type leat_transform_route;
extern const struct leat_transform_type leat_transform_unwrap;

#endif
