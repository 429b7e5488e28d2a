#include <redis/stream.h>

#include <base/number.h>
#include <stdio.h>

/* ---- ids ---- */

bool id_read(const char *text, struct id *id)
{
    const char *dash = strchr(text, '-');
    return dash && leat_parse_u64(text, (size_t)(dash - text), &id->ms) && leat_parse_u64(dash + 1, strlen(dash + 1), &id->number);
}

int id_compare(const struct id *a, const struct id *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

const char *id_text(const struct id *id, char text[ID_TEXT])
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

enum leat_status stream_info(const struct link *link, const struct stream *stream, const redisReply *reply, struct info *info,
                             struct leat_error *err)
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
static enum leat_status gap(const struct link *link, const struct stream *stream, const struct id *last, const char *why,
                            struct leat_error *err)
{
    char id[ID_TEXT];
    return leat_fail(err, LEAT_STOP,
                     "%s: stream %s %s behind %s: records are missing; `leat offsets reset` begins anew with what is there, if "
                     "that is acceptable",
                     link->where, stream->name, why, id_text(last, id));
}

enum leat_status stream_judge(const struct link *link, const struct stream *stream, const struct info *info,
                              const struct id *last, uint64_t added, struct leat_error *err)
{
    if (id_compare(&info->last, last) < 0)
        return gap(link, stream, last, "has lost its end, or was made anew:", err);
    if (added != UINT64_MAX && info->added < added)
        return gap(link, stream, last, "was made anew", err);
    if (id_compare(&info->deleted, last) > 0 && id_compare(&info->deleted, &stream->deleted) > 0)
        return gap(link, stream, last, "has had entries deleted", err);
    bool is_behind_first = info->length == 0 || id_compare(&info->first, last) > 0;
    if (is_behind_first && added != UINT64_MAX && info->added - added != info->length)
        return gap(link, stream, last, "was trimmed", err);
    return LEAT_OK;
}
