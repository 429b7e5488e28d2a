/* number.h - numbers to text and back, exact, fast, whatever the locale. */
#ifndef LEAT_BASE_NUMBER_H
#define LEAT_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_NUMBER_MAX 32 /* bytes that every printer below may need */

/* Each writes at `out` without a terminator and returns the length. */
size_t leat_print_u64(char *out, uint64_t v);
size_t leat_print_i64(char *out, int64_t v);
/* The shortest text that reads back equal; exponent only below 1e-6 or from 1e21 on ("1e+21"), always
 * with ".0" where there is neither point nor exponent. NaN and infinities: "NaN", "Infinity", "-Infinity". */
size_t leat_print_double(char *out, double v);
size_t leat_print_float(char *out, float v);

/* The whole text must be the number. False: not a number, or out of range. */
bool leat_parse_i64(const char *text, size_t len, int64_t *v);
bool leat_parse_u64(const char *text, size_t len, uint64_t *v);
bool leat_parse_double(const char *text, size_t len, double *v); /* correctly rounded */

#endif
