#include <base/hash.h>
#include <base/assert.h>
#include <base/memory.h>
#include <base/wire.h>
#include <stdlib.h>

/* Two lanes of multiply-and-fold (as in wyhash: the 128-bit product's halves are xored), 16 bytes a step. */
#define MIX_A 0xa0761d6478bd642fULL
#define MIX_B 0xe7037ed1a0b428dbULL

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* `len` bytes, at most eight, as a number; the pieces overlap. */
static uint64_t tail_word(const uint8_t *p, size_t len)
{
    if (len >= 4)
        return leat_get_u32(p) | (uint64_t)leat_get_u32(p + len - 4) << (8 * (len - 4));
    return p[0] | (uint64_t)p[len / 2] << (8 * (len / 2)) | (uint64_t)p[len - 1] << (8 * (len - 1));
}

uint64_t leat_hash(const void *bytes, size_t len, uint64_t seed)
{
    const uint8_t *p = bytes;
    size_t left = len;
    uint64_t h = seed ^ MIX_A;
    for (; left >= 16; p += 16, left -= 16)
        h = fold(leat_get_u64(p) ^ MIX_B, leat_get_u64(p + 8) ^ h);
    uint64_t first = 0, second = 0;
    if (left > 8) {
        first = leat_get_u64(p);
        second = tail_word(p + 8, left - 8);
    } else if (left > 0) {
        first = tail_word(p, left);
    }
    h = fold(first ^ MIX_B, second ^ h);
    return fold(h ^ MIX_A, (uint64_t)len ^ MIX_B);
}

struct leat_table_slot {
    uint64_t hash;
    void *key; /* NULL: never used */
    size_t len;
    void *value; /* NULL: removed */
};

void leat_table_init(struct leat_table *table)
{
    *table = (struct leat_table){0};
}

void leat_table_fini(struct leat_table *table, void (*free_value)(void *value))
{
    for (size_t i = 0; i < table->cap; i++) {
        if (free_value && table->slots[i].value)
            free_value(table->slots[i].value);
        free(table->slots[i].key);
    }
    free(table->slots);
    leat_table_init(table);
}

/* The slot that holds the key, or the free one where the search ended. */
static struct leat_table_slot *slot_of(const struct leat_table *table, uint64_t hash, const void *key,
                                       size_t len)
{
    size_t mask = table->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct leat_table_slot *slot = &table->slots[i];
        if (!slot->key)
            return slot;
        if (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0)
            return slot;
    }
}

void *leat_table_get(const struct leat_table *table, const void *key, size_t len)
{
    return table->count > 0 ? slot_of(table, leat_hash(key, len, 0), key, len)->value : NULL;
}

/* Removed entries go, so that a table that is always written and emptied does not grow. */
static void rehash(struct leat_table *table)
{
    struct leat_table old = *table;
    size_t cap = 16;
    while (cap < old.count * 2 + 2)
        cap *= 2;
    table->slots = leat_calloc(cap, sizeof *table->slots);
    table->cap = cap;
    table->used = old.count;
    for (size_t i = 0; i < old.cap; i++) {
        struct leat_table_slot *slot = &old.slots[i];
        if (slot->value)
            *slot_of(table, slot->hash, slot->key, slot->len) = *slot;
        else
            free(slot->key);
    }
    free(old.slots);
}

static void *key_copy(const void *key, size_t len)
{
    void *copy = leat_malloc(len);
    if (len > 0)
        memcpy(copy, key, len);
    return copy;
}

void *leat_table_set(struct leat_table *table, const void *key, size_t len, void *value)
{
    leat_assert(value != NULL);
    if ((table->used + 1) * 10 > table->cap * 7)
        rehash(table);
    uint64_t hash = leat_hash(key, len, 0);
    struct leat_table_slot *slot = slot_of(table, hash, key, len);
    if (!slot->key) {
        *slot = (struct leat_table_slot){.hash = hash, .key = key_copy(key, len), .len = len};
        table->used++;
    }
    void *before = slot->value;
    slot->value = value;
    if (!before)
        table->count++;
    return before;
}

void *leat_table_remove(struct leat_table *table, const void *key, size_t len)
{
    if (table->count == 0)
        return NULL;
    struct leat_table_slot *slot = slot_of(table, leat_hash(key, len, 0), key, len);
    void *before = slot->value;
    if (before) {
        slot->value = NULL;
        table->count--;
    }
    return before;
}

bool leat_table_next(const struct leat_table *table, size_t *at, const void **key, size_t *len, void **value)
{
    for (; *at < table->cap; (*at)++) {
        const struct leat_table_slot *slot = &table->slots[*at];
        if (!slot->value)
            continue;
        *key = slot->key;
        *len = slot->len;
        *value = slot->value;
        (*at)++;
        return true;
    }
    return false;
}
