/* record.h - rows to records.
 *
 * Source fields, in Debezium's order: server_id, gtid, file, pos (of the event), row (in the event;
 * in a compressed transaction: behind the bytes before its own event), thread, query.
 * An update that changes the primary key becomes a delete of the old key and a create of the new one. Columns, key and the
 * fields behind those seven are as the table's form has them (forms.h).
 */
#ifndef LEAT_MYSQL_RECORD_H
#define LEAT_MYSQL_RECORD_H

#include <leat/record.h>

enum { SOURCE_SERVER_ID, SOURCE_GTID, SOURCE_FILE, SOURCE_POS, SOURCE_ROW, SOURCE_THREAD, SOURCE_QUERY, RECORD_SOURCE_FIELDS };
extern const struct leat_field record_source_fields[RECORD_SOURCE_FIELDS];

struct table;
struct transaction;
struct forms;

struct record_origin { /* of an event; texts live as long as the batch */
    uint32_t server_id;
    struct leat_value gtid, file; /* gtid may be NULL */
    uint64_t pos;
    int64_t time_us;
    struct transaction *transaction;  /* counts its records; NULL: nobody does */
    struct leat_value transaction_id;
};

/* `after` and `before` are arrays of the table's columns in the batch's memory; NULL: there is none. Adds one record, or
 * two where the key changed. */
void record_add(struct leat_batch *batch, const struct table *table, const struct record_origin *origin, uint64_t row,
                const struct leat_value *before, const struct leat_value *after);
/* Rows of a snapshot: what all of them in one batch share. `file` is copied. */
struct record_reads {
    struct leat_value source;
    int64_t time_us;
};
void record_begin_reads(struct record_reads *reads, struct leat_batch *batch, const char *file, uint64_t pos);
void record_add_read(struct leat_batch *batch, const struct table *table, const struct record_reads *reads,
                     const struct leat_value *row);
/* A truncate record: the rows of a snapshot come anew. */
void record_add_emptied(struct leat_batch *batch, const struct table *table, const struct record_reads *reads);
/* Rows of a snapshot are read as they are; this makes records of them as the source has them, before they go out. NULL: as they
 * are. */
void record_form_reads(struct leat_batch *batch, struct forms *forms);
void record_add_truncate(struct leat_batch *batch, const struct table *table, const struct record_origin *origin);

#endif
