/* gtid_set.c - MySQL's GTID sets. */
#include <mysql_protocol/gtid.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

#define TAGGED UINT64_C(1) /* of a set's encoding: the top byte of the count */

void leat_gtid_set_init(struct leat_gtid_set *set)
{
    *set = (struct leat_gtid_set){0};
}

void leat_gtid_set_fini(struct leat_gtid_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        free(set->sources[i].intervals);
    free(set->sources);
    leat_gtid_set_init(set);
}

static int compare(const struct leat_gtid_source *source, const uint8_t uuid[16], const char *tag)
{
    int order = memcmp(source->uuid, uuid, 16);
    return order ? order : strcmp(source->tag, tag);
}

/* The place of uuid and tag, or where they would go. */
static uint32_t place_of(const struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&set->sources[middle], uuid, tag) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct leat_gtid_source *find(const struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag)
{
    uint32_t i = place_of(set, uuid, tag);
    return i < set->count && compare(&set->sources[i], uuid, tag) == 0 ? &set->sources[i] : NULL;
}

static struct leat_gtid_source *find_or_add(struct leat_gtid_set *set, const uint8_t uuid[16],
                                            const char *tag)
{
    uint32_t i = place_of(set, uuid, tag);
    if (i < set->count && compare(&set->sources[i], uuid, tag) == 0)
        return &set->sources[i];
    if (set->count == set->cap) {
        set->cap = set->cap ? set->cap * 2 : 4;
        set->sources = leat_realloc(set->sources, set->cap * sizeof *set->sources);
    }
    memmove(set->sources + i + 1, set->sources + i, (set->count - i) * sizeof *set->sources);
    set->count++;
    struct leat_gtid_source *source = &set->sources[i];
    *source = (struct leat_gtid_source){0};
    memcpy(source->uuid, uuid, 16);
    leat_assert(strlen(tag) < sizeof source->tag);
    strcpy(source->tag, tag);
    return source;
}

/* Index of the first interval that ends at `number` or later. */
static uint32_t interval_at(const struct leat_gtid_source *source, uint64_t number)
{
    /* Transactions come at the end: look there first. */
    if (source->count == 0 || source->intervals[source->count - 1].end < number)
        return source->count;
    uint32_t low = 0, high = source->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (source->intervals[middle].end < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts `with` (0..2 of them) where `count` intervals are from `at` on. */
static void splice(struct leat_gtid_source *source, uint32_t at, uint32_t count,
                   const struct leat_gtid_interval *with, uint32_t with_count)
{
    leat_assert(at + count <= source->count);
    uint32_t size = source->count - count + with_count;
    if (size > source->cap) {
        source->cap = size < 4 ? 4 : size * 2;
        source->intervals = leat_realloc(source->intervals, source->cap * sizeof *source->intervals);
    }
    if (source->count > at + count)
        memmove(source->intervals + at + with_count, source->intervals + at + count,
                (source->count - at - count) * sizeof *source->intervals);
    for (uint32_t i = 0; i < with_count; i++)
        source->intervals[at + i] = with[i];
    source->count = size;
}

static void add_range(struct leat_gtid_source *source, uint64_t first, uint64_t end)
{
    uint32_t at = interval_at(source, first), last = at;
    struct leat_gtid_interval merged = {first, end};
    for (; last < source->count && source->intervals[last].first <= end; last++) {
        const struct leat_gtid_interval *old = &source->intervals[last];
        merged.first = old->first < merged.first ? old->first : merged.first;
        merged.end = old->end > merged.end ? old->end : merged.end;
    }
    splice(source, at, last - at, &merged, 1);
}

void leat_gtid_set_add_range(struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag,
                             uint64_t first, uint64_t end)
{
    if (first < end)
        add_range(find_or_add(set, uuid, tag), first, end);
}

void leat_gtid_set_add(struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag, uint64_t number)
{
    leat_gtid_set_add_range(set, uuid, tag, number, number + 1);
}

void leat_gtid_set_add_set(struct leat_gtid_set *set, const struct leat_gtid_set *other)
{
    leat_assert(set != other);
    for (uint32_t i = 0; i < other->count; i++) {
        const struct leat_gtid_source *source = &other->sources[i];
        for (uint32_t j = 0; j < source->count; j++)
            leat_gtid_set_add_range(set, source->uuid, source->tag, source->intervals[j].first,
                                    source->intervals[j].end);
    }
}

static void subtract_range(struct leat_gtid_source *source, uint64_t first, uint64_t end)
{
    uint32_t i = interval_at(source, first);
    while (i < source->count && source->intervals[i].first < end) {
        struct leat_gtid_interval old = source->intervals[i], rest[2];
        uint32_t count = 0;
        if (old.first < first)
            rest[count++] = (struct leat_gtid_interval){old.first, old.end < first ? old.end : first};
        if (old.end > end)
            rest[count++] = (struct leat_gtid_interval){end, old.end};
        splice(source, i, 1, rest, count);
        i += count;
    }
}

/* Sources without intervals go. */
static void drop_empty(struct leat_gtid_set *set)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->sources[i].count > 0)
            set->sources[kept++] = set->sources[i];
        else
            free(set->sources[i].intervals);
    }
    set->count = kept;
}

