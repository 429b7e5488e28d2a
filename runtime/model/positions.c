/* positions.c - a map from typed keys to typed values, in the order in which keys came.
 *
 * A table finds the index of a key by its native bytes. Each entry has an arena of its own, so that a position that
 * moves ten times a second for a year needs no more memory than its last value. */
#include <base/assert.h>
#include <base/hash.h>
#include <base/memory.h>
#include <model/native.h>
#include <model/positions.h>
#include <stdlib.h>

struct entry {
    struct leat_arena arena;
    struct leat_value key, value;
    uint32_t index; /* its place in `entries` */
};

struct leat_positions {
    struct entry **entries;
    uint32_t count, cap;
    struct leat_table table; /* native bytes of the key -> entry */
};

struct leat_positions *leat_positions_new(void)
{
    struct leat_positions *positions = leat_calloc(1, sizeof *positions);
    leat_table_init(&positions->table);
    return positions;
}

static void free_entry(struct entry *entry)
{
    leat_arena_fini(&entry->arena);
    free(entry);
}

void leat_positions_free(struct leat_positions *positions)
{
    if (!positions)
        return;
    for (uint32_t i = 0; i < positions->count; i++)
        free_entry(positions->entries[i]);
    leat_table_fini(&positions->table, NULL);
    free(positions->entries);
    free(positions);
}

static struct leat_bytes bytes_of(const struct leat_value *key)
{
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, SIZE_MAX);
    leat_native_put_value(&bytes, key);
    return bytes;
}

static struct entry *find(const struct leat_positions *positions, const struct leat_value *key)
{
    struct leat_bytes bytes = bytes_of(key);
    struct entry *entry = leat_table_get(&positions->table, bytes.data, bytes.len);
    leat_bytes_fini(&bytes);
    return entry;
}

static void put_pair(struct entry *entry, const struct leat_value *key,
                     const struct leat_value *value)
{
    struct leat_arena old = entry->arena; /* key and value may still point into it */
    leat_arena_init(&entry->arena, 0);
    entry->key = leat_value_copy(&entry->arena, key);
    entry->value = leat_value_copy(&entry->arena, value);
    leat_arena_fini(&old);
}

static struct entry *add_entry(struct leat_positions *positions, const struct leat_value *key)
{
    if (positions->count == positions->cap) {
        positions->cap = positions->cap ? positions->cap * 2 : 4;
        positions->entries =
            leat_realloc(positions->entries, positions->cap * sizeof(struct entry *));
    }
    struct entry *entry = leat_calloc(1, sizeof *entry);
    entry->index = positions->count;
    positions->entries[positions->count++] = entry;
    struct leat_bytes bytes = bytes_of(key);
    leat_table_set(&positions->table, bytes.data, bytes.len, entry);
    leat_bytes_fini(&bytes);
    return entry;
}

static void remove_entry(struct leat_positions *positions, const struct leat_value *key)
{
    struct leat_bytes bytes = bytes_of(key);
    struct entry *entry = leat_table_remove(&positions->table, bytes.data, bytes.len);
    leat_bytes_fini(&bytes);
    if (!entry)
        return;
    leat_assert(positions->entries[entry->index] == entry);
    struct entry **place = &positions->entries[entry->index];
    positions->count--;
    memmove(place, place + 1, (positions->count - entry->index) * sizeof *place);
    for (uint32_t i = entry->index; i < positions->count; i++)
        positions->entries[i]->index = i;
    free_entry(entry);
}

void leat_positions_set(struct leat_positions *positions, const struct leat_value *key,
                        const struct leat_value *value)
{
    leat_assert(key->type != LEAT_ABSENT);
    if (!value || value->type == LEAT_NULL) {
        remove_entry(positions, key);
        return;
    }
    struct entry *entry = find(positions, key);
    if (!entry)
        entry = add_entry(positions, key);
    put_pair(entry, key, value);
}

uint32_t leat_positions_count(const struct leat_positions *positions)
{
    return positions->count;
}

void leat_positions_at(const struct leat_positions *positions, uint32_t index,
                       const struct leat_value **key, const struct leat_value **value)
{
    leat_assert(index < positions->count);
    *key = &positions->entries[index]->key;
    *value = &positions->entries[index]->value;
}

const struct leat_value *leat_positions_get(const struct leat_positions *positions,
                                            const struct leat_value *key)
{
    const struct entry *entry = find(positions, key);
    return entry ? &entry->value : NULL;
}
