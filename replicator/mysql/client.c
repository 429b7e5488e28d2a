#include <mysql/client_options.h>

#include <base/assert.h>
#include <base/memory.h>
#include <errmsg.h>
#include <mysql/greeting.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- errors ---- */

/* What no waiting mends. A name that is not resolved and a TLS handshake that is broken off look the same whether the
 * setting is wrong or the network or the server is just coming up: those are tried again. So is a table that was dropped
 * while a snapshot was on its way to it. */
static bool is_for_good(unsigned code)
{
    switch (code) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_BAD_DB_ERROR:
    case ER_PARSE_ERROR:
    case ER_NOT_SUPPORTED_AUTH_MODE:
    case ER_MUST_CHANGE_PASSWORD:
    case ER_HOST_NOT_PRIVILEGED:
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
        return true;
    default:
        return false;
    }
}

enum leat_status client_failed(const struct client *client, const char *doing, struct leat_error *err)
{
    unsigned code = mysql_errno(client->mysql);
    enum leat_status status = is_for_good(code) ? LEAT_STOP : LEAT_RETRY;
    if (code == ER_ACCESS_DENIED_ERROR)
        return leat_fail(err, status, "%s: %s; look at `user` and `password`%s", client->where, mysql_error(client->mysql),
                         client->has_tls ? "" : ", and at `ssl`, where the account asks for it");
    if (code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR || code == CR_UNKNOWN_HOST)
        return leat_fail(err, status, "%s: no server answers there (%s); see that it runs, and that `%s", client->where,
                         mysql_error(client->mysql), code == CR_UNKNOWN_HOST ? "host` is spelt as the network knows it" : "host` and `port` are its own");
    return leat_fail(err, status, "%s: %s%s%s (error %u)", client->where, doing, doing[0] ? ": " : "",
                     mysql_error(client->mysql), code);
}

/* ---- connecting ---- */

const char *const client_ssl_choices[] = {"preferred", "off", "required", "verify", NULL};

/* The library speaks TLS only to whom gives it keys, if only NULL. */
static void set_ssl(MYSQL *mysql, const struct client_options *options)
{
    my_bool yes = 1, no = 0;
    mysql_ssl_set(mysql, options->ssl_key, options->ssl_cert, options->ssl_ca, NULL, NULL);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, options->ssl == CLIENT_SSL_VERIFY ? &yes : &no);
}

static void set_options(MYSQL *mysql, const struct client_options *options, unsigned read_timeout_s, bool has_tls)
{
    unsigned connect_s = (unsigned)((options->connect_timeout_us + 999999) / 1000000);
    unsigned long packet = 1ul << 30;
    enum mysql_protocol_type tcp = MYSQL_PROTOCOL_TCP; /* else "localhost" would be a socket */
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    if (!options->socket)
        mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &tcp);
    if (read_timeout_s > 0)
        mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "leat");
    if (has_tls)
        set_ssl(mysql, options);
}

static enum leat_status has_no_tls(const struct client *client, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "%s: it has no TLS, and `ssl` asks for it; give the server a certificate (ssl_cert, ssl_key), or say "
                     "ssl: preferred", client->where);
}

/* Nobody listens at a unix socket. Where nobody answers, the library finds the words for it. */
static enum leat_status decide_tls(struct client *client, const struct client_options *options, struct leat_error *err)
{
    enum client_tls known = (enum client_tls)options->tls;
    client->has_tls = options->ssl != CLIENT_SSL_OFF && (!options->socket || options->ssl >= CLIENT_SSL_REQUIRED);
    if (!client->has_tls || options->socket)
        return LEAT_OK;
    enum greeting greeting = known == CLIENT_TLS_UNKNOWN
                                 ? greeting_ask(options->host, options->port, options->connect_timeout_us)
                                 : GREETING_NONE;
    if (greeting == GREETING_SILENT)
        return leat_fail(err, LEAT_RETRY, "%s: it takes the connection and does not answer within `connect_timeout`", client->where);
    if (greeting != GREETING_NONE)
        known = greeting == GREETING_TLS ? CLIENT_TLS_THERE : CLIENT_TLS_NONE;
    client->tls = known;
    client->has_tls = known != CLIENT_TLS_NONE;
    return client->has_tls || options->ssl == CLIENT_SSL_PREFERRED ? LEAT_OK : has_no_tls(client, err);
}

