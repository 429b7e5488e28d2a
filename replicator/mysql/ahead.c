#include <mysql/ahead.h>

#include <base/memory.h>
#include <base/wire.h>
#include <mysql/definition.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMMAND_DUMP = 0x12, FLAG_ENDS = 1, FIRST_EVENT = 4 };
#define KEY_MAX 600

struct ahead_change { /* where the table changes last */
    char file[256];
    uint64_t pos;
};

struct reading {
    struct ahead *ahead;
    struct client client;
    struct leat_binlog_format format;
    struct position at; /* end of the event before */
    bool is_undecided;  /* the statement that comes */
    struct leat_bytes room;
};

void ahead_init(struct ahead *ahead, bool ignore_case)
{
    *ahead = (struct ahead){.ignore_case = ignore_case};
    leat_table_init(&ahead->changed);
    position_init(&ahead->until);
}

void ahead_fini(struct ahead *ahead)
{
    leat_table_fini(&ahead->changed, free);
    position_fini(&ahead->until);
}

/* ---- what was found ---- */

/* 0: longer than any name of a server. */
static size_t make_key(const struct ahead *ahead, char key[KEY_MAX], const char *database, const char *table)
{
    int len = snprintf(key, KEY_MAX, "%s%c%s", database, '\0', table);
    if (len < 0 || len >= KEY_MAX)
        return 0;
    for (int i = 0; ahead->ignore_case && i < len; i++)
        key[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] + ('a' - 'A') : key[i]);
    return (size_t)len;
}

static bool is_behind(const struct ahead_change *change, const char *file, uint64_t pos)
{
    struct position at = {.pos = change->pos};
    snprintf(at.file, sizeof at.file, "%s", change->file);
    return position_compare(&at, file, pos) > 0;
}

static void note(struct reading *reading, const char *database, const char *table)
{
    char key[KEY_MAX];
    size_t len = make_key(reading->ahead, key, database, table);
    if (len == 0)
        return;
    struct ahead_change *change = leat_table_get(&reading->ahead->changed, key, len);
    if (!change) {
        change = leat_calloc(1, sizeof *change);
        leat_table_set(&reading->ahead->changed, key, len, change);
    }
    if (is_behind(change, reading->at.file, reading->at.pos)) /* read once more */
        return;
    snprintf(change->file, sizeof change->file, "%s", reading->at.file);
    change->pos = reading->at.pos;
}

static void note_name(struct reading *reading, const struct leat_ddl_name *name, const char *session)
{
    if (name->database || name->table)
        note(reading, name->database ? name->database : session, name->table ? name->table : "");
}

bool ahead_changes(const struct ahead *ahead, const char *file, uint64_t pos, const char *database, const char *table)
{
    char key[KEY_MAX];
    size_t len = make_key(ahead, key, database, table);
    const struct ahead_change *change = len ? leat_table_get(&ahead->changed, key, len) : NULL;
    if (change && is_behind(change, file, pos))
        return true;
    len = make_key(ahead, key, database, "");
    change = len ? leat_table_get(&ahead->changed, key, len) : NULL;
    return change && is_behind(change, file, pos);
}

/* ---- reading ---- */

static void go_to(struct position *at, const char *file, uint64_t pos)
{
    snprintf(at->file, sizeof at->file, "%s", file);
    at->pos = pos;
}

static void take_statement(struct reading *reading, const struct leat_binlog_event *ev)
{
    struct leat_binlog_query query;
    struct leat_ddl ddl;
    struct leat_arena arena;
    if (!leat_binlog_query(ev, &reading->format, &reading->room, &query))
        return;
    char *session = leat_strndup(query.database, query.database_len);
    leat_arena_init(&arena, 0);
    leat_ddl_read(&ddl, query.text, query.text_len, query.sql_mode, leat_server_version(reading->format.server_version),
                  reading->client.is_mariadb, &arena);
    for (const struct leat_ddl_step *step = ddl.steps; step; step = step->next) {
        if (step->kind == LEAT_DDL_DATABASE || step->kind == LEAT_DDL_TRUNCATE || !definition_matters(step))
            continue;
        note_name(reading, &step->name, session);
        if (step->kind == LEAT_DDL_RENAME)
            note_name(reading, &step->other, session);
    }
    leat_arena_fini(&arena);
    free(session);
}

