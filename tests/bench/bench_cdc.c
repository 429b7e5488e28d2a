/* bench_cdc.c - the ceilings of `scripts/bench cdc`: the binary log of a server, fetched and decoded, and nothing else.
 *
 *   bench_cdc KIND PORT FILE POS END_FILE END_POS [WARM_POS]     the clock starts at WARM_POS
 *
 * decode: fetch, events, rows into cells.  plain: the same without a look at the checksums.  json: also records, and
 * Debezium's JSON in memory.  unzip: fetch, and compressed transactions inflated by zstd alone. Prints rows, bytes, seconds.
 */
// folders: mysql mysql_protocol model base
// packages: mariadb zstd
// links: -Wl,--allow-multiple-definition
#include <base/clock.h>
#include <base/os.h>
#include <base/wire.h>
#include <model/batch.h>
#include <model/codecs.h>
#include <mysql/stream.h>
#include <mysql_protocol/payload.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { COMMAND_DUMP = 0x12 };
enum { FIELD_END = 0, STEP = 1 << 17 };

/* ---- what the source's files ask of a task, which this program has not: these stand before the task's own ---- */

const struct leat_topic *leat_task_route(struct leat_task *task, const char *space, const char *name)
{
    char topic[256];
    (void)task;
    int len = snprintf(topic, sizeof topic, "%s.%s", space, name);
    return leat_topic(topic, (size_t)len);
}
const char *leat_task_name(const struct leat_task *task)
{
    (void)task;
    return "bench";
}
void leat_task_guard(struct leat_task *task, int fd)
{
    (void)task, (void)fd;
}
bool leat_task_is_stopping(const struct leat_task *task)
{
    (void)task;
    return false;
}
void leat_task_parked(struct leat_task *task, uint32_t tables)
{
    (void)task, (void)tables;
}

/* ---- the two ceilings ---- */

struct run {
    enum leat_status (*take)(struct run *run, const uint8_t *bytes, size_t len);
    bool verify;
    struct client client;
    struct tables tables;
    struct leat_binlog_format format;
    struct stream stream;
    struct leat_batch *batch;
    struct leat_arena arena;
    struct leat_bytes json;
    void *codec;
    uint64_t rows, bytes, json_bytes, warm_pos;
    struct leat_time began;
    struct leat_error err;
};

static enum leat_status decode_rows(struct run *run, const struct leat_binlog_event *ev)
{
    struct leat_value before[256], after[256];
    struct leat_rows rows;
    uint64_t id;
    uint16_t flags;
    if (!leat_rows_peek(ev, &run->format, &id, &flags) || (flags & LEAT_ROWS_HAS_NO_TABLE))
        return LEAT_OK;
    struct table *table = tables_by_id(&run->tables, id);
    if (!table || !table->is_captured)
        return LEAT_OK;
    enum leat_status status = leat_rows_open(&rows, &table->map, ev, &run->format, &run->arena, &run->err);
    while (status == LEAT_OK && (status = leat_rows_next(&rows, before, after, &run->err)) == LEAT_OK)
        run->rows++;
    leat_rows_close(&rows);
    leat_arena_reset(&run->arena);
    return status == LEAT_EOF ? LEAT_OK : status;
}

static enum leat_status decode_any(struct run *run, const struct leat_binlog_event *ev);

static enum leat_status decode_payload(struct run *run, const struct leat_binlog_event *ev)
{
    struct leat_payload payload;
    struct leat_binlog_event inner;
    struct leat_binlog_format outside = run->format;
    enum leat_status status = leat_payload_open(&payload, ev, &run->format, &run->err);
    run->format = payload.format;
    while (status == LEAT_OK && (status = leat_payload_next(&payload, &inner, &run->err)) == LEAT_OK)
        status = decode_any(run, &inner);
    leat_payload_close(&payload);
    run->format = outside;
    return status == LEAT_EOF ? LEAT_OK : status;
}

