#include <redis/group.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_COUNT "1000"
#define ACK_MOST   1000 /* ids of one XACK */

struct unit { /* what a batch has of a stream */
    struct unit *next;
    struct stream *stream;
    enum group_kind kind;
    uint64_t batch;
    struct id *ids;
    uint32_t count, cap;
};

/* ---- open and close ---- */

enum leat_status group_open(struct group *group, const struct group_options *options, const struct link_options *to,
                            struct leat_task *task, struct leat_error *err)
{
    *group = (struct group){.name = options->name, .claim_us = options->claim_us, .failure = LEAT_OK};
    group->last = &group->first;
    group->consumer = options->consumer ? leat_strdup(options->consumer) : leat_format_dup("leat:%s", leat_task_name(task));
    group->claims = leat_format_dup("%s:claims", group->consumer);
    enum leat_status status = link_open(&group->acks, to, task, err);
    group->is_open = status == LEAT_OK;
    return status;
}

static void free_unit(struct unit *unit)
{
    if (unit)
        free(unit->ids);
    free(unit);
}

void group_close(struct group *group)
{
    if (group->is_open)
        link_close(&group->acks);
    while (group->first) {
        struct unit *unit = group->first;
        group->first = unit->next;
        free_unit(unit);
    }
    free_unit(group->filled);
    free(group->consumer);
    free(group->claims);
    *group = (struct group){.name = group->name};
}

/* ---- acknowledging ---- */

static enum leat_status acknowledge(struct group *group, const struct stream *stream, const struct id *ids, uint32_t count,
                                    struct leat_error *err)
{
    char(*texts)[ID_TEXT] = leat_calloc(count, sizeof *texts);
    const char **words = leat_calloc(3 + (size_t)count, sizeof *words);
    redisReply *reply = NULL;
    words[0] = "XACK", words[1] = stream->name, words[2] = group->name;
    for (uint32_t i = 0; i < count; i++)
        words[3 + i] = id_text(&ids[i], texts[i]);
    enum leat_status status = link_ask(&group->acks, &reply, err, (int)(3 + count), words, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
        status = link_refused(&group->acks, reply->str, err);
    freeReplyObject(reply);
    free(words);
    free(texts);
    return status;
}

void group_durable(struct group *group, uint64_t up_to_batch)
{
    struct unit *unit;
    while ((unit = group->first) && unit->batch <= up_to_batch) {
        for (uint32_t at = 0; group->failure == LEAT_OK && at < unit->count; at += ACK_MOST) {
            uint32_t count = unit->count - at < ACK_MOST ? unit->count - at : ACK_MOST;
            group->failure = acknowledge(group, unit->stream, unit->ids + at, count, &group->why);
        }
        if (unit->kind == GROUP_CLAIMED && group->failure == LEAT_OK)
            unit->stream->claimed_count = 0;
        group->first = unit->next;
        if (!group->first)
            group->last = &group->first;
        free_unit(unit);
    }
}

enum leat_status group_failed(const struct group *group, struct leat_error *err)
{
    if (group->failure != LEAT_OK)
        *err = group->why;
    return group->failure;
}

void group_note(struct group *group, struct stream *stream, enum group_kind kind, const struct id *id)
{
    struct unit *unit = group->filled;
    if (!unit)
        unit = group->filled = leat_calloc(1, sizeof *unit);
    if (unit->count == unit->cap) {
        unit->cap = unit->cap ? 2 * unit->cap : 64;
        unit->ids = leat_realloc(unit->ids, unit->cap * sizeof *unit->ids);
    }
    unit->ids[unit->count++] = *id;
    if (kind == GROUP_READ) {
        stream->last = *id;
        return;
    }
    leat_assert(stream->claimed_count < CLAIM_MOST);
    stream->claimed[stream->claimed_count++] = *id;
}

void group_end(struct group *group, struct stream *stream, enum group_kind kind, uint64_t batch)
{
    struct unit *unit = group->filled;
    leat_assert(unit);
    group->filled = NULL;
    unit->stream = stream;
    unit->kind = kind;
    unit->batch = batch;
    *group->last = unit;
    group->last = &unit->next;
}

/* ---- pending lists ---- */

/* What `consumer` was given and has not acknowledged, behind `from`. `*entries` NULL: nothing. */
static enum leat_status read_pending(struct group *group, struct link *link, const struct stream *stream, const char *consumer,
                                     const struct id *from, const char *count, redisReply **reply, const redisReply **entries,
                                     struct leat_error *err)
{
    char id[ID_TEXT];
    const char *words[] = {"XREADGROUP", "GROUP", group->name, consumer, "COUNT", count, "STREAMS", stream->name,
                           id_text(from, id)};
    *entries = NULL;
    enum leat_status status = link_ask(link, reply, err, 9, words, NULL);
    if (status == LEAT_OK && (*reply)->type == REDIS_REPLY_ERROR)
        return link_refused(link, (*reply)->str, err);
    if (status == LEAT_OK && (*reply)->type == REDIS_REPLY_ARRAY && (*reply)->elements == 1 &&
        (*reply)->element[0]->elements == 2 && (*reply)->element[0]->element[1]->elements > 0)
        *entries = (*reply)->element[0]->element[1];
    return status;
}

static bool entry_id(const redisReply *entry, struct id *id)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 && entry->element[0]->type == REDIS_REPLY_STRING &&
           id_read(entry->element[0]->str, id);
}

