/* source.c - the redis source: entries of streams, by XREAD from our own position.
 *
 *   position   "NAME of the stream" -> {id: "1700000000000-3", added: 4711, deleted: "0-0"}
 *              id: the last entry that is in the topic; added: how many the stream has ever had, up to that one; deleted:
 *              the highest that had been deleted when reading began
 *
 * XREAD steps over what was trimmed or deleted and says nothing. So each read is a transaction with XINFO STREAM, whose
 * counters tell it (7.0): where the stream's first entry lies behind ours, what lies between is entries-added - added -
 * length; it must be 0 (I7). Streams are read in turn, one after the other; while all are at their end, a blocking XREAD
 * waits for news, and its answer is dropped. With `group`, XREADGROUP takes the place of XREAD: group.h.
 */
#include <redis/redis.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/coder.h>
#include <redis/group.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_COUNT "1000"
#define BLOCK_MS   5000

struct redis_source {
    struct link_options to;
    struct leat_list names;
    const char *field, *key;
    struct leat_format format;
    int64_t from;
    struct group_options as;
    /* open */
    struct link link;
    struct group group;
    bool is_open, has_beginnings;
    bool is_blocking; /* an XREAD waits for news, at most until ... */
    struct leat_time wait_ends;
    struct leat_coder coder;
    struct stream *streams;
    size_t turn, idle; /* whose turn it is; how many in a row had nothing */
};

#define AT(member) offsetof(struct redis_source, member)
static const char *const from_choices[] = {"earliest", "latest", NULL};
static const struct leat_option options[] = {
    {.name = "streams", .type = LEAT_OPT_LIST, .flags = LEAT_OPT_REQUIRED, .offset = AT(names),
     .about = "Keys of the streams.", .example = "[orders, payments]"},
    LINK_OPTIONS(struct redis_source, to, 0),
    {.name = "from", .type = LEAT_OPT_CHOICE, .offset = AT(from), .preset = "earliest", .choices = from_choices,
     .about = "Where a stream without a position begins."},
    {.name = "field", .type = LEAT_OPT_TEXT, .offset = AT(field),
     .about = "Field of an entry that holds the message; without it the fields are the row."},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(format), .preset = "json", .about = "Format of that message."},
    {.name = "key", .type = LEAT_OPT_TEXT, .offset = AT(key), .about = "Field of an entry that becomes the record's key."},
    {.name = "group", .type = LEAT_OPT_TEXT, .offset = AT(as.name),
     .about = "Consumer group to read as, beside other consumers; entries are acknowledged once they are durable. It is made where "
              "it is missing."},
    {.name = "consumer", .type = LEAT_OPT_TEXT, .offset = AT(as.consumer),
     .about = "group: our name in it, which nobody else may use; without it leat:CONNECTOR."},
    {.name = "claim_after", .type = LEAT_OPT_TIME, .offset = AT(as.claim_us), .preset = "0s", .min = 0, .max = INT64_MAX,
     .about = "group: take over entries that another consumer has not acknowledged for so long; 0s: never."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    const struct redis_source *self = arg;
    if (self->names.count == 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "streams: name one");
    if (!self->format.codec->decode)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "format: \"%s\" can only be written", self->format.codec->name);
    if (!self->as.name && (self->as.consumer || self->as.claim_us > 0))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "consumer, claim_after: say `group`, too");
    for (size_t i = 0; i < self->names.count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(self->names.items[i], self->names.items[k]) == 0)
                return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "streams: %s stands there twice", self->names.items[i]);
    return link_validate(&self->to, err);
}

/* A stream without a position: all that it has, or what comes. Entries that were trimmed before are not missing. */
static void begin(const struct redis_source *self, struct stream *stream, const struct info *info)
{
    stream->is_known = true;
    stream->deleted = info->deleted;
    stream->added = self->from == 1 ? info->added : info->added - info->length;
    stream->last = self->from == 1 || info->length == 0 ? info->last : info->first;
    if (info->length > 0 && self->from == 0) /* just before it */
        stream->last = (struct id){info->first.number > 0 ? info->first.ms : info->first.ms - 1,
                                   info->first.number > 0 ? info->first.number - 1 : UINT64_MAX};
}

