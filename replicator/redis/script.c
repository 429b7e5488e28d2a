#include <redis/script.h>

#include <base/assert.h>
#include <base/wire.h>
#include <stdio.h>

/* KEYS: the mark's key. ARGV: split, expected token, mark, owner, first record to apply, cursors, bytes of a cursor, 1 for a
 * claim, runs (request.h). Only a claim may find another owner: two that read the same mark send the same tokens. Lua 5.1; what can fail is called by pcall, so that it always reaches one of its returns. The mark goes
 * first: if it may not be written (memory, rights, a replica), nothing else is. */
static const char program[] =
    "local key, split, args = KEYS[1], ARGV[1], ARGV\n"
    "local pcall, unpack, sub, type = redis.pcall, unpack, string.sub, type\n"
    "local have = redis.call('HMGET', key, split, split .. ' stop', split .. ' owner')\n"
    "local old, stop = have[1], have[2] or ''\n"
    "local token = stop ~= '' and sub(stop, 1, 17) or old and sub(old, 37, 52) or ''\n"
    "if token ~= args[2] or args[8] ~= '1' and have[3] ~= args[4] then return {'lost', have[3] or '', old and 1 or 0} end\n"
    "local function failed(result) return type(result) == 'table' and result.err end\n"
    "local fields = {split, args[3]}\n"
    "if stop ~= '' then fields[3] = split .. ' stop' fields[4] = '' end\n"
    "if args[8] == '1' then fields[#fields + 1] = split .. ' owner' fields[#fields + 1] = args[4] end\n"
    "local err = failed(pcall('HSET', key, unpack(fields)))\n"
    "if err then return {'halt', 0, err} end\n"
    "local from, width, at, top, number = tonumber(args[5]), tonumber(args[7]), 9, #args, 0\n"
    /* The records before this one are in: `stop` says how far. Records of one place in the log have one cursor, which may not
     * be passed while one of them is missing: they are counted. Without any other cursor the old mark's holds on. */
    "local function halt(text)\n"
    "  local function cursor(n) return n > 0 and sub(args[6], (n - 1) * width + 1, n * width) or '' end\n"
    "  local last, same = number - 1, 0\n"
    "  while last > 0 and cursor(last) == cursor(number) do last = last - 1 same = same + 1 end\n"
    "  local place = cursor(last)\n"
    "  if last == 0 and stop ~= '' then\n"
    "    place = sub(stop, 22)\n"
    "    same = same + struct.unpack('<I4', sub(stop, 18, 21))\n"
    "  end\n"
    "  redis.call('HSET', key, split .. ' stop', sub(args[3], 37, 52) .. 'R' .. struct.pack('<I4', same) .. place)\n"
    "  if last == 0 and old then redis.call('HSET', key, split, old) end\n"
    "  if last == 0 and not old then redis.call('HDEL', key, split) end\n"
    "  return {'halt', number, text}\n"
    "end\n"
    "while at <= top do\n"
    "  local records, calls = tonumber(args[at]), tonumber(args[at + 1])\n"
    "  at = at + 2\n"
    "  local forms = {}\n"
    "  for c = 1, calls do\n"
    "    local prefixes, count = tonumber(args[at]), tonumber(args[at + 1])\n"
    "    local form = {}\n"
    "    for i = 1, prefixes do form[i] = args[at + 1 + i] end\n"
    "    forms[c] = {form, prefixes, count}\n"
    "    at = at + 2 + prefixes\n"
    "  end\n"
    "  local form, prefixes, count = forms[1][1], forms[1][2], forms[1][3]\n"
    "  if calls == 1 and count == 1 and prefixes == 4 and from <= number + 1 then\n"
    "    local a, b, c, d = form[1], form[2], form[3], form[4]\n" /* the common case: XADD key * value */
    "    for r = 1, records do\n"
    "      number = number + 1\n"
    "      local result = pcall(a, b, c, d, args[at])\n"
    "      if type(result) == 'table' and result.err then return halt(result.err) end\n"
    "      at = at + 1\n"
    "    end\n"
    "  else\n"
    "    for r = 1, records do\n"
    "      number = number + 1\n"
    "      for c = 1, calls do\n"
    "        form, prefixes, count = forms[c][1], forms[c][2], forms[c][3]\n"
    "        if number >= from then\n"
    "          for i = 1, count do form[prefixes + i] = args[at + i - 1] end\n"
    "          local result = pcall(unpack(form, 1, prefixes + count))\n"
    "          if type(result) == 'table' and result.err then return halt(result.err) end\n"
    "        end\n"
    "        at = at + count\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return 1\n";

