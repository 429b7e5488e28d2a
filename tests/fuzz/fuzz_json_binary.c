/* fuzz_json_binary.c - MySQL's binary JSON from any bytes: never beyond them, and never much more text than bytes. */
// folders: mysql_protocol base
#include <base/assert.h>
#include <kit/fuzz.h>
#include <mysql_protocol/rows.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    leat_json_binary_text(&out, data, size);
    leat_assert(out.len <= 40 * size + 400000); /* the last value may be a long one */
    leat_bytes_fini(&out);
    return 0;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const struct {
        const char *text;
        size_t len;
    } seeds[] = {
#define SEED(text) {text, sizeof(text) - 1}
        SEED("\0\2\0\x21\0\x12\0\1\0\x13\0\2\0\5\1\0\2\x15\0" "abc\2\0\x0c\0\4\1\0\x0c\x0a\0\1x"),
        SEED("\3\2\0\0\0\x12\0\0\0\7\xfe\xff\xff\xff\4\0\0\0\0"),
        SEED("\x0f\xf6\4\3\2\x81\x17"),
        SEED("\x0f\x0c\x08\x20\xa1\x07\x19\x76\x1f\x95\x19"),
        SEED("\x0f\xfc\3\0\1\2"),
        SEED("\x0b\x9a\x99\x99\x99\x99\x99\xb9\x3f"),
        SEED("\x0c\4\x01\\\xc3\xa4"),
    };
    if (number >= sizeof seeds / sizeof *seeds || seeds[number].len > room)
        return 0;
    memcpy(bytes, seeds[number].text, seeds[number].len);
    return seeds[number].len;
}
