/* template.h - texts with {placeholders}, compiled once, filled per record.
 *
 *   {topic} {partition} {offset} {database} {table} {op} {key.id} {value.region} {header.x} {time:%Y-%m-%d}
 *   {{ is a literal brace. {time:...} is the record's time in UTC; of strftime's conversions those of digits
 *   (%Y %m %d %H %M %S %j %y %F %T %G %V %u). {key.x} of a key that is no row is the key itself.
 *
 * In paths, bytes outside A-Za-z0-9._- and a leading dot become %XX, so that data cannot leave the directory
 * of the literal prefix.
 */
#ifndef LEAT_MODEL_TEMPLATE_H
#define LEAT_MODEL_TEMPLATE_H

#include <base/buffer.h>
#include <leat/record.h>

struct leat_template;

/* NULL, and the reason in err, for a text that is no template. */
struct leat_template *leat_template_new(const char *text, bool is_path, struct leat_error *err);
void leat_template_free(struct leat_template *t);

/* LEAT_REJECT where a field is missing or null. */
enum leat_status leat_template_fill(const struct leat_template *t, const struct leat_record *rec,
                                    struct leat_bytes *out, struct leat_error *err);
bool leat_template_is_literal(const struct leat_template *t); /* no placeholders */
const char *leat_template_prefix(const struct leat_template *t); /* the literal text before the first */
/* The same for every record of one topic: may be cached per topic. */
bool leat_template_is_per_topic(const struct leat_template *t);
/* The same for every record of one topic and schema. */
bool leat_template_is_per_table(const struct leat_template *t);
/* {database} and {table} without a record, for sources that know them before. */
enum leat_status leat_template_fill_names(const struct leat_template *t, const char *space, const char *name,
                                          struct leat_bytes *out, struct leat_error *err);

#endif
