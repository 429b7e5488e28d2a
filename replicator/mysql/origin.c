#include <mysql/origin.h>

#include <mysql/client.h>
#include <mysql/position.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    char file[256];
    uint64_t pos, row;
    int snapshot; /* 0: none; 1: of its rows; 2: the last one; 3: a change between them */
    char op;
};

static uint64_t number_of(const struct leat_value *origin, const char *name, bool *is_good)
{
    const struct leat_value *value = leat_map_get(origin, name);
    bool is_number = value && value->type == LEAT_INT64 && value->as.i >= 0;
    *is_good = *is_good && is_number;
    return is_number ? (uint64_t)value->as.i : 0;
}

static void text_of(const struct leat_value *origin, const char *name, char *text, size_t size)
{
    const struct leat_value *value = leat_map_get(origin, name);
    bool is_text = value && value->type == LEAT_TEXT && value->len < size;
    snprintf(text, size, "%.*s", is_text ? (int)value->len : 0, is_text ? value->as.text : "");
}

static bool read_place(const struct leat_value *origin, struct place *place)
{
    char op[8];
    bool is_good = origin->type == LEAT_MAP;
    const struct leat_value *snapshot = is_good ? leat_map_get(origin, "snapshot") : NULL;
    if (!is_good)
        return false;
    *place = (struct place){.pos = number_of(origin, "pos", &is_good), .row = number_of(origin, "row", &is_good)};
    text_of(origin, "file", place->file, sizeof place->file);
    text_of(origin, "op", op, sizeof op);
    place->op = op[0];
    bool is_last = snapshot && snapshot->type == LEAT_TEXT && snapshot->len == 4, is_change = snapshot && snapshot->type == LEAT_TEXT && !is_last;
    place->snapshot = !snapshot ? 0 : is_last ? 2 : is_change ? 3 : 1;
    return is_good && place->file[0];
}

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Files of one server order by their number; other names are another server's. */
static int compare_files(const char *a, const char *b)
{
    const char *first = strrchr(a, '.'), *second = strrchr(b, '.');
    if (!first || !second || first - a != second - b || memcmp(a, b, (size_t)(first - a)) != 0)
        return strcmp(a, b) == 0 ? 0 : LEAT_NO_ORDER;
    return compare(strtoull(first + 1, NULL, 10), strtoull(second + 1, NULL, 10));
}

static int compare_rows(const struct place *a, const struct place *b)
{
    int order = compare_files(a->file, b->file);
    if (order != 0)
        return order;
    order = compare(a->pos, b->pos);
    if (order == 0)
        order = compare(a->row, b->row);
    return order != 0 || a->op == b->op ? order : a->op == LEAT_DELETE ? -1 : 1;
}

int origin_order(const struct leat_value *a, const struct leat_value *b)
{
    struct place first, second;
    if (!read_place(a, &first) || !read_place(b, &second))
        return LEAT_NO_ORDER;
    bool is_row = first.snapshot == 1 || first.snapshot == 2, is_other = second.snapshot == 1 || second.snapshot == 2;
    int order = compare_files(first.file, second.file);
    if (!is_row && !is_other)
        return compare_rows(&first, &second);
    if (order != 0 || first.pos != second.pos)
        return order != 0 ? order : compare(first.pos, second.pos);
    return is_row && is_other ? compare(first.snapshot == 2, second.snapshot == 2) : is_row ? -1 : 1;
}

/* ---- positions ---- */

static enum leat_status gone(const struct client *client, const struct place *place, const char *why, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: its binary log cannot be read from %s:%llu, where the targets stand: %s. Changes behind it may be lost to "
                     "the targets: `leat run` without a log takes a new snapshot, into targets without marks",
                     client->where, place->file, (unsigned long long)place->pos, why);
}

/* An event of rows, or a statement, begins there. */
static enum leat_status check_event(struct client *client, const struct place *place, struct leat_error *err)
{
    MYSQL_RES *result;
    char file[CLIENT_NAME_MAX];
    struct leat_error refused;
    if (client_query(client, &result, &refused, "SHOW BINLOG EVENTS IN %s FROM %llu LIMIT 1", client_text(client, file, place->file),
                     (unsigned long long)place->pos) != LEAT_OK)
        return gone(client, place, refused.text, err);
    MYSQL_ROW row = mysql_fetch_row(result);
    const char *type = row && mysql_num_fields(result) >= 3 && row[2] ? row[2] : "";
    bool is_good = strstr(type, "rows") || strstr(type, "Query") || strstr(type, "payload") || strstr(type, "XA_prepare");
    mysql_free_result(result);
    return is_good ? LEAT_OK : gone(client, place, "no change begins there: it is another binary log of that name", err);
}

