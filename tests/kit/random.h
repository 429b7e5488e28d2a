/* random.h - numbers and values from a seed, the same in every run. */
#ifndef LEAT_KIT_RANDOM_H
#define LEAT_KIT_RANDOM_H

#include <base/arena.h>
#include <leat/value.h>
#include <stdio.h>

struct kit_random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t kit_random(struct kit_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}
static inline uint32_t kit_below(struct kit_random *random, uint32_t end)
{
    return (uint32_t)(kit_random(random) % end);
}
/* Of any size: each number of bits is as likely as another. */
static inline uint64_t kit_random_number(struct kit_random *random)
{
    uint32_t bits = kit_below(random, 65);
    return bits ? kit_random(random) >> (64 - bits) : 0;
}
static inline int64_t kit_random_signed(struct kit_random *random)
{
    uint64_t v = kit_random_number(random);
    return (int64_t)(kit_random(random) & 1 ? v : 0 - v);
}

static inline const char *kit_random_run(struct kit_random *random, struct leat_arena *arena,
                                         uint32_t len)
{
    char *run = (char *)leat_arena_alloc(arena, (size_t)len + 1);
    for (uint32_t i = 0; i < len; i++)
        run[i] = (char)kit_random(random);
    run[len] = '\0';
    return run;
}

static inline uint32_t kit_random_len(struct kit_random *random)
{
    return kit_below(random, 8) ? kit_below(random, 40) : kit_below(random, 400);
}

static inline struct leat_value kit_random_decimal(struct kit_random *random, struct leat_arena *arena)
{
    uint32_t scale = kit_below(random, 40);
    char *text = (char *)leat_arena_alloc(arena, 96);
    int len = snprintf(text, 96, "%lld", (long long)kit_random_signed(random));
    if (scale > 0)
        len += snprintf(text + len, 96 - (size_t)len, ".%0*u", (int)scale, kit_below(random, 10));
    struct leat_value value = leat_value_text(text, (size_t)len);
    value.type = LEAT_DECIMAL;
    value.aux = (uint16_t)scale;
    return value;
}

static inline struct leat_value kit_random_time(struct kit_random *random, enum leat_type type)
{
    struct leat_value value = leat_value_int(kit_random_signed(random));
    value.type = (uint8_t)type;
    value.aux = (uint16_t)kit_below(random, 7);
    if (type == LEAT_DATETIME)
        value.as.i = LEAT_DATETIME(kit_below(random, 10000), kit_below(random, 13),
                                   kit_below(random, 32), kit_below(random, 24),
                                   kit_below(random, 60), kit_below(random, 60),
                                   kit_below(random, 2) ? kit_below(random, 1000000) : 0);
    else if (kit_below(random, 2))
        value.as.i = value.as.i / 4000000 * 1000000;
    if (type == LEAT_TIMESTAMP && kit_below(random, 8) == 0) {
        value.flags = LEAT_VALUE_ZERO;
        value.as.i = 0;
    }
    return value;
}

static inline struct leat_value kit_random_float(struct kit_random *random)
{
    struct leat_value value = leat_value_double(0);
    value.as.u = kit_random(random); /* NaNs and infinities too */
    if (kit_below(random, 2)) {
        value = leat_value_double((float)kit_below(random, 1000000) / 128);
        value.flags = LEAT_VALUE_SINGLE;
    }
    return value;
}

static inline struct leat_value kit_random_value(struct kit_random *random, struct leat_arena *arena,
                                                 uint32_t depth);

static inline struct leat_value kit_random_items(struct kit_random *random, struct leat_arena *arena,
                                                 enum leat_type type, uint32_t depth)
{
    uint32_t members = kit_below(random, 5);
    size_t count = type == LEAT_MAP ? 2 * members : members;
    struct leat_value *items =
        (struct leat_value *)leat_arena_alloc(arena, (count + 1) * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = kit_random_value(random, arena, depth - 1);
    return leat_value_items(type, items, members);
}

static inline struct leat_value kit_random_of(struct kit_random *random, struct leat_arena *arena,
                                              enum leat_type type, uint32_t depth)
{
    struct leat_value value = {(uint8_t)type, 0, 0, 0, {0}};
    switch (type) {
    case LEAT_BOOL: return leat_value_bool(kit_below(random, 2));
    case LEAT_INT64: return leat_value_int(kit_random_signed(random));
    case LEAT_UINT64: return leat_value_uint(kit_random_number(random));
    case LEAT_FLOAT64: return kit_random_float(random);
    case LEAT_DECIMAL: return kit_random_decimal(random, arena);
    case LEAT_TEXT:
    case LEAT_BYTES:
    case LEAT_JSON:
        value.len = kit_random_len(random);
        value.as.text = kit_random_run(random, arena, value.len);
        return value;
    case LEAT_DATE:
        value.as.i = kit_below(random, 4) ? LEAT_DATE(kit_below(random, 10000), 12, 31)
                                          : kit_random_signed(random);
        return value;
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP: return kit_random_time(random, type);
    case LEAT_ARRAY:
    case LEAT_STRUCT:
    case LEAT_MAP: return kit_random_items(random, arena, type, depth);
    default: return value;
    }
}

/* Nested at most `depth` deep; a few have flags and aux that their type has no use for. */
static inline struct leat_value kit_random_value(struct kit_random *random, struct leat_arena *arena,
                                                 uint32_t depth)
{
    enum leat_type type = (enum leat_type)kit_below(random, depth > 0 ? LEAT_TYPE_COUNT : LEAT_ARRAY);
    struct leat_value value = kit_random_of(random, arena, type, depth);
    if (kit_below(random, 50) == 0) {
        value.flags = (uint8_t)kit_random(random);
        value.aux = (uint16_t)kit_random(random);
    }
    return value;
}

#endif
