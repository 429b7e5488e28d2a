/* follow.h - the definitions of tables follow the statements of the log, so that at each place of it they are what the rows
 * there look like: not what information_schema tells later. */
#ifndef LEAT_MYSQL_FOLLOW_H
#define LEAT_MYSQL_FOLLOW_H

#include <mysql/tables.h>
#include <mysql_protocol/ddl.h>

struct followed { /* what one step did */
    struct table *table; /* captured, and touched; NULL: none */
    struct table *from, *to; /* RENAME: of the old name and of the new one, captured or not */
    bool loses_rows;     /* of it rows go or come of which the log does not tell */
    struct table *replaced_by; /* RENAME: a captured table has now the rows of another one, which is not */
};

/* `database`: the session's. RETRY: the server, asked for a database's charset, is away. */
enum leat_status tables_follow(struct tables *tables, const struct leat_ddl_step *step, const char *database,
                               struct followed *followed, struct leat_error *err);

#endif
