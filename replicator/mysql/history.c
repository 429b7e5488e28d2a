#include <mysql/history.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum leat_status other_history(const struct client *client, const struct position *position, const char *connector,
                                      const char *why, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: its binary log is not the one that was read up to %s:%llu (%s): RESET MASTER, a restored backup, or "
                     "another server. Bring the old one back, or run: leat offsets reset %s, and a new snapshot is taken",
                     client->where, position->file, (unsigned long long)position->pos, why, connector);
}

/* "BEGIN GTID 0-1-74": what follows our place is newer than what we have. */
static bool is_older(const struct leat_gtid_list *ours, const char *info)
{
    unsigned domain, server;
    unsigned long long seq;
    const char *text = strstr(info, "GTID ");
    return text && sscanf(text + 5, "%u-%u-%llu", &domain, &server, &seq) == 3 && leat_gtid_list_has(ours, domain, seq);
}

static enum leat_status check_end(struct client *client, const struct position *position, const char *connector,
                                  struct leat_error *err)
{
    struct client_place place;
    struct position end;
    position_init(&end);
    enum leat_status status = client_place(client, &place, err);
    if (status == LEAT_OK)
        status = position_set(&end, &place, err);
    char why[400];
    snprintf(why, sizeof why, "it ends at %s:%llu", place.file, (unsigned long long)place.pos);
    if (status == LEAT_OK && position_compare(position, end.file, end.pos) > 0)
        status = other_history(client, position, connector, why, err);
    else if (status == LEAT_OK && client->is_mariadb && !leat_gtid_list_contains(&end.gtids.list, &position->gtids.list))
        status = other_history(client, position, connector, "its GTIDs are behind", err);
    position_fini(&end);
    return status;
}

/* An event begins where we stopped, and it is newer. */
static enum leat_status check_next(struct client *client, const struct position *position, const char *connector,
                                   struct leat_error *err)
{
    MYSQL_RES *result;
    char file[CLIENT_NAME_MAX];
    struct leat_error refused;
    if (client_query(client, &result, &refused, "SHOW BINLOG EVENTS IN %s FROM %llu LIMIT 1",
                     client_text(client, file, position->file), (unsigned long long)position->pos) != LEAT_OK)
        return strstr(refused.text, "rong offset") ? other_history(client, position, connector, "no event begins there", err)
                                                   : LEAT_OK;
    MYSQL_ROW row = mysql_fetch_row(result);
    bool is_other = row && mysql_num_fields(result) >= 6 && row[5] && is_older(&position->gtids.list, row[5]);
    mysql_free_result(result);
    return is_other ? other_history(client, position, connector, "what follows there is older", err) : LEAT_OK;
}

enum leat_status history_check(struct client *client, const struct position *position, const char *connector,
                               struct leat_error *err)
{
    enum leat_status status = check_end(client, position, connector, err);
    return status == LEAT_OK ? check_next(client, position, connector, err) : status;
}
