#include <base/assert.h>
#include <base/wire.h>

void leat_bytes_u16(struct leat_bytes *bytes, uint16_t v)
{
    leat_bytes_add(bytes, &v, sizeof v);
}

void leat_bytes_u32(struct leat_bytes *bytes, uint32_t v)
{
    leat_bytes_add(bytes, &v, sizeof v);
}

void leat_bytes_u64(struct leat_bytes *bytes, uint64_t v)
{
    leat_bytes_add(bytes, &v, sizeof v);
}

uint64_t leat_cut_le(struct leat_cut *cut, unsigned bytes)
{
    leat_assert(bytes >= 1 && bytes <= 8);
    const uint8_t *p = leat_cut_bytes(cut, bytes);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t leat_cut_be(struct leat_cut *cut, unsigned bytes)
{
    leat_assert(bytes >= 1 && bytes <= 8);
    const uint8_t *p = leat_cut_bytes(cut, bytes);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}
