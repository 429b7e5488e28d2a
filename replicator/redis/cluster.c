#include <redis/cluster.h>

#include <base/memory.h>
#include <model/template.h>
#include <stdio.h>
#include <stdlib.h>

#define HOPS_MOST 8

/* As Redis does it: what stands between the first '{' and the next '}', if that is something; otherwise the key. */
static char *tag_of(const char *key, bool is_whole)
{
    const char *open = strchr(key, '{'), *end = open ? strchr(open, '}') : NULL;
    if (end && end > open + 1)
        return leat_strndup(open + 1, (size_t)(end - open - 1));
    return is_whole ? leat_strdup(key) : NULL;
}

char *cluster_tag(const struct encode_options *encode, const char *own)
{
    struct leat_error err;
    if (encode->as == AS_PUBLISH)
        return leat_strdup(own);
    struct leat_template *key = encode->key ? leat_template_new(encode->key, false, &err) : NULL;
    char *tag = key ? tag_of(leat_template_prefix(key), leat_template_is_literal(key)) : NULL;
    if (key)
        leat_template_free(key);
    return tag;
}

enum leat_status cluster_validate(const struct link *link, const char *tag, const char *mark_key, struct leat_error *err)
{
    if (!tag)
        return leat_fail(err, LEAT_STOP,
                         "%s: it is a cluster: a batch and its mark must lie on one of its nodes, and the keys of this sink are all "
                         "over them; begin `key` with a literal hash tag, \"{{shop}:{topic}:{key.id}\", or use a server that is no "
                         "cluster",
                         link->where);
    char *mark_tag = mark_key ? tag_of(mark_key, true) : NULL;
    bool is_same = !mark_tag || strcmp(mark_tag, tag) == 0;
    free(mark_tag);
    if (!is_same)
        return leat_fail(err, LEAT_STOP, "%s: it is a cluster: `mark_key` must have the keys' hash tag, {%s}", link->where, tag);
    return LEAT_OK;
}

/* "MOVED 3999 127.0.0.1:6381"; the host may be missing: the one that was asked. */
static bool take_moved(const char *text, char *host, size_t size, int64_t *port)
{
    const char *at = strchr(text, ' '), *colon = strrchr(text, ':');
    at = at ? strchr(at + 1, ' ') : NULL;
    if (strncmp(text, "MOVED ", 6) != 0 || !at || !colon || colon <= at)
        return false;
    if (colon > at + 1)
        snprintf(host, size, "%.*s", (int)(colon - at - 1), at + 1);
    *port = atoi(colon + 1);
    return *port > 0;
}

enum leat_status cluster_follow(struct link *link, const struct link_options *options, const char *key, struct leat_error *err)
{
    char host[256];
    struct link_options to = *options;
    struct leat_task *task = link->task;
    snprintf(host, sizeof host, "%s", options->host);
    for (int hop = 0; hop < HOPS_MOST; hop++) {
        const char *argv[] = {"HMGET", key, "?"};
        redisReply *reply = NULL;
        enum leat_status status = link_ask(link, &reply, err, 3, argv, NULL);
        bool is_error = status == LEAT_OK && reply->type == REDIS_REPLY_ERROR;
        bool is_moved = is_error && take_moved(reply->str, host, sizeof host, &to.port);
        if (is_error && !is_moved && link_judge(reply->str) == LEAT_RETRY)
            status = link_refused(link, reply->str, err);
        freeReplyObject(reply);
        if (status == LEAT_OK && !is_moved) {
            link->is_cluster = true;
            return LEAT_OK;
        }
        link_close(link);
        to.host = host;
        to.socket = NULL;
        if (status == LEAT_OK)
            status = link_open(link, &to, task, err);
        if (status != LEAT_OK)
            return status;
    }
    link_close(link);
    return leat_fail(err, LEAT_RETRY, "%s: the cluster's nodes do not agree on who has the slot of %s", link->where, key);
}
