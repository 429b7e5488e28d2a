/* strings.c - the functions of the string library that may take long: those with patterns, and rep.
 */
#include <script/pattern.h>

static size_t start_of(lua_Integer init, size_t len)
{
    if (init > 0)
        return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)len)
        return 0;
    return (size_t)((lua_Integer)len + init);
}

static bool is_plain(const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (memchr("^$*+?.([%-", pattern[i], 10))
            return false;
    return true;
}

static int find_plain(lua_State *L, const char *s, size_t len, size_t init, const char *what,
                      size_t what_len)
{
    const char *at = what_len == 0 ? s + init : memmem(s + init, len - init, what, what_len);
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)what_len);
    return 2;
}

static int find_or_match(lua_State *L, bool is_find)
{
    script_check_stack(L);
    size_t len, pattern_len;
    const char *s = luaL_checklstring(L, 1, &len), *text = luaL_checklstring(L, 2, &pattern_len);
    size_t init = start_of(luaL_optinteger(L, 3, 1), len);
    if (init > len) {
        lua_pushnil(L);
        return 1;
    }
    if (is_find && (lua_toboolean(L, 4) || is_plain(text, pattern_len)))
        return find_plain(L, s, len, init, text, pattern_len);
    struct pattern p;
    pattern_compile(L, &p, text, pattern_len);
    p.subject = s;
    p.subject_end = s + len;
    for (const char *at = s + init; at <= p.subject_end; at++) {
        const char *end = pattern_match(&p, at);
        if (end && is_find) {
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, end - s);
            return 2 + pattern_push_captures(&p, at, end, false);
        }
        if (end)
            return pattern_push_captures(&p, at, end, true);
        if (p.is_anchored)
            break;
    }
    lua_pushnil(L);
    return 1;
}

static int find(lua_State *L)
{
    return find_or_match(L, true);
}

static int match(lua_State *L)
{
    return find_or_match(L, false);
}

/* Upvalues: subject, pattern, where to go on, end of the last match. A leading ^ is no anchor here.
 */
static int next_match(lua_State *L)
{
    script_check_stack(L);
    size_t len, pattern_len;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &len);
    const char *text = lua_tolstring(L, lua_upvalueindex(2), &pattern_len);
    const char *last = s + lua_tointeger(L, lua_upvalueindex(4));
    struct pattern p;
    pattern_compile(L, &p, text, pattern_len);
    p.subject = s;
    p.subject_end = s + len;
    for (const char *at = s + lua_tointeger(L, lua_upvalueindex(3)); at <= p.subject_end; at++) {
        const char *end = pattern_match(&p, at);
        if (!end || end == last)
            continue;
        lua_pushinteger(L, end - s);
        lua_pushvalue(L, -1);
        lua_replace(L, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return pattern_push_captures(&p, at, end, true);
    }
    lua_pushinteger(L, (lua_Integer)len + 1);
    lua_replace(L, lua_upvalueindex(3));
    return 0;
}

static int gmatch(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    size_t init = start_of(luaL_optinteger(L, 3, 1), len);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)(init > len ? len + 1 : init));
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* ---- gsub ---- */

static void add_text(struct pattern *p, luaL_Buffer *out, const char *start, const char *end)
{
    lua_State *L = p->L;
    size_t len;
    const char *text = lua_tolstring(L, 3, &len), *stop = text + len;
    while (text < stop) {
        const char *percent = memchr(text, '%', (size_t)(stop - text));
        luaL_addlstring(out, text, (size_t)((percent ? percent : stop) - text));
        if (!percent)
            return;
        char what = percent + 1 < stop ? percent[1] : '\0';
        if (what == '%') {
            luaL_addchar(out, '%');
        } else if (what == '0') {
            luaL_addlstring(out, start, (size_t)(end - start));
        } else if (what >= '1' && what <= '9') {
            pattern_push_capture(p, (uint32_t)(what - '1'), start, end);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        text = percent + 2;
    }
}

/* The replacement of one match by a table or function; false or nil keeps the match. */
static void add_value(struct pattern *p, luaL_Buffer *out, const char *start, const char *end)
{
    lua_State *L = p->L;
    if (lua_type(L, 3) == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, pattern_push_captures(p, start, end, true), 1);
    } else {
        pattern_push_capture(p, 0, start, end);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, start, (size_t)(end - start));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    } else {
        luaL_addvalue(out);
    }
}

static int gsub(lua_State *L)
{
    script_check_stack(L);
    size_t len, pattern_len;
    const char *s = luaL_checklstring(L, 1, &len), *text = luaL_checklstring(L, 2, &pattern_len);
    int type = lua_type(L, 3);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1), count = 0;
    lua_settop(L, 3);
    struct pattern p;
    pattern_compile(L, &p, text, pattern_len);
    p.subject = s;
    p.subject_end = s + len;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    const char *at = s, *last = NULL;
    while (count < most) {
        const char *end = pattern_match(&p, at);
        if (end && end != last) {
            count++;
            if (type == LUA_TFUNCTION || type == LUA_TTABLE)
                add_value(&p, &out, at, end);
            else
                add_text(&p, &out, at, end);
            at = last = end;
        } else if (at < p.subject_end) {
            luaL_addchar(&out, *at++);
        } else {
            break;
        }
        if (p.is_anchored)
            break;
    }
    luaL_addlstring(&out, at, (size_t)(p.subject_end - at));
    luaL_pushresult(&out);
    lua_pushinteger(L, count);
    return 2;
}

static int rep(lua_State *L)
{
    size_t len, between_len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *between = luaL_optlstring(L, 3, "", &between_len);
    if (n <= 0 || len + between_len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    size_t limit = script_host_of(L)->budget.memory_limit;
    if ((size_t)n > limit / (len + between_len))
        return luaL_error(L, "the string would be too large");
    luaL_Buffer out;
    char *to = luaL_buffinitsize(L, &out, (size_t)n * (len + between_len));
    size_t used = 0;
    for (lua_Integer i = 0; i < n; i++) {
        memcpy(to + used, s, len);
        used += len;
        if (i + 1 < n)
            memcpy(to + used, between, between_len), used += between_len;
    }
    luaL_pushresultsize(&out, used);
    return 1;
}

void script_strings(lua_State *L)
{
    static const luaL_Reg functions[] = {{"find", find}, {"match", match}, {"gmatch", gmatch},
                                         {"gsub", gsub}, {"rep", rep},     {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
