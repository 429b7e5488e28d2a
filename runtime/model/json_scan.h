/* json_scan.h - the longest run of bytes that stand in a JSON string as they are, for the reader and the writer. */
#ifndef LEAT_MODEL_JSON_SCAN_H
#define LEAT_MODEL_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* No control character, quote, backslash, or part of a longer character. */
static inline bool leat_json_is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x80;
}

/* All eight bytes are plain. `v - n` borrows only out of a byte that is found itself, so no byte is missed and a false
 * alarm can only stand behind a true one. */
static inline bool leat_json_is_plain_8(const char *p)
{
    uint64_t v, ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    memcpy(&v, p, 8);
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    return (((v - ones * 0x20) | (quote - ones) | (slash - ones) | v) & highs) == 0;
}

static inline size_t leat_json_plain_run(const char *text, size_t len)
{
    size_t at = 0;
    while (len - at >= 8 && leat_json_is_plain_8(text + at))
        at += 8;
    while (at < len && leat_json_is_plain((unsigned char)text[at]))
        at++;
    return at;
}

#endif
