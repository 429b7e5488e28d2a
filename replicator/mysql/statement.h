/* statement.h - what the text of a QUERY event means to a reader of rows. */
#ifndef LEAT_MYSQL_STATEMENT_H
#define LEAT_MYSQL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

enum statement_kind {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,   /* or ROLLBACK: the transaction ends */
    STATEMENT_WITHIN,   /* SAVEPOINT and the like, or a comment alone: says nothing */
    STATEMENT_DDL,      /* tables may look otherwise from here on, or be empty: mysql_protocol/ddl.h tells */
    STATEMENT_CHANGE,   /* INSERT, UPDATE, DELETE ...: a change that is not logged as rows */
};

enum statement_kind statement_read(const char *text, size_t len);

#endif
