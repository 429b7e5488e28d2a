/* debezium_schema.h - the schema that Kafka Connect's JSON converter puts before a message (schemas.enable=true):
 *
 *   {"schema":{"type":"struct","fields":[...],"optional":false,"name":"shop.db.table.Envelope","version":2},"payload":...}
 *
 * Types and names are those of Debezium's MySQL connector in the given modes. `prefix` stands where Debezium has its
 * topic.prefix. Thread: any.
 */
#ifndef LEAT_MODEL_DEBEZIUM_SCHEMA_H
#define LEAT_MODEL_DEBEZIUM_SCHEMA_H

#include <model/debezium_value.h>

/* Names of source fields that make Debezium's "transaction" block and are not in "source". */
#define LEAT_TRANSACTION_ID "transaction_id"
#define LEAT_TRANSACTION_ORDER "transaction_order"
#define LEAT_TRANSACTION_TABLE_ORDER "transaction_table_order"
bool leat_debezium_is_source_field(const struct leat_field *field); /* false for those three */

/* Append {"type":...}: of the envelope, of the key, of the row alone. */
void leat_debezium_envelope_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                                   const struct leat_debezium_modes *modes);
void leat_debezium_key_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                              const struct leat_debezium_modes *modes);
void leat_debezium_row_schema(struct leat_bytes *out, const struct leat_schema *schema, const char *prefix,
                              const struct leat_debezium_modes *modes);

#endif
