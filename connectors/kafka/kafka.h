/* kafka.h - the kafka sink: records and the sink's mark in one Kafka transaction.
 *
 *   owner thread     record -> key, value, headers -> bytes of the next round      topics are looked up, or created
 *   sender thread    begin -> all messages of the round -> the mark -> commit      librdkafka sends from its own threads
 *
 *   leat-marks       a compacted topic of one partition; key "CONNECTOR/SPLIT", value a struct leat_mark, header
 *                    "leat-owner" says who wrote it
 *
 * A transactional id, "leat.CONNECTOR.TASK", belongs to one producer at a time: who opens the sink bumps its epoch in Kafka,
 * the transaction of an older one can no longer end, and the mark is read after that. Each claim is a mark of its own, so
 * that the one who lost can say to whom.
 *
 * Reading order: client.h (librdkafka's settings, topics), marks.h (the mark's topic), sender.h (the transaction), format.h
 * (a record's bytes), sink.c.
 */
#ifndef LEAT_KAFKA_KAFKA_H
#define LEAT_KAFKA_KAFKA_H

#include <leat/coordinator.h>

extern const struct leat_sink_type leat_sink_kafka;
extern const struct leat_source_type leat_source_kafka;
extern const struct leat_driver_type leat_driver_kafka;
extern const struct leat_coordinator_type leat_coordinator_kafka;

#endif
