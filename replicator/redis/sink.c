/* sink.c - the redis sink's calls. All of them send and receive without waiting, on one connection; the host waits.
 *
 *   put      records -> a request, behind those on their way
 *   settle   answers: done, refused (reported, and the rest sent again once that is dealt with), fenced, lost
 *   a lost connection, or an answer that passes by itself: RETRY. open() reads what the target holds, and the host goes on
 *   there: whether the requests on their way were applied is told by the mark alone (I5).
 *
 *   request   QUEUED -> SENT -> DONE                       in order of batches; answers come in the order of sending
 *                        |-> HALTED -> REPORTED -> QUEUED  from the record behind the refused one
 *                        |-> REPORTED -> QUEUED            a transaction that was not done: for the script
 *                        |-> VOID -> QUEUED                of the same split, sent behind one of these: nothing was applied
 *             QUEUED -> ASKED -> SENT                      a transaction: its second part goes out when the first is answered
 */
#include <redis/redis.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <redis/encode.h>
#include <redis/link.h>
#include <redis/memory.h>
#include <redis/preflight.h>
#include <redis/script.h>
#include <redis/transaction.h>
#include <stdio.h>
#include <stdlib.h>

#define WAITING_MOST ((size_t)16 << 20) /* bytes of requests that wait; a batch more than that may */
#define SCRIPTS_NEXT 100 /* batches that go by script after a transaction that was not done: what is in its way may last */

struct split { /* one that is ours */
    struct token token; /* what the target holds once all that was sent is applied */
    uint64_t epoch, sequence;
    uint32_t skip;
    bool is_claimed;
};

struct redis_sink {
    struct link_options to;
    struct encode_options encode;
    const char *mark_key;
    int64_t in_flight;
    /* open */
    struct link link;
    bool is_open, is_halted, is_unreported; /* unreported: flush() saw a refusal */
    struct script script;
    struct encoder *encoder;
    const struct leat_splits *claim;
    struct split *splits;
    struct request *first, **last, *spare;
    uint32_t count;
    size_t bytes;
    uint64_t done;
    uint32_t scripts; /* as many batches go by script */
    struct memory *memory;
    char refusal[LEAT_ERROR_MAX]; /* of the record before `from` of the one that is HALTED */
};

#define AT(member) offsetof(struct redis_sink, member)
static const char *const as_choices[] = {"stream", "hash", "string", "json", "list", "set", "zset", "publish", NULL};
static const struct leat_option options[] = {
    LINK_OPTIONS(struct redis_sink, to, LEAT_OPT_MAIN),
    {.name = "as", .type = LEAT_OPT_CHOICE, .offset = AT(encode.as), .preset = "stream", .choices = as_choices,
     .about = "What a record becomes."},
    {.name = "key", .type = LEAT_OPT_TEMPLATE, .offset = AT(encode.key),
     .about = "Redis key; without it the topic, and for hash, string and json the topic and the row's key.",
     .example = "user:{key.id}"},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(encode.format), .preset = "debezium",
     .about = "Format of messages in stream, list, string and publish: its name, or {name: {options}}; see "
              "`leat plugins debezium`."},
    {.name = "field", .type = LEAT_OPT_TEXT, .offset = AT(encode.field), .preset = "value",
     .about = "stream: name of the entry's field that holds the message."},
    {.name = "columns", .type = LEAT_OPT_BOOL, .offset = AT(encode.columns), .preset = "false",
     .about = "stream: an entry has a field for each column, instead of a message; that of a delete has __deleted, too."},
    {.name = "maxlen", .type = LEAT_OPT_INT, .offset = AT(encode.maxlen), .preset = "0", .min = 0, .max = INT64_MAX,
     .about = "stream: trim to about so many entries; 0: never."},
    {.name = "minid", .type = LEAT_OPT_TIME, .offset = AT(encode.minid_us), .preset = "0s", .min = 0, .max = INT64_MAX,
     .about = "stream: trim entries that are so much older than the record at hand; 0s: never."},
    {.name = "member", .type = LEAT_OPT_TEMPLATE, .offset = AT(encode.member), .about = "set, zset: the member.",
     .example = "{key.id}"},
    {.name = "score", .type = LEAT_OPT_TEXT, .offset = AT(encode.score), .about = "zset: path of the score in the row.",
     .example = "points"},
    {.name = "ttl", .type = LEAT_OPT_TIME, .offset = AT(encode.ttl_us), .preset = "0s", .min = 0, .max = INT64_MAX,
     .about = "The key expires so long after the record's time; 0s: never."},
    {.name = "ttl_field", .type = LEAT_OPT_TEXT, .offset = AT(encode.ttl_field),
     .about = "Path of a column that says when the key expires: a time, or seconds from the record's time; null: never.",
     .example = "expires_at"},
    {.name = "mark_key", .type = LEAT_OPT_TEXT, .offset = AT(mark_key),
     .about = "Key of the hash that holds the sink's place; without it {leat:CONNECTOR}:mark."},
    {.name = "in_flight", .type = LEAT_OPT_INT, .offset = AT(in_flight), .preset = "4", .min = 1, .max = 64,
     .about = "Most batches on their way at once; their order holds."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    const struct redis_sink *self = arg;
    enum leat_status status = link_validate(&self->to, err);
    return status == LEAT_OK ? encode_validate(&self->encode, err) : status;
}

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    const struct redis_sink *self = arg;
    return redis_preflight(&self->to, &self->encode, self->mark_key, report, err);
}

