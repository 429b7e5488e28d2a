/* ddl.h - what a statement does to tables: a tolerant scanner for the dialects of MySQL and MariaDB.
 *
 *   RENAME TABLE a TO _a_del, _a_gho TO a
 *     -> RENAME a to _a_del;  RENAME _a_gho to a
 *   ALTER TABLE t ADD COLUMN x INT AFTER id, DROP y, ENGINE = InnoDB, RENAME TO u
 *     -> ALTER t: ADD x "int" after id; DROP y;  RENAME t to u
 *
 * It reads what decides which columns a row has, in which order and of which type; all else (indexes, partitions, options,
 * checks, privileges, views) is passed over, whatever it is. What it takes for a change of columns and cannot read makes
 * that step unclear: its table has to be looked up. A statement that names no table of its own has no step.
 *
 * Column types are told as information_schema tells them ("INTEGER UNSIGNED" is "int(10) unsigned", MySQL from 8.0.19 on
 * "int unsigned").
 *
 * Pure: bytes in, structs out; all of them in the caller's arena. Source: the servers' manuals, and what they log.
 */
#ifndef LEAT_MYSQL_PROTOCOL_DDL_H
#define LEAT_MYSQL_PROTOCOL_DDL_H

#include <base/buffer.h>
#include <mysql_protocol/ddl_token.h>

struct leat_ddl_name {
    const char *database; /* NULL: the session's */
    const char *table;
};

struct leat_ddl_column {
    const char *name;
    const char *type;      /* "int(10) unsigned"; of TEXT(n) "text" until its charset is known */
    const char *data_type; /* "int" */
    const char *charset;   /* NULL: what the table says; "" where the type has none */
    uint64_t length;       /* of TEXT(n): characters; else 0 */
    bool is_nullable, is_key, is_json;
};

enum leat_ddl_change_kind {
    LEAT_DDL_ADD,
    LEAT_DDL_DROP,
    LEAT_DDL_CHANGE, /* MODIFY too: both names are the same then */
    LEAT_DDL_RENAME_COLUMN,
};

enum leat_ddl_place { LEAT_DDL_LEFT_THERE, LEAT_DDL_FIRST, LEAT_DDL_AFTER };

struct leat_ddl_change {
    enum leat_ddl_change_kind kind;
    const char *old;               /* the column that is there; NULL with ADD */
    struct leat_ddl_column column; /* what it is then; RENAME_COLUMN: the name alone */
    enum leat_ddl_place place;
    const char *after;
    bool is_conditional; /* IF EXISTS, IF NOT EXISTS */
};

enum leat_ddl_kind {
    LEAT_DDL_CREATE, /* changes: one ADD for each column */
    LEAT_DDL_ALTER,
    LEAT_DDL_RENAME,
    LEAT_DDL_DROP_TABLE,
    LEAT_DDL_TRUNCATE,
    LEAT_DDL_DATABASE, /* CREATE or ALTER: table is NULL */
    LEAT_DDL_DROP_DATABASE,
};

struct leat_ddl_step {
    enum leat_ddl_kind kind;
    struct leat_ddl_name name;
    struct leat_ddl_name other; /* RENAME: the new name. CREATE: LIKE that one; else its table is NULL */
    bool is_conditional;        /* IF EXISTS, IF NOT EXISTS */
    bool replaces;              /* CREATE OR REPLACE */
    bool is_unclear;            /* its columns cannot be told from the statement */
    bool loses_rows;            /* ALTER: partitions go with their rows, or come */
    bool drops_key, sets_key;   /* the primary one; the new one: */
    const char **key;
    uint32_t key_count;
    struct leat_ddl_change *changes;
    uint32_t change_count;
    const char *charset;    /* the table's default; NULL: not said */
    const char *convert_to; /* CONVERT TO CHARACTER SET; "": the database's default */
    struct leat_ddl_step *next;
};

struct leat_ddl {
    struct leat_ddl_step *steps;
    bool is_bad; /* it could not be read to its end: a quote that is never closed */
};

/* `version` as leat_server_version() gives it. */
void leat_ddl_read(struct leat_ddl *ddl, const char *text, size_t len, uint64_t sql_mode, uint32_t version,
                   bool is_mariadb, struct leat_arena *arena);

/* The statement with '***' in the place of each string and each number, without comments; all of it, where it cannot be read
 * to its end. `out` is cleared first. */
void leat_ddl_mask(struct leat_bytes *out, const char *text, size_t len, uint64_t sql_mode, uint32_t version, bool is_mariadb);

/* The column as it is with this charset, which it takes where it said none: CHAR is BINARY then with "binary", TEXT(n) is
 * the smallest type that holds as many characters. */
void leat_ddl_settle(struct leat_ddl_column *column, const char *charset, struct leat_arena *arena);
/* CONVERT TO CHARACTER SET: a text of this type, as it is in the new one. `type` and `data_type` are replaced. */
void leat_ddl_convert(struct leat_ddl_column *column, const char *charset, struct leat_arena *arena);

#endif
