/* arena.h - memory by lifetime: many small pieces, freed together.
 *
 * Chunks double from 4 KiB up to 1 MiB; a larger piece gets a chunk of its own. reset() keeps chunks up to
 * the arena's `keep_bytes` for the next use and poisons them for ASan.
 *
 * Thread: one at a time.
 */
#ifndef LEAT_BASE_ARENA_H
#define LEAT_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct leat_arena_chunk;

struct leat_arena {
    uint8_t *next, *end; /* free room in the current chunk */
    struct leat_arena_chunk *chunks; /* in use, newest first */
    struct leat_arena_chunk *spares; /* kept by reset(), not in use */
    size_t used_bytes; /* of all chunks in use, headers included */
    size_t keep_bytes;
};

void leat_arena_init(struct leat_arena *arena, size_t keep_bytes);
void leat_arena_fini(struct leat_arena *arena);
void leat_arena_reset(struct leat_arena *arena);

/* The slow way of leat_arena_alloc(). */
void *leat_arena_grow(struct leat_arena *arena, size_t size);

/* 8-byte aligned, not zeroed, never NULL. */
static inline void *leat_arena_alloc(struct leat_arena *arena, size_t size)
{
    size_t rounded = (size + !size + 7) & ~(size_t)7;
    if (rounded < size || (size_t)(arena->end - arena->next) < rounded)
        return leat_arena_grow(arena, size);
    void *piece = arena->next;
    arena->next += rounded;
    return piece;
}

void *leat_arena_zeroed(struct leat_arena *arena, size_t size);
char *leat_arena_copy(struct leat_arena *arena, const void *bytes, size_t len); /* adds a terminator */
char *leat_arena_strdup(struct leat_arena *arena, const char *text);
char *leat_arena_format(struct leat_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
