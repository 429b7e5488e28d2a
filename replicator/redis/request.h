/* request.h - the commands of one batch, as the bytes of one EVALSHA.
 *
 *   head   EVALSHA sha 1 MARK-KEY split token mark owner from cursors width     written when it is sent (script.h)
 *   body   run, run ...                                                        written by put()
 *   run    records  calls  ( prefix-count argument-count prefix... )[calls]  ( argument... )[records]
 *
 * Records whose commands have the same form, one after the other, are one run: what they share is sent once, and their
 * own arguments follow. A record's second command is run where its first one was not refused.
 */
#ifndef LEAT_REDIS_REQUEST_H
#define LEAT_REDIS_REQUEST_H

#include <base/buffer.h>
#include <leat/sink.h>

#define REQUEST_ARGUMENTS 7000 /* of one command: Lua's stack has 8,000 places */
#define REQUEST_CALLS     4    /* of one record */

#define TOKEN_BYTES 17

struct token { /* script.h */
    uint8_t bytes[TOKEN_BYTES];
    uint32_t len; /* 0, 16 or 17 */
};

struct request_form { /* of the record at hand */
    uint32_t prefixes, arguments;
    size_t at, len; /* of its prefix, in request->prefix */
};

enum request_state { REQUEST_QUEUED, REQUEST_ASKED, REQUEST_SENT, REQUEST_DONE, REQUEST_HALTED, REQUEST_REPORTED,
                     REQUEST_VOID }; /* sink.c */

struct request {
    struct request *next;
    enum request_state state;
    uint64_t batch;
    uint32_t split;
    struct leat_mark mark; /* to be stored; epoch and sequence are set when it is sent */
    struct token expected; /* what the target must hold */
    struct leat_bytes head, body;
    size_t sent; /* of head and body, or of head and act */
    uint64_t body_count; /* arguments in body */
    /* its records: their places in the batch, and the cursors behind them */
    uint32_t *indices, count, cap, from;
    struct leat_bytes cursors;
    uint32_t width; /* of a cursor */
    bool is_claim, is_void; /* void: sent behind one that stopped half-way; its answer says nothing */
    struct leat_time sent_at;
    /* as a transaction: head and act (transaction.h) */
    struct leat_bytes lead, act; /* lead: what each record begins with */
    bool is_transaction, is_asked_well, is_begun, may_act; /* may_act: what is behind the head may be sent */
    uint32_t answers;
    /* the run at hand */
    uint32_t runs, run_calls, run_records;
    struct request_form run_call[REQUEST_CALLS];
    struct leat_bytes run_prefix, form; /* of its calls; both with the counts, as the script takes them */
    size_t run_at, run_begin;           /* of its count and of its arguments, in body */
    /* the record at hand */
    struct leat_bytes prefix, arguments;
    struct request_form calls[REQUEST_CALLS];
    uint32_t call_count;
};

struct request *request_new(void);
void request_free(struct request *request);
void request_clear(struct request *request); /* to be filled anew; keeps some memory */

/* One record: begin, then for each command call, prefixes, arguments; then end. A record that is begun anew, or not ended,
 * leaves nothing. */
void request_begin(struct request *request);
void request_call(struct request *request);
void request_prefix(struct request *request, const void *bytes, size_t len); /* before the call's arguments */
void request_argument(struct request *request, const void *bytes, size_t len);
bool request_has_calls(const struct request *request);
/* REJECT: it is too large. */
enum leat_status request_end(struct request *request, uint32_t index, const struct leat_cursor *cursor,
                             struct leat_error *err);

void resp_argument(struct leat_bytes *out, const void *bytes, size_t len);
void resp_number(struct leat_bytes *out, uint64_t number);

#endif
