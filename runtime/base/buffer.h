/* buffer.h - a growing run of bytes that is created with its maximum.
 *
 * Asking for more than the maximum sets `is_over` and adds nothing: the caller checks once, at the end.
 * This is the `struct leat_bytes` of leat/codec.h.
 *
 * Thread: one at a time.
 */
#ifndef LEAT_BASE_BUFFER_H
#define LEAT_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct leat_bytes {
    uint8_t *data;
    size_t len, cap, max;
    bool is_over;
};

void leat_bytes_init(struct leat_bytes *bytes, size_t max);
void leat_bytes_fini(struct leat_bytes *bytes);
void leat_bytes_clear(struct leat_bytes *bytes);              /* keeps the memory */
void leat_bytes_shrink(struct leat_bytes *bytes, size_t keep); /* frees memory beyond `keep` when empty */
bool leat_bytes_grow(struct leat_bytes *bytes, size_t room);  /* false, and is_over: beyond max */

/* Room for `len` more bytes, to be written at data + len by the caller, who then raises len. */
static inline bool leat_bytes_reserve(struct leat_bytes *bytes, size_t room)
{
    return bytes->cap - bytes->len >= room || leat_bytes_grow(bytes, room);
}
static inline void leat_bytes_put(struct leat_bytes *bytes, uint8_t byte)
{
    if (leat_bytes_reserve(bytes, 1))
        bytes->data[bytes->len++] = byte;
}
void leat_bytes_add(struct leat_bytes *bytes, const void *data, size_t len);
void leat_bytes_text(struct leat_bytes *bytes, const char *text);
void leat_bytes_printf(struct leat_bytes *bytes, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