static enum leat_status take_event(struct reading *reading, const uint8_t *bytes, size_t len, struct leat_error *err)
{
    struct leat_binlog_event ev;
    struct leat_binlog_rotate rotate;
    struct leat_binlog_gtid gtid;
    enum leat_status status = leat_binlog_event(&ev, &reading->format, bytes, len, false, err);
    if (status != LEAT_OK)
        return status;
    if (ev.type == LEAT_BINLOG_FORMAT)
        return leat_binlog_format(&reading->format, &ev, err);
    if (ev.type == LEAT_BINLOG_ROTATE && leat_binlog_rotate(&ev, &rotate) && rotate.file_len < sizeof reading->at.file) {
        snprintf(reading->at.file, sizeof reading->at.file, "%.*s", (int)rotate.file_len, rotate.file);
        reading->at.pos = rotate.pos;
        return LEAT_OK;
    }
    if (!(ev.flags & LEAT_BINLOG_ARTIFICIAL))
        reading->at.pos = ev.log_pos ? position_whole(reading->at.pos, ev.log_pos) : reading->at.pos + ev.length;
    if (ev.type == LEAT_BINLOG_MARIA_GTID)
        reading->is_undecided = leat_binlog_gtid(&ev, &gtid) && gtid.is_undecided;
    else if ((ev.type == LEAT_BINLOG_QUERY || ev.type == LEAT_BINLOG_QUERY_COMPRESSED) && !reading->is_undecided)
        take_statement(reading, &ev);
    return LEAT_OK;
}

/* OK: there is more. EOF: the server's end. */
static enum leat_status read_packet(struct reading *reading, struct leat_error *err)
{
    unsigned long len = mysql_net_read_packet(reading->client.mysql);
    if (len == packet_error)
        return leat_fail(err, LEAT_RETRY, "%s: cannot read the binary log ahead: %s", reading->client.where,
                         mysql_error(reading->client.mysql));
    const uint8_t *packet = reading->client.mysql->net.read_pos;
    if (len == 0 || (packet[0] == 0xfe && len < 9))
        return LEAT_EOF;
    return take_event(reading, packet + 1, len - 1, err);
}

/* Server 0 reads without being taken for a replica, and to the log's end. */
static enum leat_status ask(struct reading *reading, struct leat_error *err)
{
    struct client *client = &reading->client;
    struct leat_bytes bytes;
    enum leat_status status = client_run(
        client, err, "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum");
    if (status == LEAT_OK && client->is_mariadb)
        status = client_run(client, err, "SET @mariadb_slave_capability = 4");
    if (status != LEAT_OK)
        return status;
    leat_bytes_init(&bytes, 1024);
    leat_bytes_u32(&bytes, (uint32_t)reading->at.pos);
    leat_bytes_u16(&bytes, FLAG_ENDS);
    leat_bytes_u32(&bytes, 0);
    leat_bytes_text(&bytes, reading->at.file);
    if (client->mysql->methods->db_command(client->mysql, (enum enum_server_command)COMMAND_DUMP, (const char *)bytes.data,
                                           bytes.len, 1, 0) != 0)
        status = client_failed(client, "cannot ask for the binary log", err);
    leat_bytes_fini(&bytes);
    return status;
}

static enum leat_status read_all(struct reading *reading, const struct client_place *until, struct leat_task *task,
                                 struct leat_error *err)
{
    enum leat_status status = ask(reading, err);
    while (status == LEAT_OK && position_compare(&reading->at, until->file, until->pos) < 0) {
        status = read_packet(reading, err);
        if (leat_task_is_stopping(task))
            return leat_fail(err, LEAT_RETRY, "%s: reading the binary log ahead was stopped", reading->client.where);
    }
    return status == LEAT_EOF ? LEAT_OK : status;
}

enum leat_status ahead_read(struct ahead *ahead, const struct client_options *options, const struct position *from,
                            const char *file, unsigned read_timeout_s, const struct client_place *until, struct leat_task *task,
                            struct leat_error *err)
{
    struct reading reading = {.ahead = ahead};
    struct position *at = &ahead->until;
    bool is_placed = from->file[0] != '\0';
    const char *from_file = is_placed ? from->file : file;
    uint64_t from_pos = is_placed ? from->pos : FIRST_EVENT;
    if (!at->file[0] || position_compare(at, from_file, from_pos) < 0)
        go_to(at, from_file, from_pos);
    if (position_compare(at, until->file, until->pos) >= 0)
        return LEAT_OK;
    enum leat_status status = client_open(&reading.client, options, read_timeout_s, NULL, err);
    if (status != LEAT_OK)
        return status;
    leat_bytes_init(&reading.room, (size_t)1 << 30);
    go_to(&reading.at, at->file, at->pos > UINT32_MAX ? FIRST_EVENT : at->pos); /* a place is asked for in 32 bits */
    status = read_all(&reading, until, task, err);
    if (status == LEAT_OK)
        go_to(at, until->file, until->pos);
    client_close(&reading.client);
    leat_bytes_fini(&reading.room);
    return status;
}
