/* client.h - one connection to a server, by libmariadb. Thread: one at a time. */
#ifndef LEAT_MYSQL_CLIENT_H
#define LEAT_MYSQL_CLIENT_H

#include <leat/source.h>
#include <mysql.h>

struct client_options {
    const char *host, *socket, *user, *password;
    int64_t port, ssl; /* enum client_ssl */
    const char *ssl_ca, *ssl_cert, *ssl_key;
    int64_t connect_timeout_us;
    int64_t silence_us; /* how long a statement that takes its time may say nothing; 0: not bounded */
    int tls; /* enum client_tls, as of a connection before */
};
enum client_tls { CLIENT_TLS_UNKNOWN, CLIENT_TLS_THERE, CLIENT_TLS_NONE };
enum client_ssl { CLIENT_SSL_PREFERRED, CLIENT_SSL_OFF, CLIENT_SSL_REQUIRED, CLIENT_SSL_VERIFY };

struct client {
    MYSQL *mysql;
    char where[300]; /* "mysql 127.0.0.1:3306", for messages */
    bool is_mariadb;
    bool has_tls; /* asks for it */
    enum client_tls tls; /* of the server */
    unsigned version; /* 101106 */
    unsigned refused; /* error of a prepared statement that is closed by now; 0: the connection holds the last error */
    char refused_text[512];
    unsigned last_code; /* of the last effects_failed() */
    bool has_said_locked; /* view.c: that the lock on all tables does not come */
};

/* Connects and sets the session up: UTC, utf8mb4. `read_timeout_s` 0: none. Registers the socket as the calling
 * thread's guard (task may be NULL). RETRY: not there, or too busy; STOP: refused for good; the client is closed then. */
enum leat_status client_open(struct client *client, const struct client_options *options, unsigned read_timeout_s,
                             struct leat_task *task, struct leat_error *err);
void client_close(struct client *client);
/* client_open()'s `read_timeout_s` for statements that take their time: `most_s`, or what the options allow. */
unsigned client_patience_s(const struct client_options *options, unsigned most_s);

/* The connection's last error as a status, with its text. */
enum leat_status client_failed(const struct client *client, const char *doing, struct leat_error *err);

/* A statement without rows. */
enum leat_status client_run(struct client *client, struct leat_error *err, const char *fmt, ...) LEAT_PRINTF(3, 4);
/* All rows into memory; *result NULL on failure. */
enum leat_status client_query(struct client *client, MYSQL_RES **result, struct leat_error *err, const char *fmt, ...)
    LEAT_PRINTF(4, 5);
/* Which server it is: server_uuid, or MariaDB's server_id. */
enum leat_status client_identity(struct client *client, char *identity, size_t size, struct leat_error *err);

/* First column of the first row; "" where there is none. STOP: it is longer than `size`. */
enum leat_status client_ask(struct client *client, char *answer, size_t size, struct leat_error *err, const char *fmt, ...)
    LEAT_PRINTF(5, 6);

/* The server's own place: file, position, GTIDs before it. */
struct client_place {
    char file[256];
    uint64_t pos;
    char gtid[65536]; /* some 2000 domains, some 1000 servers of a set; "": none */
    bool has_set;     /* a MySQL with gtid_mode=ON: `gtid` is all that it has executed */
    char server[48];  /* as in struct position */
};
enum leat_status client_place(struct client *client, struct client_place *place, struct leat_error *err);
/* File and position alone: a MariaDB reads its newest log from the begin to tell the GTIDs. */
enum leat_status client_end(struct client *client, struct client_place *place, struct leat_error *err);

/* Whether it can be asked for its log by GTIDs: any MariaDB, a MySQL with gtid_mode=ON. */
bool client_knows_gtids(struct client *client);
/* Its oldest binary log. */
enum leat_status client_first_file(struct client *client, char *file, size_t size, struct leat_error *err);
/* A cell of the first row by the column's name; frees the result. False: there is none. */
bool client_cell(MYSQL_RES *result, const char *column, char *cell, size_t size);

#define CLIENT_NAME_MAX 600 /* bytes that the longest name of a server takes below */
/* `name` for a statement: in backticks. */
const char *client_quote(char *out, size_t size, const char *name);
/* 'name' for a statement: as a text. */
const char *client_text(const struct client *client, char out[CLIENT_NAME_MAX], const char *name);

#endif
