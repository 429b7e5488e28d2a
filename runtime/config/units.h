/* units.h - sizes and times as people write them: 64KiB, 1.5GB, 200ms, 7d. A number alone has no meaning but 0. */
#ifndef LEAT_CONFIG_UNITS_H
#define LEAT_CONFIG_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum leat_unit_answer {
    LEAT_UNIT_OK,
    LEAT_UNIT_NO_NUMBER, /* does not begin with one */
    LEAT_UNIT_MISSING,   /* a number and nothing after it */
    LEAT_UNIT_UNKNOWN,
    LEAT_UNIT_TOO_LARGE, /* beyond int64_t */
};

enum leat_unit_answer leat_parse_size(const char *text, int64_t *bytes);
enum leat_unit_answer leat_parse_duration(const char *text, int64_t *us);

/* The largest unit in which the number is whole: "64KiB", "90s"; out of 32 bytes. */
const char *leat_print_size(char out[32], int64_t bytes);
const char *leat_print_duration(char out[32], int64_t us);

#endif
