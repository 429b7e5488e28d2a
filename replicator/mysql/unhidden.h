/* unhidden.h - rules for columns go by names: a statement that gives a hidden column another name may show it. */
#ifndef LEAT_MYSQL_UNHIDDEN_H
#define LEAT_MYSQL_UNHIDDEN_H

#include <mysql/table.h>
#include <mysql_protocol/ddl.h>

/* True where records of this form are not the whole rows as they are; NULL: false. */
bool form_hides(const struct form *form);

/* Behind a step: warns of columns that were hidden in `was`, the form of its table before, and are not in `table`, which it
 * made of it. */
void unhidden_say(const struct leat_ddl_step *step, const struct form *was, const struct table *table, const struct leat_task *task);

#endif
