/* view.c - record and its rows, as a script sees them.
 *
 * The record that transform() gets is one userdata for the life of the host, and so are its five
 * rows: nothing is allocated per record. Of a row that is missing (before of an insert, value of a
 * delete) one reads nil; what is written to it goes nowhere, so that `for _, row in
 * ipairs{record.value, record.before}` masks what there is.
 */
#include <script/host.h>

#include <model/shape.h>

static const char RECORD[] = "leat.record", ROW[] = "leat.row";

struct leat_value *script_part_value(struct script_record *record, enum script_part part)
{
    switch (part) {
    case PART_BEFORE:
        return &record->rec->before;
    case PART_KEY:
        return &record->rec->key;
    case PART_HEADERS:
        return &record->rec->headers;
    case PART_SOURCE:
        return &record->rec->source;
    default:
        return &record->rec->value;
    }
}

const struct leat_field *script_part_field(const struct script_record *record,
                                           enum script_part part, uint32_t index)
{
    const struct leat_schema *schema = record->rec->schema;
    if (!schema)
        return NULL;
    if (part == PART_SOURCE)
        return index < schema->source_count ? &schema->source_fields[index] : NULL;
    if (part == PART_KEY)
        return index < schema->key_count ? &schema->fields[schema->keys[index]] : NULL;
    return index < schema->field_count ? &schema->fields[index] : NULL;
}

static void check_serial(lua_State *L, const struct script_record *record)
{
    if (!record->rec || (!record->is_main && record->serial != script_host_of(L)->serial))
        luaL_error(L, "a record that is over; leat.table() makes a copy to keep");
}

struct script_row *script_row_test(lua_State *L, int arg)
{
    struct script_row *row = luaL_testudata(L, arg, ROW);
    if (row)
        check_serial(L, row->of);
    return row;
}

struct script_row *script_row_check(lua_State *L, int arg)
{
    struct script_row *row = luaL_checkudata(L, arg, ROW);
    check_serial(L, row->of);
    return row;
}

struct script_record *script_record_check(lua_State *L, int arg)
{
    struct script_record *record = luaL_checkudata(L, arg, RECORD);
    check_serial(L, record);
    return record;
}

struct script_record *script_record_push(lua_State *L, struct leat_record *rec)
{
    struct script_record *record = lua_newuserdatauv(L, sizeof *record, PART_COUNT);
    *record = (struct script_record){.rec = rec, .serial = script_host_of(L)->serial};
    luaL_setmetatable(L, RECORD);
    return record;
}

/* ---- rows ---- */

/* Position of the field named at `key` in a STRUCT part, or -1. */
static int32_t find_field(lua_State *L, const struct script_row *row, int key)
{
    if (lua_type(L, key) != LUA_TSTRING)
        return -1;
    const struct leat_schema *schema = row->of->rec->schema;
    if (!schema)
        return -1;
    struct script_host *host = script_host_of(L);
    if (row->part == PART_SOURCE) {
        const char *name = lua_tostring(L, key);
        for (uint32_t i = 0; i < schema->source_count; i++)
            if (strcmp(schema->source_fields[i].name, name) == 0)
                return (int32_t)i;
        return -1;
    }
    int32_t field = script_shape_find(L, host, script_shape_of(host, schema), key);
    if (row->part != PART_KEY || field < 0)
        return field;
    for (uint32_t k = 0; k < schema->key_count; k++)
        if (schema->keys[k] == (uint32_t)field)
            return (int32_t)k;
    return -1;
}

/* The part's value with a top array that is ours. */
static struct leat_value *own(lua_State *L, struct script_row *row)
{
    struct leat_value *value = script_part_value(row->of, row->part);
    uint8_t bit = (uint8_t)(1u << row->part);
    if (row->of->owned & bit)
        return value;
    size_t count = value->type == LEAT_MAP ? 2 * (size_t)value->len : value->len;
    struct leat_value *items = script_arena(L, script_host_of(L), (count + 1) * sizeof *items);
    if (count > 0)
        memcpy(items, value->as.items, count * sizeof *items);
    value->as.items = items;
    row->of->owned |= bit;
    return value;
}

static bool is_container(const struct leat_value *value)
{
    return value->type == LEAT_MAP || value->type == LEAT_ARRAY;
}

