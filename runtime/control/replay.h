/* replay.h - `leat replay`: writes the claim that sends sinks to another place (task/sent_back.h). */
#ifndef LEAT_CONTROL_REPLAY_H
#define LEAT_CONTROL_REPLAY_H

#include <base/buffer.h>
#include <config/definition.h>
#include <model/batch.h>

struct leat_replay {
    const struct leat_driver_type *driver;
    struct leat_access *access;
    const struct leat_config *config; /* NULL: sinks are known by what they have written */
};

/* `name`: "shop.archive", or "shop" for all its sinks; `from`: earliest, latest, a time, or TOPIC[/PARTITION]:OFFSET.
 * `sent` is called for each sink, once its claim is durable. LEAT_REJECT: there is no such sink, or no such place. */
typedef void leat_sent_f(void *arg, const char *sink);
enum leat_status leat_replay_write(const struct leat_replay *replay, const char *name, const char *from,
                                   leat_sent_f *sent, void *arg, struct leat_error *err);

#endif