static bool is_claimed(const struct stream *stream, const struct id *id)
{
    for (uint32_t i = 0; i < stream->claimed_count; i++)
        if (id_compare(&stream->claimed[i], id) == 0)
            return true;
    return false;
}

/* Of one answer: ids that are in the topic. False: what follows is not, or there is nothing. */
static bool pick_known(const struct stream *stream, const redisReply *entries, bool is_own, struct id *from, struct id *ids,
                       uint32_t *count)
{
    *count = 0;
    for (size_t i = 0; entries && i < entries->elements && *count < ACK_MOST; i++) {
        struct id id;
        if (!entry_id(entries->element[i], &id))
            return false;
        *from = id;
        if (is_own && id_compare(&id, &stream->last) > 0)
            return false;
        if (is_own || is_claimed(stream, &id))
            ids[(*count)++] = id;
    }
    return entries != NULL;
}

/* Acknowledges what a life before this one made durable, and had no time to acknowledge. */
static enum leat_status acknowledge_known(struct group *group, const struct stream *stream, bool is_own, struct leat_error *err)
{
    struct id from = {0, 0}, *ids = leat_calloc(ACK_MOST, sizeof *ids);
    enum leat_status status = LEAT_OK;
    bool has_more = true;
    while (status == LEAT_OK && has_more) {
        redisReply *reply = NULL;
        const redisReply *entries;
        uint32_t count = 0;
        status = read_pending(group, &group->acks, stream, is_own ? group->consumer : group->claims, &from, READ_COUNT, &reply,
                              &entries, err);
        has_more = status == LEAT_OK && pick_known(stream, entries, is_own, &from, ids, &count);
        if (status == LEAT_OK && count > 0)
            status = acknowledge(group, stream, ids, count, err);
        freeReplyObject(reply);
    }
    free(ids);
    return status;
}

/* ---- the beginning ---- */

struct place { /* what XINFO GROUPS says of ours */
    bool is_there;
    struct id given;
    uint64_t read; /* UINT64_MAX: not known */
};

static const redisReply *field(const redisReply *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2)
        if (map->element[i]->type == REDIS_REPLY_STRING && strcmp(map->element[i]->str, name) == 0)
            return map->element[i + 1];
    return NULL;
}

static void take_place(const struct group *group, const redisReply *groups, struct place *place)
{
    *place = (struct place){.read = UINT64_MAX};
    for (size_t i = 0; groups->type == REDIS_REPLY_ARRAY && i < groups->elements; i++) {
        const redisReply *name = field(groups->element[i], "name"), *given = field(groups->element[i], "last-delivered-id");
        const redisReply *read = field(groups->element[i], "entries-read");
        if (!name || name->type != REDIS_REPLY_STRING || strcmp(name->str, group->name) != 0 || !given ||
            given->type != REDIS_REPLY_STRING)
            continue;
        place->is_there = id_read(given->str, &place->given);
        if (read && read->type == REDIS_REPLY_INTEGER)
            place->read = (uint64_t)read->integer;
    }
}

static enum leat_status make_group(struct group *group, const struct stream *stream, struct leat_error *err)
{
    char id[ID_TEXT], added[24];
    const char *words[] = {"XGROUP", "CREATE", stream->name, group->name, id_text(&stream->last, id), "MKSTREAM", "ENTRIESREAD",
                           added};
    redisReply *reply = NULL;
    snprintf(added, sizeof added, "%llu", (unsigned long long)stream->added);
    enum leat_status status = link_ask(&group->acks, &reply, err, 8, words, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "BUSYGROUP", 9) != 0)
        status = link_refused(&group->acks, reply->str, err);
    freeReplyObject(reply);
    return status;
}

static enum leat_status find_place(struct group *group, const struct stream *stream, struct place *place, struct leat_error *err)
{
    const char *words[] = {"XINFO", "GROUPS", stream->name};
    redisReply *reply = NULL;
    *place = (struct place){.read = UINT64_MAX};
    enum leat_status status = link_ask(&group->acks, &reply, err, 3, words, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR && !strstr(reply->str, "no such key"))
        status = link_refused(&group->acks, reply->str, err);
    if (status == LEAT_OK)
        take_place(group, reply, place);
    freeReplyObject(reply);
    return status;
}