/* ---- open and close ---- */

/* For CLIENT LIST; a server or a user that refuses it does no harm. */
static enum leat_status name_connection(struct redis_sink *self, const char *name, struct leat_error *err)
{
    char text[200];
    const char *argv[] = {"CLIENT", "SETNAME", text};
    redisReply *reply = NULL;
    snprintf(text, sizeof text, "leat:%s", name);
    enum leat_status status = link_ask(&self->link, &reply, err, 3, argv, NULL);
    freeReplyObject(reply);
    return status;
}

static enum leat_status fenced(const struct redis_sink *self, uint32_t split, const char *owner, struct leat_error *err)
{
    return leat_fail(err, LEAT_FENCED, "%s: %s was taken over by %s, which goes on; this one stops", self->link.where,
                     self->claim->names[split], owner[0] ? owner : "another sink");
}

static enum leat_status read_marks(struct redis_sink *self, struct leat_marks *stored, struct leat_error *err)
{
    struct stored found;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < self->claim->count; i++) {
        status = script_read(&self->script, &self->link, self->claim->names[i], &found, err);
        if (status == LEAT_OK)
            status = memory_takes(self->memory, self->claim->names[i], &found) ? LEAT_OK : fenced(self, i, found.owner, err);
        if (status != LEAT_OK)
            break;
        snprintf(stored->owners[i], LEAT_OWNER_MAX, "%s", found.owner);
        self->splits[i] = (struct split){.token = found.token, .epoch = found.mark.owner_epoch,
                                         .sequence = found.mark.sequence, .skip = found.skip};
        if (found.mark.layout != 0)
            stored->items[i] = found.mark;
    }
    return status;
}

static enum leat_status open_sink(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct redis_sink *self = arg;
    *guarantee = self->encode.as == AS_PUBLISH ? LEAT_AT_MOST_ONCE : LEAT_EXACTLY_ONCE;
    self->claim = claim;
    self->memory = leat_task_keep(task, sizeof *self->memory);
    self->splits = leat_calloc(claim->count ? claim->count : 1, sizeof *self->splits);
    self->last = &self->first;
    self->done = self->scripts = 0;
    memory_name(self->memory, self->script.owner);
    enum leat_status status = encoder_new(&self->encoder, &self->encode, leat_task_name(task), err);
    if (status == LEAT_OK)
        status = link_open(&self->link, &self->to, task, err);
    self->is_open = status == LEAT_OK;
    if (status == LEAT_OK)
        status = redis_find_node(&self->link, &self->to, &self->encode, leat_task_name(task), self->mark_key, &self->script.mark_key,
                                 err);
    if (status == LEAT_OK)
        status = name_connection(self, leat_task_name(task), err);
    if (status == LEAT_OK)
        status = redis_preflight_must(&self->link, err);
    if (status == LEAT_OK)
        status = script_load(&self->script, &self->link, err);
    if (status == LEAT_OK)
        status = read_marks(self, stored, err);
    if (status == LEAT_OK)
        leat_task_watch(task, self->link.fd, POLLIN);
    return status;
}

