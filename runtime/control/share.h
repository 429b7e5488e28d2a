/* share.h - this process's share of the tasks: connectors follow a coordinator.
 *
 *   look -> slots ours -> their tasks start;   slots gone -> their tasks stop, end -> tell: another process may have them
 *
 * A task that was fenced, while the coordinator has held its slot for us a session longer, was fenced by one that does not
 * hold it any more (a frozen process that woke up): it begins again, a few times.
 * Thread: main.
 */
#ifndef LEAT_CONTROL_SHARE_H
#define LEAT_CONTROL_SHARE_H

#include <leat/coordinator.h>
#include <stdbool.h>

#define LEAT_ALL_SLOTS UINT64_MAX

struct leat_control;

struct leat_share {
    const struct leat_coordinator_type *type;
    struct leat_coordinator_config config;
    struct leat_coordinator *coordinator;
    uint64_t slots;          /* ours, as of the last look */
    unsigned changes;        /* of `slots`, so far: two lines about them are never the same, the logger prints both */
    enum leat_status status; /* STOP, FENCED: over, `error` says why */
    struct leat_error error;
    bool is_open, is_leaving;
};

extern const struct leat_coordinator_type leat_coordinator_single; /* holds all slots */

/* The same in all processes and versions. */
uint32_t leat_slot_of(const char *pipeline, const char *connector, uint32_t number);

enum leat_status share_open(struct leat_control *control, const struct leat_coordinator_type *type,
                            const struct leat_coordinator_config *config, struct leat_error *err);
/* After its tasks. */
void share_close(struct leat_control *control);

/* Notes which tasks are ours as the coordinator's news tell; those of lost slots are stopped at once. Never waits. */
void share_look(struct leat_control *control);
/* Tells what has not ended yet, after the tasks that are not ours were asked to. */
void share_tell(struct leat_control *control);
int share_fd(const struct leat_control *control);
/* True where several processes share the tasks: then this one ends when asked to, not when its own tasks have ended. */
bool share_has_others(const struct leat_control *control);
/* Fenced, but it will begin again if its slot stays ours. */
struct running;
bool share_is_fenced_for_now(const struct leat_control *control, const struct running *running);
/* Others may take over now: all slots go. */
void share_leave(struct leat_control *control);
/* Nothing of ours runs any more. */
bool share_is_idle(const struct leat_control *control);

#endif
