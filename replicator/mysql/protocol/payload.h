/* payload.h - the events inside a TRANSACTION_PAYLOAD (MySQL 8.0.20 and later, binlog_transaction_compression).
 *
 *   body: fields of type lenenc, length lenenc, value lenenc: 1 size, 2 compression (0 zstd, 255 none), 3 size when
 *         inflated; type 0 ends them; then the compressed run of events
 *
 * A payload holds a transaction from BEGIN to XID; its GTID comes before. The events inside have no checksum, and
 * log_pos 0 or one that means nothing: the position is that of the payload. They may inflate to far more than a
 * gigabyte, so they come one at a time:
 *
 *     struct leat_payload payload;
 *     status = leat_payload_open(&payload, ev, format, err);
 *     while (status == LEAT_OK && (status = leat_payload_next(&payload, &inner, err)) == LEAT_OK)
 *         ... inner, with &payload.format
 *     leat_payload_close(&payload);
 *
 * Thread: one at a time.
 */
#ifndef LEAT_MYSQL_PROTOCOL_PAYLOAD_H
#define LEAT_MYSQL_PROTOCOL_PAYLOAD_H

#include <mysql_protocol/event.h>

struct leat_payload {
    struct leat_binlog_format format; /* of the events inside: as outside, without checksums */
    uint64_t inflated_bytes;          /* as announced; 0: not said */
    uint64_t given_bytes;             /* of events given so far */
    struct leat_cut rest;             /* still compressed */
    bool is_plain;                    /* not compressed */
    bool is_frame_done;
    bool has_peeked, is_bad; /* `bytes` are the head of the next event, as far as there is one */
    void *stream;
    struct leat_bytes bytes; /* the event that was given last */
};

/* STOP: damaged, or a compression that we do not know. `ev`'s bytes stay until close. */
enum leat_status leat_payload_open(struct leat_payload *payload, const struct leat_binlog_event *ev,
                                   const struct leat_binlog_format *format, struct leat_error *err);

/* The next event inside; its bytes stay until the next call. OK, EOF, or STOP. */
enum leat_status leat_payload_next(struct leat_payload *payload, struct leat_binlog_event *inner,
                                   struct leat_error *err);

/* Its type, before it is taken; 0: there is none, or leat_payload_next() tells of damage. The event before is gone. */
uint8_t leat_payload_peek(struct leat_payload *payload);

/* Also after a failed open. */
void leat_payload_close(struct leat_payload *payload);

#endif
