#include <kafka/driver.h>
#include <kafka/kafka.h>
#include <kafka/member.h>

/* Its group and its topic stand beside the topics of the access point. */
static enum leat_status coordinator_open(const struct leat_coordinator_config *config, struct leat_coordinator **coordinator,
                                         struct leat_error *err)
{
    struct leat_access *access = config->access;
    const struct kafka_group group = {
        .access = &access->how, .namespace = access->namespace, .replication = access->replication};
    return kafka_member_open(&group, config, coordinator, err);
}

const struct leat_coordinator_type leat_coordinator_kafka = {
    .struct_size = sizeof(struct leat_coordinator_type),
    .name = "kafka",
    .about = "The processes of a Kafka group share the tasks.",
    .open = coordinator_open,
    .look = kafka_member_look,
    .tell = kafka_member_tell,
    .fd = kafka_member_fd,
    .leave = kafka_member_leave,
    .close = kafka_member_close,
};
