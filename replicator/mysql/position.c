#include <mysql/position.h>

#include <mysql/client.h>
#include <stdio.h>

void position_init(struct position *position)
{
    *position = (struct position){.pos = 0};
    gtids_init(&position->gtids);
}

void position_fini(struct position *position)
{
    gtids_fini(&position->gtids);
}

void position_copy(struct position *to, const struct position *from)
{
    struct gtids gtids = to->gtids;
    gtids_copy(&gtids, &from->gtids);
    *to = *from;
    to->gtids = gtids;
}

enum leat_status position_set(struct position *position, const struct client_place *place, struct leat_error *err)
{
    snprintf(position->file, sizeof position->file, "%s", place->file);
    position->pos = place->pos;
    snprintf(position->server, sizeof position->server, "%s", place->server);
    if (!gtids_parse(&position->gtids, place->gtid, strlen(place->gtid)))
        return leat_fail(err, LEAT_STOP, "the server's GTIDs cannot be read: %.60s...", place->gtid);
    if (place->has_set && position->gtids.kind == GTIDS_NONE)
        position->gtids.kind = GTIDS_SET; /* of a server that is all new */
    return LEAT_OK;
}

void position_move(struct position *position)
{
    position->file[0] = '\0';
    position->pos = position->done = position->inner = 0;
}

struct leat_value position_key(struct leat_value items[2], const char *kind, const char *table)
{
    items[0] = leat_value_string(kind);
    items[1] = leat_value_string(table);
    return leat_value_items(LEAT_ARRAY, items, 2);
}

static uint64_t number_in(const struct leat_value *map, const char *name)
{
    const struct leat_value *value = leat_map_get(map, name);
    return value && value->type == LEAT_INT64 && value->as.i > 0 ? (uint64_t)value->as.i : 0;
}

static struct guard_begun load_begun(const struct leat_value *within)
{
    struct guard_begun begun = {.bytes = 0};
    const struct leat_value *gtid = within && within->type == LEAT_MAP ? leat_map_get(within, "gtid") : NULL;
    if (!gtid || gtid->type != LEAT_TEXT || gtid->len >= sizeof begun.gtid)
        return begun;
    memcpy(begun.gtid, gtid->as.text, gtid->len);
    begun.bytes = number_in(within, "bytes");
    begun.crc = (uint32_t)number_in(within, "crc");
    begun.tables = (uint32_t)number_in(within, "tables");
    return begun;
}

static struct leat_value begun_value(const struct guard_begun *begun, struct leat_value pairs[8])
{
    pairs[0] = leat_value_string("gtid"), pairs[1] = leat_value_string(begun->gtid);
    pairs[2] = leat_value_string("bytes"), pairs[3] = leat_value_int((int64_t)begun->bytes);
    pairs[4] = leat_value_string("crc"), pairs[5] = leat_value_int(begun->crc);
    pairs[6] = leat_value_string("tables"), pairs[7] = leat_value_int(begun->tables);
    return leat_value_items(LEAT_MAP, pairs, 4);
}

enum leat_status position_load(struct position *position, const struct leat_positions *from, bool *is_there,
                               struct leat_error *err)
{
    struct leat_value key = leat_value_string("binlog");
    const struct leat_value *value = leat_positions_get(from, &key);
    *is_there = value != NULL;
    if (!value)
        return LEAT_OK;
    const struct leat_value *file = leat_map_get(value, "file"), *pos = leat_map_get(value, "pos"),
                            *gtid = leat_map_get(value, "gtid"), *done = leat_map_get(value, "done"),
                            *server = leat_map_get(value, "server"), *inner = leat_map_get(value, "inner");
    bool is_good = file && file->type == LEAT_TEXT && file->len < sizeof position->file && pos &&
                   pos->type == LEAT_INT64 && pos->as.i >= 0;
    if (is_good && gtid && gtid->type == LEAT_TEXT)
        is_good = gtids_parse(&position->gtids, gtid->as.text, gtid->len);
    if (!is_good)
        return leat_fail(err, LEAT_STOP, "its position \"binlog\" is no {file, pos, gtid, done, server}; see `leat offsets`");
    memcpy(position->file, file->as.text, file->len);
    position->file[file->len] = '\0';
    position->pos = (uint64_t)pos->as.i;
    position->done = done && done->type == LEAT_INT64 ? (uint64_t)done->as.i : 0;
    position->inner = inner && inner->type == LEAT_INT64 ? (uint64_t)inner->as.i : 0;
    if (server && server->type == LEAT_TEXT) /* positions of earlier versions have none */
        snprintf(position->server, sizeof position->server, "%.*s", (int)server->len, server->as.text);
    position->since_us = (int64_t)number_in(value, "since_us");
    position->begun = load_begun(leat_map_get(value, "within"));
    return LEAT_OK;
}

void position_store(const struct position *position, struct leat_batch *batch)
{
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 1 << 20);
    gtids_print(&position->gtids, &gtid);
    struct leat_value within[8], pairs[16] = {
        leat_value_string("file"), leat_value_string(position->file),
        leat_value_string("pos"),  leat_value_int((int64_t)position->pos),
        leat_value_string("gtid"), leat_value_text((const char *)gtid.data, gtid.len),
        leat_value_string("done"), leat_value_int((int64_t)position->done),
        leat_value_string("server"), leat_value_string(position->server),
    };
    uint32_t count = 10;
    if (position->inner > 0) {
        pairs[count++] = leat_value_string("inner");
        pairs[count++] = leat_value_int((int64_t)position->inner);
    }
    if (position->since_us > 0) {
        pairs[count++] = leat_value_string("since_us");
        pairs[count++] = leat_value_int(position->since_us);
    }
    if (position->begun.bytes > 0) {
        pairs[count++] = leat_value_string("within");
        pairs[count++] = begun_value(&position->begun, within);
    }
    struct leat_value key = leat_value_string("binlog"), value = leat_value_items(LEAT_MAP, pairs, count / 2);
    leat_batch_position(batch, &key, &value);
    leat_bytes_fini(&gtid);
}

uint64_t position_whole(uint64_t near, uint32_t pos)
{
    uint64_t whole = (near & ~(uint64_t)UINT32_MAX) | pos;
    return whole + UINT32_MAX / 2 < near ? whole + ((uint64_t)1 << 32) : whole;
}

int position_compare(const struct position *position, const char *file, uint64_t pos)
{
    size_t a = strlen(position->file), b = strlen(file);
    if (a != b) /* bin.999999 -> bin.1000000 */
        return a < b ? -1 : 1;
    int order = strcmp(position->file, file);
    if (order != 0)
        return order;
    return position->pos < pos ? -1 : position->pos > pos;
}
