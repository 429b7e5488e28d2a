/* server.h - the listening half of the http source: requests in, answers out.
 *
 *   server's thread    headers checked -> body read -> queue, connection suspended
 *   owner thread       http_server_take() ... http_server_answer() -> connection resumed -> answer sent
 *
 * A request takes one of `max_waiting` places when its headers are read, and leaves it when its answer is sent; where no
 * place is free the answer is 503 at once. From take() to answer() the request is the owner's alone.
 */
#ifndef LEAT_HTTP_SERVER_H
#define LEAT_HTTP_SERVER_H

#include <base/buffer.h>
#include <leat/task.h>

struct http_server;
struct MHD_Connection;

enum http_format { HTTP_AUTO, HTTP_JSON, HTTP_TEXT, HTTP_BYTES };

struct http_server_config {
    const char *listen; /* host:port */
    const char *path;   /* "/", "/in": names follow after a slash */
    const char *bearer; /* token that requests must bear, or NULL */
    enum http_format format;
    size_t max_body;
    uint32_t max_waiting;
};

struct http_request {
    struct http_request *next; /* in the queue; then the owner's */
    struct leat_bytes body;
    char *name;                /* what follows the path; "" */
    char *key;                 /* Idempotency-Key, or NULL */
    enum http_format format;   /* never HTTP_AUTO */
    uint64_t batch, hash;      /* the owner's */
    /* the server's */
    struct http_server *server;
    struct MHD_Connection *connection;
    unsigned code;             /* 0: not answered yet */
    bool is_replay, is_resumed;
    char text[256];
};

/* Listens. Wakes the task whenever a request is there to be taken. Owner thread, as all of these. */
enum leat_status http_server_start(const struct http_server_config *config, struct leat_task *task,
                                   struct http_server **server, struct leat_error *err);

/* The oldest request that waits, or NULL. */
struct http_request *http_server_take(struct http_server *server);

/* Sends `code`; with 503 goes Retry-After. The request is gone for the caller. */
void http_server_answer(struct http_request *request, unsigned code, const char *fmt, ...) LEAT_PRINTF(3, 4);

/* Accepts no more, answers 503 to all that was not taken, and waits (2 s at most) until answers are sent. The caller has
 * answered what it took. */
void http_server_stop(struct http_server *server);

/* The port that is listened on (where listen says port 0). */
uint16_t http_server_port(const struct http_server *server);

#endif
