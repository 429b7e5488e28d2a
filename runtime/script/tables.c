/* tables.c - functions of the table library that loop over a length which a script can make up:
 * with __len, or with a sparse table whose border is far out. They look at the clock. */
#include <script/host.h>

static void shift(lua_State *L, lua_Integer from, lua_Integer to, lua_Integer step)
{
    const struct script_budget *budget = &script_host_of(L)->budget;
    for (lua_Integer i = from; i != to; i += step) {
        lua_geti(L, 1, i + step);
        lua_seti(L, 1, i);
        script_check_time(L, budget);
    }
}

static int insert(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1);
    int count = lua_gettop(L);
    if (count == 2) {
        lua_seti(L, 1, end);
        return 0;
    }
    if (count != 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    lua_Integer at = luaL_checkinteger(L, 2);
    luaL_argcheck(L, at >= 1 && at <= end, 2, "position out of bounds");
    shift(L, end, at, -1);
    lua_seti(L, 1, at);
    return 0;
}

static int take(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer end = luaL_len(L, 1);
    lua_Integer at = luaL_optinteger(L, 2, end);
    if (!lua_isnone(L, 2))
        luaL_argcheck(
            L, (at >= 1 && at <= end) || at == end || (end < LUA_MAXINTEGER && at == end + 1), 2,
            "position out of bounds");
    lua_geti(L, 1, at);
    if (at < end)
        shift(L, at, end, 1);
    lua_pushnil(L);
    lua_seti(L, 1, at < end ? end : at);
    return 1;
}

static int move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3),
                at = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, target, LUA_TTABLE);
    lua_pushvalue(L, target);
    if (to < from)
        return 1;
    if ((lua_Unsigned)to - (lua_Unsigned)from > INT32_MAX || at > LUA_MAXINTEGER - (to - from))
        return luaL_error(L, "too many elements to move");
    bool forward = at > to || at <= from || !lua_rawequal(L, 1, target);
    for (lua_Integer i = 0; i <= to - from; i++) {
        lua_Integer k = forward ? i : to - from - i;
        lua_geti(L, 1, from + k);
        lua_seti(L, target, at + k);
        script_check_time(L, &script_host_of(L)->budget);
    }
    return 1;
}

void script_tables(lua_State *L)
{
    script_push_guarded(L, insert);
    lua_setfield(L, -2, "insert");
    script_push_guarded(L, take);
    lua_setfield(L, -2, "remove");
    script_push_guarded(L, move);
    lua_setfield(L, -2, "move");
}