static enum leat_status peek_mark(const struct script *script, struct link *link, const char *split, struct leat_mark *mark,
                                  char owner[LEAT_OWNER_MAX], struct leat_error *err)
{
    struct stored found;
    enum leat_status status = script_read(script, link, split, &found, err);
    if (status == LEAT_OK && found.skip > 0)
        return leat_fail(err, LEAT_STOP, "%s: %s stopped in the middle of a batch, before a record that Redis refused: which of the records "
                                         "behind its mark are applied is known by their places in the lost log alone",
                         link->where, split);
    if (status == LEAT_OK && found.mark.layout != 0)
        *mark = found.mark;
    snprintf(owner, LEAT_OWNER_MAX, "%s", status == LEAT_OK ? found.owner : "");
    return status;
}

static enum leat_status peek_marks(void *arg, const char *connector, const struct leat_splits *splits, struct leat_marks *found,
                                   struct leat_error *err)
{
    const struct redis_sink *self = arg;
    struct script script = {.mark_key = NULL};
    struct link link;
    enum leat_status status = link_open(&link, &self->to, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = redis_find_node(&link, &self->to, &self->encode, connector, self->mark_key, &script.mark_key, err);
    for (uint32_t i = 0; status == LEAT_OK && i < splits->count; i++)
        status = peek_mark(&script, &link, splits->names[i], &found->items[i], found->owners[i], err);
    link_close(&link);
    free(script.mark_key);
    return status;
}

static void free_list(struct request *request)
{
    for (struct request *next; request; request = next) {
        next = request->next;
        request_free(request);
    }
}

static void close_sink(void *arg, struct leat_task *task)
{
    struct redis_sink *self = arg;
    leat_task_watch(task, -1, 0);
    if (self->is_open)
        link_close(&self->link); /* twice does no harm */
    self->is_open = self->is_halted = self->is_unreported = false;
    free_list(self->first);
    free_list(self->spare);
    self->first = self->spare = NULL;
    self->count = 0;
    self->bytes = 0;
    encoder_free(self->encoder);
    self->encoder = NULL;
    free(self->splits);
    self->splits = NULL;
    free(self->script.mark_key);
    self->script.mark_key = NULL;
}

/* ---- requests ---- */

static struct request *take_request(struct redis_sink *self)
{
    struct request *request = self->spare;
    if (!request)
        return request_new();
    self->spare = request->next;
    request_clear(request);
    return request;
}

static void give_request(struct redis_sink *self, struct request *request)
{
    request->next = self->spare;
    self->spare = request;
}

static struct request *find_first(const struct redis_sink *self, enum request_state state)
{
    struct request *request = self->first;
    while (request && request->state != state)
        request = request->next;
    return request;
}

static bool is_awaited(const struct request *request)
{
    return request->state == REQUEST_ASKED || request->state == REQUEST_SENT;
}

static bool is_unsent(const struct request *request)
{
    return request->state == REQUEST_QUEUED || request->state == REQUEST_ASKED;
}

/* The next answer is this one's; NULL: nothing was asked. */
static struct request *find_awaited(const struct redis_sink *self)
{
    struct request *request = self->first;
    while (request && !is_awaited(request))
        request = request->next;
    return request;
}

/* No other one may be sent before all of this one is. */
static struct request *find_unsent(const struct redis_sink *self)
{
    struct request *request = self->first;
    while (request && !is_unsent(request))
        request = request->next;
    return request;
}

/* Is there something to send, now? */
static bool has_queued(const struct redis_sink *self)
{
    const struct request *request = find_unsent(self);
    return request && (request->state == REQUEST_QUEUED || request->may_act);
}

static bool wants_transaction(struct redis_sink *self, const struct request *request)
{
    if (request->is_claim || request->expected.len != 16 || !encode_takes_all(&self->encode) || !transaction_fits(request))
        return false;
    if (self->scripts == 0)
        return true;
    self->scripts--;
    return false;
}

/* Gives the request its place in the split's sequence, and writes what that decides. */
static void queue(struct redis_sink *self, struct request *request)
{
    struct split *split = &self->splits[request->split];
    request->is_claim = !split->is_claimed;
    if (request->is_claim)
        split->epoch++;
    split->is_claimed = true;
    request->mark.owner_epoch = split->epoch;
    request->mark.sequence = ++split->sequence;
    request->expected = split->token;
    request->is_transaction = wants_transaction(self, request);
    if (request->is_transaction)
        transaction_write(&self->script, request, self->claim->names[request->split]);
    else
        script_write(&self->script, request, self->claim->names[request->split]);
    split->token = token_of(split->epoch, split->sequence, false);
    request->state = REQUEST_QUEUED;
}

static enum leat_status send_part(struct redis_sink *self, struct request *request, struct leat_error *err)
{
    const struct leat_bytes *head = &request->head, *body = request->is_transaction ? &request->act : &request->body;
    bool is_head = request->sent < head->len;
    const uint8_t *from = is_head ? head->data + request->sent : body->data + (request->sent - head->len);
    size_t len = (is_head ? head->len : head->len + body->len) - request->sent, sent;
    enum leat_status status = link_send(&self->link, from, len, &sent, err);
    request->sent += sent;
    request->sent_at = leat_now();
    if (status == LEAT_OK && sent == 0)
        return LEAT_AGAIN;
    if (request->sent == head->len + body->len)
        request->state = REQUEST_SENT;
    else if (request->is_transaction && request->sent == head->len)
        request->state = REQUEST_ASKED;
    return status;
}

/* Sends what there is room for. */
static enum leat_status send_queued(struct redis_sink *self, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && has_queued(self))
        status = send_part(self, find_unsent(self), err);
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

/* ---- put ---- */

static enum leat_status encode(struct redis_sink *self, const struct leat_batch *batch, uint32_t index,
                               struct request *request, uint32_t *skip, struct leat_error *err)
{
    const struct leat_record *rec = leat_batch_get(batch, index);
    struct leat_cursor cursor = leat_batch_cursor(batch, index);
    if (rec->flags & LEAT_DROPPED)
        return LEAT_OK;
    request_begin(request);
    enum leat_status status = encode_record(self->encoder, rec, request, err);
    if (status != LEAT_OK || !request_has_calls(request))
        return status;
    if (*skip > 0) { /* the target stopped in the midst of what came from one record: this one is in */
        --*skip;
        return LEAT_OK;
    }
    return request_end(request, index, &cursor, err);
}

static enum leat_status fill(struct redis_sink *self, const struct leat_batch *batch, struct request *request,
                             struct leat_error *err)
{
    bool has_rejects = false;
    struct split *split = &self->splits[leat_batch_split(batch)];
    uint32_t skip = split->skip;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        enum leat_status status = encode(self, batch, i, request, &skip, err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
        } else if (status != LEAT_OK) {
            return status;
        }
    }
    if (has_rejects)
        return LEAT_REJECT;
    split->skip = skip;
    return LEAT_OK;
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    struct redis_sink *self = arg;
    (void)task;
    if (self->is_halted || self->count >= (uint32_t)self->in_flight || self->bytes > WAITING_MOST)
        return LEAT_AGAIN;
    struct request *request = take_request(self);
    enum leat_status status = fill(self, batch, request, err);
    if (status != LEAT_OK) {
        give_request(self, request);
        return status;
    }
    request->batch = leat_batch_number(batch);
    request->split = leat_batch_split(batch);
    leat_batch_mark(batch, &request->mark);
    queue(self, request);
    request->next = NULL;
    *self->last = request;
    self->last = &request->next;
    self->count++;
    self->bytes += request->body.len;
    return send_queued(self, err);
}

