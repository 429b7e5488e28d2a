/* preflight.h - what `leat check --connect` looks at, and what no run may go without. */
#ifndef LEAT_REDIS_PREFLIGHT_H
#define LEAT_REDIS_PREFLIGHT_H

#include <redis/encode.h>
#include <redis/link.h>

/* Everything: version, cluster, role, eviction, persistence, rights. `mark_key` may be NULL. */
enum leat_status redis_preflight(const struct link_options *to, const struct encode_options *encode, const char *mark_key,
                                 struct leat_report *report, struct leat_error *err);

/* What would break the promise: STOP, or RETRY where it passes (a replica during a failover). */
enum leat_status redis_preflight_must(struct link *link, struct leat_error *err);

/* In a cluster: goes to the node that has the keys, or says why there is none; `*mark_key` NULL becomes one beside them, to be
 * freed. No cluster: nothing happens. `name`: the connector's. */
enum leat_status redis_find_node(struct link *link, const struct link_options *to, const struct encode_options *encode,
                                 const char *name, const char *mark_key, char **found, struct leat_error *err);

#endif
