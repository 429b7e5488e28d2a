/* signals.h - orders to a snapshot as rows of a table of the database itself (option `signals`), as Debezium reads them.
 *
 *   CREATE TABLE shop.leat_signals (id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048))
 *   INSERT INTO shop.leat_signals VALUES ('1', 'execute-snapshot', '{"data-collections": ["shop.orders"]}')
 *
 *   execute-snapshot   data-collections: tables or patterns; additional-conditions: [{data-collection, filter}], or
 *                      additional-condition: of all of them; anew: true: behind a truncate record
 *   stop-snapshot      data-collections; none: all
 *   pause-snapshot, resume-snapshot
 *
 * An order counts from the place of its row in the log on, once, like every other change. One that cannot be read is said, and passed over. */
#ifndef LEAT_MYSQL_SIGNALS_H
#define LEAT_MYSQL_SIGNALS_H

#include <mysql/snapshots.h>

/* A row that was inserted into the table. */
void signals_take(struct snapshots *snapshots, const struct table *table, const struct leat_value *cells);

#endif
