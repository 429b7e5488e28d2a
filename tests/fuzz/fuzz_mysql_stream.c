/* fuzz_mysql_stream.c - a run of binlog events through the source's stream, without a server to ask: transactions, prepared
 * ones, payloads, savepoints, rows of one table. First byte: bit 0: a MariaDB's log, bit 1: batches are cut after each event. */
// folders: mysql task control model mysql_protocol base
// packages: mariadb
#include <base/assert.h>
#include <base/logger.h>
#include <base/memory.h>
#include <fcntl.h>
#include <kit/binlog.h>
#include <kit/fuzz.h>
#include <model/batch.h>
#include <mysql/stream.h>
#include <stdlib.h>
#include <task/inside.h>

#define GIVEN_MAX 2000 /* events of one input, those inside others included */

struct walk {
    struct tables tables;
    struct xa xa;
    struct stream stream;
    struct leat_batch *batch;
    struct leat_error err;
    uint32_t given;
    bool cuts;
};

static const struct leat_list patterns = {.items = (const char *const[]){"none.*"}, .count = 1};

/* What the source does when a batch is full. */
static void cut(struct walk *walk)
{
    stream_end_batch(&walk->stream, walk->batch);
    leat_batch_reset(walk->batch);
    stream_begin_batch(&walk->stream);
}

static bool step(struct walk *walk, enum leat_status status)
{
    struct stream *stream = &walk->stream;
    if (stream->has_payload) /* a short frame of zstd can hold gigabytes */
        stream->payload.bytes.max = 1 << 20;
    if (status == LEAT_OK && (walk->cuts || leat_batch_is_full(walk->batch)))
        cut(walk);
    return status == LEAT_OK && walk->given++ < GIVEN_MAX;
}

static bool take(struct walk *walk, const uint8_t *bytes, size_t len)
{
    struct stream *stream = &walk->stream;
    bool goes_on = step(walk, stream_wants_group(stream) ? stream_group_event(stream, walk->batch, bytes, len, &walk->err)
                                                         : stream_event(stream, walk->batch, bytes, len, &walk->err));
    while (goes_on && stream_has_more(stream)) {
        stream_may_end(stream, stream_peek(stream));
        goes_on = step(walk, stream_go_on(stream, walk->batch, &walk->err));
    }
    return goes_on;
}

static void put_format(struct leat_bytes *out, bool is_mariadb)
{
    char version[50] = {0};
    struct leat_binlog_format format = kit_binlog_format();
    strcpy(version, is_mariadb ? "10.11.6-MariaDB-log" : "8.0.33");
    kit_event_begin(out, LEAT_BINLOG_FORMAT);
    leat_bytes_u16(out, 4);
    leat_bytes_add(out, version, sizeof version);
    leat_bytes_u32(out, 0);
    leat_bytes_put(out, LEAT_BINLOG_HEADER);
    leat_bytes_add(out, format.post_header + 1, 42);
    leat_bytes_put(out, 0);
    kit_event_end(out, true);
}

