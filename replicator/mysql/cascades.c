#include <mysql/cascades.h>

#include <stdio.h>
#include <string.h>

#define LOGGED_FROM 90600 /* MySQL */

/* "  CONSTRAINT `c` FOREIGN KEY (`parent`) REFERENCES `orders` (`id`) ON DELETE CASCADE,": from its
 * actions on; NULL: it leaves the rows alone. Names are in backticks, and may hold anything. */
static const char *actions_of(const char *line, size_t len)
{
    static const char *const doing[] = {" ON DELETE CASCADE", " ON DELETE SET NULL",
                                        " ON UPDATE CASCADE", " ON UPDATE SET NULL"};
    const char *last = memrchr(line, ')', len), *found = NULL;
    size_t rest = last ? len - (size_t)(last + 1 - line) : 0;
    for (size_t i = 0; i < sizeof doing / sizeof *doing; i++)
        if (rest > 0 && memmem(last, rest + 1, doing[i], strlen(doing[i])))
            found = last + 2;
    return found;
}

static void report_lines(const char *database, const char *table, const char *text,
                         struct leat_report *report)
{
    static const char begin[] = "  CONSTRAINT `";
    for (const char *line = text, *next; line; line = next) {
        size_t len = strcspn(line, "\n");
        next = line[len] ? line + len + 1 : NULL;
        len -= len > 0 && line[len - 1] == ',';
        const char *key = memmem(line, len, " FOREIGN KEY (", 14);
        const char *actions =
            key && strncmp(line, begin, sizeof begin - 1) == 0 ? actions_of(line, len) : NULL;
        if (actions)
            leat_report_warning(
                report,
                "table %s.%s: its foreign key %.*s (%.*s) changes rows without a word in the "
                "binary log: such "
                "changes are not captured; delete or change the rows themselves first",
                database, table, (int)(key - line - 13), line + 13, (int)(line + len - actions),
                actions);
    }
}

enum leat_status cascades_report(struct client *client, const char *database, const char *table,
                                 struct leat_report *report, struct leat_error *err)
{
    MYSQL_RES *result;
    char space[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    if (!client->is_mariadb && client->version >= LOGGED_FROM)
        return LEAT_OK;
    /* information_schema shows foreign keys only to those who may do more with a table than SELECT.
     */
    enum leat_status status = client_query(client, &result, err, "SHOW CREATE TABLE %s.%s",
                                           client_quote(space, sizeof space, database),
                                           client_quote(name, sizeof name, table));
    if (status != LEAT_OK)
        return status == LEAT_RETRY ? status : LEAT_OK; /* dropped meanwhile, or damaged */
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row && row[1])
        report_lines(database, table, row[1], report);
    mysql_free_result(result);
    return LEAT_OK;
}
