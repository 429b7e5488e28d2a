/* sandbox.c - what a script may call. No io, os, package, debug, load, coroutine; no __gc; no
 * binary chunks.
 *
 * Coroutines are left out because each has a hook of its own, which the time budget would have to
 * know. The tables of functions and, after init, the globals are seen through proxies that cannot
 * be written to.
 */
#include <script/host.h>

#include <lualib.h>

static int call_guarded(lua_State *L)
{
    script_check_stack(L);
    lua_CFunction f = (lua_CFunction)(uintptr_t)lua_touserdata(L, lua_upvalueindex(1));
    return f(L);
}

void script_push_guarded(lua_State *L, lua_CFunction f)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)f);
    lua_pushcclosure(L, call_guarded, 1);
}

static int refuse_write(lua_State *L)
{
    struct script_host *host = script_host_of(L);
    if (lua_toboolean(L, lua_upvalueindex(1)) && !host->is_frozen) {
        lua_settop(L, 3);
        lua_rawset(L, lua_upvalueindex(2));
        return 0;
    }
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    return luaL_error(
        L, "globals are read-only after init (assignment to '%s'; is a 'local' missing?)", name);
}

/* Replaces the table on top by a proxy that reads from it. */
static void push_proxy(lua_State *L, bool open_before_init)
{
    int real = lua_gettop(L);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, real);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, open_before_init);
    lua_pushvalue(L, real);
    lua_pushcclosure(L, refuse_write, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_replace(L, real);
}

/* The handler runs after the unwinding: inside the hook that raised, no budget would hold it. */
static int safe_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int count = lua_gettop(L);
    lua_pushvalue(L, 2); /* handler, f, args... */
    lua_remove(L, 2);
    lua_insert(L, 1);
    if (lua_pcall(L, count - 2, LUA_MULTRET, 0) == LUA_OK) {
        lua_pushboolean(L, 1);
        lua_replace(L, 1);
        return lua_gettop(L);
    }
    lua_call(L, 1, 1);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int safe_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    int rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    lua_pushboolean(L, rc == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int safe_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "the metatable is protected");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not for scripts");
        lua_pop(L, 1);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* Exact values are numbers too: decimals and large unsigned integers. */
static int safe_tonumber(lua_State *L)
{
    luaL_checkany(L, 1);
    if (script_exact(L, 1)) {
        script_exact_text(L, script_exact(L, 1));
        if (!lua_stringtonumber(L, lua_tostring(L, -1)))
            lua_pushnil(L);
        return 1;
    }
    if (lua_isnoneornil(L, 2)) {
        if (lua_type(L, 1) == LUA_TNUMBER) {
            lua_settop(L, 1);
            return 1;
        }
        size_t len;
        const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &len) : NULL;
        if (text && lua_stringtonumber(L, text) == len + 1)
            return 1;
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* As Lua's print: all arguments, with a blank between two (a log shows a tab as \x09). */
static int say(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer line;
    luaL_checkstack(L, 4, "too many arguments");
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&line, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    leat_say(LEAT_INFO, script_host_of(L)->name, "%s", lua_tostring(L, -1));
    return 0;
}

/* Copies the named functions of the table at the top into the table below it, guarded or not. */
static void copy_functions(lua_State *L, const char *const *names, bool guarded)
{
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        if (guarded)
            script_push_guarded(L, lua_tocfunction(L, -1)), lua_remove(L, -2);
        lua_setfield(L, -3, *names);
    }
}

static void open_base(lua_State *L)
{
    static const char *const plain[] = {"assert", "error",  "getmetatable", "ipairs",
                                        "next",   "pairs",  "rawequal",     "rawget",
                                        "rawlen", "select", "type",         NULL};
    static const char *const guarded[] = {"tostring", NULL};
    luaL_requiref(L, "_G", luaopen_base, 0);
    copy_functions(L, plain, false);
    copy_functions(L, guarded, true);
    lua_getfield(L, -1, "tonumber");
    lua_pushcclosure(L, safe_tonumber, 1);
    lua_setfield(L, -3, "tonumber");
    lua_pop(L, 1);
    script_push_guarded(L, safe_pcall);
    lua_setfield(L, -2, "pcall");
    script_push_guarded(L, safe_xpcall);
    lua_setfield(L, -2, "xpcall");
    lua_pushcfunction(L, safe_setmetatable);
    lua_setfield(L, -2, "setmetatable");
    script_push_guarded(L, say);
    lua_setfield(L, -2, "print");
    lua_pushliteral(L, LUA_VERSION);
    lua_setfield(L, -2, "_VERSION");
}

