/* mark.c - a mark as a target stores it.
 *
 *   "LM"  u8 layout, 1  u8 length of the cursor  log uuid (16)  incarnation (16)
 *   u64 owner epoch  u64 sequence  u64 generation  cursor  u16 length of the origin  origin
 *   u32 CRC-32C of all before it
 *
 * Little-endian. Nothing follows the CRC. */
#include <base/assert.h>
#include <base/crc32c.h>
#include <base/wire.h>
#include <leat/sink.h>

#define CRC_BYTES 4

int leat_cursor_compare(const struct leat_cursor *a, const struct leat_cursor *b)
{
    int order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static uint8_t *put(uint8_t *p, const void *bytes, size_t len)
{
    memcpy(p, bytes, len);
    return p + len;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    leat_set_u64(p, v);
    return p + 8;
}

size_t leat_mark_encode(const struct leat_mark *mark, uint8_t bytes[LEAT_MARK_BYTES_MAX])
{
    leat_assert(mark->layout == LEAT_MARK_LAYOUT);
    leat_assert(mark->cursor.len <= sizeof mark->cursor.bytes);
    size_t origin_len = strnlen(mark->origin, LEAT_ORIGIN_MAX);
    const uint8_t head[4] = {'L', 'M', LEAT_MARK_LAYOUT, mark->cursor.len};
    uint8_t *p = put(bytes, head, sizeof head);
    p = put(p, mark->log_uuid, sizeof mark->log_uuid);
    p = put(p, mark->incarnation, sizeof mark->incarnation);
    p = put_u64(p, mark->owner_epoch);
    p = put_u64(p, mark->sequence);
    p = put_u64(p, mark->generation);
    p = put(p, mark->cursor.bytes, mark->cursor.len);
    leat_set_u16(p, (uint16_t)origin_len);
    p = put(p + 2, mark->origin, origin_len);
    leat_set_u32(p, leat_crc32c(0, bytes, (size_t)(p - bytes)));
    return (size_t)(p - bytes) + CRC_BYTES;
}

static void take(struct leat_cut *cut, void *to, size_t len)
{
    const uint8_t *bytes = leat_cut_bytes(cut, len);
    if (bytes)
        memcpy(to, bytes, len);
}

static bool take_mark(struct leat_cut *cut, struct leat_mark *mark)
{
    uint8_t head[4] = {0};
    take(cut, head, sizeof head);
    if (head[0] != 'L' || head[1] != 'M' || head[2] != LEAT_MARK_LAYOUT ||
        head[3] > sizeof mark->cursor.bytes)
        return false;
    mark->layout = head[2];
    mark->cursor.len = head[3];
    take(cut, mark->log_uuid, sizeof mark->log_uuid);
    take(cut, mark->incarnation, sizeof mark->incarnation);
    mark->owner_epoch = leat_cut_u64(cut);
    mark->sequence = leat_cut_u64(cut);
    mark->generation = leat_cut_u64(cut);
    take(cut, mark->cursor.bytes, mark->cursor.len);
    uint16_t origin_len = leat_cut_u16(cut);
    if (origin_len > LEAT_ORIGIN_MAX)
        return false;
    take(cut, mark->origin, origin_len);
    return !cut->is_bad && leat_cut_left(cut) == 0;
}

bool leat_mark_decode(const void *bytes, size_t len, struct leat_mark *mark)
{
    *mark = (struct leat_mark){0};
    if (len < CRC_BYTES || len > LEAT_MARK_BYTES_MAX)
        return false;
    size_t covered = len - CRC_BYTES;
    struct leat_cut cut = leat_cut(bytes, covered);
    bool is_whole = leat_crc32c(0, bytes, covered) == leat_get_u32(cut.end) && take_mark(&cut, mark);
    if (!is_whole)
        *mark = (struct leat_mark){0};
    return is_whole;
}