struct leat_value *script_row_member(lua_State *L, struct script_row *row,
                                     const struct leat_value *key, uint32_t index, bool writable)
{
    struct leat_value *value = script_part_value(row->of, row->part);
    if (writable && row->part == PART_SOURCE)
        luaL_error(L, "source is read-only");
    if (value->type != LEAT_STRUCT && !is_container(value))
        return NULL;
    if (writable)
        value = own(L, row);
    struct leat_value *items = (struct leat_value *)(uintptr_t)value->as.items;
    if (value->type == LEAT_MAP) {
        int64_t at = key->type == LEAT_TEXT ? script_map_find(value, key->as.text, key->len) : -1;
        return at < 0 ? NULL : &items[2 * at + 1];
    }
    return index < value->len ? &items[index] : NULL;
}

static int row_index(lua_State *L)
{
    struct script_row *row = lua_touserdata(L, 1);
    check_serial(L, row->of);
    const struct leat_value *value = script_part_value(row->of, row->part);
    if (value->type == LEAT_STRUCT) {
        int32_t at = find_field(L, row, 2);
        if (at < 0 || (uint32_t)at >= value->len)
            return 0;
        script_member_push(L, &value->as.items[at], 1, NULL, (uint32_t)at);
        return 1;
    }
    if (!is_container(value))
        return 0;
    script_container_get(L, value, 1, 2);
    return 1;
}

/* ABSENT at the end, up to the number of fields. */
static void widen(lua_State *L, struct script_record *record, enum script_part part, uint32_t count)
{
    struct leat_value *value = script_part_value(record, part);
    if (value->type != LEAT_STRUCT || value->len >= count)
        return;
    struct leat_value *items = script_arena(L, script_host_of(L), count * sizeof *items);
    memcpy(items, value->as.items, value->len * sizeof *items);
    memset(items + value->len, 0, (count - value->len) * sizeof *items);
    value->as.items = items;
    value->len = count;
    record->owned |= (uint8_t)(1u << part);
}

/* A field that the schema does not have: it gets one more. */
static void add_field(lua_State *L, struct script_row *row, int key, int arg)
{
    if (lua_isnil(L, arg))
        return;
    if (row->part == PART_KEY)
        luaL_error(L, "the key has no field '%s'", lua_tostring(L, key));
    struct script_host *host = script_host_of(L);
    struct script_record *record = row->of;
    struct leat_value v = script_value(L, arg);
    const struct leat_schema *schema =
        script_shape_added(L, script_shape_of(host, record->rec->schema), key);
    widen(L, record, PART_VALUE, schema->field_count);
    widen(L, record, PART_BEFORE, schema->field_count);
    record->rec->schema = schema;
    struct leat_value *value = own(L, row);
    ((struct leat_value *)(uintptr_t)value->as.items)[schema->field_count - 1] = v;
}

static void set_field(lua_State *L, struct script_row *row, int key, int arg)
{
    luaL_checktype(L, key, LUA_TSTRING);
    int32_t at = find_field(L, row, key);
    const struct leat_field *field =
        at < 0 ? NULL : script_part_field(row->of, row->part, (uint32_t)at);
    if (!field) {
        add_field(L, row, key, arg);
        return;
    }
    bool fits = false;
    struct leat_value v = script_field_value(L, arg, field, &fits);
    struct leat_record *rec = row->of->rec;
    if (!fits) {
        uint32_t index = (uint32_t)(field - rec->schema->fields);
        rec->schema =
            script_shape_loosened(L, script_shape_of(script_host_of(L), rec->schema), index);
    }
    struct leat_value *value = own(L, row);
    if ((uint32_t)at >= value->len)
        luaL_error(L, "the row is shorter than its schema");
    ((struct leat_value *)(uintptr_t)value->as.items)[at] = v;
}

static int row_newindex(lua_State *L)
{
    struct script_row *row = lua_touserdata(L, 1);
    check_serial(L, row->of);
    if (row->part == PART_SOURCE)
        return luaL_error(L, "source is read-only");
    struct leat_value *value = script_part_value(row->of, row->part);
    if (value->type == LEAT_STRUCT) {
        set_field(L, row, 2, 3);
        return 0;
    }
    if (row->part == PART_HEADERS && value->type != LEAT_MAP)
        *value = leat_value_items(LEAT_MAP, NULL, 0);
    if (is_container(value))
        script_container_set(L, own(L, row), 2, 3);
    return 0;
}

static int row_len(lua_State *L)
{
    struct script_row *row = script_row_check(L, 1);
    const struct leat_value *value = script_part_value(row->of, row->part);
    lua_pushinteger(L, is_container(value) || value->type == LEAT_STRUCT ? value->len : 0);
    return 1;
}

