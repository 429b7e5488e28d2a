/* source_place.h - where the kafka source stands in a partition, which partitions it wants, and what is missing. Pure.
 *
 *   position   "orders/3" -> {offset: 4712, last: 4711, print: 1234567890, deleted: 987654}
 *              offset: of the next record; last and print: offset of the record that was read last, and a hash of its key and
 *              value, by which a topic is told from one of the same name that was made anew; deleted: hash of the key that
 *              record deleted, if it was a Debezium delete: a null message with this key is its tombstone
 *   position   "begun" -> {time: ...}: `start` has been used; what appears after that is read from its first record
 *
 * Offsets have holes where transactions ended, were aborted, or a compaction removed records. Holes are no gaps: a gap is
 * a position that lies before a partition's first offset or behind its end (I7).
 */
#ifndef LEAT_KAFKA_SOURCE_PLACE_H
#define LEAT_KAFKA_SOURCE_PLACE_H

#include <leat/option.h>
#include <leat/record.h>

struct source_place {
    int64_t next;
    int64_t last; /* -1: none */
    uint64_t print, deleted;
};

#define SOURCE_BEGUN "begun"
#define SOURCE_KEY_MOST 272 /* bytes of "TOPIC/PARTITION": a topic has 249 */

void source_key(char out[SOURCE_KEY_MOST], const char *topic, int32_t partition);
void source_place_store(const struct source_place *place, const char *key, struct leat_batch *batch);
/* OK: *place is what stands there; AGAIN: nothing does. */
enum leat_status source_place_load(struct source_place *place, const char *key, const struct leat_positions *from,
                                   struct leat_error *err);
/* Hash of a record; never 0. */
uint64_t source_print(const void *key, size_t key_len, const void *value, size_t value_len);

/* Topics are names or patterns, each with /PARTITION if only that one is meant; ! excludes. Patterns never mean internal
 * topics and those of Leat's marks. */
bool source_wants(const struct leat_list *topics, const char *topic, int32_t partition);
bool source_has_patterns(const struct leat_list *topics);
enum leat_status source_check_topics(const struct leat_list *topics, struct leat_error *err);
/* The name without its /PARTITION; false for a pattern or an exclusion. */
bool source_name_of(const char *item, char out[SOURCE_KEY_MOST]);

/* OK: `place` lies within [low, end]. STOP: records are missing, and err says which and what to do. `name`: the connector. */
enum leat_status source_judge(const struct source_place *place, const char *name, const char *key, int64_t low, int64_t end,
                              struct leat_error *err);
/* STOP: the record that was read last is another one now. */
enum leat_status source_other_record(const struct source_place *place, const char *name, const char *key, int64_t low,
                                     struct leat_error *err);

#endif
