/* origin.h - where a record of ours comes from, as a target's mark tells it: `leat recover --from-sinks`.
 *
 *   {"server_id", "gtid": "0-1-48210", "file": "bin.000007", "pos": 4711, "row": 3, ..., "op": "u", "ts_ms", "snapshot"}
 *
 * `pos` is where the record's event begins. An event can only be read from the begin of its transaction, and where that is the
 * origin does not say: so the position is the head of the file, with all that ends before `pos` as done. */
#ifndef LEAT_MYSQL_ORIGIN_H
#define LEAT_MYSQL_ORIGIN_H

#include <leat/source.h>

struct client;

/* By file, position, row; the delete of a changed key comes before its create. A row of a snapshot comes behind all that ends before its
 * place and before what begins there; rows of one place have no order among them, but that its last one is the last. */
int origin_order(const struct leat_value *a, const struct leat_value *b);

/* Asks the server whether the file is still there, and whether it is the one that was read. STOP: it is not. */
enum leat_status origin_position(struct client *client, const struct leat_value *origin, struct leat_batch *positions,
                                 struct leat_origin_found *found, struct leat_error *err);

#endif
