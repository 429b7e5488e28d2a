/* apply.c - rows as statements: the second half of effects.h.
 *
 *   plan    effects -> groups of one table, kind and set of columns, in an order that keeps what must be kept
 *   write   a group -> an INSERT of bound arrays (bulk.c); INSERT ... VALUES (),(),... ON DUPLICATE KEY UPDATE; DELETE ... WHERE id IN (...); or row by row
 */
#include <mysql/effects.h>

#include <base/assert.h>
#include <base/memory.h>
#include <errmsg.h>
#include <mysql/bulk.h>
#include <mysql/literal.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)256 << 10) /* a statement is sent once it is so long */
#define EE_WRITE 3 /* of the server's my_global errors */
#define DELETE_KEYS 1000                /* most keys in one DELETE */

struct effect_group {
    struct dest *dest;
    uint8_t kind;
    int32_t first, last; /* effects */
};

/* ---- errors ---- */

static bool is_data_error(unsigned code)
{
    switch (code) {
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
    case ER_BAD_NULL_ERROR:
    case ER_WARN_DATA_OUT_OF_RANGE:
    case WARN_DATA_TRUNCATED:
    case ER_TRUNCATED_WRONG_VALUE:
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
    case ER_NO_DEFAULT_FOR_FIELD:
    case ER_DATA_TOO_LONG:
    case ER_WRONG_VALUE_FOR_TYPE:
    case ER_CANT_CREATE_GEOMETRY_OBJECT:
    case ER_NO_REFERENCED_ROW:
    case ER_ROW_IS_REFERENCED:
    case ER_NO_REFERENCED_ROW_2:
    case ER_ROW_IS_REFERENCED_2:
    case ER_DATA_OUT_OF_RANGE:
    case ER_SIGNAL_EXCEPTION:
    case ER_NO_PARTITION_FOR_GIVEN_VALUE:
    case ER_TOO_BIG_ROWSIZE:
    case ER_INVALID_CHARACTER_STRING:
    case ER_WRONG_VALUE:
    case ER_WRONG_VALUE_COUNT_ON_ROW:
    case ER_DIVISION_BY_ZERO:
    case 1534: /* no value of this kind in the column's list */
    case 3140: /* MySQL: invalid JSON text */
    case 3141:
    case 3144:
    case 3156:
    case 3819: /* MySQL: CHECK */
    case 4025: /* MariaDB: CHECK */
        return true;
    default:
        return false;
    }
}

/* Another connection, a full disk, a server that goes away or became read-only, a table altered under us: time mends it, or
 * opening anew, which looks at the tables again. Error numbers of the client begin at 2000. */
static bool is_passing(unsigned code)
{
    switch (code) {
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_CHECKREAD:
    case ER_QUERY_INTERRUPTED:
    case ER_SERVER_SHUTDOWN:
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_ERROR_ON_WRITE:
    case EE_WRITE: /* of the binary log, on a full disk */
    case ER_LOCK_TABLE_FULL:
    case ER_TABLE_DEF_CHANGED:
    case ER_BAD_FIELD_ERROR:
    case ER_NO_SUCH_TABLE:
    case ER_CONNECTION_KILLED:
    case ER_NEW_ABORTING_CONNECTION:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_OUT_OF_RESOURCES:
    case ER_OUTOFMEMORY:
        return true;
    default:
        return code >= CR_MIN_ERROR && code <= CR_MAX_ERROR && code != CR_AUTH_PLUGIN_CANNOT_LOAD;
    }
}

enum leat_status effects_failed(struct client *client, const char *doing, struct leat_error *err)
{
    unsigned code = client->refused ? client->refused : mysql_errno(client->mysql);
    const char *text = client->refused ? client->refused_text : mysql_error(client->mysql);
    client->last_code = code;
    client->refused = 0;
    if (is_data_error(code))
        return leat_fail(err, LEAT_REJECT, "%s: %s (error %u)", doing, text, code);
    return leat_fail(err, is_passing(code) ? LEAT_RETRY : LEAT_STOP, "%s: %s: %s (error %u)", client->where, doing, text, code);
}

