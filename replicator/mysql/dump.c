#include <mysql/dump.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/thread.h>
#include <base/wire.h>
#include <mysql/refusal.h>
#include <stdio.h>
#include <mysql_protocol/event.h>
#include <stdlib.h>

#define AHEAD_BYTES ((size_t)2 << 20) /* of events that wait for the owner */
#define LARGE_BYTES ((size_t)1 << 20)
#define NET_BYTES ((size_t)16 << 10)  /* as the library begins with */
#define NET_SPARE_BYTES ((size_t)64)  /* it writes headers behind them */
#define KEEP_BYTES ((size_t)1 << 20)
#define SILENT_HEARTBEATS 3 /* without a byte: the connection is dead */

enum { COMMAND_DUMP = 0x12, COMMAND_REGISTER = 0x15, COMMAND_DUMP_GTID = 0x1e };
enum { FLAG_HEARTBEAT_V2 = 2 }; /* MySQL's: places in files beyond 4 GiB */
/* MariaDB's: statements too. Within a transaction newer ones do not say where an event ends, which is counted then: no event may
 * be left out. */
enum { FLAG_ANNOTATE = 2, NO_PLACES_FROM = 110400 };

/* An event that changes hands with the memory that it was read into: copied, it would be there twice. */
struct large {
    uint8_t *block; /* NULL: there is none */
    const uint8_t *bytes;
    size_t len;
};

struct dump {
    struct client client; /* the side thread's */
    struct leat_lock lock;
    struct leat_cond room;
    struct leat_bell bell;
    struct leat_bytes filling; /* u32 length, bytes, ... */
    struct large filled;       /* behind them; nothing is added until both are taken */
    bool is_number_ours; /* the server_id */
    bool is_owner_waiting, is_closed, is_ended, has_gap;
    enum leat_status end_status; /* why the stream ended */
    struct leat_error end;
    uint32_t users; /* owner and side thread; the last one frees */
    /* the owner's */
    struct leat_bytes taking;
    size_t at;
    struct large last, given; /* behind `taking`; what dump_next() gave, until the next call */
};

static void release(struct dump *dump)
{
    leat_lock_take(&dump->lock);
    bool is_last = --dump->users == 0;
    leat_lock_give(&dump->lock);
    if (!is_last)
        return;
    client_close(&dump->client);
    leat_bytes_fini(&dump->filling);
    leat_bytes_fini(&dump->taking);
    free(dump->filled.block);
    free(dump->last.block);
    free(dump->given.block);
    leat_bell_close(&dump->bell);
    leat_cond_fini(&dump->room);
    leat_lock_fini(&dump->lock);
    free(dump);
}

/* ---- the side thread ---- */

/* The event's memory is the library's buffer, which gets a new one. */
static struct large take_buffer(NET *net, const uint8_t *bytes, size_t len)
{
    struct large large = {.block = net->buff, .bytes = bytes, .len = len};
    net->buff = net->write_pos = net->read_pos = leat_malloc(NET_BYTES + NET_SPARE_BYTES);
    net->max_packet = NET_BYTES;
    net->buff_end = net->buff + NET_BYTES;
    return large;
}

/* Lock held. */
static bool has_room(const struct dump *dump, size_t len)
{
    if (dump->filled.block)
        return false;
    return len >= LARGE_BYTES || dump->filling.len == 0 || dump->filling.len + len <= AHEAD_BYTES;
}

/* False: the owner is gone. */
static bool hand_over(struct dump *dump, const uint8_t *bytes, size_t len)
{
    struct large large = {.block = NULL};
    if (len >= LARGE_BYTES)
        large = take_buffer(&dump->client.mysql->net, bytes, len);
    leat_lock_take(&dump->lock);
    while (!dump->is_closed && !has_room(dump, len))
        leat_cond_wait(&dump->room, &dump->lock);
    if (large.block && !dump->filled.block)
        dump->filled = large;
    else if (large.block)
        free(large.block);
    if (!large.block) {
        leat_bytes_u32(&dump->filling, (uint32_t)len);
        leat_bytes_add(&dump->filling, bytes, len);
    }
    bool wakes = dump->is_owner_waiting;
    dump->is_owner_waiting = false;
    bool goes_on = !dump->is_closed;
    leat_lock_give(&dump->lock);
    if (wakes)
        leat_bell_ring(&dump->bell);
    return goes_on;
}

