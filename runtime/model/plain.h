/* plain.h - a value as plain text: as it stands in a key, a path, a header, a field of a hash. */
#ifndef LEAT_MODEL_PLAIN_H
#define LEAT_MODEL_PLAIN_H

#include <base/number.h>
#include <model/iso.h>

#define LEAT_PLAIN_MAX (LEAT_ISO_MAX > LEAT_NUMBER_MAX ? LEAT_ISO_MAX : LEAT_NUMBER_MAX)

/* Without a terminator: the value's own text, document or bytes; of a number the shortest text that reads back equal,
 * of a date or time its ISO form, written into `room`. NULL: null, or a value of parts, which has no one text. */
const char *leat_value_plain(const struct leat_value *value, char room[LEAT_PLAIN_MAX], size_t *len);

#endif
