/* script.h - the Lua 5.4 host: `lua` and `filter` as transform types. INTERFACE: docs/lua.md. */
#ifndef LEAT_SCRIPT_H
#define LEAT_SCRIPT_H

#include <leat/transform.h>

extern const struct leat_transform_type leat_transform_lua;
extern const struct leat_transform_type leat_transform_filter;

#endif
