#include <base/arena.h>
#include <base/assert.h>
#include <base/memory.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_POISON 1
#endif
#endif

#ifdef HAS_POISON
#include <sanitizer/asan_interface.h>
#define POISON(from, len) __asan_poison_memory_region(from, len)
#define UNPOISON(from, len) __asan_unpoison_memory_region(from, len)
#else
#define POISON(from, len) ((void)(from), (void)(len))
#define UNPOISON(from, len) ((void)(from), (void)(len))
#endif

#define CHUNK_LEAST ((size_t)4 << 10)
#define CHUNK_MOST ((size_t)1 << 20)

struct leat_arena_chunk {
    struct leat_arena_chunk *older;
    size_t size; /* of `bytes` */
    _Alignas(8) uint8_t bytes[];
};

void leat_arena_init(struct leat_arena *arena, size_t keep_bytes)
{
    *arena = (struct leat_arena){.keep_bytes = keep_bytes};
}

static void free_chunks(struct leat_arena_chunk *chunk)
{
    while (chunk) {
        struct leat_arena_chunk *older = chunk->older;
        UNPOISON(chunk->bytes, chunk->size);
        free(chunk);
        chunk = older;
    }
}

void leat_arena_fini(struct leat_arena *arena)
{
    free_chunks(arena->chunks);
    free_chunks(arena->spares);
    leat_arena_init(arena, arena->keep_bytes);
}

/* Large chunks first: they serve the next batch with the fewest of them. */
void leat_arena_reset(struct leat_arena *arena)
{
    size_t kept = 0;
    for (struct leat_arena_chunk *chunk = arena->spares; chunk; chunk = chunk->older)
        kept += chunk->size;
    while (arena->chunks) {
        struct leat_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        if (kept + chunk->size <= arena->keep_bytes) {
            kept += chunk->size;
            POISON(chunk->bytes, chunk->size);
            chunk->older = arena->spares;
            arena->spares = chunk;
        } else {
            chunk->older = NULL;
            free_chunks(chunk);
        }
    }
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
}

static struct leat_arena_chunk *spare_of(struct leat_arena *arena, size_t size)
{
    for (struct leat_arena_chunk **at = &arena->spares; *at; at = &(*at)->older) {
        struct leat_arena_chunk *chunk = *at;
        if (chunk->size >= size) {
            *at = chunk->older;
            return chunk;
        }
    }
    return NULL;
}

static struct leat_arena_chunk *new_chunk(const struct leat_arena *arena, size_t least)
{
    size_t size = CHUNK_LEAST;
    while (size <= arena->used_bytes && size < CHUNK_MOST)
        size *= 2;
    size -= sizeof(struct leat_arena_chunk);
    if (size < least)
        size = least;
    struct leat_arena_chunk *chunk = leat_malloc(sizeof *chunk + size);
    chunk->size = size;
    POISON(chunk->bytes, chunk->size);
    return chunk;
}

void *leat_arena_grow(struct leat_arena *arena, size_t size)
{
    size_t rounded = (size + !size + 7) & ~(size_t)7;
    leat_assert(rounded >= size);
    if ((size_t)(arena->end - arena->next) < rounded) {
        struct leat_arena_chunk *chunk = spare_of(arena, rounded);
        if (!chunk)
            chunk = new_chunk(arena, rounded);
        chunk->older = arena->chunks;
        arena->chunks = chunk;
        arena->used_bytes += sizeof *chunk + chunk->size;
        arena->next = chunk->bytes;
        arena->end = chunk->bytes + chunk->size;
        UNPOISON(chunk->bytes, chunk->size);
    }
    void *piece = arena->next;
    arena->next += rounded;
    return piece;
}

void *leat_arena_zeroed(struct leat_arena *arena, size_t size)
{
    return memset(leat_arena_alloc(arena, size), 0, size);
}

char *leat_arena_copy(struct leat_arena *arena, const void *bytes, size_t len)
{
    char *copy = leat_arena_alloc(arena, len + 1);
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *leat_arena_strdup(struct leat_arena *arena, const char *text)
{
    return leat_arena_copy(arena, text, strlen(text));
}

char *leat_arena_format(struct leat_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    leat_assert(len >= 0);
    char *text = leat_arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}
