/* transaction.h - a large batch of one form, sent as WATCH and MULTI ... EXEC: what the script does, at half of its cost.
 *
 *   ask   WATCH the mark's key, HMGET the mark, MULTI      is it the mark that the batch follows, and is the split still ours?
 *   act   the records but the last one; the script, for the last one and the mark; EXEC        else DISCARD
 *
 * A script's arguments are hashed and copied byte for byte before it begins; a transaction's are not. It is as exact: `act` is
 * sent when `ask` is answered, and EXEC does nothing where the mark has been touched since. But it cannot stop at a record
 * that is refused. So it is for commands that differ in the bytes of their messages alone: a key of another type, a right that
 * is missing, refuse all of them or none. The last one tells which: behind a refusal the script stores no mark, and nothing was
 * applied. Whatever a transaction does not do, the script is asked to do next, and its answer says what is in the way.
 */
#ifndef LEAT_REDIS_TRANSACTION_H
#define LEAT_REDIS_TRANSACTION_H

#include <redis/script.h>

/* Is the batch of one form, and worth the second trip? Messages are taken whatever their bytes are: the caller knows that. */
bool transaction_fits(const struct request *request);

/* Writes both parts, as script_write() does. */
void transaction_write(const struct script *script, struct request *request, const char *split);

enum transaction {
    TRANSACTION_WAITS,  /* for more answers */
    TRANSACTION_ACTS,   /* `act` may be sent: it is as the mark allows, the batch or DISCARD */
    TRANSACTION_DONE,   /* batch and mark are applied */
    TRANSACTION_NONE,   /* nothing is */
    TRANSACTION_HALTED, /* nothing is, but the mark's token is that of a batch which stopped half-way */
    TRANSACTION_STUCK,  /* nothing is, but the connection cannot leave it */
    TRANSACTION_BROKEN  /* some of it is */
};
/* The next answer is QUEUED, or EXEC's: it may be brief (link.h). */
bool transaction_is_brief(const struct request *request);
/* The next answer to it. */
enum transaction transaction_take(const struct script *script, struct request *request, const redisReply *reply);

#endif
