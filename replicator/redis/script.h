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

/* Writes the request's head: its mark is stored if the target's token is the one that it expects. */
void script_write(const struct script *script, struct request *request, const char *split);

/* For a transaction (transaction.h): the reading of the mark, and whether the answer is the expected token with our owner; the
 * script for the last record of a request of one form, whose arguments are at `arguments`. */
void script_write_read(const struct script *script, struct leat_bytes *out, const char *split);
bool script_is_at(const struct script *script, const redisReply *reply, const struct token *expected);
void script_write_last(const struct script *script, struct leat_bytes *out, const struct request *request, const char *split,
                       const uint8_t *arguments);

enum outcome { OUTCOME_DONE, OUTCOME_LOST, OUTCOME_HALT, OUTCOME_FAILED };
struct answer {
    enum outcome outcome;
    const char *text;  /* LOST: the owner; HALT, FAILED: the error; the reply's */
    uint32_t record;   /* HALT: which of the request's, from 0; UINT32_MAX: none, nothing was applied */
    bool has_mark;     /* LOST: there is a mark */
};
struct answer script_answer(const redisReply *reply);

#endif
