#include <redis/transaction.h>

#include <base/assert.h>

#define RECORDS_LEAST 20 /* below it a trip costs more than the script */
#define ASK_ANSWERS   3

bool transaction_fits(const struct request *request)
{
    return request->runs == 1 && request->run_calls == 1 && request->count >= RECORDS_LEAST && request->from == 0;
}

/* ---- writing ---- */

static void write_ask(const struct script *script, struct request *request, const char *split)
{
    struct leat_bytes *ask = &request->head;
    leat_bytes_clear(ask);
    leat_bytes_text(ask, "*2\r\n");
    resp_argument(ask, "WATCH", 5);
    resp_argument(ask, script->mark_key, strlen(script->mark_key));
    script_write_read(script, ask, split);
    leat_bytes_text(ask, "*1\r\n$5\r\nMULTI\r\n");
}

/* Where the arguments of the next record begin. */
static const uint8_t *skip_arguments(const uint8_t *at, uint32_t count)
{
    while (count-- > 0) {
        size_t len = 0;
        for (at++; *at != '\r'; at++)
            len = len * 10 + (size_t)(*at - '0');
        at += len + 4;
    }
    return at;
}

static void write_act(const struct script *script, struct request *request, const char *split)
{
    const struct request_form *call = &request->run_call[0];
    const uint8_t *at = request->body.data + request->run_begin, *next;
    struct leat_bytes *act = &request->act, *lead = &request->lead;
    leat_bytes_clear(lead);
    leat_bytes_printf(lead, "*%u\r\n", call->prefixes + call->arguments);
    leat_bytes_add(lead, request->run_prefix.data, request->run_prefix.len);
    leat_bytes_clear(act);
    leat_bytes_reserve(act, request->count * lead->len + request->body.len + 1024);
    for (uint32_t i = 1; i < request->count; i++, at = next) {
        next = skip_arguments(at, call->arguments);
        leat_bytes_add(act, lead->data, lead->len);
        leat_bytes_add(act, at, (size_t)(next - at));
    }
    script_write_last(script, act, request, split, at);
    leat_bytes_text(act, "*1\r\n$4\r\nEXEC\r\n");
    leat_assert(!act->is_over && skip_arguments(at, call->arguments) == request->body.data + request->body.len);
}

void transaction_write(const struct script *script, struct request *request, const char *split)
{
    write_ask(script, request, split);
    write_act(script, request, split);
    request->sent = 0;
    request->answers = 0;
    request->is_asked_well = true;
    request->may_act = false;
}

/* ---- answers ---- */

static bool is_status(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
}

static void write_discard(struct request *request)
{
    leat_bytes_clear(&request->act);
    leat_bytes_text(&request->act, "*1\r\n$7\r\nDISCARD\r\n");
}

static enum transaction take_asked(const struct script *script, struct request *request, const redisReply *reply)
{
    bool is_well = request->answers == 2 ? script_is_at(script, reply, &request->expected) : is_status(reply, "OK");
    request->is_asked_well = request->is_asked_well && is_well && !request->is_void;
    if (request->answers < ASK_ANSWERS)
        return TRANSACTION_WAITS;
    request->is_begun = is_well;
    if (!request->is_asked_well)
        write_discard(request);
    request->may_act = true;
    return TRANSACTION_ACTS;
}

/* nil: the mark was touched; an error: a command was refused while they were queued. Both times nothing was applied. */
static enum transaction take_exec(const struct request *request, const redisReply *reply)
{
    if (!reply)
        return TRANSACTION_BROKEN;
    if (reply->type == REDIS_REPLY_NIL || reply->type == REDIS_REPLY_ERROR)
        return TRANSACTION_NONE;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != request->count)
        return TRANSACTION_BROKEN;
    size_t refused = 0, others = reply->elements - 1;
    for (size_t i = 0; i < others; i++)
        refused += reply->element[i] && reply->element[i]->type == REDIS_REPLY_ERROR;
    if (!reply->element[others])
        return TRANSACTION_BROKEN;
    struct answer last = script_answer(reply->element[others]);
    if (last.outcome == OUTCOME_DONE && refused == 0)
        return TRANSACTION_DONE;
    if (refused < others)
        return TRANSACTION_BROKEN;
    if (last.outcome == OUTCOME_HALT)
        return last.record == UINT32_MAX ? TRANSACTION_NONE : TRANSACTION_HALTED;
    return last.outcome == OUTCOME_FAILED ? TRANSACTION_NONE : TRANSACTION_BROKEN;
}

bool transaction_is_brief(const struct request *request)
{
    return request->answers >= ASK_ANSWERS && request->is_asked_well;
}

enum transaction transaction_take(const struct script *script, struct request *request, const redisReply *reply)
{
    request->answers++;
    if (request->answers <= ASK_ANSWERS)
        return take_asked(script, request, reply);
    if (!request->is_asked_well) /* it was DISCARD's; where MULTI was refused there is nothing to leave */
        return is_status(reply, "OK") || !request->is_begun ? TRANSACTION_NONE : TRANSACTION_STUCK;
    return request->answers <= ASK_ANSWERS + request->count ? TRANSACTION_WAITS : take_exec(request, reply);
}