/* ---- open and close ---- */

static bool value_id(const struct leat_value *value, struct id *id)
{
    char text[ID_TEXT];
    if (!value || value->type != LEAT_TEXT || value->len >= ID_TEXT)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)value->len, value->as.text);
    return id_read(text, id);
}

/* What was claimed and not acknowledged: ids with blanks between. */
static bool load_claimed(struct stream *stream, const struct leat_value *ids)
{
    char text[CLAIM_MOST * ID_TEXT], *at = text, *word;
    if (!ids)
        return true;
    if (ids->type != LEAT_TEXT || ids->len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)ids->len, ids->as.text);
    while (stream->claimed_count < CLAIM_MOST && (word = strsep(&at, " ")))
        if (word[0] && !id_read(word, &stream->claimed[stream->claimed_count++]))
            return false;
    return true;
}

/* A position is of one group, or of none. */
static enum leat_status judge_group(const struct redis_source *self, struct stream *stream, const struct leat_value *group,
                                    struct leat_error *err)
{
    const char *name = self->as.name ? self->as.name : "";
    stream->was_group = group && group->type == LEAT_TEXT;
    if (stream->was_group && (group->len != strlen(name) || memcmp(group->as.text, name, group->len) != 0))
        return leat_fail(err, LEAT_STOP,
                         "stream %s was read as group %.*s: say so again, or `leat offsets reset` begins anew", stream->name,
                         (int)group->len, group->as.text);
    return LEAT_OK;
}

static enum leat_status load_position(const struct redis_source *self, struct stream *stream, const struct leat_positions *from, struct leat_error *err)
{
    struct leat_value key = leat_value_string(stream->name);
    const struct leat_value *position = leat_positions_get(from, &key);
    if (!position)
        return LEAT_OK;
    const struct leat_value *added = leat_map_get(position, "added");
    if (!added || added->type != LEAT_INT64 || added->as.i < 0 || !value_id(leat_map_get(position, "id"), &stream->last) ||
        !value_id(leat_map_get(position, "deleted"), &stream->deleted) || !load_claimed(stream, leat_map_get(position, "claimed")))
        return leat_fail(err, LEAT_STOP, "stream %s: its position is no {id, added, deleted}", stream->name);
    stream->added = (uint64_t)added->as.i;
    stream->is_known = true;
    return judge_group(self, stream, leat_map_get(position, "group"), err);
}

static enum leat_status find_stream(struct redis_source *self, struct stream *stream, struct leat_error *err)
{
    const char *argv[] = {"XINFO", "STREAM", stream->name};
    redisReply *reply = NULL;
    struct info info;
    bool has_position = stream->is_known;
    enum leat_status status = link_ask(&self->link, &reply, err, 3, argv, NULL);
    if (status == LEAT_OK)
        status = stream_info(&self->link, stream, reply, &info, err);
    freeReplyObject(reply);
    if (status == LEAT_OK && !stream->is_known) {
        begin(self, stream, &info);
        self->has_beginnings = true;
    }
    if (status == LEAT_OK)
        stream->end = info.last;
    if (status == LEAT_OK && self->as.name)
        status = group_begin(&self->group, stream, has_position, &info, err);
    return status;
}

static enum leat_status check_version(struct link *link, struct leat_error *err)
{
    redisReply *reply = NULL;
    int major = 0;
    enum leat_status status = link_command(link, &reply, err, "INFO server");
    const char *version = status == LEAT_OK && reply->type == REDIS_REPLY_STRING ? strstr(reply->str, "redis_version:") : NULL;
    if (version)
        sscanf(version, "redis_version:%d", &major);
    freeReplyObject(reply);
    if (status == LEAT_OK && major < 7)
        status = leat_fail(err, LEAT_STOP, "%s: the source needs Redis 7.0, whose streams count their entries", link->where);
    return status;
}

