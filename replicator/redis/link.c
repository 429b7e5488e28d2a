#include <redis/link.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <redis/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define READ_BYTES 65536

/* ---- options ---- */

const char *const link_tls_choices[] = {"off", "verify", "unverified", NULL};

enum leat_status link_validate(const struct link_options *options, struct leat_error *err)
{
    bool has_files = options->tls_ca || options->tls_cert || options->tls_key;
    if (has_files && options->tls == LINK_TLS_OFF)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "tls_ca, tls_cert, tls_key: say tls: verify");
    if (options->socket && options->tls != LINK_TLS_OFF)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "socket: a unix socket has no tls");
    if (options->user && !options->password)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "user: say `password`, too");
    return LEAT_OK;
}

/* ---- errors ---- */

static bool begins(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && (text[len] == ' ' || text[len] == '\0');
}

enum leat_status link_judge(const char *error)
{
    static const char *const passing[] = {"OOM", "LOADING", "BUSY", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN",
                                          "TRYAGAIN", "CLUSTERDOWN", "NOSCRIPT", "UNKILLABLE", "NOTBUSY"};
    static const char *const lasting[] = {"NOPERM", "NOAUTH", "WRONGPASS", "DENIED", "MOVED", "ASK", "CROSSSLOT", "NOPROTO"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (begins(error, passing[i]))
            return LEAT_RETRY;
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        if (begins(error, lasting[i]))
            return LEAT_STOP;
    if (strncmp(error, "ERR max number of clients", 25) == 0)
        return LEAT_RETRY;
    /* inside a script 7.0 has no code for it */
    return strstr(error, "The user executing the script can't") ? LEAT_STOP : LEAT_REJECT;
}

enum leat_status link_judge_here(const struct link *link, const char *error)
{
    bool is_moving = begins(error, "MOVED") || begins(error, "ASK") || strstr(error, "access a non local key in a cluster node");
    return link->is_cluster && is_moving ? LEAT_RETRY : link_judge(error);
}

enum leat_status link_refused(const struct link *link, const char *error, struct leat_error *err)
{
    enum leat_status status = link_judge_here(link, error);
    const char *next = begins(error, "WRONGPASS") || begins(error, "NOAUTH") ? "; look at `user` and `password`"
                       : begins(error, "OOM") ? "; raise maxmemory: what waits goes on, in order, when there is room"
                                              : "";
    return leat_fail(err, status == LEAT_REJECT ? LEAT_STOP : status, "%s: %s%s", link->where, error, next);
}

static enum leat_status lost(const struct link *link, const char *doing, struct leat_error *err)
{
    return leat_fail(err, LEAT_RETRY, "%s: %s: %s", link->where, doing, strerror(errno));
}

static enum leat_status tls_lost(const struct link *link, const char *doing, enum leat_status status, struct leat_error *err)
{
    char text[256];
    tls_explain(link->tls, text, sizeof text);
    return leat_fail(err, status, "%s: %s: %s", link->where, doing, text);
}

/* ---- waiting ---- */

/* READY, or why not: a stop, or the time. */
static enum leat_status await(const struct link *link, short events, struct leat_time deadline, const char *doing,
                              struct leat_error *err)
{
    struct pollfd fd = {.fd = link->fd, .events = events};
    while (!leat_is_past(deadline)) {
        enum leat_event event = LEAT_WAKE;
        if (link->task)
            event = leat_wait(link->task, link->fd, events, deadline);
        else if (leat_os->poll(&fd, 1, 100) > 0)
            event = LEAT_READY;
        if (event == LEAT_READY)
            return LEAT_OK;
        if (event == LEAT_STOPPING)
            return leat_fail(err, LEAT_RETRY, "%s: stopped while it waited (%s)", link->where, doing);
        if (event == LEAT_WAKE && link->task) /* news that nobody takes now would end the next wait at once, too */
            leat_os->poll(&fd, 1, 5);
    }
    return leat_fail(err, LEAT_RETRY, "%s: %s: no answer in %lld ms", link->where, doing,
                     (long long)(link->timeout_us / 1000));
}

/* ---- connecting ---- */

static bool make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static enum leat_status connect_to(struct link *link, int family, const struct sockaddr *to, socklen_t len,
                                   struct leat_error *err)
{
    int one = 1, failure = 0;
    socklen_t size = sizeof failure;
    link->fd = leat_os->socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0 || !make_nonblocking(link->fd))
        return lost(link, "socket", err);
    if (family != AF_UNIX) {
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    }
    if (leat_os->connect(link->fd, to, len) == 0)
        return LEAT_OK;
    if (errno != EINPROGRESS)
        return lost(link, "cannot connect", err);
    enum leat_status status = await(link, POLLOUT, leat_after_us(link->timeout_us), "cannot connect", err);
    if (status != LEAT_OK)
        return status;
    getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    errno = failure;
    return failure ? lost(link, "cannot connect", err) : LEAT_OK;
}

