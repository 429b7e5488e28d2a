/* crc32c.h - CRC-32C (Castagnoli), in hardware where the processor has it (decided once, at run time). */
#ifndef LEAT_BASE_CRC32C_H
#define LEAT_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Extends `crc` (0 to begin with) by `len` bytes. leat_crc32c(leat_crc32c(0, a), b) == of a then b. */
uint32_t leat_crc32c(uint32_t crc, const void *bytes, size_t len);

/* The table-driven way, for tests and for processors without the instruction. */
uint32_t leat_crc32c_portable(uint32_t crc, const void *bytes, size_t len);

#endif