/* A finding is what the server answers to XINFO STREAM or XINFO GROUPS, but for a stream that is not there yet. */
static enum leat_status check_stream(struct link *link, const char *what, const char *name, struct leat_report *report,
                                     struct leat_error *err)
{
    const char *argv[] = {"XINFO", what, name};
    redisReply *reply = NULL;
    enum leat_status status = link_ask(link, &reply, err, 3, argv, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "no such key"))
        leat_report_note(report, "%s: there is no stream %s yet", link->where, name);
    else if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
        leat_report_error(report, "%s: stream %s: %s", link->where, name, reply->str);
    freeReplyObject(reply);
    return status;
}

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct redis_source *self = arg;
    struct link link;
    enum leat_status status = link_open(&link, &self->to, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = check_version(&link, err);
    for (size_t i = 0; status == LEAT_OK && i < self->names.count; i++)
        status = check_stream(&link, self->as.name ? "GROUPS" : "STREAM", self->names.items[i], report, err);
    link_close(&link);
    return status;
}

static enum leat_status open_source(void *arg, struct leat_task *task, const struct leat_positions *from,
                                    struct leat_error *err)
{
    struct redis_source *self = arg;
    self->turn = self->idle = 0;
    self->is_blocking = self->has_beginnings = false;
    self->streams = leat_calloc(self->names.count, sizeof *self->streams);
    enum leat_status status = leat_coder_open(&self->coder, &self->format, leat_task_name(task), err);
    if (status == LEAT_OK)
        status = link_open(&self->link, &self->to, task, err);
    self->is_open = status == LEAT_OK;
    if (status == LEAT_OK)
        status = check_version(&self->link, err);
    if (status == LEAT_OK && self->as.name)
        status = group_open(&self->group, &self->as, &self->to, task, err);
    for (size_t i = 0; status == LEAT_OK && i < self->names.count; i++) {
        struct stream *stream = &self->streams[i];
        stream->name = self->names.items[i];
        stream->topic = leat_task_route(task, "", stream->name);
        status = load_position(self, stream, from, err);
        if (status == LEAT_OK)
            status = find_stream(self, stream, err);
    }
    if (status == LEAT_OK)
        leat_task_progress(task, "streaming");
    return status;
}

static void close_source(void *arg, struct leat_task *task)
{
    struct redis_source *self = arg;
    (void)task;
    if (self->is_open)
        link_close(&self->link);
    self->is_open = false;
    group_close(&self->group);
    leat_coder_close(&self->coder);
    free(self->streams);
    self->streams = NULL;
}

/* ---- entries ---- */

static struct leat_value copy_text(struct leat_batch *batch, const redisReply *reply)
{
    size_t len = (size_t)reply->len;
    const char *bytes = leat_batch_copy(batch, reply->str, len);
    return leat_is_utf8(bytes, len) ? leat_value_text(bytes, len) : leat_value_bytes(bytes, len);
}

static const redisReply *find_field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1];
    return NULL;
}

static struct leat_value copy_fields(struct leat_batch *batch, const redisReply *fields)
{
    struct leat_value *items = leat_batch_alloc(batch, (fields->elements + 1) * sizeof *items);
    for (size_t i = 0; i < fields->elements; i++)
        items[i] = copy_text(batch, fields->element[i]);
    return leat_value_items(LEAT_MAP, items, fields->elements / 2);
}

/* A message that cannot be read is a record all the same: its fields, and the reason why it is refused. */
static enum leat_status decode(struct redis_source *self, struct leat_batch *batch, struct leat_record *rec,
                               const redisReply *fields, struct leat_error *err)
{
    const redisReply *message = find_field(fields, self->field);
    if (!message)
        return leat_fail(err, LEAT_REJECT, "it has no field %s", self->field);
    return self->coder.type->decode(self->coder.self, message->str, (size_t)message->len, LEAT_PART_VALUE, batch, rec, err);
}

/* Of a letter: the value is the entry's fields. */
static enum leat_status decode_again(void *arg, struct leat_task *task, struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err)
{
    struct redis_source *self = arg;
    struct leat_record made = *leat_batch_get(batch, index);
    const struct leat_value *message = self->field && made.value.type == LEAT_MAP ? leat_map_get(&made.value, self->field) : NULL;
    (void)task;
    if (!self->field)
        return LEAT_OK; /* now the fields are the row */
    if (!message || (message->type != LEAT_TEXT && message->type != LEAT_BYTES))
        return leat_fail(err, LEAT_REJECT, "it has no field %s", self->field);
    made.value = leat_value_null();
    enum leat_status status = self->coder.type->decode(self->coder.self, message->as.bytes, message->len, LEAT_PART_VALUE,
                                                       batch, &made, err);
    if (status == LEAT_OK)
        *leat_batch_edit(batch, index) = made;
    return status == LEAT_OK ? LEAT_OK : LEAT_REJECT;
}

