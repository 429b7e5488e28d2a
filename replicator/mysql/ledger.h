/* ledger.h - the marks of a sink in its target: table leat_marks, one row for each split (I3, I4).
 *
 *   claim    locks the row (whoever's transaction is still open there ends first), reads the mark, raises owner_epoch
 *   advance  first statement of each batch's transaction: UPDATE ... WHERE owner_epoch = ? AND sequence = ?
 *
 * A COMMIT whose answer was lost is decided by the next claim: the row says whether it happened (I5). */
#ifndef LEAT_MYSQL_LEDGER_H
#define LEAT_MYSQL_LEDGER_H

#include <base/buffer.h>
#include <leat/sink.h>
#include <mysql/client.h>

#define LEDGER_SPLITS_MAX 64

struct ledger_row {
    char *split;
    uint64_t owner_epoch, sequence;
};

struct ledger {
    char table[3 * CLIENT_NAME_MAX]; /* `database`.`leat_marks` */
    char connector[CLIENT_NAME_MAX]; /* as a literal */
    struct ledger_row *rows;
    uint32_t count;
};

/* What a task remembers from one life to the next, so that it never takes back by itself what another took (I4). */
struct ledger_owner {
    char name[200]; /* "HOST, process 4711, start 1a2b3c4d5e6f7788"; "": not drawn yet */
    uint64_t held[LEDGER_SPLITS_MAX]; /* owner_epoch of each split of the claim; 0: never held */
};

void ledger_init(struct ledger *ledger, const struct client *client, const char *database, const char *table,
                 const char *connector);
void ledger_fini(struct ledger *ledger);

/* Makes the table where it is not there. */
enum leat_status ledger_create(struct ledger *ledger, struct client *client, struct leat_error *err);
/* FENCED: another owner has claimed a split that we held. */
enum leat_status ledger_claim(struct ledger *ledger, struct client *client, struct ledger_owner *owner,
                              const struct leat_splits *claim, struct leat_marks *stored, struct leat_error *err);
/* Inside a transaction. The row counts once it is committed: then ledger_advanced(). FENCED, naming who. */
enum leat_status ledger_advance(struct ledger *ledger, struct client *client, const struct leat_batch *batch,
                                struct leat_error *err);
void ledger_advanced(struct ledger *ledger, const struct leat_batch *batch);
/* Says which DDL comes next, or FENCED; committed. The next advance() forgets it. */
enum leat_status ledger_intend(struct ledger *ledger, struct client *client, uint32_t split, const char *ddl,
                               size_t len, struct leat_error *err);

#endif
