/* assert.h - the impossible. Always on, in release builds too: a crash is safe by design, going on with a
 * broken invariant is not. Prints the expression, the place and what leat_assert_note() last said on this
 * thread (task, batch), then aborts. */
#ifndef LEAT_BASE_ASSERT_H
#define LEAT_BASE_ASSERT_H

#include <leat/error.h>

#define leat_assert(condition)                                          \
    (__builtin_expect(!!(condition), 1) ? (void)0                       \
                                        : leat_assert_failed(#condition, __FILE__, __LINE__))

_Noreturn void leat_assert_failed(const char *expression, const char *file, int line);

/* Remembers (by copy, 120 bytes) what this thread is at. */
void leat_assert_note(const char *fmt, ...) LEAT_PRINTF(1, 2);

#endif
