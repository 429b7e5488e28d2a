/* rot_log.c - every way in which the bytes of a commit log can change, and what is said of it.
 *
 *   rot_log [--seed N] [--stride S]      every S-th case of each kind; 1, the default: all
 *
 * Logs with a kill behind them, whose last unit is proved to be acknowledged (by the hint), or is not; one of small
 * segments, one with a segment of 1 MiB. Bits flip, files are cut short, blocks of a disk are zeroed, written to the wrong
 * place or change places, older copies of files come back, files are gone. After each: what counts and is not what it was
 * is called damage by verify, and refused by the start or a reader; and where nothing was called so, all is there.
 * Prints its figures as JSON.
 */
#include "rot.h"

#include <base/logger.h>
#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

#define TRUNCATED ((size_t)64 << 10)
#define BODY_BITS 100000

struct run {
    struct subject subject;
    struct kit_random random;
    uint64_t stride, turn;
    uint64_t segment_bits, frame_bits, body_bits, beside_bits, cuts, blocks, files; /* cases of each kind */
    bool is_over;
};

/* ---- one case ---- */

static bool is_turn(struct run *run)
{
    return !run->is_over && run->turn++ % run->stride == 0;
}

static void judge(struct run *run, uint64_t *count, const char *kind, const char *path, uint64_t a, uint64_t b)
{
    (*count)++;
    if (!subject_judge(&run->subject)) {
        fprintf(stderr, "seed %llu, %s of %s, at %llu (%llu): %s\n", (unsigned long long)run->subject.model.seed, kind, path,
                (unsigned long long)a, (unsigned long long)b, run->subject.wrong);
        run->is_over = true;
    }
    subject_back(&run->subject);
}

static void flip(struct run *run, uint64_t *count, const char *kind, const char *path, size_t byte, uint32_t bit)
{
    size_t len = 0;
    image_bytes(path, &len)[byte] ^= (uint8_t)(1 << bit);
    judge(run, count, kind, path, byte, bit);
}

/* ---- bits ---- */

static void header_bits(struct run *run)
{
    for (size_t i = 0; i < run->subject.part_count; i++)
        for (size_t bit = 0; bit < (size_t)128 * 8; bit++)
            if (is_turn(run))
                flip(run, &run->segment_bits, "a bit of the segment's header", run->subject.parts[i].path, bit / 8, bit % 8);
}

static void frame_bits(struct run *run, uint64_t each)
{
    for (size_t i = 0; i < run->subject.part_count; i++) {
        const struct part *part = &run->subject.parts[i];
        for (size_t k = 0; k < part->head_count; k++)
            for (size_t bit = 0; bit < (size_t)64 * 8; bit++)
                if (run->turn % each == 0 ? is_turn(run) : (run->turn++, false))
                    flip(run, &run->frame_bits, "a bit of a frame's header", part->path, part->heads[k] + bit / 8, bit % 8);
    }
}

static void body_bits(struct run *run, uint64_t bits)
{
    for (uint64_t i = 0; i < bits; i++) {
        const struct part *part = &run->subject.parts[kit_below(&run->random, (uint32_t)run->subject.part_count)];
        size_t byte = part->size > 128 ? 128 + kit_below(&run->random, (uint32_t)part->size - 128) : 0;
        uint32_t bit = kit_below(&run->random, 8);
        if (is_turn(run))
            flip(run, &run->body_bits, "a bit", part->path, byte, bit);
    }
}

/* Of indexes, of the hint (bits of one slot leave the other), of IDENTITY. */
static void beside_bits(struct run *run, uint64_t each)
{
    const char *name;
    for (size_t i = 0; (name = image_name(ROT_DIR "/", i)); i++) {
        char path[80];
        size_t len = 0;
        if (strstr(name, ".seg") || !image_kept(name, &len) || strstr(name, "/lock") || strstr(name, "/reserve"))
            continue;
        snprintf(path, sizeof path, "%s", name);
        for (size_t bit = 0; bit < len * 8; bit += each)
            if (is_turn(run))
                flip(run, &run->beside_bits, "a bit", path, bit / 8, bit % 8);
    }
}

/* ---- lengths ---- */

/* Of the last `most` files. */
static void truncations(struct run *run, size_t most)
{
    size_t count = run->subject.part_count;
    for (size_t i = count > most ? count - most : 0; i < count; i++) {
        const struct part *part = &run->subject.parts[i];
        size_t least = part->size > TRUNCATED ? part->size - TRUNCATED : 0;
        for (size_t len = least; len <= part->size; len++) {
            if (!is_turn(run))
                continue;
            image_resize(part->path, len);
            judge(run, &run->cuts, "truncation", part->path, len, part->size);
        }
    }
}

/* ---- blocks ---- */

enum deed { ZEROED, WRITTEN_OVER, SWAPPED };

/* Block `a` of one file; with WRITTEN_OVER, also what stands in block `b` of another comes there. */
static void do_to_blocks(struct run *run, enum deed deed, size_t size, const struct part *one, size_t a, const struct part *two, size_t b)
{
    static const char *const names[] = {"a zeroed block", "a block written over another", "swapped blocks"};
    uint8_t copy[4096];
    size_t len = 0;
    if (!is_turn(run))
        return;
    uint8_t *at = image_bytes(one->path, &len) + a * size, *from = image_bytes(two->path, &len) + b * size;
    memcpy(copy, at, size);
    if (deed == ZEROED)
        memset(at, 0, size);
    else
        memcpy(at, from, size);
    if (deed == SWAPPED)
        memcpy(from, copy, size);
    judge(run, &run->blocks, names[deed], one->path, a * size, size);
}

