#include <redis/preflight.h>

#include <base/buffer.h>
#include <base/memory.h>
#include <model/template.h>
#include <redis/cluster.h>
#include <stdio.h>
#include <stdlib.h>

struct server { /* what INFO says */
    char version[32], role[16], policy[32];
    uint64_t maxmemory, evicted;
    bool is_cluster, has_aof, is_loading;
};

/* ---- INFO ---- */

/* The value of "name:value\r\n"; "" where there is none. */
static void info_text(const char *info, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);
    value[0] = '\0';
    for (const char *line = info; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            snprintf(value, size, "%.*s", (int)strcspn(line + len + 1, "\r\n"), line + len + 1);
}

static uint64_t info_number(const char *info, const char *name)
{
    char value[32];
    info_text(info, name, value, sizeof value);
    return strtoull(value, NULL, 10);
}

static enum leat_status ask_server(struct link *link, struct server *server, struct leat_error *err)
{
    redisReply *reply = NULL;
    *server = (struct server){.maxmemory = 0};
    enum leat_status status = link_command(link, &reply, err, "INFO");
    if (status == LEAT_OK && reply->type != REDIS_REPLY_STRING) /* RESP3 would be another type */
        status = leat_fail(err, LEAT_STOP, "%s: it answers INFO as no Redis does", link->where);
    if (status == LEAT_OK) {
        info_text(reply->str, "redis_version", server->version, sizeof server->version);
        info_text(reply->str, "role", server->role, sizeof server->role);
        info_text(reply->str, "maxmemory_policy", server->policy, sizeof server->policy);
        server->maxmemory = info_number(reply->str, "maxmemory");
        server->evicted = info_number(reply->str, "evicted_keys");
        server->is_cluster = info_number(reply->str, "cluster_enabled") == 1;
        server->has_aof = info_number(reply->str, "aof_enabled") == 1;
        server->is_loading = info_number(reply->str, "loading") == 1;
    }
    freeReplyObject(reply);
    return status;
}

static bool is_older(const char *version, int major, int minor)
{
    int has_major = 0, has_minor = 0;
    sscanf(version, "%d.%d", &has_major, &has_minor);
    return has_major < major || (has_major == major && has_minor < minor);
}

static bool evicts(const struct server *server)
{
    return server->policy[0] && strcmp(server->policy, "noeviction") != 0;
}

static enum leat_status judge_server(const struct link *link, const struct server *server, struct leat_error *err)
{
    if (server->is_loading)
        return leat_fail(err, LEAT_RETRY, "%s: it is loading its data", link->where);
    if (is_older(server->version, 6, 2))
        return leat_fail(err, LEAT_STOP, "%s: it is version %s; the sink needs 6.2", link->where, server->version);
    if (strcmp(server->role, "slave") == 0)
        return leat_fail(err, LEAT_RETRY, "%s: it is a replica; give the address of its master", link->where);
    if (evicts(server) && server->maxmemory > 0)
        return leat_fail(err, LEAT_STOP,
                         "%s: maxmemory-policy is %s: it may drop what was written, and the mark; run: CONFIG SET "
                         "maxmemory-policy noeviction",
                         link->where, server->policy);
    return LEAT_OK;
}

enum leat_status redis_preflight_must(struct link *link, struct leat_error *err)
{
    struct server server;
    enum leat_status status = ask_server(link, &server, err);
    return status == LEAT_OK ? judge_server(link, &server, err) : status;
}

enum leat_status redis_find_node(struct link *link, const struct link_options *to, const struct encode_options *encode,
                                 const char *name, const char *mark_key, char **found, struct leat_error *err)
{
    struct server server;
    enum leat_status status = ask_server(link, &server, err);
    if (status != LEAT_OK || !server.is_cluster) {
        *found = mark_key ? leat_strdup(mark_key) : leat_format_dup("{leat:%s}:mark", name);
        return status;
    }
    char *own = leat_format_dup("leat:%s", name), *tag = cluster_tag(encode, own);
    status = cluster_validate(link, tag, mark_key, err);
    *found = mark_key ? leat_strdup(mark_key) : leat_format_dup("{%s}:leat:%s:mark", tag ? tag : "", name);
    if (status == LEAT_OK)
        status = cluster_follow(link, to, *found, err);
    free(tag);
    free(own);
    return status;
}

/* ---- persistence ---- */

