#include <task/inside.h>

#include <base/memory.h>
#include <stdlib.h>

struct leat_once {
    uint32_t sources; /* that have not ended; atomic */
};

struct leat_once *leat_once_new(uint32_t sources)
{
    struct leat_once *once = leat_calloc(1, sizeof *once);
    once->sources = sources;
    return once;
}

void leat_once_free(struct leat_once *once)
{
    free(once);
}

void once_source_ended(struct leat_once *once)
{
    if (once)
        __atomic_sub_fetch(&once->sources, 1, __ATOMIC_ACQ_REL);
}

bool once_is_over(struct leat_once *once)
{
    return once && __atomic_load_n(&once->sources, __ATOMIC_ACQUIRE) == 0;
}
