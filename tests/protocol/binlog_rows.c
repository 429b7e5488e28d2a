/* binlog_rows.c - reads one binlog file and prints its rows, one JSON object a line, for comparisons:
 *
 *     {"end_pos":289,"op":"update","table":"shop.item","before":[1,"a"],"after":[1,"b"]}
 *
 * binlog_rows FILE [HINT...]      a hint is DB.TABLE.COLUMN-NUMBER=uuid|inet6|inet4|json|unsigned|digits:N|charset:NAME,
 *                                 for what a log does not say
 *
 * BYTES are text where they are UTF-8 and {"b64":...} where not, absent cells are {"absent":true}, JSON is
 * {"json":...}. On standard error: where reading ended. Exit status 0: at the end of the file; 1: stopped.
 */
#include <base/text.h>
#include <inttypes.h>
#include <mysql_protocol/gtid.h>
#include <mysql_protocol/payload.h>
#include <mysql_protocol/rows.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_TABLES 512

struct program {
    struct leat_binlog_format format;
    struct leat_arena tables_arena, arena;
    struct leat_table_map tables[MAX_TABLES];
    size_t table_count;
    struct leat_bytes out;
    struct leat_error err;
    char **hints;
    uint64_t end_pos, rows, events;
};

static void put_quoted(struct leat_bytes *out, const char *text, size_t len)
{
    leat_bytes_put(out, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\' || c < 0x20)
            leat_bytes_printf(out, "\\u%04x", c);
        else
            leat_bytes_put(out, c);
    }
    leat_bytes_put(out, '"');
}

static void put_bytes(struct leat_bytes *out, const struct leat_value *cell)
{
    if (leat_is_utf8(cell->as.bytes, cell->len)) {
        put_quoted(out, cell->as.text, cell->len);
        return;
    }
    leat_bytes_text(out, "{\"b64\":\"");
    leat_base64_encode(out, cell->as.bytes, cell->len);
    leat_bytes_text(out, "\"}");
}

static void put_time(struct leat_bytes *out, const struct leat_value *cell)
{
    struct leat_parts p = {0};
    if (!(cell->flags & LEAT_VALUE_ZERO))
        leat_value_parts(cell, &p);
    leat_bytes_put(out, '"');
    if (cell->type != LEAT_TIME)
        leat_bytes_printf(out, "%04d-%02d-%02d", p.year, p.month, p.day);
    if (cell->type == LEAT_DATETIME || cell->type == LEAT_TIMESTAMP)
        leat_bytes_put(out, ' ');
    if (cell->type != LEAT_DATE)
        leat_bytes_printf(out, "%s%02d:%02d:%02d", p.is_negative ? "-" : "", p.hour, p.minute, p.second);
    if (cell->aux > 0) {
        char us[16];
        snprintf(us, sizeof us, "%06d", p.us);
        leat_bytes_printf(out, ".%.*s", (int)cell->aux, us);
    }
    leat_bytes_put(out, '"');
}

static void put_cell(struct leat_bytes *out, const struct leat_value *cell)
{
    switch (cell->type) {
    case LEAT_ABSENT:
        leat_bytes_text(out, "{\"absent\":true}");
        break;
    case LEAT_NULL:
        leat_bytes_text(out, "null");
        break;
    case LEAT_INT64:
        leat_bytes_printf(out, "%" PRId64, cell->as.i);
        break;
    case LEAT_UINT64:
        leat_bytes_printf(out, "%" PRIu64, cell->as.u);
        break;
    case LEAT_FLOAT64:
        leat_bytes_printf(out, cell->flags & LEAT_VALUE_SINGLE ? "%.9g" : "%.17g", cell->as.f);
        break;
    case LEAT_DECIMAL:
    case LEAT_TEXT:
        put_quoted(out, cell->as.text, cell->len);
        break;
    case LEAT_JSON:
        leat_bytes_text(out, "{\"json\":");
        put_quoted(out, cell->as.text, cell->len);
        leat_bytes_put(out, '}');
        break;
    case LEAT_BYTES:
        put_bytes(out, cell);
        break;
    default:
        put_time(out, cell);
        break;
    }
}

static void put_image(struct leat_bytes *out, const char *name, const struct leat_value *cells, uint32_t count)
{
    leat_bytes_printf(out, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            leat_bytes_put(out, ',');
        put_cell(out, &cells[i]);
    }
    leat_bytes_put(out, ']');
}

