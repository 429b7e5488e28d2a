/* script.h - what the server runs for each batch, and what it answers.
 *
 * The script compares the split's token, stores the new mark, and applies the records in order, all at once (I3, I4):
 *
 *   token   owner epoch and sequence (16 bytes, of the mark); "": no mark; 'R' behind it: a batch stopped half-way
 *   owner   who claimed the split last; another one's batches are not applied, whatever their token
 *   1       done
 *   lost    the token or the owner is another: nothing was applied; with the owner that the target names
 *   halt    a record was refused: those before it are applied, and `stop` keeps how far; nothing behind it was
 *
 * A script's effects reach disk and replicas as one transaction, so a crash leaves all of it or nothing.
 */
#ifndef LEAT_REDIS_SCRIPT_H
#define LEAT_REDIS_SCRIPT_H

#include <redis/link.h>
#include <redis/request.h>

#define TOKEN_BYTES 17

struct token {
    uint8_t bytes[TOKEN_BYTES];
    uint32_t len; /* 0, 16 or 17 */
};
struct token token_of(uint64_t owner_epoch, uint64_t sequence, bool is_stopped);

struct script {
    char sha[41];
    char *mark_key;
    char owner[LEAT_OWNER_MAX]; /* this process, and a number of this opening */
};

/* Loads the script into the server. */
enum leat_status script_load(struct script *script, struct link *link, struct leat_error *err);

struct stored { /* what the target holds of a split */
    struct leat_mark mark;
    struct token token;
    uint32_t skip; /* records behind the mark's cursor, of one place in the log, that are applied */
    char owner[LEAT_OWNER_MAX];
};
/* RETRY, or STOP where the key holds something else. */
enum leat_status script_read(const struct script *script, struct link *link, const char *split, struct stored *stored,
                             struct leat_error *err);

/* Writes the request's head: `mark` is stored if the target's token is `expected`. */
void script_head(const struct script *script, struct request *request, const char *split, const struct token *expected);

enum outcome { OUTCOME_DONE, OUTCOME_LOST, OUTCOME_HALT, OUTCOME_FAILED };
struct answer {
    enum outcome outcome;
    const char *text;  /* LOST: the owner; HALT, FAILED: the error; the reply's */
    uint32_t record;   /* HALT: which of the request's, from 0; UINT32_MAX: none, nothing was applied */
    bool has_mark;     /* LOST: there is a mark */
};
struct answer script_answer(const redisReply *reply);

#endif
