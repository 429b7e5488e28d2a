/* fuzz_replay.c - runs a fuzz target in an ordinary build: the target's seeds, what libFuzzer has found so far
 * (tests/fuzz/corpus: inputs, each behind its length, u32), then thousands of mutations of the seeds from a fixed seed.
 *
 *   fuzz_NAME [--corpus FILE]       all of that
 *   fuzz_NAME FILE...               these files (reproducers) alone
 *   fuzz_NAME --seeds FOLDER        writes the seeds there, for libFuzzer to begin with
 */
#include <base/wire.h>
#include <kit/fuzz.h>
#include <kit/random.h>
#include <stdio.h>
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

/* Returns how many there are. */
static uint32_t write_seeds(const char *folder)
{
    static uint8_t bytes[INPUT_MAX];
    char path[4096];
    uint32_t number = 0;
    size_t size;
    for (; leat_fuzz_seed && (size = leat_fuzz_seed(number, bytes, INPUT_MAX / 2)) > 0; number++) {
        snprintf(path, sizeof path, "%s/seed-%03u", folder, number);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
            perror(path);
            exit(1);
        }
    }
    return number;
}

/* Returns how many there are; no file, no corpus yet. */
static uint32_t run_corpus(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    uint8_t length[4];
    uint32_t count = 0;
    FILE *file = fopen(path, "rb");
    for (; file && fread(length, 1, sizeof length, file) == sizeof length; count++) {
        uint32_t size = leat_get_u32(length);
        if (size > INPUT_MAX || fread(bytes, 1, size, file) != size) {
            fprintf(stderr, "%s is damaged behind input %u\n", path, count);
            exit(1);
        }
        run(bytes, size);
    }
    if (file)
        fclose(file);
    return count;
}

static uint32_t run_seeds(struct kit_random *random)
{
    static uint8_t bytes[INPUT_MAX];
    uint32_t seeds = 0;
    for (size_t size; (size = seed(random, seeds, bytes)) > 0; seeds++)
        run(bytes, size);
    run(bytes, 0);
    for (uint32_t i = 0; i < MUTATIONS; i++) {
        size_t size = seed(random, seeds ? i % seeds : 0, bytes);
        run(bytes, mutate(random, bytes, size));
    }
    return seeds;
}

int main(int argc, char **argv)
{
    struct kit_random random = {20260101};
    int failures = 0;
    bool has_corpus = argc == 3 && strcmp(argv[1], "--corpus") == 0;
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        printf("%u seeds\n", write_seeds(argv[2]));
        return 0;
    }
    for (int i = 1; i < argc && !has_corpus; i++)
        failures += run_file(argv[i]);
    if (argc > 1 && !has_corpus)
        return failures ? 1 : 0;
    uint32_t inputs = has_corpus ? run_corpus(argv[2]) : 0;
    printf("%u seeds, ", run_seeds(&random));
    printf("%u inputs of the corpus, %d mutations\n", inputs, MUTATIONS);
    return 0;
}
