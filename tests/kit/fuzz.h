/* fuzz.h - what a tests/fuzz/fuzz_*.c defines.
 *
 * It names the folders that it links in a comment line of its own:
 *
 *     // folders: model
 */
#ifndef LEAT_KIT_FUZZ_H
#define LEAT_KIT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry: must not crash, whatever the bytes; aborts where what it promises does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: writes good input `number` (0, 1, ...) and returns its length; 0: there are no more. For the replay in
 * ordinary builds, which mutates them. */
size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room) __attribute__((weak));

#endif
