/* fuzz_binlog_event.c - a run of binlog events, as after the magic of a file, from any bytes. First byte: bit 0:
 * post-headers of old servers, bit 1: hints on the columns. Whatever a decoder gives is read to its last byte. */
// folders: mysql_protocol base
#include <base/assert.h>
#include <kit/binlog.h>
#include <kit/fuzz.h>
#include <mysql_protocol/gtid.h>
#include <mysql_protocol/payload.h>
#include <mysql_protocol/rows.h>

struct walk {
    struct leat_binlog_format format;
    struct leat_arena arena;
    struct leat_table_map map;
    bool has_map, has_hints;
    uint32_t sum; /* so that no read is left out */
};

static void touch(struct walk *walk, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        walk->sum += ((const uint8_t *)bytes)[i];
}

static void touch_cells(struct walk *walk, const struct leat_value *cells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t type = cells[i].type;
        leat_assert(type < LEAT_TYPE_COUNT);
        if (type == LEAT_TEXT || type == LEAT_BYTES || type == LEAT_JSON || type == LEAT_DECIMAL)
            touch(walk, cells[i].as.bytes, cells[i].len);
    }
}

static void try_table(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_table_map map;
    struct leat_error err;
    if (leat_table_map_parse(&map, ev, &walk->format, &walk->arena, &err) != LEAT_OK)
        return;
    leat_assert(leat_table_map_same(&map, ev, &walk->format));
    for (uint32_t i = 0; walk->has_hints && i < map.column_count; i++) {
        map.columns[i].hint = (uint8_t)(i % 5);
        if (map.columns[i].digits == 0)
            map.columns[i].digits = (uint8_t)(i % 7);
    }
    walk->has_map = leat_table_map_plan(&map, &err) == LEAT_OK;
    walk->map = map;
}

static void try_rows(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_rows rows;
    struct leat_error err;
    size_t size = walk->map.column_count * sizeof(struct leat_value);
    struct leat_value *before = leat_arena_alloc(&walk->arena, size);
    struct leat_value *after = leat_arena_alloc(&walk->arena, size);
    enum leat_status status = leat_rows_open(&rows, &walk->map, ev, &walk->format, &walk->arena, &err);
    while (status == LEAT_OK && (status = leat_rows_next(&rows, before, after, &err)) == LEAT_OK) {
        if (rows.kind != LEAT_ROWS_INSERT)
            touch_cells(walk, before, walk->map.column_count);
        if (rows.kind != LEAT_ROWS_DELETE)
            touch_cells(walk, after, walk->map.column_count);
    }
    leat_rows_close(&rows);
}

static void try_gtids(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_gtid_list list = {0};
    struct leat_gtid_set set = {0};
    struct leat_binlog_gtid gtid;
    char text[LEAT_GTID_TEXT_MAX];
    if (ev->type == LEAT_BINLOG_GTID_LIST)
        leat_gtid_list_read(&list, ev);
    if (ev->type == LEAT_BINLOG_PREVIOUS_GTIDS)
        leat_gtid_set_decode(&set, ev->body.at, leat_cut_left(&ev->body));
    bool is_gtid = ev->type == LEAT_BINLOG_MARIA_GTID || ev->type == LEAT_BINLOG_GTID_TAGGED ||
                   ev->type == LEAT_BINLOG_GTID || ev->type == LEAT_BINLOG_ANONYMOUS_GTID;
    if (is_gtid && leat_binlog_gtid(ev, &gtid))
        touch(walk, text, leat_gtid_print(text, &gtid, ev->type == LEAT_BINLOG_MARIA_GTID));
    leat_gtid_list_fini(&list);
    leat_gtid_set_fini(&set);
}

/* Every body decoder, whatever the event's type: they take what they can. */
static void try_bodies(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_binlog_rotate rotate;
    struct leat_binlog_query query;
    struct leat_bytes room;
    const char *text;
    size_t len;
    uint16_t kind;
    uint64_t xid;
    leat_bytes_init(&room, 1 << 20);
    if (leat_binlog_rotate(ev, &rotate))
        touch(walk, rotate.file, rotate.file_len);
    if (leat_binlog_heartbeat(ev, &rotate))
        touch(walk, rotate.file, rotate.file_len);
    if (leat_binlog_query(ev, &walk->format, &room, &query))
        touch(walk, query.text, query.text_len);
    if (leat_binlog_statement(ev, &text, &len))
        touch(walk, text, len);
    if (leat_binlog_incident(ev, &kind, &text, &len))
        touch(walk, text, len);
    leat_binlog_xid(ev, &xid);
    leat_binlog_may_skip(ev);
    try_gtids(walk, ev);
    leat_bytes_fini(&room);
}

