/* ddl_internal.h - what the files of the scanner share. */
#ifndef LEAT_MYSQL_PROTOCOL_DDL_INTERNAL_H
#define LEAT_MYSQL_PROTOCOL_DDL_INTERNAL_H

#include <mysql_protocol/ddl.h>

struct leat_ddl_reader {
    struct leat_tokens tokens;
    struct leat_arena *arena;
    struct leat_ddl_step **last; /* where the next step goes */
    uint32_t change_room;        /* of the step at hand */
};

/* A column's name and its definition, up to the "," or ")" that ends it, or its FIRST or AFTER. False: it cannot be read. */
bool leat_ddl_column(struct leat_ddl_reader *reader, struct leat_ddl_column *column, enum leat_ddl_place *place,
                     const char **after);
/* A name's text; NULL: there is none. */
const char *leat_ddl_word(struct leat_ddl_reader *reader);
/* [CHARACTER SET | CHARSET | COLLATE] [=] x; NULL: something else is at hand. "": DEFAULT. */
const char *leat_ddl_charset(struct leat_ddl_reader *reader);

struct leat_ddl_step *leat_ddl_add_step(struct leat_ddl_reader *reader, enum leat_ddl_kind kind);
struct leat_ddl_change *leat_ddl_add_change(struct leat_ddl_reader *reader, struct leat_ddl_step *step,
                                            enum leat_ddl_change_kind kind);
bool leat_ddl_name(struct leat_ddl_reader *reader, struct leat_ddl_name *name);
/* Up to the "," or ")" of this level, or the end. */
void leat_ddl_skip_item(struct leat_ddl_reader *reader);

/* "(a INT, PRIMARY KEY (a))": columns and keys of CREATE TABLE, and of ADD (...). */
void leat_ddl_definitions(struct leat_ddl_reader *reader, struct leat_ddl_step *step);
/* PRIMARY KEY, or any index, with or without CONSTRAINT, is taken; false: a column's definition is at hand. */
bool leat_ddl_key(struct leat_ddl_reader *reader, struct leat_ddl_step *step);
/* What follows ALTER TABLE name. */
void leat_ddl_alter(struct leat_ddl_reader *reader, struct leat_ddl_step *step);

#endif
