/* fieldpath.h - paths into a row: "email", "customer.*_token"; * stops at dots, and goes into STRUCT, MAP and
 * (by text keys) nowhere else. */
#ifndef LEAT_MODEL_FIELDPATH_H
#define LEAT_MODEL_FIELDPATH_H

#include <leat/record.h>

/* Splits at dots; true where `name` matches part `depth` of the path. */
bool leat_path_part_matches(const char *path, uint32_t depth, const char *name, size_t len);
uint32_t leat_path_depth(const char *path);

/* The value at a literal path in rec->value (or before, where value is NULL), or NULL. */
const struct leat_value *leat_path_get(const struct leat_record *rec, const char *path);

#endif