static void close_fd(struct link *link)
{
    if (link->fd >= 0)
        leat_os->close(link->fd);
    link->fd = -1;
}

static enum leat_status connect_unix(struct link *link, const char *path, struct leat_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "socket: %s is too long a path", path);
    strcpy(to.sun_path, path);
    return connect_to(link, AF_UNIX, (struct sockaddr *)&to, sizeof to, err);
}

static enum leat_status connect_tcp(struct link *link, const char *host, int64_t port, struct leat_error *err)
{
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    char service[16];
    snprintf(service, sizeof service, "%d", (int)port);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure)
        return leat_fail(err, LEAT_RETRY, "%s: %s", link->where, gai_strerror(failure));
    enum leat_status status = LEAT_RETRY;
    for (struct addrinfo *at = found; at && status == LEAT_RETRY; at = at->ai_next) {
        close_fd(link);
        status = connect_to(link, at->ai_family, at->ai_addr, at->ai_addrlen, err);
    }
    freeaddrinfo(found);
    return status;
}

static enum leat_status start_tls(struct link *link, const struct link_options *options, struct leat_error *err)
{
    const struct tls_config config = {options->host, options->tls_ca, options->tls_cert, options->tls_key,
                                      options->tls == LINK_TLS_VERIFY};
    struct leat_time deadline = leat_after_us(link->timeout_us);
    enum leat_status status = tls_new(&link->tls, &config, link->fd, err);
    while (status == LEAT_OK) {
        switch (tls_handshake(link->tls)) {
        case TLS_DONE:
            return LEAT_OK;
        case TLS_WANTS_READ:
            status = await(link, POLLIN, deadline, "TLS", err);
            break;
        case TLS_WANTS_WRITE:
            status = await(link, POLLOUT, deadline, "TLS", err);
            break;
        default:
            return tls_lost(link, "TLS", LEAT_RETRY, err);
        }
    }
    return status;
}

/* AUTH and SELECT. A refusal is for good; but one that says that the server is not ready. */
static enum leat_status log_in(struct link *link, const struct link_options *options, struct leat_error *err)
{
    const char *with_user[] = {"AUTH", options->user, options->password ? options->password : ""};
    const char *alone[] = {"AUTH", options->password};
    redisReply *reply = NULL;
    enum leat_status status = LEAT_OK;
    if (options->user || options->password) {
        status = options->user ? link_ask(link, &reply, err, 3, with_user, NULL) : link_ask(link, &reply, err, 2, alone, NULL);
        if (status == LEAT_OK && reply->type == REDIS_REPLY_ERROR)
            status = link_refused(link, reply->str, err);
        freeReplyObject(reply);
    }
    if (status == LEAT_OK && options->db > 0) {
        status = link_command(link, &reply, err, "SELECT %lld", (long long)options->db);
        freeReplyObject(reply);
    }
    return status;
}

/* Of answers, for hiredis, which takes any address for one. */
static void *make_string(const redisReadTask *task, char *text, size_t len)
{
    struct link *link = task->privdata;
    bool is_outer = !task->parent || !task->parent->parent;
    return link->is_brief && is_outer && task->type != REDIS_REPLY_ERROR ? link : link->make_string(task, text, len);
}

static void make_reader(struct link *link)
{
    link->reader = redisReaderCreate();
    if (!link->reader)
        abort(); /* out of memory, as leat_malloc() does */
    link->make = *link->reader->fn;
    link->make_string = link->make.createString;
    link->make.createString = make_string;
    link->reader->fn = &link->make;
    link->reader->privdata = link;
}

enum leat_status link_open(struct link *link, const struct link_options *options, struct leat_task *task,
                           struct leat_error *err)
{
    *link = (struct link){.fd = -1, .task = task, .timeout_us = options->timeout_us};
    if (options->socket)
        snprintf(link->where, sizeof link->where, "redis %s", options->socket);
    else
        snprintf(link->where, sizeof link->where, "redis %s:%lld", options->host, (long long)options->port);
    make_reader(link);
    enum leat_status status = options->socket ? connect_unix(link, options->socket, err)
                                              : connect_tcp(link, options->host, options->port, err);
    if (status == LEAT_OK && options->tls != LINK_TLS_OFF)
        status = start_tls(link, options, err);
    if (status == LEAT_OK)
        status = log_in(link, options, err);
    if (status != LEAT_OK)
        link_close(link);
    return status;
}

