#include <base/crc32c.h>
#include <base/wire.h>
#include <pthread.h>
#include <stdbool.h>

#define POLYNOMIAL 0x82f63b78u /* Castagnoli, bit-reversed */

static uint32_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        tables[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            tables[k][n] = tables[k - 1][n] >> 8 ^ tables[0][tables[k - 1][n] & 0xff];
}

/* Slicing by eight: one table a byte, eight bytes a step. */
uint32_t leat_crc32c_portable(uint32_t crc, const void *bytes, size_t len)
{
    pthread_once(&once, make_tables);
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word = leat_get_u64(p) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= tables[7 - k][word >> (8 * k) & 0xff];
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

static bool has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2");
}

/* The instruction has a latency of three cycles and a throughput of one, so three independent streams of `LANE`
 * bytes run side by side; their sums are joined by advancing a sum over LANE zero bytes, which is linear: four
 * table look-ups. */
#define LANE 1024

static uint32_t advance[4][256];
static pthread_once_t advance_once = PTHREAD_ONCE_INIT;

static void make_advance(void)
{
    static const uint8_t zeros[LANE];
    uint32_t basis[32];
    for (int bit = 0; bit < 32; bit++) /* without the inversions of the outer function */
        basis[bit] = ~leat_crc32c_portable(~(1u << bit), zeros, LANE);
    for (int k = 0; k < 4; k++)
        for (uint32_t n = 0; n < 256; n++)
            for (int bit = 0; bit < 8; bit++)
                if (n >> bit & 1)
                    advance[k][n] ^= basis[8 * k + bit];
}

static uint64_t advanced(uint64_t crc)
{
    return advance[0][crc & 0xff] ^ advance[1][crc >> 8 & 0xff] ^ advance[2][crc >> 16 & 0xff] ^
           advance[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) static uint32_t crc_hardware(uint32_t seed, const uint8_t *p, size_t len)
{
    uint64_t crc = ~seed;
    if (len >= 3 * LANE)
        pthread_once(&advance_once, make_advance);
    for (; len >= 3 * LANE; p += 3 * LANE, len -= 3 * LANE) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            crc = _mm_crc32_u64(crc, leat_get_u64(p + i));
            second = _mm_crc32_u64(second, leat_get_u64(p + LANE + i));
            third = _mm_crc32_u64(third, leat_get_u64(p + 2 * LANE + i));
        }
        crc = advanced(advanced(crc) ^ second) ^ third;
    }
    for (; len >= 8; p += 8, len -= 8)
        crc = _mm_crc32_u64(crc, leat_get_u64(p));
    for (; len > 0; p++, len--)
        crc = _mm_crc32_u8((uint32_t)crc, *p);
    return ~(uint32_t)crc;
}
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>

static bool has_hardware(void)
{
    return getauxval(AT_HWCAP) & (1 << 7); /* HWCAP_CRC32 */
}

__attribute__((target("+crc"))) static uint32_t crc_hardware(uint32_t seed, const uint8_t *p, size_t len)
{
    uint32_t crc = ~seed;
    for (; len >= 8; p += 8, len -= 8)
        crc = __crc32cd(crc, leat_get_u64(p));
    for (; len > 0; p++, len--)
        crc = __crc32cb(crc, *p);
    return ~crc;
}
#else
static bool has_hardware(void)
{
    return false;
}
static uint32_t crc_hardware(uint32_t seed, const uint8_t *p, size_t len)
{
    return leat_crc32c_portable(seed, p, len);
}
#endif

uint32_t leat_crc32c(uint32_t crc, const void *bytes, size_t len)
{
    static int hardware; /* 0: not asked; racing threads come to the same answer */
    int known = __atomic_load_n(&hardware, __ATOMIC_RELAXED);
    if (known == 0) {
        known = has_hardware() ? 1 : -1;
        __atomic_store_n(&hardware, known, __ATOMIC_RELAXED);
    }
    return known > 0 ? crc_hardware(crc, bytes, len) : leat_crc32c_portable(crc, bytes, len);
}