static void add_headers(struct leat_batch *batch, struct leat_record *rec, const char *id)
{
    size_t len = strlen(id);
    struct leat_value *items = leat_batch_alloc(batch, 2 * sizeof *items);
    items[0] = leat_value_string("redis_id");
    items[1] = leat_value_text(leat_batch_copy(batch, id, len), len);
    rec->headers = leat_value_items(LEAT_MAP, items, 1);
}

static bool is_entry(const redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 && entry->element[0]->type == REDIS_REPLY_STRING &&
           entry->element[1]->type == REDIS_REPLY_ARRAY && entry->element[1]->elements % 2 == 0;
}

static bool add_entry(struct redis_source *self, const struct stream *stream, struct leat_batch *batch, const redisReply *entry,
                      struct id *id)
{
    struct leat_error why;
    if (!is_entry(entry) || !id_read(entry->element[0]->str, id))
        return false;
    const redisReply *fields = entry->element[1], *key = self->key ? find_field(fields, self->key) : NULL;
    uint32_t index = leat_batch_count(batch);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = stream->topic;
    rec->time_us = id->ms < INT64_MAX / 1000 ? (int64_t)id->ms * 1000 : 0;
    rec->op = LEAT_CREATE;
    rec->flags = LEAT_ENDS_TRANSACTION;
    rec->key = key ? copy_text(batch, key) : leat_value_null();
    rec->before = leat_value_null();
    add_headers(batch, rec, entry->element[0]->str);
    if (!self->field)
        rec->value = copy_fields(batch, fields);
    else if (decode(self, batch, rec, fields, &why) != LEAT_OK) {
        rec->value = copy_fields(batch, fields);
        leat_batch_reject(batch, index, "stream %s, entry %s: %s", stream->name, entry->element[0]->str, why.text);
    }
    return true;
}

static enum leat_status strange_answer(const struct redis_source *self, const struct stream *stream, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "%s: stream %s: it answers XREAD as no Redis does", self->link.where, stream->name);
}

/* The answer to MULTI, XINFO, XREAD, EXEC is that to EXEC. */
static enum leat_status take_entries(struct redis_source *self, struct stream *stream, const redisReply *exec,
                                     struct leat_batch *batch, struct leat_error *err)
{
    struct info info;
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != 2)
        return exec->type == REDIS_REPLY_ERROR ? link_refused(&self->link, exec->str, err)
                                               : leat_fail(err, LEAT_RETRY, "%s: a transaction without an answer", self->link.where);
    enum leat_status status = stream_info(&self->link, stream, exec->element[0], &info, err);
    if (status == LEAT_OK)
        status = stream_judge(&self->link, stream, &info, &stream->last, stream->added, err);
    if (status != LEAT_OK)
        return status;
    const redisReply *streams = exec->element[1];
    if (streams->type == REDIS_REPLY_ERROR)
        return link_refused(&self->link, streams->str, err);
    if (streams->type != REDIS_REPLY_ARRAY || streams->elements != 1 || streams->element[0]->elements != 2)
        return LEAT_OK; /* nil: nothing new */
    const redisReply *entries = streams->element[0]->element[1];
    for (size_t i = 0; i < entries->elements && !leat_batch_is_full(batch); i++, stream->added++)
        if (!add_entry(self, stream, batch, entries->element[i], &stream->last))
            return strange_answer(self, stream, err);
    return LEAT_OK;
}

