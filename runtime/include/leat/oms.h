/* oms.h - the OpenMessaging API for C programs: topics without a pipeline.
 *
 *     struct leat_oms *oms;
 *     leat_oms_open("oms:commitlog:///var/lib/mine", false, &oms, &err);
 *     leat_oms_producer_open(oms, &(struct leat_oms_producer_config){.name = "till"}, &producer, &err);
 *     leat_oms_send(producer, &(struct leat_oms_message){.topic = "sales", .data = "7 apples", .data_len = 8}, &err);
 *
 * OpenMessaging has several lines that contradict each other. Followed here are
 *
 *   the message      of 1.0.0-alpha, the newest that is written down: headers, extension headers, properties, data.
 *                    qos: always 0, at least once; a transaction that also moves a position is how to get more.
 *   destinations     of 2.x: topics with partitions and offsets, no queues.
 *   the producer     of 1.0.0-beta: send, sendAsync; transactions as 0.3's batch sender: send .. commit | rollback.
 *   the consumer     of 2.x, pulling: subscribe, poll, seek, offset for a time, commit.
 *   status codes     of 1.0.0-beta's OMSResponseStatus, with their numbers.
 *
 * Left out: priority, delay, expiry, compression, push consumers, interceptors, resource management.
 *
 * Threads: an access point may be used by all; a producer and a consumer by one at a time. One process writes to a
 * commit log; open it read-only beside a running daemon.
 */
#ifndef LEAT_OMS_H
#define LEAT_OMS_H

#include <leat/record.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_oms_status {
    LEAT_OMS_SUCCESS = 1200,
    LEAT_OMS_BAD_REQUEST = 1400,
    LEAT_OMS_FORBIDDEN = 1403,           /* writing to what was opened read-only */
    LEAT_OMS_NO_DESTINATION = 1404,      /* no such topic or partition */
    LEAT_OMS_CONSUMER_EXISTS = 1408,     /* another consumer of this name has taken over */
    LEAT_OMS_PRODUCER_EXISTS = 1409,     /* another producer of this name has taken over */
    LEAT_OMS_TIMEOUT = 1410,             /* sent, perhaps durable: ask again with leat_oms_flush() */
    LEAT_OMS_BODY_TOO_LARGE = 1413,
    LEAT_OMS_NO_NEW_MESSAGE = 1414,
    LEAT_OMS_SERVER_ERROR = 1500,
    LEAT_OMS_STORAGE_ERROR = 1501,       /* damaged, or what the position stands for is gone */
    LEAT_OMS_STORAGE_BUSY = 1502,        /* too much is queued */
    LEAT_OMS_NOT_AVAILABLE = 1503,       /* in use by another process, or the disk is full or failed */
    LEAT_OMS_NO_ACCESS_POINT = 10000,
    LEAT_OMS_URL_ILLEGAL = 10001,
};
const char *leat_oms_status_name(enum leat_oms_status status);

/* ---- access points ---- */

struct leat_oms;

/* The URL names the place: "oms:commitlog:///DIR", "oms:memory:". Read-only: no lock, nothing is written. */
enum leat_oms_status leat_oms_open(const char *url, bool is_read_only, struct leat_oms **oms, struct leat_error *err);
/* All its producers and consumers must be closed. */
void leat_oms_close(struct leat_oms *oms);

/* ---- messages ---- */

struct leat_oms_property {
    const char *name;
    struct leat_value value; /* TEXT, BYTES, BOOL, INT64, FLOAT64 */
};

struct leat_oms_message {
    const char *topic;      /* header: destination */
    char message_id[40];    /* header: set by send, whatever stood there */
    int64_t born_timestamp; /* header: ms since 1970; 0 when sending: now */
    const void *key;        /* extension: messageKey; NULL: none. Messages of one key keep their order in lanes */
    size_t key_len;
    const char *correlation_id, *trace_id; /* extensions; NULL: none */
    const struct leat_oms_property *properties;
    size_t property_count;
    const void *data; /* NULL: no data (a tombstone) */
    size_t data_len;
    bool is_text; /* data is UTF-8: connectors then show it as text, not as base64 */
    /* Of messages that were received. */
    int32_t partition;
    uint64_t offset;
    int64_t store_timestamp; /* extension: ms since 1970, when it was committed */
    const struct leat_record *record; /* all of it. Where its value is a row or a tree, data is that as JSON */
};

/* ---- producers ---- */

struct leat_oms_producer;

struct leat_oms_producer_config {
    const char *name; /* producer id: who opens it later fences who had it */
    const char *log;  /* NULL: the name */
    int64_t queue_bytes; /* most that is sent and not durable; 0: 8 MiB */
    int64_t timeout_ms;  /* of send and commit; 0: 30000 */
};

