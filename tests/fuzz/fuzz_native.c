/* fuzz_native.c - the native format, from any bytes: values, schemas, streams of records, marks.
 *
 * The first byte chooses. What is read must be written and read again as the same. */
// folders: model
#include <base/assert.h>
#include <kit/fuzz.h>
#include <kit/records.h>
#include <leat/sink.h>

enum kind { KIND_VALUE, KIND_SCHEMA, KIND_STREAM, KIND_MARK, KINDS };

static void try_value(struct leat_cut *cut, struct leat_arena *arena)
{
    struct leat_value value, again;
    if (!leat_native_get_value(cut, arena, &value))
        return;
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    leat_native_put_value(&out, &value);
    if (!out.is_over) { /* as deep as the reader goes, but not the writer */
        struct leat_cut written = leat_cut(out.data, out.len);
        leat_assert(leat_native_get_value(&written, arena, &again));
        leat_assert(leat_value_equal(&value, &again));
    }
    leat_bytes_fini(&out);
}

static void try_schema(struct leat_cut *cut)
{
    const struct leat_schema *schema = leat_native_get_schema(cut);
    if (!schema)
        return;
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    leat_native_put_schema(&out, schema);
    struct leat_cut written = leat_cut(out.data, out.len);
    leat_assert(leat_native_get_schema(&written) == schema);
    leat_bytes_fini(&out);
}

/* Reads all records, or until one is bad, into the batch. */
static void read_stream(struct leat_cut stream, struct leat_batch *batch, bool borrow)
{
    struct leat_native_reader reader = {0};
    struct leat_native_head head;
    while (leat_native_next(&reader, &stream, &head)) {
        struct leat_record rec = {.topic = leat_topic("fuzz", 4),
                                  .schema = kit_schema_of(head.schema_id)};
        if (!leat_native_read(&reader, &head, &batch->arena, borrow, &rec))
            return;
        *leat_batch_add(batch) = rec;
    }
}

/* Skipping must follow the same sources as reading does. */
static void skip_stream(struct leat_cut stream, const struct leat_batch *batch, struct leat_arena *arena)
{
    struct leat_native_reader reader = {0};
    struct leat_native_head head;
    for (uint32_t i = 0; i < batch->count && leat_native_next(&reader, &stream, &head); i++) {
        struct leat_record rec = {.schema = kit_schema_of(head.schema_id)};
        if (i % 3) {
            leat_assert(leat_native_skip(&reader, &head, rec.schema));
            continue;
        }
        leat_assert(leat_native_read(&reader, &head, arena, true, &rec));
        leat_assert(leat_value_equal(&rec.source, &batch->records[i].source));
        leat_assert(rec.time_us == batch->records[i].time_us);
    }
}

static void try_stream(struct leat_cut stream, struct leat_arena *arena)
{
    struct leat_batch *read = leat_batch_new(1 << 20, 1000);
    struct leat_batch *again = leat_batch_new(1 << 20, 1000);
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    read_stream(stream, read, true);
    skip_stream(stream, read, arena);
    kit_put_stream(read, 0, &out);
    if (!out.is_over) {
        read_stream(leat_cut(out.data, out.len), again, false);
        leat_assert(again->count == read->count);
        for (uint32_t i = 0; i < read->count; i++) {
            leat_assert(leat_value_equal(&again->records[i].key, &read->records[i].key));
            leat_assert(leat_value_equal(&again->records[i].value, &read->records[i].value));
            leat_assert(leat_value_equal(&again->records[i].before, &read->records[i].before));
            leat_assert(leat_value_equal(&again->records[i].source, &read->records[i].source));
            leat_assert(again->records[i].time_us == read->records[i].time_us);
        }
    }
    leat_bytes_fini(&out);
    leat_batch_free(again);
    leat_batch_free(read);
}

static void try_mark(const struct leat_cut *cut)
{
    struct leat_mark mark, again;
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    if (!leat_mark_decode(cut->at, leat_cut_left(cut), &mark))
        return;
    leat_assert(leat_mark_decode(bytes, leat_mark_encode(&mark, bytes), &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    struct leat_cut cut = leat_cut(data + 1, size - 1);
    switch (data[0] % KINDS) {
    case KIND_VALUE: try_value(&cut, &arena); break;
    case KIND_SCHEMA: try_schema(&cut); break;
    case KIND_STREAM: try_stream(cut, &arena); break;
    default: try_mark(&cut); break;
    }
    leat_arena_fini(&arena);
    return 0;
}

static void put_seed(struct kit_random *random, enum kind kind, uint32_t number, struct leat_bytes *out)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    if (kind == KIND_SCHEMA) {
        leat_native_put_schema(out, kit_schema(number));
    } else if (kind == KIND_STREAM) {
        for (uint32_t i = 0; i < 1 + number % 12; i++)
            kit_record(random, batch);
        kit_put_stream(batch, 0, out);
    } else if (kind == KIND_VALUE) {
        struct leat_value value = kit_random_value(random, &batch->arena, 4);
        leat_native_put_value(out, &value);
    } else {
        uint8_t bytes[LEAT_MARK_BYTES_MAX];
        struct leat_mark mark = {.layout = LEAT_MARK_LAYOUT, .cursor.len = 8, .origin = "[]"};
        leat_bytes_add(out, bytes, leat_mark_encode(&mark, bytes));
    }
    leat_batch_free(batch);
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    if (number >= 120)
        return 0;
    struct kit_random random = {number};
    enum kind kind = (enum kind)(number % KINDS);
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    leat_bytes_put(&out, (uint8_t)kind);
    put_seed(&random, kind, number / KINDS, &out);
    size_t size = out.len < room ? out.len : room;
    memcpy(bytes, out.data, size);
    leat_bytes_fini(&out);
    return size;
}
