/* member.h - this process in a Kafka group that shares the slots of a topic among its members (coordinator.h).
 *
 *   NAMESPACE.tasks     a topic of 64 partitions without a record: a slot is a partition
 *   leat.NAMESPACE      the group; cooperative: what stays with a member is not touched by the coming and going of others
 *
 *   librdkafka's threads   heartbeats
 *   "leat-member"          takes what the group gives and takes; gives a partition back when the host has let go of it
 *   the host's thread      look, tell
 */
#ifndef LEAT_KAFKA_MEMBER_H
#define LEAT_KAFKA_MEMBER_H

#include <kafka/client.h>
#include <leat/coordinator.h>

struct kafka_group {
    const struct kafka_access *access;
    const char *namespace;
    int64_t replication; /* of the topic, where it is to be made; 0: as the broker likes */
};

enum leat_status kafka_member_open(const struct kafka_group *group, const struct leat_coordinator_config *config,
                                   struct leat_coordinator **coordinator, struct leat_error *err);
/* The rest of a struct leat_coordinator_type. */
enum leat_status kafka_member_look(struct leat_coordinator *member, struct leat_holding *holding, struct leat_error *err);
void kafka_member_tell(struct leat_coordinator *member, uint64_t busy);
int kafka_member_fd(struct leat_coordinator *member);
void kafka_member_leave(struct leat_coordinator *member);
void kafka_member_close(struct leat_coordinator *member);
enum leat_status kafka_member_check(const struct kafka_group *group, struct leat_report *report, struct leat_error *err);

#endif
