/* library.c - the table `leat`: exact values, copies, what time it is. */
#include <script/host.h>

#include <base/number.h>
#include <base/text.h>
#include <model/batch.h>
#include <stdio.h>

/* ---- constructors ---- */

static int push_text_type(lua_State *L, enum leat_type type, size_t len, uint16_t aux)
{
    struct leat_value v = {.type = (uint8_t)type, .aux = aux, .len = (uint32_t)len};
    v.as.text = lua_tostring(L, 1);
    if (len > UINT32_MAX)
        return luaL_error(L, "4 GiB or more");
    script_exact_push(L, &v);
    return 1;
}

static int make_bytes(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    return push_text_type(L, LEAT_BYTES, len, 0);
}

static int make_json(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    return push_text_type(L, LEAT_JSON, len, 0);
}

/* -digits[.digits], without an exponent, as the canonical form wants it. */
static int make_decimal(lua_State *L)
{
    if (script_exact(L, 1)) {
        script_exact_text(L, script_exact(L, 1));
        lua_replace(L, 1);
    }
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *at = text + (*text == '-');
    size_t whole = strspn(at, "0123456789");
    size_t fraction = at[whole] == '.' ? strspn(at + whole + 1, "0123456789") : 0;
    bool ok = whole > 0 && (at[whole] != '.' || fraction > 0) &&
              at + whole + (fraction > 0 ? fraction + 1 : 0) == text + len && fraction <= 255;
    luaL_argcheck(L, ok, 1, "a decimal is written like -12.50");
    while (whole > 1 && *at == '0') /* no leading zeros */
        at++, whole--;
    lua_pushfstring(L, "%s%s", *text == '-' ? "-" : "", at);
    lua_replace(L, 1);
    lua_tolstring(L, 1, &len);
    return push_text_type(L, LEAT_DECIMAL, len, (uint16_t)fraction);
}

static int make_uint(lua_State *L)
{
    struct leat_value v = {.type = LEAT_UINT64};
    if (lua_type(L, 1) == LUA_TNUMBER) {
        lua_Integer i = luaL_checkinteger(L, 1);
        luaL_argcheck(L, i >= 0, 1, "is negative");
        v.as.u = (uint64_t)i;
    } else {
        size_t len;
        const char *text = luaL_checklstring(L, 1, &len);
        luaL_argcheck(L, leat_parse_u64(text, len, &v.as.u), 1,
                      "an unsigned integer is written in digits");
    }
    script_exact_push(L, &v);
    return 1;
}

/* ".123456" at `text` into microseconds; the digits, or -1. */
static int read_fraction(const char *text, int *us)
{
    *us = 0;
    if (*text == '\0')
        return 0;
    size_t digits = *text == '.' ? strspn(text + 1, "0123456789") : 0;
    if (digits < 1 || digits > 6 || text[digits + 1] != '\0')
        return -1;
    for (size_t i = 1; i <= 6; i++)
        *us = *us * 10 + (i <= digits ? text[i] - '0' : 0);
    return (int)digits;
}

static bool is_clock(int hour, int minute, int second)
{
    return hour >= 0 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59;
}

static bool is_date(int year, int month, int day)
{
    return year >= 0 && year <= 9999 && month >= 0 && month <= 12 && day >= 0 && day <= 31;
}

static int make_date(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    int year = 0, month = 0, day = 0, end = 0;
    bool ok = sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3 && text[end] == '\0';
    luaL_argcheck(L, ok && is_date(year, month, day), 1, "a date is written like 2026-01-31");
    struct leat_value v = {.type = LEAT_DATE};
    v.as.i = LEAT_DATE(year, month, day);
    script_exact_push(L, &v);
    return 1;
}