static void open_table(lua_State *L)
{
    static const char *const guarded[] = {"concat", "pack", "unpack", "sort", NULL};
    lua_newtable(L);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    copy_functions(L, guarded, true);
    lua_pop(L, 1);
    script_tables(L);
    push_proxy(L, false);
    lua_setfield(L, -2, LUA_TABLIBNAME);
}

/* ---- random numbers: the same for the same record, at every replay ---- */

static uint64_t identity(const struct leat_record *rec)
{
    const int64_t facts[] = {rec->time_us, (int64_t)rec->offset, rec->partition, rec->op};
    uint64_t hash = leat_hash(facts, sizeof facts, 0);
    if (rec->topic)
        hash = leat_hash(rec->topic->name, rec->topic->name_len, hash);
    bool is_list = rec->key.type == LEAT_STRUCT || rec->key.type == LEAT_ARRAY;
    const struct leat_value *keys = is_list ? rec->key.as.items : &rec->key;
    for (uint32_t i = 0; i < (is_list ? rec->key.len : 1); i++) {
        bool has_bytes =
            keys[i].type == LEAT_TEXT || keys[i].type == LEAT_BYTES || keys[i].type == LEAT_DECIMAL;
        bool is_number = keys[i].type == LEAT_INT64 || keys[i].type == LEAT_UINT64;
        if (has_bytes)
            hash = leat_hash(keys[i].as.bytes, keys[i].len, hash);
        else if (is_number)
            hash = leat_hash(&keys[i].as.i, sizeof keys[i].as.i, hash);
    }
    return hash;
}

/* Upvalues: math.random, math.randomseed. Seeds at the first use in each call. */
static int seeded_random(lua_State *L)
{
    struct script_host *host = script_host_of(L);
    if (host->seeded != host->serial && host->current) {
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_pushinteger(L, (lua_Integer)identity(host->current));
        lua_call(L, 1, 0);
        host->seeded = host->serial;
    }
    int count = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, 1);
    return 1;
}

static void open_math(lua_State *L)
{
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
    lua_getfield(L, -1, "random");
    lua_getfield(L, -2, "randomseed");
    lua_pushcclosure(L, seeded_random, 2);
    lua_setfield(L, -2, "random");
    lua_pushnil(L);
    lua_setfield(L, -2, "randomseed");
    push_proxy(L, false);
    lua_setfield(L, -2, LUA_MATHLIBNAME);
}

static void open_string(lua_State *L)
{
    static const char *const plain[] = {"byte",  "char", "len",      "lower",  "reverse", "sub",
                                        "upper", "pack", "packsize", "unpack", NULL};
    static const char *const guarded[] = {"format", NULL};
    lua_newtable(L);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
    copy_functions(L, plain, false);
    copy_functions(L, guarded, true);
    lua_pop(L, 1);
    script_strings(L);
    /* Methods of strings: the arithmetic of the library's metatable stays, its __index becomes
     * ours. */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
    push_proxy(L, false);
    lua_setfield(L, -2, LUA_STRLIBNAME);
}

void script_sandbox(lua_State *L)
{
    lua_newtable(L);
    open_base(L);
    open_table(L);
    open_string(L);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0);
    push_proxy(L, false);
    lua_setfield(L, -2, LUA_UTF8LIBNAME);
    open_math(L);
    script_library(L);
    push_proxy(L, false);
    lua_setfield(L, -2, "leat");
    /* The table of globals stays with the host; the script gets the proxy as its _ENV. The host's
     * own table remembers it in a metatable, which no script can reach. */
    lua_pushvalue(L, -1);
    push_proxy(L, true);
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "proxy");
    lua_setmetatable(L, -2);
    script_host_of(L)->env_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