/* ---- planning ---- */

static bool has_same_columns(const struct dest *dest, const struct leat_value *const *a, const struct leat_value *const *b)
{
    for (uint32_t i = 0; a && i < dest->count; i++)
        if (!a[i] != !b[i])
            return false;
    return true;
}

static bool fits_group(const struct effects *effects, int32_t group, const struct effect *effect)
{
    if (group < 0 || effects->groups[group].dest != effect->dest || effects->groups[group].kind != effect->kind)
        return false;
    const struct effect *one = &effects->items[effects->groups[group].first];
    return has_same_columns(effect->dest, one->values, effect->values) &&
           has_same_columns(effect->dest, one->where, effect->where);
}

/* Adds the effect to the group, or to a new one. Returns its group. */
static int32_t add_to_group(struct effects *effects, int32_t group, uint32_t index)
{
    struct effect *effect = &effects->items[index];
    effect->next = -1;
    if (fits_group(effects, group, effect)) {
        effects->items[effects->groups[group].last].next = (int32_t)index;
        effects->groups[group].last = (int32_t)index;
        return group;
    }
    if (effects->group_count == effects->group_cap) {
        effects->group_cap = effects->group_cap ? 2 * effects->group_cap : 64;
        effects->groups = leat_realloc(effects->groups, effects->group_cap * sizeof *effects->groups);
    }
    effects->groups[effects->group_count] =
        (struct effect_group){effect->dest, effect->kind, (int32_t)index, (int32_t)index};
    return (int32_t)effects->group_count++;
}

/* Table, era and key as bytes that are equal for equal keys only. False: a value is no integer. */
static bool key_bytes(const struct effect *effect, struct leat_bytes *out)
{
    const struct dest *dest = effect->dest;
    const struct leat_value **row = effect->where ? effect->where : effect->values;
    leat_bytes_clear(out);
    leat_bytes_add(out, &dest, sizeof dest);
    leat_bytes_add(out, &dest->era, sizeof dest->era);
    for (uint32_t i = 0; i < dest->key_count; i++) {
        const struct leat_value *value = row[dest->keys[i]];
        if (value->type != LEAT_INT64 && value->type != LEAT_UINT64)
            return false;
        leat_bytes_put(out, value->type == LEAT_UINT64 && value->as.u > INT64_MAX);
        leat_bytes_add(out, &value->as.u, sizeof value->as.u);
    }
    return true;
}

/* What comes now comes after all that was planned for the table. */
static void begin_era(struct dest *dest)
{
    dest->era++;
    dest->open_put = dest->open_delete = -1;
}

/* True: the effect takes the place of `earlier`, which is on the same key. */
static bool replace(struct effect *earlier, struct effect *effect)
{
    if (effect->kind == EFFECT_UPSERT && earlier->kind == EFFECT_UPSERT &&
        has_same_columns(effect->dest, earlier->values, effect->values)) {
        earlier->put = effect->values; /* in its place: no matter where in the group */
        effect->is_void = true;
        return true;
    }
    if (effect->kind == EFFECT_DELETE && earlier->kind == EFFECT_DELETE) {
        effect->is_void = true;
        return true;
    }
    return false;
}