static void blocks(struct run *run, size_t size)
{
    for (size_t i = 0; i < run->subject.part_count; i++) {
        const struct part *part = &run->subject.parts[i];
        size_t count = part->size / size;
        for (size_t a = 0; a < count; a++) {
            const struct part *other = &run->subject.parts[kit_below(&run->random, (uint32_t)run->subject.part_count)];
            size_t there = other->size / size ? other->size / size : 1;
            do_to_blocks(run, ZEROED, size, part, a, part, a);
            do_to_blocks(run, WRITTEN_OVER, size, part, a, part, (a + 1) % count);
            do_to_blocks(run, SWAPPED, size, part, a, part, (a + 1) % count);
            if (other->size < size)
                continue;
            do_to_blocks(run, WRITTEN_OVER, size, part, a, other, kit_below(&run->random, (uint32_t)there));
            do_to_blocks(run, SWAPPED, size, part, a, other, kit_below(&run->random, (uint32_t)there));
        }
    }
}

/* ---- files ---- */

static const struct part *part_of(const struct run *run, uint64_t base)
{
    for (size_t i = 0; i < run->subject.part_count; i++)
        if (run->subject.parts[i].base == base)
            return &run->subject.parts[i];
    return NULL;
}

static void swap_files(const char *one, const char *two)
{
    size_t a = 0, b = 0;
    const uint8_t *first = image_kept(one, &a), *second = image_kept(two, &b);
    image_put(one, second, b);
    image_put(two, first, a);
}

static void files(struct run *run)
{
    struct subject *subject = &run->subject;
    for (size_t i = 0; i < subject->stale_count; i++) {
        const struct stale *stale = &subject->stale[i];
        image_put(part_of(run, stale->base)->path, stale->bytes, stale->len);
        judge(run, &run->files, "an older copy", part_of(run, stale->base)->path, i, stale->len);
    }
    for (size_t i = 1; i < subject->part_count; i++) { /* without the first, it is a log that retention shortened */
        image_remove(subject->parts[i].path);
        judge(run, &run->files, "a missing file", subject->parts[i].path, i, 0);
        swap_files(subject->parts[i - 1].path, subject->parts[i].path);
        judge(run, &run->files, "swapped files", subject->parts[i].path, i, 0);
    }
    while (image_name(ROT_DIR "/segments/", 0))
        image_remove(image_name(ROT_DIR "/segments/", 0));
    judge(run, &run->files, "missing files", ROT_DIR "/segments", 0, 0);
}

/* ---- all of it ---- */

static bool make(struct run *run, uint64_t seed, uint64_t segment_max, uint64_t bytes, bool has_hint)
{
    run->is_over = run->is_over || !subject_make(&run->subject, seed, segment_max, bytes, has_hint);
    if (run->subject.wrong[0])
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, run->subject.wrong);
    return !run->is_over;
}

static void add_figures(struct subject *sum, const struct subject *one)
{
    sum->cases += one->cases;
    sum->touched += one->touched;
    sum->refused += one->refused;
    sum->found += one->found;
    sum->fine += one->fine;
    sum->cut += one->cut;
}

/* All kinds, of small segments. */
static void small(struct run *run, uint64_t seed, bool has_hint, struct subject *sum)
{
    if (make(run, seed, 16 << 10, 60 << 10, has_hint)) {
        header_bits(run);
        frame_bits(run, 1);
        beside_bits(run, 1);
        body_bits(run, BODY_BITS / 10);
    }
    if (!run->is_over && has_hint) { /* without a hint, a block that holds the last two units takes the proof with it */
        truncations(run, SEGMENTS_MOST);
        blocks(run, 512);
        blocks(run, 4096);
        files(run);
    }
    add_figures(sum, &run->subject);
    subject_fini(&run->subject);
}

/* With a segment of 1 MiB. */
static void big(struct run *run, uint64_t seed, struct subject *sum)
{
    if (make(run, seed, 1 << 20, 2200 << 10, true)) {
        header_bits(run);
        frame_bits(run, 61);
        beside_bits(run, 7);
        body_bits(run, BODY_BITS);
        truncations(run, 2);
        blocks(run, 512);
        blocks(run, 4096);
        files(run);
    }
    add_figures(sum, &run->subject);
    subject_fini(&run->subject);
}

int main(int argc, char **argv)
{
    struct run run = {.stride = 1};
    struct subject sum = {0};
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--stride") == 0)
            run.stride = strtoull(argv[i + 1], NULL, 10);
        else
            return 2;
    }
    run.random.state = seed;
    leat_logger_use(&(struct leat_logger_config){.fd = 2, .level = LEAT_ERROR});
    run.turn = seed % run.stride;
    small(&run, seed, true, &sum);
    if (!run.is_over)
        small(&run, seed + 1, false, &sum);
    if (!run.is_over)
        big(&run, seed + 2, &sum);
    printf("{\"cases\": %llu, \"segment_header_bits\": %llu, \"frame_header_bits\": %llu, \"body_bits\": %llu, \"index_bits\": %llu, "
           "\"truncations\": %llu, \"blocks\": %llu, \"files\": %llu, \"damaged\": %llu, \"refused\": %llu, \"found\": %llu, "
           "\"harmless\": %llu, \"lost\": %d}\n",
           (unsigned long long)sum.cases, (unsigned long long)run.segment_bits, (unsigned long long)run.frame_bits,
           (unsigned long long)run.body_bits, (unsigned long long)run.beside_bits, (unsigned long long)run.cuts,
           (unsigned long long)run.blocks, (unsigned long long)run.files, (unsigned long long)sum.touched,
           (unsigned long long)sum.refused, (unsigned long long)sum.found, (unsigned long long)sum.fine, run.is_over);
    return run.is_over;
}