/* The answer to CONFIG GET; "" where the user may not ask. */
static enum leat_status ask_config(struct link *link, const char *name, char *value, size_t size, struct leat_error *err)
{
    const char *argv[] = {"CONFIG", "GET", name};
    redisReply *reply = NULL;
    value[0] = '\0';
    enum leat_status status = link_ask(link, &reply, err, 3, argv, NULL);
    if (status == LEAT_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        snprintf(value, size, "%s", reply->element[1]->str);
    freeReplyObject(reply);
    return status;
}

/* A crash of the server takes data and mark back together, and the log writes them again: exactly once, as long as it still
 * has them. Only a server that keeps nothing has lost the rest. */
static enum leat_status check_persistence(struct link *link, const struct server *server, struct leat_report *report,
                                          struct leat_error *err)
{
    char fsync[32], save[256], name[16] = "appendfsync";
    enum leat_status status = ask_config(link, name, fsync, sizeof fsync, err);
    if (status == LEAT_OK)
        status = ask_config(link, "save", save, sizeof save, err);
    if (status != LEAT_OK)
        return status;
    bool is_kept = server->has_aof && strcmp(fsync, "always") == 0;
    leat_report_guarantee(report, LEAT_EXACTLY_ONCE,
                          is_kept ? "" : "while the log still has what a crash of the server takes back");
    if (is_kept)
        leat_report_note(report, "%s: what is written is on its disk (appendfsync always)", link->where);
    else if (server->has_aof)
        leat_report_note(report, "%s: a crash may take its last second back (appendfsync %s); the log writes it again",
                         link->where, fsync[0] ? fsync : "unknown");
    else if (save[0])
        leat_report_note(report,
                         "%s: a crash takes it back to its last snapshot (save %s); the log writes the rest again while it has "
                         "it: `retain` must be longer than that",
                         link->where, save);
    else
        leat_report_warning(report,
                            "%s: it keeps nothing over a restart (no appendonly, no save): then the sink stops, and `leat "
                            "offsets reset` writes what the log still has; run: CONFIG SET appendonly yes",
                            link->where);
    return LEAT_OK;
}

/* ---- rights ---- */

static const char *const commands[][6] = {
    [AS_STREAM] = {"XADD", NULL},       [AS_HASH] = {"HSET", "HDEL", "UNLINK", NULL},
    [AS_STRING] = {"SET", "UNLINK", NULL}, [AS_JSON] = {"SET", "UNLINK", NULL},
    [AS_LIST] = {"RPUSH", NULL},        [AS_SET] = {"SADD", "SREM", NULL},
    [AS_ZSET] = {"ZADD", "ZREM", NULL}, [AS_PUBLISH] = {"PUBLISH", NULL},
};

/* Asks the server itself, which knows all rules (7.0). 1: may; 0: may not; -1: it does not know. */
static const char program[] = "if not redis.acl_check_cmd then return -1 end\n"
                              "local ok, may = pcall(redis.acl_check_cmd, unpack(ARGV))\n"
                              "if not ok then return -1 end\n"
                              "return may and 1 or 0\n";

static int may(struct link *link, const char *sha, const char *command, const char *key, struct leat_error *err)
{
    static const struct { const char *command, *more[4]; } samples[] = {
        {"XADD", {"*", "f", "v"}}, {"HSET", {"f", "v"}},   {"HDEL", {"f"}},        {"SET", {"v"}},
        {"RPUSH", {"v"}},          {"SADD", {"m"}},        {"SREM", {"m"}},        {"ZADD", {"1", "m"}},
        {"ZREM", {"m"}},           {"PUBLISH", {"v"}},     {"HMGET", {"f"}},       {"PEXPIREAT", {"1"}},
    };
    const char *argv[9] = {"EVALSHA", sha, "0", command, key};
    int argc = 5, result = -1;
    redisReply *reply = NULL;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int k = 0; strcmp(samples[i].command, command) == 0 && k < 4 && samples[i].more[k]; k++)
            argv[argc++] = samples[i].more[k];
    if (link_ask(link, &reply, err, argc, argv, NULL) == LEAT_OK && reply->type == REDIS_REPLY_INTEGER)
        result = (int)reply->integer;
    freeReplyObject(reply);
    return result;
}

struct rights {
    struct link *link;
    const char *user;
    char sha[41]; /* "": the user may not even run a script */
    struct leat_report *report;
};

static void check_right(const struct rights *rights, const char *command, const char *key, struct leat_error *err)
{
    const char *kind = strcmp(command, "PUBLISH") == 0 ? "&" : "~";
    if (rights->sha[0] && may(rights->link, rights->sha, command, key, err) == 0)
        leat_report_error(rights->report, "%s: the user may not %s %s; run: ACL SETUSER %s +%s %s%.*s*", rights->link->where,
                          command, key, rights->user, command, kind, (int)strcspn(key, "?"), key);
}