/* A table whose keys have no order among each other. */
static void plan_by_key(struct effects *effects, uint32_t index, struct leat_bytes *key)
{
    struct effect *effect = &effects->items[index];
    struct dest *dest = effect->dest;
    if (effect->kind == EFFECT_TRUNCATE || effect->kind == EFFECT_UPDATE || !key_bytes(effect, key)) {
        begin_era(dest);
        add_to_group(effects, -1, index);
        begin_era(dest);
        return;
    }
    struct effect *earlier = leat_table_get(&effects->keys, key->data, key->len);
    if (earlier && replace(earlier, effect))
        return;
    if (earlier && effect->kind == EFFECT_DELETE && earlier->kind == EFFECT_UPSERT) {
        /* What the upsert was to make is deleted; so is what was there before. */
        leat_table_remove(&effects->keys, key->data, key->len);
        earlier->is_void = true;
        earlier = NULL;
    }
    if (earlier) {
        begin_era(dest);
        key_bytes(effect, key);
    }
    int32_t *open = effect->kind == EFFECT_DELETE ? &dest->open_delete : &dest->open_put;
    *open = add_to_group(effects, *open, index);
    leat_table_set(&effects->keys, key->data, key->len, effect);
}

static void plan_in_order(struct effects *effects, uint32_t index)
{
    struct dest *dest = effects->items[index].dest;
    int32_t open = effects->has_linked ? (int32_t)effects->group_count - 1 : dest->open_put;
    dest->open_put = add_to_group(effects, open, index);
}

static void plan(struct effects *effects, uint32_t first, uint32_t end)
{
    struct leat_bytes key;
    leat_bytes_init(&key, 4096);
    leat_table_fini(&effects->keys, NULL);
    leat_table_init(&effects->keys);
    effects->group_count = 0;
    effects->plan++;
    for (uint32_t i = first; i < end; i++) {
        struct dest *dest = effects->items[i].dest;
        effects->items[i].is_void = false;
        effects->items[i].put = effects->items[i].values;
        if (dest->plan != effects->plan) {
            dest->plan = effects->plan;
            begin_era(dest);
        }
        if (effects->has_linked || effects->is_append || !dest->has_integer_key || dest->has_other_unique)
            plan_in_order(effects, i);
        else
            plan_by_key(effects, i, &key);
    }
    leat_bytes_fini(&key);
}

/* ---- writing ---- */

static enum leat_status failed_at(struct client *client, const struct dest *dest, struct leat_error *err)
{
    char table[300];
    snprintf(table, sizeof table, "table %s", dest->name);
    return effects_failed(client, table, err);
}

static enum leat_status send(struct effects *effects, struct client *client, const struct dest *dest,
                             struct leat_error *err)
{
    struct leat_bytes *sql = &effects->sql;
    if (sql->is_over || sql->len + 64 > effects->packet_max)
        return leat_fail(err, LEAT_REJECT, "its statement has %zu bytes, more than the server's max_allowed_packet, %zu",
                         sql->len, effects->packet_max);
    if (mysql_real_query(client->mysql, (const char *)sql->data, (unsigned long)sql->len) != 0)
        return failed_at(client, dest, err);
    leat_bytes_clear(sql);
    return LEAT_OK;
}

static void add_insert(struct leat_bytes *sql, const struct dest *dest, const struct leat_value *const *values)
{
    size_t before;
    leat_bytes_printf(sql, "INSERT INTO %s (", dest->quoted);
    before = sql->len;
    for (uint32_t i = 0; i < dest->count; i++) {
        if (!values[i])
            continue;
        leat_bytes_text(sql, dest->columns[i].quoted);
        leat_bytes_put(sql, ',');
    }
    if (sql->len > before)
        sql->len--;
    leat_bytes_text(sql, ") VALUES ");
}

static enum leat_status add_tuple(struct leat_bytes *sql, const struct dest *dest, const struct leat_value *const *values,
                                  struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    leat_bytes_put(sql, '(');
    size_t before = sql->len;
    for (uint32_t i = 0; status == LEAT_OK && i < dest->count; i++) {
        if (!values[i])
            continue;
        status = literal_add(sql, values[i], err);
        if (status != LEAT_OK)
            leat_error_context(err, "column %s", dest->columns[i].name);
        leat_bytes_put(sql, ',');
    }
    if (sql->len > before)
        sql->len--;
    leat_bytes_put(sql, ')');
    return status;
}

