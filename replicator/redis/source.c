/* source.c - the redis source: entries of streams, by XREAD from our own position.
 *
 *   position   "NAME of the stream" -> {id: "1700000000000-3", added: 4711, deleted: "0-0"}
 *              id: the last entry that is in the topic; added: how many the stream has ever had, up to that one; deleted:
 *              the highest that had been deleted when reading began
 *
 * XREAD steps over what was trimmed or deleted and says nothing. So each read is a transaction with XINFO STREAM, whose
 * counters tell it (7.0): where the stream's first entry lies behind ours, what lies between is entries-added - added -
 * length; it must be 0 (I7). Streams are read in turn, one after the other; while all are at their end, a blocking XREAD
 * waits for news, and its answer is dropped.
 */
#include <redis/redis.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/number.h>
#include <base/text.h>
#include <redis/coder.h>
#include <redis/link.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_COUNT "1000"
#define BLOCK_MS   "5000"

struct id {
    uint64_t ms, number;
};

struct stream {
    const char *name;
    const struct leat_topic *topic;
    struct id last, end; /* what was read; of --once: where to end */
    struct id deleted;   /* what was deleted before the beginning is not missing */
    uint64_t added;
    bool is_known; /* there is a position */
};

struct redis_source {
    struct link_options to;
    struct leat_list names;
    const char *field, *format, *key;
    int64_t from;
    /* open */
    struct link link;
    bool is_open, has_beginnings;
    bool is_blocking; /* an XREAD waits for news, at most until ... */
    struct leat_time wait_ends;
    struct coder coder;
    struct stream *streams;
    size_t turn, idle; /* whose turn it is; how many in a row had nothing */
};

struct info { /* what XINFO STREAM says */
    struct id first, last, deleted;
    uint64_t added, length;
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
    {.name = "format", .type = LEAT_OPT_TEXT, .offset = AT(format), .preset = "json", .about = "Format of that message."},
    {.name = "key", .type = LEAT_OPT_TEXT, .offset = AT(key), .about = "Field of an entry that becomes the record's key."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    const struct redis_source *self = arg;
    const struct leat_codec_type *type = leat_codec(self->format);
    if (self->names.count == 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "streams: name one");
    if (!type || !type->decode)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "format: \"%s\" %s", self->format,
                            type ? "can only be written" : "is unknown; `leat plugins` lists what there is");
    for (size_t i = 0; i < self->names.count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(self->names.items[i], self->names.items[k]) == 0)
                return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "streams: %s stands there twice", self->names.items[i]);
    return link_validate(&self->to, err);
}

/* ---- ids ---- */

static bool id_read(const char *text, struct id *id)
{
    const char *dash = strchr(text, '-');
    return dash && leat_parse_u64(text, (size_t)(dash - text), &id->ms) && leat_parse_u64(dash + 1, strlen(dash + 1), &id->number);
}

static int id_compare(const struct id *a, const struct id *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

#define ID_TEXT 48
static const char *id_text(const struct id *id, char text[ID_TEXT])
{
    snprintf(text, ID_TEXT, "%llu-%llu", (unsigned long long)id->ms, (unsigned long long)id->number);
    return text;
}

/* ---- XINFO STREAM ---- */

static bool take_info(const char *name, const redisReply *value, struct info *info)
{
    if (strcmp(name, "length") == 0)
        info->length = (uint64_t)value->integer;
    else if (strcmp(name, "entries-added") == 0)
        info->added = (uint64_t)value->integer;
    else if (strcmp(name, "last-generated-id") == 0)
        return value->type == REDIS_REPLY_STRING && id_read(value->str, &info->last);
    else if (strcmp(name, "max-deleted-entry-id") == 0)
        return value->type == REDIS_REPLY_STRING && id_read(value->str, &info->deleted);
    else if (strcmp(name, "recorded-first-entry-id") == 0)
        return value->type == REDIS_REPLY_STRING && id_read(value->str, &info->first);
    return true;
}

/* A key that is not there is a stream that has had nothing. */
static enum leat_status read_info(const struct link *link, const struct stream *stream, const redisReply *reply,
                                  struct info *info, struct leat_error *err)
{
    *info = (struct info){.added = 0};
    if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "no such key"))
        return LEAT_OK;
    if (reply->type == REDIS_REPLY_ERROR) {
        enum leat_status status = link_refused(link, reply->str, err);
        leat_error_context(err, "stream %s", stream->name);
        return status;
    }
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
        if (reply->element[i]->type == REDIS_REPLY_STRING && !take_info(reply->element[i]->str, reply->element[i + 1], info))
            return leat_fail(err, LEAT_STOP, "%s: it answers XINFO STREAM as no Redis does", link->where);
    return LEAT_OK;
}

