/* values.c - Lua values become exact ones, and back. */
#include <script/host.h>

#include <base/number.h>
#include <base/text.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 64 };

static struct leat_value convert(lua_State *L, int arg, int depth);

static struct leat_value text_value(lua_State *L, int arg)
{
    size_t len;
    const char *text = lua_tolstring(L, arg, &len);
    if (len > UINT32_MAX)
        luaL_error(L, "a text of 4 GiB or more");
    if (!leat_is_utf8(text, len))
        luaL_error(L, "text that is not UTF-8; leat.bytes() makes bytes of it");
    char *copy = script_arena(L, script_host_of(L), len > 0 ? len : 1);
    memcpy(copy, text, len);
    return leat_value_text(copy, len);
}

static struct leat_value exact_value(lua_State *L, const struct leat_value *exact)
{
    struct leat_value v = *exact;
    if (v.type != LEAT_DECIMAL && v.type != LEAT_TEXT && v.type != LEAT_BYTES &&
        v.type != LEAT_JSON)
        return v;
    char *copy = script_arena(L, script_host_of(L), v.len > 0 ? v.len : 1);
    memcpy(copy, exact->as.text, v.len);
    v.as.text = copy;
    return v;
}

/* ---- tables ---- */

static bool is_array(lua_State *L, int table, lua_Unsigned count)
{
    if (luaL_getmetafield(L, table, "__name") == LUA_TSTRING) {
        bool marked = strcmp(lua_tostring(L, -1), "leat.array") == 0;
        lua_pop(L, 1);
        if (marked)
            return true;
    }
    return count > 0;
}

static struct leat_value array_value(lua_State *L, int table, lua_Unsigned count, int depth)
{
    if (count > INT32_MAX / sizeof(struct leat_value))
        luaL_error(L, "too many members");
    struct leat_value *items =
        script_arena(L, script_host_of(L), ((size_t)count + 1) * sizeof *items);
    for (lua_Unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, table, (lua_Integer)i + 1);
        items[i] = convert(L, lua_gettop(L), depth + 1);
        if (items[i].type == LEAT_ABSENT)
            items[i] = leat_value_null();
        lua_pop(L, 1);
    }
    return leat_value_items(LEAT_ARRAY, items, (size_t)count);
}

static int by_name(const void *a, const void *b)
{
    const struct leat_value *x = a, *y = b;
    uint32_t both = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->as.text, y->as.text, both);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The key at the top of the stack as text; integers are spelt. */
static struct leat_value key_value(lua_State *L)
{
    if (lua_type(L, -1) != LUA_TSTRING && !lua_isinteger(L, -1))
        luaL_error(L, "names of members are text, not %s", luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    lua_tostring(L, -1);
    struct leat_value key = text_value(L, lua_gettop(L));
    lua_pop(L, 1);
    return key;
}

static struct leat_value map_value(lua_State *L, int table, int depth)
{
    uint32_t count = 0, at = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        count++;
    struct leat_value *items =
        script_arena(L, script_host_of(L), (2 * (size_t)count + 1) * sizeof *items);
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        items[at + 1] = convert(L, lua_gettop(L), depth + 1);
        lua_pushvalue(L, -2);
        items[at] = key_value(L);
        lua_pop(L, 1);
        at += 2;
    }
    /* Lua's own order differs from run to run. */
    qsort(items, count, 2 * sizeof *items, by_name);
    return leat_value_items(LEAT_MAP, items, count);
}

static struct leat_value table_value(lua_State *L, int table, int depth)
{
    if (depth > DEPTH_MAX)
        luaL_error(L, "tables are nested too deeply (or contain themselves)");
    luaL_checkstack(L, 6, NULL);
    lua_Unsigned count = lua_rawlen(L, table);
    if (!is_array(L, table, count))
        return map_value(L, table, depth);
    lua_Unsigned members = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        members++;
    if (members != count)
        luaL_error(L, "a table must be a list without holes, or have names only");
    return array_value(L, table, count, depth);
}

/* ---- views ---- */

