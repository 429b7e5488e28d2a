/* park.h - tables whose rows cannot be read: one is parked, all others go on.
 *
 * From some place on nothing tells what a table looks like. Its rows are passed over from there, which is said, shown in the
 * state of the source, and kept with the position as
 *
 *   ["parked", "db.t"] -> {why, file, pos}
 *
 * until its rows are read anew (`leat snapshot start`), or the table is dropped, or leaves the config.
 */
#ifndef LEAT_MYSQL_PARK_H
#define LEAT_MYSQL_PARK_H

#include <mysql/tables.h>

struct parked {
    char *why;
    char file[256]; /* its rows behind this place are not in the topic */
    uint64_t pos;
};

/* `err` says why. Does nothing to one that is parked. */
void tables_park(struct tables *tables, struct table *table, const struct leat_error *err);
/* Its rows count again, from here on; what it looks like is looked up at the next one. */
void tables_unpark(struct tables *tables, struct table *table);

/* RENAME TABLE: so is the table of the new name; one that is not captured keeps it until the daemon ends. */
void tables_park_moved(struct tables *tables, struct table *from, struct table *to);
/* `old` made room for `copy` in the same statement: of that one the same rows were passed over. */
void tables_park_copy(struct tables *tables, struct table *old, struct table *copy);
void parked_free(struct parked *parked);

/* From and to the positions. */
void tables_load_parked(struct tables *tables, struct table *table, const struct leat_value *value);
void tables_store_parked(struct table *table, struct leat_batch *batch);

#endif
