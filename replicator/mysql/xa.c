#include <mysql/xa.h>

#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP_BYTES ((size_t)1 << 20) /* of one group's events in memory */
#define ALL_BYTES ((size_t)4 << 20)

static struct xa_group *new_group(void)
{
    struct xa_group *group = leat_calloc(1, sizeof *group);
    position_init(&group->place);
    leat_bytes_init(&group->events, 2 * GROUP_BYTES);
    return group;
}

static void free_group(void *arg)
{
    struct xa_group *group = arg;
    position_fini(&group->place);
    leat_bytes_fini(&group->events);
    free(group->name);
    free(group);
}

void xa_init(struct xa *xa)
{
    *xa = (struct xa){.kept_bytes = 0};
    leat_table_init(&xa->groups);
    leat_table_init(&xa->gone);
}

void xa_fini(struct xa *xa)
{
    xa_forget_now(xa);
    leat_table_fini(&xa->groups, free_group);
    leat_table_fini(&xa->gone, NULL);
}

/* ---- the group at hand ---- */

void xa_begin(struct xa *xa, const struct position *place, const char *own, const struct leat_binlog_format *format)
{
    xa_forget_now(xa);
    xa->now = new_group();
    position_copy(&xa->now->place, place);
    xa->now->place.done = xa->now->place.inner = 0;
    snprintf(xa->now->own, sizeof xa->now->own, "%s", own);
    xa->now->format = *format;
    xa->now->is_kept = true;
}

static void drop_events(struct xa *xa, struct xa_group *group)
{
    xa->kept_bytes -= group->events.len;
    leat_bytes_fini(&group->events);
    leat_bytes_init(&group->events, 2 * GROUP_BYTES);
    group->is_kept = false;
}

void xa_keep(struct xa *xa, const uint8_t *bytes, size_t len)
{
    struct xa_group *group = xa->now;
    if (!group->is_kept)
        return;
    if (group->events.len + len > GROUP_BYTES || xa->kept_bytes + len + 4 > ALL_BYTES) {
        drop_events(xa, group);
        return;
    }
    leat_bytes_u32(&group->events, (uint32_t)len);
    leat_bytes_add(&group->events, bytes, len);
    xa->kept_bytes += len + 4;
}

void xa_forget_now(struct xa *xa)
{
    if (!xa->now)
        return;
    drop_events(xa, xa->now);
    free_group(xa->now);
    xa->now = NULL;
}

struct xa_group *xa_prepare(struct xa *xa, const char *name)
{
    struct xa_group *group = xa->now, *old = xa_find(xa, name);
    if (old) /* a name is used again when its transaction is over: we have missed its end */
        xa_forget(xa, old);
    xa->now = NULL;
    group->name = leat_strndup(name, strlen(name));
    group->is_changed = true;
    leat_table_set(&xa->groups, name, strlen(name), group);
    leat_table_remove(&xa->gone, name, strlen(name));
    return group;
}

struct xa_group *xa_find(const struct xa *xa, const char *name)
{
    return leat_table_get(&xa->groups, name, strlen(name));
}

void xa_forget(struct xa *xa, struct xa_group *group)
{
    size_t len = strlen(group->name);
    leat_table_remove(&xa->groups, group->name, len);
    leat_table_set(&xa->gone, group->name, len, xa);
    drop_events(xa, group);
    free_group(group);
}

void xa_forget_all(struct xa *xa)
{
    size_t at = 0, len;
    const void *name;
    void *value;
    while (leat_table_next(&xa->groups, &at, &name, &len, &value)) {
        xa_forget(xa, value);
        at = 0; /* what is removed moves the others */
    }
}

/* ---- the position ---- */

static bool take_text(const struct leat_value *map, const char *name, char *to, size_t size)
{
    const struct leat_value *value = leat_map_get(map, name);
    if (!value || value->type != LEAT_TEXT || value->len >= size)
        return false;
    memcpy(to, value->as.text, value->len);
    to[value->len] = '\0';
    return true;
}

static bool load_group(struct xa_group *group, const struct leat_value *value)
{
    const struct leat_value *pos = leat_map_get(value, "pos"), *gtid = leat_map_get(value, "gtid");
    if (!take_text(value, "file", group->place.file, sizeof group->place.file) ||
        !take_text(value, "own", group->own, sizeof group->own) || !pos || pos->type != LEAT_INT64 || pos->as.i < 0)
        return false;
    group->place.pos = (uint64_t)pos->as.i;
    group->has_rows = true;
    return gtid && gtid->type == LEAT_TEXT && gtids_parse(&group->place.gtids, gtid->as.text, gtid->len);
}

