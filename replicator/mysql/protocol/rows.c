/* rows.c - the walk over a rows event. */
#include <mysql_protocol/internal.h>

#include <base/assert.h>

#define MAX_JSON_TEXT (UINT32_C(1) << 30)
#define TREE_KEEP_BYTES ((size_t)64 << 10)
#define NO_TABLE UINT64_C(0xffffff)

static enum leat_rows_kind kind_of(uint8_t type)
{
    switch (type) {
    case LEAT_BINLOG_WRITE_V1:
    case LEAT_BINLOG_WRITE_V2:
    case LEAT_BINLOG_WRITE_COMPRESSED_V1:
    case LEAT_BINLOG_WRITE_COMPRESSED:
        return LEAT_ROWS_INSERT;
    case LEAT_BINLOG_UPDATE_V1:
    case LEAT_BINLOG_UPDATE_V2:
    case LEAT_BINLOG_UPDATE_COMPRESSED_V1:
    case LEAT_BINLOG_UPDATE_COMPRESSED:
    case LEAT_BINLOG_PARTIAL_UPDATE:
        return LEAT_ROWS_UPDATE;
    case LEAT_BINLOG_DELETE_V1:
    case LEAT_BINLOG_DELETE_V2:
    case LEAT_BINLOG_DELETE_COMPRESSED_V1:
    case LEAT_BINLOG_DELETE_COMPRESSED:
        return LEAT_ROWS_DELETE;
    default:
        return 0;
    }
}

static bool is_compressed(uint8_t type)
{
    return type >= LEAT_BINLOG_WRITE_COMPRESSED_V1 && type <= LEAT_BINLOG_DELETE_COMPRESSED;
}

static bool has_extra_data(uint8_t type)
{
    return (type >= LEAT_BINLOG_WRITE_V2 && type <= LEAT_BINLOG_DELETE_V2) ||
           (type >= LEAT_BINLOG_WRITE_COMPRESSED && type <= LEAT_BINLOG_DELETE_COMPRESSED) || type == LEAT_BINLOG_PARTIAL_UPDATE;
}

bool leat_rows_peek(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                    uint64_t *table_id, uint16_t *flags)
{
    struct leat_cut cut = ev->body;
    *table_id = leat_cut_table_id(&cut, format, ev->type);
    *flags = leat_cut_u16(&cut) & (uint16_t)~LEAT_ROWS_HAS_NO_TABLE; /* ours: it is in no server's event */
    if (*table_id == NO_TABLE)
        *flags |= LEAT_ROWS_HAS_NO_TABLE;
    return !cut.is_bad;
}

static struct leat_rows_image cut_image(struct leat_cut *cut, uint32_t columns)
{
    struct leat_rows_image image = {.present = leat_cut_bytes(cut, (columns + 7) / 8)};
    if (!image.present)
        return image;
    for (uint32_t i = 0; i < columns; i++)
        image.count += image.present[i / 8] >> i % 8 & 1;
    image.is_full = image.count == columns;
    return image;
}

/* MariaDB's compressed events compress the rows alone. */
static bool inflate_rows(struct leat_rows *rows, struct leat_cut *cut, struct leat_arena *arena)
{
    if (!leat_binlog_inflate(cut, &rows->scratch))
        return false;
    const void *copy = leat_arena_copy(arena, rows->scratch.data, rows->scratch.len);
    *cut = leat_cut(copy, rows->scratch.len);
    leat_bytes_clear(&rows->scratch);
    return true;
}

static enum leat_status not_fitting(const struct leat_rows *rows, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "rows of %s.%s: the event does not fit its table map",
                     rows->map->database, rows->map->table);
}

static void prepare_partial(struct leat_rows *rows, struct leat_arena *arena)
{
    uint32_t count = rows->map->column_count;
    rows->is_partial = true;
    rows->bases = leat_arena_alloc(arena, count * sizeof *rows->bases);
    for (uint32_t i = 0; i < count; i++)
        rows->json_count += rows->map->columns[i].type == LEAT_MYSQL_JSON;
}

