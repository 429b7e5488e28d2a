/* record.h - records, the schemas that name their fields, and the batches in which they travel.
 *
 *   batch --- arena
 *     | records[0..n)   topic, schema, op, time, key, value, before, headers, source
 *     | positions       "where the source goes on", the keys that this batch moved
 *     | number          counted per task, from 1
 *
 * One record is one message, everywhere: codecs are 1:1. A batch is filled by one thread, handed over,
 * and never shared.
 */
#ifndef LEAT_RECORD_H
#define LEAT_RECORD_H

#include <leat/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_batch;

/* ---- topics: interned for the life of the process, so that pointers compare ---- */

struct leat_topic {
    const char *name; /* terminated */
    uint32_t name_len;
    uint32_t number; /* small, dense, of this process only */
};

/* Any thread. `len` 1..249 bytes. */
const struct leat_topic *leat_topic(const char *name, size_t len);

/* ---- schemas: immutable, interned by content for the life of the process ---- */

enum leat_field_flag {
    LEAT_FIELD_REQUIRED = 1,  /* never null */
    LEAT_FIELD_HAS_DEFAULT = 2,
};

/* What a field means beyond its value type; codecs choose their form by it. */
enum leat_meaning {
    LEAT_PLAIN = 0,
    LEAT_INT8, LEAT_INT16, LEAT_INT24, LEAT_INT32, /* INT64/UINT64 that came from a narrower integer */
    LEAT_YEAR,
    LEAT_BIT,      /* UINT64; width = bits */
    LEAT_ENUM,     /* TEXT, one of labels */
    LEAT_SET,      /* TEXT, labels joined by commas */
    LEAT_GEOMETRY, /* BYTES: SRID u32 LE, WKB */
    LEAT_UUID,     /* TEXT, 36 characters */
    LEAT_INET,     /* TEXT */
    LEAT_VECTOR,   /* BYTES: float32 LE */
};

struct leat_field {
    const char *name;
    uint8_t type;    /* enum leat_type; LEAT_ABSENT: any, each value says its own */
    uint8_t meaning; /* enum leat_meaning */
    uint8_t flags;
    uint8_t scale;      /* DECIMAL: scale; TIME, DATETIME, TIMESTAMP: fraction digits */
    uint32_t width;     /* DECIMAL: precision; BIT: bits; TEXT, BYTES: most characters or bytes; else 0 */
    const char *native; /* the source's own type, "bigint(20) unsigned"; "" where it has none */
    const char *labels; /* ENUM, SET: the labels, each followed by '\n'; else "" */
};

struct leat_schema {
    uint64_t hash;         /* of the content: the same in every process */
    const char *connector; /* kind of source: "mysql", "mariadb", ... */
    const char *space;     /* database; "" where there is none */
    const char *name;      /* table */
    const struct leat_field *fields; /* of value and before, in source order */
    uint32_t field_count;
    uint32_t key_count;
    const uint32_t *keys; /* indices into fields, in key order */
    const struct leat_field *source_fields; /* of record.source: at most LEAT_SOURCE_FIELDS_MAX */
    uint32_t source_count;
};

/* The interned schema with this content (deep copy; `hash` is ignored). Any thread. NULL when the
 * process holds LEAT_SCHEMA_MAX schemas already: a script that invents names per record. */
#define LEAT_SCHEMA_MAX 100000
#define LEAT_SOURCE_FIELDS_MAX 64
const struct leat_schema *leat_schema(const struct leat_schema *content);

/* Index of the field, or -1. */
int32_t leat_schema_find(const struct leat_schema *schema, const char *name, size_t len);

/* ---- records ---- */

enum leat_op {
    LEAT_CREATE = 'c',
    LEAT_UPDATE = 'u',
    LEAT_DELETE = 'd',
    LEAT_READ = 'r', /* snapshot */
    LEAT_TRUNCATE = 't',
    LEAT_GAP = 'g',    /* control: something is missing here, and an operator allowed it */
    LEAT_SCHEMA = 's', /* control: the schema changes here */
    LEAT_MARKER = 'm', /* control: snapshot first/last, resync, end of an emptied transaction */
};