enum leat_status xa_load(struct xa *xa, const struct leat_positions *from, struct leat_error *err)
{
    for (uint32_t i = 0; i < leat_positions_count(from); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        if (key->type != LEAT_ARRAY || key->len != 2 || key->as.items[0].type != LEAT_TEXT || key->as.items[0].len != 2 ||
            memcmp(key->as.items[0].as.text, "xa", 2) != 0 || key->as.items[1].type != LEAT_TEXT)
            continue;
        struct xa_group *group = new_group();
        group->name = leat_strndup(key->as.items[1].as.text, key->as.items[1].len);
        if (!load_group(group, value)) {
            leat_fail(err, LEAT_STOP, "its position [\"xa\", \"%s\"] is no {file, pos, gtid, own}; see `leat offsets`", group->name);
            free_group(group);
            return LEAT_STOP;
        }
        struct xa_group *twice = leat_table_set(&xa->groups, group->name, strlen(group->name), group);
        if (twice)
            free_group(twice);
    }
    return LEAT_OK;
}

static void store_group(const struct xa_group *group, struct leat_batch *batch)
{
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 1 << 20);
    gtids_print(&group->place.gtids, &gtid);
    struct leat_value pairs[8] = {
        leat_value_string("file"), leat_value_string(group->place.file),
        leat_value_string("pos"),  leat_value_int((int64_t)group->place.pos),
        leat_value_string("gtid"), leat_value_text((const char *)gtid.data, gtid.len),
        leat_value_string("own"),  leat_value_string(group->own),
    };
    struct leat_value items[2], key = position_key(items, "xa", group->name), value = leat_value_items(LEAT_MAP, pairs, 4);
    leat_batch_position(batch, &key, &value);
    leat_bytes_fini(&gtid);
}

void xa_store(struct xa *xa, struct leat_batch *batch)
{
    size_t at = 0, len;
    const void *name;
    void *value;
    while (leat_table_next(&xa->gone, &at, &name, &len, &value)) {
        struct leat_value items[2] = {leat_value_string("xa"), leat_value_text(name, len)};
        struct leat_value key = leat_value_items(LEAT_ARRAY, items, 2), none = leat_value_null();
        leat_batch_position(batch, &key, &none);
    }
    if (xa->gone.count > 0) {
        leat_table_fini(&xa->gone, NULL);
        leat_table_init(&xa->gone);
    }
    at = 0;
    while (leat_table_next(&xa->groups, &at, &name, &len, &value)) {
        struct xa_group *group = value;
        if (group->is_changed)
            store_group(group, batch);
        group->is_changed = false;
    }
}

/* ---- names ---- */

static void put_hex(struct leat_bytes *out, const uint8_t *bytes, uint32_t len)
{
    leat_bytes_text(out, "X'");
    for (uint32_t i = 0; i < len; i++)
        leat_bytes_printf(out, "%02x", bytes[i]);
    leat_bytes_put(out, '\'');
}

/* one_phase u8, format u32, lengths of global part and branch u32, these */
bool xa_name(const struct leat_binlog_event *ev, char name[XA_NAME_MAX], bool *is_one_phase)
{
    enum { PART_MAX = 64 };
    struct leat_cut cut = ev->body;
    *is_one_phase = leat_cut_u8(&cut) != 0;
    uint32_t format = leat_cut_u32(&cut), global_len = leat_cut_u32(&cut), branch_len = leat_cut_u32(&cut);
    const uint8_t *global = leat_cut_bytes(&cut, global_len), *branch = leat_cut_bytes(&cut, branch_len);
    if (!global || !branch || global_len > PART_MAX || branch_len > PART_MAX)
        return false;
    struct leat_bytes text;
    leat_bytes_init(&text, XA_NAME_MAX);
    put_hex(&text, global, global_len);
    leat_bytes_put(&text, ',');
    put_hex(&text, branch, branch_len);
    leat_bytes_printf(&text, ",%u", format);
    memcpy(name, text.data, text.len);
    name[text.len] = '\0';
    leat_bytes_fini(&text);
    return true;
}
