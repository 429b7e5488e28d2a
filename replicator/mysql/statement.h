/* statement.h - what the text of a QUERY event means to a reader of rows. */
#ifndef LEAT_MYSQL_STATEMENT_H
#define LEAT_MYSQL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

enum statement_kind {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,   /* or ROLLBACK: the transaction ends */
    STATEMENT_WITHIN,   /* SAVEPOINT and the like, or a comment alone: says nothing */
    STATEMENT_TRUNCATE, /* database and table are set */
    STATEMENT_DDL,      /* tables may look otherwise from here on */
    STATEMENT_CHANGE,   /* INSERT, UPDATE, DELETE ...: a change that is not logged as rows */
};

struct statement {
    enum statement_kind kind;
    char database[260], table[260]; /* of TRUNCATE; database "": the current one */
    bool removes_rows;              /* DDL that takes rows away without telling which: DROP TABLE, ALTER ... DROP PARTITION */
};

void statement_read(struct statement *statement, const char *text, size_t len);

#endif
