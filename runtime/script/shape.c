/* shape.c - field numbers by the address of an interned Lua string.
 *
 * Lua keeps one copy of each short string. A shape keeps the strings that were asked for alive (in
 * a Lua table), so that their addresses stay theirs, and finds the field by address alone: no
 * hashing, no comparing of text.
 */
#include <script/host.h>

#include <base/memory.h>
#include <model/shape.h>
#include <stdlib.h>

enum { MISSES_KEPT = 64, INTERNED_MAX = 40 };

struct slot {
    const char *name; /* interned by Lua; NULL: free */
    int32_t field;    /* -1: no such field */
    const struct leat_schema *added;
};

struct script_shape {
    const struct leat_schema *schema;
    const struct leat_schema **loosened; /* by field; NULL: not asked for yet */
    struct slot *slots;
    uint32_t mask, used, room;
};

static void free_shape(void *value)
{
    struct script_shape *shape = value;
    free(shape->loosened);
    free(shape->slots);
    free(shape);
}

void script_shapes_free(struct script_host *host)
{
    leat_table_fini(&host->shapes, free_shape);
}

static struct script_shape *make(const struct leat_schema *schema)
{
    struct script_shape *shape = leat_calloc(1, sizeof *shape);
    uint32_t slots = 64;
    shape->schema = schema;
    shape->room = schema->field_count + schema->source_count + MISSES_KEPT;
    while (slots < 2 * shape->room)
        slots *= 2;
    shape->mask = slots - 1;
    shape->slots = leat_calloc(slots, sizeof shape->slots[0]);
    shape->loosened = leat_calloc(schema->field_count + 1, sizeof(void *));
    return shape;
}

struct script_shape *script_shape_of(struct script_host *host, const struct leat_schema *schema)
{
    if (host->last_shape && host->last_shape->schema == schema)
        return host->last_shape;
    struct script_shape *shape = leat_table_get(&host->shapes, &schema, sizeof schema);
    if (!shape) {
        shape = make(schema);
        leat_table_set(&host->shapes, &schema, sizeof schema, shape);
    }
    host->last_shape = shape;
    return shape;
}

static struct slot *slot_of(const struct script_shape *shape, const char *name)
{
    uint32_t at = (uint32_t)((uintptr_t)name >> 4) * 2654435761u >> 7 & shape->mask;
    while (shape->slots[at].name && shape->slots[at].name != name)
        at = (at + 1) & shape->mask;
    return &shape->slots[at];
}

/* Remembers the string at `arg`; NULL where it cannot be remembered. */
static struct slot *learn(lua_State *L, struct script_shape *shape, int arg, const char *name,
                          size_t len)
{
    if (len > INTERNED_MAX || shape->used == shape->room)
        return NULL;
    luaL_checkstack(L, 3, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script_host_of(L)->names_ref);
    lua_pushvalue(L, arg);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3); /* kept alive as long as the state */
    lua_pop(L, 1);
    struct slot *slot = slot_of(shape, name);
    *slot = (struct slot){.name = name, .field = leat_schema_find(shape->schema, name, len)};
    shape->used++;
    return slot;
}

int32_t script_shape_find(lua_State *L, struct script_host *host, struct script_shape *shape,
                          int arg)
{
    (void)host;
    size_t len;
    const char *name = lua_tolstring(L, arg, &len);
    struct slot *slot = slot_of(shape, name);
    if (!slot->name)
        slot = learn(L, shape, arg, name, len);
    return slot ? slot->field : leat_schema_find(shape->schema, name, len);
}

static const struct leat_schema *check(lua_State *L, const struct leat_schema *schema)
{
    if (!schema)
        luaL_error(L, "too many shapes of rows: does the script make up field names?");
    return schema;
}

const struct leat_schema *script_shape_loosened(lua_State *L, struct script_shape *shape,
                                                uint32_t field)
{
    if (!shape->loosened[field])
        shape->loosened[field] = leat_shape_loosen(shape->schema, field);
    return check(L, shape->loosened[field]);
}

const struct leat_schema *script_shape_added(lua_State *L, struct script_shape *shape, int arg)
{
    size_t len;
    const char *name = lua_tolstring(L, arg, &len);
    struct slot *slot = slot_of(shape, name);
    if (!slot->name)
        return check(L, leat_shape_add(shape->schema, name, len));
    if (!slot->added)
        slot->added = leat_shape_add(shape->schema, name, len);
    return check(L, slot->added);
}
