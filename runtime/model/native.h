/* native.h - the record format of the commit log: exact, compact, versioned.
 *
 * The format is the opening comment of native.c. Values stand alone (leat_native_value: keys of state,
 * positions); records stand in a stream of one frame, each after the other, because `source` and time are
 * written as the difference from the record before.
 */
#ifndef LEAT_MODEL_NATIVE_H
#define LEAT_MODEL_NATIVE_H

#include <base/wire.h>
#include <model/batch.h>

#define LEAT_NATIVE_FORMAT 1 /* what the frame's "record format" says */

/* Self-describing value. decode: deep, into the arena; false for bytes that are none. */
void leat_native_put_value(struct leat_bytes *out, const struct leat_value *value);
bool leat_native_get_value(struct leat_cut *cut, struct leat_arena *arena, struct leat_value *value);

/* A schema's content. */
void leat_native_put_schema(struct leat_bytes *out, const struct leat_schema *schema);
const struct leat_schema *leat_native_get_schema(struct leat_cut *cut); /* interned; NULL: bad bytes */

/* One stream = the records of one frame. The caller maps topics to slots and schemas to ids. */
struct leat_native_writer {
    const struct leat_record *previous; /* in this frame; NULL at its start */
    bool remembers; /* its source: the next one's is written as the difference from it */
    int64_t base_us; /* the first record's time is written as the difference from it: the reader needs the same */
};
/* Appends one record; sets rec->key_hash (of its native key bytes; without a key: of the topic's name).
 * schema_id 0: no schema. `rec` must stay as it is until the next one is put. out->is_over: too large, or nested
 * more than 999 deep; then nothing was appended. */
void leat_native_put_record(struct leat_native_writer *writer, struct leat_bytes *out,
                            struct leat_record *rec, uint32_t topic_slot, uint32_t schema_id);

/* The part of a record that a reader needs to skip it. */
struct leat_native_head {
    uint32_t topic_slot;
    uint32_t schema_id;
    uint32_t key_hash;
    uint8_t op, flags;
    struct leat_cut body; /* the rest */
};
struct leat_native_reader { /* zeroed but for base_us */
    int64_t base_us;
    struct leat_value source[LEAT_SOURCE_FIELDS_MAX]; /* of the record before, for differences; text points into the frame */
    uint32_t source_count;
    int64_t last_us; /* of the record before, from base_us */
};
/* Next record's head; false at the end of the stream or on bad bytes (cut->is_bad). */
bool leat_native_next(struct leat_native_reader *reader, struct leat_cut *stream,
                      struct leat_native_head *head);
/* Decodes the body into `rec` (topic and schema already set by the caller); values point into the arena, or
 * into the frame's bytes where `borrow` says that these live as long. Every record's `source` must be passed
 * through (leat_native_skip) even when the record is not wanted. */
bool leat_native_read(struct leat_native_reader *reader, struct leat_native_head *head,
                      struct leat_arena *arena, bool borrow, struct leat_record *rec);
bool leat_native_skip(struct leat_native_reader *reader, struct leat_native_head *head,
                      const struct leat_schema *schema);

#endif
