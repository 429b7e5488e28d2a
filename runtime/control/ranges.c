#include <control/ranges.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

void leat_ranges_fini(struct leat_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct leat_ranges){0};
}

/* The first range that ends behind the offset. */
static size_t find(const struct leat_ranges *ranges, uint64_t offset)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].to <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t leat_ranges_at(const struct leat_ranges *ranges, uint64_t offset)
{
    size_t at = find(ranges, offset);
    return at < ranges->count && ranges->items[at].from <= offset ? ranges->items[at].state : 0;
}

static void insert(struct leat_ranges *ranges, size_t at, struct leat_range range)
{
    if (ranges->count == ranges->cap) {
        ranges->cap = ranges->cap ? 2 * ranges->cap : 8;
        ranges->items = leat_realloc(ranges->items, ranges->cap * sizeof *ranges->items);
    }
    memmove(&ranges->items[at + 1], &ranges->items[at], (ranges->count - at) * sizeof *ranges->items);
    ranges->items[at] = range;
    ranges->count++;
}

static void remove_at(struct leat_ranges *ranges, size_t at)
{
    ranges->count--;
    memmove(&ranges->items[at], &ranges->items[at + 1], (ranges->count - at) * sizeof *ranges->items);
}

void leat_ranges_add(struct leat_ranges *ranges, uint64_t offset, int64_t state)
{
    size_t at = find(ranges, offset);
    leat_assert(at == ranges->count || ranges->items[at].from > offset);
    bool joins_left = at > 0 && ranges->items[at - 1].to == offset && ranges->items[at - 1].state == state;
    bool joins_right = at < ranges->count && ranges->items[at].from == offset + 1 && ranges->items[at].state == state;
    if (joins_left && joins_right) {
        ranges->items[at - 1].to = ranges->items[at].to;
        remove_at(ranges, at);
    } else if (joins_left) {
        ranges->items[at - 1].to++;
    } else if (joins_right) {
        ranges->items[at].from--;
    } else {
        insert(ranges, at, (struct leat_range){offset, offset + 1, state});
    }
}

void leat_ranges_cut(struct leat_ranges *ranges, uint64_t first)
{
    while (ranges->count > 0 && ranges->items[0].to <= first)
        remove_at(ranges, 0);
    if (ranges->count > 0 && ranges->items[0].from < first)
        ranges->items[0].from = first;
}

struct leat_value leat_ranges_value(const struct leat_ranges *ranges, struct leat_arena *arena)
{
    struct leat_value *items = leat_arena_alloc(arena, (3 * ranges->count + 1) * sizeof *items);
    for (size_t i = 0; i < ranges->count; i++) {
        items[3 * i] = leat_value_int((int64_t)ranges->items[i].from);
        items[3 * i + 1] = leat_value_int((int64_t)ranges->items[i].to);
        items[3 * i + 2] = leat_value_int(ranges->items[i].state);
    }
    return ranges->count > 0 ? leat_value_items(LEAT_ARRAY, items, (uint32_t)(3 * ranges->count)) : leat_value_null();
}

static bool is_good(const struct leat_value *items, uint64_t after)
{
    return items[0].type == LEAT_INT64 && items[1].type == LEAT_INT64 && items[2].type == LEAT_INT64 &&
           items[0].as.i >= 0 && (uint64_t)items[0].as.i >= after && items[0].as.i < items[1].as.i && items[2].as.i > 0;
}

bool leat_ranges_take(struct leat_ranges *ranges, const struct leat_value *value)
{
    uint64_t after = 0;
    ranges->count = 0;
    if (value->type != LEAT_ARRAY || value->len % 3 != 0)
        return false;
    for (uint32_t i = 0; i < value->len; i += 3) {
        const struct leat_value *items = &value->as.items[i];
        if (!is_good(items, after)) {
            ranges->count = 0;
            return false;
        }
        after = (uint64_t)items[1].as.i;
        insert(ranges, ranges->count, (struct leat_range){(uint64_t)items[0].as.i, after, items[2].as.i});
    }
    return true;
}
