/* ledger.h - the marks of a sink in its target: table leat_marks, one row for each split (I3, I4).
 *
 *   claim    locks the row (whoever's transaction is still open there ends first), reads the mark, raises owner_epoch
 *   advance  first statement of each batch's transaction: UPDATE ... WHERE owner_epoch = ? AND sequence = ?
 *
 * A COMMIT whose answer was lost is decided by the next claim: the row says whether it happened (I5).
 *
 * Lanes: log "shop" has the splits shop/0, or shop/0of3, shop/1of3, shop/2of3. When a claim finds rows of another number of
 * lanes it makes its own of them in one transaction (recut.c): all at the earliest of the old marks, and each row says, in
 * `written`, how far each old lane was, until the new one is behind all of them. Column `reached` is where a lane waits for
 * the others: it has written all that is its own before that place. */
#ifndef LEAT_MYSQL_LEDGER_H
#define LEAT_MYSQL_LEDGER_H

#include <base/buffer.h>
#include <leat/sink.h>
#include <mysql/client.h>

#define LEDGER_SPLITS_MAX 64

struct ledger_row {
    char *split;
    uint64_t owner_epoch, sequence;
    struct leat_cursor furthest; /* of the old lanes that `written` speaks of; len 0: it is empty */
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
                              struct leat_task *task, const struct leat_splits *claim, struct leat_marks *stored,
                              struct leat_error *err);
/* What a claim would find, without one. STOP: rows of other lanes are there, or what these have written is not all told. */
enum leat_status ledger_peek(struct ledger *ledger, struct client *client, const char *split, struct leat_mark *mark,
                             char owner[LEAT_OWNER_MAX], struct leat_error *err);
/* Inside a transaction. The row counts once it is committed: then ledger_advanced(). FENCED, naming who. */
enum leat_status ledger_advance(struct ledger *ledger, struct client *client, uint32_t split, struct leat_mark *mark,
                                struct leat_error *err);
void ledger_advanced(struct ledger *ledger, uint32_t split);
/* Between transactions: FENCED, where somebody else has claimed a split meanwhile. */
enum leat_status ledger_look(struct ledger *ledger, struct client *client, struct leat_error *err);
/* Says that the lane waits at `place`; committed. */
enum leat_status ledger_reach(struct ledger *ledger, struct client *client, uint32_t split, const struct leat_cursor *place,
                              struct leat_error *err);
/* Have all other lanes reached the place, or is lane 0 behind it? */
enum leat_status ledger_met(struct ledger *ledger, struct client *client, uint32_t split, const struct leat_cursor *place,
                            bool is_lane0_enough, bool *have_met, struct leat_error *err);
/* Says which DDL comes next, or FENCED; committed. The next advance() forgets it. */
enum leat_status ledger_intend(struct ledger *ledger, struct client *client, uint32_t split, const char *ddl,
                               size_t len, struct leat_error *err);

/* ---- for recut.c and ledger.c ---- */

struct lane { /* of a split's name */
    size_t prefix; /* length of "shop/" */
    uint32_t number, count; /* count 0: this is no lane */
};
struct lane lane_of(const char *split);

/* Inside the claim's transaction: turns rows of other lanes into rows of ours, where there are any. FENCED: `held`, and they
 * were made of ours. */
enum leat_status ledger_recut(struct ledger *ledger, struct client *client, const char *split, const char *owner,
                              uint64_t held, struct leat_error *err);
/* The host hears of it; *furthest: of all. False: this is no such text. */
bool ledger_tell_written(const char *text, struct leat_task *task, uint32_t split, struct leat_cursor *furthest);

#define CURSOR_TEXT 64
const char *cursor_text(const struct leat_cursor *cursor, char out[CURSOR_TEXT]);
bool cursor_parse(const char **at, struct leat_cursor *cursor); /* hex digits, maybe none */

#endif
