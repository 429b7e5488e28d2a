/* exact.c - scalars that Lua has no type for: unsigned integers above 2^63-1, decimals, bytes,
 * dates and times, JSON text. A userdata that holds the value and its bytes; immutable. */
#include <script/host.h>

#include <base/number.h>
#include <base/text.h>
#include <stdio.h>

static const char META[] = "leat.exact";

static bool has_bytes(uint8_t type)
{
    return type == LEAT_DECIMAL || type == LEAT_TEXT || type == LEAT_BYTES || type == LEAT_JSON;
}

void script_exact_push(lua_State *L, const struct leat_value *value)
{
    size_t bytes = has_bytes(value->type) ? value->len : 0;
    struct leat_value *v = lua_newuserdatauv(L, sizeof *v + bytes, 0);
    *v = *value;
    if (bytes > 0)
        memcpy(v + 1, value->as.bytes, bytes);
    if (has_bytes(value->type))
        v->as.bytes = (const uint8_t *)(v + 1);
    luaL_setmetatable(L, META);
}

const struct leat_value *script_exact(lua_State *L, int arg)
{
    return lua_type(L, arg) == LUA_TUSERDATA ? luaL_testudata(L, arg, META) : NULL;
}

void script_push(lua_State *L, const struct leat_value *value)
{
    switch ((enum leat_type)value->type) {
    case LEAT_ABSENT:
    case LEAT_NULL:
        lua_pushnil(L);
        return;
    case LEAT_BOOL:
        lua_pushboolean(L, value->as.b);
        return;
    case LEAT_INT64:
        lua_pushinteger(L, value->as.i);
        return;
    case LEAT_UINT64:
        if (value->as.u <= INT64_MAX)
            lua_pushinteger(L, (lua_Integer)value->as.u);
        else
            script_exact_push(L, value);
        return;
    case LEAT_FLOAT64:
        lua_pushnumber(L, value->as.f);
        return;
    case LEAT_TEXT:
        lua_pushlstring(L, value->as.text, value->len);
        return;
    default:
        script_exact_push(L, value);
    }
}

static void add_fraction(char *out, size_t cap, const struct leat_value *value, int32_t us)
{
    int digits = value->aux <= 6 ? value->aux : 6;
    size_t len = strlen(out);
    if (digits > 0)
        snprintf(out + len, cap - len, ".%06d", (int)us), out[len + 1 + (size_t)digits] = '\0';
}

static void push_time_text(lua_State *L, const struct leat_value *value)
{
    struct leat_parts p;
    char out[64] = "";
    if (value->type == LEAT_TIMESTAMP) {
        if (value->flags & LEAT_VALUE_ZERO)
            lua_pushliteral(L, "0000-00-00 00:00:00");
        else
            lua_pushlstring(L, out,
                            leat_text_time(out, value->as.i, value->aux <= 6 ? value->aux : 6));
        return;
    }
    leat_value_parts(value, &p);
    if (value->type == LEAT_DATE)
        snprintf(out, sizeof out, "%04d-%02d-%02d", (int)p.year, (int)p.month, (int)p.day);
    else if (value->type == LEAT_TIME)
        snprintf(out, sizeof out, "%s%02d:%02d:%02d", p.is_negative ? "-" : "", (int)p.hour,
                 (int)p.minute, (int)p.second);
    else
        snprintf(out, sizeof out, "%04d-%02d-%02d %02d:%02d:%02d", (int)p.year, (int)p.month,
                 (int)p.day, (int)p.hour, (int)p.minute, (int)p.second);
    if (value->type != LEAT_DATE)
        add_fraction(out, sizeof out, value, p.us);
    lua_pushstring(L, out);
}

void script_exact_text(lua_State *L, const struct leat_value *value)
{
    char out[LEAT_NUMBER_MAX];
    if (has_bytes(value->type))
        lua_pushlstring(L, value->as.text, value->len);
    else if (value->type == LEAT_UINT64)
        lua_pushlstring(L, out, leat_print_u64(out, value->as.u));
    else if (value->type == LEAT_NULL)
        lua_pushliteral(L, "null");
    else
        push_time_text(L, value);
}

static const struct leat_value *check(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, META);
}

static int to_text(lua_State *L)
{
    script_exact_text(L, check(L, 1));
    return 1;
}

static int length(lua_State *L)
{
    const struct leat_value *v = check(L, 1);
    if (!has_bytes(v->type))
        return luaL_error(L, "a %s has no length", leat_type_name(v->type));
    lua_pushinteger(L, v->len);
    return 1;
}

/* text .. exact and exact .. text */
static int concat(lua_State *L)
{
    for (int arg = 1; arg <= 2; arg++)
        if (script_exact(L, arg)) {
            script_exact_text(L, check(L, arg));
            lua_replace(L, arg);
        } else if (lua_type(L, arg) != LUA_TSTRING && lua_type(L, arg) != LUA_TNUMBER) {
            return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, arg));
        }
    lua_settop(L, 2);
    lua_concat(L, 2);
    return 1;
}

/* ---- comparing ---- */

/* Digits without sign and leading zeros, cut at the point. */
struct digits {
    bool is_negative;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
};

