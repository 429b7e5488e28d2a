#include <task/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

struct leat_once {
    uint32_t sources;      /* that have not ended; atomic */
    struct leat_bell over; /* rung by the last one, never cleared */
};

struct leat_once *leat_once_new(uint32_t sources)
{
    struct leat_once *once = leat_calloc(1, sizeof *once);
    struct leat_error err;
    once->sources = sources;
    enum leat_status status = leat_bell_open(&once->over, &err);
    leat_assert(status == LEAT_OK);
    return once;
}

void leat_once_free(struct leat_once *once)
{
    leat_bell_close(&once->over);
    free(once);
}

void once_source_ended(struct leat_once *once)
{
    if (once && __atomic_sub_fetch(&once->sources, 1, __ATOMIC_ACQ_REL) == 0)
        leat_bell_ring(&once->over);
}

bool once_is_over(struct leat_once *once)
{
    return once && __atomic_load_n(&once->sources, __ATOMIC_ACQUIRE) == 0;
}

int once_fd(struct leat_once *once)
{
    return once && !once_is_over(once) ? once->over.fd : -1;
}