static enum leat_status connect_to(struct client *client, const struct client_options *options, unsigned read_timeout_s,
                                   struct leat_error *err)
{
    enum leat_status status = decide_tls(client, options, err);
    if (status != LEAT_OK)
        return status;
    client->mysql = mysql_init(NULL);
    set_options(client->mysql, options, read_timeout_s, client->has_tls);
    if (!mysql_real_connect(client->mysql, options->socket ? NULL : options->host, options->user, options->password, NULL,
                            (unsigned)options->port, options->socket, 0))
        return client_failed(client, "", err);
    if (options->ssl >= CLIENT_SSL_REQUIRED && !mysql_get_ssl_cipher(client->mysql))
        return has_no_tls(client, err);
    return LEAT_OK;
}

/* Times are UTC, text is utf8mb4; a limit on statements is for users' queries, not for the SELECT of a snapshot. */
static enum leat_status set_up(struct client *client, struct leat_error *err)
{
    enum leat_status status =
        client_run(client, err, "SET time_zone = '+00:00', sql_mode = '', wait_timeout = 86400, net_write_timeout = 3600");
    if (status == LEAT_OK)
        status = client_run(client, err, client->is_mariadb ? "SET max_statement_time = 0" : "/*!50708 SET max_execution_time = 0 */");
    if (status == LEAT_OK && !client->is_mariadb && client->version >= 80030) /* keys that the server made are in the log */
        status = client_run(client, err, "SET show_gipk_in_create_table_and_information_schema = ON");
    return status;
}

/* A peer that is gone without a word is noticed by the system within ALIVE_S * (1 + ALIVE_PROBES), also while a statement takes
 * its time and no heartbeat tells. */
static void watch_peer(int fd)
{
    enum { ALIVE_S = 10, ALIVE_PROBES = 3 };
    static const int yes = 1, every_s = ALIVE_S, probes = ALIVE_PROBES;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes); /* a unix socket has no use for it, and says so */
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

enum leat_status client_open(struct client *client, const struct client_options *options, unsigned read_timeout_s,
                             struct leat_task *task, struct leat_error *err)
{
    *client = (struct client){.mysql = NULL};
    if (options->socket)
        snprintf(client->where, sizeof client->where, "mysql %s", options->socket);
    else
        snprintf(client->where, sizeof client->where, "mysql %s:%lld", options->host, (long long)options->port);
    enum leat_status status = connect_to(client, options, read_timeout_s, err);
    if (status != LEAT_OK) {
        client_close(client);
        return status;
    }
    watch_peer(mysql_get_socket(client->mysql));
    if (task)
        leat_task_guard(task, mysql_get_socket(client->mysql));
    client->is_mariadb = mariadb_connection(client->mysql);
    client->version = (unsigned)mysql_get_server_version(client->mysql);
    status = set_up(client, err);
    if (status != LEAT_OK)
        client_close(client);
    return status;
}

unsigned client_patience_s(const struct client_options *options, unsigned most_s)
{
    int64_t wanted_s = (options->silence_us + 999999) / 1000000;
    return wanted_s > 0 && wanted_s < most_s ? (unsigned)wanted_s : most_s;
}

void client_close(struct client *client)
{
    if (client->mysql)
        mysql_close(client->mysql);
    client->mysql = NULL;
}

/* ---- statements ---- */

static enum leat_status run(struct client *client, struct leat_error *err, const char *fmt, va_list args)
{
    char *sql = NULL;
    int len = vasprintf(&sql, fmt, args);
    enum leat_status status = LEAT_OK;
    if (len < 0 || mysql_real_query(client->mysql, sql, (unsigned long)len) != 0)
        status = client_failed(client, "", err);
    free(sql);
    return status;
}

enum leat_status client_run(struct client *client, struct leat_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum leat_status status = run(client, err, fmt, args);
    va_end(args);
    return status;
}

static enum leat_status query(struct client *client, MYSQL_RES **result, struct leat_error *err, const char *fmt, va_list args)
{
    *result = NULL;
    enum leat_status status = run(client, err, fmt, args);
    if (status != LEAT_OK)
        return status;
    *result = mysql_store_result(client->mysql);
    return *result ? LEAT_OK : client_failed(client, "", err);
}

enum leat_status client_query(struct client *client, MYSQL_RES **result, struct leat_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum leat_status status = query(client, result, err, fmt, args);
    va_end(args);
    return status;
}