static enum leat_status decode_any(struct run *run, const struct leat_binlog_event *ev)
{
    if (ev->type == LEAT_BINLOG_FORMAT) {
        tables_forget_ids(&run->tables);
        return leat_binlog_format(&run->format, ev, &run->err);
    }
    if (ev->type == LEAT_BINLOG_PAYLOAD)
        return decode_payload(run, ev);
    if (ev->type == LEAT_BINLOG_TABLE_MAP)
        return tables_map(&run->tables, ev, &run->format, &run->err);
    return leat_binlog_has_rows(ev->type) ? decode_rows(run, ev) : LEAT_OK;
}

static enum leat_status decode_event(struct run *run, const uint8_t *bytes, size_t len)
{
    struct leat_binlog_event ev;
    enum leat_status status = leat_binlog_event(&ev, &run->format, bytes, len, run->verify, &run->err);
    return status == LEAT_OK ? decode_any(run, &ev) : status;
}

/* What of a payload is compressed: behind its fields. */
static struct leat_cut compressed(const struct leat_binlog_event *ev)
{
    struct leat_cut cut = ev->body;
    while (leat_cut_lenenc(&cut) != FIELD_END && !cut.is_bad)
        leat_cut_bytes(&cut, leat_cut_lenenc(&cut));
    return cut;
}

static enum leat_status unzip_event(struct run *run, const uint8_t *bytes, size_t len)
{
    static uint8_t out[STEP];
    static ZSTD_DCtx *stream;
    struct leat_binlog_event ev;
    enum leat_status status = leat_binlog_event(&ev, &run->format, bytes, len, run->verify, &run->err);
    if (status == LEAT_OK && ev.type == LEAT_BINLOG_FORMAT)
        return leat_binlog_format(&run->format, &ev, &run->err);
    if (status != LEAT_OK || ev.type != LEAT_BINLOG_PAYLOAD)
        return status;
    stream = stream ? stream : ZSTD_createDCtx();
    struct leat_cut cut = compressed(&ev);
    ZSTD_inBuffer in = {.src = cut.at, .size = leat_cut_left(&cut)};
    for (size_t hint = 1; hint != 0 || in.pos < in.size;) {
        ZSTD_outBuffer to = {.dst = out, .size = sizeof out};
        hint = ZSTD_decompressStream(stream, &to, &in);
        run->json_bytes += to.pos;
        if (ZSTD_isError(hint) || (in.pos == in.size && hint != 0 && to.pos == 0))
            return leat_fail(&run->err, LEAT_STOP, "zstd: damaged");
    }
    return LEAT_OK;
}

static void encode_batch(struct run *run)
{
    for (uint32_t i = 0; i < leat_batch_count(run->batch); i++) {
        bool is_null;
        leat_codec_debezium.encode(run->codec, leat_batch_get(run->batch, i), LEAT_PART_VALUE, &run->json, &is_null, &run->err);
        leat_bytes_put(&run->json, '\n');
    }
    run->rows += leat_batch_count(run->batch);
    run->json_bytes += run->json.len;
    leat_bytes_clear(&run->json);
    leat_batch_reset(run->batch);
    stream_begin_batch(&run->stream);
}

static enum leat_status json_event(struct run *run, const uint8_t *bytes, size_t len)
{
    enum leat_status status = stream_event(&run->stream, run->batch, bytes, len, &run->err);
    if (status == LEAT_OK && leat_batch_is_full(run->batch))
        encode_batch(run);
    return status;
}