static enum leat_status read_stream(struct redis_source *self, struct stream *stream, struct leat_batch *batch,
                                    struct leat_error *err)
{
    char id[ID_TEXT];
    const char *info[] = {"XINFO", "STREAM", stream->name};
    const char *read[] = {"XREAD", "COUNT", READ_COUNT, "STREAMS", stream->name, id_text(&stream->last, id)};
    const char *multi[] = {"MULTI"}, *exec[] = {"EXEC"};
    const struct { int count; const char **words; } commands[] = {{1, multi}, {3, info}, {6, read}, {1, exec}};
    redisReply *reply = NULL;
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < 4; i++) {
        freeReplyObject(reply);
        status = link_ask(&self->link, &reply, err, commands[i].count, commands[i].words, NULL);
    }
    if (status == LEAT_OK)
        status = take_entries(self, stream, reply, batch, err);
    freeReplyObject(reply);
    return status;
}

/* What does not fit into the batch is in our pending list. */
static enum leat_status read_group(struct redis_source *self, struct stream *stream, struct leat_batch *batch,
                                   struct leat_error *err)
{
    redisReply *reply = NULL;
    const redisReply *entries = NULL;
    enum group_kind kind;
    enum leat_status status = group_read(&self->group, &self->link, stream, &reply, &entries, &kind, err);
    size_t count = status == LEAT_OK && entries ? entries->elements : 0, i = 0;
    for (; status == LEAT_OK && i < count && !leat_batch_is_full(batch); i++) {
        struct id id;
        if (add_entry(self, stream, batch, entries->element[i], &id))
            group_note(&self->group, stream, kind, &id);
        else
            status = strange_answer(self, stream, err);
    }
    if (status == LEAT_OK && i > 0)
        group_end(&self->group, stream, kind, leat_batch_number(batch));
    stream->has_own = stream->has_own || (kind == GROUP_READ && i < count);
    freeReplyObject(reply);
    return status;
}

/* "1-1 1-2 " */
static void claimed_text(const struct stream *stream, char text[CLAIM_MOST * ID_TEXT])
{
    char id[ID_TEXT];
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < stream->claimed_count; i++)
        at += (size_t)snprintf(text + at, CLAIM_MOST * ID_TEXT - at, "%s ", id_text(&stream->claimed[i], id));
}

static void note_position(const struct redis_source *self, const struct stream *stream, struct leat_batch *batch)
{
    char id[ID_TEXT], deleted[ID_TEXT], claimed[CLAIM_MOST * ID_TEXT];
    struct leat_value key = leat_value_string(stream->name);
    claimed_text(stream, claimed);
    struct leat_value pairs[10] = {
        leat_value_string("id"), leat_value_string(id_text(&stream->last, id)),
        leat_value_string("added"), leat_value_int((int64_t)stream->added),
        leat_value_string("deleted"), leat_value_string(id_text(&stream->deleted, deleted)),
        leat_value_string("group"), leat_value_string(self->as.name ? self->as.name : ""),
        leat_value_string("claimed"), leat_value_string(claimed),
    };
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, self->as.name ? 5 : 3);
    leat_batch_position(batch, &key, &value);
}

/* ---- waiting for news ---- */

/* The dead are looked for as often as it takes. */
static int wait_ms(const struct redis_source *self)
{
    int64_t often = self->as.claim_us / 4000 + 1;
    return self->as.claim_us > 0 && often < BLOCK_MS ? (int)often : BLOCK_MS;
}

/* XREAD BLOCK over all streams; its answer ends the wait and is dropped: what it would give is read with its counters. */
static enum leat_status begin_waiting(struct redis_source *self, struct leat_error *err)
{
    size_t count = self->names.count;
    const char **words = leat_calloc(4 + 2 * count, sizeof *words);
    char (*ids)[ID_TEXT] = leat_calloc(count, sizeof *ids);
    char *request = NULL, block[16];
    enum leat_status status = LEAT_OK;
    snprintf(block, sizeof block, "%d", wait_ms(self));
    words[0] = "XREAD", words[1] = "BLOCK", words[2] = block, words[3] = "STREAMS";
    for (size_t i = 0; i < count; i++) {
        words[4 + i] = self->streams[i].name;
        words[4 + count + i] = id_text(self->as.name ? &self->streams[i].given : &self->streams[i].last, ids[i]);
    }
    int len = redisFormatCommandArgv(&request, (int)(4 + 2 * count), words, NULL);
    leat_assert(len > 0);
    for (size_t at = 0, sent; status == LEAT_OK && at < (size_t)len; at += sent)
        status = link_send(&self->link, request + at, (size_t)len - at, &sent, err);
    redisFreeCommand(request);
    free(words);
    free(ids);
    self->is_blocking = status == LEAT_OK;
    self->wait_ends = leat_after_us(BLOCK_MS * 1000 + self->to.timeout_us);
    return status;
}