#define STOP_HEAD  (TOKEN_BYTES + 4)
#define HEAD_COUNT 12 /* EVALSHA sha 1 key, and eight */

struct token token_of(uint64_t owner_epoch, uint64_t sequence, bool is_stopped)
{
    struct token token = {.len = is_stopped ? 17 : 16};
    leat_set_u64(token.bytes, owner_epoch);
    leat_set_u64(token.bytes + 8, sequence);
    token.bytes[16] = 'R';
    return token;
}

enum leat_status script_load(struct script *script, struct link *link, struct leat_error *err)
{
    const char *argv[] = {"SCRIPT", "LOAD", program};
    redisReply *reply = NULL;
    enum leat_status status = link_ask(link, &reply, err, 3, argv, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
        status = link_refused(link, reply->str, err);
    else if (status == LEAT_OK && (reply->type != REDIS_REPLY_STRING || reply->len != 40))
        status = leat_fail(err, LEAT_STOP, "%s: it answers SCRIPT LOAD as no Redis does", link->where);
    if (status == LEAT_OK)
        snprintf(script->sha, sizeof script->sha, "%s", reply->str);
    freeReplyObject(reply);
    return status;
}

/* ---- the mark ---- */

static enum leat_status strange(const struct script *script, const struct link *link, const char *what,
                                struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "%s: key %s %s; it belongs to something else: set `mark_key`", link->where,
                     script->mark_key, what);
}

static bool take_stop(const redisReply *reply, struct stored *stored)
{
    size_t len = (size_t)reply->len;
    if (len < STOP_HEAD || len - STOP_HEAD > sizeof stored->mark.cursor.bytes)
        return false;
    stored->token.len = TOKEN_BYTES;
    memcpy(stored->token.bytes, reply->str, TOKEN_BYTES);
    stored->skip = leat_get_u32(reply->str + TOKEN_BYTES);
    if (len > STOP_HEAD) {
        stored->mark.cursor.len = (uint8_t)(len - STOP_HEAD);
        memcpy(stored->mark.cursor.bytes, reply->str + STOP_HEAD, len - STOP_HEAD);
    }
    stored->mark.owner_epoch = leat_get_u64(stored->token.bytes);
    stored->mark.sequence = leat_get_u64(stored->token.bytes + 8);
    return true;
}

static enum leat_status take_stored(const struct script *script, const struct link *link, const redisReply *reply,
                                    struct stored *stored, struct leat_error *err)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return strncmp(reply->str, "WRONGTYPE", 9) == 0 ? strange(script, link, "is no hash", err)
                                                        : link_refused(link, reply->str, err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return strange(script, link, "cannot be read", err);
    const redisReply *mark = reply->element[0], *stop = reply->element[1], *owner = reply->element[2];
    if (mark->type == REDIS_REPLY_STRING) {
        if (!leat_mark_decode(mark->str, (size_t)mark->len, &stored->mark))
            return strange(script, link, "holds bytes that are no mark", err);
        stored->token = token_of(stored->mark.owner_epoch, stored->mark.sequence, false);
    }
    if (stop->type == REDIS_REPLY_STRING && stop->len > 0 && !take_stop(stop, stored))
        return strange(script, link, "holds bytes that are no mark", err);
    if (owner->type == REDIS_REPLY_STRING)
        snprintf(stored->owner, sizeof stored->owner, "%s", owner->str);
    return LEAT_OK;
}

struct fields { /* of the mark's hash, beside the split itself */
    char stop[300], owner[300];
};

static struct fields fields_of(const char *split)
{
    struct fields fields;
    snprintf(fields.stop, sizeof fields.stop, "%s stop", split);
    snprintf(fields.owner, sizeof fields.owner, "%s owner", split);
    return fields;
}

enum leat_status script_read(const struct script *script, struct link *link, const char *split, struct stored *stored,
                             struct leat_error *err)
{
    struct fields fields = fields_of(split);
    const char *argv[] = {"HMGET", script->mark_key, split, fields.stop, fields.owner};
    redisReply *reply = NULL;
    *stored = (struct stored){.skip = 0};
    enum leat_status status = link_ask(link, &reply, err, 5, argv, NULL);
    if (status == LEAT_OK)
        status = take_stored(script, link, reply, stored, err);
    freeReplyObject(reply);
    return status;
}

