#include <mysql/preflight.h>

#include <base/hash.h>
#include <base/text.h>
#include <mysql/cascades.h>
#include <stdio.h>
#include <strings.h>

static enum leat_status variable(struct client *client, const char *name, char *value, size_t size, struct leat_error *err)
{
    return client_ask(client, value, size, err, "SELECT @@global.%s", name);
}

static enum leat_status check_log(struct client *client, struct leat_report *report, struct leat_error *err)
{
    char value[64];
    enum leat_status status = variable(client, "log_bin", value, sizeof value, err);
    if (status == LEAT_OK && strcmp(value, "1") != 0)
        leat_report_error(report,
                          "%s: it writes no binary log; start it with --log-bin=bin --binlog-format=ROW --server-id=1 (or put "
                          "log_bin, binlog_format = ROW, server_id = 1 into its option file)",
                          client->where);
    if (status == LEAT_OK)
        status = variable(client, "binlog_format", value, sizeof value, err);
    if (status == LEAT_OK && strcasecmp(value, "ROW") != 0)
        leat_report_error(report, "%s: binlog_format is %s; run: SET GLOBAL binlog_format = ROW (sessions that are open keep theirs)",
                          client->where, value);
    if (status == LEAT_OK)
        status = variable(client, "binlog_row_image", value, sizeof value, err);
    if (status == LEAT_OK && strcasecmp(value, "FULL") != 0)
        leat_report_warning(report,
                            "%s: binlog_row_image is %s: columns that did not change are missing from changes; run: SET GLOBAL "
                            "binlog_row_image = FULL",
                            client->where, value);
    if (status == LEAT_OK)
        status = variable(client, "server_id", value, sizeof value, err);
    if (status == LEAT_OK && strcmp(value, "0") == 0)
        leat_report_error(report, "%s: server_id is 0; run: SET GLOBAL server_id = 1", client->where);
    struct leat_error unknown; /* to a server that is too old for it */
    if (status == LEAT_OK && variable(client, "binlog_row_metadata", value, sizeof value, &unknown) == LEAT_OK &&
        strcasecmp(value, "FULL") != 0)
        leat_report_note(report,
                         "%s: binlog_row_metadata is %s: what a table looks like is followed by the log's statements, and a table with one "
                         "that cannot be followed is parked; to have its columns from the log itself, run: SET GLOBAL "
                         "binlog_row_metadata = FULL",
                         client->where, value);
    return status;
}

/* What a crash of the server itself may take back although we have read it. */
static enum leat_status check_durability(struct client *client, struct leat_report *report, struct leat_error *err)
{
    char binlog[64], innodb[64];
    enum leat_status status = variable(client, "sync_binlog", binlog, sizeof binlog, err);
    if (status == LEAT_OK)
        status = variable(client, "innodb_flush_log_at_trx_commit", innodb, sizeof innodb, err);
    if (status != LEAT_OK || (strcmp(binlog, "1") == 0 && strcmp(innodb, "1") == 0))
        return status;
    leat_report_warning(report,
                        "%s: sync_binlog is %s and innodb_flush_log_at_trx_commit is %s: exactly-once holds while the server's "
                        "machine does not crash; after a power cut it may lose changes that were read already. Run: SET GLOBAL "
                        "sync_binlog = 1, GLOBAL innodb_flush_log_at_trx_commit = 1",
                        client->where, binlog, innodb);
    leat_report_guarantee(report, LEAT_EXACTLY_ONCE, "until a power cut of the database: sync_binlog is not 1");
    return LEAT_OK;
}

static bool has_grant(const char *grants, const char *one, const char *other)
{
    return strstr(grants, "GRANT ALL PRIVILEGES ON *.*") || strstr(grants, one) || (other && strstr(grants, other));
}

/* Then a snapshot takes no lock. */
static bool has_gtids(struct client *client)
{
    char mode[32];
    struct leat_error unknown; /* to an old server */
    return client_ask(client, mode, sizeof mode, &unknown, "SELECT @@global.gtid_mode") == LEAT_OK && strcmp(mode, "ON") == 0;
}

