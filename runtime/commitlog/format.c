#include <commitlog/format.h>

#include <base/crc32c.h>
#include <base/plant.h>

void frame_head_put(uint8_t bytes[FRAME_HEADER], struct frame_head *head)
{
    leat_set_u32(bytes, FRAME_MAGIC);
    leat_set_u64(bytes + 8, head->lsn);
    leat_set_u32(bytes + 16, head->body_len);
    leat_set_u32(bytes + 20, head->stream_len);
    leat_set_u32(bytes + 24, head->body_crc);
    leat_set_u32(bytes + 28, head->previous_crc);
    leat_set_u64(bytes + 32, head->unit);
    leat_set_u64(bytes + 40, head->durable);
    leat_set_u64(bytes + 48, (uint64_t)head->time_us);
    leat_set_u32(bytes + 56, head->salt);
    bytes[60] = head->kind;
    bytes[61] = head->flags;
    leat_set_u16(bytes + 62, head->record_format);
    head->crc = leat_crc32c(0, bytes + 8, FRAME_HEADER - 8);
    leat_set_u32(bytes + 4, head->crc);
}

bool frame_head_get(const uint8_t bytes[FRAME_HEADER], uint64_t lsn, uint32_t salt, struct frame_head *head)
{
    if (leat_get_u32(bytes) != FRAME_MAGIC || leat_get_u64(bytes + 8) != lsn ||
        (leat_get_u32(bytes + 56) != salt && !leat_planted("skip_salt_check")))
        return false;
    *head = (struct frame_head){
        .crc = leat_get_u32(bytes + 4),
        .lsn = lsn,
        .body_len = leat_get_u32(bytes + 16),
        .stream_len = leat_get_u32(bytes + 20),
        .body_crc = leat_get_u32(bytes + 24),
        .previous_crc = leat_get_u32(bytes + 28),
        .unit = leat_get_u64(bytes + 32),
        .durable = leat_get_u64(bytes + 40),
        .time_us = (int64_t)leat_get_u64(bytes + 48),
        .salt = salt,
        .kind = bytes[60],
        .flags = bytes[61],
        .record_format = leat_get_u16(bytes + 62),
    };
    return head->crc == leat_crc32c(0, bytes + 8, FRAME_HEADER - 8) && head->stream_len <= head->body_len;
}

const char *frame_head_why(const uint8_t bytes[FRAME_HEADER], uint64_t lsn, uint32_t salt)
{
    static const uint8_t zeros[FRAME_HEADER];
    if (memcmp(bytes, zeros, FRAME_HEADER) == 0)
        return "zeros stand where a frame was";
    if (leat_get_u32(bytes) != FRAME_MAGIC)
        return "no frame begins here";
    if (leat_get_u32(bytes + 4) != leat_crc32c(0, bytes + 8, FRAME_HEADER - 8))
        return "the frame's header does not match its checksum";
    if (leat_get_u64(bytes + 8) != lsn)
        return "a frame of another place stands here";
    if (leat_get_u32(bytes + 56) != salt)
        return "a stale frame, of an older file at this place, stands here";
    return "the frame's lengths are wrong";
}

static const char segment_magic[8] = {'L', 'E', 'A', 'T', 'S', 'E', 'G', '1'};

void segment_head_put(uint8_t bytes[SEGMENT_HEADER], const struct segment_head *head)
{
    memset(bytes, 0, SEGMENT_HEADER);
    memcpy(bytes, segment_magic, sizeof segment_magic);
    leat_set_u32(bytes + 12, FORMAT_VERSION);
    leat_set_u64(bytes + 16, head->base);
    memcpy(bytes + 24, head->log.bytes, sizeof head->log.bytes);
    leat_set_u32(bytes + 40, head->salt);
    leat_set_u64(bytes + 48, head->fold_lsn);
    leat_set_u32(bytes + 8, leat_crc32c(0, bytes + 12, SEGMENT_HEADER - 12));
}

uint32_t segment_head_version(const uint8_t bytes[SEGMENT_HEADER])
{
    bool is_whole = memcmp(bytes, segment_magic, sizeof segment_magic) == 0 &&
                    leat_get_u32(bytes + 8) == leat_crc32c(0, bytes + 12, SEGMENT_HEADER - 12);
    return is_whole ? leat_get_u32(bytes + 12) : 0;
}

bool segment_head_get(const uint8_t bytes[SEGMENT_HEADER], struct segment_head *head)
{
    if (segment_head_version(bytes) != FORMAT_VERSION)
        return false;
    head->base = leat_get_u64(bytes + 16);
    memcpy(head->log.bytes, bytes + 24, sizeof head->log.bytes);
    head->salt = leat_get_u32(bytes + 40);
    head->fold_lsn = leat_get_u64(bytes + 48);
    return true;
}