/* A duplicate of another unique key than the primary one would update the wrong row: there the key's column is set to NULL,
 * which it cannot be, and the server refuses the row. */
static void add_duplicate_guard(struct leat_bytes *sql, const struct dest *dest)
{
    const char *first = dest->columns[dest->keys[0]].quoted;
    leat_bytes_printf(sql, "%s=IF(", first);
    for (uint32_t i = 0; i < dest->key_count; i++) {
        const char *name = dest->columns[dest->keys[i]].quoted;
        leat_bytes_printf(sql, "%s%s=VALUES(%s)", i ? " AND " : "", name, name);
    }
    leat_bytes_printf(sql, ",VALUES(%s),NULL),", first);
}

static void add_on_duplicate(struct leat_bytes *sql, const struct dest *dest, const struct leat_value *const *values)
{
    leat_bytes_text(sql, " ON DUPLICATE KEY UPDATE ");
    if (dest->has_other_unique)
        add_duplicate_guard(sql, dest);
    for (uint32_t i = 0; i < dest->count; i++) {
        const struct dest_column *column = &dest->columns[i];
        bool is_key = column->key_place > 0 && (dest->has_integer_key || (dest->has_other_unique && column->key_place == 1));
        if (values[i] && !is_key)
            leat_bytes_printf(sql, "%s=VALUES(%s),", column->quoted, column->quoted);
    }
    if (sql->data[sql->len - 1] == ',')
        sql->len--;
    else /* the key is all there is */
        leat_bytes_printf(sql, "%s=%s", dest->columns[dest->keys[0]].quoted, dest->columns[dest->keys[0]].quoted);
}

static const struct effect *next_of(const struct effects *effects, const struct effect *effect)
{
    do
        effect = effect->next < 0 ? NULL : &effects->items[effect->next];
    while (effect && effect->is_void);
    return effect;
}

static const struct effect *first_of(const struct effects *effects, const struct effect_group *group)
{
    const struct effect *effect = &effects->items[group->first];
    return effect->is_void ? next_of(effects, effect) : effect;
}

/* Many rows on MariaDB. AGAIN: they cannot be bound, and nothing was sent. */
static enum leat_status write_bulk(struct effects *effects, struct client *client, const struct effect_group *group,
                                   struct leat_error *err)
{
    struct leat_bytes *sql = &effects->sql;
    const struct dest *dest = group->dest;
    const struct effect *first = first_of(effects, group);
    const struct leat_value *const **rows;
    uint32_t count = 0, n = 0;
    for (const struct effect *effect = first; effect; effect = next_of(effects, effect))
        count++;
    if (count < BULK_LEAST || !client->is_mariadb)
        return LEAT_AGAIN;
    rows = leat_arena_alloc(&effects->arena, count * sizeof *rows);
    for (const struct effect *effect = first; effect; effect = next_of(effects, effect))
        rows[n++] = effect->put;
    struct bulk_rows bulk = {dest->count, count, rows};
    if (!bulk_can(&bulk, effects->packet_max))
        return LEAT_AGAIN;
    leat_bytes_clear(sql);
    add_insert(sql, dest, first->values);
    leat_bytes_put(sql, '(');
    for (uint32_t i = 0; i < dest->count; i++)
        leat_bytes_text(sql, first->values[i] ? "?," : "");
    sql->data[sql->len - 1] = ')';
    if (group->kind == EFFECT_UPSERT)
        add_on_duplicate(sql, dest, first->values);
    if (bulk_run(&bulk, client, (const char *)sql->data, sql->len, effects->packet_max, &effects->arena))
        return LEAT_OK;
    return failed_at(client, dest, err);
}

