/* fuzz_json.c - JSON, and the codecs that read it, from any bytes.
 *
 * What is read must be written and read again as the same; what the reader takes the checker takes; what any codec
 * writes is JSON on one line. */
// folders: model
#include <base/assert.h>
#include <base/memory.h>
#include <kit/fuzz.h>
#include <leat/record.h>
#include <model/batch.h>
#include <model/codecs.h>
#include <model/json.h>

#include <stdlib.h>
#include <string.h>

/* -0 and 5e-324 may be spelt otherwise, and a decimal's text may be that of a double: so texts are compared. */
static void write_twice(const struct leat_value *value, struct leat_arena *arena)
{
    struct leat_bytes first, second;
    struct leat_value again;
    struct leat_error err;
    leat_bytes_init(&first, SIZE_MAX);
    leat_bytes_init(&second, SIZE_MAX);
    leat_json_value(&first, value);
    leat_assert(leat_json_is_valid((const char *)first.data, first.len));
    leat_assert(!memchr(first.data, '\n', first.len));
    leat_assert(leat_json_read((const char *)first.data, first.len, false, arena, &again, &err) == LEAT_OK);
    leat_json_value(&second, &again);
    leat_assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    leat_bytes_fini(&first);
    leat_bytes_fini(&second);
}

static void try_text(const char *text, size_t len)
{
    struct leat_arena arena;
    struct leat_value value, borrowed;
    struct leat_error err;
    leat_arena_init(&arena, 0);
    bool is_good = leat_json_read(text, len, false, &arena, &value, &err) == LEAT_OK;
    leat_assert(is_good == (leat_json_read(text, len, true, &arena, &borrowed, &err) == LEAT_OK));
    leat_assert(!is_good || leat_json_is_valid(text, len));
    if (is_good) {
        leat_assert(leat_value_equal(&value, &borrowed));
        write_twice(&value, &arena);
    }
    leat_arena_fini(&arena);
}

/* As a document or a string inside of a value: whatever it is, the outside stays JSON. */
static void try_inside(const char *text, size_t len)
{
    struct leat_value items[2] = {leat_value_text(text, len), leat_value_text(text, len)};
    struct leat_value list = leat_value_items(LEAT_ARRAY, items, 2);
    struct leat_bytes out;
    items[0].type = LEAT_JSON;
    leat_bytes_init(&out, SIZE_MAX);
    leat_json_value(&out, &list);
    leat_assert(!memchr(out.data, '\n', out.len));
    leat_assert(leat_json_is_valid((const char *)out.data, out.len) || len > 512); /* a document may be deep itself */
    leat_bytes_fini(&out);
}

/* What a codec has read it can write; debezium writes rows of tables only, and these have none. */
static void write_part(const struct leat_codec_type *type, void *self, const struct leat_record *rec,
                       enum leat_part part)
{
    struct leat_error err;
    struct leat_bytes out;
    bool is_null;
    if (type == &leat_codec_debezium && part == LEAT_PART_VALUE)
        return;
    leat_bytes_init(&out, SIZE_MAX);
    leat_assert(type->encode(self, rec, part, &out, &is_null, &err) == LEAT_OK);
    leat_assert(is_null ? out.len == 0 : leat_json_is_valid((const char *)out.data, out.len));
    leat_bytes_fini(&out);
}

static void try_codec(const struct leat_codec_type *type, const char *text, size_t len)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    struct leat_error err;
    void *self = leat_calloc(1, type->size);
    leat_assert(type->open(self, "fuzz", &err) == LEAT_OK);
    for (int part = LEAT_PART_VALUE; part <= LEAT_PART_KEY; part++) {
        struct leat_record *rec = leat_batch_add(batch);
        if (type->decode(self, text, len, (enum leat_part)part, batch, rec, &err) == LEAT_OK)
            write_part(type, self, rec, (enum leat_part)part);
    }
    type->close(self);
    free(self);
    leat_batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    try_text(text, size);
    try_inside(text, size);
    try_codec(&leat_codec_json, text, size);
    try_codec(&leat_codec_debezium, text, size);
    return 0;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const char *const seeds[] = {
        "{\"before\":null,\"after\":{\"id\":1,\"x\":\"\\u00e9\\ud83d\\ude00\\n\"},\"source\":{\"db\":\"shop\"},\"op\":\"u\",\"ts_ms\":5}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"field\":\"id\"}]},\"payload\":{\"op\":\"r\",\"ts_us\":-7}}",
        "[0,-0,1,-1,9223372036854775807,9223372036854775808,18446744073709551616,1.50,-2.5e-7,1e400,5e-324,0.1]",
        " [ true , false , null , \"\" , { } , [ ] ] ",
        "[[[[[[[[[[[[[[[[{\"a\":{\"b\":[{\"c\":[1.2345678901234567890123e2]}]}}]]]]]]]]]]]]]]]]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 a longer run of plain text \"",
        "123456789012345678901234567890123456789012345678901234567890.5",
    };
    if (number >= sizeof seeds / sizeof *seeds || strlen(seeds[number]) > room)
        return 0;
    memcpy(bytes, seeds[number], strlen(seeds[number]));
    return strlen(seeds[number]);
}