static void dispatch(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_binlog_format format;
    struct leat_error err;
    if (ev->type == LEAT_BINLOG_FORMAT) {
        if (leat_binlog_format(&format, ev, &err) == LEAT_OK)
            touch(walk, format.server_version, strlen(format.server_version));
    } else if (ev->type == LEAT_BINLOG_TABLE_MAP) {
        try_table(walk, ev);
    } else if (leat_binlog_has_rows(ev->type) && walk->has_map) {
        try_rows(walk, ev);
    } else {
        try_bodies(walk, ev);
    }
}

/* Up to a megabyte of it: a short frame of zstd can hold gigabytes. */
static void try_payload(struct walk *walk, const struct leat_binlog_event *ev)
{
    struct leat_payload payload;
    struct leat_binlog_event inner;
    struct leat_error err;
    enum leat_status status = leat_payload_open(&payload, ev, &walk->format, &err);
    payload.bytes.max = 1 << 20;
    while (status == LEAT_OK && payload.given_bytes < 1 << 20 &&
           (status = leat_payload_next(&payload, &inner, &err)) == LEAT_OK)
        dispatch(walk, &inner);
    leat_payload_close(&payload);
}

static void try_event(struct walk *walk, const uint8_t *bytes, size_t len)
{
    struct leat_binlog_event ev;
    struct leat_error err;
    if (leat_binlog_event(&ev, &walk->format, bytes, len, false, &err) != LEAT_OK)
        return;
    if (ev.type == LEAT_BINLOG_PAYLOAD)
        try_payload(walk, &ev);
    else
        dispatch(walk, &ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct walk walk = {.format = kit_binlog_format(), .has_hints = *data & 2};
    if (*data & 1)
        walk.format.post_header[LEAT_BINLOG_TABLE_MAP] = walk.format.post_header[LEAT_BINLOG_WRITE_V1] = 6;
    leat_arena_init(&walk.arena, 0);
    const uint8_t *at = data + 1, *end = data + size;
    while ((size_t)(end - at) >= LEAT_BINLOG_HEADER) {
        uint32_t len = leat_get_u32(at + 9);
        if (len < LEAT_BINLOG_HEADER || len > (size_t)(end - at))
            len = (uint32_t)(end - at); /* the last one's length is wrong: the header says so */
        try_event(&walk, at, len);
        at += len;
    }
    leat_arena_fini(&walk.arena);
    return 0;
}

/* ---- seeds: a table of nearly all types, a row, and events of the other kinds ---- */

static const uint8_t types[] = {1, 2, 3, 9, 8, 4, 5, 13, 16, 246, 10, 11, 12, 7, 19, 18, 17, 15, 254, 254, 254, 252, 245,
                                255, 140, 141};
static const uint8_t meta[] = {4, 8, 4, 1, 10, 2, 6, 3, 1, 40, 0, 0xfe, 10, 0xf7, 1, 0xf8, 1, 2, 4, 4, 2, 0, 2};
static const uint8_t optional[] = {1, 2, 0xaa, 0x80, 2, 1, 45, 6, 5, 2, 1, 'x', 1, 'y', 5, 5, 2, 1, 'p', 1, 'q',
                                   8, 1, 0, 10, 1, 8};

static void put_row(struct leat_bytes *out)
{
    leat_bytes_u32(out, 0);
    leat_bytes_add(out, "\1\2\0\3\0\0\0\4\0\0\5\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\0\0\0\xf0\x3f\x7a\1\2", 33);
    leat_bytes_add(out, "\x80\0\0\1\2\x5d\xd0\x0f\x40\xe2\1\x46\x0b\xa9\x8b\x68\x12\0\0\0\xf1\x53\x65", 23);
    leat_bytes_add(out, "\x80\x10\x83\0\0\1\x99\xb2\xba\x10\x83\0\1\x65\x53\xf1\0\5", 18);
    leat_bytes_add(out, "\2hi\1x\1\3\2\0ab\x16\0\0\0", 15);
    leat_bytes_add(out, "\0\2\0\x15\0\x12\0\1\0\x13\0\1\0\5\1\0\4\2\0ab\0", 22);
    leat_bytes_add(out, "\4\0\0\0\0\0\0\0\x0e\0\x8a\1\x90\x4b\x49\x4d\x4b\x4f\x19\xc5\x83\6\3\0\2\0\0y", 28);
}

static const struct {
    uint8_t type;
    const char *body;
    size_t len;
} bodies[] = {
    {LEAT_BINLOG_QUERY, "\1\0\0\0\2\0\0\0\1\0\0\x07\0\4\45\0\45\0\45\0d\0DROP TABLE x", 34},
    {LEAT_BINLOG_QUERY_COMPRESSED, "\1\0\0\0\2\0\0\0\1\0\0\0\0d\0\x81\1\x78\x9c\x4b\4\0\0\x62\0\x62", 26},
    {LEAT_BINLOG_HEARTBEAT_V2, "\1\3abc\2\x09\xfe\0\0\0\0\1\0\0\0\0", 17},
    {LEAT_BINLOG_GTID, "\1aaaabbbbccccdddd\7\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\2\3\4\5\6\7\x30", 50},
    {LEAT_BINLOG_GTID_LIST, "\1\0\0\0\0\0\0\0\1\0\0\0\x09\0\0\0\0\0\0\0", 20},
    {LEAT_BINLOG_PREVIOUS_GTIDS, "\1\0\0\0\0\0\0\0aaaabbbbccccdddd\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0", 48},
    {LEAT_BINLOG_GTID_TAGGED, "\2\x40\x0c\0\2\2aaaabbbbccccdddd\4\4\6\2ab", 27},
    {LEAT_BINLOG_PAYLOAD, "\2\1\xff\1\1\x1b\0zzzz\x10\1\0\0\0\x1b\0\0\0zzzz\0\0\1\2\3\4\5\6\7\x08", 34},
    {LEAT_BINLOG_PAYLOAD, "\2\1\0\1\1\x24\0\x28\xb5\x2f\xfd\x20\x1b\xd9\0\0zzzz\x10\1\0\0\0\x1b\0\0\0zzzz\0\0\1\2\3\4\5\6\7\x08", 43},
    {LEAT_BINLOG_INCIDENT, "\1\0\4lost", 7},
};

static size_t take_seed(struct leat_bytes *out, uint8_t *bytes, size_t room)
{
    size_t len = out->len < room ? out->len : room;
    memcpy(bytes, out->data, len);
    leat_bytes_fini(out);
    return len;
}

static void add_event(struct leat_bytes *run, struct leat_bytes *event)
{
    kit_event_end(event, false);
    leat_bytes_add(run, event->data, event->len);
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const uint8_t kinds[] = {LEAT_BINLOG_WRITE_V1, LEAT_BINLOG_UPDATE_V2, LEAT_BINLOG_DELETE_V2};
    struct leat_bytes run, event;
    leat_bytes_init(&run, 1 << 16);
    leat_bytes_init(&event, 1 << 16);
    leat_bytes_put(&run, (uint8_t)(number & 2));
    if (number < 2 * sizeof kinds) {
        uint8_t kind = kinds[number / 2];
        kit_table_map(&event, types, sizeof types, meta, sizeof meta, optional, sizeof optional);
        leat_bytes_add(&run, event.data, event.len);
        kit_rows_begin(&event, kind, sizeof types);
        for (int row = 0; row < 4; row++)
            put_row(&event);
        add_event(&run, &event);
    } else if (number < 2 * sizeof kinds + sizeof bodies / sizeof *bodies) {
        size_t i = number - 2 * sizeof kinds;
        kit_event_begin(&event, bodies[i].type);
        leat_bytes_add(&event, bodies[i].body, bodies[i].len);
        add_event(&run, &event);
    } else {
        leat_bytes_clear(&run);
    }
    leat_bytes_fini(&event);
    return take_seed(&run, bytes, room);
}