static struct digits split(const char *text, size_t len)
{
    struct digits d = {.is_negative = len > 0 && *text == '-'};
    size_t at = d.is_negative ? 1 : 0;
    while (at < len && text[at] == '0')
        at++;
    const char *point = memchr(text + at, '.', len - at);
    d.whole = text + at;
    d.whole_len = point ? (size_t)(point - d.whole) : len - at;
    d.fraction = point ? point + 1 : text + len;
    d.fraction_len = (size_t)(text + len - d.fraction);
    while (d.fraction_len > 0 && d.fraction[d.fraction_len - 1] == '0')
        d.fraction_len--;
    if (d.whole_len + d.fraction_len == 0)
        d.is_negative = false;
    return d;
}

static int compare_digits(const struct digits *a, const struct digits *b)
{
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    int order = a->whole_len != b->whole_len ? (a->whole_len < b->whole_len ? -1 : 1)
                                             : memcmp(a->whole, b->whole, a->whole_len);
    if (order == 0) {
        size_t both = a->fraction_len < b->fraction_len ? a->fraction_len : b->fraction_len;
        order = memcmp(a->fraction, b->fraction, both);
        if (order == 0 && a->fraction_len != b->fraction_len)
            order = a->fraction_len < b->fraction_len ? -1 : 1;
    }
    return a->is_negative ? -order : order;
}

/* The argument's digits as text on the stack; false: not an exact number. */
static bool push_digits(lua_State *L, int arg)
{
    const struct leat_value *v = script_exact(L, arg);
    if (v && (v->type == LEAT_DECIMAL || v->type == LEAT_UINT64)) {
        script_exact_text(L, v);
        return true;
    }
    if (!lua_isinteger(L, arg))
        return false;
    lua_pushvalue(L, arg);
    lua_tostring(L, -1);
    return true;
}

static bool as_double(lua_State *L, int arg, double *out)
{
    if (lua_type(L, arg) == LUA_TNUMBER) {
        *out = lua_tonumber(L, arg);
        return true;
    }
    size_t len;
    if (!push_digits(L, arg))
        return false;
    const char *text = lua_tolstring(L, -1, &len);
    return leat_parse_double(text, len, out);
}

/* Same type: bytes, or the ordering integers. */
static bool compare_same(const struct leat_value *a, const struct leat_value *b, int *order)
{
    if (!a || !b || a->type != b->type)
        return false;
    if (has_bytes(a->type)) {
        uint32_t both = a->len < b->len ? a->len : b->len;
        *order = memcmp(a->as.bytes, b->as.bytes, both);
        if (*order == 0)
            *order = (a->len > b->len) - (a->len < b->len);
    } else {
        *order = (a->as.i > b->as.i) - (a->as.i < b->as.i);
    }
    return true;
}

static bool compare(lua_State *L, int *order)
{
    lua_settop(L, 2);
    if (push_digits(L, 1) && push_digits(L, 2)) {
        size_t a_len, b_len;
        const char *a_text = lua_tolstring(L, 3, &a_len), *b_text = lua_tolstring(L, 4, &b_len);
        struct digits a = split(a_text, a_len), b = split(b_text, b_len);
        *order = compare_digits(&a, &b);
        return true;
    }
    if (lua_type(L, 1) == LUA_TNUMBER || lua_type(L, 2) == LUA_TNUMBER) {
        double a, b;
        if (!as_double(L, 1, &a) || !as_double(L, 2, &b))
            return false;
        *order = (a > b) - (a < b);
        return true;
    }
    return compare_same(script_exact(L, 1), script_exact(L, 2), order);
}

static int equal(lua_State *L)
{
    int order;
    lua_pushboolean(L, compare(L, &order) && order == 0);
    return 1;
}

static int ordered(lua_State *L)
{
    int order;
    if (!compare(L, &order))
        return luaL_error(
            L, "attempt to compare values of different kinds (tonumber() or tostring() helps)");
    return order;
}

static int less(lua_State *L)
{
    lua_pushboolean(L, ordered(L) < 0);
    return 1;
}

static int less_or_equal(lua_State *L)
{
    lua_pushboolean(L, ordered(L) <= 0);
    return 1;
}

/* value.type, and the parts of dates and times. */
static int member(lua_State *L)
{
    const struct leat_value *v = check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    struct leat_parts p;
    if (strcmp(name, "type") == 0) {
        lua_pushstring(L, leat_type_name(v->type));
        return 1;
    }
    if (!leat_value_parts(v, &p))
        return 0;
    const char *const names[] = {"year", "month", "day", "hour", "minute", "second", "us"};
    const int32_t parts[] = {p.year, p.month, p.day, p.hour, p.minute, p.second, p.us};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            lua_pushinteger(L, parts[i]);
            return 1;
        }
    return 0;
}

void script_exact_register(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"__tostring", to_text}, {"__len", length},       {"__concat", concat}, {"__eq", equal},
        {"__lt", less},          {"__le", less_or_equal}, {"__index", member},  {NULL, NULL}};
    luaL_newmetatable(L, META);
    luaL_setfuncs(L, functions, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
