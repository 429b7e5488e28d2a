/* server.c - the http source's listener. MHD's thread runs handle() and completed(); the rest is the owner's.
 *
 * A connection is suspended before its request goes into the queue, and resumed by the owner's answer; handle() is then
 * called once more and finds the code. All that both threads touch is under the lock, or handed over with the queue.
 */
#include <http/server.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <base/thread.h>
#include <errno.h>
#include <http/address.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define RETRY_AFTER_S  "1"
#define IDLE_S         30u /* a connection that sends nothing is closed */
#define CONNECTIONS    1000u
#define LINGER_US      2000000
#define NAME_MOST      200
#define KEY_MOST       255
#define BODY_FIRST     4096

struct http_server {
    struct http_server_config config;
    size_t path_len; /* without its last slash */
    struct leat_task *task;
    struct MHD_Daemon *daemon;
    int fd;
    uint16_t port;
    struct leat_lock lock;
    struct leat_cond changed;
    /* under the lock */
    uint32_t open; /* requests between their headers and their answer's end */
    bool is_stopping;
    struct http_request *first, **last;
};

/* ---- requests ---- */

static void request_free(struct http_request *request)
{
    leat_bytes_fini(&request->body);
    free(request->name);
    free(request->key);
    free(request);
}

/* A place among max_waiting, or false. */
static bool enter(struct http_server *server)
{
    leat_lock_take(&server->lock);
    bool has_room = !server->is_stopping && server->open < server->config.max_waiting;
    if (has_room)
        server->open++;
    leat_lock_give(&server->lock);
    return has_room;
}

static void leave(struct http_server *server)
{
    leat_lock_take(&server->lock);
    leat_assert(server->open > 0);
    server->open--;
    leat_cond_signal(&server->changed);
    leat_lock_give(&server->lock);
}

static void say(struct http_request *request, unsigned code, const char *fmt, va_list args)
{
    char text[sizeof request->text];
    vsnprintf(text, sizeof text - 1, fmt, args);
    snprintf(request->text, sizeof request->text, "%.*s\n", (int)sizeof text - 2, text);
    request->code = code;
}

LEAT_PRINTF(3, 4)
static void refuse(struct http_request *request, unsigned code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(request, code, fmt, args);
    va_end(args);
}

static enum MHD_Result send_answer(struct http_request *request)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(request->text), request->text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
    if (request->code == MHD_HTTP_SERVICE_UNAVAILABLE || request->code == MHD_HTTP_CONFLICT)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER_S);
    if (request->code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_POST);
    if (request->code == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (request->is_replay)
        MHD_add_response_header(response, "Idempotent-Replayed", "true");
    enum MHD_Result result = MHD_queue_response(request->connection, request->code, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the headers ---- */

/* What follows the path, "" or letters, digits, '.', '_', '-'; NULL: not ours. */
static const char *name_of(const struct http_server *server, const char *url)
{
    if (strncmp(url, server->config.path, server->path_len) != 0)
        return NULL;
    const char *name = url + server->path_len;
    if (name[0] == '\0')
        return name;
    if (name[0] != '/')
        return NULL;
    name++;
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return name[len] == '\0' && len <= NAME_MOST && name[0] != '.' ? name : NULL;
}

/* Of a Content-Type; HTTP_AUTO: none that says. */
static enum http_format format_of(const char *type)
{
    size_t len = type ? strcspn(type, "; \t") : 0;
    if (len == 16 && strncasecmp(type, "application/json", len) == 0)
        return HTTP_JSON;
    if (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0)
        return HTTP_JSON;
    if (len == 24 && strncasecmp(type, "application/octet-stream", len) == 0)
        return HTTP_BYTES;
    return len > 5 && strncasecmp(type, "text/", 5) == 0 ? HTTP_TEXT : HTTP_AUTO;
}

/* Compares all of it, whatever differs first. */
static bool bears(const char *authorization, const char *token)
{
    size_t len = strlen(token);
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0 || strlen(authorization + 7) != len)
        return false;
    unsigned differing = 0;
    for (size_t i = 0; i < len; i++)
        differing |= (unsigned char)(authorization[7 + i] ^ token[i]);
    return differing == 0;
}

static const char *header(struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static void check_body_headers(struct http_request *request)
{
    const struct http_server_config *config = &request->server->config;
    const char *type = header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    request->format = config->format != HTTP_AUTO ? config->format : format_of(type);
    if (request->format == HTTP_AUTO)
        refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
               "Content-Type must be application/json, text/plain or application/octet-stream");
    else if (length && strtoull(length, NULL, 10) > config->max_body)
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than %zu bytes", config->max_body);
}

static void check_headers(struct http_request *request, const char *url, const char *method)
{
    const struct http_server_config *config = &request->server->config;
    const char *name = name_of(request->server, url), *key = header(request, "Idempotency-Key");
    if (config->bearer && !bears(header(request, MHD_HTTP_HEADER_AUTHORIZATION), config->bearer))
        refuse(request, MHD_HTTP_UNAUTHORIZED, "a bearer token is needed");
    else if (!name)
        refuse(request, MHD_HTTP_NOT_FOUND, "nothing is taken at this path; it is %s, or %.*s/NAME", config->path,
               (int)request->server->path_len, config->path);
    else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is taken");
    else if (key && (!key[0] || strlen(key) > KEY_MOST || !leat_is_utf8(key, strlen(key))))
        refuse(request, MHD_HTTP_BAD_REQUEST, "Idempotency-Key must have 1 to %d bytes of UTF-8", KEY_MOST);
    else
        check_body_headers(request);
    if (request->code)
        return;
    request->name = leat_strdup(name);
    request->key = key ? leat_strdup(key) : NULL;
}

/* ---- MHD's thread ---- */

static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *connection, const char *url,
                             const char *method, void **state)
{
    struct http_request probe = {.server = server, .connection = connection};
    if (!enter(server)) {
        refuse(&probe, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait to become durable; try again");
        return send_answer(&probe);
    }
    struct http_request *request = leat_malloc(sizeof *request);
    *request = probe;
    leat_bytes_init(&request->body, server->config.max_body > 0 ? server->config.max_body : BODY_FIRST);
    *state = request;
    check_headers(request, url, method);
    if (!request->code && leat_task_is_held(server->task))
        refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "there is no room to keep it now, the disk may be full; try again later");
    return request->code ? send_answer(request) : MHD_YES;
}

