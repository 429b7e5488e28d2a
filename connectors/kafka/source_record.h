/* source_record.h - a Kafka message as a record: value and key by formats, headers, timestamp, deletes.
 *
 *   value        by the format; undecodable: the record is refused, with the original bytes
 *   no value     a delete by its key; after a Debezium delete of that key: its tombstone
 *   key          by key_format; "auto": as Debezium writes it in that format, else text (bytes where it is no UTF-8)
 *   time         that of the envelope where the format has one, else the message's timestamp
 *   headers      a MAP in their order: text, bytes where it is no UTF-8, or null
 *   source       {topic, partition, offset}, where the format brings none
 *
 * Thread: one coder, one thread.
 */
#ifndef LEAT_KAFKA_SOURCE_RECORD_H
#define LEAT_KAFKA_SOURCE_RECORD_H

#include <kafka/source_place.h>
#include <model/coder.h>
#include <librdkafka/rdkafka.h>

struct source_coder {
    struct leat_coder value, key; /* key not open: as it is */
    bool is_debezium;
};

/* Both formats can be read. */
enum leat_status source_coder_validate(const struct leat_format *format, const char *key_format, struct leat_error *err);
enum leat_status source_coder_open(struct source_coder *coder, const struct leat_format *format, const char *key_format,
                                   const char *connector, struct leat_error *err);
void source_coder_close(struct source_coder *coder);

/* Adds the record of a message to the batch; refused there if it cannot be read. Moves the place behind it. */
void source_record_add(struct source_coder *coder, const rd_kafka_message_t *message, const struct leat_topic *topic,
                       struct source_place *place, struct leat_batch *batch);

/* Of a dead letter: the record as source_record_add() refused it is decoded in place; LEAT_REJECT: not now either. */
enum leat_status source_record_again(struct source_coder *coder, struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err);

#endif
