/* format.h - the commit log on disk, version 1. Little-endian; varints are LEB128 (base/wire.h).
 *
 *   <dir>/IDENTITY            "LEATLOG1" | version u32 | log uuid 16 | CRC-32C u32 of what stands before
 *   <dir>/lock                held (OFD) by the process that writes; its pid as text
 *   <dir>/durable.hint        two slots of 32 bytes: durable LSN u64 | LSN of the newest fold u64 | sequence u64 | CRC u32
 *   <dir>/segments/<20-digit base LSN>.seg     see below; preallocated, so zeros follow what was written
 *   <dir>/segments/<20-digit base LSN>.idx     what is in a sealed segment (index.c); rebuilt where it is missing
 *   <dir>/quarantine/         torn tails that a start cut
 *
 * LSN = byte position in the log, for ever; segment headers count. A segment begins where the one before ended:
 *
 *   header, 128 bytes:  "LEATSEG1" | CRC u32 of the rest | version u32 | base LSN u64 | log uuid 16 | salt u32 | 0 u32 |
 *                       LSN of the newest durable fold u64 | zeros
 *   frames, each at a multiple of 8:  header 64 bytes | body | zeros up to the next multiple of 8
 *
 *   frame header:  0 magic u32          4 CRC u32 of bytes 8..63      8 LSN u64 (its own)
 *                 16 body length u32   20 stream length u32          24 CRC u32 of the body
 *                 28 header CRC of the frame before (chain) u32      32 unit u64
 *                 40 durable LSN known when written u64              48 commit time u64, us, never goes back
 *                 56 salt of the segment u32    60 kind u8   61 flags u8   62 record format u16
 *
 *   body:  stream (opaque) | trailer
 *   trailer, all varints:  topics defined {id, partition, name} | parts {topic id, base offset, count} | audience |
 *                          consumers {name, LSN} | state {key, value}          each list begins with its length
 *          in kinds OPEN and FOLD also:  lineage {uuid, 2 * first LSN + 1 where it wrote records} | topics {next offset, and where that is not 0: bytes
 *          of its records since ever, us since the first one that is kept, us since the last one}, by id from 1 on
 *
 *          kind GAP instead:  length of the hole, to the next frame or the segment's end | flags, 1: the last GAP tells the
 *          rest of the losses | topics defined | topics' losses {id, first offset, count + 1; 0: not known how many}
 *
 * A GAP stands where `leat log salvage` found nothing that it could prove: what it begins is a hole, which nobody reads,
 * and behind it the chain begins anew. Every frame that was kept stands at the LSN that it always had.
 *
 * A unit is a run of frames, FIRST to LAST. Kind OPEN stands at the start of each incarnation, FOLD repeats all that a
 * start must know, so that recovery reads from the newest fold on. Each segment begins with one, so that no other is needed
 * to tell what it holds; where one is missing after a salvage, nothing breaks.
 */
#ifndef LEAT_COMMITLOG_FORMAT_H
#define LEAT_COMMITLOG_FORMAT_H

#include <base/wire.h>
#include <commitlog/commitlog.h>

#define FORMAT_VERSION 1
#define SEGMENT_HEADER 128
#define FRAME_HEADER 64
#define FRAME_MAGIC 0x3146544cu /* "LTF1" */
#define HINT_SLOT 32

enum frame_kind { KIND_DATA = LEAT_LOG_DATA, KIND_OPEN = 2, KIND_FOLD = 3, KIND_GAP = 4, KIND_NEWEST = KIND_GAP };
enum frame_flag { FRAME_FIRST = 1, FRAME_LAST = 2 };

struct frame_head {
    uint32_t crc; /* of the header */
    uint64_t lsn;
    uint32_t body_len, stream_len, body_crc, previous_crc;
    uint64_t unit, durable;
    int64_t time_us;
    uint32_t salt;
    uint8_t kind, flags;
    uint16_t record_format;
};

struct segment_head {
    uint64_t base;
    struct leat_uuid log;
    uint32_t salt;
    uint64_t fold_lsn; /* 0: none yet */
};

/* Writes the 64 bytes and sets head->crc. */
void frame_head_put(uint8_t bytes[FRAME_HEADER], struct frame_head *head);
/* False: these bytes are no frame header of this place. */
bool frame_head_get(const uint8_t bytes[FRAME_HEADER], uint64_t lsn, uint32_t salt, struct frame_head *head);
/* What they are instead. */
const char *frame_head_why(const uint8_t bytes[FRAME_HEADER], uint64_t lsn, uint32_t salt);

static inline uint64_t frame_size(uint32_t body_len)
{
    return FRAME_HEADER + (((uint64_t)body_len + 7) & ~(uint64_t)7);
}

void segment_head_put(uint8_t bytes[SEGMENT_HEADER], const struct segment_head *head);
/* False: damaged, or of a newer version: */
bool segment_head_get(const uint8_t bytes[SEGMENT_HEADER], struct segment_head *head);
/* The version of a header whose checksum is right; 0: of one that is damaged. Magic, version and checksum stay where they
 * are in all versions to come, as they do in IDENTITY. */
uint32_t segment_head_version(const uint8_t bytes[SEGMENT_HEADER]);

#endif
