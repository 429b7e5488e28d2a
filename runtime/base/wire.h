/* wire.h - integers in bytes: fixed little- and big-endian, varints, and a reader that cannot overrun.
 *
 * Varints are LEB128: seven bits a byte, low first, at most ten bytes. Signed ones are zigzag.
 * A struct leat_cut is a view of foreign bytes: each take checks the rest; after the first failure `is_bad`
 * stays set and every take gives zero, so a parser checks once, where it matters.
 */
#ifndef LEAT_BASE_WIRE_H
#define LEAT_BASE_WIRE_H

#include <base/buffer.h>

static inline uint16_t leat_get_u16(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t leat_get_u32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t leat_get_u64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline void leat_set_u16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void leat_set_u32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void leat_set_u64(void *p, uint64_t v) { memcpy(p, &v, 8); }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Leat's formats are little-endian, and so are all the machines that it is built for"
#endif

static inline uint64_t leat_zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }
static inline int64_t leat_unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

#define LEAT_VARINT_MAX 10

/* Writes v at p (room for LEAT_VARINT_MAX) and returns the end. */
static inline uint8_t *leat_set_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}
static inline void leat_bytes_varint(struct leat_bytes *bytes, uint64_t v)
{
    if (leat_bytes_reserve(bytes, LEAT_VARINT_MAX))
        bytes->len = (size_t)(leat_set_varint(bytes->data + bytes->len, v) - bytes->data);
}
void leat_bytes_u16(struct leat_bytes *bytes, uint16_t v);
void leat_bytes_u32(struct leat_bytes *bytes, uint32_t v);
void leat_bytes_u64(struct leat_bytes *bytes, uint64_t v);

struct leat_cut {
    const uint8_t *at, *end;
    bool is_bad;
};

static inline struct leat_cut leat_cut(const void *bytes, size_t len)
{
    return (struct leat_cut){(const uint8_t *)bytes, (const uint8_t *)bytes + len, false};
}
static inline size_t leat_cut_left(const struct leat_cut *cut) { return (size_t)(cut->end - cut->at); }

/* `len` bytes, or NULL (and is_bad) where there are fewer. */
static inline const uint8_t *leat_cut_bytes(struct leat_cut *cut, uint64_t len)
{
    if (cut->is_bad || len > leat_cut_left(cut)) {
        cut->is_bad = true;
        return NULL;
    }
    const uint8_t *p = cut->at;
    cut->at += len;
    return p;
}
static inline uint8_t leat_cut_u8(struct leat_cut *cut)
{
    const uint8_t *p = leat_cut_bytes(cut, 1);
    return p ? *p : 0;
}
static inline uint16_t leat_cut_u16(struct leat_cut *cut)
{
    const uint8_t *p = leat_cut_bytes(cut, 2);
    return p ? leat_get_u16(p) : 0;
}
static inline uint32_t leat_cut_u32(struct leat_cut *cut)
{
    const uint8_t *p = leat_cut_bytes(cut, 4);
    return p ? leat_get_u32(p) : 0;
}
static inline uint64_t leat_cut_u64(struct leat_cut *cut)
{
    const uint8_t *p = leat_cut_bytes(cut, 8);
    return p ? leat_get_u64(p) : 0;
}
uint64_t leat_cut_le(struct leat_cut *cut, unsigned bytes); /* 1..8 bytes little-endian */
uint64_t leat_cut_be(struct leat_cut *cut, unsigned bytes); /* 1..8 bytes big-endian */

static inline uint64_t leat_cut_varint(struct leat_cut *cut)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = leat_cut_u8(cut);
        v |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 0);
        if (!(byte & 0x80)) {
            if (shift == 63 && byte > 1)
                break;
            return v;
        }
    }
    cut->is_bad = true;
    return 0;
}

#endif