/* ---- answers ---- */

/* The target's token is another one: somebody else has written, or it has lost what we wrote, or an older connection of
 * ours was still heard. Only the first cannot be mended by reading the mark again. */
static enum leat_status lost(struct redis_sink *self, const struct request *request, const struct answer *answer,
                             struct leat_error *err)
{
    const char *split = self->claim->names[request->split], *where = self->link.where, *key = self->script.mark_key;
    if (!answer->has_mark)
        return leat_fail(err, LEAT_RETRY, "%s: the mark of %s in %s is gone; reading it again", where, split, key);
    if (request->is_claim)
        return leat_fail(err, LEAT_RETRY, "%s: %s was moved on by %s meanwhile; reading the mark again", where, split,
                         answer->text[0] ? answer->text : "another sink");
    if (strcmp(answer->text, self->script.owner) == 0)
        return leat_fail(err, LEAT_RETRY, "%s: the target lost its tail in %s; reading the mark again", where, split);
    return fenced(self, request->split, answer->text, err);
}

static void note_claim(struct redis_sink *self, const struct request *request)
{
    if (request->is_claim)
        memory_note(self->memory, self->claim->names[request->split], self->script.owner, request->mark.owner_epoch);
}

/* The split's target stands at `token`: what is behind the request found another one. */
static void hold(struct redis_sink *self, struct request *request, enum request_state state, struct token token)
{
    struct split *split = &self->splits[request->split];
    request->state = state;
    self->is_halted = true;
    split->sequence = request->mark.sequence;
    split->token = token;
    for (struct request *behind = request->next; behind; behind = behind->next)
        behind->is_void = behind->is_void || behind->split == request->split;
}