static enum leat_status write_puts(struct effects *effects, struct client *client, const struct effect_group *group,
                                   struct leat_error *err)
{
    struct leat_bytes *sql = &effects->sql;
    size_t chunk = effects->packet_max / 2 < CHUNK_BYTES ? effects->packet_max / 2 : CHUNK_BYTES;
    enum leat_status status = write_bulk(effects, client, group, err);
    if (status != LEAT_AGAIN)
        return status;
    status = LEAT_OK;
    for (const struct effect *effect = first_of(effects, group); status == LEAT_OK && effect;) {
        leat_bytes_clear(sql);
        add_insert(sql, group->dest, effect->values);
        const struct effect *one = effect;
        while (status == LEAT_OK && effect && (effect == one || sql->len < chunk)) {
            status = add_tuple(sql, group->dest, effect->put, err);
            leat_bytes_put(sql, ',');
            effect = next_of(effects, effect);
        }
        sql->len--;
        if (group->kind == EFFECT_UPSERT)
            add_on_duplicate(sql, group->dest, one->values);
        if (status == LEAT_OK)
            status = send(effects, client, group->dest, err);
    }
    return status;
}

/* "a" <=> its value, exactly: no collation, no loss. */
static enum leat_status add_condition(struct leat_bytes *sql, const struct dest_column *column,
                                      const struct leat_value *value, bool is_key, struct leat_error *err)
{
    bool is_json = column->is_json && value->type != LEAT_NULL;
    leat_bytes_printf(sql, "%s%s", column->quoted, is_key ? "=" : "<=>");
    leat_bytes_text(sql, is_json ? "CAST(" : "");
    enum leat_status status = literal_add(sql, value, err);
    if (is_json)
        leat_bytes_text(sql, " AS JSON)");
    else if (column->is_text && !is_key && value->type != LEAT_NULL && value->type != LEAT_BYTES)
        leat_bytes_text(sql, " COLLATE utf8mb4_bin");
    return status;
}

/* WHERE of the key, or of the whole row. */
static enum leat_status add_where(struct leat_bytes *sql, const struct dest *dest, const struct leat_value *const *where,
                                  struct leat_error *err)
{
    bool has_key = dest->key_count > 0, has_any = false;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < dest->count; i++) {
        if (!where[i] || (has_key && dest->columns[i].key_place == 0))
            continue;
        leat_bytes_text(sql, has_any ? " AND " : "");
        status = add_condition(sql, &dest->columns[i], where[i], has_key, err);
        has_any = true;
    }
    if (!has_key)
        leat_bytes_text(sql, " LIMIT 1");
    return has_any ? status : leat_fail(err, LEAT_REJECT, "it says nothing of the row before that table %s has", dest->name);
}

static enum leat_status write_deletes(struct effects *effects, struct client *client, const struct effect_group *group,
                                      struct leat_error *err)
{
    struct leat_bytes *sql = &effects->sql;
    const struct dest *dest = group->dest;
    uint32_t most = dest->key_count == 1 ? DELETE_KEYS : DELETE_KEYS / 10;
    size_t chunk = effects->packet_max / 2 < CHUNK_BYTES ? effects->packet_max / 2 : CHUNK_BYTES;
    enum leat_status status = LEAT_OK;
    for (const struct effect *effect = first_of(effects, group); status == LEAT_OK && effect;) {
        leat_bytes_clear(sql);
        leat_bytes_printf(sql, "DELETE FROM %s WHERE ", dest->quoted);
        if (dest->key_count == 1)
            leat_bytes_printf(sql, "%s IN (", dest->columns[dest->keys[0]].quoted);
        for (uint32_t n = 0; status == LEAT_OK && effect && n < most && (n == 0 || sql->len < chunk); n++) {
            leat_bytes_text(sql, n == 0 ? "" : dest->key_count == 1 ? "," : " OR ");
            status = dest->key_count == 1 ? literal_add(sql, effect->where[dest->keys[0]], err)
                                          : add_where(sql, dest, effect->where, err);
            effect = next_of(effects, effect);
        }
        leat_bytes_text(sql, dest->key_count == 1 ? ")" : "");
        if (status == LEAT_OK)
            status = send(effects, client, dest, err);
    }
    return status;
}

