#include <mysql/position.h>

#include <mysql/client.h>
#include <stdio.h>

void position_init(struct position *position)
{
    *position = (struct position){.pos = 0};
    leat_gtid_list_init(&position->gtid);
}

void position_fini(struct position *position)
{
    leat_gtid_list_fini(&position->gtid);
}

enum leat_status position_set(struct position *position, const struct client_place *place, struct leat_error *err)
{
    snprintf(position->file, sizeof position->file, "%s", place->file);
    position->pos = place->pos;
    position->has_gtid = place->gtid[0] != '\0';
    if (leat_gtid_list_parse(&position->gtid, place->gtid, strlen(place->gtid)))
        return LEAT_OK;
    return leat_fail(err, LEAT_STOP, "the server's GTID list cannot be read: %.60s...", place->gtid);
}

struct leat_value position_key(struct leat_value items[2], const char *kind, const char *table)
{
    items[0] = leat_value_string(kind);
    items[1] = leat_value_string(table);
    return leat_value_items(LEAT_ARRAY, items, 2);
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
                            *gtid = leat_map_get(value, "gtid"), *done = leat_map_get(value, "done");
    bool is_good = file && file->type == LEAT_TEXT && file->len < sizeof position->file && pos &&
                   pos->type == LEAT_INT64 && pos->as.i >= 0;
    position->has_gtid = gtid && gtid->type == LEAT_TEXT && gtid->len > 0;
    if (is_good && position->has_gtid)
        is_good = leat_gtid_list_parse(&position->gtid, gtid->as.text, gtid->len);
    if (!is_good)
        return leat_fail(err, LEAT_STOP, "its position \"binlog\" is no {file, pos, gtid, done}; see `leat offsets`");
    memcpy(position->file, file->as.text, file->len);
    position->file[file->len] = '\0';
    position->pos = (uint64_t)pos->as.i;
    position->done = done && done->type == LEAT_INT64 ? (uint64_t)done->as.i : 0;
    return LEAT_OK;
}

void position_store(const struct position *position, struct leat_batch *batch)
{
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 1 << 20);
    leat_gtid_list_print(&position->gtid, &gtid);
    struct leat_value pairs[8] = {
        leat_value_string("file"), leat_value_string(position->file),
        leat_value_string("pos"),  leat_value_int((int64_t)position->pos),
        leat_value_string("gtid"), leat_value_text((const char *)gtid.data, gtid.len),
        leat_value_string("done"), leat_value_int((int64_t)position->done),
    };
    struct leat_value key = leat_value_string("binlog"), value = leat_value_items(LEAT_MAP, pairs, 4);
    leat_batch_position(batch, &key, &value);
    leat_bytes_fini(&gtid);
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