enum leat_record_flag {
    LEAT_ENDS_TRANSACTION = 1,
    LEAT_SNAPSHOT = 2,
    LEAT_DROPPED = 4,   /* a transform dropped it: it is not written */
    LEAT_TOMBSTONE = 8, /* op d, key only: follows a delete for compacted topics */
    LEAT_KEY_CHANGED = 16, /* half of an update that changed the key: a d or the c after it */
    LEAT_SNAPSHOT_PENDING = 64, /* a change, while rows of a snapshot are still to come: who has all up to it has not all */
    LEAT_FLAT = 32,        /* the row alone is the message: envelope formats leave the envelope out (unwrap) */
};

struct leat_record {
    const struct leat_topic *topic;
    const struct leat_schema *schema; /* NULL: value is self-describing (MAP, TEXT, BYTES ...) */
    int64_t time_us;                  /* event time, microseconds since 1970 UTC */
    uint64_t offset;                  /* set by the topic; before that 0 */
    uint32_t key_hash;                /* of the native key bytes; 0 until the writer sets it */
    int32_t partition;
    uint8_t op; /* enum leat_op */
    uint8_t flags;
    /* With a schema: key is a STRUCT of the key fields (or NULL), value and before are STRUCTs of all
     * fields (or NULL; before ABSENT where the source gave none), source a STRUCT of source_fields. */
    struct leat_value key, value, before;
    struct leat_value headers; /* MAP, or ABSENT */
    struct leat_value source;
};

/* True for g, s and m. */
static inline bool leat_op_is_control(uint8_t op)
{
    return op == LEAT_GAP || op == LEAT_SCHEMA || op == LEAT_MARKER;
}

/* ---- batches ---- */

/* Number of this batch in its task, from 1. A source: of the batch that this poll() hands out, known once the owner
 * thread has taken or received it; 0 in side threads. */
uint64_t leat_batch_number(const struct leat_batch *batch);

uint32_t leat_batch_count(const struct leat_batch *batch);

/* Record `index`; its address holds until the next add or insert. */
const struct leat_record *leat_batch_get(const struct leat_batch *batch, uint32_t index);
struct leat_record *leat_batch_edit(struct leat_batch *batch, uint32_t index);

/* Appends a zeroed record (all values ABSENT), or puts one before `index`. */
struct leat_record *leat_batch_add(struct leat_batch *batch);
struct leat_record *leat_batch_insert(struct leat_batch *batch, uint32_t index);

/* Memory that lives as long as the batch; 8-byte aligned; never NULL. */
void *leat_batch_alloc(struct leat_batch *batch, size_t size_bytes);
char *leat_batch_copy(struct leat_batch *batch, const void *bytes, size_t len);

/* Deep copy into the batch's arena. */
struct leat_value leat_batch_copy_value(struct leat_batch *batch, const struct leat_value *value);

/* True when a source should hand the batch out: its bytes or records reached the task's limit. */
bool leat_batch_is_full(const struct leat_batch *batch);

/* The source's position under `key` is `value` once this batch is durable (deep copies; the last call
 * for a key counts). A NULL value removes the key. */
void leat_batch_position(struct leat_batch *batch, const struct leat_value *key,
                         const struct leat_value *value);

/* Marks record `index` as refused, with the reason; the caller then returns LEAT_REJECT. Several per
 * call are welcome. The records stay as they are: a sink does this to the batch that it may only read. */
void leat_batch_reject(const struct leat_batch *batch, uint32_t index, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

/* Sink side: the place after record `index` in its split. Cursors of one split compare by memcmp in
 * the order of reading (first `len` bytes; both have the same length). */
struct leat_cursor {
    uint8_t len;
    uint8_t bytes[31];
};
struct leat_cursor leat_batch_cursor(const struct leat_batch *batch, uint32_t index);

/* ---- positions: what a source committed before, key -> value ---- */

struct leat_positions;

uint32_t leat_positions_count(const struct leat_positions *positions);
void leat_positions_at(const struct leat_positions *positions, uint32_t index,
                       const struct leat_value **key, const struct leat_value **value);
/* NULL where there is none. */
const struct leat_value *leat_positions_get(const struct leat_positions *positions,
                                            const struct leat_value *key);

#ifdef __cplusplus
}
#endif
#endif
