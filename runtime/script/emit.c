/* emit.c - emit(record) and emit{topic = ..., value = {...}}. */
#include <script/host.h>

static void set_part(lua_State *L, struct script_record *record, enum script_part part,
                     const char *name)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, 1) != LUA_TNIL)
        script_part_assign(L, record, part, lua_gettop(L));
    lua_pop(L, 1);
}

static const struct leat_topic *topic_at(lua_State *L, int arg)
{
    size_t len;
    const char *topic = luaL_checklstring(L, arg, &len);
    if (len < 1 || len > 249 || strlen(topic) != len)
        luaL_error(L, "a topic's name has 1 to 249 bytes");
    return leat_topic(topic, len);
}

/* A record made of a table: an insert without a schema, of this moment. */
static struct leat_record from_table(lua_State *L, struct script_host *host)
{
    struct leat_record rec = {.op = LEAT_CREATE};
    rec.time_us = host->current ? host->current->time_us : leat_wall_us();
    rec.topic = host->current ? host->current->topic : NULL;
    struct script_record record = {.rec = &rec, .serial = host->serial};
    set_part(L, &record, PART_VALUE, "value");
    set_part(L, &record, PART_KEY, "key");
    set_part(L, &record, PART_HEADERS, "headers");
    lua_pushliteral(L, "topic");
    if (lua_rawget(L, 1) != LUA_TNIL)
        rec.topic = topic_at(L, lua_gettop(L));
    lua_pop(L, 1);
    return rec;
}

/* emit(record or table [, topic]) */
int script_emit(lua_State *L)
{
    struct script_host *host = script_host_of(L);
    struct leat_record rec;
    if (!host->batch)
        return luaL_error(L, "emit() works in transform() and timer()");
    lua_settop(L, 2);
    if (lua_istable(L, 1)) {
        rec = from_table(L, host);
    } else {
        struct script_record *record = script_record_check(L, 1);
        rec = *record->rec;
        record->owned = 0;
        host->shares++;
    }
    if (!lua_isnil(L, 2))
        rec.topic = topic_at(L, 2);
    if (!rec.topic)
        return luaL_error(L, "a new record needs a topic");
    rec.flags &= (uint8_t)~LEAT_ENDS_TRANSACTION;
    rec.offset = 0;
    rec.key_hash = 0;
    *script_emitted_add(L, host) = rec;
    return 0;
}