static void halt(struct redis_sink *self, struct request *request, uint32_t record)
{
    request->from = record + 1;
    hold(self, request, REQUEST_HALTED, token_of(request->mark.owner_epoch, request->mark.sequence, true));
}

static enum leat_status take_halt(struct redis_sink *self, struct request *request, const struct answer *answer,
                                  struct leat_error *err)
{
    if (answer->record == UINT32_MAX || link_judge_here(&self->link, answer->text) != LEAT_REJECT)
        return link_refused(&self->link, answer->text, err);
    if (answer->record < request->from || answer->record >= request->count)
        return leat_fail(err, LEAT_STOP, "%s: it refused a record that it was not given", self->link.where);
    snprintf(self->refusal, sizeof self->refusal, "%s: %s", self->link.where, answer->text);
    note_claim(self, request);
    halt(self, request, answer->record);
    return LEAT_OK;
}

static void report_refusal(const struct redis_sink *self, struct leat_rejects *rejects)
{
    const struct request *halted = find_first(self, REQUEST_HALTED);
    if (halted)
        leat_rejects_add(rejects, halted->batch, halted->indices[halted->from - 1], "%s", self->refusal);
}

static enum leat_status take_done(struct redis_sink *self, struct request *request, struct leat_error *err)
{
    request->state = REQUEST_DONE;
    note_claim(self, request);
    return request->is_void ? leat_fail(err, LEAT_STOP, "%s: a batch was applied out of order", self->link.where) : LEAT_OK;
}

/* Nothing of it was applied. The script is asked to do it, and tells why. */
static void set_back(struct redis_sink *self, struct request *request, struct token token)
{
    self->scripts = SCRIPTS_NEXT;
    if (request->is_void)
        request->state = REQUEST_VOID;
    else
        hold(self, request, REQUEST_REPORTED, token);
}

static enum leat_status take_transaction(struct redis_sink *self, struct request *request, const redisReply *reply,
                                         struct leat_error *err)
{
    switch (transaction_take(&self->script, request, reply)) {
    case TRANSACTION_WAITS:
    case TRANSACTION_ACTS:
        return LEAT_OK;
    case TRANSACTION_DONE:
        return take_done(self, request, err);
    case TRANSACTION_NONE:
        set_back(self, request, request->expected);
        return LEAT_OK;
    case TRANSACTION_HALTED:
        set_back(self, request, token_of(request->mark.owner_epoch, request->mark.sequence, true));
        return LEAT_OK;
    case TRANSACTION_STUCK:
        return leat_fail(err, LEAT_RETRY, "%s: it refuses to end a transaction", self->link.where);
    default:
        return leat_fail(err, LEAT_STOP, "%s: of a transaction with %u records and %s only a part was applied: were rights taken "
                         "away meanwhile? What is in comes twice if it is not removed", self->link.where, request->count,
                         self->script.mark_key);
    }
}

static enum leat_status take_answer(struct redis_sink *self, const redisReply *reply, struct leat_error *err)
{
    struct request *request = find_awaited(self);
    if (!request)
        return leat_fail(err, LEAT_RETRY, "%s: an answer to nothing that was asked", self->link.where);
    if (request->is_transaction)
        return take_transaction(self, request, reply, err);
    struct answer answer = script_answer(reply);
    switch (answer.outcome) {
    case OUTCOME_DONE:
        return take_done(self, request, err);
    case OUTCOME_LOST:
        request->state = REQUEST_VOID;
        return request->is_void ? LEAT_OK : lost(self, request, &answer, err);
    case OUTCOME_HALT:
        return take_halt(self, request, &answer, err);
    default:
        return link_refused(&self->link, answer.text, err);
    }
}

/* Up to a refusal, which is to be reported first. */
static enum leat_status receive(struct redis_sink *self, struct leat_error *err)
{
    redisReply *reply;
    const struct request *request;
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && !find_first(self, REQUEST_HALTED) && (request = find_awaited(self))) {
        self->link.is_brief = request->is_transaction && transaction_is_brief(request);
        status = link_receive(&self->link, &reply, err);
        if (status != LEAT_OK)
            return status == LEAT_AGAIN ? LEAT_OK : status;
        status = take_answer(self, reply, err);
        freeReplyObject(reply);
    }
    return status;
}

