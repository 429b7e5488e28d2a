/* hash.h - hash of bytes, and a table from bytes to pointers.
 *
 * The table owns copies of its keys; values are the caller's. Open addressing; grows at 70 %.
 * Thread: one at a time.
 */
#ifndef LEAT_BASE_HASH_H
#define LEAT_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 bits, well mixed, the same on every machine and in every release (it is stored in files). */
uint64_t leat_hash(const void *bytes, size_t len, uint64_t seed);

struct leat_table_slot;

struct leat_table {
    struct leat_table_slot *slots;
    size_t count, used, cap;
};

void leat_table_init(struct leat_table *table);
/* `free_value` may be NULL. */
void leat_table_fini(struct leat_table *table, void (*free_value)(void *value));

/* NULL where there is none; values are never NULL. */
void *leat_table_get(const struct leat_table *table, const void *key, size_t len);
/* Returns the value that was there before, or NULL. */
void *leat_table_set(struct leat_table *table, const void *key, size_t len, void *value);
void *leat_table_remove(struct leat_table *table, const void *key, size_t len);

/* Walks all entries in no order: start with *at = 0; false at the end. The table must not change. */
bool leat_table_next(const struct leat_table *table, size_t *at, const void **key, size_t *len,
                     void **value);

#endif
