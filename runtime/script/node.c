/* node.c - views of MAPs and ARRAYs.
 *
 * A node knows its parent view and its place there, and looks itself up at every access: members
 * may move when their container grows, and the row may be replaced. The first write through a node
 * copies the container's array.
 */
#include <script/host.h>

#include <base/number.h>

static const char META[] = "leat.node";

struct node {
    uint64_t serial; /* of the call */
    uint64_t owned;  /* host->shares + 1 at the time of our copy; 0: not copied */
    struct leat_value key;
    uint32_t index;
};

int64_t script_map_find(const struct leat_value *map, const char *name, size_t len)
{
    for (int64_t i = (int64_t)map->len - 1; i >= 0; i--) {
        const struct leat_value *key = &map->as.items[2 * i];
        if (key->len == len && key->type == LEAT_TEXT && memcmp(key->as.text, name, len) == 0)
            return i;
    }
    return -1;
}

static void push_node(lua_State *L, int parent, const struct leat_value *key, uint32_t index)
{
    parent = lua_absindex(L, parent);
    struct node *node = lua_newuserdatauv(L, sizeof *node, 1);
    *node = (struct node){.serial = script_host_of(L)->serial, .index = index};
    if (key)
        node->key = *key;
    lua_pushvalue(L, parent);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, META);
}

void script_member_push(lua_State *L, const struct leat_value *value, int parent,
                        const struct leat_value *key, uint32_t index)
{
    if (value->type == LEAT_MAP || value->type == LEAT_ARRAY)
        push_node(L, parent, key, index);
    else if (value->type == LEAT_STRUCT)
        script_push_deep(L, value);
    else
        script_push(L, value);
}

/* Where the node's value lies, or NULL when it is gone. */
static struct leat_value *resolve(lua_State *L, int arg, bool writable);

static struct leat_value *member_of(struct leat_value *container, const struct node *node)
{
    struct leat_value *items = (struct leat_value *)(uintptr_t)container->as.items;
    if (container->type == LEAT_ARRAY)
        return node->index < container->len ? &items[node->index] : NULL;
    if (container->type != LEAT_MAP || node->key.type != LEAT_TEXT)
        return NULL;
    int64_t at = script_map_find(container, node->key.as.text, node->key.len);
    return at < 0 ? NULL : &items[2 * at + 1];
}

static void own(lua_State *L, struct node *node, struct leat_value *container)
{
    struct script_host *host = script_host_of(L);
    if (node->owned == host->shares + 1)
        return;
    size_t count = container->type == LEAT_MAP ? 2 * (size_t)container->len : container->len;
    struct leat_value *items = script_arena(L, host, (count + 1) * sizeof *items);
    if (count > 0)
        memcpy(items, container->as.items, count * sizeof *items);
    container->as.items = items;
    node->owned = host->shares + 1;
}

static struct leat_value *resolve(lua_State *L, int arg, bool writable)
{
    struct node *node = luaL_checkudata(L, arg, META);
    if (node->serial != script_host_of(L)->serial)
        luaL_error(L, "a view of a record that is over; leat.table() makes a copy to keep");
    luaL_checkstack(L, 4, NULL);
    lua_getiuservalue(L, arg, 1);
    int parent = lua_gettop(L);
    struct script_row *row = script_row_test(L, parent);
    struct leat_value *value;
    if (row) {
        value = script_row_member(L, row, &node->key, node->index, writable);
    } else {
        struct leat_value *container = resolve(L, parent, writable);
        value = container ? member_of(container, node) : NULL;
    }
    lua_settop(L, parent - 1);
    if (!value || (value->type != LEAT_MAP && value->type != LEAT_ARRAY))
        return NULL;
    if (writable)
        own(L, node, value);
    return value;
}

const struct leat_value *script_node_value(lua_State *L, int arg)
{
    return luaL_testudata(L, arg, META) ? resolve(L, arg, false) : NULL;
}

/* ---- members ---- */

void script_container_get(lua_State *L, const struct leat_value *container, int parent, int key)
{
    if (container->type == LEAT_ARRAY) {
        lua_Integer i = lua_isinteger(L, key) ? lua_tointeger(L, key) : 0;
        if (i >= 1 && i <= container->len)
            script_member_push(L, &container->as.items[i - 1], parent, NULL, (uint32_t)(i - 1));
        else
            lua_pushnil(L);
        return;
    }
    size_t len;
    const char *name = lua_type(L, key) == LUA_TSTRING ? lua_tolstring(L, key, &len) : NULL;
    int64_t at = name ? script_map_find(container, name, len) : -1;
    if (at < 0)
        lua_pushnil(L);
    else
        script_member_push(L, &container->as.items[2 * at + 1], parent,
                           &container->as.items[2 * at], 0);
}