static void open_walk(struct walk *walk, struct leat_task *task, bool is_mariadb)
{
    struct position from;
    struct leat_bytes format;
    tables_init(&walk->tables, task, NULL, &patterns, false, is_mariadb);
    struct table *table = tables_find(&walk->tables, "d", 1, "t", 1);
    table->is_captured = true;
    table->topic = leat_topic("d.t", 3);
    xa_init(&walk->xa);
    position_init(&from);
    strcpy(from.file, "bin.000001");
    from.pos = 4;
    stream_init(&walk->stream, &walk->tables, &from, "fuzz", true);
    walk->stream.xa = &walk->xa;
    position_fini(&from);
    walk->batch = leat_batch_new(1 << 16, 100);
    stream_begin_batch(&walk->stream);
    leat_bytes_init(&format, 1000);
    put_format(&format, is_mariadb);
    leat_assert(stream_event(&walk->stream, walk->batch, format.data, format.len, &walk->err) == LEAT_OK);
    leat_bytes_fini(&format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_quiet;
    static const struct leat_connector_def connector = {.name = "fuzz"};
    static struct leat_task task = {.connector = &connector};
    struct walk walk = {.cuts = size > 0 && (*data & 2)};
    if (!is_quiet)
        leat_logger_use(&(struct leat_logger_config){.fd = open("/dev/null", O_WRONLY), .level = LEAT_ERROR});
    is_quiet = true;
    if (size == 0)
        return 0;
    open_walk(&walk, &task, *data & 1);
    const uint8_t *at = data + 1, *end = data + size;
    bool goes_on = true;
    while (goes_on && (size_t)(end - at) >= LEAT_BINLOG_HEADER) {
        uint32_t len = leat_get_u32(at + 9);
        if (len < LEAT_BINLOG_HEADER || len > (size_t)(end - at))
            len = (uint32_t)(end - at);
        uint8_t *exact = leat_malloc(len);
        memcpy(exact, at, len);
        goes_on = take(&walk, exact, len);
        free(exact);
        at += len;
    }
    if (goes_on)
        cut(&walk);
    stream_fini(&walk.stream);
    xa_fini(&walk.xa);
    tables_fini(&walk.tables);
    leat_batch_free(walk.batch);
    return 0;
}

/* ---- seeds ---- */

enum { GTID = 1, MARIA_GTID, MARIA_XA, MAP, ROWS, XID, PREPARE, ONE_PHASE, PAYLOAD, TEXT };

static void put(struct leat_bytes *run, struct leat_bytes *one)
{
    kit_event_end(one, false);
    leat_bytes_add(run, one->data, one->len);
}

static void put_query(struct leat_bytes *run, struct leat_bytes *one, const char *text)
{
    kit_event_begin(one, LEAT_BINLOG_QUERY);
    leat_bytes_add(one, "\1\0\0\0\0\0\0\0\1\0\0\0\0d", 14);
    leat_bytes_put(one, 0);
    leat_bytes_text(one, text);
    put(run, one);
}

static void put_map(struct leat_bytes *run, struct leat_bytes *one)
{
    static const uint8_t types[] = {LEAT_MYSQL_LONG, LEAT_MYSQL_VARCHAR}, meta[] = {40, 0};
    static const char optional[] = "\1\1\0\2\1\x2d\4\5\2id\1v\x08\1\0";
    kit_table_map(one, types, 2, meta, 2, optional, sizeof optional - 1);
    leat_bytes_add(run, one->data, one->len);
}

static void put_gtid(struct leat_bytes *run, struct leat_bytes *one, int kind)
{
    kit_event_begin(one, kind == GTID ? LEAT_BINLOG_GTID : LEAT_BINLOG_MARIA_GTID);
    if (kind == GTID) {
        leat_bytes_add(one, "\0aaaabbbbccccdddd\7\0\0\0\0\0\0\0", 25);
    } else {
        leat_bytes_add(one, "\7\0\0\0\0\0\0\0\0\0\0\0", 12);
        leat_bytes_put(one, kind == MARIA_XA ? 0x40 : 0);
        leat_bytes_add(one, "\0\0\0\0\0\0", 6);
    }
    put(run, one);
}

static void put_part(struct leat_bytes *run, struct leat_bytes *one, int part, const char *text)
{
    if (part <= MARIA_XA) {
        put_gtid(run, one, part);
    } else if (part == MAP) {
        put_map(run, one);
    } else if (part == ROWS) {
        kit_rows_begin(one, LEAT_BINLOG_WRITE_V1, 2);
        leat_bytes_add(one, "\0\1\0\0\0\2hi\0\2\0\0\0\2ho", 16);
        put(run, one);
    } else if (part == XID) {
        kit_event_begin(one, LEAT_BINLOG_XID);
        leat_bytes_u64(one, 1);
        put(run, one);
    } else if (part == TEXT) {
        put_query(run, one, text);
    } else {
        kit_event_begin(one, LEAT_BINLOG_XA_PREPARE);
        leat_bytes_put(one, part == ONE_PHASE);
        leat_bytes_add(one, "\1\0\0\0\1\0\0\0\0\0\0\0a", 13);
        put(run, one);
    }
}

static const struct {
    bool is_mariadb, is_payload;
    uint8_t parts[16];
    const char *texts[8];
} seeds[] = {
    {false, false, {GTID, TEXT, MAP, ROWS, XID, GTID, TEXT}, {"BEGIN", "ALTER TABLE t ADD COLUMN x INT"}},
    {true, false, {MARIA_GTID, MAP, ROWS, TEXT, MAP, ROWS, TEXT, XID}, {"SAVEPOINT `a`", "ROLLBACK TO `a`"}},
    {true, false, {MARIA_GTID, MAP, ROWS, TEXT}, {"ROLLBACK"}},
    {false, false, {GTID, TEXT, MAP, ROWS, TEXT, PREPARE, GTID, TEXT}, {"XA START X'61',X'',1", "XA END X'61',X'',1", "XA COMMIT X'61',X'',1"}},
    {false, false, {GTID, TEXT, MAP, ROWS, TEXT, ONE_PHASE}, {"XA START X'61',X'',1", "XA END X'61',X'',1"}},
    {true, false, {MARIA_XA, MAP, ROWS, TEXT, PREPARE, MARIA_GTID, TEXT}, {"XA END X'61',X'',1", "XA COMMIT X'61',X'',1"}},
    {true, false, {MARIA_XA, MAP, ROWS, PREPARE, MARIA_GTID, TEXT}, {"XA ROLLBACK X'61',X'',1"}},
    {false, true, {TEXT, MAP, ROWS, MAP, ROWS, XID}, {"BEGIN"}},
    {false, true, {TEXT, MAP, ROWS, TEXT, ONE_PHASE}, {"XA START X'61',X'',1", "XA END X'61',X'',1"}},
};

static void wrap(struct leat_bytes *run, struct leat_bytes *one)
{
    struct leat_bytes outer;
    leat_bytes_init(&outer, 1 << 16);
    leat_bytes_put(&outer, 0);
    put_gtid(&outer, one, GTID);
    kit_event_begin(one, LEAT_BINLOG_PAYLOAD);
    leat_bytes_add(one, "\2\3\xfc\xff\0\1\3\xfc", 8);
    leat_bytes_u16(one, (uint16_t)(run->len - 1));
    leat_bytes_put(one, 0);
    leat_bytes_add(one, run->data + 1, run->len - 1);
    put(&outer, one);
    leat_bytes_fini(run);
    *run = outer;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    struct leat_bytes run, one;
    uint32_t nth = number / 2, text = 0;
    if (nth >= sizeof seeds / sizeof *seeds)
        return 0;
    leat_bytes_init(&run, 1 << 16);
    leat_bytes_init(&one, 1 << 16);
    leat_bytes_put(&run, 0);
    for (const uint8_t *part = seeds[nth].parts; *part; part++)
        put_part(&run, &one, *part, *part == TEXT ? seeds[nth].texts[text++] : "");
    if (seeds[nth].is_payload)
        wrap(&run, &one);
    run.data[0] = (uint8_t)(seeds[nth].is_mariadb | (number & 1) << 1);
    size_t len = run.len < room ? run.len : room;
    memcpy(bytes, run.data, len);
    leat_bytes_fini(&one);
    leat_bytes_fini(&run);
    return len;
}
