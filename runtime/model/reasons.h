/* reasons.h - counts why records were refused: texts that differ in digits or in what they quote are one reason. */
#ifndef LEAT_MODEL_REASONS_H
#define LEAT_MODEL_REASONS_H

#include <base/buffer.h>

#define LEAT_REASONS 8

struct leat_reason {
    char key[120], example[200]; /* the first text of that kind, cut */
    uint64_t count;
};
struct leat_reasons { /* zeroed: none */
    struct leat_reason items[LEAT_REASONS];
    uint32_t kinds;
    uint64_t others; /* of kinds for which there was no room */
};

void leat_reasons_add(struct leat_reasons *reasons, const char *text, uint64_t count);
/* The most frequent first. */
void leat_reasons_sort(struct leat_reasons *reasons);
/* "812 x Duplicate entry ...; 3 x ...", at most `most` of them; sorted. */
void leat_reasons_text(const struct leat_reasons *reasons, uint32_t most, char *out, size_t size);

#endif