/* The client library has read the server's error packet (0xff), or made an error of its own. */
static enum leat_status server_refused(struct dump *dump, const char *name, struct leat_error *err)
{
    struct refusal refusal = {.code = mysql_errno(dump->client.mysql),
                              .text = mysql_error(dump->client.mysql),
                              .where = dump->client.where,
                              .connector = name,
                              .is_number_ours = dump->is_number_ours};
    leat_lock_take(&dump->lock);
    dump->has_gap = refusal_is_gap(&refusal);
    leat_lock_give(&dump->lock);
    return refusal_status(&refusal, err);
}

/* One packet: 0x00 and an event, 0xfe: the end. */
static enum leat_status read_packet(struct dump *dump, const char *name, struct leat_error *err)
{
    unsigned long len = mysql_net_read_packet(dump->client.mysql);
    if (len == packet_error)
        return server_refused(dump, name, err);
    const uint8_t *packet = dump->client.mysql->net.read_pos;
    if (len == 0 || (packet[0] == 0xfe && len < 9))
        return leat_fail(err, LEAT_RETRY, "%s: the server ended the binary log", dump->client.where);
    return hand_over(dump, packet + 1, len - 1) ? LEAT_OK : LEAT_EOF;
}

static void run_dump(struct leat_task *task, void *arg)
{
    struct dump *dump = arg;
    struct leat_error err = {0};
    leat_task_guard(task, mysql_get_socket(dump->client.mysql));
    enum leat_status status;
    do
        status = read_packet(dump, leat_task_name(task), &err);
    while (status == LEAT_OK);
    leat_task_guard(task, -1);
    leat_lock_take(&dump->lock);
    dump->is_ended = true;
    dump->end_status = status;
    dump->end = err;
    leat_lock_give(&dump->lock);
    leat_bell_ring(&dump->bell);
    release(dump);
}

/* ---- asking ---- */

static enum leat_status set_session(struct client *client, const struct position *from, int64_t heartbeat_us,
                                    struct leat_error *err)
{
    enum leat_status status =
        client_run(client, err, "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum");
    if (status == LEAT_OK)
        status = client_run(client, err, "SET @master_heartbeat_period = %lld, @source_heartbeat_period = %lld",
                            (long long)heartbeat_us * 1000, (long long)heartbeat_us * 1000);
    if (status == LEAT_OK && client->is_mariadb)
        status = client_run(client, err, "SET @mariadb_slave_capability = 4");
    if (status != LEAT_OK || !client->is_mariadb || from->gtids.kind != GTIDS_LIST)
        return status;
    struct leat_bytes gtid;
    leat_bytes_init(&gtid, 1 << 20);
    gtids_print(&from->gtids, &gtid);
    leat_bytes_put(&gtid, 0);
    status = client_run(client, err, "SET @slave_connect_state = '%s', @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0",
                        (const char *)gtid.data);
    leat_bytes_fini(&gtid);
    return status;
}

static enum leat_status send_command(struct client *client, int command, const struct leat_bytes *bytes, struct leat_error *err)
{
    if (client->mysql->methods->db_command(client->mysql, (enum enum_server_command)command, (const char *)bytes->data,
                                           bytes->len, 1, 0) != 0)
        return client_failed(client, "cannot ask for the binary log", err);
    return LEAT_OK;
}

/* COM_REGISTER_SLAVE: so that SHOW SLAVE HOSTS shows who reads. */
static enum leat_status register_reader(struct client *client, uint32_t server_id, struct leat_error *err)
{
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, 1024);
    leat_bytes_u32(&bytes, server_id);
    leat_bytes_add(&bytes, "\4leat\0\0", 7); /* host, user, password */
    leat_bytes_u16(&bytes, 0);
    leat_bytes_u32(&bytes, 0);
    leat_bytes_u32(&bytes, 0);
    enum leat_status status = send_command(client, COMMAND_REGISTER, &bytes, err);
    leat_bytes_fini(&bytes);
    if (status == LEAT_OK && mysql_net_read_packet(client->mysql) == packet_error)
        status = client_failed(client, "cannot register as a reader of the binary log", err);
    if (status == LEAT_OK && client->mysql->net.read_pos[0] == 0xff)
        return leat_fail(err, LEAT_STOP,
                         "%s: the user may not read the binary log; run: GRANT REPLICATION SLAVE ON *.* TO the user",
                         client->where);
    return status;
}

