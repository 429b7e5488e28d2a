/* tables.h - the tables of the server as the stream meets them: which are captured, what they look like. */
#ifndef LEAT_MYSQL_TABLES_H
#define LEAT_MYSQL_TABLES_H

#include <base/hash.h>
#include <mysql/ahead.h>
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
    unsigned read_timeout_s;   /* of it */
    struct leat_table by_id;   /* u64 of the binary log -> struct table; one statement may use any number of them */
    struct leat_table databases; /* name -> the charset of new tables, where it is known */
    struct ahead ahead;
    const struct position *transaction; /* where the stream's begins; NULL: there is no stream yet */
    const char *file;                   /* and the event at hand ends */
    const uint64_t *pos;
    uint32_t parked_count;
};

void tables_init(struct tables *tables, struct leat_task *task, const struct client_options *options,
                 const struct leat_list *patterns, bool ignore_case, bool is_mariadb);
void tables_fini(struct tables *tables);

/* Definitions that the positions hold, and which tables are parked. */
void tables_load(struct tables *tables, const struct leat_positions *from);

/* Behind a gap what the positions hold is older than what is read from here on: which tables were parked goes from them. */
void tables_load_none(struct tables *tables, const struct leat_positions *from);

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

/* What all captured tables look like at the place where a new source begins, which is where the server is, or was a moment ago. */
enum leat_status tables_learn_all(struct tables *tables, struct client *client, const struct position *from, struct leat_error *err);
/* What a table of which nothing is known looks like now, as another connection was told. */
void tables_learn(struct tables *tables, struct table *table, const struct table *told);
/* Its definition is that of `fresh` from here on; the next TABLE_MAP is planned by it. */
void tables_adopt(struct tables *tables, struct table *table, struct table *fresh);
/* The connection for information_schema. */
enum leat_status tables_client(struct tables *tables, struct client **client, struct leat_error *err);
typedef void table_f(void *arg, struct table *table);
void tables_each(struct tables *tables, table_f *each, void *arg);
/* Where the stream is: all live as long as `tables`. */
void tables_at(struct tables *tables, const struct position *transaction, const char *file, const uint64_t *pos);

/* Puts definitions that are new into the batch's position, and which tables are parked. */
void tables_store(struct tables *tables, struct leat_batch *batch);

#endif
