/* plant.h - bugs that were planted on purpose: each is a mistake that somebody could make, and shows that the tests would
 * find it (tests/sim/planted.py). Built in with -DLEAT_PLANTED alone; there the environment variable LEAT_PLANT names the
 * one that is on. Elsewhere the compiler takes them out. */
#ifndef LEAT_BASE_PLANT_H
#define LEAT_BASE_PLANT_H

#ifdef LEAT_PLANTED
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool leat_planted(const char *name)
{
    const char *on = getenv("LEAT_PLANT");
    return on && strcmp(on, name) == 0;
}
#else
#define leat_planted(name) false
#endif

#endif
