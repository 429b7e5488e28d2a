#include <base/buffer.h>
#include <base/assert.h>
#include <base/memory.h>
#include <leat/codec.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void leat_bytes_init(struct leat_bytes *bytes, size_t max)
{
    *bytes = (struct leat_bytes){.max = max};
}

struct leat_bytes *leat_bytes_new(size_t max_bytes)
{
    struct leat_bytes *bytes = leat_malloc(sizeof *bytes);
    leat_bytes_init(bytes, max_bytes);
    return bytes;
}

void leat_bytes_free(struct leat_bytes *bytes)
{
    if (!bytes)
        return;
    leat_bytes_fini(bytes);
    free(bytes);
}

void leat_bytes_fini(struct leat_bytes *bytes)
{
    free(bytes->data);
    leat_bytes_init(bytes, bytes->max);
}

void leat_bytes_clear(struct leat_bytes *bytes)
{
    bytes->len = 0;
    bytes->is_over = false;
}

size_t leat_bytes_count(const struct leat_bytes *bytes)
{
    return bytes->len;
}

void leat_bytes_cut(struct leat_bytes *bytes, size_t len)
{
    leat_assert(len <= bytes->len);
    bytes->len = len;
    bytes->is_over = false;
}

const char *leat_bytes_data(const struct leat_bytes *bytes)
{
    if (bytes->is_over)
        return NULL;
    return bytes->data ? (const char *)bytes->data : "";
}

void leat_bytes_shrink(struct leat_bytes *bytes, size_t keep)
{
    if (bytes->len == 0 && bytes->cap > keep)
        leat_bytes_fini(bytes);
}

bool leat_bytes_grow(struct leat_bytes *bytes, size_t room)
{
    if (room > bytes->max || bytes->len > bytes->max - room) {
        bytes->is_over = true;
        return false;
    }
    size_t cap = bytes->cap ? bytes->cap : 64;
    while (cap < bytes->len + room)
        cap *= 2;
    if (cap > bytes->max)
        cap = bytes->max;
    if (cap > bytes->cap) {
        bytes->data = leat_realloc(bytes->data, cap);
        bytes->cap = cap;
    }
    return true;
}

void leat_bytes_add(struct leat_bytes *bytes, const void *data, size_t len)
{
    if (len == 0 || !leat_bytes_reserve(bytes, len))
        return;
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void leat_bytes_text(struct leat_bytes *bytes, const char *text)
{
    leat_bytes_add(bytes, text, strlen(text));
}

void leat_bytes_printf(struct leat_bytes *bytes, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && leat_bytes_reserve(bytes, (size_t)len + 1)) {
        vsnprintf((char *)bytes->data + bytes->len, (size_t)len + 1, fmt, again);
        bytes->len += (size_t)len;
    }
    va_end(again);
}