static void apply_hint(struct leat_column *column, const char *what)
{
    if (strcmp(what, "uuid") == 0)
        column->hint = LEAT_COLUMN_UUID;
    else if (strcmp(what, "inet6") == 0)
        column->hint = LEAT_COLUMN_INET6;
    else if (strcmp(what, "inet4") == 0)
        column->hint = LEAT_COLUMN_INET4;
    else if (strcmp(what, "json") == 0)
        column->hint = LEAT_COLUMN_JSON;
    else if (strcmp(what, "unsigned") == 0)
        column->is_unsigned = true;
    else if (strncmp(what, "digits:", 7) == 0)
        column->digits = (uint8_t)atoi(what + 7);
    else if (strncmp(what, "charset:", 8) == 0)
        column->collation = leat_charset_collation(what + 8, strlen(what + 8));
}

static enum leat_status use_hints(struct program *program, struct leat_table_map *map)
{
    for (char **hint = program->hints; *hint; hint++) {
        char prefix[600];
        int len = snprintf(prefix, sizeof prefix, "%s.%s.", map->database, map->table);
        const char *equals = strchr(*hint, '=');
        if (!equals || strncmp(*hint, prefix, (size_t)len) != 0)
            continue;
        unsigned long nth = strtoul(*hint + len, NULL, 10);
        if (nth >= 1 && nth <= map->column_count)
            apply_hint(&map->columns[nth - 1], equals + 1);
    }
    return leat_table_map_plan(map, &program->err);
}

static struct leat_table_map *find_table(struct program *program, uint64_t id)
{
    for (size_t i = 0; i < program->table_count; i++)
        if (program->tables[i].id == id)
            return &program->tables[i];
    return NULL;
}

static enum leat_status take_table(struct program *program, const struct leat_binlog_event *ev)
{
    uint64_t id;
    if (!leat_table_map_id(ev, &program->format, &id))
        return leat_fail(&program->err, LEAT_STOP, "table map without an id");
    struct leat_table_map *map = find_table(program, id);
    if (map && leat_table_map_same(map, ev, &program->format))
        return LEAT_OK;
    if (!map) {
        if (program->table_count == MAX_TABLES)
            return leat_fail(&program->err, LEAT_STOP, "more than %d tables", MAX_TABLES);
        map = &program->tables[program->table_count++];
    }
    enum leat_status status =
        leat_table_map_parse(map, ev, &program->format, &program->tables_arena, &program->err);
    return status == LEAT_OK ? use_hints(program, map) : status;
}

static enum leat_status print_rows(struct program *program, const struct leat_binlog_event *ev)
{
    static const char *const ops[] = {"", "insert", "update", "delete"};
    uint64_t id;
    uint16_t flags;
    if (!leat_rows_peek(ev, &program->format, &id, &flags))
        return leat_fail(&program->err, LEAT_STOP, "rows event without an id");
    const struct leat_table_map *map = find_table(program, id);
    if (flags & LEAT_ROWS_HAS_NO_TABLE)
        return LEAT_OK;
    if (!map)
        return leat_fail(&program->err, LEAT_STOP, "rows of a table that was not named before");
    leat_arena_reset(&program->arena);
    size_t size = map->column_count * sizeof(struct leat_value);
    struct leat_value *before = leat_arena_alloc(&program->arena, size);
    struct leat_value *after = leat_arena_alloc(&program->arena, size);
    struct leat_rows rows;
    enum leat_status status =
        leat_rows_open(&rows, map, ev, &program->format, &program->arena, &program->err);
    while (status == LEAT_OK && (status = leat_rows_next(&rows, before, after, &program->err)) == LEAT_OK) {
        struct leat_bytes *out = &program->out;
        leat_bytes_clear(out);
        leat_bytes_printf(out, "{\"end_pos\":%" PRIu64 ",\"op\":\"%s\",\"table\":\"%s.%s\"", program->end_pos,
                          ops[rows.kind], map->database, map->table);
        if (rows.kind != LEAT_ROWS_INSERT)
            put_image(out, "before", before, map->column_count);
        if (rows.kind != LEAT_ROWS_DELETE)
            put_image(out, "after", after, map->column_count);
        leat_bytes_text(out, "}\n");
        fwrite(out->data, 1, out->len, stdout);
        program->rows++;
    }
    leat_rows_close(&rows);
    return status == LEAT_EOF ? LEAT_OK : status;
}