static enum leat_status write_update(struct effects *effects, struct client *client, const struct effect *effect,
                                     struct leat_error *err)
{
    struct leat_bytes *sql = &effects->sql;
    const struct dest *dest = effect->dest;
    unsigned matched = 0;
    enum leat_status status = LEAT_OK;
    leat_bytes_clear(sql);
    leat_bytes_printf(sql, "UPDATE %s SET ", dest->quoted);
    for (uint32_t i = 0; status == LEAT_OK && i < dest->count; i++) {
        if (!effect->values[i])
            continue;
        leat_bytes_printf(sql, "%s=", dest->columns[i].quoted);
        status = literal_add(sql, effect->values[i], err);
        leat_bytes_put(sql, ',');
    }
    sql->len--;
    leat_bytes_text(sql, " WHERE ");
    if (status == LEAT_OK)
        status = add_where(sql, dest, effect->where, err);
    if (status == LEAT_OK)
        status = send(effects, client, dest, err);
    if (status != LEAT_OK)
        return status;
    const char *info = mysql_info(client->mysql);
    if (info && sscanf(info, "Rows matched: %u", &matched) == 1 && matched > 0)
        return LEAT_OK;
    return leat_fail(err, LEAT_REJECT, "table %s has no row that it changes", dest->name);
}

/* A table without a key: one row, which is there. */
static enum leat_status write_delete(struct effects *effects, struct client *client, const struct effect *effect,
                                     struct leat_error *err)
{
    leat_bytes_clear(&effects->sql);
    leat_bytes_printf(&effects->sql, "DELETE FROM %s WHERE ", effect->dest->quoted);
    enum leat_status status = add_where(&effects->sql, effect->dest, effect->where, err);
    if (status == LEAT_OK)
        status = send(effects, client, effect->dest, err);
    if (status == LEAT_OK && mysql_affected_rows(client->mysql) != 1)
        status = leat_fail(err, LEAT_REJECT, "table %s has no row that it deletes", effect->dest->name);
    return status;
}

/* A DELETE of all, not TRUNCATE: that one commits by itself. */
static enum leat_status write_truncate(struct effects *effects, struct client *client, const struct effect *effect,
                                       struct leat_error *err)
{
    leat_bytes_clear(&effects->sql);
    leat_bytes_printf(&effects->sql, "DELETE FROM %s", effect->dest->quoted);
    return send(effects, client, effect->dest, err);
}

static enum leat_status write_one(struct effects *effects, struct client *client, const struct effect *effect,
                                  struct leat_error *err)
{
    if (effect->kind == EFFECT_TRUNCATE)
        return write_truncate(effects, client, effect, err);
    return effect->kind == EFFECT_UPDATE ? write_update(effects, client, effect, err)
                                         : write_delete(effects, client, effect, err);
}

static enum leat_status write_group(struct effects *effects, struct client *client, const struct effect_group *group,
                                    struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (group->kind == EFFECT_INSERT || group->kind == EFFECT_UPSERT)
        return write_puts(effects, client, group, err);
    if (group->kind == EFFECT_DELETE && group->dest->key_count > 0)
        return write_deletes(effects, client, group, err);
    for (const struct effect *effect = first_of(effects, group); status == LEAT_OK && effect;
         effect = next_of(effects, effect))
        status = write_one(effects, client, effect, err);
    return status;
}

enum leat_status effects_apply(struct effects *effects, struct client *client, uint32_t first, uint32_t end,
                               struct leat_error *err)
{
    uint32_t from = 0, to;
    enum leat_status status = LEAT_OK;
    while (from < effects->count && effects->items[from].record < first)
        from++;
    for (to = from; to < effects->count && effects->items[to].record < end;)
        to++;
    plan(effects, from, to);
    for (uint32_t i = 0; status == LEAT_OK && i < effects->group_count; i++)
        status = write_group(effects, client, &effects->groups[i], err);
    return status;
}
