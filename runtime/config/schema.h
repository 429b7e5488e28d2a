/* schema.h - `leat schema`: the pipeline file as JSON Schema (2020-12), for editors. Written from the option
 * tables. It accepts whatever the loader accepts, and most mistakes are seen while typing; the loader knows more. */
#ifndef LEAT_CONFIG_SCHEMA_H
#define LEAT_CONFIG_SCHEMA_H

#include <base/buffer.h>
#include <config/catalog.h>

void leat_config_schema(struct leat_bytes *out, const struct leat_catalog *catalog);

#endif