/* OK: there may be news; AGAIN: not yet. */
static enum leat_status go_on_waiting(struct redis_source *self, struct leat_task *task, struct leat_error *err)
{
    redisReply *reply = NULL;
    enum leat_status status = link_receive(&self->link, &reply, err);
    if (status == LEAT_AGAIN && leat_is_past(self->wait_ends))
        return leat_fail(err, LEAT_RETRY, "%s: no answer to a blocking XREAD", self->link.where);
    if (status == LEAT_AGAIN)
        leat_wait(task, self->link.fd, POLLIN, self->wait_ends);
    if (status != LEAT_OK)
        return status;
    if (reply->type == REDIS_REPLY_ERROR)
        status = link_refused(&self->link, reply->str, err);
    freeReplyObject(reply);
    self->is_blocking = false;
    self->idle = 0;
    return status;
}

/* ---- poll ---- */

static bool is_at_end(const struct redis_source *self)
{
    for (size_t i = 0; i < self->names.count; i++) {
        const struct stream *stream = &self->streams[i];
        if (id_compare(self->as.name ? &stream->given : &stream->last, &stream->end) < 0 || stream->has_own || stream->has_claims)
            return false;
    }
    return true;
}

/* Where streams begin that had no position: kept before the first entry is read, so that "latest" is one moment. */
static enum leat_status keep_beginnings(struct redis_source *self, struct leat_task *task, struct leat_batch **out)
{
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    for (size_t i = 0; i < self->names.count; i++)
        note_position(self, &self->streams[i], batch);
    self->has_beginnings = false;
    *out = batch;
    return LEAT_OK;
}

static enum leat_status nothing_new(struct redis_source *self, struct leat_task *task, struct leat_error *err)
{
    if (++self->idle < self->names.count)
        return LEAT_AGAIN;
    leat_task_lag(task, 0, -1);
    if (leat_task_is_once(task) && is_at_end(self))
        return LEAT_EOF;
    enum leat_status status = begin_waiting(self, err);
    return status == LEAT_OK ? LEAT_AGAIN : status;
}

static enum leat_status poll_streams(void *arg, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct redis_source *self = arg;
    enum leat_status status = LEAT_OK;
    if (self->has_beginnings)
        return keep_beginnings(self, task, out);
    if (self->as.name)
        status = group_failed(&self->group, err);
    if (status == LEAT_OK && self->is_blocking)
        status = go_on_waiting(self, task, err);
    if (status != LEAT_OK)
        return status;
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    struct stream *stream = &self->streams[self->turn];
    self->turn = (self->turn + 1) % self->names.count;
    status = self->as.name ? read_group(self, stream, batch, err) : read_stream(self, stream, batch, err);
    if (status == LEAT_OK && leat_batch_count(batch) > 0) {
        self->idle = 0;
        note_position(self, stream, batch);
        leat_task_lag(task, leat_wall_us() - (int64_t)stream->last.ms * 1000, -1);
        *out = batch;
        return LEAT_OK;
    }
    leat_batch_give(task, &batch);
    return status == LEAT_OK ? nothing_new(self, task, err) : status;
}

static void durable(void *arg, struct leat_task *task, uint64_t up_to_batch)
{
    struct redis_source *self = arg;
    (void)task;
    if (self->as.name)
        group_durable(&self->group, up_to_batch);
}

const struct leat_source_type leat_source_redis = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_REPLAYABLE,
    .name = "redis",
    .about = "Entries of Redis streams, from a position of its own; stops where some were trimmed before they were read.",
    .size = sizeof(struct redis_source),
    .options = options,
    .topic = "{table}",
    .validate = validate,
    .check = check,
    .open = open_source,
    .poll = poll_streams,
    .durable = durable,
    .close = close_source,
    .decode_again = decode_again,
};