static int row_pairs(lua_State *L)
{
    struct script_row *row = script_row_check(L, 1);
    const struct leat_value *value = script_part_value(row->of, row->part);
    struct leat_value none = {.type = LEAT_ARRAY};
    if (value->type != LEAT_STRUCT) {
        script_push_names(L, is_container(value) ? value : &none);
        return script_pairs_over(L);
    }
    lua_createtable(L, (int)value->len, 0);
    lua_Integer count = 0;
    for (uint32_t i = 0; i < value->len; i++) {
        const struct leat_field *field = script_part_field(row->of, row->part, i);
        if (field && value->as.items[i].type != LEAT_ABSENT) {
            lua_pushstring(L, field->name);
            lua_rawseti(L, -2, ++count);
        }
    }
    return script_pairs_over(L);
}

/* ---- whole parts ---- */

/* A table for a row with a schema: field by field; fields that are not named are absent. */
static void assign_struct(lua_State *L, struct script_record *record, enum script_part part,
                          int arg)
{
    struct leat_value *value = script_part_value(record, part);
    const struct leat_schema *schema = record->rec->schema;
    uint32_t count = part == PART_KEY ? schema->key_count : schema->field_count;
    struct leat_value *items = script_arena(L, script_host_of(L), (count + 1) * sizeof *items);
    memset(items, 0, (count + 1) * sizeof *items);
    *value = leat_value_items(LEAT_STRUCT, items, count);
    record->owned |= (uint8_t)(1u << part);
    struct script_row row = {record, part};
    for (lua_pushnil(L); lua_next(L, arg) != 0; lua_pop(L, 1))
        set_field(L, &row, lua_gettop(L) - 1, lua_gettop(L));
}

void script_part_assign(lua_State *L, struct script_record *record, enum script_part part, int arg)
{
    struct leat_value *value = script_part_value(record, part);
    arg = lua_absindex(L, arg);
    if (part == PART_SOURCE)
        luaL_error(L, "source is read-only");
    struct script_row *row = script_row_test(L, arg);
    bool is_row = part == PART_VALUE || part == PART_BEFORE;
    bool from_row = row && (row->part == PART_VALUE || row->part == PART_BEFORE);
    if (row && row->of->rec->schema == record->rec->schema &&
        (row->part == part || (is_row && from_row))) { /* record.value = record.before */
        *value = *script_part_value(row->of, row->part);
        row->of->owned &= (uint8_t) ~(1u << row->part);
        record->owned &= (uint8_t) ~(1u << part);
        script_host_of(L)->shares++;
        return;
    }
    record->owned &= (uint8_t) ~(1u << part);
    if (part != PART_HEADERS && record->rec->schema && lua_istable(L, arg)) {
        assign_struct(L, record, part, arg);
        return;
    }
    struct leat_value v = script_value(L, arg);
    if (part == PART_HEADERS && v.type != LEAT_MAP && v.type != LEAT_ABSENT)
        luaL_error(L, "headers are a table of names");
    if (part != PART_HEADERS && record->rec->schema && v.type != LEAT_ABSENT && v.type != LEAT_NULL)
        luaL_error(L, "a record with a schema takes a table, not a %s", luaL_typename(L, arg));
    if (v.type == LEAT_ABSENT && part != PART_HEADERS && part != PART_BEFORE)
        v = leat_value_null();
    *value = v;
}

/* ---- records ---- */

static const char *const PARTS[] = {"value", "before", "key", "headers", "source"};

static int find_part(const char *name)
{
    for (int part = 0; part < PART_COUNT; part++)
        if (strcmp(name, PARTS[part]) == 0)
            return part;
    return -1;
}

/* The row of the record at 1, made when it is first asked for. */
static void push_row(lua_State *L, struct script_record *record, int part)
{
    if (lua_getiuservalue(L, 1, part + 1) == LUA_TUSERDATA)
        return;
    lua_pop(L, 1);
    struct script_row *row = lua_newuserdatauv(L, sizeof *row, 1);
    *row = (struct script_row){record, (enum script_part)part};
    luaL_setmetatable(L, ROW);
    lua_pushvalue(L, 1); /* a row keeps its record alive */
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, part + 1);
}

/* A scalar value (a line of a log) reads as itself; all else as a row. */
static int push_part(lua_State *L, struct script_record *record, int part)
{
    const struct leat_value *value = script_part_value(record, (enum script_part)part);
    if (value->type > LEAT_NULL && value->type < LEAT_ARRAY)
        script_push(L, value);
    else
        push_row(L, record, part);
    return 1;
}

