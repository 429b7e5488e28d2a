/* definition.h - a table's definition after a statement of the log: what follow.c keeps exact where the log itself does not
 * tell names, and information_schema may be ahead of it. */
#ifndef LEAT_MYSQL_DEFINITION_H
#define LEAT_MYSQL_DEFINITION_H

#include <mysql/table.h>
#include <mysql_protocol/ddl.h>

/* All fill `fresh`, a table_new() of the right name. False: the statement does not tell, or does not fit what is known. */

/* CREATE TABLE (...); `charset`: the database's default, where the statement says none; NULL: not known. */
bool definition_create(struct table *fresh, const struct leat_ddl_step *step, const char *charset, bool is_mariadb);
bool definition_alter(struct table *fresh, const struct table *before, const struct leat_ddl_step *step, bool is_mariadb);
/* CREATE TABLE ... LIKE, RENAME TABLE. */
bool definition_copy(struct table *fresh, const struct table *from, bool is_mariadb);

/* False: an ALTER that leaves every row as it was read. */
bool definition_matters(const struct leat_ddl_step *step);

#endif