enum leat_status client_ask(struct client *client, char *answer, size_t size, struct leat_error *err, const char *fmt, ...)
{
    va_list args;
    MYSQL_RES *result;
    va_start(args, fmt);
    enum leat_status status = query(client, &result, err, fmt, args);
    va_end(args);
    answer[0] = '\0';
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row = mysql_fetch_row(result);
    bool is_long = row && row[0] && (size_t)snprintf(answer, size, "%s", row[0]) >= size;
    mysql_free_result(result);
    if (is_long)
        return leat_fail(err, LEAT_STOP, "%s: it answers with more than %zu bytes: %.40s...", client->where, size - 1, answer);
    return LEAT_OK;
}

const char *client_quote(char *out, size_t size, const char *name)
{
    size_t len = 0;
    out[len++] = '`';
    for (; *name && len + 3 < size; name++) {
        if (*name == '`')
            out[len++] = '`';
        out[len++] = *name;
    }
    out[len++] = '`';
    out[len] = '\0';
    return out;
}

const char *client_text(const struct client *client, char out[CLIENT_NAME_MAX], const char *name)
{
    size_t len = strlen(name);
    leat_assert(2 * len + 3 <= CLIENT_NAME_MAX);
    out[0] = '\'';
    size_t end = 1 + mysql_real_escape_string(client->mysql, out + 1, name, len);
    out[end] = '\'';
    out[end + 1] = '\0';
    return out;
}

/* ---- where the server is ---- */

enum leat_status client_identity(struct client *client, char *identity, size_t size, struct leat_error *err)
{
    bool has_uuid = !client->is_mariadb && client->version >= 50600;
    return client_ask(client, identity, size, err, has_uuid ? "SELECT @@server_uuid" : "SELECT @@server_id");
}

static enum leat_status ask_log(struct client *client, struct client_place *place, struct leat_error *err)
{
    MYSQL_RES *result;
    bool is_new = !client->is_mariadb && client->version >= 80400;
    enum leat_status status =
        client_query(client, &result, err, is_new ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row) {
        snprintf(place->file, sizeof place->file, "%s", row[0]);
        place->pos = strtoull(row[1], NULL, 10);
    }
    bool is_long = false;
    if (row && !client->is_mariadb && mysql_num_fields(result) >= 5 && row[4])
        is_long = (size_t)snprintf(place->gtid, sizeof place->gtid, "%s", row[4]) >= sizeof place->gtid;
    mysql_free_result(result);
    if (is_long)
        return leat_fail(err, LEAT_STOP, "%s: its gtid_executed is longer than %zu bytes", client->where, sizeof place->gtid);
    return LEAT_OK;
}

bool client_knows_gtids(struct client *client)
{
    char mode[32];
    struct leat_error unknown; /* to a MySQL that is too old */
    return client->is_mariadb ||
           (client_ask(client, mode, sizeof mode, &unknown, "SELECT @@global.gtid_mode") == LEAT_OK && strcmp(mode, "ON") == 0);
}

enum leat_status client_first_file(struct client *client, char *file, size_t size, struct leat_error *err)
{
    return client_ask(client, file, size, err, "SHOW BINARY LOGS");
}

bool client_cell(MYSQL_RES *result, const char *column, char *cell, size_t size)
{
    MYSQL_ROW row = mysql_fetch_row(result);
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    bool is_there = false;
    for (unsigned i = 0; row && i < mysql_num_fields(result) && !is_there; i++)
        if (row[i] && strcmp(fields[i].name, column) == 0)
            is_there = snprintf(cell, size, "%s", row[i]) >= 0;
    mysql_free_result(result);
    return is_there;
}

enum leat_status client_end(struct client *client, struct client_place *place, struct leat_error *err)
{
    *place = (struct client_place){.pos = 0};
    enum leat_status status = ask_log(client, place, err);
    if (status == LEAT_OK && !place->file[0])
        return leat_fail(err, LEAT_STOP, "%s: it writes no binary log; start it with --log-bin=bin --binlog-format=ROW --server-id=1",
                         client->where);
    return status;
}

enum leat_status client_place(struct client *client, struct client_place *place, struct leat_error *err)
{
    enum leat_status status = client_end(client, place, err);
    if (status == LEAT_OK)
        status = client_identity(client, place->server, sizeof place->server, err);
    if (status != LEAT_OK)
        return status;
    if (client->is_mariadb)
        return client_ask(client, place->gtid, sizeof place->gtid, err, "SELECT BINLOG_GTID_POS('%s', %llu)", place->file,
                          (unsigned long long)place->pos);
    place->has_set = client_knows_gtids(client);
    if (!place->has_set) /* what is without a GTID is not in the set */
        place->gtid[0] = '\0';
    return LEAT_OK;
}
