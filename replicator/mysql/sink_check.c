#include <mysql/sink_check.h>

#include <base/buffer.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- grants ---- */

static enum leat_status read_grants(struct client *client, struct leat_bytes *grants, struct leat_error *err)
{
    MYSQL_RES *result;
    enum leat_status status = client_query(client, &result, err, "SHOW GRANTS");
    if (status != LEAT_OK)
        return status;
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        leat_bytes_printf(grants, "%s\n", row[0]);
    mysql_free_result(result);
    leat_bytes_put(grants, 0);
    return LEAT_OK;
}

/* Does a line that speaks of everything, or of the database, name the privilege? */
static bool is_granted(const char *grants, const char *quoted, const char *privilege)
{
    char all[CLIENT_NAME_MAX + 16];
    snprintf(all, sizeof all, " ON %s.* ", quoted);
    for (const char *line = grants; *line;) {
        const char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) : strlen(line);
        const char *on = memmem(line, len, " ON *.* ", 8);
        if (!on)
            on = memmem(line, len, all, strlen(all));
        if (on && (memmem(line, (size_t)(on - line), privilege, strlen(privilege)) ||
                   memmem(line, (size_t)(on - line), "ALL PRIVILEGES", 14)))
            return true;
        line = end ? end + 1 : line + len;
    }
    return false;
}

static enum leat_status check_grants(struct client *client, const char *database, bool create,
                                     struct leat_report *report, struct leat_error *err)
{
    static const char *const wanted[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"};
    char user[300], quoted[CLIENT_NAME_MAX], missing[100] = "";
    struct leat_bytes grants;
    leat_bytes_init(&grants, (size_t)1 << 20);
    client_quote(quoted, sizeof quoted, database);
    enum leat_status status = client_ask(client, user, sizeof user, err, "SELECT CURRENT_USER()");
    if (status == LEAT_OK)
        status = read_grants(client, &grants, err);
    for (size_t i = 0; status == LEAT_OK && i < (create ? 6u : 4u); i++)
        if (!is_granted((const char *)grants.data, quoted, wanted[i]))
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", missing[0] ? ", " : "", wanted[i]);
    const char *at = strrchr(user, '@');
    if (missing[0]) /* a grant of single tables or by a role is not seen here: no error */
        leat_report_warning(report,
                            "%s: the user has no %s on the whole database %s; unless single tables or a role give it, run: "
                            "GRANT %s ON %s.* TO '%.*s'@'%s'",
                            client->where, missing, database, missing, quoted, (int)(at ? at - user : 0), user,
                            at ? at + 1 : "%");
    leat_bytes_fini(&grants);
    return status;
}

/* ---- the server ---- */

static enum leat_status check_database(struct client *client, const struct sink_settings *settings, bool create,
                                       struct leat_report *report, struct leat_error *err)
{
    char name[CLIENT_NAME_MAX], marks[CLIENT_NAME_MAX], quoted[CLIENT_NAME_MAX], answer[300];
    client_text(client, name, settings->database);
    client_text(client, marks, settings->marks_table);
    client_quote(quoted, sizeof quoted, settings->database);
    enum leat_status status =
        client_ask(client, answer, sizeof answer, err,
                   "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = %s", name);
    if (status == LEAT_OK && strcmp(answer, "0") == 0) {
        leat_report_error(report, "%s: there is no database %s that the user may see; run: CREATE DATABASE %s", client->where,
                          settings->database, quoted);
        return LEAT_OK;
    }
    if (status == LEAT_OK)
        status = client_ask(client, answer, sizeof answer, err,
                            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s", name,
                            marks);
    if (status == LEAT_OK && strcmp(answer, "0") == 0 && !create)
        leat_report_note(report, "%s: table %s of the marks is made at the first run; that needs CREATE once", client->where,
                         settings->marks_table);
    if (status == LEAT_OK)
        status = client_ask(client, answer, sizeof answer, err,
                            "SELECT COALESCE(MIN(CONCAT(table_name, ' (', engine, ')')), '') FROM information_schema.tables "
                            "WHERE table_schema = %s AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'",
                            name);
    if (status == LEAT_OK && answer[0])
        leat_report_warning(report,
                            "%s: table %s of database %s cannot roll back; a sink that is to write there stops; run: ALTER TABLE "
                            "... ENGINE=InnoDB",
                            client->where, answer, settings->database);
    return status;
}

static enum leat_status check_settings(struct client *client, struct leat_report *report, struct leat_error *err)
{
    char value[64];
    enum leat_status status = client_ask(client, value, sizeof value, err, "SELECT @@global.read_only");
    if (status == LEAT_OK && strcmp(value, "0") != 0)
        leat_report_error(report, "%s: it is read-only; write to its primary, or run: SET GLOBAL read_only = 0", client->where);
    if (status == LEAT_OK)
        status = client_ask(client, value, sizeof value, err, "SELECT @@global.innodb_flush_log_at_trx_commit");
    if (status == LEAT_OK && strcmp(value, "1") != 0)
        leat_report_warning(report,
                            "%s: innodb_flush_log_at_trx_commit is %s: a power cut takes the last second back, mark and rows "
                            "alike; what the log still holds is then written again. Run: SET GLOBAL "
                            "innodb_flush_log_at_trx_commit = 1",
                            client->where, value);
    if (status == LEAT_OK)
        status = client_ask(client, value, sizeof value, err, "SELECT @@global.max_allowed_packet < 16777216");
    if (status == LEAT_OK && strcmp(value, "1") == 0)
        leat_report_note(report, "%s: max_allowed_packet is below 16 MiB: longer rows are refused; run: SET GLOBAL "
                                 "max_allowed_packet = 1073741824", client->where);
    return status;
}

enum leat_status sink_check(const struct sink_settings *settings, bool create, struct leat_report *report,
                            struct leat_error *err)
{
    struct client client;
    enum leat_status status = client_open(&client, &settings->client, 30, NULL, err);
    if (status != LEAT_OK)
        return status;
    status = check_settings(&client, report, err);
    if (status == LEAT_OK)
        status = check_grants(&client, settings->database, create, report, err);
    if (status == LEAT_OK)
        status = check_database(&client, settings, create, report, err);
    client_close(&client);
    return status;
}