/* The body is whole: the owner's turn. */
static void hand_over(struct http_request *request)
{
    struct http_server *server = request->server;
    MHD_suspend_connection(request->connection);
    leat_lock_take(&server->lock);
    bool is_stopping = server->is_stopping;
    request->next = NULL;
    if (!is_stopping) {
        *server->last = request;
        server->last = &request->next;
    }
    leat_lock_give(&server->lock);
    if (is_stopping)
        http_server_answer(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping; try again");
    else
        leat_task_wake(server->task);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *data_len, void **state)
{
    struct http_request *request = *state;
    (void)version;
    if (!request)
        return begin(arg, connection, url, method, state);
    if (*data_len > 0) {
        leat_bytes_add(&request->body, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (request->is_resumed)
        return send_answer(request);
    if (request->body.is_over) {
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than %zu bytes",
               request->server->config.max_body);
        return send_answer(request);
    }
    hand_over(request);
    return MHD_YES;
}

static void completed(void *arg, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
    struct http_request *request = *state;
    (void)connection;
    (void)why;
    *state = NULL;
    if (!request)
        return;
    request_free(request);
    leave(arg);
}

/* ---- the owner ---- */

struct http_request *http_server_take(struct http_server *server)
{
    leat_lock_take(&server->lock);
    struct http_request *request = server->first;
    if (request) {
        server->first = request->next;
        if (!server->first)
            server->last = &server->first;
        request->next = NULL;
    }
    leat_lock_give(&server->lock);
    return request;
}

void http_server_answer(struct http_request *request, unsigned code, const char *fmt, ...)
{
    struct MHD_Connection *connection = request->connection;
    va_list args;
    va_start(args, fmt);
    say(request, code, fmt, args);
    va_end(args);
    request->is_resumed = true;
    MHD_resume_connection(connection); /* from here on it is MHD's */
}

enum leat_status http_server_start(const struct http_server_config *config, struct leat_task *task,
                                   struct http_server **made, struct leat_error *err)
{
    struct http_server *server = leat_calloc(1, sizeof *server);
    server->config = *config;
    server->path_len = strlen(config->path);
    if (server->path_len > 0 && config->path[server->path_len - 1] == '/')
        server->path_len--;
    server->task = task;
    server->last = &server->first;
    leat_lock_init(&server->lock, "http", LEAT_RANK_MAILBOX);
    leat_cond_init(&server->changed);
    server->fd = http_listen(config->listen, &server->port, err);
    if (server->fd >= 0)
        server->daemon = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, handle, server,
            MHD_OPTION_LISTEN_SOCKET, server->fd, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_LIMIT,
            CONNECTIONS, MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_END);
    *made = server;
    if (server->daemon)
        return LEAT_OK;
    if (server->fd >= 0)
        leat_fail(err, LEAT_RETRY, "http: the server on %s does not start", config->listen);
    http_server_stop(server);
    *made = NULL;
    return LEAT_RETRY;
}

/* Nothing new comes in; waits until all answers are out. */
static void drain(struct http_server *server)
{
    struct leat_time deadline = leat_after_us(LINGER_US);
    struct http_request *request;
    leat_lock_take(&server->lock);
    server->is_stopping = true;
    leat_lock_give(&server->lock);
    MHD_quiesce_daemon(server->daemon);
    while ((request = http_server_take(server)))
        http_server_answer(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping; try again");
    leat_lock_take(&server->lock);
    while (server->open > 0 && leat_cond_wait_until(&server->changed, &server->lock, deadline))
        ;
    leat_lock_give(&server->lock);
}

void http_server_stop(struct http_server *server)
{
    if (server->daemon) {
        drain(server);
        MHD_stop_daemon(server->daemon);
    }
    if (server->fd >= 0)
        leat_os->close(server->fd);
    leat_assert(server->open == 0 && !server->first);
    leat_cond_fini(&server->changed);
    leat_lock_fini(&server->lock);
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}