static void count_done(struct redis_sink *self)
{
    struct request *request;
    while ((request = self->first) && request->state == REQUEST_DONE) {
        self->done = request->batch;
        self->count--;
        self->bytes -= request->body.len;
        self->first = request->next;
        if (!self->first)
            self->last = &self->first;
        give_request(self, request);
    }
}

/* The refusal that was reported is dealt with: the host has called again. What is behind it goes out anew, once all that is
 * on its way has been answered, so that answers keep the order of sending. */
static void resume(struct redis_sink *self)
{
    struct request *halted = find_first(self, REQUEST_HALTED);
    if (halted)
        halted->state = REQUEST_REPORTED;
    if (!self->is_halted || find_awaited(self) || find_unsent(self))
        return;
    for (struct request *request = self->first; request; request = request->next) {
        if (request->state == REQUEST_DONE)
            continue;
        request->is_void = false;
        queue(self, request);
    }
    self->is_halted = false;
}

/* Sends and receives what can be without waiting. */
static enum leat_status move(struct redis_sink *self, struct leat_error *err)
{
    enum leat_status status = receive(self, err);
    return status == LEAT_OK ? send_queued(self, err) : status;
}

/* When settle() has something to do although the server says nothing. */
static enum leat_status judge_time(const struct redis_sink *self, struct leat_time *next, struct leat_error *err)
{
    const struct request *oldest = find_awaited(self);
    bool waits = oldest || find_unsent(self);
    *next = LEAT_NEVER;
    if (find_first(self, REQUEST_HALTED) || (self->is_halted && !waits))
        *next = leat_now();
    if (!oldest)
        return LEAT_OK;
    struct leat_time latest = {oldest->sent_at.ns + self->to.timeout_us * 1000};
    if (leat_is_past(latest))
        return leat_fail(err, LEAT_RETRY, "%s: no answer in %lld ms", self->link.where,
                         (long long)(self->to.timeout_us / 1000));
    if (latest.ns < next->ns)
        *next = latest;
    return LEAT_OK;
}

static enum leat_status settle(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                               struct leat_time *next, struct leat_error *err)
{
    struct redis_sink *self = arg;
    enum leat_status status = LEAT_OK;
    if (!self->is_unreported) {
        resume(self);
        status = move(self, err);
    }
    if (status == LEAT_OK)
        status = judge_time(self, next, err);
    self->is_unreported = false;
    report_refusal(self, rejects);
    count_done(self);
    *done = self->done;
    leat_task_watch(task, self->link.fd, link_events(&self->link, has_queued(self)));
    return status;
}

/* Waits for the answers. A refusal, and what is done, are settle()'s, which the host calls next. */
static enum leat_status flush(void *arg, struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    struct redis_sink *self = arg;
    enum leat_status status = LEAT_OK;
    bool has_end = deadline.ns != INT64_MAX;
    while (status == LEAT_OK && !self->is_unreported) {
        resume(self);
        if (!find_unsent(self) && !find_awaited(self))
            return LEAT_OK;
        if (has_end ? leat_is_past(deadline) : leat_task_is_stopping(task))
            return LEAT_AGAIN;
        struct pollfd fd = {.fd = self->link.fd, .events = link_events(&self->link, has_queued(self))};
        leat_os->poll(&fd, 1, 50);
        status = move(self, err);
        self->is_unreported = find_first(self, REQUEST_HALTED) != NULL;
    }
    return status == LEAT_OK ? LEAT_AGAIN : status;
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    const struct redis_sink *self = arg;
    bool is_heard_once = self->encode.as == AS_PUBLISH;
    if (is_heard_once)
        *why = "publish reaches those who listen at that moment";
    return is_heard_once ? LEAT_AT_MOST_ONCE : LEAT_EXACTLY_ONCE;
}

const struct leat_sink_type leat_sink_redis = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_KEEPS_MARK | LEAT_TRANSACTIONAL,
    .name = "redis",
    .about = "Writes streams, hashes, strings, JSON, lists, sets, sorted sets or publishes; exactly once by a mark in Redis.",
    .size = sizeof(struct redis_sink),
    .options = options,
    .validate = validate,
    .check = check,
    .open = open_sink,
    .put = put,
    .settle = settle,
    .flush = flush,
    .close = close_sink,
    .promise = promise,
    .marks = peek_marks,
};