/* A MySQL takes a set only while every transaction has a GTID. */
static bool takes_set(struct client *client, const struct position *from)
{
    return from->gtids.kind == GTIDS_SET && !client->is_mariadb && client_knows_gtids(client);
}

static uint16_t flags_for(const struct client *client)
{
    if (client->is_mariadb)
        return client->version >= NO_PLACES_FROM ? FLAG_ANNOTATE : 0;
    return client->version >= 80028 ? FLAG_HEARTBEAT_V2 : 0;
}

static void write_set(struct leat_bytes *bytes, const struct client *client, const struct position *from, uint32_t server_id)
{
    struct leat_bytes set;
    leat_bytes_init(&set, (size_t)64 << 20);
    leat_gtid_set_encode(&from->gtids.set, &set);
    leat_bytes_u16(bytes, flags_for(client));
    leat_bytes_u32(bytes, server_id);
    leat_bytes_u32(bytes, 0); /* no file: the server finds the one where the first that we lack is */
    leat_bytes_u64(bytes, 4);
    leat_bytes_u32(bytes, (uint32_t)set.len);
    leat_bytes_add(bytes, set.data, set.len);
    leat_bytes_fini(&set);
}

static void write_place(struct leat_bytes *bytes, const struct client *client, const struct position *from, uint32_t server_id)
{
    bool by_list = client->is_mariadb && from->gtids.kind == GTIDS_LIST; /* set_session() has said it */
    leat_bytes_u32(bytes, by_list ? 4 : (uint32_t)from->pos);
    leat_bytes_u16(bytes, flags_for(client));
    leat_bytes_u32(bytes, server_id);
    if (!by_list)
        leat_bytes_text(bytes, from->file);
}

static enum leat_status ask(struct client *client, const struct position *from, uint32_t server_id, struct leat_error *err)
{
    bool by_set = takes_set(client, from), by_list = client->is_mariadb && from->gtids.kind == GTIDS_LIST;
    struct leat_bytes bytes;
    if (!by_set && !by_list && from->pos > UINT32_MAX)
        return leat_fail(err, LEAT_STOP, "%s: position %llu in %s is beyond 4 GiB, where a server without GTIDs cannot be asked",
                         client->where, (unsigned long long)from->pos, from->file);
    leat_bytes_init(&bytes, (size_t)64 << 20);
    if (by_set)
        write_set(&bytes, client, from, server_id);
    else
        write_place(&bytes, client, from, server_id);
    enum leat_status status = send_command(client, by_set ? COMMAND_DUMP_GTID : COMMAND_DUMP, &bytes, err);
    leat_bytes_fini(&bytes);
    return status;
}

enum leat_status dump_open(struct dump **dump, struct client *client, const struct position *from, int64_t wanted_id,
                           struct reader *before, int64_t heartbeat_us, struct leat_task *task, struct leat_error *err)
{
    uint32_t server_id = 0;
    enum leat_status status = reader_number(client, task, wanted_id, before, &server_id, err);
    if (status == LEAT_OK)
        status = set_session(client, from, heartbeat_us, err);
    if (status == LEAT_OK)
        status = register_reader(client, server_id, err);
    if (status == LEAT_OK)
        status = ask(client, from, server_id, err);
    leat_task_guard(task, -1); /* the side thread guards it from here on */
    if (status != LEAT_OK) {
        client_close(client);
        return status;
    }
    struct dump *made = leat_calloc(1, sizeof *made);
    made->client = *client;
    made->is_number_ours = wanted_id == 0;
    made->users = 2;
    leat_lock_init(&made->lock, "binary log", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->room);
    leat_bytes_init(&made->filling, (size_t)2 << 30);
    leat_bytes_init(&made->taking, (size_t)2 << 30);
    status = leat_bell_open(&made->bell, err);
    if (status == LEAT_OK)
        status = leat_task_side(task, "leat-binlog", run_dump, made, err);
    if (status != LEAT_OK) {
        made->users = 1;
        release(made);
        return status;
    }
    *dump = made;
    return LEAT_OK;
}

/* ---- the begin of a file ---- */

static enum leat_status read_first_time(struct client *client, int64_t *time_us, struct leat_error *err)
{
    for (;;) {
        unsigned long len = mysql_net_read_packet(client->mysql);
        const uint8_t *packet = client->mysql->net.read_pos;
        if (len == packet_error || len < 1 + LEAT_BINLOG_HEADER)
            return client_failed(client, "cannot read the begin of a binary log", err);
        if (packet[1 + 4] != LEAT_BINLOG_FORMAT) /* the ROTATE that the dump begins with has no time */
            continue;
        *time_us = (int64_t)leat_get_u32(packet + 1) * 1000000;
        return LEAT_OK;
    }
}