enum leat_status leat_rows_open(struct leat_rows *rows, const struct leat_table_map *map,
                                const struct leat_binlog_event *ev,
                                const struct leat_binlog_format *format, struct leat_arena *arena,
                                struct leat_error *err)
{
    leat_assert(map->is_planned);
    *rows = (struct leat_rows){.kind = kind_of(ev->type), .map = map};
    leat_bytes_init(&rows->scratch, MAX_JSON_TEXT);
    leat_arena_init(&rows->tree, TREE_KEEP_BYTES);
    rows->room = (struct leat_cell_room){.arena = arena, .scratch = &rows->scratch};
    if (rows->kind == 0)
        return leat_fail(err, LEAT_STOP, "%s.%s: unsupported: %s", map->database, map->table,
                         leat_binlog_type_name(ev->type));
    struct leat_cut cut = ev->body;
    leat_cut_table_id(&cut, format, ev->type);
    rows->flags = leat_cut_u16(&cut);
    if (has_extra_data(ev->type)) {
        uint16_t extra = leat_cut_u16(&cut);
        if (extra < 2)
            cut.is_bad = true;
        leat_cut_bytes(&cut, extra - 2u);
    }
    uint64_t columns = leat_cut_lenenc(&cut);
    if (!cut.is_bad && columns != map->column_count)
        return leat_fail(err, LEAT_STOP, "rows of %s.%s have %llu columns, its table map has %u", map->database,
                         map->table, (unsigned long long)columns, map->column_count);
    if (rows->kind != LEAT_ROWS_INSERT)
        rows->before = cut_image(&cut, map->column_count);
    if (rows->kind != LEAT_ROWS_DELETE)
        rows->after = cut_image(&cut, map->column_count);
    if (cut.is_bad || (is_compressed(ev->type) && !inflate_rows(rows, &cut, arena)))
        return not_fitting(rows, err);
    rows->at = cut.at;
    rows->end = cut.end;
    if (ev->type == LEAT_BINLOG_PARTIAL_UPDATE)
        prepare_partial(rows, arena);
    return LEAT_OK;
}

/* Which column stopped the walk, for the error; NULL: the bitmap of NULLs itself did not fit. */
struct stop {
    const struct leat_column *column;
    bool has_no_base; /* it was changed in part, and the image before does not hold it */
};

static const uint8_t *decode_full(struct leat_rows *rows, const uint8_t *at, struct leat_value *cells,
                                  struct stop *stop)
{
    const struct leat_column *column = rows->map->columns;
    uint32_t count = rows->map->column_count;
    if ((size_t)(rows->end - at) < (count + 7) / 8)
        return NULL;
    const uint8_t *nulls = at;
    at += (count + 7) / 8;
    for (uint32_t i = 0; i < count; i++, column++) {
        if (nulls[i / 8] >> i % 8 & 1) {
            cells[i] = leat_value_null();
            continue;
        }
        at = column->decode(column, at, rows->end, &rows->room, &cells[i]);
        if (__builtin_expect(!at, 0)) {
            stop->column = column;
            return NULL;
        }
    }
    return at;
}

static const uint8_t *decode_partial(struct leat_rows *rows, const struct leat_rows_image *image,
                                     const uint8_t *at, struct leat_value *cells, struct stop *stop)
{
    uint32_t null_bytes = (image->count + 7) / 8, nth = 0;
    if ((size_t)(rows->end - at) < null_bytes)
        return NULL;
    const uint8_t *nulls = at;
    at += null_bytes;
    for (uint32_t i = 0; i < rows->map->column_count; i++) {
        const struct leat_column *column = &rows->map->columns[i];
        if (!(image->present[i / 8] >> i % 8 & 1)) {
            cells[i] = (struct leat_value){.type = LEAT_ABSENT};
            continue;
        }
        bool is_null = nulls[nth / 8] >> nth % 8 & 1;
        nth++;
        if (is_null) {
            cells[i] = leat_value_null();
            continue;
        }
        at = column->decode(column, at, rows->end, &rows->room, &cells[i]);
        if (!at) {
            stop->column = column;
            return NULL;
        }
    }
    return at;
}

static const uint8_t *decode_image(struct leat_rows *rows, const struct leat_rows_image *image,
                                   const uint8_t *at, struct leat_value *cells, struct stop *stop)
{
    return image->is_full ? decode_full(rows, at, cells, stop)
                          : decode_partial(rows, image, at, cells, stop);
}

/* ---- PARTIAL_UPDATE_ROWS: the image before says where its documents lie, the one after changes them ---- */

static bool is_present(const struct leat_rows_image *image, uint32_t column)
{
    return image->present[column / 8] >> column % 8 & 1;
}

static const uint8_t *decode_before(struct leat_rows *rows, const uint8_t *at, struct leat_value *cells, struct stop *stop)
{
    uint32_t null_bytes = (rows->before.count + 7) / 8, nth = 0;
    if ((size_t)(rows->end - at) < null_bytes)
        return NULL;
    const uint8_t *nulls = at;
    at += null_bytes;
    for (uint32_t i = 0; i < rows->map->column_count; i++) {
        const struct leat_column *column = &rows->map->columns[i];
        rows->bases[i] = (struct leat_rows_place){NULL, NULL};
        cells[i] = (struct leat_value){.type = LEAT_ABSENT};
        if (!is_present(&rows->before, i))
            continue;
        cells[i] = leat_value_null();
        if (nulls[nth / 8] >> nth % 8 & 1) {
            nth++;
            continue;
        }
        nth++;
        const uint8_t *start = at;
        at = column->decode(column, at, rows->end, &rows->room, &cells[i]);
        stop->column = column;
        if (!at)
            return NULL;
        rows->bases[i] = (struct leat_rows_place){start + column->prefix_bytes, at};
    }
    return at;
}

