/* schema_change.h - statements of the log as records, where the source was asked to (schema_changes: true).
 *
 *   topic NAME (the connector's), op s, key {"databaseName": "shop"}, value as Debezium's schema change topic has it:
 *     {"source":{...},"ts_ms":...,"databaseName":"shop","schemaName":null,"ddl":"ALTER TABLE ...","tableChanges":[
 *       {"type":"ALTER","id":"\"shop\".\"t\"","previousId":null,"table":{"defaultCharsetName":"utf8mb4","primaryKeyColumnNames":["id"],
 *        "columns":[{"name":"id","jdbcType":4,"nativeType":null,"typeName":"INT","typeExpression":"INT","charsetName":null,"length":null,
 *                    "scale":null,"position":1,"optional":false}]}}]}
 *
 * Columns that are excluded are not told; of a table of which rules hide anything the statement's literals are '***'.
 *
 * One record for each statement that touches a captured table, behind the rows before it and before the rows after it. "table" is
 * null where the table is gone, or nothing tells what it looks like. Not told, as no row depends on it: autoIncremented, generated,
 * comments, defaults.
 *
 * Thread: the owner's.
 */
#ifndef LEAT_MYSQL_SCHEMA_CHANGE_H
#define LEAT_MYSQL_SCHEMA_CHANGE_H

#include <mysql/follow.h>
#include <mysql/record.h>

struct schema_change { /* of one statement */
    struct leat_batch *batch;
    struct leat_value *changes;
    uint32_t count, room;
    const struct table *table; /* the first one */
    bool hides;                /* rules for columns hide some of a table: the statement's text is masked */
};

/* What a step has done; `to`: the table of RENAME's new name, else NULL. */
void schema_change_add(struct schema_change *change, const struct leat_ddl_step *step, const struct table *table,
                       const struct table *to);
/* The record, where a captured table was touched. `name`: the connector's. */
void schema_change_emit(struct schema_change *change, const char *name, bool is_mariadb, const char *database, const char *text,
                        size_t len, const struct record_origin *origin);

#endif
