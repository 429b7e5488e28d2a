/* transaction.h - what records tell of their transaction, where the source was asked to (transaction_metadata: true):
 *
 *   source.transaction_id, transaction_order (1, 2 ... in it), transaction_table_order (among those of its table); Debezium's
 *   format writes them as its "transaction" block
 *
 *   on topic NAME.transaction, with key {"id": ...}:
 *     {"status":"BEGIN","id":"0-1-7","ts_ms":...,"event_count":null,"data_collections":null}          before its first record
 *     {"status":"END","id":"0-1-7","ts_ms":...,"event_count":3,"data_collections":[{"data_collection":"shop.t","event_count":3}]}
 *
 * The id is the GTID; without GTIDs "file=bin.000001,pos=154", its place. Transactions without a captured row have neither.
 * A tombstone is not counted. Position, while rows of a transaction are in the topic that has not come to its end:
 *   "transaction" -> {order: 3, tables: {"shop.t": 3}}
 *
 * Thread: the owner's.
 */
#ifndef LEAT_MYSQL_TRANSACTION_H
#define LEAT_MYSQL_TRANSACTION_H

#include <base/hash.h>
#include <leat/record.h>

struct table;

struct transaction_table {
    char *name; /* "db.t" */
    uint64_t count;
};

struct transaction {
    const struct leat_topic *topic;
    uint64_t order; /* of the last record */
    struct leat_table by_name; /* "db.t" -> place in tables, from 1 */
    struct transaction_table *tables;
    uint32_t table_count, table_cap;
    bool is_resumed; /* what was loaded is of the transaction that begins next */
    bool is_stored;  /* the positions have it */
};

/* `name` of the source. */
void transaction_init(struct transaction *transaction, const char *name, const struct leat_positions *from);
void transaction_fini(struct transaction *transaction);

void transaction_begin(struct transaction *transaction);
/* The next record's three numbers; `id` NULL (a snapshot's): three NULLs. Before the first one of a transaction the BEGIN record
 * must be in the batch. */
void transaction_number(struct transaction *transaction, const struct leat_value *id, const struct table *table,
                        struct leat_value items[3]);
static inline bool transaction_has_begun(const struct transaction *transaction)
{
    return transaction->order > 0;
}
void transaction_add_begin(const struct transaction *transaction, struct leat_batch *batch, const struct leat_value *id,
                           int64_t time_us);
/* Adds the END record where there was a BEGIN, and forgets the transaction. */
void transaction_end(struct transaction *transaction, struct leat_batch *batch, const struct leat_value *id, int64_t time_us);

/* Of one that the server has rolled back: it has no end. */
void transaction_forget(struct transaction *transaction);

/* Into the batch's position; `is_within` a transaction that goes on. */
void transaction_store(struct transaction *transaction, bool is_within, struct leat_batch *batch);

#endif
