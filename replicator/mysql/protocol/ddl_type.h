/* ddl_type.h - one column's type within the scanner. */
#ifndef LEAT_MYSQL_PROTOCOL_DDL_TYPE_H
#define LEAT_MYSQL_PROTOCOL_DDL_TYPE_H

#include <mysql_protocol/ddl.h>

struct leat_ddl_type {
    size_t row; /* of the table of types */
    bool is_text, is_national, is_real, is_not_null;
    uint32_t number_count;
    uint64_t numbers[2];
    const char *labels; /* "('a','b')" */
    /* what follows the type */
    bool is_unsigned, is_zerofill, is_compressed;
    const char *charset; /* NULL: not said */
};

/* The type and what stands in brackets behind it. False: no type that is known. */
bool leat_ddl_type_take(struct leat_ddl_type *type, struct leat_tokens *tokens, struct leat_arena *arena);

/* Sets type, data_type, charset, length and is_json; of `tokens`, server and sql_mode count. */
void leat_ddl_type_describe(const struct leat_ddl_type *type, const struct leat_tokens *tokens,
                            struct leat_ddl_column *column, struct leat_arena *arena);

#endif
