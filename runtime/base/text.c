#include <base/text.h>
#include <base/memory.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what a typist meant ---- */

#define NAME_MOST 64 /* longer names are not guessed at */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, replacements, and swaps of neighbours. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned row[3][NAME_MOST + 1];
    if (a_len > NAME_MOST || b_len > NAME_MOST)
        return NAME_MOST;
    for (size_t j = 0; j <= b_len; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned differs = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            now[j] = least(before[j - 1] + differs, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return row[a_len % 3][b_len];
}

const char *leat_did_you_mean(const char *typed, const char *const *names, size_t count)
{
    unsigned most = (unsigned)(strlen(typed) + 2) / 3;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = edit_distance(typed, names[i]);
        if (distance <= most && strlen(names[i]) > distance) {
            best = names[i];
            most = distance > 0 ? distance - 1 : 0;
            if (distance == 0)
                break;
        }
    }
    return best;
}

/* ---- patterns of dotted names ---- */

static bool same_char(char a, char b, bool ignore_case)
{
    return a == b ||
           (ignore_case && tolower((unsigned char)a) == tolower((unsigned char)b));
}

/* Goes back only to the last *, as usual; a dot ends its reach. */
bool leat_pattern_matches(const char *pattern, const char *name, bool ignore_case)
{
    const char *star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if ((*pattern == '?' && *name != '.') || (*pattern && same_char(*pattern, *name, ignore_case))) {
            pattern++;
            name++;
        } else if (star && *retry != '.') {
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool leat_patterns_match(const struct leat_list *patterns, const char *name, bool ignore_case)
{
    bool is_in = false;
    for (size_t i = 0; i < patterns->count; i++) {
        const char *pattern = patterns->items[i];
        if (pattern[0] == '!') {
            if (leat_pattern_matches(pattern + 1, name, ignore_case))
                return false;
        } else {
            is_in = is_in || leat_pattern_matches(pattern, name, ignore_case);
        }
    }
    return is_in;
}

struct leat_list leat_list_dup(const struct leat_list *list)
{
    size_t count = list ? list->count : 0, size = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        size += strlen(list->items[i]) + 1;
    const char **items = leat_calloc(1, size);
    char *text = (char *)(items + count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = strcpy(text, list->items[i]);
        text += strlen(text) + 1;
    }
    return (struct leat_list){.items = items, .count = count};
}

/* ---- bytes for the eye ---- */

void leat_text_escape(struct leat_bytes *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            leat_bytes_printf(out, "\\x%02X", c);
        else
            leat_bytes_put(out, c);
    }
}

/* Length of the valid character at p, 0 where it is none (RFC 3629: no surrogates, no overlong forms). */
static size_t utf8_char(const uint8_t *p, size_t len)
{
    uint8_t lead = p[0], low = 0x80, high = 0xbf;
    size_t need;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (len < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool leat_is_utf8(const void *bytes, size_t len)
{
    const uint8_t *p = bytes, *end = p + len;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8) {
            memcpy(&eight, p, 8);
            if (!(eight & 0x8080808080808080u)) {
                p += 8;
                continue;
            }
        }
        size_t n = utf8_char(p, (size_t)(end - p));
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

void leat_text_utf8(struct leat_bytes *out, const void *bytes, size_t len)
{
    if (leat_is_utf8(bytes, len)) {
        leat_bytes_add(out, bytes, len);
        return;
    }
    const uint8_t *p = bytes, *end = p + len;
    while (p < end) {
        size_t n = utf8_char(p, (size_t)(end - p));
        if (n == 0)
            leat_bytes_text(out, "\xef\xbf\xbd");
        else
            leat_bytes_add(out, p, n);
        p += n ? n : 1;
    }
}

/* ---- base64 ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void leat_base64_encode(struct leat_bytes *out, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    if (!leat_bytes_reserve(out, (len + 2) / 3 * 4))
        return;
    for (; len > 0; p += 3, len = len > 3 ? len - 3 : 0) {
        uint32_t three = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0) | (len > 2 ? p[2] : 0);
        uint8_t *to = out->data + out->len;
        to[0] = (uint8_t)base64_digits[three >> 18];
        to[1] = (uint8_t)base64_digits[three >> 12 & 63];
        to[2] = (uint8_t)(len > 1 ? base64_digits[three >> 6 & 63] : '=');
        to[3] = (uint8_t)(len > 2 ? base64_digits[three & 63] : '=');
        out->len += 4;
    }
}

static int base64_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

bool leat_base64_decode(struct leat_bytes *out, const char *text, size_t len)
{
    if (len % 4 != 0)
        return false;
    for (size_t i = 0; i < len; i += 4) {
        size_t pads = 0;
        if (i + 4 == len)
            pads = text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t three = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k >= 4 - pads ? 0 : base64_value(text[i + k]);
            if (value < 0)
                return false;
            three = three << 6 | (uint32_t)value;
        }
        if ((pads == 2 && (three & 0xffff)) || (pads == 1 && (three & 0xff)))
            return false; /* bits that no encoder sets */
        uint8_t bytes[3] = {(uint8_t)(three >> 16), (uint8_t)(three >> 8), (uint8_t)three};
        leat_bytes_add(out, bytes, 3 - pads);
    }
    return true;
}

/* ---- figures for people ---- */

const char *leat_text_size(char out[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t unit = 0;
    while (v >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        v /= 1024;
        unit++;
    }
    snprintf(out, 32, unit == 0 || v >= 100 ? "%.0f %s" : "%.1f %s", v, units[unit]);
    return out;
}

const char *leat_text_count(char out[32], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    int to = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[to++] = ',';
        out[to++] = digits[i];
    }
    out[to] = '\0';
    return out;
}

const char *leat_text_duration(char out[32], int64_t us)
{
    static const struct {
        int64_t us;
        const char *name;
    } units[] = {{86400000000, "d"}, {3600000000, "h"}, {60000000, "min"}, {1000000, "s"}, {1000, "ms"}};
    if (us < 0)
        us = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (us < units[i].us)
            continue;
        int64_t rest = i < 3 ? us % units[i].us / units[i + 1].us : 0;
        if (rest > 0)
            snprintf(out, 32, "%lld %s %lld %s", (long long)(us / units[i].us), units[i].name,
                     (long long)rest, units[i + 1].name);
        else
            snprintf(out, 32, "%lld %s", (long long)(us / units[i].us), units[i].name);
        return out;
    }
    snprintf(out, 32, "%lld us", (long long)us);
    return out;
}
