/* fuzz_replay.c - runs a fuzz target in an ordinary build: the files named on the command line (reproducers), or,
 * without any, the target's seeds, then thousands of mutations of them from a fixed seed. */
#include <kit/fuzz.h>
#include <kit/random.h>
#include <stdlib.h>

#define INPUT_MAX (64 << 10)
#define MUTATIONS 10000

/* An exact copy on the heap, so that ASan sees a read beyond it. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = (uint8_t *)malloc(size + !size);
    if (!exact)
        abort();
    if (size > 0)
        memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int run_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, size);
    return 0;
}

static size_t seed(struct kit_random *random, uint32_t number, uint8_t *bytes)
{
    size_t size = leat_fuzz_seed ? leat_fuzz_seed(number, bytes, INPUT_MAX / 2) : 0;
    if (size == 0 && number == 0) { /* no seeds: noise */
        size = kit_below(random, 200);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)kit_random(random);
    }
    return size;
}

static size_t mutate(struct kit_random *random, uint8_t *bytes, size_t size)
{
    static const uint8_t edges[] = {0, 1, 0x0f, 0x11, 0x7f, 0x80, 0xfe, 0xff};
    for (uint32_t times = 1 + kit_below(random, 4); times > 0 && size > 0; times--) {
        size_t at = kit_below(random, (uint32_t)size);
        size_t len = 1 + kit_below(random, 16);
        if (len > size - at)
            len = size - at;
        switch (kit_below(random, 6)) {
        case 0: bytes[at] ^= (uint8_t)(1 << kit_below(random, 8)); break;
        case 1: bytes[at] = (uint8_t)kit_random(random); break;
        case 2: bytes[at] = edges[kit_below(random, sizeof edges)]; break;
        case 3: size = at; break;
        case 4: /* a piece goes */
            memmove(bytes + at, bytes + at + len, size - at - len);
            size -= len;
            break;
        default: /* a piece comes twice */
            memmove(bytes + at + len, bytes + at, size - at);
            size += len;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[INPUT_MAX];
    struct kit_random random = {20260101};
    int failures = 0;
    for (int i = 1; i < argc; i++)
        failures += run_file(argv[i]);
    if (argc > 1)
        return failures ? 1 : 0;
    uint32_t seeds = 0;
    for (size_t size; (size = seed(&random, seeds, bytes)) > 0; seeds++)
        run(bytes, size);
    run(bytes, 0);
    for (uint32_t i = 0; i < MUTATIONS; i++) {
        size_t size = seed(&random, seeds ? i % seeds : 0, bytes);
        run(bytes, mutate(&random, bytes, size));
    }
    printf("%u seeds, %d mutations\n", seeds, MUTATIONS);
    return 0;
}
