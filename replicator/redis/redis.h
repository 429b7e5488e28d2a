/* redis.h - the Redis sink: records become commands, and each batch is one script that holds them and the mark.
 *
 *   {leat:shop.cache}:mark        hash, named after the connector
 *     shop/0                      the mark of a split (leat/sink.h)
 *     shop/0 owner                who claimed the split
 *     shop/0 stop                 how far the batch behind the mark got before a record was refused; mostly ""
 *
 * Reading order: link.h (a connection), request.h (commands of a batch as bytes), encode.h (a record as commands), script.h
 * (what the server runs, and its answers), preflight.h, sink.c.
 */
#ifndef LEAT_REDIS_REDIS_H
#define LEAT_REDIS_REDIS_H

#include <leat/sink.h>

extern const struct leat_sink_type leat_sink_redis;
extern const struct leat_source_type leat_source_redis; /* source.c */

#endif
