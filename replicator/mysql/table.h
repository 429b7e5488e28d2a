/* table.h - what one table looks like: its columns as information_schema tells them, the schema of its records, and the
 * plan by which its rows are decoded. */
#ifndef LEAT_MYSQL_TABLE_H
#define LEAT_MYSQL_TABLE_H

#include <base/arena.h>
#include <leat/source.h>
#include <mysql/forms.h>
#include <mysql_protocol/rows.h>
#include <stdatomic.h>

struct client;

struct column { /* as information_schema tells it; texts live in the table's arena */
    const char *name;
    const char *type;      /* "int(10) unsigned", "enum('a','b')" */
    const char *data_type; /* "int", "enum" */
    const char *charset;   /* "" where it has none */
    bool is_nullable, is_json; /* MariaDB's JSON: a LONGTEXT with a check */
    uint32_t key_place;    /* 1, 2 ... in the primary key */
    uint64_t collation;    /* its name as a number; 0: not known, as where it comes from a statement, or there is none */
};

struct snapshot_job;

struct table {
    char *database, *name, *full; /* "shop", "orders", "shop.orders" */
    bool is_captured;
    bool is_signals; /* its rows are orders (signals.h) */
    bool is_inside;  /* and no records: it is captured for them alone */
    uint32_t statements;       /* how many may have altered it, as the stream met them */
    struct snapshot_job *job;  /* its rows are being read; NULL: they are not */
    const struct leat_topic *topic;
    struct forms *forms;                /* of the source; NULL: records are the rows */
    const struct form *_Atomic form;    /* of `schema`, once somebody asked: form_of() */
    /* definition */
    struct leat_arena arena; /* of columns and map */
    struct column *columns;
    uint32_t column_count;
    const char *charset; /* what new columns take; "": not known */
    const struct leat_schema *schema;
    struct leat_table_map map; /* planned; column_count 0: no row was seen yet */
    bool is_known;             /* the definition is there */
    bool is_versioned;         /* MariaDB's WITH SYSTEM VERSIONING, as information_schema told */
    bool is_stale;             /* it has to be looked up: a statement changed it, and does not tell how */
    bool is_changed;           /* and is not in the positions yet */
    bool is_stored;            /* some definition is in the positions */
    bool is_gone;              /* dropped, or renamed */
    struct parked *parked;     /* its rows are passed over (park.h); NULL: they are not */
    bool is_parked_changed;    /* and that is not in the positions yet */
};

struct table *table_new(const char *database, const char *name);
void table_free(struct table *table);

/* Without a definition; the arena is empty then. */
void table_forget(struct table *table);
/* Columns and charset are set: makes the schema. */
bool table_finish(struct table *table, bool is_mariadb);

/* Asks information_schema. STOP: no such table. */
enum leat_status table_fetch(struct table *table, struct client *client, struct leat_error *err);

/* From and to a position's value. */
bool table_load(struct table *table, const struct leat_value *value, bool is_mariadb);
void table_store(const struct table *table, struct leat_batch *batch);

/* True where the definition has the columns that a TABLE_MAP event tells of: as many, of these types; and, where it tells
 * more (logged.h), of these names, charsets, labels, with this key. */
bool table_fits(const struct table *table, const struct leat_table_map *map);

/* Takes the definition from the event, and what that does not tell from columns of the same name in two others, where these
 * fit. False: the event does not tell enough. */
bool table_take_logged(struct table *table, const struct leat_table_map *map, const struct table *before,
                       const struct table *now, bool is_mariadb);

/* Takes the charsets of texts from an event that tells these without names. False: they are the same. */
bool table_take_charsets(struct table *table, const struct leat_table_map *map);

/* Takes the map over into table->map with all that the definition knows, and plans it. */
enum leat_status table_plan(struct table *table, const struct leat_binlog_event *ev,
                            const struct leat_binlog_format *format, struct leat_error *err);

#endif
