/* script.h - the Lua 5.4 host: `lua` as a transform type. INTERFACE: docs/lua.md. */
#ifndef LEAT_SCRIPT_H
#define LEAT_SCRIPT_H

#include <leat/transform.h>

extern const struct leat_transform_type leat_transform_lua;

#endif
