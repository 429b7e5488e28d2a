/* coordinator.h - which tasks of a config this process runs, where several processes share them.
 *
 *   task  --hash of its name-->  one of 64 slots  --coordinator-->  the process that holds the slot
 *
 * The host looks at what it shall hold, starts and stops tasks, and tells what it still holds: a slot goes to another process
 * only when the tasks in it have ended here, or when this process is taken for dead. In that case its tasks may still run
 * while others have begun: what keeps them from doing harm is the fencing of each target and of the topics, not the group.
 */
#ifndef LEAT_COORDINATOR_H
#define LEAT_COORDINATOR_H

#include <leat/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_SLOTS 64 /* for ever: all processes of all versions must mean the same */

struct leat_coordinator;

struct leat_coordinator_config {
    struct leat_access *access; /* open; where the topics are: the driver is the one of the coordinator's name */
    const char *instance;       /* name of this process, unlike all others' */
    int64_t session_us;         /* one that is not heard of for so long is taken for dead */
};

struct leat_holding {
    uint64_t slots;       /* bit N: slot N is ours */
    bool is_lost;         /* slots that are missing since the last look were taken away: their tasks end at once */
};

/* Calls come from one thread; none waits, but open() and close(). */
struct leat_coordinator_type {
    uint32_t struct_size;
    uint32_t traits;
    const char *name, *about;

    /* Joins; what it holds comes later. */
    enum leat_status (*open)(const struct leat_coordinator_config *config, struct leat_coordinator **coordinator,
                             struct leat_error *err);
    /* LEAT_FENCED: another process has this one's name. LEAT_STOP: a person must look. Both are final, nothing is held. */
    enum leat_status (*look)(struct leat_coordinator *coordinator, struct leat_holding *holding, struct leat_error *err);
    /* Slots that have tasks which did not end. Told after each look, and when it has changed. */
    void (*tell)(struct leat_coordinator *coordinator, uint64_t busy);
    /* Readable when there is news. */
    int (*fd)(struct leat_coordinator *coordinator);
    /* Optional: asks to leave, so that others take over at once; look() then shows no slots. Without it one process runs all. */
    void (*leave)(struct leat_coordinator *coordinator);
    void (*close)(struct leat_coordinator *coordinator);
    /* Optional, as a connector's: may it join? Nobody hears of it. */
    enum leat_status (*check)(const struct leat_coordinator_config *config, struct leat_report *report, struct leat_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