void link_close(struct link *link)
{
    tls_free(link->tls);
    link->tls = NULL;
    close_fd(link);
    if (link->reader)
        redisReaderFree(link->reader);
    link->reader = NULL;
}

/* ---- bytes ---- */

enum leat_status link_send(struct link *link, const void *bytes, size_t len, size_t *sent, struct leat_error *err)
{
    *sent = 0;
    if (link->tls) {
        enum tls_result result = tls_write(link->tls, bytes, len, sent);
        link->wants_read_to_send = result == TLS_WANTS_READ;
        return result <= TLS_WANTS_WRITE ? LEAT_OK : tls_lost(link, "sending", LEAT_RETRY, err);
    }
    ssize_t count = leat_os->send(link->fd, bytes, len, 0);
    if (count < 0)
        return errno == EAGAIN ? LEAT_OK : lost(link, "sending", err);
    *sent = (size_t)count;
    return LEAT_OK;
}

/* Feeds the reader with what there is; AGAIN: nothing. */
static enum leat_status feed(struct link *link, struct leat_error *err)
{
    char bytes[READ_BYTES];
    ssize_t count = -1;
    errno = EAGAIN;
    if (link->tls) {
        size_t len;
        enum tls_result result = tls_read(link->tls, bytes, sizeof bytes, &len);
        if (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE)
            return LEAT_AGAIN;
        if (result == TLS_FAILED)
            return tls_lost(link, "receiving", LEAT_RETRY, err);
        count = (ssize_t)len;
    } else {
        count = leat_os->recv(link->fd, bytes, sizeof bytes, 0);
    }
    if (count < 0)
        return errno == EAGAIN ? LEAT_AGAIN : lost(link, "receiving", err);
    if (count == 0)
        return leat_fail(err, LEAT_RETRY, "%s: the server closed the connection", link->where);
    return redisReaderFeed(link->reader, bytes, (size_t)count) == REDIS_OK
               ? LEAT_OK
               : leat_fail(err, LEAT_RETRY, "%s: %s", link->where, link->reader->errstr);
}

enum leat_status link_receive(struct link *link, redisReply **reply, struct leat_error *err)
{
    void *found = NULL;
    *reply = NULL;
    for (;;) {
        if (redisReaderGetReply(link->reader, &found) != REDIS_OK)
            return leat_fail(err, LEAT_RETRY, "%s: %s", link->where, link->reader->errstr);
        *reply = found == link ? NULL : found;
        if (found)
            return LEAT_OK;
        enum leat_status status = feed(link, err);
        if (status != LEAT_OK)
            return status;
    }
}

short link_events(const struct link *link, bool has_unsent)
{
    return (short)(POLLIN | (has_unsent && !link->wants_read_to_send ? POLLOUT : 0));
}

/* ---- one command ---- */

static enum leat_status exchange(struct link *link, const char *request, size_t len, redisReply **reply,
                                 struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(link->timeout_us);
    enum leat_status status = LEAT_OK;
    size_t at = 0, sent;
    *reply = NULL;
    while (status == LEAT_OK && at < len) {
        status = link_send(link, request + at, len - at, &sent, err);
        at += sent;
        if (status == LEAT_OK && at < len)
            status = await(link, link_events(link, true), deadline, "sending", err);
    }
    while (status == LEAT_OK && (status = link_receive(link, reply, err)) == LEAT_AGAIN)
        status = await(link, POLLIN, deadline, "waiting", err);
    return status;
}

enum leat_status link_ask(struct link *link, redisReply **reply, struct leat_error *err, int argc, const char **argv,
                          const size_t *lens)
{
    char *request = NULL;
    int len = redisFormatCommandArgv(&request, argc, argv, lens);
    leat_assert(len > 0);
    enum leat_status status = exchange(link, request, (size_t)len, reply, err);
    redisFreeCommand(request);
    return status;
}

enum leat_status link_command(struct link *link, redisReply **reply, struct leat_error *err, const char *fmt, ...)
{
    char words[512], *at = words, *word;
    const char *argv[16];
    int argc = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    while (argc < 16 && (word = strsep(&at, " ")))
        argv[argc++] = word;
    enum leat_status status = link_ask(link, reply, err, argc, argv, NULL);
    if (status == LEAT_OK && (*reply)->type == REDIS_REPLY_ERROR) {
        status = link_refused(link, (*reply)->str, err);
        leat_error_context(err, "%s", argv[0]);
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return status;
}
