/* source_check.h - what `leat check --connect` tells of a kafka source: brokers, topics, and whether they may be read. Nothing
 * is written, and no group is joined. Thread: any. */
#ifndef LEAT_KAFKA_SOURCE_CHECK_H
#define LEAT_KAFKA_SOURCE_CHECK_H

#include <kafka/client.h>
#include <leat/source.h>

struct source_check_config {
    struct kafka_client *client; /* open, with the source's settings */
    const struct kafka_access *access;
    struct leat_list topics;
};
/* Findings go into the report; RETRY: no broker could be reached. */
enum leat_status source_check(const struct source_check_config *config, struct leat_report *report, struct leat_error *err);

#endif
