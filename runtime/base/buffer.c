#include <base/buffer.h>
#include <base/memory.h>
#include <leat/codec.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void leat_bytes_init(struct leat_bytes *bytes, size_t max)
{
    *bytes = (struct leat_bytes){.max = max};
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