/* Until the server says that it is at END: its heartbeat, or an event that ends there. */
static enum leat_status run_all(struct run *run, const char *end_file, uint64_t end_pos)
{
    char file[256] = "";
    for (;;) {
        unsigned long len = mysql_net_read_packet(run->client.mysql);
        const uint8_t *packet = run->client.mysql->net.read_pos;
        if (len == packet_error || len < 1 || packet[0] != 0)
            return leat_fail(&run->err, LEAT_STOP, "the stream ended");
        run->bytes += len;
        enum leat_status status = run->take(run, packet + 1, len - 1);
        if (status != LEAT_OK)
            return status;
        uint8_t type = packet[5];
        if (type == LEAT_BINLOG_ROTATE)
            snprintf(file, sizeof file, "%.*s", (int)(len - 28 - (run->format.has_checksum ? 4 : 0)), packet + 28);
        uint32_t log_pos = leat_get_u32(packet + 14);
        if (log_pos >= run->warm_pos && run->warm_pos > 0) { /* all tables have been met */
            run->warm_pos = run->rows = run->bytes = 0;
            run->began = leat_now();
        }
        if (log_pos >= end_pos && strncmp(file, end_file, strlen(end_file)) == 0)
            return LEAT_OK;
    }
}

static enum leat_status ask(struct run *run, const char *file, uint64_t pos)
{
    uint8_t bytes[300];
    size_t len = strlen(file);
    leat_set_u32(bytes, (uint32_t)pos);
    leat_set_u16(bytes + 4, 0);
    leat_set_u32(bytes + 6, 4711);
    memcpy(bytes + 10, file, len);
    MYSQL *mysql = run->client.mysql;
    enum leat_status status = client_run(&run->client, &run->err, "SET @master_binlog_checksum = @@global.binlog_checksum, "
                                                                  "@mariadb_slave_capability = 4");
    if (status == LEAT_OK &&
        mysql->methods->db_command(mysql, (enum enum_server_command)COMMAND_DUMP, (const char *)bytes, 10 + len, 1, 0) != 0)
        status = client_failed(&run->client, "dump", &run->err);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "bench_cdc decode|plain|json|unzip PORT FILE POS END_FILE END_POS [WARM_POS]\n");
        return 2;
    }
    static const char *const patterns[] = {"*.*"};
    static const struct leat_list list = {patterns, 1};
    static struct run run;
    bool as_json = strcmp(argv[1], "json") == 0;
    run.verify = strcmp(argv[1], "plain") != 0;
    run.take = as_json ? json_event : strcmp(argv[1], "unzip") == 0 ? unzip_event : decode_event;
    struct client_options options = {.host = "127.0.0.1", .port = atoi(argv[2]), .user = "root", .password = "", .connect_timeout_us = 10000000,
                                     .ssl = CLIENT_SSL_OFF};
    struct position from;
    position_init(&from);
    snprintf(from.file, sizeof from.file, "%s", argv[3]);
    from.pos = strtoull(argv[4], NULL, 10);
    leat_arena_init(&run.arena, 1 << 20);
    leat_bytes_init(&run.json, 1u << 30);
    run.codec = calloc(1, leat_codec_debezium.size);
    run.batch = leat_batch_new(1 << 20, 65536);
    leat_codec_debezium.open(run.codec, "bench", &run.err);
    enum leat_status status = client_open(&run.client, &options, 0, NULL, &run.err);
    if (status == LEAT_OK) {
        tables_init(&run.tables, NULL, &options, &list, false, run.client.is_mariadb);
        stream_init(&run.stream, &run.tables, &from, run.client.where, true);
        stream_begin_batch(&run.stream);
        status = ask(&run, argv[3], from.pos);
    }
    run.warm_pos = argc > 7 ? strtoull(argv[7], NULL, 10) : 0;
    run.began = leat_now();
    if (status == LEAT_OK)
        status = run_all(&run, argv[5], strtoull(argv[6], NULL, 10));
    if (as_json && status == LEAT_OK)
        encode_batch(&run);
    double seconds = (double)(leat_now().ns - run.began.ns) / 1e9;
    if (status != LEAT_OK) {
        fprintf(stderr, "%s\n", run.err.text);
        return 1;
    }
    printf("{\"rows\": %llu, \"bytes\": %llu, \"json_bytes\": %llu, \"seconds\": %.4f}\n", (unsigned long long)run.rows,
           (unsigned long long)run.bytes, (unsigned long long)run.json_bytes, seconds);
    return 0;
}
