/* ranges.h - which letters of one topic partition are settled: ranges of offsets, as a value of keyed state.
 *
 *   [from, to, state, from, to, state ...]   ascending, apart; neighbours of one state are one
 */
#ifndef LEAT_CONTROL_RANGES_H
#define LEAT_CONTROL_RANGES_H

#include <base/arena.h>
#include <leat/value.h>

struct leat_range {
    uint64_t from, to; /* [from, to) */
    int64_t state;
};
struct leat_ranges { /* zeroed: none */
    struct leat_range *items;
    size_t count, cap;
};

void leat_ranges_fini(struct leat_ranges *ranges);
/* 0 where no range holds it. */
int64_t leat_ranges_at(const struct leat_ranges *ranges, uint64_t offset);
/* `offset` is in no range yet. */
void leat_ranges_add(struct leat_ranges *ranges, uint64_t offset, int64_t state);
/* Forgets what lies before `first`. */
void leat_ranges_cut(struct leat_ranges *ranges, uint64_t first);

/* The value lives in the arena. take: false for a value that is none; then there are none. */
struct leat_value leat_ranges_value(const struct leat_ranges *ranges, struct leat_arena *arena);
bool leat_ranges_take(struct leat_ranges *ranges, const struct leat_value *value);

#endif
