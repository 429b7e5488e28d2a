/* memory.h - malloc that cannot fail: out of memory aborts (data memory is budgeted, so pressure shows as
 * LEAT_AGAIN long before). */
#ifndef LEAT_BASE_MEMORY_H
#define LEAT_BASE_MEMORY_H

#include <stddef.h>

void *leat_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *leat_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *leat_realloc(void *old, size_t size) __attribute__((returns_nonnull));
char *leat_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *leat_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
char *leat_format_dup(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
