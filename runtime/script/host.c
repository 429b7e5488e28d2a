/* host.c - the state: made, loaded, called, closed. */
#include <script/host.h>

#include <base/assert.h>
#include <base/memory.h>
#include <model/batch.h>
#include <stdlib.h>

/* Runs where an error is raised, possibly inside the hook: calls nothing of the script's. */
static int add_traceback(lua_State *L)
{
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
    if (!text)
        text = lua_pushfstring(L, "(an error that is a %s)", luaL_typename(L, 1));
    luaL_traceback(L, L, text, 1);
    return 1;
}

bool script_call(struct script_host *host, int args, int results)
{
    lua_State *L = host->L;
    int at = lua_gettop(L) - args;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->traceback_ref);
    lua_insert(L, at);
    host->serial++;
    script_budget_renew(&host->budget);
    int rc = lua_pcall(L, args, results, at);
    lua_remove(L, at);
    if (rc == LUA_OK)
        return true;
    if (host->budget.is_over)
        lua_sethook(L, NULL, 0, 0);
    if (rc == LUA_ERRMEM)
        lua_gc(L, LUA_GCCOLLECT, 0);
    return false;
}

void script_arena_count(lua_State *L, struct script_host *host, size_t bytes)
{
    struct script_budget *budget = &host->budget;
    leat_assert(budget->arena_used <= budget->memory_limit);
    if (bytes > budget->memory_limit - budget->arena_used)
        luaL_error(L, "the memory budget for one record is used up");
    budget->arena_used += bytes;
}

void *script_arena(lua_State *L, struct script_host *host, size_t bytes)
{
    if (!host->batch)
        luaL_error(L, "there is no record here to write to");
    script_arena_count(L, host, bytes);
    return leat_batch_alloc(host->batch, bytes);
}

/* Everything that may run out of memory, under pcall. */
static int build(lua_State *L)
{
    struct script_host *host = script_host_of(L);
    lua_pushcfunction(L, add_traceback);
    host->traceback_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->names_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    script_exact_register(L);
    script_node_register(L);
    script_view_register(L);
    script_sandbox(L);
    lua_pushcfunction(L, script_emit);
    host->emit_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    host->main = script_record_push(L, NULL);
    host->main->is_main = true;
    host->main_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* A function of the returned table, or else of the globals; the reference, or LUA_NOREF. */
static int find_function(struct script_host *host, const char *name)
{
    lua_State *L = host->L;
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_pushstring(L, name);
        lua_rawget(L, -2);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->env_ref);
        lua_pushstring(L, name);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    if (lua_type(L, -1) == LUA_TFUNCTION)
        return luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
    return LUA_NOREF;
}

/* The text of the error on the stack, which it takes off. */
static enum leat_status fail(struct script_host *host, struct leat_error *err)
{
    const char *text = lua_tostring(host->L, -1);
    leat_fail(err, LEAT_STOP, "%s", text ? text : "out of memory");
    err->cause = LEAT_CAUSE_CONFIG;
    lua_pop(host->L, 1);
    return LEAT_STOP;
}

static enum leat_status run_init(struct script_host *host, struct leat_error *err)
{
    int init = find_function(host, "init");
    if (init == LUA_NOREF)
        return LEAT_OK;
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, init);
    luaL_unref(host->L, LUA_REGISTRYINDEX, init);
    return script_call(host, 0, 0) ? LEAT_OK : fail(host, err);
}

/* Runs the chunk and init; leaves what the chunk returned on the stack. */
static enum leat_status run_chunk(struct script_host *host, const char *text, size_t len,
                                  const char *chunk, struct leat_error *err)
{
    if (luaL_loadbufferx(host->L, text, len, chunk, "t") != LUA_OK)
        return fail(host, err);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->env_ref);
    lua_getmetatable(host->L, -1);
    lua_getfield(host->L, -1, "proxy");
    lua_replace(host->L, -3);
    lua_pop(host->L, 1);
    lua_setupvalue(host->L, -2, 1);
    if (!script_call(host, 0, 1))
        return fail(host, err);
    return run_init(host, err);
}

static enum leat_status load(struct script_host *host, const char *text, size_t len,
                             const char *chunk, struct leat_error *err)
{
    enum leat_status status = run_chunk(host, text, len, chunk, err);
    if (status != LEAT_OK)
        return status;
    host->transform_ref = find_function(host, "transform");
    host->timer_ref = find_function(host, "timer");
    host->close_ref = find_function(host, "close");
    lua_settop(host->L, 0);
    host->is_frozen = true;
    if (host->transform_ref == LUA_NOREF && host->timer_ref == LUA_NOREF)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "%s: defines no function transform(record, emit)", chunk + 1);
    return LEAT_OK;
}

static int panic(lua_State *L)
{
    bool is_protected = L == NULL; /* a Lua error outside of a protected call */
    leat_assert(is_protected);
    return 0;
}

enum leat_status script_open(struct script_host *host, const char *text, size_t len,
                             const char *chunk, int64_t time_us, int64_t memory_bytes,
                             struct leat_error *err)
{
    host->transform_ref = host->timer_ref = host->close_ref = LUA_NOREF;
    host->budget.memory_limit = (size_t)memory_bytes;
    leat_table_init(&host->shapes);
    host->L = lua_newstate(script_allocate, &host->budget);
    if (!host->L)
        return leat_fail(err, LEAT_STOP, "memory: too little for a script");
    lua_atpanic(host->L, panic);
    *(struct script_host **)lua_getextraspace(host->L) = host;
    enum leat_status status = script_budget_start(&host->budget, host->L, time_us, err);
    if (status != LEAT_OK)
        return status;
    script_budget_enter(&host->budget);
    script_budget_renew(&host->budget);
    lua_pushcfunction(host->L, build);
    if (lua_pcall(host->L, 0, 0, 0) != LUA_OK)
        status = fail(host, err);
    else
        status = load(host, text, len, chunk, err);
    script_budget_leave(&host->budget);
    return status;
}

void script_close(struct script_host *host)
{
    if (!host->L)
        return;
    if (host->close_ref != LUA_NOREF && host->is_frozen) {
        script_budget_enter(&host->budget);
        lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->close_ref);
        if (!script_call(host, 0, 0))
            leat_say(LEAT_WARNING, host->name, "close: %s", lua_tostring(host->L, -1));
        script_budget_leave(&host->budget);
    }
    script_budget_stop(&host->budget);
    lua_close(host->L);
    host->L = NULL;
    script_shapes_free(host);
    free(host->emitted);
}
