/* forms.h - what of a row gets into its record: columns that are left out or hidden, the key, the transaction's numbers.
 *
 *   columns: {include: [shop.users.id, ...], exclude: [...], hash: [...], mask: [...] or {pattern: text},
 *             truncate: {pattern: characters}}        hash_salt: ...        keys: {shop.orders: [customer, id]}
 *
 *   rules of the source ──> forms ──> form of each schema ──> row, before and key of records
 *
 * A pattern is of db.table.column, whatever the case; dots within names count as _. Of several rules for a column the first
 * counts, in the order exclude, hash, mask, truncate. NULL stays NULL, what is not in a row image stays absent.
 *
 *   include    of a table that one of the patterns means: these columns, and those of its key
 *   hash       SHA-256 of salt and value (text as it is, bytes, the rest as plain text), in 64 hexadecimal digits
 *   mask       text becomes "***" (or the rule's), cut to the column's width; everything else NULL
 *   truncate   text to so many characters, bytes to so many bytes; everything else stays
 *
 * A primary key of which a column is excluded, masked or cut is none any more: without `keys` such records have no key.
 *
 * Thread: any, once made.
 */
#ifndef LEAT_MYSQL_FORMS_H
#define LEAT_MYSQL_FORMS_H

#include <base/buffer.h>
#include <leat/option.h>
#include <leat/record.h>

struct forms_options {
    struct leat_value columns, keys; /* maps as above, or ABSENT */
    const char *salt;
    bool tombstones;   /* a delete is followed by a record of its key alone */
    bool transactions; /* records know their transaction (transaction.h) */
};

struct forms;
struct table;
struct tables;
struct client;

enum form_act { FORM_KEEP, FORM_HASH, FORM_MASK, FORM_TRUNCATE };

struct form_column { /* of a record */
    uint32_t from; /* column of the table */
    enum form_act act;
    const char *text; /* of a mask */
    uint32_t most;    /* of truncate */
};

struct form {
    const struct leat_schema *of, *schema; /* the table's; the record's */
    struct form_column *columns;           /* schema->field_count; NULL: all as they are */
    bool hides_key;                        /* a column of the primary key is not to be seen as it is */
    const char *missing;                   /* a column that `keys` names and the table has not */
};

/* STOP: the options say what cannot be. */
enum leat_status forms_validate(const struct forms_options *options, struct leat_error *err);
/* NULL where there is nothing to do: records are the rows. */
struct forms *forms_new(const struct forms_options *options);
void forms_free(struct forms *forms); /* NULL is fine */
bool forms_have_tombstones(const struct forms *forms);
/* Warns of patterns that mean no column, or no table, that is captured and there (forms_idle.c). */
enum leat_status forms_say_idle(const struct forms *forms, const struct tables *tables, struct client *client,
                                const char *connector, struct leat_error *err);

/* Of a table's schema. */
const struct form *form_of_schema(struct forms *forms, const struct leat_schema *schema);
/* Of the table as it is now; NULL: none. */
const struct form *form_of(const struct table *table);
/* STOP: `keys` names columns that the table has not. */
enum leat_status form_check(const struct table *table, struct leat_error *err);
/* True where no value of the primary key may be stored anywhere. */
bool form_hides_key(const struct table *table);

/* The record's cells of the table's; in the batch's memory. NULL of NULL. */
const struct leat_value *form_row(const struct forms *forms, const struct form *form, struct leat_batch *batch,
                                  const struct leat_value *cells);
/* One value as its rule has it (form_hide.c). */
struct leat_value form_hide(const struct form_column *column, const struct leat_field *field, const char *salt,
                            struct leat_batch *batch, const struct leat_value *value);

#endif
