/* source_parts.h - the partitions that a kafka source reads: found, judged, given to its readers, and found again.
 *
 *   look    topics of the brokers -> wanted partitions that no reader has -> where each goes on
 *             it has a position: within what the partition holds? else a gap: stop, or a gap record (I7)
 *             it has none:       `start`, if this is the source's first look ever, else its first record
 *
 * What a look finds is in a batch of its own, which is handed out before the readers bring records of it. Thread: the owner's.
 */
#ifndef LEAT_KAFKA_SOURCE_PARTS_H
#define LEAT_KAFKA_SOURCE_PARTS_H

#include <base/hash.h>
#include <kafka/source_catalog.h>
#include <kafka/source_reader.h>

enum source_start { SOURCE_EARLIEST, SOURCE_LATEST, SOURCE_TIME };

struct source_parts_config {
    const char *name; /* of the connector */
    struct kafka_client *client;
    struct leat_list topics;
    enum source_start start;
    int64_t start_ms;
    bool continues_at_gaps;
};

struct source_parts {
    struct source_parts_config config;
    const struct leat_positions *from;
    struct source_reader **readers;
    size_t reader_count;
    struct source_part **items;
    size_t count;
    struct leat_table by_key; /* "orders/3" -> part */
    bool has_looked; /* at least once in this life */
    bool has_begun;  /* `start` has been used */
    bool is_hurried; /* look again soon: an answer was lacking */
};

void source_parts_open(struct source_parts *parts, const struct source_parts_config *config,
                       const struct leat_positions *from, struct source_reader **readers, size_t reader_count);
/* After the readers have stopped. */
void source_parts_close(struct source_parts *parts);

/* Fills `batch` with what the readers must not begin before; it may stay empty. */
enum leat_status source_parts_look(struct source_parts *parts, struct leat_task *task, struct leat_batch *batch,
                                   int64_t patience_us, struct leat_error *err);
struct source_part *source_parts_find(struct source_parts *parts, const char *key, size_t len);
/* A reader has given one back. */
bool source_parts_need_look(const struct source_parts *parts);
uint32_t source_parts_reading(const struct source_parts *parts);

#endif
