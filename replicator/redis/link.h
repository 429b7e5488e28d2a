/* link.h - one connection to a Redis server: TCP, TLS or a unix socket, never blocking but where a function says so.
 *
 * The bytes are RESP2, read by hiredis' reader. Requests are written by the caller, so that a large one needs no copy.
 * Thread: one at a time.
 */
#ifndef LEAT_REDIS_LINK_H
#define LEAT_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <leat/source.h>
#include <poll.h>

enum link_tls { LINK_TLS_OFF, LINK_TLS_VERIFY, LINK_TLS_UNVERIFIED };

struct link_options {
    const char *host, *socket, *user, *password;
    int64_t port, db, tls; /* enum link_tls */
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t timeout_us; /* of the connect, and of each answer */
};

/* Their lines of an option table, for `struct holder` with the member `to`. */
#define LINK_OPTIONS(holder, to, flags_of_host) \
    {.name = "host", .type = LEAT_OPT_TEXT, .flags = flags_of_host, .offset = offsetof(holder, to.host), \
     .preset = "127.0.0.1", \
     .about = "Host of the server.", .example = "cache.example.org"}, \
    {.name = "port", .type = LEAT_OPT_INT, .offset = offsetof(holder, to.port), .preset = "6379", .min = 1, .max = 65535, \
     .about = "Its port."}, \
    {.name = "socket", .type = LEAT_OPT_PATH, .offset = offsetof(holder, to.socket), \
     .about = "Unix socket, instead of host and port."}, \
    {.name = "user", .type = LEAT_OPT_TEXT, .offset = offsetof(holder, to.user), \
     .about = "ACL user; without it the default user."}, \
    {.name = "password", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_SECRET, .offset = offsetof(holder, to.password), \
     .about = "Its password."}, \
    {.name = "db", .type = LEAT_OPT_INT, .offset = offsetof(holder, to.db), .preset = "0", .min = 0, .max = 1000000, \
     .about = "Number of the database."}, \
    {.name = "tls", .type = LEAT_OPT_CHOICE, .offset = offsetof(holder, to.tls), .preset = "off", .choices = link_tls_choices, \
     .about = "Encrypt, and verify the server's certificate and name; unverified trusts anybody."}, \
    {.name = "tls_ca", .type = LEAT_OPT_PATH, .offset = offsetof(holder, to.tls_ca), \
     .about = "Certificates that sign the server's; without it those of the system."}, \
    {.name = "tls_cert", .type = LEAT_OPT_PATH, .offset = offsetof(holder, to.tls_cert), .about = "Our certificate."}, \
    {.name = "tls_key", .type = LEAT_OPT_PATH, .offset = offsetof(holder, to.tls_key), .about = "Its key."}, \
    {.name = "timeout", .type = LEAT_OPT_TIME, .offset = offsetof(holder, to.timeout_us), .preset = "30s", .min = 1000, \
     .max = 3600000000, .about = "Longest wait for the connection, and for an answer."}
extern const char *const link_tls_choices[];

/* Options that do not go together. */
enum leat_status link_validate(const struct link_options *options, struct leat_error *err);

struct tls;

struct link {
    int fd; /* -1: closed */
    struct tls *tls;
    redisReader *reader;
    redisReplyObjectFunctions make; /* the reader's */
    void *(*make_string)(const redisReadTask *, char *, size_t);
    bool is_brief;           /* link_receive() */
    bool wants_read_to_send; /* TLS renews its keys */
    bool is_cluster;         /* a slot that moves is looked for again */
    struct leat_task *task;
    int64_t timeout_us;
    char where[300]; /* "redis 127.0.0.1:6379", for messages */
};

/* Connects, logs in, selects the database. Waits, at most `timeout_us` a step; task may be NULL. RETRY: not there, or not
 * ready; STOP: refused for good; the link is closed then. */
enum leat_status link_open(struct link *link, const struct link_options *options, struct leat_task *task,
                           struct leat_error *err);
void link_close(struct link *link);

/* Sends what there is room for: *sent bytes, 0 too. */
enum leat_status link_send(struct link *link, const void *bytes, size_t len, size_t *sent, struct leat_error *err);
/* The next answer (freeReplyObject()), or LEAT_AGAIN. While `is_brief`, a text or status is NULL, as an answer and as an
 * element of one: that it came is all that matters of thousands. Errors are not. */
enum leat_status link_receive(struct link *link, redisReply **reply, struct leat_error *err);
/* What to poll for. */
short link_events(const struct link *link, bool has_unsent);

/* One command, and its answer; waits. An error that the server answers is an answer. No request may be on its way. */
enum leat_status link_ask(struct link *link, redisReply **reply, struct leat_error *err, int argc, const char **argv,
                          const size_t *lens);
/* The same for words without spaces, by printf: "CONFIG GET save". Errors that the server answers fail. */
enum leat_status link_command(struct link *link, redisReply **reply, struct leat_error *err, const char *fmt, ...)
    LEAT_PRINTF(4, 5);

/* An error answer as a status: RETRY for what passes by itself (OOM, LOADING, READONLY ...), STOP for what a person has
 * to mend (NOPERM, WRONGPASS, a cluster ...), REJECT for what is wrong with the command. */
enum leat_status link_judge(const char *error);
enum leat_status link_judge_here(const struct link *link, const char *error); /* in a cluster slots move, that passes */
enum leat_status link_refused(const struct link *link, const char *error, struct leat_error *err);

#endif
