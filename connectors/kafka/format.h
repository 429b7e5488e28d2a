/* format.h - a record's key, value and headers as Kafka has them. Thread: the owner's. */
#ifndef LEAT_KAFKA_FORMAT_H
#define LEAT_KAFKA_FORMAT_H

#include <base/buffer.h>
#include <kafka/sender.h>
#include <leat/codec.h>

struct format;
struct format_config {
    const char *connector;
    const struct leat_format *format;
    const char *key;          /* template; NULL: the record's key in the format */
    struct leat_pairs headers; /* templates */
};
enum leat_status format_validate(const struct format_config *config, struct leat_error *err);
enum leat_status format_open(struct format **format, const struct format_config *config, struct leat_error *err);
void format_close(struct format *format); /* NULL is fine */

/* Appends to the round's bytes and fills all of the message but its topic. REJECT: the caller cuts the round back. */
enum leat_status format_add(struct format *format, const struct leat_record *rec, struct leat_bytes *bytes,
                            struct round_message *message, size_t *size, struct leat_error *err);

#endif