/* Without these there is no batch. */
static enum leat_status check_script(struct rights *rights, struct leat_error *err)
{
    const char *const asks[][3] = {{"SCRIPT", "LOAD", program}, {"EVALSHA", rights->sha, "0"}};
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < 2; i++) {
        const char *argv[] = {asks[i][0], asks[i][1], asks[i][2]};
        redisReply *reply = NULL;
        status = link_ask(rights->link, &reply, err, 3, argv, NULL);
        bool is_refused = status == LEAT_OK && reply->type == REDIS_REPLY_ERROR && link_judge(reply->str) == LEAT_STOP;
        if (is_refused)
            leat_report_error(rights->report, "%s: %s; run: ACL SETUSER %s +evalsha +script|load", rights->link->where, reply->str,
                              rights->user);
        if (i == 0 && status == LEAT_OK && reply->type == REDIS_REPLY_STRING)
            snprintf(rights->sha, sizeof rights->sha, "%s", reply->str);
        if (is_refused)
            rights->sha[0] = '\0';
        freeReplyObject(reply);
        if (!rights->sha[0])
            break;
    }
    return status;
}

/* Without these the batches that could be transactions go by script. */
static void check_transactions(const struct rights *rights, const char *mark_key, struct leat_error *err)
{
    static const char *const words[] = {"WATCH", "MULTI", "EXEC", "DISCARD"};
    for (size_t i = 0; rights->sha[0] && i < sizeof words / sizeof *words; i++) {
        if (may(rights->link, rights->sha, words[i], mark_key, err) != 0)
            continue;
        leat_report_note(rights->report, "%s: the user may not %s: large batches go by script, which costs the server more; run: "
                         "ACL SETUSER %s +watch +multi +exec +discard", rights->link->where, words[i], rights->user);
        return;
    }
}

/* The keys' literal beginning stands for all of them. */
static enum leat_status check_rights(struct link *link, const struct link_options *to, const struct encode_options *encode,
                                     const char *mark_key, struct leat_report *report, struct leat_error *err)
{
    struct rights rights = {.link = link, .user = to->user ? to->user : "default", .report = report};
    bool expires = (encode->ttl_us > 0 || encode->ttl_field) && encode->as != AS_STRING && encode->as != AS_JSON;
    struct leat_template *template = encode->key ? leat_template_new(encode->key, false, err) : NULL;
    char *key = leat_format_dup("%s?", template ? leat_template_prefix(template) : "");
    enum leat_status status = check_script(&rights, err);
    check_right(&rights, "HMGET", mark_key, err);
    check_right(&rights, "HSET", mark_key, err);
    check_right(&rights, "HDEL", mark_key, err);
    for (int i = 0; commands[encode->as][i]; i++)
        check_right(&rights, commands[encode->as][i], key, err);
    if (encode_takes_all(encode))
        check_transactions(&rights, mark_key, err);
    if (expires) {
        check_right(&rights, "PEXPIREAT", key, err);
        check_right(&rights, "PERSIST", key, err);
    }
    if (template)
        leat_template_free(template);
    free(key);
    return status;
}

/* RETRY: what passes by itself is no finding. */
static enum leat_status report_server(const struct link *link, const struct server *server, struct leat_report *report,
                                      struct leat_error *err)
{
    enum leat_status status = judge_server(link, server, err);
    if (status == LEAT_RETRY)
        return status;
    if (status != LEAT_OK)
        leat_report_error(report, "%s", err->text);
    else if (evicts(server))
        leat_report_warning(report, "%s: maxmemory-policy is %s: once maxmemory is set, what was written may be dropped; run: "
                                    "CONFIG SET maxmemory-policy noeviction", link->where, server->policy);
    if (server->evicted > 0)
        leat_report_warning(report, "%s: it has evicted %llu keys since its start", link->where,
                            (unsigned long long)server->evicted);
    return LEAT_OK;
}

enum leat_status redis_preflight(const struct link_options *to, const struct encode_options *encode, const char *mark_key,
                                 struct leat_report *report, struct leat_error *err)
{
    struct link link;
    struct server server;
    char *key = NULL;
    enum leat_status status = link_open(&link, to, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = redis_find_node(&link, to, encode, "?", mark_key, &key, err);
    if (status == LEAT_OK)
        status = ask_server(&link, &server, err);
    if (status == LEAT_OK)
        status = report_server(&link, &server, report, err);
    if (status == LEAT_OK)
        status = check_persistence(&link, &server, report, err);
    if (status == LEAT_OK)
        status = check_rights(&link, to, encode, key, report, err);
    if (encode->as == AS_PUBLISH)
        leat_report_guarantee(report, LEAT_AT_MOST_ONCE, "publish reaches those who listen at that moment");
    link_close(&link);
    free(key);
    return status;
}