void script_write_read(const struct script *script, struct leat_bytes *out, const char *split)
{
    struct fields fields = fields_of(split);
    leat_bytes_text(out, "*5\r\n");
    resp_argument(out, "HMGET", 5);
    resp_argument(out, script->mark_key, strlen(script->mark_key));
    resp_argument(out, split, strlen(split));
    resp_argument(out, fields.stop, strlen(fields.stop));
    resp_argument(out, fields.owner, strlen(fields.owner));
}

bool script_is_at(const struct script *script, const redisReply *reply, const struct token *expected)
{
    struct leat_mark mark;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return false;
    const redisReply *have = reply->element[0], *stop = reply->element[1], *owner = reply->element[2];
    bool is_stopped = stop->type == REDIS_REPLY_STRING && stop->len > 0;
    if (is_stopped || have->type != REDIS_REPLY_STRING || !leat_mark_decode(have->str, (size_t)have->len, &mark))
        return false;
    struct token token = token_of(mark.owner_epoch, mark.sequence, false);
    return token.len == expected->len && memcmp(token.bytes, expected->bytes, token.len) == 0 &&
           owner->type == REDIS_REPLY_STRING && strcmp(owner->str, script->owner) == 0;
}

/* ---- a request and its answer ---- */

/* What stands before the runs, whose arguments are `count`. */
static void write_call(const struct script *script, struct leat_bytes *out, const struct request *request, const char *split,
                       const void *cursors, size_t cursors_len, uint64_t count)
{
    uint8_t mark[LEAT_MARK_BYTES_MAX];
    size_t mark_len = leat_mark_encode(&request->mark, mark);
    leat_bytes_printf(out, "*%llu\r\n", (unsigned long long)(HEAD_COUNT + count));
    resp_argument(out, "EVALSHA", 7);
    resp_argument(out, script->sha, 40);
    resp_number(out, 1);
    resp_argument(out, script->mark_key, strlen(script->mark_key));
    resp_argument(out, split, strlen(split));
    resp_argument(out, request->expected.bytes, request->expected.len);
    resp_argument(out, mark, mark_len);
    resp_argument(out, script->owner, strlen(script->owner));
    resp_number(out, request->from + 1);
    resp_argument(out, cursors, cursors_len);
    resp_number(out, request->width);
    resp_number(out, request->is_claim);
}

void script_write(const struct script *script, struct request *request, const char *split)
{
    leat_bytes_clear(&request->head);
    write_call(script, &request->head, request, split, request->cursors.data, request->cursors.len, request->body_count);
    leat_assert(!request->head.is_over);
    request->sent = 0;
}

void script_write_last(const struct script *script, struct leat_bytes *out, const struct request *request, const char *split,
                       const uint8_t *arguments)
{
    const struct request_form *call = &request->run_call[0];
    const uint8_t *cursor = request->cursors.data + request->cursors.len - request->width;
    leat_assert(request->runs == 1 && request->run_calls == 1 && request->from == 0);
    write_call(script, out, request, split, cursor, request->width, 4 + call->prefixes + call->arguments);
    resp_number(out, 1);
    leat_bytes_add(out, request->form.data, request->form.len);
    leat_bytes_add(out, arguments, (size_t)(request->body.data + request->body.len - arguments));
}

struct answer script_answer(const redisReply *reply)
{
    struct answer answer = {.outcome = OUTCOME_FAILED, .text = "an answer that the script does not give"};
    if (reply->type == REDIS_REPLY_INTEGER)
        return (struct answer){.outcome = OUTCOME_DONE};
    if (reply->type == REDIS_REPLY_ERROR)
        answer.text = reply->str;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[0]->type != REDIS_REPLY_STRING)
        return answer;
    const redisReply *second = reply->element[1], *third = reply->element[2];
    if (strcmp(reply->element[0]->str, "lost") == 0 && second->type == REDIS_REPLY_STRING)
        return (struct answer){.outcome = OUTCOME_LOST, .text = second->str, .has_mark = third->integer == 1};
    if (strcmp(reply->element[0]->str, "halt") == 0 && third->type == REDIS_REPLY_STRING)
        return (struct answer){.outcome = OUTCOME_HALT, .text = third->str, .record = (uint32_t)second->integer - 1};
    return answer;
}
