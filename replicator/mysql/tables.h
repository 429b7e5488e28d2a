/* tables.h - the tables of the server as the stream meets them: which are captured, what they look like. */
#ifndef LEAT_MYSQL_TABLES_H
#define LEAT_MYSQL_TABLES_H

#include <base/hash.h>
#include <mysql/table.h>

struct tables {
    const struct client_options *options; /* NULL: there is no server to ask */
    const struct leat_list *patterns;
    struct forms *forms; /* set before the first table; NULL: none */
    const char *signals; /* "db.t"; NULL: none */
    bool ignore_case, is_mariadb;
    struct leat_task *task;
    struct leat_table by_name; /* "db\0table" -> struct table */
    struct client client;      /* for information_schema; opened when it is needed */
    struct leat_table by_id;   /* u64 of the binary log -> struct table; one statement may use any number of them */
};

void tables_init(struct tables *tables, struct leat_task *task, const struct client_options *options,
                 const struct leat_list *patterns, bool ignore_case, bool is_mariadb);
void tables_fini(struct tables *tables);

/* Definitions that the positions hold. */
void tables_load(struct tables *tables, const struct leat_positions *from);

/* Every captured table that is on the server now, by name; to be freed (the array alone). */
enum leat_status tables_list(struct tables *tables, struct client *client, struct table ***list, size_t *count,
                             struct leat_error *err);

struct table *tables_find(struct tables *tables, const char *database, size_t database_len, const char *name,
                          size_t name_len);

/* One that is known already, as a statement writes it; NULL: there is none. */
struct table *tables_named(const struct tables *tables, const char *database, size_t database_len, const char *name);

/* A TABLE_MAP event: its table, planned when it is captured. */
enum leat_status tables_map(struct tables *tables, const struct leat_binlog_event *ev,
                            const struct leat_binlog_format *format, struct leat_error *err);
/* The table of a rows event; NULL: no map was seen. */
struct table *tables_by_id(struct tables *tables, uint64_t id);
void tables_forget_ids(struct tables *tables);

/* A statement may have changed the tables that it names: they are looked up again at their next rows. The others are not,
 * as information_schema may tell of changes that the binary log has not come to yet. True: it names a captured one. */
bool tables_mark_stale(struct tables *tables, const char *statement, size_t len);
/* What a table of which nothing is known looks like now, as another connection was told. */
void tables_learn(struct tables *tables, struct table *table, const struct table *told);
/* Puts definitions that are new into the batch's position. */
void tables_store(struct tables *tables, struct leat_batch *batch);

#endif
