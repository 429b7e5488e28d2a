/* driver_check.c - what `leat check --connect` tells of logs in Kafka: brokers, rights, topics, transactions. */
#include <kafka/driver.h>

#include <kafka/preflight.h>
#include <base/memory.h>
#include <stdlib.h>

static enum leat_status check_log(struct leat_access *access, const char *log, bool tries_transaction,
                                  struct leat_report *report, struct leat_error *err)
{
    char *data = leat_format_dup("%s.log.%s", access->namespace, log), *state = leat_format_dup("%s.state.%s", access->namespace, log);
    char *id = leat_format_dup("leat.%s", access->namespace);
    const struct preflight_config config = {
        .access = &access->how,
        .topic = data,
        .marks_topic = state,
        .transactional_id = id,
        .may_make = true,
        .is_exact = tries_transaction,
        .is_log = true,
        .wish = {.partitions = 1, .replication = access->replication},
    };
    enum leat_status status = kafka_preflight(&config, report, err);
    free(data);
    free(state);
    free(id);
    return status;
}

/* The right to transactional ids is one for all of them. */
enum leat_status kdriver_check(struct leat_access *access, const char *const *logs, struct leat_report *report,
                               struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && logs[i]; i++)
        status = check_log(access, logs[i], i == 0, report, err);
    return status;
}
