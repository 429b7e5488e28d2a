#include <mysql/start.h>

#include <base/memory.h>
#include <base/text.h>
#include <mysql/dump.h>
#include <mysql/history.h>
#include <mysql/start_read.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEAD = 4 }; /* behind a file's magic */

/* What lies before a place: MariaDB tells; a MySQL's set comes with the head of a file, which it begins with. */
static enum leat_status set_place(struct client *client, const char *file, uint64_t pos, struct position *position,
                                  struct leat_error *err)
{
    struct client_place *place = leat_calloc(1, sizeof *place);
    char name[CLIENT_NAME_MAX];
    snprintf(place->file, sizeof place->file, "%s", file);
    place->pos = pos;
    enum leat_status status = client_identity(client, place->server, sizeof place->server, err);
    if (status == LEAT_OK && client->is_mariadb)
        status = client_ask(client, place->gtid, sizeof place->gtid, err, "SELECT BINLOG_GTID_POS(%s, %llu)",
                            client_text(client, name, file), (unsigned long long)pos);
    if (status == LEAT_OK)
        status = position_set(position, place, err);
    free(place);
    return status;
}

static enum leat_status at_current(struct client *client, struct position *position, struct leat_error *err)
{
    struct client_place *place = leat_calloc(1, sizeof *place);
    enum leat_status status = client_place(client, place, err);
    if (status == LEAT_OK)
        status = position_set(position, place, err);
    free(place);
    return status;
}

static enum leat_status at_earliest(struct client *client, struct position *position, struct leat_error *err)
{
    char file[256];
    enum leat_status status = client_first_file(client, file, sizeof file, err);
    return status == LEAT_OK ? set_place(client, file, HEAD, position, err) : status;
}

static enum leat_status at_place(struct client *client, const struct start *start, struct position *position,
                                 struct leat_error *err)
{
    char why[HISTORY_WHY_MAX];
    if (!history_begins_at(client, start->file, start->pos, why))
        return leat_fail(err, LEAT_STOP, "%s: `start`: %s:%llu: %s; SHOW BINLOG EVENTS IN '%s' shows where transactions begin",
                         client->where, start->file, (unsigned long long)start->pos, why, start->file);
    return set_place(client, start->file, start->pos, position, err);
}

static enum leat_status at_gtids(struct client *client, const char *text, struct position *position, struct leat_error *err)
{
    enum history history;
    enum leat_status status = client_identity(client, position->server, sizeof position->server, err);
    if (status != LEAT_OK)
        return status;
    gtids_parse(&position->gtids, text, strlen(text));
    if (position->gtids.kind != (client->is_mariadb ? GTIDS_LIST : GTIDS_SET))
        return leat_fail(err, LEAT_STOP, "%s: `start`: %s is not of a %s", client->where, text, client->is_mariadb ? "MariaDB" : "MySQL");
    if (!client_knows_gtids(client))
        return leat_fail(err, LEAT_STOP, "%s: `start`: its gtid_mode is not ON; say a file and place, or a time", client->where);
    status = history_check(client, position, "PIPELINE", &history, err);
    if (history == HISTORY_DIFFERS || history == HISTORY_PURGED)
        leat_error_context(err, "`start: %s` is not a place in its history", text);
    return status;
}

/* ---- a time ---- */

struct files {
    char (*names)[256];
    size_t count;
};

static enum leat_status list_files(struct client *client, struct files *files, struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err, "SHOW BINARY LOGS");
    if (status != LEAT_OK)
        return status;
    files->names = leat_calloc((size_t)mysql_num_rows(result) + 1, sizeof *files->names);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        snprintf(files->names[files->count++], sizeof *files->names, "%s", row[0]);
    mysql_free_result(result);
    return LEAT_OK;
}

static enum leat_status time_of(const struct client_options *options, const char *file, int64_t *time_us, struct leat_error *err)
{
    struct client client;
    enum leat_status status = client_open(&client, options, client_patience_s(options, 60), NULL, err);
    if (status == LEAT_OK)
        status = dump_first_time(&client, file, time_us, err);
    client_close(&client);
    return status;
}

/* The last file that begins before that second (or the first one): what is of it may be in there, and in those behind. */
static enum leat_status find_file(const struct client_options *options, const struct files *files, int64_t time_us, size_t *at,
                                  struct leat_error *err)
{
    size_t low = 0, high = files->count; /* files[low] begins in time, files[high] does not */
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && high - low > 1) {
        int64_t begin_us;
        size_t mid = low + (high - low) / 2;
        status = time_of(options, files->names[mid], &begin_us, err);
        if (begin_us < time_us)
            low = mid;
        else
            high = mid;
    }
    *at = low;
    return status;
}

static enum leat_status at_time(struct client *client, const struct client_options *options, int64_t time_us,
                                struct position *position, struct leat_error *err)
{
    struct files files = {.count = 0};
    int64_t begin_us = 0;
    size_t at = 0;
    char begins[64];
    time_us -= time_us % 1000000;
    enum leat_status status = list_files(client, &files, err);
    if (status == LEAT_OK && files.count > 0)
        status = time_of(options, files.names[0], &begin_us, err);
    begins[leat_text_time(begins, begin_us, 0)] = '\0';
    if (status == LEAT_OK && begin_us > time_us)
        status = leat_fail(err, LEAT_STOP, "%s: `start`: its oldest binary log begins at %s, later than that; say a later time, or earliest",
                           client->where, begins);
    if (status == LEAT_OK)
        status = find_file(options, &files, time_us, &at, err);
    if (status == LEAT_OK)
        status = set_place(client, files.names[at], HEAD, position, err);
    position->since_us = time_us;
    free(files.names);
    return status;
}

enum leat_status start_position(struct client *client, const struct client_options *options, const char *text,
                                struct position *position, struct leat_error *err)
{
    struct start start;
    if (!start_read(&start, text))
        return leat_fail(err, LEAT_STOP, "`start`: %s is no place to begin at", text);
    switch (start.kind) {
    case START_EARLIEST:
        return at_earliest(client, position, err);
    case START_PLACE:
        return at_place(client, &start, position, err);
    case START_GTIDS:
        return at_gtids(client, text, position, err);
    case START_TIME:
        return at_time(client, options, start.time_us, position, err);
    case START_CURRENT:
        break;
    }
    return at_current(client, position, err);
}