enum leat_status dump_first_time(struct client *client, const char *file, int64_t *time_us, struct leat_error *err)
{
    struct position head;
    struct reader none = {.connection = 0};
    uint32_t server_id = 0;
    position_init(&head);
    snprintf(head.file, sizeof head.file, "%s", file);
    head.pos = 4;
    *time_us = 0;
    enum leat_status status = reader_number(client, NULL, 0, &none, &server_id, err);
    if (status == LEAT_OK)
        status = set_session(client, &head, 60000000, err);
    if (status == LEAT_OK)
        status = ask(client, &head, server_id, err);
    if (status == LEAT_OK)
        status = read_first_time(client, time_us, err);
    position_fini(&head);
    return status;
}

/* ---- the owner ---- */

/* Takes what was read meanwhile; false: nothing. */
static bool swap(struct dump *dump)
{
    leat_lock_take(&dump->lock);
    struct leat_bytes empty = dump->taking;
    dump->taking = dump->filling;
    leat_bytes_clear(&empty);
    leat_bytes_shrink(&empty, KEEP_BYTES);
    dump->filling = empty;
    dump->at = 0;
    dump->last = dump->filled;
    dump->filled.block = NULL;
    bool is_empty = dump->taking.len == 0 && !dump->last.block;
    dump->is_owner_waiting = is_empty;
    leat_cond_signal(&dump->room);
    leat_lock_give(&dump->lock);
    return !is_empty;
}

/* Nothing was there: the bell tells of what comes. True: nothing will. */
static bool note_empty(struct dump *dump)
{
    leat_lock_take(&dump->lock);
    bool has_more = dump->filling.len > 0 || dump->filled.block;
    bool is_ended = dump->is_ended && !has_more;
    if (!is_ended)
        leat_bell_clear(&dump->bell);
    if (!is_ended && (has_more || dump->is_ended))
        leat_bell_ring(&dump->bell); /* it came between the two looks */
    leat_lock_give(&dump->lock);
    return is_ended;
}

enum leat_status dump_next(struct dump *dump, const uint8_t **bytes, size_t *len, struct leat_error *err)
{
    free(dump->given.block);
    dump->given.block = NULL;
    if (dump->at == dump->taking.len && !dump->last.block && !swap(dump)) {
        if (!note_empty(dump))
            return LEAT_AGAIN;
        *err = dump->end; /* nobody writes it any more */
        return dump->end_status;
    }
    if (dump->at == dump->taking.len) {
        dump->given = dump->last;
        dump->last.block = NULL;
        *bytes = dump->given.bytes;
        *len = dump->given.len;
        return LEAT_OK;
    }
    const uint8_t *at = dump->taking.data + dump->at;
    *len = leat_get_u32(at);
    *bytes = at + 4;
    dump->at += 4 + *len;
    leat_assert(dump->at <= dump->taking.len);
    return LEAT_OK;
}

uint8_t dump_peek(struct dump *dump)
{
    enum { TYPE_AT = 4 };
    const uint8_t *bytes = dump->last.bytes;
    size_t len = dump->last.len;
    if (dump->at == dump->taking.len && !dump->last.block) {
        if (!swap(dump))
            return note_empty(dump) ? DUMP_ENDED : DUMP_NOTHING;
        bytes = dump->last.bytes;
        len = dump->last.len;
    }
    if (dump->at < dump->taking.len) {
        len = leat_get_u32(dump->taking.data + dump->at);
        bytes = dump->taking.data + dump->at + 4;
    }
    return len > TYPE_AT ? bytes[TYPE_AT] : 0;
}

bool dump_has_gap(struct dump *dump)
{
    leat_lock_take(&dump->lock);
    bool has_gap = dump->has_gap;
    leat_lock_give(&dump->lock);
    return has_gap;
}

int dump_fd(const struct dump *dump)
{
    return dump->bell.fd;
}

/* The host has shut the side thread's guard before: the client is not touched here, its library may be closing it. */
void dump_close(struct dump *dump)
{
    leat_lock_take(&dump->lock);
    dump->is_closed = true;
    leat_cond_signal(&dump->room);
    leat_lock_give(&dump->lock);
    release(dump);
}
