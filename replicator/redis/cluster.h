/* cluster.h - the sink in a Redis Cluster.
 *
 * No script spans two nodes, so a batch and its mark must lie in one hash slot: all keys have one literal hash tag
 * ("{{shop}:{key.id}"), or are one literal key; the mark's key gets the tag, too. The connection is to that slot's master,
 * which MOVED names; while the slot migrates (ASK, TRYAGAIN) the sink waits.
 */
#ifndef LEAT_REDIS_CLUSTER_H
#define LEAT_REDIS_CLUSTER_H

#include <redis/encode.h>
#include <redis/link.h>

/* What of every key decides on its slot, to be freed; NULL: it depends on the records. A publisher has no keys: `own`. */
char *cluster_tag(const struct encode_options *encode, const char *own);

/* STOP: there is no tag, or the mark's key has another one. */
enum leat_status cluster_validate(const struct link *link, const char *tag, const char *mark_key, struct leat_error *err);

/* Connects to the master of the key's slot; the link is closed where that fails. */
enum leat_status cluster_follow(struct link *link, const struct link_options *options, const char *key, struct leat_error *err);

#endif
