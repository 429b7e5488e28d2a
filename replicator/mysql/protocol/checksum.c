/* checksum.c - CRC-32 (zlib's) of an event. Where the processor multiplies without carries, sixteen bytes stand for all that
 * came before them: a block is moved on by multiplying its halves with powers of x, and added to the one that it meets. Short
 * events, of which there are many, are five times as fast so, long ones ten times. */
#include <mysql_protocol/internal.h>

#include <zlib.h>

static uint32_t plain(uint32_t crc, const uint8_t *p, size_t len)
{
    return (uint32_t)crc32(crc, p, (uInt)len); /* an event is at most a gigabyte */
}

#if defined(__x86_64__)
#include <smmintrin.h>
#include <wmmintrin.h>

#define BLOCK 16
#define LANES 4 /* multiplications that run side by side */
#define FOLDED __attribute__((target("pclmul,sse4.1")))

/* Powers of x modulo the polynomial, bit-reversed as the sum is: 544 and 480 (LANES blocks on, 32 bits to either side), 160 and
 * 96 (one block on), 64; then the polynomial itself, and what x^64 is divided by it. */
static const uint64_t far_on[2] = {0x154442bd4, 0x1c6e41596}, one_on[2] = {0x1751997d0, 0x0ccaa009e}, half_on[2] = {0x163cd6124, 0};
static const uint64_t division[2] = {0x1db710641, 0x1f7011641};

static bool can_fold(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

FOLDED static inline __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

FOLDED static inline __m128i moved(__m128i block, __m128i powers, __m128i onto)
{
    __m128i low = _mm_clmulepi64_si128(block, powers, 0x00), high = _mm_clmulepi64_si128(block, powers, 0x11);
    return _mm_xor_si128(onto, _mm_xor_si128(low, high));
}

/* The remainder of a block: 128 bits to 96, to 64, and by Barrett's division to 32. */
FOLDED static uint32_t remainder_of(__m128i block)
{
    __m128i low_word = _mm_set_epi32(0, 0, 0, -1);
    block = _mm_xor_si128(_mm_srli_si128(block, 8), _mm_clmulepi64_si128(block, load(one_on), 0x10));
    __m128i low = _mm_clmulepi64_si128(_mm_and_si128(block, low_word), load(half_on), 0x00);
    block = _mm_xor_si128(_mm_srli_si128(block, 4), low);
    __m128i times = _mm_clmulepi64_si128(_mm_and_si128(block, low_word), load(division), 0x10);
    __m128i whole = _mm_clmulepi64_si128(_mm_and_si128(times, low_word), load(division), 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(block, whole), 1);
}

/* The first bytes, so many that whole blocks are left (at least one block where there is one): zeros before them change
 * nothing, where the sum so far is added to them and not to the zeros. */
FOLDED static __m128i begin(uint32_t crc, const uint8_t *p, size_t len, size_t *taken)
{
    uint8_t room[2 * BLOCK] = {0};
    *taken = BLOCK + len % BLOCK;
    uint8_t *first = room + 2 * BLOCK - *taken;
    memcpy(first, p, *taken);
    leat_set_u32(first, leat_get_u32(first) ^ ~crc);
    return moved(load(room), load(one_on), load(room + BLOCK));
}

/* `len` is at least a block. */
FOLDED static uint32_t fold(uint32_t crc, const uint8_t *p, size_t len)
{
    size_t taken;
    __m128i all = begin(crc, p, len, &taken), powers = load(far_on);
    const uint8_t *end = p + len;
    p += taken;
    if (end - p >= 2 * LANES * BLOCK) {
        __m128i lanes[LANES] = {moved(all, load(one_on), load(p)), load(p + BLOCK), load(p + 2 * BLOCK), load(p + 3 * BLOCK)};
        for (p += LANES * BLOCK; end - p >= LANES * BLOCK; p += LANES * BLOCK)
            for (int i = 0; i < LANES; i++)
                lanes[i] = moved(lanes[i], powers, load(p + i * BLOCK));
        all = lanes[0];
        for (int i = 1; i < LANES; i++)
            all = moved(all, load(one_on), lanes[i]);
    }
    for (; p < end; p += BLOCK)
        all = moved(all, load(one_on), load(p));
    return ~remainder_of(all);
}

uint32_t leat_binlog_crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    return len >= BLOCK && can_fold() ? fold(crc, p, len) : plain(crc, p, len);
}
#else
uint32_t leat_binlog_crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    return plain(crc, p, len);
}
#endif