static enum leat_status group_gone(const struct group *group, const struct stream *stream, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: stream %s has no group %s any more, or it was made anew: what it had not given is not known; `leat "
                     "offsets reset` begins anew with what is there, if that is acceptable",
                     group->acks.where, stream->name, group->name);
}

enum leat_status group_begin(struct group *group, struct stream *stream, bool has_position, const struct info *info,
                             struct leat_error *err)
{
    struct place place;
    enum leat_status status = find_place(group, stream, &place, err);
    if (status != LEAT_OK)
        return status;
    if (stream->was_group && (!place.is_there || id_compare(&place.given, &stream->last) < 0))
        return group_gone(group, stream, err);
    if (has_position && !stream->was_group && place.is_there)
        return leat_fail(err, LEAT_STOP,
                         "%s: stream %s was read without a group so far, and group %s is at a place of its own: name a group that is "
                         "not there yet, which goes on where we are, or `leat offsets reset` to go on where that group is",
                         group->acks.where, stream->name, group->name);
    if (!place.is_there)
        status = make_group(group, stream, err);
    else if (!stream->was_group) { /* it knows where it is */
        stream->last = (struct id){0, 0};
        stream->deleted = info->deleted;
    }
    stream->given = place.is_there ? place.given : stream->last;
    if (status == LEAT_OK && stream->was_group)
        status = acknowledge_known(group, stream, true, err);
    if (status == LEAT_OK && stream->was_group)
        status = acknowledge_known(group, stream, false, err);
    stream->claimed_count = 0;
    stream->was_group = stream->has_own = stream->has_claims = true;
    return status;
}

/* ---- claiming from the dead ---- */

/* Ids that others were given and have not acknowledged for so long. XAUTOCLAIM would take ours, too. */
static enum leat_status find_dead(struct group *group, struct link *link, const struct stream *stream, struct id *ids,
                                  uint32_t *count, struct leat_error *err)
{
    char idle[24], from[ID_TEXT + 1] = "-";
    bool has_more = true;
    enum leat_status status = LEAT_OK;
    *count = 0;
    snprintf(idle, sizeof idle, "%lld", (long long)(group->claim_us / 1000));
    while (status == LEAT_OK && has_more && *count < CLAIM_MOST) {
        const char *words[] = {"XPENDING", stream->name, group->name, "IDLE", idle, from, "+", READ_COUNT};
        redisReply *reply = NULL;
        status = link_ask(link, &reply, err, 8, words, NULL);
        if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
            status = link_refused(link, reply->str, err);
        has_more = status == LEAT_OK && reply->elements == (size_t)atoi(READ_COUNT);
        for (size_t i = 0; status == LEAT_OK && i < reply->elements && *count < CLAIM_MOST; i++) {
            const redisReply *one = reply->element[i];
            if (one->elements < 2 || !id_read(one->element[0]->str, &ids[*count]))
                continue;
            snprintf(from, sizeof from, "(%s", one->element[0]->str);
            *count += strcmp(one->element[1]->str, group->consumer) != 0 && strcmp(one->element[1]->str, group->claims) != 0;
        }
        freeReplyObject(reply);
    }
    return status;
}

