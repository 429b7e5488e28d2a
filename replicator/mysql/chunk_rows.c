#include <mysql/row_reader.h>
#include <mysql/row_values.h>

#include <base/memory.h>
#include <mysql/columns.h>
#include <mysql/record.h>
#include <stdlib.h>

#define LOOK_ROWS 256 /* between two looks at whether somebody still wants them */

struct reading {
    struct row_reader *reader;
    struct chunk *chunk;
    struct leat_batch *batch;
    struct record_reads reads;
    struct extent_key *last; /* of the batch, where it is full */
    uint32_t rows, rows_of_batch;
    struct row_values *values; /* of the row at hand; NULL: by text, */
    MYSQL_ROW row;
    const unsigned long *lengths;
};

static void post(struct reading *reading, bool is_last)
{
    struct parcel *parcel = leat_calloc(1, sizeof *parcel);
    *parcel = (struct parcel){.batch = reading->batch,
                              .last = reading->last,
                              .is_last = is_last,
                              .rows = reading->rows_of_batch};
    reading->batch = NULL;
    reading->last = NULL;
    row_reader_post(reading->reader, reading->chunk, parcel);
}

/* A full batch goes when the next row is there: so the last one is not empty, unless the part is.
 * EOF: nobody wants it any more. */
static enum leat_status want_batch(struct reading *reading)
{
    const struct client_place *place = &reading->chunk->view.place;
    if (reading->batch && !leat_batch_is_full(reading->batch))
        return LEAT_OK;
    if (reading->batch)
        post(reading, false);
    reading->batch = row_reader_batch(reading->reader, reading->chunk);
    if (!reading->batch)
        return LEAT_EOF;
    record_begin_reads(&reading->reads, reading->batch, place->file, place->pos);
    reading->rows_of_batch = 0;
    return LEAT_OK;
}

/* ---- one row ---- */

static struct extent_key *key_of_row(struct reading *reading)
{
    const struct extent *shape = &reading->chunk->definition->shape;
    struct leat_value texts[EXTENT_KEYS_MAX];
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    for (uint32_t i = 0; i < shape->key_count; i++) {
        uint32_t at = shape->keys[i];
        texts[i] = reading->values ? row_values_text(reading->values, at, &arena)
                                   : leat_value_text(reading->row[at], reading->lengths[at]);
    }
    struct extent_key *key = extent_key_new(shape, texts);
    leat_arena_fini(&arena);
    return key;
}

static bool take_cells(struct reading *reading, const struct leat_schema *schema, struct leat_value *cells, uint32_t *column)
{
    if (reading->values)
        return row_values_take(reading->values, schema, reading->batch, cells, column);
    for (*column = 0; *column < schema->field_count; ++*column)
        if (!columns_value(&schema->fields[*column], reading->row[*column], reading->lengths[*column], reading->batch, &cells[*column]))
            return false;
    return true;
}

static enum leat_status add_row(struct reading *reading, struct leat_error *err)
{
    const struct definition *definition = reading->chunk->definition;
    const struct leat_schema *schema = definition->table->schema;
    uint32_t column;
    enum leat_status status = want_batch(reading);
    if (status != LEAT_OK)
        return status;
    struct leat_value *cells = leat_batch_alloc(reading->batch, schema->field_count * sizeof *cells);
    if (!take_cells(reading, schema, cells, &column))
        return leat_fail(err, LEAT_STOP, "snapshot of %s: a value of column %s cannot be read as %s", definition->table->full,
                         schema->fields[column].name, schema->fields[column].native);
    record_add_read(reading->batch, definition->table, &reading->reads, cells);
    reading->rows_of_batch++;
    bool is_cut = ++reading->rows == reading->chunk->limit;
    if (!definition->shape.has_ranges || (!is_cut && !leat_batch_is_full(reading->batch)))
        return LEAT_OK;
    reading->last = key_of_row(reading);
    return reading->last ? LEAT_OK : leat_fail(err, LEAT_STOP, "snapshot of %s: its key cannot be read", definition->table->full);
}

static bool is_over(const struct reading *reading)
{
    return reading->rows % LOOK_ROWS == 0 && row_reader_is_unwanted(reading->reader, reading->chunk);
}

/* ---- all rows ---- */

static enum leat_status read_text(struct reading *reading, MYSQL_RES *result, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && (reading->row = mysql_fetch_row(result))) {
        reading->lengths = mysql_fetch_lengths(result);
        status = add_row(reading, err);
        if (is_over(reading))
            return LEAT_EOF;
    }
    if (status == LEAT_OK && mysql_errno(reading->reader->client.mysql))
        status = row_reader_judge(reading->reader, reading->chunk, err);
    return status;
}

static enum leat_status read_values(struct reading *reading, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && (status = row_values_fetch(reading->values)) == LEAT_OK) {
        status = add_row(reading, err);
        if (status == LEAT_EOF || is_over(reading))
            return LEAT_EOF;
    }
    if (status == LEAT_RETRY)
        return row_reader_judge(reading->reader, reading->chunk, err);
    return status == LEAT_EOF ? LEAT_OK : status;
}

static enum leat_status other_table(struct chunk *chunk)
{
    chunk->trouble = CHUNK_OTHER_TABLE;
    return LEAT_REJECT;
}

static enum leat_status by_text(struct reading *reading, struct leat_error *err)
{
    MYSQL_RES *result;
    struct chunk *chunk = reading->chunk;
    enum leat_status status = row_reader_ask(reading->reader, chunk, &result, false, err);
    if (status != LEAT_OK)
        return status;
    status = row_reader_sign(result) == chunk->definition->signature ? read_text(reading, result, err) : other_table(chunk);
    mysql_free_result(result);
    return status;
}

static enum leat_status by_values(struct reading *reading, struct leat_error *err)
{
    struct row_values values;
    struct chunk *chunk = reading->chunk;
    enum leat_status status = row_values_open(&values, &reading->reader->client, chunk->definition->table->schema, &reading->reader->sql);
    if (status == LEAT_REJECT || (status == LEAT_OK && row_reader_sign(values.columns) != chunk->definition->signature))
        status = other_table(chunk);
    else if (status != LEAT_OK || !row_values_execute(&values))
        status = row_reader_judge(reading->reader, chunk, err);
    reading->values = &values;
    if (status == LEAT_OK)
        status = read_values(reading, err);
    row_values_close(&values);
    return status;
}

enum leat_status row_reader_rows(struct row_reader *reader, struct chunk *chunk, struct leat_error *err)
{
    struct reading reading = {.reader = reader, .chunk = chunk};
    row_reader_select(reader, chunk);
    enum leat_status status = chunk->definition->is_binary ? by_values(&reading, err) : by_text(&reading, err);
    if (status == LEAT_OK && !reading.batch) /* no rows: that is to be told as well */
        status = want_batch(&reading);
    if (status == LEAT_OK)
        post(&reading, chunk->limit == 0 || reading.rows < chunk->limit);
    row_reader_give(reader, &reading.batch);
    extent_key_free(reading.last);
    return status;
}
