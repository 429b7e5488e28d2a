#include <base/memory.h>
#include <base/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *leat_malloc(size_t size)
{
    void *memory = malloc(size ? size : 1);
    leat_assert(memory != NULL);
    return memory;
}

void *leat_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    leat_assert(memory != NULL);
    return memory;
}

void *leat_realloc(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);
    leat_assert(memory != NULL);
    return memory;
}

char *leat_strdup(const char *text)
{
    return leat_strndup(text, strlen(text));
}

char *leat_strndup(const char *text, size_t len)
{
    char *copy = leat_malloc(len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *leat_format_dup(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    leat_assert(len >= 0);
    return text;
}