static enum leat_status check_grants(struct client *client, struct leat_report *report, struct leat_error *err)
{
    MYSQL_RES *result;
    struct leat_bytes grants;
    char user[300];
    enum leat_status status = client_ask(client, user, sizeof user, err, "SELECT CURRENT_USER()");
    if (status == LEAT_OK)
        status = client_query(client, &result, err, "SHOW GRANTS");
    if (status != LEAT_OK)
        return status;
    leat_bytes_init(&grants, 1 << 20);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        leat_bytes_printf(&grants, "%s\n", row[0]);
    mysql_free_result(result);
    leat_bytes_put(&grants, 0);
    const char *text = (const char *)grants.data, *at = strrchr(user, '@');
    int name_len = (int)(at ? at - user : (long)strlen(user));
    const char *host = at ? at + 1 : "%";
    if (!has_grant(text, "REPLICATION SLAVE", "REPLICATION REPLICA"))
        leat_report_error(report, "%s: the user may not read the binary log; run: GRANT REPLICATION SLAVE ON *.* TO '%.*s'@'%s'",
                          client->where, name_len, user, host);
    if (!has_grant(text, client->is_mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT", client->is_mariadb ? "SUPER" : NULL))
        leat_report_error(report, "%s: the user may not ask where the binary log is; run: GRANT %s ON *.* TO '%.*s'@'%s'",
                          client->where, client->is_mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT", name_len, user, host);
    if (!client->is_mariadb && !has_grant(text, "RELOAD", NULL) && has_gtids(client))
        leat_report_note(report, "%s: without GRANT RELOAD a snapshot reads no table that has no primary key", client->where);
    else if (!client->is_mariadb && !has_grant(text, "RELOAD", NULL))
        leat_report_error(report, "%s: the user may not FLUSH TABLES for a snapshot; run: GRANT RELOAD ON *.* TO '%.*s'@'%s'",
                          client->where, name_len, user, host);
    leat_bytes_fini(&grants);
    return LEAT_OK;
}

/* A table that the user may not read cannot be told from one that is not there: both ways out are named. */
static enum leat_status report_no_table(struct client *client, const struct leat_list *patterns, struct leat_report *report,
                                        struct leat_error *err)
{
    char user[300];
    enum leat_status status = client_ask(client, user, sizeof user, err, "SELECT CURRENT_USER()");
    if (status != LEAT_OK)
        return status;
    const char *first = patterns->count > 0 ? patterns->items[0] : "*", *at = strrchr(user, '@');
    int name_len = (int)(at ? at - user : (long)strlen(user));
    size_t database_len = strcspn(first, ".");
    if (strcspn(first, "!*?.") < database_len) /* a pattern, not the name of one database */
        first = "*", database_len = 1;
    const char *quote = first[0] == '*' ? "" : "`";
    leat_report_error(report,
                      "%s: `tables` (%s%s) matches no table that the user may SELECT from; correct the patterns, or, if the "
                      "table is there, run: GRANT SELECT ON %s%.*s%s.* TO '%.*s'@'%s'",
                      client->where, patterns->count > 0 ? patterns->items[0] : "", patterns->count > 1 ? ", ..." : "", quote,
                      (int)database_len, first, quote, name_len, user, at ? at + 1 : "%");
    return LEAT_OK;
}

static bool is_transactional(const char *engine)
{
    return strcasecmp(engine, "InnoDB") == 0 || strcasecmp(engine, "ROCKSDB") == 0 || strcasecmp(engine, "TokuDB") == 0;
}

/* Names of a schema's tables with a primary key. A query of its own that names the schema: MariaDB 10.11 dies (signal 11 in
 * create_schema_table) when several connections at once look through the keys of all schemas. */
static enum leat_status ask_keys(struct client *client, const char *database, struct leat_table *keyed, struct leat_error *err)
{
    MYSQL_RES *result;
    char text[CLIENT_NAME_MAX];
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT table_name FROM information_schema.statistics WHERE table_schema = %s AND "
                                           "index_name = 'PRIMARY' AND seq_in_index = 1",
                                           client_text(client, text, database));
    if (status != LEAT_OK)
        return status;
    leat_table_fini(keyed, NULL);
    leat_table_init(keyed);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        leat_table_set(keyed, row[0], strlen(row[0]), keyed);
    mysql_free_result(result);
    return LEAT_OK;
}

static void report_table(const char *name, bool has_key, const char *engine, struct leat_report *report)
{
    if (!has_key)
        leat_report_note(report, "table %s has no primary key: its records have no key; order is kept", name);
    if (!is_transactional(engine))
        leat_report_warning(report,
                            "table %s is of engine %s, which has no transactions: rows that change while a snapshot reads "
                            "them may come twice, as read and as changed; run: ALTER TABLE %s ENGINE = InnoDB",
                            name, engine, name);
}

static enum leat_status check_each(struct client *client, MYSQL_RES *tables, const struct leat_list *patterns, uint64_t *count,
                                   struct leat_report *report, struct leat_error *err)
{
    struct leat_table keyed;
    const char *database = "";
    enum leat_status status = LEAT_OK;
    leat_table_init(&keyed);
    for (MYSQL_ROW row; status == LEAT_OK && (row = mysql_fetch_row(tables));) {
        if (!leat_patterns_match(patterns, row[0], false))
            continue;
        ++*count;
        if (strcmp(row[1], database) != 0)
            status = ask_keys(client, row[1], &keyed, err);
        database = row[1];
        if (status == LEAT_OK && is_transactional(row[3]))
            status = cascades_report(client, row[1], row[2], report, err);
        report_table(row[0], leat_table_get(&keyed, row[2], strlen(row[2])) != NULL, row[3], report);
    }
    leat_table_fini(&keyed, NULL);
    return status;
}

static enum leat_status check_tables(struct client *client, const struct leat_list *patterns, bool is_one_of_many,
                                     struct leat_report *report, struct leat_error *err)
{
    MYSQL_RES *result;
    uint64_t count = 0;
    enum leat_status status = client_query(client, &result, err,
                                           "SELECT CONCAT(table_schema, '.', table_name), table_schema, table_name, "
                                           "IFNULL(engine, '') FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND "
                                           "table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') "
                                           "ORDER BY table_schema");
    if (status != LEAT_OK)
        return status;
    status = check_each(client, result, patterns, &count, report, err);
    mysql_free_result(result);
    if (status != LEAT_OK || count > 0)
        return status;
    if (!is_one_of_many)
        return report_no_table(client, patterns, report, err);
    leat_report_warning(report, "%s: it has no table of `tables` that the user may SELECT from", client->where);
    return LEAT_OK;
}

enum leat_status preflight_check(const struct client_options *options, const struct leat_list *patterns, bool is_one_of_many,
                                 struct leat_report *report, struct leat_error *err)
{
    struct client client;
    enum leat_status status = client_open(&client, options, client_patience_s(options, 30), NULL, err);
    if (status != LEAT_OK)
        return status;
    status = check_log(&client, report, err);
    if (status == LEAT_OK)
        status = check_durability(&client, report, err);
    if (status == LEAT_OK)
        status = check_grants(&client, report, err);
    if (status == LEAT_OK)
        status = check_tables(&client, patterns, is_one_of_many, report, err);
    client_close(&client);
    return status;
}