static int make_datetime(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, us = 0, end = 0;
    bool ok = sscanf(text, "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                     &second, &end) == 6;
    int digits = ok ? read_fraction(text + end, &us) : -1;
    luaL_argcheck(
        L, digits >= 0 && is_date(year, month, day) && is_clock(hour, minute, second) && hour < 24,
        1, "a datetime is written like 2026-01-31 23:59:59.123");
    struct leat_value v = {.type = LEAT_DATETIME, .aux = (uint16_t)digits};
    v.as.i = LEAT_DATETIME(year, month, day, hour, minute, second, us);
    script_exact_push(L, &v);
    return 1;
}

static int make_time(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    bool is_negative = *text == '-';
    int hour = 0, minute = 0, second = 0, us = 0, end = 0;
    const char *at = text + is_negative;
    bool ok =
        *at >= '0' && *at <= '9' && sscanf(at, "%3d:%2d:%2d%n", &hour, &minute, &second, &end) == 3;
    int digits = ok ? read_fraction(at + end, &us) : -1;
    luaL_argcheck(L, digits >= 0 && is_clock(hour, minute, second), 1,
                  "a time is written like -12:30:00.5");
    struct leat_value v = {.type = LEAT_TIME, .aux = (uint16_t)digits};
    v.as.i = (((int64_t)hour * 60 + minute) * 60 + second) * 1000000 + us;
    if (is_negative)
        v.as.i = -v.as.i;
    script_exact_push(L, &v);
    return 1;
}

static int make_timestamp(lua_State *L)
{
    struct leat_value v = {.type = LEAT_TIMESTAMP, .aux = 6};
    size_t len;
    if (lua_type(L, 1) == LUA_TNUMBER) {
        v.as.i = luaL_checkinteger(L, 1); /* microseconds */
    } else {
        const char *text = luaL_checklstring(L, 1, &len);
        luaL_argcheck(L, leat_parse_time(text, len, &v.as.i), 1,
                      "a timestamp is written like 2026-01-31T23:59:59.123Z");
        const char *point = strchr(text, '.');
        v.aux = point ? (uint16_t)strspn(point + 1, "0123456789") : 0;
        if (v.aux > 6)
            v.aux = 6;
    }
    script_exact_push(L, &v);
    return 1;
}

static int make_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (luaL_newmetatable(L, "leat.array")) { /* the mark is its __name */
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* ---- questions ---- */

/* is_null(row, "field"): there, and null. */
static int is_null(lua_State *L)
{
    const struct leat_value *exact = script_exact(L, 1);
    if (exact || lua_gettop(L) < 2) {
        lua_pushboolean(L, exact && exact->type == LEAT_NULL);
        return 1;
    }
    luaL_checktype(L, 2, LUA_TSTRING);
    const struct leat_value *value = script_look(L, 1, 2);
    lua_pushboolean(L, value && value->type == LEAT_NULL);
    return 1;
}

/* type_of(row, "field"): the exact type of a field, "ABSENT" where there is none. */
static int type_of(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TSTRING);
    const struct leat_value *value = script_look(L, 1, 2);
    lua_pushstring(L, leat_type_name(value ? (enum leat_type)value->type : LEAT_ABSENT));
    return 1;
}

/* Wall time; on the sink side, where replays must give the same bytes, the time of the record's commit. */
static int now(lua_State *L)
{
    const struct script_host *host = script_host_of(L);
    struct leat_value v = {.type = LEAT_TIMESTAMP, .aux = 6};
    v.as.i = host->commit_us ? host->commit_us : leat_wall_us();
    script_exact_push(L, &v);
    return 1;
}

/* ---- copies ---- */

static int copy(lua_State *L)
{
    struct script_record *record = script_record_check(L, 1);
    struct script_host *host = script_host_of(L);
    struct leat_record *rec = script_arena(L, host, sizeof *rec);
    *rec = *record->rec;
    record->owned = 0; /* the arrays are shared now: the next write of either copies */
    host->shares++;
    script_record_push(L, rec);
    return 1;
}

/* A row or a part of it as a Lua table, to keep beyond this record. */
static int to_table(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TUSERDATA || script_exact(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    struct leat_value value = script_value(L, 1);
    script_push_deep(L, &value);
    return 1;
}

void script_library(lua_State *L)
{
    static const luaL_Reg functions[] = {{"decimal", make_decimal},
                                         {"bytes", make_bytes},
                                         {"json", make_json},
                                         {"uint", make_uint},
                                         {"date", make_date},
                                         {"datetime", make_datetime},
                                         {"time", make_time},
                                         {"timestamp", make_timestamp},
                                         {"array", make_array},
                                         {"is_null", is_null},
                                         {"type", type_of},
                                         {"now", now},
                                         {"copy", copy},
                                         {"table", to_table},
                                         {NULL, NULL}};
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    struct leat_value null = leat_value_null();
    script_exact_push(L, &null);
    lua_setfield(L, -2, "null");
}
