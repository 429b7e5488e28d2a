#include <kafka/driver.h>
#include <kafka/kafka.h>
#include <kafka/member.h>

/* Its group and its topic stand beside the topics of the access point. */
static struct kafka_group group_of(const struct leat_access *access)
{
    return (struct kafka_group){.access = &access->how, .namespace = access->namespace, .replication = access->replication};
}

static enum leat_status coordinator_open(const struct leat_coordinator_config *config, struct leat_coordinator **coordinator,
                                         struct leat_error *err)
{
    const struct kafka_group group = group_of(config->access);
    return kafka_member_open(&group, config, coordinator, err);
}

static enum leat_status coordinator_check(const struct leat_coordinator_config *config, struct leat_report *report,
                                          struct leat_error *err)
{
    const struct kafka_group group = group_of(config->access);
    return kafka_member_check(&group, report, err);
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
    .check = coordinator_check,
};