/* Those that came to life meanwhile keep theirs. */
static enum leat_status claim(struct group *group, struct link *link, struct stream *stream, struct leat_error *err)
{
    struct id ids[CLAIM_MOST];
    char idle[24], texts[CLAIM_MOST][ID_TEXT];
    const char *words[6 + CLAIM_MOST] = {"XCLAIM", stream->name, group->name, group->claims, idle};
    redisReply *reply = NULL;
    uint32_t count;
    snprintf(idle, sizeof idle, "%lld", (long long)(group->claim_us / 1000));
    enum leat_status status = find_dead(group, link, stream, ids, &count, err);
    if (status != LEAT_OK || count == 0)
        return status;
    for (uint32_t i = 0; i < count; i++)
        words[5 + i] = id_text(&ids[i], texts[i]);
    words[5 + count] = "JUSTID";
    status = link_ask(link, &reply, err, (int)(6 + count), words, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
        status = link_refused(link, reply->str, err);
    if (status == LEAT_OK && reply->elements > 0) {
        stream->has_claims = true;
        leat_say(LEAT_INFO, NULL, "%s: stream %s: %zu entries of consumers that are silent for %s ms are taken over", link->where,
                 stream->name, reply->elements, idle);
    }
    freeReplyObject(reply);
    return status;
}

static enum leat_status claim_due(struct group *group, struct link *link, struct stream *stream, struct leat_error *err)
{
    if (group->claim_us == 0 || stream->has_claims || stream->claimed_count > 0 || !leat_is_past(stream->next_claim))
        return LEAT_OK;
    enum leat_status status = claim(group, link, stream, err);
    if (!stream->has_claims)
        stream->next_claim = leat_after_us(group->claim_us / 4 + 1000);
    return status;
}

/* ---- reading ---- */

/* The answers to XINFO STREAM, XINFO GROUPS and XREADGROUP. */
static enum leat_status take_news(struct group *group, const struct link *link, struct stream *stream, const redisReply *exec,
                                  const redisReply **entries, struct leat_error *err)
{
    struct info info;
    struct place place;
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != 3)
        return exec->type == REDIS_REPLY_ERROR ? link_refused(link, exec->str, err)
                                               : leat_fail(err, LEAT_RETRY, "%s: a transaction without an answer", link->where);
    enum leat_status status = stream_info(link, stream, exec->element[0], &info, err);
    if (status != LEAT_OK)
        return status;
    take_place(group, exec->element[1], &place);
    if (!place.is_there || id_compare(&place.given, &stream->last) < 0)
        return group_gone(group, stream, err);
    stream->given = place.given;
    status = stream_judge(link, stream, &info, &place.given, place.read, err);
    const redisReply *news = exec->element[2];
    if (status == LEAT_OK && news->type == REDIS_REPLY_ERROR)
        return link_refused(link, news->str, err);
    if (status == LEAT_OK && news->type == REDIS_REPLY_ARRAY && news->elements == 1 && news->element[0]->elements == 2)
        *entries = news->element[0]->element[1];
    return status;
}

static enum leat_status read_news(struct group *group, struct link *link, struct stream *stream, redisReply **reply,
                                  const redisReply **entries, struct leat_error *err)
{
    const char *multi[] = {"MULTI"}, *exec[] = {"EXEC"}, *info[] = {"XINFO", "STREAM", stream->name};
    const char *groups[] = {"XINFO", "GROUPS", stream->name};
    const char *read[] = {"XREADGROUP", "GROUP", group->name, group->consumer, "COUNT", READ_COUNT, "STREAMS", stream->name, ">"};
    const struct { int count; const char **words; } commands[] = {{1, multi}, {3, info}, {3, groups}, {9, read}, {1, exec}};
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < 5; i++) {
        freeReplyObject(*reply);
        *reply = NULL;
        status = link_ask(link, reply, err, commands[i].count, commands[i].words, NULL);
    }
    return status == LEAT_OK ? take_news(group, link, stream, *reply, entries, err) : status;
}

/* An entry that was deleted or trimmed before it was read has no fields in a pending list. */
static enum leat_status judge_pending(const struct group *group, const struct stream *stream, const redisReply *entries,
                                      struct leat_error *err)
{
    for (size_t i = 0; i < entries->elements; i++)
        if (entries->element[i]->elements == 2 && entries->element[i]->element[1]->type != REDIS_REPLY_ARRAY)
            return leat_fail(err, LEAT_STOP,
                             "%s: stream %s: entry %s was given to us, and deleted before it was read; XACK %s %s %s accepts that",
                             group->acks.where, stream->name, entries->element[i]->element[0]->str, stream->name, group->name,
                             entries->element[i]->element[0]->str);
    return LEAT_OK;
}

enum leat_status group_read(struct group *group, struct link *link, struct stream *stream, redisReply **reply,
                            const redisReply **entries, enum group_kind *kind, struct leat_error *err)
{
    static const struct id zero;
    char most[8];
    *entries = NULL;
    *kind = GROUP_READ;
    free_unit(group->filled); /* of a batch that was not given */
    group->filled = NULL;
    enum leat_status status = claim_due(group, link, stream, err);
    if (status == LEAT_OK && stream->has_claims && stream->claimed_count == 0) {
        snprintf(most, sizeof most, "%d", CLAIM_MOST);
        *kind = GROUP_CLAIMED;
        status = read_pending(group, link, stream, group->claims, &zero, most, reply, entries, err);
        stream->has_claims = *entries != NULL; /* there may be more */
        if (status != LEAT_OK || *entries)
            return status == LEAT_OK ? judge_pending(group, stream, *entries, err) : status;
        freeReplyObject(*reply);
        *reply = NULL;
    }
    *kind = GROUP_READ;
    if (status == LEAT_OK && stream->has_own) {
        status = read_pending(group, link, stream, group->consumer, &stream->last, READ_COUNT, reply, entries, err);
        stream->has_own = *entries != NULL;
        if (status != LEAT_OK || *entries)
            return status == LEAT_OK ? judge_pending(group, stream, *entries, err) : status;
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return status == LEAT_OK ? read_news(group, link, stream, reply, entries, err) : status;
}