static enum leat_status ask_gtids(struct client *client, const char *file, uint64_t pos, struct client_place *place,
                                  struct leat_error *err)
{
    char name[CLIENT_NAME_MAX];
    *place = (struct client_place){.pos = pos};
    snprintf(place->file, sizeof place->file, "%s", file);
    enum leat_status status = client_identity(client, place->server, sizeof place->server, err);
    if (status != LEAT_OK || !client->is_mariadb)
        return status;
    return client_ask(client, place->gtid, sizeof place->gtid, err, "SELECT BINLOG_GTID_POS(%s, %llu)",
                      client_text(client, name, file), (unsigned long long)pos);
}

/* MariaDB: the transaction around the event has the GTID that the origin tells. */
static enum leat_status check_gtid(struct client *client, const struct leat_value *origin, const struct place *place,
                                   struct leat_error *err)
{
    struct client_place around;
    struct position there, ours;
    char gtid[200];
    text_of(origin, "gtid", gtid, sizeof gtid);
    if (!client->is_mariadb || !gtid[0])
        return LEAT_OK;
    enum leat_status status = ask_gtids(client, place->file, place->pos, &around, err);
    if (status != LEAT_OK)
        return status;
    position_init(&there);
    position_init(&ours);
    status = position_set(&there, &around, err);
    if (status == LEAT_OK && (!leat_gtid_list_parse(&ours.gtids.list, gtid, strlen(gtid)) || ours.gtids.list.count != 1))
        status = leat_fail(err, LEAT_STOP, "the origin's GTID %s cannot be read", gtid);
    bool is_same = false;
    for (uint32_t i = 0; status == LEAT_OK && i < there.gtids.list.count; i++)
        is_same = is_same || (there.gtids.list.places[i].domain == ours.gtids.list.places[0].domain &&
                              there.gtids.list.places[i].seq == ours.gtids.list.places[0].seq);
    if (status == LEAT_OK && !is_same)
        status = gone(client, place, "another transaction is there: RESET MASTER, a restored backup, or another server", err);
    position_fini(&there);
    position_fini(&ours);
    return status;
}

static enum leat_status store(const struct client_place *from, uint64_t done, struct leat_batch *positions, struct leat_error *err)
{
    struct position position;
    position_init(&position);
    enum leat_status status = position_set(&position, from, err);
    position.done = done;
    if (status == LEAT_OK)
        position_store(&position, positions);
    position_fini(&position);
    return status;
}

static void note_tables(struct leat_batch *positions, bool is_done)
{
    struct leat_value items[2], key = position_key(items, "snapshot", POSITION_ANY_TABLE);
    struct leat_value pair[2] = {leat_value_string("done"), leat_value_bool(is_done)};
    struct leat_value value = leat_value_items(LEAT_MAP, pair, 1);
    leat_batch_position(positions, &key, &value);
}

/* The snapshot's own place, between two transactions: nothing that is before it is behind. */
static enum leat_status behind_snapshot(struct client *client, const struct place *place, struct leat_batch *positions,
                                        struct leat_origin_found *found, struct leat_error *err)
{
    struct client_place from;
    enum leat_status status = ask_gtids(client, place->file, place->pos, &from, err);
    if (status == LEAT_OK && client->is_mariadb && !from.gtid[0])
        return gone(client, place, "the server does not know the place; was the file purged?", err);
    if (status == LEAT_OK)
        status = store(&from, 0, positions, err);
    note_tables(positions, true);
    found->is_behind = true;
    snprintf(found->text, sizeof found->text, "from %.200s:%llu, where the snapshot was taken", place->file,
             (unsigned long long)place->pos);
    return status;
}

static enum leat_status at_event(struct client *client, const struct leat_value *origin, const struct place *place,
                                 struct leat_batch *positions, struct leat_origin_found *found, struct leat_error *err)
{
    enum { HEAD = 4 }; /* behind a file's magic */
    struct client_place from;
    enum leat_status status = check_event(client, place, err);
    if (status == LEAT_OK)
        status = check_gtid(client, origin, place, err);
    if (status == LEAT_OK)
        status = ask_gtids(client, place->file, HEAD, &from, err);
    if (status == LEAT_OK)
        status = store(&from, place->pos, positions, err);
    note_tables(positions, true);
    snprintf(found->text, sizeof found->text,
             "from the event at %.200s:%llu; tables are taken for what they are now, where the binary log does not name their columns",
             place->file, (unsigned long long)place->pos);
    return status;
}

enum leat_status origin_position(struct client *client, const struct leat_value *origin, struct leat_batch *positions,
                                 struct leat_origin_found *found, struct leat_error *err)
{
    struct place place;
    if (!read_place(origin, &place))
        return leat_fail(err, LEAT_STOP, "it names no file, position and row");
    if (place.snapshot == 2)
        return behind_snapshot(client, &place, positions, found, err);
    if (place.snapshot == 0) /* nothing of a snapshot was to come */
        return at_event(client, origin, &place, positions, found, err);
    note_tables(positions, false);
    found->begins_anew = true;
    snprintf(found->text, sizeof found->text,
             "by a new snapshot: a target stands within the old one, which cannot be gone on with");
    return LEAT_OK;
}