void leat_gtid_set_subtract(struct leat_gtid_set *set, const struct leat_gtid_set *other)
{
    leat_assert(set != other);
    for (uint32_t i = 0; i < other->count; i++) {
        struct leat_gtid_source *mine = find(set, other->sources[i].uuid, other->sources[i].tag);
        for (uint32_t j = 0; mine && j < other->sources[i].count; j++)
            subtract_range(mine, other->sources[i].intervals[j].first, other->sources[i].intervals[j].end);
    }
    drop_empty(set);
}

static bool has_range(const struct leat_gtid_source *source, uint64_t first, uint64_t end)
{
    uint32_t i = interval_at(source, first + 1);
    return i < source->count && source->intervals[i].first <= first && source->intervals[i].end >= end;
}

bool leat_gtid_set_has(const struct leat_gtid_set *set, const uint8_t uuid[16], const char *tag,
                       uint64_t number)
{
    const struct leat_gtid_source *source = find(set, uuid, tag);
    return source && has_range(source, number, number + 1);
}

bool leat_gtid_set_contains(const struct leat_gtid_set *set, const struct leat_gtid_set *subset)
{
    for (uint32_t i = 0; i < subset->count; i++) {
        const struct leat_gtid_source *theirs = &subset->sources[i];
        const struct leat_gtid_source *mine = find(set, theirs->uuid, theirs->tag);
        for (uint32_t j = 0; j < theirs->count; j++)
            if (!mine || !has_range(mine, theirs->intervals[j].first, theirs->intervals[j].end))
                return false;
    }
    return true;
}

bool leat_gtid_set_is_empty(const struct leat_gtid_set *set)
{
    return set->count == 0;
}

/* ---- bytes ---- */

static bool has_tags(const struct leat_gtid_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->sources[i].tag[0])
            return true;
    return false;
}

/* The tagged form has its mark in the first and in the last byte of the count. */
void leat_gtid_set_encode(const struct leat_gtid_set *set, struct leat_bytes *out)
{
    bool is_tagged = has_tags(set);
    leat_bytes_u64(out, is_tagged ? TAGGED << 56 | (uint64_t)set->count << 8 | TAGGED : set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct leat_gtid_source *source = &set->sources[i];
        leat_bytes_add(out, source->uuid, 16);
        if (is_tagged) {
            size_t len = strlen(source->tag);
            leat_bytes_put(out, (uint8_t)(len << 1));
            leat_bytes_add(out, source->tag, len);
        }
        leat_bytes_u64(out, source->count);
        for (uint32_t j = 0; j < source->count; j++) {
            leat_bytes_u64(out, source->intervals[j].first);
            leat_bytes_u64(out, source->intervals[j].end);
        }
    }
}

static bool is_tag(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_digit = bytes[i] >= '0' && bytes[i] <= '9';
        if (bytes[i] != '_' && !(bytes[i] >= 'a' && bytes[i] <= 'z') && !(is_digit && i > 0))
            return false;
    }
    return true;
}

static bool decode_source(struct leat_gtid_set *set, struct leat_cut *cut, bool is_tagged)
{
    const uint8_t *uuid = leat_cut_bytes(cut, 16);
    char tag[33] = "";
    if (is_tagged) {
        size_t len = leat_cut_u8(cut) >> 1;
        const uint8_t *bytes = leat_cut_bytes(cut, len);
        if (!bytes || len >= sizeof tag || !is_tag(bytes, len))
            return false;
        memcpy(tag, bytes, len);
    }
    uint64_t count = leat_cut_u64(cut);
    for (uint64_t i = 0; i < count && !cut->is_bad; i++) {
        uint64_t first = leat_cut_u64(cut), end = leat_cut_u64(cut);
        if (cut->is_bad || first == 0 || first >= end || end > INT64_MAX)
            return false;
        leat_gtid_set_add_range(set, uuid, tag, first, end);
    }
    return !cut->is_bad;
}

bool leat_gtid_set_decode(struct leat_gtid_set *set, const void *bytes, size_t len)
{
    leat_gtid_set_fini(set);
    struct leat_cut cut = leat_cut(bytes, len);
    uint64_t count = leat_cut_u64(&cut);
    bool is_tagged = count >> 56 == TAGGED;
    if (is_tagged)
        count = count >> 8 & UINT64_C(0xffffffffffff);
    bool is_good = !cut.is_bad;
    for (uint64_t i = 0; i < count && is_good; i++)
        is_good = decode_source(set, &cut, is_tagged);
    if (!is_good)
        leat_gtid_set_fini(set);
    return is_good;
}
