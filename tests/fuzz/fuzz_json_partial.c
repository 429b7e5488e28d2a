/* fuzz_json_partial.c - a binary JSON document and partial updates of it, from any bytes: u16 length of the document, the
 * document, the updates. */
// folders: mysql_protocol base
#include <base/assert.h>
#include <base/wire.h>
#include <kit/fuzz.h>
#include <mysql_protocol/rows.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_cut cut = leat_cut(data, size);
    uint16_t len = leat_cut_u16(&cut);
    const uint8_t *document = leat_cut_bytes(&cut, len);
    struct leat_bytes out;
    struct leat_arena arena;
    if (!document)
        return 0;
    leat_bytes_init(&out, SIZE_MAX);
    leat_arena_init(&arena, 0);
    leat_json_partial_text(&out, document, len, cut.at, leat_cut_left(&cut), &arena);
    leat_assert(out.len <= 40 * size + 400000); /* the last value may be a long one */
    leat_arena_fini(&arena);
    leat_bytes_fini(&out);
    return 0;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const char document[] = "\x27\0\0\2\0\x21\0\x12\0\1\0\x13\0\2\0\5\1\0\2\x15\0" "abc\2\0\x0c\0\4\1\0\x0c\x0a\0\1x";
    static const struct {
        const char *text;
        size_t len;
    } seeds[] = {
#define SEED(text) {text, sizeof(text) - 1}
        SEED("\0\3$.a\3\5\7\0\1\7$.bc[0]\2\4\1\2\3$.a"),
        SEED("\1\7$.\"b\\\"\"\3\5\7\0\0\x0c$.bc[last-1]\6\2\0\0\4\0\1\7$.bc[9]\2\4\2"),
        SEED("\0\1$\5\0\0\0\4\0\1\3$.z\3\5\7\0"),
    };
    size_t head = sizeof document - 1;
    if (number >= sizeof seeds / sizeof *seeds || head + seeds[number].len > room)
        return 0;
    memcpy(bytes, document, head);
    leat_set_u16(bytes, (uint16_t)(head - 2));
    memcpy(bytes + head, seeds[number].text, seeds[number].len);
    return head + seeds[number].len;
}