static int push_other(lua_State *L, const struct leat_record *rec, const char *name)
{
    const struct leat_schema *schema = rec->schema;
    if (strcmp(name, "topic") == 0) {
        lua_pushlstring(L, rec->topic ? rec->topic->name : "",
                        rec->topic ? rec->topic->name_len : 0);
    } else if (strcmp(name, "op") == 0) {
        char op = (char)rec->op;
        lua_pushlstring(L, &op, 1);
    } else if (strcmp(name, "time") == 0) {
        struct leat_value time = {.type = LEAT_TIMESTAMP, .aux = 6};
        time.as.i = rec->time_us;
        script_exact_push(L, &time);
    } else if (strcmp(name, "database") == 0) {
        lua_pushstring(L, schema ? schema->space : NULL);
    } else if (strcmp(name, "table") == 0) {
        lua_pushstring(L, schema ? schema->name : NULL);
    } else if (strcmp(name, "offset") == 0) {
        lua_pushinteger(L, (lua_Integer)rec->offset);
    } else if (strcmp(name, "partition") == 0) {
        lua_pushinteger(L, rec->partition);
    } else if (strcmp(name, "is_snapshot") == 0) {
        lua_pushboolean(L, (rec->flags & LEAT_SNAPSHOT) != 0);
    } else if (strcmp(name, "is_tombstone") == 0) {
        lua_pushboolean(L, (rec->flags & LEAT_TOMBSTONE) != 0);
    } else {
        return luaL_error(L, "a record has no '%s'", name);
    }
    return 1;
}

static int record_index(lua_State *L)
{
    struct script_record *record = lua_touserdata(L, 1);
    check_serial(L, record);
    const char *name = luaL_checkstring(L, 2);
    int part = find_part(name);
    return part >= 0 ? push_part(L, record, part) : push_other(L, record->rec, name);
}

static void set_time(lua_State *L, struct leat_record *rec)
{
    const struct leat_value *exact = script_exact(L, 3);
    if (exact && exact->type == LEAT_TIMESTAMP)
        rec->time_us = exact->as.i;
    else
        rec->time_us = luaL_checkinteger(L, 3);
}

static int record_newindex(lua_State *L)
{
    struct script_record *record = lua_touserdata(L, 1);
    check_serial(L, record);
    const char *name = luaL_checkstring(L, 2);
    int part = find_part(name);
    size_t len;
    if (part >= 0) {
        script_part_assign(L, record, (enum script_part)part, 3);
    } else if (strcmp(name, "topic") == 0) {
        const char *topic = luaL_checklstring(L, 3, &len);
        luaL_argcheck(L, len >= 1 && len <= 249 && strlen(topic) == len, 3,
                      "a topic's name has 1 to 249 bytes");
        record->rec->topic = leat_topic(topic, len);
    } else if (strcmp(name, "op") == 0) {
        const char *op = luaL_checklstring(L, 3, &len);
        luaL_argcheck(L, len == 1 && strchr("cudrt", *op), 3, "op is one of c u d r t");
        record->rec->op = (uint8_t)*op;
    } else if (strcmp(name, "time") == 0) {
        set_time(L, record->rec);
    } else {
        return luaL_error(L, "'%s' of a record cannot be set", name);
    }
    return 0;
}

static const struct leat_value *look_in_container(lua_State *L, const struct leat_value *container,
                                                  int key)
{
    size_t len;
    const char *name = lua_tolstring(L, key, &len);
    if (!container || container->type != LEAT_MAP)
        return NULL;
    int64_t at = script_map_find(container, name, len);
    return at < 0 ? NULL : &container->as.items[2 * at + 1];
}

const struct leat_value *script_look(lua_State *L, int arg, int key)
{
    if (luaL_testudata(L, arg, RECORD)) {
        int part = find_part(lua_tostring(L, key));
        return part < 0 ? NULL
                        : script_part_value(script_record_check(L, arg), (enum script_part)part);
    }
    struct script_row *row = script_row_test(L, arg);
    if (!row)
        return look_in_container(L, script_node_value(L, arg), key);
    const struct leat_value *value = script_part_value(row->of, row->part);
    if (value->type != LEAT_STRUCT)
        return look_in_container(L, value, key);
    int32_t at = find_field(L, row, key);
    return at < 0 || (uint32_t)at >= value->len ? NULL : &value->as.items[at];
}

static void register_meta(lua_State *L, const char *name, const luaL_Reg *functions)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, functions, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void script_view_register(lua_State *L)
{
    static const luaL_Reg rows[] = {{"__index", row_index},
                                    {"__newindex", row_newindex},
                                    {"__len", row_len},
                                    {"__pairs", row_pairs},
                                    {NULL, NULL}};
    static const luaL_Reg records[] = {
        {"__index", record_index}, {"__newindex", record_newindex}, {NULL, NULL}};
    register_meta(L, RECORD, records);
    register_meta(L, ROW, rows);
}