/* I7. */
static enum leat_status gap(const struct link *link, const struct stream *stream, const char *why, struct leat_error *err)
{
    char id[ID_TEXT];
    return leat_fail(err, LEAT_STOP,
                     "%s: stream %s %s behind %s: records are missing; `leat offsets reset` begins anew with what is there, if "
                     "that is acceptable",
                     link->where, stream->name, why, id_text(&stream->last, id));
}

static enum leat_status judge(const struct link *link, const struct stream *stream, const struct info *info,
                              struct leat_error *err)
{
    if (id_compare(&info->last, &stream->last) < 0)
        return gap(link, stream, "has lost its end, or was made anew:", err);
    if (info->added < stream->added)
        return gap(link, stream, "was made anew", err);
    if (id_compare(&info->deleted, &stream->last) > 0 && id_compare(&info->deleted, &stream->deleted) > 0)
        return gap(link, stream, "has had entries deleted", err);
    bool is_behind_first = info->length == 0 || id_compare(&info->first, &stream->last) > 0;
    if (is_behind_first && info->added - stream->added != info->length)
        return gap(link, stream, "was trimmed", err);
    return LEAT_OK;
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

static enum leat_status load_position(struct stream *stream, const struct leat_positions *from, struct leat_error *err)
{
    struct leat_value key = leat_value_string(stream->name);
    const struct leat_value *position = leat_positions_get(from, &key);
    if (!position)
        return LEAT_OK;
    const struct leat_value *added = leat_map_get(position, "added");
    if (!added || added->type != LEAT_INT64 || added->as.i < 0 || !value_id(leat_map_get(position, "id"), &stream->last) ||
        !value_id(leat_map_get(position, "deleted"), &stream->deleted))
        return leat_fail(err, LEAT_STOP, "stream %s: its position is no {id, added, deleted}", stream->name);
    stream->added = (uint64_t)added->as.i;
    stream->is_known = true;
    return LEAT_OK;
}

static enum leat_status find_stream(struct redis_source *self, struct stream *stream, struct leat_error *err)
{
    const char *argv[] = {"XINFO", "STREAM", stream->name};
    redisReply *reply = NULL;
    struct info info;
    enum leat_status status = link_ask(&self->link, &reply, err, 3, argv, NULL);
    if (status == LEAT_OK)
        status = read_info(&self->link, stream, reply, &info, err);
    freeReplyObject(reply);
    if (status == LEAT_OK && !stream->is_known) {
        begin(self, stream, &info);
        self->has_beginnings = true;
    }
    if (status == LEAT_OK)
        stream->end = info.last;
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

static enum leat_status check(void *arg, struct leat_report *report, struct leat_error *err)
{
    struct redis_source *self = arg;
    struct link link;
    enum leat_status status = link_open(&link, &self->to, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = check_version(&link, err);
    for (size_t i = 0; status == LEAT_OK && i < self->names.count; i++) {
        const char *argv[] = {"XINFO", "STREAM", self->names.items[i]};
        redisReply *reply = NULL;
        status = link_ask(&link, &reply, err, 3, argv, NULL);
        if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "no such key"))
            leat_report_note(report, "%s: there is no stream %s yet", link.where, self->names.items[i]);
        else if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
            leat_report_error(report, "%s: stream %s: %s", link.where, self->names.items[i], reply->str);
        freeReplyObject(reply);
    }
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
    enum leat_status status = coder_open(&self->coder, self->format, leat_task_name(task), err);
    if (status == LEAT_OK)
        status = link_open(&self->link, &self->to, task, err);
    self->is_open = status == LEAT_OK;
    if (status == LEAT_OK)
        status = check_version(&self->link, err);
    for (size_t i = 0; status == LEAT_OK && i < self->names.count; i++) {
        struct stream *stream = &self->streams[i];
        stream->name = self->names.items[i];
        stream->topic = leat_task_route(task, "", stream->name);
        status = load_position(stream, from, err);
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
    coder_close(&self->coder);
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

static bool add_entry(struct redis_source *self, struct stream *stream, struct leat_batch *batch, const redisReply *entry)
{
    struct leat_error why;
    struct id id;
    if (!is_entry(entry) || !id_read(entry->element[0]->str, &id))
        return false;
    const redisReply *fields = entry->element[1], *key = self->key ? find_field(fields, self->key) : NULL;
    uint32_t index = leat_batch_count(batch);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = stream->topic;
    rec->time_us = id.ms < INT64_MAX / 1000 ? (int64_t)id.ms * 1000 : 0;
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
    stream->last = id;
    stream->added++;
    return true;
}

/* The answer to MULTI, XINFO, XREAD, EXEC is that to EXEC. */
static enum leat_status take_entries(struct redis_source *self, struct stream *stream, const redisReply *exec,
                                     struct leat_batch *batch, struct leat_error *err)
{
    struct info info;
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != 2)
        return exec->type == REDIS_REPLY_ERROR ? link_refused(&self->link, exec->str, err)
                                               : leat_fail(err, LEAT_RETRY, "%s: a transaction without an answer", self->link.where);
    enum leat_status status = read_info(&self->link, stream, exec->element[0], &info, err);
    if (status == LEAT_OK)
        status = judge(&self->link, stream, &info, err);
    if (status != LEAT_OK)
        return status;
    const redisReply *streams = exec->element[1];
    if (streams->type == REDIS_REPLY_ERROR)
        return link_refused(&self->link, streams->str, err);
    if (streams->type != REDIS_REPLY_ARRAY || streams->elements != 1 || streams->element[0]->elements != 2)
        return LEAT_OK; /* nil: nothing new */
    const redisReply *entries = streams->element[0]->element[1];
    for (size_t i = 0; i < entries->elements && !leat_batch_is_full(batch); i++)
        if (!add_entry(self, stream, batch, entries->element[i]))
            return leat_fail(err, LEAT_STOP, "%s: stream %s: it answers XREAD as no Redis does", self->link.where, stream->name);
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

static void note_position(const struct stream *stream, struct leat_batch *batch)
{
    char id[ID_TEXT], deleted[ID_TEXT];
    struct leat_value key = leat_value_string(stream->name);
    struct leat_value pairs[6] = {
        leat_value_string("id"), leat_value_string(id_text(&stream->last, id)),
        leat_value_string("added"), leat_value_int((int64_t)stream->added),
        leat_value_string("deleted"), leat_value_string(id_text(&stream->deleted, deleted)),
    };
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, 3);
    leat_batch_position(batch, &key, &value);
}

/* ---- waiting for news ---- */

/* XREAD BLOCK over all streams; its answer ends the wait and is dropped: what it would give is read with its counters. */
static enum leat_status begin_waiting(struct redis_source *self, struct leat_error *err)
{
    size_t count = self->names.count;
    const char **words = leat_calloc(4 + 2 * count, sizeof *words);
    char (*ids)[ID_TEXT] = leat_calloc(count, sizeof *ids);
    char *request = NULL;
    enum leat_status status = LEAT_OK;
    words[0] = "XREAD", words[1] = "BLOCK", words[2] = BLOCK_MS, words[3] = "STREAMS";
    for (size_t i = 0; i < count; i++) {
        words[4 + i] = self->streams[i].name;
        words[4 + count + i] = id_text(&self->streams[i].last, ids[i]);
    }
    int len = redisFormatCommandArgv(&request, (int)(4 + 2 * count), words, NULL);
    leat_assert(len > 0);
    for (size_t at = 0, sent; status == LEAT_OK && at < (size_t)len; at += sent)
        status = link_send(&self->link, request + at, (size_t)len - at, &sent, err);
    redisFreeCommand(request);
    free(words);
    free(ids);
    self->is_blocking = status == LEAT_OK;
    self->wait_ends = leat_after_us(atoi(BLOCK_MS) * 1000 + self->to.timeout_us);
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
    for (size_t i = 0; i < self->names.count; i++)
        if (id_compare(&self->streams[i].last, &self->streams[i].end) < 0)
            return false;
    return true;
}

/* Where streams begin that had no position: kept before the first entry is read, so that "latest" is one moment. */
static enum leat_status keep_beginnings(struct redis_source *self, struct leat_task *task, struct leat_batch **out)
{
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    for (size_t i = 0; i < self->names.count; i++)
        note_position(&self->streams[i], batch);
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
    if (self->is_blocking)
        status = go_on_waiting(self, task, err);
    if (status != LEAT_OK)
        return status;
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    struct stream *stream = &self->streams[self->turn];
    self->turn = (self->turn + 1) % self->names.count;
    status = read_stream(self, stream, batch, err);
    if (status == LEAT_OK && leat_batch_count(batch) > 0) {
        self->idle = 0;
        note_position(stream, batch);
        leat_task_lag(task, leat_wall_us() - (int64_t)stream->last.ms * 1000, -1);
        *out = batch;
        return LEAT_OK;
    }
    leat_batch_give(task, &batch);
    return status == LEAT_OK ? nothing_new(self, task, err) : status;
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
    .close = close_source,
};
