/* encode.h - a record as commands: which, on which key, with what.
 *
 *   as        insert, update                      delete                      an update that moves the key or member
 *   stream    XADD key * value MESSAGE            XADD, the format's message  -
 *             XADD key * column text ...          ... __deleted true          -
 *   list      RPUSH key MESSAGE                   the format's message        -
 *   publish   PUBLISH key MESSAGE                 the format's message        -
 *   string    SET key MESSAGE                     UNLINK key                  UNLINK of the old key
 *   json      SET key ROW-AS-JSON                 UNLINK key                  UNLINK of the old key
 *   hash      HSET key column text ..., HDEL      UNLINK key                  UNLINK of the old key
 *   set       SADD key member                     SREM key member             SREM of the old one
 *   zset      ZADD key score member               ZREM key member             ZREM of the old one
 *
 * Thread: one at a time.
 */
#ifndef LEAT_REDIS_ENCODE_H
#define LEAT_REDIS_ENCODE_H

#include <leat/option.h>
#include <redis/request.h>

enum redis_as { AS_STREAM, AS_HASH, AS_STRING, AS_JSON, AS_LIST, AS_SET, AS_ZSET, AS_PUBLISH };

struct encode_options {
    int64_t as; /* enum redis_as */
    const char *key, *member, *field, *score, *ttl_field;
    struct leat_format format;
    bool columns; /* stream: a field for each column */
    int64_t maxlen, minid_us, ttl_us;
};

/* Does the server take each record whatever is in it, so that what it refuses is the command or the key? */
bool encode_takes_all(const struct encode_options *options);

struct encoder;

/* Options that do not go together. */
enum leat_status encode_validate(const struct encode_options *options, struct leat_error *err);
enum leat_status encoder_new(struct encoder **encoder, const struct encode_options *options, const char *connector,
                             struct leat_error *err);
void encoder_free(struct encoder *encoder); /* NULL is fine */

/* The record's calls, of a request_begin() that the caller has made; none where it has no message. */
enum leat_status encode_record(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                               struct leat_error *err);

#endif