/* Other events are decoded too, so that a damaged one is seen. */
static enum leat_status check_others(struct program *program, const struct leat_binlog_event *ev)
{
    struct leat_binlog_rotate rotate;
    struct leat_binlog_gtid gtid;
    struct leat_binlog_query query;
    struct leat_gtid_list list = {0};
    uint64_t xid;
    bool is_good = true;
    if (ev->type == LEAT_BINLOG_FORMAT)
        return leat_binlog_format(&program->format, ev, &program->err);
    if (ev->type == LEAT_BINLOG_ROTATE)
        is_good = leat_binlog_rotate(ev, &rotate);
    else if (ev->type == LEAT_BINLOG_XID)
        is_good = leat_binlog_xid(ev, &xid);
    else if (ev->type == LEAT_BINLOG_QUERY || ev->type == LEAT_BINLOG_QUERY_COMPRESSED)
        is_good = leat_binlog_query(ev, &program->format, &program->out, &query);
    else if (ev->type == LEAT_BINLOG_GTID || ev->type == LEAT_BINLOG_ANONYMOUS_GTID ||
             ev->type == LEAT_BINLOG_MARIA_GTID)
        is_good = leat_binlog_gtid(ev, &gtid);
    else if (ev->type == LEAT_BINLOG_GTID_LIST)
        is_good = leat_gtid_list_read(&list, ev);
    else if (!leat_binlog_may_skip(ev))
        return leat_fail(&program->err, LEAT_STOP, "unsupported: %s", leat_binlog_type_name(ev->type));
    leat_gtid_list_fini(&list);
    return is_good ? LEAT_OK
                   : leat_fail(&program->err, LEAT_STOP, "damaged %s", leat_binlog_type_name(ev->type));
}

static enum leat_status dispatch(struct program *program, const struct leat_binlog_event *ev)
{
    program->events++;
    if (ev->type == LEAT_BINLOG_TABLE_MAP)
        return take_table(program, ev);
    if (leat_binlog_has_rows(ev->type))
        return print_rows(program, ev);
    return check_others(program, ev);
}

/* A compressed transaction: what is inside, as if it stood there. */
static enum leat_status take_payload(struct program *program, const struct leat_binlog_event *ev)
{
    struct leat_payload payload;
    struct leat_binlog_event inner;
    struct leat_binlog_format outside = program->format;
    enum leat_status status = leat_payload_open(&payload, ev, &outside, &program->err);
    program->format = payload.format;
    while (status == LEAT_OK && (status = leat_payload_next(&payload, &inner, &program->err)) == LEAT_OK)
        status = dispatch(program, &inner);
    program->format = outside;
    leat_payload_close(&payload);
    return status == LEAT_EOF ? LEAT_OK : status;
}

static enum leat_status take_event(struct program *program, const uint8_t *bytes, size_t len)
{
    struct leat_binlog_event ev;
    enum leat_status status = leat_binlog_event(&ev, &program->format, bytes, len, true, &program->err);
    if (status != LEAT_OK)
        return status;
    return ev.type == LEAT_BINLOG_PAYLOAD ? take_payload(program, &ev) : dispatch(program, &ev);
}

static enum leat_status walk(struct program *program, const uint8_t *bytes, size_t len)
{
    if (len < 4 || memcmp(bytes, "\xfe" "bin", 4) != 0)
        return leat_fail(&program->err, LEAT_STOP, "not a binlog");
    program->end_pos = 4;
    while (len - program->end_pos >= LEAT_BINLOG_HEADER) {
        const uint8_t *ev = bytes + program->end_pos;
        uint32_t ev_len = leat_get_u32(ev + 9);
        if (ev_len < LEAT_BINLOG_HEADER || ev_len > len - program->end_pos)
            return leat_fail(&program->err, LEAT_STOP, "event of %u bytes is cut short", ev_len);
        program->end_pos += ev_len;
        enum leat_status status = take_event(program, ev, ev_len);
        if (status != LEAT_OK) {
            program->end_pos -= ev_len;
            return status;
        }
    }
    return LEAT_OK;
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*len + 1);
    if (bytes && fread(bytes, 1, *len, file) != *len)
        *len = 0;
    fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    size_t len;
    uint8_t *bytes = argc < 2 ? NULL : read_file(argv[1], &len);
    if (!bytes) {
        fprintf(stderr, "usage: binlog_rows FILE [DB.TABLE.COLUMN=HINT...]\n");
        return 2;
    }
    struct program *program = calloc(1, sizeof *program);
    program->hints = argv + 2;
    leat_arena_init(&program->arena, 1 << 20);
    leat_arena_init(&program->tables_arena, 0);
    leat_bytes_init(&program->out, (size_t)1 << 31);
    enum leat_status status = walk(program, bytes, len);
    fprintf(stderr, "%" PRIu64 " events, %" PRIu64 " rows, at %" PRIu64 "%s%s\n", program->events,
            program->rows, program->end_pos, status == LEAT_OK ? "" : ": ", program->err.text);
    leat_bytes_fini(&program->out);
    leat_arena_fini(&program->arena);
    leat_arena_fini(&program->tables_arena);
    free(program);
    free(bytes);
    return status == LEAT_OK ? 0 : 1;
}
