/* memory.h - whose the splits were when a sink's task last looked: kept from life to life (leat_task_keep()). */
#ifndef LEAT_REDIS_MEMORY_H
#define LEAT_REDIS_MEMORY_H

#include <redis/script.h>

#define MEMORY_SPLITS 64 /* of more, those that are too many are taken over by each life */

struct known {
    uint64_t split, owner, epoch; /* hashes of the names; of the mark */
    bool is_used;
};

struct memory {
    char me[LEAT_OWNER_MAX - 20]; /* the same in all lives */
    struct known known[MEMORY_SPLITS];
};

/* The owner's name of this life. */
void memory_name(struct memory *memory, char owner[LEAT_OWNER_MAX]);
/* May this life take the split over, as it was found? Who starts a sink wants it to; one that comes back by itself does not:
 * who has claimed the split since it looked goes on. A mark that is older than what it knows is the target's loss. */
bool memory_takes(struct memory *memory, const char *split, const struct stored *found);
void memory_note(struct memory *memory, const char *split, const char *owner, uint64_t epoch);

#endif