/* A cell of changes instead of a document. */
static const uint8_t *decode_changes(struct leat_rows *rows, uint32_t i, const uint8_t *at, struct leat_value *cell,
                                     struct stop *stop)
{
    const struct leat_rows_place *base = &rows->bases[i];
    struct leat_bytes *text = rows->room.scratch;
    struct leat_cut cut = leat_cut(at, (size_t)(rows->end - at));
    uint32_t len = leat_cut_u32(&cut);
    const uint8_t *diffs = leat_cut_bytes(&cut, len);
    stop->has_no_base = diffs && !base->at;
    if (!diffs || !base->at)
        return NULL;
    leat_bytes_clear(text);
    bool is_good = leat_json_partial_text(text, base->at, (size_t)(base->end - base->at), diffs, len, &rows->tree);
    leat_arena_reset(&rows->tree);
    if (!is_good)
        return NULL;
    *cell = leat_value_text(leat_arena_copy(rows->room.arena, text->data, text->len), text->len);
    cell->type = LEAT_JSON;
    return cut.at;
}

static const uint8_t *decode_after(struct leat_rows *rows, const uint8_t *at, struct leat_value *cells, struct stop *stop)
{
    enum { HAS_PARTIAL_JSON = 1 };
    struct leat_cut cut = leat_cut(at, (size_t)(rows->end - at));
    stop->column = NULL;
    uint64_t options = leat_cut_lenenc(&cut);
    const uint8_t *partial = options & HAS_PARTIAL_JSON ? leat_cut_bytes(&cut, (rows->json_count + 7) / 8) : NULL;
    const uint8_t *nulls = leat_cut_bytes(&cut, (rows->after.count + 7) / 8);
    if (!nulls || options > HAS_PARTIAL_JSON)
        return NULL;
    at = cut.at;
    for (uint32_t i = 0, nth = 0, json = 0; i < rows->map->column_count; i++) {
        const struct leat_column *column = &rows->map->columns[i];
        bool is_json = column->type == LEAT_MYSQL_JSON;
        bool is_changes = partial && is_json && (partial[json / 8] >> json % 8 & 1);
        json += is_json;
        cells[i] = (struct leat_value){.type = LEAT_ABSENT};
        if (!is_present(&rows->after, i))
            continue;
        bool is_null = nulls[nth / 8] >> nth % 8 & 1;
        nth++;
        cells[i] = leat_value_null();
        if (is_null)
            continue;
        stop->column = column;
        at = is_changes ? decode_changes(rows, i, at, &cells[i], stop)
                        : column->decode(column, at, rows->end, &rows->room, &cells[i]);
        if (!at)
            return NULL;
    }
    return at;
}

static enum leat_status bad_row(const struct leat_rows *rows, const struct stop *stop, struct leat_error *err)
{
    const struct leat_column *column = stop->column;
    if (!column)
        return not_fitting(rows, err);
    const struct leat_table_map *map = rows->map;
    if (stop->has_no_base)
        return leat_fail(err, LEAT_STOP, "%s.%s: column %u (%s) was changed in part, and the log does not hold what it was before: "
                         "partial JSON updates (binlog_row_value_options) need binlog_row_image = FULL", map->database,
                         map->table, (unsigned)(column - map->columns) + 1, column->name ? column->name : "no name");
    return leat_fail(err, LEAT_STOP, "%s.%s: row %u of the event: column %u (%s, %s) cannot be read; was its "
                     "table altered behind the log?", map->database, map->table, rows->index + 1,
                     (unsigned)(column - map->columns) + 1, column->name ? column->name : "no name",
                     leat_mysql_type_name(column->type));
}

/* MINIMAL images: INSERT ... VALUES () into a table without a key has a row of no columns, and no bytes. */
static enum leat_status next_without_bytes(struct leat_rows *rows, struct leat_value *after)
{
    if (rows->index > 0 || rows->kind != LEAT_ROWS_INSERT || rows->after.count > 0)
        return LEAT_EOF;
    for (uint32_t i = 0; i < rows->map->column_count; i++)
        after[i] = (struct leat_value){.type = LEAT_ABSENT};
    rows->index++;
    return LEAT_OK;
}

enum leat_status leat_rows_next(struct leat_rows *rows, struct leat_value *before, struct leat_value *after,
                                struct leat_error *err)
{
    if (rows->at == rows->end)
        return next_without_bytes(rows, after);
    struct stop stop = {0};
    const uint8_t *at = rows->at;
    if (rows->is_partial) {
        at = decode_before(rows, at, before, &stop);
        at = at ? decode_after(rows, at, after, &stop) : NULL;
    }
    if (!rows->is_partial && rows->kind != LEAT_ROWS_INSERT)
        at = decode_image(rows, &rows->before, at, before, &stop);
    if (!rows->is_partial && at && rows->kind != LEAT_ROWS_DELETE)
        at = decode_image(rows, &rows->after, at, after, &stop);
    /* A row of no bytes would go on for ever. */
    if (!at || at == rows->at)
        return bad_row(rows, &stop, err);
    rows->at = at;
    rows->index++;
    return LEAT_OK;
}

void leat_rows_close(struct leat_rows *rows)
{
    leat_bytes_fini(&rows->scratch);
    leat_arena_fini(&rows->tree);
}