enum leat_oms_status leat_oms_producer_open(struct leat_oms *oms, const struct leat_oms_producer_config *config,
                                            struct leat_oms_producer **producer, struct leat_error *err);
/* Flushes first, within the timeout; what waits even then is told why (TIMEOUT: perhaps it becomes durable yet).
 * Transactions that are not committed are rolled back. */
void leat_oms_producer_close(struct leat_oms_producer *producer);

/* Durable on success. Inside a transaction: gathered, and success means no more than that. */
enum leat_oms_status leat_oms_send(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                   struct leat_error *err);

/* SUCCESS: sent on its way; `done` (may be NULL) is called once, by this or a later call on the producer, in the order of
 * sending but for those refused; it may call leat_oms_send_async(), nothing else. Any other status: nothing was sent, and
 * `done` is not called (where it is NULL, the trouble may be that of messages before). STORAGE_BUSY: call leat_oms_flush(),
 * or leat_oms_progress() when the fd is readable. */
typedef void leat_oms_done_f(void *arg, enum leat_oms_status status, const char *message_id);
enum leat_oms_status leat_oms_send_async(struct leat_oms_producer *producer, struct leat_oms_message *message,
                                         leat_oms_done_f *done, void *arg, struct leat_error *err);
/* Calls what is due, without waiting. */
enum leat_oms_status leat_oms_progress(struct leat_oms_producer *producer, struct leat_error *err);
/* Waits until all that was sent is durable. */
enum leat_oms_status leat_oms_flush(struct leat_oms_producer *producer, struct leat_error *err);
int leat_oms_producer_fd(struct leat_oms_producer *producer); /* readable: call leat_oms_progress() */

/* Messages that become visible together, or not at all; any topics. */
enum leat_oms_status leat_oms_begin(struct leat_oms_producer *producer, struct leat_error *err);
enum leat_oms_status leat_oms_commit(struct leat_oms_producer *producer, struct leat_error *err);
void leat_oms_rollback(struct leat_oms_producer *producer);
/* Within a transaction: where the program goes on, kept under `key` with the messages. NULL value: forget it. */
enum leat_oms_status leat_oms_position(struct leat_oms_producer *producer, const struct leat_value *key,
                                       const struct leat_value *value, struct leat_error *err);
/* As it was when the producer was opened; NULL: none. */
const struct leat_value *leat_oms_position_get(struct leat_oms_producer *producer, const struct leat_value *key);

/* ---- consumers ---- */

struct leat_oms_consumer;

struct leat_oms_consumer_config {
    const char *name; /* consumer id, keeps its place; NULL: reads and leaves no trace */
    const char *const *topics; /* names or patterns ("shop.*", "!shop.log"), NULL-terminated; NULL: all but *.dead */
    const char *const *logs;   /* NULL: all */
    bool starts_at_end; /* where nothing is committed yet; else at the beginning */
    uint32_t most_messages; /* of one poll; 0: 1000 */
};

/* Goes on where it committed last. */
enum leat_oms_status leat_oms_consumer_open(struct leat_oms *oms, const struct leat_oms_consumer_config *config,
                                            struct leat_oms_consumer **consumer, struct leat_error *err);
void leat_oms_consumer_close(struct leat_oms_consumer *consumer); /* commits nothing */

/* The next messages, which live until the next call; NO_NEW_MESSAGE when the timeout passed without any. */
enum leat_oms_status leat_oms_poll(struct leat_oms_consumer *consumer, int64_t timeout_ms,
                                   const struct leat_oms_message **messages, size_t *count, struct leat_error *err);
int leat_oms_consumer_fd(struct leat_oms_consumer *consumer); /* after NO_NEW_MESSAGE: readable when there is news */

enum leat_oms_status leat_oms_seek_to_beginning(struct leat_oms_consumer *consumer, struct leat_error *err);
enum leat_oms_status leat_oms_seek_to_end(struct leat_oms_consumer *consumer, struct leat_error *err);
/* To the first message that was stored at this time or later. */
enum leat_oms_status leat_oms_seek_to_time(struct leat_oms_consumer *consumer, int64_t timestamp_ms,
                                           struct leat_error *err);
/* In the log that holds this partition; others stay where they are. */
enum leat_oms_status leat_oms_seek(struct leat_oms_consumer *consumer, const char *topic, int32_t partition,
                                   uint64_t offset, struct leat_error *err);

/* Commits all that poll() has returned; durable on success. */
enum leat_oms_status leat_oms_consumer_commit(struct leat_oms_consumer *consumer, struct leat_error *err);

#ifdef __cplusplus
}
#endif
#endif
