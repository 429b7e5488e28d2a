/* marks.h - the sink's marks in Kafka: a compacted topic of one partition, the newest record of a key counts.
 *
 *   key      CONNECTOR/SPLIT
 *   value    leat_mark_encode()
 *   headers  leat-owner: "leat on HOST, pid PID, since TIME (ID)"
 *
 * Readers are held up by transactions of others that are open in the topic: a mark that stands behind one is not visible
 * until that has ended. So the end is asked for without regard to transactions, and the reader goes there.
 */
#ifndef LEAT_KAFKA_MARKS_H
#define LEAT_KAFKA_MARKS_H

#include <kafka/client.h>

#define KAFKA_OWNER_MOST 256
#define KAFKA_OWNER_HEADER "leat-owner"

struct kafka_found {
    struct leat_mark mark;        /* layout 0: none */
    char owner[KAFKA_OWNER_MOST]; /* "" where there is none */
};

struct kafka_topic_wish kafka_marks_wish(int64_t replication);

/* Makes the topic where it is missing; STOP where it is there and would lose marks. */
enum leat_status kafka_marks_prepare(struct kafka_client *client, struct leat_task *task, const char *topic, bool may_make,
                                     int64_t replication, struct leat_error *err);

/* The newest mark under `key`. `name`: of the connector, for the log. OPEN: also of transactions that have not ended, or not
 * well; it waits for none.
 * `task` may be NULL. */
enum kafka_marks_view { KAFKA_MARKS_COMMITTED, KAFKA_MARKS_OPEN };
enum leat_status kafka_mark_read(const char *name, struct leat_task *task, const struct kafka_access *access,
                                 const char *topic, const char *key, enum kafka_marks_view view, struct kafka_found *found,
                                 struct leat_error *err);

/* False: the user may not read it, or it does not answer. */
bool kafka_marks_readable(const char *name, const struct kafka_access *access, const char *topic, struct leat_error *err);

#endif