/* Room for `count` values, of which the first `used` are the old ones. */
static struct leat_value *regrow(lua_State *L, const struct leat_value *container, size_t used,
                                 size_t count)
{
    struct leat_value *items = script_arena(L, script_host_of(L), count * sizeof *items);
    if (used > 0)
        memcpy(items, container->as.items, used * sizeof *items);
    return items;
}

static void set_in_array(lua_State *L, struct leat_value *array, int key, int arg)
{
    lua_Integer i = luaL_checkinteger(L, key);
    struct leat_value v = script_value(L, arg);
    luaL_argcheck(L, i >= 1 && i <= (lua_Integer)array->len + 1, key, "a list has no holes");
    if (v.type == LEAT_ABSENT) {
        if (i == array->len)
            array->len--;
        else if (i < array->len)
            ((struct leat_value *)(uintptr_t)array->as.items)[i - 1] = leat_value_null();
        return;
    }
    if (i > array->len) {
        array->as.items = regrow(L, array, array->len, (size_t)array->len + 1);
        array->len++;
    }
    ((struct leat_value *)(uintptr_t)array->as.items)[i - 1] = v;
}

static void remove_from_map(struct leat_value *map, int64_t at)
{
    struct leat_value *items = (struct leat_value *)(uintptr_t)map->as.items;
    memmove(&items[2 * at], &items[2 * at + 2], 2 * (size_t)(map->len - at - 1) * sizeof *items);
    map->len--;
}

static void set_in_map(lua_State *L, struct leat_value *map, int key, int arg)
{
    luaL_checktype(L, key, LUA_TSTRING);
    size_t len;
    const char *name = lua_tolstring(L, key, &len);
    struct leat_value v = script_value(L, arg);
    if (v.type == LEAT_ABSENT) { /* all of that name: a removed one must not show another */
        for (int64_t at; (at = script_map_find(map, name, len)) >= 0;)
            remove_from_map(map, at);
        return;
    }
    int64_t at = script_map_find(map, name, len);
    if (at < 0) {
        struct leat_value name_value = script_value(L, key);
        struct leat_value *items = regrow(L, map, 2 * (size_t)map->len, 2 * (size_t)map->len + 2);
        at = map->len++;
        items[2 * at] = name_value;
        map->as.items = items;
    }
    ((struct leat_value *)(uintptr_t)map->as.items)[2 * at + 1] = v;
}

void script_container_set(lua_State *L, struct leat_value *container, int key, int arg)
{
    if (container->type == LEAT_ARRAY)
        set_in_array(L, container, key, arg);
    else
        set_in_map(L, container, key, arg);
}

void script_push_names(lua_State *L, const struct leat_value *container)
{
    lua_createtable(L, (int)(container->len & INT32_MAX), 0);
    for (uint32_t i = 0; i < container->len; i++) {
        if (container->type == LEAT_ARRAY)
            lua_pushinteger(L, (lua_Integer)i + 1);
        else
            script_push(L, &container->as.items[2 * (size_t)i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static int next_name(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    if (lua_rawgeti(L, lua_upvalueindex(1), at) == LUA_TNIL)
        return 1;
    lua_pushvalue(L, -1);
    lua_gettable(L, lua_upvalueindex(3));
    return 2;
}

int script_pairs_over(lua_State *L)
{
    lua_pushinteger(L, 0);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_name, 3);
    return 1;
}

/* ---- metamethods ---- */

static int node_index(lua_State *L)
{
    const struct leat_value *value = resolve(L, 1, false);
    if (!value)
        return 0;
    script_container_get(L, value, 1, 2);
    return 1;
}

static int node_newindex(lua_State *L)
{
    struct leat_value *value = resolve(L, 1, true);
    if (!value)
        return luaL_error(L, "this member has left its record");
    script_container_set(L, value, 2, 3);
    return 0;
}

static int node_len(lua_State *L)
{
    const struct leat_value *value = resolve(L, 1, false);
    lua_pushinteger(L, value ? value->len : 0);
    return 1;
}

static int node_pairs(lua_State *L)
{
    const struct leat_value *value = resolve(L, 1, false);
    struct leat_value none = {.type = LEAT_ARRAY};
    script_push_names(L, value ? value : &none);
    return script_pairs_over(L);
}

void script_node_register(lua_State *L)
{
    static const luaL_Reg functions[] = {{"__index", node_index},
                                         {"__newindex", node_newindex},
                                         {"__len", node_len},
                                         {"__pairs", node_pairs},
                                         {NULL, NULL}};
    luaL_newmetatable(L, META);
    luaL_setfuncs(L, functions, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
