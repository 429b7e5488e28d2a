/* iso.h - dates and times as text: 2026-01-02, 2026-01-02T03:04:05.678 (DATETIME), ...Z (TIMESTAMP), -12:34:56.7 (TIME).
 * Zero parts are written as they are: 2026-00-00, 0000-00-00T00:00:00Z. */
#ifndef LEAT_MODEL_ISO_H
#define LEAT_MODEL_ISO_H

#include <leat/value.h>

#define LEAT_ISO_MAX 48

/* Without a terminator; returns the length. The fraction has value->aux digits. */
size_t leat_iso_print(char out[LEAT_ISO_MAX], const struct leat_value *value);
/* The same with the fraction's trailing zeros cut. */
size_t leat_iso_print_short(char out[LEAT_ISO_MAX], const struct leat_value *value);

#endif