/* Arrays are copied (views write into them), texts are shared: they live as long as the batch. */
static struct leat_value copy_arrays(lua_State *L, const struct leat_value *value)
{
    struct leat_value v = *value;
    if (v.type != LEAT_ARRAY && v.type != LEAT_MAP && v.type != LEAT_STRUCT)
        return v;
    size_t count = v.type == LEAT_MAP ? 2 * (size_t)v.len : v.len;
    struct leat_value *items = script_arena(L, script_host_of(L), (count + 1) * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = copy_arrays(L, &v.as.items[i]);
    v.as.items = items;
    return v;
}

/* A row as a MAP of its fields that are there. */
static struct leat_value row_as_map(lua_State *L, const struct script_row *row)
{
    const struct leat_value *value = script_part_value(row->of, row->part);
    if (value->type != LEAT_STRUCT)
        return copy_arrays(L, value);
    struct leat_value *items =
        script_arena(L, script_host_of(L), (2 * (size_t)value->len + 1) * sizeof *items);
    uint32_t count = 0;
    for (uint32_t i = 0; i < value->len; i++) {
        const struct leat_field *field = script_part_field(row->of, row->part, i);
        if (value->as.items[i].type == LEAT_ABSENT || !field)
            continue;
        items[2 * (size_t)count] = leat_value_string(field->name);
        items[2 * (size_t)count++ + 1] = copy_arrays(L, &value->as.items[i]);
    }
    return leat_value_items(LEAT_MAP, items, count);
}

static struct leat_value userdata_value(lua_State *L, int arg)
{
    const struct leat_value *exact = script_exact(L, arg);
    if (exact)
        return exact_value(L, exact);
    const struct leat_value *node = script_node_value(L, arg);
    if (node)
        return copy_arrays(L, node);
    struct script_row *row = script_row_test(L, arg);
    if (row)
        return row_as_map(L, row);
    luaL_error(L, "a %s is not a value of a field", luaL_typename(L, arg));
    return (struct leat_value){0};
}

static struct leat_value convert(lua_State *L, int arg, int depth)
{
    switch (lua_type(L, arg)) {
    case LUA_TNIL:
    case LUA_TNONE:
        return (struct leat_value){0};
    case LUA_TBOOLEAN:
        return leat_value_bool(lua_toboolean(L, arg));
    case LUA_TNUMBER:
        return lua_isinteger(L, arg) ? leat_value_int(lua_tointeger(L, arg))
                                     : leat_value_double(lua_tonumber(L, arg));
    case LUA_TSTRING:
        return text_value(L, arg);
    case LUA_TTABLE:
        return table_value(L, arg, depth);
    case LUA_TUSERDATA:
        return userdata_value(L, arg);
    default:
        luaL_error(L, "a %s is not a value of a field", luaL_typename(L, arg));
        return (struct leat_value){0};
    }
}

struct leat_value script_value(lua_State *L, int arg)
{
    return convert(L, lua_absindex(L, arg), 0);
}

/* ---- into a field's own type ---- */

static bool integer_fits(int64_t i, const struct leat_field *field)
{
    bool is_unsigned = field->type == LEAT_UINT64;
    static const int bits[] = {
        [LEAT_INT8] = 8, [LEAT_INT16] = 16, [LEAT_INT24] = 24, [LEAT_INT32] = 32};
    if (is_unsigned && i < 0)
        return false;
    if (field->meaning == LEAT_BIT)
        return field->width >= 64 || (uint64_t)i >> field->width == 0;
    if (field->meaning == LEAT_YEAR)
        return i >= 0 && i <= 9999;
    if (field->meaning < LEAT_INT8 || field->meaning > LEAT_INT32)
        return true;
    int64_t span = (int64_t)1 << (bits[field->meaning] - (is_unsigned ? 0 : 1));
    return is_unsigned ? i < span : i >= -span && i < span;
}

static bool has_label(const struct leat_field *field, const char *text, size_t len)
{
    for (const char *at = field->labels; *at;) {
        const char *end = strchrnul(at, '\n');
        if ((size_t)(end - at) == len && memcmp(at, text, len) == 0)
            return true;
        at = *end ? end + 1 : end;
    }
    return false;
}

static bool text_fits(const struct leat_value *v, const struct leat_field *field)
{
    if (field->meaning == LEAT_ENUM)
        return has_label(field, v->as.text, v->len);
    if (field->meaning != LEAT_PLAIN)
        return false;
    if (field->width == 0 || v->len <= field->width)
        return true;
    uint32_t characters = 0;
    for (uint32_t i = 0; i < v->len; i++)
        characters += ((uint8_t)v->as.text[i] & 0xc0) != 0x80;
    return characters <= field->width;
}

/* An integer as the decimal that the field would hold: 5 is "5.00" in DECIMAL(10,2). */
static struct leat_value integer_decimal(lua_State *L, int64_t i, const struct leat_field *field,
                                         bool *fits)
{
    char text[LEAT_NUMBER_MAX + 256];
    size_t len = leat_print_i64(text, i);
    *fits = field->width == 0 || len - (i < 0) + field->scale <= field->width;
    if (field->scale > 0) {
        text[len++] = '.';
        memset(text + len, '0', field->scale);
        len += field->scale;
    }
    char *copy = script_arena(L, script_host_of(L), len);
    memcpy(copy, text, len);
    struct leat_value v = leat_value_text(copy, len);
    v.type = LEAT_DECIMAL;
    v.aux = field->scale;
    return v;
}

static struct leat_value number_for_field(lua_State *L, int arg, const struct leat_field *field,
                                          bool *fits)
{
    int is_integer;
    lua_Integer i = lua_tointegerx(L, arg, &is_integer);
    if ((field->type == LEAT_INT64 || field->type == LEAT_UINT64) && is_integer &&
        integer_fits(i, field)) {
        *fits = true;
        return field->type == LEAT_INT64 ? leat_value_int(i) : leat_value_uint((uint64_t)i);
    }
    if (field->type == LEAT_FLOAT64 &&
        (!lua_isinteger(L, arg) || (i > -(1LL << 53) && i < (1LL << 53)))) {
        *fits = true;
        return leat_value_double(lua_tonumber(L, arg));
    }
    if (field->type == LEAT_DECIMAL && lua_isinteger(L, arg))
        return integer_decimal(L, i, field, fits);
    struct leat_value v = convert(L, arg, 0);
    *fits = field->type == LEAT_ABSENT;
    return v;
}

static struct leat_value bytes_for_field(lua_State *L, int arg, const struct leat_field *field,
                                         bool *fits)
{
    struct leat_value v = {.type = LEAT_BYTES};
    size_t len;
    v.as.text = lua_tolstring(L, arg, &len);
    v.len = (uint32_t)len;
    *fits = field->meaning == LEAT_PLAIN && (field->width == 0 || len <= field->width);
    return exact_value(L, &v);
}

struct leat_value script_field_value(lua_State *L, int arg, const struct leat_field *field,
                                     bool *fits)
{
    int type = lua_type(L, arg);
    if (type == LUA_TNUMBER)
        return number_for_field(L, arg, field, fits);
    if (type == LUA_TSTRING && field->type == LEAT_BYTES)
        return bytes_for_field(L, arg, field, fits);
    struct leat_value v = type == LUA_TNIL ? leat_value_null() : convert(L, arg, 0);
    if (type == LUA_TSTRING && field->type == LEAT_TEXT)
        *fits = text_fits(&v, field);
    else if (v.type == LEAT_NULL)
        *fits = !(field->flags & LEAT_FIELD_REQUIRED);
    else
        *fits = field->type == LEAT_ABSENT || field->type == v.type;
    return v;
}

void script_push_deep(lua_State *L, const struct leat_value *value)
{
    luaL_checkstack(L, 6, "nested too deeply");
    if (value->type == LEAT_ARRAY || value->type == LEAT_STRUCT) {
        lua_createtable(L, (int)(value->len & INT32_MAX), 0);
        for (uint32_t i = 0; i < value->len; i++) {
            script_push_deep(L, &value->as.items[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    } else if (value->type == LEAT_MAP) {
        lua_createtable(L, 0, (int)(value->len & INT32_MAX));
        for (uint32_t i = 0; i < value->len; i++) {
            script_push(L, &value->as.items[2 * (size_t)i]);
            script_push_deep(L, &value->as.items[2 * (size_t)i + 1]);
            lua_rawset(L, -3);
        }
    } else {
        script_push(L, value);
    }
}
