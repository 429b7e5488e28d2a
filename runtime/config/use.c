/* use.c - a plug-in's private struct from a checked definition.
 *
 *   block: [ arena of what the options point to | self ... ]
 */
#include <config/bind.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdalign.h>
#include <stdlib.h>

struct block {
    struct leat_arena arena;
    alignas(max_align_t) uint8_t self[];
};

void *leat_use_instance(const struct leat_use *use)
{
    struct block *block = leat_calloc(1, sizeof(*block) + use->size);
    leat_arena_init(&block->arena, 0);
    struct leat_binder binder = {
        .arena = &block->arena, .what = use->name, .base_dir = use->base_dir};
    leat_bind(&binder, use->options, NULL, use->tree, block->self);
    return block->self;
}

void leat_use_free(const struct leat_use *use, void *self)
{
    leat_assert(use);
    if (!self)
        return;
    struct block *block = (struct block *)(void *)((uint8_t *)self - offsetof(struct block, self));
    leat_arena_fini(&block->arena);
    free(block);
}
