/* orphans.h - consumers of the logs that no sink of the pipeline files has: one was taken out, or has another name now. They
 * keep their places, so that one that comes back misses nothing, and retention keeps for them what they have not read.
 *
 * Any thread.
 */
#ifndef LEAT_CONTROL_ORPHANS_H
#define LEAT_CONTROL_ORPHANS_H

#include <base/buffer.h>
#include <config/load.h>
#include <leat/driver.h>

bool leat_is_orphan(const struct leat_config *config, const char *consumer);

/* Each consumer of the logs that are open, whether a sink has it or not; nothing where the topics are kept elsewhere. */
void leat_consumers(const struct leat_driver_type *driver, struct leat_access *access, leat_consumer_f *each, void *arg);
/* Those that are orphans. */
void leat_orphans(const struct leat_config *config, const struct leat_driver_type *driver, struct leat_access *access,
                  leat_consumer_f *each, void *arg);

/* "no sink of the pipeline files has this name; log shop keeps 12.0 MiB for it until `leat offsets forget shop.copy`, ..." */
void leat_orphan_text(struct leat_bytes *out, const struct leat_consumer_info *orphan);

#endif
