/* dest.h - a table of the target: what it looks like, and how it is made from a record's schema.
 *
 * Thread: one at a time. */
#ifndef LEAT_MYSQL_DEST_H
#define LEAT_MYSQL_DEST_H

#include <base/arena.h>
#include <base/buffer.h>
#include <leat/record.h>
#include <mysql/client.h>

struct dest_column {
    const char *name;
    const char *quoted;  /* `name` */
    const char *data_type; /* "int" */
    uint32_t key_place;  /* 1, 2 ... in the primary key */
    bool is_text;        /* compared by a collation */
    bool is_json;        /* MySQL's JSON: compared as JSON */
    bool is_generated;   /* the server fills it */
    uint8_t digits;      /* behind the point, of a second too; UINT8_MAX: as many as there are */
};

struct dest {
    char *name;   /* as the template gave it */
    char *quoted; /* `database`.`name` */
    struct leat_arena arena; /* of what follows */
    struct dest_column *columns;
    uint32_t count;
    uint32_t *keys;   /* indices of the primary key's columns, in its order */
    uint32_t key_count;
    bool has_integer_key;  /* only integers: equal texts, and no others, are equal keys */
    bool has_other_unique; /* a second unique key */
    bool is_linked;        /* foreign keys from or to it, or triggers: order counts across tables */
    bool is_transactional; /* InnoDB */
    bool exists;
    /* of effects.c: where the next change of its kind goes; they count while `plan` is that of the plan at hand */
    uint64_t plan;
    uint32_t era;
    int32_t open_put, open_delete;
};

struct dest *dest_new(const char *database, const char *name);
void dest_free(struct dest *dest);

/* Asks information_schema; exists is false where there is no such table. */
enum leat_status dest_fetch(struct dest *dest, const char *database, struct client *client, struct leat_error *err);

/* Index of the column, or -1; names are compared as the server does, without case. */
int32_t dest_find(const struct dest *dest, const char *name, size_t len);

/* Appends the statement that makes the table for records like this, or that adds the columns which it lacks; nothing where
 * nothing is missing. `is_append`: no key, and the columns of appended records. REJECT: no table can be made of it. */
enum leat_status dest_ddl(const struct dest *dest, const struct client *client, const struct leat_record *rec,
                          bool is_append, struct leat_bytes *sql, struct leat_error *err);

#endif
