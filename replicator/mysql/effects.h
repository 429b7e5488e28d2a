/* effects.h - what a batch does to the tables of a target, as few statements as its order allows.
 *
 *   stage   a record -> one or two effects: rows of values by the table's columns; checked, nothing is sent
 *   apply   effects -> groups -> statements of many rows, inside the caller's transaction
 *
 * Order: where a table has an integer primary key, no other unique key, no foreign key and no trigger, only the last effect
 * on each key counts, and different keys have no order: all its inserts and updates are one group, all its deletes another. A
 * table with another kind of key keeps the order of its records; as soon as one table of the batch has foreign keys or
 * triggers, the whole batch does.
 */
#ifndef LEAT_MYSQL_EFFECTS_H
#define LEAT_MYSQL_EFFECTS_H

#include <base/hash.h>
#include <mysql/dest.h>

enum effect_kind {
    EFFECT_INSERT,   /* append, or a table without a primary key */
    EFFECT_UPSERT,
    EFFECT_UPDATE,   /* some columns are not in the record, or the table has no key */
    EFFECT_DELETE,
    EFFECT_TRUNCATE,
};

struct effect {
    struct dest *dest;
    uint8_t kind;
    bool is_void; /* a later one of the plan makes up for it */
    uint32_t record;
    int32_t next; /* of its group; -1: the last */
    const struct leat_value **values; /* by column; NULL: absent */
    const struct leat_value **put;    /* of the plan: those of the last effect that this one stands for */
    const struct leat_value **where;  /* by column: the key, or of a table without one the whole row before */
};

struct effects {
    bool is_append;
    struct leat_arena arena; /* of rows, until effects_clear() */
    struct effect *items;
    uint32_t count, cap;
    struct effect_group *groups;
    uint32_t group_count, group_cap;
    struct leat_table keys;     /* of the plan: table, era, key -> effect */
    struct leat_table bindings; /* schema, table -> which column each field goes to */
    struct leat_bytes sql;
    size_t packet_max; /* of the server */
    uint64_t plan;
    bool has_linked;
};

void effects_init(struct effects *effects, bool is_append, size_t packet_max);
void effects_fini(struct effects *effects);
void effects_clear(struct effects *effects);  /* staged effects */
void effects_forget(struct effects *effects); /* all that was known of the tables' columns */

/* True where the table has a column for each field that the record holds. */
bool effects_fits(struct effects *effects, const struct dest *dest, const struct leat_record *rec);
/* REJECT: the record cannot be told as a row of the table. */
enum leat_status effects_stage(struct effects *effects, struct dest *dest, const struct leat_record *rec,
                               uint32_t index, struct leat_error *err);
/* Those of records first..end-1. REJECT: the data of one of them are refused; the transaction then holds part of them. */
enum leat_status effects_apply(struct effects *effects, struct client *client, uint32_t first, uint32_t end,
                               struct leat_error *err);

/* The connection's last error, as a sink sees it: REJECT what a record's own data cause, RETRY what time or another
 * connection mends, else STOP. */
enum leat_status effects_failed(struct client *client, const char *doing, struct leat_error *err);

#endif
