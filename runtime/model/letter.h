/* letter.h - a dead letter: the record that somebody refused, as the value of a record of another topic.
 *
 *   error       what the refuser said              stage      decode | transform | sink
 *   connector   who refused it                     identity   LOG-UUID/TOPIC/PARTITION/OFFSET; null from a source
 *   topic, partition, offset, op, time             where it stood, its kind, its event time
 *   died        when it was refused
 *   record      native-json, as `leat read` shows it, for eyes and for jq; null where that would be too large
 *   original    all of the record, exact: what a replay appends; null where that would be too large
 *
 * The record is as it was before any transform of the connector: so a replay goes through them again.
 */
#ifndef LEAT_MODEL_LETTER_H
#define LEAT_MODEL_LETTER_H

#include <base/buffer.h>
#include <model/batch.h>

struct leat_letter {
    const char *error, *stage, *connector, *identity; /* identity: NULL for a source's */
    bool has_place;    /* partition and offset are those of the record; false for a source's */
    int64_t died_us;
    const struct leat_record *record;
    size_t original_max; /* bytes; a larger record goes without `original` */
};

/* Fills `out` (a record of `topic`); memory is that of `batch`. */
void leat_letter_write(struct leat_batch *batch, const struct leat_topic *topic,
                       const struct leat_letter *letter, struct leat_record *out);

/* A field's text, "" where there is none; `out` is returned. */
char *leat_letter_text(const struct leat_value *letter, const char *field, char *out, size_t size);
/* A whole number; -1 where there is none. */
int64_t leat_letter_int(const struct leat_value *letter, const char *field);
bool leat_is_letter(const struct leat_record *rec);
bool leat_is_dead_topic(const char *name, size_t len); /* by its name: PIPELINE.dead */

/* The refused record, appended to `batch`: as it was, but for its offset. False: the letter came without it, or its
 * bytes are none. */
bool leat_letter_original(const struct leat_value *letter, struct leat_batch *batch);

#endif
